//! Bring-up, from a configuration to a running server, and the way back down. What is opened last is
//! closed first: calls, loop, workers, ports, DPDK.

use std::io;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use mio::{Poll, Registry, Waker};

use super::admin_socket::AdminSocket;
use super::control_plane::ControlPlane;
use super::descriptors::raise_limit;
use super::entropy::Entropy;
use super::errands::Errands;
use super::event_loop::EventLoop;
use super::exception::ExceptionPath;
use super::kernel::Kernel;
use super::password_jobs::PasswordJobs;
use super::ports::{self, OpenPorts};
use super::radius::RadiusSockets;
use super::radius_requests::RequestSocket;
use super::signals::StopRequests;
use super::sockets::Sockets;
pub use super::start_error::StartError;
use super::start_error::during;
use super::steering::{self, CallRules, Steering};
use super::supervisor::Supervisor;
use super::tacacs::TacacsSockets;
use super::view::{PortFigures, PortInfo, ServerFacts};
use super::workers::{self, Shared};
use super::{
    accounting_settings, notify, radius_settings, settings, tacacs_settings, token, worker_threads,
};
use crate::aaa::LocalUsers;
use crate::aaa::outage::{Cost, Outage};
use crate::aaa::radius::Client;
use crate::clock::{MonotonicClock, Timestamp};
use crate::config::{Config, Device};
use crate::flow::BucketTable;
use crate::flow::ring::Doorbell;
use crate::routing::directory::directory;
use crate::session::Sessions;

/// Serves until the operator asks for the end.
///
/// # Errors
/// What could not be had, and what to do about it.
pub fn serve(config: Config) -> Result<(), StartError> {
    let mut event_loop = start(config)?;
    let config = event_loop.errands.config();
    tracing::info!(listen = ?config.server.listen, port = config.server.control_port, "serving");
    notify::ready(&format!("serving {} port(s)", config.ports.len()));
    let ended = event_loop.run().map_err(during("the event loop"));
    drop(event_loop);
    tracing::info!("stopped");
    ended
}

fn start(owned: Config) -> Result<EventLoop, StartError> {
    let config = &owned;
    raise_limit(config)?;
    let workers = u8::try_from(config.workers.count()).unwrap_or(u8::MAX);
    let buckets = BucketTable::among(workers, &config.workers.call_owners());
    let clock = MonotonicClock::new();
    let mut ports = ports::open(config, &buckets)?;
    let macs = ports.macs(config);
    let poll = Poll::new().map_err(during("cannot make a poll"))?;
    let (stop, doorbell) = wake_ups(&poll)?;
    if let Some(core) = config.workers.control_core {
        worker_threads::pin(core);
    }
    let mut kernel = Kernel::open(config, &macs, &doorbell)?;
    kernel.register(poll.registry())?;
    let (writer, owners) = directory(&pool_ranges(config));
    let shared = Shared {
        config,
        macs: &macs,
        clock,
        buckets: &buckets,
        owners: &owners,
        routes: kernel.mirror.published(),
        doorbell: &doorbell,
    };
    let (links, threads) = workers::start(&shared, &mut ports)?;
    let registry = poll.registry();
    let sockets = Sockets::listen(registry, &config.server.listen, config.server.control_port)
        .map_err(|(address, error)| StartError::Listen(address, error))?;
    let admin = AdminSocket::open(&config.admin.socket, admin_group(config)?, registry)
        .map_err(during("cannot open admin.socket"))?;
    let users =
        settings::local_users(config).with_clock(radius_settings::unix_at_zero(clock.now()));
    let buckets = Arc::new(buckets);
    let sessions = sessions(config, &users, &buckets, &ports);
    let mut plane = ControlPlane::new(sessions, users, links, writer);
    let requests = hear_requests(&mut plane, config, registry, clock.now())?;
    add_servers(&mut plane, config, &doorbell, clock)?;
    let facts = facts(config, ports.huge_pages);
    let (ports, call_rules) = port_infos(config, ports, &macs, &buckets);
    Ok(EventLoop {
        requests,
        errands: errands(owned, &doorbell)?,
        passwords: password_jobs(&doorbell)?,
        supervisor: Supervisor::new(buckets.workers(), clock.now()),
        facts,
        call_rules,
        ports,
        exception: ExceptionPath::new(kernel.taps, kernel.tun, buckets, owners),
        kernel: kernel.mirror,
        plane,
        radius: RadiusSockets::default(),
        tacacs: TacacsSockets::default(),
        call_routes: kernel.calls,
        stopping_since: None,
        stop_time_max: Duration::ZERO,
        slow_turns: 0,
        poll,
        clock,
        doorbell,
        threads,
        sockets,
        admin,
        stop,
    })
}

/// Control connections and calls, none yet.
fn sessions(
    config: &Config,
    users: &LocalUsers,
    buckets: &Arc<BucketTable>,
    ports: &OpenPorts,
) -> Sessions {
    let mut sessions = Sessions::new(
        settings::session_config(config),
        Arc::clone(buckets),
        settings::pools(config, users),
        settings::capacity(config),
        Box::new(Entropy::new().into_fill()),
    );
    sessions.set_history_max(config.explain.history_max);
    sessions.place_by(steering::nearest_worker(config, &ports.ports));
    sessions
}

