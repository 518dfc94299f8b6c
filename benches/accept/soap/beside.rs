//! The layer by itself, and behind HTTP beside a standalone server that gSOAP generates from the same WSDL: each in a
//! process of its own, by the processor time that it uses.

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use http_body_util::{BodyExt as _, Collected, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use super::layer::{self, Stored};
use super::{each, used};
use crate::{median, round2};

/// Messages of one round of one server, and how many connections they come on.
const MESSAGES: usize = 32_000;
const CONNECTIONS: usize = 16;
const ROUNDS: usize = 5;
/// The aim: microseconds of the layer, and at most this part of what a server of gSOAP takes.
const AIM_US: f64 = 35.0;
const AIM_RATIO: f64 = 0.5;

pub fn measure() -> anyhow::Result<Value> {
    println!("\nSOAP: a ProvisionApplication of {} octets with a UsernameToken.", layer::REQUEST.len());
    let mut alone: Vec<f64> = vec![];
    for round in 0..=ROUNDS {
        let took = in_this_process()?;
        if round > 0 {
            alone.push(took);
        }
    }
    let alone = median(&mut alone);
    println!("  read, checked, drafted and answered, without HTTP: {alone:.1} µs (aim: {AIM_US})");
    let mut figure = json!({
        "bench": "soap-layer", "octets": layer::REQUEST.len(), "layerUs": round2(alone), "aimUs": AIM_US,
        "rounds": ROUNDS, "messagesPerRound": MESSAGES, "connections": CONNECTIONS,
    });
    let mut ours = Beside::start(Command::new(std::env::current_exe()?).arg("soap-serve"))?;
    let Some(program) = gsoap()? else {
        println!("  gSOAP is not installed (wsdl2h, soapcpp2): there is nothing to compare with.");
        return Ok(figure);
    };
    let mut theirs = Beside::start(&mut Command::new(program))?;
    let (mut own, mut other) = (vec![], vec![]);
    for round in 0..=ROUNDS {
        let (a, b) = (ours.round()?, theirs.round()?);
        if round > 0 {
            own.push(a);
            other.push(b);
        }
    }
    let (own, other) = (median(&mut own), median(&mut other));
    let (ratio, served) = (alone / other, own / other);
    println!("  a server of gSOAP: {other:.1} µs; the layer is {ratio:.2} of it (aim: {AIM_RATIO})");
    println!("  the layer behind the HTTP of our server: {own:.1} µs, {served:.2} of it");
    figure["servedUs"] = json!(round2(own));
    figure["gsoapUs"] = json!(round2(other));
    figure["ratio"] = json!(round2(ratio));
    figure["servedRatio"] = json!(round2(served));
    figure["aimRatio"] = json!(AIM_RATIO);
    Ok(figure)
}

/// Processor time of one message in this process.
fn in_this_process() -> anyhow::Result<f64> {
    let stored = Stored::new()?;
    let before = used(std::process::id())?;
    for _ in 0..MESSAGES {
        let answer = layer::answer(layer::REQUEST.as_bytes(), layer::ACTION, &stored);
        let answer = answer.map_err(|r| anyhow::anyhow!("{}", layer::refuse(&r)))?;
        std::hint::black_box(answer);
    }
    Ok(each(used(std::process::id())? - before, MESSAGES))
}

/// The program of the other side, built from our WSDL; none where gSOAP is not installed.
fn gsoap() -> anyhow::Result<Option<std::path::PathBuf>> {
    if Command::new("wsdl2h").arg("-v").stdin(Stdio::null()).output().is_err() {
        return Ok(None);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = Command::new(root.join("tests/soap/gsoap/build.sh"))
        .args(["server".as_ref(), root.join("target/gsoap").as_os_str()])
        .output()?;
    ensure!(out.status.success(), "the server was not built: {}", String::from_utf8_lossy(&out.stderr));
    Ok(Some(String::from_utf8(out.stdout)?.trim().into()))
}

/// A server in a process of its own that prints its port, and connections to it.
struct Beside {
    child: Child,
    streams: Vec<BufReader<TcpStream>>,
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Beside {
    fn start(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output is piped")?).read_line(&mut line)?;
        let mut this = Self { child, streams: vec![] };
        let port: u16 = line.trim().parse().context("a server prints its port")?;
        for _ in 0..CONNECTIONS {
            let stream = TcpStream::connect(("127.0.0.1", port))?;
            stream.set_nodelay(true)?;
            this.streams.push(BufReader::new(stream));
        }
        Ok(this)
    }

    /// Processor time of one message, with a message waiting on every connection.
    fn round(&mut self) -> anyhow::Result<f64> {
        let message = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml; charset=utf-8\r\nSOAPAction: \"{}\"\r\nContent-Length: {}\r\n\r\n{}",
            layer::ACTION,
            layer::REQUEST.len(),
            *layer::REQUEST
        );
        let before = used(self.child.id())?;
        for _ in 0..MESSAGES / CONNECTIONS {
            for stream in &mut self.streams {
                stream.get_mut().write_all(message.as_bytes())?;
            }
            for stream in &mut self.streams {
                let answer = response(stream)?;
                ensure!(answer.contains("crm-2026-11-23-000042"), "{answer}");
            }
        }
        Ok(each(used(self.child.id())? - before, MESSAGES))
    }
}

/// The body of an answer with 200, which has a length or comes in chunks.
fn response(stream: &mut BufReader<TcpStream>) -> anyhow::Result<String> {
    let (mut first, mut line, mut length) = (true, String::new(), None);
    loop {
        line.clear();
        ensure!(stream.read_line(&mut line)? > 0, "the server closed the connection");
        ensure!(!std::mem::take(&mut first) || line.contains(" 200 "), "{line}");
        match line.trim_end().split_once(':') {
            None if line.trim_end().is_empty() => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = Some(value.trim().parse()?);
            }
            _ => {}
        }
    }
    if let Some(length) = length {
        return read(stream, length);
    }
    let mut body = String::new();
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).context("a chunk has a size")?;
        body.push_str(&read(stream, size)?);
        stream.read_line(&mut line)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn read(stream: &mut BufReader<TcpStream>, length: usize) -> anyhow::Result<String> {
    let mut octets = vec![0; length];
    stream.read_exact(&mut octets)?;
    Ok(String::from_utf8(octets)?)
}

/// Our side: the layer behind the HTTP that our server uses, on one thread. Prints its port.
pub async fn serve() -> anyhow::Result<()> {
    let stored = Arc::new(Stored::new()?);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let stored = stored.clone();
        let answer = move |request: Request<Incoming>| {
            let stored = stored.clone();
            async move {
                let action = request.headers().get("soapaction").and_then(|v| v.to_str().ok());
                let action = action.unwrap_or_default().trim_matches('"').to_owned();
                let octets = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
                let text = layer::answer(&octets, &action, &stored);
                let text = text.unwrap_or_else(|refused| layer::refuse(&refused));
                let mut response = Response::new(Full::new(Bytes::from(text)));
                let kind = hyper::header::HeaderValue::from_static("text/xml; charset=utf-8");
                response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
                Ok::<_, Infallible>(response)
            }
        };
        tokio::spawn(async move {
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
            served.await.ok();
        });
    }
}
