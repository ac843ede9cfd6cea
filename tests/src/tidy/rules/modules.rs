//! A file that no module declares is not compiled: it looks like code and is none.

use super::finding;
use crate::tidy::{Finding, Tree, source::Source};

pub(super) fn files_belong_to_a_crate(tree: &Tree) -> Vec<Finding> {
    let files = tree.sources().filter(|(path, _)| !is_declared(tree, path));
    files
        .map(|(path, _)| finding(path, 0, "no `mod` declares this file: use or remove it"))
        .collect()
}

fn is_declared(tree: &Tree, path: &str) -> bool {
    let Some((_, below)) = path.split_once("/src/") else {
        return true;
    };
    let is_root = matches!(below, "lib.rs" | "main.rs") || below.starts_with("bin/");
    let path = path
        .strip_suffix("/mod.rs")
        .or(path.strip_suffix(".rs"))
        .unwrap_or(path);
    let Some((dir, name)) = path.rsplit_once('/') else {
        return true;
    };
    let parents = [
        format!("{dir}.rs"),
        format!("{dir}/mod.rs"),
        format!("{dir}/lib.rs"),
        format!("{dir}/main.rs"),
    ];
    is_root
        || parents
            .iter()
            .filter_map(|path| tree.source(path))
            .any(|parent| declares(parent, name))
}

fn declares(source: &Source, name: &str) -> bool {
    source.tokens.windows(3).any(|tokens| {
        (
            tokens[0].text.as_str(),
            tokens[1].text.as_str(),
            tokens[2].text.as_str(),
        ) == ("mod", name, ";")
    })
}
