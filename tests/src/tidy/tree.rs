//! The files of the tree, read once.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use super::source::Source;

/// What tools made.
const SKIPPED: &[&str] = &["target", ".git", "proptest-regressions"];

/// Files that tools or lawyers wrote: they exist, but their text is not judged.
const UNREAD_FILES: &[&str] = &["Cargo.lock", "LICENSE"];

/// Every file of a tree, by its path from the root, with `/` between parts.
pub struct Tree {
    all: BTreeSet<String>,
    texts: BTreeMap<String, String>,
    sources: BTreeMap<String, Source>,
}

impl Tree {
    /// Reads the files below a directory.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut all = BTreeSet::new();
        let mut texts = BTreeMap::new();
        let mut open = vec![String::new()];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(root.join(&dir))? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let path = if dir.is_empty() {
                    name.clone()
                } else {
                    format!("{dir}/{name}")
                };
                if SKIPPED.contains(&name.as_str()) || name.ends_with(".etcd") {
                    continue;
                }
                if entry.file_type()?.is_dir() {
                    open.push(path);
                    continue;
                }
                if !UNREAD_FILES.contains(&name.as_str())
                    && let Ok(text) = String::from_utf8(fs::read(entry.path())?)
                {
                    texts.insert(path.clone(), text);
                }
                all.insert(path);
            }
        }
        Ok(Self::new(all, texts))
    }

    /// A tree of these files, for tests.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let texts: BTreeMap<String, String> = files
            .iter()
            .map(|(path, text)| (path.to_string(), text.to_string()))
            .collect();
        Self::new(texts.keys().cloned().collect(), texts)
    }

    fn new(all: BTreeSet<String>, texts: BTreeMap<String, String>) -> Self {
        let rust = texts.iter().filter(|(path, _)| path.ends_with(".rs"));
        let sources = rust
            .map(|(path, text)| (path.clone(), Source::new(path, text)))
            .collect();
        Self {
            all,
            texts,
            sources,
        }
    }

    /// Whether a file or a directory has this path.
    pub fn exists(&self, path: &str) -> bool {
        path.is_empty()
            || self.all.contains(path)
            || self.paths_from(&format!("{path}/")).next().is_some()
    }

    /// The files whose path begins like this.
    pub fn paths_from(&self, start: &str) -> impl Iterator<Item = &str> {
        let from_start = self.all.range(start.to_owned()..);
        from_start
            .map(String::as_str)
            .take_while(move |path| path.starts_with(start))
    }

    /// The files that are text.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The text of a file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// The files that are Rust.
    pub(super) fn sources(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.sources
            .iter()
            .map(|(path, source)| (path.as_str(), source))
    }

    pub(super) fn source(&self, path: &str) -> Option<&Source> {
        self.sources.get(path)
    }
}
