//! A customer with an application, from its creation to its end, and what cannot be ordered.

use serde_json::{Value, json};

use super::bench::{Bench, is_utc, text};
use crate::clock::new_id;
use crate::conformance::check::{Checks, Held, Stop, hold, needs};
use crate::conformance::client::Client;

/// What can be provisioned.
pub struct Offer {
    pub application: String,
    pub plans: Vec<String>,
    /// The newest.
    pub version: String,
}

pub async fn run(checks: &mut Checks<'_>, b: &Bench, catalogue: &Client, application: Option<&str>) {
    checks.section("life");
    let title = "catalogue: TMF633 lists an application with plans and versions, and customer-account";
    let offer = checks.promise(title, "TMF633 v4 catalogue", offer(catalogue, application)).await;
    let customer = format!("conf-{}", b.run);
    let unknown = checks.promise("400: an unknown customer, named by its path", b.clause("create"), async {
        let order = order_on(b, &format!("nobody-{}", b.run), provision(b, needs(&offer)?, "1", &[]));
        b.refuses(&order, 400, &["relatedParty"]).await
    });
    unknown.await;
    let title = "a customer and its first application in one order complete";
    let first = checks.promise(title, b.clause("states"), begin(b, &offer, &customer)).await;
    refusals(checks, b, &offer, &first, &customer).await;
    let changes = checks.promise("upgrade, suspend and re-activate complete", b.clause("states"), async {
        let (id, offer) = (needs(&first)?, needs(&offer)?);
        let plan = offer.plans.last().map_or("", String::as_str);
        for item in
            [b.change(id, &[("plan", plan)]), b.set_state(id, b.words.suspended), b.set_state(id, "active")]
        {
            let order = b.place(&order_on(b, &customer, item)).await?;
            b.ends(&order, &["completed"]).await?;
        }
        Ok(())
    });
    changes.await;
    let title = "an item that relies on another runs after it";
    let relies = checks.promise(title, b.clause("states"), async {
        let id = needs(&first)?;
        let mut after = b.set_state(id, "active");
        after["id"] = "2".into();
        after[relationships(b)] = json!([relies_on(b, "1")]);
        let items = vec![after, b.set_state(id, b.words.suspended)];
        let order = b.place(&b.order(&items, b.for_customer(&customer))).await?;
        b.ends(&order, &["completed"]).await.map(drop)
    });
    relies.await;
    let end = checks.promise(
        "terminating the subscription and the customer completes",
        b.clause("states"),
        async {
            for thing in [needs(&first)?, &customer] {
                let order = b.place(&order_on(b, &customer, b.terminate(thing))).await?;
                b.ends(&order, &["completed"]).await?;
            }
            Ok(())
        },
    );
    end.await;
}

fn relationships(b: &Bench) -> String {
    format!("{}Relationship", b.words.items)
}

fn relies_on(b: &Bench, item: &str) -> Value {
    if b.is_tmf641() {
        let reference = b.typed("ServiceOrderItemRef", json!({ "itemId": item }));
        let relationship = json!({ "relationshipType": "reliesOn", "orderItem": reference });
        b.typed("ServiceOrderItemRelationship", relationship)
    } else {
        b.typed("OrderItemRelationship", json!({ "relationshipType": "reliesOn", "id": item }))
    }
}

fn order_on(b: &Bench, customer: &str, item: Value) -> Value {
    b.order(&[item], b.for_customer(customer))
}

fn provision(b: &Bench, offer: &Offer, item: &str, more: &[(&str, &str)]) -> Value {
    let mut list: Vec<_> = more.to_vec();
    if !more.iter().any(|(name, _)| *name == "plan") {
        list.push(("plan", offer.plans.first().map_or("", String::as_str)));
    }
    b.provision(item, &offer.application, &list)
}

/// What the catalogue lists: the application that was asked for, or the first with two plans.
///
/// # Errors
/// When there is none.
pub async fn offer(catalogue: &Client, application: Option<&str>) -> Held<Offer> {
    let listed = catalogue.get("/serviceSpecification").await?.must_be(&[200])?.list()?;
    let all: Vec<_> = listed.iter().filter_map(|s| s["id"].as_str()).collect();
    hold!(all.contains(&"customer-account"), "no customer-account among {all:?}");
    let fits = |entry: &&Value| match application {
        Some(wanted) => entry["id"] == wanted,
        None => values(entry, "plan").len() > 1,
    };
    let Some(entry) = listed.iter().find(fits) else {
        return Err(Stop::Failed(format!("no application with two plans among {all:?}")));
    };
    let application = text(entry, "id")?.to_owned();
    let Some(version) = values(entry, "version").pop() else {
        return Err(Stop::Failed(format!("{application} lists no version")));
    };
    Ok(Offer { application, plans: values(entry, "plan"), version })
}

