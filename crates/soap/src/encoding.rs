//! Bytes to text: UTF-8 with or without a byte order mark, UTF-16 with one (all that the Basic Profile
//! asks for). What another encoding means is never guessed.

use std::borrow::Cow;

use crate::error::Malformed;

/// The encoding that the bytes are in, to be compared with the XML declaration's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Utf16,
}

impl Encoding {
    /// Whether an XML declaration may call it `label`. `US-ASCII` and `UTF-16LE` are refused although some
    /// such bytes would decode: a sender that says so is not sure of its own bytes.
    pub(crate) fn is_called(self, label: &str) -> bool {
        label.eq_ignore_ascii_case(match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16 => "UTF-16",
        })
    }
}

/// Decodes without the byte order mark. The offset in the error counts bytes of the text decoded so far;
/// the second item is that text.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Cow<'_, str>, Encoding), (Malformed, String)> {
    let utf16 = |body: &[u8], unit: fn([u8; 2]) -> u16| match decode_utf16(body, unit) {
        Ok(text) => Ok((Cow::Owned(text), Encoding::Utf16)),
        Err(before) => Err((Malformed::Bytes, before)),
    };
    match bytes {
        [0xFE, 0xFF, body @ ..] => utf16(body, u16::from_be_bytes),
        [0xFF, 0xFE, body @ ..] => utf16(body, u16::from_le_bytes),
        [0xEF, 0xBB, 0xBF, body @ ..] | body => match std::str::from_utf8(body) {
            Ok(text) => Ok((Cow::Borrowed(text), Encoding::Utf8)),
            Err(error) => {
                let valid = &body[..error.valid_up_to()];
                Err((Malformed::Bytes, String::from_utf8_lossy(valid).into_owned()))
            }
        },
    }
}

/// The text, or what was decoded before the first bad unit.
fn decode_utf16(body: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, String> {
    let (pairs, rest) = body.as_chunks::<2>();
    let mut text = String::with_capacity(body.len());
    for character in char::decode_utf16(pairs.iter().map(|&pair| unit(pair))) {
        match character {
            Ok(character) => text.push(character),
            Err(_) => return Err(text),
        }
    }
    if rest.is_empty() { Ok(text) } else { Err(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_order_marks_choose_the_encoding() {
        assert_eq!(decode(b"<a/>"), Ok(("<a/>".into(), Encoding::Utf8)));
        assert_eq!(decode(b"\xEF\xBB\xBF<a/>"), Ok(("<a/>".into(), Encoding::Utf8)));
        assert_eq!(decode(b"\xFF\xFE<\0\xAC\x20"), Ok(("<\u{20AC}".into(), Encoding::Utf16)));
        assert_eq!(decode(b"\xFE\xFF\xD8\x3D\xDE\x00"), Ok(("\u{1F600}".into(), Encoding::Utf16)));
        assert_eq!(decode(b""), Ok(("".into(), Encoding::Utf8)));
    }

    #[test]
    fn bad_bytes_are_refused_where_they_stand() {
        for (bytes, before) in [
            (&b"ab\xFFc"[..], "ab"),
            (b"caf\xE9", "caf"),
            (b"\xEF\xBB\xBF\xC0\x80", ""),
            (b"\xFF\xFEa\0\x00\xD8", "a"),
            (b"\xFE\xFF\0a\0", "a"),
        ] {
            assert_eq!(decode(bytes), Err((Malformed::Bytes, before.to_owned())), "{bytes:?}");
        }
    }
}
