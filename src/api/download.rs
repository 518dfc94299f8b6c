//! Downloads of backups by an expiring link, with Range. *Downloaded* is journalled once per link, when every octet
//! has been taken by the kernel on connections that did not fail.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
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
use crate::access::Caller;
use crate::engine::Engine;
use crate::mediation::journal;
use crate::store::StoreError;
use crate::store::backups::BackupRow;
use crate::store::links::LinkRow;

const CHUNK: usize = 64 << 10;
/// Octets after which the progress of a download is stored; a resumed one may begin so far behind it.
const STORED_EVERY: u64 = 8 << 20;

fn signature(engine: &Engine, tenant: &str, link: Uuid, expires: i64) -> [u8; 32] {
    engine.secrets.digest(
        "download",
        &[tenant.as_bytes(), link.as_bytes(), &expires.to_be_bytes()],
    )
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
    let altered = || {
        Problem::new(
            StatusCode::FORBIDDEN,
            "altered",
            "the link was altered",
            "ask for a new link",
        )
    };
    let value = |name: &str| {
        form_urlencoded::parse(raw.unwrap_or("").as_bytes())
            .find(|(k, _)| k == name)
            .map(|(_, v)| v.into_owned())
    };
    let id: Uuid = link.parse().map_err(|_| altered())?;
    let expires: i64 = value("expires")
        .and_then(|v| v.parse().ok())
        .ok_or_else(altered)?;
    let given = value("signature")
        .and_then(|v| BASE64.decode(v).ok())
        .ok_or_else(altered)?;
    let parts: [&[u8]; 3] = [tenant.as_bytes(), id.as_bytes(), &expires.to_be_bytes()];
    if !engine.secrets.verify("download", &parts, &given) {
        return Err(altered());
    }
    if DateTime::from_timestamp(expires, 0).is_none_or(|at| at <= engine.db.clock().now()) {
        return Err(Problem::new(
            StatusCode::GONE,
            "expired",
            "the link has expired",
            "ask for a new link",
        ));
    }
    Ok(id)
}

/// The one range asked for, as [from, to); none: the whole.
fn range(headers: &HeaderMap, size: u64) -> Result<Option<(u64, u64)>, Problem> {
    let Some(text) = headers.get(header::RANGE).and_then(|v| v.to_str().ok()) else {
        return Ok(None);
    };
    let Some(spec) = text.strip_prefix("bytes=").filter(|s| !s.contains(',')) else {
        return Ok(None);
    };
    let Some((from, to)) = spec.split_once('-') else {
        return Ok(None);
    };
    let parsed = match (from.trim().parse::<u64>(), to.trim().parse::<u64>()) {
        (Ok(from), Ok(to)) if from <= to => Some((from, to.saturating_add(1).min(size))),
        (Ok(from), Err(_)) if to.trim().is_empty() => Some((from, size)),
        (Err(_), Ok(last)) if from.trim().is_empty() && last > 0 => Some((size.saturating_sub(last), size)),
        _ => return Ok(None),
    };
    match parsed {
        Some((from, to)) if from < to => Ok(Some((from, to))),
        _ => Err(Problem::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "range",
            "no such range",
            format!("the backup has {size} octets"),
        )),
    }
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
        tx.backup(row.backup)
            .await?
            .filter(|b| b.state == "available")
            .ok_or_else(missing)?
    };
    let size = u64::try_from(backup.size.unwrap_or(0)).unwrap_or(0);
    let range = range(&headers, size)?;
    let (from, to) = range.unwrap_or((0, size));
    let status = if range.is_some() {
        StatusCode::PARTIAL_CONTENT
    } else {
        StatusCode::OK
    };
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        send(engine.clone(), connection.sent, tenant, id, &backup, from, to).await?
    };
    let mut response = (status, body).into_response();
    let h = response.headers_mut();
    let mut put = |name, value: String| {
        if let Ok(value) = HeaderValue::from_str(&value) {
            h.insert(name, value);
        }
    };
    put(header::CONTENT_LENGTH, (to - from).to_string());
    put(header::CONTENT_TYPE, "application/zstd".into());
    put(header::ACCEPT_RANGES, "bytes".into());
    put(
        header::ETAG,
        format!("\"{}\"", backup.sha256.clone().unwrap_or_default()),
    );
    put(
        header::CONTENT_DISPOSITION,
        format!(
            "attachment; filename=\"{}-{}.tar.zst\"",
            backup.application, backup.id
        ),
    );
    if range.is_some() {
        put(header::CONTENT_RANGE, format!("bytes {from}-{}/{size}", to - 1));
    }
    Ok(response)
}

