//! Text of elements, by the white space rules and lengths of our schemas.

use telvisor_soap::{Node, ParseError, Violation};

/// Text as it stands, of at most so many characters (255 or 4000).
///
/// # Errors
/// The path of the element.
pub fn text(node: &Node<'_>, most: usize) -> Result<String, ParseError> {
    let text = node.text()?;
    if text.chars().count() > most {
        let expected =
            if most == 255 { "Text (at most 255 characters)" } else { "Value (at most 4000 characters)" };
        return Err(node.refuse(Violation::BadValue { expected }));
    }
    Ok(text.to_owned())
}

/// Text with the space around it removed, and each run of space inside one space (`xsd:token`).
///
/// # Errors
/// The path of the element.
pub fn collapsed(node: &Node<'_>) -> Result<String, ParseError> {
    let mut words = node.text()?.split([' ', '\t', '\r', '\n']).filter(|w| !w.is_empty());
    let mut out = words.next().unwrap_or("").to_owned();
    for word in words {
        out.push(' ');
        out.push_str(word);
    }
    Ok(out)
}
