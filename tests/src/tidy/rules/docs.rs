//! Documents: each crate has one, their links lead somewhere, nothing refers to one machine.

use super::finding;
use crate::tidy::{Finding, Tree};

/// Directories of a machine that the project was once developed on. Written so that this file does not
/// contain them.
const MACHINE_DIRS: &[&str] = &[concat!("/wo", "rk"), concat!("/ro", "ot")];

pub(super) fn crates_have_a_readme(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree
        .texts()
        .filter(|(path, _)| path.ends_with("Cargo.toml"))
    {
        let dir = path.strip_suffix("Cargo.toml").unwrap_or_default();
        if text.contains("[package]") && !tree.exists(&format!("{dir}README.md")) {
            findings.push(finding(
                path,
                0,
                "the crate has no README.md: say what it keeps to",
            ));
        }
    }
    findings
}

pub(super) fn links_lead_somewhere(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| path.ends_with(".md")) {
        let mut is_fenced = false;
        for (index, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                is_fenced = !is_fenced;
            } else if !is_fenced {
                for target in link_targets(line).filter(|target| !leads(tree, path, target)) {
                    let message = format!("the link to {target} leads nowhere");
                    findings.push(finding(path, index + 1, message));
                }
            }
        }
    }
    findings
}

/// The targets of `[text](target)` outside inline code.
fn link_targets(line: &str) -> impl Iterator<Item = &str> {
    let prose = line.split('`').step_by(2);
    prose
        .flat_map(|prose| prose.split("](").skip(1))
        .filter_map(|after| after.split([')', ' ']).next())
}

fn leads(tree: &Tree, from: &str, target: &str) -> bool {
    if target.contains("://") || target.starts_with("mailto:") || target.starts_with('#') {
        return true;
    }
    let file = target.split('#').next().unwrap_or_default();
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in file
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        if part != ".." {
            parts.push(part);
        } else if parts.pop().is_none() {
            return false;
        }
    }
    tree.exists(&parts.join("/"))
}

pub(super) fn no_path_of_one_machine(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        for (index, line) in text.lines().enumerate() {
            for dir in MACHINE_DIRS.iter().filter(|dir| names_dir(line, dir)) {
                findings.push(finding(
                    path,
                    index + 1,
                    format!("{dir} is a path of one machine"),
                ));
            }
        }
    }
    findings
}

/// Whether an absolute path that begins with `dir` is in the line.
fn names_dir(line: &str, dir: &str) -> bool {
    let is_path_before = |c: char| c.is_alphanumeric() || "_-.~}>)".contains(c);
    let is_name_after = |c: char| c.is_alphanumeric() || "_-".contains(c);
    line.match_indices(dir).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + dir.len()..]);
        !before.ends_with(is_path_before) && !after.starts_with(is_name_after)
    })
}
