//! A line as a row of words.

use std::str::{FromStr, SplitWhitespace};

/// The words of a line that are still to be read.
pub(in crate::history) struct Words<'a> {
    rest: std::iter::Peekable<SplitWhitespace<'a>>,
}

impl<'a> Words<'a> {
    pub(in crate::history) fn new(line: &'a str) -> Self {
        Self {
            rest: line.split_whitespace().peekable(),
        }
    }

    /// The next word; `what` says what it would have been.
    pub(in crate::history) fn next(&mut self, what: &str) -> Result<&'a str, String> {
        self.rest
            .next()
            .ok_or_else(|| format!("{what} expected, but the line ends"))
    }

    /// The next word, without taking it.
    pub(in crate::history) fn peek(&mut self) -> Option<&'a str> {
        self.rest.peek().copied()
    }

    /// Takes the next word if it is `word`.
    pub(in crate::history) fn take(&mut self, word: &str) -> bool {
        self.rest.next_if(|next| *next == word).is_some()
    }

    /// The next word as a `T`.
    pub(in crate::history) fn parse<T: FromStr>(&mut self, what: &str) -> Result<T, String> {
        let word = self.next(what)?;
        word.parse()
            .map_err(|_| format!("{what} expected, not `{word}`"))
    }

    /// The next word, `<prefix><number>`: `n2`, `@5`, `term=3`.
    pub(in crate::history) fn prefixed<T: FromStr>(&mut self, prefix: &str) -> Result<T, String> {
        let word = self.next(prefix)?;
        number_after(word, prefix).ok_or_else(|| format!("`{prefix}…` expected, not `{word}`"))
    }

    /// Likewise where the next word begins so, else `None`.
    pub(in crate::history) fn optional<T: FromStr>(
        &mut self,
        prefix: &str,
    ) -> Result<Option<T>, String> {
        match self.peek() {
            Some(word) if word.starts_with(prefix) => self.prefixed(prefix).map(Some),
            _ => Ok(None),
        }
    }

    /// All words that are left, at least one.
    pub(in crate::history) fn remaining(&mut self, what: &str) -> Result<String, String> {
        let mut text = String::from(self.next(what)?);
        for word in self.rest.by_ref() {
            text.push(' ');
            text.push_str(word);
        }
        Ok(text)
    }

    /// Checks that nothing is left.
    pub(in crate::history) fn end(&mut self) -> Result<(), String> {
        match self.peek() {
            None => Ok(()),
            Some(word) => Err(format!("`{word}` is one word too many")),
        }
    }

    /// `a ; b ; c` up to the end of the line or the word `stop`; may be empty.
    pub(in crate::history) fn list<T>(
        &mut self,
        stop: &str,
        mut item: impl FnMut(&mut Self) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let mut items = Vec::new();
        if self.peek().is_none_or(|word| word == stop) {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if !self.take(";") {
                return Ok(items);
            }
        }
    }
}

/// The number behind `prefix` in `word`.
pub(super) fn number_after<T: FromStr>(word: &str, prefix: &str) -> Option<T> {
    word.strip_prefix(prefix)?.parse().ok()
}
