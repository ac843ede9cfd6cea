//! A cluster that is right by construction: one copy of the keys, clients at the same time, lost
//! answers, old serializable reads, watches that break and resume, a lease that ends.

use std::collections::BTreeMap;

use crate::{
    history::{
        Blob, Compare, CompareTarget, Delete, Event, History, Keys, LeaseChange, Outcome, Put,
        Range, Relation, Request, Response, Txn, TxnOp, WatchEnd, WatchOpen, What,
    },
    oracles::model::State,
    plan::Stream,
};

const LEASE: i64 = 7;

/// What a history is like.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) clients: u64,
    pub(super) keys: u64,
    /// How many operations it has.
    pub(super) ops: u64,
    /// How many answers in a hundred are lost.
    pub(super) lost_percent: u64,
}

/// Few keys among some clients, and nearly all that is asked is answered.
pub(super) const ORDINARY: Shape = Shape {
    clients: 5,
    keys: 8,
    ops: 400,
    lost_percent: 8,
};

/// What happens next.
enum Step {
    Invoke { client: u64 },
    Apply { op: u64 },
    Return { op: u64, lost: bool },
    Deliver { watch: u64 },
    LeaseEnd,
}

/// One copy of the keys, and all that is under way.
pub(super) struct Copy {
    shape: Shape,
    stream: Stream,
    history: History,
    /// What happens when; the second number keeps simultaneous steps apart.
    agenda: BTreeMap<(u64, u64), Step>,
    /// The states of all revisions from 1 on.
    states: Vec<State>,
    changes: Vec<Vec<Event>>,
    requests: BTreeMap<u64, (u64, Request)>,
    answers: BTreeMap<u64, Response>,
    /// The next revision of each watch.
    watches: BTreeMap<u64, i64>,
    index: u64,
    steps: u64,
}

impl Copy {
    /// The history of `seed`.
    pub(super) fn run(seed: u64, shape: Shape) -> History {
        let mut copy = Self {
            shape,
            stream: Stream::new(seed, "copy"),
            history: History::new(),
            agenda: BTreeMap::new(),
            states: vec![State::default()],
            changes: Vec::new(),
            requests: BTreeMap::new(),
            answers: BTreeMap::new(),
            watches: BTreeMap::new(),
            index: 0,
            steps: 0,
        };
        copy.commit(
            0,
            Vec::new(),
            vec![LeaseChange::Granted {
                lease: LEASE,
                ttl_s: 1,
            }],
        );
        copy.open_watch(0, 1);
        (0..shape.clients).for_each(|client| copy.plan(0, Step::Invoke { client }));
        copy.plan(1_000_000, Step::Deliver { watch: 1 });
        copy.plan(1_500_000_000, Step::LeaseEnd);
        while let Some(((at_ns, _), step)) = copy.agenda.pop_first() {
            copy.step(at_ns, step);
        }
        copy.history
    }

    fn plan(&mut self, at_ns: u64, step: Step) {
        self.steps += 1;
        self.agenda.insert((at_ns, self.steps), step);
    }

    /// Some time after `at_ns`.
    fn later(&mut self, at_ns: u64) -> u64 {
        at_ns + self.stream.magnitude(1, 50_000_000)
    }

    fn revision(&self) -> i64 {
        self.states.len() as i64
    }

    fn now(&self) -> &State {
        &self.states[self.states.len() - 1]
    }

    fn step(&mut self, at_ns: u64, step: Step) {
        match step {
            Step::Invoke { client } => self.invoke(at_ns, client),
            Step::Apply { op } => self.apply(at_ns, op),
            Step::Return { op, lost } => self.return_(at_ns, op, lost),
            Step::Deliver { watch } => self.deliver(at_ns, watch),
            Step::LeaseEnd => {
                let attached: Vec<Blob> = self
                    .now()
                    .attached(LEASE)
                    .map(|kv| kv.key.clone())
                    .collect();
                let mod_revision = self.revision() + 1;
                let delete = |key| Event::Delete {
                    key,
                    mod_revision,
                    prev: None,
                };
                let events = attached.into_iter().map(delete).collect();
                self.commit(at_ns, events, vec![LeaseChange::Ended { lease: LEASE }]);
            }
        }
    }

    fn invoke(&mut self, at_ns: u64, client: u64) {
        let op = self.requests.len() as u64;
        if op >= self.shape.ops {
            return;
        }
        let request = self.request(at_ns, op);
        let what = What::Invoke {
            op,
            client,
            member: 1,
            request: request.clone(),
        };
        self.history.push(at_ns, what);
        self.requests.insert(op, (client, request));
        let (apply_ns, lost) = (
            self.later(at_ns),
            self.stream.chance(self.shape.lost_percent),
        );
        let mut return_ns = self.later(apply_ns);
        // What was lost may take effect before its client gives up, long after, or never.
        if lost && self.stream.chance(50) {
            return_ns = at_ns + 1;
        }
        if !lost || self.stream.chance(60) {
            self.plan(apply_ns, Step::Apply { op });
        }
        self.plan(return_ns, Step::Return { op, lost });
    }

    fn apply(&mut self, at_ns: u64, op: u64) {
        let request = self.requests[&op].1.clone();
        let serializable = matches!(&request, Request::Range(range) if range.serializable);
        let newest = self.revision();
        let revision = if serializable {
            self.stream.between(1, newest.unsigned_abs()).cast_signed()
        } else {
            newest
        };
        let shown = match &request {
            Request::Range(range) if range.revision > 0 => range.revision,
            _ => revision,
        };
        let state = &self.states[usize::try_from(shown).unwrap() - 1];
        let (body, events) = state.outcome(&request, newest + 1).unwrap();
        let revision = revision + i64::from(!events.is_empty());
        if !events.is_empty() {
            self.commit(at_ns, events, Vec::new());
        }
        self.answers.insert(op, Response { revision, body });
    }

