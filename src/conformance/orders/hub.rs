//! Registering a listener, and what is delivered to it.

use serde_json::{Value, json};

use super::bench::{Bench, capital, is_utc, text, until};
use super::machine;
use crate::clock::new_id;
use crate::conformance::check::{Checks, Held, Stop, hold, needs};
use crate::conformance::listener::{Delivery, Listener};

/// Where our listener stands, as the server under test calls it.
pub struct Ear {
    pub listener: Listener,
    /// `http://127.0.0.1:40123`, without a slash at the end.
    pub url: String,
}

pub async fn run(checks: &mut Checks<'_>, b: &Bench, ear: &Ear) {
    checks.section("hub");
    refusals(checks, b).await;
    let clause = b.clause("hub");
    let all = format!("/all-{}", b.run);
    let hub =
        checks.check("POST /hub registers a listener: 201, Location, id, callback", clause.clone(), async {
            register(b, ear, &all, None).await
        });
    let hub = hub.await;
    let states = format!("/states-{}", b.run);
    let name = |what: &str| format!("{}{what}Event", capital(b.words.order));
    let filtered = checks.check("POST /hub takes a query", clause.clone(), async {
        register(b, ear, &states, Some(&format!("eventType={}", name("StateChange")))).await
    });
    let filtered = filtered.await;
    let order = checks.check("the create event of an order is delivered", b.clause("events"), async {
        needs(&hub)?;
        let order = b.place(&b.patient(json!({}))).await?;
        let event = awaited(ear, &all, &name("Create"), &order, b).await?;
        envelope(b, &event, &name("Create"))?;
        let shown = &event.body["event"][b.words.order];
        b.complete(shown, "the create event")?;
        Ok(order)
    });
    let order = order.await;
    let again = format!("/again-{}", b.run);
    let third =
        checks.promise("POST /hub registers a listener that refuses at first", clause.clone(), async {
            ear.listener.refuse(&again, text(needs(&order)?, "id")?, 2);
            register(b, ear, &again, None).await
        });
    let third = third.await;
    let change = checks.promise("a change of attributes has its event", b.clause("events"), async {
        let order = needs(&order)?;
        b.patch(order, &b.typed_order(json!({ "description": "told" }))).await?.must_be(&[200])?;
        let event = awaited(ear, &all, &name("AttributeValueChange"), order, b).await?;
        envelope(b, &event, &name("AttributeValueChange"))
    });
    change.await;
    let title = "every change of state has its event, along the arrows of the state machine";
    let moved = checks.promise(title, b.clause("states"), async {
        let order = needs(&order)?;
        b.client.post(&b.cancels(), &b.cancel_of(order)).await?.must_be(&[201])?;
        b.ends(order, &["cancelled"]).await?;
        let path = walked(ear, &all, order, b, "cancelled").await?;
        machine::walk(b, &path)?;
        let rejected = b.place(&b.stock()).await?;
        let path = walked(ear, &all, &rejected, b, "rejected").await?;
        machine::walk(b, &path)
    });
    moved.await;
    let title = "a query lets only its events through";
    let through = checks.promise(title, b.clause("hub"), async {
        let order = needs(&order)?;
        needs(&filtered)?;
        awaited(ear, &states, &name("StateChange"), order, b).await?;
        for event in ear.listener.at(&states) {
            let kind = &event.body["eventType"];
            hold!(*kind == name("StateChange"), "{kind} was delivered");
        }
        Ok(())
    });
    through.await;
    let title = "a delivery that is refused comes again, the same, before later ones of its order";
    let retried = checks.promise(title, b.clause("events"), async {
        let (order, _) = (needs(&order)?, needs(&third)?);
        awaited(ear, &again, &name("StateChange"), order, b).await?;
        let id = |d: &Delivery| d.body["eventId"].as_str().unwrap_or_default().to_owned();
        let came: Vec<_> = ear.listener.at(&again).into_iter().filter(|d| concerns(d, order, b)).collect();
        hold!(came.iter().any(|d| d.status == 500), "nothing was refused");
        let told: Vec<_> = came.iter().map(|d| format!("{} {}", d.body["eventType"], d.status)).collect();
        let taken = came.iter().position(|d| d.status < 300).unwrap_or_default();
        let same = came[..=taken].iter().all(|d| id(d) == id(&came[0]));
        hold!(taken > 0 && same, "another event came before the first was taken: {}", told.join(", "));
        hold!(came[taken].body == came[0].body, "it came again with another content: {}", came[taken].body);
        Ok(())
    });
    retried.await;
    removal(checks, b, ear, [&hub, &filtered, &third], &all).await;
}

