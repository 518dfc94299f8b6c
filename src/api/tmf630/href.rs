//! What the addresses in answers begin with.

use axum::http::{HeaderMap, header};

use crate::api::Doors;

/// Scheme, host and port that hrefs begin with: the setting `base_url`, else what the client called.
#[must_use]
pub fn base(doors: &Doors, headers: &HeaderMap) -> String {
    let configured = doors.engine.config.base_url.trim_end_matches('/');
    if configured.is_empty() {
        let host = headers.get(header::HOST).and_then(|v| v.to_str().ok()).unwrap_or("127.0.0.1");
        format!("http://{host}")
    } else {
        configured.to_owned()
    }
}
