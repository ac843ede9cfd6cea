//! The members of a static cluster, as `--initial-cluster` lists them, with the ids that follow.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids,
    url::{Scheme, Url, UrlError},
};

/// The cluster that a member is to form at its first start. A member with data of its own takes
/// all of this from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialCluster {
    /// Whether it is to be formed, or exists and is to be joined.
    pub state: ClusterState,
    /// The id of a cluster formed by these members.
    pub cluster_id: u64,
    /// This member's id, one of those in `members`.
    pub member_id: u64,
    /// All members, by ascending id.
    pub members: Vec<InitialMember>,
}

/// Whether a cluster is to be formed or joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ClusterState {
    /// Form it together with the other members.
    New,
    /// It exists, and this member has been added to it.
    Existing,
}

/// A member as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialMember {
    /// Derived from its URLs and the cluster's token.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Where other members reach it; sorted, never empty.
    pub peer_urls: Vec<Url>,
}

/// Why a list of members is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// An entry that is not `name=url`.
    #[error("--initial-cluster has {0:?}; write each member as NAME=http://HOST:PORT")]
    Entry(String),
    /// A URL that is none.
    #[error(
        "error setting up initial cluster: {error}; write each member as NAME=http://HOST:PORT"
    )]
    Url {
        /// What is wrong with it.
        error: UrlError,
    },
    /// A URL that asks for TLS.
    #[error("--initial-cluster has {0}, but TLS is not supported yet; use an http:// URL")]
    Tls(Url),
    /// A URL that is given twice.
    #[error("initial cluster {0} has duplicate url; each peer URL belongs to one member")]
    DuplicateUrl(String),
    /// This member is not in the list.
    #[error(
        "couldn't find local name {name:?} in the initial cluster configuration; add \
         {name}=<its peer URL> to --initial-cluster, or set --name to one of: {known}"
    )]
    UnknownName {
        /// This member's name.
        name: String,
        /// The names in the list.
        known: String,
    },
    /// The list has a URL for this member that it does not advertise.
    #[error(
        "--initial-cluster has {name}={url} but missing from \
         --initial-advertise-peer-urls={advertised}; give both the same URLs"
    )]
    NotAdvertised {
        /// This member's name.
        name: String,
        /// The URL.
        url: Url,
        /// What it does advertise.
        advertised: String,
    },
    /// This member advertises a URL that the list does not have for it.
    #[error(
        "--initial-advertise-peer-urls has {url} but missing from --initial-cluster={listed}; \
         give both the same URLs"
    )]
    NotListed {
        /// The URL.
        url: Url,
        /// What the list has.
        listed: String,
    },
}

impl InitialCluster {
    /// The members in `list`, or this member alone without one.
    pub(super) fn new(
        name: &str,
        advertised: &[Url],
        list: Option<&str>,
        token: String,
        state: ClusterState,
    ) -> Result<Self, ClusterError> {
        let urls_by_name = match list {
            Some(list) => {
                let members = parse(list)?;
                check_own_entry(name, advertised, list, &members)?;
                members
            }
            None => BTreeMap::from([(name.to_owned(), advertised.to_vec())]),
        };
        let with_id = |(name, peer_urls): (String, Vec<Url>)| InitialMember {
            id: ids::member_id(&peer_urls, &token),
            name,
            peer_urls,
        };
        let mut members: Vec<_> = urls_by_name.into_iter().map(with_id).collect();
        members.sort_by_key(|member| member.id);
        let own = members.iter().find(|member| member.name == name);
        Ok(Self {
            state,
            cluster_id: ids::cluster_id(members.iter().map(|member| member.id)),
            member_id: own.expect("the list has this member's name").id,
            members,
        })
    }

    /// This member's own entry.
    pub fn own(&self) -> &InitialMember {
        let own = self
            .members
            .iter()
            .find(|member| member.id == self.member_id);
        own.expect("this member is one of the cluster's")
    }
}

/// Reads `name=url,name=url`. A name may come again with a further URL.
fn parse(list: &str) -> Result<BTreeMap<String, Vec<Url>>, ClusterError> {
    let mut members: BTreeMap<String, Vec<Url>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for entry in list
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
    {
        let (name, url) = entry
            .split_once('=')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| ClusterError::Entry(entry.to_owned()))?;
        let url = Url::parse(url)
            .and_then(|url| url.require_host().map(|()| url))
            .map_err(|error| ClusterError::Url { error })?;
        if url.scheme() == Scheme::Https {
            return Err(ClusterError::Tls(url));
        }
        if !seen.insert(url.clone()) {
            return Err(ClusterError::DuplicateUrl(list.to_owned()));
        }
        members.entry(name.trim().to_owned()).or_default().push(url);
    }
    for urls in members.values_mut() {
        urls.sort();
    }
    Ok(members)
}

/// The list must have for this member what it advertises, no more and no less. Names of hosts are
/// compared as written: etcd would ask a name server whether two of them are one address.
fn check_own_entry(
    name: &str,
    advertised: &[Url],
    list: &str,
    members: &BTreeMap<String, Vec<Url>>,
) -> Result<(), ClusterError> {
    let Some(listed) = members.get(name) else {
        let known: Vec<&str> = members.keys().map(String::as_str).collect();
        return Err(ClusterError::UnknownName {
            name: name.to_owned(),
            known: known.join(", "),
        });
    };
    let is_in = |url: &Url, urls: &[Url]| urls.iter().any(|other| other.is_equivalent(url));
    if let Some(url) = listed.iter().find(|url| !is_in(url, advertised)) {
        let texts: Vec<&str> = advertised.iter().map(Url::as_str).collect();
        return Err(ClusterError::NotAdvertised {
            name: name.to_owned(),
            url: url.clone(),
            advertised: texts.join(","),
        });
    }
    match advertised.iter().find(|url| !is_in(url, listed)) {
        Some(url) => Err(ClusterError::NotListed {
            url: url.clone(),
            listed: list.to_owned(),
        }),
        None => Ok(()),
    }
}
