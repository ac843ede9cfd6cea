//! A member's applies, as records.

use quorate_core::{Applied, Command, Entry, LeaseChange, StateMachine, kv};
use quorate_server::replica::{Observer, Replica};

use super::{
    auth,
    reference::{Outcomes, Reference},
};
use crate::{
    history::{self, Blob, Told, What},
    recorder::Recorder,
};

/// The state's hash reads the whole history of keys. It is taken at each entry while there are no
/// more revisions than this, and less often the more there are.
const REVISIONS_HASHED_EACH: u64 = 64;

/// Records what one member applies.
pub(super) struct ApplyObserver {
    pub(super) member: u64,
    pub(super) recorder: Recorder,
    pub(super) reference: Reference,
    pub(super) outcomes: Outcomes,
}

impl Observer for ApplyObserver {
    fn applied(&self, entry: &Entry, applied: &Applied, state: &StateMachine) {
        self.recorder
            .committed(entry.index, committed(entry, applied));
        if let (Command::Auth(request), Ok(_)) = (&entry.command, &applied.result) {
            self.recorder
                .auth_changed(entry.index, auth::change(request));
        }
        if let Some(text) = self.reference.judge(entry, applied) {
            self.recorder.push(What::Disputed {
                index: entry.index,
                text,
            });
        }
        if let Some(text) = self.outcomes.compare(entry.index, applied) {
            let index = entry.index;
            self.recorder.push(What::Told {
                member: self.member,
                told: Told::Differs { index, text },
            });
        }
        self.record_state(state);
    }

    fn restored(&self, state: &StateMachine) {
        self.record_state(state);
    }

    fn settled(&self, replica: &Replica) {
        if replica.with_state(is_sampled) {
            replica.validate();
        }
    }
}

impl ApplyObserver {
    fn record_state(&self, state: &StateMachine) {
        let index = state.applied_index();
        self.recorder.applied(self.member, index);
        // In the quiet every entry is recorded, since the members must be seen to agree at the end.
        if !is_sampled(state) && !self.recorder.is_quiet() {
            return;
        }
        self.recorder.push(What::Applied {
            member: self.member,
            index,
            term: state.applied_term(),
            revision: state.revision(),
            state_hash: state.view().state_hash(),
        });
    }
}

/// Depends on nothing but replicated state, so that all members record the same entries.
fn is_sampled(state: &StateMachine) -> bool {
    let kept = state.revision() - state.compact_revision().max(0);
    let stride = kept.unsigned_abs() / REVISIONS_HASHED_EACH;
    state
        .applied_index()
        .is_multiple_of(stride.max(1).next_power_of_two())
}

fn committed(entry: &Entry, applied: &Applied) -> What {
    What::Committed {
        index: entry.index,
        term: entry.term,
        revision: applied.revision,
        events: applied.events.iter().map(event).collect(),
        leases: applied.lease_changes.iter().map(lease_change).collect(),
    }
}

fn event(event: &kv::Event) -> history::Event {
    match event {
        kv::Event::Put { kv, .. } => history::Event::Put {
            kv: key_value(kv),
            prev: None,
        },
        kv::Event::Delete {
            key, mod_revision, ..
        } => history::Event::Delete {
            key: Blob::from(&key[..]),
            mod_revision: *mod_revision,
            prev: None,
        },
    }
}

fn key_value(kv: &kv::KeyValue) -> history::Kv {
    history::Kv {
        key: Blob::from(&kv.key[..]),
        value: Blob::from(&kv.value[..]),
        mod_revision: kv.mod_revision,
        create_revision: kv.create_revision,
        version: kv.version,
        lease: kv.lease.map_or(0, kv::LeaseId::get),
    }
}

fn lease_change(change: &LeaseChange) -> history::LeaseChange {
    match *change {
        LeaseChange::Granted { id, ttl_s, .. } => history::LeaseChange::Granted {
            lease: id.get(),
            ttl_s,
        },
        LeaseChange::Renewed { id, .. } => history::LeaseChange::Renewed { lease: id.get() },
        LeaseChange::Ended { id } => history::LeaseChange::Ended { lease: id.get() },
    }
}
