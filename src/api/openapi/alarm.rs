//! TMF642 Alarm Management.

use chrono::{DateTime, Utc};
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::path::HttpMethod;

use super::build::{Api, Resource, add_patches, attributes};
use super::hub;
use crate::api::{TMF642, tmf642};

/// Something that an operator must know.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Alarm {
    pub id: String,
    pub href: String,
    pub alarm_type: Option<AlarmType>,
    pub perceived_severity: Option<PerceivedSeverity>,
    /// X.733, 8.1.2.1; of our own alarms those of docs/alarms.md.
    pub probable_cause: Option<String>,
    /// Of our own alarms the name, as in docs/alarms.md.
    pub specific_problem: Option<String>,
    pub state: Option<AlarmState>,
    pub ack_state: Option<AckState>,
    pub ack_system_id: Option<String>,
    pub ack_user_id: Option<String>,
    pub clear_system_id: Option<String>,
    pub clear_user_id: Option<String>,
    pub alarm_raised_time: Option<DateTime<Utc>>,
    pub alarm_reporting_time: Option<DateTime<Utc>>,
    pub alarm_changed_time: Option<DateTime<Utc>>,
    pub alarm_cleared_time: Option<DateTime<Utc>>,
    pub alarm_details: Option<String>,
    pub alarm_escalation: Option<bool>,
    pub alarmed_object: Option<AlarmedObject>,
    pub alarmed_object_type: Option<String>,
    pub external_alarm_id: Option<String>,
    pub is_root_cause: Option<bool>,
    pub planned_outage_indicator: Option<String>,
    pub proposed_repaired_actions: Option<String>,
    pub reporting_system_id: Option<String>,
    pub service_affecting: Option<bool>,
    pub source_system_id: Option<String>,
    pub comment: Option<Vec<Comment>>,
    pub correlated_alarm: Option<Vec<AlarmRef>>,
    pub parent_alarm: Option<Vec<AlarmRef>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// Event type (X.733, 8.1.1).
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum AlarmType {
    CommunicationsAlarm,
    ProcessingErrorAlarm,
    EnvironmentalAlarm,
    QualityOfServiceAlarm,
    EquipmentAlarm,
    IntegrityViolation,
    OperationalViolation,
    PhysicalViolation,
    SecurityServiceOrMechanismViolation,
    TimeDomainViolation,
}

/// X.733, 8.1.2.3.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum PerceivedSeverity {
    Cleared,
    Indeterminate,
    Warning,
    Minor,
    Major,
    Critical,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum AlarmState {
    Raised,
    Updated,
    Cleared,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum AckState {
    Unacknowledged,
    Acknowledged,
}

/// What the alarm is about.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct AlarmedObject {
    pub id: Option<String>,
    pub href: Option<String>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// What somebody said of an alarm.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Comment {
    pub comment: Option<String>,
    pub system_id: Option<String>,
    pub user_id: Option<String>,
    pub time: Option<DateTime<Utc>>,
}

/// Another alarm.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct AlarmRef {
    pub id: String,
    pub href: Option<String>,
    #[schema(rename = "@referredType")]
    pub referred_type: Option<String>,
}

/// Attributes that an alarm must have to be meant; `{}` means every one.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct AlarmPattern {
    pub id: Option<String>,
    pub alarm_type: Option<AlarmType>,
    pub perceived_severity: Option<PerceivedSeverity>,
    pub probable_cause: Option<String>,
    pub specific_problem: Option<String>,
    pub state: Option<AlarmState>,
    pub ack_state: Option<AckState>,
    pub alarmed_object: Option<AlarmedObject>,
    pub alarmed_object_type: Option<String>,
    pub source_system_id: Option<String>,
}

/// A task on alarms, with the members of all kinds.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct AlarmTask {
    pub id: String,
    pub href: String,
    /// `done`: what is asked for is done when it is answered.
    pub state: Option<String>,
    #[schema(min_items = 1)]
    pub alarm_pattern: Option<Vec<AlarmPattern>>,
    pub ack_system_id: Option<String>,
    pub ack_user_id: Option<String>,
    pub ack_time: Option<DateTime<Utc>>,
    pub clear_system_id: Option<String>,
    pub clear_user_id: Option<String>,
    pub alarm_cleared_time: Option<DateTime<Utc>>,
    pub comment: Option<Comment>,
    pub source_system_id: Option<String>,
    pub alarm_changed_time: Option<DateTime<Utc>>,
    pub parent_alarm: Option<AlarmRef>,
    #[schema(min_items = 1)]
    pub correlated_alarm: Option<Vec<AlarmRef>>,
    pub acked_alarm: Option<Vec<AlarmRef>>,
    pub un_acked_alarm: Option<Vec<AlarmRef>>,
    pub cleared_alarm: Option<Vec<AlarmRef>>,
    pub commented_alarm: Option<Vec<AlarmRef>>,
    pub grouped_alarm: Option<Vec<AlarmRef>>,
    pub un_grouped_alarm: Option<Vec<AlarmRef>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// Members of a task that are not those of every one.
