//! The default CSV layout: an H row, a D row for each record, a T row with control totals.
//!
//! UTF-8 without byte order mark, commas, CR LF after every row, quotes (RFC 4180) only where needed, 24
//! cells in every row, coded values as numbers, times as in [`crate::time::write_text`]. The columns stand
//! in [`crate::columns`]. The second cell of the T row repeats the file number of the H row, so that a
//! trailer that was cut off from another file shows.

use sha2::{Digest, Sha256};

use crate::columns::{self, DETAIL, HEADER, Label, TRAILER, WIDTH, canonical, expect, moment};
use crate::csv_rows::{self, Row};
use crate::file::{self, FileInfo, Totals};
use crate::record::{FieldError, Record, RecordType};
use crate::time;

/// Version of the layout, in the H row.
pub const LAYOUT_VERSION: &str = "1.0";

/// A file that cannot be written, or that is not what it says. Rows and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    #[error("the file's {0}")]
    Info(#[from] FieldError),
    #[error("record {seq}: {source}")]
    Record { seq: u64, source: FieldError },
    #[error("record {seq} does not follow the number before it")]
    Gap { seq: u64 },
    #[error("record {seq} belongs to another tenant than the file")]
    Tenant { seq: u64 },
    #[error("row {row}: {problem}")]
    Row { row: usize, problem: String },
    #[error("row {row}, column {column} ({name}): {problem}")]
    Cell { row: usize, column: usize, name: &'static str, problem: String },
}

/// A file as read: all that its rows say, checked against each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvFile {
    pub info: FileInfo,
    pub records: Vec<Record>,
    pub totals: Totals,
}

/// Writes a file. The same arguments give the same octets for ever.
pub fn encode(info: &FileInfo, records: &[Record]) -> Result<Vec<u8>, CsvError> {
    info.validate()?;
    if let Some(at) = file::first_gap(records) {
        return Err(CsvError::Gap { seq: records[at].seq });
    }
    let totals = Totals::of(records)?;
    let mut out = header_row(info);
    out.reserve(320 * (records.len() + 1));
    for record in records {
        detail_row(info, record, &mut out)?;
    }
    let digest = hex(&Sha256::digest(&out));
    out.extend_from_slice(&trailer_row(info, &totals, digest));
    Ok(out)
}

/// The H row.
pub(crate) fn header_row(info: &FileInfo) -> Vec<u8> {
    padded(&header_cells(info))
}

