//! Contract B: Telvisor as a network element.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::Method;
use telvisor::config::AccessMode;
use telvisor_soap::Version::{self, Soap11};
use telvisor_soap::{Element, Limits, parse};

use super::{Reply, find, send, text};
use crate::harness::{CRM, TestApp};
use crate::notify::Ear;

const PATH: &str = "/soap/ne";
const NS: &str = "urn:telvisor:ne:1.2";
const MO: &str = "urn:telvisor:mo:v1";

/// Header blocks as gateways send them: no numbers.
const BLOCKS: &str = "<n:TransactionId xmlns:n=\"urn:telvisor:ne:1.2\">?</n:TransactionId>\
    <n:SequenceId xmlns:n=\"urn:telvisor:ne:1.2\">7e1a-b</n:SequenceId>\
    <n:Context xmlns:n=\"urn:telvisor:ne:1.2\"> a  b </n:Context>";

fn session(id: &str) -> String {
    format!("{BLOCKS}<n:SessionId xmlns:n=\"{NS}\">{id}</n:SessionId>")
}

/// Sends an operation, without anything being done meanwhile.
async fn sent(app: &TestApp, headers: &str, operation: &str, children: &str) -> Reply {
    let body = format!("<n:{operation} xmlns:n=\"{NS}\" xmlns:m=\"{MO}\">{children}</n:{operation}>");
    let message = super::envelope(Soap11, headers, &body);
    let action = format!("CAI3G#{operation}");
    send(app, PATH, &[("content-type", "text/xml"), ("soapaction", &action)], message.as_bytes()).await
}

/// Sends an operation while the queue is worked off.
async fn call_as(app: &TestApp, headers: &str, operation: &str, children: &str) -> Reply {
    let answered = AtomicBool::new(false);
    let asks = Box::pin(async {
        let reply = sent(app, headers, operation, children).await;
        answered.store(true, Ordering::Relaxed);
        reply
    });
    let works = async {
        while !answered.load(Ordering::Relaxed) {
            app.run().await;
            tokio::task::yield_now().await;
        }
    };
    futures_util::future::join(asks, works).await.0
}

pub async fn call(app: &TestApp, operation: &str, children: &str) -> Reply {
    call_as(app, BLOCKS, operation, children).await
}

/// `MOType`, `MOId` with these keys, and `MOAttributes` with this element.
pub fn object(kind: &str, keys: &[(&str, &str)], attributes: &str) -> String {
    let keys: String = keys.iter().map(|(name, value)| format!("<m:{name}>{value}</m:{name}>")).collect();
    let id = if keys.is_empty() { String::new() } else { format!("<n:MOId>{keys}</n:MOId>") };
    let attributes = if attributes.is_empty() {
        String::new()
    } else {
        format!("<n:MOAttributes>{attributes}</n:MOAttributes>")
    };
    format!("<n:MOType>{kind}@{MO}</n:MOType>{id}{attributes}")
}

fn customer(attributes: &str) -> String {
    object("Customer", &[("customerId", "C-1")], attributes)
}

/// Number, role and text of a fault.
#[track_caller]
fn fault(reply: &Reply) -> (u32, String, String) {
    assert_eq!(reply.status, 500, "{:#?}", reply.root);
    let detail = find(reply.body(), "Cai3gFault").unwrap_or_else(|| panic!("{:#?}", reply.root));
    assert_eq!(&*detail.ns, NS);
    assert!(detail.children.iter().all(|c| &*c.ns == NS), "children are qualified");
    (text(detail, "faultcode").parse().unwrap(), text(detail, "faultrole"), text(detail, "reasonText"))
}

async fn created(app: &TestApp) -> String {
    call(
        app,
        "Create",
        &customer("<m:createCustomer customerId=\"C-1\"><m:name>Ada</m:name></m:createCustomer>"),
    )
    .await
    .good();
    let keys = [("customerId", "C-1"), ("applicationId", CRM)];
    let attributes =
        "<m:createSubscription><m:planId>solo</m:planId><m:version>1.1</m:version></m:createSubscription>";
    let reply = call(app, "Create", &object("Subscription", &keys, attributes)).await;
    text(reply.good(), "subscriptionId")
}

