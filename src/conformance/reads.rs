//! Checks of the APIs that are looked at rather than ordered by: catalogues, inventories, customers, usage. They change
//! nothing, so they need a server that holds something; `telvisor conformance seed` puts it there.

use super::check::{Checks, Stop, hold};
use super::client::Client;
use super::lists::{self, Collection};
use super::orders::bench::{listed, text};

/// All belongs together.
pub const SECTIONS: [&str; 1] = ["reads"];

pub async fn run(checks: &mut Checks<'_>, client: &Client, any_implementation: bool) {
    checks.section("reads");
    for path in client.api().collections() {
        let clause = format!("{} retrieve", client.api().title());
        let each =
            checks.check(format!("{path}: every entry is complete, and found by its href"), clause, async {
                let all = listed(client, &path).await?;
                let Some(first) = all.first() else {
                    return Err(Stop::Skipped(format!("{path} is empty; seed it")));
                };
                for entry in &all {
                    text(entry, "id")?;
                    text(entry, "href")?;
                }
                let href = text(first, "href")?;
                let Some(target) = href.strip_prefix(&client.base) else {
                    return Err(Stop::Failed(format!(
                        "href leads elsewhere than where it was asked: {href}"
                    )));
                };
                let one = client.get(target).await?.must_be(&[200])?.json()?;
                hold!(one["id"] == first["id"], "href of {} leads to {}", first["id"], one["id"]);
                Ok(())
            });
        if each.await.is_none() {
            continue;
        }
        let collection = Collection { client, path, within: vec![], any_implementation };
        Box::pin(lists::run(checks, &collection)).await;
    }
}
