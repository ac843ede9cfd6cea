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
    let mut locks = LockClient::new(channel.clone());
    let mut elections = ElectionClient::new(channel);
    let (header, answer) = match call {
        QueueCall::Lock { name, lease } => {
            let (name, lease) = (bytes(name), *lease);
            let request = manner.within(LockRequest { name, lease });
            let response = locks.lock(request).await?.into_inner();
            let answer = QueueAnswer::Locked(blob(&response.key));
            (response.header, Some(answer))
        }
        QueueCall::Unlock { key } => {
            let request = manner.within(UnlockRequest { key: bytes(key) });
            let response = locks.unlock(request).await?.into_inner();
            (response.header, Some(QueueAnswer::Unlocked))
        }
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
            (response.header, elected)
        }
        QueueCall::Proclaim { place, value } => {
            let (leader, value) = (Some(leader_key(place)), bytes(value));
            let request = manner.within(ProclaimRequest { leader, value });
            let response = elections.proclaim(request).await?.into_inner();
            (response.header, Some(QueueAnswer::Proclaimed))
        }
        QueueCall::Resign(place) => {
            let leader = Some(leader_key(place));
            let request = manner.within(ResignRequest { leader });
            let response = elections.resign(request).await?.into_inner();
            (response.header, Some(QueueAnswer::Resigned))
        }
        QueueCall::Leader { name } => {
            let request = manner.within(LeaderRequest { name: bytes(name) });
            let response = elections.leader(request).await?.into_inner();
            let leads = response.kv.map(|leader| QueueAnswer::Leads(kv(&leader)));
            (response.header, leads)
        }
    };
    Ok((header, answer))
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
