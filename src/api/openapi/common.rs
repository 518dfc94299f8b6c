//! Types that many resources have.

use chrono::{DateTime, Utc};
use serde_json::Value;
use utoipa::ToSchema;

/// The body of every refusal (TMF630, part 1, 3.4).
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Error {
    /// Short and stable, for programs.
    pub code: String,
    /// What is the matter, short, for people.
    pub reason: String,
    /// What exactly, with the path of the wrong member, and what to do.
    pub message: Option<String>,
    /// The HTTP status.
    pub status: Option<String>,
    pub reference_error: Option<String>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// Who has to do with it. The customer has the role `customer`.
#[derive(ToSchema)]
pub struct RelatedParty {
    /// For a customer its id: the BSS's own number.
    pub id: String,
    pub role: Option<String>,
    pub name: Option<String>,
    pub href: Option<String>,
    #[schema(rename = "@referredType")]
    pub referred_type: Option<String>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

#[derive(ToSchema)]
pub struct Note {
    pub id: Option<String>,
    pub author: Option<String>,
    pub date: Option<DateTime<Utc>>,
    pub text: String,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// Another system's name for it.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ExternalReference {
    pub id: Option<String>,
    pub name: Option<String>,
    pub external_reference_type: Option<String>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// A value by its name.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Characteristic {
    pub name: String,
    /// Any JSON value; one that is null is left out.
    pub value: Option<Value>,
    pub value_type: Option<String>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// Something that stands elsewhere.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct EntityRef {
    pub id: String,
    pub href: Option<String>,
    pub name: Option<String>,
    pub version: Option<String>,
    pub role: Option<String>,
    #[schema(rename = "@referredType")]
    pub referred_type: Option<String>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// From when until when.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct TimePeriod {
    pub start_date_time: Option<DateTime<Utc>>,
    pub end_date_time: Option<DateTime<Utc>>,
}

#[derive(ToSchema)]
pub struct Money {
    /// Currency (ISO 4217).
    pub unit: Option<String>,
    pub value: Option<f64>,
}

/// Why an order, or an item of one, was not done.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ErrorMessage {
    pub code: Option<String>,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub status: Option<String>,
    pub reference_error: Option<String>,
    pub timestamp: Option<DateTime<Utc>>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// What an order has reached.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Milestone {
    pub id: Option<String>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub message: Option<String>,
    pub milestone_date: Option<DateTime<Utc>>,
    pub status: Option<String>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}

/// What keeps an order from being done in time.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct JeopardyAlert {
    pub id: Option<String>,
    pub name: Option<String>,
    pub jeopardy_type: Option<String>,
    pub alert_date: Option<DateTime<Utc>>,
    pub exception: Option<String>,
    pub message: Option<String>,
    #[schema(rename = "@type")]
    pub type_: Option<String>,
}
