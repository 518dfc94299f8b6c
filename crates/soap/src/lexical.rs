//! The lexical rules of XML 1.0 (fifth edition) and Namespaces in XML 1.0: characters, names, references and the inside
//! of a tag.

use std::borrow::Cow;

use crate::error::Malformed;

/// Production 2, `Char`.
pub(crate) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Where the first character stands that production 2 does not have. Of what a `str` can hold these are the control
/// characters below the space, U+FFFE and U+FFFF: looked for by octets, which is several times as fast.
pub(crate) fn illegal_char(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let odd = |b: u8| b < b' ' || b == 0xEF;
    let illegal = |at: usize| match bytes[at] {
        b'\t' | b'\n' | b'\r' => false,
        0xEF => matches!(bytes.get(at + 1..at + 3), Some([0xBF, 0xBE | 0xBF])),
        b => odd(b),
    };
    // Without a way out of the inner loop it looks at many octets at once.
    let suspects = bytes.chunks(64).enumerate().filter(|(_, c)| c.iter().fold(false, |any, &b| any | odd(b)));
    suspects.flat_map(|(n, chunk)| n * 64..n * 64 + chunk.len()).find(|&at| illegal(at))
}

/// Production 3, `S`.
pub(crate) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Production 4 without the colon.
fn is_name_start(c: char) -> bool {
    matches!(c, 'A'..='Z' | '_' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}'
        | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

/// Production 4a without the colon.
fn is_name_char(c: char) -> bool {
    is_name_start(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

fn is_ncname(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    if name.bytes().all(plain) {
        return name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    }
    name.starts_with(is_name_start) && name.chars().all(is_name_char)
}

/// Prefix (empty for none) and local name of `name` or `prefix:name`; nothing where it is neither.
pub(crate) fn qname(name: &str) -> Option<(&str, &str)> {
    match name.split_once(':') {
        Some((prefix, local)) => (is_ncname(prefix) && is_ncname(local)).then_some((prefix, local)),
        None => is_ncname(name).then_some(("", name)),
    }
}

/// The character of a reference, given what stands between `&` and `;`.
pub(crate) fn resolve_reference(reference: &str) -> Result<char, Malformed> {
    let Some(number) = reference.strip_prefix('#') else {
        return match reference {
            "lt" => Ok('<'),
            "gt" => Ok('>'),
            "amp" => Ok('&'),
            "apos" => Ok('\''),
            "quot" => Ok('"'),
            name if is_ncname(name) => Err(Malformed::Entity),
            _ => Err(Malformed::Reference),
        };
    };
    let (digits, radix) = match number.strip_prefix('x') {
        Some(hex) => (hex, 16),
        None => (number, 10),
    };
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(Malformed::Reference); // from_str_radix would also take a sign
    }
    let code = u32::from_str_radix(digits, radix).map_err(|_| Malformed::Reference)?;
    char::from_u32(code).filter(|&c| is_char(c)).ok_or(Malformed::Reference)
}

/// Text with each line end as `\n` (2.11).
pub(crate) fn line_ends(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// An attribute value as the application sees it: references resolved, each literal space character a
/// space (XML 1.0, 3.3.3).
pub(crate) fn attribute_value(raw: &str) -> Result<Cow<'_, str>, Malformed> {
    if !raw.bytes().any(|b| matches!(b, b'<' | b'&' | b'\t' | b'\r' | b'\n')) {
        return Ok(Cow::Borrowed(raw));
    }
    if raw.contains('<') {
        return Err(Malformed::AttributeSyntax);
    }
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '\t', '\r', '\n']) {
        value.push_str(&rest[..at]);
        let special = &rest[at..];
        rest = if let Some(reference) = special.strip_prefix('&') {
            let (name, after) = reference.split_once(';').ok_or(Malformed::Reference)?;
            value.push(resolve_reference(name)?);
            after
        } else {
            value.push(' ');
            special.strip_prefix("\r\n").unwrap_or(&special[1..])
        };
    }
    value.push_str(rest);
    Ok(Cow::Owned(value))
}

