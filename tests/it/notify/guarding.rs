//! Callbacks that must not be: literal addresses, names, redirects.

use serde_json::json;

use super::{Ear, follow, listen, register, seen};
use crate::harness::{TestApp, create};

/// Not bound to loopback: nothing internal is allowed.
async fn strict() -> TestApp {
    TestApp::with(|c| c.listen = vec!["192.0.2.1:80".parse().unwrap()]).await
}

#[tokio::test]
async fn internal_addresses_are_not_registered() {
    let app = strict().await;
    for bad in [
        "http://127.0.0.1:9/",
        "http://[::1]/",
        "http://169.254.169.254/latest/",
        "http://10.0.0.1/",
        "http://2130706433/",
        "http://[::ffff:192.168.0.1]/",
        "http://localhost:9/",
    ] {
        let refused = register(&app, bad, None).await.expect(400);
        let words = refused["message"].as_str().unwrap();
        assert!(
            words.starts_with("callback: ") && words.contains("TELVISOR_CALLBACK_ALLOW"),
            "{bad}: {words}"
        );
    }
    // What cannot be resolved now may be later.
    register(&app, "http://listener.invalid/", None).await.expect(201);
}

#[tokio::test]
async fn a_listed_network_is_allowed() {
    let app = TestApp::with(|c| {
        c.listen = vec!["192.0.2.1:80".parse().unwrap()];
        c.notify.callback_allow = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let ear = Ear::open().await;
    follow(&app, &ear.url).await;
    register(&app, "http://10.0.0.1/", None).await.expect(400);
    app.order(json!([create("C1")])).await;
    app.notify_all().await;
    assert_eq!(ear.taken().len(), 3);
}

/// What was allowed when it was registered is judged again at each delivery: literal and name.
#[tokio::test]
async fn an_address_that_became_internal_is_not_called() {
    let mut app = TestApp::new().await;
    let ear = Ear::open().await;
    let by_name = ear.url.replace("127.0.0.1", "localhost");
    let ids = [follow(&app, &ear.url).await, follow(&app, &by_name).await];
    app.config.listen = vec!["192.0.2.1:80".parse().unwrap()];
    let app = app.restart().await;
    app.order(json!([create("C1")])).await;
    app.notify().await;
    assert!(ear.heard().is_empty());
    for id in &ids {
        let l = seen(&app, id).await;
        assert!(l["lastError"].as_str().unwrap().contains("internal address"), "{l:#}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let app = TestApp::new().await;
    let [first, other] = [Ear::open().await, Ear::open().await];
    first.leads_to(&other.url);
    for status in [301, 302, 303, 307, 308] {
        first.answers(move |_, _| status);
        let query = format!("state=acknowledged&priority={status}");
        let id = listen(&app, &first.url, Some(&query)).await;
        let body =
            json!({ "priority": status.to_string(), "serviceOrderItem": [create(&format!("C{status}"))] });
        app.post(crate::harness::ORDERS, &body).await.expect(201);
        app.notify().await;
        let l = seen(&app, &id).await;
        assert!(l["lastError"].as_str().unwrap().contains("redirects are not followed"), "{l:#}");
        assert_eq!(l["backlog"], 1, "it is no delivery");
    }
    assert!(other.heard().is_empty());
}
