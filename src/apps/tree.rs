//! A package folder in memory, within bounds and without its links.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use super::Fault;

const MAX_MANIFEST: u64 = 256 << 10;
const MAX_FILE: u64 = 16 << 20;
const MAX_TOTAL: u64 = 64 << 20;
const MAX_ENTRIES: usize = 2000;
const MAX_DEPTH: usize = 12;

/// Octets by path below the package folder.
pub(super) type Tree = BTreeMap<String, Vec<u8>>;

struct Walk<'a> {
    tree: Tree,
    entries: usize,
    total: u64,
    faults: &'a mut Vec<Fault>,
}

/// All files below a folder. Links, special files and what is over the bounds become faults.
pub(super) fn read_tree(dir: &Path, faults: &mut Vec<Fault>) -> Tree {
    let mut walk = Walk { tree: Tree::new(), entries: 0, total: 0, faults };
    walk.folder(dir, "", 0);
    walk.tree
}

impl Walk<'_> {
    fn fault(&mut self, path: &str, message: impl Into<String>) {
        self.faults.push(Fault::new(if path.is_empty() { "." } else { path }, "", message));
    }

    fn folder(&mut self, dir: &Path, path: &str, depth: usize) {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(e) => return self.fault(path, format!("cannot be read: {e}")),
        };
        for entry in entries {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                if self.entries == MAX_ENTRIES + 1 {
                    self.fault("", format!("has more than {MAX_ENTRIES} files and folders"));
                }
                return;
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(e) => return self.fault(path, format!("cannot be read: {e}")),
            };
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                self.fault(path, format!("{} is not a UTF-8 file name; rename it", name.display()));
                continue;
            };
            let below = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            // The type of the entry itself: a link is not followed.
            match entry.file_type() {
                Err(e) => self.fault(&below, format!("cannot be read: {e}")),
                Ok(t) if t.is_symlink() => {
                    self.fault(&below, "is a symbolic link; put the file itself in its place");
                }
                Ok(t) if t.is_dir() && depth >= MAX_DEPTH => self.fault(&below, "is too deep in the folder"),
                Ok(t) if t.is_dir() => self.folder(&entry.path(), &below, depth + 1),
                Ok(t) if t.is_file() => self.file(&entry.path(), below),
                Ok(_) => self.fault(&below, "is neither a file nor a folder; remove it"),
            }
        }
    }

    fn file(&mut self, file: &Path, path: String) {
        let max = if path == "manifest.toml" { MAX_MANIFEST } else { MAX_FILE };
        let mut content = Vec::new();
        // Never more than one octet over the bound, whatever the size says.
        let read = fs::File::open(file).and_then(|f| f.take(max + 1).read_to_end(&mut content));
        if let Err(e) = read {
            return self.fault(&path, format!("cannot be read: {e}"));
        }
        let size = content.len() as u64;
        if size > max {
            return self.fault(&path, format!("has more than {} KiB", max >> 10));
        }
        let before = self.total;
        self.total += size;
        if self.total > MAX_TOTAL {
            if before <= MAX_TOTAL {
                self.fault("", format!("has more than {} MiB in all", MAX_TOTAL >> 20));
            }
            return;
        }
        self.tree.insert(path, content);
    }
}
