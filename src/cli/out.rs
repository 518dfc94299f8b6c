//! What a command writes to standard output: lines, tables or JSON.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use serde::Serialize;

/// Why a command ended early without having failed at its work.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// The reader of standard output went away; no fault of ours.
    #[error("standard output is closed")]
    OutputClosed,
    /// Flags that each are well, and make no sense together.
    #[error("{0}")]
    Usage(String),
}

/// Standard output, and whether it is read by a program.
pub struct Out<'a> {
    to: &'a mut dyn Write,
    /// JSON was asked for.
    pub json: bool,
}

impl<'a> Out<'a> {
    pub fn new(to: &'a mut dyn Write, json: bool) -> Self {
        Self { to, json }
    }

    /// # Errors
    /// [`Stop::OutputClosed`], or the device failed; so for all that follow.
    pub fn bytes(&mut self, octets: &[u8]) -> anyhow::Result<()> {
        self.to.write_all(octets).map_err(told)
    }

    pub fn line(&mut self, text: impl Display) -> anyhow::Result<()> {
        writeln!(self.to, "{text}").map_err(told)
    }

    pub fn json(&mut self, value: &impl Serialize) -> anyhow::Result<()> {
        self.line(serde_json::to_string_pretty(value)?)
    }

    /// Columns under titles, or the sentence when there are no rows.
    pub fn table(&mut self, titles: &[&str], rows: &[Vec<String>], empty: &str) -> anyhow::Result<()> {
        if rows.is_empty() { self.line(empty) } else { self.bytes(table(titles, rows).as_bytes()) }
    }

    /// Lets the reader see what was written so far.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.to.flush().map_err(told)
    }
}

fn told(error: std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::BrokenPipe => Stop::OutputClosed.into(),
        _ => anyhow::Error::new(error).context("standard output"),
    }
}

/// A sentence on standard error, for which nobody may be left to read it.
pub fn complain(words: &str) {
    drop(writeln!(std::io::stderr(), "telvisor: {words}"));
}

/// Text from elsewhere without control characters, which could steer the reader's terminal.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let titles: Vec<_> = titles.iter().map(|t| (*t).to_owned()).collect();
    let all: Vec<Vec<String>> = std::iter::once(&titles)
        .chain(rows)
        .map(|row| row.iter().map(|cell| clean(cell)).collect())
        .collect();
    let widths: Vec<_> = (0..titles.len())
        .map(|n| all.iter().filter_map(|row| row.get(n)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in &all {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_its_columns_up() {
        let rows = [vec!["1".into(), "a\u{1b}[31m".into()], vec!["22".into(), String::new()]];
        assert_eq!(table(&["id", "what"], &rows), "id  what\n1   a [31m\n22\n");
    }

    #[test]
    fn a_closed_pipe_is_told_apart() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut closed = Closed;
        let error = Out::new(&mut closed, false).line("x").unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(Stop::OutputClosed)));
    }
}
