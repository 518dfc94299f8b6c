//! From a v5 body to the v4 form; what does not fit is told with its path in the v5 body.

use serde_json::{Map, Value};

use super::{Kind, PLACE, Wrapper, kind};
use crate::api::problem::Problem;

/// The body of a POST: an object that says its `@type`, which the v5 files demand of every resource.
///
/// # Errors
/// 400 when it is no object, or its `@type` is missing or no text.
pub fn resource<'a>(given: &'a Value, name: &str) -> Result<&'a Map<String, Value>, Problem> {
    let Value::Object(map) = given else {
        return Err(Problem::invalid("", format!("the body must be a JSON object: a {name}")));
    };
    match map.get("@type") {
        Some(Value::String(_)) => Ok(map),
        Some(_) => Err(Problem::invalid("@type", "must be text")),
        None => Err(Problem::invalid("@type", format!("is missing: v5 wants \"@type\": \"{name}\""))),
    }
}

/// An object of an array, with its path in the body.
pub type Entry<'a> = (String, &'a mut Map<String, Value>);

/// The entries of a member that is an array of objects; none where it is absent.
///
/// # Errors
/// 400 with the path of what is no array or no object.
pub fn objects<'a>(
    map: &'a mut Map<String, Value>,
    path: &str,
    name: &str,
) -> Result<Vec<Entry<'a>>, Problem> {
    let at = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let list = match map.get_mut(name) {
        None | Some(Value::Null) => return Ok(vec![]),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(Problem::invalid(&at, "must be an array")),
    };
    let mut out = vec![];
    for (n, entry) in list.iter_mut().enumerate() {
        let at = format!("{at}[{n}]");
        match entry {
            Value::Object(entry) => out.push((at, entry)),
            _ => return Err(Problem::invalid(&at, "must be an object")),
        }
    }
    Ok(out)
}

