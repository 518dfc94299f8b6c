//! A proxy in front of a server, which breaks what it is told to.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

use super::plants::Plant;

/// A request on its way to the server.
pub struct Ask {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub octets: Vec<u8>,
    /// Null when the body is no JSON.
    pub body: Value,
}

/// The server's answer.
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub octets: Vec<u8>,
}

impl Reply {
    /// Changes the body, which is JSON.
    pub fn edit(&mut self, change: impl FnOnce(&mut Value)) {
        if let Ok(mut body) = serde_json::from_slice(&self.octets) {
            change(&mut body);
            self.octets = body.to_string().into_bytes();
        }
    }

    /// Sets a header, or takes it away.
    pub fn header(&mut self, name: &str, value: Option<&str>) {
        self.headers.retain(|(n, _)| n != name);
        self.headers.extend(value.map(|v| (name.to_owned(), v.to_owned())));
    }
}

pub struct Proxy {
    pub url: String,
    plant: Arc<Mutex<Option<&'static Plant>>>,
}

impl Proxy {
    pub async fn start(server: &str) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        let plant = Arc::<Mutex<Option<&'static Plant>>>::default();
        let http = telvisor::http::client().pool_max_idle_per_host(0).build().unwrap();
        let (server, planted) = (server.to_owned(), Arc::clone(&plant));
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                let (http, server, planted) = (http.clone(), server.clone(), Arc::clone(&planted));
                tokio::spawn(async move {
                    let answer = service_fn(|request| {
                        let plant = *planted.lock().unwrap();
                        let (http, server) = (http.clone(), server.clone());
                        async move { Ok::<_, Infallible>(pass(&http, &server, plant, request).await) }
                    });
                    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await);
                });
            }
        });
        Self { url, plant }
    }

    /// What is broken from now on.
    pub fn plant(&self, plant: Option<&'static Plant>) {
        *self.plant.lock().unwrap() = plant;
    }
}

async fn pass(
    http: &reqwest::Client,
    server: &str,
    plant: Option<&Plant>,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let announced = parts.headers.get("content-length").and_then(|v| v.to_str().ok()?.parse().ok());
    // A body that never comes is passed on as its length.
    let large = announced.is_some_and(|length: usize| length > 1 << 22);
    let octets = if large { vec![] } else { body.collect().await.unwrap().to_bytes().to_vec() };
    let texts = |headers: &hyper::HeaderMap| {
        let pairs = headers.iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap_or("").to_owned()));
        pairs.collect::<Vec<_>>()
    };
    let mut ask = Ask {
        method: parts.method.to_string(),
        target: parts.uri.path_and_query().unwrap().to_string(),
        headers: texts(&parts.headers),
        body: serde_json::from_slice(&octets).unwrap_or_default(),
        octets,
    };
    let untouched = ask.body.clone();
    let mut reply = match plant.and_then(|plant| (plant.before)(&mut ask)) {
        Some(reply) => reply,
        None => {
            if ask.body != untouched {
                ask.octets = ask.body.to_string().into_bytes();
            }
            forward(http, server, &ask, large).await
        }
    };
    if let Some(plant) = plant {
        (plant.after)(&ask, &mut reply);
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        if !["content-length", "transfer-encoding", "connection"].contains(&name.as_str()) {
            response = response.header(name, value);
        }
    }
    response.body(Full::new(reply.octets.into())).unwrap()
}

async fn forward(http: &reqwest::Client, server: &str, ask: &Ask, large: bool) -> Reply {
    let method = ask.method.parse().unwrap();
    let mut request = http.request(method, format!("{server}{}", ask.target));
    for (name, value) in &ask.headers {
        if large || !["content-length", "transfer-encoding"].contains(&name.as_str()) {
            request = request.header(name, value);
        }
    }
    request = if large {
        let never = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        request.body(reqwest::Body::wrap_stream(never))
    } else if ask.headers.iter().any(|(name, _)| name == "content-length") {
        request.body(ask.octets.clone())
    } else {
        request
    };
    let response = request.send().await.expect("the server answers");
    let status = response.status().as_u16();
    let pairs = response.headers().iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap_or("").to_owned()));
    let headers = pairs.collect();
    Reply { status, headers, octets: response.bytes().await.unwrap().to_vec() }
}
