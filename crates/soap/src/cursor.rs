//! Reading a tree against a closed, ordered content model.

use std::str::FromStr;
use std::sync::Arc;

use crate::error::{ParseError, Violation};
use crate::lexical::is_space;
use crate::tree::{Element, XSI};

/// Longest part of a name from the message that goes into an error's path, in characters.
const NAME_IN_PATH: usize = 64;

/// Where an element stands. The path is written only where an error needs it.
#[derive(Debug, Clone)]
struct Place<'a> {
    element: &'a Element,
    /// Its number among those of its name, where there may be several.
    number: Option<usize>,
    /// Where its parent stands; none at the top, which has this before it.
    parent: Option<Arc<Place<'a>>>,
    before: &'static str,
}

impl Place<'_> {
    fn path(&self) -> String {
        let mut path = self.parent.as_ref().map_or_else(|| self.before.to_owned(), |p| p.path());
        path.push('/');
        path.push_str(&shown(&self.element.name));
        if let Some(number) = self.number {
            path.push_str(&format!("[{number}]"));
        }
        path
    }
}

/// One element, and where it stands.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    place: Place<'a>,
    type_checked: bool,
}

impl<'a> Node<'a> {
    /// The root of a tree, or of the part of it that is read as one document.
    pub fn root(element: &'a Element) -> Self {
        Self::at(Place { element, number: None, parent: None, before: "" })
    }

    /// The first child of an element that is known to have one, under the path of the element.
    pub(crate) fn below(parent: &'a Element, path: &'static str) -> Self {
        Self::at(Place { element: &parent.children[0], number: None, parent: None, before: path })
    }

    fn at(place: Place<'a>) -> Self {
        let type_checked = place.element.xsi_type.is_none();
        Self { place, type_checked }
    }

