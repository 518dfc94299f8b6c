//! The page of each started application, on loopback: `GET /apps/SUBSCRIPTION` shows application, version, plan
//! and the counter in the subscription's data, `POST /apps/SUBSCRIPTION/count` raises the counter and answers the
//! same. HTML, or JSON where `Accept` asks for it.
//!
//! 404: no such application. 503: it is stopped, or its machine is suspended. 403: the request was sent by a page
//! of another site.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, ORIGIN};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::entries::{Application, ApplicationState};
use super::inner::Inner;
use crate::hypervisor::MachineState;

/// Most connections at once; more wait.
const CONNECTIONS: usize = 64;

/// Binds the port of the last run, or a free one, and serves until the simulator stops.
pub(super) async fn serve(inner: Arc<Inner>) -> io::Result<SocketAddr> {
    let last = inner.world.port()?;
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, last.unwrap_or(0))).await {
        Ok(listener) => listener,
        Err(_) if last.is_some() => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?,
        Err(e) => return Err(e),
    };
    let at = listener.local_addr()?;
    if last != Some(at.port()) {
        inner.world.save_port(at.port())?;
    }
    inner.port.get_or_init(|| at.port());
    let (tasks, stop) = (inner.tasks.clone(), inner.stop.clone());
    tasks.spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = accept(listener, inner) => {}
        }
    });
    Ok(at)
}

