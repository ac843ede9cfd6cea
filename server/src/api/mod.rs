//! etcd's client services: one file per service, thin. Each handler reads its request, asks the
//! node, and shapes the response; what is decided, is decided in the core or by the node.

mod alarm;
mod auth;
mod caller;
mod cluster;
mod context;
mod convert;
mod election;
mod errors;
mod health;
mod kv;
mod lease;
mod lock;
mod login;
mod maintenance;
mod metadata;
mod permission;
mod queue;
mod range_stream;
mod reflection;
#[cfg(test)]
mod tests;
mod watch;

use std::{pin::Pin, sync::Arc};

use futures_util::Stream;
use tonic::Status;
use tonic_reflection::pb::{
    v1::server_reflection_server::ServerReflectionServer as ReflectionServer,
    v1alpha::server_reflection_server::ServerReflectionServer as ReflectionAlphaServer,
};

use self::context::Context;
pub(crate) use self::{alarm::kind_name as alarm_kind_name, errors::status};
use crate::{
    http,
    node::Node,
    proto::{
        etcdserverpb::{
            auth_server::AuthServer, cluster_server::ClusterServer, kv_server::KvServer,
            lease_server::LeaseServer, maintenance_server::MaintenanceServer,
            watch_server::WatchServer,
        },
        health::health_server::HealthServer,
        v3electionpb::election_server::ElectionServer,
        v3lockpb::lock_server::LockServer,
    },
    runtime::Signal,
    wire::Services,
};

/// What a message on the wire may be larger than `--max-request-bytes`, as in etcd.
pub(crate) const MESSAGE_OVERHEAD_BYTES: usize = 512 * 1024;

/// A stream of responses, or the status that ends it.
type ResponseStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Everything that is served on a client port. Raising `stop` ends the open streams.
pub(crate) fn services(node: Arc<Node>, stop: Signal) -> Services {
    let received_max = node.limits().max_request_bytes + MESSAGE_OVERHEAD_BYTES;
    let context = Context::new(node.clone(), stop);
    // What is sent has no bound: the client chose what to ask for.
    macro_rules! limited {
        ($server:ident, $service:expr) => {
            $server::new($service(context.clone()))
                .max_decoding_message_size(received_max)
                .max_encoding_message_size(usize::MAX)
        };
    }
    Services::new(http::pages(node))
        .grpc(limited!(KvServer, kv::KvService::new))
        .grpc(limited!(WatchServer, watch::WatchService::new))
        .grpc(limited!(LeaseServer, lease::LeaseService::new))
        .grpc(limited!(ClusterServer, cluster::ClusterService::new))
        .grpc(limited!(
            MaintenanceServer,
            maintenance::MaintenanceService::new
        ))
        .grpc(limited!(AuthServer, auth::AuthService::new))
        .grpc(limited!(LockServer, lock::LockService::new))
        .grpc(limited!(ElectionServer, election::ElectionService::new))
        .grpc(limited!(HealthServer, health::HealthService::new))
        .grpc(limited!(
            ReflectionServer,
            reflection::ReflectionService::new
        ))
        .grpc(limited!(
            ReflectionAlphaServer,
            reflection::ReflectionService::new
        ))
}
