//! Reads the requests of contract A from the tree, against `wsdl/telvisor-orders.xsd`: closed, ordered content, the
//! facets of each type, and the path of what does not fit.

use chrono::{DateTime, Utc};
use telvisor_soap::values::{Int, Time};
use telvisor_soap::{Cursor, Node, ParseError, Violation};

use super::request::{
    ChangeType, Characteristic, Contact, Find, NS, OPERATIONS, OrderInfo, OrderName, Request, Verb, Wanted,
};
use crate::api::soap::fault::{Refusal, Refused, What};
use crate::api::soap::text::{collapsed, text};

const XSD: &str = "http://www.w3.org/2001/XMLSchema";

const ORDER_STATES: [&str; 11] = [
    "acknowledged",
    "rejected",
    "pending",
    "held",
    "inProgress",
    "cancelled",
    "completed",
    "failed",
    "partial",
    "assessingCancellation",
    "pendingCancellation",
];

/// Most characteristics in one list, and most states in one `Subscribe`, as the schema says.
const MOST: usize = 100;

/// The operation that the Body holds, by its name.
///
/// # Errors
/// [`What::UnknownOperation`].
pub fn operation(body: &Node<'_>) -> Result<&'static str, Refusal> {
    let element = body.element();
    let known = OPERATIONS.iter().find(|o| element.is(NS, o));
    known.copied().ok_or_else(|| {
        let name: String = element.name.chars().take(64).collect();
        let message = format!("{name} in namespace {:?} is no operation of {NS}", &*element.ns);
        Refusal::at(What::UnknownOperation, body.path(), message)
    })
}

/// Reads a request against the schema, and the rules that a schema cannot say.
///
/// # Errors
/// The path of the element that does not fit.
pub fn request(operation: &str, body: &Node<'_>) -> Result<Request, Refused> {
    let mut c = body.children()?;
    let verb = match operation {
        o if o.starts_with("Suspend") => Verb::Suspend,
        o if o.starts_with("Reactivate") => Verb::Reactivate,
        _ => Verb::Terminate,
    };
    let read = match operation {
        "CreateCustomer" => {
            let info = order_info(&mut c)?;
            let customer = opt(&mut c, "customerId", identifier)?;
            let name = text(&required(&mut c, "name", "Text")?, 255)?;
            let kind = opt_of(&mut c, "customerType", "CustomerType", |n| {
                one_of(n, &["individual", "organization"])
            })?;
            let contact = opt_of(&mut c, "contact", "Contact", contact)?.unwrap_or_default();
            let characteristics = characteristics(&mut c)?;
            place(info, Wanted::CreateCustomer { customer, name, kind, contact, characteristics })
        }
        "SuspendCustomer" | "ReactivateCustomer" | "TerminateCustomer" => {
            let info = order_info(&mut c)?;
            let customer = id(&mut c, "customerId")?;
            place(info, Wanted::Customer { verb, customer, reason: reason(&mut c)? })
        }
        "ProvisionApplication" => {
            let info = order_info(&mut c)?;
            let (customer, application) = (id(&mut c, "customerId")?, id(&mut c, "applicationId")?);
            let plan = id(&mut c, "planId")?;
            let version = opt(&mut c, "version", identifier)?;
            let quantity = quantity(&mut c)?;
            let characteristics = characteristics(&mut c)?;
            place(info, Wanted::Provision { customer, application, plan, version, quantity, characteristics })
        }
        "ChangeSubscription" => {
            let info = order_info(&mut c)?;
            let subscription = id(&mut c, "subscriptionId")?;
            let change = opt_of(&mut c, "changeType", "ChangeType", change_type)?;
            let (plan, version) = (opt(&mut c, "planId", identifier)?, opt(&mut c, "version", identifier)?);
            let quantity = quantity(&mut c)?;
            let characteristics = characteristics(&mut c)?;
            place(info, Wanted::Change { subscription, change, plan, version, quantity, characteristics })
        }
        "SuspendSubscription" | "ReactivateSubscription" | "TerminateSubscription" => {
            let info = order_info(&mut c)?;
            let subscription = id(&mut c, "subscriptionId")?;
            place(info, Wanted::Subscription { verb, subscription, reason: reason(&mut c)? })
        }
        "BackupSubscription" => {
            let info = order_info(&mut c)?;
            place(info, Wanted::Backup { subscription: id(&mut c, "subscriptionId")? })
        }
        "RestoreSubscription" => {
            let info = order_info(&mut c)?;
            let subscription = id(&mut c, "subscriptionId")?;
            place(info, Wanted::Restore { subscription, backup: id(&mut c, "backupId")? })
        }
        "ListBackups" => Request::ListBackups { subscription: id(&mut c, "subscriptionId")? },
        "GetBackupLink" => Request::GetBackupLink {
            backup: id(&mut c, "backupId")?,
            customer: opt(&mut c, "customerId", identifier)?,
            seconds: opt_of(&mut c, "expiresInSeconds", "Seconds", int::<1, { i32::MAX }>)?,
        },
        "GetOrderStatus" => Request::GetOrderStatus(order_name(body, &mut c)?),
        "FindOrders" => Request::FindOrders(Find {
            customer: opt(&mut c, "customerId", identifier)?,
            state: opt_of(&mut c, "state", "OrderState", |n| one_of(n, &ORDER_STATES))?,
            changed_since: time(&mut c, "changedSince")?,
            offset: opt_of(&mut c, "offset", "Offset", int::<0, { i32::MAX }>)?.unwrap_or(0),
            limit: opt_of(&mut c, "limit", "Limit", int::<1, 100>)?.unwrap_or(100),
        }),
        "CancelOrder" => Request::CancelOrder { order: order_name(body, &mut c)?, reason: reason(&mut c)? },
        "GetSubscription" => Request::GetSubscription { subscription: id(&mut c, "subscriptionId")? },
        "GetCustomer" => Request::GetCustomer { customer: id(&mut c, "customerId")? },
        "Subscribe" => Request::Subscribe {
            notify_to: uri(&c.required(NS, "notifyTo")?)?,
            states: c
                .many(NS, "state", ORDER_STATES.len())?
                .into_iter()
                .map(|n| one_of(&n.of_type(NS, "OrderState")?, &ORDER_STATES))
                .collect::<Result<_, _>>()?,
        },
        _ => Request::Unsubscribe { reference: id(&mut c, "subscriptionRef")? },
    };
    c.end()?;
    Ok(read)
}

fn place(info: OrderInfo, wanted: Wanted) -> Request {
    Request::Place(Box::new(info), Box::new(wanted))
}

fn order_info(c: &mut Cursor<'_>) -> Result<OrderInfo, ParseError> {
    let mut c = required(c, "order", "OrderInfo")?.children()?;
    let info = OrderInfo {
        external_id: external_id(&required(&mut c, "externalOrderId", "ExternalOrderId")?)?,
        description: opt_of(&mut c, "description", "Text", |n| text(n, 255))?,
        priority: opt_of(&mut c, "priority", "Priority", int::<0, 4>)?,
        requested_start: time(&mut c, "requestedStartDate")?,
        requested_completion: time(&mut c, "requestedCompletionDate")?,
        notify_to: c.optional(NS, "notifyTo")?.map(|n| uri(&n)).transpose()?,
        wait_seconds: opt_of(&mut c, "waitSeconds", "WaitSeconds", int::<0, 60>)?
            .map_or(0, i32::unsigned_abs),
    };
    if let Some(extension) = c.optional(NS, "extension")? {
        extension.of_type(NS, "Extension")?.children_of_other_namespaces(NS)?;
    }
    c.end()?;
    Ok(info)
}

fn contact(node: &Node<'_>) -> Result<Contact, ParseError> {
    let mut c = node.children()?;
    let mut out = vec![];
    for name in ["email", "phone", "street", "city", "postCode"] {
        out.extend(opt_of(&mut c, name, "Text", |n| text(n, 255))?.map(|v| (name, v)));
    }
    let country = opt_of(&mut c, "country", "CountryCode", |n| {
        let code = collapsed(n)?;
        let good = code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
        if good {
            Ok(code)
        } else {
            Err(n.refuse(Violation::BadValue { expected: "CountryCode (two capital letters)" }))
        }
    })?;
    out.extend(country.map(|v| ("country", v)));
    c.end()?;
    Ok(out)
}

fn characteristics(c: &mut Cursor<'_>) -> Result<Vec<Characteristic>, ParseError> {
    let Some(list) = c.optional(NS, "characteristics")? else { return Ok(vec![]) };
    let mut c = list.of_type(NS, "CharacteristicList")?.children()?;
    let mut out = vec![];
    for node in c.many(NS, "characteristic", MOST)? {
        let mut c = node.of_type(NS, "Characteristic")?.children()?;
        let name = id(&mut c, "name")?;
        let value = c.nillable(NS, "value", "Value")?.map(|n| text(&n, 4000)).transpose()?;
        c.end()?;
        out.push((name, value));
    }
    c.end()?;
    Ok(out)
}

/// Exactly one of `orderId` and `externalOrderId`: a choice would become a union in some generators, so the schema has
/// both as optional.
fn order_name(body: &Node<'_>, c: &mut Cursor<'_>) -> Result<OrderName, Refused> {
    let by_id = opt(c, "orderId", identifier)?;
    let external = opt_of(c, "externalOrderId", "ExternalOrderId", external_id)?;
    match (by_id, external) {
        (Some(id), None) => Ok(OrderName::Id(id)),
        (None, Some(id)) => Ok(OrderName::External(id)),
        _ => {
            let message = "exactly one of orderId and externalOrderId names the order";
            Err(Refusal::at(What::SchemaViolation, body.path(), message).into())
        }
    }
}

fn change_type(node: &Node<'_>) -> Result<ChangeType, ParseError> {
    match collapsed(node)?.as_str() {
        "upgrade" => Ok(ChangeType::Upgrade),
        "downgrade" => Ok(ChangeType::Downgrade),
        "modify" => Ok(ChangeType::Modify),
        _ => Err(node.refuse(Violation::BadValue { expected: "ChangeType (upgrade, downgrade or modify)" })),
    }
}

/// A required element of one of our types.
fn required<'a>(c: &mut Cursor<'a>, name: &str, kind: &str) -> Result<Node<'a>, ParseError> {
    c.required(NS, name)?.of_type(NS, kind)
}

