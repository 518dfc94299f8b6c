//! Splits CSV octets into rows and cells, strictly: one separator, CRLF, RFC 4180 quotes, UTF-8.
//!
//! The reader of the `csv` crate forgives what a checker must refuse (bare line feeds, stray quotes, a last
//! row without its end) and hides where a row begins, which the check of the T row's digest must know.

/// One row: where it begins in the file, and its cells without quotes.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    pub offset: usize,
    pub cells: Vec<String>,
}

/// A fault of the spelling; row and column count from 1.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    pub row: usize,
    pub column: usize,
    pub problem: &'static str,
}

/// Splits the whole file.
pub fn split(bytes: &[u8], separator: u8) -> Result<Vec<Row>, Fault> {
    let mut rows = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let mut row = Row { offset: at, cells: Vec::with_capacity(crate::columns::WIDTH) };
        loop {
            let fault = |problem| Fault { row: rows.len() + 1, column: row.cells.len() + 1, problem };
            let (cell, next) = match bytes.get(at) {
                Some(b'"') => quoted(bytes, at + 1).map_err(fault)?,
                _ => plain(bytes, at, separator).map_err(fault)?,
            };
            let cell = String::from_utf8(cell).map_err(|_| fault("is not UTF-8"))?;
            let end = &bytes[next..];
            if !end.starts_with(&[separator]) && !end.starts_with(b"\r\n") {
                return Err(fault("is not followed by the separator or by CR LF"));
            }
            row.cells.push(cell);
            at = next + if end[0] == separator { 1 } else { 2 };
            if end[0] != separator {
                break;
            }
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Reads a cell without quotes; answers it and where it ends.
fn plain(bytes: &[u8], from: usize, separator: u8) -> Result<(Vec<u8>, usize), &'static str> {
    let length = bytes[from..]
        .iter()
        .position(|b| *b == separator || b"\r\n\"".contains(b))
        .unwrap_or(bytes.len() - from);
    if bytes.get(from + length) == Some(&b'"') {
        return Err("has a quote inside although it does not begin with one");
    }
    Ok((bytes[from..from + length].to_vec(), from + length))
}

/// Reads a cell whose opening quote stands before `from`; answers it and where it ends.
fn quoted(bytes: &[u8], from: usize) -> Result<(Vec<u8>, usize), &'static str> {
    let mut cell = Vec::new();
    let mut at = from;
    loop {
        let length = bytes[at..].iter().position(|b| *b == b'"').ok_or("has a quote that is never closed")?;
        cell.extend_from_slice(&bytes[at..at + length]);
        at += length + 1;
        if bytes.get(at) != Some(&b'"') {
            return Ok((cell, at));
        }
        cell.push(b'"');
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<Vec<String>> {
        split(text.as_bytes(), b',').unwrap().into_iter().map(|row| row.cells).collect()
    }

    #[test]
    fn splits_plain_and_quoted_cells() {
        assert_eq!(cells(""), Vec::<Vec<String>>::new());
        assert_eq!(
            cells("a,,b\r\n\"x,\"\"y\"\"\r\n\",\"\"\r\n"),
            [vec!["a", "", "b"], vec!["x,\"y\"\r\n", ""]]
        );
        assert_eq!(cells("\r\n"), [[""]]);
        assert_eq!(split(b"a,b|c\r\n", b'|').unwrap()[0].cells, ["a,b", "c"]);
        assert_eq!(split(b"a,b\r\n\"c\"\r\n", b',').unwrap()[1].offset, 5);
    }

    #[test]
    fn names_where_the_spelling_is_wrong() {
        for (bytes, row, column) in [
            (&b"a,b"[..], 1, 2),
            (b"a,b\n", 1, 2),
            (b"a\r\nb\r", 2, 1),
            (b"a\r\nx,y\"z\r\n", 2, 2),
            (b"\"a\"b\r\n", 1, 1),
            (b"a,\"b\r\n", 1, 2),
            (b"a,b,\xff\r\n", 1, 3),
        ] {
            let fault = split(bytes, b',').unwrap_err();
            assert_eq!((fault.row, fault.column), (row, column), "{fault:?}");
        }
    }
}