/// Takes the next `name="value"` off the inside of a tag: the raw name and the raw value. `None` when only
/// space is left. Each must have space before it.
pub(crate) fn next_attribute<'a>(rest: &mut &'a str) -> Result<Option<(&'a str, &'a str)>, Malformed> {
    let trimmed = rest.trim_start_matches(is_space);
    if trimmed.is_empty() {
        return Ok(None);
    }
    if trimmed.len() == rest.len() {
        return Err(Malformed::AttributeSyntax);
    }
    let (name, after) = trimmed.split_once('=').ok_or(Malformed::AttributeSyntax)?;
    let name = name.trim_end_matches(is_space);
    let after = after.trim_start_matches(is_space);
    let quote = after.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or(Malformed::AttributeSyntax)?;
    let (value, after) = after[1..].split_once(quote).ok_or(Malformed::AttributeSyntax)?;
    *rest = after;
    Ok(Some((name, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn illegal_characters_are_found_by_their_octets() {
        for c in (0..=0x10_FFFF).filter_map(char::from_u32) {
            let text = format!("aé{c}\u{FFFD}");
            assert_eq!(illegal_char(&text), (!is_char(c)).then_some(3), "{c:?}");
        }
        assert_eq!(illegal_char("\u{FEFF}\u{F000}\t \r\n\u{FFFD}"), None);
    }

    #[test]
    fn names() {
        for good in ["a", "_a", "a-1.b", "p:a", "é", "a·b", "x:y-z"] {
            assert!(qname(good).is_some(), "{good}");
        }
        for bad in ["", ":", "a:", ":a", "a:b:c", "1a", "-a", "a b", "a<b", "p:1a", "a/", "×"] {
            assert_eq!(qname(bad), None, "{bad}");
        }
    }

    #[test]
    fn references() {
        for (reference, character) in
            [("lt", '<'), ("amp", '&'), ("apos", '\''), ("#65", 'A'), ("#x41", 'A'), ("#x1F600", '\u{1F600}')]
        {
            assert_eq!(resolve_reference(reference), Ok(character), "{reference}");
        }
        for bad in [
            "#0",
            "#1",
            "#xD800",
            "#xFFFF",
            "#x110000",
            "#+65",
            "#-1",
            "#",
            "#x",
            "#X41",
            "#99999999999",
            "",
            " lt",
        ] {
            assert_eq!(resolve_reference(bad), Err(Malformed::Reference), "{bad}");
        }
        assert_eq!(resolve_reference("nbsp"), Err(Malformed::Entity));
        assert_eq!(resolve_reference("LT"), Err(Malformed::Entity));
    }

    #[test]
    fn attribute_values_are_normalised() {
        assert_eq!(attribute_value("plain").as_deref(), Ok("plain"));
        assert_eq!(attribute_value("a\r\nb\tc\rd\ne").as_deref(), Ok("a b c d e"));
        assert_eq!(attribute_value("&lt;&#10;&amp;lt;").as_deref(), Ok("<\n&lt;"));
        assert_eq!(attribute_value("a<b"), Err(Malformed::AttributeSyntax));
        assert_eq!(attribute_value("a&b"), Err(Malformed::Reference));
        assert_eq!(attribute_value("&x;"), Err(Malformed::Entity));
    }

    #[test]
    fn the_inside_of_a_tag() {
        let mut rest = " a = \"1>\"\n b='\"' ";
        assert_eq!(next_attribute(&mut rest), Ok(Some(("a", "1>"))));
        assert_eq!(next_attribute(&mut rest), Ok(Some(("b", "\""))));
        assert_eq!(next_attribute(&mut rest), Ok(None));
        for bad in ["a='1'", " a", " a=1", " a=", " a='1", " a='1\""] {
            assert_eq!(next_attribute(&mut { bad }), Err(Malformed::AttributeSyntax), "{bad}");
        }
        let mut glued = " a='1'b='2'";
        assert_eq!(next_attribute(&mut glued), Ok(Some(("a", "1"))));
        assert_eq!(next_attribute(&mut glued), Err(Malformed::AttributeSyntax));
    }
}
