//! Writes generated records of every shape as files of every layout, to be checked by tools that share no code with
//! this crate: `sample_files DIRECTORY COUNT [SEED]`. The same arguments give the same octets.
//!
//! In each folder (`csv`, `template`, `fixed`, `raw`, `ts32297`, `batch`) the files of one name have the same records,
//! at most 500; those of a template have a `.json` beside them with the template and the standard file's path. Files
//! named `heartbeat` have none.

mod generate;
mod templates;

use std::path::Path;

use generate::Draw;
use telvisor_sdr::file::{FileInfo, MAX_FILE_SEQ};
use telvisor_sdr::record::MAX_INTEGER;
use telvisor_sdr::ts32297::Settings;
use telvisor_sdr::{Layout, Record};

const PER_FILE: u64 = 500;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (directory, count, seed) = match arguments.as_slice() {
        [directory, count] => (directory, count, "1"),
        [directory, count, seed] => (directory, count, seed.as_str()),
        _ => return Err("usage: sample_files DIRECTORY COUNT [SEED]".into()),
    };
    let (directory, count, mut draw) = (Path::new(directory), count.parse::<u64>()?, Draw(seed.parse()?));
    let part = count.div_ceil(4);
    // Around the ends of the lengths that a number's octets have, the largest number included.
    let streams = [
        ("small", 1),
        ("middle", (1 << 31) - part / 2),
        ("wide", (1 << 55) - part / 2),
        ("large", MAX_INTEGER - part + 1),
    ];
    let (mut shape, mut left) = (0, count);
    for (stream, first) in streams {
        let wanted = part.min(left);
        left -= wanted;
        let files = u32::try_from(wanted.div_ceil(PER_FILE))?;
        for file in 0..files {
            let begin = u64::from(file) * PER_FILE;
            let many = PER_FILE.min(wanted - begin);
            let records = draw.records(shape, first + begin, many, stream, file % 2 == 1);
            shape += many;
            // The large stream's numbers of files end where any format ends.
            let file_seq = if stream == "large" { MAX_FILE_SEQ - files + file + 1 } else { file + 1 };
            let info = draw.info(stream, file_seq, file % 3 == 0);
            write(directory, &format!("{stream}-{file:04}"), &info, &records, &mut draw)?;
        }
        let info = draw.info(stream, 1, false);
        write(directory, &format!("heartbeat-{stream}"), &info, &[], &mut draw)?;
    }
    Ok(())
}

/// The same records in every layout.
fn write(
    directory: &Path,
    name: &str,
    info: &FileInfo,
    records: &[Record],
    draw: &mut Draw,
) -> Result<(), Failure> {
    let settings = Settings {
        node_address: draw.of(&["::ffff:192.0.2.7", "2001:db8::7", "::"]).parse()?,
        ts_number: draw.of(&[31, 31, 0, 7]),
    };
    let mut layouts = vec![
        ("csv", Layout::Csv),
        ("template", Layout::Template(templates::template(draw, false))),
        ("fixed", Layout::Template(templates::template(draw, true))),
        ("ts32297", Layout::Ts32297(settings)),
        ("batch", Layout::Batch { rejected: draw.of(&[None, Some(1), Some(u32::MAX)]) }),
    ];
    // Without records this framing has no octets.
    if !records.is_empty() {
        layouts.push(("raw", Layout::Raw));
    }
    for (folder, layout) in layouts {
        let folder = directory.join(folder);
        std::fs::create_dir_all(&folder)?;
        let octets = layout.encode(info, records)?;
        std::fs::write(folder.join(format!("{name}.{}", layout.extension())), octets)?;
        if let Layout::Template(template) = layout {
            template.check()?;
            let beside =
                serde_json::json!({ "standard": format!("../csv/{name}.csv"), "template": template });
            std::fs::write(folder.join(format!("{name}.json")), beside.to_string())?;
        }
    }
    Ok(())
}
