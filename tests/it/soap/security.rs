//! Who calls a SOAP door: UsernameToken, HTTP Basic, and what a client may do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use telvisor::clock::show;
use telvisor_soap::Version::{self, Soap11, Soap12};

use super::{NS, ORDERS, Reply, envelope, find, order, send, text};
use crate::access::{Closed, of, text as secret};

const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const PROFILE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#";

/// A security header with these members of a token.
fn security(members: &str) -> String {
    format!(
        "<w:Security xmlns:w=\"{WSSE}\" xmlns:u=\"{WSU}\" s:mustUnderstand=\"1\"><w:UsernameToken>{members}</w:UsernameToken></w:Security>"
    )
}

fn password(name: &str, secret: &str) -> String {
    security(&format!(
        "<w:Username>{name}</w:Username><w:Password Type=\"{PROFILE}PasswordText\">{secret}</w:Password>"
    ))
}

/// A digest as its profile says, over a nonce and the present time.
fn digest(c: &Closed, name: &str, secret: &str, nonce: &[u8]) -> String {
    let created = show(c.app.engine().db.clock().now());
    let mut octets = nonce.to_vec();
    octets.extend_from_slice(created.as_bytes());
    octets.extend_from_slice(secret.as_bytes());
    let proof = STANDARD.encode(ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &octets));
    let nonce = STANDARD.encode(nonce);
    security(&format!(
        "<u:Created>{created}</u:Created><w:Nonce>{nonce}</w:Nonce>\
         <w:Password Type=\"{PROFILE}PasswordDigest\">{proof}</w:Password><w:Username>{name}</w:Username>"
    ))
}

async fn call_with(c: &Closed, version: Version, header: &str, authorization: &str, body: &str) -> Reply {
    let kind = version.media_type();
    let mut headers = vec![("content-type", kind)];
    if !authorization.is_empty() {
        headers.push(("authorization", authorization));
    }
    send(&c.app, ORDERS, &headers, envelope(version, header, body).as_bytes()).await
}

fn create(external_id: &str) -> String {
    format!("<CreateCustomer xmlns=\"{NS}\">{}<name>Ada</name></CreateCustomer>", order(external_id))
}

#[tokio::test]
async fn a_token_or_basic_proves_the_client_whose_order_it_is() {
    let c = Closed::open().await;
    let made = c.add(json!({ "name": "bss", "digest": true })).await;
    let text_token = password("bss", secret(&made, "secret"));
    for (n, version) in [Soap11, Soap12].into_iter().enumerate() {
        call_with(&c, version, &text_token, "", &create(&format!("a{n}"))).await.good();
        let digest = digest(&c, "bss", secret(&made, "digestSecret"), format!("nonce{n}").as_bytes());
        call_with(&c, version, &digest, "", &create(&format!("b{n}"))).await.good();
        call_with(&c, version, "", &of(&made), &create(&format!("c{n}"))).await.good();
    }
    let again = call_with(&c, Soap11, "", &of(&made), &create("a0")).await;
    assert_eq!(text(again.good(), "duplicate"), "true", "the same client, however it proves itself");
}

#[tokio::test]
async fn what_proves_nothing_is_refused_by_the_code_of_its_standard() {
    let c = Closed::open().await;
    let made = c.add(json!({ "name": "bss", "digest": true })).await;
    let right = secret(&made, "secret");
    let stale = password("bss", right).replace(
        "</w:UsernameToken>",
        "<u:Created>2020-01-01T00:00:00Z</u:Created><w:Nonce>AQID</w:Nonce></w:UsernameToken>",
    );
    let twice = password("bss", right);
    let two_tokens = twice.replacen(
        "<w:UsernameToken>",
        &format!(
            "{}<w:UsernameToken>",
            "<w:UsernameToken><w:Username>a</w:Username><w:Password>b</w:Password></w:UsernameToken>"
        ),
        1,
    );
    let binary = format!("<w:Security xmlns:w=\"{WSSE}\"><w:BinarySecurityToken/></w:Security>");
    for (header, code) in [
        (password("bss", "wrong"), "wsse:FailedAuthentication"),
        (password("nobody", right), "wsse:FailedAuthentication"),
        (stale, "wsse:MessageExpired"),
        (two_tokens, "wsse:InvalidSecurity"),
        (format!("{twice}{twice}"), "wsse:InvalidSecurity"),
        (binary, "wsse:UnsupportedSecurityToken"),
    ] {
        let reply = call_with(&c, Soap11, &header, "", &create("x")).await;
        let (found, words) = reply.protocol();
        assert_eq!((reply.status, found.as_str()), (500, code), "{words}");
        assert!(words.starts_with("1002 AUTHENTICATION_FAILED") && find(reply.body(), "detail").is_none());
        assert!(!words.contains(right), "no secret is repeated");
    }
    let nothing = call_with(&c, Soap11, "", "", &create("x")).await;
    assert_eq!((nothing.status, nothing.protocol().0.as_str()), (401, "wsse:FailedAuthentication"));
    let basic = call_with(&c, Soap12, "", "Basic YTpi", &create("x")).await;
    assert_eq!((basic.status, basic.protocol().0.as_str()), (401, "wsse:FailedAuthentication"));
    let bearer = call_with(&c, Soap11, "", "Bearer x", &create("x")).await;
    assert_eq!(bearer.status, 401);
    let list = c.get("/tmf-api/serviceOrdering/v4/serviceOrder", &c.operator).await.expect(200);
    assert_eq!(list.as_array().unwrap().len(), 0, "nothing was executed");
}

