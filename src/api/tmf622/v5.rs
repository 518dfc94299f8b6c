//! TMF622 v5.0.0: what it says otherwise than v4.

use serde_json::{Map, Value, json};
use telvisor_model::{OrderKind, OrderState};

use super::path as v4_path;
use crate::api::ordering::change::Patchable;
use crate::api::ordering::versions;
use crate::api::ordering::{COMPLETED, Ordering};
use crate::api::problem::Problem;
use crate::api::tmf630::{Attribute, Kind};
use crate::api::v5::read::{members, objects};
use crate::api::{TMF622, TMF622_V5, Version};
use crate::clock::show as time;
use crate::orders::milestones::{self, ITEM_COMPLETED};
use crate::orders::{Member, jeopardy};
use crate::store::orders::{Alert, ItemRow, OrderError, OrderRow};

/// TMF622 v5.
pub static API: Ordering = Ordering {
    version: Version::V5,
    base: TMF622_V5,
    attributes: ATTRIBUTES,
    path,
    patchable: Patchable {
        category: true,
        texts: &["description", "notificationContact"],
        lists: &[
            "agreement",
            IDENTIFIERS,
            "orderRelationship",
            "orderTotalPrice",
            "payment",
            "productOfferingQualification",
            "quote",
        ],
        objects: &["billingAccount"],
        fixed: &[
            "cancellationDate",
            "cancellationReason",
            "channel",
            "completionDate",
            "productOrderErrorMessage",
            "productOrderJeopardyAlert",
            "productOrderMilestone",
            "relatedParty",
        ],
    },
    v5: &V5,
    kind: OrderKind::Product,
    what: super::API.what,
    order: super::API.order,
    cancel: super::API.cancel,
    items: super::API.items,
    thing: super::API.thing,
    characteristics: super::API.characteristics,
    draft: super::body::draft,
    render: super::render::product_order,
};

pub static V5: versions::V5 = versions::V5 {
    base: TMF622_V5,
    v4: TMF622,
    read,
    show,
    order_only: &[IDENTIFIERS, "orderRelationship", "requestedInitialState"],
    told: &[MILESTONES],
    item_only: &["note"],
    thing_only: &["agreementItem", "creationDate", "intent"],
    moved: &[("externalId", &["externalId", IDENTIFIERS]), ("creationDate", &["orderDate"])],
};

/// The milestones: v4 has no member for them.
const MILESTONES: &str = "productOrderMilestone";
/// Where the external ids of v5 are kept as they were given; the first is what v4 has as `externalId`.
const IDENTIFIERS: &str = "externalIdentifier";

/// What an order can be filtered and sorted by.
pub const ATTRIBUTES: &[Attribute] = &[
    ("id", "id", Kind::Id),
    ("state", "state", Kind::Text),
    ("externalId.id", "external_id", Kind::Text),
    ("category", "category", Kind::Text),
    ("priority", "priority", Kind::Text),
    ("relatedParty.partyOrPartyRole.id", "customer_id", Kind::Text),
    ("channel.channel.id", "channel", Kind::Text),
    ("creationDate", "order_date", Kind::Time),
    ("completionDate", COMPLETED, Kind::Time),
    ("cancellationDate", "cancelled_at", Kind::Time),
    ("requestedStartDate", "requested_start", Kind::Time),
    ("requestedCompletionDate", "requested_completion", Kind::Time),
    ("expectedCompletionDate", "expected_completion", Kind::Time),
    ("@type", "", Kind::Always("ProductOrder")),
];

fn path(request: &Value, item: Option<usize>, member: &Member) -> String {
    match member {
        Member::ExternalId => "externalId[0].id".into(),
        _ => v4_path(request, item, member),
    }
}

fn read(given: &Map<String, Value>) -> Result<Map<String, Value>, Problem> {
    let mut out = given.clone();
    out.remove(IDENTIFIERS);
    external_ids(&mut out)?;
    if let Some(state) = out.get("requestedInitialState")
        && !matches!(state.as_str(), Some("acknowledged" | "draft"))
        && !state.is_null()
    {
        let why = format!("{state} is none of acknowledged, draft");
        return Err(Problem::invalid("requestedInitialState", why));
    }
    members(&mut out, "")?;
    Ok(out)
}

/// The first external id is the one that counts; the list is kept where it says more.
fn external_ids(out: &mut Map<String, Value>) -> Result<(), Problem> {
    let mut first = None;
    let mut bare = true;
    for (n, (at, identifier)) in objects(out, "", "externalId")?.into_iter().enumerate() {
        let Some(Value::String(id)) = identifier.get("id") else {
            return Err(Problem::invalid(&format!("{at}.id"), "is missing, or no text"));
        };
        bare &= n == 0 && identifier.keys().all(|k| k == "id" || k == "@type");
        first.get_or_insert_with(|| id.clone());
    }
    let list = out.remove("externalId");
    if let (Some(list), false) = (list, bare) {
        out.insert(IDENTIFIERS.into(), list);
    }
    if let Some(id) = first {
        out.insert("externalId".into(), Value::String(id));
    }
    Ok(())
}

fn show(base: &str, order: &OrderRow, out: &mut Map<String, Value>) {
    if let Some(date) = out.remove("orderDate") {
        out.insert("creationDate".into(), date);
    }
    show_external_ids(out);
    if order.state == OrderState::Draft {
        // Nothing has become of the items yet.
        for item in out.get_mut("productOrderItem").and_then(Value::as_array_mut).into_iter().flatten() {
            item.as_object_mut().and_then(|item| item.remove("state"));
        }
    }
    errors(base, order, out);
}

