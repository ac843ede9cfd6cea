//! The tree keeps its own rules; `src/tidy` says which, and is shown broken trees there.

use std::{fmt::Write as _, path::Path};

use quorate_tests::tidy::{self, Tree};

#[test]
fn the_tree_keeps_its_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this package is in the tree");
    let tree = Tree::read(root).expect("the tree can be read");
    for file in tidy::long_files(&tree) {
        println!("long: {file}");
    }
    let mut report = String::new();
    for (rule, finding) in tidy::check(&tree) {
        let _ = writeln!(report, "{finding} [{rule}]");
    }
    assert!(report.is_empty(), "\n{report}");
}
