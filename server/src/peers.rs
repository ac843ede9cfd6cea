//! The way to the other members: one connection to each, for raft and for forwarded requests.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use http::{Uri, uri::Authority};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
};

use crate::{
    proto::peer::peer_client,
    wire::{Channel, ChannelOptions},
};

/// Metadata key under which every call on the peer port names the caller's cluster.
pub(crate) const CLUSTER_ID_KEY: &str = "x-quorate-cluster-id";

/// A TCP connection to a peer takes no longer than this, or is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);

/// Largest message taken from a peer, bytes; append requests hold up to 1 MiB of entries, or one
/// larger entry.
pub(crate) const PEER_MESSAGE_BYTES_MAX: usize = 512 << 20;

/// The way to all members that raft or the configuration names.
pub struct Peers {
    cluster_id: MetadataValue<Ascii>,
    clients: Mutex<BTreeMap<u64, PeerClient>>,
}

/// A connection to one peer, made when first used and again when it breaks.
#[derive(Clone)]
pub(crate) struct PeerClient(InterceptedService<Channel, NameCluster>);

/// A client of the peer port's service.
pub(crate) type PeerRpc = peer_client::PeerClient<InterceptedService<Channel, NameCluster>>;

/// Adds [`CLUSTER_ID_KEY`] to each call.
#[derive(Clone)]
pub(crate) struct NameCluster(MetadataValue<Ascii>);

impl Interceptor for NameCluster {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request
            .metadata_mut()
            .insert(CLUSTER_ID_KEY, self.0.clone());
        Ok(request)
    }
}

impl Peers {
    /// For a member of this cluster, who knows of these members and their URLs: a follower asks its
    /// leader things before raft has had a reason to.
    pub fn new<'a>(
        cluster_id: u64,
        members: impl IntoIterator<Item = (u64, &'a [String])>,
    ) -> Self {
        let cluster_id = format!("{cluster_id:x}")
            .parse()
            .expect("hexadecimal digits are ASCII");
        let peers = Self {
            cluster_id,
            clients: Mutex::default(),
        };
        for (id, peer_urls) in members {
            peers.client(id, peer_urls);
        }
        peers
    }

    /// The client for the member with this id, who listens at one of these URLs.
    pub(crate) fn client(&self, id: u64, peer_urls: &[String]) -> PeerClient {
        let mut clients = self.clients();
        let client = clients.entry(id).or_insert_with(|| {
            let channel = Channel::new(authority(peer_urls), channel_options());
            PeerClient(InterceptedService::new(
                channel,
                NameCluster(self.cluster_id.clone()),
            ))
        });
        client.clone()
    }

    /// The client for a known member.
    pub(crate) fn get(&self, id: u64) -> Option<PeerClient> {
        self.clients().get(&id).cloned()
    }

    fn clients(&self) -> MutexGuard<'_, BTreeMap<u64, PeerClient>> {
        self.clients.lock().expect("no holder of this lock panics")
    }
}

/// Where to dial: the first of a member's URLs, all of which were checked before they came into
/// the membership.
fn authority(peer_urls: &[String]) -> Authority {
    peer_urls
        .iter()
        .find_map(|url| url.parse::<Uri>().ok()?.into_parts().authority)
        .unwrap_or_else(|| Authority::from_static("invalid.peer.url:0"))
}

fn channel_options() -> ChannelOptions {
    ChannelOptions {
        connect_timeout: CONNECT_TIMEOUT,
        ..ChannelOptions::default()
    }
}

impl PeerClient {
    pub(crate) fn rpc(&self) -> PeerRpc {
        peer_client::PeerClient::new(self.0.clone())
            .max_decoding_message_size(PEER_MESSAGE_BYTES_MAX)
            .max_encoding_message_size(PEER_MESSAGE_BYTES_MAX)
    }
}
