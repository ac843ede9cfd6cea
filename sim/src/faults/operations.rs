//! What operators do, and what is done to a whole process.

use std::{future::Future, sync::Arc, time::Duration};

use madsim::{runtime::Handle, time::sleep};
use quorate_server::node::Node;
use tokio::sync::Mutex;

use super::Injector;
use crate::{
    history::{AuthChange, Request},
    plan::Target,
    workload::Session,
};

/// A leader that was asked to hand over is given so long before the fault counts as tried.
const TRANSFER_TIME: Duration = Duration::from_millis(200);

impl Injector {
    /// The process stands still, with its connections open; what it is sent waits for it.
    pub(super) async fn pause(&self, number: u64, time: Duration) {
        let member = self.cluster.member(number);
        self.recorder.fault(format!("n{number} stands still"));
        member.pause();
        sleep(time).await;
        member.resume();
        self.recorder.fault(format!("n{number} goes on"));
    }

    pub(super) async fn transfer_leader(&self, to: u64) {
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

    pub(super) fn defragment(&self, number: u64) {
        let text = format!("n{number} is asked to defragment");
        self.ask(number, text, async move |server| {
            let _ = server.defragment().await;
        });
    }

    /// Adds a role, or removes the one that the fault with the number before this may have added.
    pub(super) async fn change_roles(&self, fault: u64, at: u64, operator: &Mutex<Session>) {
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