/// Appends a record's D row.
pub(crate) fn detail_row(info: &FileInfo, record: &Record, out: &mut Vec<u8>) -> Result<(), CsvError> {
    record.validate().map_err(|source| CsvError::Record { seq: record.seq, source })?;
    if record.tenant != info.tenant {
        return Err(CsvError::Tenant { seq: record.seq });
    }
    let from = out.len();
    for column in &DETAIL {
        (column.write)(record, out);
        out.push(b',');
    }
    // Few rows need quotes. Looking at the whole row costs little, at each cell a third of all.
    let (commas, quotes) = out[from..].iter().fold((0u16, false), |(commas, quotes), c| {
        (commas + u16::from(*c == b','), quotes | matches!(c, b'"' | b'\r' | b'\n'))
    });
    if quotes || usize::from(commas) > WIDTH {
        out.truncate(from);
        for column in &DETAIL {
            let from = out.len();
            (column.write)(record, out);
            quote(out, from, b',');
            out.push(b',');
        }
    }
    out.pop();
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// The T row; `digest` is of all octets before it.
pub(crate) fn trailer_row(info: &FileInfo, totals: &Totals, digest: String) -> Vec<u8> {
    padded(&trailer_cells(info, totals, digest))
}

/// A row of the full width.
fn padded(cells: &[String]) -> Vec<u8> {
    let mut out = Vec::with_capacity(320);
    for at in 0..WIDTH {
        if at > 0 {
            out.push(b',');
        }
        let from = out.len();
        out.extend_from_slice(cells.get(at).map_or(&[][..], |cell| cell.as_bytes()));
        quote(&mut out, from, b',');
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// Puts the cell that begins at `from` into quotes where it needs them (RFC 4180).
pub(crate) fn quote(out: &mut Vec<u8>, from: usize, separator: u8) {
    if out[from..].iter().any(|c| *c == separator || matches!(c, b'"' | b'\r' | b'\n')) {
        let cell = out.split_off(from);
        out.push(b'"');
        for c in cell {
            if c == b'"' {
                out.push(b'"');
            }
            out.push(c);
        }
        out.push(b'"');
    }
}

pub(crate) fn header_cells(info: &FileInfo) -> [String; HEADER.len()] {
    [
        "H".to_owned(),
        "SDR".to_owned(),
        LAYOUT_VERSION.to_owned(),
        info.node_id.clone(),
        info.recipient.clone(),
        info.file_seq.to_string(),
        if info.test { "TEST" } else { "LIVE" }.to_owned(),
        time::to_text(&info.period_start),
        time::to_text(&info.period_end),
        time::to_text(&info.opened_at),
        time::to_text(&info.closed_at),
        info.tenant.clone(),
    ]
}

pub(crate) fn trailer_cells(info: &FileInfo, totals: &Totals, digest: String) -> [String; TRAILER.len()] {
    let count = |kind| totals.by_type.get(&kind).copied().unwrap_or(0).to_string();
    let number = |n: Option<u64>| n.map_or_else(String::new, |n| n.to_string());
    [
        "T".to_owned(),
        info.file_seq.to_string(),
        totals.count.to_string(),
        number(totals.first_seq),
        number(totals.last_seq),
        totals.min_event_time.map_or_else(String::new, |at| time::to_text(&at)),
        totals.max_event_time.map_or_else(String::new, |at| time::to_text(&at)),
        totals.sum_volume_octets.to_string(),
        count(RecordType::ApplicationInstalled),
        count(RecordType::ApplicationUpgraded),
        count(RecordType::ApplicationDowngraded),
        count(RecordType::BackupTaken),
        count(RecordType::BackupDownloaded),
        count(RecordType::BackupRestored),
        info.close_reason.to_string(),
        digest,
    ]
}

/// Octets as lower-case hexadecimal digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Reads a file and checks all that can be checked: spelling, kinds and widths of the rows, every value,
/// sequence numbers, the T row's totals and its digest. The error names row and column of the fault.
pub fn parse(bytes: &[u8]) -> Result<CsvFile, CsvError> {
    let rows = csv_rows::split(bytes, b',').map_err(|fault| CsvError::Row {
        row: fault.row,
        problem: format!("cell {} {}", fault.column, fault.problem),
    })?;
    let row_error = |row: usize, problem: &str| CsvError::Row { row, problem: problem.to_owned() };
    for (at, row) in rows.iter().enumerate() {
        if row.cells.len() != WIDTH {
            let problem = format!("has {} cells instead of {WIDTH}", row.cells.len());
            return Err(CsvError::Row { row: at + 1, problem });
        }
        let expected = match at {
            0 => "H",
            _ if at + 1 == rows.len() => "T",
            _ => "D",
        };
        if row.cells[0] != expected {
            let problem = format!("begins with `{}` instead of `{expected}`", row.cells[0].escape_default());
            return Err(CsvError::Row { row: at + 1, problem });
        }
    }
    let [header, details @ .., trailer] = rows.as_slice() else {
        return Err(row_error(rows.len().max(1), "a file has at least an H row and a T row"));
    };
    let last = rows.len();
    let mut info = read_header(header)?;
    let reason = TRAILER.len() - 2;
    info.close_reason = cell(&TRAILER, last, trailer, reason, canonical)?;
    info.validate().map_err(|e| match e.field {
        "closeReason" => fault(&TRAILER, last, reason, e.problem.to_string()),
        field => {
            let column = HEADER.iter().position(|label| label.name == field).unwrap_or(0);
            fault(&HEADER, 1, column, e.problem.to_string())
        }
    })?;
    let records = read_details(details, &info)?;
    let totals = Totals::of(&records).map_err(|e| row_error(last, &e.to_string()))?;
    // The rows before the T row are now known to be sound, so what it must say can be computed.
    let wanted = trailer_cells(&info, &totals, hex(&Sha256::digest(&bytes[..trailer.offset])));
    for (column, wanted) in wanted.iter().enumerate() {
        cell(&TRAILER, last, trailer, column, |got| expect(wanted, got))?;
    }
    padding(last, trailer, wanted.len())?;
    Ok(CsvFile { info, records, totals })
}

fn read_header(row: &Row) -> Result<FileInfo, CsvError> {
    for (column, wanted) in [(1, "SDR"), (2, LAYOUT_VERSION)] {
        cell(&HEADER, 1, row, column, |got| expect(wanted, got))?;
    }
    padding(1, row, HEADER.len())?;
    let text = |column: usize| row.cells[column].clone();
    let time = |column| cell(&HEADER, 1, row, column, moment);
    Ok(FileInfo {
        node_id: text(3),
        recipient: text(4),
        file_seq: cell(&HEADER, 1, row, 5, canonical)?,
        test: cell(&HEADER, 1, row, 6, |got| match got {
            "LIVE" => Ok(false),
            "TEST" => Ok(true),
            _ => Err(format!("is `{got}` instead of `LIVE` or `TEST`")),
        })?,
        period_start: time(7)?,
        period_end: time(8)?,
        opened_at: time(9)?,
        closed_at: time(10)?,
        tenant: text(11),
        close_reason: 0, // stands in the T row
    })
}

fn read_details(rows: &[Row], info: &FileInfo) -> Result<Vec<Record>, CsvError> {
    let mut records: Vec<Record> = Vec::with_capacity(rows.len());
    for (at, row) in rows.iter().enumerate() {
        let number = at + 2;
        let wrong = |name: &str, problem: String| {
            let column = DETAIL.iter().position(|column| column.name == name).unwrap_or(0);
            CsvError::Cell { row: number, column: column + 1, name: DETAIL[column].name, problem }
        };
        let mut record = columns::blank();
        for (column, text) in DETAIL.iter().zip(&row.cells) {
            (column.read)(&mut record, text).map_err(|problem| wrong(column.name, problem))?;
        }
        record.validate().map_err(|e| wrong(e.field, e.problem.to_string()))?;
        if record.tenant != info.tenant {
            return Err(wrong("tenantId", "is another tenant than the H row's".to_owned()));
        }
        if let Some(before) = records.last()
            && before.seq.checked_add(1) != Some(record.seq)
        {
            return Err(wrong("seq", format!("is {} after {}", record.seq, before.seq)));
        }
        records.push(record);
    }
    Ok(records)
}

fn fault(labels: &[Label], row: usize, column: usize, problem: String) -> CsvError {
    CsvError::Cell { row, column: column + 1, name: labels[column].name, problem }
}

/// Reads one cell of an H or T row; `column` counts from 0.
fn cell<T>(
    labels: &[Label],
    number: usize,
    row: &Row,
    column: usize,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<T, CsvError> {
    read(&row.cells[column]).map_err(|problem| fault(labels, number, column, problem))
}

fn padding(number: usize, row: &Row, from: usize) -> Result<(), CsvError> {
    match row.cells[from..].iter().position(|cell| !cell.is_empty()) {
        None => Ok(()),
        Some(at) => Err(CsvError::Cell {
            row: number,
            column: from + at + 1,
            name: "padding",
            problem: "is not empty".to_owned(),
        }),
    }
}
