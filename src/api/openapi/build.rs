//! From a table of operations to a document.

use serde_json::{Value, json};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::link::{Link, LinkBuilder};
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem, PathsBuilder,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayBuilder, ArrayItems, ComponentsBuilder, KnownFormat, ObjectBuilder, SchemaFormat, Type,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    InfoBuilder, LicenseBuilder, OpenApiBuilder, Ref, RefOr, Required, Schema, ServerBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use super::common::Error;
use super::v5;
use crate::api::tmf630::{Attribute, Kind};

const JSON: &str = "application/json";

/// One API, and the document of it.
pub struct Api {
    /// File name without its ending.
    pub name: &'static str,
    pub title: &'static str,
    /// Version of the specification, or of our own API.
    pub version: &'static str,
    /// Base path.
    pub base: &'static str,
    pub about: &'static str,
    /// Whether its members may be null; those of the TMF APIs are left out instead.
    pub nulls: bool,
    /// Whether it is version 5 of a TMF API; the types are those of version 4 until [`Api::document`].
    pub v5: bool,
    pub operations: Vec<Op>,
    pub schemas: Vec<(String, RefOr<Schema>)>,
}

/// One operation.
pub struct Op {
    pub method: HttpMethod,
    pub path: String,
    pub operation: Operation,
}

