//! What TMF630 says of every collection, whatever is in it.

use reqwest::Method;
use serde_json::Value;

use super::check::{Checks, Held, Stop, hold};
use super::client::{Client, with_query};
use super::orders::bench::{ids, listed, plain_members, refused, text};
use crate::clock::new_id;

const PAGING: &str = "TMF630 4.5 paging";
const FILTERING: &str = "TMF630 4.4 filtering";
const SELECTION: &str = "TMF630 4.3 attribute selection";

/// A collection, and which of its entries are looked at.
pub struct Collection<'a> {
    pub client: &'a Client,
    /// `/serviceOrder`.
    pub path: String,
    /// A filter that leaves entries which nobody else changes meanwhile; none on a collection that stands still.
    pub within: Vec<(&'a str, String)>,
    pub any_implementation: bool,
}

impl Collection<'_> {
    fn target(&self, query: &[(&str, &str)]) -> String {
        let within = self.within.iter().map(|(name, value)| (*name, value.as_str()));
        with_query(&self.path, &within.chain(query.iter().copied()).collect::<Vec<_>>())
    }

    async fn list(&self, query: &[(&str, &str)]) -> Held<Vec<Value>> {
        listed(self.client, &self.target(query)).await
    }

    /// At least two entries, or the check is skipped.
    async fn some(&self) -> Held<Vec<Value>> {
        let all = self.list(&[]).await?;
        if all.len() < 2 {
            return Err(Stop::Skipped(format!("{} holds {} entries; seed it", self.path, all.len())));
        }
        Ok(all)
    }
}

pub async fn run(checks: &mut Checks<'_>, c: &Collection<'_>) {
    paging(checks, c).await;
    filtering(checks, c).await;
    selection_and_sorting(checks, c).await;
    refusals(checks, c).await;
    conditional(checks, c).await;
}

async fn paging(checks: &mut Checks<'_>, c: &Collection<'_>) {
    let path = &c.path;
    let pages =
        checks.check(format!("{path}: limit and offset cut pages, X-Total-Count stays"), PAGING, async {
            let all = c.some().await?;
            let total = c.client.get(&c.target(&[])).await?.count("x-total-count")?;
            let mut seen = vec![];
            for offset in ["0", "1"] {
                let target = c.target(&[("limit", "1"), ("offset", offset)]);
                let answer = c.client.get(&target).await?.must_be(&[200])?;
                let now = answer.count("x-total-count")?;
                hold!(now == total, "X-Total-Count is {now}, was {total}: {target}");
                seen.extend(ids(&answer.list()?));
            }
            hold!(seen == ids(&all)[..2], "the pages hold {seen:?}, the list begins {:?}", &ids(&all)[..2]);
            let beyond = c.list(&[("limit", "1"), ("offset", &total.to_string())]).await?;
            hold!(beyond.is_empty(), "a page beyond the end holds {}", beyond.len());
            Ok(())
        });
    pages.await;
    let links = checks.check(format!("{path}: Link leads to the next page"), PAGING, async {
        let all = c.some().await?;
        let answer = c.client.get(&c.target(&[("limit", "1")])).await?.must_be(&[200])?;
        let Some(link) = answer.header("link") else {
            hold!(c.any_implementation, "no Link on a page of one: {answer}");
            return Err(Stop::Skipped("the server sends no Link, which is its right (SHOULD)".into()));
        };
        let Some(next) = link_to(link, "next") else {
            return Err(Stop::Failed(format!("Link has no rel=next: {link}")));
        };
        let Some(target) = next.strip_prefix(&c.client.base) else {
            return Err(Stop::Failed(format!("Link leads elsewhere: {next}")));
        };
        let page = ids(&c.client.get(target).await?.must_be(&[200])?.list()?);
        hold!(page == ids(&all)[1..2], "the next page holds {page:?}, the second is {:?}", &ids(&all)[1..2]);
        Ok(())
    });
    links.await;
    let bad = checks.check(format!("{path}: bad limit or offset is 400 and named"), PAGING, async {
        for name in ["limit", "offset"] {
            for value in ["-1", "many", "1.5", "99999999999999999999"] {
                let answer = c.client.get(&with_query(path, &[(name, value)])).await?;
                refused(answer, 400, &[name], c.any_implementation)?;
            }
        }
        Ok(())
    });
    bad.await;
}

