//! What the configuration says of this member and of those that it founds its cluster with.

use std::collections::BTreeMap;

use quorate_core::command::MemberAttributes;

use crate::{
    config::{Config, InitialMember},
    peers::Peers,
    raft::Peer,
    storage::Owner,
};

pub(super) fn peers(config: &Config) -> Peers {
    let members: Vec<(u64, Vec<String>)> = founders(config)
        .into_iter()
        .map(|(id, peer)| (id, peer.peer_urls))
        .collect();
    let members = members.iter().map(|(id, urls)| (*id, &urls[..]));
    Peers::new(config.cluster.cluster_id, members)
}

pub(super) fn owner(config: &Config) -> Owner {
    Owner {
        cluster_id: config.cluster.cluster_id,
        member_id: config.cluster.member_id,
        name: config.name.clone(),
    }
}

pub(super) fn founders(config: &Config) -> BTreeMap<u64, Peer> {
    let peer = |member: &InitialMember| Peer {
        name: member.name.clone(),
        peer_urls: member.peer_urls.iter().map(ToString::to_string).collect(),
    };
    config
        .cluster
        .members
        .iter()
        .map(|member| (member.id, peer(member)))
        .collect()
}

pub(super) fn attributes(config: &Config, instance: u64) -> MemberAttributes {
    MemberAttributes {
        member_id: config.cluster.member_id,
        name: config.name.clone(),
        client_urls: config
            .advertise_client_urls
            .iter()
            .map(ToString::to_string)
            .collect(),
        instance,
    }
}
