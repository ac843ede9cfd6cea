//! A Rust file, taken apart as far as the rules need: code, comments, and which lines are tests.

use super::tokens::{self, SpelledPath, Token};

/// A Rust file.
pub(super) struct Source {
    /// The tokens of the code; comments and the contents of literals are not among them.
    pub tokens: Vec<Token>,
    /// The text of the comments, with everything else blanked, line by line.
    pub comments: String,
    /// The paths that code outside tests spells.
    pub product_paths: Vec<SpelledPath>,
    /// For each line, whether it belongs to tests.
    is_test: Vec<bool>,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let (code, comments) = split(text);
        let tokens = tokens::tokenize(&code);
        let lines = text.lines().count();
        let mut is_test = vec![is_test_file(path); lines];
        for (first, last) in test_items(&tokens) {
            is_test[first - 1..last].fill(true);
        }
        let mut product_paths = tokens::paths(&tokens);
        product_paths.retain(|path| !is_test[path.line - 1]);
        Self {
            tokens,
            comments,
            product_paths,
            is_test,
        }
    }

    /// Whether a line, counted from 1, belongs to tests.
    pub(super) fn is_test(&self, line: usize) -> bool {
        self.is_test.get(line - 1).copied().unwrap_or(false)
    }

    /// How many lines do not belong to tests.
    pub(super) fn product_lines(&self) -> usize {
        self.is_test.iter().filter(|is_test| !**is_test).count()
    }
}

/// `tests.rs`, and whatever is below a directory `tests` except the library of that name.
fn is_test_file(path: &str) -> bool {
    let below = path.strip_prefix("tests/src/").unwrap_or(path);
    below
        .split('/')
        .any(|part| matches!(part, "tests" | "tests.rs" | "benches"))
}

/// First and last line of each item under `#[cfg(test)]`.
fn test_items(tokens: &[Token]) -> Vec<(usize, usize)> {
    let mut items = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let Some(after) = test_attribute(tokens, at) else {
            at += 1;
            continue;
        };
        let last = item_end(tokens, after);
        items.push((tokens[at].line, tokens[last].line));
        at = last + 1;
    }
    items
}

/// If `#[cfg(… test …)]` begins at this token, the index behind it.
fn test_attribute(tokens: &[Token], at: usize) -> Option<usize> {
    let text = |index: usize| tokens.get(index).map_or("", |token| token.text.as_str());
    if (text(at), text(at + 1), text(at + 2)) != ("#", "[", "cfg") {
        return None;
    }
    let end = tokens::closing(tokens, at + 1);
    let mentions = (at..end).filter(|index| text(*index) == "test");
    let mut positive = mentions.filter(|index| (text(index - 2), text(index - 1)) != ("not", "("));
    positive.next().map(|_| end + 1)
}

/// The last token of the item that begins here: its semicolon or its closing brace.
fn item_end(tokens: &[Token], from: usize) -> usize {
    let mut at = from;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            ";" => return at,
            "{" => return tokens::closing(tokens, at),
            "(" | "[" => at = tokens::closing(tokens, at) + 1,
            _ => at += 1,
        }
    }
    tokens.len() - 1
}

/// Code and comments, each with the other and the contents of literals blanked; lines stay.
fn split(text: &str) -> (String, String) {
    let mut splitter = Splitter {
        rest: text,
        code: String::new(),
        comments: String::new(),
    };
    while !splitter.rest.is_empty() {
        splitter.step();
    }
    (splitter.code, splitter.comments)
}

struct Splitter<'t> {
    rest: &'t str,
    code: String,
    comments: String,
}

