//! The envelope around a message: SOAP 1.1 and 1.2, at one address.

use crate::cursor::Node;
use crate::error::ParseError;
use crate::lexical::is_space;
use crate::tree::{Element, QualifiedName};

/// Namespace of the SOAP 1.1 envelope.
pub const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// Namespace of the SOAP 1.2 envelope.
pub const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";

/// Most blocks that are named as not understood; who sent more learns of the rest by and by.
const NAMED: usize = 16;

/// The version of SOAP that a message speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// SOAP 1.1, sent as `text/xml`.
    Soap11,
    /// SOAP 1.2, sent as `application/soap+xml`.
    Soap12,
}

impl Version {
    /// Namespace of its envelope.
    #[must_use]
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::Soap11 => SOAP11,
            Self::Soap12 => SOAP12,
        }
    }

    /// The media type of its messages.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Soap11 => "text/xml; charset=utf-8",
            Self::Soap12 => "application/soap+xml; charset=utf-8",
        }
    }

    fn of(root: &Element) -> Option<Self> {
        [Self::Soap11, Self::Soap12].into_iter().find(|v| root.is(v.namespace(), "Envelope"))
    }

    /// Whether a header block is for the receiver of the message: for no one in particular, for whoever comes next, or
    /// for the last one.
    fn is_ours(self, block: &Element) -> bool {
        let ours: &[&str] = match self {
            Self::Soap11 => &["", "http://schemas.xmlsoap.org/soap/actor/next"],
            Self::Soap12 => &[
                "",
                "http://www.w3.org/2003/05/soap-envelope/role/next",
                "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver",
            ],
        };
        let role = match self {
            Self::Soap11 => "actor",
            Self::Soap12 => "role",
        };
        ours.contains(&block.attribute(self.namespace(), role).unwrap_or("").trim_matches(is_space))
    }
}

/// A message that is an envelope with one operation in it.
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    /// Its version.
    pub version: Version,
    /// The header blocks that are for us, in document order.
    pub headers: Vec<&'a Element>,
    /// The only child of the Body.
    pub operation: Node<'a>,
}

/// Why an element tree is no message to act on. The order of the checks is that of the Basic Profile (R2725): version,
/// then `mustUnderstand`, then everything else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The root is no envelope of a version that is known.
    #[error("the root element {{{ns}}}{name} is no SOAP 1.1 or SOAP 1.2 Envelope", ns = .0.ns, name = .0.name)]
    Version(QualifiedName),
    /// Header blocks for us that must be understood and are not.
    #[error("the header block {{{ns}}}{name} must be understood and is not known here", ns = .names[0].ns, name = .names[0].name)]
    NotUnderstood {
        /// Version of the envelope.
        version: Version,
        /// The blocks, the first of them where there are many; never empty.
        names: Vec<QualifiedName>,
    },
    /// The parts of the envelope are not those that SOAP says.
    #[error("{reason}: {message}")]
    Layout {
        /// Version of the envelope.
        version: Version,
        /// A stable name of what is wrong: `NO_BODY`, `EMPTY_BODY`, `MULTIPLE_BODY_CHILDREN`, `BAD_LAYOUT`, `BAD_HEADER`.
        reason: &'static str,
        /// In words.
        message: &'static str,
    },
}

impl<'a> Envelope<'a> {
    /// Takes a tree as a message. `understood` says of a header block whether it is acted on when it is present.
    ///
    /// # Errors
    /// See [`EnvelopeError`].
    pub fn open(root: &'a Element, understood: impl Fn(&Element) -> bool) -> Result<Self, EnvelopeError> {
        let named = |e: &Element| QualifiedName { ns: e.ns.clone(), name: e.name.clone() };
        let version = Version::of(root).ok_or_else(|| EnvelopeError::Version(named(root)))?;
        let ns = version.namespace();
        let layout = |reason, message| EnvelopeError::Layout { version, reason, message };

        let mut headers = vec![];
        for block in root.children.iter().filter(|e| e.is(ns, "Header")).flat_map(|h| &h.children) {
            if version.is_ours(block) {
                headers.push(block);
            }
        }
        let mut unknown = vec![];
        for block in &headers {
            let must = must_understand(version, block)
                .ok_or_else(|| layout("BAD_HEADER", "mustUnderstand is 0 or 1"))?;
            if must && !understood(block) && unknown.len() < NAMED {
                unknown.push(named(block));
            }
        }
        if !unknown.is_empty() {
            return Err(EnvelopeError::NotUnderstood { version, names: unknown });
        }
        if headers.iter().any(|block| block.ns.is_empty()) {
            return Err(layout("BAD_HEADER", "a header block must be in a namespace"));
        }

        let body = match root.children.as_slice() {
            [body] if body.is(ns, "Body") => body,
            [header, body] if header.is(ns, "Header") && body.is(ns, "Body") => body,
            children if !children.iter().any(|e| e.is(ns, "Body")) => {
                return Err(layout("NO_BODY", "the Envelope has no Body"));
            }
            _ => {
                return Err(layout(
                    "BAD_LAYOUT",
                    "an Envelope holds at most one Header, then one Body, and nothing else",
                ));
            }
        };
        let in_between = |e: &Element| !e.text.chars().all(is_space);
        if in_between(root) || in_between(body) || root.children.iter().any(in_between) {
            return Err(layout("BAD_LAYOUT", "text is not allowed in Envelope, Header and Body themselves"));
        }
        match body.children.as_slice() {
            [_] => {}
            [] => {
                return Err(layout("EMPTY_BODY", "the Body is empty; it holds the element of one operation"));
            }
            _ => {
                return Err(layout(
                    "MULTIPLE_BODY_CHILDREN",
                    "the Body holds more than one element; none was acted on",
                ));
            }
        }
        let operation = Node::below(body, "/Envelope/Body");
        Ok(Self { version, headers, operation })
    }

