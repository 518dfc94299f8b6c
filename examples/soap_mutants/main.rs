//! Bodies for the differential test of our reader against XML Schema (`tests/soap/oracle.py`), with our verdict: one
//! line of JSON each.
//!
//!   soap_mutants mutants COUNT SEED    so many bodies of each operation, made wrong by chance
//!   soap_mutants messages COUNT SEED   so many messages, made wrong by chance in their markup, with our tree
//!   soap_mutants judge                 the bodies on standard input, one JSON string a line

mod markup;
mod model;
mod mutate;
mod values;
mod xml;

use std::io::{BufRead as _, BufWriter, Write as _};

use anyhow::Context as _;
use serde_json::{Value, json};
use telvisor::api::soap::fault::Refused;
use telvisor::api::soap::orders::read;
use telvisor::api::soap::orders::request::OPERATIONS;
use telvisor_soap::{Limits, Node, parse};

use model::Model;
use values::Random;

const XSD: &str = include_str!("../../wsdl/telvisor-orders.xsd");

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = BufWriter::new(std::io::stdout().lock());
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["mutants", count, seed] => {
            let (count, seed): (usize, u64) = (count.parse()?, seed.parse()?);
            let model = Model::read(XSD)?;
            for (n, operation) in OPERATIONS.into_iter().enumerate() {
                let mut random = Random(seed.wrapping_mul(1000).wrapping_add(n as u64));
                for _ in 0..count {
                    let (body, changes) = mutant(&model, operation, &mut random);
                    let verdict = verdict(&body);
                    let line = json!({ "operation": operation, "changes": changes, "body": body, "verdict": verdict });
                    writeln!(out, "{line}")?;
                }
            }
        }
        ["messages", count, seed] => {
            let (count, seed): (usize, u64) = (count.parse()?, seed.parse()?);
            let mut random = Random(seed);
            for _ in 0..count {
                writeln!(out, "{}", markup::read(&markup::message(&mut random)))?;
            }
        }
        ["judge"] => {
            for line in std::io::stdin().lock().lines() {
                let body: String = serde_json::from_str(&line?).context("a body is a JSON string")?;
                let verdict = verdict(&body);
                writeln!(out, "{}", json!({ "body": body, "verdict": verdict }))?;
            }
        }
        _ => anyhow::bail!("usage: soap_mutants mutants|messages COUNT SEED | soap_mutants judge"),
    }
    Ok(())
}

/// A body with one to three changes, one of them most often.
fn mutant(model: &Model, operation: &str, random: &mut Random) -> (String, Vec<&'static str>) {
    let mut body = model.body(operation, random);
    let wanted = if random.chance(75) { 1 } else { 2 + random.below(2) };
    let mut changes = vec![];
    for _ in 0..wanted {
        changes.extend(mutate::change(&mut body, model, random));
    }
    (body.document(&model.ns), changes)
}

/// Nothing where we accept a body; else what is wrong with it, and where.
fn verdict(body: &str) -> Value {
    // A schema knows no such limits.
    let limits = Limits { bytes: usize::MAX, nodes: usize::MAX, ..Limits::default() };
    let root = match parse(body.as_bytes(), &limits) {
        Ok(root) => root,
        Err(e) => return json!({ "code": "XML", "message": e.to_string() }),
    };
    let node = Node::root(&root);
    let read = read::operation(&node).map_err(Refused::from).and_then(|o| read::request(o, &node));
    match read {
        Ok(_) => Value::Null,
        Err(Refused::Typed(r)) => json!({ "code": r.what.named().1, "message": r.message, "path": r.path }),
        Err(Refused::Protocol(f) | Refused::Challenge(f)) => json!({ "code": "PROTOCOL", "message": f.text }),
    }
}
