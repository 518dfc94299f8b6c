//! Contract C: a BSS is told how orders go, through the lanes that the hubs have.

mod whole;

use telvisor_soap::Version::Soap11;
use telvisor_soap::{Element, Limits, parse};

use super::{call, find, keep, order, text};
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
    keep(&heard.octets);
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

mod replies {
    //! `wsa:ReplyTo` of contract B.

    use telvisor_soap::Element;

    use super::super::{Reply, envelope, find, text};
    use super::{Ear, Soap11, TestApp, message};
    use crate::harness::CRM;

    const NE: &str = "urn:telvisor:ne:1.2";
    const MO: &str = "urn:telvisor:mo:v1";
    const WSA: &str = "http://www.w3.org/2005/08/addressing";

    /// Sends an operation whose answer goes elsewhere; the status, and the envelope where there is one.
    async fn send(
        app: &TestApp,
        operation: &str,
        to: &str,
        id: &str,
        children: &str,
    ) -> (u16, Option<Reply>) {
        send_with(app, operation, to, id, children, "</n:TransactionId>").await
    }

    /// With what ends the last header block, and more blocks.
    async fn send_with(
        app: &TestApp,
        operation: &str,
        to: &str,
        id: &str,
        children: &str,
        blocks: &str,
    ) -> (u16, Option<Reply>) {
        let headers = format!(
            "<a:Action xmlns:a=\"{WSA}\">CAI3G#{operation}</a:Action><a:MessageID xmlns:a=\"{WSA}\">{id}</a:MessageID>\
             <a:ReplyTo xmlns:a=\"{WSA}\"><a:Address>{to}</a:Address></a:ReplyTo>\
             <n:TransactionId xmlns:n=\"{NE}\">T-{id}{blocks}"
        );
        let body = format!("<n:{operation} xmlns:n=\"{NE}\" xmlns:m=\"{MO}\">{children}</n:{operation}>");
        let text = envelope(Soap11, &headers, &body);
        let kind = [("content-type", "text/xml; charset=utf-8")];
        let answer = app.request(axum::http::Method::POST, "/soap/ne", &kind, Some(text.as_bytes())).await;
        let root = telvisor_soap::parse(&answer.octets, &telvisor_soap::Limits::default()).ok();
        let status = answer.status.as_u16();
        (status, root.map(|root| Reply { status, kind: String::new(), root }))
    }

    fn customer(id: &str) -> String {
        format!(
            "<n:MOType>Customer@{MO}</n:MOType><n:MOId><m:customerId>{id}</m:customerId></n:MOId><n:MOAttributes>\
             <m:createCustomer customerId=\"{id}\"><m:name>Ada</m:name></m:createCustomer></n:MOAttributes>"
        )
    }

    fn header(root: &Element, name: &str) -> String {
        text(root.children.iter().find(|e| e.name == "Header").unwrap(), name)
    }

    #[tokio::test]
    async fn the_answer_comes_when_the_order_has_ended() {
        let app = TestApp::new().await;
        let ear = Ear::open().await;
        assert_eq!(send(&app, "Create", &ear.url, "m-1", &customer("C-1")).await.0, 202);
        app.notify_all().await;
        assert!(ear.heard().is_empty(), "the order has not ended");
        // Once more while it runs: each message has its reply. The same message once more changes nothing.
        assert_eq!(send(&app, "Create", &ear.url, "m-2", &customer("C-1")).await.0, 202);
        assert_eq!(send(&app, "Create", &ear.url, "m-2", &customer("C-1")).await.0, 202);
        assert_eq!(app.counts().await.0, "1");
        app.run().await;
        app.notify_all().await;
        let heard = ear.taken();
        assert_eq!(heard.len(), 2);
        let mut ids = std::collections::BTreeSet::new();
        for (h, id) in heard.iter().zip(["m-1", "m-2"]) {
            assert_eq!(h.header("soapaction"), "\"CAI3G#CreateResponse\"");
            let root = message(h);
            assert_eq!(header(&root, "RelatesTo"), id);
            ids.insert(header(&root, "MessageID"));
            assert_eq!(header(&root, "To"), ear.url);
            assert_eq!(header(&root, "Action"), "CAI3G#CreateResponse");
            assert_eq!(header(&root, "TransactionId"), format!("T-{id}"));
            let body = &root.children.iter().find(|e| e.name == "Body").unwrap().children[0];
            assert!(body.is(NE, "CreateResponse"), "{body:#?}");
            assert_eq!(text(body, "customerId"), "C-1");
        }
        assert_eq!(ids.len(), 2, "each is a message of its own");
    }

