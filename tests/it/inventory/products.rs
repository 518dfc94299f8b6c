//! TMF637: customer accounts and subscriptions as products.

use serde_json::{Value, json};

use super::{PRODUCTS, SERVICES, asked_by_state, ids, value, walk};
use crate::harness::{
    CRM, ORDERS, PRODUCT_ORDERS, TestApp, create, modify, provision, service_id, set_state, terminate,
};

const STATUSES: [&str; 7] =
    ["created", "pendingActive", "active", "suspended", "pendingTerminate", "terminated", "cancelled"];

async fn status(app: &TestApp, id: &str) -> (String, String) {
    let product = app.get(&format!("{PRODUCTS}/{id}")).await.expect(200);
    let service = app.get(&format!("{SERVICES}/{id}")).await.expect(200);
    asked_by_state(app, PRODUCTS, "status", &STATUSES).await;
    asked_by_state(app, SERVICES, "state", &["reserved", "active", "inactive", "terminated"]).await;
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    (text(&service["state"]), text(&product["status"]))
}

/// The table of the contract, reached by orders.
#[tokio::test]
async fn each_status_is_reached_by_an_order() {
    let app = TestApp::new().await;
    let placed = app.place(json!([create("C1"), provision("C1", CRM, "solo", None)])).await;
    let s = service_id(&placed, 1);
    for id in ["C1", s.as_str()] {
        assert_eq!(status(&app, id).await, ("reserved".into(), "pendingActive".into()), "{id}");
    }
    app.run().await;
    for id in ["C1", s.as_str()] {
        assert_eq!(status(&app, id).await, ("active".into(), "active".into()), "{id}");
    }
    app.done(set_state(&s, "inactive")).await;
    assert_eq!(status(&app, &s).await, ("inactive".into(), "suspended".into()));
    assert_eq!(status(&app, "C1").await, ("active".into(), "active".into()));
    app.done(set_state(&s, "active")).await;
    // While its customer is suspended it shows that.
    app.done(set_state("C1", "inactive")).await;
    for id in ["C1", s.as_str()] {
        assert_eq!(status(&app, id).await, ("inactive".into(), "suspended".into()), "{id}");
    }
    app.done(set_state("C1", "active")).await;
    // Being removed: the service as it was.
    let held = app.held("delete_machine", terminate(&s)).await;
    assert_eq!(status(&app, &s).await, ("active".into(), "pendingTerminate".into()));
    assert_eq!(status(&app, "C1").await.1, "active");
    let jobs = app.jobs(&held).await;
    let job = jobs.iter().find(|j| j["state"] == "fallout").unwrap()["id"].as_str().unwrap().to_owned();
    app.post(&format!("/api/v1/fallout/{job}/retry"), &json!({})).await.expect(202);
    app.run().await;
    assert_eq!(status(&app, &s).await, ("terminated".into(), "terminated".into()));
    app.done(terminate("C1")).await;
    assert_eq!(status(&app, "C1").await, ("terminated".into(), "terminated".into()));
    // Never installed.
    app.breaks("install");
    let order = app.order(json!([create("C2"), provision("C2", CRM, "solo", None)])).await;
    app.mends();
    assert_eq!(status(&app, &service_id(&order, 1)).await, ("terminated".into(), "cancelled".into()));
}

#[tokio::test]
async fn a_customer_that_is_being_removed_takes_its_subscriptions_along() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    app.held("delete_machine", terminate("C1")).await;
    for id in ["C1", s.as_str()] {
        assert_eq!(status(&app, id).await, ("active".into(), "pendingTerminate".into()), "{id}");
    }
}

/// What was to be removed and was not is active again.
#[tokio::test]
async fn a_removal_that_is_undone_is_none() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    app.breaks("backup");
    let order = app.order(json!([terminate(&s)])).await;
    assert_eq!(order["state"], "failed", "{order:#}");
    assert_eq!(status(&app, &s).await, ("active".into(), "active".into()));
}

#[tokio::test]
async fn a_subscription_shows_what_was_sold() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", Some("1.0")).await;
    let product = app.get(&format!("{PRODUCTS}/{s}")).await.expect(200);
    assert_eq!(product["id"], s.as_str());
    assert_eq!(product["href"], format!("http://localhost:8080{PRODUCTS}/{s}"));
    assert_eq!(product["productOffering"]["id"], format!("{CRM}.solo"));
    assert_eq!(product["productSpecification"]["id"], CRM);
    assert_eq!(product["productSpecification"]["version"], "1.0");
    assert_eq!(product["realizingService"][0]["id"], s.as_str());
    assert_eq!(product["realizingService"][0]["href"], format!("http://localhost:8080{SERVICES}/{s}"));
    assert_eq!(product["relatedParty"][0]["id"], "C1");
    assert_eq!(value(&product, "productCharacteristic", "plan"), "solo");
    assert_eq!(value(&product, "productCharacteristic", "version"), "1.0");
    assert!(value(&product, "productCharacteristic", "accessUrl").as_str().unwrap().starts_with("http"));
    let machine = &app.get(&format!("{SERVICES}/{s}")).await.expect(200)["supportingService"][0]["id"];
    assert_eq!(&product["realizingResource"][0]["id"], machine);
    // The price of the plan, as the package has it.
    let app_of = app.engine().catalogue.find(CRM).unwrap();
    let price = &app_of.plan("solo").unwrap().price;
    let shown = &product["productPrice"][0];
    assert_eq!(shown["priceType"], "recurring");
    assert_eq!(shown["recurringChargePeriod"], "month");
    assert_eq!(shown["price"]["dutyFreeAmount"]["unit"], price.currency.as_str());
    assert_eq!(shown["price"]["dutyFreeAmount"]["value"], price.amount.parse::<f64>().unwrap());
    app.done(modify(&s, &[("plan", "team")])).await;
    let product = app.get(&format!("{PRODUCTS}/{s}")).await.expect(200);
    assert_eq!(product["productOffering"]["id"], format!("{CRM}.team"));
    assert_ne!(&product["productPrice"][0], shown);
    app.done(terminate(&s)).await;
    let product = app.get(&format!("{PRODUCTS}/{s}")).await.expect(200);
    assert!(product["startDate"].is_string() && product["terminationDate"].is_string(), "{product:#}");
    assert_eq!(value(&product, "productCharacteristic", "accessUrl"), &Value::Null);
}

