//! Compiles the peers and links the system's libcrypto (Debian: libssl-dev).

fn main() {
    println!("cargo::rerun-if-changed=src/peers.c");
    cc::Build::new()
        .file("src/peers.c")
        .opt_level(2)
        .compile("pns_perf_peers");
    println!("cargo::rustc-link-lib=crypto");
}
