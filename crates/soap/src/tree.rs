//! The bounded, namespace-aware element tree of one message.
//!
//! The event reader finds the markup, matches end tags and keeps the namespace declarations in scope; what
//! it leaves unchecked of XML 1.0 and Namespaces in XML is checked here.

use std::collections::HashMap;
use std::sync::Arc;

use quick_xml::NsReader;
use quick_xml::errors::{Error as ReaderError, IllFormedError, SyntaxError};
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{NamespaceError, QName, ResolveResult};

use crate::encoding::{Encoding, decode};
use crate::error::{Limit, Malformed, ParseError, Position};
use crate::lexical::{attribute_value, illegal_char, is_qname, is_space, next_attribute, resolve_reference};
use crate::limits::{Limits, Meter, Passed};

/// The namespace of `xsi:type` and `xsi:nil`.
pub const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// One element of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Namespace name; empty for none. Shared by all elements of the message that are in it.
    pub ns: Arc<str>,
    /// Local name.
    pub name: String,
    /// Attributes in document order, without namespace declarations.
    pub attributes: Vec<Attribute>,
    /// What `xsi:type` names, resolved with the declarations in scope. A value that is no name, or has an
    /// undeclared prefix, stands as written and in no namespace, so that it equals no type's name.
    pub xsi_type: Option<QualifiedName>,
    /// All text directly inside the element, joined over comments, CDATA sections, references and children;
    /// line ends are `\n`, other space is kept.
    pub text: String,
    /// Child elements in document order.
    pub children: Vec<Element>,
}

/// One attribute of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Namespace name; empty for an attribute without prefix.
    pub ns: Arc<str>,
    /// Local name.
    pub name: String,
    /// Value with references resolved.
    pub value: String,
}

/// A namespace name (empty for none) and a local name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualifiedName {
    /// Namespace name; empty for none.
    pub ns: Arc<str>,
    /// Local name.
    pub name: String,
}

impl Element {
    /// Whether the element has this expanded name.
    pub fn is(&self, ns: &str, name: &str) -> bool {
        *self.ns == *ns && self.name == name
    }

    /// The value of an attribute; `ns` is empty for one without prefix.
    pub fn attribute(&self, ns: &str, name: &str) -> Option<&str> {
        self.attributes.iter().find(|a| *a.ns == *ns && a.name == name).map(|a| a.value.as_str())
    }
}

/// Parses one whole message: UTF-8, or UTF-16 with a byte order mark.
///
/// # Errors
/// [`ParseError::Malformed`] or [`ParseError::Limit`], for the first thing in the message that is wrong.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Element, ParseError> {
    limits.check_size(bytes.len()).map_err(|passed| Refusal::Limit(passed).at(Position::START))?;
    let (text, encoding) = decode(bytes)
        .map_err(|(kind, before)| Refusal::Malformed(kind).at(Position::of(&before, before.len())))?;
    if let Some(offset) = illegal_char(&text) {
        return Err(Refusal::Malformed(Malformed::Character).at(Position::of(&text, offset)));
    }
    // The reader would take a second byte order mark for one, too.
    if text.starts_with('\u{FEFF}') {
        return Err(Refusal::Malformed(Malformed::OutsideRoot).at(Position::START));
    }
    Builder::new(&text, encoding, *limits).build()
}

/// A refusal that does not know its place yet.
enum Refusal {
    Malformed(Malformed),
    Limit(Passed),
}

impl Refusal {
    fn at(self, at: Position) -> ParseError {
        match self {
            Self::Malformed(kind) => ParseError::Malformed { kind, at },
            Self::Limit((limit, max)) => ParseError::Limit { limit, max, at },
        }
    }
}

impl From<Malformed> for Refusal {
    fn from(kind: Malformed) -> Self {
        Self::Malformed(kind)
    }
}

impl From<Passed> for Refusal {
    fn from(passed: Passed) -> Self {
        Self::Limit(passed)
    }
}

impl From<ReaderError> for Refusal {
    fn from(error: ReaderError) -> Self {
        Self::Malformed(match error {
            ReaderError::Syntax(SyntaxError::InvalidBangMarkup) => Malformed::Markup,
            ReaderError::Syntax(SyntaxError::UnclosedDoctype)
            | ReaderError::IllFormed(IllFormedError::MissingDoctypeName) => Malformed::Dtd,
            ReaderError::Syntax(_) | ReaderError::IllFormed(IllFormedError::MissingEndTag(_)) => {
                Malformed::Truncated
            }
            ReaderError::IllFormed(
                IllFormedError::UnmatchedEndTag(_) | IllFormedError::MismatchedEndTag { .. },
            ) => Malformed::EndTag,
            ReaderError::IllFormed(IllFormedError::DoubleHyphenInComment) => Malformed::Comment,
            ReaderError::IllFormed(IllFormedError::UnclosedReference) | ReaderError::Escape(_) => {
                Malformed::Reference
            }
            ReaderError::IllFormed(
                IllFormedError::MissingDeclVersion(_) | IllFormedError::UnknownVersion,
            ) => Malformed::Declaration,
            ReaderError::InvalidAttr(_) => Malformed::AttributeSyntax,
            ReaderError::Encoding(_) | ReaderError::Io(_) => Malformed::Bytes,
            ReaderError::Namespace(NamespaceError::TooManyBindings(max)) => {
                return Self::Limit((Limit::Namespaces, max));
            }
            ReaderError::Namespace(_) => Malformed::NamespaceDeclaration,
        })
    }
}

