//! An ordering API under test: what the four of them (TMF641 and TMF622, v4 and v5) have in common, and their words.

use std::time::Duration;

use regex::Regex;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::clock::new_id;
use crate::conformance::check::{Held, Stop, hold};
use crate::conformance::client::{Answer, Client, with_query};
use crate::conformance::official::Api;

/// How long an order may take to its end.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// States that an order never leaves.
pub const FINAL: [&str; 5] = ["rejected", "cancelled", "completed", "failed", "partial"];

/// What the members of an API are called.
pub struct Words {
    /// The resource: `serviceOrder`.
    pub order: &'static str,
    pub items: &'static str,
    /// What an item is about: `service`.
    pub thing: &'static str,
    pub cancel: &'static str,
    /// When the order came in.
    pub date: &'static str,
    pub characteristic: &'static str,
    /// The member of the thing that says what state it is in.
    pub status: &'static str,
    /// The value of that member for a suspended one.
    pub suspended: &'static str,
}

/// The API under test.
pub struct Bench {
    pub api: &'static Api,
    pub client: Client,
    pub words: Words,
    /// Without what only Telvisor promises.
    pub any_implementation: bool,
    /// Makes ids, names and categories of this run unlike those of any other.
    pub run: String,
}

impl Bench {
    pub fn new(client: Client, api: &'static Api, any_implementation: bool) -> Self {
        let words = match (api.name, api.version) {
            ("tmf641", version) => Words {
                order: "serviceOrder",
                items: "serviceOrderItem",
                thing: "service",
                cancel: "cancelServiceOrder",
                date: "orderDate",
                characteristic: "serviceCharacteristic",
                status: "state",
                suspended: if version == 4 { "inactive" } else { "suspended" },
            },
            (_, version) => Words {
                order: "productOrder",
                items: "productOrderItem",
                thing: "product",
                cancel: "cancelProductOrder",
                date: if version == 4 { "orderDate" } else { "creationDate" },
                characteristic: "productCharacteristic",
                status: "status",
                suspended: "suspended",
            },
        };
        let run = new_id().simple().to_string()[22..].to_owned();
        Self { api, client, words, any_implementation, run }
    }

    pub fn is_v5(&self) -> bool {
        self.api.version == 5
    }

    pub fn is_tmf641(&self) -> bool {
        self.api.name == "tmf641"
    }

    /// A clause of this API's specification: `TMF641 v4 create`.
    pub fn clause(&self, what: &str) -> String {
        format!("{} {what}", self.api.title())
    }

    // ---- paths ----

    pub fn orders(&self) -> String {
        format!("/{}", self.words.order)
    }

    pub fn at(&self, order: &str) -> String {
        format!("/{}/{order}", self.words.order)
    }

    pub fn cancels(&self) -> String {
        format!("/{}", self.words.cancel)
    }

    // ---- bodies ----

    /// Adds `@type` where version 5 wants it.
    pub fn typed(&self, kind: &str, mut value: Value) -> Value {
        if self.is_v5() {
            value["@type"] = kind.into();
        }
        value
    }

    /// Members of an order as a PATCH sends them.
    pub fn typed_order(&self, members: Value) -> Value {
        self.typed(&capital(self.words.order), members)
    }

    /// An item with a thing of these members.
    pub fn item(&self, action: &str, id: &str, thing: Value) -> Value {
        let w = &self.words;
        let thing = self.typed(&capital(w.thing), thing);
        self.typed(&capital(w.items), json!({ "id": id, "action": action, w.thing: thing }))
    }

    /// The item of the official kits, which names nothing to do.
    pub fn stock_item(&self) -> Value {
        self.item("add", "1", json!({}))
    }

    /// A thing's member with these characteristics.
    pub fn characteristics(&self, list: &[(&str, &str)]) -> Value {
        let one = |(name, value): &(&str, &str)| {
            self.typed("StringCharacteristic", json!({ "name": name, "value": value }))
        };
        list.iter().map(one).collect()
    }

    /// An order of these items, with members of its own.
    pub fn order(&self, items: &[Value], members: Value) -> Value {
        let mut order = self.typed(&capital(self.words.order), json!({ self.words.items: items }));
        if let (Value::Object(order), Value::Object(members)) = (&mut order, members) {
            order.extend(members);
        }
        order
    }

