//! A message at the SOAP doors, from its octets to the typed request of either contract, or to the fault that answers it.

use chrono::{DateTime, Utc};
use telvisor::api::soap::fault::{Refused, Trace, provisioning};
use telvisor::api::soap::{ne, orders};
use telvisor_soap::addressing::addressing;
use telvisor_soap::fault::{WSA, WSSE};
use telvisor_soap::security::username_token;
use telvisor_soap::{Element, Envelope, Limits, Version, parse};

/// Namespace of contract B, as configured by default.
const NE: &str = "urn:telvisor:ne:1.2";
/// Longest answer to a message that is refused: its own length has no say in it.
const FAULT: usize = 128 * 1024;

/// Reads a message as the doors do.
///
/// # Panics
/// When a bound is broken: that is what is looked for.
pub fn message(octets: &[u8]) {
    for contract in [orders, network_element] {
        if let Err(refused) = read(octets, contract) {
            answer(&refused);
        }
    }
}

fn read(octets: &[u8], contract: fn(&Envelope<'_>) -> Result<(), Refused>) -> Result<(), Refused> {
    let limits = Limits::default();
    let root = parse(octets, &limits)?;
    let (nodes, held) = size(&root, 1, &limits);
    assert!(nodes <= limits.nodes, "{nodes} nodes");
    // UTF-16 grows by half in UTF-8; an attribute may be kept twice, as itself and as the name of a type.
    assert!(held <= 4 * octets.len(), "{held} bytes are held of {} octets", octets.len());
    let understood = |e: &Element| e.is(WSSE, "Security") || &*e.ns == WSA;
    let envelope = Envelope::open(&root, understood)?;
    username_token(&envelope, now())?;
    addressing(&envelope)?;
    contract(&envelope)
}

fn orders(envelope: &Envelope<'_>) -> Result<(), Refused> {
    let operation = orders::read::operation(&envelope.operation)?;
    let request = orders::read::request(operation, &envelope.operation)?;
    if let orders::request::Request::Place(info, wanted) = request {
        let _draft = orders::place::draft(&info, &wanted);
    }
    Ok(())
}

fn network_element(envelope: &Envelope<'_>) -> Result<(), Refused> {
    let operation = ne::read::operation(NE, &envelope.operation)?;
    ne::read::request(NE, operation, &envelope.operation).map(|_| ())
}

/// The fault is short, and XML, in both versions and both contracts.
fn answer(refused: &Refused) {
    let trace = Trace { id: "0".to_owned(), now: "2026-11-23T08:00:00Z".to_owned() };
    let faults = match refused {
        Refused::Protocol(fault) | Refused::Challenge(fault) => vec![(**fault).clone()],
        Refused::Typed(refusal) => vec![provisioning(refusal, &trace), ne::show::fault(NE, refusal)],
    };
    for fault in faults {
        for version in [Version::Soap11, Version::Soap12] {
            let text = fault.message(version, "");
            assert!(text.len() <= FAULT, "a fault of {} bytes", text.len());
            let root = parse(text.as_bytes(), &Limits::default()).unwrap_or_else(|e| panic!("{e}: {text}"));
            Envelope::open(&root, |_| true).unwrap_or_else(|e| panic!("{e}: {text}"));
        }
    }
}

/// How many elements and attributes there are, and how many bytes of names and values.
fn size(e: &Element, depth: usize, limits: &Limits) -> (usize, usize) {
    assert!(depth <= limits.depth, "{depth} levels");
    assert!(e.attributes.len() <= limits.attributes, "{} attributes", e.attributes.len());
    assert!(e.text.len() <= limits.text_bytes, "{} bytes of text", e.text.len());
    let own = e.attributes.iter().map(|a| a.name.len() + a.value.len()).sum::<usize>();
    let named = e.xsi_type.as_ref().map_or(0, |t| t.name.len());
    let mut sum = (1 + e.attributes.len(), e.name.len() + e.text.len() + own + named);
    for child in &e.children {
        let (nodes, held) = size(child, depth + 1, limits);
        sum = (sum.0 + nodes, sum.1 + held);
    }
    sum
}

fn now() -> DateTime<Utc> {
    "2026-11-23T08:00:00Z".parse().expect("a date")
}

#[cfg(test)]
mod tests {
    use super::*;
    use telvisor_soap::envelope::SOAP12;

    /// What was found once, and what other servers stumbled over, stays right.
    #[test]
    fn the_corpus_keeps_the_bounds() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/soap");
        let files: Vec<_> =
            std::fs::read_dir(folder).expect("a corpus").map(|f| f.expect("a file").path()).collect();
        assert!(files.len() > 50, "{} files", files.len());
        let mut read_well = 0;
        for file in files {
            let octets = std::fs::read(file).expect("a file");
            message(&octets);
            read_well += usize::from(read(&octets, orders).is_ok());
        }
        assert!(read_well > 10, "{read_well} of them are requests");
    }

    /// One long namespace and many blocks: the answer names some of them.
    #[test]
    fn blocks_that_are_not_understood_do_not_multiply() {
        let block = "<u:a s:mustUnderstand='1'/>".repeat(5000);
        let text = format!(
            "<s:Envelope xmlns:s='{SOAP12}' xmlns:u='urn:{}'><s:Header>{block}</s:Header><s:Body><a/></s:Body></s:Envelope>",
            "x".repeat(1000)
        );
        message(text.as_bytes());
    }
}
