//! What a Rust source names. Read from its tokens, so that attributes and the bodies of macros count as code does.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A path or a single word, where it stands.
#[derive(Debug, PartialEq, Eq)]
pub struct Name {
    /// Counts from 1.
    pub line: usize,
    /// `crate::store::Db` and every way to write it from where it stands give `["crate", "store", "Db"]`; other paths
    /// stay as they are written. A glob ends with `*`.
    pub path: Vec<String>,
    /// What follows: `!` of a macro call, `(` of a call, else a space.
    pub then: char,
}

/// A text in quotation marks, where it stands.
pub struct Text {
    pub line: usize,
    pub text: String,
}

/// All names and texts of one file.
#[derive(Default)]
pub struct Names {
    pub names: Vec<Name>,
    pub texts: Vec<Text>,
}

impl Names {
    /// Reads a source that stands in this module of its crate (`["api", "own"]`; the root: empty).
    ///
    /// # Panics
    /// When it is no Rust.
    pub fn of(source: &str, module: &[&str]) -> Self {
        syn::parse_file(source).expect("a source file parses");
        let tokens: TokenStream = source.parse().expect("what parses has tokens");
        let mut names = Self::default();
        let module: Vec<_> = module.iter().map(|m| (*m).to_owned()).collect();
        names.walk(tokens, &module, &[]);
        names
    }

    /// `prefix` is what stands before the braces of a use tree.
    fn walk(&mut self, tokens: TokenStream, module: &[String], prefix: &[String]) {
        let trees: Vec<_> = tokens.into_iter().collect();
        let mut at = 0;
        while at < trees.len() {
            at = match &trees[at] {
                TokenTree::Ident(word) if word == "mod" && body(trees.get(at + 2)).is_some() => {
                    let inner = body(trees.get(at + 2)).expect("just seen");
                    let name = trees[at + 1].to_string();
                    self.walk(inner.stream(), &[module, &[name]].concat(), &[]);
                    at + 3
                }
                TokenTree::Ident(_) => self.path(&trees, at, module, prefix),
                TokenTree::Punct(p) if p.as_char() == '*' && !prefix.is_empty() => {
                    self.found(p.span().start().line, &[prefix, &["*".to_owned()]].concat(), module, ' ');
                    at + 1
                }
                TokenTree::Group(group) => {
                    // Braces of a use tree in braces (`a::{b::{c}}`) are met in `path`; these begin anew.
                    self.walk(group.stream(), module, &[]);
                    at + 1
                }
                TokenTree::Literal(literal) => {
                    if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                        let line = literal.span().start().line;
                        self.texts.push(Text { line, text: text.value() });
                    }
                    at + 1
                }
                TokenTree::Punct(_) => at + 1,
            };
        }
    }

    /// Reads the path that begins here, and says where it ends.
    fn path(&mut self, trees: &[TokenTree], begin: usize, module: &[String], prefix: &[String]) -> usize {
        let line = trees[begin].span().start().line;
        let mut path = [prefix, &[trees[begin].to_string()]].concat();
        let mut at = begin + 1;
        while is(trees.get(at), ':') && is(trees.get(at + 1), ':') {
            match trees.get(at + 2) {
                Some(TokenTree::Ident(word)) => path.push(word.to_string()),
                Some(TokenTree::Punct(star)) if star.as_char() == '*' => path.push("*".to_owned()),
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    self.walk(group.stream(), module, &path);
                    return at + 3;
                }
                _ => break,
            }
            at += 3;
        }
        let then = match trees.get(at) {
            Some(TokenTree::Punct(p)) if p.as_char() == '!' => '!',
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => '(',
            _ => ' ',
        };
        if matches!(trees.get(at), Some(TokenTree::Ident(word)) if word == "as") {
            // `use crate as c` takes the root under another name, as `use crate::*` does.
            if matches!(path[0].as_str(), "crate" | "super" | "telvisor") {
                path.push("self".to_owned());
            }
            at += 2;
        }
        self.found(line, &path, module, then);
        at
    }

    fn found(&mut self, line: usize, path: &[String], module: &[String], then: char) {
        let path = absolute(path, module);
        self.names.push(Name { line, path, then });
    }
}

/// The path from the crate's root, where it begins in the crate.
fn absolute(path: &[String], module: &[String]) -> Vec<String> {
    let mut base = match path[0].as_str() {
        "crate" | "telvisor" => vec![],
        "self" | "super" if path.len() > 1 => module.to_vec(),
        _ => return path.to_vec(),
    };
    let mut rest = path;
    while let [first, others @ ..] = rest {
        match first.as_str() {
            "super" => drop(base.pop()),
            "crate" | "telvisor" | "self" => {}
            _ => break,
        }
        rest = others;
    }
    base.insert(0, "crate".to_owned());
    // A path that ends at the root stays distinguishable from the keyword in `pub(crate)`.
    if base.len() == 1 && rest.is_empty() && path.len() > 1 {
        base.push("*".to_owned());
    }
    [&base, rest].concat()
}

fn body(tree: Option<&TokenTree>) -> Option<&Group> {
    match tree {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => Some(group),
        _ => None,
    }
}

fn is(tree: Option<&TokenTree>, mark: char) -> bool {
    matches!(tree, Some(TokenTree::Punct(p)) if p.as_char() == mark)
}
