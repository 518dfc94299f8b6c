//! Clients at the HTTP doors: credentials, scopes, tenants, new secrets.

use axum::http::Method;
use serde_json::{Value, json};
use telvisor::access::check::AccessError;
use telvisor_model::Scope;

use super::{CLIENTS, Closed, basic, check, named, of, plain, text};
use crate::harness::{ORDERS, TestApp, create};
use crate::notify::HUB;

const METRICS: &str = "/metrics";

#[tokio::test]
async fn an_open_server_needs_no_credentials_and_checks_those_that_are_given() {
    let app = TestApp::new().await;
    let body = json!({ "serviceOrderItem": [create("C1")] });
    let by = async |authorization: &str| {
        let headers = [("authorization", authorization)];
        app.request(Method::POST, ORDERS, &headers, Some(body.to_string().as_bytes())).await
    };
    let wrong = by(&basic("bss", "guess")).await;
    assert_eq!(wrong.headers["www-authenticate"], "Basic realm=\"telvisor\", charset=\"UTF-8\"");
    assert_eq!(wrong.expect(401)["code"], "unauthorized");
    by("Bearer abc").await.expect(401);
    let bss = app.post(CLIENTS, &named("bss")).await.expect(201);
    let order = by(&of(&bss)).await.expect(201);
    let mut tx = app.engine().db.read("default").await.unwrap();
    let deeds = tx.audited(text(&order, "id")).await.unwrap();
    assert_eq!(deeds[0].principal, "bss", "{deeds:?}");
    drop(tx);
    // Adding clients does not close it.
    let order = app.post(ORDERS, &json!({ "serviceOrderItem": [create("C2")] })).await.expect(201);
    let deeds = app.engine().db.read("default").await.unwrap().audited(text(&order, "id")).await.unwrap();
    assert_eq!(deeds[0].principal, "local", "{deeds:?}");
}

#[tokio::test]
async fn a_closed_server_lets_in_who_proves_a_name() {
    let c = Closed::open().await;
    let none = c.get(ORDERS, "").await;
    assert!(none.headers.contains_key("www-authenticate"));
    let refused = none.expect(401);
    assert_eq!((text(&refused, "code"), text(&refused, "status")), ("unauthorized", "401"));
    for path in [METRICS, "/api/v1/jobs", CLIENTS, "/nowhere", "/tmf-api/serviceOrdering/v4/nowhere"] {
        c.get(path, "").await.expect(401);
    }
    for path in ["/health/live", "/health/ready", "/docs/", "/docs/openapi/telvisor-v1.json"] {
        assert_eq!(c.get(path, "").await.status, 200, "{path}");
        assert_eq!(c.get(path, &basic("ops", "wrong")).await.status, 401, "{path}: given ones are checked");
    }
    let bss = c.add(named("bss")).await;
    c.post(ORDERS, &of(&bss), &json!({ "serviceOrderItem": [create("C1")] })).await.expect(201);
    c.get("/nowhere", &of(&bss)).await.expect(404);
    for (name, secret) in
        [("bss", ""), ("bss", "x"), ("nobody", text(&bss, "secret")), ("", ""), ("b\u{0}", "x")]
    {
        c.get(ORDERS, &basic(name, secret)).await.expect(401);
    }
    // A page of another site, or another Host, means nothing to who has a secret.
    let headers = [("authorization", of(&bss)), ("host", "orders.example.com".to_owned())];
    let headers: Vec<_> = headers.iter().map(|(k, v)| (*k, v.as_str())).collect();
    assert_eq!(c.app.request(Method::GET, ORDERS, &headers[..1], None).await.status, 200);
}

#[tokio::test]
async fn a_client_may_do_what_its_scopes_say() {
    let c = Closed::open().await;
    let reader = of(&c.add(json!({ "name": "reader", "scopes": ["orders:read"] })).await);
    c.get(ORDERS, &reader).await.expect(200);
    let order = json!({ "serviceOrderItem": [create("C1")] });
    let refused = c.post(ORDERS, &reader, &order).await.expect(403);
    assert_eq!(text(&refused, "message"), "reader has not the scope orders:write");
    let hub = json!({ "callback": "http://127.0.0.1:9/x" });
    assert!(text(&c.post(HUB, &reader, &hub).await.expect(403), "message").ends_with("events"));
    c.get(METRICS, &reader).await.expect(403);
    c.get("/tmf-api/serviceInventory/v4/service", &reader).await.expect(403);
    // What a client gets without a word: a whole BSS, and nothing of an operator.
    let made = c.add(named("bss")).await;
    let scopes: Vec<Value> = Scope::OF_A_BSS.iter().map(|s| json!(s)).collect();
    assert_eq!(made["scopes"], json!(scopes));
    let bss = of(&made);
    c.post(ORDERS, &bss, &order).await.expect(201);
    c.post(HUB, &bss, &hub).await.expect(201);
    for path in [CLIENTS, "/api/v1/jobs", "/api/v1/listeners", "/api/v1/sdr/files", METRICS] {
        assert_eq!(c.get(path, &bss).await.status, 403, "{path}");
        assert_eq!(c.get(path, &c.operator).await.status, 200, "{path}");
    }
    c.post(CLIENTS, &bss, &named("more")).await.expect(403);
}