async fn refusals(checks: &mut Checks<'_>, b: &Bench) {
    let wrong = checks.check(
        "POST /hub without a callback, or with none that can be called, is 400",
        b.clause("hub"),
        async {
            for members in [
                json!({}),
                json!({ "callback": 5 }),
                json!({ "callback": "nowhere" }),
                json!({ "callback": "ftp://x/y" }),
            ] {
                let answer = b.client.post("/hub", &b.typed("Hub", members)).await?;
                b.refused(answer, 400, &["callback"])?;
            }
            Ok(())
        },
    );
    wrong.await;
    let unknown = checks.check("DELETE /hub of an unknown id is 404", b.clause("hub"), async {
        b.refused(b.client.delete(&format!("/hub/{}", new_id())).await?, 404, &[]).map(drop)
    });
    unknown.await;
}

async fn removal(checks: &mut Checks<'_>, b: &Bench, ear: &Ear, hubs: [&Option<Value>; 3], path: &str) {
    let gone = checks.check("DELETE /hub ends the deliveries: 204, then 404", b.clause("hub"), async {
        needs(hubs[0])?;
        for hub in hubs.into_iter().flatten() {
            let target = format!("/hub/{}", text(hub, "id")?);
            b.client.delete(&target).await?.must_be(&[204])?;
            b.refused(b.client.delete(&target).await?, 404, &[])?;
        }
        // What was under way may still come; an order of later must not.
        let probe = format!("/probe-{}", b.run);
        let hub = register(b, ear, &probe, None).await?;
        let order = b.place(&b.stock()).await?;
        let create = format!("{}CreateEvent", capital(b.words.order));
        awaited(ear, &probe, &create, &order, b).await?;
        b.client.delete(&format!("/hub/{}", text(&hub, "id")?)).await?.must_be(&[204])?;
        let late = ear.listener.at(path).into_iter().any(|d| concerns(&d, &order, b));
        hold!(!late, "an event came to a listener that was removed");
        Ok(())
    });
    gone.await;
}

/// Registers our listener under a path.
async fn register(b: &Bench, ear: &Ear, path: &str, query: Option<&str>) -> Held<Value> {
    let callback = format!("{}{path}", ear.url);
    let mut body = b.typed("Hub", json!({ "callback": callback }));
    if let Some(query) = query {
        body["query"] = query.into();
    }
    let answer = b.client.post("/hub", &body).await?.must_be(&[201])?;
    let hub = answer.json()?;
    let id = text(&hub, "id")?;
    hold!(hub["callback"] == callback, "callback is {}", hub["callback"]);
    let location = answer.header("location").unwrap_or_default();
    hold!(location.ends_with(&format!("/hub/{id}")), "Location is {location:?}: {answer}");
    Ok(hub)
}

fn concerns(delivery: &Delivery, order: &Value, b: &Bench) -> bool {
    delivery.body["event"][b.words.order]["id"] == order["id"]
}

/// Waits for an event of an order, which the listener has taken.
async fn awaited(ear: &Ear, path: &str, kind: &str, order: &Value, b: &Bench) -> Held<Delivery> {
    let fits = |d: &Delivery| d.status < 300 && d.body["eventType"] == kind && concerns(d, order, b);
    until(&format!("{kind} of order {}", order["id"]), async || {
        Ok(ear.listener.at(path).into_iter().find(fits))
    })
    .await
}

/// The states of an order as its events told them, up to this one.
async fn walked(ear: &Ear, path: &str, order: &Value, b: &Bench, last: &str) -> Held<Vec<String>> {
    let told = async || {
        let mut states: Vec<String> = vec![];
        for event in ear.listener.at(path).iter().filter(|d| d.status < 300 && concerns(d, order, b)) {
            let kind = event.body["eventType"].as_str().unwrap_or_default();
            if kind.ends_with("OrderCreateEvent") || kind.ends_with("OrderStateChangeEvent") {
                states.push(text(&event.body["event"][b.words.order], "state")?.to_owned());
            }
        }
        Ok((states.last().map(String::as_str) == Some(last)).then_some(states))
    };
    until(&format!("the events of order {} up to {last}", order["id"]), told).await
}

/// What every event has.
fn envelope(b: &Bench, event: &Delivery, kind: &str) -> Held {
    let body = &event.body;
    hold!(event.content_type.starts_with("application/json"), "content type is {}", event.content_type);
    for name in ["eventId", "eventTime", "eventType"] {
        hold!(!text(body, name)?.is_empty(), "{name} is empty: {body}");
    }
    hold!(is_utc(text(body, "eventTime")?), "eventTime is {}", body["eventTime"]);
    let faults = b.api.faults_in_part(kind, body, b.any_implementation);
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Stop::Failed(format!("against the official file: {}: {body}", faults.join("; "))))
    }
}
