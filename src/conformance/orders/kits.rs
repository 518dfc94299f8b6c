//! What the official kits ask (v4, and the older R18.5), in our own words.

use serde_json::{Value, json};

use super::bench::{Bench, ids, is_utc, plain_members, text};
use crate::clock::new_id;
use crate::conformance::check::{Checks, Held, hold, needs};
use crate::conformance::client::with_query;

pub async fn run(checks: &mut Checks<'_>, b: &Bench) {
    checks.section("kits");
    let stock = first_kit(checks, b).await;
    by_date(checks, b, &stock).await;
    labelled(checks, b).await;
}

/// What the v4 kit asks up to its filter on the date.
async fn first_kit(checks: &mut Checks<'_>, b: &Bench) -> Option<Value> {
    let w = &b.words;
    let stock = checks.check(
        "POST of the stock body is answered 201 with every mandatory member",
        b.clause("create"),
        async {
            let order = b.place(&b.stock()).await?;
            let item = &order[w.items][0];
            let one = order[w.items].as_array().is_some_and(|items| items.len() == 1);
            hold!(one && item["id"] == "1" && item["action"] == "add", "the item is not kept: {order}");
            Ok(order)
        },
    );
    let stock = stock.await;
    let list = checks.check("the list is 200 and every element complete", b.clause("list"), async {
        needs(&stock)?;
        let orders = b.list(&[]).await?;
        hold!(!orders.is_empty(), "the list is empty after a POST");
        orders.iter().try_for_each(|order| b.complete(order, &order.to_string()))
    });
    list.await;
    let found = checks.check("an order is found by its id", b.clause("retrieve"), async {
        let stock = needs(&stock)?;
        let order = b.read(stock).await?;
        for name in ["id", "href", w.date] {
            hold!(order[name] == stock[name], "{name} was {}, is {}", stock[name], order[name]);
        }
        Ok(())
    });
    found.await;
    for attribute in ["href", "id", w.date] {
        let title = format!("?fields={attribute} gives that with id and href, and nothing else");
        let check = checks.check(title, "TMF630 4.3 attribute selection", async {
            let orders = b.list(&[("fields", attribute)]).await?;
            hold!(!orders.is_empty(), "the list is empty");
            for order in &orders {
                let members = plain_members(order);
                let mut right = vec!["id", "href", attribute];
                right.sort_unstable();
                right.dedup();
                let good = if b.any_implementation { members.contains(&attribute) } else { members == right };
                hold!(good, "members are {members:?}");
            }
            Ok(())
        });
        check.await;
    }
    let by_id = checks.check("?id= finds exactly that order", "TMF630 4.4 filtering", async {
        let id = text(needs(&stock)?, "id")?;
        let found = b.found(&[("id", id)]).await?;
        hold!(found == [id], "found {found:?}");
        Ok(())
    });
    by_id.await;
    let unknown = checks.check("an unknown id is 404 with an error body", b.clause("retrieve"), async {
        for unknown in [new_id().to_string().as_str(), "123123123123"] {
            b.refused(b.client.get(&b.at(unknown)).await?, 404, &[])?;
        }
        Ok(())
    });
    unknown.await;
    stock
}

async fn by_date(checks: &mut Checks<'_>, b: &Bench, stock: &Option<Value>) {
    let date = b.words.date;
    // The kits write the value in double quotes, or without.
    for (quote, how) in [("\"", "in double quotes"), ("", "without quotes")] {
        let title = format!("?{date}= with the exact text, {how}, finds the order");
        let check = checks.check(title, "TMF630 4.4 filtering", async {
            let stock = needs(stock)?;
            let moment = text(stock, date)?;
            let found = b.list(&[(date, &format!("{quote}{moment}{quote}"))]).await?;
            hold!(ids(&found).iter().any(|id| stock["id"] == **id), "not among the {} found", found.len());
            for order in &found {
                b.complete(order, date)?;
                hold!(order[date] == moment, "also found one of {}", order[date]);
            }
            Ok(())
        });
        check.await;
    }
    let title = format!("an unencoded {date} in the query finds the order");
    let unencoded = checks.check(title, "TMF630 4.4 filtering", async {
        let stock = needs(stock)?;
        let answer = b.client.get(&format!("{}?{date}={}", b.orders(), text(stock, date)?)).await?;
        let found = ids(&answer.must_be(&[200])?.list()?);
        hold!(found.iter().any(|id| stock["id"] == **id), "not among the {} found", found.len());
        Ok(())
    });
    unencoded.await;
    let utc = checks.check(format!("{date} is in UTC with Z"), "TMF630 times", async {
        let moment = text(needs(stock)?, date)?;
        hold!(is_utc(moment), "{date} is {moment}");
        Ok(())
    });
    utc.await;
}

