//! What is seen during a run goes through here into its history.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use madsim::time::TimeHandle;

use crate::{
    history::{AuthChange, History, LeaseChange, What},
    run::Recording,
};

/// Writes the history, and keeps what the run itself must know of it. Clones write the same one.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    history: History,
    ops: u64,
    watches: u64,
    quiet: bool,
    /// Entries that some member has applied: what they did.
    committed: BTreeMap<u64, What>,
    /// Changes of users and roles, by their log positions.
    auth_changes: BTreeMap<u64, AuthChange>,
    /// Leases that exist, by the log.
    leases: BTreeSet<i64>,
    /// Revision of the key space, by the log.
    revision: i64,
    /// Last entry that each member has applied.
    applied: BTreeMap<u64, u64>,
    /// Member and next revision of each watch that is open.
    open_watches: BTreeMap<u64, (u64, i64)>,
    /// The most that each queue of each member ever held.
    fills: BTreeMap<(u64, &'static str), u64>,
    recording: Recording,
    /// Who calls whom, in calls between members.
    calls: Vec<(u64, u64)>,
    messages: u64,
    /// Numbers of the messages that are on their way.
    on_their_way: BTreeMap<CallMessage, u64>,
}

/// A message of a call between members: the call, whether it is an answer, and its position among
/// requests or answers.
pub type CallMessage = (u64, bool, u64);

impl Recorder {
    /// Records also what is asked for here.
    pub fn new(recording: Recording) -> Self {
        let recorder = Self::default();
        recorder.inner().recording = recording;
        recorder
    }

    /// Whether messages between members are recorded.
    pub fn records_messages(&self) -> bool {
        self.inner().recording.messages
    }

    /// A number for a call from one member to another.
    pub fn call(&self, from: u64, to: u64) -> u64 {
        let mut inner = self.inner();
        inner.calls.push((from, to));
        inner.calls.len() as u64 - 1
    }

    /// A message leaves its sender.
    pub fn sent(&self, message: CallMessage, text: String) {
        let mut inner = self.inner();
        let (call, is_answer, _) = message;
        let Some((caller, callee)) = usize::try_from(call)
            .ok()
            .and_then(|call| inner.calls.get(call).copied())
        else {
            return;
        };
        let (from, to) = if is_answer {
            (callee, caller)
        } else {
            (caller, callee)
        };
        inner.messages += 1;
        let number = inner.messages;
        inner.on_their_way.insert(message, number);
        inner.push(What::Sent {
            message: number,
            from,
            to,
            text,
        });
    }

    /// A message has reached its receiver.
    pub fn arrived(&self, message: CallMessage) {
        let mut inner = self.inner();
        if let Some(message) = inner.on_their_way.remove(&message) {
            inner.push(What::Arrived { message });
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("nobody panics with this lock held")
    }

    /// Adds a record at the present time.
    pub fn push(&self, what: What) {
        self.inner().push(what);
    }

    /// Adds what an entry did, unless that is known: members see each entry one after the other.
    pub fn committed(&self, index: u64, entry: What) {
        let mut inner = self.inner();
        if inner.committed.get(&index) == Some(&entry) {
            return;
        }
        if let What::Committed {
            revision, leases, ..
        } = &entry
        {
            inner.revision = inner.revision.max(*revision);
            for change in leases {
                match change {
                    LeaseChange::Granted { lease, .. } => inner.leases.insert(*lease),
                    LeaseChange::Renewed { .. } => false,
                    LeaseChange::Ended { lease } => inner.leases.remove(lease),
                };
            }
        }
        inner
            .committed
            .entry(index)
            .or_insert_with(|| entry.clone());
        inner.push(entry);
    }

    /// Adds what an entry did to users and roles, likewise.
    pub fn auth_changed(&self, index: u64, change: AuthChange) {
        let mut inner = self.inner();
        if inner.auth_changes.get(&index) == Some(&change) {
            return;
        }
        inner
            .auth_changes
            .entry(index)
            .or_insert_with(|| change.clone());
        inner.push(What::AuthChanged { index, change });
    }

    /// Notes how far a member is.
    pub fn applied(&self, member: u64, index: u64) {
        self.inner().applied.insert(member, index);
    }

    /// Notes how full a member's queue is now; gives the most that it ever was.
    pub fn fill(&self, member: u64, queue: &'static str, now: u64) -> u64 {
        let mut inner = self.inner();
        let most = inner.fills.entry((member, queue)).or_default();
        *most = now.max(*most);
        *most
    }

    /// A fault begins or ends.
    pub fn fault(&self, text: impl Into<String>) {
        self.push(What::Fault { text: text.into() });
    }

    /// All faults are over but those of members that do not belong to `core`.
    pub fn quiet(&self, bound_ms: u64, core: &[u64]) {
        let mut inner = self.inner();
        inner.quiet = true;
        let members = inner.history.members().to_vec();
        let lost = members.into_iter().filter(|member| !core.contains(member));
        let lost = lost.collect();
        inner.push(What::Quiet { bound_ms, lost });
    }

    /// Whether all faults are over.
    pub fn is_quiet(&self) -> bool {
        self.inner().quiet
    }

    /// A number for an operation.
    pub fn next_op(&self) -> u64 {
        let mut inner = self.inner();
        inner.ops += 1;
        inner.ops
    }

    /// A number for a watch.
    pub fn next_watch(&self) -> u64 {
        let mut inner = self.inner();
        inner.watches += 1;
        inner.watches
    }

    /// An open watch is to get `next` next.
    pub fn watch_at(&self, watch: u64, member: u64, next: i64) {
        self.inner().open_watches.insert(watch, (member, next));
    }

    /// A watch is over.
    pub fn watch_over(&self, watch: u64) {
        self.inner().open_watches.remove(&watch);
    }

    /// The newest revision that any member has applied.
    pub fn revision(&self) -> i64 {
        self.inner().revision
    }

    /// Whether everything owed is done at this moment: `members` have applied the same entries, all
    /// leases have ended, all watches there have delivered everything.
    pub fn is_settled(&self, members: &[u64]) -> bool {
        let inner = self.inner();
        let newest = inner.committed.keys().next_back().copied();
        let in_step = members
            .iter()
            .all(|member| inner.applied.get(member).copied() == newest);
        let delivered = inner
            .open_watches
            .values()
            .all(|(member, next)| *next > inner.revision || !members.contains(member));
        in_step && delivered && inner.leases.is_empty()
    }

    /// The run is over: a panic has ended it.
    pub fn panicked(&self, text: &str) {
        let text = text.to_owned();
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at_ns = inner.history.end_ns();
        inner.history.push(at_ns, What::Panic { text });
    }

    /// Takes the history out; what is recorded later is lost.
    pub fn finish(&self) -> History {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut inner.history)
    }
}

impl Inner {
    fn push(&mut self, what: What) {
        let elapsed_ns = TimeHandle::current().elapsed().as_nanos();
        let at_ns = u64::try_from(elapsed_ns).expect("runs are shorter than centuries");
        self.history.push(at_ns, what);
    }
}
