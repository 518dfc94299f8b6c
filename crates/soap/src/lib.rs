//! The XML half of a SOAP server, for bodies that come from strangers.
//!
//! [`parse`] turns the bytes of one message into a bounded, namespace-aware [`Element`] tree, and refuses
//! everything that a SOAP message may not contain (a DTD, processing instructions, entities besides the
//! five of XML) or that is not well-formed XML with namespaces. [`Cursor`] then reads the tree against a
//! closed, ordered content model, as an XML schema `sequence` would, with the path of the wrong element in
//! every error.
//!
//! It is not a general XML library: no DTD, no entities, no comments in the tree, no order between text
//! and children of mixed content.
//!
//! Over it stand the parts that every SOAP message has: the [`Envelope`] with its checks in the order of the Basic
//! Profile, the headers of [`security`] and [`addressing`], and the [`Fault`] that answers a refused one, in SOAP 1.1
//! and 1.2. What the operations are is the caller's; nothing here does I/O, and nothing panics on any input.

pub mod addressing;
mod cursor;
mod encoding;
pub mod envelope;
mod error;
pub mod fault;
mod lexical;
mod limits;
mod markup;
pub mod security;
mod tree;
pub mod values;
mod write;

pub use cursor::{Cursor, Node};
pub use envelope::{Envelope, EnvelopeError, Version};
pub use error::{Limit, Malformed, ParseError, Position, Violation};
pub use fault::{Code, Fault};
pub use limits::Limits;
pub use tree::{Attribute, Element, QualifiedName, XSI, parse};
pub use write::Writer;