    #[tokio::test]
    async fn a_reply_that_is_promised_while_another_is_under_way_is_sent_too() {
        let app = TestApp::new().await;
        let ear = Ear::open().await;
        send(&app, "Create", &ear.url, "m-1", &customer("C-1")).await;
        app.run().await;
        let listeners = app.get("/api/v1/listeners").await.expect(200);
        let listener = listeners[0]["id"].as_str().unwrap().parse().unwrap();
        let orders = app.get(crate::harness::ORDERS).await.expect(200);
        let order = orders[0]["id"].as_str().unwrap().parse().unwrap();
        let kept = app.engine().db.read("default").await.unwrap().replies(listener, order).await.unwrap();
        let gate = ear.keeps_waiting().await;
        let meanwhile = async {
            ear.until(1).await;
            let caller = telvisor::access::Caller::local(telvisor::access::Door::SoapNe);
            let shows = telvisor::api::hub::apis::SHOWS;
            let (engine, context) = (app.engine(), &kept[0].context);
            telvisor::notify::soap::reply_to(engine, &shows, &caller, order, &ear.url, "m-2", context)
                .await
                .unwrap();
            drop(gate);
        };
        futures_util::future::join(Box::pin(app.notify()), Box::pin(meanwhile)).await;
        app.notify_all().await;
        let ids: Vec<_> = ear.taken().iter().map(|h| header(&message(h), "RelatesTo")).collect();
        assert_eq!(ids, ["m-1", "m-2"]);
    }

    #[tokio::test]
    async fn the_promise_keeps_no_session() {
        let app = TestApp::new().await;
        let near = crate::access::near();
        let session =
            telvisor::access::sessions::open(app.engine(), "any", "", telvisor::access::Door::SoapNe, &near)
                .await
                .unwrap();
        let ear = Ear::open().await;
        let block = format!("</n:TransactionId><n:SessionId xmlns:n=\"{NE}\">{}</n:SessionId>", session.id);
        let (status, _) = send_with(&app, "Create", &ear.url, "m-1", &customer("C-1"), &block).await;
        assert_eq!(status, 202);
        let listeners = app.get("/api/v1/listeners").await.expect(200);
        let listener = listeners[0]["id"].as_str().unwrap().parse().unwrap();
        let orders = app.get(crate::harness::ORDERS).await.expect(200);
        let order = orders[0]["id"].as_str().unwrap().parse().unwrap();
        let mut tx = app.engine().db.read("default").await.unwrap();
        let kept = tx.replies(listener, order).await.unwrap();
        assert_eq!(kept.len(), 1);
        let text = kept[0].context.to_string();
        assert!(text.contains("T-m-1") && !text.contains(&session.id), "{text}");
    }

    #[tokio::test]
    async fn a_failure_comes_as_a_fault_and_is_sent_until_it_is_taken() {
        let app = TestApp::new().await;
        let ear = Ear::open().await;
        send(&app, "Create", &ear.url, "m-1", &customer("C-1")).await;
        app.run().await;
        app.notify_all().await;
        ear.forget();
        ear.answers(|_, n| if n < 3 { 500 } else { 202 });
        app.breaks("install");
        let subscription = format!(
            "<n:MOType>Subscription@{MO}</n:MOType><n:MOId><m:customerId>C-1</m:customerId>\
             <m:applicationId>{CRM}</m:applicationId></n:MOId><n:MOAttributes><m:createSubscription customerId=\"C-1\" \
             applicationId=\"{CRM}\"><m:planId>solo</m:planId></m:createSubscription></n:MOAttributes>"
        );
        let (status, reply) = send(&app, "Create", &ear.url, "m-2", &subscription).await;
        assert_eq!(status, 202, "{reply:#?}");
        app.run().await;
        let app = app.restart().await;
        app.notify_all().await;
        assert_eq!(ear.heard().len(), 4);
        let root = message(&ear.taken()[0]);
        assert_eq!(header(&root, "RelatesTo"), "m-2");
        let fault = find(&root, "Cai3gFault").expect("a fault of the dialect");
        assert_eq!((text(fault, "faultcode"), text(fault, "state")), ("4006".into(), "failed".into()));
        assert_eq!(text(fault, "retryable"), "false");
    }

    #[tokio::test]
    async fn what_cannot_be_answered_is_refused_before_anything_is_done() {
        let app = TestApp::new().await;
        let ear = Ear::open().await;
        let (status, reply) = send(&app, "Create", "http://10.0.0.1/x", "m-1", &customer("C-1")).await;
        let reply = reply.unwrap();
        assert_eq!((status, text(reply.body(), "faultcode")), (500, "soap:Client".into()));
        assert!(text(reply.body(), "reasonText").starts_with("CALLBACK_NOT_ALLOWED"), "{reply:#?}");
        let long = "m".repeat(1025);
        let (status, reply) = send(&app, "Create", &ear.url, &long, &customer("C-1")).await;
        assert_eq!(
            (status, text(reply.unwrap().body(), "faultcode")),
            (500, "wsa:InvalidAddressingHeader".into())
        );
        assert_eq!(app.counts().await.0, "0", "no order was placed");
    }
}
