//! `telvisor sdr decode`, `verify` and `gap`: files on disk, without a server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use telvisor_sdr::decode;
use telvisor_sdr::name::{self, NameTemplate};
use telvisor_sdr::template::{Fields, Rows, Template};
use telvisor_sdr::verify::{Member, gaps, problems};

use super::http::Http;
use super::out::{Out, complain};
use super::sdr::Listed;
use crate::config::{Config, Recipient};

/// The recipient of the configuration whose file names and columns count; the defaults without one.
pub fn recipient<'a>(config: &'a Config, name: Option<&str>) -> anyhow::Result<Option<&'a Recipient>> {
    let Some(name) = name else { return Ok(None) };
    let found = config.mediation.recipient.iter().find(|r| r.name == name);
    found.map(Some).ok_or_else(|| anyhow!("the configuration has no recipient {name}"))
}

/// Shows what is in files; 1 when one of them is none.
pub fn decode_files(files: &[PathBuf], of: Option<&Recipient>, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let mut status = 0;
    for path in files {
        let name = path.display().to_string();
        let octets = read(path).with_context(|| format!("{name} cannot be read"))?;
        let shown = match of.and_then(|r| r.csv.as_ref()) {
            Some(template) => show_rows(&name, &octets, template, out),
            None => show(&name, &octets, out),
        };
        if let Err(error) = shown {
            if error.is::<super::Stop>() {
                return Err(error);
            }
            // The other files are still worth a look.
            complain(&format!("{error:#}"));
            status = 1;
        }
    }
    Ok(status)
}

/// A file, or standard input.
pub fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    if path.as_os_str() != "-" {
        return std::fs::read(path);
    }
    let mut octets = Vec::new();
    std::io::Read::read_to_end(&mut std::io::stdin(), &mut octets)?;
    Ok(octets)
}

/// Shows a file of the standard layouts.
pub fn show(name: &str, octets: &[u8], out: &mut Out<'_>) -> anyhow::Result<()> {
    let decoded = decode::decode(octets).with_context(|| name.to_owned())?;
    if out.json {
        return out.line(decode::to_json(&decoded));
    }
    out.line(name)?;
    out.bytes(decode::to_table(&decoded).as_bytes())
}

/// Shows a file of a recipient's own columns.
fn show_rows(name: &str, octets: &[u8], template: &Template, out: &mut Out<'_>) -> anyhow::Result<()> {
    let Rows { header, records, trailer } = template.read(octets).with_context(|| name.to_owned())?;
    let object = |row: &Fields| row.iter().map(|(k, v)| (k.clone(), json!(v))).collect::<Map<_, _>>();
    if out.json {
        let records: Vec<_> = records.iter().map(object).collect();
        return out.json(&json!({
            "format": "csv-template", "header": header.as_ref().map(object), "records": records,
            "trailer": trailer.as_ref().map(object),
        }));
    }
    out.line(name)?;
    let line = |row: &Fields| row.iter().map(|(k, v)| format!("{k} {v}")).collect::<Vec<_>>().join(", ");
    if let Some(header) = &header {
        out.line(format!("header: {}", line(header)))?;
    }
    let titles: Vec<&str> = template.columns.iter().filter_map(|c| c.field.as_deref()).collect();
    let rows: Vec<Vec<String>> =
        records.iter().map(|row| row.iter().map(|(_, v)| v.clone()).collect()).collect();
    out.table(&titles, &rows, "no records")?;
    if let Some(trailer) = &trailer {
        out.line(format!("trailer: {}", line(trailer)))?;
    }
    Ok(())
}

/// What was found in a file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    file: String,
    ok: bool,
    file_seq: Option<u32>,
    records: usize,
    first_seq: Option<u64>,
    last_seq: Option<u64>,
    sha256: String,
    problems: Vec<String>,
}

/// Checks all that can be checked of files, and with `http` whether they are those that the server sealed; 1 when
/// anything is wrong.
pub async fn verify(
    files: &[PathBuf],
    of: Option<&Recipient>,
    http: Option<&Http>,
    out: &mut Out<'_>,
) -> anyhow::Result<u8> {
    let sealed: Option<Vec<Listed>> = match http {
        Some(http) => Some(http.get("/api/v1/sdr/files").await?),
        None => None,
    };
    let mut all = vec![];
    for path in files {
        let octets = read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let mut found = verified(path, &octets, of)?;
        if let Some(sealed) = &sealed {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let told = sealed.iter().filter(|f| f.name == name).map(|f| f.sha256.as_str());
            let told: Vec<_> = told.collect();
            if told.is_empty() {
                found.problems.push("the server has sealed no file of this name".into());
            } else if !told.contains(&found.sha256.as_str()) {
                found.problems.push("the server has sealed other octets under this name".into());
            }
        }
        found.ok = found.problems.is_empty();
        all.push(found);
    }
    let status = u8::from(all.iter().any(|v| !v.ok));
    if out.json {
        out.json(&all)?;
        return Ok(status);
    }
    for v in &all {
        let number = v.file_seq.map(|n| format!("file {n}, ")).unwrap_or_default();
        let span =
            v.first_seq.zip(v.last_seq).map(|(a, b)| format!(", numbers {a} to {b}")).unwrap_or_default();
        let verdict = if v.ok { "ok" } else { "WRONG" };
        out.line(format!("{}: {verdict}, {number}{} records{span}", v.file, v.records))?;
        for problem in &v.problems {
            out.line(format!("  {problem}"))?;
        }
    }
    Ok(status)
}