impl<'t> Splitter<'t> {
    fn step(&mut self) {
        let rest = self.rest;
        if rest.starts_with("//") {
            self.comment(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.comment(block_comment_len(rest));
        } else if let Some(len) = raw_string_len(rest).filter(|_| !self.is_in_word()) {
            self.blank(len);
        } else if rest.starts_with('"') {
            self.blank(string_len(rest));
        } else if let Some(len) = char_len(rest) {
            self.blank(len);
        } else {
            let first = rest.chars().next().map_or(1, char::len_utf8);
            let plain = rest[first..].find(['/', '"', '\'', 'r', 'b', 'c']);
            self.code(plain.map_or(rest.len(), |at| first + at));
        }
    }

    /// Whether what comes next continues an identifier: the `r` of `for` begins no literal.
    fn is_in_word(&self) -> bool {
        self.code
            .ends_with(|c: char| c.is_alphanumeric() || c == '_')
    }

    fn code(&mut self, len: usize) {
        let part = self.take(len);
        self.code.push_str(part);
        self.comments.extend(part.chars().filter(|c| *c == '\n'));
    }

    fn comment(&mut self, len: usize) {
        let part = self.take(len);
        self.comments.push_str(part);
        self.comments.push(' ');
        self.code.extend(part.chars().filter(|c| *c == '\n'));
        self.code.push(' ');
    }

    /// A literal becomes `""`, on as many lines.
    fn blank(&mut self, len: usize) {
        let part = self.take(len);
        let newlines = || part.chars().filter(|c| *c == '\n');
        self.code.push('"');
        self.code.extend(newlines());
        self.code.push('"');
        self.comments.extend(newlines());
    }

    fn take(&mut self, len: usize) -> &'t str {
        let (part, rest) = self.rest.split_at(len);
        self.rest = rest;
        part
    }
}

fn block_comment_len(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of `r"…"`, `r#"…"#`, `br"…"` and the like.
fn raw_string_len(text: &str) -> Option<usize> {
    let opening = ["br", "cr", "r"]
        .into_iter()
        .find(|prefix| text.starts_with(prefix))?;
    let hashes = text[opening.len()..]
        .bytes()
        .take_while(|byte| *byte == b'#')
        .count();
    let content = opening.len() + hashes;
    if !text[content..].starts_with('"') {
        return None;
    }
    let closing = format!("\"{}", "#".repeat(hashes));
    let found = text[content + 1..].find(&closing);
    Some(found.map_or(text.len(), |at| content + 1 + at + closing.len()))
}

fn string_len(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a character literal; `None` for a lifetime.
fn char_len(text: &str) -> Option<usize> {
    let content = text.strip_prefix('\'')?;
    let mut chars = content.char_indices();
    match chars.next()? {
        (_, '\\') => {
            chars.next()?;
            content[2..].find('\'').map(|at| 1 + 2 + at + 1)
        }
        _ => chars
            .next()
            .filter(|(_, c)| *c == '\'')
            .map(|(at, _)| 1 + at + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        split(text).0
    }

    #[test]
    fn literals_are_emptied_and_comments_are_moved() {
        assert_eq!(
            code(r#"a("x\"y", 'z', '\'', '\u{41}')"#),
            r#"a("", "", "", "")"#
        );
        assert_eq!(
            code(r###"r#"a"b"# + br"c" + for_r"d""###),
            r#""" + "" + for_r"""#
        );
        assert_eq!(code("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
        let (code, comments) = split("a // b\nc /* d /* e\n */ f */ g");
        assert_eq!(code, "a  \nc \n  g");
        assert_eq!(comments, "// b \n/* d /* e\n */ f */ ");
    }

    #[test]
    fn lines_stay_where_they_are() {
        let text = "a\n\"x\ny\" b\n// c\nd";
        let lines: Vec<_> = tokens::tokenize(&code(text))
            .into_iter()
            .filter(|token| token.text != "\"")
            .map(|token| (token.text, token.line))
            .collect();
        assert_eq!(
            lines,
            [
                ("a".to_owned(), 1),
                ("b".to_owned(), 3),
                ("d".to_owned(), 5)
            ]
        );
    }

    #[test]
    fn items_under_cfg_test_are_tests() {
        let source = Source::new(
            "core/src/a.rs",
            "fn a() {}\n#[cfg(test)]\nmod b {\n}\n#[cfg(not(test))]\nfn c() {}\n\
             #[cfg(all(test, not(madsim)))]\n#[allow(x)]\nfn d(e: [u8; 2]) {\n}\nfn f() {}",
        );
        let tests: Vec<usize> = (1..=11).filter(|line| source.is_test(*line)).collect();
        assert_eq!(tests, [2, 3, 4, 7, 8, 9, 10]);
        assert_eq!(source.product_lines(), 4);
    }

    #[test]
    fn files_of_tests_are_known_by_their_path() {
        for path in ["core/src/a/tests.rs", "tests/tests/a.rs", "core/tests/a.rs"] {
            assert!(is_test_file(path), "{path}");
        }
        for path in ["core/src/a.rs", "tests/src/lib.rs", "core/src/contests.rs"] {
            assert!(!is_test_file(path), "{path}");
        }
    }
}
