//! Invocations joined with their returns.

use std::collections::BTreeMap;

use super::{Body, History, Outcome, Request, Response, What};

/// One operation of a client, from its invocation to its return.
#[derive(Clone, Debug)]
pub struct Operation<'a> {
    /// Its number.
    pub id: u64,
    /// The client.
    pub client: u64,
    /// The member that the client talked to.
    pub member: u64,
    /// The request.
    pub request: &'a Request,
    /// The login that its token is from, if it came with one.
    pub login: Option<u64>,
    /// When it was sent, nanoseconds.
    pub invoke_ns: u64,
    /// The record of the invocation.
    pub invoke_record: usize,
    /// Time, record and outcome of the return.
    pub end: Option<(u64, usize, &'a Outcome)>,
}

impl<'a> Operation<'a> {
    /// The answer with the time of its return, where the operation was carried out.
    pub fn acknowledged(&self) -> Option<(u64, &'a Response)> {
        match self.end {
            Some((at_ns, _, Outcome::Ok(response))) => Some((at_ns, response)),
            _ => None,
        }
    }

    /// Whether it may have had an effect: carried out, or nobody knows.
    pub fn may_have_happened(&self) -> bool {
        !matches!(self.end, Some((_, _, Outcome::Failed(_))))
    }

    /// Whether nobody knows.
    pub fn is_unknown(&self) -> bool {
        matches!(self.end, None | Some((_, _, Outcome::Unknown(_))))
    }

    /// The records that tell of it.
    pub fn records(&self) -> Vec<usize> {
        let end = self.end.map(|(_, record, _)| record);
        std::iter::once(self.invoke_record).chain(end).collect()
    }

    /// Whether it promises that every write acknowledged before it is visible to it, or ordered
    /// before it.
    pub fn is_linearizable(&self) -> bool {
        match self.request {
            Request::Range(range) => !range.serializable,
            Request::Txn(txn) => txn.may_write() || !txn.is_serializable(),
            Request::Put(_) | Request::Delete(_) | Request::Queue(_) => true,
            _ => false,
        }
    }

    /// Whether it was carried out and has changed keys.
    pub fn wrote(&self) -> bool {
        self.acknowledged()
            .is_some_and(|(_, response)| response.body.wrote())
    }

    /// The answer's body, where the operation was carried out.
    pub fn body(&self) -> Option<&'a Body> {
        self.acknowledged().map(|(_, response)| &response.body)
    }
}

impl History {
    /// All operations, and behind each call of the Lock or Election service the writes that its
    /// member may have made for it, each as an operation of which nobody knows the outcome.
    pub fn operations_in_parts(&self) -> Vec<Operation<'_>> {
        let mut all = Vec::new();
        for operation in self.operations() {
            let part = |request| Operation {
                request,
                end: None,
                ..operation.clone()
            };
            let is_answered = operation.acknowledged().is_some();
            let parts: Vec<Operation<'_>> = match operation.request {
                Request::Queue(queueing) if operation.may_have_happened() => {
                    queueing.writes(is_answered).map(part).collect()
                }
                _ => Vec::new(),
            };
            all.push(operation);
            all.extend(parts);
        }
        all
    }

    /// All operations, in the order of their invocations.
    pub fn operations(&self) -> Vec<Operation<'_>> {
        let mut operations: Vec<Operation<'_>> = Vec::new();
        let mut position = BTreeMap::new();
        let mut logins: BTreeMap<u64, u64> = BTreeMap::new();
        for (record, entry) in self.records().iter().enumerate() {
            match &entry.what {
                What::Token { client, login } => match login {
                    Some(login) => _ = logins.insert(*client, *login),
                    None => _ = logins.remove(client),
                },
                What::Invoke {
                    op,
                    client,
                    member,
                    request,
                } => {
                    position.insert(*op, operations.len());
                    operations.push(Operation {
                        id: *op,
                        client: *client,
                        member: *member,
                        login: logins.get(client).copied(),
                        request,
                        invoke_ns: entry.at_ns,
                        invoke_record: record,
                        end: None,
                    });
                }
                What::Return { op, outcome } => {
                    if let Some(&at) = position.get(op) {
                        operations[at].end = Some((entry.at_ns, record, outcome));
                    }
                }
                _ => {}
            }
        }
        operations
    }
}
