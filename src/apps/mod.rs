//! Application packages: a folder with a manifest, scripts and files, read and checked into plain data.
//!
//! `docs/packages.md` is the format. Nothing here touches the database or a guest.

pub mod catalogue;
pub mod check;
pub mod env;
pub mod manifest;
pub mod package;
mod toml_reader;
mod tree;

pub use check::check;
pub use package::{Package, PackageError, PackageFile, PackageVersion, load};

/// One thing that is wrong with a package, for the person who writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Fault {
    /// File below the package folder.
    pub file: String,
    /// Key in the manifest, such as `plan[2].memory_mib` (counted from 1), or `line 7` of a script; may be empty.
    pub at: String,
    /// What is wrong, and how to mend it.
    pub message: String,
}

impl Fault {
    fn new(file: impl Into<String>, at: impl Into<String>, message: impl Into<String>) -> Self {
        Self { file: file.into(), at: at.into(), message: message.into() }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.at.is_empty() {
            write!(f, "{}: {}", self.file, self.message)
        } else {
            write!(f, "{}: {}: {}", self.file, self.at, self.message)
        }
    }
}

#[cfg(test)]
mod tests;
