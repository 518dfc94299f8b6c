//! `modifyPath`: the change of a modify item as a JSON Patch (RFC 6902) of the service as the inventory shows it. It
//! comes to the characteristics and the state that it changes.
//!
//! A path begins at the service (`/serviceCharacteristic/0/value`, as in the official example) or at the item
//! (`/service/serviceCharacteristic/0/value`); anything outside the service is 400. The official example adds an
//! object to `/serviceCharacteristic`, which is understood as one entry more.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::problem::Problem;
use crate::api::request::typed;
use crate::api::tmf630::Ask;
use crate::api::tmf638;

use super::read::characteristic;

#[derive(Debug, Deserialize)]
struct Operation {
    op: String,
    path: String,
    #[serde(default)]
    value: Value,
}

const LIST: &str = "serviceCharacteristic";

/// Whether an item of the order has a `modifyPath`.
#[must_use]
pub fn used(order: &Value) -> bool {
    order["serviceOrderItem"]
        .as_array()
        .is_some_and(|items| items.iter().any(|i| i.get("modifyPath").is_some()))
}

/// The order with what its items' `modifyPath` come to in their services.
///
/// # Errors
/// 400 with the path of the operation that cannot be applied.
pub async fn meant(ask: &Ask, mut order: Value) -> Result<Value, Problem> {
    let items = order.get_mut("serviceOrderItem").and_then(Value::as_array_mut);
    for (n, item) in items.into_iter().flatten().enumerate() {
        let Value::Object(item) = item else { continue };
        if !item.contains_key("modifyPath") {
            continue;
        }
        let shown = match item.get("service").and_then(|s| s["id"].as_str()) {
            Some(id) => tmf638::find(ask, &mut ask.read().await?, id).await?,
            None => None,
        };
        apply(item, &format!("serviceOrderItem[{n}]"), shown.as_ref())?;
    }
    Ok(order)
}

/// Puts what `modifyPath` comes to into the item's service; `shown` is the service as TMF638 shows it.
///
/// # Errors
/// 400 with the path of the operation that cannot be applied.
fn apply(item: &mut Map<String, Value>, at: &str, shown: Option<&Value>) -> Result<(), Problem> {
    let Some(given) = item.get("modifyPath") else { return Ok(()) };
    let operations: Vec<Operation> = typed(given).map_err(|mut p| {
        let colon = if p.message.starts_with('[') { "" } else { ": " };
        p.message = format!("{at}.modifyPath{colon}{}", p.message);
        p
    })?;
    let none = json!({});
    let shown = shown.unwrap_or(&none);
    let mut patched =
        json!({ "state": shown["state"], LIST: shown[LIST].as_array().cloned().unwrap_or_default() });
    let mut state = false;
    let mut touched: Vec<String> = vec![];
    for (n, operation) in operations.iter().enumerate() {
        let at = format!("{at}.modifyPath[{n}]");
        match one(&mut patched, operation, &at)? {
            Touched::Nothing => {}
            Touched::State => state = true,
            Touched::Named(names) => touched.extend(names),
        }
    }
    let mut list = vec![];
    for entry in patched[LIST].as_array().into_iter().flatten() {
        if touched.iter().any(|name| entry["name"] == name.as_str()) {
            list.push(entry.clone());
        }
    }
    let Some(service) = item.get_mut("service").and_then(Value::as_object_mut) else { return Ok(()) };
    if state {
        let word = if patched["state"] == "suspended" { json!("inactive") } else { patched["state"].clone() };
        service.insert("state".into(), word);
    }
    if !list.is_empty() {
        let known = service.entry(LIST).or_insert_with(|| json!([]));
        if let Some(known) = known.as_array_mut() {
            known.extend(list);
        }
    }
    Ok(())
}

enum Touched {
    Nothing,
    State,
    Named(Vec<String>),
}

