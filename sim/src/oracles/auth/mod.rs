//! What is answered was allowed to whoever asked, by an auth state that it may have met; what is
//! refused was not.
//!
//! The log gives all auth states. An operation met one between the last one that was acknowledged
//! before its request, and the newest one that any member had at its answer; a write that changed keys
//! met exactly the one at its place in the log. Calls in several steps, of locks and elections, may
//! have met one for each. Answers of a member's own state (serializable reads,
//! watches, keep-alives and times of leases, and whether a token is one) may be from before, as in etcd,
//! but not from before what that member had applied.
//! No member knows a token before its log position, or looks at one while authentication is off.

mod log;
mod passwords;
mod progress;
mod rights;
mod streams;
mod timeline;

use std::{collections::BTreeMap, ops::RangeInclusive};

use self::{
    log::Log,
    progress::Progress,
    rights::{Needed, all_keys},
    timeline::Timeline,
};
use super::Finding;
use crate::history::{Blob, Body, History, Keys, Operation, Outcome, Request, What, reason};

pub(super) fn check(history: &History) -> Result<(), Finding> {
    let tells = |what: &What| matches!(what, What::Committed { .. } | What::AuthChanged { .. });
    if !history.records().iter().any(|entry| tells(&entry.what)) {
        return Ok(());
    }
    let operations = history.operations();
    let timeline = Timeline::of(history, &operations)?;
    let judge = Judge {
        tokens: tokens(&operations, &timeline),
        log: Log::of(history, &operations),
        timeline,
        progress: Progress::of_members(history),
    };
    for operation in &operations {
        match operation.end {
            Some((end_ns, _, Outcome::Ok(_))) => judge.check_answer(operation, end_ns)?,
            Some((end_ns, _, Outcome::Failed(text))) => {
                judge.check_refusal(operation, end_ns, text)?;
            }
            _ => {}
        }
    }
    judge.check_streams(history)?;
    passwords::check(&operations)
}

/// What a login has given.
struct Token<'a> {
    user: &'a str,
    kind: Kind,
}

enum Kind {
    /// Good from one log position on until before another.
    Simple { from: u64, before: u64 },
    /// Good for one auth revision, which lies between these.
    Signed { least: u64, most: u64 },
}

fn tokens<'a>(operations: &[Operation<'a>], timeline: &Timeline) -> BTreeMap<u64, Token<'a>> {
    let mut tokens = BTreeMap::new();
    for operation in operations {
        let (Request::Login { user, .. }, Some((end_ns, response))) =
            (operation.request, operation.acknowledged())
        else {
            continue;
        };
        let revision = |stage| timeline.get(stage).rights.revision;
        let kind = match response.body {
            Body::Login { index: Some(index) } => Kind::Simple {
                from: index,
                before: timeline.token_end(user, index),
            },
            _ => Kind::Signed {
                least: revision(timeline.floor(operation.invoke_ns)),
                most: revision(timeline.newest(end_ns)),
            },
        };
        tokens.insert(operation.id, Token { user, kind });
    }
    tokens
}

/// All that is needed to judge.
struct Judge<'a> {
    tokens: BTreeMap<u64, Token<'a>>,
    log: Log,
    timeline: Timeline,
    progress: Progress,
}

/// Stages that somebody may have met.
type Stages = RangeInclusive<usize>;

