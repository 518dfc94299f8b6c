//! What application packages put into the catalogues, in the words that TMF620 and TMF633 share.

use chrono::{DateTime, NaiveTime, Utc};
use serde_json::{Value, json};
use telvisor_model::catalogue::{Application, Declared, Kind, Required};

use super::Resource;
use crate::apps::catalogue::Catalogue;
use crate::clock::show;
use crate::orders::draft::CUSTOMER_ACCOUNT;

/// Id and name of the one catalogue that holds what application packages make.
pub const CATALOGUE: (&str, &str) = ("telvisor", "Applications");
/// Version of the entries that no package makes: the customer account, categories, the catalogue.
const FIRST: &str = "1.0";

/// The generated part of the catalogues.
pub struct Shelf<'a> {
    /// What hrefs begin with.
    pub base: &'a str,
    pub catalogue: &'a Catalogue,
}

/// What stands behind a generated entry.
#[derive(Clone, Copy)]
pub enum Behind<'a> {
    /// The account of a customer.
    Account,
    Application(&'a Application),
    /// All of them together: a category, the catalogue.
    All,
}

impl Behind<'_> {
    /// Version of the entry: the newest that can be ordered.
    fn version(self) -> String {
        let app = if let Self::Application(app) = self { app.newest_orderable() } else { None };
        app.map_or_else(|| FIRST.to_owned(), |v| v.id.clone())
    }

    /// Whether it can be ordered.
    #[must_use]
    pub fn active(self) -> bool {
        !matches!(self, Self::Application(app) if app.newest_orderable().is_none())
    }
}

impl Shelf<'_> {
    /// Address of an entry.
    #[must_use]
    pub fn href(&self, resource: &Resource, id: &str) -> String {
        format!("{}{}/{}/{id}", self.base, resource.api.path, resource.name)
    }

    /// A reference to an entry.
    #[must_use]
    pub fn reference(&self, resource: &Resource, id: &str, name: &str) -> Value {
        json!({
            "id": id, "href": self.href(resource, id), "name": name,
            "@type": format!("{}Ref", resource.definition), "@referredType": resource.definition,
        })
    }

    /// The members that every generated entry has.
    #[must_use]
    pub fn entry(&self, of: &Resource, id: &str, name: &str, description: &str, behind: Behind<'_>) -> Value {
        let changed = self.changed(behind);
        json!({
            "id": id, "href": self.href(of, id), "name": name, "description": description,
            "version": behind.version(),
            "lifecycleStatus": if behind.active() { "Active" } else { "Retired" },
            "lastUpdate": show(changed),
            "validFor": { "startDateTime": show(released(behind).unwrap_or(changed)) },
            "@type": of.definition, "@baseType": of.definition,
        })
    }

    /// When the package behind an entry last changed; for what is behind all of them the latest.
    fn changed(&self, behind: Behind<'_>) -> DateTime<Utc> {
        let found = match behind {
            Behind::Application(app) => self.catalogue.changed(&app.id),
            Behind::Account | Behind::All => {
                self.catalogue.all().iter().filter_map(|a| self.catalogue.changed(&a.id)).max()
            }
        };
        found.unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// The categories, each with what is in it: the account first, then the applications in catalogue order.
    #[must_use]
    pub fn categories(&self) -> Vec<Category> {
        let mut out = vec![Category {
            id: "customer".into(),
            name: "customer".into(),
            applications: vec![],
            account: true,
        }];
        for app in self.catalogue.all().iter() {
            let id = slug(&app.category);
            match out.iter_mut().find(|c| c.id == id) {
                Some(known) => known.applications.push(app.clone()),
                None => out.push(Category {
                    id,
                    name: app.category.clone(),
                    applications: vec![app.clone()],
                    account: false,
                }),
            }
        }
        out
    }

    /// The categories as entries; `content` names and makes the references to what is in one.
    pub fn category_entries(
        &self,
        of: &Resource,
        member: &str,
        content: impl Fn(&Category) -> Vec<Value>,
    ) -> Vec<Value> {
        let one = |c: Category| {
            let mut out = self.entry(of, &c.id, &c.name, "", Behind::All);
            out["isRoot"] = json!(true);
            out[member] = Value::Array(content(&c));
            if let Some(members) = out.as_object_mut() {
                members.remove("description");
            }
            out
        };
        self.categories().into_iter().map(one).collect()
    }

    /// The one catalogue, with its categories.
    #[must_use]
    pub fn catalogue_entry(&self, of: &Resource, category: &Resource) -> Value {
        let (id, name) = CATALOGUE;
        let mut out = self.entry(of, id, name, "what application packages bring", Behind::All);
        let categories = self.categories();
        out["category"] = categories.iter().map(|c| self.reference(category, &c.id, &c.name)).collect();
        out
    }
}

