//! Which machine an application comes to, and how large the machine is.

use serde_json::json;

use crate::effects::{in_world, size};
use crate::harness::{CRM, TestApp, modify, set_state, terminate};

#[tokio::test]
async fn applications_share_a_machine_whose_size_follows_their_plans() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let crm = app.provision("C1", CRM, "solo", None).await;
    let shop = app.provision("C1", "stallfront", "stall", None).await;
    let books = app.provision("C1", "ledgerwell", "basic", None).await;
    assert_eq!(size(&app), [4, 1280, 10]);
    app.done(modify(&books, &[("plan", "business")])).await;
    assert_eq!(size(&app), [5, 1792, 16]);
    app.done(terminate(&shop)).await;
    assert_eq!(size(&app), [4, 1536, 16]);
    assert_eq!(in_world(&app, &shop), None);
    assert_eq!(in_world(&app, &crm).as_deref(), Some("running"));
    app.done(set_state(&shop, "active")).await;
    // The disk has room already: 4 + 2 + 8 + 2.
    assert_eq!(size(&app), [5, 1792, 16]);
    // Another customer never shares it.
    app.customer("C2").await;
    app.provision("C2", CRM, "solo", None).await;
    let mut owners: Vec<_> =
        app.machines().iter().map(|m| m["customer"].as_str().unwrap().to_owned()).collect();
    owners.sort();
    assert_eq!(owners, ["C1", "C2"]);
}

#[tokio::test]
async fn a_dedicated_application_has_machines_of_its_own_and_may_be_had_twice() {
    let app = TestApp::new().await;
    app.customer("C1").await;
    let crm = app.provision("C1", CRM, "solo", None).await;
    let first = app.provision("C1", "yardmaster", "siding", None).await;
    let second = app.provision("C1", "yardmaster", "yard", Some("0.9")).await;
    assert_ne!(first, second);
    let machines = app.machines();
    assert_eq!(machines.len(), 3);
    for (id, vcpu) in [(&crm, 2), (&first, 2), (&second, 3)] {
        let own = machines.iter().find(|m| m["applications"][0]["subscription"] == json!(id)).unwrap();
        assert_eq!(own["applications"].as_array().unwrap().len(), 1);
        assert_eq!(own["vcpu"], vcpu);
    }
    app.done(terminate(&first)).await;
    assert_eq!(app.machines().len(), 2);
    app.done(set_state(&first, "active")).await;
    assert_eq!(app.machines().len(), 3);
    // Beside it the shared application goes on to the shared machine.
    app.provision("C1", "stallfront", "stall", None).await;
    assert_eq!(app.machines().len(), 3);
}
