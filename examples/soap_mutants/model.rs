//! The schema as the mutants need it: what a valid body looks like, read from the XSD itself.

use std::collections::BTreeMap;

use telvisor_soap::{Element, Limits, parse};

use crate::values::{self, Random};
use crate::xml::{Node, Xml};

/// A child of a sequence.
#[derive(Debug, Clone)]
pub struct Particle {
    pub name: String,
    /// Type, with the prefix that the schema gives it.
    pub kind: String,
    pub required: bool,
    pub most: usize,
}

/// A simple type: what it restricts, and the values or bounds that it names.
#[derive(Debug, Clone, Default)]
pub struct Simple {
    pub base: String,
    pub values: Vec<String>,
    pub bounds: Vec<String>,
}

/// The types and elements of one schema.
#[derive(Debug, Default)]
pub struct Model {
    pub ns: String,
    pub simple: BTreeMap<String, Simple>,
    pub complex: BTreeMap<String, Vec<Particle>>,
    /// Content of the global elements that are sequences.
    pub elements: BTreeMap<String, Vec<Particle>>,
    /// Every name of an element.
    pub names: Vec<String>,
}

impl Model {
    /// Reads the parts of XML Schema that our schemas use.
    pub fn read(xsd: &str) -> anyhow::Result<Self> {
        let root = parse(xsd.as_bytes(), &Limits::default())?;
        let attribute = |e: &Element, name: &str| e.attribute("", name).unwrap_or_default().to_owned();
        let mut model = Self { ns: attribute(&root, "targetNamespace"), ..Self::default() };
        for e in &root.children {
            let name = attribute(e, "name");
            match e.name.as_str() {
                "simpleType" => {
                    let rule = child(e, "restriction");
                    let facets = rule.map_or(&[][..], |r| &r.children);
                    let of = |kinds: &[&str]| {
                        let named = facets.iter().filter(|f| kinds.contains(&f.name.as_str()));
                        named.map(|f| attribute(f, "value")).collect()
                    };
                    let base = rule.map(|r| attribute(r, "base")).unwrap_or_default();
                    let bounds = of(&["minInclusive", "maxInclusive", "maxLength"]);
                    model.simple.insert(name, Simple { base, values: of(&["enumeration"]), bounds });
                }
                "complexType" => {
                    let particles = model.particles(e);
                    model.complex.insert(name, particles);
                }
                "element" => {
                    let particles = child(e, "complexType").map(|c| model.particles(c));
                    model.names.push(name.clone());
                    model.elements.insert(name, particles.unwrap_or_default());
                }
                _ => {}
            }
        }
        Ok(model)
    }

    fn particles(&mut self, e: &Element) -> Vec<Particle> {
        let Some(sequence) = child(e, "sequence") else { return vec![] };
        let mut out = vec![];
        for p in sequence.children.iter().filter(|p| p.name == "element") {
            let of = |name: &str| p.attribute("", name);
            let most = of("maxOccurs").map_or(1, |m| m.parse().unwrap_or(usize::MAX));
            let name = of("name").unwrap_or_default().to_owned();
            self.names.push(name.clone());
            let kind = of("type").unwrap_or_default().to_owned();
            out.push(Particle { name, kind, required: of("minOccurs") != Some("0"), most });
        }
        out
    }

    /// A valid body of an operation, with a part of what is optional.
    pub fn body(&self, operation: &str, random: &mut Random) -> Xml {
        self.filled(operation, &self.elements[operation], random)
    }

    fn filled(&self, name: &str, particles: &[Particle], random: &mut Random) -> Xml {
        let mut xml = Xml::new(name, &self.ns);
        for p in particles {
            let count = match p.most {
                1 => usize::from(p.required || random.chance(60)),
                most => random.below(4).min(most),
            };
            for _ in 0..count {
                xml.nodes.push(Node::Xml(self.element(p, random)));
            }
        }
        xml
    }

    fn element(&self, p: &Particle, random: &mut Random) -> Xml {
        let kind = p.kind.split_once(':').map_or(p.kind.as_str(), |(_, local)| local);
        if let Some(particles) = self.complex.get(kind) {
            let mut xml = self.filled(&p.name, particles, random);
            if particles.is_empty() {
                xml.nodes.push(Node::Raw(values::EXTENSIONS[0].to_owned()));
            }
            return xml;
        }
        let mut xml = Xml::new(&p.name, &self.ns);
        xml.nodes.push(Node::Raw(self.value(kind, random)));
        xml
    }

    /// A valid value of a simple type.
    fn value(&self, kind: &str, random: &mut Random) -> String {
        let Some(simple) = self.simple.get(kind) else {
            return random.word(values::valid(kind)).to_owned();
        };
        match simple.base.as_str() {
            _ if !simple.values.is_empty() => random.pick(&simple.values).clone(),
            "xsd:int" => random.pick(&simple.bounds).clone(),
            _ => random.word(values::valid(kind)).to_owned(),
        }
    }

    /// The class of values that an element of this name has; texts where it has several or none.
    pub fn class(&self, name: &str) -> &'static [&'static str] {
        let all = self.complex.values().chain(self.elements.values()).flatten();
        let kinds: Vec<&str> = all.filter(|p| p.name == name).map(|p| p.kind.as_str()).collect();
        match kinds.first().copied().unwrap_or_default() {
            "xsd:dateTime" => values::DATES,
            "xsd:anyURI" => values::URIS,
            "tns:CountryCode" => values::COUNTRIES,
            kind => match self.simple.get(kind.trim_start_matches("tns:")) {
                Some(s) if s.base == "xsd:int" => values::INTS,
                Some(s) if !s.values.is_empty() => values::WORDS,
                _ => values::TEXTS,
            },
        }
    }
}

fn child<'a>(e: &'a Element, name: &str) -> Option<&'a Element> {
    e.children.iter().find(|c| c.name == name)
}
