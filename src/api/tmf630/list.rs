//! The answer to a GET of a list: totals and links to its other pages.

use axum::http::HeaderMap;

/// Where a page stands in its list.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Address of the list, without the query.
    pub uri: &'a str,
    /// The query as it was asked.
    pub raw: &'a str,
    /// How many entries come before.
    pub position: i64,
    pub limit: i64,
    /// How many entries this page has, and all pages together.
    pub shown: usize,
    pub total: i64,
    pub next: Next<'a>,
}

/// How a list goes on.
#[derive(Debug, Clone, Copy)]
pub enum Next<'a> {
    End,
    Offset,
    Cursor(&'a str),
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
    let more = !matches!(at.next, Next::End);
    if at.limit > 0 && (more || at.position > 0 || at.total > at.limit) {
        let kept: Vec<&str> = at
            .raw
            .split('&')
            .filter(|part| {
                let name = part.split('=').next().unwrap_or("");
                !matches!(name, "" | "offset" | "limit" | "cursor")
            })
            .collect();
        let link = |name: &str, value: &str, rel: &str| {
            let place = format!("{name}={value}");
            let limit = format!("limit={}", at.limit);
            let query = [kept.as_slice(), &[&place, &limit]].concat().join("&");
            format!("<{}?{query}>; rel=\"{rel}\"", at.uri)
        };
        let offset = |n: i64, rel: &str| link("offset", &n.to_string(), rel);
        let mut links = vec![offset(0, "first")];
        if at.position > 0 {
            links.push(offset((at.position - at.limit).max(0), "prev"));
        }
        match at.next {
            Next::End => {}
            Next::Offset => links.push(offset(at.position.saturating_add(at.limit), "next")),
            Next::Cursor(cursor) => links.push(link("cursor", cursor, "next")),
        }
        links.push(offset((at.total - 1).max(0) / at.limit * at.limit, "last"));
        put("link", links.join(", "));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_the_query_and_lead_to_the_other_pages() {
        let place = Place {
            uri: "http://h/list",
            raw: "state=held,failed&offset=20&limit=10&d%3E=1&fields=id",
            position: 20,
            limit: 10,
            shown: 10,
            total: 45,
            next: Next::Cursor("c.d"),
        };
        let link = |place| headers(place).get("link").map_or("", |v| v.to_str().unwrap_or("?")).to_owned();
        let kept = "http://h/list?state=held,failed&d%3E=1&fields=id";
        let wanted =
            [("offset=0", "first"), ("offset=10", "prev"), ("cursor=c.d", "next"), ("offset=40", "last")]
                .map(|(at, rel)| format!("<{kept}&{at}&limit=10>; rel=\"{rel}\""));
        assert_eq!(link(place), wanted.join(", "));
        assert!(link(Place { next: Next::Offset, ..place }).contains("offset=30&limit=10>; rel=\"next\""));
        let whole = Place { position: 0, total: 10, next: Next::End, ..place };
        assert_eq!(link(whole), "");
        assert!(!link(Place { position: 40, shown: 5, next: Next::End, ..place }).contains("next"));
        assert!(
            link(Place { position: 5, total: 0, next: Next::End, ..place })
                .contains("offset=0&limit=10>; rel=\"last\"")
        );
    }
}
