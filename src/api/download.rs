//! Downloads of backups by an expiring link, with Range. *Downloaded* is journalled once per link, when every octet
//! has been taken by the kernel on connections that did not fail.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use chrono::DateTime;
use futures_util::stream;
use tokio::io::AsyncReadExt as _;
use uuid::Uuid;

use super::Doors;
use super::io::{Connection, Sent};
use super::problem::Problem;
use super::progress::{self, STORED_EVERY};
use crate::access::Caller;
use crate::clock::new_id;
use crate::engine::Engine;
use crate::mediation::journal;
use crate::store::StoreError;
use crate::store::backups::BackupRow;
use crate::store::links::{End, LinkRow};

const CHUNK: usize = 64 << 10;

fn signature(engine: &Engine, tenant: &str, link: Uuid, expires: i64) -> [u8; 32] {
    engine.secrets.digest("download", &[tenant.as_bytes(), link.as_bytes(), &expires.to_be_bytes()])
}

/// Path and query of a link.
#[must_use]
pub fn path(engine: &Engine, tenant: &str, row: &LinkRow) -> String {
    let expires = row.expires_at.timestamp();
    let mac = BASE64.encode(signature(engine, tenant, row.id, expires));
    format!("/download/{tenant}/{}?expires={expires}&signature={mac}", row.id)
}

/// Checks what the URL says of itself: 403 when it was altered, 410 when its time is over.
fn check(engine: &Engine, tenant: &str, link: &str, raw: Option<&str>) -> Result<Uuid, Problem> {
    let altered =
        || Problem::new(StatusCode::FORBIDDEN, "altered", "the link was altered", "ask for a new link");
    let value = |name: &str| {
        form_urlencoded::parse(raw.unwrap_or("").as_bytes())
            .find(|(k, _)| k == name)
            .map(|(_, v)| v.into_owned())
    };
    let id: Uuid = link.parse().map_err(|_| altered())?;
    let expires: i64 = value("expires").and_then(|v| v.parse().ok()).ok_or_else(altered)?;
    let given = value("signature").and_then(|v| BASE64.decode(v).ok()).ok_or_else(altered)?;
    let parts: [&[u8]; 3] = [tenant.as_bytes(), id.as_bytes(), &expires.to_be_bytes()];
    if !engine.secrets.verify("download", &parts, &given) {
        return Err(altered());
    }
    if DateTime::from_timestamp(expires, 0).is_none_or(|at| at <= engine.db.clock().now()) {
        return Err(Problem::new(StatusCode::GONE, "expired", "the link has expired", "ask for a new link"));
    }
    Ok(id)
}

/// What a request asks for of the octets.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    /// [from, to).
    Part(u64, u64),
    /// A range that lies outside.
    Nothing,
}

/// Reads `Range` and `If-Range` (RFC 9110, 13.1.5 and 14.2). What is no range, or more than one, is left alone; so is
/// a range of other octets than those that `etag` names.
fn wanted(headers: &HeaderMap, etag: &str, size: u64) -> Wanted {
    let same = headers.get(header::IF_RANGE).is_none_or(|v| v.as_bytes() == etag.as_bytes());
    let range = headers.get(header::RANGE).and_then(|v| v.to_str().ok()).filter(|_| same);
    let (from, to) = match range.and_then(one_range) {
        None | Some((None, None)) => return Wanted::Whole,
        Some((Some(from), Some(last))) if last < from => return Wanted::Whole,
        Some((Some(from), last)) => (from, last.map_or(size, |l| l.saturating_add(1).min(size))),
        Some((None, Some(count))) => (size.saturating_sub(count), size),
    };
    if from < to { Wanted::Part(from, to) } else { Wanted::Nothing }
}

/// The two numbers of `bytes=FROM-LAST`, either of which may be left out.
fn one_range(text: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, range) = text.split_once('=')?;
    let (from, last) = range.split_once('-').filter(|_| unit.trim().eq_ignore_ascii_case("bytes"))?;
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        // More digits than we count lie beyond every end.
        t if t.bytes().all(|b| b.is_ascii_digit()) => Some(Some(t.parse().unwrap_or(u64::MAX))),
        _ => None,
    };
    Some((number(from)?, number(last)?))
}

