//! How long a file and a function may be. Tests may be longer.

use super::finding;
use crate::tidy::{
    Finding, Tree,
    source::Source,
    tokens::{self, Token},
};

/// From here on a file is reported as long.
const FILE_LINES_SOFT: usize = 400;
/// More is refused.
const FILE_LINES_MAX: usize = 600;
/// A function fits on a screen.
const FUNCTION_LINES_MAX: usize = 70;

pub(super) fn files_are_short(tree: &Tree) -> Vec<Finding> {
    files_longer_than(tree, FILE_LINES_MAX)
}

pub(in crate::tidy) fn long_files(tree: &Tree) -> Vec<Finding> {
    files_longer_than(tree, FILE_LINES_SOFT)
}

fn files_longer_than(tree: &Tree, lines_max: usize) -> Vec<Finding> {
    let lengths = tree
        .sources()
        .map(|(path, source)| (path, source.product_lines()));
    lengths
        .filter(|(_, lines)| *lines > lines_max)
        .map(|(path, lines)| {
            finding(
                path,
                0,
                format!("{lines} lines without tests, over {lines_max}: split it"),
            )
        })
        .collect()
}

pub(super) fn functions_are_short(tree: &Tree) -> Vec<Finding> {
    tree.sources()
        .flat_map(|(path, source)| long_functions(path, source))
        .collect()
}

fn long_functions(path: &str, source: &Source) -> Vec<Finding> {
    let tokens = &source.tokens;
    let mut findings = Vec::new();
    for (at, token) in tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| token.text == "fn")
    {
        if source.is_test(token.line) {
            continue;
        }
        let Some((name, last_line)) = function_end(tokens, at) else {
            continue;
        };
        let lines = last_line - token.line + 1;
        if lines > FUNCTION_LINES_MAX {
            let message = format!("fn {name}: {lines} lines, over {FUNCTION_LINES_MAX}: split it");
            findings.push(finding(path, token.line, message));
        }
    }
    findings
}

/// The name of the function whose `fn` is at this token, and its last line. `None` for a type, and for
/// a declaration without a body.
fn function_end(tokens: &[Token], at: usize) -> Option<(&str, usize)> {
    let name = tokens.get(at + 1)?.text.as_str();
    if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    let mut at = at + 2;
    loop {
        match tokens.get(at)?.text.as_str() {
            ";" => return None,
            "{" => return Some((name, tokens[tokens::closing(tokens, at)].line)),
            "(" | "[" => at = tokens::closing(tokens, at) + 1,
            _ => at += 1,
        }
    }
}
