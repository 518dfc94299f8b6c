//! What strangers send is refused in no time: the corpus of the fuzz targets, and what was made to take long.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::layer::{self, Stored};
use crate::{ms, round2};

/// The aim for each, from its octets to the fault.
const AIM: Duration = Duration::from_millis(10);
/// The best of so many counts: others use the processors too.
const TRIES: usize = 20;
/// As long as a body may be.
const MOST: usize = 1024 * 1024;

pub fn measure() -> anyhow::Result<Value> {
    let mut inputs = made();
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/soap"))? {
        let file = file?;
        inputs.push((file.file_name().to_string_lossy().into_owned(), std::fs::read(file.path())?));
    }
    let stored = Stored::new()?;
    let (mut worst, mut name) = (Duration::ZERO, String::new());
    println!("\nWhat strangers send to SOAP, from octets to answer:");
    for (n, (input, octets)) in inputs.iter().enumerate() {
        let mut best = Duration::MAX;
        for _ in 0..TRIES {
            let began = Instant::now();
            let answer = layer::answer(octets, layer::ACTION, &stored);
            std::hint::black_box(answer.unwrap_or_else(|refused| layer::refuse(&refused)));
            best = best.min(began.elapsed());
        }
        if n < MADE {
            println!("  {:>7} octets  {:>6.2} ms  {input}", octets.len(), ms(best));
        }
        if best > worst {
            (worst, name) = (best, input.clone());
        }
    }
    println!("  the longest of {}: {:.2} ms, {name} (aim: {})", inputs.len(), ms(worst), ms(AIM));
    Ok(
        json!({ "bench": "soap-bad-input", "inputs": inputs.len(), "longestMs": round2(ms(worst)), "longest": name, "aimMs": ms(AIM) }),
    )
}

const MADE: usize = 12;

/// Inputs that have brought other servers down.
fn made() -> Vec<(String, Vec<u8>)> {
    let body = |inside: &str| {
        format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>{inside}</s:Body></s:Envelope>"
        )
    };
    let fill = |piece: &str| piece.repeat((MOST - 300) / piece.len());
    let laughs: String =
        (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    let attributes = |n: usize| (0..n).map(|i| format!(" a{i}=\"1\"")).collect::<String>();
    let spaces: String = (0..3000).map(|n| format!("<a xmlns:p{n}=\"urn:{n}\">")).collect();
    let made: [(&str, String); MADE] = [
        ("billion laughs", format!("<!DOCTYPE e [<!ENTITY l0 \"lol\">{laughs}]>{}", body("<a>&l9;</a>"))),
        ("5000 levels", body(&format!("{}{}", "<a>".repeat(5000), "</a>".repeat(5000)))),
        ("5000 attributes", body(&format!("<a{}/>", attributes(5000)))),
        ("3000 namespaces in each other", body(&spaces)),
        ("1 MiB of text in one element", body(&format!("<a>{}</a>", fill("x")))),
        ("1 MiB of elements", body(&fill("<a/>"))),
        ("1 MiB of elements with 60 attributes", body(&fill(&format!("<a{}/>", attributes(60))))),
        ("1 MiB of references", body(&format!("<a>{}</a>", fill("&amp;")))),
        ("1 MiB of comments", body(&fill("<!---->"))),
        ("1 MiB of namespaces", body(&fill("<a xmlns:b=\"urn:b\" xmlns:c=\"urn:c\"/>"))),
        ("1 MiB of space", body(&fill(" "))),
        ("3 MiB", body(&"x".repeat(3 * MOST))),
    ];
    made.into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes())).collect()
}