#[tokio::test]
async fn clients_of_one_tenant_see_nothing_of_another() {
    let c = Closed::open().await;
    let ours = of(&c.add(named("ours")).await);
    let theirs = of(&c.add(json!({ "name": "theirs", "tenant": "mvno" })).await);
    let order = json!({ "serviceOrderItem": [create("C1")] });
    let placed = c.post(ORDERS, &ours, &order).await.expect(201);
    let path = format!("{ORDERS}/{}", text(&placed, "id"));
    c.get(&path, &ours).await.expect(200);
    c.get(&path, &theirs).await.expect(404);
    assert_eq!(c.get(ORDERS, &theirs).await.expect(200), json!([]));
    // The same customer id is another customer there.
    c.post(ORDERS, &theirs, &order).await.expect(201);
    // An operator of the tenant rules there alone.
    let admin = of(&c.add(json!({ "name": "admin", "tenant": "mvno", "scopes": ["admin"] })).await);
    let seen = c.get(CLIENTS, &admin).await.expect(200);
    let names: Vec<_> = seen.as_array().unwrap().iter().map(|s| text(s, "name")).collect();
    assert_eq!(names, ["admin", "theirs"]);
    c.get(&format!("{CLIENTS}/ours"), &admin).await.expect(404);
    c.post(&format!("{CLIENTS}/ours/disable"), &admin, &json!({})).await.expect(404);
    c.post(CLIENTS, &admin, &json!({ "name": "spy", "tenant": "default" })).await.expect(403);
    assert_eq!(c.post(CLIENTS, &admin, &named("two")).await.expect(201)["tenant"], "mvno");
    c.get(&format!("{CLIENTS}/theirs"), &c.operator).await.expect(200);
    let tenants = c.app.engine().db.read_system().await.unwrap().all_tenants().await.unwrap();
    assert_eq!(tenants, ["default", "mvno"]);
}

#[tokio::test]
async fn what_cannot_be_a_client_is_refused_by_its_member() {
    let c = Closed::open().await;
    c.add(named("bss")).await;
    for (body, status, words) in [
        (json!({}), 400, "missing field `name`"),
        (json!({ "name": "" }), 400, "name: "),
        (json!({ "name": "a b" }), 400, "name: "),
        (json!({ "name": "-a" }), 400, "name: "),
        (json!({ "name": "n".repeat(65) }), 400, "name: "),
        (json!({ "name": "local" }), 400, "name: "),
        (json!({ "name": "x", "tenant": "a/b" }), 400, "tenant: "),
        (json!({ "name": "x", "scopes": [] }), 400, "scopes: "),
        (json!({ "name": "x", "scopes": ["orders:all"] }), 400, "scopes[0]: "),
        (json!({ "name": "x", "secret": "mine" }), 400, "secret"),
        (json!({ "name": "bss" }), 409, "name: there is a client bss already"),
        (json!({ "name": "bss", "tenant": "mvno" }), 409, "name: "),
    ] {
        let refused = c.post(CLIENTS, &c.operator, &body).await.expect(status);
        assert!(text(&refused, "message").contains(words), "{body}: {refused:#}");
    }
    let tenants = c.app.engine().db.read_system().await.unwrap().all_tenants().await.unwrap();
    assert_eq!(tenants, ["default"], "a refused client makes no tenant");
    for word in ["", "/rotate", "/disable", "/enable"] {
        let method = if word.is_empty() { Method::GET } else { Method::POST };
        c.ask(method, &format!("{CLIENTS}/none{word}"), &c.operator, None).await.expect(404);
    }
}