    fn return_(&mut self, at_ns: u64, op: u64, lost: bool) {
        let outcome = match self.answers.remove(&op) {
            Some(response) if !lost => Outcome::Ok(response),
            _ => Outcome::Unknown("deadline".into()),
        };
        self.history.push(at_ns, What::Return { op, outcome });
        let (client, next_ns) = (self.requests[&op].0, self.later(at_ns));
        self.plan(next_ns, Step::Invoke { client });
    }

    fn commit(&mut self, at_ns: u64, events: Vec<Event>, leases: Vec<LeaseChange>) {
        if !events.is_empty() {
            let mut state = self.now().clone();
            state.apply(&events);
            self.states.push(state);
            self.changes.push(events.clone());
        }
        self.index += 1;
        let (index, revision, state_hash) = (self.index, self.revision(), self.index * 31);
        self.history.push(
            at_ns,
            What::Committed {
                index,
                term: 1,
                revision,
                events,
                leases,
            },
        );
        for member in 1..=3 {
            let what = What::Applied {
                member,
                index,
                term: 1,
                revision,
                state_hash,
            };
            self.history.push(at_ns, what);
        }
    }

    fn open_watch(&mut self, at_ns: u64, start_revision: i64) {
        let watch = self.watches.len() as u64 + 1;
        self.watches.insert(watch, start_revision);
        let keys = Keys::From(Blob::from("k3"));
        self.history.push(
            at_ns,
            What::WatchOpen(WatchOpen {
                watch,
                client: 99,
                member: 1,
                keys,
                start_revision,
                prev_kv: false,
                no_put: false,
                no_delete: false,
            }),
        );
        let revision = self.revision();
        self.history
            .push(at_ns, What::WatchCreated { watch, revision });
    }

    /// Delivers what has happened, a part of it or all; then goes on, reports, or breaks.
    fn deliver(&mut self, at_ns: u64, watch: u64) {
        let (next, revision) = (self.watches[&watch], self.revision());
        let until = match self.stream.chance(50) && next <= revision {
            true => self
                .stream
                .between(next as u64, revision as u64)
                .cast_signed(),
            false => revision,
        };
        let wanted = self.changes.iter().flatten().filter(|event| {
            (next..=until).contains(&event.mod_revision()) && event.key() >= &Blob::from("k3")
        });
        let events: Vec<Event> = wanted.cloned().collect();
        if !events.is_empty() {
            let what = What::WatchEvents {
                watch,
                revision,
                fragment: false,
                events,
            };
            self.history.push(at_ns, what);
        } else if until >= next && self.stream.chance(50) {
            self.history.push(
                at_ns,
                What::WatchProgress {
                    watch,
                    revision: until,
                },
            );
        }
        let next = next.max(until + 1);
        self.watches.insert(watch, next);
        if self.agenda.is_empty() {
            return;
        }
        let mut watch = watch;
        if self.stream.chance(10) {
            self.history.push(
                at_ns,
                What::WatchEnd {
                    watch,
                    why: WatchEnd::Broken,
                },
            );
            self.open_watch(at_ns, next);
            watch += 1;
        }
        let at_ns = self.later(at_ns);
        self.plan(at_ns, Step::Deliver { watch });
    }

    fn request(&mut self, at_ns: u64, op: u64) -> Request {
        let last = self.shape.keys - 1;
        let key = |stream: &mut Stream| Blob::from(&*format!("k{}", stream.between(0, last)));
        let stream = &mut self.stream;
        let (one, other) = (key(stream), key(stream));
        let span = Keys::Span(
            one.clone().min(other.clone()),
            one.clone().max(other.clone()),
        );
        let lease = if stream.chance(10) && at_ns < 1_000_000_000 {
            LEASE
        } else {
            0
        };
        let value = Blob::from(&*format!("v{op}"));
        let put = Put {
            key: one.clone(),
            value,
            lease,
            prev_kv: stream.chance(50),
        };
        let delete = Delete {
            keys: Keys::One(one.clone()),
            prev_kv: stream.chance(50),
        };
        let newest = self.states.len() as u64;
        let range = Range {
            keys: span.clone(),
            revision: if stream.chance(20) {
                stream.between(1, newest).cast_signed()
            } else {
                0
            },
            limit: if stream.chance(20) { 2 } else { 0 },
            serializable: false,
        };
        match stream.weighted(&[6, 1, 1, 4, 2, 3]) {
            0 => Request::Put(put),
            1 => Request::Delete(delete),
            2 => Request::Delete(Delete {
                keys: span,
                prev_kv: true,
            }),
            3 => Request::Range(range),
            4 => Request::Range(Range {
                revision: 0,
                serializable: true,
                ..range
            }),
            _ => {
                let known = self.states[self.states.len() - 1].get(&one);
                let target = CompareTarget::Mod(known.map_or(0, |kv| kv.mod_revision));
                Request::Txn(Txn {
                    compares: vec![Compare {
                        key: one,
                        relation: Relation::Equal,
                        target,
                    }],
                    success: vec![
                        TxnOp::Put(put),
                        TxnOp::Range(Range {
                            revision: 0,
                            ..range
                        }),
                    ],
                    failure: vec![TxnOp::Delete(delete)],
                })
            }
        }
    }
}