/// The address of a relation in a Link header (RFC 8288).
fn link_to<'l>(link: &'l str, relation: &str) -> Option<&'l str> {
    link.split('<').skip(1).find_map(|part| {
        let (address, parameters) = part.split_once('>')?;
        let named = [format!("rel=\"{relation}\""), format!("rel={relation}")];
        named.iter().any(|name| parameters.contains(name)).then_some(address)
    })
}

async fn filtering(checks: &mut Checks<'_>, c: &Collection<'_>) {
    let path = &c.path;
    let nothing =
        checks.check(format!("{path}: a filter that nothing meets gives an empty list"), FILTERING, async {
            let found = listed(c.client, &with_query(path, &[("id", &new_id().to_string())])).await?;
            hold!(found.is_empty(), "found {:?}", ids(&found));
            Ok(())
        });
    nothing.await;
    let one = checks.check(format!("{path}: ?id= finds one, each OR form both"), FILTERING, async {
        let all = ids(&c.some().await?);
        let (first, second) = (&all[0], &all[1]);
        let found = ids(&c.list(&[("id", first)]).await?);
        hold!(found == [first.clone()], "found {found:?}");
        for pairs in
            [vec![("id", format!("{first},{second}"))], vec![("id", first.clone()), ("id", second.clone())]]
        {
            let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let mut found = ids(&c.list(&pairs).await?);
            found.sort();
            let mut both = all[..2].to_vec();
            both.sort();
            hold!(found == both, "{pairs:?} finds {found:?}");
        }
        Ok(())
    });
    one.await;
    let anded = checks.check(format!("{path}: several filters must all hold"), FILTERING, async {
        let all = c.some().await?;
        let found = c.list(&[("id", text(&all[0], "id")?), ("href", text(&all[1], "href")?)]).await;
        // An attribute that a server does not index may be refused, and must not be ignored.
        if let Ok(found) = found {
            hold!(found.is_empty(), "found {:?}", ids(&found));
        }
        Ok(())
    });
    anded.await;
    let unknown =
        checks.promise(format!("{path}: an unknown filter attribute is 400 and named"), FILTERING, async {
            let answer = c.client.get(&with_query(path, &[("colour", "blue")])).await?;
            refused(answer, 400, &["colour"], c.any_implementation).map(drop)
        });
    unknown.await;
    let part6 = checks.check(
        format!("{path}: a JSONPath filter is answered, or refused as the rule says"),
        "TMF630 part 6 JSONPath",
        async {
            let bad = c.client.get(&with_query(path, &[("filter", "$[?(")])).await?;
            hold!([400, 501].contains(&bad.status), "bad syntax: {bad}");
            bad.json()?;
            let good = c.client.get(&c.target(&[("filter", "$[?@.id=='none']")])).await?;
            hold!([200, 501].contains(&good.status), "good syntax: {good}");
            if good.status == 200 {
                hold!(good.list()?.is_empty(), "an id that nothing has was found: {good}");
            } else {
                good.json()?;
            }
            Ok(())
        },
    );
    part6.await;
}

