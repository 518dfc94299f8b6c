//! Why a message was refused.

use std::fmt;

/// A refused message. The three variants are the three answers that a SOAP door gives: the bytes are not
/// XML that SOAP allows, they ask for too much, or the XML is not what the operation's schema says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not well-formed, or well-formed XML that a SOAP message may not contain.
    #[error("{kind} at {at}")]
    Malformed {
        /// What is wrong.
        kind: Malformed,
        /// Where it was seen.
        at: Position,
    },
    /// More of something than [`Limits`](crate::Limits) allows.
    #[error("more than {max} {limit} at {at}")]
    Limit {
        /// Which limit.
        limit: Limit,
        /// The largest value that would have been accepted.
        max: usize,
        /// Where the limit was passed.
        at: Position,
    },
    /// Well-formed, but not the content that the cursor was told to expect.
    #[error("{path}: {violation}")]
    Schema {
        /// What is wrong.
        violation: Violation,
        /// Local names from the root, as in `/Envelope/Body/item[2]`.
        path: String,
    },
}

impl ParseError {
    /// A stable name of the refusal, fit for logs, metrics and tests; never localised, never changed.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Malformed { kind, .. } => kind.name(),
            Self::Limit { limit, .. } => limit.name(),
            Self::Schema { violation, .. } => violation.name(),
        }
    }

    pub(crate) fn schema(violation: Violation, path: impl Into<String>) -> Self {
        Self::Schema { violation, path: path.into() }
    }
}

/// A place in the decoded text, both numbers from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Character in the line, from 1.
    pub column: usize,
}

impl Position {
    /// The start of the message.
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    /// The position of a byte offset, which may be past the end of the text or inside a character.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = &text[..text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.bytes().filter(|&byte| byte == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Gives each variant of a plain enum its stable name and its text, side by side.
macro_rules! kinds {
    ($(#[$meta:meta])* $type:ident { $($(#[$doc:meta])* $variant:ident => $name:literal, $text:literal;)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $type { $($(#[$doc])* $variant,)* }

        impl $type {
            /// The stable name of this kind.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $text,)* })
            }
        }
    };
}

kinds! {
    /// What makes a message no XML for SOAP.
    Malformed {
        /// No bytes, or no element in them.
        Empty => "empty_message", "there is no XML element";
        /// Declared as something else than UTF-8 or UTF-16, or not as what the byte order mark says.
        Encoding => "unsupported_encoding", "the encoding is not UTF-8, or UTF-16 with a byte order mark, as declared";
        /// Bytes that the encoding does not allow.
        Bytes => "invalid_bytes", "bytes that are not valid in the encoding";
        /// A character that XML 1.0 does not allow.
        Character => "illegal_character", "a character that XML does not allow";
        /// `<!` that starts neither a comment nor a CDATA section.
        Markup => "bad_markup", "markup that XML does not know";
        /// `<!DOCTYPE ...>` of any kind.
        Dtd => "dtd", "a document type declaration is not allowed";
        /// `<?target ...?>`, which the Basic Profile forbids.
        ProcessingInstruction => "processing_instruction", "a processing instruction is not allowed";
        /// `&name;` besides lt, gt, amp, apos and quot.
        Entity => "unknown_entity", "an entity that XML does not define";
        /// `&#...;` that is no number or names no XML character, or a bare `&`.
        Reference => "bad_reference", "a reference that is not complete or names no XML character";
        /// An XML declaration that is misplaced, not of version 1.0 or badly written.
        Declaration => "bad_declaration", "the XML declaration is misplaced or wrong";
        /// An element or attribute name that is not `name` or `prefix:name`.
        Name => "bad_name", "a name that XML with namespaces does not allow";
        /// Attributes without quotes, without space between them, or with `<` in the value.
        AttributeSyntax => "bad_attribute", "an attribute that is badly written";
        /// The same attribute twice, by namespace and local name.
        DuplicateAttribute => "duplicate_attribute", "the same attribute twice in one tag";
        /// A prefix that no `xmlns:` in scope declares.
        UndeclaredPrefix => "undeclared_prefix", "a prefix that is not declared";
        /// A namespace declaration that rebinds a reserved name or unbinds a prefix.
        NamespaceDeclaration => "bad_namespace_declaration", "a namespace declaration that is not allowed";
        /// An end tag that closes nothing, or something else.
        EndTag => "mismatched_end_tag", "an end tag that does not match its start tag";
        /// The message ends inside markup or with open elements.
        Truncated => "truncated", "the message ends before its markup does";
        /// Text, CDATA, a reference or a second element outside the root element.
        OutsideRoot => "content_outside_root", "content outside the root element";
        /// `--` inside a comment.
        Comment => "bad_comment", "a comment that contains two hyphens";
        /// `]]>` in plain text.
        CdataEnd => "cdata_end_in_text", "the end of a CDATA section in plain text";
    }
}

kinds! {
    /// What a message has too much of.
    Limit {
        /// Bytes of the message as received.
        Bytes => "too_many_bytes", "bytes";
        /// Elements inside elements.
        Depth => "too_deep", "levels of elements";
        /// Elements, attributes, comments and CDATA sections together.
        Nodes => "too_many_nodes", "nodes";
        /// Attributes in one tag.
        Attributes => "too_many_attributes", "attributes in a tag";
        /// Bytes of one start tag.
        TagBytes => "tag_too_long", "bytes in a tag";
        /// Bytes of the joined text of one element.
        TextBytes => "text_too_long", "bytes of text in an element";
        /// Namespace declarations in scope at once.
        Namespaces => "too_many_namespaces", "namespace declarations in scope";
        /// Bytes of one namespace name.
        NamespaceBytes => "namespace_too_long", "bytes in a namespace name";
    }
}

/// How the content of an element differs from what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// The element at the path is required and absent.
    Missing,
    /// The element at the path is known, but stands before one that must come first.
    OutOfOrder {
        /// Local name of the element that was expected here.
        expected: String,
    },
    /// The element at the path has the expected local name in another namespace.
    WrongNamespace {
        /// The namespace that was expected; empty for none.
        expected: String,
    },
    /// The element at the path occurs more often than allowed.
    Repeated,
    /// The element at the path is not known here.
    UnexpectedElement,
    /// The element at the path has an attribute that is not known here.
    UnexpectedAttribute {
        /// Local name of the attribute.
        name: String,
    },
    /// The element at the path has text between its children.
    UnexpectedText,
    /// The element at the path must be text and has children.
    UnexpectedChildren,
    /// `xsi:nil` on an element that must have a value, or a nil element with content.
    Nil,
    /// `xsi:type` names another type than the declared one.
    ForeignType,
    /// The text of the element at the path is not a value of its type.
    BadValue {
        /// What the value should be, such as `xsd:int`.
        expected: &'static str,
    },
}

