//! `telvisor app check DIR`: what is wrong with an application package, in words. Needs no server.

use std::path::PathBuf;

use clap::Subcommand;

use super::out::Out;
use crate::apps;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what is wrong with a package; its scripts are read and never run.
    Check {
        /// Folder with the manifest.
        dir: PathBuf,
    },
}

pub fn run(command: &Command, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let Command::Check { dir } = command;
    let report = apps::check(dir);
    if out.json {
        out.json(&report)?;
    } else {
        out.line(&report)?;
    }
    Ok(u8::from(!report.ok))
}
