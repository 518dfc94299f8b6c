//! TMF638: what is there beside the states.

use super::{RESOURCES, SERVICES};
use crate::harness::{CRM, ORDERS, TestApp, modify, set_state, take_backup, terminate};

#[tokio::test]
async fn a_service_names_the_orders_that_made_and_changed_it() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    let changed = app.done(modify(&s, &[("plan", "team")])).await;
    app.done(take_backup(&s)).await;
    app.done(set_state(&s, "inactive")).await;
    let removed = app.done(terminate(&s)).await;
    let service = app.service(&s).await;
    let links = service["serviceOrderItem"].as_array().unwrap();
    let actions: Vec<_> = links.iter().map(|l| l["itemAction"].as_str().unwrap()).collect();
    assert_eq!(actions, ["add", "modify", "modify", "delete"], "a backup changes nothing");
    assert_eq!(links[1]["serviceOrderId"], changed["id"]);
    assert_eq!(links[1]["itemId"], "modify");
    assert_eq!(links[3]["serviceOrderId"], removed["id"]);
    let href = links[0]["serviceOrderHref"].as_str().unwrap();
    let (_, path) = href.split_once("8080").unwrap();
    assert!(path.starts_with(ORDERS));
    app.get(path).await.expect(200);
    app.done(set_state("C1", "inactive")).await;
    let account = app.service("C1").await;
    let actions: Vec<_> =
        account["serviceOrderItem"].as_array().unwrap().iter().map(|l| l["itemAction"].clone()).collect();
    assert_eq!(actions, ["add", "modify"]);
    // An order that is deleted is no longer shown, here neither.
    app.delete(&format!("{ORDERS}/{}", changed["id"].as_str().unwrap())).await.expect(204);
    assert_eq!(app.service(&s).await["serviceOrderItem"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_service_names_the_resource_that_supports_it() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let s = app.provision("C1", CRM, "solo", None).await;
    let service = app.service(&s).await;
    let machine = service["supportingResource"][0]["id"].as_str().unwrap();
    assert_eq!(service["supportingService"][0]["id"], machine);
    assert_eq!(app.service(machine).await["supportingResource"][0]["id"], machine);
    assert_eq!(app.service(machine).await["serviceSpecification"]["id"], "machine");
    let resource = app.get(&format!("{RESOURCES}/{machine}")).await.expect(200);
    assert_eq!(resource["id"], machine);
    let found = app.get(&format!("{SERVICES}?category=RFS")).await.expect(200);
    assert_eq!(found[0]["id"], machine);
}
