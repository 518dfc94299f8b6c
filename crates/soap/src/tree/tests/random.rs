//! Random trees and random text: what is written is read back, and nothing makes the parser panic.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::*;
use super::utf16;
use crate::lexical::is_char;

/// Writes a tree with one prefix per element and every special character escaped.
fn write(element: &Element, out: &mut String) {
    let escape = |text: &str| text.chars().map(|c| format!("&#{};", u32::from(c))).collect::<String>();
    let prefix = if element.ns.is_empty() { "" } else { "e:" };
    out.push_str(&format!("<{prefix}{}", element.name));
    if !element.ns.is_empty() {
        out.push_str(&format!(" xmlns:e=\"{}\"", escape(&element.ns)));
    }
    for (n, attribute) in element.attributes.iter().enumerate() {
        let value = escape(&attribute.value);
        if attribute.ns.is_empty() {
            out.push_str(&format!(" {}='{value}'", attribute.name));
        } else {
            out.push_str(&format!(
                " xmlns:n{n}='{}' n{n}:{}='{value}'",
                escape(&attribute.ns),
                attribute.name
            ));
        }
    }
    out.push('>');
    out.push_str(&escape(&element.text));
    for child in &element.children {
        write(child, out);
    }
    out.push_str(&format!("</{prefix}{}>", element.name));
}

fn any_text() -> impl Strategy<Value = String> {
    proptest::collection::vec(any::<char>().prop_filter("XML character", |&c| is_char(c)), 0..8)
        .prop_map(|characters| characters.into_iter().collect())
}

fn any_element() -> impl Strategy<Value = Element> {
    let namespace = || prop_oneof![Just(""), Just("u:1"), Just("u:2&<'\"")].prop_map(Arc::<str>::from);
    let attribute = (namespace(), "[a-c]", any_text()).prop_map(|(ns, name, value)| Attribute {
        ns,
        name: name.into(),
        value: value.into(),
    });
    let attributes = proptest::collection::vec(attribute, 0..4).prop_map(|mut attributes: Vec<Attribute>| {
        let mut seen = Vec::new();
        attributes.retain(|a| {
            let new = !seen.contains(&(a.ns.clone(), a.name.clone()));
            seen.push((a.ns.clone(), a.name.clone()));
            new
        });
        attributes
    });
    let leaf = (namespace(), "[a-zA-Z_][a-z0-9.-]{0,5}", attributes, any_text()).prop_map(
        |(ns, name, attributes, text)| Element {
            ns,
            name: name.into(),
            attributes,
            xsi_type: None,
            text: text.into(),
            children: vec![],
        },
    );
    leaf.prop_recursive(4, 24, 4, |inner| {
        (inner.clone(), proptest::collection::vec(inner, 0..4))
            .prop_map(|(element, children)| Element { children, ..element })
    })
}

/// Pieces that together are sometimes XML and mostly almost.
fn almost_xml() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(vec![
            "<a>",
            "</a>",
            "<a/>",
            "<p:a xmlns:p='u'>",
            "</p:a>",
            "<b c='1'",
            " d=\"2\"",
            ">",
            "/>",
            "<",
            "&",
            ";",
            "&lt;",
            "&#65;",
            "&#x",
            "<!--",
            "-->",
            "<!-->",
            "<![CDATA[",
            "]]>",
            "<!DOCTYPE",
            "<!",
            "<?",
            "?>",
            "<??>",
            "<?xml version='1.0'?>",
            "xmlns='u'",
            "xmlns:p=''",
            "'",
            "\"",
            "=",
            " ",
            "\r\n",
            "\u{FEFF}",
            "[",
            "]",
            "--",
            "<!ENTITY",
            "%p;",
            "\u{E9}",
        ])
        .prop_map(str::to_owned),
        any_text(),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_written_tree_is_read_back(element in any_element()) {
        let mut text = String::new();
        write(&element, &mut text);
        let read = parse(text.as_bytes(), &Limits::default());
        prop_assert_eq!(read.as_ref(), Ok(&element), "{}", text);
        prop_assert_eq!(parse(&utf16(&text, u16::to_be_bytes), &Limits::default()), read);
    }

    #[test]
    fn a_cut_message_is_refused(element in any_element(), cut in 0usize..100) {
        let mut text = String::new();
        write(&element, &mut text);
        let kept = text.floor_char_boundary(text.len() * cut / 100);
        prop_assert!(parse(&text.as_bytes()[..kept], &Limits::default()).is_err());
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes, &Limits::default());
    }

    #[test]
    fn no_text_panics(text in almost_xml()) {
        let small = Limits { depth: 3, nodes: 8, attributes: 1, text_bytes: 9, namespaces: 1, ..Limits::default() };
        for limits in [Limits::default(), small] {
            if let Err(error) = parse(text.as_bytes(), &limits) {
                prop_assert!(!error.to_string().is_empty());
            }
            let _ = parse(&utf16(&text, u16::to_le_bytes), &limits);
        }
    }

    #[test]
    fn what_is_accepted_is_within_the_limits(text in almost_xml()) {
        fn nodes(element: &Element, depth: usize) -> usize {
            assert!(depth <= 3 && element.attributes.len() <= 1 && element.text.len() <= 9);
            1 + element.attributes.len() + element.children.iter().map(|c| nodes(c, depth + 1)).sum::<usize>()
        }
        let limits = Limits { depth: 3, nodes: 8, attributes: 1, text_bytes: 9, ..Limits::default() };
        if let Ok(root) = parse(format!("<r>{text}</r>").as_bytes(), &limits) {
            prop_assert!(nodes(&root, 1) <= 8);
        }
    }
}
