//! The key file: one random secret outside the database, from which every keyed digest is derived.

use std::io::Write as _;
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Why the key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("secrets.key_file {path}: {problem}")]
pub struct SecretsError {
    path: String,
    problem: String,
}

/// Derives keys for the purposes that need one.
pub struct Secrets {
    root: [u8; 32],
}

impl Secrets {
    /// Reads the key file; makes it with mode 0600 when it is missing.
    ///
    /// # Errors
    /// When it cannot be read or made, or is not 64 hex digits.
    pub fn open(path: &Path) -> Result<Self, SecretsError> {
        let wrong = |problem: String| SecretsError { path: path.display().to_string(), problem };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let mut key = [0_u8; 32];
                getrandom::fill(&mut key).map_err(|e| wrong(e.to_string()))?;
                let text = hex::encode(key);
                write_private(path, text.as_bytes()).map_err(|e| wrong(e.to_string()))?;
                text
            }
            Err(e) => return Err(wrong(e.to_string())),
        };
        let mut root = [0_u8; 32];
        hex::decode_to_slice(text.trim(), &mut root)
            .map_err(|e| wrong(format!("is not 64 hex digits: {e}")))?;
        Ok(Self { root })
    }

    /// Keyed digest (HMAC-SHA-256) of `parts` for a purpose; parts are length-prefixed, so they cannot run together.
    #[must_use]
    pub fn digest(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        self.mac(purpose, parts).finalize().into_bytes().into()
    }

    /// Whether a digest given from outside is right, in constant time.
    #[must_use]
    pub fn verify(&self, purpose: &str, parts: &[&[u8]], given: &[u8]) -> bool {
        self.mac(purpose, parts).verify_slice(given).is_ok()
    }

    fn mac(&self, purpose: &str, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.root).expect("HMAC takes a key of any length");
        for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_file_is_private_and_lasts() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let first = Secrets::open(&path).unwrap();
        let again = Secrets::open(&path).unwrap();
        assert_eq!(first.digest("p", &[b"x"]), again.digest("p", &[b"x"]));
        assert_ne!(first.digest("p", &[b"ab", b"c"]), first.digest("p", &[b"a", b"bc"]));
        assert_ne!(first.digest("p", &[b"x"]), first.digest("q", &[b"x"]));
        assert!(first.verify("p", &[b"x"], &again.digest("p", &[b"x"])));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "short").unwrap();
        assert!(Secrets::open(&path).is_err());
    }
}
