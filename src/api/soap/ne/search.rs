//! Search of contract B: customers and subscriptions that are there, newest first.

use std::time::Duration;

use super::act::{of_customer, of_subscription};
use super::read::{Act, Kind, Named};
use super::show;
use crate::access::Caller;
use crate::api::Doors;
use crate::api::soap::fault::Refusal;
use crate::store::lists::{Compare, Condition, Order, Page, Test, Value};

/// Most results of one search.
const MOST: i64 = 1000;

/// The answer to a search.
///
/// # Errors
/// When the search takes too long.
pub async fn search(
    doors: &Doors,
    caller: &Caller,
    ns: &str,
    kind: Kind,
    filters: &Named,
) -> Result<String, Refusal> {
    let mut tx = doors.engine.db.read(&caller.tenant).await?;
    let mut found: Vec<(Named, Named)> = vec![];
    match kind {
        Kind::Customer => {
            let mut conditions = vec![one_of("c.state", &["active", "suspended"])];
            conditions.extend(filters.iter().map(|(name, value)| one_of(of_customers(name), &[value])));
            let page = page(doors, conditions, ["c.created_at", "c.uid"]);
            for row in tx.list_customers(&page).await?.rows {
                found.push(of_customer(&row.customer));
            }
        }
        Kind::Subscription => {
            let there = ["active", "suspended", "pendingTerminate"];
            let mut conditions = vec![one_of("v.entry", &["subscription"]), one_of("v.shown", &there)];
            for (name, value) in filters {
                conditions.push(match *name {
                    "subscriptionId" => id(value),
                    "customerId" => one_of("v.customer_id", &[value]),
                    "applicationId" => one_of("v.specification", &[value]),
                    _ => one_of("v.shown", &[value]),
                });
            }
            let page = page(doors, conditions, ["v.created_at", "v.uid"]);
            for row in tx.list_products(&page).await?.rows {
                if let Some(s) = tx.subscription(row.uid).await? {
                    found.push(of_subscription(&mut tx, &s).await?);
                }
            }
        }
    }
    Ok(show::response(ns, "Search", |w| {
        for (keys, attributes) in &found {
            w.start("ne:result", &[]);
            show::id(w, keys);
            show::attributes(w, Act::Get, kind, keys, attributes);
            w.end();
        }
    }))
}

fn of_customers(name: &str) -> &'static str {
    match name {
        "customerId" => "c.customer_id",
        "name" => "c.name",
        "email" => "c.email",
        "phone" => "c.phone",
        "language" => "c.language",
        _ => "c.state",
    }
}

fn one_of(column: &'static str, values: &[&str]) -> Condition {
    let test = |value: &&str| Test {
        column,
        text: true,
        compare: Compare::Equal,
        value: Value::Text((*value).to_owned()),
    };
    Condition { any_of: values.iter().map(test).collect() }
}

/// What is no id of ours names nothing.
fn id(value: &str) -> Condition {
    let test = |id| Test { column: "v.uid", text: false, compare: Compare::Equal, value: Value::Id(id) };
    Condition { any_of: value.parse().ok().map(test).into_iter().collect() }
}

fn page(doors: &Doors, conditions: Vec<Condition>, newest: [&'static str; 2]) -> Page {
    let by = |column| Order { column, descending: true, nullable: false, text: false };
    Page {
        conditions,
        matches: vec![],
        order: newest.map(by).to_vec(),
        after: None,
        limit: MOST,
        offset: 0,
        position: 0,
        time: Duration::from_secs(doors.engine.config.api.list_seconds),
    }
}
