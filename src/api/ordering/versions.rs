//! The two ends of a handler: how a client of each version is read, and how it is shown an order. Between them there is
//! one form, that of v4 (docs/adr/0017).

use serde_json::{Map, Value};
use telvisor_model::{OrderKind, OrderState};

use super::Ordering;
use crate::api::Version;
use crate::api::problem::Problem;
use crate::api::tmf630::{Ask, Patched};
use crate::api::v5;
use crate::clock::show as time;
use crate::orders::Draft;
use crate::store::cancels::CancelRow;
use crate::store::orders::OrderRow;

/// Members of a v5 order to the v4 form, or the path of what does not fit.
pub type Read = fn(&Map<String, Value>) -> Result<Map<String, Value>, Problem>;

/// What v5 of an API says otherwise than v4.
#[derive(Debug)]
pub struct V5 {
    /// Base path of v5, and of v4.
    pub base: &'static str,
    pub v4: &'static str,
    /// Brings members of a v5 order into the v4 form.
    pub read: Read,
    /// Puts the members of the v4 form where v5 has them; wrappers, types and links follow for all alike.
    pub show: fn(&str, &OrderRow, &mut Map<String, Value>),
    /// Members of an order that only v5 has, and that we tell.
    pub told: &'static [&'static str],
    /// Members that only v5 has and a client gives: of an order, of an item, and of what the item is about.
    pub order_only: &'static [&'static str],
    pub item_only: &'static [&'static str],
    pub thing_only: &'static [&'static str],
    /// Members of v5 that stand under other names in the v4 form.
    pub moved: &'static [(&'static str, &'static [&'static str])],
}

impl Ordering {
    /// Reads the body of a POST; `key` is the idempotency key, if the client gave one.
    ///
    /// # Errors
    /// 400 with the path of the member that does not fit.
    pub async fn read(&self, ask: &Ask, given: &Value, key: Option<String>) -> Result<Draft, Problem> {
        let now = ask.engine().db.clock().now();
        if self.version == Version::V4 {
            return (self.draft)(self.version, given, key, now);
        }
        let request = (self.v5.read)(v5::read::resource(given, &super::capital(self.order))?)?;
        let request = Value::Object(request);
        let mut draft = (self.draft)(self.version, &request, key, now)?;
        self.mean(ask, &mut draft).await?;
        Ok(draft)
    }

    /// Works out what the `modifyPath`s of a draft come to. What was sent stays the request, not what it comes to
    /// today: a repeat is compared with it.
    ///
    /// # Errors
    /// 400 with the path of the operation that cannot be applied.
    pub async fn mean(&self, ask: &Ask, draft: &mut Draft) -> Result<(), Problem> {
        if v5::modify::used(&draft.request) {
            let meant = v5::modify::meant(ask, draft.request.clone()).await?;
            draft.items = (self.draft)(self.version, &meant, None, ask.engine().db.clock().now())?.items;
        }
        Ok(())
    }

    /// An order as far as this version knows of it: there are no drafts for v4.
    #[must_use]
    pub fn known(&self, order: Option<OrderRow>) -> Option<OrderRow> {
        order.filter(|o| self.version == Version::V5 || o.state != OrderState::Draft)
    }

    /// Holds the body of a cancel task against what the version wants of it.
    ///
    /// # Errors
    /// 400 with the path of what is missing.
    pub fn check_task(&self, given: &Value) -> Result<(), Problem> {
        if self.version == Version::V5 {
            v5::read::resource(given, &super::capital(self.cancel))?;
        }
        Ok(())
    }

    /// An order as this version shows it; `neutral` has the v4 form, and the members of both.
    #[must_use]
    pub fn show(&self, base: &str, order: &OrderRow, neutral: Value) -> Value {
        let Value::Object(mut out) = neutral else { return neutral };
        if self.version == Version::V5 {
            (self.v5.show)(base, order, &mut out);
            return self.finish(base, out);
        }
        leave_out(&mut out, self.v5.order_only);
        leave_out(&mut out, self.v5.told);
        for item in out.get_mut(self.items).and_then(Value::as_array_mut).into_iter().flatten() {
            let Value::Object(item) = item else { continue };
            leave_out(item, self.v5.item_only);
            if let Some(Value::Object(thing)) = item.get_mut(self.thing) {
                leave_out(thing, self.v5.thing_only);
            }
        }
        Value::Object(out)
    }

    /// A cancel task as this version shows it. The file of v5 has no member that could say why a cancel was refused.
    #[must_use]
    pub fn show_task(&self, base: &str, task: &CancelRow) -> Value {
        let v4 = self.task(base, task);
        let (Value::Object(mut out), Version::V5) = (v4.clone(), self.version) else { return v4 };
        if task.state == "accepted" {
            out.insert("state".into(), "acknowledged".into());
        }
        leave_out(&mut out, &["completionMessage", "errorMessage"]);
        if self.kind == OrderKind::Product {
            out.insert("creationDate".into(), time(task.requested_at).into());
        }
        self.finish(base, out)
    }

    fn finish(&self, base: &str, mut out: Map<String, Value>) -> Value {
        v5::show::members(&mut out);
        let mut out = Value::Object(out);
        v5::show::links(&mut out, &format!("{base}{}", self.v5.v4), &format!("{base}{}", self.v5.base));
        out
    }

    /// What a PATCH changed, in the v4 form; `neutral` is the order in it.
    ///
    /// # Errors
    /// 400 with the path of a member that does not fit.
    pub fn changed(&self, patched: Patched, neutral: &Value) -> Result<Patched, Problem> {
        if self.version == Version::V4 {
            return Ok(patched);
        }
        let named = |name: &String| patched.value.get(name).map(|v| (name.clone(), v.clone()));
        let given: Map<String, Value> = patched.changed.iter().filter_map(named).collect();
        let mut value = (self.v5.read)(&given)?;
        for name in &patched.changed {
            let own: &[&str] = &[name];
            let moved = self.v5.moved.iter().find(|(v5, _)| v5 == name).map_or(own, |(_, v4)| v4);
            for name in moved {
                value.entry(*name).or_insert(Value::Null);
            }
        }
        let of = |map: &Value, name: &str| map.get(name).cloned().unwrap_or(Value::Null);
        let value = Value::Object(value);
        let names = value.as_object().into_iter().flat_map(Map::keys);
        let changed = names.filter(|name| of(&value, name) != of(neutral, name)).cloned().collect();
        Ok(Patched { value, changed })
    }
}

fn leave_out(map: &mut Map<String, Value>, names: &[&str]) {
    map.retain(|name, _| !names.contains(&name.as_str()));
}
