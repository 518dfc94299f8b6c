//! The requests of contract B, read from the tree against `wsdl/telvisor-ne.wsdl`.

use telvisor_soap::{Cursor, Node, ParseError, Violation};

use crate::api::soap::fault::{Refusal, Refused, What};
use crate::api::soap::text::{collapsed, text};

/// Namespace of the managed objects.
pub const MO: &str = "urn:telvisor:mo:v1";

/// The operations, as the WSDL has them.
pub const OPERATIONS: [&str; 7] = ["Login", "Logout", "Create", "Get", "Set", "Delete", "Search"];

/// Most filters of one search.
const FILTERS: usize = 10;

/// A type of managed object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Kind {
    Customer,
    Subscription,
}

impl Kind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "Customer",
            Self::Subscription => "Subscription",
        }
    }

    /// The names of its keys.
    const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Customer => &["customerId"],
            Self::Subscription => &["subscriptionId", "customerId", "applicationId"],
        }
    }

    /// The names of its attributes, in their order.
    const fn attributes(self) -> &'static [&'static str] {
        match self {
            Self::Customer => &["name", "email", "phone", "language", "state"],
            Self::Subscription => &["planId", "version", "state"],
        }
    }
}

/// Names with values, in the order of the schema.
pub type Named = Vec<(&'static str, String)>;

/// The value of a name.
#[must_use]
pub fn value<'a>(list: &'a Named, name: &str) -> Option<&'a str> {
    list.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str())
}

/// A managed object as a request names and describes it.
#[derive(Debug, Clone)]
pub struct Object {
    pub kind: Kind,
    pub keys: Named,
    pub attributes: Named,
}

impl Object {
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&str> {
        value(&self.keys, name)
    }

    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        value(&self.attributes, name)
    }
}

/// What is done with a managed object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Act {
    Create,
    Get,
    Set,
    Delete,
}

impl Act {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Get => "Get",
            Self::Set => "Set",
            Self::Delete => "Delete",
        }
    }

    /// What the element with the attributes begins with.
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Get => "get",
            Self::Set => "set",
            Self::Delete => "delete",
        }
    }
}

/// One request.
#[derive(Debug, Clone)]
pub enum Request {
    Login { user: String, secret: String },
    Logout { session: String },
    Act(Act, Object),
    Search { kind: Kind, filters: Named },
}

