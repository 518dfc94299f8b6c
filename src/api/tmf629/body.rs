//! What Telvisor works with, out of a TMF629 customer: number, name, and the characteristics of a customer account.

use serde_json::{Value, json};

use crate::api::problem::Problem;
use crate::orders::Given;

/// Name of the characteristic that holds the customer's id.
pub const NUMBER: &str = "customerNumber";

/// Members of a contact medium and the characteristics that they are.
const MEDIA: [(&str, &str); 6] = [
    ("emailAddress", "email"),
    ("phoneNumber", "phone"),
    ("street1", "street"),
    ("city", "city"),
    ("postCode", "postCode"),
    ("country", "country"),
];

/// Members that are not kept as given, because Telvisor tells them itself.
const TOLD: [&str; 3] = ["id", "href", "status"];

/// The customer's number, if it has one, and the characteristics of its account. What stands in `characteristic` goes
/// before what a contact medium says; of the media the preferred ones come first.
///
/// # Errors
/// 400 with the path of a number that is no text.
pub fn read(customer: &Value) -> Result<(Option<String>, Vec<Given>), Problem> {
    let mut number = None;
    let mut out = vec![Given { name: "name".to_owned(), value: customer["name"].clone() }];
    for c in list(customer, "characteristic") {
        let (name, value) = (c["name"].as_str().unwrap_or_default(), &c["value"]);
        if name != NUMBER {
            out.push(Given { name: name.to_owned(), value: value.clone() });
            continue;
        }
        let text = value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|n| n.to_string()));
        let text = text.ok_or_else(|| Problem::invalid(&path(customer, NUMBER), "must be text"))?;
        if number.replace(text).is_some() {
            return Err(Problem::invalid(&path(customer, NUMBER), "is given twice"));
        }
    }
    let (preferred, others): (Vec<_>, Vec<_>) =
        list(customer, "contactMedium").iter().partition(|m| m["preferred"] == true);
    for (member, name) in MEDIA {
        let told = preferred.iter().chain(&others).map(|m| &m["characteristic"][member]);
        let found = told.into_iter().find(|v| v.is_string());
        if let (Some(value), false) = (found, out.iter().any(|g| g.name == name)) {
            out.push(Given { name: name.to_owned(), value: value.clone() });
        }
    }
    let kind = match customer["engagedParty"]["@referredType"].as_str() {
        Some("Individual") => Some("individual"),
        Some("Organization") => Some("organization"),
        _ => None,
    };
    if let (Some(kind), false) = (kind, out.iter().any(|g| g.name == "customerType")) {
        out.push(Given { name: "customerType".to_owned(), value: json!(kind) });
    }
    Ok((number, out))
}

/// The members that are kept as given.
#[must_use]
pub fn kept(mut customer: Value) -> Value {
    if let Some(members) = customer.as_object_mut() {
        members.retain(|name, _| !TOLD.contains(&name.as_str()));
    }
    customer
}

/// Where a characteristic of the account stands in a customer.
#[must_use]
pub fn path(customer: &Value, name: &str) -> String {
    let place = |member, fits: &dyn Fn(&Value) -> bool| list(customer, member).iter().position(fits);
    if let Some(n) = place("characteristic", &|c| c["name"] == name) {
        return format!("characteristic[{n}].value");
    }
    if let Some((member, _)) = MEDIA.iter().find(|(_, n)| *n == name)
        && let Some(n) = place("contactMedium", &|m| m["characteristic"][*member].is_string())
    {
        return format!("contactMedium[{n}].characteristic.{member}");
    }
    match name {
        "name" => "name".to_owned(),
        other => format!("characteristic (name = {other})"),
    }
}

/// A list of a customer; empty where there is none.
pub fn list<'a>(customer: &'a Value, member: &str) -> &'a [Value] {
    customer[member].as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(customer: &Value) -> Value {
        let (number, given) = read(customer).unwrap();
        let given: serde_json::Map<_, _> = given.into_iter().map(|g| (g.name, g.value)).collect();
        json!([number, given])
    }

    #[test]
    fn characteristics_go_before_media_and_preferred_media_before_others() {
        let medium = |preferred: bool, address: &str| json!({ "mediumType": "email", "preferred": preferred, "characteristic": { "emailAddress": address } });
        let mut customer = json!({
            "name": "Company", "engagedParty": { "id": "1", "@referredType": "Organization" },
            "contactMedium": [
                medium(false, "a@example.com"),
                medium(true, "b@example.com"),
                { "mediumType": "address", "characteristic": { "street1": "Road 1", "city": "Town", "country": "AT" } },
            ],
        });
        let wanted = json!([null, {
            "name": "Company", "email": "b@example.com", "street": "Road 1", "city": "Town", "country": "AT",
            "customerType": "organization",
        }]);
        assert_eq!(all(&customer), wanted);
        customer["characteristic"] = json!([
            { "name": "email", "value": "c@example.com" },
            { "name": "customerNumber", "value": 6001 },
            { "name": "customerType", "value": "individual" },
            { "name": "colour", "value": { "rgb": [1, 2, 3] } },
        ]);
        let found = all(&customer);
        assert_eq!(found[0], "6001");
        assert_eq!(found[1]["email"], "c@example.com");
        assert_eq!(found[1]["customerType"], "individual");
        assert_eq!(found[1]["colour"]["rgb"][2], 3);
    }

    #[test]
    fn a_number_is_text_given_once_and_paths_lead_to_what_was_given() {
        let of = |list: Value| json!({ "name": "n", "characteristic": list });
        let number = |v: Value| json!({ "name": "customerNumber", "value": v });
        let told = |c: &Value| read(c).unwrap_err().message;
        assert_eq!(told(&of(json!([number(json!({}))]))), "characteristic[0].value: must be text");
        let twice = of(json!([number(json!("1")), number(json!("2"))]));
        assert_eq!(told(&twice), "characteristic[0].value: is given twice");
        let medium = json!({ "contactMedium": [{}, { "characteristic": { "phoneNumber": "1" } }] });
        assert_eq!(path(&medium, "phone"), "contactMedium[1].characteristic.phoneNumber");
        assert_eq!(path(&medium, "email"), "characteristic (name = email)");
        assert_eq!(path(&medium, "name"), "name");
    }
}
