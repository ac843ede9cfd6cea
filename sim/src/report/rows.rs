//! The rows of the page's data that are gathered in one pass over a history.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::history::{LeaseChange, What};

#[derive(Debug, Serialize)]
pub(super) struct Lease {
    /// As text: JavaScript has no 64-bit numbers.
    id: String,
    ttl_s: i64,
    begin: usize,
    end: Option<usize>,
    renewed: Vec<usize>,
}

/// Whose record it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// The client, where it is one's; else 0.
    pub(super) client: u64,
    /// The member, where it is one's; else 0.
    pub(super) member: u64,
}

/// What is gathered in one pass. The columns are explained where the page's data are.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) places: Vec<Place>,
    pub(super) clients: BTreeSet<u64>,
    pub(super) members: BTreeSet<u64>,
    pub(super) watches: Vec<[i64; 5]>,
    pub(super) deliveries: Vec<[i64; 3]>,
    pub(super) messages: Vec<[i64; 5]>,
    pub(super) message_kinds: Vec<String>,
    pub(super) leases: Vec<Lease>,
    pub(super) leaders: Vec<[i64; 3]>,
    pub(super) revisions: Vec<[i64; 2]>,
    pub(super) quiet: Option<usize>,
    /// Whose operation it is, and the rows of watches, messages and leases by their numbers.
    ops_from: BTreeMap<u64, Place>,
    watch_rows: BTreeMap<u64, usize>,
    message_rows: BTreeMap<u64, usize>,
    lease_rows: BTreeMap<i64, usize>,
}

impl Rows {
    /// Adds a record; they come in order.
    pub(super) fn add(&mut self, record: usize, what: &What) {
        let place = self.place(record, what);
        if place.client != 0 {
            self.clients.insert(place.client);
        }
        if place.member != 0 {
            self.members.insert(place.member);
        }
        self.places.push(place);
    }

    fn place(&mut self, record: usize, what: &What) -> Place {
        match what {
            What::Invoke {
                op, client, member, ..
            } => {
                self.members.insert(*member);
                let place = client_place(*client);
                self.ops_from.insert(*op, place);
                place
            }
            What::Return { op, .. } => self.ops_from.get(op).copied().unwrap_or_default(),
            What::WatchOpen(_)
            | What::WatchCreated { .. }
            | What::WatchEvents { .. }
            | What::WatchProgress { .. }
            | What::WatchEnd { .. } => self.watch(record, what),
            What::Sent { .. } | What::Arrived { .. } => self.message(record, what),
            What::Applied { member, .. }
            | What::Clock { member, .. }
            | What::ClockSkip { member, .. }
            | What::Started { member }
            | What::Told { member, .. } => member_place(*member),
            What::Leader { member, term } => {
                self.leaders
                    .push([*member as i64, record as i64, *term as i64]);
                member_place(*member)
            }
            What::Committed {
                revision, leases, ..
            } => {
                let last = self.revisions.last().map_or(1, |last| last[1]);
                if *revision > last {
                    self.revisions.push([record as i64, *revision]);
                }
                leases.iter().for_each(|change| self.lease(record, *change));
                Place::default()
            }
            What::Cluster { members } => {
                self.members.extend(members);
                Place::default()
            }
            What::Quiet { .. } => {
                self.quiet.get_or_insert(record);
                Place::default()
            }
            What::Token { client, .. } | What::Observes { client, .. } => client_place(*client),
            What::Fault { .. }
            | What::AuthChanged { .. }
            | What::Disputed { .. }
            | What::Panic { .. }
            | What::Passed { .. } => Place::default(),
        }
    }

    fn watch(&mut self, record: usize, what: &What) -> Place {
        let watch = match what {
            What::WatchOpen(open) => {
                self.watch_rows.insert(open.watch, self.watches.len());
                let (client, member) = (open.client as i64, open.member as i64);
                self.members.insert(open.member);
                self.watches
                    .push([record as i64, -1, client, member, open.watch as i64]);
                return client_place(open.client);
            }
            What::WatchCreated { watch, .. }
            | What::WatchEvents { watch, .. }
            | What::WatchProgress { watch, .. }
            | What::WatchEnd { watch, .. } => watch,
            _ => return Place::default(),
        };
        let Some(&row) = self.watch_rows.get(watch) else {
            return Place::default();
        };
        match what {
            What::WatchEvents { events, .. } => {
                let delivery = [row as i64, record as i64, events.len() as i64];
                self.deliveries.push(delivery);
            }
            What::WatchEnd { .. } => self.watches[row][1] = record as i64,
            _ => {}
        }
        client_place(self.watches[row][2].unsigned_abs())
    }

    fn message(&mut self, record: usize, what: &What) -> Place {
        match what {
            What::Sent {
                message,
                from,
                to,
                text,
            } => {
                let kind = text.split(' ').next().unwrap_or_default();
                let known = self.message_kinds.iter().position(|known| known == kind);
                let kind = known.unwrap_or_else(|| {
                    self.message_kinds.push(kind.to_owned());
                    self.message_kinds.len() - 1
                });
                self.message_rows.insert(*message, self.messages.len());
                let (from_id, to_id) = (*from as i64, *to as i64);
                self.messages
                    .push([record as i64, -1, from_id, to_id, kind as i64]);
                self.members.insert(*to);
                member_place(*from)
            }
            What::Arrived { message } => match self.message_rows.get(message) {
                Some(&row) => {
                    self.messages[row][1] = record as i64;
                    member_place(self.messages[row][3].unsigned_abs())
                }
                None => Place::default(),
            },
            _ => Place::default(),
        }
    }

    fn lease(&mut self, record: usize, change: LeaseChange) {
        match change {
            LeaseChange::Granted { lease, ttl_s } => {
                self.lease_rows.insert(lease, self.leases.len());
                self.leases.push(Lease {
                    id: lease.to_string(),
                    ttl_s,
                    begin: record,
                    end: None,
                    renewed: Vec::new(),
                });
            }
            LeaseChange::Renewed { lease } => {
                if let Some(&row) = self.lease_rows.get(&lease) {
                    self.leases[row].renewed.push(record);
                }
            }
            LeaseChange::Ended { lease } => {
                if let Some(&row) = self.lease_rows.get(&lease) {
                    self.leases[row].end.get_or_insert(record);
                }
            }
        }
    }
}

fn client_place(client: u64) -> Place {
    Place { client, member: 0 }
}

fn member_place(member: u64) -> Place {
    Place { client: 0, member }
}
