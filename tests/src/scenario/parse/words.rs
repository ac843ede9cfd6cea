//! The words of a line.

use std::time::Duration;

use bytes::Bytes;
use quorate_core::kv::KeyRange;

/// What was read, or what is wrong with it.
pub(super) type Parsed<T> = Result<T, String>;

/// The words of a line that are not yet read. Options (`limit=2`, `prev_kv`) may be anywhere.
#[derive(Clone, Debug)]
pub(super) struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    pub(super) fn split(line: &'a str) -> Self {
        Self(line.split_whitespace().collect())
    }

    /// The next word, empty if there is none.
    pub(super) fn next(&mut self) -> &'a str {
        if self.0.is_empty() {
            ""
        } else {
            self.0.remove(0)
        }
    }

    /// The next word, which must be there; `usage` says what is expected.
    pub(super) fn word(&mut self, usage: &str) -> Parsed<&'a str> {
        match self.next() {
            "" => Err(format!("is too short: {usage}")),
            word => Ok(word),
        }
    }

    /// Takes the next word if it is this one.
    pub(super) fn take(&mut self, word: &str) -> bool {
        let is_next = self.0.first() == Some(&word);
        if is_next {
            self.next();
        }
        is_next
    }

    pub(super) fn number<T: std::str::FromStr>(&mut self, usage: &str) -> Parsed<T> {
        number(self.word(usage)?)
    }

    pub(super) fn bytes(&mut self, usage: &str) -> Parsed<Bytes> {
        bytes(self.word(usage)?)
    }

    /// A name or a password.
    pub(super) fn text(&mut self, usage: &str) -> Parsed<String> {
        let bytes = self.bytes(usage)?;
        String::from_utf8(bytes.into()).map_err(|_| "a name is UTF-8".to_owned())
    }

    pub(super) fn keys(&mut self, usage: &str) -> Parsed<KeyRange> {
        keys(self.word(usage)?)
    }

    /// Whether this word is among the rest.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        let at = self.0.iter().position(|word| *word == name);
        at.map(|at| self.0.remove(at)).is_some()
    }

    /// The value of `name=VALUE`, if it is among the rest.
    pub(super) fn option(&mut self, name: &str) -> Option<&'a str> {
        let value = |word: &&'a str| word.strip_prefix(name)?.strip_prefix('=');
        let at = self.0.iter().position(|word| value(word).is_some())?;
        value(&self.0.remove(at))
    }

    /// The number of `name=NUMBER`, 0 if it is not there.
    pub(super) fn option_number<T: std::str::FromStr + Default>(
        &mut self,
        name: &str,
    ) -> Parsed<T> {
        self.option(name).map_or(Ok(T::default()), number)
    }

    /// Nothing is left.
    pub(super) fn end(self) -> Parsed<()> {
        match self.0.first() {
            None => Ok(()),
            Some(word) => Err(format!("{word:?} does not belong here")),
        }
    }

    /// `repeat TIMES …`: the rest as often, `{}` in it being the number of the time, from 1, with
    /// zeros in front so that keys ascend. Without `repeat`: the line.
    pub(super) fn repeated(mut self) -> Parsed<Vec<String>> {
        if !self.take("repeat") {
            return Ok(vec![self.0.join(" ")]);
        }
        let times = self.word("repeat TIMES COMMAND")?;
        let (width, times) = (times.len(), number::<u32>(times)?);
        if times == 0 {
            return Err("is done at least once".to_owned());
        }
        let line = self.0.join(" ");
        let nth = |n: u32| line.replace("{}", &format!("{n:0width$}"));
        Ok((1..=times).map(nth).collect())
    }
}

pub(super) fn number<T: std::str::FromStr>(word: &str) -> Parsed<T> {
    word.parse()
        .map_err(|_| format!("{word:?} is no number, or not one that is possible here"))
}

/// `500ms`, `3s`, `10m`
pub(super) fn duration(word: &str) -> Parsed<Duration> {
    let unit = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let count: u64 = number(&word[..word.len() - unit.len()])?;
    match unit {
        "ms" => Ok(Duration::from_millis(count)),
        "s" => Ok(Duration::from_secs(count)),
        "m" => Ok(Duration::from_secs(60 * count)),
        _ => Err(format!("{word:?} is no time such as 500ms, 3s or 10m")),
    }
}

/// Bytes as a word: themselves, with `\xff` for those that cannot stand there, `\0` for NUL, `\\`
/// for a backslash; `""` for none; `60000*x` for 60,000 times the same.
pub(super) fn bytes(word: &str) -> Parsed<Bytes> {
    if word == "\"\"" {
        return Ok(Bytes::new());
    }
    if let Some((times, unit)) = word.split_once('*')
        && let Ok(times) = times.parse()
    {
        return Ok(bytes(unit)?.repeat(times).into());
    }
    let mut read = Vec::new();
    let mut rest = word;
    while let Some((plain, escape)) = rest.split_once('\\') {
        read.extend(plain.bytes());
        let (byte, after) = match escape.as_bytes() {
            [b'0', ..] => (0, &escape[1..]),
            [b'\\', ..] => (b'\\', &escape[1..]),
            [b'x', ..] => {
                let digits = escape.get(1..3).unwrap_or_default();
                let byte = u8::from_str_radix(digits, 16);
                let byte = byte.map_err(|_| format!("\\x{digits} is no byte"))?;
                (byte, &escape[3..])
            }
            _ => return Err(format!("a backslash begins \\xNN, \\0 or \\\\: {word:?}")),
        };
        read.push(byte);
        rest = after;
    }
    read.extend(rest.bytes());
    Ok(read.into())
}

/// `a` is a key, `a..c` the interval up to and without `c`, `a..` everything from `a` on.
fn keys(word: &str) -> Parsed<KeyRange> {
    Ok(match word.split_once("..") {
        None => KeyRange::Key(bytes(word)?),
        Some((start, "")) => KeyRange::From(bytes(start)?),
        Some((start, end)) => KeyRange::from_wire(bytes(start)?, bytes(end)?),
    })
}