    /// The members that name the customer.
    pub fn for_customer(&self, customer: &str) -> Value {
        json!({ "relatedParty": [self.party(customer)] })
    }

    /// Without `@type` and `@referredType` in version 4, which are optional in a request; an answer must have both.
    pub fn party(&self, customer: &str) -> Value {
        if self.is_v5() {
            let party = json!({ "@type": "PartyRef", "@referredType": "Individual", "id": customer });
            let kind =
                if self.is_tmf641() { "RelatedPartyRefOrPartyRoleRef" } else { "RelatedPartyOrPartyRole" };
            json!({ "@type": kind, "role": "customer", "partyOrPartyRole": party })
        } else {
            json!({ "id": customer, "role": "customer" })
        }
    }

    /// The members that give an order a number of the client's own.
    pub fn external(&self, id: &str) -> Value {
        match (self.is_v5(), self.is_tmf641()) {
            (false, _) => json!({ "externalId": id }),
            (true, true) => json!({ "externalReference": [
                { "@type": "ExternalReference", "externalReferenceType": "externalId", "name": "externalId", "id": id } ] }),
            (true, false) => json!({ "externalId": [
                { "@type": "ExternalIdentifier", "externalIdentifierType": "order", "id": id } ] }),
        }
    }

    /// The filter that finds an order by that number.
    pub fn by_external(&self) -> &'static str {
        match (self.is_v5(), self.is_tmf641()) {
            (false, _) => "externalId",
            (true, true) => "externalReference.id",
            (true, false) => "externalId.id",
        }
    }

    /// The stock body of the official kits.
    pub fn stock(&self) -> Value {
        self.stock_with(json!({}))
    }

    /// The stock body with further members.
    pub fn stock_with(&self, members: Value) -> Value {
        let mut order = self.order(&[self.stock_item()], json!({}));
        if !self.is_tmf641() && !self.is_v5() {
            order["relatedParty"] = json!([{ "id": "1", "@referredType": "Individual" }]);
        }
        if let (Value::Object(order), Value::Object(members)) = (&mut order, members) {
            order.extend(members);
        }
        order
    }

    /// An item that creates a customer.
    pub fn account(&self, item: &str, name: &str) -> Value {
        self.ordered(item, "customer-account", &[("name", name)])
    }

    /// An item that provisions an application.
    pub fn provision(&self, item: &str, application: &str, characteristics: &[(&str, &str)]) -> Value {
        self.ordered(item, application, characteristics)
    }

    /// An item that adds what the catalogue lists under this id.
    fn ordered(&self, item: &str, listed: &str, characteristics: &[(&str, &str)]) -> Value {
        let w = &self.words;
        let mut thing = json!({ w.characteristic: self.characteristics(characteristics) });
        if self.is_tmf641() {
            thing["serviceSpecification"] = self.typed("ServiceSpecificationRef", json!({ "id": listed }));
            return self.item("add", item, thing);
        }
        let mut item = self.item("add", item, thing);
        item["productOffering"] = self.typed("ProductOfferingRef", json!({ "id": listed }));
        item
    }

    /// An item that changes characteristics.
    pub fn change(&self, thing: &str, list: &[(&str, &str)]) -> Value {
        self.item(
            "modify",
            "1",
            json!({ "id": thing, self.words.characteristic: self.characteristics(list) }),
        )
    }

    /// An item that sets the state of a thing.
    pub fn set_state(&self, thing: &str, state: &str) -> Value {
        self.item("modify", "1", json!({ "id": thing, self.words.status: state }))
    }

    pub fn terminate(&self, thing: &str) -> Value {
        self.item("delete", "1", json!({ "id": thing }))
    }

    /// An order that nothing moves: a customer to be created long from now, or what any implementation takes.
    pub fn patient(&self, members: Value) -> Value {
        let mut order = if self.any_implementation {
            self.stock()
        } else {
            let customer = self.for_customer(&format!("later-{}-{}", self.run, new_id().simple()));
            self.order(&[self.account("1", "Later")], customer)
        };
        order["requestedStartDate"] = "2099-01-01T00:00:00Z".into();
        if let (Value::Object(order), Value::Object(members)) = (&mut order, members) {
            order.extend(members);
        }
        order
    }

    /// A task that cancels an order.
    pub fn cancel_of(&self, order: &Value) -> Value {
        let order = self.typed(&format!("{}Ref", capital(self.words.order)), json!({ "id": order["id"] }));
        let body = json!({ self.words.order: order, "cancellationReason": "changed mind" });
        self.typed(&capital(self.words.cancel), body)
    }

    // ---- asking ----

    /// POSTs an order, which must be accepted.
    pub async fn place(&self, body: &Value) -> Held<Value> {
        self.order_in(&self.client.post(&self.orders(), body).await?.must_be(&[201])?)
    }

    pub async fn read(&self, order: &Value) -> Held<Value> {
        self.order_in(&self.client.get(&self.at(text(order, "id")?)).await?.must_be(&[200])?)
    }

    /// PATCHes an order.
    pub async fn patch(&self, order: &Value, body: &Value) -> Held<Answer> {
        self.patch_as(order, "application/json", body.to_string().into_bytes(), &[]).await
    }

    /// PATCHes an order by a media type, with further headers.
    pub async fn patch_as(
        &self,
        order: &Value,
        kind: &str,
        body: Vec<u8>,
        more: &[(&str, &str)],
    ) -> Held<Answer> {
        let headers: Vec<_> = std::iter::once(&("content-type", kind)).chain(more).copied().collect();
        self.client.send(Method::PATCH, &self.at(text(order, "id")?), &headers, Some(body)).await
    }

    /// The order in an answer, with the members that every order shows.
    pub fn order_in(&self, answer: &Answer) -> Held<Value> {
        let order = answer.json()?;
        self.complete(&order, &answer.to_string())?;
        Ok(order)
    }

    /// Whether an order has the members that the official kits demand.
    pub fn complete(&self, order: &Value, place: &str) -> Held {
        let w = &self.words;
        for name in ["id", "href", "state", w.date] {
            let value = order[name].as_str().unwrap_or_default();
            hold!(!value.is_empty(), "the order lacks {name}, or it is empty: {place}");
        }
        let Some(items) = order[w.items].as_array() else {
            return Err(Stop::Failed(format!("the order lacks {}: {place}", w.items)));
        };
        // The items of a draft are in none of the states that the files have for items.
        let draft = order["state"] == "draft";
        hold!(draft || items.iter().all(|i| i["state"].is_string()), "an item without a state: {place}");
        Ok(())
    }

    /// A list as an official kit wants it: 200, never 206, and as its headers say.
    pub async fn list(&self, query: &[(&str, &str)]) -> Held<Vec<Value>> {
        listed(&self.client, &with_query(&self.orders(), query)).await
    }

    /// The ids in a list of orders that are complete.
    pub async fn found(&self, query: &[(&str, &str)]) -> Held<Vec<String>> {
        let orders = self.list(query).await?;
        for order in &orders {
            self.complete(order, &format!("{query:?}"))?;
        }
        Ok(ids(&orders))
    }

    /// An error with the TM Forum's body; where Telvisor is asked, its text names the wrong member.
    pub fn refused(&self, answer: Answer, status: u16, path: &[&str]) -> Held<Value> {
        refused(answer, status, path, self.any_implementation)
    }

    /// POSTs an order that must be refused.
    pub async fn refuses(&self, body: &Value, status: u16, path: &[&str]) -> Held {
        let answer = self.client.post(&self.orders(), body).await?;
        self.refused(answer, status, path).map(drop)
    }

    /// Waits for a final state, which must be one of these.
    pub async fn ends(&self, order: &Value, states: &[&str]) -> Held<Value> {
        let end = until("a final state of an order", async || {
            let order = self.read(order).await?;
            Ok(FINAL.contains(&text(&order, "state")?).then_some(order))
        });
        let order = end.await?;
        let state = text(&order, "state")?;
        hold!(states.contains(&state), "the order ended {state}, not {states:?}: {order}");
        Ok(order)
    }
}

