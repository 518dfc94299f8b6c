//! Every order in every state, at the door, against `actions_expected.txt`, which is kept by hand.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::{Value, json};
use telvisor_model::{Action, CustomerState, SubscriptionState};

use crate::harness::{
    CANCELS, CRM, ORDERS, SERVICES, TestApp, create, modify, provision, restore, service_id, set_state,
    start_time, take_backup, terminate,
};

/// A subscription that no customer ever had.
const NOBODYS: &str = "0192f0c1-2d3e-7a4b-8c5d-6e7f8091a2b3";

/// The expected answers: (action, customer, subscription) to the answer.
fn expected() -> BTreeMap<(String, String, String), String> {
    let mut table = BTreeMap::new();
    let mut action = String::new();
    let mut columns: Vec<String> = vec![];
    for line in include_str!("actions_expected.txt").lines() {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        if line.starts_with('#') || words.is_empty() {
            continue;
        }
        if line.starts_with(' ') {
            assert_eq!(words.len(), columns.len() + 1, "{action}: {line}");
            for (column, answer) in columns.iter().zip(&words[1..]) {
                let cell = (action.clone(), words[0].clone(), column.clone());
                assert!(table.insert(cell, answer.clone()).is_none(), "{action}: {} twice", words[0]);
            }
        } else {
            action.clone_from(&words[0]);
            columns = words[1..].to_vec();
        }
    }
    table
}

/// One customer in one state, with one subscription in one state.
struct Scene {
    customer: String,
    subscription: String,
    backup: String,
}

impl Scene {
    /// The order of this name.
    fn order(&self, action: &str) -> Value {
        let (customer, subscription) = (self.customer.as_str(), self.subscription.as_str());
        let item = match action {
            "create-customer" => create(customer),
            "suspend-customer" => set_state(customer, "inactive"),
            "reactivate-customer" => set_state(customer, "active"),
            "terminate-customer" => terminate(customer),
            "provision" => provision(customer, CRM, "solo", None),
            "change" => modify(subscription, &[("plan", "team")]),
            "change-to-same" => modify(subscription, &[("plan", "solo"), ("version", "2.0")]),
            "suspend-subscription" => set_state(subscription, "inactive"),
            "reactivate-subscription" => set_state(subscription, "active"),
            "terminate-subscription" => terminate(subscription),
            "backup" => take_backup(subscription),
            "restore" => restore(subscription, &self.backup),
            other => panic!("actions_expected.txt: there is no action {other}"),
        };
        json!({ "relatedParty": [{ "id": customer, "role": "customer" }], "serviceOrderItem": [item] })
    }
}

/// An order for later that is cancelled: what it would have made is there, and never came to be.
async fn cancelled(app: &TestApp, items: Value) -> Value {
    let later = start_time() + TimeDelta::days(10_000);
    let body = json!({ "requestedStartDate": later.to_rfc3339(), "serviceOrderItem": items });
    let order = app.post(ORDERS, &body).await.expect(201);
    app.post(CANCELS, &json!({ "serviceOrder": { "id": order["id"] } })).await.expect(201);
    assert_eq!(app.show(&order).await["state"], "cancelled");
    order
}

/// Waits until what is terminated now cannot be brought back any more.
fn outlast_retention(app: &TestApp) {
    app.clock.advance(TimeDelta::days(app.config.terminate.retention_days) + TimeDelta::seconds(1));
}

/// Brings a new customer and its subscription into these states, by orders alone.
async fn scene(app: &TestApp, name: String, customer: &str, subscription: &str) -> Scene {
    let mut scene = Scene { customer: name, subscription: NOBODYS.into(), backup: NOBODYS.into() };
    let id = scene.customer.clone();
    if customer == "absent" {
        if subscription == "cancelled" {
            let order = cancelled(app, json!([create(&id), provision(&id, CRM, "solo", None)])).await;
            scene.subscription = service_id(&order, 1);
        }
        return scene;
    }
    app.customer(&id).await;
    match subscription {
        "absent" => {}
        "cancelled" => {
            let order = cancelled(app, json!([provision(&id, CRM, "solo", None)])).await;
            scene.subscription = service_id(&order, 0);
        }
        state => {
            scene.subscription = app.provision(&id, CRM, "solo", None).await;
            scene.backup = app.back_up(&scene.subscription).await;
            match state {
                "active" => {}
                "suspended" => drop(app.done(set_state(&scene.subscription, "inactive")).await),
                // Ended with its customer, where the customer is terminated.
                "terminated" if customer == "terminated" => {}
                "terminated" => drop(app.done(terminate(&scene.subscription)).await),
                "expired" => {
                    app.done(terminate(&scene.subscription)).await;
                    outlast_retention(app);
                }
                other => panic!("actions_expected.txt: there is no subscription state {other}"),
            }
        }
    }
    match customer {
        "active" => {}
        "suspended" => drop(app.done(set_state(&id, "inactive")).await),
        "terminated" => drop(app.done(terminate(&id)).await),
        "expired" => {
            app.done(terminate(&id)).await;
            outlast_retention(app);
        }
        other => panic!("actions_expected.txt: there is no customer state {other}"),
    }
    scene
}

