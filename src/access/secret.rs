//! Secrets of clients as they are kept: argon2id (RFC 9106) with the cost that OWASP recommends, 19 MiB and two passes.

use argon2::password_hash::{Error, PasswordHasher as _, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

/// Memory in KiB, passes, lanes.
const COST: (u32, u32, u32) = (19_456, 2, 1);

/// The hash of a secret that nobody knows: what an unknown name is checked against, at the same cost.
pub const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2FsdCBvZiBub2JvZHkhIQ$5vqWkk7l3wfpA2o4DyEpWiVOCWhkZrSzN2tuRw2l3EI";

/// The hash of a secret as text that names its own cost (PHC format). Takes some 20 ms of one core.
///
/// # Errors
/// When the memory is not there.
pub fn hash(secret: &str, salt: &[u8; 16]) -> Result<String, Error> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).map_err(|_| Error::ParamsInvalid)?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    Ok(argon.hash_password_with_salt(secret.as_bytes(), salt)?.to_string())
}

/// Whether a secret has this hash, at the cost that the hash names.
#[must_use]
pub fn verify(secret: &str, hash: &str) -> bool {
    PasswordVerifier::<str>::verify_password(&Argon2::default(), secret.as_bytes(), hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_its_own_hash_only_and_the_cost_is_the_one_we_chose() {
        let made = hash("whisper", &[7; 16]).unwrap();
        assert!(made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{made}");
        assert!(verify("whisper", &made) && !verify("Whisper", &made) && !verify("", &made));
        assert_ne!(hash("whisper", &[8; 16]).unwrap(), made);
        assert!(!verify("whisper", "whisper") && !verify("", ""));
        // The same text in front: an unknown name costs what a wrong secret costs.
        assert_eq!(NOBODYS[..31], made[..31]);
        assert_eq!(NOBODYS.len(), made.len());
        assert!(argon2::PasswordHash::new(NOBODYS).is_ok() && !verify("", NOBODYS));
    }
}
