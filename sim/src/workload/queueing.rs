//! Calls of the Lock and Election services, as the history has them, on the wire.

use quorate_server::{
    proto::{
        etcdserverpb::ResponseHeader,
        v3electionpb::{
            CampaignRequest, LeaderKey, LeaderRequest, ProclaimRequest, ResignRequest,
            election_client::ElectionClient,
        },
        v3lockpb::{LockRequest, UnlockRequest, lock_client::LockClient},
    },
    wire::Channel,
};
use tonic::Status;

use super::{
    calls::Manner,
    convert::{blob, bytes, kv},
};
use crate::history::{Place, QueueAnswer, QueueCall};

/// The header that came with an answer, and the answer; `None` where it lacks something.
pub(super) type Answered = (Option<ResponseHeader>, Option<QueueAnswer>);

pub(super) async fn call(
    channel: Channel,
    call: &QueueCall,
    manner: Manner,
) -> Result<Answered, Status> {
    match call {
        QueueCall::Lock { .. } | QueueCall::Unlock { .. } => {
            call_lock(LockClient::new(channel), call, manner).await
        }
        _ => call_election(ElectionClient::new(channel), call, manner).await,
    }
}

async fn call_lock(
    mut locks: LockClient<Channel>,
    call: &QueueCall,
    manner: Manner,
) -> Result<Answered, Status> {
    match call {
        QueueCall::Lock { name, lease } => {
            let (name, lease) = (bytes(name), *lease);
            let request = manner.within(LockRequest { name, lease });
            let response = locks.lock(request).await?.into_inner();
            let answer = QueueAnswer::Locked(blob(&response.key));
            Ok((response.header, Some(answer)))
        }
        QueueCall::Unlock { key } => {
            let request = manner.within(UnlockRequest { key: bytes(key) });
            let response = locks.unlock(request).await?.into_inner();
            Ok((response.header, Some(QueueAnswer::Unlocked)))
        }
        _ => unreachable!("elections have another service"),
    }
}

async fn call_election(
    mut elections: ElectionClient<Channel>,
    call: &QueueCall,
    manner: Manner,
) -> Result<Answered, Status> {
    match call {
        QueueCall::Campaign { name, lease, value } => {
            let campaign = CampaignRequest {
                name: bytes(name),
                lease: *lease,
                value: bytes(value),
            };
            let response = elections.campaign(manner.within(campaign)).await?;
            let response = response.into_inner();
            let elected = response.leader.map(|leader| QueueAnswer::Elected {
                key: blob(&leader.key),
                created: leader.rev,
            });
            Ok((response.header, elected))
        }
        QueueCall::Proclaim { place, value } => {
            let proclaim = ProclaimRequest {
                leader: Some(leader_key(place)),
                value: bytes(value),
            };
            let response = elections.proclaim(manner.within(proclaim)).await?;
            Ok((response.into_inner().header, Some(QueueAnswer::Proclaimed)))
        }
        QueueCall::Resign(place) => {
            let leader = Some(leader_key(place));
            let response = elections
                .resign(manner.within(ResignRequest { leader }))
                .await?;
            Ok((response.into_inner().header, Some(QueueAnswer::Resigned)))
        }
        QueueCall::Leader { name } => {
            let request = manner.within(LeaderRequest { name: bytes(name) });
            let response = elections.leader(request).await?.into_inner();
            let leads = response.kv.map(|leader| QueueAnswer::Leads(kv(&leader)));
            Ok((response.header, leads))
        }
        _ => unreachable!("locks have another service"),
    }
}

fn leader_key(place: &Place) -> LeaderKey {
    let key = place.key.as_bytes();
    let name = key.rsplitn(2, |byte| *byte == b'/').last();
    LeaderKey {
        name: name.unwrap_or_default().to_vec().into(),
        key: bytes(&place.key),
        rev: place.created,
        lease: place.lease,
    }
}
