//! A product as TMF637 v4 shows it.

use serde_json::{Value, json};
use telvisor_model::catalogue::{Application, Period};
use telvisor_model::shown;

use crate::api::inventory::show::{item_action, of_customer, of_subscription, party, put};
use crate::api::{TMF620, TMF622, TMF637, TMF638, TMF639};
use crate::clock::show as time;
use crate::orders::draft::CUSTOMER_ACCOUNT;
use crate::store::customers::CustomerRow;
use crate::store::inventory::OrderLink;
use crate::store::subscriptions::SubscriptionRow;
use crate::store::told::Owner;

fn catalogued(base: &str, kind: &str, id: &str, name: &str) -> Value {
    json!({ "id": id, "name": name, "href": format!("{base}{TMF620}/{kind}/{id}") })
}

/// The service of the same id.
fn realized(base: &str, id: &str) -> Value {
    json!([{
        "id": id, "href": format!("{base}{TMF638}/service/{id}"), "@type": "ServiceRef", "@referredType": "Service",
    }])
}

/// The product orders that made or changed it. What came by another door has none.
fn links(out: &mut Value, base: &str, orders: &[OrderLink]) {
    let link = |o: &OrderLink| {
        let order = o.parent?;
        Some(json!({
            "productOrderId": order, "productOrderHref": format!("{base}{TMF622}/productOrder/{order}"),
            "orderItemId": o.item_id, "orderItemAction": item_action(&o.action),
            "@type": "RelatedProductOrderItem", "@referredType": "ProductOrderItem",
        }))
    };
    let list: Vec<Value> = orders.iter().filter_map(link).collect();
    if !list.is_empty() {
        out["productOrderItem"] = Value::Array(list);
    }
}

/// What the plan costs; nothing where the catalogue does not have it any more.
fn prices(app: Option<&Application>, plan: &str) -> Vec<Value> {
    let Some(plan) = app.and_then(|a| a.plan(plan)) else {
        return vec![];
    };
    let mut price = json!({
        "name": plan.name, "priceType": "recurring",
        "price": {
            "dutyFreeAmount": {
                "unit": plan.price.currency,
                "value": serde_json::from_str::<Value>(&plan.price.amount).unwrap_or_default(),
            },
            "@type": "Price",
        },
        "@type": "ProductPrice",
    });
    match plan.price.period {
        Period::Day => price["recurringChargePeriod"] = json!("day"),
        Period::Month => price["recurringChargePeriod"] = json!("month"),
        Period::Year => price["recurringChargePeriod"] = json!("year"),
        Period::Once => price["priceType"] = json!("oneTime"),
    }
    vec![price]
}

/// A customer account.
#[must_use]
pub fn customer(base: &str, c: &CustomerRow, orders: &[OrderLink]) -> Value {
    let mut out = json!({
        "id": c.customer_id,
        "href": format!("{base}{TMF637}/product/{}", c.customer_id),
        "name": "Customer account", "status": shown::account_product(c.kept()), "isBundle": false,
        "isCustomerVisible": true,
        "orderDate": time(c.created_at),
        "productOffering": catalogued(base, "productOffering", CUSTOMER_ACCOUNT, "Customer account"),
        "productSpecification": catalogued(base, "productSpecification", CUSTOMER_ACCOUNT, "Customer account"),
        "productCharacteristic": of_customer(c),
        "realizingService": realized(base, &c.customer_id),
        "relatedParty": party(&c.customer_id),
        "@type": "Product",
    });
    put(&mut out, "startDate", c.started_at);
    put(&mut out, "terminationDate", c.ended_at);
    links(&mut out, base, orders);
    out
}

/// A subscription; `app` is its application, if the catalogue still has it.
#[must_use]
pub fn subscription(
    base: &str,
    app: Option<&Application>,
    s: &SubscriptionRow,
    owner: &Owner,
    orders: &[OrderLink],
) -> Value {
    let status = shown::subscription_product(s.kept(), owner.kept());
    let name = app.map_or(s.application.as_str(), |a| &a.name);
    let plan = app.and_then(|a| a.plan(&s.plan)).map_or(s.plan.as_str(), |p| &p.name);
    let offering = format!("{}.{}", s.application, s.plan);
    let id = s.id.to_string();
    let mut out = json!({
        "id": s.id,
        "href": format!("{base}{TMF637}/product/{id}"),
        "name": name, "status": status, "isBundle": false, "isCustomerVisible": true,
        "orderDate": time(s.created_at),
        "productOffering": catalogued(base, "productOffering", &offering, &format!("{name} {plan}")),
        "productSpecification": catalogued(base, "productSpecification", &s.application, name),
        "productCharacteristic": of_subscription(s, status == "active"),
        "realizingService": realized(base, &id),
        "relatedParty": party(&owner.customer_id),
        "@type": "Product",
    });
    out["productSpecification"]["version"] = json!(s.version);
    let prices = prices(app, &s.plan);
    if !prices.is_empty() {
        out["productPrice"] = Value::Array(prices);
    }
    if let Some(machine) = s.machine {
        out["realizingResource"] = json!([{
            "id": machine, "href": format!("{base}{TMF639}/resource/{machine}"), "@type": "ResourceRef",
            "@referredType": "LogicalResource",
        }]);
    }
    put(&mut out, "startDate", s.started_at);
    put(&mut out, "terminationDate", s.ended_at);
    links(&mut out, base, orders);
    out
}
