//! Deliberate mistakes, one line each, that the tests must notice: what shows that a green run
//! means something. `tests/mutations.txt` lists them; `cargo mutations` makes each of them in a copy
//! of the tree, runs the suites that it concerns, and prints which of them fail.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutation {
    /// What is wrong then.
    pub about: String,
    /// The file, from the root of the tree.
    pub path: String,
    /// The line as it is, without its indentation.
    pub line: String,
    /// The line with the mistake.
    pub mistake: String,
}

/// The list, from the root of the tree.
pub const LIST: &str = "tests/mutations.txt";

/// What must notice the mistakes below a directory.
struct Suite {
    name: &'static str,
    of: &'static str,
    /// How it is run.
    arguments: &'static [&'static str],
}

const SUITES: &[Suite] = &[
    Suite {
        name: "unit tests",
        of: "core/",
        arguments: &["-p", "quorate-core", "--lib", "--tests"],
    },
    Suite {
        name: "model",
        of: "core/",
        arguments: &["-p", "quorate-model"],
    },
    Suite {
        name: "scenarios",
        of: "core/",
        arguments: &["-p", "quorate-tests", "--test", "scenarios"],
    },
    Suite {
        name: "authorization",
        of: "server/",
        arguments: &["-p", "quorate-server", "--lib", "everyone_may"],
    },
];

/// What a copy of the tree leaves out.
const NOT_COPIED: &[&str] = &["target", ".git"];

/// Reads a list: paragraphs of `# what is wrong`, a path, `- line` and `+ mistake`.
///
/// # Errors
/// The number of the line that is not as it should be.
pub fn parse(list: &str) -> Result<Vec<Mutation>, String> {
    let mut mutations = Vec::new();
    let mut lines = (1..).zip(list.lines()).filter(|(_, line)| !line.is_empty());
    while let Some((number, about)) = lines.next() {
        let mut next = |mark: &str| {
            let (number, line) = lines.next().ok_or("the list ends too early")?;
            let text = line.strip_prefix(mark);
            text.map(str::to_owned)
                .ok_or(format!("line {number} does not begin with {mark:?}"))
        };
        let about = about.strip_prefix("# ");
        mutations.push(Mutation {
            about: about
                .ok_or(format!("line {number} says nothing"))?
                .to_owned(),
            path: next("")?,
            line: next("- ")?,
            mistake: next("+ ")?,
        });
    }
    Ok(mutations)
}

impl Mutation {
    /// The file with the mistake.
    ///
    /// # Errors
    /// The line is not there, or more than once.
    pub fn make(&self, source: &str) -> Result<String, String> {
        let places = source.lines().filter(|line| line.trim() == self.line);
        match places.count() {
            1 => {}
            count => return Err(format!("{}: {count} lines {:?}", self.path, self.line)),
        }
        let mut mutated = String::with_capacity(source.len());
        for line in source.lines() {
            let mistake = line.trim() == self.line;
            mutated.push_str(if mistake { &self.mistake } else { line });
            mutated.push('\n');
        }
        Ok(mutated)
    }

    /// Whether a suite has to notice it.
    fn concerns(&self, suite: &Suite) -> bool {
        self.path.starts_with(suite.of)
    }

    /// Whether its suites compile: a mistake is only one if they do.
    fn compiles(&self, tree: &Path) -> bool {
        let mut suites = SUITES.iter().filter(|suite| self.concerns(suite));
        suites.all(|suite| passes(tree, &[suite.arguments, &["--no-run"][..]].concat()))
    }
}

/// Which suites have noticed a mistake; `None` where they were not asked.
struct Verdict(Vec<Option<bool>>);

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (suite, noticed) in SUITES.iter().zip(&self.0) {
            let mark = match noticed {
                None => "",
                Some(true) => "caught",
                Some(false) => "-",
            };
            write!(f, "{mark:<width$}  ", width = suite.name.len())?;
        }
        Ok(())
    }
}

/// Makes each mistake of the tree's list in a file whose path begins with `below`, and prints a
/// table. `false` if one was not noticed.
///
/// # Errors
/// The tree cannot be read or copied, the list is wrong, or a suite fails without any mistake.
pub fn run(root: &Path, below: &str) -> io::Result<bool> {
    let mut mutations = parse(&fs::read_to_string(root.join(LIST))?).map_err(io::Error::other)?;
    mutations.retain(|mutation| mutation.path.starts_with(below));
    let work = root.join("target/mutations");
    let copy = work.join("tree");
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    copy_tree(root, &copy)?;
    let concerned = |suite: &&Suite| mutations.iter().any(|mutation| mutation.concerns(suite));
    let mut concerned = SUITES.iter().filter(concerned);
    if let Some(suite) = concerned.find(|suite| !passes(&copy, suite.arguments)) {
        let name = suite.name;
        return Err(io::Error::other(format!(
            "without any mistake: {name} fail"
        )));
    }
    let names: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
    println!("{}    s  mistake", names.join("  "));
    let mut all = true;
    for mutation in &mutations {
        let started = Instant::now();
        let path = copy.join(&mutation.path);
        let source = fs::read_to_string(&path)?;
        fs::write(&path, mutation.make(&source).map_err(io::Error::other)?)?;
        if !mutation.compiles(&copy) {
            return Err(io::Error::other(format!(
                "does not compile: {}",
                mutation.about
            )));
        }
        let noticed = SUITES.iter().map(|suite| {
            let concerned = mutation.concerns(suite);
            concerned.then(|| !passes(&copy, suite.arguments))
        });
        let verdict = Verdict(noticed.collect());
        fs::write(&path, source)?;
        all &= verdict.0.contains(&Some(true));
        let seconds = started.elapsed().as_secs();
        println!("{verdict}{seconds:>3}  {}", mutation.about);
    }
    Ok(all)
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if NOT_COPIED.iter().any(|left_out| name == *left_out) {
            continue;
        }
        let target: PathBuf = to.join(&name);
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Runs a suite in a copy of the tree.
fn passes(tree: &Path, suite: &[&str]) -> bool {
    let status = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--target-dir", "../build"])
        .args(suite)
        .current_dir(tree)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "# Off by one.\nsrc/a.rs\n- if a < b {\n+ if a <= b {\n";

    #[test]
    fn a_mistake_is_made_in_its_one_place() {
        let [mutation] = &parse(ONE).unwrap()[..] else {
            panic!("one mutation");
        };
        let mutated = mutation.make("x\n    if a < b {\ny\n").unwrap();
        assert_eq!(mutated, "x\nif a <= b {\ny\n");
        assert!(mutation.make("x\n").is_err());
        assert!(mutation.make("if a < b {\nif a < b {\n").is_err());
    }

    #[test]
    fn a_list_that_is_wrong_is_refused() {
        for wrong in ["Off by one.\n", "# A.\na.rs\n", "# A.\na.rs\n+ x\n- y\n"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_listed_mistake_can_be_made() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let list = fs::read_to_string(root.join(LIST)).unwrap();
        let mutations = parse(&list).unwrap();
        assert!(mutations.len() >= 10);
        for mutation in mutations {
            let source = fs::read_to_string(root.join(&mutation.path)).unwrap();
            mutation.make(&source).unwrap();
        }
    }
}
