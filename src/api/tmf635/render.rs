//! A record of the journal as TMF635 v4 shows it, and the six kinds of records as usage specifications.

use serde_json::{Value, json};
use telvisor_sdr::record::RecordType;

use crate::api::TMF635;
use crate::api::inventory::show::{characteristic, number, party};
use crate::clock::show as time;
use crate::mediation::journal::Body;
use crate::store::sdr::UsageBody;

/// The name of a kind of records, for people.
fn name_of(kind: RecordType) -> &'static str {
    match kind {
        RecordType::ApplicationInstalled => "Application installed",
        RecordType::ApplicationUpgraded => "Application upgraded",
        RecordType::ApplicationDowngraded => "Application downgraded",
        RecordType::BackupTaken => "Backup taken",
        RecordType::BackupDownloaded => "Backup downloaded",
        RecordType::BackupRestored => "Backup restored",
    }
}

fn characteristics(kind: &str, body: &Body) -> Vec<Value> {
    let mut list = vec![
        characteristic("type", kind),
        characteristic("application", &body.application),
        characteristic("version", &body.version),
        characteristic("subscription", &body.instance.to_string()),
        characteristic("result", if body.success { "success" } else { "failure" }),
    ];
    let ids = [("backup", body.backup), ("order", body.order), ("corrects", body.corrects)];
    let texts = [
        ("previousVersion", body.previous_version.clone()),
        ("plan", body.plan.clone()),
        ("previousPlan", body.previous_plan.clone()),
        ("externalOrder", body.external_order.clone()),
    ];
    list.extend(texts.into_iter().filter_map(|(name, v)| Some(characteristic(name, &v?))));
    list.extend(ids.into_iter().filter_map(|(name, id)| Some(characteristic(name, &id?.to_string()))));
    let numbers = [
        ("volumeOctets", body.volume_octets.and_then(|n| i64::try_from(n).ok())),
        ("durationSeconds", body.duration_s.map(i64::from)),
        ("causeCode", body.cause.map(i64::from)),
    ];
    list.extend(numbers.into_iter().filter_map(|(name, n)| Some(number(name, n?))));
    list
}

/// A record of the journal. None: its body is none that the journal writes.
#[must_use]
pub fn usage(base: &str, row: &UsageBody, customer_id: &str) -> Option<Value> {
    let body: Body = serde_json::from_value(row.body.clone()).ok()?;
    let kind: RecordType = row.kind.parse().ok()?;
    Some(json!({
        "id": row.record_id,
        "href": format!("{base}{TMF635}/usage/{}", row.record_id),
        "description": name_of(kind),
        "usageType": row.kind, "usageDate": time(row.event_time), "status": "received",
        "usageCharacteristic": characteristics(&row.kind, &body),
        "usageSpecification": {
            "id": row.kind, "name": name_of(kind), "href": format!("{base}{TMF635}/usageSpecification/{}", row.kind),
            "@type": "UsageSpecificationRef", "@referredType": "UsageSpecification",
        },
        "relatedParty": party(customer_id),
        "@type": "Usage",
    }))
}

/// One kind of records as a usage specification.
#[must_use]
pub fn specification(base: &str, kind: RecordType) -> Value {
    let entry = |name: &str, value_type: &str, description: &str, least: u32| {
        json!({
            "name": name, "valueType": value_type, "description": description, "configurable": false,
            "minCardinality": least, "maxCardinality": 1, "@type": "CharacteristicSpecification",
        })
    };
    let mut list = vec![
        entry("type", "string", "what happened", 1),
        entry("application", "string", "id of the application", 1),
        entry("version", "string", "version of the application", 1),
        entry("subscription", "string", "id of the subscription", 1),
        entry("result", "string", "success or failure", 1),
        entry("plan", "string", "id of the plan", 0),
        entry("durationSeconds", "integer", "from the start of the order item to its end", 0),
        entry("order", "string", "id of the order", 0),
        entry("externalOrder", "string", "the client's own number of the order", 0),
        entry("causeCode", "integer", "why it failed", 0),
        entry("corrects", "string", "id of the earlier record in whose place it stands", 0),
    ];
    match kind {
        RecordType::ApplicationUpgraded | RecordType::ApplicationDowngraded => {
            list.push(entry("previousVersion", "string", "version before", 0));
            list.push(entry("previousPlan", "string", "plan before", 0));
        }
        _ if kind.is_backup() => {
            list.push(entry("backup", "string", "id of the backup", 0));
            list.push(entry("volumeOctets", "integer", "size of the backup", 0));
        }
        _ => {}
    }
    json!({
        "id": kind.as_str(),
        "href": format!("{base}{TMF635}/usageSpecification/{}", kind.as_str()),
        "name": name_of(kind),
        "description": format!("service detail records of type {}", kind.code()),
        "version": "1", "lifecycleStatus": "Active", "isBundle": false,
        "specCharacteristic": list,
        "@type": "UsageSpecification",
    })
}
