//! The `pns` program.

use std::process::ExitCode;

use clap::Parser;
use pns::cli::{self, Cli};

fn main() -> ExitCode {
    cli::execute(&Cli::parse(), serve)
}

#[cfg(feature = "dpdk")]
fn serve(config: pns::config::Config) -> Result<(), pns::slowpath::start::StartError> {
    if pns::operate::log::start(&config.log).is_err() {
        eprintln!("pns: logs go where they went before");
    }
    pns::slowpath::start::serve(config)
}

#[cfg(not(feature = "dpdk"))]
fn serve(_: pns::config::Config) -> Result<(), &'static str> {
    Err("this program was built without DPDK and cannot serve: build it with the feature `dpdk`")
}
