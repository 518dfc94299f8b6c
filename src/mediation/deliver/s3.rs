//! A recipient's bucket in an object store that speaks S3. Requests are signed by a crate and sent by our HTTP client.
//! `If-None-Match: *` keeps an object that is there from being replaced.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Client, Method, Response, StatusCode, Url};
use rusty_s3::actions::{ListObjectsV2, PutObject};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use sha2::{Digest as _, Sha256};

use super::far::{ANSWER_MOST, FarError, Parcel, Put, Shelf};
use crate::config;
use crate::http;

/// How long a signed request may be under way before the service refuses it.
const SIGNED_FOR: Duration = Duration::from_secs(900);

/// A bucket, or a prefix in it.
pub(super) struct S3 {
    client: Client,
    bucket: Bucket,
    credentials: Credentials,
    prefix: String,
}

impl S3 {
    /// Reads the keys; nothing is sent yet.
    pub fn open(s: &config::S3) -> Result<Self, FarError> {
        let wrong = |what: &str, e: &dyn std::fmt::Display| FarError::Setting(format!("{what}: {e}"));
        let endpoint = s.endpoint.parse().map_err(|e| wrong("endpoint", &e))?;
        let bucket = Bucket::new(endpoint, UrlStyle::Path, s.bucket.clone(), s.region.clone());
        let secret = |file| config::secret(file).map_err(FarError::Setting);
        let limit = Duration::from_secs(s.timeout_seconds);
        Ok(Self {
            // A whole file may take as long as it likes, as long as it moves.
            client: http::client()
                .connect_timeout(limit)
                .read_timeout(limit)
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .map_err(|e| wrong("HTTP", &e))?,
            bucket: bucket.map_err(|e| wrong("bucket", &e))?,
            credentials: Credentials::new(secret(&s.access_key_file)?, secret(&s.secret_key_file)?),
            prefix: s.prefix.clone(),
        })
    }

    /// Puts an object there, whole or not at all, over no other.
    pub async fn put(&self, parcel: Parcel<'_>) -> Result<Put, FarError> {
        let key = self.key(Shelf::Files, parcel.name);
        let own = |e: &dyn std::fmt::Display| FarError::Setting(format!("{}: {e}", parcel.here.display()));
        let sum = BASE64_STANDARD.encode(hex::decode(parcel.sha256).map_err(|e| own(&e))?);
        let mut action = PutObject::new(&self.bucket, Some(&self.credentials), &key);
        let headers = [("if-none-match", "*"), ("x-amz-checksum-sha256", &sum)];
        for (name, value) in headers {
            action.headers_mut().insert(name, value);
        }
        let file = tokio::fs::File::open(parcel.here).await.map_err(|e| own(&e))?;
        let mut request = self.client.put(action.sign(SIGNED_FOR)).body(reqwest::Body::from(file));
        request = request.header("content-length", parcel.size);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.map_err(|e| lost(&e))?;
        match answer.status() {
            status if status.is_success() => Ok(Put::Sent),
            // Something is there, or somebody writes it at this moment.
            StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT => match self.digest(&key).await? {
                Some(digest) if digest == parcel.sha256 => Ok(Put::WasThere),
                Some(_) => Err(FarError::Occupied(key)),
                None => Err(FarError::Lost(format!("{key}: is being written by another"))),
            },
            _ => Err(refused(&key, answer).await),
        }
    }

    /// SHA-256 of an object, in hex; none when it is not there.
    async fn digest(&self, key: &str) -> Result<Option<String>, FarError> {
        let url = self.bucket.get_object(Some(&self.credentials), key).sign(SIGNED_FOR);
        let mut answer = match self.send(Method::GET, url, key).await? {
            None => return Ok(None),
            Some(answer) => answer,
        };
        let mut digest = Sha256::new();
        while let Some(piece) = answer.chunk().await.map_err(|e| lost(&e))? {
            digest.update(&piece);
        }
        Ok(Some(hex::encode(digest.finalize())))
    }

