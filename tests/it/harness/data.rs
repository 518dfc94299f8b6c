//! Octets that tests write, and files that they look at.

use std::collections::BTreeMap;
use std::path::Path;

pub const MIB: usize = 1 << 20;

/// Octets that no packer makes smaller, the same for the same seed (xorshift, Marsaglia 2003).
pub fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = std::iter::repeat_with(|| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x.to_le_bytes()
    });
    words.flatten().take(size).collect()
}

/// All files below a folder with their octets, by path from there; none where there is no folder.
pub fn files_below(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut out = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return out;
    };
    for entry in entries.map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            let below = files_below(&entry.path()).into_iter();
            out.extend(below.map(|(path, octets)| (format!("{name}/{path}"), octets)));
        } else {
            out.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
    out
}

/// Copies a package of the demo catalogue into a folder, under its id.
pub fn copy_package(application: &str, into: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("apps").join(application);
    for (path, octets) in files_below(&from) {
        let path = into.join(application).join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, octets).unwrap();
    }
}