#[tokio::test]
async fn a_replayed_nonce_is_refused_also_after_a_restart() {
    let c = Closed::open().await;
    let made = c.add(json!({ "name": "bss", "digest": true })).await;
    let header = digest(&c, "bss", secret(&made, "digestSecret"), b"once");
    call_with(&c, Soap11, &header, "", &create("n")).await.good();
    let replayed = call_with(&c, Soap11, &header, "", &create("n")).await;
    assert_eq!(replayed.protocol().0, "wsse:InvalidSecurity");
    let c = Closed { app: c.app.restart().await, operator: c.operator };
    let replayed = call_with(&c, Soap11, &header, "", &create("n")).await;
    assert_eq!((replayed.status, replayed.protocol().0.as_str()), (500, "wsse:InvalidSecurity"));
}

#[tokio::test]
async fn a_client_may_do_what_its_scopes_say() {
    let c = Closed::open().await;
    let reader = c.add(json!({ "name": "reader", "scopes": ["orders:read"] })).await;
    let refused = call_with(&c, Soap11, "", &of(&reader), &create("s")).await;
    let (number, code, _) = refused.fault();
    assert_eq!((refused.status, number, code.as_str()), (500, 1003, "NOT_AUTHORIZED"));
    let find_orders = format!("<FindOrders xmlns=\"{NS}\"/>");
    call_with(&c, Soap11, "", &of(&reader), &find_orders).await.good();
    let writer = c.add(json!({ "name": "writer", "scopes": ["orders:write"] })).await;
    call_with(&c, Soap11, "", &of(&writer), &create("s")).await.good();
    assert_eq!(call_with(&c, Soap11, "", &of(&writer), &find_orders).await.fault().0, 1003);
}

#[tokio::test]
async fn addressing() {
    let c = crate::harness::TestApp::new().await;
    const WSA: &str = "http://www.w3.org/2005/08/addressing";
    let header = |action: &str, more: &str| {
        format!(
            "<a:Action xmlns:a=\"{WSA}\">{action}</a:Action><a:MessageID xmlns:a=\"{WSA}\">urn:m:1</a:MessageID>{more}"
        )
    };
    let ask = async |header: &str| {
        let message = envelope(Soap12, header, &create("w"));
        send(&c, ORDERS, &[("content-type", Soap12.media_type())], message.as_bytes()).await
    };
    let reply = ask(&header(&format!("{NS}/CreateCustomer"), "")).await;
    reply.good();
    let related = reply.headers().iter().find(|h| h.name == "RelatesTo").expect("the answer relates");
    assert_eq!((related.text.as_str(), &*related.ns), ("urn:m:1", WSA));
    assert_eq!(text(&reply.root, "Action"), format!("{NS}/CreateCustomerResponse"));
    let reply_to =
        format!("<a:ReplyTo xmlns:a=\"{WSA}\"><a:Address>http://b.example/</a:Address></a:ReplyTo>");
    for (header, code) in [
        (header("urn:other", ""), "wsa:ActionMismatch"),
        (header(&format!("{NS}/CreateCustomer"), &reply_to), "wsa:OnlyAnonymousAddressSupported"),
        (format!("<a:Action xmlns:a=\"{WSA}\">x</a:Action>"), "wsa:MessageAddressingHeaderRequired"),
    ] {
        assert_eq!(ask(&header).await.protocol().0, code);
    }
}
