//! The scenarios of this repository, and how what somebody answers differs from their records.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{executor::Executor, executor::Settings, parse::Fault, parse::parse, replay::replay};

/// A scenario with its recorded answers.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Where it is.
    pub path: PathBuf,
    /// The text.
    pub text: String,
}

/// All scenarios of `tests/scenarios`, in the order of their names.
///
/// # Panics
///
/// They cannot be read, or there are none.
pub fn corpus() -> Vec<Recorded> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = fs::read_dir(directory).expect("there are scenarios");
    let paths = entries.map(|entry| entry.expect("a directory can be read").path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    assert!(!paths.is_empty(), "there are scenarios");
    paths.sort();
    paths.into_iter().map(Recorded::read).collect()
}

impl Recorded {
    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path);
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    /// The file's name.
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// The flags that it asks for.
    ///
    /// # Errors
    ///
    /// A line that is no scenario's.
    pub fn settings(&self) -> Result<Settings, Fault> {
        Ok(parse(&self.text)?.settings)
    }

    /// How many answers it holds.
    pub fn answers(&self) -> usize {
        self.text.lines().filter(|line| *line == "----").count()
    }

    /// What is wrong with a line of it, and where.
    pub fn at(&self, line: usize, message: &str) -> String {
        format!("{}:{line}:{message}", self.name())
    }

    /// Where what `who` answers is not what is recorded.
    pub fn difference<E: Executor>(
        &self,
        who: &str,
        start: impl FnOnce(&Settings) -> E,
    ) -> Option<String> {
        let replayed = match replay(&self.text, start) {
            Ok(replayed) if replayed == self.text => return None,
            Ok(replayed) => replayed,
            Err(fault) => return Some(self.at(fault.line, &format!(" {}", fault.message))),
        };
        let lines = self.text.lines().zip(replayed.lines());
        let line = lines.take_while(|(one, other)| one == other).count();
        let nth = |text: &str| text.lines().nth(line).unwrap_or("(end)").to_owned();
        let (then, now) = (nth(&self.text), nth(&replayed));
        let message = format!("\n  recorded: {then}\n  {who}: {now}");
        Some(self.at(line + 1, &message))
    }
}