impl Judge<'_> {
    fn token(&self, login: Option<u64>) -> Option<&Token<'_>> {
        login.and_then(|login| self.tokens.get(&login))
    }

    /// Whether whoever comes with `token` passes at this stage.
    fn passes(&self, stage: usize, token: Option<&Token<'_>>, needed: &Needed) -> bool {
        let (stage, next_index) = (self.timeline.get(stage), self.timeline.next_index(stage));
        if !stage.rights.enabled {
            return true;
        }
        let Some(token) = token else {
            return false;
        };
        let is_good = match token.kind {
            Kind::Simple { from, before } => from < next_index && stage.index < before,
            Kind::Signed { most, .. } => {
                !matches!(needed, Needed::Keys { .. }) || stage.rights.revision <= most
            }
        };
        is_good && stage.rights.allow(token.user, needed)
    }

    /// The stages that `operation` may have met if it heard of all that was acknowledged before.
    fn met(&self, operation: &Operation<'_>, end_ns: u64) -> Stages {
        self.timeline.floor(operation.invoke_ns)..=self.timeline.newest(end_ns)
    }

    /// Those that somebody may have met at a member that lags behind, from `since_ns` to `end_ns`.
    fn met_at(&self, member: u64, since_ns: u64, end_ns: u64) -> Stages {
        let index = self.progress.of(member, since_ns, end_ns);
        self.timeline.at_index(index + 1)..=self.timeline.newest(end_ns)
    }

    fn check_answer(&self, operation: &Operation<'_>, end_ns: u64) -> Result<(), Finding> {
        let token = self.token(operation.login);
        let mut needed = Needed::by(operation.request);
        let local = || self.met_at(operation.member, operation.invoke_ns, end_ns);
        let mut stages = match operation.request {
            Request::Range(range) if range.serializable => local(),
            Request::Txn(txn) if txn.is_serializable() => local(),
            Request::LeaseKeepAlive(_) | Request::LeaseTimeToLive(_) => local(),
            // Whether a token is one, a member says by what it knows; what counts at the place in the
            // log is who has the role `root`, or that there is some token.
            Request::LeaseGrant { .. } | Request::LeaseRevoke(_) if token.is_some() => local(),
            Request::Auth(_) | Request::Compact(_) if token.is_some() => {
                self.check_operator(operation, token, end_ns)?;
                local()
            }
            _ => self.met(operation, end_ns),
        };
        if let Request::Login { .. } = operation.request {
            let mut enabled = stages.map(|stage| self.timeline.get(stage).rights.enabled);
            return match enabled.any(|enabled| enabled) {
                true => Ok(()),
                false => self.accuse(operation, "got a token while authentication was off"),
            };
        }
        let mut entry = self.log.entry_of(operation);
        if let (Request::Put(put), Some((_, response))) =
            (operation.request, operation.acknowledged())
            && put.lease != 0
        {
            needed = needed.and_write(each(self.log.attached(response.revision)));
        }
        if let Request::LeaseRevoke(lease) = operation.request
            && let Some((index, keys)) = self.log.end_of(*lease).filter(|end| !end.1.is_empty())
        {
            needed = needed.and_write(each(keys));
            entry = Some(index);
        }
        if let Some(index) = entry {
            let stage = self.timeline.at_index(index);
            stages = stage..=stage;
        }
        let passes = |needed| {
            let mut stages = stages.clone();
            stages.any(|stage| self.passes(stage, token, needed))
        };
        let steps = needed.of_each_step(operation.request);
        if steps.iter().all(passes) {
            return Ok(());
        }
        let text = format!("was carried out for {}, who might not", who(token));
        self.accuse_at(operation, &text, *stages.end())
    }

    /// Whoever changes users, or compacts, has the role `root`.
    fn check_operator(
        &self,
        operation: &Operation<'_>,
        token: Option<&Token<'_>>,
        end_ns: u64,
    ) -> Result<(), Finding> {
        let mut met = self.met(operation, end_ns);
        let may = |stage: usize| {
            let rights = &self.timeline.get(stage).rights;
            !rights.enabled || token.is_some_and(|token| rights.allow(token.user, &Needed::Root))
        };
        match met.any(may) {
            true => Ok(()),
            false => {
                let text = format!("was carried out for {}, who might not", who(token));
                self.accuse(operation, &text)
            }
        }
    }

    fn check_refusal(
        &self,
        operation: &Operation<'_>,
        end_ns: u64,
        text: &str,
    ) -> Result<(), Finding> {
        let token = self.token(operation.login);
        let is_local = match operation.request {
            Request::Range(range) => range.serializable,
            Request::Txn(txn) => txn.is_serializable(),
            _ => false,
        };
        let ever = self.met_at(operation.member, operation.invoke_ns, end_ns);
        let met = if is_local {
            ever.clone()
        } else {
            self.met(operation, end_ns)
        };
        let is_on = |stages: &Stages| {
            let mut stages = stages.clone();
            stages.any(|stage| self.timeline.get(stage).rights.enabled)
        };
        let is_off = |stages: &Stages| {
            let mut stages = stages.clone();
            stages.any(|stage| !self.timeline.get(stage).rights.enabled)
        };
        let is_right = match text {
            reason::DENIED => self.may_be_denied(&met, token, &lenient(operation.request)),
            // A member that does not know yet that authentication is on does not look at tokens.
            reason::NO_TOKEN => is_on(&met) && (token.is_none() || is_off(&ever)),
            reason::BAD_TOKEN => is_on(&ever) && token.is_some(),
            reason::OLD_TOKEN => match token.map(|token| &token.kind) {
                None => false,
                Some(Kind::Simple { .. }) => is_on(&ever),
                Some(Kind::Signed { least, .. }) => {
                    let mut stages = ever.map(|stage| &self.timeline.get(stage).rights);
                    stages.any(|rights| rights.enabled && rights.revision > *least)
                }
            },
            reason::NOT_ENABLED => is_off(&met),
            _ => return Ok(()),
        };
        match is_right {
            true => Ok(()),
            false => {
                let what = format!("was refused to {}: {text}", who(token));
                self.accuse_at(operation, &what, *met.end())
            }
        }
    }

    /// Whether at some of these stages somebody has not what is needed.
    fn may_be_denied(&self, stages: &Stages, token: Option<&Token<'_>>, needed: &Needed) -> bool {
        stages.clone().any(|stage| {
            let rights = &self.timeline.get(stage).rights;
            rights.enabled && token.is_none_or(|token| !rights.allow(token.user, needed))
        })
    }

    fn accuse(&self, operation: &Operation<'_>, what: &str) -> Result<(), Finding> {
        let text = format!("op{} {what}", operation.id);
        Finding::err(text, operation.records())
    }

    /// Tells also of the newest stage that it may have met.
    fn accuse_at(
        &self,
        operation: &Operation<'_>,
        what: &str,
        stage: usize,
    ) -> Result<(), Finding> {
        let text = format!("op{} {what}", operation.id);
        let records = operation.records().into_iter();
        Finding::err(text, records.chain(self.timeline.get(stage).record))
    }
}

/// What a request takes at the most: which keys its lease has at the time is not looked at.
fn lenient(request: &Request) -> Needed {
    let needed = Needed::by(request);
    let has_lease = match request {
        Request::Put(put) => put.lease != 0,
        Request::Txn(txn) => txn
            .ops()
            .any(|op| matches!(op, crate::history::TxnOp::Put(put) if put.lease != 0)),
        Request::LeaseRevoke(_) | Request::LeaseKeepAlive(_) => true,
        _ => false,
    };
    if has_lease {
        needed.and_write([all_keys()])
    } else {
        needed
    }
}

fn each(keys: &[Blob]) -> impl Iterator<Item = Keys> {
    keys.iter().cloned().map(Keys::One)
}

fn who(token: Option<&Token<'_>>) -> String {
    match token {
        Some(token) => token.user.to_owned(),
        None => "nobody".to_owned(),
    }
}
