//! Finds the distribution's DPDK, compiles the shim against it and generates the bindings.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const OLDEST_DPDK: &str = "22.11";

const FUNCTIONS: &str = concat!(
    "shim_.*",
    "|rte_eal_(init|cleanup)|rte_strerror|rte_get_tsc_hz|rte_version",
    "|rte_thread_(register|unregister)",
    "|rte_pktmbuf_(pool_create|free_bulk)|rte_mempool_(free|avail_count)",
    "|rte_ring_(create|free)|rte_eth_from_rings",
    "|rte_dev_(probe|remove)",
    "|rte_eth_dev_(get_port_by_name|configure|start|stop|close|info_get|set_mtu|get_mtu|socket_id)",
    "|rte_eth_dev_adjust_nb_rx_tx_desc|rte_eth_(rx|tx)_queue_setup|rte_eth_promiscuous_enable",
    "|rte_eth_dev_rss_hash_conf_get",
    "|rte_eth_macaddr_get|rte_eth_link_get_nowait|rte_eth_stats_get",
);

const CONSTANTS: &str = "SHIM_.*|RTE_PKTMBUF_HEADROOM|RTE_MAX_ETHPORTS|RTE_MAX_LCORE";

/// Packed structs inside aligned ones, which rustc refuses; headers are parsed in Rust anyway.
const OPAQUE: &str = "rte_arp_.*|rte_.*_hdr|rte_flow_.*|rte_ipv6_.*";

fn main() {
    for file in ["build.rs", "shim.h", "shim.c"] {
        println!("cargo:rerun-if-changed={file}");
    }
    let library = match pkg_config::Config::new()
        .atleast_version(OLDEST_DPDK)
        .probe("libdpdk")
    {
        Ok(library) => library,
        Err(error) => panic!(
            "DPDK {OLDEST_DPDK} or newer was not found: install `libdpdk-dev` and `pkg-config`, \
             or build without the feature `dpdk`.\n{error}"
        ),
    };
    // Driver libraries are not part of `pkg-config --libs`; this one has the in-memory ports.
    println!("cargo:rustc-link-lib=rte_net_ring");

    let mut arguments = compiler_arguments();
    arguments.extend(
        library
            .include_paths
            .iter()
            .map(|path| format!("-I{}", path.display())),
    );
    compile_shim(&arguments);
    generate_bindings(&arguments);
}

/// `-include rte_config.h` and the instruction set DPDK was built for: the `pkg-config` crate
/// passes on include directories only.
fn compiler_arguments() -> Vec<String> {
    let tool = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".to_owned());
    let output = Command::new(&tool)
        .args(["--cflags-only-other", "libdpdk"])
        .output()
        .unwrap_or_else(|error| panic!("cannot run {tool}: {error}"));
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

fn compile_shim(arguments: &[String]) {
    let mut build = cc::Build::new();
    build
        .file("shim.c")
        .opt_level(2)
        .warnings(true)
        .extra_warnings(false);
    for argument in arguments {
        build.flag(argument);
    }
    build.compile("dpdk_shim");
}

fn generate_bindings(arguments: &[String]) {
    let bindings = bindgen::Builder::default()
        .header("shim.h")
        .clang_args(arguments)
        .allowlist_function(FUNCTIONS)
        .allowlist_var(CONSTANTS)
        .opaque_type(OPAQUE)
        .default_enum_style(bindgen::EnumVariation::ModuleConsts)
        .generate_comments(false)
        .layout_tests(true)
        .rust_edition(bindgen::RustEdition::Edition2024)
        .wrap_unsafe_ops(true)
        .use_core()
        .generate()
        .unwrap_or_else(|error| panic!("bindgen failed (is `libclang-dev` installed?): {error}"));
    let out: PathBuf = env::var_os("OUT_DIR")
        .map(PathBuf::from)
        .unwrap_or_default();
    let file: &Path = &out.join("bindings.rs");
    bindings
        .write_to_file(file)
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
}
