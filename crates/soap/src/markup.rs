//! Takes a message apart at its angle brackets and ampersands. What a piece holds, and whether the pieces fit together,
//! is for [`tree`](crate::tree) to check.

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::events::Event;

use crate::error::Malformed;
use crate::lexical::is_space;

/// One piece of a message, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    /// A start tag: what stands between its brackets.
    Start(&'t str),
    /// The tag of an empty element: what stands before `/>`.
    Empty(&'t str),
    /// An end tag: its name.
    End(&'t str),
    /// Text without markup and references.
    Text(&'t str),
    /// What stands between `&` and `;`.
    Reference(&'t str),
    /// The content of a CDATA section.
    Cdata(&'t str),
    Comment,
    /// What stands in `<?xml` and `?>`.
    Declaration(&'t str),
}

/// The pieces of a message, one after the other.
pub(crate) struct Pieces<'t> {
    text: &'t str,
    reader: Reader<&'t [u8]>,
}

impl<'t> Pieces<'t> {
    /// # Errors
    /// For a byte order mark in the text, of which the reader would take no notice.
    pub(crate) fn of(text: &'t str) -> Result<Self, Malformed> {
        if text.starts_with('\u{FEFF}') {
            return Err(Malformed::OutsideRoot);
        }
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.check_comments = true;
        // The tree knows what is open.
        (config.check_end_names, config.allow_unmatched_ends) = (false, true);
        Ok(Self { text, reader })
    }

    /// Where the next piece begins, in octets.
    pub(crate) fn at(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    /// The next piece; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Piece<'t>>, Malformed> {
        let start = self.at();
        let event = self.reader.read_event().map_err(|e| malformed(&e))?;
        let whole = &self.text[start..self.at()];
        let inside = |before: usize, after: usize| &whole[before..whole.len() - after];
        Ok(Some(match event {
            Event::Start(_) => Piece::Start(inside(1, 1)),
            Event::Empty(_) => Piece::Empty(inside(1, 2)),
            Event::End(_) => Piece::End(inside(2, 1).trim_end_matches(is_space)),
            Event::Text(_) => Piece::Text(whole),
            Event::GeneralRef(_) => Piece::Reference(inside(1, 1)),
            Event::CData(_) => Piece::Cdata(inside("<![CDATA[".len(), "]]>".len())),
            Event::Comment(_) => Piece::Comment,
            Event::Decl(_) => Piece::Declaration(inside("<?xml".len(), "?>".len())),
            Event::PI(_) => return Err(Malformed::ProcessingInstruction),
            Event::DocType(_) => return Err(Malformed::Dtd),
            Event::Eof => return Ok(None),
        }))
    }
}

fn malformed(error: &Error) -> Malformed {
    match error {
        Error::Syntax(SyntaxError::InvalidBangMarkup) => Malformed::Markup,
        Error::Syntax(SyntaxError::UnclosedDoctype)
        | Error::IllFormed(IllFormedError::MissingDoctypeName) => Malformed::Dtd,
        Error::Syntax(_) | Error::IllFormed(IllFormedError::MissingEndTag(_)) => Malformed::Truncated,
        Error::IllFormed(IllFormedError::UnmatchedEndTag(_) | IllFormedError::MismatchedEndTag { .. }) => {
            Malformed::EndTag
        }
        Error::IllFormed(IllFormedError::DoubleHyphenInComment) => Malformed::Comment,
        Error::IllFormed(IllFormedError::UnclosedReference) | Error::Escape(_) => Malformed::Reference,
        Error::IllFormed(IllFormedError::MissingDeclVersion(_) | IllFormedError::UnknownVersion) => {
            Malformed::Declaration
        }
        Error::InvalidAttr(_) => Malformed::AttributeSyntax,
        Error::Encoding(_) | Error::Io(_) => Malformed::Bytes,
        Error::Namespace(_) => Malformed::NamespaceDeclaration,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Malformed> {
        let mut pieces = Pieces::of(text)?;
        std::iter::from_fn(|| pieces.next().transpose()).collect()
    }

    #[test]
    fn a_message_in_pieces() {
        use Piece::{Cdata, Comment, Declaration, Empty, End, Reference, Start, Text};
        let text = "<?xml version='1.0'?>\n<a b='>' c=\"'/>\">x&lt;<!-- > -- --><b/ ><c d='/'/></a \n>";
        assert_eq!(pieces(text), Err(Malformed::Comment));
        let text = text.replace(" > -- ", " > - <&");
        assert_eq!(
            pieces(&text),
            Ok(vec![
                Declaration(" version='1.0'"),
                Text("\n"),
                Start("a b='>' c=\"'/>\""),
                Text("x"),
                Reference("lt"),
                Comment,
                Start("b/ "),
                Empty("c d='/'"),
                End("a"),
            ])
        );
        assert_eq!(pieces("<![CDATA[<a>&]]]]><!---->>"), Ok(vec![Cdata("<a>&]]"), Comment, Text(">")]));
    }

    #[test]
    fn what_does_not_end_or_is_forbidden() {
        for (text, kind) in [
            ("<a", Malformed::Truncated),
            ("<a b='>", Malformed::Truncated),
            ("</a", Malformed::Truncated),
            ("<!-->", Malformed::Truncated),
            ("<!-- --", Malformed::Truncated),
            ("<!-- --->", Malformed::Comment),
            ("<![CDATA[]]", Malformed::Truncated),
            ("<?xml ", Malformed::Truncated),
            ("<?xmlx?>", Malformed::ProcessingInstruction),
            ("<!", Malformed::Markup),
            ("<!doctypé", Malformed::Dtd),
            ("<!Doctype", Malformed::Dtd),
            ("&lt", Malformed::Reference),
            ("&a<b;", Malformed::Reference),
            ("&&", Malformed::Reference),
        ] {
            assert_eq!(pieces(text), Err(kind), "{text}");
        }
    }
}
