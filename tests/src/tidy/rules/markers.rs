//! Marks of unfinished work: what is not done is not there, or is an issue.

use super::finding;
use crate::tidy::{Finding, Tree, tokens};

const MACROS: &[&str] = &["todo!", "unimplemented!"];
const WORDS: &[&str] = &["TODO", "FIXME", "XXX", "HACK"];

pub(super) fn nothing_is_left_unfinished(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        // In Rust only comments count: what a string says is no promise of its author's.
        let prose = match tree.source(path) {
            Some(source) => {
                for spelled in tokens::paths(&source.tokens) {
                    for name in MACROS.iter().filter(|name| spelled.has(name)) {
                        findings.push(finding(path, spelled.line, format!("{name}: finish it")));
                    }
                }
                source.comments.as_str()
            }
            None => text,
        };
        for (index, line) in prose.lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            if let Some(word) = words.find(|word| WORDS.contains(word)) {
                findings.push(finding(path, index + 1, format!("{word}: finish it")));
            }
        }
    }
    findings
}
