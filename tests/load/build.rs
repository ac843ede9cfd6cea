//! Generates the client from the server's own `.proto` files, in pure Rust (no protoc).

const DIRECTORY: &str = "../../server/proto";
const PROTOS: &[&str] = &["kv.proto", "auth.proto", "rpc.proto"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed={DIRECTORY}");
    let descriptors = protox::compile(PROTOS, [DIRECTORY])?;
    tonic_prost_build::configure()
        .build_server(false)
        .build_transport(false)
        .bytes(".")
        .compile_fds(descriptors)?;
    Ok(())
}
