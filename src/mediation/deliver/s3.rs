//! A recipient's bucket in an object store that speaks S3. Requests are signed by a crate and sent by our HTTP client.
//! `If-None-Match: *` keeps an object that is there from being replaced.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Client, Method, Response, StatusCode, Url};
use rusty_s3::actions::PutObject;
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use sha2::{Digest as _, Sha256};

use super::far::{FarError, Parcel, Put};
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
        let key = self.key(parcel.name);
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
        let Some(mut answer) = self.send(Method::GET, url, key).await? else { return Ok(None) };
        let mut digest = Sha256::new();
        while let Some(piece) = answer.chunk().await.map_err(|e| lost(&e))? {
            digest.update(&piece);
        }
        Ok(Some(hex::encode(digest.finalize())))
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

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
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