/// A list of any API: 200, and as its headers say.
pub async fn listed(client: &Client, target: &str) -> Held<Vec<Value>> {
    let answer = client.get(target).await?.must_be(&[200])?;
    let list = answer.list()?;
    let (result, total) = (answer.count("x-result-count")?, answer.count("x-total-count")?);
    hold!(result == list.len(), "X-Result-Count is {result} for {} elements: {target}", list.len());
    hold!(total >= list.len(), "X-Total-Count is {total}, below the {} elements: {target}", list.len());
    Ok(list)
}

/// An error with the TM Forum's body (TMF630 3.4).
pub fn refused(answer: Answer, status: u16, path: &[&str], any_implementation: bool) -> Held<Value> {
    let answer = answer.must_be(&[status])?;
    let body = answer.json()?;
    for name in ["code", "reason"] {
        hold!(body[name].as_str().is_some_and(|v| !v.is_empty()), "the error lacks {name}: {answer}");
    }
    if !any_implementation {
        let shown = status.to_string();
        hold!(body["status"] == shown, "status in the body is not {status}: {answer}");
        hold!(body["message"].as_str().is_some_and(|v| !v.is_empty()), "the error lacks message: {answer}");
        let said: Vec<_> = body.as_object().into_iter().flat_map(Map::values).map(Value::to_string).collect();
        hold!(path.is_empty() || names(&said.join(" "), path), "does not name {}: {answer}", path.join("."));
    }
    Ok(body)
}

