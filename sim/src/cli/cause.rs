//! Why a run failed, so that two failures can be said to be the same.

/// What the output of a failed run has between its title and the reason.
const MARK: &str = "  FAILED  ";

/// What rejected a run: the first oracle, without its words; else the first line of what is known of
/// the panic or of the process's end, numbers blanked. Oracles are asked in the order from causes to
/// consequences, so the first one is what a failure is called by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cause(String);

impl Cause {
    /// The cause that the first line of a failed run's output states.
    pub(super) fn of(line: &str) -> Self {
        let reason = line.split_once(MARK).map_or(line, |(_, reason)| reason);
        let reason = reason.lines().next().unwrap_or_default();
        match reason.split_once(": ") {
            Some((name, _)) if name != "panic" && is_name(name) => Self(name.into()),
            _ => Self(without_numbers(reason)),
        }
    }

    /// Whether it is the oracle called `name`.
    pub(super) fn is(&self, name: &str) -> bool {
        self.0 == name
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Oracles have names like modules; `malformed history` is as good as one.
fn is_name(text: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_lowercase() || letter == '_';
    text == "malformed history" || (!text.is_empty() && text.chars().all(letter))
}

/// `#` for each number: positions, terms and times are others in every run.
fn without_numbers(text: &str) -> String {
    let mut blanked = String::new();
    for letter in text.chars() {
        match letter {
            digit if digit.is_ascii_digit() => {
                if !blanked.ends_with('#') {
                    blanked.push('#');
                }
            }
            other => blanked.push(other),
        }
    }
    blanked
}

#[cfg(test)]
mod tests {
    use super::Cause;

    #[test]
    fn an_oracle_is_the_same_whatever_it_says() {
        let cause =
            Cause::of("seed 3  FAILED  lease: members saw different changes at log position 62");
        assert!(cause.is("lease"));
        assert_eq!(
            cause,
            Cause::of("a.toml  FAILED  lease: lease 7 ended early\n    1.2 log 4")
        );
        assert_ne!(
            cause,
            Cause::of("seed 3  FAILED  watch: members saw different changes")
        );
        assert!(
            Cause::of("x  FAILED  malformed history: op7 returns twice").is("malformed history")
        );
    }

    #[test]
    fn a_panic_is_the_same_but_for_its_numbers() {
        let cause = Cause::of("seed 3  FAILED  panic: index 62 out of 1000: log\nmore");
        assert_eq!(cause.to_string(), "panic: index # out of #: log");
        assert_eq!(
            cause,
            Cause::of("seed 4  FAILED  panic: index 1 out of 9: log")
        );
        assert_ne!(
            cause,
            Cause::of("seed 4  FAILED  panic: index 1 out of 9: lag")
        );
        let hang = Cause::of("seed 4  FAILED  given up after 600 s");
        assert_eq!(hang, Cause::of("x  FAILED  given up after 5 s"));
    }
}
