//! How much one message may ask for, and the meter that counts it.

use crate::error::Limit;

/// Upper bounds for one message; each is the largest value that is still accepted. Together they keep the
/// work and the memory of [`parse`](crate::parse) linear in the size of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the message as received (before decoding). Default 1 MiB.
    pub bytes: usize,
    /// Elements inside elements, the root included. Default 64. The tree is dropped recursively, so keep
    /// it below a few thousand.
    pub depth: usize,
    /// Elements, attributes, comments and CDATA sections together. Default 20 000.
    pub nodes: usize,
    /// Attributes in one tag, namespace declarations included. Default 64.
    pub attributes: usize,
    /// Bytes of one start tag between its angle brackets. Default 8 KiB.
    pub tag_bytes: usize,
    /// Bytes of the joined text of one element, without its children's. Default 256 KiB.
    pub text_bytes: usize,
    /// Namespace declarations in scope at once. Default 128.
    pub namespaces: usize,
    /// Bytes of one namespace name. Default 1 KiB: every element that uses it looks it up.
    pub namespace_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 1024 * 1024,
            depth: 64,
            nodes: 20_000,
            attributes: 64,
            tag_bytes: 8 * 1024,
            text_bytes: 256 * 1024,
            namespaces: 128,
            namespace_bytes: 1024,
        }
    }
}

/// A limit that was passed, and its value.
pub(crate) type Passed = (Limit, usize);

impl Limits {
    /// Checked before the first byte is looked at.
    pub(crate) fn check_size(&self, bytes: usize) -> Result<(), Passed> {
        within(bytes, self.bytes, Limit::Bytes)
    }
}

/// Counts what the reader meets, and stops it before the tree grows past the limits.
#[derive(Debug)]
pub(crate) struct Meter {
    limits: Limits,
    nodes: usize,
}

impl Meter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, nodes: 0 }
    }

    /// An element, attribute, comment or CDATA section.
    pub(crate) fn node(&mut self) -> Result<(), Passed> {
        self.nodes += 1;
        within(self.nodes, self.limits.nodes, Limit::Nodes)
    }

    /// A start tag: `depth` counts this element, `tag_bytes` what stands between `<` and `>`.
    pub(crate) fn element(&mut self, depth: usize, tag_bytes: usize) -> Result<(), Passed> {
        within(depth, self.limits.depth, Limit::Depth)?;
        within(tag_bytes, self.limits.tag_bytes, Limit::TagBytes)?;
        self.node()
    }

    /// The n-th attribute of a tag.
    pub(crate) fn attribute(&mut self, n: usize) -> Result<(), Passed> {
        within(n, self.limits.attributes, Limit::Attributes)?;
        self.node()
    }

    /// The n-th namespace declaration in scope, and its value.
    pub(crate) fn namespace(&self, n: usize, bytes: usize) -> Result<(), Passed> {
        within(n, self.limits.namespaces, Limit::Namespaces)?;
        within(bytes, self.limits.namespace_bytes, Limit::NamespaceBytes)
    }

    /// Text that would grow an element's text to `bytes`.
    pub(crate) fn text(&self, bytes: usize) -> Result<(), Passed> {
        within(bytes, self.limits.text_bytes, Limit::TextBytes)
    }
}

fn within(value: usize, max: usize, limit: Limit) -> Result<(), Passed> {
    if value > max { Err((limit, max)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_value_passes_and_the_next_does_not() {
        let limits = Limits {
            bytes: 3,
            depth: 2,
            nodes: 3,
            attributes: 1,
            tag_bytes: 4,
            text_bytes: 5,
            namespaces: 1,
            namespace_bytes: 6,
        };
        assert_eq!(limits.check_size(3), Ok(()));
        assert_eq!(limits.check_size(4), Err((Limit::Bytes, 3)));

        let mut meter = Meter::new(limits);
        assert_eq!(meter.element(2, 4), Ok(()));
        assert_eq!(meter.element(3, 4), Err((Limit::Depth, 2)));
        assert_eq!(meter.element(2, 5), Err((Limit::TagBytes, 4)));
        assert_eq!(meter.attribute(1), Ok(()));
        assert_eq!(meter.attribute(2), Err((Limit::Attributes, 1)));
        assert_eq!(meter.text(5), Ok(()));
        assert_eq!(meter.text(6), Err((Limit::TextBytes, 5)));
        assert_eq!(meter.namespace(1, 6), Ok(()));
        assert_eq!(meter.namespace(1, 7), Err((Limit::NamespaceBytes, 6)));
        assert_eq!(meter.namespace(2, 6), Err((Limit::Namespaces, 1)));
        assert_eq!(meter.node(), Ok(()));
        assert_eq!(meter.node(), Err((Limit::Nodes, 3)));
    }
}
