use std::time::Instant;

use super::*;

mod random;

fn tree(text: &str) -> Element {
    parse(text.as_bytes(), &Limits::default()).unwrap()
}

#[track_caller]
fn refused(bytes: impl AsRef<[u8]>, kind: &str) {
    let bytes = bytes.as_ref();
    let answer = parse(bytes, &Limits::default());
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
    assert_eq!(answer.err().map(|error| error.kind()), Some(kind), "{start}");
}

fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(to_bytes).collect()
}

#[test]
fn namespaces_are_resolved() {
    let root =
        tree("<p:a xmlns:p='u:1' xmlns='u:2' x='1' p:x='2'><b/><b xmlns=''/><p:b xmlns:p='u&#58;3'/></p:a>");
    assert!(root.is("u:1", "a"));
    assert_eq!(root.attribute("", "x"), Some("1"));
    assert_eq!(root.attribute("u:1", "x"), Some("2"));
    assert_eq!(root.attributes.len(), 2);
    let names: Vec<_> = root.children.iter().map(|b| (&*b.ns, b.name.as_str())).collect();
    assert_eq!(names, [("u:2", "b"), ("", "b"), ("u:3", "b")]);
    assert_eq!(tree("<a xml:lang='de'/>").attribute(XML, "lang"), Some("de"));
}

#[test]
fn xsi_type_is_resolved_where_it_stands() {
    let text = format!(
        "<a xmlns:i='{XSI}' xmlns:p='u:1'><b i:type=' p:T ' xmlns:p='u:2'/><c i:type='q:T'/><d/></a>"
    );
    let root = tree(&text);
    let named = |n: usize| root.children[n].xsi_type.as_ref().map(|t| (&*t.ns, t.name.as_str()));
    assert_eq!([named(0), named(1), named(2)], [Some(("u:2", "T")), Some(("", "q:T")), None]);
}

#[test]
fn text_is_joined_over_everything_in_between() {
    for (inside, text) in [
        ("C-<!-- x -->1", "C-1"),
        ("<![CDATA[C-]]>1", "C-1"),
        ("C&#45;&#x31;", "C-1"),
        ("<![CDATA[<&]]>&lt;&amp;&gt;&apos;&quot;", "<&<&>'\""),
        ("a\r\nb\rc&#13;", "a\nb\nc\r"),
        ("a<b>in</b>z", "az"),
        ("<![CDATA[]]]]><![CDATA[>]]>", "]]>"),
        ("]]&gt;", "]]>"),
        (" <!-- <?pi?> <!DOCTYPE x> & -->\n", " \n"),
        ("<![CDATA[<?pi?><!DOCTYPE x>]]>", "<?pi?><!DOCTYPE x>"),
    ] {
        assert_eq!(tree(&format!("<a>{inside}</a>")).text, text, "{inside}");
    }
}

#[test]
fn utf_8_and_utf_16_are_read_and_nothing_else() {
    let plain = tree("<a>caf\u{E9} \u{1F600}</a>");
    let text = "<a>caf\u{E9} \u{1F600}</a>";
    let declared = |label: &str| format!("<?xml version='1.0' encoding='{label}'?>\n{text}");
    for bytes in [
        declared("utf-8").into_bytes(),
        format!("\u{FEFF}{}", declared("UTF-8")).into_bytes(),
        utf16(&declared("UTF-16"), u16::to_le_bytes),
        utf16(&declared("utf-16"), u16::to_be_bytes),
        utf16(text, u16::to_be_bytes),
    ] {
        assert_eq!(parse(&bytes, &Limits::default()).as_ref(), Ok(&plain));
    }
    refused(declared("ISO-8859-1"), "unsupported_encoding");
    refused(declared("UTF-16"), "unsupported_encoding");
    refused(utf16(&declared("UTF-8"), u16::to_le_bytes), "unsupported_encoding");
    refused(b"<?xml version='1.0' encoding='ISO-8859-1'?><a>caf\xE9</a>", "invalid_bytes");
    refused(b"<a>\xFF</a>", "invalid_bytes");
    refused(b"\xFF\xFE<\0a\0/\0>", "invalid_bytes");
    refused(&utf16("<a/>", u16::to_le_bytes)[2..], "illegal_character");
    refused("\u{FEFF}\u{FEFF}<a/>", "content_outside_root");
}