/// GET and HEAD.
///
/// # Errors
/// 403 altered, 404 gone, 410 expired, 416 no such range.
pub async fn get(
    State(doors): State<Doors>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    Extension(_caller): Extension<Caller>,
    method: Method,
    headers: HeaderMap,
    Path((tenant, link)): Path<(String, String)>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    let engine = doors.engine.clone();
    let id = check(&engine, &tenant, &link, raw.as_deref())?;
    let missing = || Problem::not_found("download", &link);
    let backup = {
        let mut tx = engine.db.read(&tenant).await?;
        let row = tx.link(id).await?.ok_or_else(missing)?;
        tx.backup(row.backup).await?.filter(|b| b.state == "available").ok_or_else(missing)?
    };
    let size = u64::try_from(backup.size.unwrap_or(0)).unwrap_or(0);
    let etag = format!("\"{}\"", backup.sha256.clone().unwrap_or_default());
    // A range is defined for GET alone.
    let wanted = if method == Method::GET { wanted(&headers, &etag, size) } else { Wanted::Whole };
    let (status, from, to) = match wanted {
        Wanted::Whole => (StatusCode::OK, 0, size),
        Wanted::Part(from, to) => (StatusCode::PARTIAL_CONTENT, from, to),
        Wanted::Nothing => (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0),
    };
    let mut out = vec![(header::ETAG, etag), (header::ACCEPT_RANGES, "bytes".to_owned())];
    if wanted == Wanted::Nothing {
        let message = format!("the backup has {size} octets");
        out.push((header::CONTENT_RANGE, format!("bytes */{size}")));
        return Ok(with(Problem::new(status, "range", "no such range", message).into_response(), out));
    }
    out.extend([
        (header::CONTENT_LENGTH, (to - from).to_string()),
        (header::CONTENT_TYPE, "application/zstd".into()),
        // Whoever has the link may read the customer's data, and no cache beside.
        (header::CACHE_CONTROL, "private".into()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}-{}.tar.zst\"", backup.application, backup.id),
        ),
    ]);
    if status == StatusCode::PARTIAL_CONTENT {
        out.push((header::CONTENT_RANGE, format!("bytes {from}-{}/{size}", to - 1)));
    }
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        send(&doors, &connection, tenant, id, backup, (from, to)).await?
    };
    Ok(with((status, body).into_response(), out))
}