/// A category of applications.
pub struct Category {
    pub id: String,
    pub name: String,
    pub applications: Vec<Application>,
    /// The customer account is in it.
    pub account: bool,
}

/// Id of the category that an application is in.
#[must_use]
pub fn slug(category: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = category.chars().map(plain).collect();
    let text = text.trim_matches('-');
    if text.is_empty() { "other".to_owned() } else { text.to_owned() }
}

/// When the oldest version was released, if the package says so.
fn released(behind: Behind<'_>) -> Option<DateTime<Utc>> {
    let Behind::Application(app) = behind else { return None };
    let first = app.versions.iter().filter_map(|v| v.released).min()?;
    Some(first.and_time(NaiveTime::MIN).and_utc())
}

/// One value that a characteristic may have.
fn value(v: &str, default: bool) -> Value {
    json!({ "value": v, "valueType": "string", "isDefault": default })
}

/// A characteristic; `values` names the member with its values, which differs between the two APIs.
fn characteristic(values: &str, name: &str, description: &str, least: u32, list: &[Value]) -> Value {
    json!({
        "id": name, "name": name, "description": description, "valueType": "string", "configurable": true,
        "minCardinality": least, "maxCardinality": 1, values: list,
    })
}

fn declared(values: &str, d: &Declared) -> Value {
    let kind = match d.kind {
        Kind::String => "string",
        Kind::Integer => "integer",
        Kind::Boolean => "boolean",
    };
    let entry =
        |v: &Value| json!({ "value": v, "valueType": kind, "isDefault": d.default.as_ref() == Some(v) });
    let list: Vec<Value> = if d.values.is_empty() {
        d.default.iter().map(entry).collect()
    } else {
        d.values.iter().map(entry).collect()
    };
    let mut out =
        characteristic(values, &d.name, &d.description, u32::from(d.required == Required::Yes), &list);
    out["valueType"] = json!(kind);
    if let Some(pattern) = &d.pattern {
        out["regex"] = json!(pattern);
    }
    out
}

/// What an order of an application may say. `values` names the member with the values of a characteristic.
#[must_use]
pub fn characteristics(values: &str, app: &Application) -> Vec<Value> {
    let newest = app.newest_orderable().map(|v| v.id.as_str());
    let plans: Vec<_> = app.plans.iter().map(|p| value(&p.id, false)).collect();
    let offered = app.versions.iter().filter(|v| !v.withdrawn);
    let versions: Vec<_> = offered.map(|v| value(&v.id, Some(v.id.as_str()) == newest)).collect();
    let mut out = vec![
        characteristic(values, "plan", "size in which it is sold, smallest first", 1, &plans),
        characteristic(values, "version", "oldest first; the newest when none is given", 0, &versions),
    ];
    out.extend(app.characteristics.iter().map(|d| declared(values, d)));
    out
}

/// What a modify of a service may say beside plan and version.
#[must_use]
pub fn operations(values: &str) -> Vec<Value> {
    let both = [value("backup", false), value("restore", false)];
    vec![
        characteristic(values, "operation", "what a modify does beside plan and version", 0, &both),
        characteristic(values, "backupId", "the backup that operation restore puts back", 0, &[]),
    ]
}

/// What an order of a customer account may say.
#[must_use]
pub fn account_characteristics(values: &str) -> Vec<Value> {
    let test = [value("false", true), value("true", false)];
    vec![
        characteristic(values, "name", "name of the person or company", 1, &[]),
        characteristic(values, "email", "where the customer is written to", 0, &[]),
        characteristic(values, "phone", "where the customer is called", 0, &[]),
        characteristic(values, "language", "language of what the customer reads", 0, &[]),
        characteristic(
            values,
            "test",
            "true: a test customer; its records go into test files. Never changed",
            0,
            &test,
        ),
    ]
}

/// The account's id, name and description.
#[must_use]
pub fn account() -> (&'static str, &'static str, &'static str) {
    (CUSTOMER_ACCOUNT, "Customer account", "a customer of the operator; applications are ordered for it")
}

/// Who made an application.
#[must_use]
pub fn provider(app: &Application) -> Value {
    json!([{
        "id": app.provider.name, "name": app.provider.name, "role": "provider",
        "@type": "RelatedParty", "@referredType": "Organization",
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_has_an_id_that_fits_into_a_path() {
        for (category, id) in [
            ("web-shop", "web-shop"),
            ("Web Shop", "web-shop"),
            ("  ", "other"),
            ("Büro", "b-ro"),
            ("/a/", "a"),
        ] {
            assert_eq!(slug(category), id);
        }
    }
}