async fn attribute(app: &TestApp, kind: &str, key: &str, id: &str, name: &str) -> String {
    let reply = call(app, "Get", &object(kind, &[(key, id)], "")).await;
    text(reply.good(), name)
}

#[tokio::test]
async fn the_eight_orders() {
    let app = TestApp::new().await;
    let s = created(&app).await;
    let get = |name: &'static str| {
        let s = s.clone();
        let app = &app;
        async move { attribute(app, "Subscription", "subscriptionId", &s, name).await }
    };
    assert_eq!(app.service(&s).await["state"], "active");
    assert_eq!(get("planId").await, "solo");
    let of = [("subscriptionId", s.as_str())];
    let set = |what: &str| {
        object(
            "Subscription",
            &of,
            &format!("<m:setSubscription subscriptionId=\"{s}\">{what}</m:setSubscription>"),
        )
    };
    call(&app, "Set", &set("<m:planId>team</m:planId>")).await.good();
    assert_eq!(get("planId").await, "team");
    call(&app, "Set", &set("<m:version>2.0</m:version>")).await.good();
    assert_eq!(get("version").await, "2.0");
    call(&app, "Set", &set("<m:state>suspended</m:state>")).await.good();
    assert_eq!(
        (get("state").await.as_str(), app.service(&s).await["state"].as_str()),
        ("suspended", Some("inactive"))
    );
    call(&app, "Set", &set("<m:state>active</m:state>")).await.good();
    assert_eq!(get("state").await, "active");

    let set_customer = |what: &str| customer(&format!("<m:setCustomer>{what}</m:setCustomer>"));
    call(&app, "Set", &set_customer("<m:state>suspended</m:state>")).await.good();
    assert_eq!(attribute(&app, "Customer", "customerId", "C-1", "state").await, "suspended");
    assert_eq!(get("state").await, "suspended", "with its customer");
    call(&app, "Set", &set_customer("<m:state>active</m:state>")).await.good();

    let by_both = object("Subscription", &[("applicationId", CRM), ("customerId", "C-1")], "");
    let reply = call(&app, "Delete", &by_both).await;
    assert_eq!(text(reply.good(), "subscriptionId"), s);
    let (number, role, _) = fault(&call(&app, "Get", &by_both).await);
    assert_eq!((number, role.as_str()), (3002, "NEF"), "what is terminated is absent");
    call(&app, "Set", &set("<m:state>active</m:state>")).await.good();
    assert_eq!(get("state").await, "active", "but it can be brought back");

    call(&app, "Delete", &customer("")).await.good();
    assert_eq!(fault(&call(&app, "Get", &customer("")).await).0, 3001);
    assert_eq!(app.service("C-1").await["state"], "terminated");
    assert!(app.machines().is_empty());
    call(&app, "Set", &set_customer("<m:state>active</m:state>")).await.good();
    assert_eq!(get("state").await, "active", "with its customer");
    let orders = app.get("/tmf-api/serviceOrdering/v4/serviceOrder").await.expect(200);
    assert_eq!(orders[0]["externalReference"][0]["id"], "soap-ne");
    assert_eq!(orders[0]["externalId"], "?", "the gateway's TransactionId");
}

#[tokio::test]
async fn headers_come_back_as_they_were() {
    let app = TestApp::new().await;
    created(&app).await;
    for reply in [
        call(&app, "Get", &customer("")).await,
        call(&app, "Get", &object("Customer", &[("customerId", "C-9")], "")).await,
    ] {
        let echo: Vec<(&str, &str)> =
            reply.headers().iter().map(|h| (h.name.as_str(), h.text.as_str())).collect();
        assert_eq!(echo, [("TransactionId", "?"), ("SequenceId", "7e1a-b"), ("Context", " a  b ")]);
    }
}