async fn selection_and_sorting(checks: &mut Checks<'_>, c: &Collection<'_>) {
    let path = &c.path;
    let none = checks.check(format!("{path}: ?fields=none gives id and href"), SELECTION, async {
        c.some().await?;
        for entry in c.list(&[("fields", "none")]).await? {
            hold!(plain_members(&entry) == ["href", "id"], "members are {:?}", plain_members(&entry));
        }
        Ok(())
    });
    none.await;
    let sorted =
        checks.check(format!("{path}: ?sort=-id is the reverse of ?sort=id"), "TMF630 4.7 sorting", async {
            c.some().await?;
            let asked = c.client.get(&c.target(&[("sort", "id")])).await?;
            if asked.status == 400 {
                refused(asked, 400, &["id"], c.any_implementation)?;
                return Err(Stop::Skipped("the server does not sort by id, and says so".into()));
            }
            let up = ids(&c.list(&[("sort", "id")]).await?);
            let mut down = ids(&c.list(&[("sort", "-id")]).await?);
            let mut right = up.clone();
            right.sort();
            // How text is compared is the server's affair; both ways must agree.
            down.reverse();
            hold!(up == down, "up {up:?}, down reversed {down:?}");
            hold!(c.any_implementation || up == right, "not in order: {up:?}");
            Ok(())
        });
    sorted.await;
    let unknown = checks.promise(
        format!("{path}: an unknown sort attribute is 400 and named"),
        "TMF630 4.7 sorting",
        async {
            let answer = c.client.get(&with_query(path, &[("sort", "colour")])).await?;
            refused(answer, 400, &["colour"], c.any_implementation).map(drop)
        },
    );
    unknown.await;
}

async fn refusals(checks: &mut Checks<'_>, c: &Collection<'_>) {
    let path = &c.path;
    let unknown = checks.check(
        format!("{path}: an unknown id is 404 with an error body"),
        "TMF630 3.4 error body",
        async {
            let answer = c.client.get(&format!("{path}/{}", new_id())).await?;
            refused(answer, 404, &[], c.any_implementation).map(drop)
        },
    );
    unknown.await;
    let method = checks.check(format!("{path}: PUT is 405 with Allow"), "RFC 9110 methods", async {
        let answer = c.client.send(Method::PUT, path, &[], Some(b"{}".to_vec())).await?;
        let allow = answer.header("allow").unwrap_or_default().to_owned();
        refused(answer, 405, &[], c.any_implementation)?;
        hold!(allow.contains("GET"), "Allow is {allow:?}");
        Ok(())
    });
    method.await;
    let accept = checks.promise(format!("{path}: 406 when no JSON is wanted"), "RFC 9110 content", async {
        let answer = c.client.get_with(path, &[("accept", "application/xml")]).await?;
        refused(answer, 406, &[], c.any_implementation).map(drop)
    });
    accept.await;
}

async fn conditional(checks: &mut Checks<'_>, c: &Collection<'_>) {
    let path = &c.path;
    let tags = checks.check(
        format!("{path}/{{id}}: ETag, and 304 for who has it"),
        "RFC 9110 conditional requests",
        async {
            let all = c.some().await?;
            let target = format!("{path}/{}", encoded(text(&all[0], "id")?));
            let answer = c.client.get(&target).await?.must_be(&[200])?;
            answer.json()?;
            let Some(tag) = answer.header("etag") else {
                hold!(c.any_implementation, "no ETag: {answer}");
                return Err(Stop::Skipped("the server sends no ETag, which is its right".into()));
            };
            let again = c.client.get_with(&target, &[("if-none-match", tag)]).await?.must_be(&[304])?;
            hold!(again.body.is_empty(), "a body under 304: {again}");
            c.client.get_with(&target, &[("if-none-match", "\"another\"")]).await?.must_be(&[200])?;
            Ok(())
        },
    );
    tags.await;
}

/// An id as a segment of a path.
fn encoded(id: &str) -> String {
    form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relation_is_found_in_a_link_header() {
        let link = "<http://x/a?limit=1>; rel=\"first\", <http://x/a?limit=1&offset=1>; rel=\"next\"";
        assert_eq!(link_to(link, "next"), Some("http://x/a?limit=1&offset=1"));
        assert_eq!(link_to(link, "last"), None);
    }
}