impl Violation {
    /// The stable name of this kind.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Missing => "missing_element",
            Self::OutOfOrder { .. } => "element_out_of_order",
            Self::WrongNamespace { .. } => "wrong_namespace",
            Self::Repeated => "repeated_element",
            Self::UnexpectedElement => "unexpected_element",
            Self::UnexpectedAttribute { .. } => "unexpected_attribute",
            Self::UnexpectedText => "unexpected_text",
            Self::UnexpectedChildren => "unexpected_children",
            Self::Nil => "nil",
            Self::ForeignType => "foreign_type",
            Self::BadValue { .. } => "bad_value",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("this element is required and missing"),
            Self::OutOfOrder { expected } => write!(f, "{expected} must come before this element"),
            Self::WrongNamespace { expected } if expected.is_empty() => {
                f.write_str("this element must be in no namespace")
            }
            Self::WrongNamespace { expected } => write!(f, "this element must be in namespace {expected}"),
            Self::Repeated => f.write_str("this element occurs too often"),
            Self::UnexpectedElement => f.write_str("this element is not known here"),
            Self::UnexpectedAttribute { name } => write!(f, "the attribute {name} is not known here"),
            Self::UnexpectedText => f.write_str("text is not allowed between the children of this element"),
            Self::UnexpectedChildren => f.write_str("this element holds text only, not elements"),
            Self::Nil => {
                f.write_str("this element must have a value; xsi:nil is not allowed with or instead of it")
            }
            Self::ForeignType => f.write_str("xsi:type names another type than the declared one"),
            Self::BadValue { expected } => write!(f, "the value is not a valid {expected}"),
        }
    }
}