/// What the older kit asks beyond: two orders with labels of their own.
async fn labelled(checks: &mut Checks<'_>, b: &Bench) {
    let category = format!("category-{}", b.run);
    let number = |priority: &str| format!("ext-{priority}-{}", b.run);
    let body = |priority: &str| {
        let description = format!("order of priority {priority}");
        let mut order =
            b.stock_with(json!({ "priority": priority, "category": category, "description": description }));
        if let (Value::Object(order), Value::Object(more)) = (&mut order, b.external(&number(priority))) {
            order.extend(more);
        }
        order
    };
    let title = "two orders with an external id, priority, category and description keep them";
    let two = checks.check(title, b.clause("create"), async {
        let mut two = vec![];
        for priority in ["1", "2"] {
            let sent = body(priority);
            let order = b.place(&sent).await?;
            for name in ["priority", "category", "description"] {
                hold!(order[name] == sent[name], "{name} is {}, not {}", order[name], sent[name]);
            }
            let text = order.to_string();
            hold!(text.contains(&number(priority)), "the external id is not kept: {text}");
            two.push(order);
        }
        Ok(two)
    });
    let two = two.await;
    let pick = |n: usize| -> Held<&Value> { Ok(&needs(&two)?[n]) };
    let states =
        checks.check("states of order and item are of the official enumeration", b.clause("states"), async {
            let order = b.read(pick(0)?).await?;
            let kind = if b.is_tmf641() { "ServiceOrderStateType" } else { "ProductOrderStateType" };
            let allowed = b.api.enumeration(kind);
            hold!(
                allowed.contains(&text(&order, "state")?),
                "state is {}, none of {allowed:?}",
                order["state"]
            );
            for item in order[b.words.items].as_array().into_iter().flatten() {
                for name in ["id", "action", "state"] {
                    text(item, name)?;
                }
            }
            Ok(())
        });
    states.await;
    let by_category = checks.check("?category= finds exactly the two", "TMF630 4.4 filtering", async {
        let mut found = b.found(&[("category", &category)]).await?;
        let mut wanted = ids(needs(&two)?);
        found.sort();
        wanted.sort();
        hold!(found == wanted, "found {found:?}");
        Ok(())
    });
    by_category.await;
    let title = "?priority=\"1\"&category= finds exactly the first";
    let by_both = checks.check(title, "TMF630 4.4 filtering", async {
        let first = text(pick(0)?, "id")?;
        let found = b.found(&[("priority", "\"1\""), ("category", &category)]).await?;
        hold!(found == [first], "found {found:?}");
        Ok(())
    });
    by_both.await;
    let by_number = checks.check(
        "the filter by the external id finds exactly the second",
        "TMF630 4.4 filtering",
        async {
            let second = pick(1)?;
            let found = b.list(&[(b.by_external(), &number("2"))]).await?;
            hold!(ids(&found) == [text(second, "id")?], "found {:?}", ids(&found));
            for name in ["href", b.words.date, "category", "priority"] {
                hold!(found[0][name] == second[name], "{name} is {}", found[0][name]);
            }
            Ok(())
        },
    );
    by_number.await;
    choices(checks, b, &two, &number("1")).await;
    refusals(checks, b, &body("3")).await;
}

/// `fields` on one order, with members of items, and together with a filter.
async fn choices(checks: &mut Checks<'_>, b: &Bench, two: &Option<Vec<Value>>, number: &str) {
    const CLAUSE: &str = "TMF630 4.3 attribute selection";
    let items = b.words.items;
    let one = checks.check("/{id}?fields= gives the chosen members and nothing else", CLAUSE, async {
        let second = &needs(two)?[1];
        let target = with_query(&b.at(text(second, "id")?), &[("fields", &format!("id,href,state,{items}"))]);
        let order = b.client.get(&target).await?.must_be(&[200])?.json()?;
        let mut right = ["href", "id", "state", items];
        right.sort_unstable();
        hold!(plain_members(&order) == right, "members are {:?}", plain_members(&order));
        hold!(order["id"] == second["id"] && order["href"] == second["href"], "another order: {order}");
        Ok(())
    });
    one.await;
    let nested =
        checks.check("/{id}?fields= with members of items gives the items with them", CLAUSE, async {
            let first = &needs(two)?[0];
            let fields = format!("id,state,{items}.id,{items}.state,{items}.action");
            let target = with_query(&b.at(text(first, "id")?), &[("fields", &fields)]);
            let order = b.client.get(&target).await?.must_be(&[200])?.json()?;
            hold!(order["id"] == first["id"] && order["state"].is_string(), "members are {order}");
            let list = order[items].as_array().map_or(&[][..], Vec::as_slice);
            hold!(!list.is_empty(), "no items: {order}");
            for item in list {
                let all = ["id", "state", "action"].iter().all(|name| item[*name].is_string());
                hold!(all, "item is {item}");
            }
            Ok(())
        });
    nested.await;
    let filtered = checks.check("the filter by the external id with ?fields=id,state", CLAUSE, async {
        let first = &needs(two)?[0];
        let found = b.list(&[(b.by_external(), number), ("fields", "id,state")]).await?;
        hold!(ids(&found) == [text(first, "id")?], "found {found:?}");
        let members = plain_members(&found[0]);
        hold!(members.contains(&"state") && !members.contains(&items), "members are {members:?}");
        Ok(())
    });
    filtered.await;
}

async fn refusals(checks: &mut Checks<'_>, b: &Bench, body: &Value) {
    let items = b.words.items;
    let without = checks.check("POST without items is 400", b.clause("create"), async {
        let mut none = body.clone();
        none[items] = json!([]);
        b.refuses(&none, 400, &[items]).await?;
        if let Some(none) = none.as_object_mut() {
            none.remove(items);
        }
        b.refuses(&none, 400, &[items]).await
    });
    without.await;
    let title = "POST with a specification or offering that lacks its id is 400";
    let no_id = checks.check(title, b.clause("create"), async {
        if b.is_tmf641() {
            let specification =
                b.typed("ServiceSpecificationRef", json!({ "name": "no id", "version": "1" }));
            let item = b.item("add", "1", json!({ "serviceSpecification": specification }));
            let path = [items, "0", "service", "serviceSpecification"];
            b.refuses(&b.order(&[item], json!({})), 400, &path).await
        } else {
            let mut item = b.stock_item();
            item["productOffering"] = b.typed("ProductOfferingRef", json!({ "name": "no id" }));
            b.refuses(&b.order(&[item], json!({})), 400, &[items, "0", "productOffering"]).await
        }
    });
    no_id.await;
}
