//! What the official kits need to find: they look at what is there, and take an empty list as a failure.

use serde_json::{Value, json};

use super::base_of;
use super::check::{Held, Stop, hold};
use super::client::Client;
use super::official::Api;
use super::orders::Bench;
use super::orders::bench::text;

/// The customer that is created.
pub const CUSTOMER: &str = "conformance-seed";

/// Creates a customer with two applications, whose products, services, machines, and usage the kits can read. Done
/// before on the same server, it does nothing.
///
/// # Errors
/// What the server refused, or did not do in time.
pub async fn run(target: &str, token: Option<String>) -> Held<Vec<String>> {
    let failed = Stop::Failed;
    let named = |name| Api::named(name, 4).ok_or_else(|| failed(format!("{name} is not known")));
    let (orders, catalogue) = (named("tmf641")?, named("tmf633")?);
    let base = base_of(target, orders).map_err(failed)?;
    let client = Client::new(orders, &base, token, true).map_err(failed)?;
    let server = base.strip_suffix(orders.base).unwrap_or(&base);
    let listed = client.of(catalogue, &format!("{server}{}", catalogue.base));
    let applications = applications(&listed).await?;
    alarms(&client.of(named("tmf642")?, &format!("{server}/tmf-api/alarm/v4"))).await?;
    let b = Bench::new(client, orders, false);
    let mut items = vec![b.account("1", "Conformance seed")];
    for (n, (application, plan)) in applications.iter().enumerate() {
        items.push(b.provision(&format!("{}", n + 2), application, &[("plan", plan)]));
    }
    let answer = b.client.post(&b.orders(), &b.order(&items, b.for_customer(CUSTOMER))).await?;
    if answer.status == 409 {
        return Ok(vec![]);
    }
    let order = b.order_in(&answer.must_be(&[201])?)?;
    b.ends(&order, &["completed"]).await?;
    Ok(applications.into_iter().map(|(application, _)| application).collect())
}

/// Two alarms, where there are fewer, and where the server has alarms and lets us tell some.
async fn alarms(client: &Client) -> Held {
    let answer = client.get("/alarm").await?;
    if answer.status != 200 || answer.list()?.len() >= 2 {
        return Ok(());
    }
    let mut ids = vec![];
    for object in ["1", "2"] {
        let told = client
            .post(
                "/alarm",
                &json!({
                    "alarmRaisedTime": "2026-01-01T00:00:00Z", "alarmType": "processingErrorAlarm",
                    "alarmedObject": { "id": object }, "perceivedSeverity": "warning", "state": "raised",
                    "probableCause": "thresholdCrossed", "sourceSystemId": CUSTOMER,
                }),
            )
            .await?;
        if told.status == 403 {
            return Ok(());
        }
        ids.push(json!({ "id": text(&told.must_be(&[201])?.json()?, "id")? }));
    }
    let (time, pattern) = ("2026-01-01T00:00:00Z", json!([{ "sourceSystemId": CUSTOMER }]));
    let acknowledge = json!({ "ackSystemId": CUSTOMER, "ackUserId": "seed", "alarmPattern": pattern });
    let group = json!({
        "sourceSystemId": CUSTOMER, "alarmChangedTime": time, "parentAlarm": ids[0], "correlatedAlarm": [ids[1]],
    });
    let comment = json!({ "comment": { "comment": "seeded" }, "alarmPattern": pattern });
    let nothing = json!({
        "clearSystemId": CUSTOMER, "clearUserId": "seed", "alarmClearedTime": time,
        "alarmPattern": [{ "sourceSystemId": "nobody" }],
    });
    for (task, body) in [
        ("/ackAlarms", &acknowledge),
        ("/unAckAlarms", &acknowledge),
        ("/commentAlarms", &comment),
        ("/groupAlarms", &group),
        ("/unGroupAlarms", &group),
        ("/clearAlarms", &nothing),
    ] {
        // Lists are looked at with two entries.
        for _ in 0..2 {
            client.post(task, body).await?.must_be(&[201])?;
        }
    }
    Ok(())
}

/// Two applications with a plan each, which need nothing else said.
async fn applications(catalogue: &Client) -> Held<Vec<(String, String)>> {
    let listed = catalogue.get("/serviceSpecification").await?.must_be(&[200])?.list()?;
    let mut found = vec![];
    for entry in &listed {
        let characteristics = entry["specCharacteristic"].as_array().map_or(&[][..], Vec::as_slice);
        let plan = characteristics.iter().find(|c| c["name"] == "plan");
        let plan = plan.and_then(|c| c["characteristicValueSpecification"][0]["value"].as_str());
        let asks = |c: &Value| c["name"] != "plan" && c["minCardinality"].as_i64().unwrap_or(0) > 0;
        if let Some(plan) = plan.filter(|_| !characteristics.iter().any(asks)) {
            found.push((text(entry, "id")?.to_owned(), plan.to_owned()));
        }
    }
    hold!(found.len() >= 2, "the catalogue lists {} applications that need no more than a plan", found.len());
    found.truncate(2);
    Ok(found)
}
