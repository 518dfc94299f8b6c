//! Contract C: a BSS is told how orders go, through the lanes that the hubs have.

mod whole;

use telvisor_soap::Version::Soap11;
use telvisor_soap::{Element, Limits, parse};

use super::{call, find, order, text};
use crate::harness::{ORDERS, TestApp, create};
use crate::notify::{Ear, Heard};

pub const NOTIFY: &str = "urn:telvisor:notify:v1";

/// The answer of a BSS to a notification.
pub fn answer(request: &[u8], accepted: &str) -> String {
    let id = parse(request, &Limits::default()).map(|root| text(&root, "eventId")).unwrap_or_default();
    format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
         <NotifyOrderStateChangeResponse xmlns=\"{NOTIFY}\"><eventId>{id}</eventId><accepted>{accepted}</accepted>\
         </NotifyOrderStateChangeResponse></e:Body></e:Envelope>"
    )
}

/// A BSS that accepts everything.
pub async fn bss() -> Ear {
    let ear = Ear::answering(|_, _| 200).await;
    ear.says(|request| answer(request, "true"));
    ear
}

pub fn message(heard: &Heard) -> Element {
    parse(&heard.octets, &Limits::default()).expect("an envelope")
}

/// Order, sequence and state of what was taken.
pub fn told(ear: &Ear) -> Vec<(String, i64, String)> {
    ear.taken()
        .iter()
        .map(|h| {
            let root = message(h);
            let status = find(&root, "status").expect("a status");
            let sequence = text(&root, "sequence").parse().unwrap();
            (text(status, "orderId"), sequence, text(status, "state"))
        })
        .collect()
}

fn states(ear: &Ear) -> Vec<String> {
    told(ear).into_iter().map(|(.., state)| state).collect()
}

/// `order` of an operation with `notifyTo`.
fn order_to(external_id: &str, address: &str) -> String {
    format!("<order><externalOrderId>{external_id}</externalOrderId><notifyTo>{address}</notifyTo></order>")
}

/// Creates a customer by an order that names an address; the order's id.
async fn place(app: &TestApp, external_id: &str, address: &str) -> String {
    let children =
        format!("{}<customerId>{external_id}</customerId><name>Ada</name>", order_to(external_id, address));
    text(call(app, Soap11, "CreateCustomer", &children).await.good(), "orderId")
}

async fn subscribe(app: &TestApp, address: &str, states: &[&str]) -> String {
    let states: String = states.iter().map(|s| format!("<state>{s}</state>")).collect();
    let children = format!("<notifyTo>{address}</notifyTo>{states}");
    text(call(app, Soap11, "Subscribe", &children).await.good(), "subscriptionRef")
}

const LIFE: [&str; 3] = ["acknowledged", "inProgress", "completed"];

#[tokio::test]
async fn an_order_tells_the_address_that_it_names_and_no_other() {
    let app = TestApp::new().await;
    let (ear, other) = (bss().await, bss().await);
    let id = place(&app, "C-1", &ear.url).await;
    let unheard = place(&app, "C-2", &other.url).await;
    app.run().await;
    app.notify_all().await;
    let heard = ear.taken();
    assert_eq!(states(&ear), LIFE);
    let (mut last, mut before) = (0, String::new());
    for h in &heard {
        assert_eq!(h.header("content-type"), "text/xml; charset=utf-8");
        assert_eq!(h.header("soapaction"), format!("\"{NOTIFY}/NotifyOrderStateChange\""));
        assert!(h.header("traceparent").starts_with("00-"));
        let root = message(h);
        let body = &root.children.iter().find(|e| e.name == "Body").unwrap().children[0];
        assert!(body.is(NOTIFY, "NotifyOrderStateChange"), "{body:#?}");
        let names: Vec<_> = body.children.iter().map(|c| &*c.name).collect();
        let whole = ["eventId", "eventTime", "sequence", "previousState", "status"];
        let first = ["eventId", "eventTime", "sequence", "status"];
        assert_eq!(names, if last == 0 { &first[..] } else { &whole[..] });
        assert_eq!(text(&root, "previousState"), before);
        let sequence: i64 = text(&root, "sequence").parse().unwrap();
        assert!(sequence > last);
        let status = find(&root, "status").unwrap();
        assert_eq!((text(status, "orderId"), text(status, "externalOrderId")), (id.clone(), "C-1".into()));
        (last, before) = (sequence, text(status, "state"));
    }
    assert_eq!(told(&other).iter().map(|t| &t.0).collect::<Vec<_>>(), [&unheard; 3]);
    // What was placed elsewhere is told to nobody.
    app.done(create("C-3")).await;
    app.notify_all().await;
    assert_eq!(ear.heard().len() + other.heard().len(), 6);
}

