//! Sessions of the network-element dialect.

use chrono::TimeDelta;
use serde_json::json;
use telvisor::access::check::AccessError;
use telvisor::access::sessions::{Opened, SessionError, close, open, use_};
use telvisor::access::{Caller, Door, Scopes};
use telvisor::config::AccessMode;
use telvisor::engine::Engine;
use telvisor_model::Scope;

use super::{Closed, named, near, text};
use crate::harness::TestApp;

async fn log_in(engine: &Engine, name: &str, secret: &str) -> Result<Opened, SessionError> {
    open(engine, name, secret, Door::SoapNe, &near()).await
}

async fn use_it(engine: &Engine, id: &str) -> Result<Caller, SessionError> {
    use_(engine, id, Door::SoapNe, &near()).await
}

async fn is_over(engine: &Engine, id: &str) -> bool {
    matches!(use_it(engine, id).await, Err(SessionError::Unknown))
}

#[tokio::test]
async fn a_session_stands_for_its_client_at_every_replica_until_it_is_closed() {
    let c = Closed::open().await;
    let made = c.add(json!({ "name": "gateway", "tenant": "mvno", "scopes": ["orders:write"] })).await;
    let (here, there) = (c.app.engine(), c.app.another().await);
    let refused = log_in(here, "gateway", "guess").await.err().expect("it is refused");
    assert!(matches!(refused, SessionError::Access(AccessError::Wrong)), "{refused}");
    let session = log_in(here, "gateway", text(&made, "secret")).await.unwrap();
    assert!(session.id.len() >= 22, "at least 128 bits: {}", session.id);
    assert!(session.base_sequence_id >= 0);
    for engine in [here, &there] {
        let caller = use_it(engine, &session.id).await.unwrap();
        assert_eq!((caller.principal.name(), caller.tenant.as_str()), ("gateway".to_owned(), "mvno"));
        assert_eq!((caller.scopes, caller.door), (Scopes::Only(vec![Scope::OrdersWrite]), Door::SoapNe));
    }
    // The database holds a digest of the id.
    let mut tx = here.db.read_system().await.unwrap();
    assert!(tx.session(&session.id).await.unwrap().is_none());
    drop(tx);
    let other = log_in(here, "gateway", text(&made, "secret")).await.unwrap();
    assert_ne!(other.id, session.id);
    let app = c.app.restart().await;
    let there = app.another().await;
    use_it(app.engine(), &session.id).await.unwrap();
    close(&there, &session.id, Door::SoapNe, &near()).await.unwrap();
    assert!(is_over(app.engine(), &session.id).await);
    let again = close(&there, &session.id, Door::SoapNe, &near()).await;
    assert!(matches!(again, Err(SessionError::Unknown)));
    use_it(app.engine(), &other.id).await.unwrap();
    for nonsense in ["", "x", &session.id.to_lowercase(), &"x".repeat(10_000)] {
        assert!(is_over(app.engine(), nonsense).await);
    }
    let deeds = app.engine().db.read("mvno").await.unwrap().audited("gateway").await.unwrap();
    let actions: Vec<_> = deeds.iter().map(|d| d.action.as_str()).collect();
    assert_eq!(actions, ["client.add", "access.refused", "session.open", "session.open", "session.close"]);
    assert!(!format!("{deeds:?}").contains(&session.id));
}

#[tokio::test]
async fn a_session_ends_unused_and_at_the_latest_after_a_day() {
    let c = Closed::open().await;
    let made = c.add(named("gateway")).await;
    let e = c.app.engine();
    let [used, idle] = [
        log_in(e, "gateway", text(&made, "secret")).await.unwrap(),
        log_in(e, "gateway", text(&made, "secret")).await.unwrap(),
    ];
    c.app.clock.advance(TimeDelta::seconds(599));
    use_it(e, &used.id).await.unwrap();
    c.app.clock.advance(TimeDelta::seconds(61));
    assert!(is_over(e, &idle.id).await, "at most a tenth later than it is told");
    // However often it is used, it lives as long as the setting says after each use, and a day in all.
    for _ in 0..(86_400 - 660) / 590 {
        use_it(e, &used.id).await.unwrap();
        c.app.clock.advance(TimeDelta::seconds(590));
    }
    use_it(e, &used.id).await.unwrap();
    c.app.clock.advance(TimeDelta::seconds(590));
    assert!(is_over(e, &used.id).await);
    let mut tx = e.db.system().await.unwrap();
    assert_eq!(tx.forget_sessions(e.db.clock().now()).await.unwrap(), 2);
}

#[tokio::test]
async fn what_is_changed_at_a_client_ends_its_sessions() {
    let c = Closed::open().await;
    let e = c.app.engine();
    let mut secret = text(&c.add(named("gateway")).await, "secret").to_owned();
    for word in ["rotate", "disable"] {
        let session = log_in(e, "gateway", &secret).await.unwrap();
        use_it(e, &session.id).await.unwrap();
        let path = format!("/api/v1/clients/gateway/{word}");
        let changed = c.post(&path, &c.operator, &json!({})).await.expect(200);
        assert!(is_over(e, &session.id).await, "{word}");
        if word == "rotate" {
            text(&changed, "secret").clone_into(&mut secret);
        }
    }
    assert!(log_in(e, "gateway", &secret).await.is_err(), "it is disabled");
    c.post("/api/v1/clients/gateway/enable", &c.operator, &json!({})).await.expect(200);
    log_in(e, "gateway", &secret).await.unwrap();
    let mut tx = e.db.system().await.unwrap();
    assert_eq!(tx.forget_sessions(e.db.clock().now()).await.unwrap(), 2, "the sweep takes what ended");
}

#[tokio::test]
async fn a_client_has_so_many_sessions_and_no_more() {
    let app = TestApp::with(|c| c.soap.sessions_per_user = 3).await;
    let e = app.engine();
    let mut sessions = vec![];
    // On an open server everybody is one caller.
    for name in ["any", "name", "at all"] {
        sessions.push(log_in(e, name, "whatever").await.unwrap());
    }
    let caller = use_it(e, &sessions[0].id).await.unwrap();
    assert_eq!((caller.principal.name(), caller.scopes), ("local".to_owned(), Scopes::All));
    let refused = log_in(e, "any", "").await.err().expect("it is refused");
    assert!(refused.to_string().contains("soap.sessions_per_user"), "{refused}");
    close(e, &sessions[0].id, Door::SoapNe, &near()).await.unwrap();
    log_in(e, "any", "").await.unwrap();
    // Those that are over are not counted.
    app.clock.advance(TimeDelta::seconds(700));
    let tried = futures_util::future::join_all((0..9).map(|_| log_in(e, "any", ""))).await;
    assert_eq!(tried.iter().filter(|t| t.is_ok()).count(), 3, "also at the same time");
}

#[tokio::test]
async fn sessions_of_an_open_server_end_when_it_is_closed() {
    let app = TestApp::new().await;
    let session = log_in(app.engine(), "any", "").await.unwrap();
    use_it(app.engine(), &session.id).await.unwrap();
    let mut closed = app.another().await;
    closed.config.access.mode = AccessMode::Required;
    assert!(is_over(&closed, &session.id).await);
}