/// The values of a characteristic of a specification.
fn values(specification: &Value, name: &str) -> Vec<String> {
    let list = specification["specCharacteristic"].as_array();
    let one = list.into_iter().flatten().find(|c| c["name"] == name);
    let values = one.and_then(|c| c["characteristicValueSpecification"].as_array());
    values.into_iter().flatten().filter_map(|v| v["value"].as_str().map(str::to_owned)).collect()
}

/// Creates the customer and provisions for it; the subscription's id.
async fn begin(b: &Bench, offer: &Option<Offer>, customer: &str) -> Held<String> {
    let (w, offer) = (&b.words, needs(offer)?);
    let first = provision(b, offer, "2", &[("version", &offer.version)]);
    let items = vec![b.account("1", "Conformance check"), first];
    let order = b.place(&b.order(&items, b.for_customer(customer))).await?;
    let id =
        |order: &Value, n: usize| order[w.items][n][w.thing]["id"].as_str().unwrap_or_default().to_owned();
    hold!(id(&order, 0) == customer, "the customer's {}.id is {}", w.thing, id(&order, 0));
    let subscription = id(&order, 1);
    hold!(subscription.parse::<uuid::Uuid>().is_ok(), "no UUID for the subscription in the 201: {order}");
    let done = b.ends(&order, &["completed"]).await?;
    for item in done[w.items].as_array().into_iter().flatten() {
        hold!(item["state"] == "completed", "an item is {}", item["state"]);
    }
    let date = text(&done, "completionDate")?;
    hold!(is_utc(date), "completionDate is {date}");
    hold!(id(&done, 1) == subscription, "the subscription's id changed");
    Ok(subscription)
}

async fn refusals(
    checks: &mut Checks<'_>,
    b: &Bench,
    offer: &Option<Offer>,
    first: &Option<String>,
    customer: &str,
) {
    let (w, clause) = (&b.words, b.clause("create"));
    let thing = [w.items, "0", w.thing];
    let listed = checks.promise(
        "400: an unknown specification or offering, named by its path",
        clause.clone(),
        async {
            needs(first)?;
            let item = b.provision("1", &format!("no-such-{}", b.run), &[("plan", "x")]);
            let path = if b.is_tmf641() {
                [thing[0], "0", w.thing, "serviceSpecification"].to_vec()
            } else {
                vec![w.items, "0", "productOffering"]
            };
            b.refuses(&order_on(b, customer, item), 400, &path).await
        },
    );
    listed.await;
    let plan = checks.promise("400: an unknown plan or version, named by its path", clause.clone(), async {
        needs(first)?;
        for wrong in [("plan", "no-such-plan"), ("version", "0.0.0-none")] {
            let order = order_on(b, customer, provision(b, needs(offer)?, "1", &[wrong]));
            b.refuses(&order, 400, &[w.items, "0", w.thing, w.characteristic]).await?;
        }
        Ok(())
    });
    plan.await;
    let two =
        checks.promise("400: two customers in one order; a quantity other than 1", clause.clone(), async {
            needs(first)?;
            let item = provision(b, needs(offer)?, "1", &[]);
            let parties = json!([b.party(customer), b.party(&format!("other-{}", b.run))]);
            b.refuses(
                &b.order(std::slice::from_ref(&item), json!({ "relatedParty": parties })),
                400,
                &["relatedParty"],
            )
            .await?;
            let mut many = item;
            many["quantity"] = 2.into();
            b.refuses(&order_on(b, customer, many), 400, &[w.items, "0", "quantity"]).await
        });
    two.await;
    let title = "409: the same customer again; a second live subscription of one application";
    let again = checks.promise(title, clause.clone(), async {
        needs(first)?;
        b.refuses(&order_on(b, customer, b.account("1", "Again")), 409, &[]).await?;
        b.refuses(&order_on(b, customer, provision(b, needs(offer)?, "1", &[])), 409, &[]).await
    });
    again.await;
    let title = format!("400: modify and delete of an unknown {}", w.thing);
    let unknown = checks.promise(title, clause.clone(), async {
        needs(first)?;
        let id = new_id().to_string();
        for item in [b.set_state(&id, w.suspended), b.terminate(&id)] {
            b.refuses(&order_on(b, customer, item), 400, &[w.items, "0", w.thing, "id"]).await?;
        }
        Ok(())
    });
    unknown.await;
    let both = checks.promise("400: an item that changes plan and state together", clause, async {
        let plan = needs(offer)?.plans.last().map_or("", String::as_str).to_owned();
        let mut item = b.set_state(needs(first)?, w.suspended);
        item[w.thing][w.characteristic] = b.characteristics(&[("plan", &plan)]);
        b.refuses(&order_on(b, customer, item), 400, &[w.items, "0"]).await
    });
    both.await;
}