#[tokio::test]
async fn a_subscriber_is_told_of_the_states_that_it_wants_of_every_order() {
    let app = TestApp::new().await;
    let (all, ends) = (bss().await, bss().await);
    let everything = subscribe(&app, &all.url, &[]).await;
    let some = subscribe(&app, &ends.url, &["completed", "failed"]).await;
    assert_eq!(subscribe(&app, &ends.url, &["failed", "completed"]).await, some, "once more is the same");
    assert_ne!(everything, some);
    // By whatever door.
    app.done(create("C-1")).await;
    let children = format!("{}<customerId>C-2</customerId><name>Ada</name>", order("o-2"));
    call(&app, Soap11, "CreateCustomer", &children).await.good();
    app.run().await;
    app.notify_all().await;
    let mut by_order = told(&all);
    by_order.sort();
    assert_eq!(by_order.into_iter().map(|t| t.2).collect::<Vec<_>>(), [LIFE, LIFE].concat());
    assert_eq!(states(&ends), ["completed", "completed"]);
    call(&app, Soap11, "Unsubscribe", &format!("<subscriptionRef>{some}</subscriptionRef>")).await.good();
    let again =
        call(&app, Soap11, "Unsubscribe", &format!("<subscriptionRef>{some}</subscriptionRef>")).await;
    assert_eq!(again.fault().1, "SUBSCRIPTION_NOT_FOUND");
    app.done(create("C-3")).await;
    app.notify_all().await;
    assert_eq!((states(&all).len(), states(&ends).len()), (9, 2));
    // The listener of a hub is not ended by SOAP.
    let hub = crate::notify::listen(&app, &all.url, Some("state=held")).await;
    for reference in [hub.as_str(), "nonsense"] {
        let refused =
            call(&app, Soap11, "Unsubscribe", &format!("<subscriptionRef>{reference}</subscriptionRef>"))
                .await;
        assert_eq!(refused.fault().0, 3002, "{reference}");
    }
}

#[tokio::test]
async fn internal_addresses_are_refused_before_anything_is_done() {
    let app = TestApp::new().await;
    for address in ["http://169.254.169.254/latest", "http://10.0.0.1/x", "https://[fd00::1]:8443/x"] {
        let children = format!("{}<customerId>C-1</customerId><name>Ada</name>", order_to("o-1", address));
        let refused = call(&app, Soap11, "CreateCustomer", &children).await.fault();
        let path = "/Envelope/Body/CreateCustomer/order/notifyTo";
        assert_eq!((refused.0, refused.1.as_str(), refused.2.as_str()), (3007, "CALLBACK_NOT_ALLOWED", path));
        let refused =
            call(&app, Soap11, "Subscribe", &format!("<notifyTo>{address}</notifyTo>")).await.fault();
        assert_eq!((refused.0, refused.2.as_str()), (3007, "/Envelope/Body/Subscribe/notifyTo"));
    }
    assert_eq!(app.counts().await.0, "0", "no order was placed");
    assert_eq!(app.get("/api/v1/listeners").await.expect(200), serde_json::json!([]));
}

#[tokio::test]
async fn only_an_answer_that_accepts_is_delivery() {
    let app = TestApp::new().await;
    let ear = bss().await;
    place(&app, "C-1", &ear.url).await;
    app.run().await;
    let fault = "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body><e:Fault>\
                 <faultcode>e:Server</faultcode><faultstring>no</faultstring></e:Fault></e:Body></e:Envelope>";
    let first = |n: usize, ear: &Ear| ear.heard()[n].octets.clone();
    for (n, says) in
        ["", "OK", "<html>", fault, "accepted false", "accepted 0", "other element"].into_iter().enumerate()
    {
        ear.says(move |request| match says {
            "accepted false" => answer(request, "false"),
            "accepted 0" => answer(request, "0"),
            "other element" => answer(request, "true").replace("NotifyOrderStateChangeResponse", "Response"),
            other => other.to_owned(),
        });
        app.notify().await;
        assert_eq!(ear.heard().len(), n + 1, "one try, and none of what comes after: {says}");
        assert_eq!(first(n, &ear), first(0, &ear), "the same octets at every try");
        app.clock.advance(chrono::TimeDelta::seconds(60));
    }
    let list = app.get("/api/v1/listeners").await.expect(200);
    assert!(list[0]["lastError"].as_str().unwrap().contains("NotifyOrderStateChangeResponse"), "{list:#}");
    assert_eq!((&list[0]["api"], &list[0]["backlog"]), (&"soap.order".into(), &3.into()));
    ear.says(|request| answer(request, "1"));
    ear.forget();
    app.notify_all().await;
    assert_eq!(states(&ear), LIFE);
    assert_eq!(first(0, &ear), ear.heard()[0].octets);
}

#[tokio::test]
async fn a_receiver_that_is_down_for_twenty_tries_loses_nothing_and_delays_nobody() {
    let mut app = TestApp::new().await;
    let (down, well) = (bss().await, bss().await);
    down.answers(|_, n| if n < 20 { 503 } else { 200 });
    place(&app, "C-1", &down.url).await;
    place(&app, "C-2", &well.url).await;
    app.run().await;
    app.notify().await;
    assert_eq!(states(&well), LIFE, "the other one waits for nothing");
    // Three times the server starts anew in between.
    for _ in 0..3 {
        for _ in 0..5 {
            app.clock.advance(chrono::TimeDelta::seconds(60));
            app.notify().await;
        }
        app = app.restart().await;
    }
    assert!(down.taken().is_empty(), "{}", down.heard().len());
    app.notify_all().await;
    assert_eq!(states(&down), LIFE);
    let tries = down.heard();
    assert_eq!(tries.len(), 23);
    assert!(tries[..20].iter().all(|h| h.octets == tries[20].octets), "nothing overtook the first");
}

