//! The bounded, namespace-aware element tree of one message.
//!
//! [`markup`](crate::markup) finds the tags; what stands in them, and whether they fit together, is checked here.

use std::sync::Arc;

use compact_str::CompactString;

use crate::encoding::{Encoding, decode};
use crate::error::{Malformed, ParseError, Position};
use crate::lexical::{
    attribute_value, illegal_char, is_space, line_ends, next_attribute, qname, resolve_reference,
};
use crate::limits::{Limits, Meter, Passed};
use crate::markup::{Piece, Pieces};

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
    pub name: CompactString,
    /// Attributes in document order, without namespace declarations.
    pub attributes: Vec<Attribute>,
    /// What `xsi:type` names, resolved with the declarations in scope. A value that is no name, or has an
    /// undeclared prefix, stands as written and in no namespace, so that it equals no type's name.
    pub xsi_type: Option<Box<QualifiedName>>,
    /// All text directly inside the element, joined over comments, CDATA sections, references and children;
    /// line ends are `\n`, other space is kept.
    pub text: CompactString,
    /// Child elements in document order.
    pub children: Vec<Element>,
}

/// One attribute of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Namespace name; empty for an attribute without prefix.
    pub ns: Arc<str>,
    /// Local name.
    pub name: CompactString,
    /// Value with references resolved.
    pub value: CompactString,
}

/// A namespace name (empty for none) and a local name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualifiedName {
    /// Namespace name; empty for none.
    pub ns: Arc<str>,
    /// Local name.
    pub name: CompactString,
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

/// The namespace declarations in scope, the innermost last: prefix (empty for the default) and name.
struct Scope<'t> {
    bindings: Vec<(&'t str, Arc<str>)>,
    /// The name of no namespace.
    none: Arc<str>,
}

impl<'t> Scope<'t> {
    fn new() -> Self {
        Self { bindings: vec![("xml", XML.into())], none: "".into() }
    }

    /// How many of them the message made.
    fn declared(&self) -> usize {
        self.bindings.len() - 1
    }

    /// What a prefix stands for; without one, the default namespace.
    fn of(&self, prefix: &str) -> Option<Arc<str>> {
        match self.bindings.iter().rev().find(|(p, _)| *p == prefix) {
            Some((_, name)) => Some(name.clone()),
            None if prefix.is_empty() => Some(self.none.clone()),
            None => None,
        }
    }

    /// The same for an attribute: without a prefix it is in no namespace.
    fn of_attribute(&self, prefix: &str) -> Option<Arc<str>> {
        if prefix.is_empty() { Some(self.none.clone()) } else { self.of(prefix) }
    }
}

/// An element whose end tag has not come yet.
struct Open<'t> {
    element: Element,
    /// Its name as it is written.
    name: &'t str,
    /// Declarations that were in scope before it.
    outer: usize,
}