    /// The header block with this name, if there is one.
    ///
    /// # Errors
    /// The path of the second one where there are two.
    pub fn header(&self, ns: &str, name: &str) -> Result<Option<&'a Element>, ParseError> {
        let mut found = self.headers.iter().filter(|e| e.is(ns, name));
        let first = found.next().copied();
        match found.next() {
            Some(_) => {
                Err(ParseError::schema(crate::Violation::Repeated, format!("/Envelope/Header/{name}")))
            }
            None => Ok(first),
        }
    }
}

/// Whether a block must be understood; nothing when the attribute is neither true nor false. SOAP 1.1 knows only 0 and
/// 1, but who writes `true` means it.
fn must_understand(version: Version, block: &Element) -> Option<bool> {
    match block.attribute(version.namespace(), "mustUnderstand").map(|v| v.trim_matches(is_space)) {
        None | Some("0" | "false") => Some(false),
        Some("1" | "true") => Some(true),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, parse};

    fn open(text: &str) -> Result<(Version, String, usize), EnvelopeError> {
        let root = parse(text.as_bytes(), &Limits::default()).unwrap();
        let e = Envelope::open(&root, |e| &*e.ns == "urn:known")?;
        Ok((e.version, e.operation.path().to_owned(), e.headers.len()))
    }

    fn v11(inside: &str) -> String {
        format!("<s:Envelope xmlns:s=\"{SOAP11}\">{inside}</s:Envelope>")
    }

    #[test]
    fn one_operation_in_an_envelope_of_either_version() {
        let path = "/Envelope/Body/Op".to_owned();
        assert_eq!(open(&v11("<s:Body><Op/></s:Body>")), Ok((Version::Soap11, path.clone(), 0)));
        assert_eq!(
            open(&v11("<s:Header/> <s:Body> <Op/> </s:Body>")),
            Ok((Version::Soap11, path.clone(), 0))
        );
        let text = format!("<Envelope xmlns=\"{SOAP12}\"><Body><Op xmlns='u'/></Body></Envelope>");
        assert_eq!(open(&text), Ok((Version::Soap12, path, 0)));
    }

    #[test]
    fn layouts_that_are_refused() {
        for (inside, wanted) in [
            ("", "NO_BODY"),
            ("<s:Header/>", "NO_BODY"),
            ("<s:Body/>", "EMPTY_BODY"),
            ("<s:Body><a/><b/></s:Body>", "MULTIPLE_BODY_CHILDREN"),
            ("<s:Body><a/></s:Body><s:Body><b/></s:Body>", "BAD_LAYOUT"),
            ("<s:Header/><s:Header/><s:Body><a/></s:Body>", "BAD_LAYOUT"),
            ("<s:Body><a/></s:Body><s:Header/>", "BAD_LAYOUT"),
            ("<s:Body><a/></s:Body><x/>", "BAD_LAYOUT"),
            ("x<s:Body><a/></s:Body>", "BAD_LAYOUT"),
            ("<s:Body>x<a/></s:Body>", "BAD_LAYOUT"),
            ("<s:Header><a/></s:Header><s:Body><a/></s:Body>", "BAD_HEADER"),
            (
                "<s:Header><k:a xmlns:k='urn:known' s:mustUnderstand='yes'/></s:Header><s:Body><a/></s:Body>",
                "BAD_HEADER",
            ),
        ] {
            match open(&v11(inside)) {
                Err(EnvelopeError::Layout { reason, .. }) => assert_eq!(reason, wanted, "{inside}"),
                other => panic!("{inside}: {other:?}"),
            }
        }
        assert!(matches!(open("<Envelope/>"), Err(EnvelopeError::Version(_))));
    }

    #[test]
    fn what_must_be_understood_comes_before_the_layout() {
        let block = |attributes: &str| {
            v11(&format!("<s:Header><x:a xmlns:x='urn:x' {attributes}/></s:Header><s:Body/>"))
        };
        for must in ["s:mustUnderstand='1'", "s:mustUnderstand='true'", "s:mustUnderstand='1' s:actor=''"] {
            assert!(matches!(open(&block(must)), Err(EnvelopeError::NotUnderstood { .. })), "{must}");
        }
        for need_not in
            ["", "s:mustUnderstand='0'", "s:mustUnderstand='1' s:actor='urn:someone'", "mustUnderstand='1'"]
        {
            assert!(matches!(open(&block(need_not)), Err(EnvelopeError::Layout { .. })), "{need_not}");
        }
        let known =
            v11("<s:Header><k:a xmlns:k='urn:known' s:mustUnderstand='1'/></s:Header><s:Body><a/></s:Body>");
        assert!(open(&known).is_ok());
    }
}
