//! The XML half of a SOAP server, for bodies that come from strangers.
//!
//! [`parse`] turns the bytes of one message into a bounded, namespace-aware [`Element`] tree, and refuses
//! everything that a SOAP message may not contain (a DTD, processing instructions, entities besides the
//! five of XML) or that is not well-formed XML with namespaces. [`Cursor`] then reads the tree against a
//! closed, ordered content model, as an XML schema `sequence` would, with the path of the wrong element in
//! every error.
//!
//! It is not a general XML library: no DTD, no entities, no comments in the tree, no order between text
//! and children of mixed content. It does no I/O, knows no envelope, no fault and no operation, and never
//! panics on any input.

mod cursor;
mod encoding;
mod error;
mod lexical;
mod limits;
mod tree;

pub use cursor::{Cursor, Node};
pub use error::{Limit, Malformed, ParseError, Position, Violation};
pub use limits::Limits;
pub use tree::{Attribute, Element, QualifiedName, XSI, parse};