/// The operation that the Body holds, by its name; `ns` is the namespace of the dialect.
///
/// # Errors
/// [`What::UnknownOperation`].
pub fn operation(ns: &str, body: &Node<'_>) -> Result<&'static str, Refusal> {
    let element = body.element();
    OPERATIONS.iter().find(|o| element.is(ns, o)).copied().ok_or_else(|| {
        let name: String = element.name.chars().take(64).collect();
        let message = format!("{name} in namespace {:?} is no operation of {ns}", &*element.ns);
        Refusal::at(What::UnknownOperation, body.path(), message)
    })
}

/// Reads a request.
///
/// # Errors
/// The path of the element that does not fit.
pub fn request(ns: &str, operation: &str, body: &Node<'_>) -> Result<Request, Refused> {
    let mut c = body.children()?;
    let act = match operation {
        "Login" => {
            let user = c.required(ns, "userId")?.text()?.to_owned();
            let secret = c.required(ns, "pwd")?.text()?.to_owned();
            c.end()?;
            return Ok(Request::Login { user, secret });
        }
        "Logout" => {
            let session = collapsed(&c.required(ns, "sessionId")?)?;
            c.end()?;
            return Ok(Request::Logout { session });
        }
        "Search" => return search(ns, c),
        "Create" => Act::Create,
        "Get" => Act::Get,
        "Set" => Act::Set,
        _ => Act::Delete,
    };
    let kind = kind(&c.required(ns, "MOType")?)?;
    let id = match act {
        Act::Create => c.optional(ns, "MOId")?,
        _ => Some(c.required(ns, "MOId")?),
    };
    let mut object = Object { kind, keys: vec![], attributes: vec![] };
    if let Some(id) = &id {
        keys(&mut object, id)?;
    }
    let given = match act {
        Act::Set => Some(c.required(ns, "MOAttributes")?),
        _ => c.optional(ns, "MOAttributes")?,
    };
    if let Some(given) = &given {
        attributes(&mut object, act, given)?;
    }
    extension(ns, &mut c)?;
    c.end()?;
    complete(body, act, &object)?;
    Ok(Request::Act(act, object))
}

/// `Name@namespace`.
fn kind(node: &Node<'_>) -> Result<Kind, Refused> {
    let name = collapsed(node)?;
    [Kind::Customer, Kind::Subscription]
        .into_iter()
        .find(|k| name.split_once('@') == Some((k.as_str(), MO)))
        .ok_or_else(|| {
            let message = format!("there is Customer@{MO} and Subscription@{MO}");
            Refusal::at(What::SchemaViolation, node.path(), message).into()
        })
}

fn extension(ns: &str, c: &mut Cursor<'_>) -> Result<(), ParseError> {
    c.optional(ns, "extension")?.map_or(Ok(()), |e| e.children_of_other_namespaces(ns))
}

/// The keys in `MOId`, in any order.
fn keys(object: &mut Object, id: &Node<'_>) -> Result<(), ParseError> {
    let mut c = id.children()?;
    while let Some(node) = c.any() {
        let known = object.kind.keys().iter().find(|k| node.element().is(MO, k));
        let Some(name) = known else { return Err(node.refuse(Violation::UnexpectedElement)) };
        if object.key(name).is_some() {
            return Err(node.refuse(Violation::Repeated));
        }
        object.keys.push((name, key(&node, &collapsed(&node)?)?));
    }
    c.end()
}

fn key(node: &Node<'_>, text: &str) -> Result<String, ParseError> {
    if (1..=100).contains(&text.chars().count()) {
        return Ok(text.to_owned());
    }
    Err(node.refuse(Violation::BadValue { expected: "Key (1 to 100 characters)" }))
}

/// The one element in `MOAttributes`, with the keys as attributes.
fn attributes(object: &mut Object, act: Act, given: &Node<'_>) -> Result<(), Refused> {
    let mut c = given.children()?;
    let node = c.required(MO, &format!("{}{}", act.verb(), object.kind.as_str()))?;
    c.end()?;
    let mut c = node.children_beside(object.kind.keys())?;
    for name in object.kind.keys() {
        let Some(text) = node.element().attribute("", name) else { continue };
        let text = key(&node, text.trim())?;
        match object.key(name) {
            Some(before) if before != text => {
                let message = format!("the attribute {name} is not that of MOId");
                return Err(Refusal::at(What::SchemaViolation, node.path(), message).into());
            }
            Some(_) => {}
            None => object.keys.push((name, text)),
        }
    }
    for name in object.kind.attributes() {
        let Some(child) = c.optional(MO, name)? else { continue };
        let value = match *name {
            "state" => state(&child)?,
            "planId" | "version" => key(&child, &collapsed(&child)?)?,
            _ => text(&child, 255)?,
        };
        object.attributes.push((name, value));
    }
    c.end()?;
    Ok(())
}

fn state(node: &Node<'_>) -> Result<String, ParseError> {
    match collapsed(node)?.as_str() {
        state @ ("active" | "suspended") => Ok(state.to_owned()),
        _ => Err(node.refuse(Violation::BadValue { expected: "State (active or suspended)" })),
    }
}

/// What a schema cannot say: which keys and attributes an operation needs.
fn complete(body: &Node<'_>, act: Act, object: &Object) -> Result<(), Refusal> {
    let missing = |place: &str, what: &str| {
        let path = format!("{}/{place}", body.path());
        Err(Refusal::at(What::SchemaViolation, path, format!("{what} is missing")))
    };
    let of_both = object.key("customerId").is_some() && object.key("applicationId").is_some();
    let attribute = |name: &str| object.attribute(name).is_some();
    let of = |name: &str| format!("MOAttributes/{}{}/{name}", act.verb(), object.kind.as_str());
    match (object.kind, act) {
        (Kind::Customer, Act::Create) if !attribute("name") => missing(&of("name"), "name"),
        (Kind::Subscription, Act::Create) if !of_both => missing("MOId", "customerId with applicationId"),
        (Kind::Subscription, Act::Create) if !attribute("planId") => missing(&of("planId"), "planId"),
        (Kind::Subscription, Act::Create) if object.key("subscriptionId").is_some() => {
            let message = "subscriptionId cannot be chosen for what is created; the answer has it";
            Err(Refusal::at(What::SchemaViolation, format!("{}/MOId", body.path()), message))
        }
        (_, Act::Create) if object.attribute("state") == Some("suspended") => {
            let path = format!("{}/{}", body.path(), of("state"));
            Err(Refusal::at(
                What::SchemaViolation,
                path,
                "what is created is active; suspend it by Set afterwards",
            ))
        }
        (_, Act::Create) => Ok(()),
        (Kind::Customer, _) if object.key("customerId").is_none() => missing("MOId", "customerId"),
        (Kind::Subscription, _) if object.key("subscriptionId").is_none() && !of_both => {
            missing("MOId", "subscriptionId, or customerId with applicationId,")
        }
        (_, Act::Set) if object.attributes.is_empty() => missing("MOAttributes", "an attribute to set"),
        (_, Act::Set) if attribute("state") && object.attributes.len() > 1 => {
            let path = format!("{}/{}", body.path(), of("state"));
            let message = "state cannot be set together with other attributes; send two requests";
            Err(Refusal::at(What::SchemaViolation, path, message))
        }
        _ => Ok(()),
    }
}

/// `Search`: equality of keys and attributes, all of which must fit.
fn search(ns: &str, mut c: Cursor<'_>) -> Result<Request, Refused> {
    let kind = kind(&c.required(ns, "MOType")?)?;
    let mut inner = c.required(ns, "filters")?.children()?;
    let mut filters = vec![];
    for node in inner.many(ns, "filter", FILTERS)? {
        let mut c = node.children()?;
        let (name, value) = (c.required(ns, "name")?, c.required(ns, "value")?);
        let wanted = collapsed(&name)?;
        let known = match kind {
            Kind::Customer => ["customerId", "name", "email", "phone", "language", "state"].as_slice(),
            Kind::Subscription => &["subscriptionId", "customerId", "applicationId", "state"],
        };
        let Some(name) = known.iter().find(|k| **k == wanted) else {
            let message = format!("{} can be searched by {}", kind.as_str(), known.join(", "));
            return Err(Refusal::at(What::SchemaViolation, name.path(), message).into());
        };
        filters.push((*name, text(&value, 255)?));
        c.end()?;
    }
    inner.end()?;
    extension(ns, &mut c)?;
    c.end()?;
    Ok(Request::Search { kind, filters })
}
