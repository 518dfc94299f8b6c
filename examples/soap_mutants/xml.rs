//! A tree that can be made wrong, and written.

/// An element. Its attributes and raw parts are written as they are.
#[derive(Debug, Clone)]
pub struct Xml {
    pub name: String,
    pub ns: String,
    /// Whether its name has the prefix `t`, which is bound to the schema's namespace, instead of a default.
    pub prefixed: bool,
    pub attributes: Vec<(String, String)>,
    pub nodes: Vec<Node>,
}

/// What stands in an element.
#[derive(Debug, Clone)]
pub enum Node {
    Xml(Xml),
    Raw(String),
}

impl Xml {
    pub fn new(name: &str, ns: &str) -> Self {
        Self { name: name.to_owned(), ns: ns.to_owned(), prefixed: false, attributes: vec![], nodes: vec![] }
    }

    /// Sets an attribute, so that none stands there twice.
    pub fn set(&mut self, name: &str, value: &str) {
        self.attributes.retain(|(n, _)| n != name);
        self.attributes.push((name.to_owned(), value.to_owned()));
    }

    /// Replaces the content by raw XML.
    pub fn fill(&mut self, raw: &str) {
        self.nodes = vec![Node::Raw(raw.to_owned())];
    }

    /// Places of the child elements among the nodes.
    pub fn children(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|&n| matches!(self.nodes[n], Node::Xml(_))).collect()
    }

    /// How many elements there are, this one included.
    pub fn count(&self) -> usize {
        let inner = self.nodes.iter().map(|n| if let Node::Xml(x) = n { x.count() } else { 0 });
        1 + inner.sum::<usize>()
    }

    /// The n-th element in document order; this one is number 0.
    pub fn nth(&mut self, n: usize) -> &mut Self {
        let mut left = n;
        let mut found = None;
        if n > 0 {
            left -= 1;
            for (at, node) in self.nodes.iter().enumerate() {
                let Node::Xml(x) = node else { continue };
                let size = x.count();
                if left < size {
                    found = Some(at);
                    break;
                }
                left -= size;
            }
        }
        let Some(at) = found else { return self };
        match &mut self.nodes[at] {
            Node::Xml(x) => x.nth(left),
            Node::Raw(_) => unreachable!("only elements are counted"),
        }
    }

    /// The document, with the prefixes that attributes and values use.
    pub fn document(&self, ns: &str) -> String {
        let mut out = String::new();
        let declared = format!(
            " xmlns:t=\"{ns}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:xs=\"http://www.w3.org/2001/XMLSchema\""
        );
        self.write(&mut out, "", &declared);
        out
    }

    fn write(&self, out: &mut String, default: &str, declared: &str) {
        let name = if self.prefixed { format!("t:{}", self.name) } else { self.name.clone() };
        out.push_str(&format!("<{name}{declared}"));
        let mut inner = default;
        if !self.prefixed && self.ns != default {
            out.push_str(&format!(" xmlns=\"{}\"", self.ns));
            inner = &self.ns;
        }
        for (name, value) in &self.attributes {
            out.push_str(&format!(" {name}=\"{value}\""));
        }
        out.push('>');
        for node in &self.nodes {
            match node {
                Node::Xml(x) => x.write(out, inner, ""),
                Node::Raw(raw) => out.push_str(raw),
            }
        }
        out.push_str(&format!("</{name}>"));
    }
}
