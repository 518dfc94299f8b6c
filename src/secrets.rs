//! The key file: one random secret outside the database, from which every keyed digest, and the key that seals the
//! secrets of others, is derived.

use std::io::Write as _;
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use ring::aead;
use sha2::Sha256;

/// Why the key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("secrets.key_file {path}: {problem}")]
pub struct SecretsError {
    path: String,
    problem: String,
}

/// A secret at rest (AES-256-GCM), as it may stand in a database; all three in hex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Names the key, so that a wrong key file is told from damage.
    pub key_id: String,
    pub nonce: String,
    pub body: String,
}

/// Why a sealed secret cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    #[error("it was sealed under key {0}; secrets.key_file is another")]
    OtherKey(String),
    #[error("it is damaged, or was sealed for something else")]
    Damaged,
}

/// What random numbers come from.
///
/// # Errors
/// When the system has none.
pub fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets)?;
    Ok(octets)
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
                let text = hex::encode(random::<32>().map_err(|e| wrong(e.to_string()))?);
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

    /// Seals a secret; `what` names what it belongs to, and must be told again to open it.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn seal(&self, what: &str, plain: &[u8]) -> Result<Sealed, getrandom::Error> {
        let nonce = random::<12>()?;
        let mut body = plain.to_vec();
        let at = aead::Nonce::assume_unique_for_key(nonce);
        let about = aead::Aad::from(what.as_bytes());
        self.sealing_key().seal_in_place_append_tag(at, about, &mut body).expect("a secret is short");
        Ok(Sealed { key_id: self.key_id(), nonce: hex::encode(nonce), body: hex::encode(body) })
    }

    /// Opens what [`Self::seal`] sealed.
    ///
    /// # Errors
    /// When it was sealed under another key, for something else, or was changed.
    pub fn unseal(&self, what: &str, sealed: &Sealed) -> Result<Vec<u8>, UnsealError> {
        if sealed.key_id != self.key_id() {
            return Err(UnsealError::OtherKey(sealed.key_id.clone()));
        }
        let mut nonce = [0; 12];
        hex::decode_to_slice(&sealed.nonce, &mut nonce).map_err(|_| UnsealError::Damaged)?;
        let mut body = hex::decode(&sealed.body).map_err(|_| UnsealError::Damaged)?;
        let at = aead::Nonce::assume_unique_for_key(nonce);
        let about = aead::Aad::from(what.as_bytes());
        let plain =
            self.sealing_key().open_in_place(at, about, &mut body).map_err(|_| UnsealError::Damaged)?;
        Ok(plain.to_vec())
    }

    fn sealing_key(&self) -> aead::LessSafeKey {
        let key = self.digest("seal", &[]);
        let key = aead::UnboundKey::new(&aead::AES_256_GCM, &key).expect("the digest is as long as the key");
        aead::LessSafeKey::new(key)
    }

    fn key_id(&self) -> String {
        hex::encode(&self.digest("key-id", &[])[..8])
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
    fn what_is_sealed_opens_with_its_key_and_name_only() {
        let dir = tempfile::tempdir().unwrap();
        let ours = Secrets::open(&dir.path().join("key")).unwrap();
        let sealed = ours.seal("a", b"whisper").unwrap();
        assert!(!sealed.body.contains(&hex::encode("whisper")));
        assert_ne!(ours.seal("a", b"whisper").unwrap().body, sealed.body, "a nonce is used once");
        assert_eq!(ours.unseal("a", &sealed).unwrap(), b"whisper");
        assert_eq!(ours.unseal("b", &sealed), Err(UnsealError::Damaged));
        let other_octet = if sealed.body.starts_with("00") { "01" } else { "00" };
        let changed = Sealed { body: format!("{other_octet}{}", &sealed.body[2..]), ..sealed.clone() };
        assert_eq!(ours.unseal("a", &changed), Err(UnsealError::Damaged));
        let other = Secrets::open(&dir.path().join("other")).unwrap();
        assert_eq!(other.unseal("a", &sealed), Err(UnsealError::OtherKey(sealed.key_id.clone())));
    }

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
