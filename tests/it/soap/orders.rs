//! Contract A: the eight orders and the rest of its operations.

use serde_json::Value;
use telvisor_soap::Version::{self, Soap11, Soap12};

use super::{NS, ORDERS, Reply, call, find, order, text};
use crate::harness::{CRM, TestApp, characteristic};

/// Places an order and runs it to its end; its acknowledgement as it was at once, and TMF641's view of its end.
async fn done(app: &TestApp, version: Version, operation: &str, children: &str) -> (Reply, Value) {
    let reply = call(app, version, operation, children).await;
    let id = text(reply.good(), "orderId");
    app.run().await;
    let shown = app.get(&format!("/tmf-api/serviceOrdering/v4/serviceOrder/{id}")).await.expect(200);
    assert_eq!(shown["state"], "completed", "{operation}: {shown:#}");
    (reply, shown)
}

async fn state(app: &TestApp, id: &str) -> String {
    app.service(id).await["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_eight_orders_by_both_versions() {
    for version in [Soap11, Soap12] {
        let app = TestApp::new().await;
        let create = format!(
            "{}<customerId>C-7</customerId><name>Ada</name><customerType>organization</customerType>\
             <contact><email>a@b.example</email><phone>123</phone><city>Oslo</city><country>NO</country></contact>\
             <characteristics><characteristic><name>language</name><value>no</value></characteristic></characteristics>",
            order("o-1")
        );
        let (ack, shown) = done(&app, version, "CreateCustomer", &create).await;
        assert_eq!(text(ack.good(), "customerId"), "C-7");
        assert_eq!(text(ack.good(), "state"), "acknowledged");
        assert_eq!(shown["externalReference"][0]["id"], "soap");
        let got = call(&app, version, "GetCustomer", "<customerId>C-7</customerId>").await;
        assert_eq!(
            (text(got.good(), "name"), text(got.good(), "city")),
            ("Ada".to_owned(), "Oslo".to_owned())
        );
        assert_eq!(
            characteristic(&app.service("C-7").await, "customerType").as_deref(),
            Some("organization")
        );

        let provision = format!(
            "{}<customerId>C-7</customerId><applicationId>{CRM}</applicationId><planId>solo</planId><version>2.0</version>",
            order("o-2")
        );
        let (ack, _) = done(&app, version, "ProvisionApplication", &provision).await;
        let s = text(ack.good(), "subscriptionId");
        assert_eq!(state(&app, &s).await, "active");
        let of = |n: u32| format!("{}<subscriptionId>{s}</subscriptionId>", order(&format!("o-{n}")));
        let got = || async {
            let reply =
                call(&app, version, "GetSubscription", &format!("<subscriptionId>{s}</subscriptionId>"))
                    .await;
            let e = reply.good();
            (text(e, "state"), text(e, "planId"), text(e, "version"))
        };
        let is = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(got().await, is("active", "solo", "2.0"));

        let up = format!("{}<changeType>upgrade</changeType><planId>team</planId>", of(3));
        done(&app, version, "ChangeSubscription", &up).await;
        assert_eq!(got().await, is("active", "team", "2.0"));
        let down = format!("{}<changeType>downgrade</changeType><planId>solo</planId>", of(4));
        done(&app, version, "ChangeSubscription", &down).await;
        done(&app, version, "SuspendSubscription", &of(5)).await;
        assert_eq!(got().await, is("suspended", "solo", "2.0"));
        let because = format!("{}<reason>paid</reason>", of(6));
        let (_, shown) = done(&app, version, "ReactivateSubscription", &because).await;
        assert_eq!(shown["note"][0]["text"], "paid");
        assert_eq!(got().await, is("active", "solo", "2.0"));

        let of_customer = |n: u32| format!("{}<customerId>C-7</customerId>", order(&format!("o-{n}")));
        done(&app, version, "SuspendCustomer", &of_customer(7)).await;
        assert_eq!(got().await.0, "suspended");
        done(&app, version, "ReactivateCustomer", &of_customer(8)).await;
        assert_eq!(got().await.0, "active");
        done(&app, version, "TerminateSubscription", &of(9)).await;
        assert_eq!(got().await.0, "terminated");
        done(&app, version, "TerminateCustomer", &of_customer(10)).await;
        let customer = call(&app, version, "GetCustomer", "<customerId>C-7</customerId>").await;
        assert_eq!(text(customer.good(), "state"), "terminated");
        assert_eq!(text(customer.good(), "subscriptionId"), s);
        assert!(app.machines().is_empty(), "the machine is gone");
    }
}

/// A customer with one subscription; its id.
async fn subscribed(app: &TestApp) -> String {
    app.customer("C-1").await;
    app.provision("C-1", CRM, "solo", Some("2.0")).await
}

#[tokio::test]
async fn backups_are_taken_listed_linked_and_restored() {
    let app = TestApp::new().await;
    let s = subscribed(&app).await;
    let of = |n: u32| format!("{}<subscriptionId>{s}</subscriptionId>", order(&format!("b-{n}")));
    let (ack, _) = done(&app, Soap11, "BackupSubscription", &of(1)).await;
    let status = call(&app, Soap11, "GetOrderStatus", "<externalOrderId>b-1</externalOrderId>").await;
    assert_eq!(text(status.good(), "orderId"), text(ack.good(), "orderId"));
    let backup = text(status.good(), "backupId");
    let list = call(&app, Soap11, "ListBackups", &format!("<subscriptionId>{s}</subscriptionId>")).await;
    assert_eq!(
        (text(list.good(), "backupId"), text(list.good(), "state")),
        (backup.clone(), "available".into())
    );
    let link = call(
        &app,
        Soap12,
        "GetBackupLink",
        &format!("<backupId>{backup}</backupId><customerId>C-1</customerId>"),
    )
    .await;
    let url = text(link.good(), "url");
    let path = url.strip_prefix("http://localhost:8080").expect("an absolute link");
    assert_eq!(app.get(path).await.status, 200);
    let foreign = call(
        &app,
        Soap11,
        "GetBackupLink",
        &format!("<backupId>{backup}</backupId><customerId>C-2</customerId>"),
    )
    .await;
    assert_eq!(foreign.fault().0, 2005);
    done(&app, Soap11, "RestoreSubscription", &format!("{}<backupId>{backup}</backupId>", of(2))).await;
}

#[tokio::test]
async fn refusals_name_what_is_wrong() {
    let app = TestApp::new().await;
    let s = subscribed(&app).await;
    let customer = format!("{}<customerId>C-1</customerId>", order("r"));
    let of = format!("{}<subscriptionId>{s}</subscriptionId>", order("r"));
    let nobody = "00000000-0000-0000-0000-000000000001";
    let cases = [
        ("SuspendCustomer", customer.replace("C-1", "C-9"), 3001, "customerId"),
        ("SuspendCustomer", customer.replace("C-1", &s), 3001, "customerId"),
        ("TerminateCustomer", customer.replace("C-1", &s), 3001, "customerId"),
        ("SuspendSubscription", of.replace(&s, "C-1"), 3002, "subscriptionId"),
        ("TerminateSubscription", of.replace(&s, nobody), 3002, "subscriptionId"),
        (
            "ProvisionApplication",
            format!("{customer}<applicationId>none</applicationId><planId>p</planId>"),
            3004,
            "applicationId",
        ),
        (
            "ProvisionApplication",
            format!("{customer}<applicationId>{CRM}</applicationId><planId>huge</planId>"),
            3004,
            "planId",
        ),
        (
            "ProvisionApplication",
            format!(
                "{customer}<applicationId>{CRM}</applicationId><planId>solo</planId><version>9</version>"
            ),
            3004,
            "version",
        ),
        (
            "ProvisionApplication",
            format!("{customer}<applicationId>{CRM}</applicationId><planId>solo</planId>"),
            3008,
            "",
        ),
        (
            "ProvisionApplication",
            format!(
                "{customer}<applicationId>{CRM}</applicationId><planId>solo</planId><quantity>5</quantity>"
            ),
            2005,
            "quantity",
        ),
        (
            "ChangeSubscription",
            format!("{of}<changeType>downgrade</changeType><planId>team</planId>"),
            2005,
            "changeType",
        ),
        (
            "ChangeSubscription",
            format!("{of}<changeType>upgrade</changeType><version>1.0</version>"),
            2005,
            "changeType",
        ),
        (
            "ChangeSubscription",
            format!(
                "{of}<characteristics><characteristic><name>x</name><value>1</value></characteristic></characteristics>"
            ),
            2005,
            "characteristics/characteristic[1]/value",
        ),
        ("ReactivateSubscription", of.replace(&s, nobody), 3002, "subscriptionId"),
        ("RestoreSubscription", format!("{of}<backupId>{nobody}</backupId>"), 2005, "backupId"),
        ("CreateCustomer", format!("{}<customerId>C-1</customerId><name>Ada</name>", order("r")), 3008, ""),
        (
            "CreateCustomer",
            format!("{}<customerId>C 2</customerId><name>Ada</name>", order("r")),
            2005,
            "customerId",
        ),
        ("CreateCustomer", format!("{}<name> </name>", order("r")), 2005, "name"),
        ("GetOrderStatus", format!("<orderId>{nobody}</orderId>"), 3003, "orderId"),
        (
            "GetOrderStatus",
            format!("<orderId>{nobody}</orderId><externalOrderId>a</externalOrderId>"),
            2005,
            "GetOrderStatus",
        ),
        ("GetOrderStatus", String::new(), 2005, "GetOrderStatus"),
        ("CancelOrder", "<externalOrderId>nothing</externalOrderId>".into(), 3003, "externalOrderId"),
        ("GetSubscription", format!("<subscriptionId>{nobody}</subscriptionId>"), 3002, "subscriptionId"),
        ("GetCustomer", "<customerId>C-9</customerId>".into(), 3001, "customerId"),
        ("ListBackups", format!("<subscriptionId>{nobody}</subscriptionId>"), 3002, "subscriptionId"),
        ("GetBackupLink", format!("<backupId>{nobody}</backupId>"), 2005, "backupId"),
    ];
    for (operation, children, number, path) in cases {
        let reply = call(&app, Soap11, operation, &children).await;
        assert_eq!(reply.status, 500, "{operation} {children}");
        let (n, _, at) = reply.fault();
        assert_eq!(n, number, "{operation} {children}: {:?}", reply.protocol());
        assert!(at.ends_with(path), "{operation} {children}: {at}");
    }
    app.run().await;
    assert_eq!(state(&app, &s).await, "active", "nothing was done");
}

#[tokio::test]
async fn a_repeat_answers_the_same_order_and_other_content_conflicts() {
    let app = TestApp::new().await;
    let children = |name: &str| format!("{}<customerId>C-1</customerId><name>{name}</name>", order("same"));
    let (first, _) = done(&app, Soap11, "CreateCustomer", &children("Ada")).await;
    assert_eq!(text(first.good(), "duplicate"), "");
    let again = call(&app, Soap12, "CreateCustomer", &children("Ada")).await;
    assert_eq!(text(again.good(), "orderId"), text(first.good(), "orderId"));
    assert_eq!(
        (text(again.good(), "duplicate"), text(again.good(), "state")),
        ("true".into(), "completed".into())
    );
    let other = call(&app, Soap11, "CreateCustomer", &children("Eve")).await;
    let (number, code, path) = other.fault();
    assert_eq!((number, code.as_str()), (3006, "DUPLICATE_ORDER_CONFLICT"));
    assert!(path.ends_with("order/externalOrderId"));
    assert_eq!(text(other.body(), "orderId"), text(first.good(), "orderId"));
    assert_eq!(text(other.body(), "externalOrderId"), "same");
}

#[tokio::test]
async fn fifty_repeats_at_once_make_one_order() {
    let app = TestApp::new().await;
    let children = format!("{}<customerId>C-1</customerId><name>Ada</name>", order("many"));
    let calls = (0..50).map(|_| Box::pin(call(&app, Soap11, "CreateCustomer", &children)));
    let replies = futures_util::future::join_all(calls).await;
    let ids: Vec<String> = replies.iter().map(|r| text(r.good(), "orderId")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(replies.iter().filter(|r| text(r.good(), "duplicate") == "true").count(), 49);
    let list = app.get("/tmf-api/serviceOrdering/v4/serviceOrder").await.expect(200);
    assert_eq!(list.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn orders_are_found_by_customer_state_and_change() {
    let app = TestApp::new().await;
    for (n, customer) in ["A", "B", "C"].into_iter().enumerate() {
        app.clock.advance(chrono::TimeDelta::seconds(60));
        let create = format!("{}<customerId>{customer}</customerId><name>N</name>", order(&format!("f{n}")));
        done(&app, Soap11, "CreateCustomer", &create).await;
    }
    let found = async |children: &str| -> (String, Vec<String>) {
        let reply = call(&app, Soap11, "FindOrders", children).await;
        let page = find(reply.good(), "page").unwrap().clone();
        let ids = page.children[1..].iter().map(|s| text(s, "externalOrderId")).collect();
        (text(&page, "total"), ids)
    };
    assert_eq!(found("").await, ("3".into(), vec!["f2".into(), "f1".into(), "f0".into()]));
    assert_eq!(found("<customerId>B</customerId>").await, ("1".into(), vec!["f1".into()]));
    assert_eq!(found("<state>failed</state>").await, ("0".into(), vec![]));
    assert_eq!(found("<offset>1</offset><limit>1</limit>").await, ("3".into(), vec!["f1".into()]));
    let reply = call(&app, Soap11, "GetOrderStatus", "<externalOrderId>f1</externalOrderId>").await;
    let changed = text(reply.good(), "stateChangeDate");
    assert_eq!(found(&format!("<changedSince>{changed}</changedSince>")).await.0, "2");
    let held = TestApp::holding().await;
    held.customer("C-1").await;
    held.breaks("install");
    let provision = format!(
        "{}<customerId>C-1</customerId><applicationId>{CRM}</applicationId><planId>solo</planId>",
        order("h")
    );
    call(&held, Soap11, "ProvisionApplication", &provision).await.good();
    held.run().await;
    let reply = call(&held, Soap11, "FindOrders", "<state>held</state>").await;
    assert_eq!(text(reply.good(), "externalOrderId"), "h");
}

#[tokio::test]
async fn an_order_is_cancelled_before_it_begins_and_not_after_its_end() {
    let app = TestApp::new().await;
    app.customer("C-1").await;
    let later = "<order><externalOrderId>l</externalOrderId><requestedStartDate>2026-12-24T08:00:00+01:00</requestedStartDate></order>";
    let children = format!(
        "{later}<customerId>C-1</customerId><applicationId>{CRM}</applicationId><planId>solo</planId>"
    );
    call(&app, Soap11, "ProvisionApplication", &children).await.good();
    let ack =
        call(&app, Soap11, "CancelOrder", "<externalOrderId>l</externalOrderId><reason>no more</reason>")
            .await;
    assert_eq!(text(ack.good(), "state"), "cancelled");
    let again = call(&app, Soap11, "CancelOrder", "<externalOrderId>l</externalOrderId>").await;
    assert_eq!(again.fault().0, 3005);
}

#[tokio::test]
async fn the_answer_waits_for_the_end_where_the_client_wants_it() {
    let app = TestApp::new().await;
    let children = "<order><externalOrderId>w</externalOrderId><waitSeconds>60</waitSeconds></order><customerId>C-1</customerId><name>Ada</name>";
    let answered = std::sync::atomic::AtomicBool::new(false);
    let asks = async {
        let reply = call(&app, Soap11, "CreateCustomer", children).await;
        answered.store(true, std::sync::atomic::Ordering::Relaxed);
        reply
    };
    let works = async {
        while !answered.load(std::sync::atomic::Ordering::Relaxed) {
            app.run().await;
            tokio::task::yield_now().await;
        }
    };
    let (reply, ()) = futures_util::future::join(Box::pin(asks), works).await;
    assert_eq!(text(reply.good(), "state"), "completed");

    // When the time is over the answer is the state then; what waits for somebody is not waited for.
    let of = |id: &str, more: &str| {
        format!(
            "<order><externalOrderId>{id}</externalOrderId>{more}</order>\
             <customerId>C-1</customerId><applicationId>{CRM}</applicationId><planId>solo</planId>"
        )
    };
    let short = "<waitSeconds>1</waitSeconds>";
    let reply = call(&app, Soap11, "ProvisionApplication", &of("w-1", short)).await;
    assert_eq!(text(reply.good(), "state"), "acknowledged");
    let held = TestApp::holding().await;
    held.customer("C-1").await;
    held.breaks("install");
    call(&held, Soap11, "ProvisionApplication", &of("w-2", "")).await.good();
    held.run().await;
    let long = "<waitSeconds>60</waitSeconds>";
    let asked = std::time::Instant::now();
    let status = call(&held, Soap11, "ProvisionApplication", &of("w-2", long)).await;
    assert_eq!(
        (text(status.good(), "state"), text(status.good(), "duplicate")),
        ("held".into(), "true".into())
    );
    assert!(asked.elapsed().as_secs() < 60, "it was not waited for");
}

/// What the service is to blame for says that it can be tried again.
#[tokio::test]
async fn a_database_that_fails_is_the_servers_fault() {
    let app = TestApp::new().await;
    subscribed(&app).await;
    app.sql("ALTER TABLE customers RENAME TO customers_away").await;
    for (version, code) in [(Soap11, "soap:Server"), (Soap12, "soap:Receiver")] {
        let reply = call(&app, version, "GetCustomer", "<customerId>C-1</customerId>").await;
        assert_eq!((reply.status, reply.protocol().0.as_str()), (500, code));
        assert_eq!(reply.fault(), (5000, "INTERNAL".to_owned(), String::new()));
    }
}

#[tokio::test]
async fn what_describes_the_contract() {
    let app = TestApp::new().await;
    let text_of = async |query: &str| {
        let answer = app.get(&format!("{ORDERS}?{query}")).await;
        assert_eq!(answer.status, 200, "{query}");
        assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/xml"));
        String::from_utf8(answer.octets).unwrap()
    };
    let address = "http://localhost:8080/soap/orders";
    let wsdl = text_of("wsdl").await;
    assert!(wsdl.contains(&format!("location=\"{address}\"")));
    assert!(wsdl.contains(&format!("schemaLocation=\"{address}?xsd=telvisor-orders.xsd\"")));
    assert_eq!(wsdl.matches("<wsdl:port ").count(), 1, "some clients take the last port");
    let wsdl12 = text_of("wsdl12").await;
    assert!(
        wsdl12.contains("wsdl/soap12/")
            && !wsdl12.contains("wsdl/soap/")
            && wsdl12.contains("ProvisioningPort12")
    );
    let single = text_of("singleWsdl").await;
    assert!(single.contains("name=\"OrderInfo\"") && !single.contains("xsd:import"));
    assert!(text_of("xsd=telvisor-orders.xsd").await.contains("targetNamespace=\"urn:telvisor:orders:v1\""));
    assert!(text_of("notify").await.contains("NotifyOrderStateChange"));
    assert_eq!(app.get(&format!("{ORDERS}?xsd=other")).await.status, 404);
    for operation in telvisor::api::soap::orders::request::OPERATIONS {
        assert!(wsdl.contains(&format!("soapAction=\"{NS}/{operation}\"")), "{operation}");
        assert!(single.contains(&format!("<xsd:element name=\"{operation}Response\"")), "{operation}");
    }
}
