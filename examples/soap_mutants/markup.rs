//! Messages made wrong by chance in their markup: what well-formedness is about, and no schema.

use serde_json::{Value, json};
use telvisor_soap::{Element, Limits, parse};

use crate::values::Random;

/// Something of everything that a message may have.
const ORNATE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<p:a xmlns:p=\"u:1\" xmlns='u:2' b='1' p:c=\"&lt;2&#10;\n\">\
    <!-- c --><d xml:lang='en'>x &amp; y\r\n<![CDATA[<z>\r]]>\r</d ><e xmlns='' f=\"g'>h\"/>&#x1F600;<p:i /><p:i\n/></p:a>\n";

const PIECES: [&str; 44] = [
    "<a>",
    "</a>",
    "<a/>",
    "</d>",
    "<d>",
    "<p:a>",
    "</p:a>",
    " xmlns:p='u:3'",
    " xmlns=''",
    " xmlns='u:2'",
    " xmlns:p=''",
    " p:b='1'",
    " b=\"2\"",
    " xml:lang='x'",
    " xmlns:xml='u'",
    ">",
    "/>",
    "<",
    "&",
    ";",
    "&lt;",
    "&#65;",
    "&#x",
    "&#0;",
    "&nbsp;",
    "<!--",
    "-->",
    "--",
    "<!---->",
    "<![CDATA[",
    "]]>",
    "]]",
    "<!DOCTYPE a>",
    "<?",
    "?>",
    "<?xml version='1.0'?>",
    "'",
    "\"",
    "=",
    " ",
    "\r\n",
    "\u{1}",
    "\u{FEFF}",
    "é",
];

/// A message with some changes; the fewer there are, the more often it is still right.
pub fn message(random: &mut Random) -> String {
    let mut text: Vec<char> = ORNATE.chars().collect();
    for _ in 0..=random.below(2) {
        let at = random.below(text.len());
        let to = (at + 1 + random.below(12)).min(text.len());
        match random.below(5) {
            0 => drop(text.drain(at..to)),
            1 => drop(text.remove(at)),
            2 => {
                let part = text[at..to].to_vec();
                let other = random.below(text.len());
                text.splice(other..other, part);
            }
            _ => drop(text.splice(at..at, random.word(&PIECES).chars())),
        }
    }
    text.into_iter().collect()
}

/// What we make of a message: the kind of the refusal, or the tree.
pub fn read(message: &str) -> Value {
    match parse(message.as_bytes(), &Limits::default()) {
        Ok(root) => json!({ "message": message, "tree": shown(&root) }),
        Err(e) => json!({ "message": message, "kind": e.kind() }),
    }
}

/// Namespace, name, attributes by name, text without what stands between, and children.
fn shown(e: &Element) -> Value {
    let mut attributes: Vec<_> = e.attributes.iter().map(|a| (&*a.ns, &*a.name, &*a.value)).collect();
    attributes.sort_unstable();
    json!([
        &*e.ns,
        e.name.as_str(),
        attributes,
        e.text.as_str(),
        e.children.iter().map(shown).collect::<Vec<_>>()
    ])
}
