//! Recipients of SDR files and corrections of records, in the document of our own API.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{HttpMethod, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};

use super::build::{Api, answer, id, refusals, request};
use super::own::{in_path, list_of, op};

const JSON: &[&str] = &["application/json"];

/// A recipient of SDR files, in one of its versions.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Recipient {
    pub name: String,
    pub version: i64,
    /// `configuration` or `operator`.
    pub origin: String,
    /// Records journalled after this are its.
    pub since: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
    /// It gets no more files.
    pub retired_at: Option<DateTime<Utc>>,
    /// As its table in the configuration file; see docs/mediation.md.
    #[schema(value_type = Object)]
    pub configuration: Value,
}

/// A recipient with its earlier versions.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct RecipientHistory {
    pub name: String,
    pub version: i64,
    pub origin: String,
    pub since: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
    pub retired_at: Option<DateTime<Utc>>,
    #[schema(value_type = Object)]
    pub configuration: Value,
    /// The newest first.
    pub before: Vec<Recipient>,
}

/// What a record says that stands in the place of another. What is absent stays as it was.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct RecordChanges {
    pub application_id: Option<String>,
    pub application_version: Option<String>,
    pub previous_version: Option<String>,
    pub plan_id: Option<String>,
    pub previous_plan_id: Option<String>,
    #[schema(minimum = 0, maximum = 4294967295_i64)]
    pub duration_seconds: Option<i64>,
    #[schema(minimum = 0)]
    pub volume_octets: Option<i64>,
    #[schema(minimum = 0, maximum = 65535)]
    pub cause_code: Option<i64>,
    #[schema(format = "uuid")]
    pub order_id: Option<String>,
    pub external_order_id: Option<String>,
    pub event_time: Option<DateTime<Utc>>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct CorrectionInput {
    pub changes: Option<RecordChanges>,
    /// The one recipient that gets it; all whose filter it passes when it is left out.
    pub recipient: Option<String>,
    /// For the audit.
    pub reason: Option<String>,
}

/// The record that was journalled.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Correction {
    pub record_id: String,
    pub corrects_record_id: String,
    pub recipient: Option<String>,
}

/// Records of one type in a period.
#[derive(ToSchema)]
pub struct AuditCounts {
    /// Journalled for the recipient.
    pub events: i64,
    /// Waiting for their file.
    pub open: i64,
    pub written: i64,
    pub delivered: i64,
    pub acknowledged: i64,
    pub rejected: i64,
    /// Missing in files, or too many there.
    pub difference: i64,
}

/// One period of a stream.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct AuditPeriod {
    pub recipient: String,
    pub tenant: String,
    pub test: bool,
    pub period_start: DateTime<Utc>,
    pub period_end: DateTime<Utc>,
    /// Its last file is sealed.
    pub closed: bool,
    pub files: i64,
    pub first_file: Option<i64>,
    pub last_file: Option<i64>,
    pub first_number: Option<i64>,
    pub last_number: Option<i64>,
    pub octets: i64,
    /// Counts by type; those that occur.
    #[schema(value_type = Object)]
    pub types: Value,
    pub total: AuditCounts,
    pub balances: bool,
    /// What does not agree, in words.
    pub trouble: Vec<String>,
}

#[derive(ToSchema)]
pub struct Audit {
    /// Whether all of it does.
    pub balances: bool,
    pub periods: Vec<AuditPeriod>,
}

fn with_location(words: &str, schema: &str) -> Response {
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    let location = HeaderBuilder::new().schema(Some(RefOr::T(Schema::Object(text)))).build();
    ResponseBuilder::from(answer(words, schema)).header("Location", location).build()
}

/// Adds the operations.
pub fn operations(api: &mut Api) {
    api.add::<Recipient>();
    api.add::<RecipientHistory>();
    api.add::<CorrectionInput>();
    api.add::<Correction>();
    api.add::<Audit>();
    // What it holds depends on its format and delivery: the page has the tables.
    let any = ObjectBuilder::new().schema_type(Type::Object).property(
        "format",
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["csv", "asn1"])),
    );
    api.schemas.push(("RecipientInput".into(), RefOr::T(Schema::Object(any.required("format").build()))));
    let name = || {
        let text =
            ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"));
        in_path("name", text)
    };
    let list = op("sdr", "listRecipients", "Recipients that get files, by name")
        .response("200", list_of("Recipient", "All of them"));
    api.push(HttpMethod::Get, "/sdr/recipients", refusals(list, &[]));
    let show = op("sdr", "readRecipient", "A recipient with its earlier versions")
        .parameter(name())
        .response("200", answer("It is or was there", "RecipientHistory"));
    api.push(HttpMethod::Get, "/sdr/recipients/{name}", refusals(show, &["404"]));
    let examples = vec![("headers of TS 32.297", json!({ "format": "asn1", "framing": "ts32297" }))];
    let set = op("sdr", "setRecipient", "Sets a recipient; a change applies from its next file")
        .parameter(name())
        .request_body(Some(request("RecipientInput", JSON, &examples)))
        .response("200", answer("It is changed", "Recipient"))
        .response("201", with_location("It is new", "Recipient"));
    let wrong = ["400", "409", "413", "415"];
    api.push(HttpMethod::Put, "/sdr/recipients/{name}", refusals(set, &wrong));
    let remove = op("sdr", "removeRecipient", "Removes a recipient")
        .parameter(name())
        .response("204", ResponseBuilder::new().description("It gets no more files").build());
    api.push(HttpMethod::Delete, "/sdr/recipients/{name}", refusals(remove, &["404", "409"]));
    let examples =
        vec![("another number of the client", json!({ "changes": { "externalOrderId": "PO-17" } }))];
    let correct = op("sdr", "correctRecord", "Journals a record that stands in the place of this one")
        .parameter(id())
        .request_body(Some(request("CorrectionInput", JSON, &examples)))
        .response("201", with_location("It is journalled", "Correction"));
    let wrong = ["400", "404", "413", "415"];
    api.push(HttpMethod::Post, "/sdr/records/{id}/corrections", refusals(correct, &wrong));
    let text = |kind| ObjectBuilder::new().schema_type(kind);
    let most = text(Type::Integer).minimum(Some(1)).maximum(Some(400));
    let until = text(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    let audit = op("sdr", "auditFiles", "What was journalled against what lies in files, by period and type")
        .parameter(in_query("recipient", text(Type::String)))
        .parameter(in_query("periods", most))
        .parameter(in_query("until", until))
        .response("200", answer("By stream, newest period first; with Accept: text/csv as CSV", "Audit"));
    api.push(HttpMethod::Get, "/sdr/audit", refusals(audit, &["400"]));
    accounts(api);
}

fn accounts(api: &mut Api) {
    let text = |kind| ObjectBuilder::new().schema_type(kind);
    let at = text(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    let csv = ContentBuilder::new().schema(Some(Schema::Object(text(Type::String).build()))).build();
    let account = op("sdr", "accountFiles", "The account of a recipient's period, for its own books, as CSV")
        .parameter(in_path("recipient", text(Type::String)))
        .parameter(in_query("at", at))
        .parameter(in_query("test", text(Type::Boolean)))
        .response("200", ResponseBuilder::new().description("The account").content("text/csv", csv).build());
    api.push(HttpMethod::Get, "/sdr/audit/{recipient}", refusals(account, &["400", "404"]));
}

fn in_query(name: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .schema(Some(Schema::Object(schema.build())))
        .build()
}