/// A response with these headers.
fn with(mut response: Response, headers: Vec<(HeaderName, String)>) -> Response {
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The body, and beside it the task that notes what has really gone out.
async fn send(
    doors: &Doors,
    connection: &Connection,
    tenant: String,
    link: Uuid,
    backup: BackupRow,
    (from, to): (u64, u64),
) -> Result<Body, Problem> {
    let engine = doors.engine.clone();
    let (file, _) = engine.objects.read(&backup.object_key, from).await.map_err(|e| {
        tracing::error!(error = %e, backup = %backup.id, "the object of an available backup cannot be read");
        Problem::not_found("backup", &backup.id.to_string())
    })?;
    let sent = connection.sent.begin();
    let response = Noted { engine, tenant, link, backup, response: new_id() };
    response.note(Step::Begin(from)).await;
    doors.downloads.spawn(watch(response, sent.clone(), from, to));
    let reader = file.take(to - from);
    let octets = stream::try_unfold((reader, sent), |(mut reader, sent)| async move {
        // No more goes out than can be told after a crash.
        sent.room(STORED_EVERY - CHUNK as u64).await;
        let mut buffer = vec![0; CHUNK];
        let n = reader.read(&mut buffer).await?;
        if n == 0 {
            return Ok::<_, std::io::Error>(None);
        }
        buffer.truncate(n);
        sent.give(n as u64);
        Ok(Some((Bytes::from(buffer), (reader, sent))))
    });
    Ok(Body::from_stream(octets))
}

/// Stores the progress of one response, and its end.
async fn watch(response: Noted, sent: Arc<Sent>, from: u64, to: u64) {
    let mut stored = 0;
    loop {
        let state = sent.state();
        if from + state.taken >= to {
            return response.note(Step::End(to, End::Whole)).await;
        }
        if let Some(reached) = state.closed {
            return response.note(Step::End(from + reached, End::Broken)).await;
        }
        if state.taken - stored >= STORED_EVERY / 2 {
            stored = state.taken;
            response.note(Step::At(from + stored)).await;
            sent.stored(stored);
        }
        sent.changed().await;
    }
}

/// What one response tells of itself.
enum Step {
    Begin(u64),
    At(u64),
    End(u64, End),
}

/// One response under a link.
struct Noted {
    engine: Arc<Engine>,
    tenant: String,
    link: Uuid,
    backup: BackupRow,
    response: Uuid,
}

impl Noted {
    /// Stores a step. A database that does not answer does not stop the download; what it missed is not attested.
    async fn note(&self, step: Step) {
        if let Err(e) = self.write(step).await {
            tracing::warn!(error = %e, link = %self.link, "the progress of a download was not stored");
        }
    }

    async fn write(&self, step: Step) -> Result<(), StoreError> {
        let mut tx = self.engine.db.tenant(&self.tenant).await?;
        let Some(mut row) = tx.lock_link(self.link).await? else {
            return Ok(());
        };
        if row.completed_at.is_some() {
            return Ok(());
        }
        let now = tx.now();
        let first = *row.first_sent_at.get_or_insert(now);
        let parts = &mut row.sent.0;
        let mut ended = false;
        match step {
            Step::Begin(from) => progress::begin(parts, &self.engine.worker, self.response, from),
            Step::At(to) => progress::advance(parts, self.response, to, None),
            Step::End(to, end) => {
                ended = end == End::Whole;
                progress::advance(parts, self.response, to, Some(end));
            }
        }
        let size = u64::try_from(self.backup.size.unwrap_or(0)).unwrap_or(0);
        if ended && progress::whole(parts, size) {
            row.completed_at = Some(now);
            journal::downloaded(&mut tx, self.link, &self.backup, (now - first).num_seconds()).await?;
            tracing::info!(link = %self.link, backup = %self.backup.id, "downloaded");
        }
        tx.save_link(&row).await?;
        self.engine.commit(tx, ["link.before_commit", "link.after_commit"]).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_says() {
        let of = |pairs: &[(HeaderName, &'static str)]| {
            let pairs = pairs.iter().map(|(name, text)| (name.clone(), HeaderValue::from_static(text)));
            wanted(&pairs.collect(), "\"e\"", 100)
        };
        for (text, expected) in [
            ("bytes=0-9", Wanted::Part(0, 10)),
            ("Bytes = 90-", Wanted::Part(90, 100)),
            ("bytes=-10", Wanted::Part(90, 100)),
            ("bytes=50-500", Wanted::Part(50, 100)),
            ("bytes=50-99999999999999999999999", Wanted::Part(50, 100)),
            ("bytes=100-", Wanted::Nothing),
            ("bytes=99999999999999999999999-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("lines=1-2", Wanted::Whole),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("bytes=5-2", Wanted::Whole),
            ("bytes=+5-9", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
        ] {
            assert_eq!(of(&[(header::RANGE, text)]), expected, "{text}");
        }
        let range = (header::RANGE, "bytes=0-9");
        assert_eq!(of(&[range.clone(), (header::IF_RANGE, "\"e\"")]), Wanted::Part(0, 10));
        for other in ["\"f\"", "W/\"e\"", "Mon, 23 Nov 2026 08:00:00 GMT"] {
            assert_eq!(of(&[range.clone(), (header::IF_RANGE, other)]), Wanted::Whole, "{other}");
        }
    }
}