fn verified(path: &Path, octets: &[u8], of: Option<&Recipient>) -> anyhow::Result<Verified> {
    let named = number_in_name(path, of)?;
    let mut found = Verified {
        file: path.display().to_string(),
        ok: false,
        file_seq: named,
        records: 0,
        first_seq: None,
        last_seq: None,
        sha256: hex::encode(Sha256::digest(octets)),
        problems: vec![],
    };
    if let Some(template) = of.and_then(|r| r.csv.as_ref()) {
        match template.read(octets) {
            Ok(rows) => found.records = rows.records.len(),
            Err(e) => found.problems.push(e.to_string()),
        }
        return Ok(found);
    }
    match decode::decode(octets) {
        Ok(file) => {
            found.file_seq = file.file_seq().or(named);
            found.records = file.records.len();
            found.first_seq = file.totals.first_seq;
            found.last_seq = file.totals.last_seq;
            found.problems = problems(&file, named);
        }
        Err(e) => found.problems.push(e.to_string()),
    }
    Ok(found)
}

fn number_in_name(path: &Path, of: Option<&Recipient>) -> anyhow::Result<Option<u32>> {
    let template = of.map_or(name::DEFAULT, |r| r.file_name.as_str());
    let template = NameTemplate::parse(template).map_err(|e| anyhow!("file_name: {e}"))?;
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // One that was taken bears what the recipient put behind its name.
    let taken = of.and_then(|r| file.strip_suffix(&r.ack_suffix));
    Ok(template.seq_of(taken.unwrap_or(&file)))
}

/// Looks for numbers that are missing among files, or in folders of them; 1 when there are any.
pub fn gap(places: &[PathBuf], of: Option<&Recipient>, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let mut streams: BTreeMap<String, Vec<Member>> = BTreeMap::new();
    for path in listed(places)? {
        let octets = read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let file = decode::decode(&octets).with_context(|| path.display().to_string())?;
        let seq = file.file_seq().or(number_in_name(&path, of)?);
        let seq =
            seq.ok_or_else(|| anyhow!("{}: neither name nor content tells its number", path.display()))?;
        let folder = path.parent().map(|p| p.display().to_string()).unwrap_or_default();
        let stream = match (&file.info, &file.control) {
            (Some(i), _) => format!("{} of {}{}", i.recipient, i.tenant, if i.test { ", test" } else { "" }),
            (None, Some(c)) => format!("{}{}", c.recipient, if c.test { ", test" } else { "" }),
            (None, None) => folder,
        };
        streams.entry(stream).or_default().push(Member {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            file_seq: seq,
            numbers: file.totals.first_seq.zip(file.totals.last_seq),
            sha256: hex::encode(Sha256::digest(&octets)),
        });
    }
    let found: BTreeMap<&String, Vec<String>> = streams.iter().map(|(s, files)| (s, gaps(files))).collect();
    let status = u8::from(found.values().any(|g| !g.is_empty()));
    if out.json {
        let all: Vec<Value> = found
            .iter()
            .map(|(s, g)| json!({ "stream": s, "files": streams[*s].len(), "gaps": g }))
            .collect();
        out.json(&all)?;
        return Ok(status);
    }
    for (stream, gaps) in found {
        let (files, word) = (&streams[stream], if gaps.is_empty() { "no gap" } else { "GAPS" });
        let first = files.iter().map(|f| f.file_seq).min().unwrap_or_default();
        let last = files.iter().map(|f| f.file_seq).max().unwrap_or_default();
        out.line(format!("{stream}: {word}, files {first} to {last}"))?;
        for gap in gaps {
            out.line(format!("  {gap}"))?;
        }
    }
    Ok(status)
}

/// The files, and those directly in the folders.
fn listed(places: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut out = vec![];
    for place in places {
        if !place.is_dir() {
            out.push(place.clone());
            continue;
        }
        for entry in std::fs::read_dir(place).with_context(|| place.display().to_string())? {
            let path = entry?.path();
            let hidden = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
            if path.is_file() && !hidden {
                out.push(path);
            }
        }
    }
    out.sort();
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_none_is_told_and_the_status_is_1() {
        let mut text = Vec::new();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.csv");
        std::fs::write(&path, "nonsense").unwrap();
        assert_eq!(decode_files(&[path], None, &mut Out::new(&mut text, false)).unwrap(), 1);
        let absent = dir.path().join("absent");
        assert!(decode_files(&[absent], None, &mut Out::new(&mut text, false)).is_err());
    }
}