/// The body, and beside it the task that notes what has really gone out.
async fn send(
    engine: Arc<Engine>,
    sent: Arc<Sent>,
    tenant: String,
    link: Uuid,
    backup: &BackupRow,
    from: u64,
    to: u64,
) -> Result<Body, Problem> {
    let (file, _) = engine.objects.read(&backup.object_key, from).await.map_err(|e| {
        tracing::error!(error = %e, backup = %backup.id, "the object of an available backup cannot be read");
        Problem::not_found("backup", &backup.id.to_string())
    })?;
    sent.begin();
    tokio::spawn(watch(
        engine,
        sent.clone(),
        tenant,
        link,
        backup.clone(),
        from,
        to,
    ));
    let reader = file.take(to - from);
    let octets = stream::try_unfold((reader, sent), |(mut reader, sent)| async move {
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
async fn watch(
    engine: Arc<Engine>,
    sent: Arc<Sent>,
    tenant: String,
    link: Uuid,
    backup: BackupRow,
    from: u64,
    to: u64,
) {
    let mut stored = from;
    note(
        &engine,
        &tenant,
        link,
        &backup,
        Progress {
            from,
            to: from,
            open: true,
        },
    )
    .await;
    loop {
        let (taken, closed) = sent.state();
        let at = from + taken;
        if at >= to {
            note(
                &engine,
                &tenant,
                link,
                &backup,
                Progress {
                    from,
                    to,
                    open: false,
                },
            )
            .await;
            return;
        }
        if closed {
            return;
        }
        if at - stored >= STORED_EVERY {
            stored = at;
            note(
                &engine,
                &tenant,
                link,
                &backup,
                Progress {
                    from,
                    to: at,
                    open: true,
                },
            )
            .await;
        }
        sent.changed().await;
    }
}

/// What one response has sent. `open`: it had not ended, and may have sent a little more than it could store.
#[derive(Debug, Clone, Copy)]
struct Progress {
    from: u64,
    to: u64,
    open: bool,
}

async fn note(engine: &Engine, tenant: &str, link: Uuid, backup: &BackupRow, p: Progress) {
    if let Err(e) = write(engine, tenant, link, backup, p).await {
        tracing::warn!(error = %e, %link, "the progress of a download was not stored");
    }
}

async fn write(
    engine: &Engine,
    tenant: &str,
    link: Uuid,
    backup: &BackupRow,
    p: Progress,
) -> Result<(), StoreError> {
    let mut tx = engine.db.tenant(tenant).await?;
    let Some(mut row) = tx.link(link).await? else {
        return Ok(());
    };
    if row.completed_at.is_some() {
        return Ok(());
    }
    let now = tx.now();
    let first = *row.first_sent_at.get_or_insert(now);
    row.sent.0 = join(&row.sent.0, p);
    let size = u64::try_from(backup.size.unwrap_or(0)).unwrap_or(0);
    let whole = size == 0 || row.sent.0.iter().any(|(from, to, _)| *from == 0 && *to >= size);
    if whole && !p.open {
        row.completed_at = Some(now);
        journal::downloaded(&mut tx, link, backup, (now - first).num_seconds()).await?;
        tracing::info!(%link, backup = %backup.id, "downloaded");
    }
    tx.save_link(&row).await?;
    engine
        .commit(
            tx,
            ["link.before_commit", "link.after_commit", "line.after_publish"],
        )
        .await
}

/// Adds a range to the union. A range that begins within 8 MiB behind the stored end of a response that broke off
/// closes the gap, because that much may have gone out without being stored.
fn join(known: &[(u64, u64, bool)], p: Progress) -> Vec<(u64, u64, bool)> {
    let mut all: Vec<(u64, u64, bool)> = known.to_vec();
    // A response replaces its own earlier progress.
    all.retain(|(from, to, open)| !(*open && *from == p.from && *to <= p.to));
    all.push((p.from, p.to, p.open));
    all.sort_unstable();
    let mut out: Vec<(u64, u64, bool)> = vec![];
    for (from, to, open) in all {
        match out.last_mut() {
            Some(last)
                if from
                    <= last.1
                        + if last.2 && from >= last.1 && (from, to) != (last.0, last.1) {
                            STORED_EVERY
                        } else {
                            0
                        } =>
            {
                if to > last.1 {
                    *last = (last.0, to, open);
                } else if to == last.1 {
                    last.2 &= open;
                }
            }
            _ => out.push((from, to, open)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn run(steps: &[(u64, u64, bool)]) -> Vec<(u64, u64, bool)> {
        steps.iter().fold(vec![], |known, (from, to, open)| {
            join(
                &known,
                Progress {
                    from: *from,
                    to: *to,
                    open: *open,
                },
            )
        })
    }

    #[test]
    fn finished_ranges_join_only_where_they_touch() {
        assert_eq!(run(&[(0, 10, false), (10, 20, false)]), [(0, 20, false)]);
        assert_eq!(
            run(&[(0, 10, false), (11, 20, false)]),
            [(0, 10, false), (11, 20, false)]
        );
        assert_eq!(run(&[(50, 60, false), (0, 55, false)]), [(0, 60, false)]);
    }

    #[test]
    fn a_response_that_broke_off_is_continued_within_8_mib() {
        let resumed = run(&[
            (0, 0, true),
            (0, 8 * MIB, true),
            (15 * MIB, 20 * MIB, true),
            (15 * MIB, 20 * MIB, false),
        ]);
        assert_eq!(resumed, [(0, 20 * MIB, false)]);
        let too_far = run(&[(0, 0, true), (17 * MIB, 20 * MIB, false)]);
        assert_eq!(too_far.len(), 2);
    }

    #[test]
    fn ranges_are_read_as_http_says() {
        let of = |text: &'static str| {
            let mut h = HeaderMap::new();
            h.insert(header::RANGE, HeaderValue::from_static(text));
            range(&h, 100)
        };
        assert_eq!(of("bytes=0-9").unwrap(), Some((0, 10)));
        assert_eq!(of("bytes=90-").unwrap(), Some((90, 100)));
        assert_eq!(of("bytes=-10").unwrap(), Some((90, 100)));
        assert_eq!(of("bytes=50-500").unwrap(), Some((50, 100)));
        assert!(of("bytes=100-").is_err());
        assert_eq!(of("lines=1-2").unwrap(), None);
        assert_eq!(of("bytes=0-1,5-6").unwrap(), None);
    }
}
