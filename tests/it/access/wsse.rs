//! UsernameTokens of WS-Security: text and digest, nonces that are used once.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use serde_json::{Value, json};
use telvisor::access::check::{AccessError, Credentials, NONCES, Wsse, authenticate};
use telvisor::access::{Door, Origin, Scopes};
use telvisor::clock::show;
use tokio::task::JoinSet;

use super::{Closed, check, named, near, plain, text};
use crate::harness::TestApp;

/// A token with a digest, as a client computes it.
fn digest(app: &TestApp, name: &str, secret: &str, nonce: &[u8]) -> Credentials {
    let created = show(app.engine().db.clock().now());
    let mut sha1 = ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
    for part in [nonce, created.as_bytes(), secret.as_bytes()] {
        sha1.update(part);
    }
    let digest = STANDARD.encode(sha1.finish());
    Credentials::PasswordDigest { name: name.into(), nonce: STANDARD.encode(nonce), created, digest }
}

fn password(name: &str, secret: &str, nonce: Option<&str>, created: Option<String>) -> Credentials {
    Credentials::PasswordText {
        name: name.into(),
        secret: secret.into(),
        nonce: nonce.map(str::to_owned),
        created,
    }
}

async fn with_digest(c: &Closed) -> Value {
    c.add(json!({ "name": "bss", "digest": true, "scopes": ["orders:read"] })).await
}

fn wsse(refused: Result<telvisor::access::Caller, AccessError>) -> Wsse {
    refused.expect_err("it is refused").wsse().expect("a fault of WS-Security")
}

#[tokio::test]
async fn a_digest_proves_the_clients_that_have_its_secret_and_no_others() {
    let c = Closed::open().await;
    let (made, without) = (with_digest(&c).await, c.add(named("plain")).await);
    let (secret, second) = (text(&made, "secret"), text(&made, "digestSecret"));
    let e = c.app.engine();
    let caller = check(e, &digest(&c.app, "bss", second, b"n1")).await.unwrap();
    assert_eq!((caller.principal.name(), caller.tenant.as_str()), ("bss".to_owned(), "default"));
    assert_eq!(caller.scopes, Scopes::Only(vec![telvisor_model::Scope::OrdersRead]));
    // Each secret is for its own purpose.
    assert_eq!(wsse(check(e, &digest(&c.app, "bss", secret, b"n2")).await), Wsse::FailedAuthentication);
    assert_eq!(wsse(check(e, &plain("bss", second)).await), Wsse::FailedAuthentication);
    check(e, &plain("bss", secret)).await.unwrap();
    // Without a second secret there is no digest, not of the first and not of nothing.
    for secret in [text(&without, "secret"), ""] {
        for name in ["plain", "nobody"] {
            let refused = check(e, &digest(&c.app, name, secret, b"n3")).await;
            assert_eq!(wsse(refused), Wsse::FailedAuthentication, "{name}");
        }
    }
    let again = c.post("/api/v1/clients/bss/rotate", &c.operator, &json!({})).await.expect(200);
    assert_eq!(wsse(check(e, &digest(&c.app, "bss", second, b"n4")).await), Wsse::FailedAuthentication);
    check(e, &digest(&c.app, "bss", text(&again, "digestSecret"), b"n5")).await.unwrap();
}

#[tokio::test]
async fn a_nonce_is_good_once_also_after_a_restart() {
    let c = Closed::open().await;
    let made = with_digest(&c).await;
    let token = digest(&c.app, "bss", text(&made, "digestSecret"), b"once");
    check(c.app.engine(), &token).await.unwrap();
    assert_eq!(wsse(check(c.app.engine(), &token).await), Wsse::InvalidSecurity);
    // Text with a nonce is held to it, too; without one there is nothing to hold it to.
    let created = Some(show(c.app.engine().db.clock().now()));
    let with = password("bss", text(&made, "secret"), Some("AAEC"), created.clone());
    check(c.app.engine(), &with).await.unwrap();
    assert!(matches!(check(c.app.engine(), &with).await, Err(AccessError::Replayed)));
    for created in [None, created] {
        let without = password("bss", text(&made, "secret"), None, created);
        check(c.app.engine(), &without).await.unwrap();
        check(c.app.engine(), &without).await.unwrap();
    }
    let app = c.app.restart().await;
    for replayed in [&token, &with] {
        assert_eq!(wsse(check(app.engine(), replayed).await), Wsse::InvalidSecurity);
    }
    check(app.engine(), &digest(&app, "bss", text(&made, "digestSecret"), b"other")).await.unwrap();
    let deeds = app.engine().db.read("default").await.unwrap().audited("bss").await.unwrap();
    let replays = deeds.iter().filter(|d| d.detail.as_ref().is_some_and(|d| d.0["why"] == "replayed"));
    assert_eq!(replays.count(), 4);
}

