//! Tokens of Rust code, and the paths that they spell.

/// A word, `::`, or any other single character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub text: String,
    /// Counted from 1.
    pub line: usize,
}

impl Token {
    fn is_word(&self) -> bool {
        self.text.starts_with(is_word_character)
    }
}

/// A path as a reader takes it: `use a::{b, c::d}` spells `a::b` and `a::c::d`. The name of a macro
/// has its `!`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SpelledPath {
    pub segments: Vec<String>,
    pub line: usize,
}

impl SpelledPath {
    /// Whether `part`, itself a path, occurs in it: `sync::watch` does in `tokio::sync::watch::Sender`.
    pub(super) fn has(&self, part: &str) -> bool {
        let len = part.split("::").count();
        self.segments
            .windows(len)
            .any(|window| part.split("::").eq(window))
    }
}

pub(super) fn tokenize(code: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while !rest.is_empty() {
            let word = rest.find(|c| !is_word_character(c)).unwrap_or(rest.len());
            let len = match word {
                0 if rest.starts_with("::") => 2,
                0 => rest.chars().next().map_or(1, char::len_utf8),
                len => len,
            };
            let (text, after) = rest.split_at(len);
            tokens.push(Token {
                text: text.to_owned(),
                line: index + 1,
            });
            rest = after.trim_start();
        }
    }
    tokens
}

fn is_word_character(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The index of the bracket that closes the one at `open`; the last index where none does.
pub(super) fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth -= 1;
                if depth == 0 {
                    return index;
                }
            }
            _ => {}
        }
    }
    tokens.len() - 1
}

/// Every path in the code, those of `use` declarations spelled out.
pub(super) fn paths(tokens: &[Token]) -> Vec<SpelledPath> {
    let mut paths = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        // `use<…>` in a type says which lifetimes it captures.
        if tokens[at].text == "use" && tokens.get(at + 1).is_none_or(|next| next.text != "<") {
            at = use_tree(tokens, at + 1, &[], &mut paths);
        } else if tokens[at].is_word() {
            at = plain_path(tokens, at, &mut paths);
        } else {
            at += 1;
        }
    }
    paths
}

fn plain_path(tokens: &[Token], from: usize, paths: &mut Vec<SpelledPath>) -> usize {
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    let mut segments = vec![text(from).to_owned()];
    let mut at = from + 1;
    while text(at) == "::" && tokens.get(at + 1).is_some_and(Token::is_word) {
        segments.push(text(at + 1).to_owned());
        at += 2;
    }
    if text(at) == "!"
        && text(at + 1) != "="
        && let Some(name) = segments.last_mut()
    {
        name.push('!');
    }
    paths.push(SpelledPath {
        segments,
        line: tokens[from].line,
    });
    at
}

/// Reads one tree of a `use` declaration and returns the index behind it.
fn use_tree(
    tokens: &[Token],
    from: usize,
    prefix: &[String],
    paths: &mut Vec<SpelledPath>,
) -> usize {
    let mut segments = prefix.to_vec();
    let mut line = tokens.get(from).map_or(0, |token| token.line);
    let mut at = from;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "{" => return use_group(tokens, at, &segments, paths),
            "," | "}" | ";" => break,
            // The name that follows is the importer's own.
            "as" => at += 2,
            _ => {
                if token.is_word() {
                    segments.push(token.text.clone());
                    line = token.line;
                }
                at += 1;
            }
        }
    }
    if segments.len() > prefix.len() {
        paths.push(SpelledPath { segments, line });
    }
    at
}

fn use_group(
    tokens: &[Token],
    open: usize,
    prefix: &[String],
    paths: &mut Vec<SpelledPath>,
) -> usize {
    let close = closing(tokens, open);
    let mut at = open + 1;
    while at < close {
        // Behind each tree is a comma, or the end.
        at = use_tree(tokens, at, prefix, paths) + 1;
    }
    close + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(code: &str) -> Vec<String> {
        paths(&tokenize(code))
            .iter()
            .map(|path| path.segments.join("::"))
            .collect()
    }

    #[test]
    fn use_declarations_are_spelled_out() {
        assert_eq!(spelled("use a::b;"), ["a::b"]);
        assert_eq!(
            spelled("pub use ::a::{self, b::{c as d, e}, f::*,}; g"),
            ["pub", "a::self", "a::b::c", "a::b::e", "a::f", "g"]
        );
    }

    #[test]
    fn captured_lifetimes_are_no_declaration() {
        assert_eq!(
            spelled("fn f() -> impl A + use<'_> { b; }"),
            ["fn", "f", "impl", "A", "use", "_", "b"]
        );
    }

    #[test]
    fn broken_declarations_end() {
        for code in ["use", "use a::{", "use {;;{", "use a::{b;c}", "use a as"] {
            spelled(code);
        }
    }

    #[test]
    fn expressions_and_macros_are_paths_too() {
        assert_eq!(
            spelled("x(a::b::<C>(d), e!(f) != g)"),
            ["x", "a::b", "C", "d", "e!", "f", "g"]
        );
    }

    #[test]
    fn a_path_has_its_parts() {
        let path = &paths(&tokenize("tokio::sync::watch::channel"))[0];
        assert!(path.has("sync::watch") && path.has("tokio") && path.has("watch::channel"));
        assert!(!path.has("tokio::watch") && !path.has("syn"));
    }
}
