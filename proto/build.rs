//! Compiles the .proto files with protox, so that no protoc is needed.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let peer = protox::compile(["registry/peer/v1/peer.proto"], ["proto"])?;
    tonic_prost_build::configure().bytes(".").compile_fds(peer)?;
    // Descriptors with their comments: for reflection, for HTTP/JSON, and for the comparison with the last release.
    let native = protox::Compiler::new(["proto"])?
        .include_source_info(true)
        .include_imports(true)
        .open_file("registry/v1/registry.proto")?
        .encode_file_descriptor_set();
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("registry.v1.bin"), &native)?;
    let native = protox::compile(["registry/v1/registry.proto"], ["proto"])?;
    tonic_prost_build::configure().compile_fds(native)?;
    Ok(())
}
