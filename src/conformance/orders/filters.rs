//! Lists of orders: their order, and filters on what orders have.

use serde_json::{Value, json};

use super::bench::{Bench, ids, text};
use crate::conformance::check::{Checks, hold, needs};
use crate::conformance::client::with_query;
use crate::conformance::lists::{self, Collection};

const FILTERING: &str = "TMF630 4.4 filtering";

pub async fn run(checks: &mut Checks<'_>, b: &Bench) {
    checks.section("lists");
    let category = format!("lists-{}", b.run);
    let placed = checks.check("two orders of one category are accepted", b.clause("create"), async {
        let mut two = vec![];
        for priority in ["1", "2"] {
            two.push(b.place(&b.stock_with(json!({ "category": category, "priority": priority }))).await?);
        }
        Ok(two)
    });
    let two = placed.await;
    let collection = Collection {
        client: &b.client,
        path: b.orders(),
        within: vec![("category", category.clone())],
        any_implementation: b.any_implementation,
    };
    lists::run(checks, &collection).await;
    order_of_lists(checks, b, &category, &two).await;
    operators(checks, b, &category, &two).await;
    members(checks, b, &category, &two).await;
}

async fn order_of_lists(checks: &mut Checks<'_>, b: &Bench, category: &str, two: &Option<Vec<Value>>) {
    let newest = checks.promise("list: newest first", b.clause("list"), async {
        let orders = b.list(&[]).await?;
        let mut moments = vec![];
        for order in &orders {
            let moment = chrono::DateTime::parse_from_rfc3339(text(order, b.words.date)?);
            moments.extend(moment.map(|m| m.to_utc()));
        }
        hold!(
            moments.len() == orders.len() && moments.is_sorted_by(|a, b| a >= b),
            "not in order: {moments:?}"
        );
        let wanted: Vec<_> = ids(needs(two)?).into_iter().rev().collect();
        let found = b.found(&[("category", category)]).await?;
        hold!(found == wanted, "found {found:?}, placed in the order of {wanted:?} reversed");
        Ok(())
    });
    newest.await;
    for (sort, wanted) in [("priority", ["1", "2"]), ("-priority", ["2", "1"])] {
        let check = checks.check(format!("list: ?sort={sort}"), "TMF630 4.7 sorting", async {
            needs(two)?;
            let orders = b.list(&[("category", category), ("sort", sort)]).await?;
            let found: Vec<_> = orders.iter().map(|order| order["priority"].clone()).collect();
            hold!(found == wanted, "priorities are {found:?}");
            Ok(())
        });
        check.await;
    }
}

/// Comparisons, as attribute suffixes and as encoded signs.
async fn operators(checks: &mut Checks<'_>, b: &Bench, category: &str, two: &Option<Vec<Value>>) {
    let date = b.words.date;
    for (suffix, sign, earlier, same) in [
        ("gt", "%3E", false, false),
        ("gte", "%3E%3D", false, true),
        ("lt", "%3C", true, false),
        ("lte", "%3C%3D", true, true),
    ] {
        let forms = [format!("{date}.{suffix}="), format!("{date}{sign}")];
        for form in forms {
            let check = checks.check(format!("list: {form} compares dates"), FILTERING, async {
                let two = needs(two)?;
                let (first, second) = (text(&two[0], date)?, text(&two[1], date)?);
                if first == second {
                    return Ok(());
                }
                // Compared with the later one, and only these two are asked.
                let target = format!("{}?category={category}&{form}{second}", b.orders());
                let found = ids(&b.client.get(&target).await?.must_be(&[200])?.list()?);
                let all = ids(two);
                hold!(found.contains(&all[0]) == earlier, "the earlier: {found:?}");
                hold!(found.contains(&all[1]) == same, "the same: {found:?}");
                Ok(())
            });
            check.await;
        }
    }
    for (what, query) in [
        ("values by a comma", "priority=1,2".to_owned()),
        ("the attribute repeated", "priority=1&priority=2".to_owned()),
        ("pairs by a semicolon", "priority=1;priority=2".to_owned()),
        ("regular expressions", "priority.regex=%5E%5B12%5D%24".to_owned()),
        ("equality spelled out", "priority.eq=1,2".to_owned()),
    ] {
        let check = checks.check(format!("list: {what}"), FILTERING, async {
            let wanted = ids(needs(two)?);
            let answer = b.client.get(&format!("{}?category={category}&{query}", b.orders())).await?;
            let mut found = ids(&answer.must_be(&[200])?.list()?);
            found.sort();
            let mut all = wanted.clone();
            all.sort();
            hold!(found == all, "?{query} finds {found:?}");
            let other = query.replace('1', "3").replace('2', "4");
            let answer = b.client.get(&format!("{}?category={category}&{other}", b.orders())).await?;
            hold!(answer.must_be(&[200])?.list()?.is_empty(), "?{other} finds something");
            Ok(())
        });
        check.await;
    }
}

async fn members(checks: &mut Checks<'_>, b: &Bench, category: &str, two: &Option<Vec<Value>>) {
    let state = checks.check("list: ?state= filters", FILTERING, async {
        let first = b.read(&needs(two)?[0]).await?;
        let state = text(&first, "state")?;
        let orders = b.list(&[("category", category), ("state", state)]).await?;
        hold!(ids(&orders).contains(&text(&first, "id")?.to_owned()), "not found by state {state}");
        hold!(orders.iter().all(|order| order["state"] == state), "other states, too: {orders:?}");
        Ok(())
    });
    state.await;
    let none = checks.check("list: a category that no order has gives an empty list", FILTERING, async {
        let found = b.list(&[("category", &format!("none-{}", b.run))]).await?;
        hold!(found.is_empty(), "found {:?}", ids(&found));
        Ok(())
    });
    none.await;
    let dotted = checks.promise("list: a dotted path finds the customer's order", FILTERING, async {
        let customer = format!("dotted-{}", b.run);
        let order = b.order(&[b.account("1", "Dotted")], b.for_customer(&customer));
        let mut order = order;
        order["requestedStartDate"] = "2099-01-01T00:00:00Z".into();
        let order = b.place(&order).await?;
        let path = if b.is_v5() { "relatedParty.partyOrPartyRole.id" } else { "relatedParty.id" };
        let found = ids(&b
            .client
            .get(&with_query(&b.orders(), &[(path, &customer)]))
            .await?
            .must_be(&[200])?
            .list()?);
        hold!(found == [text(&order, "id")?], "?{path}= finds {found:?}");
        b.client.post(&b.cancels(), &b.cancel_of(&order)).await?.must_be(&[201]).map(drop)
    });
    dotted.await;
}