#[tokio::test]
async fn secrets_are_shown_once_and_kept_hashed_or_sealed() {
    let c = Closed::open().await;
    let answer = c.post(CLIENTS, &c.operator, &json!({ "name": "bss", "digest": true })).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert!(answer.headers["location"].to_str().unwrap().ends_with("/api/v1/clients/bss"));
    let made = answer.expect(201);
    let (secret, digest) = (text(&made, "secret").to_owned(), text(&made, "digestSecret").to_owned());
    assert!(secret.len() >= 43 && digest.len() >= 43 && secret != digest, "256 bits each");
    let again = c.post(&format!("{CLIENTS}/bss/rotate"), &c.operator, &json!({})).await.expect(200);
    let all = [&secret, &digest, text(&again, "secret"), text(&again, "digestSecret")].map(str::to_owned);
    for (n, one) in all.iter().enumerate() {
        assert!(!all[..n].contains(one), "each is new");
    }
    let mut told = c.get(CLIENTS, &c.operator).await.expect(200).to_string();
    told += &c.get(&format!("{CLIENTS}/bss"), &c.operator).await.expect(200).to_string();
    let mut tx = c.app.engine().db.read_system().await.unwrap();
    let row = tx.client("bss").await.unwrap().unwrap();
    drop(tx);
    assert!(row.secret_hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{row:?}");
    told += &format!("{row:?}");
    let mut tx = c.app.engine().db.read("default").await.unwrap();
    told += &format!("{:?}", tx.sealed(row.digest_secret.unwrap()).await.unwrap());
    let deeds = tx.audited("bss").await.unwrap();
    let actions: Vec<_> = deeds.iter().map(|d| (d.action.as_str(), d.principal.as_str())).collect();
    assert_eq!(actions, [("client.add", "ops"), ("client.rotate", "ops")]);
    told += &format!("{deeds:?}");
    for secret in &all {
        assert!(!told.contains(secret.as_str()), "{told}");
    }
    let plain = c.add(named("plain")).await;
    assert!(plain.get("digestSecret").is_none() && plain["digest"] == false, "{plain:#}");
    assert_eq!(
        c.app.engine().db.read_system().await.unwrap().client("plain").await.unwrap().unwrap().digest_secret,
        None
    );
}

#[tokio::test]
async fn a_new_secret_and_a_closed_door_hold_at_once_in_every_process() {
    let c = Closed::open().await;
    let other = c.app.another().await;
    let first = c.add(named("bss")).await;
    let engines = [c.app.engine(), &other];
    let old = plain("bss", text(&first, "secret"));
    for engine in engines {
        check(engine, &old).await.expect("it is remembered now");
    }
    let second = c.post(&format!("{CLIENTS}/bss/rotate"), &c.operator, &json!({})).await.expect(200);
    let new = plain("bss", text(&second, "secret"));
    for engine in engines {
        assert!(matches!(check(engine, &old).await, Err(AccessError::Wrong)));
        check(engine, &new).await.unwrap();
    }
    let disabled = c.post(&format!("{CLIENTS}/bss/disable"), &c.operator, &json!({})).await.expect(200);
    assert_eq!(disabled["state"], "disabled");
    for engine in engines {
        assert!(matches!(check(engine, &new).await, Err(AccessError::Wrong)));
    }
    // Once more changes nothing.
    c.post(&format!("{CLIENTS}/bss/disable"), &c.operator, &json!({})).await.expect(200);
    c.post(&format!("{CLIENTS}/bss/enable"), &c.operator, &json!({})).await.expect(200);
    for engine in engines {
        check(engine, &new).await.unwrap();
    }
    let deeds = c.app.engine().db.read("default").await.unwrap().audited("bss").await.unwrap();
    let actions: Vec<_> =
        deeds.iter().map(|d| d.action.as_str()).filter(|a| a.starts_with("client.")).collect();
    assert_eq!(actions, ["client.add", "client.rotate", "client.disable", "client.enable"]);
}

#[tokio::test]
async fn who_guesses_has_to_wait_and_others_do_not() {
    let c = Closed::open().await;
    let bss = c.add(named("bss")).await;
    let other = c.add(named("other")).await;
    // One that was let in a moment ago goes on, whoever guesses beside it.
    let known = c.add(named("known")).await;
    c.get(ORDERS, &of(&known)).await.expect(200);
    for name in ["bss", "known"] {
        for _ in 0..10 {
            c.get(ORDERS, &basic(name, "guess")).await.expect(401);
        }
        let late = c.get(ORDERS, &basic(name, "guess")).await;
        assert_eq!(late.headers["retry-after"], "60");
        assert_eq!(late.expect(429)["code"], "tooManyRequests");
    }
    c.get(ORDERS, &of(&bss)).await.expect(429);
    c.get(ORDERS, &of(&known)).await.expect(200);
    c.get(ORDERS, &of(&other)).await.expect(200);
    c.app.clock.advance(chrono::TimeDelta::seconds(60));
    c.get(ORDERS, &of(&bss)).await.expect(200);
    // Ten rows and not more, with the reason and not the guess.
    let deeds = c.app.engine().db.read("default").await.unwrap().audited("bss").await.unwrap();
    let refused: Vec<_> = deeds.iter().filter(|d| d.action == "access.refused").collect();
    assert_eq!(refused.len(), 10);
    assert_eq!(refused[0].detail.as_ref().unwrap().0, json!({ "why": "wrong" }));
    assert_eq!(refused[0].principal, "bss");
    // What is no name is not written down: it may be a secret.
    c.get(ORDERS, &basic("my secret!", "x")).await.expect(401);
    let deeds = c.app.engine().db.read("default").await.unwrap().audited("?").await.unwrap();
    assert_eq!(deeds.len(), 1, "{deeds:?}");
}

#[tokio::test]
async fn a_client_is_one_client_for_idempotency() {
    let c = Closed::open().await;
    let (a, b) = (of(&c.add(named("a")).await), of(&c.add(named("b")).await));
    let order = |customer: &str| json!({ "externalId": "E1", "serviceOrderItem": [create(customer)] });
    let first = c.post(ORDERS, &a, &order("C1")).await.expect(201);
    assert_eq!(c.post(ORDERS, &a, &order("C1")).await.expect(201)["id"], first["id"]);
    let other = c.post(ORDERS, &b, &order("C2")).await.expect(201);
    assert_ne!(other["id"], first["id"], "the key is another client's");
    // Of one tenant, each sees what the other ordered.
    c.get(&format!("{ORDERS}/{}", text(&other, "id")), &a).await.expect(200);
}
