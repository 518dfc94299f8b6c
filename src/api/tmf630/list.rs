//! The answer to a GET of a list: totals and links to its other pages.

use axum::http::HeaderMap;

/// Where a page stands in its list.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Address of the list, without the query.
    pub uri: &'a str,
    /// The query as it was asked.
    pub raw: &'a str,
    pub offset: i64,
    pub limit: i64,
    /// How many entries this page has, and all pages together.
    pub shown: usize,
    pub total: i64,
}

/// `X-Total-Count`, `X-Result-Count`, and `Link` where there is more than this page.
#[must_use]
pub fn headers(at: Place<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name: &'static str, value: String| {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    };
    put("x-total-count", at.total.to_string());
    put("x-result-count", at.shown.to_string());
    if at.limit > 0 && at.total > at.limit {
        let kept: Vec<(String, String)> = form_urlencoded::parse(at.raw.as_bytes())
            .into_owned()
            .filter(|(k, _)| k != "offset" && k != "limit")
            .collect();
        let link = |offset: i64, rel: &str| {
            let mut text = form_urlencoded::Serializer::new(String::new());
            text.extend_pairs(&kept);
            text.append_pair("offset", &offset.to_string()).append_pair("limit", &at.limit.to_string());
            format!("<{}?{}>; rel=\"{rel}\"", at.uri, text.finish())
        };
        let mut links = vec![link(0, "first")];
        if at.offset > 0 {
            links.push(link((at.offset - at.limit).max(0), "prev"));
        }
        if at.offset.saturating_add(at.limit) < at.total {
            links.push(link(at.offset.saturating_add(at.limit), "next"));
        }
        links.push(link((at.total - 1) / at.limit * at.limit, "last"));
        put("link", links.join(", "));
    }
    headers
}
