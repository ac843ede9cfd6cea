//! How a member with an empty data directory is let into its cluster.
//!
//! A member that has voted, or has acknowledged entries, must not come back without its data: it
//! could vote twice, and entries that a majority held would be held by fewer. So each data
//! directory has a random number, its *instance*, and a member with an empty one introduces itself
//! to its peers before it takes part in anything:
//!
//! * A peer that knows the member with another instance: the member must not start.
//! * A peer that is in the cluster has the cluster note the instance, in the replicated state, and
//!   tells what is noted there. If that is this instance, the member is let in: whatever it did
//!   with an earlier directory would have been preceded by the same.
//! * Peers that are themselves waiting note the instance. If these and this member are a majority
//!   they found the cluster; the instances of those whom they met go into their identity files,
//!   since the state does not name them yet.
//!
//! Otherwise it waits. A member with a directory of its own never asks.
//!
//! What cannot be told from a first start, as in etcd with `--initial-cluster-state=new`: a majority
//! with empty directories, none of which hears of a member that has data.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
    time::Duration,
};

use futures_util::future::join_all;
use quorate_core::{
    command::MemberAttributes,
    planted::{Bug, is_planted},
};
use tonic::Status;

use crate::{
    clock,
    config::{ClusterState, InitialCluster},
    node::Node,
    peers::Peers,
    proto::peer,
    storage::Identity,
};

mod decision;

use decision::{Answer, Decision, decide};

/// Pause between two rounds of questions.
const ASK_INTERVAL: Duration = Duration::from_millis(100);

/// A peer has so long to answer, connecting included.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A member of the cluster gives up for the moment when the instance is not noted within this time.
const NOTE_TIMEOUT: Duration = Duration::from_secs(3);

/// The member had another data directory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "member {peer_id:x} knows this member, {member_id:x}, with another data directory, in which it \
     may have voted: it must not go on without; put that directory back, or run `etcdctl member \
     remove {member_id:x}` and add the member anew (if the cluster was never formed, empty the \
     data directories of all of its members)"
)]
pub struct Replaced {
    /// Who does not start.
    pub member_id: u64,
    /// Who knows.
    pub peer_id: u64,
}

/// What a member knows of who may take part, itself and others.
pub(crate) struct Admission {
    instance: u64,
    met: Mutex<Met>,
    node: OnceLock<Arc<Node>>,
}

struct Met {
    instances: BTreeMap<u64, u64>,
    /// Whoever introduces itself now is not in the identity file any more.
    is_settled: bool,
}

impl Admission {
    pub(crate) fn new(identity: &Identity) -> Arc<Self> {
        Arc::new(Self {
            instance: identity.instance,
            met: Mutex::new(Met {
                instances: identity.founders.clone(),
                is_settled: identity.is_member,
            }),
            node: OnceLock::new(),
        })
    }

