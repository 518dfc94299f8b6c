//! The CSV layout: the standard one, and columns of a recipient's own.

use std::fmt::Write as _;

use super::{IcdSettings, cell};
use crate::columns::{DETAIL, HEADER, Label, TRAILER, WIDTH};
use crate::template::{Cell, Template};

pub(super) fn layout(_: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(out, "## CSV\n")?;
    writeln!(
        out,
        "UTF-8 without byte order mark; comma; every row, the last too, ends with CR LF; a cell that contains \
         a comma or a quote stands in quotes and its quotes are doubled (RFC 4180). One H row, a D row for \
         each record, one T row; no row of names. Every row has {WIDTH} cells, H and T rows are padded with \
         empty ones. An absent value is an empty cell.\n"
    )?;
    writeln!(
        out,
        "Times are written `2026-11-23T08:15:42+00:00`: whole seconds, offset from UTC always as `+hh:mm` or `-hh:mm`. UUIDs are \
         lower case with hyphens. Coded values are numbers. Texts begin with a letter or digit (ASCII), so \
         that no spreadsheet takes one for a formula; externalOrderId alone is the client's own text.\n"
    )?;
    writeln!(out, "### H row\n")?;
    labels(&HEADER, out)?;
    writeln!(out, "\n### D row\n")?;
    writeln!(out, "| column | name | form | | meaning | ASN.1 field |\n|---|---|---|---|---|---|")?;
    for (at, column) in DETAIL.iter().enumerate() {
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} |",
            at + 1,
            column.name,
            column.form,
            if column.optional { "optional" } else { "mandatory" },
            column.meaning,
            column.asn1
        )?;
    }
    writeln!(out, "\n### T row\n")?;
    labels(&TRAILER, out)?;
    writeln!(
        out,
        "\nCheck a file by its T row: the counts, the sum, first and last number, and the digest over all \
         octets before the `T` (the CR LF of the row before it included)."
    )
}

fn labels(labels: &[Label], out: &mut String) -> std::fmt::Result {
    writeln!(out, "| column | name | meaning |\n|---|---|---|")?;
    for (at, label) in labels.iter().enumerate() {
        writeln!(out, "| {} | {} | {} |", at + 1, label.name, label.meaning)?;
    }
    match labels.len() + 1 {
        WIDTH => writeln!(out, "| {WIDTH} | | empty |"),
        first => writeln!(out, "| {first} to {WIDTH} | | empty |"),
    }
}

/// The columns of a recipient's own.
pub(super) fn columns(template: &Template, out: &mut String) -> std::fmt::Result {
    let form = if template.fixed {
        "cells of fixed width (characters of UTF-8) without separators and quotes".to_owned()
    } else {
        format!(
            "cells separated by `{}`, quoted as RFC 4180 has it",
            cell(&template.separator.escape_default().to_string())
        )
    };
    writeln!(
        out,
        "\nOwn columns: UTF-8, rows end in CR LF, {form}. The meaning of a field is that of the same"
    )?;
    writeln!(out, "name in [CSV](#csv).")?;
    if template.names {
        writeln!(out, "A row with the names of the columns stands before the first record.")?;
    }
    let rows =
        [("first row", &template.header), ("record", &template.columns), ("last row", &template.trailer)];
    for (row, cells) in rows {
        if cells.is_empty() {
            writeln!(out, "\nThere is no {row} of its own.")?;
            continue;
        }
        writeln!(out, "\n| {row}: cell | content | width |\n|---|---|---|")?;
        for (at, cell) in cells.iter().enumerate() {
            writeln!(out, "| {} | {} | {} |", at + 1, content(cell), width(cell))?;
        }
    }
    Ok(())
}

fn content(c: &Cell) -> String {
    match (&c.field, &c.constant) {
        (Some(field), _) => field.clone(),
        (None, constant) => format!("always `{}`", cell(constant.as_deref().unwrap_or_default())),
    }
}

fn width(c: &Cell) -> String {
    let Some(width) = c.width else { return "as the value has".to_owned() };
    let fill = match c.fill {
        None | Some(' ') => "blanks".to_owned(),
        Some(fill) => format!("`{}`", cell(&fill.to_string())),
    };
    let side = if c.right { "before" } else { "behind" };
    format!("{width}, {fill} {side} a shorter value{}", if c.cut { ", a longer one is cut" } else { "" })
}
