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

/// What members say to each other.
#[allow(missing_docs, unused_qualifications, clippy::all)]
pub mod peer {
    tonic::include_proto!("quorate.peer");
}
