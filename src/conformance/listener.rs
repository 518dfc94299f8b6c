//! A listener of our own, which takes what a hub delivers and answers as a check wishes.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Largest event that is taken.
const LARGEST: usize = 4 << 20;

/// One delivery.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Path that it was sent to.
    pub path: String,
    pub content_type: String,
    /// Null when it was no JSON.
    pub body: Value,
    /// What it was answered with.
    pub status: u16,
}

#[derive(Default)]
struct Seen {
    deliveries: Vec<Delivery>,
    /// How many deliveries to a path that name something are still to be refused.
    refuse: Vec<(String, String, usize)>,
}

/// Runs until it is dropped.
pub struct Listener {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    _stop: DropGuard,
}

impl Listener {
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        let seen = Arc::<Mutex<Seen>>::default();
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(accept(socket, Arc::clone(&seen))));
        Ok(Self { address, seen, _stop: stop.drop_guard() })
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next `times` deliveries to this path that name this id are answered with 500.
    pub fn refuse(&self, path: &str, id: &str, times: usize) {
        self.lock().refuse.push((path.to_owned(), id.to_owned(), times));
    }

    /// What came to paths that begin so, in its order.
    #[must_use]
    pub fn at(&self, path: &str) -> Vec<Delivery> {
        self.lock().deliveries.iter().filter(|d| d.path.starts_with(path)).cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(socket: TcpListener, seen: Arc<Mutex<Seen>>) {
    // A socket that takes no connection any more delivers nothing; the check that waits says so.
    while let Ok((stream, _)) = socket.accept().await {
        let seen = Arc::clone(&seen);
        tokio::spawn(async move {
            let answer = service_fn(|request| {
                let seen = Arc::clone(&seen);
                async move { Ok::<_, Infallible>(take(&seen, request).await) }
            });
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await);
        });
    }
}

async fn take(seen: &Mutex<Seen>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let content_type =
        request.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or("").to_owned();
    let body = Limited::new(request.into_body(), LARGEST).collect().await;
    let body: Value =
        body.map(|b| serde_json::from_slice(&b.to_bytes()).unwrap_or_default()).unwrap_or_default();
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let text = body.to_string();
    let refused = seen.refuse.iter_mut().find(|(at, id, left)| *at == path && text.contains(id) && *left > 0);
    let status = match refused {
        Some((.., left)) => {
            *left -= 1;
            StatusCode::INTERNAL_SERVER_ERROR
        }
        None => StatusCode::CREATED,
    };
    seen.deliveries.push(Delivery { path, content_type, body, status: status.as_u16() });
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
