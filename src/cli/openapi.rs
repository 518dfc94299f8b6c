//! `telvisor openapi`: our own OpenAPI documents. Needs no server.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;

use super::out::Out;
use crate::api::openapi::{DOCUMENTS, text};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Document to print, TMF641-v4 for instance; without one they are listed.
    name: Option<String>,
    /// Write all of them into this folder instead.
    #[arg(long, value_name = "DIR", conflicts_with = "name")]
    write: Option<PathBuf>,
}

pub fn run(arguments: &Arguments, out: &mut Out<'_>) -> anyhow::Result<u8> {
    if let Some(folder) = &arguments.write {
        for document in DOCUMENTS.iter() {
            let path = folder.join(format!("{}.json", document.name));
            std::fs::write(&path, text(document))
                .with_context(|| format!("cannot write {}", path.display()))?;
            out.line(path.display())?;
        }
        return Ok(0);
    }
    let names = || DOCUMENTS.iter().map(|d| d.name);
    let Some(name) = &arguments.name else {
        if out.json {
            out.json(&names().collect::<Vec<_>>())?;
        } else {
            names().try_for_each(|name| out.line(name))?;
        }
        return Ok(0);
    };
    let Some(document) = DOCUMENTS.iter().find(|d| d.name.eq_ignore_ascii_case(name)) else {
        bail!("there is no document {name}; there are {}", names().collect::<Vec<_>>().join(", "));
    };
    out.bytes(text(document).as_bytes())?;
    Ok(0)
}