    fn met(&self) -> MutexGuard<'_, Met> {
        self.met.lock().expect("no holder of this lock panics")
    }

    /// The member takes part from now on.
    pub(crate) fn has_started(&self, node: Arc<Node>) {
        // It starts once.
        let _ = self.node.set(node);
    }

    /// The member, if it takes part.
    pub(crate) fn node(&self) -> Result<&Arc<Node>, Status> {
        let waiting = || Status::unavailable("this member does not take part yet");
        self.node.get().ok_or_else(waiting)
    }

    /// Answers a member that introduces itself.
    pub(crate) async fn answer(
        &self,
        request: peer::IntroduceRequest,
    ) -> Result<peer::IntroduceResponse, Status> {
        let known_instance = match self.node.get() {
            None => self.meet(request.member_id, request.instance)?,
            Some(node) => {
                let met = self.met().instances.get(&request.member_id).copied();
                // A founder that was never led has nobody to ask but those whom it met.
                match node.instance_of(request.member_id).or(met) {
                    Some(known) => known,
                    None => note(node, request).await?,
                }
            }
        };
        Ok(peer::IntroduceResponse {
            instance: self.instance,
            is_member: self.node.get().is_some(),
            known_instance,
        })
    }

    /// The first instance counts.
    fn meet(&self, member_id: u64, instance: u64) -> Result<u64, Status> {
        let met = &mut *self.met();
        if met.is_settled {
            return Err(Status::unavailable("this member is about to take part"));
        }
        Ok(*met.instances.entry(member_id).or_insert(instance))
    }

    /// Asks the peers until it is clear that this member, which is described by `attributes`, may
    /// take part. Returns the members to remember in the identity file.
    ///
    /// # Errors
    /// It had another directory.
    pub(crate) async fn ask(
        &self,
        cluster: &InitialCluster,
        attributes: &MemberAttributes,
        peers: &Peers,
    ) -> Result<BTreeMap<u64, u64>, Replaced> {
        let request = peer::IntroduceRequest {
            member_id: attributes.member_id,
            instance: self.instance,
            name: attributes.name.clone(),
            client_urls: attributes.client_urls.clone(),
        };
        let others: Vec<u64> = cluster
            .members
            .iter()
            .map(|member| member.id)
            .filter(|id| *id != cluster.member_id)
            .collect();
        let may_found = cluster.state == ClusterState::New;
        let mut said = "";
        loop {
            let asked = others.iter().map(|id| ask_one(peers, *id, &request));
            let answers: Vec<_> = join_all(asked).await.into_iter().flatten().collect();
            let reason = match decide(self.instance, others.len(), may_found, &answers) {
                Decision::Refused { peer_id } if !is_planted(Bug::ReplacedTakesPart) => {
                    return Err(Replaced {
                        member_id: cluster.member_id,
                        peer_id,
                    });
                }
                Decision::LetIn | Decision::Found | Decision::Refused { .. } => {
                    return Ok(self.settle(&answers));
                }
                Decision::Wait(reason) => reason,
            };
            if reason != said {
                let (answered, of) = (answers.len(), others.len());
                tracing::warn!(answered, of, "this member does not take part yet: {reason}");
                said = reason;
            }
            clock::sleep(ASK_INTERVAL).await;
        }
    }

    fn settle(&self, answers: &[Answer]) -> BTreeMap<u64, u64> {
        let met = &mut *self.met();
        for answer in answers {
            let first = met.instances.entry(answer.peer_id);
            first.or_insert(answer.instance);
        }
        met.is_settled = true;
        met.instances.clone()
    }
}

async fn ask_one(peers: &Peers, peer_id: u64, request: &peer::IntroduceRequest) -> Option<Answer> {
    let mut rpc = peers.get(peer_id)?.rpc();
    let answer = clock::timeout(ANSWER_TIMEOUT, rpc.introduce(request.clone())).await;
    match answer.ok()? {
        Ok(answer) => {
            let answer = answer.into_inner();
            Some(Answer {
                peer_id,
                instance: answer.instance,
                is_member: answer.is_member,
                known_instance: answer.known_instance,
            })
        }
        Err(status) => {
            tracing::debug!(peer_id, %status, "cannot introduce this member");
            None
        }
    }
}

/// Has the cluster note the instance, unless it knows another one; what it knows then, 0 if that
/// cannot be told now.
async fn note(node: &Arc<Node>, request: peer::IntroduceRequest) -> Result<u64, Status> {
    let member_id = request.member_id;
    if !node.members().iter().any(|member| member.id == member_id) {
        return Err(Status::not_found("no member of this cluster"));
    }
    let attributes = MemberAttributes {
        member_id,
        name: request.name,
        client_urls: request.client_urls,
        instance: request.instance,
    };
    let noted = clock::timeout(NOTE_TIMEOUT, node.note_attributes(attributes)).await;
    if let Ok(Err(error)) = noted {
        tracing::debug!(member_id, %error, "cannot note the instance of a member");
    }
    Ok(node.instance_of(member_id).unwrap_or(0))
}