/// What a client may send, by an example of each kind.
pub type Examples = Vec<(&'static str, Value)>;

/// A resource of a TMF API, with what can be done to it.
pub struct Resource<'a> {
    /// `serviceOrder`, in paths.
    pub name: &'static str,
    /// Type of an answer.
    pub shown: &'a str,
    /// What lists can be filtered and sorted by.
    pub attributes: Vec<(&'static str, Kind)>,
    /// Whether POST takes an idempotency key.
    pub keyed: bool,
    /// Type of a POST body.
    pub create: Option<(&'a str, Examples)>,
    /// Type of a PATCH body.
    pub change: Option<(&'a str, Examples)>,
    pub delete: bool,
    /// Media types of a PATCH.
    pub patches: &'static [&'static str],
}

/// Attributes of a table of a door.
#[must_use]
pub fn attributes(table: &[Attribute]) -> Vec<(&'static str, Kind)> {
    table.iter().map(|(name, _, kind)| (*name, *kind)).collect()
}

impl Api {
    #[must_use]
    pub fn new(name: &'static str, title: &'static str, version: &'static str, base: &'static str) -> Self {
        let mut api = Self {
            name,
            title,
            version,
            base,
            about: "",
            nulls: false,
            v5: false,
            operations: vec![],
            schemas: vec![],
        };
        api.add::<Error>();
        api
    }

    /// Adds a type with all that it refers to.
    pub fn add<T: ToSchema + PartialSchema>(&mut self) {
        self.schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(&mut self.schemas);
    }

    /// Adds the type of a resource's answers. `fields` may leave out everything but id and href.
    pub fn add_shown<T: ToSchema + PartialSchema>(&mut self) {
        self.add_request::<T>(&T::name(), &[], &["id", "href"]);
    }

    /// Adds a type for requests: that of the answer without what the server gives, and with what must be given.
    pub fn add_request<T: ToSchema + PartialSchema>(
        &mut self,
        name: &str,
        without: &[&str],
        required: &[&str],
    ) {
        let mut schema = T::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            for member in without {
                object.properties.remove(*member);
            }
            object.required = required.iter().map(|r| (*r).to_owned()).collect();
        }
        self.schemas.push((name.to_owned(), schema));
        T::schemas(&mut self.schemas);
    }

    /// Says that the entries of a member, an array, are each of one of these types.
    pub fn items_of(&mut self, schema: &str, member: &str, kinds: &[&str]) {
        let any = kinds.iter().fold(AnyOfBuilder::new(), |any, kind| any.item(Ref::from_schema_name(*kind)));
        let name = format!("{}_Create", kinds[0].trim_end_matches("Add"));
        for (_, of) in self.schemas.iter_mut().filter(|(name, _)| name == schema) {
            if let RefOr::T(Schema::Object(object)) = of
                && let Some(RefOr::T(Schema::Array(array))) = object.properties.get_mut(member)
            {
                array.items = ArrayItems::RefOrSchema(Box::new(Ref::from_schema_name(&name).into()));
            }
        }
        self.schemas.push((name, RefOr::T(Schema::AnyOf(any.build()))));
    }

    pub fn push(&mut self, method: HttpMethod, path: impl Into<String>, operation: OperationBuilder) {
        self.operations.push(Op { method, path: path.into(), operation: operation.build() });
    }

    /// Adds the operations of a resource.
    pub fn resource(&mut self, r: &Resource<'_>) {
        let (all, one) = (format!("/{}", r.name), format!("/{}/{{id}}", r.name));
        let upper = capital(r.name);
        let show_id = format!("retrieve{upper}");
        let list = operation(r, &format!("list{upper}"), &format!("Lists {}s", r.name))
            .parameters(Some(list_parameters(&r.attributes)))
            .response("200", list_answer(r.shown));
        self.push(HttpMethod::Get, &all, refusals(list, &["400"]));
        let show = operation(r, &show_id, &format!("Reads one {}", r.name))
            .parameters(Some([id(), fields()]))
            .response("200", answer("It is there", r.shown));
        self.push(HttpMethod::Get, &one, refusals(show, &["400", "404"]));
        if let Some((body, examples)) = &r.create {
            let mut created = ResponseBuilder::from(answer("It was made", r.shown))
                .header(
                    "Location",
                    HeaderBuilder::new().schema(Some(text())).description(Some("Its address")).build(),
                )
                .link("read", by_id(&show_id));
            if r.change.is_some() {
                created = created.link("change", by_id(&format!("patch{upper}")));
            }
            if r.delete {
                created = created.link("delete", by_id(&format!("delete{upper}")));
            }
            let key = header_parameter("Idempotency-Key", "A repeat under the same key makes nothing new");
            let create = operation(r, &format!("create{upper}"), &format!("Makes a {}", r.name))
                .parameters(r.keyed.then_some([key]))
                .request_body(Some(request(body, &[JSON], examples)))
                .response("201", created.build());
            self.push(HttpMethod::Post, &all, refusals(create, &["400", "409", "413", "415"]));
        }
        if let Some((body, examples)) = &r.change {
            let change = operation(r, &format!("patch{upper}"), &format!("Changes a {}", r.name))
                .parameters(Some([id(), header_parameter("If-Match", "The ETag that must still hold")]))
                .request_body(Some(request(body, r.patches, examples)))
                .response("200", answer("It was changed", r.shown));
            self.push(HttpMethod::Patch, &one, refusals(change, &["400", "404", "409", "412", "413", "415"]));
        }
        if r.delete {
            let remove = operation(r, &format!("delete{upper}"), &format!("Deletes a {}", r.name))
                .parameters(Some([id(), header_parameter("If-Match", "The ETag that must still hold")]))
                .response("204", ResponseBuilder::new().description("It is gone").build());
            self.push(HttpMethod::Delete, &one, refusals(remove, &["404", "409", "412"]));
        }
    }

    /// Adds a link to an answer of an operation that was added before.
    pub fn link(&mut self, method: &HttpMethod, path: &str, status: &str, name: &str, link: Link) {
        let found = self.operations.iter_mut().find(|op| op.method == *method && op.path == path);
        let answers = found.map(|op| &mut op.operation.responses.responses);
        if let Some(RefOr::T(answer)) = answers.and_then(|all| all.get_mut(status)) {
            answer.links.insert(name.to_owned(), RefOr::T(link));
        }
    }

    /// Takes the links from an answer of an operation that was added before.
    pub fn unlink(&mut self, method: &HttpMethod, path: &str, status: &str) {
        let found = self.operations.iter_mut().find(|op| op.method == *method && op.path == path);
        if let Some(RefOr::T(answer)) = found.and_then(|op| op.operation.responses.responses.get_mut(status))
        {
            answer.links.clear();
        }
    }

    /// The document.
    #[must_use]
    pub fn document(self) -> Value {
        let mut paths = PathsBuilder::new();
        for Op { method, path, operation } in self.operations {
            paths = paths.path(path, PathItem::new(method, operation));
        }
        let license = LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build();
        let mut components = ComponentsBuilder::new();
        for (name, schema) in self.schemas {
            components = components.schema(name, schema);
        }
        let document = OpenApiBuilder::new()
            .info(
                InfoBuilder::new()
                    .title(self.title)
                    .version(self.version)
                    .description(Some(self.about))
                    .license(Some(license)),
            )
            .servers(Some([ServerBuilder::new().url(self.base).build()]))
            .tags(Some([TagBuilder::new().name(self.name).build()]))
            .paths(paths)
            .components(Some(components.build()))
            .build();
        let mut document = serde_json::to_value(document).expect("a document has only text for keys");
        if !self.nulls {
            without_null(&mut document);
        }
        if self.v5 {
            v5::document(&mut document);
        }
        document
    }
}

/// Takes `null` out of every type: a TMF member that has no value is left out.
fn without_null(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(without_null),
        Value::Object(map) => {
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|t| t != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".into(), only);
                }
            }
            if let Some(Value::Array(choices)) = map.get_mut("oneOf") {
                choices.retain(|c| c["type"] != "null");
                if let [only] = choices.as_slice() {
                    let only = only.clone();
                    map.remove("oneOf");
                    if let Value::Object(only) = only {
                        map.extend(only);
                    }
                }
            }
            map.values_mut().for_each(without_null);
        }
        _ => {}
    }
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn operation(r: &Resource<'_>, id: &str, summary: &str) -> OperationBuilder {
    OperationBuilder::new().operation_id(Some(id)).summary(Some(summary)).tag(r.name)
}

