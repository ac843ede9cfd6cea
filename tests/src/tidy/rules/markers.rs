//! Marks of unfinished work: what is not done is not there, or is an issue.

use super::finding;
use crate::tidy::{Finding, Tree, source::Source};

const MACROS: &[&str] = &["todo", "unimplemented"];
const WORDS: &[&str] = &["TODO", "FIXME", "XXX", "HACK"];

pub(super) fn nothing_is_left_unfinished(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        // In Rust only comments count: what a string says is no promise of its author's.
        let source = tree.source(path);
        let marked_lines = source.map_or(Vec::new(), unfinished_macros);
        let prose = source.map_or(text, |source| &source.comments);
        for (line, marker) in marked_lines.into_iter().chain(unfinished_words(prose)) {
            findings.push(finding(path, line, format!("{marker}: finish it")));
        }
    }
    findings
}

fn unfinished_macros(source: &Source) -> Vec<(usize, &str)> {
    let pairs = source.tokens.windows(2).filter(|pair| pair[1].text == "!");
    let names = pairs.map(|pair| (pair[0].line, pair[0].text.as_str()));
    names.filter(|(_, name)| MACROS.contains(name)).collect()
}

fn unfinished_words(prose: &str) -> impl Iterator<Item = (usize, &str)> {
    prose.lines().enumerate().filter_map(|(index, line)| {
        if !WORDS.iter().any(|word| line.contains(word)) {
            return None;
        }
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        words
            .find(|word| WORDS.contains(word))
            .map(|word| (index + 1, word))
    })
}
