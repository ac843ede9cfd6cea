//! What `build.rs` generates from `proto/`: messages, servers and clients, wire-compatible with
//! etcd's. Only [`crate::api`], the peer protocol and tests name these types; the core has its own.

/// Keys, values and changes.
#[allow(missing_docs, unused_qualifications, clippy::all)]
pub mod mvccpb {
    tonic::include_proto!("mvccpb");
}

/// Users, roles and permissions.
#[allow(missing_docs, unused_qualifications, clippy::all)]
pub mod authpb {
    tonic::include_proto!("authpb");
}

/// The client services.
#[allow(missing_docs, unused_qualifications, clippy::all)]
pub mod etcdserverpb {
    tonic::include_proto!("etcdserverpb");
}

/// Locks by name.
#[allow(missing_docs, unused_qualifications, clippy::all)]
pub mod v3lockpb {
    tonic::include_proto!("v3lockpb");
}

/// Elections by name.
#[allow(missing_docs, unused_qualifications, clippy::all)]
pub mod v3electionpb {
    tonic::include_proto!("v3electionpb");
}

/// Whether a server serves.
#[allow(missing_docs, unused_qualifications, clippy::all)]
pub mod health {
    tonic::include_proto!("grpc.health.v1");
}

/// What members say to each other.
#[allow(missing_docs, unused_qualifications, clippy::all)]
pub mod peer {
    tonic::include_proto!("quorate.peer");
}