    /// The element itself.
    pub fn element(&self) -> &'a Element {
        self.place.element
    }

    /// The path, as in `/Envelope/Body/item[2]`.
    pub fn path(&self) -> String {
        self.place.path()
    }

    /// Names the schema type that is declared for the element. An `xsi:type` must name exactly this one:
    /// types derived from it are not known here. Without this call every `xsi:type` is refused.
    ///
    /// # Errors
    /// [`Violation::ForeignType`].
    pub fn of_type(mut self, ns: &str, name: &str) -> Result<Self, ParseError> {
        match &self.place.element.xsi_type {
            Some(named) if *named.ns != *ns || named.name != name => Err(self.refuse(Violation::ForeignType)),
            _ => {
                self.type_checked = true;
                Ok(self)
            }
        }
    }

    /// The text of an element that has only text, as it stands.
    ///
    /// # Errors
    /// Child elements, attributes, `xsi:nil` or an `xsi:type` that [`of_type`](Self::of_type) has not seen.
    pub fn text(&self) -> Result<&'a str, ParseError> {
        self.check_attributes(&[])?;
        if !self.place.element.children.is_empty() {
            return Err(self.refuse(Violation::UnexpectedChildren));
        }
        Ok(&self.place.element.text)
    }

    /// The text as a value, the space around it removed (as XML Schema does for numbers, dates, booleans
    /// and enumerations, but not for strings: use [`text`](Self::text) for those). `expected` names the type
    /// in the error.
    ///
    /// # Errors
    /// As [`text`](Self::text), and [`Violation::BadValue`].
    pub fn value<T: FromStr>(&self, expected: &'static str) -> Result<T, ParseError> {
        let text = self.text()?.trim_matches(is_space);
        text.parse().map_err(|_| self.refuse(Violation::BadValue { expected }))
    }

    /// A cursor on the children of an element that has only children.
    ///
    /// # Errors
    /// Text between the children, attributes, `xsi:nil` or an `xsi:type` that [`of_type`](Self::of_type) has
    /// not seen.
    pub fn children(&self) -> Result<Cursor<'a>, ParseError> {
        self.children_beside(&[])
    }

    /// The same of an element that may have these attributes without prefix, too.
    ///
    /// # Errors
    /// As [`children`](Self::children).
    pub fn children_beside(&self, attributes: &[&str]) -> Result<Cursor<'a>, ParseError> {
        self.check_attributes(attributes)?;
        if !self.place.element.text.chars().all(is_space) {
            return Err(self.refuse(Violation::UnexpectedText));
        }
        Ok(Cursor { place: Arc::new(self.place.clone()), next: 0 })
    }

    /// Any children that are in a namespace, but not in this one (`xsd:any`, `##other`, lax): what is in them is not
    /// looked at.
    ///
    /// # Errors
    /// As [`children`](Self::children), and the path of a child in no namespace or in `ns`.
    pub fn children_of_other_namespaces(&self, ns: &str) -> Result<(), ParseError> {
        let cursor = self.children()?;
        let own = |e: &&Element| e.ns.is_empty() || *e.ns == *ns;
        match self.place.element.children.iter().find(own) {
            Some(found) => Err(cursor.refuse(found, Violation::UnexpectedElement)),
            None => Ok(()),
        }
    }

    /// Refuses this element; for rules that the cursor does not know, such as facets of a type.
    pub fn refuse(&self, violation: Violation) -> ParseError {
        ParseError::schema(violation, self.path())
    }

    /// Few elements of our schemas have attributes; those of the XSI namespace may stand on any element.
    fn check_attributes(&self, own: &[&str]) -> Result<(), ParseError> {
        self.check_known_attributes(own)?;
        if self.nil()? { Err(self.refuse(Violation::Nil)) } else { Ok(()) }
    }

    fn check_known_attributes(&self, own: &[&str]) -> Result<(), ParseError> {
        for attribute in &self.place.element.attributes {
            if attribute.ns.is_empty() && own.contains(&attribute.name.as_str()) {
                continue;
            }
            let known = matches!(
                attribute.name.as_str(),
                "type" | "nil" | "schemaLocation" | "noNamespaceSchemaLocation"
            );
            if *attribute.ns != *XSI || !known {
                return Err(self.refuse(Violation::UnexpectedAttribute { name: shown(&attribute.name) }));
            }
        }
        if self.type_checked { Ok(()) } else { Err(self.refuse(Violation::ForeignType)) }
    }

    /// Whether `xsi:nil` says that there is no value; a nil element must be empty.
    fn nil(&self) -> Result<bool, ParseError> {
        match self.place.element.attribute(XSI, "nil").map(|value| value.trim_matches(is_space)) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1")
                if self.place.element.children.is_empty() && self.place.element.text.is_empty() =>
            {
                Ok(true)
            }
            Some("true" | "1") => Err(self.refuse(Violation::Nil)),
            Some(_) => Err(self.refuse(Violation::BadValue { expected: "xsd:boolean" })),
        }
    }
}

/// Reads the children of one element in the order of its content model. Nothing is skipped: what is not
/// asked for is refused, at the latest by [`end`](Self::end).
#[derive(Debug)]
#[must_use = "a cursor that is not brought to its end accepts unknown elements"]
pub struct Cursor<'a> {
    place: Arc<Place<'a>>,
    next: usize,
}