fn id(c: &mut Cursor<'_>, name: &str) -> Result<String, ParseError> {
    identifier(&required(c, name, "Identifier")?)
}

/// An optional element of type `Identifier`.
fn opt(
    c: &mut Cursor<'_>,
    name: &str,
    read: fn(&Node<'_>) -> Result<String, ParseError>,
) -> Result<Option<String>, ParseError> {
    opt_of(c, name, "Identifier", read)
}

/// An optional element of one of our types.
fn opt_of<T>(
    c: &mut Cursor<'_>,
    name: &str,
    kind: &str,
    read: impl Fn(&Node<'_>) -> Result<T, ParseError>,
) -> Result<Option<T>, ParseError> {
    let Some(node) = c.optional(NS, name)? else { return Ok(None) };
    read(&node.of_type(NS, kind)?).map(Some)
}

fn reason(c: &mut Cursor<'_>) -> Result<Option<String>, ParseError> {
    opt_of(c, "reason", "Text", |n| text(n, 255))
}

fn quantity(c: &mut Cursor<'_>) -> Result<Option<i32>, ParseError> {
    opt_of(c, "quantity", "Quantity", int::<1, { i32::MAX }>)
}

fn time(c: &mut Cursor<'_>, name: &str) -> Result<Option<DateTime<Utc>>, ParseError> {
    let Some(node) = c.optional(NS, name)? else { return Ok(None) };
    Ok(Some(node.of_type(XSD, "dateTime")?.value::<Time>("xsd:dateTime (years 0001 to 9999)")?.0))
}

fn int<const MIN: i32, const MAX: i32>(node: &Node<'_>) -> Result<i32, ParseError> {
    let expected = match (MIN, MAX) {
        (0, 4) => "Priority (0 to 4)",
        (0, 60) => "WaitSeconds (0 to 60)",
        (1, 100) => "Limit (1 to 100)",
        (0, _) => "number from 0",
        _ => "number from 1",
    };
    Ok(node.value::<Int<MIN, MAX>>(expected)?.0)
}

fn identifier(node: &Node<'_>) -> Result<String, ParseError> {
    let id = collapsed(node)?;
    if (1..=100).contains(&id.chars().count()) {
        return Ok(id);
    }
    Err(node.refuse(Violation::BadValue { expected: "Identifier (1 to 100 characters)" }))
}

fn external_id(node: &Node<'_>) -> Result<String, ParseError> {
    let id = node.text()?;
    if (1..=255).contains(&id.chars().count()) && !id.chars().any(char::is_control) {
        return Ok(id.to_owned());
    }
    let expected = "ExternalOrderId (1 to 255 characters, none of them a control character)";
    Err(node.refuse(Violation::BadValue { expected }))
}

fn one_of(node: &Node<'_>, values: &[&str]) -> Result<String, ParseError> {
    let value = collapsed(node)?;
    if values.contains(&value.as_str()) {
        return Ok(value);
    }
    Err(node.refuse(Violation::BadValue { expected: "value of the enumeration" }))
}

/// An address that something is sent to; whether it may be is judged later.
fn uri(node: &Node<'_>) -> Result<String, ParseError> {
    let node = node.clone().of_type(XSD, "anyURI")?;
    let value = collapsed(&node)?;
    let rest = value.strip_prefix("http://").or_else(|| value.strip_prefix("https://"));
    if value.len() <= 1024 && rest.is_some_and(is_web_address) {
        return Ok(value);
    }
    Err(node.refuse(Violation::BadValue { expected: "absolute http or https URL of at most 1024 octets" }))
}

/// Whether this is what may stand behind `http://`: host, port, path, query and fragment (RFC 3986, 3), where other
/// characters than ASCII stand for their escapes (XML Schema, part 2, 3.2.17).
fn is_web_address(rest: &str) -> bool {
    let (before, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (authority, path) = before.split_at(before.find(['/', '?']).unwrap_or(before.len()));
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    let (host, port) = match place.strip_prefix('[').and_then(|p| p.split_once(']')) {
        Some((ip, "")) => (ip, ""),
        Some((ip, port)) => (ip, port.strip_prefix(':').unwrap_or("x")),
        None => place.split_once(':').unwrap_or((place, "")),
    };
    let is_ip = place.starts_with('[');
    let host_fits = if is_ip { host.parse::<std::net::Ipv6Addr>().is_ok() } else { !host.is_empty() };
    let brackets = |text: &str| text.contains(['[', ']', ' ']);
    let escaped = rest
        .split('%')
        .skip(1)
        .all(|after| after.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit)));
    host_fits
        && port.bytes().all(|b| b.is_ascii_digit())
        && escaped
        && (is_ip || !brackets(authority))
        && !brackets(path)
        && !brackets(fragment)
        && !fragment.contains('#')
}

#[cfg(test)]
mod tests {
    use super::is_web_address;

    #[test]
    fn web_addresses() {
        for good in [
            "a",
            "a/b?c=d#e",
            "a:8080/",
            "[::1]",
            "[::1]:80/n",
            "u:p@a/",
            "ä.example/ö",
            "a/%41",
            "a?b",
            "a/{x}",
        ] {
            assert!(is_web_address(good), "{good}");
        }
        for bad in [
            "", "/a", "?", "#", "@", ":80/", "a:x/", "a:80:80", "a/%", "a/%4", "a/%zz", "a#b#c", "[::1",
            "[::1]x", "[a]", "a/[x]", "a?[x]", "a b", "a/ b", "[::1]/[", "a[]",
        ] {
            assert!(!is_web_address(bad), "{bad}");
        }
    }
}
