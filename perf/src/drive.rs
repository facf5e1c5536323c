//! For operators: drives any PPTP server, ours or another vendor's, as thousands of clients at once.
//! They dial in a ramp or in a storm, log in by MS-CHAPv2, agree on MPPE-128, and then send packets
//! whose every byte is checked at the other end.
//!
//! Control connections are TCP of this machine's kernel. GRE goes through a raw socket, or, with
//! `--device`, through a DPDK port that the kernel sees as a TAP, as in production.

mod carrier;
pub(crate) mod client;
pub(crate) mod dialler;
mod payload;
#[cfg(feature = "dpdk")]
mod port;
mod reflect;
mod traffic;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::Outcome;
use crate::machine::Machine;
use carrier::Carrier;
use client::User;
use dialler::{Dialled, Dialler};
use traffic::Traffic;

/// A client's Call ID is its number and one: 0 is no Call ID of ours.
const CLIENTS_MAX: usize = 65_535;

/// What an operator asks for.
#[derive(Subcommand)]
pub(crate) enum Tool {
    /// Drive a PPTP server as many clients (as root), and say in JSON how it went.
    Drive(Box<Drive>),
    /// Send back what driven clients send here; runs on a host behind the server.
    Reflect {
        /// Where to listen for UDP.
        #[arg(value_name = "ADDRESS:PORT")]
        address: SocketAddrV4,
    },
}

/// A drive.
#[derive(Args)]
pub(crate) struct Drive {
    /// The PPTP server.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) server: SocketAddrV4,
    /// Clients that dial.
    #[arg(long, default_value_t = 100)]
    pub(crate) clients: usize,
    /// Clients that may be on their way at once; as many as there are clients is a storm.
    #[arg(long, default_value_t = 100)]
    pub(crate) at_once: usize,
    /// Clients that begin to dial in a second, at most.
    #[arg(long, default_value_t = f64::INFINITY)]
    pub(crate) calls_per_s: f64,
    /// All log in under this name; unless given, user0000000 and so on.
    #[arg(long, requires = "password_file")]
    user: Option<String>,
    /// A file that holds the password of that user; unless given, the passwords are "secret of 0" and
    /// so on.
    #[arg(long, requires = "user")]
    password_file: Option<PathBuf>,
    /// How long packets are sent once all calls are up, in seconds.
    #[arg(long, default_value_t = 0.0)]
    pub(crate) seconds: f64,
    /// Packets a second, of all clients together.
    #[arg(long, default_value_t = 1000.0)]
    pub(crate) packets_per_s: f64,
    /// Bytes of an inner packet, at least 84.
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u16).range(84..=1400))]
    pub(crate) size: u16,
    /// Where `pns-perf reflect` listens behind the server. Without it clients send to each other, in
    /// pairs, which the server has to allow.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) to: Option<SocketAddrV4>,
    /// Of a thousand packets so many are numbered and encrypted, but not sent.
    #[arg(long, default_value_t = 0.0, value_name = "PER_MILLE")]
    pub(crate) lose: f64,
    /// Of a thousand packets so many leave after the next one of their call.
    #[arg(long, default_value_t = 0.0, value_name = "PER_MILLE")]
    pub(crate) reorder: f64,
    /// A DPDK device for GRE: a PCI address, or a virtual device such as net_af_xdp0,iface=eth1.
    #[arg(long, requires = "address")]
    device: Option<String>,
    /// Our address on that device, with the length of its prefix.
    #[arg(long, value_name = "ADDRESS/LENGTH", requires = "device")]
    address: Option<String>,
    /// The router to the server on that device, if it is not on the same link.
    #[arg(long, requires = "device")]
    gateway: Option<Ipv4Addr>,
}

/// What came of a drive.
#[derive(Serialize)]
struct Report {
    tool: &'static str,
    machine: Machine,
    server: SocketAddrV4,
    carrier: &'static str,
    #[serde(flatten)]
    dialled: Dialled,
    /// Calls that the server, or a cable, has ended by the end.
    calls_lost: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic: Option<Traffic>,
}

impl Tool {
    /// Does it.
    pub(crate) fn run(&self) -> Outcome<()> {
        match self {
            Self::Drive(drive) => drive.run(),
            Self::Reflect { address } => reflect::run(*address),
        }
    }
}

impl Drive {
    fn run(&self) -> Outcome<()> {
        if self.clients > CLIENTS_MAX {
            return Err(format!("Call IDs are for {CLIENTS_MAX} clients at most").into());
        }
        let carrier = self.carrier()?;
        let name = carrier.name();
        let mut dialler = Dialler::new(self, self.users()?, carrier)?;
        let dialled = dialler.dial()?;
        let traffic = if self.seconds > 0.0 {
            Some(dialler.send_packets(Duration::from_secs_f64(self.seconds))?)
        } else {
            None
        };
        let report = Report {
            tool: "drive",
            machine: Machine::look(),
            server: self.server,
            carrier: name,
            calls_lost: dialler.calls_lost(),
            dialled,
            traffic,
        };
        println!("{}", serde_json::to_string(&report)?);
        let wrong = report.traffic.as_ref().is_some_and(Traffic::is_wrong);
        let right = (!wrong).then_some(());
        Ok(right.ok_or("packets came out wrong")?)
    }

    fn carrier(&self) -> Outcome<Carrier> {
        let (Some(device), Some(address)) = (&self.device, &self.address) else {
            return Carrier::sockets(*self.server.ip());
        };
        #[cfg(feature = "dpdk")]
        return Ok(Carrier::Port(Box::new(port::PortCarrier::open(
            device,
            address,
            self.gateway,
            *self.server.ip(),
        )?)));
        #[cfg(not(feature = "dpdk"))]
        Err(format!("{device}, {address}: this build has no DPDK").into())
    }

    fn users(&self) -> Outcome<Vec<User>> {
        let (Some(name), Some(file)) = (&self.user, &self.password_file) else {
            return Ok((0..self.clients).map(User::numbered).collect());
        };
        let password = std::fs::read_to_string(file)?;
        let password = password.trim_end_matches(['\r', '\n']);
        Ok((0..self.clients)
            .map(|_| User::new(name, password))
            .collect())
    }
}
