//! The calls about locks and elections, which are made of puts, reads and watches below a name.

use super::{
    asker::{Asker, first_of},
    calls::{BOTH_A, Call, READ_A, SILENTLY_READ_A, WRITE_A, calls},
};
use crate::{
    proto::{
        v3electionpb::{election_client::ElectionClient, *},
        v3lockpb::{LockRequest, UnlockRequest, lock_client::LockClient},
    },
    wire::Channel,
};

/// Everybody comes with the same lease, so that nobody waits for another.
const LEASE: i64 = super::calls::LEASE_OF_NOTHING;

impl Asker {
    fn locks(&self) -> LockClient<Channel> {
        LockClient::new(self.channel.clone())
    }

    fn elections(&self) -> ElectionClient<Channel> {
        ElectionClient::new(self.channel.clone())
    }
}

fn leader() -> Option<LeaderKey> {
    Some(LeaderKey {
        name: "a".into(),
        key: "a/3".into(),
        rev: 1,
        lease: LEASE,
    })
}

pub(super) fn of_queues() -> Vec<Call> {
    calls! {
        "Lock/Lock", BOTH_A, |asker| asker.locks().lock(asker.ask(LockRequest {
            name: "a".into(),
            lease: LEASE,
        }));
        "Election/Campaign", BOTH_A,
            |asker| asker.elections().campaign(asker.ask(CampaignRequest {
                name: "a".into(),
                lease: LEASE,
                value: asker.name.into(),
            }));
        "Election/Proclaim", BOTH_A,
            |asker| asker.elections().proclaim(asker.ask(ProclaimRequest {
                leader: leader(),
                value: "new".into(),
            }));
        "Election/Leader", READ_A,
            |asker| asker.elections().leader(asker.ask(LeaderRequest { name: "a".into() }));
        "Election/Observe", SILENTLY_READ_A, |asker| async move {
            let request = asker.ask(LeaderRequest { name: "a".into() });
            first_of(asker.elections().observe(request).await?.into_inner()).await
        };
        "Election/Resign", BOTH_A,
            |asker| asker.elections().resign(asker.ask(ResignRequest { leader: leader() }));
        "Lock/Unlock", WRITE_A,
            |asker| asker.locks().unlock(asker.ask(UnlockRequest { key: "a/3".into() }));
    }
}
