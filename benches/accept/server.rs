//! The server as users run it, in a process of its own, and a client that costs next to nothing.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

pub struct Server {
    child: Child,
    /// `127.0.0.1:PORT`
    address: String,
    log: PathBuf,
}

impl Server {
    /// Starts `telvisor serve` on a free port, and waits until it is ready.
    pub async fn start(database: &str, data: &Path, role: &str, filter: &str) -> anyhow::Result<Self> {
        Self::start_with(database, data, role, role, &[("TELVISOR_LOG__FILTER", filter)]).await
    }

    /// The same with settings; `name` tells it from others on the same data.
    pub async fn start_with(
        database: &str,
        data: &Path,
        role: &str,
        name: &str,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let log = data.with_extension(format!("{name}.log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_telvisor"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("TELVISOR_") {
                command.env_remove(name);
            }
        }
        if database.starts_with("postgres") {
            command.env("TELVISOR_DATABASE__OWNER_URL", database);
        }
        let mut child = command
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--role", role, "--database", database])
            .arg("--data")
            .arg(data)
            .env("TELVISOR_LOG__FILTER", "warn")
            .env("TELVISOR_HEALTH__LISTEN", if role == "api" || role == "all" { "" } else { "127.0.0.1:0" })
            .envs(settings.iter().copied())
            // All processes of a measurement are on this machine.
            .env("TELVISOR_STORE__SHARED", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log)?)
            .kill_on_drop(true)
            .spawn()
            .context("the server cannot be started")?;
        let mut stdout = child.stdout.take().context("its output is piped")?;
        let mut text = Vec::new();
        // It announces itself as one JSON value and goes on running.
        let started: Value = loop {
            let mut octets = [0; 4096];
            let n = tokio::time::timeout(Duration::from_secs(60), stdout.read(&mut octets)).await??;
            ensure!(n > 0, "the server ended: {}", std::fs::read_to_string(&log)?);
            text.extend_from_slice(&octets[..n]);
            if let Ok(value) = serde_json::from_slice(&text) {
                break value;
            }
        };
        let url = started["urls"][0].as_str().or(started["health"][0].as_str());
        let url = url.context("the server names no address")?;
        let address = url.trim_start_matches("http://").to_owned();
        Ok(Self { child, address, log })
    }

    pub async fn connect(&self) -> anyhow::Result<Client> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        Ok(Client { stream: BufReader::new(stream), host: self.address.clone(), link: String::new() })
    }

    pub fn log(&self) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(&self.log)?)
    }

    pub fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("the server ended by itself")
    }

    /// Drains and stops it; its log.
    pub async fn stop(mut self) -> anyhow::Result<String> {
        let pid = self.pid()?;
        Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
        let status = tokio::time::timeout(Duration::from_secs(60), self.child.wait()).await??;
        ensure!(status.success(), "the server ended with {status}: {}", self.log()?);
        self.log()
    }
}

/// HTTP/1.1 on one connection that is kept open, no more of it than this needs: the processors belong to the server.
pub struct Client {
    stream: BufReader<TcpStream>,
    host: String,
    /// Link of the last answer; empty where it had none.
    pub link: String,
}

impl Client {
    pub async fn post(&mut self, path: &str, body: &str) -> anyhow::Result<(u16, Vec<u8>)> {
        self.request("POST", path, body).await
    }

    pub async fn get(&mut self, path: &str) -> anyhow::Result<(u16, Vec<u8>)> {
        self.request("GET", path, "").await
    }

    async fn request(&mut self, method: &str, path: &str, body: &str) -> anyhow::Result<(u16, Vec<u8>)> {
        self.send(method, path, &[("Content-Type", "application/json")], body).await
    }

    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> anyhow::Result<(u16, Vec<u8>)> {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        let (mut status, mut length) = (0, None);
        self.link.clear();
        let mut line = String::new();
        loop {
            line.clear();
            ensure!(self.stream.read_line(&mut line).await? > 0, "the server closed the connection");
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            if status == 0 {
                status = text.split(' ').nth(1).context("no status line")?.parse()?;
            } else if let Some((name, value)) = text.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = Some(value.trim().parse()?);
            } else if let Some((name, value)) = text.split_once(':')
                && name.eq_ignore_ascii_case("link")
            {
                value.trim().clone_into(&mut self.link);
            }
        }
        let mut answer = vec![0; length.context("an answer without a length")?];
        self.stream.read_exact(&mut answer).await?;
        Ok((status, answer))
    }
}
