//! What a log has to say after a crash: the state behind some prefix of the accepted operations,
//! and no shorter prefix than what was acknowledged.

use std::collections::BTreeMap;

use super::*;

/// The log as its callers see it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Model {
    pub(super) vote: Option<Bytes>,
    pub(super) purged: Option<LogPosition>,
    pub(super) entries: BTreeMap<u64, LogEntry>,
}

impl Model {
    pub(super) fn new(
        vote: Option<Bytes>,
        purged: Option<LogPosition>,
        entries: Vec<LogEntry>,
    ) -> Self {
        let entries = entries
            .into_iter()
            .map(|entry| (entry.index, entry))
            .collect();
        Self {
            vote,
            purged,
            entries,
        }
    }

    pub(super) fn last(&self) -> Option<LogPosition> {
        let last = self.entries.values().next_back();
        last.map(|entry| LogPosition {
            term: entry.term,
            index: entry.index,
        })
        .or(self.purged)
    }

    pub(super) fn next_index(&self) -> u64 {
        self.last().map_or(0, |last| last.index + 1)
    }

    pub(super) fn append(&mut self, entries: &[LogEntry]) {
        self.entries
            .extend(entries.iter().map(|entry| (entry.index, entry.clone())));
    }

    pub(super) fn truncate(&mut self, from: u64) {
        self.entries.split_off(&from);
    }

    pub(super) fn purge(&mut self, last: LogPosition) {
        self.entries = self.entries.split_off(&(last.index + 1));
        self.purged = Some(last);
    }

    pub(super) fn range(&self, range: Range<u64>) -> Vec<LogEntry> {
        self.entries
            .range(range)
            .map(|(_, entry)| entry.clone())
            .collect()
    }
}

/// The states since the last start, one behind each accepted operation.
#[derive(Default)]
pub(super) struct History {
    pub(super) states: Vec<Model>,
    /// The last state that has been acknowledged.
    pub(super) acknowledged: Arc<AtomicUsize>,
}

impl History {
    pub(super) fn start(recovered: Model) -> Self {
        Self {
            states: vec![recovered],
            acknowledged: Arc::default(),
        }
    }

    pub(super) fn now(&self) -> &Model {
        self.states
            .last()
            .expect("the recovered state is the first")
    }

    pub(super) fn step(&mut self, change: impl FnOnce(&mut Model)) {
        let mut state = self.now().clone();
        change(&mut state);
        self.states.push(state);
    }

    /// To be called when the operation of the last step is durable.
    pub(super) fn acknowledge(&self) -> Durable {
        let (acknowledged, step) = (self.acknowledged.clone(), self.states.len() - 1);
        Box::new(move |result| {
            if result.is_ok() {
                acknowledged.fetch_max(step, Ordering::Relaxed);
            }
        })
    }

    /// The oracle.
    pub(super) fn check(&self, recovered: &Model) -> Result<(), String> {
        let acknowledged = self.acknowledged.load(Ordering::Relaxed);
        if self.states[acknowledged..].contains(recovered) {
            return Ok(());
        }
        Err(format!(
            "recovered {recovered:?}\nis none of the states from the acknowledged one on: {:?}",
            &self.states[acknowledged..]
        ))
    }
}

#[test]
fn the_oracle_rejects_broken_recoveries() {
    let mut history = History::start(Model::default());
    history.step(|state| state.append(&[entry(0, 1, 5), entry(1, 1, 5)]));
    history.acknowledge()(Ok(()));
    history.step(|state| state.truncate(1));
    history.step(|state| state.append(&[entry(1, 2, 5)]));

    let recovered = |entries| Model::new(None, None, entries);
    assert!(
        history
            .check(&recovered(vec![entry(0, 1, 5), entry(1, 1, 5)]))
            .is_ok()
    );
    assert!(
        history.check(&recovered(vec![entry(0, 1, 5)])).is_ok(),
        "the truncation alone"
    );
    assert!(
        history.check(&recovered(vec![])).is_err(),
        "an acknowledged entry is lost"
    );
    let other = vec![entry(0, 1, 5), entry(1, 3, 5)];
    assert!(
        history.check(&recovered(other)).is_err(),
        "an entry nobody appended"
    );
    let stale_vote = Model {
        vote: Some(Bytes::from_static(b"1")),
        ..history.now().clone()
    };
    assert!(history.check(&stale_vote).is_err(), "a vote nobody cast");
    history.acknowledge()(Ok(()));
    let truncated = recovered(vec![entry(0, 1, 5), entry(1, 1, 5)]);
    assert!(
        history.check(&truncated).is_err(),
        "a truncated entry is back"
    );
}
