//! The rules that the source tree keeps, as a test: it reads every file and fails with a line for
//! each breach. A rule that no compiler knows lives only as long as something checks it.
//!
//! It reads text, not types, so that it takes a fraction of a second. It can be evaded by someone
//! who tries; it is for those who forget.

mod exceptions;
mod rules;
mod source;
mod tokens;
mod tree;

use std::fmt;

pub use tree::Tree;

/// One property of the tree.
pub struct Rule {
    /// How findings and exceptions refer to it.
    pub name: &'static str,
    check: fn(&Tree) -> Vec<Finding>,
}

/// A place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, relative to the root of the tree.
    pub path: String,
    /// Counted from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// A finding that is accepted, with the reason.
pub struct Exception {
    rule: &'static str,
    path: &'static str,
    /// A part of the finding's message.
    what: &'static str,
    reason: &'static str,
}

/// All breaches, by rule, without the accepted ones; an exception that accepts nothing, or has no
/// reason, is a breach as well.
pub fn check(tree: &Tree) -> Vec<(&'static str, Finding)> {
    check_except(tree, exceptions::EXCEPTIONS)
}

/// Files that are longer than they should be but not yet too long.
pub fn long_files(tree: &Tree) -> Vec<Finding> {
    rules::size::long_files(tree)
}

fn check_except(tree: &Tree, exceptions: &[Exception]) -> Vec<(&'static str, Finding)> {
    let mut used = vec![false; exceptions.len()];
    let mut breaches = Vec::new();
    for rule in rules::RULES {
        let mut findings = (rule.check)(tree);
        findings.sort();
        for finding in findings {
            match exceptions
                .iter()
                .position(|exception| exception.accepts(rule.name, &finding))
            {
                Some(index) => used[index] = true,
                None => breaches.push((rule.name, finding)),
            }
        }
    }
    for (exception, used) in exceptions.iter().zip(used) {
        if !used || exception.reason.is_empty() {
            breaches.push((exception.rule, exception.objection()));
        }
    }
    breaches
}

impl Exception {
    fn accepts(&self, rule: &str, finding: &Finding) -> bool {
        self.rule == rule && self.path == finding.path && finding.message.contains(self.what)
    }

    fn objection(&self) -> Finding {
        Finding {
            path: self.path.to_owned(),
            line: 0,
            message: format!(
                "the exception for {:?} accepts nothing or has no reason: remove it",
                self.what
            ),
        }
    }
}

#[cfg(test)]
mod tests;
