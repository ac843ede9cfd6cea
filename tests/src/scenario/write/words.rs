//! A line, word by word.

use std::fmt::Display;

use quorate_core::kv::KeyRange;

/// Words that mean an option wherever they stand.
const FLAGS: &[&str] = &["fragment", "keys", "physical", "serializable"];

/// A line that grows.
pub(super) struct Line(String);

impl Line {
    pub(super) fn of(command: &str) -> Self {
        Self(command.to_owned())
    }

    pub(super) fn word(self, word: impl Display) -> Self {
        Self(format!("{} {word}", self.0))
    }

    pub(super) fn bytes(self, value: &[u8]) -> Self {
        self.word(bytes(value))
    }

    pub(super) fn keys(self, range: &KeyRange) -> Self {
        let start = bytes(range.start());
        match range {
            KeyRange::Key(_) => self.word(start),
            KeyRange::From(_) => self.word(start + ".."),
            KeyRange::Range { end, .. } => self.word(start + ".." + &bytes(end)),
        }
    }

    pub(super) fn flag(self, name: &str, is_set: bool) -> Self {
        if is_set { self.word(name) } else { self }
    }

    /// `name=VALUE`, left out if it is the default.
    pub(super) fn option(self, name: &str, value: &str, default: &str) -> Self {
        if value == default {
            self
        } else {
            self.word(format!("{name}={value}"))
        }
    }

    pub(super) fn number(self, name: &str, value: i64) -> Self {
        self.option(name, &value.to_string(), "0")
    }

    pub(super) fn end(self) -> String {
        self.0 + "\n"
    }
}

/// Bytes as one word that is read as nothing else.
pub(super) fn bytes(value: &[u8]) -> String {
    if value.is_empty() {
        return "\"\"".to_owned();
    }
    if let [first, rest @ ..] = value
        && rest.len() > 32
        && rest.iter().all(|byte| byte == first)
    {
        return format!("{}*{}", value.len(), byte(*first));
    }
    let is_flag = FLAGS.iter().any(|flag| flag.as_bytes() == value);
    let escaped = usize::from(is_flag);
    let first = value[..escaped].iter().map(|byte| format!("\\x{byte:02x}"));
    let rest = value[escaped..].iter().map(|one| byte(*one));
    first.chain(rest).collect()
}

/// Options, ranges and repetitions have signs of their own, which no plain byte may look like.
fn byte(byte: u8) -> String {
    match byte {
        0 => "\\0".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'+' => {
            char::from(byte).to_string()
        }
        _ => format!("\\x{byte:02x}"),
    }
}
