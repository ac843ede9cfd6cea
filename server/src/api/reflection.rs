//! Server reflection: what services there are, for tools that do not have their definitions. Needs
//! no credentials.

use tonic_reflection::server::{Builder, v1, v1alpha};

/// The client services, as `build.rs` has described them.
const CLIENT_SERVICES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/client_services.binpb"));

/// Asked for by the newer tools.
pub(super) fn v1() -> v1::ServerReflectionServer<impl v1::ServerReflection> {
    builder().build_v1().expect("the build has made them")
}

/// Asked for by the others.
pub(super) fn v1alpha() -> v1alpha::ServerReflectionServer<impl v1alpha::ServerReflection> {
    builder().build_v1alpha().expect("the build has made them")
}

fn builder() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(CLIENT_SERVICES)
        .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET)
        .include_reflection_service(false)
}
