//! An order by SOAP beside the same order over TMF641: processor time of the whole server, on SQLite.

use std::path::Path;

use anyhow::ensure;
use serde_json::{Value, json};

use super::{each, used};
use crate::database::Database;
use crate::server::{Client, Server};
use crate::{ORDERS, median, round2};

/// Orders of one round of one door.
const COUNT: usize = 1000;
const ROUNDS: usize = 5;
/// The aim: how much of what TMF641 takes.
const AIM: f64 = 1.3;

pub async fn measure(database: &Database, data: &Path) -> anyhow::Result<Value> {
    let server = Server::start(database.url(), data, "api", "warn").await?;
    let mut client = server.connect().await?;
    let (mut soap, mut tmf) = (vec![], vec![]);
    for round in 0..=ROUNDS {
        let a = door(&server, &mut client, round, by_soap).await?;
        let b = door(&server, &mut client, round, by_tmf641).await?;
        if round > 0 {
            soap.push(a);
            tmf.push(b);
        }
    }
    drop(client);
    server.stop().await?;
    let (soap, tmf) = (median(&mut soap), median(&mut tmf));
    let ratio = soap / tmf;
    println!(
        "\nCreating a customer costs the server {soap:.0} µs by SOAP, {tmf:.0} µs over TMF641: {ratio:.2} (aim: {AIM})"
    );
    Ok(json!({
        "bench": "soap-orders", "database": database.kind(), "soapUs": soap.round(), "tmf641Us": tmf.round(),
        "ratio": round2(ratio), "aim": AIM, "rounds": ROUNDS, "ordersPerRound": COUNT,
    }))
}

type Placing = fn(&str) -> (&'static str, Vec<(&'static str, &'static str)>, String);

async fn door(server: &Server, client: &mut Client, round: usize, placing: Placing) -> anyhow::Result<f64> {
    let before = used(server.pid()?)?;
    for n in 0..COUNT {
        let (path, headers, body) = placing(&format!("{round}-{n:05}"));
        let (status, answer) = client.send("POST", path, &headers, &body).await?;
        ensure!(matches!(status, 200 | 201), "{status}: {}", String::from_utf8_lossy(&answer));
    }
    Ok(each(used(server.pid()?)? - before, COUNT))
}

fn by_soap(name: &str) -> (&'static str, Vec<(&'static str, &'static str)>, String) {
    let body = format!(
        "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>\
         <CreateCustomer xmlns=\"urn:telvisor:orders:v1\"><order><externalOrderId>s-{name}</externalOrderId></order>\
         <customerId>S{name}</customerId><name>Ada Lovelace</name><contact><email>ada@example.com</email></contact>\
         </CreateCustomer></soap:Body></soap:Envelope>"
    );
    let headers = vec![
        ("Content-Type", "text/xml; charset=utf-8"),
        ("SOAPAction", "\"urn:telvisor:orders:v1/CreateCustomer\""),
    ];
    ("/soap/orders", headers, body)
}

fn by_tmf641(name: &str) -> (&'static str, Vec<(&'static str, &'static str)>, String) {
    let order = json!({
        "externalId": format!("t-{name}"),
        "relatedParty": [{ "id": format!("T{name}"), "role": "customer" }],
        "serviceOrderItem": [{ "id": "1", "action": "add", "service": {
            "serviceSpecification": { "id": "customer-account" },
            "serviceCharacteristic": [
                { "name": "name", "value": "Ada Lovelace" }, { "name": "email", "value": "ada@example.com" },
            ],
        } }],
    });
    (ORDERS, vec![("Content-Type", "application/json")], order.to_string())
}
