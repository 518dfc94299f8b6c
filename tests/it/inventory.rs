//! The inventories and usage, at their doors.

mod heard;
mod machines;
mod products;
pub mod records;
mod refusals;
mod services;
mod told;
mod usage;

use serde_json::Value;

use crate::harness::{Answer, TestApp};

pub const PRODUCTS: &str = "/tmf-api/productInventory/v4/product";
pub const SERVICES: &str = "/tmf-api/serviceInventory/v4/service";
pub const RESOURCES: &str = "/tmf-api/resourceInventoryManagement/v4/resource";
pub const RESOURCES_V5: &str = "/tmf-api/resourceInventoryManagement/v5/resource";
pub const USAGES: &str = "/tmf-api/usageManagement/v4/usage";
pub const SPECIFICATIONS: &str = "/tmf-api/usageManagement/v4/usageSpecification";

/// A characteristic's value, in the member of that name.
pub fn value<'a>(shown: &'a Value, member: &str, name: &str) -> &'a Value {
    let list = shown[member].as_array().unwrap_or_else(|| panic!("no {member}: {shown:#}"));
    list.iter().find(|c| c["name"] == name).map_or(&Value::Null, |c| &c["value"])
}

/// The ids of a list, in its order.
pub fn ids(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|v| v["id"].as_str().unwrap().to_owned()).collect()
}

/// How many fit on all pages of a list together.
pub fn total(answer: &Answer) -> usize {
    answer.headers["x-total-count"].to_str().unwrap().parse().unwrap()
}

/// Walks a list by pages of this size: each entry comes once, and the total says how many there are.
pub async fn walk(app: &TestApp, list: &str, size: usize) -> Vec<String> {
    let mut seen = vec![];
    loop {
        let sign = if list.contains('?') { '&' } else { '?' };
        let page = app.get(&format!("{list}{sign}offset={}&limit={size}", seen.len())).await;
        let all = total(&page);
        let page = ids(&page.expect(200));
        if page.is_empty() {
            assert_eq!(seen.len(), all, "{list}");
            let mut once = seen.clone();
            once.sort();
            once.dedup();
            assert_eq!(once.len(), seen.len(), "{list}: each once");
            return seen;
        }
        seen.extend(page);
    }
}

/// Every state that an entry of a list shows is one that it can be asked by, and no other.
pub async fn asked_by_state(app: &TestApp, list: &str, member: &str, states: &[&str]) {
    let all = app.get(&format!("{list}?limit=100")).await.expect(200);
    for state in states {
        let found = app.get(&format!("{list}?{member}={state}&limit=100")).await;
        let count = total(&found);
        let found = ids(&found.expect(200));
        let shown: Vec<_> =
            all.as_array().unwrap().iter().filter(|v| v[member] == **state).cloned().collect();
        assert_eq!(found, ids(&Value::Array(shown)), "{state}");
        assert_eq!(found.len(), count);
    }
}
