//! What every TMF door is asked, read once, and the forms in which it answers.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::ExtensionRejection;
use axum::extract::{Extension, FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use uuid::Uuid;

use super::cursor::Cursor;
use super::href::Base;
use super::list::{self, Next, Place};
use super::query::{Attribute, Defaults, Query};
use super::{etag, media};
use crate::access::Caller;
use crate::api::Doors;
use crate::api::problem::Problem;
use crate::engine::Engine;
use crate::store::lists::{Listed, Page};
use crate::store::{Tenant, Tx};

/// How often a change is done on the newer state when another one came between.
const TRIES: u32 = 6;

/// A request to a TMF door: who calls, the parsed query, and what hrefs begin with. Clients that do not take JSON are
/// refused with 406, a wrong query with 400.
pub struct Ask {
    pub doors: Doors,
    pub caller: Caller,
    pub headers: HeaderMap,
    pub query: Query,
    /// Scheme, host, port and prefix that hrefs begin with.
    pub base: String,
    method: Method,
    /// Path and query as they were asked.
    path: String,
    raw: String,
}

impl FromRequestParts<Doors> for Ask {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, doors: &Doors) -> Result<Self, Problem> {
        // What is deleted is not shown.
        if parts.method != Method::DELETE {
            media::takes_json(&parts.headers)?;
        }
        let around = |e: ExtensionRejection| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "internal error", e.body_text())
        };
        let Extension(caller) =
            Extension::<Caller>::from_request_parts(parts, doors).await.map_err(around)?;
        let Extension(Base(base)) =
            Extension::<Base>::from_request_parts(parts, doors).await.map_err(around)?;
        let Ok(OriginalUri(uri)) = OriginalUri::from_request_parts(parts, doors).await;
        let raw = uri.query().unwrap_or("").to_owned();
        Ok(Self {
            caller,
            query: Query::parse(Some(&raw))?,
            base,
            headers: parts.headers.clone(),
            method: parts.method.clone(),
            path: uri.path().to_owned(),
            raw,
            doors: doors.clone(),
        })
    }
}

impl Ask {
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.doors.engine
    }

    /// A transaction of the caller's tenant, for reading only.
    ///
    /// # Errors
    /// 503, 500 when the database does not answer.
    pub async fn read(&self) -> Result<Tx<Tenant>, Problem> {
        Ok(self.engine().db.read(&self.caller.tenant).await?)
    }

    /// The page that is asked of a stored list. `newest` is its order where the client asks for none, and after what
    /// the client asks for; its last column must be unique.
    ///
    /// # Errors
    /// 400 naming an attribute that cannot be filtered or sorted by, or a value that does not fit it.
    pub fn page(&self, attributes: &[Attribute], newest: &[(&'static str, bool)]) -> Result<Page, Problem> {
        let time = Duration::from_secs(self.engine().config.api.list_seconds);
        let defaults = Defaults { newest, limits: self.limits(), time };
        self.query.page(attributes, defaults, |text, sorted_by| {
            Cursor::open(text, &self.engine().secrets, &[&self.caller.tenant, &self.path, sorted_by])
        })
    }

    /// How many entries a page has when the client does not say, and how many at most.
    fn limits(&self) -> (i64, i64) {
        let api = &self.engine().config.api;
        (api.page, api.page_most)
    }

    /// Answers a page of a stored list: what is shown of each row, cut to `fields`, with the totals and links.
    #[must_use]
    pub fn list<R>(&self, page: &Page, found: &Listed<R>, shown: Vec<Value>) -> Response {
        let next = found.next.as_ref().map(|keys| {
            let rows = i64::try_from(found.rows.len()).unwrap_or(0);
            let cursor = Cursor { keys: keys.clone(), position: page.position.saturating_add(rows) };
            cursor.seal(&self.engine().secrets, &[&self.caller.tenant, &self.path, &page.sorted_by()])
        });
        let next = next.as_deref().map_or(Next::End, Next::Cursor);
        self.paged(shown, (page.position, page.limit, found.total), next)
    }

    /// Answers a list that is in memory as a whole: filters, sorts and pages it. `known`: members of the first level
    /// by which it can be filtered and sorted.
    ///
    /// # Errors
    /// 400 naming an attribute that no entry has.
    pub fn list_of(&self, all: Vec<Value>, known: &[&str]) -> Result<Response, Problem> {
        let limits = self.limits();
        let (page, total) = self.query.in_memory(all, known, limits)?;
        let (offset, limit) = (self.query.offset, self.query.limit.unwrap_or(limits.0).min(limits.1));
        let next = if offset.saturating_add(limit) < total { Next::Offset } else { Next::End };
        Ok(self.paged(page, (offset, limit, total), next))
    }

    fn paged(
        &self,
        shown: Vec<Value>,
        (position, limit, total): (i64, i64, i64),
        next: Next<'_>,
    ) -> Response {
        let uri = format!("{}{}", self.base, self.path);
        let at = Place { uri: &uri, raw: &self.raw, position, limit, shown: shown.len(), total, next };
        let headers = list::headers(at);
        let shown: Vec<_> = shown.into_iter().map(|v| self.query.select(v)).collect();
        (headers, Json(shown)).into_response()
    }

    /// 200 with one resource as it is now, cut to `fields`, with its ETag; 304 where the client of a GET has it
    /// already. `shown` is all of it.
    #[must_use]
    pub fn one(&self, shown: Value) -> Response {
        let tag = etag::of(&shown);
        let reads = self.method == Method::GET || self.method == Method::HEAD;
        let mut response = if reads && etag::known(&self.headers, &tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Json(self.query.select(shown)).into_response()
        };
        put(&mut response, header::ETAG, &tag);
        response
    }

    /// 201 with a new resource, its ETag, and its `href` as Location.
    #[must_use]
    pub fn created(&self, shown: Value) -> Response {
        let location = shown["href"].as_str().unwrap_or_default().to_owned();
        let mut response = self.one(shown);
        *response.status_mut() = StatusCode::CREATED;
        put(&mut response, header::LOCATION, &location);
        response
    }

    /// Holds `If-Match` of a PATCH or DELETE against the resource, rendered as GET shows it without `fields`.
    ///
    /// # Errors
    /// 412.
    pub fn must_match(&self, stored: &Value) -> Result<(), Problem> {
        etag::must_match(&self.headers, stored)
    }

    /// Does a change that reads first (rendering, [`Ask::must_match`], patching) and then writes on the condition that
    /// the version read is still the one stored. `once` answers [`etag::changed`] when it is not: without `If-Match`
    /// the change is done again on the newer state, so none is lost.
    ///
    /// # Errors
    /// That of `once`; 412 with `If-Match`.
    pub async fn unlost<F>(&self, mut once: impl FnMut() -> F) -> Result<Response, Problem>
    where
        F: Future<Output = Result<Response, Problem>>,
    {
        for _ in 1..TRIES {
            match once().await {
                Err(e)
                    if e.status == StatusCode::PRECONDITION_FAILED && !etag::conditional(&self.headers) => {}
                other => return other,
            }
        }
        once().await
    }
}

fn put(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// The id in a path. What is no id of ours names nothing.
///
/// # Errors
/// 404.
pub fn uuid(what: &str, id: &str) -> Result<Uuid, Problem> {
    id.parse().map_err(|_| Problem::not_found(what, id))
}

/// What was looked up by the id in a path.
///
/// # Errors
/// 404.
pub fn found<T>(what: &str, id: &str, row: Option<T>) -> Result<T, Problem> {
    row.ok_or_else(|| Problem::not_found(what, id))
}