/// Brings everything below `map` into the v4 form: objects out of their wrappers. The values of characteristics must
/// be of the types that they say.
///
/// # Errors
/// 400 with the path, below `path`, of what does not fit.
pub fn members(map: &mut Map<String, Value>, path: &str) -> Result<(), Problem> {
    types(map, path)?;
    let names: Vec<String> = map.keys().cloned().collect();
    for name in names {
        match kind(&name) {
            Some(Kind::Wrapped(wrapper)) => {
                for (at, entry) in objects(map, path, &name)? {
                    unwrap(entry, &at, wrapper)?;
                    members(entry, &at)?;
                }
            }
            Some(Kind::Characteristic) => {
                for (at, entry) in objects(map, path, &name)? {
                    characteristic(entry, &at)?;
                }
            }
            // What stands in a value is the client's own.
            _ if name == "value" => {}
            _ => {
                let at = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match map.get_mut(&name) {
                    Some(Value::Object(inner)) => members(inner, &at)?,
                    Some(Value::Array(list)) => {
                        for (n, entry) in list.iter_mut().enumerate() {
                            if let Value::Object(entry) = entry {
                                members(entry, &format!("{at}[{n}]"))?;
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

/// Members that say of what type an object is may be left out below the resource, where its place tells it; what they
/// say is text.
fn types(map: &Map<String, Value>, path: &str) -> Result<(), Problem> {
    let is_type = |name: &str| matches!(name, "@type" | "@baseType" | "@schemaLocation" | "@referredType");
    match map.iter().find(|(name, value)| is_type(name) && !(value.is_string() || value.is_null())) {
        Some((name, _)) if path.is_empty() => Err(Problem::invalid(name, "must be text")),
        Some((name, _)) => Err(Problem::invalid(&format!("{path}.{name}"), "must be text")),
        None => Ok(()),
    }
}

/// Takes an object out of its wrapper: `{role, INNER: {id, …}}` becomes `{role, id, …}`.
fn unwrap(entry: &mut Map<String, Value>, at: &str, wrapper: Wrapper) -> Result<(), Problem> {
    let inner = format!("{at}.{}", wrapper.inner);
    let mut flat = match entry.remove(wrapper.inner) {
        Some(Value::Object(flat)) => flat,
        Some(_) => return Err(Problem::invalid(&inner, "must be an object")),
        None => {
            let why = format!("is missing: v5 wants {{\"role\": …, \"{}\": {{\"id\": …}}}}", wrapper.inner);
            return Err(Problem::invalid(&inner, why));
        }
    };
    // A place may be described instead of named.
    if wrapper != PLACE && !flat.get("id").is_some_and(Value::is_string) {
        return Err(Problem::invalid(&format!("{inner}.id"), "is missing, or no text"));
    }
    match entry.remove("role") {
        None | Some(Value::Null) => {}
        Some(role @ Value::String(_)) => drop(flat.insert("role".into(), role)),
        Some(_) => return Err(Problem::invalid(&format!("{at}.role"), "must be text")),
    }
    *entry = flat;
    Ok(())
}

/// Holds the value of a characteristic against the type that it says it has.
///
/// # Errors
/// 400 with the path of a value of another type.
pub fn characteristic(entry: &Map<String, Value>, at: &str) -> Result<(), Problem> {
    let (Some(kind), Some(value)) = (entry.get("@type"), entry.get("value")) else { return Ok(()) };
    let Some(kind) = kind.as_str() else {
        return Err(Problem::invalid(&format!("{at}.@type"), "must be text"));
    };
    let (one, many) = match kind.strip_suffix("ArrayCharacteristic") {
        Some(one) => (one, true),
        None => (kind.strip_suffix("Characteristic").unwrap_or(""), false),
    };
    let fits = |v: &Value| match one {
        "String" => v.is_string(),
        "Boolean" => v.is_boolean(),
        "Integer" => v.is_i64() || v.is_u64(),
        "Number" | "Float" => v.is_number(),
        "Object" => v.is_object(),
        // The file knows no type of this name: an extension, or the plain `Characteristic`.
        _ => true,
    };
    let known = matches!(one, "String" | "Boolean" | "Integer" | "Number" | "Float" | "Object");
    let right = match value {
        Value::Array(list) if many => list.iter().all(fits),
        _ if many => false,
        value => fits(value),
    };
    if right || !known {
        return Ok(());
    }
    let word = one.to_lowercase();
    let article = if word.starts_with(['i', 'o']) { "an" } else { "a" };
    let wanted = if many { format!("an array of {word} values") } else { format!("{article} {word}") };
    Err(Problem::invalid(&format!("{at}.value"), format!("must be {wanted}, as its @type {kind} says")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::show;
    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("{other} is no object"),
        }
    }

    #[test]
    fn a_wrapper_and_back() {
        let given = json!({ "relatedParty": [{
            "role": "Customer", "@type": "RelatedPartyRefOrPartyRoleRef",
            "partyOrPartyRole": { "id": "C1", "name": "N", "@type": "PartyRef", "@referredType": "Individual" },
        }] });
        let mut flat = map(given.clone());
        members(&mut flat, "").unwrap();
        let wanted = json!([{ "id": "C1", "name": "N", "role": "Customer", "@type": "PartyRef",
            "@referredType": "Individual" }]);
        assert_eq!(flat["relatedParty"], wanted);
        show::members(&mut flat);
        assert_eq!(Value::Object(flat), given);
    }

    #[test]
    fn what_a_wrapper_lacks_is_named() {
        let told = |party: Value| {
            let mut body = map(json!({ "relatedParty": [party] }));
            members(&mut body, "serviceOrderItem[2].service").unwrap_err().message
        };
        let at = "serviceOrderItem[2].service.relatedParty[0]";
        assert!(
            told(json!({ "id": "C1", "role": "customer" })).starts_with(&format!("{at}.partyOrPartyRole:"))
        );
        assert!(told(json!({ "partyOrPartyRole": {} })).starts_with(&format!("{at}.partyOrPartyRole.id:")));
        assert!(
            told(json!({ "role": 7, "partyOrPartyRole": { "id": "C1" } }))
                .starts_with(&format!("{at}.role:"))
        );
        assert!(told(json!(7)).starts_with(&format!("{at}:")));
    }

    #[test]
    fn a_value_must_fit_its_type() {
        let read = |kind: &str, value: Value| {
            let entry = map(json!({ "name": "n", "@type": kind, "value": value }));
            characteristic(&entry, "c[0]").map_err(|p| p.message)
        };
        for (kind, value) in [
            ("StringCharacteristic", json!("x")),
            ("IntegerCharacteristic", json!(3)),
            ("NumberCharacteristic", json!(3.5)),
            ("BooleanArrayCharacteristic", json!([true])),
            ("ObjectCharacteristic", json!({})),
            ("Characteristic", json!([1])),
            ("MyOwnThing", json!(1)),
        ] {
            assert_eq!(read(kind, value), Ok(()), "{kind}");
        }
        for (kind, value) in [
            ("StringCharacteristic", json!(3)),
            ("IntegerCharacteristic", json!(3.5)),
            ("BooleanArrayCharacteristic", json!(true)),
            ("StringArrayCharacteristic", json!(["a", 1])),
        ] {
            assert!(read(kind, value).unwrap_err().starts_with("c[0].value: must be"), "{kind}");
        }
    }
}