struct Builder<'t> {
    text: &'t str,
    encoding: Encoding,
    meter: Meter,
    scope: Scope<'t>,
    /// Elements whose end tag has not come yet, the root first.
    open: Vec<Open<'t>>,
    root: Option<Element>,
    /// Attributes of one tag: prefix, local name and value as it is written.
    raw: Vec<(&'t str, &'t str, &'t str)>,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str, encoding: Encoding, limits: Limits) -> Self {
        let meter = Meter::new(limits);
        let scope = Scope::new();
        Self { text, encoding, meter, scope, open: Vec::new(), root: None, raw: Vec::new() }
    }

    fn build(mut self) -> Result<Element, ParseError> {
        let mut pieces = Pieces::of(self.text).map_err(|kind| Refusal::from(kind).at(Position::START))?;
        loop {
            let start = pieces.at();
            let taken = match pieces.next() {
                Ok(Some(piece)) => self.piece(piece, start),
                Ok(None) => break,
                Err(kind) => Err(kind.into()),
            };
            taken.map_err(|refusal| refusal.at(Position::of(self.text, start)))?;
        }
        let kind = if self.open.is_empty() { Malformed::Empty } else { Malformed::Truncated };
        match self.root {
            Some(root) if self.open.is_empty() => Ok(root),
            _ => Err(Refusal::Malformed(kind).at(Position::of(self.text, self.text.len()))),
        }
    }

    fn piece(&mut self, piece: Piece<'t>, start: usize) -> Result<(), Refusal> {
        match piece {
            Piece::Start(inside) => self.open(inside),
            Piece::Empty(inside) => {
                self.open(inside)?;
                self.close()
            }
            Piece::End(name) if self.open.last().is_some_and(|open| open.name == name) => self.close(),
            Piece::End(_) => Err(Malformed::EndTag.into()),
            // Between the declaration, comments and the root element.
            Piece::Text(text) if self.open.is_empty() && text.chars().all(is_space) => Ok(()),
            Piece::Text(_) if self.open.is_empty() => Err(Malformed::OutsideRoot.into()),
            // One octet is looked for many times as fast, and is hardly ever there.
            Piece::Text(text) if text.contains(']') && text.contains("]]>") => {
                Err(Malformed::CdataEnd.into())
            }
            Piece::Text(text) => self.append(&line_ends(text)),
            Piece::Cdata(text) => {
                self.meter.node()?;
                self.append(&line_ends(text))
            }
            Piece::Reference(reference) => {
                let character = resolve_reference(reference)?;
                self.append(character.encode_utf8(&mut [0; 4]))
            }
            Piece::Comment => Ok(self.meter.node()?),
            Piece::Declaration(inside) if start == 0 => Ok(self.check_declaration(inside)?),
            Piece::Declaration(_) => Err(Malformed::Declaration.into()),
        }
    }

    fn append(&mut self, text: &str) -> Result<(), Refusal> {
        let own = &mut self.open.last_mut().ok_or(Malformed::OutsideRoot)?.element.text;
        self.meter.text(own.len() + text.len())?;
        own.push_str(text);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Refusal> {
        let Open { element, outer, .. } = self.open.pop().ok_or(Malformed::EndTag)?;
        self.scope.bindings.truncate(outer);
        match self.open.last_mut() {
            Some(parent) => parent.element.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    /// Opens the element of a tag.
    fn open(&mut self, inside: &'t str) -> Result<(), Refusal> {
        if self.open.is_empty() && self.root.is_some() {
            return Err(Malformed::OutsideRoot.into());
        }
        self.meter.element(self.open.len() + 1, inside.len())?;
        let (name, rest) = inside.split_at(inside.find(is_space).unwrap_or(inside.len()));
        let (prefix, local) = qname(name).ok_or(Malformed::Name)?;
        if prefix == "xmlns" {
            return Err(Malformed::Name.into());
        }
        let outer = self.scope.bindings.len();
        self.declare(rest, outer)?;
        let ns = self.scope.of(prefix).ok_or(Malformed::UndeclaredPrefix)?;
        let (attributes, xsi_type) = self.attributes()?;
        let element = Element {
            ns,
            name: local.into(),
            attributes,
            xsi_type,
            text: CompactString::default(),
            children: Vec::new(),
        };
        self.open.push(Open { element, name, outer });
        Ok(())
    }

    /// Brings the namespace declarations of a tag into scope, and lays its other attributes out.
    fn declare(&mut self, mut rest: &'t str, outer: usize) -> Result<(), Refusal> {
        self.raw.clear();
        let mut count = 0;
        while let Some((name, value)) = next_attribute(&mut rest)? {
            count += 1;
            self.meter.attribute(count)?;
            let (prefix, local) = qname(name).ok_or(Malformed::Name)?;
            let declared = match (prefix, local) {
                ("xmlns", local) => Some(local),
                ("", "xmlns") => None,
                plain => {
                    self.raw.push((plain.0, plain.1, value));
                    continue;
                }
            };
            let bound = declared.unwrap_or_default();
            if self.scope.bindings[outer..].iter().any(|(p, _)| *p == bound) {
                return Err(Malformed::DuplicateAttribute.into());
            }
            self.meter.namespace(self.scope.declared() + 1, value.len())?;
            let value = attribute_value(value)?;
            check_namespace_declaration(declared, &value)?;
            self.scope.bindings.push((bound, value.into()));
        }
        Ok(())
    }

    /// The attributes of a tag that are no declarations, and what `xsi:type` among them names.
    fn attributes(&self) -> Result<(Vec<Attribute>, Option<Box<QualifiedName>>), Malformed> {
        let mut attributes: Vec<Attribute> = Vec::with_capacity(self.raw.len());
        let mut xsi_type = None;
        for &(prefix, local, value) in &self.raw {
            let ns = self.scope.of_attribute(prefix).ok_or(Malformed::UndeclaredPrefix)?;
            if attributes.iter().any(|a| a.name == local && a.ns == ns) {
                return Err(Malformed::DuplicateAttribute);
            }
            let value = CompactString::from(attribute_value(value)?);
            if *ns == *XSI && local == "type" {
                xsi_type = Some(Box::new(self.type_name(&value)));
            }
            attributes.push(Attribute { ns, name: local.into(), value });
        }
        Ok((attributes, xsi_type))
    }

    fn type_name(&self, value: &str) -> QualifiedName {
        let written = value.trim_matches(is_space);
        let named = qname(written).and_then(|(prefix, local)| Some((self.scope.of(prefix)?, local)));
        let (ns, name) = named.unwrap_or((self.scope.none.clone(), written));
        QualifiedName { ns, name: name.into() }
    }

    /// `version="1.0"`, then optionally encoding and standalone, in this order (production 23).
    fn check_declaration(&self, inside: &str) -> Result<(), Malformed> {
        let mut rest = inside;
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
fn check_namespace_declaration(prefix: Option<&str>, value: &str) -> Result<(), Malformed> {
    let allowed = match prefix {
        Some("xmlns") => false,
        Some("xml") => value == XML,
        Some(_) => !value.is_empty() && value != XML && value != XMLNS,
        None => value != XML && value != XMLNS,
    };
    if allowed { Ok(()) } else { Err(Malformed::NamespaceDeclaration) }
}

#[cfg(test)]
mod tests;