#[tokio::test]
async fn data_of_a_customer_is_set_and_searched() {
    let app = TestApp::new().await;
    let s = created(&app).await;
    let set = customer(
        "<m:setCustomer><m:name>Grace</m:name><m:email>g@b.example</m:email><m:phone>9</m:phone><m:language>en</m:language></m:setCustomer>",
    );
    call(&app, "Set", &set).await.good();
    let reply = call(&app, "Get", &customer("")).await;
    let got = find(reply.good(), "getCustomer").unwrap();
    assert_eq!(got.attribute("", "customerId"), Some("C-1"));
    let values: Vec<(&str, &str)> = got.children.iter().map(|c| (c.name.as_str(), c.text.as_str())).collect();
    assert_eq!(
        values,
        [
            ("name", "Grace"),
            ("email", "g@b.example"),
            ("phone", "9"),
            ("language", "en"),
            ("state", "active")
        ]
    );
    let crm = app.get("/tmf-api/customerManagement/v4/customer/C-1").await.expect(200);
    assert_eq!(crm["name"], "Grace", "{crm:#}");

    let search = |kind: &str, filters: &[(&str, &str)]| {
        let filters: String = filters
            .iter()
            .map(|(n, v)| format!("<n:filter><n:name>{n}</n:name><n:value>{v}</n:value></n:filter>"))
            .collect();
        format!("<n:MOType>{kind}@{MO}</n:MOType><n:filters>{filters}</n:filters>")
    };
    let count = |reply: &Reply| reply.good().children.len();
    let reply = call(&app, "Search", &search("Customer", &[("name", "Grace"), ("state", "active")])).await;
    assert_eq!((count(&reply), text(reply.good(), "customerId")), (1, "C-1".to_owned()));
    assert_eq!(count(&call(&app, "Search", &search("Customer", &[("name", "Ada")])).await), 0);
    let of =
        [("customerId", "C-1"), ("applicationId", CRM), ("subscriptionId", s.as_str()), ("state", "active")];
    let reply = call(&app, "Search", &search("Subscription", &of)).await;
    assert_eq!((count(&reply), text(reply.good(), "subscriptionId")), (1, s.clone()));
    assert_eq!(count(&call(&app, "Search", &search("Subscription", &[("subscriptionId", "none")])).await), 0);
    call(&app, "Delete", &object("Subscription", &[("subscriptionId", &s)], "")).await.good();
    assert_eq!(
        count(&call(&app, "Search", &search("Subscription", &[])).await),
        0,
        "terminated ones are absent"
    );
    assert_eq!(fault(&call(&app, "Search", &search("Customer", &[("size", "9")])).await).0, 2005);
}

#[tokio::test]
async fn what_is_there_and_what_is_not() {
    let exists = "<m:createCustomer><m:name>Ada</m:name></m:createCustomer>";
    let again = object(
        "Subscription",
        &[("customerId", "C-1"), ("applicationId", CRM)],
        "<m:createSubscription><m:planId>solo</m:planId></m:createSubscription>",
    );
    let nobody = object("Customer", &[("customerId", "C-9")], "");
    let nothing = object("Subscription", &[("subscriptionId", "x")], "");
    let app = TestApp::new().await;
    let s = created(&app).await;
    for (operation, children, number) in [
        ("Create", customer(exists), 3008),
        ("Create", again.clone(), 3008),
        ("Delete", nobody.clone(), 3001),
        ("Delete", nothing.clone(), 3002),
    ] {
        let (n, role, _) = fault(&call(&app, operation, &children).await);
        assert_eq!((n, role.as_str()), (number, "NEF"), "{operation} {children}");
    }
    let loose = TestApp::with(|c| c.soap.loose_errors = true).await;
    created(&loose).await;
    call(&loose, "Create", &customer(exists)).await.good();
    let reply = call(&loose, "Create", &again).await;
    assert_ne!(text(reply.good(), "subscriptionId"), s);
    assert!(!text(reply.good(), "subscriptionId").is_empty());
    call(&loose, "Delete", &nobody).await.good();
    call(&loose, "Delete", &nothing).await.good();
}

