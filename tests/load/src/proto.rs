//! What `build.rs` generates from the server's `proto/`: messages and clients.

/// Keys and values.
#[allow(missing_docs, unused_qualifications, unreachable_pub, clippy::all)]
pub(crate) mod mvccpb {
    tonic::include_proto!("mvccpb");
}

/// Users, roles and permissions; named by the client services.
#[allow(
    missing_docs,
    unused_qualifications,
    unreachable_pub,
    dead_code,
    clippy::all
)]
pub(crate) mod authpb {
    tonic::include_proto!("authpb");
}

/// The client services.
#[allow(
    missing_docs,
    unused_qualifications,
    unreachable_pub,
    dead_code,
    clippy::all
)]
pub(crate) mod etcdserverpb {
    tonic::include_proto!("etcdserverpb");
}
