//! The whole server under real clients: TCP and GRE from another network namespace through a DPDK
//! port (AF_XDP on a veth), the worker, the TAP and the kernel's TCP. The generator is a process of
//! its own; what is counted is the CPU time of the slow-path thread, kernel time included.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Serialize;

use crate::Outcome;
use crate::drive::dialler::Dialled;
use crate::lab::{self, Lab};
use crate::measure::Effort;
use crate::report::rounded;

/// The address that clients dial in the lab.
const SERVER: &str = "198.51.100.1:1723";
/// Clients on their way at once, where it is not a storm.
const AT_ONCE: usize = 256;

/// Calls through TCP, GRE and the TAP.
#[derive(Serialize)]
pub(crate) struct OnWire {
    /// Calls per second of CPU time of the slow-path thread.
    pub(crate) calls_per_cpu_s: f64,
    /// Clients that may be on their way at once.
    at_once: usize,
    dialled: Dialled,
    /// Turns of the loop that took more than 5 ms.
    slow_turns: u64,
}

/// The paced run and the storm.
pub(crate) fn run(effort: Effort) -> Outcome<Vec<OnWire>> {
    let plans: &[(usize, usize)] = match effort {
        Effort::Smoke => &[(20, AT_ONCE)],
        Effort::Quick => &[(500, AT_ONCE)],
        Effort::Normal => &[(5_000, AT_ONCE), (15_000, 15_000)],
    };
    plans
        .iter()
        .map(|plan| measure(plan.0, plan.1, effort))
        .collect()
}

/// What only a server without DPDK has to say.
const WITHOUT_DPDK: &[u8] = b"was built without DPDK";

/// Why it cannot be run here, if it cannot.
pub(crate) fn obstacle() -> Option<String> {
    lab::obstacle().or_else(|| {
        let path = server_binary();
        let Ok(program) = fs::read(&path) else {
            return Some(format!(
                "there is no {}: cargo build --release",
                path.display()
            ));
        };
        // A server that cannot serve carries the sentence that says so.
        let mut places = program.windows(WITHOUT_DPDK.len());
        let cannot = places.any(|place| place == WITHOUT_DPDK);
        cannot.then(|| format!("{} was built without the feature dpdk", path.display()))
    })
}

/// `pns` as built beside this program, or what `PNS_BINARY` names.
fn server_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("PNS_BINARY") {
        return path.into();
    }
    let own = std::env::current_exe().unwrap_or_default();
    own.with_file_name("pns")
}

fn measure(clients: usize, at_once: usize, effort: Effort) -> Outcome<OnWire> {
    let lab = Lab::start()?;
    let config = write_config(&lab.state, clients)?;
    let (server, config) = (server_binary(), config.display().to_string());
    lab.command(&[
        "server-start",
        "pns",
        &server.display().to_string(),
        &config,
    ])?;
    lab.command(&[
        "inside",
        "wan",
        "ip",
        "address",
        "add",
        "198.51.100.2/24",
        "dev",
        "br0",
    ])?;
    let ports = "net.ipv4.ip_local_port_range=1024 65000";
    lab.command(&["inside", "wan", "sysctl", "-qw", ports])?;
    let pid: u32 = fs::read_to_string(lab.state.join("server.pid"))?
        .trim()
        .parse()?;
    let before = slow_path_time(pid)?;
    let own = std::env::current_exe()?.display().to_string();
    let (clients_text, at_once_text) = (clients.to_string(), at_once.to_string());
    let mut words = vec!["inside", "wan", &own, "drive", "--server", SERVER];
    words.extend(["--clients", &clients_text, "--at-once", &at_once_text]);
    if effort == Effort::Smoke {
        // No figure comes of it: that packets cross from client to client as they were sent.
        words.extend(["--seconds", "1", "--lose", "20", "--reorder", "20"]);
    }
    let answer = lab.command(&words)?;
    let took = slow_path_time(pid)?.saturating_sub(before);
    let dialled: Dialled = serde_json::from_str(answer.trim())?;
    // In a storm a client may give up, as a real one dials again; the figure is of those that are up.
    let is_storm = at_once >= clients;
    if dialled.up < if is_storm { clients * 9 / 10 } else { clients } {
        return Err(format!("too few clients are up: {dialled:?}").into());
    }
    let slow_turns = slow_turns(&lab)?;
    let on_wire = OnWire {
        calls_per_cpu_s: rounded(dialled.up as f64 / took.as_secs_f64(), 0),
        at_once,
        dialled,
        slow_turns,
    };
    println!(
        "{:>8} calls through the TAP, {:>5} at once: {:>7.0} calls per CPU second, {:.0} per second \
         of the wall, set-up {:.1} ms p50, {:.1} ms p99, {} slow turns",
        clients,
        at_once,
        on_wire.calls_per_cpu_s,
        on_wire.dialled.calls_per_wall_s,
        on_wire.dialled.setup_p50_ms,
        on_wire.dialled.setup_p99_ms,
        slow_turns,
    );
    Ok(on_wire)
}

/// What the main thread of a process has had of a core, by the scheduler's own count.
fn slow_path_time(pid: u32) -> Outcome<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/schedstat"))?;
    let nanoseconds = text.split_whitespace().next().ok_or("an empty schedstat")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

fn slow_turns(lab: &Lab) -> Outcome<u64> {
    let socket = lab.state.join("run/pns/admin.sock");
    let output = Command::new(server_binary())
        .args(["show", "status", "--json", "--socket"])
        .arg(socket)
        .output()?;
    let status: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let found = status
        .pointer("/status/slow_turns")
        .or(status.get("slow_turns"));
    found
        .and_then(serde_json::Value::as_u64)
        .ok_or_else(|| "the server does not say its slow turns".into())
}

/// A server for so many calls from one address, and its users.
fn write_config(state: &Path, clients: usize) -> Outcome<PathBuf> {
    let folder = state.join("case");
    fs::create_dir_all(&folder)?;
    let mut users = String::new();
    for number in 0..clients {
        let (name, password) = crate::drive::client::name_and_password(number);
        writeln!(
            users,
            "[[user]]\nname = \"{name}\"\npassword = \"{password}\""
        )?;
    }
    fs::write(folder.join("setup-users.toml"), users)?;
    let last = Ipv4Addr::from_bits(Ipv4Addr::new(10, 80, 0, 1).to_bits() + u32::try_from(clients)?);
    let config = format!(
        r#"[server]
listen = ["198.51.100.1"]
calls_max = {clients}
control_connections_per_source_max = {clients}

[dpdk]
memory = "no-huge"
memory_mb = 512
file_prefix = "pns-setup"
mbufs = 65536

[[port]]
name = "wan"
device = "net_af_xdp0,iface=wan_s,force_copy=1"
side = "access"
descriptors = 4096
addresses = ["198.51.100.1/24"]

[[port]]
name = "lan"
device = "net_af_xdp1,iface=lan_s,force_copy=1"
side = "network"
addresses = ["192.168.99.1/24"]

[workers]
count = 1
idle_sleep_us = 100

[workers.punt]
control_frames_per_s = 1_000_000
ppp_frames_per_s = 1_000_000

[[pool]]
name = "default"
ranges = ["10.80.0.2-{last}"]
gateway = "10.80.0.1"

[ppp.mppe]
policy = "required"

[forwarding]
client_to_client = true

[users]
file = "setup-users.toml"
"#
    );
    let file = folder.join("setup.toml");
    fs::write(&file, config)?;
    Ok(file)
}