async fn accept(listener: TcpListener, inner: Arc<Inner>) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(e) => {
                tracing::warn!("the applications' pages take no connection: {e}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (tasks, stop, inner) = (inner.tasks.clone(), inner.stop.clone(), Arc::clone(&inner));
        tasks.spawn(async move {
            let answer = service_fn(|request| {
                let inner = Arc::clone(&inner);
                async move { Ok::<_, Infallible>(answer(&inner, request).await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(10))
                .serve_connection(TokioIo::new(stream), answer);
            tokio::select! {
                () = stop.cancelled() => {}
                // A client that goes away is no concern of ours.
                ended = connection => drop(ended),
            }
            drop(permit);
        });
    }
}

/// What is shown of an application.
struct Shown {
    application: Application,
    counter: u64,
}

async fn answer(inner: &Arc<Inner>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let as_json = request.headers().get(ACCEPT).is_some_and(|a| a.to_str().is_ok_and(|a| a.contains("json")));
    if let Some(port) = inner.port.get()
        && !from_here(request.headers(), *port)
    {
        let reason = "this page answers only requests of its own address";
        return plain(StatusCode::FORBIDDEN, reason, as_json);
    }
    let parts: Vec<_> = request.uri().path().trim_matches('/').split('/').collect();
    let (subscription, counts) = match parts.as_slice() {
        ["apps", id] => (id.parse::<Uuid>(), false),
        ["apps", id, "count"] => (id.parse::<Uuid>(), true),
        _ => return plain(StatusCode::NOT_FOUND, "there is nothing here", as_json),
    };
    let Ok(subscription) = subscription else {
        return plain(StatusCode::NOT_FOUND, "that is no id of a subscription", as_json);
    };
    let fits = match *request.method() {
        Method::POST => counts,
        Method::GET | Method::HEAD => !counts,
        _ => false,
    };
    if !fits {
        let mut refused =
            plain(StatusCode::METHOD_NOT_ALLOWED, "that method is not for this address", as_json);
        let allow = if counts { "POST" } else { "GET, HEAD" };
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
        return refused;
    }
    let world = Arc::clone(inner);
    let found = inner.tasks.spawn_blocking(move || find(&world, subscription, counts)).await;
    match found {
        Ok(Ok(Ok(shown))) if as_json => body(StatusCode::OK, as_json, json_of(&shown).to_string()),
        Ok(Ok(Ok(shown))) => body(StatusCode::OK, as_json, html_of(&shown)),
        Ok(Ok(Err((status, reason)))) => plain(status, reason, as_json),
        Ok(Err(e)) => plain(StatusCode::INTERNAL_SERVER_ERROR, &e.to_string(), as_json),
        Err(e) => plain(StatusCode::INTERNAL_SERVER_ERROR, &e.to_string(), as_json),
    }
}

/// Whether the request was addressed to this server by a loopback name and comes from no other site.
fn from_here(headers: &HeaderMap, port: u16) -> bool {
    let own = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    let text = |name| headers.get(name).map(|v: &HeaderValue| v.to_str().unwrap_or_default());
    let host = text(HOST).is_some_and(|h| own.iter().any(|o| o == h));
    let origin = text(ORIGIN).is_none_or(|o| own.iter().any(|own| o == format!("http://{own}")));
    host && origin
}

type Answer = Result<Shown, (StatusCode, &'static str)>;

/// Looks for the application, and raises its counter. Where a subscription is on two machines (its backup was
/// restored on another), the one that is running is shown.
fn find(inner: &Inner, subscription: Uuid, count: bool) -> io::Result<Answer> {
    let mut answer = Err((StatusCode::NOT_FOUND, "there is no such application"));
    for name in inner.world.names()? {
        if !inner.world.volume(&name, subscription).is_dir() {
            continue;
        }
        let here = inner.locked(&name, || look(inner, &name, subscription, count))?;
        match here {
            Some(Ok(shown)) => return Ok(Ok(shown)),
            Some(not_now) => answer = not_now,
            None => {}
        }
    }
    Ok(answer)
}

fn look(inner: &Inner, name: &str, subscription: Uuid, count: bool) -> io::Result<Option<Answer>> {
    let Some(machine) = inner.world.machine(name)? else {
        return Ok(None);
    };
    let Some(application) = machine.application(subscription) else {
        return Ok(None);
    };
    if machine.state != MachineState::Running {
        return Ok(Some(Err((StatusCode::SERVICE_UNAVAILABLE, "the machine is not running"))));
    }
    if application.state != ApplicationState::Running {
        return Ok(Some(Err((StatusCode::SERVICE_UNAVAILABLE, "the application is stopped"))));
    }
    let text = inner.world.data(name, subscription, "counter")?;
    let mut counter: u64 = text.and_then(|t| t.parse().ok()).unwrap_or(0);
    if count {
        counter = counter.saturating_add(1);
        inner.world.save_data(name, subscription, "counter", &format!("{counter}\n"))?;
    }
    Ok(Some(Ok(Shown { application: application.clone(), counter })))
}

fn json_of(shown: &Shown) -> Value {
    let a = &shown.application;
    json!({
        "subscription": a.subscription, "application": a.application, "version": a.version, "plan": a.plan,
        "counter": shown.counter,
    })
}

fn html_of(shown: &Shown) -> String {
    let a = &shown.application;
    let [name, version, plan] = [&a.application, &a.version, &a.plan].map(|text| escape(text));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{name}</title>\n<h1>{name}</h1>\n\
         <dl>\n<dt>Version<dd>{version}\n<dt>Plan<dd>{plan}\n<dt>Counter<dd id=\"counter\">{}\n</dl>\n\
         <form method=\"post\" action=\"/apps/{}/count\"><button>Count</button></form>\n</html>\n",
        shown.counter, a.subscription
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn plain(status: StatusCode, reason: &str, as_json: bool) -> Response<Full<Bytes>> {
    let text = if as_json {
        json!({ "reason": reason }).to_string()
    } else {
        format!(
            "<!doctype html>\n<meta charset=\"utf-8\">\n<title>{status}</title>\n<p>{}</p>\n",
            escape(reason)
        )
    };
    body(status, as_json, text)
}

fn body(status: StatusCode, as_json: bool, text: String) -> Response<Full<Bytes>> {
    let kind = if as_json { "application/json" } else { "text/html; charset=utf-8" };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