    /// Names of the objects directly below the prefix, or below its `ack/`.
    pub async fn names(&self, shelf: Shelf) -> Result<Vec<String>, FarError> {
        let prefix = self.key(shelf, "");
        let (mut names, mut more) = (vec![], None::<String>);
        loop {
            let mut action = self.bucket.list_objects_v2(Some(&self.credentials));
            action.with_prefix(prefix.clone());
            action.with_delimiter("/");
            if let Some(token) = more.take() {
                action.with_continuation_token(token);
            }
            let answer = self.send(Method::GET, action.sign(SIGNED_FOR), &prefix).await?;
            let answer = answer.ok_or_else(|| FarError::Path {
                path: self.bucket.name().to_owned(),
                problem: "there is no such bucket".to_owned(),
            })?;
            let text = answer.text().await.map_err(|e| lost(&e))?;
            let page = ListObjectsV2::parse_response(&text)
                .map_err(|e| FarError::Path { path: prefix.clone(), problem: e.to_string() })?;
            let found = page.contents.iter().filter_map(|o| o.key.strip_prefix(prefix.as_str()));
            names.extend(found.filter(|n| !n.is_empty()).map(str::to_owned));
            more = page.next_continuation_token;
            if more.is_none() {
                return Ok(names);
            }
        }
    }

    /// An answer of the recipient.
    pub async fn answer(&self, name: &str) -> Result<Vec<u8>, FarError> {
        let key = self.key(Shelf::Answers, name);
        let url = self.bucket.get_object(Some(&self.credentials), &key).sign(SIGNED_FOR);
        let gone = || FarError::Lost(format!("{key}: is gone"));
        let mut answer = self.send(Method::GET, url, &key).await?.ok_or_else(gone)?;
        let mut octets = vec![];
        while let Some(piece) = answer.chunk().await.map_err(|e| lost(&e))? {
            octets.extend_from_slice(&piece);
            if octets.len() as u64 > ANSWER_MOST {
                break;
            }
        }
        Ok(octets)
    }

    /// Removes an answer that was read.
    pub async fn remove_answer(&self, name: &str) -> Result<(), FarError> {
        let key = self.key(Shelf::Answers, name);
        let url = self.bucket.delete_object(Some(&self.credentials), &key).sign(SIGNED_FOR);
        self.send(Method::DELETE, url, &key).await.map(drop)
    }

    /// None when there is no such thing.
    async fn send(&self, method: Method, url: Url, key: &str) -> Result<Option<Response>, FarError> {
        let answer = self.client.request(method, url).send().await.map_err(|e| lost(&e))?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(answer)),
            _ => Err(refused(key, answer).await),
        }
    }

    fn key(&self, shelf: Shelf, name: &str) -> String {
        match shelf {
            Shelf::Files => format!("{}{name}", self.prefix),
            Shelf::Answers => format!("{}ack/{name}", self.prefix),
        }
    }
}

/// Without the URL: its signature lets whoever has it in.
fn lost(e: &reqwest::Error) -> FarError {
    let mut text = if e.is_timeout() { "no answer in time".to_owned() } else { "no answer".to_owned() };
    let mut cause = std::error::Error::source(e);
    while let Some(e) = cause {
        text = format!("{text}: {e}");
        cause = e.source();
    }
    FarError::Lost(text)
}

/// What a service's refusal means: its busy moments pass.
async fn refused(key: &str, answer: Response) -> FarError {
    let status = answer.status();
    let text = answer.text().await.unwrap_or_default();
    // `<Code>AccessDenied</Code>`: one word is all that is told of it.
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    let problem = match code {
        Some((code, _)) if code.len() < 64 => format!("{status}, {code}"),
        _ => status.to_string(),
    };
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return FarError::Lost(format!("{key}: {problem}"));
    }
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => FarError::Refused(format!("our key ({problem})")),
        _ => FarError::Path { path: key.to_owned(), problem },
    }
}