fn one(service: &mut Value, operation: &Operation, at: &str) -> Result<Touched, Problem> {
    let wrong = |why: String| Problem::invalid(&format!("{at}.path"), why);
    let path =
        operation.path.strip_prefix("/service").filter(|p| p.starts_with('/')).unwrap_or(&operation.path);
    let mut segments = path.split('/').skip(1);
    let (first, index) = (segments.next().unwrap_or(""), segments.next());
    if !path.starts_with('/') || !matches!(first, LIST | "state") {
        let why = format!(
            "{:?} is outside of what can be changed: serviceCharacteristic and state of the service",
            operation.path
        );
        return Err(wrong(why));
    }
    if !matches!(operation.op.as_str(), "add" | "replace" | "test") {
        let why = format!("{:?} changes no service; add, replace and test do", operation.op);
        return Err(Problem::invalid(&format!("{at}.op"), why));
    }
    let (path, index) = match (index, &operation.value) {
        (None, Value::Object(_)) if first == LIST && operation.op != "test" => {
            (format!("/{LIST}/-"), Some("-"))
        }
        _ => (path.to_owned(), index),
    };
    let before = service[LIST].as_array().map_or(0, Vec::len);
    let patch = json!([{ "op": operation.op, "path": path, "value": operation.value }]);
    let patch: json_patch::Patch = serde_json::from_value(patch).map_err(|e| wrong(e.to_string()))?;
    json_patch::patch(service, &patch)
        .map_err(|e| wrong(format!("cannot be applied to the service: {e}")))?;
    if operation.op == "test" {
        return Ok(Touched::Nothing);
    }
    if first == "state" {
        return match &service["state"] {
            Value::String(_) => Ok(Touched::State),
            _ => Err(Problem::invalid(&format!("{at}.value"), "must be the name of a state")),
        };
    }
    let Some(list) = service[LIST].as_array() else {
        return Err(Problem::invalid(
            &format!("{at}.value"),
            "must be a characteristic, or an array of them",
        ));
    };
    let changed: Vec<&Value> = match index {
        None => list.iter().collect(),
        Some("-") => list.get(before).into_iter().collect(),
        Some(n) => n.parse().ok().and_then(|n: usize| list.get(n)).into_iter().collect(),
    };
    let mut names = vec![];
    for entry in changed {
        let (Some(map), Some(name)) = (entry.as_object(), entry["name"].as_str()) else {
            return Err(Problem::invalid(&format!("{at}.value"), "is no characteristic with a name"));
        };
        characteristic(map, &format!("{at}.value"))?;
        names.push(name.to_owned());
    }
    // The newer value of a name stands for it.
    let newest = names.clone();
    if index == Some("-")
        && let Some(list) = service[LIST].as_array_mut()
    {
        let last = list.len().saturating_sub(1);
        let mut n = 0;
        list.retain(|c| {
            n += 1;
            n - 1 == last || !newest.iter().any(|name| c["name"] == name.as_str())
        });
    }
    Ok(Touched::Named(names))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A service with the plan solo and version 1.0, active.
    fn changed(operations: &Value) -> Result<Value, String> {
        let shown = json!({ "state": "active", "serviceCharacteristic": [
            { "name": "plan", "valueType": "string", "value": "solo" },
            { "name": "version", "valueType": "string", "value": "1.0" },
        ] });
        let mut item =
            json!({ "id": "1", "action": "modify", "service": { "id": "S" }, "modifyPath": operations });
        apply(item.as_object_mut().unwrap(), "i[0]", Some(&shown)).map_err(|p| p.message)?;
        Ok(item["service"].clone())
    }

    fn one(op: &str, path: &str, value: impl Into<Value>) -> Result<Value, String> {
        changed(&json!([{ "op": op, "path": path, "value": value.into() }]))
    }

    #[test]
    fn every_way_to_name_a_characteristic_means_it() {
        let team = json!({ "name": "plan", "value": "team" });
        for (op, path, value) in [
            ("add", "/serviceCharacteristic", team.clone()),
            ("add", "/serviceCharacteristic/-", team.clone()),
            ("add", "/service/serviceCharacteristic/-", team.clone()),
            ("replace", "/serviceCharacteristic/0", team.clone()),
            ("replace", "/serviceCharacteristic/0/value", json!("team")),
            ("replace", "/serviceCharacteristic", json!([team])),
        ] {
            let service = one(op, path, value).unwrap();
            let list = service["serviceCharacteristic"].as_array().unwrap();
            assert_eq!(list.len(), 1, "{op} {path}: {list:?}");
            assert_eq!(
                (&list[0]["name"], &list[0]["value"]),
                (&json!("plan"), &json!("team")),
                "{op} {path}"
            );
        }
    }

    #[test]
    fn what_holds_already_is_still_asked_for() {
        let service = one("replace", "/serviceCharacteristic/0/value", json!("solo")).unwrap();
        assert_eq!(service["serviceCharacteristic"][0]["value"], "solo");
    }

    #[test]
    fn the_state_too() {
        assert_eq!(one("replace", "/state", json!("suspended")).unwrap()["state"], "inactive");
        assert_eq!(one("replace", "/service/state", json!("active")).unwrap()["state"], "active");
    }

    #[test]
    fn several_operations_are_applied_in_turn_and_tests_hold() {
        let good = changed(&json!([
            { "op": "test", "path": "/serviceCharacteristic/1/name", "value": "version" },
            { "op": "replace", "path": "/serviceCharacteristic/1/value", "value": "2.0" },
            { "op": "replace", "path": "/serviceCharacteristic/0/value", "value": "team" },
        ]))
        .unwrap();
        assert_eq!(good["serviceCharacteristic"].as_array().unwrap().len(), 2);
        let bad = one("test", "/serviceCharacteristic/0/name", json!("version")).unwrap_err();
        assert!(bad.starts_with("i[0].modifyPath[0].path: cannot be applied"), "{bad}");
    }

    #[test]
    fn outside_of_the_service_is_refused() {
        for path in [
            "/action",
            "/service",
            "",
            "state",
            "/id",
            "/quantity",
            "/serviceSpecification/id",
            "/service/id",
        ] {
            let told = one("replace", path, json!("x")).unwrap_err();
            assert!(told.starts_with("i[0].modifyPath[0].path:"), "{path}: {told}");
        }
        let told = one("remove", "/serviceCharacteristic/0", Value::Null).unwrap_err();
        assert!(told.starts_with("i[0].modifyPath[0].op:"), "{told}");
        let told = one("add", "/serviceCharacteristic/-", json!("team")).unwrap_err();
        assert!(told.starts_with("i[0].modifyPath[0].value:"), "{told}");
        let told = changed(&json!([{ "op": "add" }])).unwrap_err();
        assert!(told.starts_with("i[0].modifyPath[0]"), "{told}");
        let told = changed(&json!({})).unwrap_err();
        assert!(told.starts_with("i[0].modifyPath"), "{told}");
    }
}
