//! Templates of CSV by chance: any columns in any order, constants, widths, own first and last rows.

use telvisor_sdr::columns::{DETAIL, HEADER, TRAILER};
use telvisor_sdr::template::{Cell, Template};

use super::generate::Draw;

/// A template that is one; of fixed width, or not.
pub fn template(draw: &mut Draw, fixed: bool) -> Template {
    let detail: Vec<_> = DETAIL.iter().map(|c| c.name).collect();
    let header: Vec<_> = HEADER.iter().map(|l| l.name).collect();
    let trailer: Vec<_> = TRAILER.iter().map(|l| l.name).collect();
    Template {
        separator: draw.of(&[',', ';', '|', '\t', '=']),
        fixed,
        names: draw.below(2) == 0,
        header: cells(draw, fixed, &header, 0),
        columns: cells(draw, fixed, &detail, 1),
        trailer: cells(draw, fixed, &trailer, 0),
    }
}

/// From `least` to twelve cells.
fn cells(draw: &mut Draw, fixed: bool, names: &[&str], least: u64) -> Vec<Cell> {
    (0..least + draw.below(12)).map(|_| cell(draw, fixed, names)).collect()
}

fn cell(draw: &mut Draw, fixed: bool, names: &[&str]) -> Cell {
    let field = draw.below(5) != 0;
    let width = fixed || draw.below(3) == 0;
    Cell {
        field: field.then(|| draw.of(names).to_owned()),
        constant: (!field).then(|| draw.of(&["", "TV", "a,b;c", "\"", "\u{20ac}"]).to_owned()),
        width: width.then(|| draw.of(&[1, 3, 8, 25, 64, 300])),
        right: draw.below(2) == 0,
        fill: draw.of(&[None, Some('0'), Some('*')]),
        cut: true,
    }
}
