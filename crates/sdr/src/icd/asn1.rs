//! The ASN.1 record and the module.

use std::fmt::Write as _;

use super::IcdSettings;
use crate::ASN1_MODULE;
use crate::columns::DETAIL;

pub(super) fn records(_: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(out, "## ASN.1\n")?;
    writeln!(
        out,
        "A record is an `SDRRecord` of the [module](#the-asn1-module), in DER, which is BER with definite and \
         minimal lengths and ascending tags. What stands before, between and behind the records of a file is its \
         framing, below.\n"
    )?;
    writeln!(out, "| tag | name | type | | values | unit | meaning |\n|---|---|---|---|---|---|---|")?;
    for field in fields() {
        let found = DETAIL.iter().find(|c| c.asn1.starts_with(&format!("{} [{}]", field.name, field.tag)));
        let (form, meaning) = found.map_or(("", ""), |c| (c.form, c.meaning));
        writeln!(
            out,
            "| [{}] | {} | {} | {} | {} | {} | {} |",
            field.tag,
            field.name,
            field.kind,
            if field.optional { "optional" } else { "mandatory" },
            form,
            unit(field.name),
            meaning
        )?;
    }
    writeln!(
        out,
        "\nsubscriberIdentifier is a SET of its type ([0], column subscriberIdType) and its data ([1], column \
         subscriberId).\n\nHints for decoders:\n\n\
         - The tag of the CHOICE, [1] to [6], tells the type; recordType inside repeats it. It replaces the \
         universal tag, so a model with SET instead of SEQUENCE reads the same octets.\n\
         - TimeStamp has nine octets: BCD year (two digits, 2000 to 2099), month, day, hour, minute, second of \
         local time; the sign in ASCII (2B or 2D); BCD hours and minutes of the offset from UTC. \
         2026-11-23T08:15:42+02:00 is `26 11 23 08 15 42 2B 02 00`.\n\
         - UUIDs are their 16 octets.\n\
         - Integers fit into 63 bits.\n\
         - New fields come at the end, behind the `...` of the record, with a minor version: skip \
         fields that you do not know. A new type of record is announced beforehand, because many decoders \
         refuse an unknown alternative even with the `...`.\n\
         - For a compiler that does not know `...`, delete the two lines with `...` and the commas before \
         them; such a decoder must be renewed when a field is added.\n\
         - Some compilers want the module in a file named like it: `SDR-DataTypes.asn1`.\n\
         - Lengths of UTF8Strings are not in the module: they are those above, in characters."
    )
}

pub(super) fn module(_: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(out, "## The ASN.1 module\n\n`SDR-DataTypes.asn1`:\n")?;
    writeln!(out, "```asn1\n{}\n```", ASN1_MODULE.trim_end())
}

fn unit(name: &str) -> &'static str {
    match name {
        "duration" => "seconds",
        "volumeOctets" => "octets",
        "eventTime" | "recordTime" => "whole seconds",
        _ => "",
    }
}

struct Field {
    name: &'static str,
    tag: &'static str,
    kind: &'static str,
    optional: bool,
}

/// The fields of the record, as the module has them.
fn fields() -> Vec<Field> {
    let body = ASN1_MODULE.split("ServiceDetailRecord ::= SEQUENCE").nth(1).unwrap_or_default();
    let body = body.split("\n}").next().unwrap_or_default();
    body.lines().filter_map(field).collect()
}

/// `name [tag] type OPTIONAL,`
fn field_of(line: &'static str) -> Option<(&'static str, &'static str, &'static str)> {
    let (name, rest) = line.trim().trim_end_matches(',').split_once('[')?;
    let (tag, kind) = rest.split_once(']')?;
    Some((name.trim(), tag, kind.trim()))
}

fn field(line: &'static str) -> Option<Field> {
    let (name, tag, kind) = field_of(line)?;
    let needed = kind.strip_suffix("OPTIONAL");
    Some(Field { name, tag, kind: needed.unwrap_or(kind).trim(), optional: needed.is_some() })
}
