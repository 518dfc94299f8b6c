//! What strangers send: each case of the list that other SOAP servers were given, with its right answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::Method;
use telvisor_soap::Version;
use telvisor_soap::envelope::{SOAP11, SOAP12};

use super::{NS, ORDERS, Reply, envelope, find, order, send, text};
use crate::harness::TestApp;

const OPERATION: &str = "ProvisionApplication";

/// A valid request, with a place for changes.
fn children() -> String {
    format!(
        "{}<customerId>C-1</customerId><applicationId>kinfolk</applicationId><planId>solo</planId>",
        order("x")
    )
}

fn body(children: &str) -> String {
    format!("<{OPERATION} xmlns=\"{NS}\">{children}</{OPERATION}>")
}

fn message(children: &str) -> String {
    envelope(Version::Soap11, "", &body(children))
}

fn valid() -> String {
    message(&children())
}

const XML: &str = "text/xml; charset=utf-8";

fn headers() -> Vec<(&'static str, &'static str)> {
    vec![("content-type", XML), ("soapaction", "\"urn:telvisor:orders:v1/ProvisionApplication\"")]
}

async fn sent(app: &TestApp, octets: impl AsRef<[u8]>) -> Reply {
    send(app, ORDERS, &headers(), octets.as_ref()).await
}

async fn app() -> TestApp {
    let app = TestApp::new().await;
    app.customer("C-1").await;
    app
}

/// How many orders there are besides the one that created the customer.
async fn orders(app: &TestApp) -> usize {
    let list = app.get("/tmf-api/serviceOrdering/v4/serviceOrder").await.expect(200);
    list.as_array().unwrap().len() - 1
}

/// Each of these is refused by a typed SOAP 1.1 Client fault at 500 with this number, and nothing is executed.
async fn refused(cases: Vec<(&str, Vec<u8>, u32)>) {
    let app = app().await;
    for (name, octets, number) in cases {
        let reply = sent(&app, &octets).await;
        assert_eq!(reply.status, 500, "{name}");
        assert_eq!(reply.kind, XML, "{name}");
        assert_eq!(reply.protocol().0, "soap:Client", "{name}");
        assert_eq!(reply.fault().0, number, "{name}: {:?}", reply.protocol());
    }
    assert_eq!(orders(&app).await, 0, "nothing was executed");
}

fn doctype(declaration: &str, customer: &str) -> Vec<u8> {
    let text = valid().replace("C-1", customer);
    format!("<?xml version=\"1.0\"?>{declaration}{text}").into_bytes()
}