impl<'a> Cursor<'a> {
    /// The next child, which must be this element.
    ///
    /// # Errors
    /// [`Violation::Missing`] with the path of the absent element, or what else stands in its place:
    /// [`Violation::OutOfOrder`] or [`Violation::WrongNamespace`] with that element's path.
    pub fn required(&mut self, ns: &str, name: &str) -> Result<Node<'a>, ParseError> {
        if let Some(element) = self.take(ns, name) {
            return Ok(self.node(element, None));
        }
        let rest = &self.place.element.children[self.next..];
        Err(match rest.first() {
            Some(found) if found.name == name => {
                self.refuse(found, Violation::WrongNamespace { expected: ns.to_owned() })
            }
            Some(found) if rest.iter().any(|element| element.is(ns, name)) => {
                self.refuse(found, Violation::OutOfOrder { expected: name.to_owned() })
            }
            _ => ParseError::schema(Violation::Missing, format!("{}/{name}", self.place.path())),
        })
    }

    /// The next child if it is this element. One with `xsi:nil` counts as absent, as some clients write an
    /// absent value so.
    ///
    /// # Errors
    /// A nil element with content, or a value of `xsi:nil` that is no boolean.
    pub fn optional(&mut self, ns: &str, name: &str) -> Result<Option<Node<'a>>, ParseError> {
        let Some(element) = self.take(ns, name) else {
            return Ok(None);
        };
        let node = self.node(element, None);
        Ok(if node.nil()? { None } else { Some(node) })
    }

    /// The next child, which must be this element of this type of the same namespace; nothing when `xsi:nil` says that
    /// it has no value.
    ///
    /// # Errors
    /// As [`required`](Self::required) and [`of_type`](Node::of_type), a nil element with content, or a value of
    /// `xsi:nil` that is no boolean.
    pub fn nillable(&mut self, ns: &str, name: &str, kind: &str) -> Result<Option<Node<'a>>, ParseError> {
        let node = self.required(ns, name)?.of_type(ns, kind)?;
        if node.nil()? {
            node.check_known_attributes(&[])?;
            return Ok(None);
        }
        Ok(Some(node))
    }

    /// The next children that are this element, none to `max`.
    ///
    /// # Errors
    /// [`Violation::Repeated`] with the path of the first one too many.
    pub fn many(&mut self, ns: &str, name: &str, max: usize) -> Result<Vec<Node<'a>>, ParseError> {
        let mut nodes = Vec::new();
        while let Some(element) = self.take(ns, name) {
            let node = self.node(element, Some(nodes.len() + 1));
            if nodes.len() == max {
                return Err(node.refuse(Violation::Repeated));
            }
            nodes.push(node);
        }
        Ok(nodes)
    }

    /// The next child, whatever it is.
    pub fn any(&mut self) -> Option<Node<'a>> {
        let element = self.place.element.children.get(self.next)?;
        self.next += 1;
        Some(self.node(element, None))
    }

    /// The content model ends here.
    ///
    /// # Errors
    /// The path of the first child left: [`Violation::Repeated`] if one of its name was read before, else
    /// [`Violation::UnexpectedElement`].
    pub fn end(self) -> Result<(), ParseError> {
        let (read, rest) = self.place.element.children.split_at(self.next);
        let Some(found) = rest.first() else { return Ok(()) };
        let repeated = read.iter().any(|element| element.is(&found.ns, &found.name));
        Err(self.refuse(found, if repeated { Violation::Repeated } else { Violation::UnexpectedElement }))
    }

    fn take(&mut self, ns: &str, name: &str) -> Option<&'a Element> {
        let element = self.place.element.children.get(self.next).filter(|element| element.is(ns, name))?;
        self.next += 1;
        Some(element)
    }

    fn node(&self, element: &'a Element, number: Option<usize>) -> Node<'a> {
        Node::at(Place { element, number, parent: Some(self.place.clone()), before: "" })
    }

    fn refuse(&self, found: &Element, violation: Violation) -> ParseError {
        ParseError::schema(violation, format!("{}/{}", self.place.path(), shown(&found.name)))
    }
}