#[tokio::test]
async fn a_customer_account_is_a_product() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let product = app.get(&format!("{PRODUCTS}/C1")).await.expect(200);
    assert_eq!(product["productOffering"]["id"], "customer-account");
    assert_eq!(product["productSpecification"]["id"], "customer-account");
    assert_eq!(product["realizingService"][0]["id"], "C1");
    assert_eq!(value(&product, "productCharacteristic", "name"), "Customer C1");
}

#[tokio::test]
async fn a_product_names_the_product_orders_that_made_and_changed_it() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let party = json!([{ "id": "C1", "role": "customer", "@referredType": "Customer" }]);
    let order = async |item: Value| {
        let body = json!({ "relatedParty": party, "productOrderItem": [item] });
        let placed = app.post(PRODUCT_ORDERS, &body).await.expect(201);
        app.run().await;
        placed
    };
    let offering = json!({ "id": format!("{CRM}.solo") });
    let made = order(json!({ "id": "7", "action": "add", "productOffering": offering })).await;
    let id = made["productOrderItem"][0]["product"]["id"].as_str().unwrap().to_owned();
    app.done(set_state(&id, "inactive")).await;
    let active = json!({ "id": "8", "action": "modify", "product": { "id": id, "status": "active" } });
    let changed = order(active).await;
    let product = app.get(&format!("{PRODUCTS}/{id}")).await.expect(200);
    let links = product["productOrderItem"].as_array().unwrap();
    assert_eq!(links.len(), 2, "what came by another door has none: {links:#?}");
    for (link, order, item, action) in [(&links[0], &made, "7", "add"), (&links[1], &changed, "8", "modify")]
    {
        assert_eq!(link["productOrderId"], order["id"]);
        assert_eq!(link["productOrderHref"], order["href"]);
        assert_eq!((&link["orderItemId"], &link["orderItemAction"]), (&json!(item), &json!(action)));
    }
    assert_eq!(app.service(&id).await["serviceOrderItem"].as_array().unwrap().len(), 3);
    // Nothing can be ordered on what was only written down, by this door neither.
    app.post(PRODUCTS, &json!({ "id": "p-1", "status": "active" })).await.expect(201);
    let body = json!({ "relatedParty": party, "productOrderItem": [
        { "id": "1", "action": "delete", "product": { "id": "p-1" } },
    ] });
    let refused = app.post(PRODUCT_ORDERS, &body).await.expect(400);
    let message = refused["message"].as_str().unwrap();
    assert!(
        message.starts_with("productOrderItem[0].product") && message.contains("record-only"),
        "{message}"
    );
}

#[tokio::test]
async fn products_are_filtered_sorted_and_paged() {
    let app = TestApp::new().await;
    let mut made = vec![];
    for customer in ["C1", "C2"] {
        app.clock.advance(chrono::TimeDelta::seconds(1));
        app.customer(customer).await;
        made.push(customer.to_owned());
        for (application, plan) in [(CRM, "solo"), ("ledgerwell", "basic")] {
            app.clock.advance(chrono::TimeDelta::seconds(1));
            made.push(app.provision(customer, application, plan, None).await);
        }
    }
    made.reverse();
    assert_eq!(walk(&app, PRODUCTS, 4).await, made, "newest first");
    assert_eq!(walk(&app, &format!("{PRODUCTS}?sort=orderDate"), 2).await.last(), made.first());
    for (query, wanted) in [
        ("relatedParty.id=C1", 3),
        (&format!("productOffering.id={CRM}.solo") as &str, 2),
        ("productOffering.id=customer-account", 2),
        ("productSpecification.id=ledgerwell&relatedParty.id=C2", 1),
        ("status=active", 6),
        ("status=suspended", 0),
        ("orderDate.gt=2026-11-23T00:00:00Z", 6),
        ("startDate.lt=2026-11-23T00:00:00Z", 0),
        ("terminationDate.gt=2026-11-23T00:00:00Z", 0),
        (&format!("id={},C1", made[0]), 2),
        ("id=nothing", 0),
    ] {
        let found = app.get(&format!("{PRODUCTS}?{query}")).await.expect(200);
        assert_eq!(ids(&found).len(), wanted, "{query}");
    }
    let refused = app.get(&format!("{PRODUCTS}?colour=red")).await.expect(400);
    assert!(refused["message"].as_str().unwrap().starts_with("colour"), "{refused}");
    app.get(&format!("{PRODUCTS}/nothing")).await.expect(404);
    let some = app.get(&format!("{PRODUCTS}/C1?fields=status")).await.expect(200);
    assert_eq!(some.get("name"), None);
    assert_eq!(some["status"], "active");
    let orders = app.get(&format!("{ORDERS}?limit=1")).await;
    orders.expect(200);
}
