//! Generates the gRPC messages, servers and clients from `proto/`, in pure Rust (no protoc), and
//! writes down what the client services are, for clients that ask by reflection.

use std::{env, error::Error, fs, path::Path};

use protox::prost::Message as _;

/// What clients call.
const CLIENT_PROTOS: &[&str] = &[
    "proto/kv.proto",
    "proto/auth.proto",
    "proto/rpc.proto",
    "proto/lock.proto",
    "proto/election.proto",
    "proto/health.proto",
];

/// What members call each other.
const PEER_PROTOS: &[&str] = &["proto/peer.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    describe_client_services()?;
    let descriptors = protox::compile(CLIENT_PROTOS.iter().chain(PEER_PROTOS), ["proto"])?;
    tonic_prost_build::configure()
        // The generated code names no transport, so one generation serves the production build
        // and the simulated one.
        .build_transport(false)
        .bytes(".")
        .compile_fds(descriptors)?;
    Ok(())
}

/// The descriptors, without comments and places in the source.
fn describe_client_services() -> Result<(), Box<dyn Error>> {
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_imports(true).include_source_info(false);
    let descriptors = compiler.open_files(CLIENT_PROTOS)?.file_descriptor_set();
    let path = Path::new(&env::var("OUT_DIR")?).join("client_services.binpb");
    fs::write(path, descriptors.encode_to_vec())?;
    Ok(())
}