/// A name from the message, cut so that an error stays short.
fn shown(name: &str) -> String {
    name.chars().take(NAME_IN_PATH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, parse};

    const NS: &str = "urn:t";

    fn tree(body: &str) -> Element {
        let xsi = format!("xmlns:xsi=\"{XSI}\" xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"");
        parse(format!("<Op xmlns=\"{NS}\" {xsi}>{body}</Op>").as_bytes(), &Limits::default()).unwrap()
    }

    /// A model with each kind of particle: a, b?, item*, (c: int).
    fn read(body: &str) -> Result<(String, Option<String>, Vec<String>, i32), ParseError> {
        let tree = tree(body);
        let mut cursor = Node::root(&tree).children()?;
        let a = cursor.required(NS, "a")?.text()?.to_owned();
        let b = match cursor.optional(NS, "b")? {
            Some(b) => Some(b.text()?.to_owned()),
            None => None,
        };
        let mut items = Vec::new();
        for item in cursor.many(NS, "item", 2)? {
            items.push(item.text()?.to_owned());
        }
        let c = cursor.required(NS, "c")?.value("xsd:int")?;
        cursor.end()?;
        Ok((a, b, items, c))
    }

    #[track_caller]
    fn refused(body: &str, kind: &str, path: &str) {
        let error = read(body).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let ParseError::Schema { path: found, .. } = &error else { panic!("{error}") };
        assert_eq!(found, path, "{error}");
    }

    #[test]
    fn the_model_is_read_in_order() {
        assert_eq!(
            read("<a>1 </a> <b>2</b><item>x</item>\n<item>y</item><c> 7\n</c>"),
            Ok(("1 ".into(), Some("2".into()), vec!["x".into(), "y".into()], 7))
        );
        assert_eq!(read("<a/><c>-7</c>"), Ok((String::new(), None, vec![], -7)));
    }

    #[test]
    fn each_deviation_has_its_kind_and_path() {
        refused("<c>1</c>", "missing_element", "/Op/a");
        refused("<a/>", "missing_element", "/Op/c");
        refused("", "missing_element", "/Op/a");
        refused("<c>1</c><a/>", "element_out_of_order", "/Op/c");
        refused("<a xmlns=\"\"/><c>1</c>", "wrong_namespace", "/Op/a");
        refused("<a/><c>1</c><c>2</c>", "repeated_element", "/Op/c");
        refused("<a/><item/><item/><item/><c>1</c>", "repeated_element", "/Op/item[3]");
        refused("<a/><c>1</c><evil/>", "unexpected_element", "/Op/evil");
        refused("<a/>x<c>1</c>", "unexpected_text", "/Op");
        refused("<a><c/></a><c>1</c>", "unexpected_children", "/Op/a");
        refused("<a x=\"1\"/><c>1</c>", "unexpected_attribute", "/Op/a");
        refused("<a xsi:other=\"1\"/><c>1</c>", "unexpected_attribute", "/Op/a");
        for bad in ["ten", "99999999999", "", "1 2"] {
            refused(&format!("<a/><c>{bad}</c>"), "bad_value", "/Op/c");
        }
    }

    #[test]
    fn nil_is_absence_where_absence_is_allowed() {
        assert_eq!(read("<a/><b xsi:nil=\"true\"/><c>1</c>"), Ok((String::new(), None, vec![], 1)));
        assert_eq!(
            read("<a xsi:nil=\"0\">x</a><b xsi:nil=\" 1 \"/><c>1</c>"),
            Ok(("x".into(), None, vec![], 1))
        );
        refused("<a xsi:nil=\"true\"/><c>1</c>", "nil", "/Op/a");
        refused("<a/><item xsi:nil=\"1\"/><c>1</c>", "nil", "/Op/item[1]");
        refused("<a/><b xsi:nil=\"true\">x</b><c>1</c>", "nil", "/Op/b");
        refused("<a/><b xsi:nil=\"yes\"/><c>1</c>", "bad_value", "/Op/b");
    }

    #[test]
    fn a_type_must_be_the_declared_one() {
        let xsd = "http://www.w3.org/2001/XMLSchema";
        let named = tree("<a xsi:type=\"xs:string\">v</a>");
        let node = || Node::root(&named).children().and_then(|mut cursor| cursor.required(NS, "a")).unwrap();
        assert_eq!(node().of_type(xsd, "string").and_then(|a| a.text()), Ok("v"));
        assert_eq!(node().of_type(xsd, "int").map(|_| ()).unwrap_err().kind(), "foreign_type");
        assert_eq!(node().text().unwrap_err().kind(), "foreign_type");
        for unknown in ["nowhere:string", "not a name", ""] {
            let tree = tree(&format!("<a xsi:type=\"{unknown}\">v</a>"));
            let a = Node::root(&tree).children().and_then(|mut cursor| cursor.required(NS, "a")).unwrap();
            assert_eq!(a.of_type("", "string").map(|_| ()).unwrap_err().kind(), "foreign_type", "{unknown}");
        }
    }

    #[test]
    fn errors_stay_short() {
        let long = "x".repeat(5000);
        let error = read(&format!("<a/><c>1</c><{long}/>")).unwrap_err();
        assert!(error.to_string().len() < 150, "{error}");
    }
}
