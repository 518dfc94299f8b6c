//! Clients, in the document of our own API.

use chrono::{DateTime, Utc};
use serde_json::json;
use telvisor_model::Scope;
use utoipa::ToSchema;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{HttpMethod, Parameter};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

use super::build::{Api, answer, refusals, request};
use super::own::{in_path, list_of, op};

/// A system that calls.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Client {
    pub name: String,
    pub tenant: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// `active` or `disabled`.
    pub state: String,
    /// Whether it has a secret for `PasswordDigest`.
    pub digest: bool,
    pub created_at: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
}

/// A client with the secrets that were just made; they are shown this once.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct IssuedClient {
    pub name: String,
    pub tenant: String,
    pub scopes: Vec<String>,
    pub state: String,
    pub digest: bool,
    pub created_at: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
    /// For HTTP Basic and `PasswordText`.
    pub secret: String,
    /// For `PasswordDigest`.
    pub digest_secret: Option<String>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ClientInput {
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    pub name: String,
    /// That of the caller when it is left out.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    pub tenant: Option<String>,
    /// All of a BSS when it is left out.
    pub scopes: Option<Vec<String>>,
    pub digest: Option<bool>,
}

fn name() -> Parameter {
    in_path("name", ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)))
}

/// Says in a type which scopes there are.
fn scopes_are_known(api: &mut Api, of: &str) {
    let found = api.schemas.iter_mut().find(|(name, _)| name == of);
    let Some((_, RefOr::T(Schema::Object(object)))) = found else { return };
    let scope = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(Scope::ALL.iter().map(|s| s.as_str())));
    let list = ArrayBuilder::new().items(scope.build()).min_items(Some(1));
    object.properties.insert("scopes".into(), RefOr::T(Schema::Array(list.build())));
}

/// Adds the operations on clients.
pub fn operations(api: &mut Api) {
    api.add::<Client>();
    api.add::<IssuedClient>();
    api.add::<ClientInput>();
    for of in ["Client", "IssuedClient", "ClientInput"] {
        scopes_are_known(api, of);
    }
    let list =
        op("clients", "listClients", "Clients, by name").response("200", list_of("Client", "All of them"));
    api.push(HttpMethod::Get, "/clients", refusals(list, &[]));
    let examples = vec![("a BSS", json!({ "name": "bss-1" }))];
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    let location = HeaderBuilder::new().schema(Some(Schema::Object(text))).build();
    let made = ResponseBuilder::from(answer("It was made", "IssuedClient")).header("Location", location);
    let add = op("clients", "addClient", "Makes a client; shows its secret once")
        .request_body(Some(request("ClientInput", &["application/json"], &examples)))
        .response("201", made.build());
    api.push(HttpMethod::Post, "/clients", refusals(add, &["400", "409", "413", "415"]));
    let show = op("clients", "readClient", "One client")
        .parameter(name())
        .response("200", answer("It is there", "Client"));
    api.push(HttpMethod::Get, "/clients/{name}", refusals(show, &["404"]));
    let rotate = op("clients", "rotateClient", "Gives a client a new secret; the old one is void at once")
        .parameter(name())
        .response("200", answer("The client with its new secret", "IssuedClient"));
    api.push(HttpMethod::Post, "/clients/{name}/rotate", refusals(rotate, &["404"]));
    for (word, id, summary) in [
        ("disable", "disableClient", "Does not let a client in any more"),
        ("enable", "enableClient", "Lets a client in again"),
    ] {
        let change =
            op("clients", id, summary).parameter(name()).response("200", answer("The client", "Client"));
        api.push(HttpMethod::Post, format!("/clients/{{name}}/{word}"), refusals(change, &["404"]));
    }
}