/// One shared copy of each namespace name, by its raw spelling: a long name that is declared once and used
/// by every element must not be stored once per element.
#[derive(Default)]
struct Names {
    all: HashMap<String, Arc<str>>,
    /// The one asked for last: neighbours are mostly in one namespace.
    last: Option<(String, Arc<str>)>,
}

impl Names {
    fn shared(&mut self, raw: &str) -> Result<Arc<str>, Malformed> {
        if let Some((last, name)) = &self.last
            && last == raw
        {
            return Ok(name.clone());
        }
        let name = match self.all.get(raw) {
            Some(name) => name.clone(),
            None => {
                let name: Arc<str> = attribute_value(raw)?.into();
                self.all.insert(raw.to_owned(), name.clone());
                name
            }
        };
        self.last = Some((raw.to_owned(), name.clone()));
        Ok(name)
    }

    /// The namespace that the reader resolved a prefix to; its answer is not yet normalised.
    fn of(&mut self, resolved: &ResolveResult<'_>) -> Result<Arc<str>, Malformed> {
        match resolved {
            ResolveResult::Unbound => self.shared(""),
            ResolveResult::Bound(namespace) => self.shared(namespace.as_ref()),
            ResolveResult::Unknown(_) => Err(Malformed::UndeclaredPrefix),
        }
    }
}

