//! What a server holds in memory when strangers send it as much as it takes.

use telvisor_soap::Version::Soap11;
use tokio::sync::watch;

use super::{ORDERS, envelope};
use crate::crash::client::Client;
use crate::crash::site::{Server, Site};

/// Octets by which its memory may grow at most.
const MOST: usize = 32 << 20;

/// The most octets of memory that a process had at once.
fn most_held(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says it");
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn a_megabyte_that_was_made_to_swell_does_not() {
    let mut site = Site::open().await;
    let server = site.ready().await;
    let client = Client::new(watch::Sender::new(server.url.clone()).subscribe(), watch::Sender::new(0));
    let sent = async |inside: &str| {
        let answer = client.post_text(ORDERS, "text/xml", envelope(Soap11, "", inside)).await;
        (answer.status, String::from_utf8(answer.body).unwrap())
    };
    let fill = |piece: &str| piece.repeat(((1 << 20) - 400) / piece.len());
    let attributes: String = (0..60).map(|n| format!(" a{n}='1'")).collect();
    let inputs = [
        ("text", format!("<a>{}</a>", fill("x"))),
        ("elements", fill("<a/>")),
        ("elements in each other", fill("<a>")),
        ("attributes", fill(&format!("<a{attributes}/>"))),
        ("references", format!("<a>{}</a>", fill("&lt;"))),
        ("comments", fill("<!---->")),
        ("sections", format!("<a>{}</a>", fill("<![CDATA[]]>"))),
        ("namespaces", fill("<a xmlns:b='urn:b' xmlns:c='urn:c'/>")),
    ];
    // What a server holds once it has answered.
    assert_eq!(sent("<a/>").await.0, 500);
    let before = most_held(&server);
    for (name, inside) in &inputs {
        for _ in 0..3 {
            let (status, fault) = sent(inside).await;
            assert_eq!(status, 500, "{name}");
            assert!(fault.contains("provisioningFault"), "{name}: {fault}");
        }
        let grown = most_held(&server) - before;
        assert!(grown < MOST, "{name}: it holds {grown} octets more than before");
    }
}