#[test]
fn a_declaration_says_1_0_and_has_its_parts_in_order() {
    for good in [
        "<?xml version=\"1.0\"?><a/>",
        "<?xml version = '1.0' standalone='no' ?>\n<!-- c --><a/><!-- d -->\n",
        "<?xml version='1.0' encoding='UTF-8' standalone='yes'?><a/>",
    ] {
        tree(good);
    }
    for bad in [
        "<?xml?><a/>",
        "<?xml version='1.1'?><a/>",
        "<?xml version='2.0'?><a/>",
        "<?xml encoding='UTF-8' version='1.0'?><a/>",
        "<?xml version='1.0' standalone='yes' encoding='UTF-8'?><a/>",
        "<?xml version='1.0' standalone='maybe'?><a/>",
        "<?xml version='1.0' other='1'?><a/>",
        " <?xml version='1.0'?><a/>",
        "<?xml version='1.0'?><?xml version='1.0'?><a/>",
        "<a><?xml version='1.0'?></a>",
    ] {
        refused(bad, "bad_declaration");
    }
}

#[test]
fn what_soap_forbids_is_refused() {
    refused("<!DOCTYPE a><a/>", "dtd");
    refused("<!DOCTYPE a SYSTEM 'file:///etc/hostname'><a/>", "dtd");
    refused("<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/hostname'>]><a>&e;</a>", "dtd");
    refused("<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://127.0.0.1/'> %p;]><a/>", "dtd");
    refused("<!doctype a><a/>", "dtd");
    refused("<!DOCTYPE", "dtd");
    refused("<a><!DOCTYPE a></a>", "dtd");
    refused("<a><!ELEMENT a ANY></a>", "bad_markup");
    refused("<a><?go now?></a>", "processing_instruction");
    refused("<?go now?><a/>", "processing_instruction");
    refused("<?xml-stylesheet href='x'?><a/>", "processing_instruction");
    refused("<a>&nbsp;</a>", "unknown_entity");
    refused("<a b='&nbsp;'/>", "unknown_entity");
}

#[test]
fn what_is_not_well_formed_is_refused_by_its_kind() {
    for (text, kind) in [
        ("", "empty_message"),
        (" \n", "empty_message"),
        ("<!-- only -->", "empty_message"),
        ("hello", "content_outside_root"),
        ("<a/>junk", "content_outside_root"),
        ("<a/>&#32;", "content_outside_root"),
        ("<a/><![CDATA[]]>", "content_outside_root"),
        ("<a/><b/>", "content_outside_root"),
        ("<a>", "truncated"),
        ("<a><b></b>", "truncated"),
        ("<a><b", "truncated"),
        ("<a><!-- ", "truncated"),
        ("<a><![CDATA[", "truncated"),
        ("<a b='", "truncated"),
        ("<a></b>", "mismatched_end_tag"),
        ("<a></a></a>", "mismatched_end_tag"),
        ("</a>", "mismatched_end_tag"),
        ("<a xmlns:p='u' xmlns:q='u'><p:b></q:b></a>", "mismatched_end_tag"),
        ("<a></a b='1'>", "mismatched_end_tag"),
        ("<a b='1' b='2'/>", "duplicate_attribute"),
        ("<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>", "duplicate_attribute"),
        ("<a xmlns:p='u&#58;1' xmlns:q='u:1' p:b='1' q:b='2'/>", "duplicate_attribute"),
        ("<a xmlns='u' xmlns='v'/>", "duplicate_attribute"),
        ("<a xmlns:p='u' xmlns:p='u'/>", "duplicate_attribute"),
        ("<p:a/>", "undeclared_prefix"),
        ("<a p:b='1'/>", "undeclared_prefix"),
        ("<a><b xmlns:p='u'/><p:c/></a>", "undeclared_prefix"),
        ("<a xmlns:p=''/>", "bad_namespace_declaration"),
        ("<a xmlns:xmlns='u'/>", "bad_namespace_declaration"),
        ("<a xmlns:xml='u'/>", "bad_namespace_declaration"),
        ("<a xmlns:p='http://www.w3.org/2000/xmlns/'/>", "bad_namespace_declaration"),
        ("<a xmlns:p='http&#58;//www.w3.org/XML/1998/namespace'/>", "bad_namespace_declaration"),
        ("<a xmlns='http://www.w3.org/XML/1998/namespace'/>", "bad_namespace_declaration"),
        ("<xmlns:a/>", "bad_name"),
        ("<1a/>", "bad_name"),
        ("<a:b:c/>", "bad_name"),
        ("< a/>", "bad_name"),
        ("<>", "bad_name"),
        ("<a 1b='x'/>", "bad_name"),
        ("<a b c='x'/>", "bad_name"),
        ("<a b/>", "bad_attribute"),
        ("<a b=1/>", "bad_attribute"),
        ("<a b='1'c='2'/>", "bad_attribute"),
        ("<a b='<'/>", "bad_attribute"),
        ("<a>\u{1}</a>", "illegal_character"),
        ("<a b='\u{FFFF}'/>", "illegal_character"),
        ("<a><!-- \u{8} --></a>", "illegal_character"),
        ("<a>&#0;</a>", "bad_reference"),
        ("<a>&#xFFFE;</a>", "bad_reference"),
        ("<a b='&#1;'/>", "bad_reference"),
        ("<a>this & that</a>", "bad_reference"),
        ("<a>&lt</a>", "bad_reference"),
        ("<a>]]></a>", "cdata_end_in_text"),
        ("<a><!-- a -- b --></a>", "bad_comment"),
        ("<a><!-- a ---></a>", "bad_comment"),
    ] {
        refused(text, kind);
    }
}

