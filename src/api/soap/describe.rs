//! The descriptions that a SOAP stack reads before it calls: WSDL 1.1 and XML Schema, with the address under which the
//! client reached us.

use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::{NE, ORDERS};
use crate::api::Doors;
use crate::api::tmf630::href::Base;

const ORDERS_WSDL: &str = include_str!("../../../wsdl/telvisor-orders.wsdl");
const ORDERS_XSD: &str = include_str!("../../../wsdl/telvisor-orders.xsd");
const NOTIFY_WSDL: &str = include_str!("../../../wsdl/telvisor-notify.wsdl");
const NE_WSDL: &str = include_str!("../../../wsdl/telvisor-ne.wsdl");

/// What stands in the files for our address, and for the namespace of contract B.
const NE_ADDRESS: &str = "http://localhost:8080/soap/ne";
const NE_NAMESPACE: &str = "urn:telvisor:ne:1.2";
const ADDRESS: &str = "http://localhost:8080/soap/orders";
const IMPORT: &str =
    "<xsd:import namespace=\"urn:telvisor:orders:v1\" schemaLocation=\"telvisor-orders.xsd\"/>";

/// GET of contract A: `?wsdl`, `?wsdl12`, `?singleWsdl`, `?xsd=NAME`, and `?notify`, which the BSS hosts.
pub async fn orders(Extension(Base(base)): Extension<Base>, RawQuery(query): RawQuery) -> Response {
    let address = escaped(&format!("{base}{ORDERS}"));
    match query.as_deref().unwrap_or("") {
        q if q.eq_ignore_ascii_case("wsdl") => xml(with_import(&at(ORDERS_WSDL, &address), &address)),
        q if q.eq_ignore_ascii_case("wsdl12") => {
            xml(with_import(&at(&soap12(ORDERS_WSDL), &address), &address))
        }
        q if q.eq_ignore_ascii_case("singlewsdl") => xml(single(&at(ORDERS_WSDL, &address))),
        q if q.eq_ignore_ascii_case("notify") => xml(NOTIFY_WSDL.to_owned()),
        "xsd=telvisor-orders.xsd" | "xsd=telvisor-orders" => xml(ORDERS_XSD.to_owned()),
        q if q.starts_with("xsd=") => {
            (StatusCode::NOT_FOUND, "there is no such schema; xsd=telvisor-orders.xsd is\n").into_response()
        }
        _ => hint(&format!("{base}{ORDERS}")),
    }
}

/// GET of contract B: `?wsdl`, in the namespace that is configured.
pub async fn network_element(
    State(doors): State<Doors>,
    Extension(Base(base)): Extension<Base>,
    RawQuery(query): RawQuery,
) -> Response {
    if !query.unwrap_or_default().eq_ignore_ascii_case("wsdl") {
        return hint(&format!("{base}{NE}"));
    }
    let namespace = escaped(&doors.engine.config.soap.ne_namespace);
    let address = escaped(&format!("{base}{NE}"));
    xml(NE_WSDL.replace(NE_NAMESPACE, &namespace).replace(NE_ADDRESS, &address))
}

/// What a person sees who opens the address in a browser.
fn hint(address: &str) -> Response {
    let hint = format!("This is a SOAP endpoint: POST a message here, or read {address}?wsdl\n");
    let mut response = (StatusCode::METHOD_NOT_ALLOWED, hint).into_response();
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
    response
}

fn at(wsdl: &str, address: &str) -> String {
    wsdl.replace(ADDRESS, address)
}

fn with_import(wsdl: &str, address: &str) -> String {
    let absolute = format!("schemaLocation=\"{address}?xsd=telvisor-orders.xsd\"");
    wsdl.replace("schemaLocation=\"telvisor-orders.xsd\"", &absolute)
}

/// The same description with only a SOAP 1.2 port.
fn soap12(wsdl: &str) -> String {
    wsdl.replace("http://schemas.xmlsoap.org/wsdl/soap/", "http://schemas.xmlsoap.org/wsdl/soap12/")
        .replace("ProvisioningPort11", "ProvisioningPort12")
        .replace("ProvisioningBinding11", "ProvisioningBinding12")
}

/// The same description with the schema in it.
fn single(wsdl: &str) -> String {
    let schema = ORDERS_XSD.split_once("?>").map_or(ORDERS_XSD, |(_, rest)| rest).trim();
    let around = wsdl.split_once(IMPORT).and_then(|(before, after)| {
        let before = before.trim_end().strip_suffix("<xsd:schema>")?;
        let after = after.trim_start().strip_prefix("</xsd:schema>")?;
        Some((before, after))
    });
    match around {
        Some((before, after)) => format!("{before}{schema}{after}"),
        None => wsdl.to_owned(),
    }
}

fn escaped(address: &str) -> String {
    address.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn xml(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], text).into_response()
}