#[tokio::test]
async fn orders_that_name_one_address_share_its_listener_which_is_paused_resumed_and_replayed() {
    let app = TestApp::new().await;
    let ear = bss().await;
    ear.answers(|_, _| 500);
    for customer in ["C-1", "C-2", "C-3"] {
        place(&app, customer, &ear.url).await;
    }
    app.run().await;
    app.notify().await;
    let list = app.get("/api/v1/listeners").await.expect(200);
    assert_eq!(list.as_array().unwrap().len(), 1, "{list:#}");
    let id = list[0]["id"].as_str().unwrap().to_owned();
    app.clock.advance(chrono::TimeDelta::hours(25));
    app.notify().await;
    let seen = crate::notify::seen(&app, &id).await;
    assert_eq!((&seen["state"], &seen["backlog"]), (&"paused".into(), &9.into()), "{seen:#}");
    // What comes while it is paused is kept, too.
    place(&app, "C-4", &ear.url).await;
    app.run().await;
    ear.answers(|_, _| 200);
    app.notify_all().await;
    assert!(ear.taken().is_empty());
    app.post(&format!("/api/v1/listeners/{id}/resume"), &serde_json::json!({})).await.expect(200);
    app.notify_all().await;
    assert_eq!(told(&ear).len(), 12);
    for order in told(&ear).iter().map(|t| t.0.clone()).collect::<std::collections::BTreeSet<_>>() {
        let of: Vec<_> = told(&ear).into_iter().filter(|t| t.0 == order).map(|t| t.2).collect();
        assert_eq!(of, LIFE, "{order}");
    }
    // An operator lets all of it be sent again; what others ordered is not among it.
    app.done(create("C-5")).await;
    app.notify_all().await;
    ear.forget();
    let again = serde_json::json!({ "position": 0 });
    let replayed = app.post(&format!("/api/v1/listeners/{id}/replay"), &again).await.expect(200);
    assert_eq!(replayed["events"], 12);
    app.notify_all().await;
    assert_eq!(told(&ear).len(), 12);
}

#[tokio::test]
async fn a_repeat_of_an_order_tells_nothing_twice_and_what_was_missed() {
    let app = TestApp::new().await;
    let ear = bss().await;
    // The first answer was lost before the address was noted: as if it had named none.
    let children = |order: String| format!("{order}<customerId>C-1</customerId><name>Ada</name>");
    call(&app, Soap11, "CreateCustomer", &children(order("o-1"))).await.good();
    app.run().await;
    let repeated = call(&app, Soap11, "CreateCustomer", &children(order_to("o-1", &ear.url))).await;
    assert_eq!(text(repeated.good(), "duplicate"), "true");
    app.notify_all().await;
    assert_eq!(states(&ear), LIFE, "all that it missed");
    call(&app, Soap11, "CreateCustomer", &children(order_to("o-1", &ear.url))).await.good();
    app.notify_all().await;
    assert_eq!(ear.heard().len(), 3);
    // When the order's end is old enough, nothing is kept of it.
    app.clock.advance(chrono::TimeDelta::days(31));
    telvisor::notify::keep::forget(app.engine()).await.unwrap();
    assert_eq!(app.get("/api/v1/listeners").await.expect(200), serde_json::json!([]));
}

#[tokio::test]
async fn tenants_hear_of_their_own_orders_only() {
    let app = TestApp::new().await;
    let (ours, theirs) = (bss().await, bss().await);
    subscribe(&app, &ours.url, &[]).await;
    let made = app
        .post("/api/v1/clients", &serde_json::json!({ "name": "mvno-bss", "tenant": "mvno" }))
        .await
        .expect(201);
    let authorization = crate::access::of(&made);
    let headers = [("content-type", "text/xml; charset=utf-8"), ("authorization", authorization.as_str())];
    let subscribe = super::envelope(
        Soap11,
        "",
        &format!("<Subscribe xmlns=\"{}\"><notifyTo>{}</notifyTo></Subscribe>", super::NS, theirs.url),
    );
    super::send(&app, super::ORDERS, &headers, subscribe.as_bytes()).await.good();
    app.done(create("C-1")).await;
    let headers = [("authorization", authorization.as_str())];
    let order = serde_json::json!({ "serviceOrderItem": [create("C-2")] }).to_string();
    let placed =
        app.request(axum::http::Method::POST, ORDERS, &headers, Some(order.as_bytes())).await.expect(201);
    app.run().await;
    app.notify_all().await;
    assert_eq!((states(&ours).len(), states(&theirs).len()), (3, 3));
    assert!(told(&theirs).iter().all(|t| t.0 == placed["id"].as_str().unwrap()));
}
