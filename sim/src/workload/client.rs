//! A client that reads and writes keys, one operation at a time.

use super::{
    Session,
    keys::{KeyChooser, pause},
};
use crate::{
    history::{
        Body, Compare, CompareTarget, Delete, Keys, Kv, Outcome, Put, Range, Relation, Request,
        Response, Txn, TxnOp,
    },
    plan::{Span, Stream, Workload},
    recorder::Recorder,
};

/// Most keys of a transaction's branch.
const TXN_KEYS_MAX: u64 = 4;

/// Pause after an operation that has failed, microseconds: a client that gets refusals at once
/// would otherwise do nothing but collect them.
const FAILURE_PAUSE_US: Span = Span(20_000, 200_000);

/// Reads and writes.
pub(super) struct KvClient {
    session: Session,
    stream: Stream,
    chooser: KeyChooser,
    workload: Workload,
    recorder: Recorder,
}

impl KvClient {
    pub(super) fn new(
        session: Session,
        stream: Stream,
        workload: &Workload,
        recorder: Recorder,
    ) -> Self {
        let chooser = KeyChooser::new(session.client(), workload);
        Self {
            session,
            stream,
            chooser,
            workload: workload.clone(),
            recorder,
        }
    }

    /// Works until the quiet begins.
    pub(super) async fn run(mut self) {
        while !self.recorder.is_quiet() {
            let went_well = self.step().await;
            let think = if went_well {
                self.workload.think_us
            } else {
                FAILURE_PAUSE_US
            };
            let leaves = !went_well && !self.stream.chance(self.workload.stay_percent);
            if leaves || self.stream.chance(self.workload.switch_percent) {
                self.session.go_on();
            }
            pause(&mut self.stream, think).await;
        }
    }

    /// One operation; false where the member is better left alone for a while.
    async fn step(&mut self) -> bool {
        let request = match self.stream.weighted(&self.workload.weights.as_array()) {
            0 => Request::Put(self.put()),
            1 => Request::Delete(self.delete_one()),
            2 => Request::Delete(Delete {
                keys: self.chooser.neighbours(&mut self.stream),
                prev_kv: self.stream.chance(50),
            }),
            3 => return self.compare_and_swap().await,
            4 => Request::Txn(self.txn()),
            5 => Request::Range(self.get()),
            6 => Request::Range(self.range()),
            7 => Request::Range(Range {
                serializable: true,
                ..self.range()
            }),
            _ => Request::Range(self.historical()),
        };
        self.execute(request).await
    }

    /// Sends a request, and once more where its outcome is not known and the client is one that
    /// does so: what etcd's own client leaves to its user. False as in [`Self::step`].
    async fn execute(&mut self, request: Request) -> bool {
        let outcome = self.session.execute(request.clone()).await;
        let unknown = matches!(outcome, Outcome::Unknown(_));
        if !unknown || !self.stream.chance(self.workload.retry_percent) {
            return is_answer(&outcome);
        }
        if !self.stream.chance(self.workload.stay_percent) {
            self.session.go_on();
        }
        is_answer(&self.session.execute(request).await)
    }

    fn put(&mut self) -> Put {
        Put {
            key: self.chooser.one(&mut self.stream),
            value: self.chooser.value(&mut self.stream),
            lease: 0,
            prev_kv: self.stream.chance(30),
        }
    }

    fn delete_one(&mut self) -> Delete {
        Delete {
            keys: Keys::One(self.chooser.one(&mut self.stream)),
            prev_kv: self.stream.chance(50),
        }
    }

    fn get(&mut self) -> Range {
        let keys = Keys::One(self.chooser.one(&mut self.stream));
        Range {
            keys,
            revision: 0,
            limit: 0,
            serializable: false,
        }
    }

    fn range(&mut self) -> Range {
        let limit = self.stream.pick(&[0, 0, 1, 3]);
        let keys = self.chooser.neighbours(&mut self.stream);
        Range {
            keys,
            revision: 0,
            limit,
            serializable: false,
        }
    }

    /// A read at a revision that the client knows to exist.
    fn historical(&mut self) -> Range {
        let newest = self.session.newest().max(0).unsigned_abs();
        let back = self.stream.magnitude(1, newest.max(1));
        let revision = newest.saturating_sub(back).cast_signed();
        let serializable = self.stream.chance(30);
        Range {
            revision,
            serializable,
            ..self.range()
        }
    }

    /// Reads a key, and replaces it unless somebody has changed it meanwhile.
    async fn compare_and_swap(&mut self) -> bool {
        let key = self.chooser.one(&mut self.stream);
        let get = Range {
            keys: Keys::One(key.clone()),
            revision: 0,
            limit: 0,
            serializable: false,
        };
        let outcome = self.session.execute(Request::Range(get.clone())).await;
        let Outcome::Ok(Response {
            body: Body::Range { kvs, .. },
            ..
        }) = &outcome
        else {
            return is_answer(&outcome);
        };
        pause(&mut self.stream, self.workload.think_us).await;
        let swap = Txn {
            compares: vec![self.unchanged(&key, kvs.first())],
            success: vec![TxnOp::Put(Put { key, ..self.put() })],
            failure: vec![TxnOp::Range(get)],
        };
        self.execute(Request::Txn(swap)).await
    }

    /// The condition that a key is as it was found.
    fn unchanged(&mut self, key: &crate::history::Blob, found: Option<&Kv>) -> Compare {
        let target = match found {
            None => CompareTarget::Create(0),
            Some(kv) => match self.stream.between(0, 2) {
                0 => CompareTarget::Value(kv.value.clone()),
                _ => CompareTarget::Mod(kv.mod_revision),
            },
        };
        Compare {
            key: key.clone(),
            relation: Relation::Equal,
            target,
        }
    }

    /// Some conditions, of which any may hold, and on each side some operations on different keys.
    fn txn(&mut self) -> Txn {
        let conditions = self.stream.between(0, 2);
        let compares = (0..conditions).map(|_| self.condition()).collect();
        Txn {
            compares,
            success: self.branch(),
            failure: self.branch(),
        }
    }

    fn condition(&mut self) -> Compare {
        let newest = self.session.newest().max(1).unsigned_abs();
        let revision = self.stream.between(0, newest).cast_signed();
        let target = match self.stream.between(0, 3) {
            0 => CompareTarget::Version(self.stream.between(0, 5).cast_signed()),
            1 => CompareTarget::Create(revision),
            2 => CompareTarget::Mod(revision),
            _ => CompareTarget::Lease(0),
        };
        let relations = [
            Relation::Equal,
            Relation::NotEqual,
            Relation::Less,
            Relation::Greater,
        ];
        Compare {
            key: self.chooser.one(&mut self.stream),
            relation: self.stream.pick(&relations),
            target,
        }
    }

    fn branch(&mut self) -> Vec<TxnOp> {
        let keys = self.chooser.several(&mut self.stream, TXN_KEYS_MAX);
        keys.into_iter()
            .map(|key| match self.stream.between(0, 5) {
                0..=2 => TxnOp::Put(Put { key, ..self.put() }),
                3 => TxnOp::Delete(Delete {
                    keys: Keys::One(key),
                    ..self.delete_one()
                }),
                4 => TxnOp::Range(Range {
                    keys: Keys::One(key),
                    ..self.get()
                }),
                _ => TxnOp::Range(self.range()),
            })
            .collect()
    }
}

/// Whether a member has answered, be it with a refusal.
fn is_answer(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Ok(_) => true,
        Outcome::Failed(text) => text.starts_with("etcdserver: "),
        Outcome::Unknown(_) => false,
    }
}
