//! The signature by which a listener knows that we sent it: HMAC-SHA-256 as Standard Webhooks 1.0.0 describes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::secrets::random;

/// What a secret begins with where it is shown or given in Base64.
const PREFIX: &str = "whsec_";
/// Octets of a secret: the least and the most that may be given.
const OCTETS: std::ops::RangeInclusive<usize> = 24..=64;

/// A new secret of 32 octets.
///
/// # Errors
/// When the system has no random numbers.
pub fn new_secret() -> Result<Vec<u8>, getrandom::Error> {
    Ok(random::<32>()?.to_vec())
}

/// Reads a secret as a client gives it: `whsec_` and Base64.
///
/// # Errors
/// Saying what it must be.
pub fn read_secret(text: &str) -> Result<Vec<u8>, String> {
    let octets = text.strip_prefix(PREFIX).and_then(|rest| STANDARD.decode(rest).ok());
    octets.filter(|o| OCTETS.contains(&o.len())).ok_or_else(|| {
        format!("must be {PREFIX} and {} to {} octets in Base64", OCTETS.start(), OCTETS.end())
    })
}

/// The secret as it is shown, once.
#[must_use]
pub fn show_secret(secret: &[u8]) -> String {
    format!("{PREFIX}{}", STANDARD.encode(secret))
}

/// Value of the header `webhook-signature`. `timestamp` is that of `webhook-timestamp`, seconds since 1970.
#[must_use]
pub fn signature(secret: &[u8], id: &str, timestamp: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with OpenSSL: `printf 'msg_1.1614265330.{"test": 2432232314}' | openssl dgst -sha256 -mac HMAC
    /// -macopt hexkey:<0 to 31> -binary | base64`.
    #[test]
    fn the_signature_is_what_others_compute() {
        let secret: Vec<u8> = (0..32).collect();
        let made = signature(&secret, "msg_1", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(made, "v1,GWvjEzx3AphU7wha3hNZPXJnymF9Fg+ZdvPQqWPOjZ0=");
    }

    #[test]
    fn secrets_come_back_as_they_are_shown() {
        let secret = new_secret().unwrap();
        assert_eq!(read_secret(&show_secret(&secret)).unwrap(), secret);
        assert_ne!(new_secret().unwrap(), secret);
        let long = format!("whsec_{}", STANDARD.encode([7; 65]));
        for bad in ["", "whsec_", "whsec_!", "c2hvcnQ=", "whsec_c2hvcnQ=", &long] {
            assert!(read_secret(bad).is_err(), "{bad}");
        }
    }
}