#[tokio::test]
async fn what_is_no_xml_that_soap_allows() {
    let valid = valid();
    let laughs: String =
        (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    let inside = |from: &str, to: &str| valid.replacen(from, to, 1).into_bytes();
    refused(vec![
        (
            "01 external entity",
            doctype("<!DOCTYPE e [<!ENTITY x SYSTEM \"file:///etc/hostname\">]>", "&x;"),
            2001,
        ),
        ("02 bare doctype", doctype("<!DOCTYPE Envelope>", "C-1"), 2001),
        ("03 billion laughs", doctype(&format!("<!DOCTYPE e [<!ENTITY l0 \"lol\">{laughs}]>"), "&l9;"), 2001),
        (
            "04 parameter entity",
            doctype("<!DOCTYPE e [<!ENTITY % p SYSTEM \"http://127.0.0.1:9/x\"> %p;]>", "C-1"),
            2001,
        ),
        ("05 processing instruction", inside("<s:Body>", "<s:Body><?php echo 1?>"), 2001),
        ("07 no XML", b"hello".to_vec(), 2001),
        ("08 truncated", valid.as_bytes()[..valid.len() - 30].to_vec(), 2001),
        ("09 trailing text", format!("{valid}junk").into_bytes(), 2001),
        ("10 second root", format!("{valid}<a/>").into_bytes(), 2001),
        ("11 attribute twice", inside("<customerId>", "<customerId a='1' a='2'>"), 2001),
        (
            "12 undeclared prefix",
            inside("<customerId>C-1</customerId>", "<q:customerId>C-1</q:customerId>"),
            2001,
        ),
        ("13 control character", inside("C-1", "C-\u{1}1"), 2001),
        ("14 reference to U+0000", inside("C-1", "C-&#0;1"), 2001),
        (
            "47 bad UTF-8",
            {
                let mut o = valid.clone().into_bytes();
                let at = valid.find("C-1").unwrap();
                o[at] = 0xFF;
                o
            },
            2001,
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_is_no_envelope_with_one_operation() {
    let op = body(&children());
    let soap = |inside: &str| format!("<s:Envelope xmlns:s=\"{SOAP11}\">{inside}</s:Envelope>").into_bytes();
    let body_of = |inside: &str| soap(&format!("<s:Body>{inside}</s:Body>"));
    refused(vec![
        ("06 empty message", vec![], 2002),
        ("17 no Body", soap("<s:Header/>"), 2002),
        ("18 empty Body", body_of(""), 2002),
        ("19 two operations", body_of(&format!("{op}{op}")), 2002),
        ("34 Header after Body", soap(&format!("<s:Body>{op}</s:Body><s:Header/>")), 2002),
        ("35 two Headers", soap(&format!("<s:Header/><s:Header/><s:Body>{op}</s:Body>")), 2002),
        ("36 two Bodies", soap(&format!("<s:Body>{op}</s:Body><s:Body>{op}</s:Body>")), 2002),
        ("20 unknown operation", body_of(&format!("<DropAll xmlns=\"{NS}\"/>")), 2003),
        ("21 another namespace", body_of(&op.replace(NS, "urn:other")), 2003),
    ])
    .await;
}

#[tokio::test]
async fn what_the_schema_does_not_allow() {
    let c = children();
    let with = |from: &str, to: &str| message(&c.replacen(from, to, 1)).into_bytes();
    let after = |more: &str| message(&format!("{c}{more}")).into_bytes();
    let xsi = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";
    let misplaced = "<customerId>C-1</customerId>";
    let cases = vec![
        ("22 children without namespace", with("<customerId>", "<customerId xmlns=\"\">"), "/customerId"),
        ("23 customerId missing", with(misplaced, ""), "/customerId"),
        ("24 customerId before order", message(&format!("{misplaced}{}", c.replacen(misplaced, "", 1))).into_bytes(), "/customerId"),
        ("25 unknown element", after("<evil/>"), "/evil"),
        ("26 planId twice", with("<planId>", "<planId>a</planId><planId>"), "/planId"),
        ("27 quantity in words", after("<quantity>ten</quantity>"), "/quantity"),
        ("28 quantity too great", after("<quantity>99999999999</quantity>"), "/quantity"),
        ("29 nil planId", with("<planId>solo", &format!("<planId {xsi} xsi:nil=\"true\">")), "/planId"),
        ("30 foreign type", with("<order>", &format!("<order {xsi} xmlns:t=\"{NS}\" xsi:type=\"t:FaultDetail\">")), "/order"),
        ("56 encodingStyle", valid().replacen("<ProvisionApplication ", &format!("<ProvisionApplication s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\" xmlns:s=\"{SOAP11}\" "), 1).into_bytes(), "/ProvisionApplication"),
        ("an id of 101 characters", with("C-1", &"x".repeat(101)), "/customerId"),
        ("an empty id", with("C-1", " "), "/customerId"),
        ("an unknown attribute", with("<planId>", "<planId a=\"1\">"), "/planId"),
        ("text between", with("<planId>", "text<planId>"), "/ProvisionApplication"),
        ("a bad date", with("</externalOrderId>", "</externalOrderId><requestedStartDate>tomorrow</requestedStartDate>"), "/order/requestedStartDate"),
        ("waitSeconds too long", with("</externalOrderId>", "</externalOrderId><waitSeconds>61</waitSeconds>"), "/order/waitSeconds"),
        ("own element as extension", with("</externalOrderId>", "</externalOrderId><extension><planId>x</planId></extension>"), "/order/extension/planId"),
    ];
    let app = app().await;
    for (name, octets, path) in cases {
        let reply = sent(&app, &octets).await;
        assert_eq!(reply.status, 500, "{name}");
        let (number, code, at) = reply.fault();
        assert_eq!((number, code.as_str()), (2005, "SCHEMA_VIOLATION"), "{name}");
        assert!(at.starts_with("/Envelope/Body/ProvisionApplication") && at.ends_with(path), "{name}: {at}");
        assert!(text(reply.body(), "faultstring").contains(&at), "{name}: the text names the path too");
    }
    assert_eq!(orders(&app).await, 0);
}

#[tokio::test]
async fn what_asks_for_too_much() {
    let deep = format!("{}{}", "<a>".repeat(5000), "</a>".repeat(5000));
    let wide: String = (0..5000).map(|n| format!(" a{n}=\"1\"")).collect();
    let spaces: String = (0..3000).map(|n| format!("<a xmlns:p{n}=\"urn:{n}\">")).collect();
    let c = children();
    refused(vec![
        ("49 depth", message(&format!("{c}{deep}")).into_bytes(), 2006),
        ("50 attributes", message(&c.replacen("<planId>", &format!("<planId{wide}>"), 1)).into_bytes(), 2006),
        ("51 namespaces", message(&format!("{c}{spaces}{}", "</a>".repeat(3000))).into_bytes(), 2006),
        ("nodes", message(&format!("{c}{}", "<a/>".repeat(20_001))).into_bytes(), 2006),
        ("one long text", message(&c.replacen("C-1", &"x".repeat(300_000), 1)).into_bytes(), 2006),
    ])
    .await;
    let app = app().await;
    let reply = sent(&app, message(&c.replacen("C-1", &"x".repeat(3_000_000), 1))).await;
    assert_eq!((reply.status, reply.fault().0), (413, 2006), "52 three megabytes");
}

/// Of a body without an end no more is read than the limit and the piece that passes it.
#[tokio::test]
async fn an_endless_body_is_not_read() {
    const PIECE: usize = 16 * 1024;
    let app = TestApp::new().await;
    let read = Arc::new(AtomicUsize::new(0));
    let counted = read.clone();
    let pieces = futures_util::stream::repeat_with(move || {
        counted.fetch_add(PIECE, Ordering::Relaxed);
        Ok::<_, std::convert::Infallible>(vec![b' '; PIECE])
    });
    let answer = app.send(Method::POST, ORDERS, &headers(), Body::from_stream(pieces)).await;
    assert_eq!(answer.status, 413);
    assert!(String::from_utf8(answer.octets).unwrap().contains("LIMIT_EXCEEDED"));
    assert_eq!(read.load(Ordering::Relaxed), (1 << 20) + PIECE);
}

#[tokio::test]
async fn versions_and_headers_that_must_be_understood() {
    let app = app().await;
    let as_12 = valid().replace(SOAP11, SOAP12);
    let reply = sent(&app, &as_12).await;
    assert_eq!((reply.status, reply.protocol().0.as_str()), (500, "soap:VersionMismatch"), "15");
    let reply = sent(&app, valid().replace(SOAP11, "http://www.w3.org/2001/12/soap-envelope")).await;
    assert_eq!((reply.status, reply.protocol().0.as_str()), (500, "soap:VersionMismatch"), "16");
    assert_eq!(&*reply.root.ns, SOAP11, "an unknown version is answered in SOAP 1.1");
    let soap12 = [("content-type", "application/soap+xml")];
    let reply = send(&app, ORDERS, &soap12, valid().as_bytes()).await;
    assert_eq!((reply.status, reply.protocol().0.as_str()), (500, "soap:VersionMismatch"));
    assert_eq!(reply.headers()[0].name, "Upgrade");

    let block = |attributes: &str| {
        let header = format!("<x:Audit xmlns:x=\"urn:x\" {attributes}/>");
        envelope(Version::Soap11, &header, &body(&children()))
    };
    for must in ["s:mustUnderstand=\"1\"", "s:mustUnderstand=\"true\""] {
        let reply = sent(&app, block(must)).await;
        assert_eq!((reply.status, reply.protocol().0.as_str()), (500, "soap:MustUnderstand"), "31, 33");
    }
    let header = "<x:Audit xmlns:x=\"urn:x\" s:mustUnderstand=\"1\"/>";
    let message = envelope(Version::Soap12, header, &body(&children()));
    let reply = send(&app, ORDERS, &soap12, message.as_bytes()).await;
    assert_eq!(reply.protocol().0, "soap:MustUnderstand");
    assert_eq!(reply.headers()[0].attribute("", "qname"), Some("u:Audit"));
    assert_eq!(orders(&app).await, 0);

    let reply = sent(&app, block("s:mustUnderstand=\"1\" s:actor=\"urn:someone\"")).await;
    assert_eq!(reply.status, 200, "32 what is for somebody else");

    let signature = "<w:Security xmlns:w=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\" \
                     s:mustUnderstand=\"1\"><d:Signature xmlns:d=\"http://www.w3.org/2000/09/xmldsig#\"/></w:Security>";
    let reply = sent(&app, envelope(Version::Soap11, signature, &body(&children()))).await;
    let (code, words) = reply.protocol();
    assert_eq!((reply.status, code.as_str()), (500, "wsse:UnsupportedSecurityToken"), "55");
    assert!(words.starts_with("1002 "), "the number comes first: {words}");
    assert!(find(reply.body(), "detail").is_none(), "a fault about a header has no detail");
}

#[tokio::test]
async fn actions() {
    let app = app().await;
    let with = |action: Option<&'static str>| {
        let mut headers = vec![("content-type", XML)];
        headers.extend(action.map(|a| ("soapaction", a)));
        headers
    };
    let other = with(Some("\"urn:telvisor:orders:v1/TerminateCustomer\""));
    let reply = send(&app, ORDERS, &other, valid().as_bytes()).await;
    assert_eq!((reply.status, reply.fault().0), (500, 2004), "37");
    assert_eq!(orders(&app).await, 0);
    for action in [Some("urn:telvisor:orders:v1/ProvisionApplication"), None, Some("\"\""), Some("")] {
        let reply = send(&app, ORDERS, &with(action), valid().as_bytes()).await;
        assert_eq!(reply.status, 200, "38, 39, 40: {action:?}");
    }
    assert_eq!(orders(&app).await, 1, "the same order each time");
}

#[tokio::test]
async fn media_types_methods_and_encodings() {
    let app = app().await;
    for kind in [Some("application/json"), Some("application/xml"), None] {
        // Without one the harness would say JSON.
        let kind = kind.unwrap_or("");
        let reply = send(&app, ORDERS, &[("content-type", kind)], valid().as_bytes()).await;
        assert_eq!(reply.status, 415, "41, 42, 43: {kind}");
    }
    let gzip = [("content-type", XML), ("content-encoding", "gzip")];
    assert_eq!(send(&app, ORDERS, &gzip, valid().as_bytes()).await.status, 415);
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = app.request(method.clone(), ORDERS, &headers(), Some(valid().as_bytes())).await;
        assert_eq!(answer.status, 405, "54 {method}");
        assert!(answer.headers["allow"].to_str().unwrap().contains("POST"));
    }
    let answer = app.get(ORDERS).await;
    assert_eq!(answer.status, 405, "53");
    assert!(answer.body.as_str().unwrap().contains("?wsdl"), "with a hint");

    let latin = |kind| [("content-type", kind)];
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>{}",
        message(&children().replacen("<planId>", "<planId>caf~", 1))
    );
    let octets: Vec<u8> = text.bytes().map(|b| if b == b'~' { 0xE9 } else { b }).collect();
    let reply = send(&app, ORDERS, &latin("text/xml; charset=ISO-8859-1"), &octets).await;
    assert_eq!((reply.status, reply.fault().0), (500, 2001), "44: refused, never guessed");
    assert!(reply.protocol().1.contains("UNSUPPORTED_ENCODING"));
    assert_eq!(send(&app, ORDERS, &latin("text/xml"), &octets).await.fault().0, 2001);
    let reply = send(&app, ORDERS, &latin("text/xml; charset=utf-16"), valid().as_bytes()).await;
    assert_eq!((reply.status, reply.fault().0), (500, 2001), "48");
    assert_eq!(orders(&app).await, 0);

    let declared = format!("<?xml version=\"1.0\" encoding=\"UTF-16\"?>{}", valid());
    let utf16: Vec<u8> =
        [0xFEFF].into_iter().chain(declared.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    let reply = send(&app, ORDERS, &latin("text/xml; charset=utf-16"), &utf16).await;
    assert_eq!(reply.status, 200, "45: {:?}", reply.root);
    let bom = [b"\xEF\xBB\xBF", valid().as_bytes()].concat();
    assert_eq!(sent(&app, &bom).await.status, 200, "46");
}

#[tokio::test]
async fn what_is_right_however_it_is_written() {
    let app = app().await;
    assert_eq!(sent(&app, valid()).await.status, 200, "00");
    let soap12 = |operation: &str, action: &str| {
        let message = envelope(Version::Soap12, "", operation);
        (format!("application/soap+xml; charset=utf-8{action}"), message)
    };
    let (kind, message12) =
        soap12(&body(&children()), "; action=\"urn:telvisor:orders:v1/ProvisionApplication\"");
    let reply = send(&app, ORDERS, &[("content-type", kind.as_str())], message12.as_bytes()).await;
    assert_eq!(reply.status, 200, "57");
    assert!(reply.kind.starts_with("application/soap+xml"), "57");
    let (kind, message12) = soap12(&format!("<DropAll xmlns=\"{NS}\"/>"), "");
    let reply = send(&app, ORDERS, &[("content-type", kind.as_str())], message12.as_bytes()).await;
    assert_eq!(
        (reply.status, reply.protocol().0.as_str(), reply.fault().0),
        (400, "soap:Sender", 2003),
        "58"
    );
    for (n, customer) in
        ["C-<!-- x -->1", "<![CDATA[C-1]]>", "\n  C-1\n  ", "C-&#49;"].into_iter().enumerate()
    {
        let text = valid().replacen("C-1", customer, 1).replace(">x<", &format!(">y{n}<"));
        // One subscription of the application is there already: the customer was read whole.
        let (number, code, _) = sent(&app, text).await.fault();
        assert_eq!((number, code.as_str()), (3008, "ALREADY_EXISTS"), "59, 60, 61: {customer}");
    }
    let encoding_style = valid().replacen("<s:Envelope ", "<s:Envelope s:encodingStyle=\"\" ", 1);
    assert_eq!(sent(&app, encoding_style).await.status, 200, "some clients say so on the Envelope");
    let nil = "<version xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\"/>";
    assert_eq!(sent(&app, message(&format!("{}{nil}", children()))).await.status, 200, "nil is absent");
    let extension = "</externalOrderId><extension><a xmlns=\"urn:other\"><b c=\"d\">e</b></a></extension>";
    assert_eq!(
        sent(&app, message(&children().replacen("</externalOrderId>", extension, 1))).await.status,
        200
    );
}