/// Adds the refusals that an operation has, and those that any may have.
#[must_use]
pub fn refusals(mut operation: OperationBuilder, statuses: &[&str]) -> OperationBuilder {
    let always = ["401", "403", "406", "429", "500", "503"];
    for status in statuses.iter().chain(&always) {
        let words = match *status {
            "400" => "The request is wrong; the message names the member",
            "401" => "The credentials are wrong",
            "403" => "Not for this caller",
            "404" => "There is no such thing",
            "406" => "The client takes no JSON",
            "409" => "The present state forbids it",
            "412" => "It was changed meanwhile",
            "413" => "The body is too large",
            "415" => "The media type is not understood",
            "429" => "Too many requests",
            "503" => "Not now; Retry-After says when",
            _ => "Our fault",
        };
        operation = operation.response(*status, answer(words, "Error"));
    }
    operation
}

/// An answer with a body of a type.
#[must_use]
pub fn answer(words: &str, schema: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
    ResponseBuilder::new().description(words).content(JSON, content).build()
}

fn list_answer(schema: &str) -> Response {
    let array = ArrayBuilder::new().items(Ref::from_schema_name(schema)).build();
    let content = ContentBuilder::new().schema(Some(Schema::Array(array))).build();
    let count = |words: &str| {
        let schema = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build();
        HeaderBuilder::new().schema(Some(Schema::Object(schema))).description(Some(words)).build()
    };
    ResponseBuilder::new()
        .description("A page of them, newest first unless sorted")
        .content(JSON, content)
        .header("X-Total-Count", count("How many there are"))
        .header("X-Result-Count", count("How many are shown"))
        .header(
            "Link",
            HeaderBuilder::new().schema(Some(text())).description(Some("The other pages (RFC 8288)")).build(),
        )
        .build()
}