/// With loose errors, what is absent is a success; what could not be looked up is none.
#[tokio::test]
async fn a_database_that_fails_is_no_success() {
    let app = TestApp::with(|c| c.soap.loose_errors = true).await;
    let s = created(&app).await;
    let exists = "<m:createCustomer><m:name>Ada</m:name></m:createCustomer>";
    let of_both = [("customerId", "C-1"), ("applicationId", CRM)];
    let plan = "<m:createSubscription><m:planId>solo</m:planId></m:createSubscription>";
    let subscription = object("Subscription", &[("subscriptionId", s.as_str())], "");
    let both = [
        (
            "ALTER TABLE customers RENAME TO customers_away",
            "ALTER TABLE customers_away RENAME TO customers",
            [("Create", customer(exists)), ("Delete", customer(""))],
        ),
        (
            "ALTER TABLE subscriptions RENAME TO subscriptions_away",
            "ALTER TABLE subscriptions_away RENAME TO subscriptions",
            [("Create", object("Subscription", &of_both, plan)), ("Delete", subscription)],
        ),
    ];
    for (away, back, requests) in &both {
        app.sql(away).await;
        for (operation, children) in requests {
            let (number, _, reason) = fault(&sent(&app, BLOCKS, operation, children).await);
            assert_eq!(number, 5000, "{operation} {children}: {reason}");
        }
        app.sql(back).await;
    }
    for (operation, children) in [&both[0].2[0], &both[1].2[0], &both[1].2[1], &both[0].2[1]] {
        call(&app, operation, children).await.good();
    }
}

#[tokio::test]
async fn what_is_refused_names_what_is_wrong() {
    let app = TestApp::new().await;
    let s = created(&app).await;
    let of = [("subscriptionId", s.as_str())];
    let keys = [("customerId", "C-1"), ("applicationId", "filecabinet")];
    let cases = [
        ("Create", object("Printer", &[("customerId", "C-1")], ""), 2005, "MOType"),
        ("Create", customer("<m:createCustomer/>"), 2005, "createCustomer/name"),
        (
            "Create",
            customer("<m:createCustomer customerId=\"C-2\"><m:name>A</m:name></m:createCustomer>"),
            2005,
            "createCustomer",
        ),
        ("Create", customer("<m:setCustomer><m:name>A</m:name></m:setCustomer>"), 2005, "createCustomer"),
        (
            "Create",
            customer("<m:createCustomer><m:name>A</m:name><m:evil/></m:createCustomer>"),
            2005,
            "evil",
        ),
        ("Create", object("Subscription", &keys[..1], ""), 2005, "MOId"),
        ("Create", object("Subscription", &keys, ""), 2005, "planId"),
        (
            "Create",
            object(
                "Subscription",
                &[("customerId", "C-1"), ("applicationId", "none")],
                "<m:createSubscription><m:planId>p</m:planId></m:createSubscription>",
            ),
            3004,
            "applicationId",
        ),
        (
            "Create",
            object(
                "Subscription",
                &[("customerId", "C-9"), ("applicationId", CRM)],
                "<m:createSubscription><m:planId>solo</m:planId></m:createSubscription>",
            ),
            3001,
            "customerId",
        ),
        ("Get", object("Customer", &[("printerId", "1")], ""), 2005, "printerId"),
        ("Get", object("Customer", &[("customerId", "1"), ("customerId", "2")], ""), 2005, "customerId"),
        ("Get", object("Subscription", &[("customerId", "C-1")], ""), 2005, "MOId"),
        ("Get", object("Subscription", &[("subscriptionId", &s), ("customerId", "C-2")], ""), 3002, ""),
        ("Set", object("Subscription", &of, "<m:setSubscription/>"), 2005, "MOAttributes"),
        (
            "Set",
            object("Subscription", &of, "<m:setSubscription><m:planId>huge</m:planId></m:setSubscription>"),
            3004,
            "setSubscription/planId",
        ),
        (
            "Set",
            object(
                "Subscription",
                &of,
                "<m:setSubscription><m:planId>team</m:planId><m:state>active</m:state></m:setSubscription>",
            ),
            2005,
            "state",
        ),
        (
            "Set",
            object("Subscription", &of, "<m:setSubscription><m:state>gone</m:state></m:setSubscription>"),
            2005,
            "state",
        ),
        ("Set", customer(""), 2005, "MOAttributes"),
        ("DropAll", String::new(), 2003, "DropAll"),
    ];
    for (operation, children, number, word) in cases {
        let (n, _, why) = fault(&call(&app, operation, &children).await);
        assert_eq!(n, number, "{operation} {children}: {why}");
        assert!(why.contains(word), "{operation} {children}: {why}");
    }
}