/// Servers elsewhere that decide about log-ins, and who writes the bill.
fn add_servers(
    plane: &mut ControlPlane,
    config: &Config,
    doorbell: &Arc<Doorbell>,
    clock: MonotonicClock,
) -> Result<(), StartError> {
    plane.set_realms(settings::realms(config));
    let entropy = Box::new(Entropy::new().into_fill());
    let users_max = config.outage.users_max as usize;
    plane.keep_for_outages(Outage::new(users_max, Cost::default(), entropy));
    let client = radius_settings::client(config, clock.now());
    let tacacs = tacacs_settings::log_ins(config);
    let bills = match &tacacs {
        Some(tacacs) if tacacs.bills => tacacs.client.bill_groups(),
        Some(_) | None => client.as_ref().map_or_else(Vec::new, Client::bill_groups),
    };
    let bell = Arc::clone(doorbell);
    let (accounting, bookkeeper) =
        accounting_settings::open(config, bills, move || bell.ring(), clock.now())
            .map_err(during("cannot start the thread that keeps the bill"))?;
    plane.keep_accounts(accounting, bookkeeper);
    if let Some(client) = client {
        plane.ask_servers(client, config.radius.local_users_first);
    }
    if let Some(log_ins) = tacacs {
        plane.ask_tacacs(log_ins);
    }
    Ok(())
}

/// Where billing systems ask about live calls, if any may.
fn hear_requests(
    plane: &mut ControlPlane,
    config: &Config,
    registry: &Registry,
    now: Timestamp,
) -> Result<RequestSocket, StartError> {
    let Some(machine) = radius_settings::dynamic(config, now) else {
        return Ok(RequestSocket::default());
    };
    plane.hear_requests(machine);
    let address = config.radius.dynamic.address;
    RequestSocket::listen(address, registry).map_err(|error| StartError::Requests(address, error))
}

fn errands(config: Config, doorbell: &Arc<Doorbell>) -> Result<Errands, StartError> {
    let doorbell = Arc::clone(doorbell);
    Errands::new(config, move || doorbell.ring()).map_err(during("cannot start a thread"))
}

fn password_jobs(doorbell: &Arc<Doorbell>) -> Result<PasswordJobs, StartError> {
    let doorbell = Arc::clone(doorbell);
    PasswordJobs::new(move || doorbell.ring()).map_err(during("cannot start a thread"))
}

/// What can wake the loop besides its sources: signals, and workers.
fn wake_ups(poll: &Poll) -> Result<(StopRequests, Arc<Doorbell>), StartError> {
    let waker = Waker::new(poll.registry(), token::WAKER).map_err(during("cannot make a waker"))?;
    let waker = Arc::new(waker);
    let stop = StopRequests::install(Arc::clone(&waker))
        .map_err(|error| StartError::System("cannot watch for signals", io::Error::other(error)))?;
    Ok((stop, Doorbell::new(Box::new(move || drop(waker.wake())))))
}

fn pool_ranges(config: &Config) -> Vec<RangeInclusive<Ipv4Addr>> {
    let ranges = config.pools.iter().flat_map(|pool| &pool.ranges);
    ranges.map(|range| range.first..=range.last).collect()
}

fn facts(config: &Config, huge_pages: bool) -> ServerFacts {
    ServerFacts {
        host_name: config.server.host_name.clone(),
        memory: if huge_pages { "huge" } else { "no-huge" },
        connections_max: config.server.control_connections_max,
        calls_max: config.server.calls_max,
    }
}

/// What is shown of the ports, and the rules that come and go with calls.
fn port_infos(
    config: &Config,
    ports: OpenPorts,
    macs: &[[u8; 6]],
    buckets: &BucketTable,
) -> (Vec<PortInfo>, CallRules) {
    let mut call_rules = CallRules::new(buckets.clone());
    let mut infos = Vec::new();
    for ((port, open), mac) in config.ports.iter().zip(ports.ports).zip(macs) {
        let steering_rules = Arc::new(AtomicUsize::new(open.steering.rules()));
        let device = Arc::new(open.port);
        if let Steering::Calls(field) = &open.steering {
            let queue_workers = open.queue_workers.clone();
            call_rules.add(&device, *field, queue_workers, &steering_rules);
        }
        infos.push(PortInfo {
            name: port.name.clone(),
            device: match &port.device {
                Device::Pci(device) | Device::Virtual(device) => device.clone(),
            },
            driver: open.driver,
            side: port.side.name(),
            mac: *mac,
            mtu: port.mtu,
            tap: port.tap.clone(),
            queue_workers: open.queue_workers,
            steering: open.steering.to_string(),
            steering_refused: open.steering_refused,
            steering_rules,
            figures: figures(device, open.steering),
        });
    }
    (infos, call_rules)
}

/// Asks the device; its rules live as long.
fn figures(port: Arc<dpdk::Port>, rules: Steering) -> Box<dyn Fn() -> PortFigures> {
    Box::new(move || {
        let _rules = &rules;
        figures_of(&port)
    })
}

fn figures_of(port: &dpdk::Port) -> PortFigures {
    let (link, stats) = (port.link(), port.stats());
    PortFigures {
        up: link.up,
        speed_mbps: link.speed_mbps,
        rx_frames: stats.rx_frames,
        rx_bytes: stats.rx_octets,
        rx_missed_frames: stats.rx_missed + stats.rx_no_buffer,
        tx_frames: stats.tx_frames,
        tx_bytes: stats.tx_octets,
    }
}

/// The number of `admin.group`.
fn admin_group(config: &Config) -> Result<Option<u32>, StartError> {
    let Some(name) = &config.admin.group else {
        return Ok(None);
    };
    let groups = std::fs::read_to_string("/etc/group").map_err(during("cannot read /etc/group"))?;
    let number = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name))
            .then(|| fields.nth(1)?.parse().ok())
            .flatten()
    });
    let missing = || io::Error::new(io::ErrorKind::NotFound, format!("there is no group {name}"));
    number
        .ok_or_else(missing)
        .map_err(during("admin.group"))
        .map(Some)
}