fn show_external_ids(out: &mut Map<String, Value>) {
    let mut list = match out.remove(IDENTIFIERS) {
        Some(Value::Array(list)) => list,
        _ => vec![],
    };
    match (out.remove("externalId"), list.first_mut()) {
        (Some(id), Some(first)) => first["id"] = id,
        (Some(id), None) => list.push(json!({ "id": id })),
        // It was taken away by v4, which knows of this one only.
        (None, Some(_)) => drop(list.remove(0)),
        (None, None) => {}
    }
    if !list.is_empty() {
        out.insert("externalId".into(), Value::Array(list));
    }
}

/// v4 tells errors by notes, for want of another place; v5 has members for them.
fn errors(base: &str, o: &OrderRow, out: &mut Map<String, Value>) {
    if let Some(notes) = out.get_mut("note").and_then(Value::as_array_mut) {
        notes.retain(|n| {
            !(n["author"] == "telvisor" && n["id"].as_str().is_some_and(|id| id.starts_with("error-")))
        });
        if notes.is_empty() {
            out.remove("note");
        }
    }
    let refs =
        |items: &[String]| -> Vec<Value> { items.iter().map(|item| item_ref(base, o, item)).collect() };
    let error = |e: &OrderError| {
        json!({
            "code": e.code, "reason": e.reason, "message": e.message, "timestamp": time(e.at),
            "productOrderItem": refs(&e.items), "@type": "ProductOrderErrorMessage",
        })
    };
    let alert = |(n, a): (usize, &Alert)| {
        let mut shown = json!({
            "id": (n + 1).to_string(), "name": a.name, "jeopardyType": jeopardy::risk(&a.name),
            "alertDate": time(a.at), "message": a.message, "productOrderItem": refs(&a.items),
            "@type": "ProductOrderJeopardyAlert",
        });
        if let Some(exception) = &a.exception {
            shown["exception"] = json!(exception);
        }
        shown
    };
    let errors: Vec<Value> = o.errors.0.iter().map(error).collect();
    let alerts: Vec<Value> = o.alerts.0.iter().enumerate().map(alert).collect();
    for (name, list) in [("productOrderErrorMessage", errors), ("productOrderJeopardyAlert", alerts)] {
        if !list.is_empty() {
            out.insert(name.into(), Value::Array(list));
        }
    }
}

/// Puts the milestones of an order beside the members of v4.
pub(super) fn put_milestones(base: &str, o: &OrderRow, items: &[ItemRow], out: &mut Map<String, Value>) {
    let list: Vec<Value> = milestones::of(items)
        .into_iter()
        .map(|m| {
            let mut shown = json!({
                "id": m.id.to_string(), "name": ITEM_COMPLETED, "description": m.description,
                "status": m.status.as_str(), "productOrderItem": [item_ref(base, o, &m.item)],
                "@type": "ProductOrderMilestone",
            });
            if let Some(at) = m.at {
                shown["milestoneDate"] = json!(time(at));
            }
            shown
        })
        .collect();
    if !list.is_empty() {
        out.insert(MILESTONES.into(), Value::Array(list));
    }
}

fn item_ref(base: &str, o: &OrderRow, item: &str) -> Value {
    json!({
        "productOrderItemId": item, "productOrderId": o.id,
        "ProductOrderHref": format!("{base}{TMF622_V5}/productOrder/{}", o.id),
        "@type": "ProductOrderItemRef", "@referredType": "ProductOrderItem",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(body: &Value) -> Result<Value, String> {
        let Value::Object(map) = body else { panic!("an object") };
        read(map).map(Value::Object).map_err(|p| p.message)
    }

    #[test]
    fn the_first_external_id_counts_and_none_is_lost() {
        for list in [
            json!([{ "id": "A", "@type": "ExternalIdentifier" }]),
            json!([{ "id": "A", "owner": "BSS", "externalIdentifierType": "PO" }]),
            json!([{ "id": "A" }, { "id": "B" }]),
        ] {
            let v4 = read_all(&json!({ "externalId": list })).unwrap();
            assert_eq!(v4["externalId"], "A", "{list}");
            let mut back = v4.as_object().unwrap().clone();
            show_external_ids(&mut back);
            let ids = |list: &Value| -> Vec<Value> {
                list.as_array().unwrap().iter().map(|i| i["id"].clone()).collect()
            };
            assert_eq!(ids(&back["externalId"]), ids(&list));
            assert_eq!(back["externalId"][0]["owner"], list[0]["owner"]);
        }
        let bare =
            read_all(&json!({ "externalId": [{ "id": "A", "@type": "ExternalIdentifier" }] })).unwrap();
        assert_eq!(bare, json!({ "externalId": "A" }), "what v4 would have sent");
    }

    #[test]
    fn what_does_not_fit_is_told_by_its_v5_path() {
        for (body, path) in [
            (json!({ "externalId": "A" }), "externalId:"),
            (json!({ "externalId": [{}] }), "externalId[0].id:"),
            (json!({ "requestedInitialState": "held" }), "requestedInitialState:"),
            (json!({ "channel": [{ "id": "shop" }] }), "channel[0].channel:"),
            (
                json!({ "productOrderItem": [{ "product": { "relatedParty": [{ "id": "C1" }] } }] }),
                "productOrderItem[0].product.relatedParty[0].partyOrPartyRole:",
            ),
            (
                json!({ "productOrderItem": [{ "product": { "productCharacteristic": [
                    { "name": "plan", "@type": "StringCharacteristic", "value": 1 }] } }] }),
                "productOrderItem[0].product.productCharacteristic[0].value:",
            ),
        ] {
            let told = read_all(&body).unwrap_err();
            assert!(told.starts_with(path), "{path}: {told}");
        }
    }
}