#[tokio::test]
async fn a_wait_that_expires_is_4006_and_a_repeat_joins_the_order() {
    let app = TestApp::with(|c| c.soap.ne_wait_seconds = 1).await;
    let create = customer("<m:createCustomer><m:name>Ada</m:name></m:createCustomer>");
    let order_of = |reply: &Reply| {
        let (number, role, _) = fault(reply);
        assert_eq!((number, role.as_str()), (4006, "NEF"));
        let detail = find(reply.body(), "orderFault").expect("the order is named").clone();
        assert_eq!(&*detail.ns, MO);
        (text(&detail, "orderId"), text(&detail, "state"), text(&detail, "retryable"))
    };
    let first = order_of(&sent(&app, BLOCKS, "Create", &create).await);
    assert_eq!((first.1.as_str(), first.2.as_str()), ("acknowledged", "true"));
    let again = order_of(&sent(&app, BLOCKS, "Create", &create).await);
    assert_eq!(first.0, again.0, "the same order");
    let reply = call(&app, "Create", &create).await;
    assert_eq!(text(reply.good(), "customerId"), "C-1", "a repeat gets the answer to the first");
    assert_eq!(fault(&call(&app, "Create", &create).await).0, 3008, "after its end it is a new request");

    app.breaks("install");
    let keys = [("customerId", "C-1"), ("applicationId", CRM)];
    let subscribe = object(
        "Subscription",
        &keys,
        "<m:createSubscription><m:planId>solo</m:planId></m:createSubscription>",
    );
    let failed = order_of(&call(&app, "Create", &subscribe).await);
    assert_eq!((failed.1.as_str(), failed.2.as_str()), ("failed", "false"));
    app.mends();
    let reply = call(&app, "Create", &subscribe).await;
    assert!(!text(reply.good(), "subscriptionId").is_empty(), "a failed order is not joined");
}

#[tokio::test]
async fn sessions() {
    let app = TestApp::new().await;
    let login = "<n:userId>any</n:userId><n:pwd>thing</n:pwd>";
    let reply = sent(&app, "", "Login", login).await;
    let id = text(reply.good(), "sessionId");
    assert!(text(reply.good(), "baseSequenceId").parse::<u64>().is_ok());
    let create = customer("<m:createCustomer><m:name>Ada</m:name></m:createCustomer>");
    let reply = call_as(&app, &session(&id), "Create", &create).await;
    reply.good();
    assert!(reply.headers().iter().any(|h| h.name == "SessionId" && h.text == id));
    let bad = sent(&app, &session("none"), "Get", &customer("")).await;
    assert_eq!(fault(&bad).0, 1001);
    let block = &bad.headers()[0];
    assert_eq!(
        (block.name.as_str(), &*block.ns, text(block, "faultcode").as_str()),
        ("SessionIdFault", NS, "1001")
    );
    let app = app.restart().await;
    sent(&app, &session(&id), "Get", &customer("")).await.good();
    sent(&app, "", "Logout", &format!("<n:sessionId>{id}</n:sessionId>")).await.good();
    assert_eq!(fault(&sent(&app, &session(&id), "Get", &customer("")).await).0, 1001);
    assert_eq!(fault(&sent(&app, "", "Logout", &format!("<n:sessionId>{id}</n:sessionId>")).await).0, 1001);
}

#[tokio::test]
async fn without_a_session_nothing_is_done_where_access_is_required() {
    let app = TestApp::with(|c| c.access.mode = AccessMode::Required).await;
    assert_eq!(fault(&sent(&app, BLOCKS, "Get", &customer("")).await).0, 1001);
    let (number, role, _) = fault(&sent(&app, "", "Login", "<n:userId>a</n:userId><n:pwd>b</n:pwd>").await);
    assert_eq!((number, role.as_str()), (1002, "MF"));
}

#[tokio::test]
async fn the_namespace_is_a_setting() {
    let app = TestApp::with(|c| c.soap.ne_namespace = "http://gateway.example/ne/".into()).await;
    let wsdl = app.get("/soap/ne?wsdl").await;
    let wsdl = String::from_utf8(wsdl.octets).unwrap();
    assert!(wsdl.contains("targetNamespace=\"http://gateway.example/ne/\"") && !wsdl.contains(NS));
    assert!(
        wsdl.contains("targetNamespace=\"urn:telvisor:mo:v1\"")
            && wsdl.contains("location=\"http://localhost:8080/soap/ne\"")
    );
    let own = "<g:Get xmlns:g=\"http://gateway.example/ne/\"><g:MOType>Customer@urn:telvisor:mo:v1</g:MOType>\
               <g:MOId><m:customerId xmlns:m=\"urn:telvisor:mo:v1\">C-1</m:customerId></g:MOId></g:Get>";
    let message = super::envelope(Version::Soap11, "", own);
    let reply = send(&app, PATH, &[("content-type", "text/xml")], message.as_bytes()).await;
    let detail = find(reply.body(), "Cai3gFault").unwrap();
    assert_eq!((&*detail.ns, text(detail, "faultcode").as_str()), ("http://gateway.example/ne/", "3001"));
    assert_eq!(app.get("/soap/ne").await.status, 405);
}