/// Looks again and again until there is something to be seen.
pub async fn until<T>(what: &str, look: impl AsyncFn() -> Held<Option<T>>) -> Held<T> {
    let mut ticks = tokio::time::interval(PAUSE);
    let looking = async {
        loop {
            ticks.tick().await;
            if let Some(seen) = look().await? {
                return Ok(seen);
            }
        }
    };
    let late = |_| Stop::Failed(format!("not within {} s: {what}", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, looking).await.map_err(late)?
}

/// Whether a message names a member by its path, be it written `a[0].b`, `/a/0/b` or `a.0.b`. A missing member may also
/// be named where it is missing: `a[0]` lacks `b`.
fn names(text: &str, path: &[&str]) -> bool {
    let within = |segments: &[&str]| {
        let inner: Vec<_> = segments.iter().map(|s| regex::escape(s)).collect();
        let pattern = format!(r"(^|\W){}($|\W)", inner.join(r"\W+"));
        Regex::new(&pattern).is_ok_and(|pattern| pattern.is_match(text))
    };
    let Some((last, above)) = path.split_last() else { return true };
    within(path) || (!above.is_empty() && within(above) && within(&[last]))
}

/// A member that must be text.
pub fn text<'v>(value: &'v Value, name: &str) -> Held<&'v str> {
    value[name].as_str().ok_or_else(|| Stop::Failed(format!("{name} is no text in {value}")))
}

pub fn ids(list: &[Value]) -> Vec<String> {
    list.iter().map(|entry| entry["id"].as_str().unwrap_or_default().to_owned()).collect()
}

/// `serviceOrder` as a type: `ServiceOrder`.
pub fn capital(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// RFC 3339 with the offset spelled Z: an official kit puts the value into a query unencoded, where a plus is a blank.
pub fn is_utc(text: &str) -> bool {
    text.ends_with('Z') && chrono::DateTime::parse_from_rfc3339(text).is_ok()
}

/// The names of an object's members, without those that begin with `@`.
pub fn plain_members(value: &Value) -> Vec<&str> {
    let names = value.as_object().into_iter().flat_map(Map::keys).map(String::as_str);
    names.filter(|name| !name.starts_with('@')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_a_member_however_it_writes_the_path() {
        let path = ["serviceOrderItem", "0", "id"];
        for good in ["serviceOrderItem[0].id is 7", "/serviceOrderItem/0/id", "serviceOrderItem[0] lacks id"]
        {
            assert!(names(good, &path), "{good}");
        }
        for bad in ["serviceOrderItem[1].id is 7", "id is 7", "serviceOrderItem[0].ident", ""] {
            assert!(!names(bad, &path), "{bad}");
        }
        assert!(names("unknown attribute colour", &["colour"]) && !names("colours", &["colour"]));
    }

    #[test]
    fn only_z_is_utc() {
        assert!(is_utc("2026-11-23T08:00:00.5Z"));
        assert!(!is_utc("2026-11-23T08:00:00+00:00") && !is_utc("todayZ"));
    }
}
