//! Watches and observations: whether they may be set up is asked once, and they go on whatever
//! becomes of their user.

use std::collections::BTreeMap;

use super::{Judge, Stages, Token, rights::Needed, who};
use crate::{
    history::{Blob, History, Keys, Observation, WatchEnd, What, below},
    oracles::Finding,
};

/// What is asked for and not yet there.
struct Asked {
    /// In words.
    what: String,
    keys: Keys,
    member: u64,
    at_ns: u64,
    record: usize,
    /// The login that the token is from.
    login: Option<u64>,
}

#[derive(Default)]
struct Streams {
    logins: BTreeMap<u64, u64>,
    watches: BTreeMap<u64, Asked>,
    /// Those of clients that observe, one at a time each.
    observing: BTreeMap<u64, Asked>,
}

impl Judge<'_> {
    pub(super) fn check_streams(&self, history: &History) -> Result<(), Finding> {
        let mut streams = Streams::default();
        for (record, entry) in history.records().iter().enumerate() {
            streams.note(record, entry.at_ns, &entry.what);
            match &entry.what {
                What::WatchCreated { watch, .. } => {
                    // What a member knows itself is enough.
                    if let Some(asked) = streams.watches.get(watch) {
                        let stages = self.met_at(asked.member, asked.at_ns, entry.at_ns);
                        self.check_set_up(asked, stages, record)?;
                    }
                }
                What::WatchEnd {
                    watch,
                    why: WatchEnd::Denied,
                } => {
                    if let Some(asked) = streams.watches.get(watch) {
                        self.check_denied(asked, entry.at_ns, record)?;
                    }
                }
                What::Observes {
                    client,
                    seen: Observation::Hears { .. },
                } => {
                    if let Some(asked) = streams.observing.remove(client) {
                        let stages = self.met_between(asked.at_ns, entry.at_ns);
                        self.check_set_up(&asked, stages, record)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn met_between(&self, since_ns: u64, end_ns: u64) -> Stages {
        self.timeline.floor(since_ns)..=self.timeline.newest(end_ns)
    }

    fn token_of(&self, asked: &Asked) -> Option<&Token<'_>> {
        self.token(asked.login)
    }

    fn check_set_up(
        &self,
        asked: &Asked,
        mut stages: Stages,
        record: usize,
    ) -> Result<(), Finding> {
        let (token, needed) = (self.token_of(asked), Needed::to_read(&asked.keys));
        if stages.any(|stage| self.passes(stage, token, &needed)) {
            return Ok(());
        }
        let text = format!(
            "{} was set up for {}, who might not",
            asked.what,
            who(token)
        );
        Finding::err(text, [asked.record, record])
    }

    fn check_denied(&self, asked: &Asked, end_ns: u64, record: usize) -> Result<(), Finding> {
        let met = self.met_between(asked.at_ns, end_ns);
        let (token, needed) = (self.token_of(asked), Needed::to_read(&asked.keys));
        if self.may_be_denied(&met, token, &needed) {
            return Ok(());
        }
        let text = format!("{} was refused to {}, who might", asked.what, who(token));
        Finding::err(text, [asked.record, record])
    }
}

impl Streams {
    fn note(&mut self, record: usize, at_ns: u64, what: &What) {
        match what {
            What::Token { client, login } => match login {
                Some(login) => _ = self.logins.insert(*client, *login),
                None => _ = self.logins.remove(client),
            },
            What::WatchOpen(watch) => {
                let asked = Asked {
                    what: format!("watch{}", watch.watch),
                    keys: watch.keys.clone(),
                    member: watch.member,
                    at_ns,
                    record,
                    login: self.logins.get(&watch.client).copied(),
                };
                self.watches.insert(watch.watch, asked);
            }
            What::Observes { client, seen } => self.observe(record, at_ns, *client, seen),
            _ => {}
        }
    }

    fn observe(&mut self, record: usize, at_ns: u64, client: u64, seen: &Observation) {
        match seen {
            Observation::Begins { member, name } => {
                let asked = Asked {
                    what: observation(client, name),
                    keys: below(name),
                    member: *member,
                    at_ns,
                    record,
                    login: self.logins.get(&client).copied(),
                };
                self.observing.insert(client, asked);
            }
            Observation::Hears { .. } => {}
            Observation::Stops { .. } => _ = self.observing.remove(&client),
        }
    }
}

fn observation(client: u64, name: &Blob) -> String {
    format!("c{client}'s observation of {name}")
}
