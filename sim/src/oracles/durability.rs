//! What was acknowledged, or seen by anybody, is never lost: a later linearizable read finds each
//! key as new as it was, or newer, unless somebody may have deleted it since; and the revision
//! never goes back. Looks at answers alone, not at the log.

use std::collections::BTreeMap;

use super::{Finding, seconds};
use crate::history::{
    Blob, Body, Event, History, Keys, Kv, Operation, Put, Request, Response, TxnOp, What,
};

pub(super) fn check(history: &History) -> Result<(), Finding> {
    let operations = history.operations_in_parts();
    let known = Known::of(history, &operations);
    for operation in operations
        .iter()
        .filter(|operation| operation.is_linearizable())
    {
        let Some((_, response)) = operation.acknowledged() else {
            continue;
        };
        known.check_revision(operation, response)?;
        if let (Request::Range(range), Body::Range { more, kvs, .. }) =
            (operation.request, &response.body)
            && range.revision == 0
        {
            known.check_read(operation, &range.keys, *more, kvs)?;
        }
    }
    Ok(())
}

/// A put that somebody knows of.
struct Seen {
    /// From when on, nanoseconds.
    at_ns: u64,
    mod_revision: i64,
    record: usize,
}

/// All that clients know, and who may have ended it.
struct Known<'a> {
    /// Newest known put of each key, over time: times and revisions both grow.
    puts: BTreeMap<Blob, Vec<Seen>>,
    /// Newest acknowledged revision over time: time, revision, record.
    revisions: Vec<(u64, i64, usize)>,
    /// Operations that may have ended each of these keys.
    enders: BTreeMap<Blob, Vec<&'a Operation<'a>>>,
}

impl<'a> Known<'a> {
    fn of(history: &History, operations: &'a [Operation<'a>]) -> Self {
        let mut known = Self {
            puts: BTreeMap::new(),
            revisions: Vec::new(),
            enders: BTreeMap::new(),
        };
        let by_return: BTreeMap<usize, &Operation<'_>> = operations
            .iter()
            .filter_map(|operation| Some((operation.end?.1, operation)))
            .collect();
        for (record, entry) in history.records().iter().enumerate() {
            match &entry.what {
                What::Return { .. } => {
                    if let Some(operation) = by_return.get(&record) {
                        known.note_answer(operation, record);
                    }
                }
                What::WatchEvents { events, .. } => {
                    for event in events {
                        if let Event::Put { kv, .. } = event {
                            known.note(entry.at_ns, &kv.key, kv.mod_revision, record);
                        }
                    }
                }
                _ => {}
            }
        }
        for key in known.puts.keys() {
            let may = |operation: &&Operation<'_>| {
                operation.may_have_happened() && may_end(operation.request, key)
            };
            known
                .enders
                .insert(key.clone(), operations.iter().filter(may).collect());
        }
        known
    }

    fn note_answer(&mut self, operation: &Operation<'_>, record: usize) {
        let Some((at_ns, response)) = operation.acknowledged() else {
            return;
        };
        if operation.wrote()
            && self
                .revisions
                .last()
                .is_none_or(|last| last.1 < response.revision)
        {
            self.revisions.push((at_ns, response.revision, record));
        }
        let mut note = |key, revision| self.note(at_ns, key, revision, record);
        match (operation.request, &response.body) {
            (Request::Put(put), _) => note(&put.key, response.revision),
            (Request::Txn(txn), Body::Txn { succeeded, .. }) => {
                let branch = if *succeeded {
                    &txn.success
                } else {
                    &txn.failure
                };
                for op in branch {
                    if let TxnOp::Put(put) = op {
                        note(&put.key, response.revision);
                    }
                }
            }
            (_, Body::Range { kvs, .. }) => {
                kvs.iter().for_each(|kv| note(&kv.key, kv.mod_revision));
            }
            _ => {}
        }
    }

    fn note(&mut self, at_ns: u64, key: &Blob, mod_revision: i64, record: usize) {
        let puts = self.puts.entry(key.clone()).or_default();
        if puts
            .last()
            .is_none_or(|last| last.mod_revision < mod_revision)
        {
            puts.push(Seen {
                at_ns,
                mod_revision,
                record,
            });
        }
    }

    /// The answer's revision is not below one that was acknowledged before the request.
    fn check_revision(
        &self,
        operation: &Operation<'_>,
        response: &Response,
    ) -> Result<(), Finding> {
        let before = self
            .revisions
            .partition_point(|known| known.0 < operation.invoke_ns);
        let Some((at_ns, revision, record)) = before.checked_sub(1).map(|at| self.revisions[at])
        else {
            return Ok(());
        };
        if response.revision >= revision {
            return Ok(());
        }
        let text = format!(
            "op{} was answered at revision {}, but revision {revision} had been acknowledged at {}",
            operation.id,
            response.revision,
            seconds(at_ns),
        );
        Finding::err(text, operation.records().into_iter().chain([record]))
    }

    /// Every put known before the read is in its answer, itself or its successor, or may have been
    /// deleted.
    fn check_read(
        &self,
        read: &Operation<'_>,
        keys: &Keys,
        more: bool,
        kvs: &[Kv],
    ) -> Result<(), Finding> {
        for (key, puts) in self.puts.iter().filter(|(key, _)| keys.contains(key)) {
            let before = puts.partition_point(|seen| seen.at_ns < read.invoke_ns);
            let Some(seen) = before.checked_sub(1).map(|at| &puts[at]) else {
                continue;
            };
            let found = match kvs.iter().find(|kv| kv.key == *key) {
                Some(kv) if kv.mod_revision >= seen.mod_revision => continue,
                Some(kv) => format!("revision {}", kv.mod_revision),
                None if more || self.may_have_ended(key, seen, read) => continue,
                None => "nothing".into(),
            };
            let text = format!(
                "{key} was known at revision {} at {}, but op{} found {found}",
                seen.mod_revision,
                seconds(seen.at_ns),
                read.id,
            );
            return Finding::err(text, read.records().into_iter().chain([seen.record]));
        }
        Ok(())
    }

    fn may_have_ended(&self, key: &Blob, seen: &Seen, read: &Operation<'_>) -> bool {
        let end_ns = read.end.map_or(u64::MAX, |(at_ns, _, _)| at_ns);
        self.enders[key].iter().any(|ender| {
            ender.invoke_ns <= end_ns
                && ender.acknowledged().is_none_or(|(_, response)| {
                    response.body.wrote() && response.revision >= seen.mod_revision
                })
        })
    }
}

/// Whether `request` could delete `key`, or attach it to a lease that ends.
fn may_end(request: &Request, key: &Blob) -> bool {
    let put = |put: &Put| put.key == *key && put.lease != 0;
    match request {
        Request::Put(request) => put(request),
        Request::Delete(delete) => delete.keys.contains(key),
        Request::Txn(txn) => txn.ops().any(|op| match op {
            TxnOp::Put(op) => put(op),
            TxnOp::Delete(delete) => delete.keys.contains(key),
            TxnOp::Range(_) => false,
        }),
        _ => false,
    }
}
