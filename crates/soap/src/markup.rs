//! Takes a message apart at its angle brackets and ampersands: the part of XML 1.0 that SOAP leaves of productions 15 to
//! 23, 40 to 44 and 66 to 68. What a piece holds is for [`tree`](crate::tree) to check.

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

type Taken<'t> = Result<(Piece<'t>, &'t str), Malformed>;

/// Takes the next piece off a text that is not empty.
pub(crate) fn next_piece<'t>(rest: &mut &'t str) -> Result<Piece<'t>, Malformed> {
    let (piece, after) = match rest.as_bytes() {
        [b'<', b'/', ..] => end_tag(&rest[2..])?,
        [b'<', b'!', ..] => comment_or_cdata(&rest[2..])?,
        [b'<', b'?', ..] => declaration(&rest[2..])?,
        [b'<', ..] => tag(&rest[1..])?,
        [b'&', ..] => reference(&rest[1..])?,
        bytes => {
            let end = bytes.iter().position(|b| matches!(b, b'<' | b'&')).unwrap_or(bytes.len());
            (Piece::Text(&rest[..end]), &rest[end..])
        }
    };
    *rest = after;
    Ok(piece)
}

/// Attribute values may hold `>`.
fn tag(rest: &str) -> Taken<'_> {
    let ends_or_quotes = |b: &u8| matches!(b, b'>' | b'"' | b'\'');
    let mut end = 0;
    while let Some(found) = rest.as_bytes()[end..].iter().position(ends_or_quotes) {
        end += found;
        let after = &rest[end + 1..];
        let quote = match rest.as_bytes()[end] {
            b'"' => '"',
            b'\'' => '\'',
            _ => {
                let inside = &rest[..end];
                return Ok((inside.strip_suffix('/').map_or(Piece::Start(inside), Piece::Empty), after));
            }
        };
        end += after.find(quote).ok_or(Malformed::Truncated)? + 2;
    }
    Err(Malformed::Truncated)
}

fn end_tag(rest: &str) -> Taken<'_> {
    let (name, after) = rest.split_once('>').ok_or(Malformed::Truncated)?;
    Ok((Piece::End(name.trim_end_matches(is_space)), after))
}

fn reference(rest: &str) -> Taken<'_> {
    match rest.find([';', '<', '&']) {
        Some(end) if rest[end..].starts_with(';') => Ok((Piece::Reference(&rest[..end]), &rest[end + 1..])),
        _ => Err(Malformed::Reference),
    }
}

fn comment_or_cdata(rest: &str) -> Taken<'_> {
    if let Some(inside) = rest.strip_prefix("--") {
        let (_, after) = inside.split_once("--").ok_or(Malformed::Truncated)?;
        return match after.strip_prefix('>') {
            Some(after) => Ok((Piece::Comment, after)),
            None if after.is_empty() => Err(Malformed::Truncated),
            None => Err(Malformed::Comment),
        };
    }
    if let Some(inside) = rest.strip_prefix("[CDATA[") {
        let (text, after) = inside.split_once("]]>").ok_or(Malformed::Truncated)?;
        return Ok((Piece::Cdata(text), after));
    }
    let is_dtd = rest.get(..7).is_some_and(|word| word.eq_ignore_ascii_case("DOCTYPE"));
    Err(if is_dtd { Malformed::Dtd } else { Malformed::Markup })
}

/// Other processing instructions are not looked at any further.
fn declaration(rest: &str) -> Taken<'_> {
    let inside = rest.strip_prefix("xml").filter(|i| i.starts_with(is_space) || i.starts_with('?'));
    let inside = inside.ok_or(Malformed::ProcessingInstruction)?;
    let (text, after) = inside.split_once("?>").ok_or(Malformed::Truncated)?;
    Ok((Piece::Declaration(text), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(mut text: &str) -> Result<Vec<Piece<'_>>, Malformed> {
        let mut out = vec![];
        while !text.is_empty() {
            out.push(next_piece(&mut text)?);
        }
        Ok(out)
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
            ("<!doctypé", Malformed::Markup),
            ("<!Doctype", Malformed::Dtd),
            ("&lt", Malformed::Reference),
            ("&a<b;", Malformed::Reference),
            ("&&", Malformed::Reference),
        ] {
            assert_eq!(pieces(text), Err(kind), "{text}");
        }
    }
}
