//! What operators do.

use std::{future::Future, sync::Arc, time::Duration};

use madsim::{
    runtime::Handle,
    time::{TimeHandle, sleep},
};
use quorate_server::node::Node;
use tokio::sync::Mutex;

use super::Injector;
use crate::{
    history::{AuthChange, Outcome, Request},
    plan::{AlarmName, AuthStep, Target},
    workload::Session,
};

/// A leader that was asked to hand over is given so long before the fault counts as tried.
const TRANSFER_TIME: Duration = Duration::from_millis(200);

/// Pause after an alarm was not disarmed.
const DISARM_RETRY: Duration = Duration::from_millis(200);

/// A member may go on so long with a request whose client has given up, and two election timeouts
/// more.
pub(super) const LATE_ALARM: Duration = Duration::from_secs(6);

impl Injector {
    /// Raises an alarm, and disarms it when its time is over. A request that has got no answer may
    /// raise it later than that: it is disarmed once more when that cannot be any more.
    pub(super) async fn alarm(
        &self,
        target: Target,
        alarm: AlarmName,
        time: Duration,
        operator: &Mutex<Session>,
    ) {
        let number = self.resolve(target);
        let Some(server) = self.cluster.member(number).server() else {
            return;
        };
        let (member_id, name) = (server.member_id(), alarm.name());
        self.recorder
            .fault(format!("alarm {name} of n{number} is raised"));
        let raised = {
            let mut operator = operator.lock().await;
            operator.go_to(number);
            operator.alarm(true, alarm, member_id).await
        };
        sleep(time).await;
        self.disarm(alarm, member_id, operator).await;
        if matches!(raised, Err(Outcome::Unknown(_))) {
            sleep(LATE_ALARM + 2 * self.election).await;
            self.disarm(alarm, member_id, operator).await;
        }
        self.recorder
            .fault(format!("alarm {name} of n{number} is disarmed"));
    }

    /// Asks one member after the other until one has done it, or the run would have to be over.
    pub(super) async fn disarm(&self, alarm: AlarmName, member_id: u64, operator: &Mutex<Session>) {
        while TimeHandle::current().elapsed() < self.patience {
            let mut operator = operator.lock().await;
            if operator.alarm(false, alarm, member_id).await.is_ok() {
                return;
            }
            operator.go_on();
            drop(operator);
            sleep(DISARM_RETRY).await;
        }
    }

    pub(super) async fn transfer_leader(&self, to: Target) {
        let to = self.resolve(to);
        let Some(from) = self.cluster.leader() else {
            return;
        };
        let Some(heir) = self.cluster.member(to).server() else {
            return;
        };
        let heir = heir.member_id();
        let text = format!("n{from} is asked to hand over to n{to}");
        self.ask(from, text, async move |server| {
            let _ = server.transfer_leader(heir).await;
        });
        sleep(TRANSFER_TIME).await;
    }

    pub(super) fn defragment(&self, target: Target) {
        let number = self.resolve(target);
        let text = format!("n{number} is asked to defragment");
        self.ask(number, text, async move |server| {
            let _ = server.defragment().await;
        });
    }

    /// Adds a role, or removes the one that the fault with the number before this may have added.
    pub(super) async fn change_roles(&self, fault: u64, target: Target, operator: &Mutex<Session>) {
        let at = self.resolve(target);
        let (adds, role) = (fault.is_multiple_of(2), format!("role-{}", fault / 2));
        let what = if adds { "added" } else { "removed" };
        self.recorder.fault(format!("{role} is {what} at n{at}"));
        let mut operator = operator.lock().await;
        operator.go_to(at);
        let change = match adds {
            true => AuthChange::RoleAdd { role },
            false => AuthChange::RoleDelete { role },
        };
        operator.execute(Request::Auth(change)).await;
    }

    /// Has the operator ask for a change of users.
    pub(super) async fn change_auth(
        &self,
        target: Target,
        step: &AuthStep,
        operator: &Mutex<Session>,
    ) {
        let at = self.resolve(target);
        let mut operator = operator.lock().await;
        operator.go_to(at);
        operator.administer(step).await;
    }

    /// Asks the leader to forget what is older than the newest `keep` revisions.
    pub(super) async fn compact(&self, keep: u64, operator: &Mutex<Session>) {
        let keep = i64::try_from(keep).unwrap_or(i64::MAX);
        let revision = self.recorder.revision().saturating_sub(keep);
        if revision > 0 {
            let mut operator = operator.lock().await;
            operator.go_to(self.resolve(Target::Leader));
            operator.execute(Request::Compact(revision)).await;
        }
    }

    /// Has a member's server do something, if it has one; does not wait for it.
    fn ask<F>(&self, number: u64, text: String, what: impl FnOnce(Arc<Node>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let member = self.cluster.member(number);
        let Some(server) = member.server() else {
            return;
        };
        self.recorder.fault(text);
        // Looked up anew: a node that has been restarted is another one for those that spawn.
        let node = Handle::current().get_node(member.node());
        let node = node.expect("members' nodes stay");
        drop(node.spawn(what(server)));
    }
}
