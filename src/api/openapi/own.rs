//! Our own API: what the TMF interfaces have no word for.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{Ref, Required, Schema};
use utoipa::{PartialSchema as _, ToSchema};

use super::build::{Api, answer, attributes, by_id, id, list_parameters, refusals, request};
use super::{clients, recipients};
use crate::api::OWN;
use crate::api::own::performance::ATTRIBUTES;

/// An order with its jobs and its history.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Order {
    pub id: String,
    /// `service` or `product`.
    pub kind: String,
    /// The product order that it is a part of.
    pub product_order: Option<String>,
    /// The service order that carries a product order out.
    pub service_order: Option<String>,
    pub state: String,
    pub channel: String,
    pub external_id: Option<String>,
    pub customer_id: Option<String>,
    pub order_date: DateTime<Utc>,
    pub start_date: Option<DateTime<Utc>>,
    pub completion_date: Option<DateTime<Utc>>,
    pub expected_completion_date: Option<DateTime<Utc>>,
    pub approval: Option<String>,
    pub hold: Option<String>,
    /// What it waits for, in words.
    pub waits_for: Option<String>,
    pub errors: Vec<OrderError>,
    pub items: Vec<OrderItem>,
    pub history: Vec<HistoryEntry>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct OrderError {
    pub code: String,
    pub reason: String,
    pub message: String,
    pub at: DateTime<Utc>,
    pub items: Vec<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct OrderItem {
    pub id: String,
    pub action: String,
    pub state: String,
    pub subscription: Option<String>,
    pub backup: Option<String>,
    pub application: Option<String>,
    pub plan: Option<String>,
    pub version: Option<String>,
    pub error: Option<String>,
    pub jobs: Vec<Job>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct HistoryEntry {
    pub number: i64,
    pub at: DateTime<Utc>,
    pub item: Option<String>,
    pub state: String,
    pub reason: Option<String>,
    pub caused_by: String,
}

/// Work on one machine, step by step.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Job {
    pub id: String,
    pub title: String,
    pub order: Option<String>,
    pub item: Option<String>,
    pub state: String,
    /// `do` or `undo`.
    pub phase: String,
    /// Tries that failed.
    pub tries: i64,
    pub error: Option<String>,
    pub machine: Option<String>,
    pub steps: Vec<Step>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Step {
    pub title: String,
    pub state: String,
    /// Once it has begun, nothing is undone.
    pub last_chance: bool,
}

/// A backup of a subscription's data.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Backup {
    pub id: String,
    pub state: BackupState,
    /// Octets of the download.
    pub size: Option<i64>,
    pub sha256: Option<String>,
    pub created_at: DateTime<Utc>,
    pub purpose: String,
    pub version: String,
    pub plan: String,
    pub expires_at: Option<DateTime<Utc>>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub enum BackupState {
    Taking,
    Available,
    Failed,
    Expired,
}

/// The service order that carries out what was asked.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct OrderLink {
    pub id: String,
    pub href: String,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct DownloadLinkRequest {
    /// The customer that it must be a backup of.
    pub customer: Option<String>,
    #[schema(minimum = 1, maximum = 604_800)]
    pub expires_in_seconds: Option<i64>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct DownloadLink {
    pub url: String,
    pub expires_at: DateTime<Utc>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Decision {
    /// Goes into the order's history.
    pub reason: Option<String>,
}

/// An order after an operator's decision.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Decided {
    pub id: String,
    pub href: String,
    pub state: String,
    pub approval: Option<String>,
    pub hold: Option<String>,
    pub waits_for: Option<String>,
}

#[derive(ToSchema)]
pub struct ApprovalInput {
    pub approve: bool,
    /// Goes into the order's history.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: Option<String>,
}

#[derive(ToSchema)]
pub struct HoldInput {
    /// Goes into the order's history.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// Who is told of events, with what it has still to be sent.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Listener {
    pub id: String,
    pub api: String,
    pub callback: String,
    pub query: Option<String>,
    pub client: String,
    /// `active` or `paused`.
    pub state: String,
    /// Whether `/listener/EVENT` is put behind the callback.
    pub listener_path: bool,
    pub created_at: DateTime<Utc>,
    /// Position of the first event that it is told.
    pub since: i64,
    pub backlog: i64,
    pub oldest: Option<OldestEvent>,
    pub failing_since: Option<DateTime<Utc>>,
    pub last_error: Option<String>,
    pub paused_at: Option<DateTime<Utc>>,
    pub paused_why: Option<String>,
}

#[derive(ToSchema)]
pub struct OldestEvent {
    pub position: i64,
    pub at: Option<DateTime<Utc>>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ListenerChange {
    pub listener_path: bool,
}

/// From where: one of the two.
#[derive(ToSchema)]
pub struct ReplayInput {
    #[schema(minimum = 0)]
    pub position: Option<i64>,
    pub time: Option<DateTime<Utc>>,
}

/// How many events are sent again.
#[derive(ToSchema)]
pub struct Replayed {
    pub events: i64,
}

/// A file of service detail records.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct SdrFile {
    pub recipient: String,
    pub tenant: String,
    pub test: bool,
    pub file_seq: i64,
    pub name: String,
    pub path: String,
    pub records: i64,
    pub bytes: i64,
    pub sha256: String,
    pub state: String,
    pub period_start: DateTime<Utc>,
    pub period_end: DateTime<Utc>,
    pub closed_at: DateTime<Utc>,
    pub close_reason: i64,
    pub first_number: i64,
    pub last_number: i64,
}

/// The files that were closed now.
#[derive(ToSchema)]
pub struct Sealed {
    pub files: Vec<SdrFile>,
}

pub(super) fn op(tag: &str, id: &str, summary: &str) -> OperationBuilder {
    OperationBuilder::new().operation_id(Some(id)).summary(Some(summary)).tag(tag)
}

pub(super) fn list_of(schema: &str, words: &str) -> Response {
    let array = ArrayBuilder::new().items(Ref::from_schema_name(schema)).build();
    let content = ContentBuilder::new().schema(Some(Schema::Array(array))).build();
    ResponseBuilder::new().description(words).content("application/json", content).build()
}

pub(super) fn in_path(name: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(Schema::Object(schema.build())))
        .build()
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).min_length(Some(1))
}

/// A body that may be left out.
fn optional(mut body: RequestBody) -> RequestBody {
    body.required = Some(Required::False);
    body
}

/// 202 with the service order that does it.
fn ordered(words: &str) -> Response {
    let location = HeaderBuilder::new().schema(Some(Schema::Object(text().build()))).build();
    ResponseBuilder::from(answer(words, "OrderLink"))
        .header("Location", location)
        .link("order", by_id("readOrder"))
        .build()
}

/// A link from an order to what can be done with the subscription of its first item.
fn of_item(operation: &str) -> Link {
    LinkBuilder::new().operation_id(operation).parameter("id", "$response.body#/items/0/subscription").build()
}

/// The document of our own API.
#[must_use]
pub fn api() -> Api {
    let mut api = Api::new("telvisor-v1", "Telvisor", "1", OWN);
    api.about = "What the TMF interfaces have no word for: jobs, fallout, backups, files of records.";
    api.nulls = true;
    api.add::<Order>();
    api.add::<Backup>();
    api.add::<OrderLink>();
    api.add::<DownloadLinkRequest>();
    api.add::<DownloadLink>();
    api.add::<Decision>();
    api.add::<Sealed>();
    api.add::<Decided>();
    api.add::<ApprovalInput>();
    api.add::<HoldInput>();
    api.add::<Listener>();
    api.add::<ListenerChange>();
    api.add::<ReplayInput>();
    api.add::<Replayed>();
    orders(&mut api);
    decisions(&mut api);
    listeners(&mut api);
    clients::operations(&mut api);
    backups(&mut api);
    files(&mut api);
    recipients::operations(&mut api);
    performance(&mut api);
    api
}

fn orders(api: &mut Api) {
    let show = op("orders", "readOrder", "An order with its items, jobs, steps, errors and history")
        .parameter(id())
        .response(
            "200",
            ResponseBuilder::from(answer("It is there", "Order"))
                .link("back-up", of_item("takeBackup"))
                .link("backups", of_item("listBackups"))
                .build(),
        );
    api.push(HttpMethod::Get, "/orders/{id}", refusals(show, &["404"]));
    let jobs =
        op("jobs", "listJobs", "Jobs that have not ended").response("200", list_of("Job", "All of them"));
    api.push(HttpMethod::Get, "/jobs", refusals(jobs, &[]));
    let fallout = op("jobs", "listFallout", "Jobs that wait for an operator")
        .response("200", list_of("Job", "All of them"));
    api.push(HttpMethod::Get, "/fallout", refusals(fallout, &[]));
    let decision = text().enum_values(Some(["retry", "skip", "abandon"]));
    let examples = vec![("with the reason", json!({ "reason": "the host is back" }))];
    let decide = op("jobs", "decide", "Retries, skips or abandons a job in fallout")
        .parameter(in_path("job", text()))
        .parameter(in_path("decision", decision))
        .request_body(Some(optional(request("Decision", JSON, &examples))))
        .response("202", ResponseBuilder::new().description("It is done so").build());
    api.push(
        HttpMethod::Post,
        "/fallout/{job}/{decision}",
        refusals(decide, &["400", "404", "409", "413", "415"]),
    );
}

const JSON: &[&str] = &["application/json"];

fn decisions(api: &mut Api) {
    let decided = || answer("The order after it", "Decided");
    let wrong = ["400", "404", "409", "413", "415"];
    let examples = vec![("approved", json!({ "approve": true, "reason": "credit is good" }))];
    let approve = op("orders", "decideApproval", "Decides about an order that waits for approval")
        .parameter(id())
        .request_body(Some(request("ApprovalInput", JSON, &examples)))
        .response("200", decided());
    api.push(HttpMethod::Post, "/orders/{id}/approval", refusals(approve, &wrong));
    let examples = vec![("while the host is mended", json!({ "reason": "the host is being mended" }))];
    let hold = op("orders", "holdOrder", "Holds an order before its next job")
        .parameter(id())
        .request_body(Some(request("HoldInput", JSON, &examples)))
        .response("200", decided());
    api.push(HttpMethod::Post, "/orders/{id}/hold", refusals(hold, &wrong));
    let examples = vec![("with the reason", json!({ "reason": "the host is back" }))];
    let release = op("orders", "releaseOrder", "Lets a held order go on")
        .parameter(id())
        .request_body(Some(optional(request("Decision", JSON, &examples))))
        .response("200", decided());
    api.push(HttpMethod::Post, "/orders/{id}/release", refusals(release, &wrong));
}

fn listeners(api: &mut Api) {
    let shown = || answer("The listener", "Listener");
    let list = op("listeners", "listListeners", "Listeners of all hubs, oldest first")
        .response("200", list_of("Listener", "All of them"));
    api.push(HttpMethod::Get, "/listeners", refusals(list, &[]));
    let show = op("listeners", "readListener", "One listener").parameter(id()).response("200", shown());
    api.push(HttpMethod::Get, "/listeners/{id}", refusals(show, &["404"]));
    let examples = vec![("by the event's own path", json!({ "listenerPath": true }))];
    let change = op("listeners", "changeListener", "How the listener is called")
        .parameter(id())
        .request_body(Some(request("ListenerChange", JSON, &examples)))
        .response("200", shown());
    let wrong = ["400", "404", "413", "415"];
    api.push(HttpMethod::Patch, "/listeners/{id}", refusals(change, &wrong));
    let remove = op("listeners", "removeListener", "Removes a listener")
        .parameter(id())
        .response("204", ResponseBuilder::new().description("It is gone").build());
    api.push(HttpMethod::Delete, "/listeners/{id}", refusals(remove, &["404"]));
    let examples = vec![("with the reason", json!({ "reason": "it is being mended" }))];
    let pause = op("listeners", "pauseListener", "Sends it nothing for now; its events are kept")
        .parameter(id())
        .request_body(Some(optional(request("Decision", JSON, &examples))))
        .response("200", shown());
    api.push(HttpMethod::Post, "/listeners/{id}/pause", refusals(pause, &wrong));
    let resume = op("listeners", "resumeListener", "Lets a paused listener go on")
        .parameter(id())
        .response("200", shown());
    api.push(HttpMethod::Post, "/listeners/{id}/resume", refusals(resume, &["404"]));
    let examples = vec![("from the beginning", json!({ "position": 0 }))];
    let replay =
        op("listeners", "replayListener", "Sends it again what fits it, from a position or a time on")
            .parameter(id())
            .request_body(Some(request("ReplayInput", JSON, &examples)))
            .response("200", answer("How many", "Replayed"));
    api.push(HttpMethod::Post, "/listeners/{id}/replay", refusals(replay, &wrong));
}

fn backups(api: &mut Api) {
    let list = op("backups", "listBackups", "Backups of a subscription, newest first")
        .parameter(id())
        .response("200", list_of("Backup", "All of them"));
    api.push(HttpMethod::Get, "/subscriptions/{id}/backups", refusals(list, &["404"]));
    let take = op("backups", "takeBackup", "Takes a backup of a subscription")
        .parameter(id())
        .response("202", ordered("It was ordered"));
    api.push(HttpMethod::Post, "/subscriptions/{id}/backups", refusals(take, &["400", "404", "409"]));
    let restore = op("backups", "restoreBackup", "Puts a backup's data back")
        .parameter(id())
        .response("202", ordered("It was ordered"));
    api.push(HttpMethod::Post, "/backups/{id}/restore", refusals(restore, &["400", "404", "409"]));
    let examples = vec![("for ten minutes", json!({ "expiresInSeconds": 600 }))];
    let link = op("backups", "linkBackup", "Makes a download link of a backup")
        .parameter(id())
        .request_body(Some(optional(request("DownloadLinkRequest", JSON, &examples))))
        .response("201", answer("The link", "DownloadLink"));
    let path = "/backups/{id}/download-links";
    api.push(HttpMethod::Post, path, refusals(link, &["400", "404", "409", "413", "415"]));
}

/// A counter of a granularity period.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct PerformanceCounter {
    pub period_start: DateTime<Utc>,
    pub period_end: DateTime<Utc>,
    pub minutes: i64,
    /// One of docs/performance.md.
    pub counter: String,
    #[schema(value_type = Object)]
    pub labels: Value,
    pub count: i64,
    /// Milliseconds or octets, as the counter says.
    pub sum: Option<i64>,
    pub longest: Option<i64>,
    /// Nothing is added to it any more.
    pub settled: bool,
}

