//! Writing XML: one escape function, elements that are closed in the order in which they were opened.

use crate::lexical::is_char;

/// A document in the making. Names are ours and are not checked; values are escaped.
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
    open: Vec<&'static str>,
}

impl Writer {
    /// An empty document, without declaration.
    #[must_use]
    pub fn new() -> Self {
        Self { out: String::with_capacity(1024), open: Vec::new() }
    }

    /// Opens an element with attributes.
    pub fn start(&mut self, name: &'static str, attributes: &[(&str, &str)]) -> &mut Self {
        self.tag(name, attributes);
        self.out.push('>');
        self.open.push(name);
        self
    }

    /// Closes the element opened last.
    pub fn end(&mut self) -> &mut Self {
        if let Some(name) = self.open.pop() {
            self.close(name);
        }
        self
    }

    /// An element that holds text.
    pub fn text(&mut self, name: &str, value: impl AsRef<str>) -> &mut Self {
        self.attributed(name, &[], value)
    }

    /// An element that holds text, with attributes.
    pub fn attributed(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        value: impl AsRef<str>,
    ) -> &mut Self {
        self.tag(name, attributes);
        self.out.push('>');
        escape(&mut self.out, value.as_ref());
        self.close(name);
        self
    }

    /// An element that holds text, where there is a value.
    pub fn optional(&mut self, name: &str, value: Option<impl AsRef<str>>) -> &mut Self {
        if let Some(value) = value {
            self.text(name, value);
        }
        self
    }

    /// An element whose content was written before.
    pub fn element(&mut self, name: &str, attributes: &[(&str, &str)], content: &str) -> &mut Self {
        self.tag(name, attributes);
        self.out.push('>');
        self.out.push_str(content);
        self.close(name);
        self
    }

    /// XML that was written before.
    pub fn raw(&mut self, xml: &str) -> &mut Self {
        self.out.push_str(xml);
        self
    }

    /// The document, with what is still open closed.
    #[must_use]
    pub fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.end();
        }
        self.out
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.out.push('<');
        self.out.push_str(name);
        for (name, value) in attributes {
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push_str("=\"");
            escape(&mut self.out, value);
            self.out.push('"');
        }
    }

    fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }
}

/// Appends text so that a reader gets it back: markup escaped, and the space that readers would change. A character
/// that XML 1.0 has no way to write becomes U+FFFD.
fn escape(out: &mut String, text: &str) {
    let mut from = 0;
    for (at, c) in text.char_indices() {
        let instead = match c {
            '<' => "&lt;",
            '>' => "&gt;",
            '&' => "&amp;",
            '"' => "&quot;",
            '\r' => "&#13;",
            '\t' => "&#9;",
            '\n' => "&#10;",
            c if !is_char(c) => "\u{FFFD}",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        out.push_str(instead);
        from = at + c.len_utf8();
    }
    out.push_str(&text[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, parse};

    #[test]
    fn what_is_written_is_read_back() {
        let value = "a<b>&\"'\r\n\t]]> \u{1F600} é";
        let mut writer = Writer::new();
        writer
            .start("a", &[("x", value)])
            .text("b", value)
            .optional("c", None::<&str>)
            .optional("d", Some("1"));
        let text = writer.finish();
        let root = parse(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(root.attribute("", "x"), Some(value));
        assert_eq!(root.children[0].text, value);
        assert_eq!(root.children[1].name, "d");
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        let mut writer = Writer::new();
        writer.text("a", "x\u{1}y\u{FFFE}");
        assert_eq!(writer.finish(), "<a>x\u{FFFD}y\u{FFFD}</a>");
    }
}