struct Builder<'t> {
    text: &'t str,
    encoding: Encoding,
    reader: NsReader<&'t [u8]>,
    meter: Meter,
    names: Names,
    /// Elements whose end tag has not come yet, the root first.
    open: Vec<Element>,
    root: Option<Element>,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str, encoding: Encoding, limits: Limits) -> Self {
        let mut reader = NsReader::from_str(text);
        reader.config_mut().check_comments = true;
        reader.resolver_mut().set_max_namespace_bindings(limits.namespaces);
        let meter = Meter::new(limits);
        Self { text, encoding, reader, meter, names: Names::default(), open: Vec::new(), root: None }
    }

    fn build(mut self) -> Result<Element, ParseError> {
        loop {
            let start = offset(self.reader.buffer_position());
            let event = match self.reader.read_event() {
                Ok(Event::Eof) => break,
                Ok(event) => event,
                Err(error) => {
                    let at = Position::of(self.text, offset(self.reader.error_position()).max(start));
                    return Err(Refusal::from(error).at(at));
                }
            };
            self.event(event, start).map_err(|refusal| refusal.at(Position::of(self.text, start)))?;
        }
        let kind = if self.open.is_empty() { Malformed::Empty } else { Malformed::Truncated };
        match self.root {
            Some(root) if self.open.is_empty() => Ok(root),
            _ => Err(Refusal::Malformed(kind).at(Position::of(self.text, self.text.len()))),
        }
    }

    fn event(&mut self, event: Event<'t>, start: usize) -> Result<(), Refusal> {
        match event {
            Event::Start(tag) => {
                let element = self.element(&tag)?;
                self.open.push(element);
            }
            Event::Empty(tag) => {
                let element = self.element(&tag)?;
                self.close(element);
            }
            Event::End(_) => {
                let element = self.open.pop().ok_or(Malformed::EndTag)?;
                self.close(element);
            }
            Event::Text(text) if self.open.is_empty() => {
                if !text.chars().all(is_space) {
                    return Err(Malformed::OutsideRoot.into());
                }
            }
            Event::Text(text) => {
                if text.contains("]]>") {
                    return Err(Malformed::CdataEnd.into());
                }
                self.append(&text.xml10_content())?;
            }
            Event::CData(text) => {
                self.meter.node()?;
                self.append(&text.xml10_content())?;
            }
            Event::GeneralRef(reference) => {
                let character = resolve_reference(&reference)?;
                self.append(character.encode_utf8(&mut [0; 4]))?;
            }
            Event::Comment(_) => self.meter.node()?,
            Event::Decl(declaration) if start == 0 => self.check_declaration(&declaration)?,
            Event::Decl(_) => return Err(Malformed::Declaration.into()),
            Event::PI(_) => return Err(Malformed::ProcessingInstruction.into()),
            Event::DocType(_) => return Err(Malformed::Dtd.into()),
            Event::Eof => {}
        }
        Ok(())
    }

    fn append(&mut self, text: &str) -> Result<(), Refusal> {
        let element = self.open.last_mut().ok_or(Malformed::OutsideRoot)?;
        self.meter.text(element.text.len() + text.len())?;
        element.text.push_str(text);
        Ok(())
    }

    fn close(&mut self, element: Element) {
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
    }

    /// The element of a start tag, still without content.
    fn element(&mut self, tag: &BytesStart<'_>) -> Result<Element, Refusal> {
        if self.open.is_empty() && self.root.is_some() {
            return Err(Malformed::OutsideRoot.into());
        }
        self.meter.element(self.open.len() + 1, tag.len())?;
        let name = tag.name();
        if !is_qname(name.as_ref()) {
            return Err(Malformed::Name.into());
        }
        let (resolved, local) = self.reader.resolver().resolve_element(name);
        let ns = self.names.of(&resolved)?;
        if *ns == *XMLNS {
            return Err(Malformed::Name.into());
        }
        let (attributes, xsi_type) = self.attributes(tag.attributes_raw())?;
        let name = local.as_ref().to_owned();
        Ok(Element { ns, name, attributes, xsi_type, text: String::new(), children: Vec::new() })
    }

    fn attributes(&mut self, raw: &str) -> Result<(Vec<Attribute>, Option<QualifiedName>), Refusal> {
        let mut attributes: Vec<Attribute> = Vec::new();
        let mut declared: Vec<&str> = Vec::new();
        let mut xsi_type = None;
        let mut rest = raw;
        while let Some((name, raw_value)) = next_attribute(&mut rest)? {
            self.meter.attribute(attributes.len() + declared.len() + 1)?;
            if !is_qname(name) {
                return Err(Malformed::Name.into());
            }
            let value = attribute_value(raw_value)?;
            if name == "xmlns" || name.starts_with("xmlns:") {
                if declared.contains(&name) {
                    return Err(Malformed::DuplicateAttribute.into());
                }
                self.meter.namespace(raw_value.len())?;
                check_namespace_declaration(name.strip_prefix("xmlns:"), &value)?;
                declared.push(name);
                continue;
            }
            let (resolved, local) = self.reader.resolver().resolve_attribute(QName(name));
            let attribute = Attribute {
                ns: self.names.of(&resolved)?,
                name: local.as_ref().to_owned(),
                value: value.into_owned(),
            };
            if attributes.iter().any(|a| a.ns == attribute.ns && a.name == attribute.name) {
                return Err(Malformed::DuplicateAttribute.into());
            }
            if *attribute.ns == *XSI && attribute.name == "type" {
                xsi_type = Some(self.type_name(&attribute.value)?);
            }
            attributes.push(attribute);
        }
        Ok((attributes, xsi_type))
    }

    fn type_name(&mut self, value: &str) -> Result<QualifiedName, Malformed> {
        let name = value.trim_matches(is_space);
        if is_qname(name) {
            let (resolved, local) = self.reader.resolver().resolve_element(QName(name));
            if !matches!(resolved, ResolveResult::Unknown(_)) {
                return Ok(QualifiedName { ns: self.names.of(&resolved)?, name: local.as_ref().to_owned() });
            }
        }
        Ok(QualifiedName { ns: self.names.shared("")?, name: name.to_owned() })
    }

    /// `xml version="1.0"`, then optionally encoding and standalone, in this order (production 23).
    fn check_declaration(&self, declaration: &str) -> Result<(), Malformed> {
        let mut rest = declaration.strip_prefix("xml").ok_or(Malformed::Declaration)?;
        let mut next = || next_attribute(&mut rest).map_err(|_| Malformed::Declaration);
        if next()? != Some(("version", "1.0")) {
            return Err(Malformed::Declaration);
        }
        let mut item = next()?;
        if let Some(("encoding", label)) = item {
            if !self.encoding.is_called(label) {
                return Err(Malformed::Encoding);
            }
            item = next()?;
        }
        if let Some(("standalone", "yes" | "no")) = item {
            item = next()?;
        }
        if item.is_some() { Err(Malformed::Declaration) } else { Ok(()) }
    }
}

/// Namespaces in XML 1.0, sections 3 and 5: reserved names stay what they are, a prefix cannot be unbound.
/// The reader checks some of this too, but on the value before its references are resolved.
fn check_namespace_declaration(prefix: Option<&str>, value: &str) -> Result<(), Malformed> {
    let allowed = match prefix {
        Some("xmlns") => false,
        Some("xml") => value == XML,
        Some(_) => !value.is_empty() && value != XML && value != XMLNS,
        None => value != XML && value != XMLNS,
    };
    if allowed { Ok(()) } else { Err(Malformed::NamespaceDeclaration) }
}

/// An offset into the text, which is in memory.
fn offset(position: u64) -> usize {
    usize::try_from(position).expect("an offset into a text in memory fits a usize")
}

#[cfg(test)]
mod tests;