fn performance(api: &mut Api) {
    api.schemas.push(("PerformanceCounter".into(), PerformanceCounter::schema()));
    let list =
        op("performance", "listPerformance", "Counters of the granularity periods, newest period first")
            .parameters(Some(list_parameters(&attributes(ATTRIBUTES))))
            .response("200", list_of("PerformanceCounter", "A page of them; with Accept: text/csv as CSV"));
    api.push(HttpMethod::Get, "/performance", refusals(list, &["400"]));
}

fn files(api: &mut Api) {
    let seal = op("sdr", "seal", "Closes what is open for every recipient")
        .response("200", answer("The files that were closed now", "Sealed"));
    api.push(HttpMethod::Post, "/sdr/seal", refusals(seal, &[]));
    let list = op("sdr", "listFiles", "All files").response("200", list_of("SdrFile", "All of them"));
    api.push(HttpMethod::Get, "/sdr/files", refusals(list, &[]));
    let octets = || ContentBuilder::new().schema(Some(Schema::Object(text().build()))).build();
    let found = ResponseBuilder::new()
        .description("The file")
        .content("text/csv", octets())
        .content("application/octet-stream", octets());
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    let file = op("sdr", "readFile", "The octets of a file")
        .parameter(in_path("recipient", text()))
        .parameter(in_path("file_seq", number))
        .response("200", found.build());
    api.push(HttpMethod::Get, "/sdr/files/{recipient}/{file_seq}", refusals(file, &["400", "404"]));
}