const OF_ONE: [&str; 18] = [
    "alarmPattern",
    "ackSystemId",
    "ackUserId",
    "ackTime",
    "clearSystemId",
    "clearUserId",
    "alarmClearedTime",
    "comment",
    "sourceSystemId",
    "alarmChangedTime",
    "parentAlarm",
    "correlatedAlarm",
    "ackedAlarm",
    "unAckedAlarm",
    "clearedAlarm",
    "commentedAlarm",
    "groupedAlarm",
    "unGroupedAlarm",
];

/// v4.0.0.
#[must_use]
pub fn api() -> Api {
    let mut api = Api::new("TMF642-v4", "Alarm Management", "4.0.0", TMF642);
    api.about = "The alarms of this network element, and those that other systems tell it.";
    api.add_shown::<Alarm>();
    let mandatory = [
        "alarmType",
        "perceivedSeverity",
        "probableCause",
        "alarmedObject",
        "sourceSystemId",
        "state",
        "alarmRaisedTime",
    ];
    api.add_request::<Alarm>("Alarm_Create", &["id", "href"], &mandatory);
    api.add_request::<Alarm>(
        "Alarm_Update",
        &["id", "href", "alarmRaisedTime", "sourceSystemId", "@type"],
        &[],
    );
    add_patches(&mut api);
    let told = json!({
        "alarmRaisedTime": "2026-11-23T08:00:00Z", "alarmType": "environmentalAlarm",
        "alarmedObject": { "id": "rack-7" }, "perceivedSeverity": "minor",
        "probableCause": "temperatureUnacceptable", "sourceSystemId": "building-1", "state": "raised",
    });
    let change = json!({ "ackState": "acknowledged", "ackUserId": "ann", "ackSystemId": "noc" });
    api.resource(&Resource {
        name: "alarm",
        shown: "Alarm",
        attributes: attributes(tmf642::ATTRIBUTES),
        keyed: true,
        create: Some(("Alarm_Create", vec![("an alarm of another system", told)])),
        change: Some(("Alarm_Update", vec![("acknowledge it", change)])),
        delete: true,
        patches: super::PATCHES,
    });
    let pattern = json!([{ "perceivedSeverity": "minor", "state": "raised" }]);
    let acknowledge = json!({ "ackSystemId": "noc", "ackUserId": "ann", "alarmPattern": pattern });
    let clear = json!({
        "clearSystemId": "noc", "clearUserId": "ann", "alarmClearedTime": "2026-11-23T09:00:00Z",
        "alarmPattern": pattern,
    });
    let comment =
        json!({ "comment": { "comment": "we look at it", "userId": "ann" }, "alarmPattern": pattern });
    let acks = ["ackSystemId", "ackUserId", "alarmPattern"];
    let clears = ["clearSystemId", "clearUserId", "alarmClearedTime", "alarmPattern"];
    let groups = ["sourceSystemId", "alarmChangedTime", "parentAlarm", "correlatedAlarm"];
    let one = ("everything that is minor", acknowledge);
    task(&mut api, "ackAlarms", ("ackTime", "ackedAlarm"), &acks, vec![one.clone()]);
    task(&mut api, "unAckAlarms", ("ackTime", "unAckedAlarm"), &acks, vec![one]);
    task(&mut api, "clearAlarms", ("", "clearedAlarm"), &clears, vec![("everything that is minor", clear)]);
    let said = vec![("everything that is minor", comment)];
    task(&mut api, "commentAlarms", ("", "commentedAlarm"), &["comment", "alarmPattern"], said);
    task(&mut api, "groupAlarms", ("", "groupedAlarm"), &groups, vec![]);
    task(&mut api, "unGroupAlarms", ("", "unGroupedAlarm"), &groups, vec![]);
    hub::add(&mut api);
    api
}

/// A kind of task: the members that must be given, one that may be, and the one that says what it was done to.
fn task(
    api: &mut Api,
    name: &'static str,
    (may, done): (&str, &str),
    must: &[&str],
    examples: Vec<(&'static str, serde_json::Value)>,
) {
    let (first, rest) = name.split_at(1);
    let shown = format!("{}{rest}", first.to_uppercase());
    let create = format!("{shown}_Create");
    let others = OF_ONE.iter().copied().filter(|m| !must.contains(m) && *m != may);
    let not_shown: Vec<_> = others.clone().filter(|m| *m != done).collect();
    let not_given: Vec<_> = others.chain(["id", "href", "state"]).collect();
    api.add_request::<AlarmTask>(&shown, &not_shown, &["id", "href"]);
    api.add_request::<AlarmTask>(&create, &not_given, must);
    api.resource(&Resource {
        name,
        shown: &shown,
        attributes: attributes(tmf642::tasks::ATTRIBUTES),
        keyed: true,
        create: Some((&create, examples)),
        change: None,
        delete: false,
        patches: &[],
    });
    // A task is the record of what is done already: nobody goes on from it.
    api.unlink(&HttpMethod::Post, &format!("/{name}"), "201");
}
