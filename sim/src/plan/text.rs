//! A plan as a TOML file, made to be read and edited: a summary on top, one line for each fault.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::Serialize;

use super::{Plan, TimedFault};

/// Why a text is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is not TOML, or lacks a field, or a field has a wrong value.
    #[error("{0}")]
    Toml(#[from] toml::de::Error),
    /// A field that plans do not have, which would be ignored.
    #[error("a plan has no `{0}`")]
    Unknown(String),
    /// The plan makes no sense.
    #[error(transparent)]
    Invalid(#[from] super::Invalid),
}

impl FromStr for Plan {
    type Err = ReadError;

    fn from_str(text: &str) -> Result<Self, ReadError> {
        let plan: Self = toml::from_str(text)?;
        // `deny_unknown_fields` does not reach into flattened faults.
        let given: toml::Value = toml::from_str(text)?;
        let known: toml::Value = toml::from_str(&plan.to_string())?;
        if let Some(path) = unknown(&given, &known) {
            return Err(ReadError::Unknown(path));
        }
        plan.check()?;
        Ok(plan)
    }
}

/// The path of something in `given` that is not in `known`.
fn unknown(given: &toml::Value, known: &toml::Value) -> Option<String> {
    use toml::Value::{Array, Table};
    let below = |name: String, path: String| {
        if path.is_empty() {
            name
        } else {
            format!("{name}.{path}")
        }
    };
    match (given, known) {
        (Table(given), Table(known)) => given.iter().find_map(|(name, value)| {
            let Some(known) = known.get(name) else {
                return Some(name.clone());
            };
            unknown(value, known).map(|path| below(name.clone(), path))
        }),
        (Array(given), Array(known)) => {
            given
                .iter()
                .zip(known)
                .enumerate()
                .find_map(|(at, (given, known))| {
                    unknown(given, known).map(|path| below(at.to_string(), path))
                })
        }
        _ => None,
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# {}\n", self.summary())?;
        writeln!(f, "seed = {}", self.seed)?;
        write_table(f, "cluster", &self.cluster)?;
        write_table(f, "knobs", &self.knobs)?;
        write_table(f, "workload", &self.workload)?;
        if let Some(auth) = &self.auth {
            write_table(f, "auth", auth)?;
        }
        writeln!(f, "\n[schedule]")?;
        writeln!(f, "run_ms = {}", self.schedule.run_ms)?;
        writeln!(f, "quiet_ms = {}", self.schedule.quiet_ms)?;
        if !self.schedule.lost.is_empty() {
            let lost: Vec<String> = self.schedule.lost.iter().map(inline).collect();
            writeln!(f, "lost = [{}]", lost.join(", "))?;
        }
        writeln!(f, "faults = [")?;
        for fault in &self.schedule.faults {
            writeln!(f, "  {},", inline(fault))?;
        }
        writeln!(f, "]")
    }
}

impl Plan {
    /// The plan in one line for people.
    pub fn summary(&self) -> String {
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        for TimedFault { fault, .. } in &self.schedule.faults {
            *kinds.entry(fault.kind()).or_default() += 1;
        }
        let kinds: Vec<String> = kinds
            .into_iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        let mut kinds = kinds;
        if !self.schedule.lost.is_empty() {
            kinds.push(format!("{} lost", self.schedule.lost.len()));
        }
        let faults = if kinds.is_empty() {
            "no faults".into()
        } else {
            kinds.join(", ")
        };
        format!(
            "seed {}: {} members, {} clients, {} watchers, {} lease holders, \
             {} contenders, {:.1} s; {faults}",
            self.seed,
            self.cluster.members,
            self.workload.clients,
            self.workload.watchers,
            self.workload.lease_holders,
            self.workload.contenders,
            self.schedule.run_ms as f64 / 1e3,
        )
    }
}

/// `[name]` with its fields, and its inner tables behind it.
fn write_table<T: Serialize>(f: &mut fmt::Formatter<'_>, name: &str, value: &T) -> fmt::Result {
    let text = toml::to_string(&BTreeMap::from([(name, value)]));
    write!(
        f,
        "\n{}",
        text.expect("numbers and lists of numbers have a form in TOML")
    )
}

/// `{ at_ms = 1200, kind = "crash", … }`.
fn inline(fault: &impl Serialize) -> String {
    let mut text = String::new();
    fault
        .serialize(toml::ser::ValueSerializer::new(&mut text))
        .expect("numbers, names and lists of numbers have a form in TOML");
    text
}

#[cfg(test)]
mod tests {
    use super::ReadError;
    use crate::plan::{Focus, Plan};

    #[test]
    fn a_plan_survives_its_text_exactly() {
        for seed in 0..200 {
            let plan = Plan::generate(seed, Focus::Everything);
            let text = plan.to_string();
            let read: Plan = text.parse().unwrap();
            assert_eq!(read, plan);
            assert_eq!(read.to_string(), text);
        }
    }

    #[test]
    fn a_fault_takes_one_line() {
        let text = Plan::generate(3, Focus::Crashes).to_string();
        let faults = text
            .lines()
            .filter(|line| line.starts_with("  { at_ms = "))
            .count();
        assert_eq!(
            faults,
            Plan::generate(3, Focus::Crashes).schedule.faults.len()
        );
        assert!(
            text.contains("kind = \"crash\", target = \"leader\", down_ms = "),
            "{text}"
        );
    }

    #[test]
    fn a_misspelt_field_is_refused_wherever_it_is() {
        let text = Plan::generate(3, Focus::Crashes).to_string();
        for (right, wrong, path) in [
            ("seed = 3", "seed = 3\nsed = 4", "sed"),
            ("run_ms", "rum_ms = 1\nrun_ms", "rum_ms"),
            (
                "{ at_ms",
                "{ dawn_ms = 5, at_ms",
                "schedule.faults.0.dawn_ms",
            ),
        ] {
            let error = text.replacen(right, wrong, 1).parse::<Plan>().unwrap_err();
            assert!(error.to_string().contains(path), "{error}");
        }
        let error = text
            .replacen("\"leader\"", "\"boss\"", 1)
            .parse::<Plan>()
            .unwrap_err();
        assert!(error.to_string().contains("`boss` is neither"), "{error}");
        let error = text
            .replacen("at_ms = 1", "at_ms = 99991", 1)
            .parse::<Plan>()
            .unwrap_err();
        assert!(matches!(error, ReadError::Invalid(_)), "{error}");
    }
}