/// State and characteristics of what the order could change.
async fn seen(app: &TestApp, scene: &Scene) -> Vec<Value> {
    let mut out = vec![];
    for id in [&scene.customer, &scene.subscription] {
        let answer = app.get(&format!("{SERVICES}/{id}")).await;
        out.push(json!([answer.body["state"], answer.body["serviceCharacteristic"]]));
    }
    out.extend(app.machines());
    out
}

/// What the door answers, as a word of the table; and why it is none.
async fn answer(app: &TestApp, scene: &Scene, action: &str) -> Result<&'static str, String> {
    let (before, counts) = (seen(app, scene).await, app.counts().await);
    let records = app.records("mediation-csv").await.len();
    let placed = app.post(ORDERS, &scene.order(action)).await;
    let refused = match placed.status {
        StatusCode::CREATED => None,
        StatusCode::BAD_REQUEST => Some("400"),
        StatusCode::CONFLICT => Some("409"),
        other => return Err(format!("{other}: {}", placed.body)),
    };
    app.run().await;
    let same = seen(app, scene).await == before;
    if let Some(status) = refused {
        return if same && app.counts().await == counts {
            Ok(status)
        } else {
            Err(format!("{status}, and something is left behind"))
        };
    }
    let order = app.show(&placed.body).await;
    if order["state"] != "completed" {
        return Err(format!("the order ends {}: {}", order["state"], order["errorMessage"]));
    }
    let jobs = app.jobs(&order).await.len();
    let written = app.records("mediation-csv").await.len() - records;
    match (jobs, same, written) {
        (0, true, 0) => Ok("holds"),
        (0, true, _) | (0, false, 1..) => Err(format!("{written} records, and no job")),
        _ => Ok("do"),
    }
}

/// All cells of one customer state: an own scene for each cell where something is to be done, one for all others.
async fn row(customer: &str) {
    let app = TestApp::new().await;
    let table = expected();
    let mut wrong = vec![];
    for state in SubscriptionState::ALL {
        let cells: Vec<_> = table
            .iter()
            .filter(|((_, c, s), a)| c == customer && s == state.as_str() && !a.starts_with('-'))
            .collect();
        if cells.is_empty() {
            continue;
        }
        let shared = scene(&app, format!("{customer}-{state}"), customer, state.as_str()).await;
        // First what must leave everything as it is: the clock, which the other scenes move, has not moved yet.
        for ((action, ..), wanted) in cells.iter().filter(|(_, a)| *a != "do") {
            let got = answer(&app, &shared, action).await;
            if got.as_deref() != Ok(wanted.as_str()) {
                wrong.push(format!(
                    "{action}, customer {customer}, subscription {state}: {got:?}, not {wanted}"
                ));
            }
        }
        for ((action, ..), wanted) in cells.iter().filter(|(_, a)| *a == "do") {
            let own = scene(&app, format!("{customer}-{state}-{action}"), customer, state.as_str()).await;
            let got = answer(&app, &own, action).await;
            if got.as_deref() != Ok(wanted.as_str()) {
                wrong.push(format!(
                    "{action}, customer {customer}, subscription {state}: {got:?}, not {wanted}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn orders_of_an_absent_customer() {
    row("absent").await;
}

#[tokio::test]
async fn orders_of_an_active_customer() {
    row("active").await;
}

#[tokio::test]
async fn orders_of_a_suspended_customer() {
    row("suspended").await;
}

#[tokio::test]
async fn orders_of_a_terminated_customer() {
    row("terminated").await;
}

#[tokio::test]
async fn orders_of_a_customer_whose_retention_is_over() {
    row("expired").await;
}

/// No cell is forgotten, and none is impossible that the rows above could reach.
#[test]
fn the_expected_answers_cover_every_cell() {
    let table = expected();
    let actions: Vec<&str> = Action::ALL.iter().map(|a| a.as_str()).chain(["change-to-same"]).collect();
    for action in &actions {
        for c in CustomerState::ALL {
            for s in SubscriptionState::ALL {
                let cell = ((*action).to_owned(), c.to_string(), s.to_string());
                let answer = table.get(&cell).unwrap_or_else(|| panic!("{cell:?} is missing"));
                assert!(
                    ["do", "holds", "400", "409", "-a", "-b", "-c", "-d"].contains(&answer.as_str()),
                    "{cell:?}: {answer}"
                );
            }
        }
    }
    assert_eq!(table.len(), actions.len() * CustomerState::ALL.len() * SubscriptionState::ALL.len());
}

/// A generated page of the documentation must be what the code says now.
fn check_page(name: &str, wanted: &str) {
    let page = std::fs::read_to_string(format!("docs/{name}")).unwrap_or_default();
    if page != wanted {
        let right = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
        std::fs::write(&right, wanted).unwrap();
        panic!("docs/{name} is out of date; the right page was written, read it and: cp {right} docs/{name}");
    }
}

#[test]
fn the_page_of_actions_is_the_table_that_decides() {
    check_page("actions.md", &telvisor_model::action::table_as_markdown());
}

#[test]
fn the_page_of_causes_is_the_table_that_is_used() {
    check_page("causes.md", &telvisor::mediation::causes::as_markdown());
}