#[tokio::test]
async fn of_fifty_who_use_one_nonce_at_once_one_is_let_in() {
    let c = Closed::open().await;
    let made = with_digest(&c).await;
    let token = digest(&c.app, "bss", text(&made, "digestSecret"), b"race");
    let engines = [c.app.running.engine.clone(), Arc::new(c.app.another().await)];
    let mut all = JoinSet::new();
    for n in 0..50 {
        let (engine, token) = (engines[n % 2].clone(), token.clone());
        all.spawn(async move { authenticate(&engine, &token, Door::Soap, &near()).await });
    }
    let mut good = 0;
    for ended in all.join_all().await {
        match ended {
            Ok(_) => good += 1,
            Err(AccessError::Replayed | AccessError::TooOften(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(good, 1);
}

#[tokio::test]
async fn what_is_old_or_malformed_is_told_so() {
    let c = Closed::open().await;
    let made = with_digest(&c).await;
    let secret = text(&made, "secret");
    let now = c.app.engine().db.clock().now();
    let created = |seconds: i64| Some(show(now + TimeDelta::seconds(seconds)));
    let e = c.app.engine();
    for (seconds, nonce) in [(-300, "AAAA"), (300, "BBBB")] {
        check(e, &password("bss", secret, Some(nonce), created(seconds))).await.unwrap();
    }
    for seconds in [-301, 301] {
        let late = password("bss", secret, Some("CCCC"), created(seconds));
        assert_eq!(wsse(check(e, &late).await), Wsse::MessageExpired);
    }
    let long = STANDARD.encode([1; 129]);
    for (nonce, created) in [
        (Some("AAAA"), None),
        (Some("not Base64"), created(0)),
        (Some(long.as_str()), created(0)),
        (None, Some("yesterday".to_owned())),
    ] {
        let bad = password("bss", secret, nonce, created);
        assert_eq!(wsse(check(e, &bad).await), Wsse::InvalidSecurity);
    }
    // A nonce that a wrong secret brought is not used up.
    let guess = password("bss", "guess", Some("DDDD"), created(0));
    assert_eq!(wsse(check(e, &guess).await), Wsse::FailedAuthentication);
    check(e, &password("bss", secret, Some("DDDD"), created(0))).await.unwrap();
}

#[tokio::test]
async fn a_password_in_the_clear_is_taken_from_near_only() {
    let c = Closed::open().await;
    let made = with_digest(&c).await;
    let token = password("bss", text(&made, "secret"), None, None);
    let far = Origin { address: "192.0.2.1".parse().ok(), ..Origin::default() };
    let refused = authenticate(c.app.engine(), &token, Door::Soap, &far).await;
    assert_eq!(wsse(refused), Wsse::UnsupportedSecurityToken);
    let over_tls = Origin { private: true, ..far.clone() };
    authenticate(c.app.engine(), &token, Door::Soap, &over_tls).await.unwrap();
    let token = digest(&c.app, "bss", text(&made, "digestSecret"), b"far");
    authenticate(c.app.engine(), &token, Door::Soap, &far).await.unwrap();
}

#[tokio::test]
async fn the_store_of_nonces_is_bounded_and_swept() {
    let c = Closed::open().await;
    let made = with_digest(&c).await;
    let second = text(&made, "digestSecret");
    let e = c.app.engine();
    let now = e.db.clock().now();
    fill(&c.app, NONCES - 2, now + TimeDelta::seconds(600)).await;
    check(e, &digest(&c.app, "bss", second, b"a")).await.unwrap();
    check(e, &digest(&c.app, "bss", second, b"b")).await.unwrap();
    let full = check(e, &digest(&c.app, "bss", second, b"c")).await.expect_err("it is full");
    assert!(matches!(full, AccessError::TooMany(_)) && full.retry_after().is_some(), "{full}");
    // It is full for this client alone.
    let other = c.add(json!({ "name": "other", "digest": true })).await;
    check(e, &digest(&c.app, "other", text(&other, "digestSecret"), b"c")).await.unwrap();
    // What is over makes room.
    c.app.clock.advance(TimeDelta::seconds(601));
    check(e, &digest(&c.app, "bss", second, b"d")).await.unwrap();
    let count = async || e.db.read_system().await.unwrap().count_nonces("bss").await.unwrap();
    assert_eq!(count().await, 1);
    c.app.clock.advance(TimeDelta::seconds(601));
    let mut tx = e.db.system().await.unwrap();
    tx.forget_nonces(e.db.clock().now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(count().await, 0);
}

/// Writes so many nonces of the client at once.
async fn fill(app: &TestApp, count: i64, until: chrono::DateTime<chrono::Utc>) {
    const FILL: &str = "INSERT INTO nonces (client, nonce, created, expires_at)
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
        SELECT 'bss', 'n' || i, 'c', $2 FROM n";
    let url = app.config.database_url();
    if url.starts_with("sqlite:") {
        let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
        sqlx::query(FILL).bind(count).bind(until).execute(&pool).await.unwrap();
        pool.close().await;
    } else {
        let pool = sqlx::PgPool::connect(&url).await.unwrap();
        sqlx::query(FILL).bind(count).bind(until).execute(&pool).await.unwrap();
        pool.close().await;
    }
}
