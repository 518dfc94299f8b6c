//! Reading requests: JSON with the path of what is wrong, and the client's wishes about the answer.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::{StatusCode, header};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Doors;
use super::problem::Problem;
use super::tmf630::media::sent_as_json;

/// A JSON body, parsed and not yet judged.
pub struct JsonBody(pub Value);

impl FromRequest<Doors> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, doors: &Doors) -> Result<Self, Problem> {
        sent_as_json(request.headers())?;
        parse(&read(request, doors).await?).map(JsonBody)
    }
}

/// A body may be left out where nothing in it is mandatory; what no body's type is said to be does not matter.
impl OptionalFromRequest<Doors> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, doors: &Doors) -> Result<Option<Self>, Problem> {
        let kind = sent_as_json(request.headers());
        let octets = read(request, doors).await?;
        if octets.is_empty() {
            return Ok(None);
        }
        kind?;
        parse(&octets).map(|v| Some(JsonBody(v)))
    }
}

/// Reads octets as JSON.
///
/// # Errors
/// 400 with the place, or with the path of a text that contains U+0000.
pub(super) fn parse(octets: &[u8]) -> Result<Value, Problem> {
    let value: Value = serde_json::from_slice(octets).map_err(|e| {
        let at = format!("line {}, column {}: {e}", e.line(), e.column());
        Problem::new(StatusCode::BAD_REQUEST, "malformed", "the body is not JSON", at)
    })?;
    match with_nul(&value) {
        Some(path) => Err(Problem::invalid(path.trim_start_matches('.'), NO_NUL)),
        None => Ok(value),
    }
}

/// PostgreSQL holds every character in text but this one, so no text of a client may have it.
pub const NO_NUL: &str = "must not contain the character U+0000";

/// The path of the first text that contains U+0000.
fn with_nul(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(list) => {
            let mut entries = list.iter().enumerate();
            entries.find_map(|(n, v)| with_nul(v).map(|rest| format!("[{n}]{rest}")))
        }
        Value::Object(map) => map.iter().find_map(|(key, v)| {
            let rest = if key.contains('\0') { Some(String::new()) } else { with_nul(v) };
            rest.map(|rest| format!(".{key}{rest}"))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Reads the whole body.
///
/// # Errors
/// 413 beyond `api.body_limit_kib`.
pub(super) async fn read(request: Request, doors: &Doors) -> Result<Bytes, Problem> {
    let limit = doors.engine.config.api.body_limit_kib * 1024;
    let too_large = || {
        let message = format!("the body is larger than {limit} octets (api.body_limit_kib)");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "tooLarge", "the body is too large", message)
    };
    let told =
        request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if told.is_some_and(|n| n > limit) {
        return Err(too_large());
    }
    to_bytes(request.into_body(), limit).await.map_err(|_| too_large())
}

/// A JSON object read into a type. A derived type alone would take an array of its members too.
#[derive(Debug, Default)]
pub struct Object<T>(T);

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members(PhantomData))
    }
}

struct Members<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// Reads a value into a type; a problem names the path of the member that does not fit.
///
/// # Errors
/// 400 with the path.
pub fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|e| {
        let path = e.path().to_string();
        Problem::invalid(if path == "." { "" } else { &path }, e.inner().to_string())
    })
}