/// A request body of a type.
#[must_use]
pub fn request(schema: &str, media: &[&str], examples: &Examples) -> RequestBody {
    let mut body = RequestBodyBuilder::new().required(Some(Required::True));
    for kind in media {
        let reference: RefOr<Schema> = match *kind {
            "application/json-patch+json" => Ref::from_schema_name("JsonPatch").into(),
            "application/json-patch-query+json" => Ref::from_schema_name("JsonPatchQuery").into(),
            _ => Ref::from_schema_name(schema).into(),
        };
        let mut content = ContentBuilder::new().schema(Some(reference));
        if !kind.contains("json-patch") {
            let named = examples.iter().map(|(name, value)| {
                (
                    name.replace(' ', "-"),
                    ExampleBuilder::new().summary(*name).value(Some(value.clone())).build(),
                )
            });
            content = content.examples_from_iter(named);
        }
        body = body.content(*kind, content.build());
    }
    body.build()
}

/// A link from what was made to an operation on it.
#[must_use]
pub fn by_id(operation: &str) -> Link {
    LinkBuilder::new().operation_id(operation).parameter("id", "$response.body#/id").build()
}

/// A link that sends a body about what was made.
#[must_use]
pub fn about(operation: &str, body: Value) -> Link {
    LinkBuilder::new().operation_id(operation).request_body(Some(body)).build()
}

fn text() -> Schema {
    Schema::Object(ObjectBuilder::new().schema_type(Type::String).build())
}

/// The id in a path.
#[must_use]
pub fn id() -> Parameter {
    let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).build();
    ParameterBuilder::new()
        .name("id")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(Schema::Object(schema)))
        .build()
}

fn fields() -> Parameter {
    query("fields", "Members to show, by commas; `none` for id and href only", text())
}

/// A parameter of the query.
#[must_use]
pub fn query(name: &str, about: &str, schema: Schema) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(schema))
        .build()
}

fn header_parameter(name: &str, about: &str) -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(255))
        .pattern(Some("^[!-~]+$"))
        .build();
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(Schema::Object(schema)))
        .build()
}

/// The parameters of a list.
pub fn list_parameters(attributes: &[(&'static str, Kind)]) -> Vec<Parameter> {
    let number = || {
        let schema =
            ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(1_000_000)).build();
        Schema::Object(schema)
    };
    let names: Vec<&str> = attributes.iter().map(|(name, _)| *name).collect();
    let choices = names.iter().flat_map(|n| [(*n).to_owned(), format!("-{n}")]);
    let sort = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(choices)).build();
    let mut out = vec![
        fields(),
        query("offset", "How many to pass over", number()),
        query("limit", "How many to show", number()),
    ];
    if !names.is_empty() {
        out.push(query("sort", "Attribute to sort by, `-` before it for descending", Schema::Object(sort)));
    }
    for (name, kind) in attributes {
        let object = ObjectBuilder::new().schema_type(Type::String);
        let schema = match kind {
            Kind::Time => object.format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))),
            Kind::Always(only) => object.enum_values(Some([*only])),
            Kind::Number => object.pattern(Some("^-?[0-9]{1,15}$")),
            Kind::Text | Kind::Id => object,
        };
        out.push(query(name, "Only those with this value", Schema::Object(schema.build())));
    }
    out
}

/// The two types of RFC 6902 patches, as TMF630 part 5 extends them.
pub fn add_patches(api: &mut Api) {
    let operation = |about: &str| {
        let text = |words: &str| {
            ObjectBuilder::new().schema_type(Type::String).description(Some(words.to_owned())).build()
        };
        let op = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(["add", "remove", "replace", "test"]))
            .build();
        let entry = ObjectBuilder::new()
            .property("op", op)
            .property("path", text(about))
            .property("value", json_value())
            .required("op")
            .required("path");
        Schema::Array(ArrayBuilder::new().items(entry.build()).build())
    };
    api.schemas.push(("JsonPatch".into(), RefOr::T(operation("JSON pointer (RFC 6901)"))));
    api.schemas.push(("JsonPatchQuery".into(), RefOr::T(operation("Path with a query (TMF630, part 5)"))));
}

fn json_value() -> Schema {
    serde_json::from_value(json!({})).unwrap_or_else(|_| Schema::Object(ObjectBuilder::new().build()))
}