/// WS-Addressing headers of a request whose answer goes elsewhere.
fn addressed(operation: &str, message: &str, to: &str) -> String {
    const WSA: &str = "http://www.w3.org/2005/08/addressing";
    format!(
        "{BLOCKS}<a:Action xmlns:a=\"{WSA}\">CAI3G#{operation}</a:Action>\
         <a:MessageID xmlns:a=\"{WSA}\">{message}</a:MessageID>\
         <a:ReplyTo xmlns:a=\"{WSA}\"><a:Address>{to}</a:Address></a:ReplyTo>"
    )
}

#[tokio::test]
async fn answers_go_where_the_request_says() {
    let app = TestApp::new().await;
    let ear = Ear::answering(|_, n| if n == 0 { 500 } else { 200 }).await;
    let create = customer("<m:createCustomer><m:name>Ada</m:name></m:createCustomer>");
    let body = format!("<n:Create xmlns:n=\"{NS}\" xmlns:m=\"{MO}\">{create}</n:Create>");
    let ask = async |operation: &str, message: &str, to: &str, body: &str| {
        let envelope = super::envelope(Soap11, &addressed(operation, message, to), body);
        app.request(Method::POST, PATH, &[("content-type", "text/xml")], Some(envelope.as_bytes())).await
    };
    let accepted = ask("Create", "urn:m:1", &ear.url, &body).await;
    assert_eq!((accepted.status.as_u16(), accepted.octets.len()), (202, 0));
    app.run().await;
    app.notify_all().await;
    app.breaks("install");
    let keys = [("customerId", "C-1"), ("applicationId", CRM)];
    let subscribe = object(
        "Subscription",
        &keys,
        "<m:createSubscription><m:planId>solo</m:planId></m:createSubscription>",
    );
    let body = format!("<n:Create xmlns:n=\"{NS}\" xmlns:m=\"{MO}\">{subscribe}</n:Create>");
    assert_eq!(ask("Create", "urn:m:2", &ear.url, &body).await.status, 202);
    app.run().await;
    app.notify_all().await;
    let taken: Vec<Element> =
        ear.taken().iter().map(|h| parse(&h.octets, &Limits::default()).unwrap()).collect();
    assert_eq!(taken.len(), 2, "one reply each, and the first was repeated until it was taken");
    let told: Vec<(String, String)> =
        taken.iter().map(|r| (text(r, "RelatesTo"), text(r, "Action"))).collect();
    assert_eq!(told[0], ("urn:m:1".into(), "CAI3G#CreateResponse".into()));
    assert_eq!(
        (text(&taken[0], "customerId"), text(&taken[0], "SequenceId")),
        ("C-1".into(), "7e1a-b".into())
    );
    assert_eq!(told[1], ("urn:m:2".into(), "http://www.w3.org/2005/08/addressing/soap/fault".into()));
    let fault = find(&taken[1], "Cai3gFault").expect("the fault it ended in");
    assert_eq!((text(fault, "faultcode"), text(fault, "state")), ("4006".into(), "failed".into()));

    let inside = ask("Create", "urn:m:3", "http://169.254.169.254/", &body).await;
    let inside = String::from_utf8(inside.octets).unwrap();
    assert!(inside.contains("CALLBACK_NOT_ALLOWED"), "{inside}");
    let get = format!("<n:Get xmlns:n=\"{NS}\" xmlns:m=\"{MO}\">{}</n:Get>", customer(""));
    let elsewhere = ask("Get", "urn:m:4", &ear.url, &get).await;
    assert!(String::from_utf8(elsewhere.octets).unwrap().contains("OnlyAnonymousAddressSupported"));
}
