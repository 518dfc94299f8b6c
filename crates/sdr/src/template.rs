//! CSV after a recipient's own template: which columns in which order, constants, fixed widths, own first and
//! last rows.

use serde::{Deserialize, Serialize};

use crate::columns::{DETAIL, HEADER, Label, TRAILER};
use crate::csv_format::{CsvError, header_cells, quote, trailer_cells};
use crate::csv_rows;
use crate::file::{FileInfo, Totals};
use crate::record::Record;

/// The layout of a recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Between two cells; left out of rows of fixed width.
    #[serde(default = "comma")]
    pub separator: char,
    /// Cells of fixed width, without separators and quotes.
    #[serde(default)]
    pub fixed: bool,
    /// A row with the names of the columns before the first record.
    #[serde(default)]
    pub names: bool,
    /// The first row; none when empty.
    #[serde(default)]
    pub header: Vec<Cell>,
    /// A record's row.
    pub columns: Vec<Cell>,
    /// The last row; none when empty.
    #[serde(default)]
    pub trailer: Vec<Cell>,
}

const fn comma() -> char {
    ','
}

/// One cell: the value of a field, or a constant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Name of a column of the standard layout's row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constant: Option<String>,
    /// Characters; shorter values are filled up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
    /// Filled up before the value instead of behind it.
    #[serde(default)]
    pub right: bool,
    /// What it is filled up with; a blank when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<char>,
    /// A longer value is cut; otherwise it is an error.
    #[serde(default)]
    pub cut: bool,
}

/// A row as it was read: its fields by their names, without constants.
pub type Fields = Vec<(String, String)>;

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// None without one in the template.
    pub header: Option<Fields>,
    pub records: Vec<Fields>,
    pub trailer: Option<Fields>,
}

impl Template {
    /// Says in words what is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        let separator = self.separator;
        if !separator.is_ascii() || separator.is_ascii_alphanumeric() || "\"\r\n+-:.".contains(separator) {
            return Err(format!("separator {separator:?} would be taken for a part of a value"));
        }
        if self.columns.is_empty() {
            return Err("no columns".to_owned());
        }
        let names = |labels: &[Label]| labels.iter().map(|l| l.name).collect::<Vec<_>>();
        let detail: Vec<_> = DETAIL.iter().map(|c| c.name).collect();
        for (row, cells, known) in [
            ("header", &self.header, names(&HEADER)),
            ("columns", &self.columns, detail),
            ("trailer", &self.trailer, names(&TRAILER)),
        ] {
            for (at, cell) in cells.iter().enumerate() {
                cell.check(self.fixed, &known).map_err(|e| format!("{row}, cell {}: {e}", at + 1))?;
            }
        }
        Ok(())
    }

    /// What stands before the records.
    pub(crate) fn head(&self, info: &FileInfo) -> Result<Vec<u8>, CsvError> {
        let mut out = Vec::new();
        if !self.header.is_empty() {
            let cells = header_cells(info);
            self.row(&self.header, 1, &mut out, |name, out| out.extend(labelled(&HEADER, &cells, name)))?;
        }
        if self.names {
            let titles: Vec<Cell> = self.columns.iter().map(Cell::title).collect();
            self.row(&titles, 1, &mut out, |_, _| ())?;
        }
        Ok(out)
    }

    /// Appends a record's row.
    pub(crate) fn detail(&self, record: &Record, out: &mut Vec<u8>) -> Result<(), CsvError> {
        record.validate().map_err(|source| CsvError::Record { seq: record.seq, source })?;
        self.row(&self.columns, usize::try_from(record.seq).unwrap_or(0), out, |name, out| {
            if let Some(column) = DETAIL.iter().find(|c| c.name == name) {
                (column.write)(record, out);
            }
        })
    }

    /// What stands behind the records; `digest` is of all octets before it.
    pub(crate) fn tail(&self, info: &FileInfo, totals: &Totals, digest: String) -> Result<Vec<u8>, CsvError> {
        let mut out = Vec::new();
        if !self.trailer.is_empty() {
            let cells = trailer_cells(info, totals, digest);
            self.row(&self.trailer, 0, &mut out, |name, out| out.extend(labelled(&TRAILER, &cells, name)))?;
        }
        Ok(out)
    }

    /// Reads a file of this template. What fills cells up is taken away; constants must be there.
    pub fn read(&self, octets: &[u8]) -> Result<Rows, CsvError> {
        let mut rows = self.split(octets)?;
        let mut first = 1;
        let missing = |row: usize, what: &str| CsvError::Row { row, problem: format!("there is no {what}") };
        let header = if self.header.is_empty() {
            None
        } else if rows.is_empty() {
            return Err(missing(1, "first row"));
        } else {
            first += 1;
            Some(fields(&self.header, rows.remove(0), 1)?)
        };
        if self.names {
            if rows.is_empty() {
                return Err(missing(first, "row of names"));
            }
            let titles: Vec<Cell> = self.columns.iter().map(Cell::title).collect();
            fields(&titles, rows.remove(0), first)?;
            first += 1;
        }
        let last = if self.trailer.is_empty() {
            None
        } else {
            Some(rows.pop().ok_or_else(|| missing(first, "last row"))?)
        };
        let count = rows.len();
        let records = rows.into_iter().enumerate().map(|(n, row)| fields(&self.columns, row, first + n));
        let records = records.collect::<Result<_, _>>()?;
        let trailer = last.map(|row| fields(&self.trailer, row, first + count)).transpose()?;
        Ok(Rows { header, records, trailer })
    }

    fn split(&self, octets: &[u8]) -> Result<Vec<Vec<String>>, CsvError> {
        if !self.fixed {
            let rows = csv_rows::split(octets, self.separator as u8).map_err(|fault| CsvError::Row {
                row: fault.row,
                problem: format!("cell {} {}", fault.column, fault.problem),
            })?;
            return Ok(rows.into_iter().map(|r| r.cells).collect());
        }
        let wrong = |row: usize, problem: &str| CsvError::Row { row, problem: problem.to_owned() };
        let text = std::str::from_utf8(octets).map_err(|_| wrong(1, "the file is not UTF-8"))?;
        let mut lines: Vec<&str> = text.split("\r\n").collect();
        if lines.pop() != Some("") {
            return Err(wrong(lines.len() + 1, "does not end with CR LF"));
        }
        let (last, mut rows) = (lines.len(), vec![]);
        for (n, line) in lines.into_iter().enumerate() {
            let cells = match n {
                0 if !self.header.is_empty() => &self.header,
                _ if n + 1 == last && !self.trailer.is_empty() => &self.trailer,
                _ => &self.columns,
            };
            let mut rest = line.chars();
            let row: Vec<String> =
                cells.iter().map(|c| rest.by_ref().take(c.width.unwrap_or(0)).collect()).collect();
            let width: usize = cells.iter().filter_map(|c| c.width).sum();
            if rest.next().is_some() || line.chars().count() != width {
                return Err(wrong(n + 1, &format!("has another width than {width} characters")));
            }
            rows.push(row);
        }
        Ok(rows)
    }

    fn row(
        &self,
        cells: &[Cell],
        number: usize,
        out: &mut Vec<u8>,
        value: impl Fn(&str, &mut Vec<u8>),
    ) -> Result<(), CsvError> {
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 && !self.fixed {
                out.push(self.separator as u8);
            }
            let from = out.len();
            match (&cell.field, &cell.constant) {
                (Some(name), _) => value(name, out),
                (None, constant) => out.extend(constant.as_deref().unwrap_or_default().bytes()),
            }
            cell.fit(out, from).map_err(|problem| CsvError::Row { row: number, problem })?;
            if !self.fixed {
                quote(out, from, self.separator as u8);
            }
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }
}