#[test]
fn errors_say_where() {
    let error = parse("<a>\n  <b>\u{E9}</b>&x;\n</a>".as_bytes(), &Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "an entity that XML does not define at line 2, column 11");
    let error = parse(b"<a>\n<b></c></a>", &Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "an end tag that does not match its start tag at line 2, column 4");
}

#[test]
fn limits_hold_at_the_edge() {
    let limits = Limits {
        bytes: 200,
        depth: 3,
        nodes: 6,
        attributes: 2,
        tag_bytes: 80,
        text_bytes: 5,
        namespaces: 2,
        namespace_bytes: 4,
    };
    for (text, limit) in [
        (format!("<a>{}</a>", " ".repeat(194)), Some("too_many_bytes")),
        ("<a><b><c/></b></a>".into(), None),
        ("<a><b><c><d/></c></b></a>".into(), Some("too_deep")),
        ("<a><b/><b/><b/><b/><b/></a>".into(), None),
        ("<a><b/><b/><b/><b/><b/><b/></a>".into(), Some("too_many_nodes")),
        ("<a><b x='1'/><!-- --><![CDATA[]]><c/></a>".into(), None),
        ("<a><b x='1'/><!-- --><![CDATA[]]><c/><c/></a>".into(), Some("too_many_nodes")),
        ("<a b='1' c='2'/>".into(), None),
        ("<a b='1' c='2' d='3'/>".into(), Some("too_many_attributes")),
        (format!("<a b='{}'/>", "x".repeat(74)), None),
        (format!("<a b='{}'/>", "x".repeat(75)), Some("tag_too_long")),
        ("<a>12<b/>3&#52;<![CDATA[5]]></a>".into(), None),
        ("<a>12<b/>3&#52;<![CDATA[56]]></a>".into(), Some("text_too_long")),
        ("<a xmlns='1' xmlns:b='1234'><c xmlns='' xmlns:d='2'/></a>".into(), Some("too_many_namespaces")),
        ("<a><c xmlns='1' xmlns:b='1234'/><c xmlns='' xmlns:d='2'/></a>".into(), Some("too_many_nodes")),
        ("<a xmlns='12345'/>".into(), Some("namespace_too_long")),
    ] {
        let answer = parse(text.as_bytes(), &limits);
        assert_eq!(answer.as_ref().err().map(ParseError::kind), limit, "{text}: {answer:?}");
    }
}

/// The inputs that made other parsers slow or exhausted their stack. The bound is far above what a linear
/// parser needs in a debug build, and far below what the others took.
#[test]
fn hostile_sizes_are_refused_quickly() {
    let nested: String = "<a>".repeat(300_000);
    let prefixes: String = (0..3000).map(|n| format!("<p{n}:a xmlns:p{n}='u{n}'>")).collect();
    let attributes: String = (0..5000).map(|n| format!(" a{n}='1'")).collect();
    let declarations: String = (0..60).map(|n| format!(" xmlns:p{n}='{n:0100}'")).collect();
    let siblings = "<p0:a/>".repeat(25_000);
    let started = Instant::now();
    refused(&nested, "too_deep");
    refused(&prefixes, "too_deep");
    refused(format!("<a{attributes}/>"), "tag_too_long");
    refused(format!("<a b='{}'/>", "&lt;".repeat(100_000)), "tag_too_long");
    refused(format!("<a>{}</a>", "&lt;".repeat(262_144)), "too_many_bytes");
    refused(format!("<a>{}", "&#x0;".repeat(200_000)), "bad_reference");
    refused(format!("<a{declarations}>{siblings}</a>"), "too_many_nodes");
    refused(format!("<a>{}</a>", "<!---->".repeat(100_000)), "too_many_nodes");
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

#[test]
fn one_namespace_name_is_stored_once() {
    let root = tree(&format!("<a xmlns='{}'><b/><b/></a>", "u".repeat(1000)));
    assert!(Arc::ptr_eq(&root.ns, &root.children[1].ns));
}