/// The cells of a row under the names of their fields.
fn fields(cells: &[Cell], row: Vec<String>, number: usize) -> Result<Fields, CsvError> {
    if row.len() != cells.len() {
        let problem = format!("has {} cells instead of {}", row.len(), cells.len());
        return Err(CsvError::Row { row: number, problem });
    }
    let mut out = vec![];
    for (cell, text) in cells.iter().zip(row) {
        let value = cell.bare(&text);
        match (&cell.field, &cell.constant) {
            (Some(name), _) => out.push((name.clone(), value.to_owned())),
            (None, constant) => {
                let mut full = constant.clone().unwrap_or_default().into_bytes();
                cell.fit(&mut full, 0).map_err(|problem| CsvError::Row { row: number, problem })?;
                if full != text.as_bytes() {
                    let problem = format!("has {text:?} instead of {:?}", String::from_utf8_lossy(&full));
                    return Err(CsvError::Row { row: number, problem });
                }
            }
        }
    }
    Ok(out)
}

fn labelled<'a>(labels: &[Label], cells: &'a [String], name: &str) -> &'a [u8] {
    let at = labels.iter().position(|l| l.name == name);
    at.and_then(|at| cells.get(at)).map_or(&[], |cell| cell.as_bytes())
}

impl Cell {
    fn check(&self, fixed: bool, known: &[&str]) -> Result<(), String> {
        match (&self.field, &self.constant) {
            (Some(name), None) if known.contains(&name.as_str()) => {}
            (Some(name), None) => {
                return Err(format!("there is no field {name:?}; there are {}", known.join(", ")));
            }
            (None, Some(text)) if text.chars().any(char::is_control) => {
                return Err("a constant has no control characters".to_owned());
            }
            (None, Some(_)) => {}
            _ => return Err("needs either field or constant".to_owned()),
        }
        if self.fill.is_some_and(|c| !c.is_ascii() || c.is_ascii_control()) {
            return Err("fill is one visible character of ASCII, or a blank".to_owned());
        }
        match self.width {
            Some(0) => Err("width is at least 1".to_owned()),
            None if fixed => Err("needs a width, as all of fixed width do".to_owned()),
            _ => Ok(()),
        }
    }

    /// The cell of the row of names.
    fn title(&self) -> Self {
        let name = self.field.clone().or_else(|| self.constant.clone());
        Self { field: None, constant: name, cut: true, right: false, fill: None, width: self.width }
    }

    /// The value without what fills it up. Of a number that is nothing but zeros, one stays.
    fn bare<'a>(&self, text: &'a str) -> &'a str {
        let fill = self.fill.unwrap_or(' ');
        let bare = match (self.width, self.right) {
            (None, _) => return text,
            (Some(_), true) => text.trim_start_matches(fill),
            (Some(_), false) => text.trim_end_matches(fill),
        };
        if bare.is_empty() && fill.is_ascii_digit() { &text[..text.len().min(1)] } else { bare }
    }

    /// Brings the value that begins at `from` to the width.
    fn fit(&self, out: &mut Vec<u8>, from: usize) -> Result<(), String> {
        let Some(width) = self.width else { return Ok(()) };
        let text = String::from_utf8_lossy(&out[from..]).into_owned();
        let length = text.chars().count();
        if length > width {
            if !self.cut {
                let name = self.field.as_deref().unwrap_or("constant");
                return Err(format!("{name} has {length} characters, its column {width}"));
            }
            out.truncate(from);
            out.extend(text.chars().take(width).collect::<String>().bytes());
            return Ok(());
        }
        let fill = vec![self.fill.unwrap_or(' ') as u8; width - length];
        if self.right {
            out.splice(from..from, fill);
        } else {
            out.extend(fill);
        }
        Ok(())
    }
}
