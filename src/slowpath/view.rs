//! What an operator sees, read from the machines, the workers' counters and the ports at the moment
//! of asking.

use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use super::control_plane::ControlPlane;
use super::entropy::Entropy;
use super::errands::Errands;
use super::log_in_test::Tested;
use super::worker_link::WorkerLink;
use super::{accounting_view, call_view, mppe_kernel, radius_view, settings, tacacs_view};
use crate::aaa::Decision;
use crate::clock::Timestamp;
use crate::dataplane::{DropReason, FrameCount};
use crate::operate::account;
use crate::operate::admin::{Action, AdminError, ErrorCode, Selector, View};
use crate::operate::explain::{AccountRow, FailureRow, Subject};
use crate::operate::rows::{
    AccountingStatus, Counter, DropCount, DropRow, NegotiatedOption, PeerRow, PoolRow, PortRow,
    RadiusStatus, SessionDetail, SessionRow, Status, SteeringRefusal, TacacsRow, WorkerRow,
};
use crate::session::{Account, CallView};
use crate::wire::call_id::CallId;

/// A worker that has not turned for this long has stalled.
pub(super) const STALL_TIME: Duration = Duration::from_millis(200);

/// A port as configured, and where its figures come from.
pub struct PortInfo {
    /// Its name in the configuration.
    pub name: String,
    /// The DPDK device.
    pub device: String,
    /// The driver that serves it.
    pub driver: String,
    /// `access`, `network` or `both`.
    pub side: &'static str,
    /// Its Ethernet address.
    pub mac: [u8; 6],
    /// Octets of the largest IPv4 packet.
    pub mtu: u16,
    /// The kernel's interface for it.
    pub tap: String,
    /// The worker that polls each receive queue.
    pub queue_workers: Vec<u8>,
    /// How received frames come to the queues.
    pub steering: String,
    /// What would be better, and why the device does not do it.
    pub steering_refused: Vec<SteeringRefusal>,
    /// Rules that the device has for it.
    pub steering_rules: Arc<AtomicUsize>,
    /// What it counts now.
    pub figures: Box<dyn Fn() -> PortFigures>,
}

/// What a port has counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct PortFigures {
    /// Whether there is a link.
    pub up: bool,
    /// Megabits per second, if the device says.
    pub speed_mbps: Option<u32>,
    /// Frames received.
    pub rx_frames: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Frames that the device lost.
    pub rx_missed_frames: u64,
    /// Frames sent.
    pub tx_frames: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
}

/// What does not change while the server runs.
pub struct ServerFacts {
    /// Host Name that peers are told.
    pub host_name: String,
    /// Memory of the data path: `huge` or `no-huge`.
    pub memory: &'static str,
    /// Most control connections at once.
    pub connections_max: u32,
    /// Most calls at once.
    pub calls_max: u32,
}

/// What passed between us and the kernel.
pub trait KernelFigures {
    /// Frames to the kernel and from it, by the TAP of this port.
    fn tap_frames(&self, port: usize) -> (u64, u64);
    /// What was lost on the way, by reason.
    fn drops(&self) -> Vec<(&'static str, u64)>;
}

/// Everything there is to see.
pub struct ServerView<'a> {
    /// What does not change.
    pub facts: &'a ServerFacts,
    /// Control connections, calls, workers, and who decides about log-ins.
    pub plane: &'a mut ControlPlane,
    /// The ports.
    pub ports: &'a [PortInfo],
    /// What passed between us and the kernel.
    pub kernel: &'a dyn KernelFigures,
    /// What takes longer than a turn, if there is anybody to do it.
    pub errands: Option<&'a mut Errands>,
    /// Turns of the loop that took more than 5 ms.
    pub slow_turns: u64,
    /// The time of asking.
    pub now: Timestamp,
}

impl ServerView<'_> {
    fn row(&self, call: &CallView) -> SessionRow {
        let worker = self.plane.workers.get(usize::from(call.worker));
        let totals = worker
            .map(|worker| worker.totals(call.counter_slot))
            .unwrap_or_default();
        let identifiers = call.negotiated.interface_identifiers;
        SessionRow {
            group: call.group.clone(),
            user: call.user.clone().unwrap_or_default(),
            address: call.lease,
            peer_address: call.peer_address,
            local_address: call.local_address,
            local_call_id: call.flow.call_id.get(),
            peer_call_id: call.peer_call_id.map(CallId::get),
            local_interface_identifier: identifiers.map(|(local, _)| local.to_string()),
            peer_interface_identifier: identifiers.map(|(_, peer)| peer.to_string()),
            state: call.state.name().to_owned(),
            encryption: encryption(call.negotiated.mppe),
            since_s: self.now.since(call.created).as_secs(),
            upstream_frames: totals.upstream_packets,
            upstream_bytes: totals.upstream_bytes,
            downstream_frames: totals.downstream_packets,
            downstream_bytes: totals.downstream_bytes,
            worker: u16::from(call.worker),
            round_trip_us: call
                .round_trip
                .map(|time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
        }
    }

    fn detail(&self, call: &CallView) -> SessionDetail {
        let worker = self.plane.workers.get(usize::from(call.worker));
        let totals = worker
            .map(|worker| worker.totals(call.counter_slot))
            .unwrap_or_default();
        let counter = |name: &str, value| Counter {
            name: name.to_owned(),
            value,
        };
        let heard = Timestamp::from_nanos(totals.last_heard_ns);
        let silent_ms = u64::try_from(self.now.since(heard).as_millis()).unwrap_or(u64::MAX);
        let drop = |reason: &str, frames| DropCount {
            reason: reason.to_owned(),
            frames,
        };
        let peer = call.connection.as_ref();
        let resets = call.negotiated.resets;
        SessionDetail {
            row: self.row(call),
            peer_host_name: peer.map(|peer| peer.host_name.clone()).unwrap_or_default(),
            peer_vendor_name: peer
                .map(|peer| peer.vendor_name.clone())
                .unwrap_or_default(),
            peer_port: peer.map(|peer| peer.peer.port()).unwrap_or_default(),
            negotiated: [
                call_view::options(call),
                negotiated(call),
                call_view::policy(call),
            ]
            .concat(),
            counters: [
                vec![
                    counter("upstream_lost_frames", totals.upstream_lost),
                    counter("upstream_late_frames", totals.upstream_late),
                    counter("upstream_duplicate_frames", totals.upstream_duplicates),
                    counter("late_distance_last_frames", totals.late_distance_last),
                    counter("late_distance_max_frames", totals.late_distance_max),
                    counter("silent_ms", silent_ms),
                    counter("upstream_mppe_resets", resets.requests_sent.into()),
                    counter("downstream_mppe_resets", resets.requests_received.into()),
                ],
                call_view::wan_errors(call),
            ]
            .concat(),
            drops: vec![
                drop("upstream", totals.upstream_drops),
                drop("downstream", totals.downstream_drops),
            ],
        }
    }

    /// `None`: servers are asked; ask again.
    fn test_user(
        &mut self,
        user: &str,
        password: &str,
        as_json: bool,
    ) -> Option<Result<String, AdminError>> {
        let refused = |message| AdminError {
            code: ErrorCode::Refused,
            message,
        };
        if let Some(denial) = self.plane.sessions.back_off(user.as_bytes(), self.now) {
            let tested = Tested {
                user,
                decided_by: "sessions.user_back_off",
                method: None,
                decision: Decision::Deny(Box::new(denial)),
            };
            return Some(tested.say(as_json).map_err(refused));
        }
        let Some(errands) = &self.errands else {
            return Some(Err(not_here()));
        };
        let config = errands.config();
        let access = settings::first_access(config);
        let mut random = [0; 32];
        Entropy::new().fill(&mut random);
        let dialled = config.server.listen.first().copied();
        let dialled = dialled.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let log_ins = &mut self.plane.log_ins;
        let tested = log_ins.try_out((user, password), &access, dialled, &random, self.now)?;
        Some(tested.say(as_json).map_err(refused))
    }

    fn account_rows(&self, accounts: &[Account]) -> Vec<AccountRow> {
        let wall = SystemTime::now();
        let troubles = self.accounting().troubles;
        let row = |it| {
            let mut row = account::row(it, self.now, wall);
            // Of others there is no bill.
            if row.authenticated {
                row.bill.clone_from(&troubles);
            }
            row
        };
        accounts.iter().map(row).collect()
    }

    fn worker(&self, worker: &WorkerLink) -> WorkerRow {
        let stats = &worker.stats;
        let (turns, busy) = stats.turns();
        let entered = FrameCount::ALL.iter().filter(|place| place.enters());
        let punted = [
            FrameCount::PuntedControl,
            FrameCount::PuntedOpening,
            FrameCount::PuntedArp,
            FrameCount::PuntedLocal,
            FrameCount::PuntedException,
            FrameCount::PuntedPpp,
        ];
        let age = self.now.since(stats.heartbeat());
        let flows = self.plane.sessions.calls_of(worker.index);
        let idle = turns.saturating_sub(busy);
        let state = match (age > STALL_TIME, busy) {
            (true, _) => "stalled",
            (false, 0) => "idle",
            (false, _) => "running",
        };
        WorkerRow {
            worker: u16::from(worker.index),
            core: worker.core,
            state: state.to_owned(),
            mppe_kernel: mppe_kernel::measured().name().to_owned(),
            mppe_alone_frames: stats.mppe_alone_frames(),
            queues: self.queues_of(worker.index),
            buckets: count(self.plane.sessions.buckets_of(worker.index)),
            flows: u32::try_from(flows).unwrap_or(u32::MAX),
            loops: turns,
            idle_share: if turns == 0 {
                0.0
            } else {
                idle as f64 / turns as f64
            },
            in_frames: entered.map(|place| stats.frames(*place)).sum(),
            handed_in_frames: stats.frames(FrameCount::HandedIn),
            handed_out_frames: stats.frames(FrameCount::HandedOut),
            out_frames: stats.frames(FrameCount::Sent),
            dropped_frames: DropReason::ALL
                .iter()
                .map(|reason| stats.dropped(*reason))
                .sum(),
            punted_frames: punted.iter().map(|place| stats.frames(*place)).sum(),
            heartbeat_age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// The receive queues that a worker polls, as `port:number`.
    fn queues_of(&self, worker: u8) -> Vec<String> {
        let polled = |port: &PortInfo| {
            let mut pollers = port.queue_workers.iter();
            let queue = pollers.position(|poller| *poller == worker)?;
            Some(format!("{}:{queue}", port.name))
        };
        self.ports.iter().filter_map(polled).collect()
    }

    fn port(&self, index: usize, port: &PortInfo) -> PortRow {
        let figures = (port.figures)();
        let (to_kernel, from_kernel) = self.kernel.tap_frames(index);
        let mac = port.mac.map(|octet| format!("{octet:02x}")).join(":");
        PortRow {
            name: port.name.clone(),
            device: port.device.clone(),
            driver: port.driver.clone(),
            side: port.side.to_owned(),
            mac,
            mtu: port.mtu,
            link: if figures.up { "up" } else { "down" }.to_owned(),
            speed_mbps: figures.speed_mbps,
            rx_frames: figures.rx_frames,
            rx_bytes: figures.rx_bytes,
            rx_missed_frames: figures.rx_missed_frames,
            tx_frames: figures.tx_frames,
            tx_bytes: figures.tx_bytes,
            queue_workers: port.queue_workers.iter().map(|it| u16::from(*it)).collect(),
            steering: port.steering.clone(),
            steering_rules: count(port.steering_rules.load(Ordering::Relaxed)),
            steering_refused: port.steering_refused.clone(),
            tap: port.tap.clone(),
            tap_to_kernel_frames: to_kernel,
            tap_from_kernel_frames: from_kernel,
        }
    }
}

impl View for ServerView<'_> {
    fn status(&self) -> Status {
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host_name: self.facts.host_name.clone(),
            uptime_s: self.now.since(Timestamp::ZERO).as_secs(),
            memory: self.facts.memory.to_owned(),
            control_connections: count(self.plane.sessions.connection_count()),
            control_connections_max: self.facts.connections_max,
            calls: count(self.plane.sessions.call_count()),
            calls_max: self.facts.calls_max,
            slow_turns: self.slow_turns,
        }
    }

    fn places(&self) -> usize {
        self.plane.sessions.places()
    }

    fn sessions(&self, places: Range<usize>) -> Vec<SessionRow> {
        let calls = self.plane.sessions.views_in(places);
        calls.map(|call| self.row(&call)).collect()
    }

    fn session(&self, which: &Selector, places: Range<usize>) -> Vec<SessionDetail> {
        let detail = |call: CallView| self.detail(&call);
        match which {
            Selector::CallId(call_id) => {
                let calls = self.plane.sessions.views_with(CallId::new(*call_id));
                calls.map(detail).collect()
            }
            Selector::User(user) => self
                .plane
                .sessions
                .views_of(user, places)
                .map(detail)
                .collect(),
        }
    }

    fn workers(&self) -> Vec<WorkerRow> {
        self.plane
            .workers
            .iter()
            .map(|worker| self.worker(worker))
            .collect()
    }

    fn ports(&self) -> Vec<PortRow> {
        self.ports
            .iter()
            .enumerate()
            .map(|(index, port)| self.port(index, port))
            .collect()
    }

    fn drops(&self) -> Vec<DropRow> {
        let mut rows = Vec::new();
        for worker in &self.plane.workers {
            for reason in DropReason::ALL {
                let frames = worker.stats.dropped(*reason);
                if frames > 0 {
                    rows.push(DropRow {
                        worker: Some(u16::from(worker.index)),
                        layer: reason.layer().to_owned(),
                        reason: reason.name().to_owned(),
                        frames,
                    });
                }
            }
        }
        rows.extend(
            self.plane
                .sessions
                .refusals_so_far()
                .iter()
                .map(slow_path_drops),
        );
        let kernel = self.kernel.drops().into_iter();
        rows.extend(kernel.map(|(reason, frames)| slow_path_drops(("kernel", reason, frames))));
        rows
    }

    fn drops_of_sessions(&self, places: Range<usize>) -> Vec<DropRow> {
        let refusals = self.plane.sessions.refusals_in(places);
        refusals.iter().map(slow_path_drops).collect()
    }

    fn pools(&self) -> Vec<PoolRow> {
        let row = |pool: crate::aaa::PoolUsage| PoolRow {
            size: pool.size as u64,
            used: pool.used as u64,
            free: pool.size.saturating_sub(pool.used) as u64,
            used_max: pool.used_max as u64,
            reserved: pool.reserved as u64,
            leased: pool.leased,
            exhausted: pool.exhausted,
            next: pool.next,
            name: pool.name,
        };
        self.plane
            .sessions
            .pool_usage()
            .into_iter()
            .map(row)
            .collect()
    }

    fn peers(&self) -> Vec<PeerRow> {
        self.plane
            .sessions
            .peers()
            .map(call_view::peer_row)
            .collect()
    }

    fn radius(&self) -> RadiusStatus {
        let requests = self.plane.requests.as_ref();
        let outage = self.plane.outage();
        radius_view::status(self.plane.radius(), requests, outage, self.now)
    }

    fn accounting(&self) -> AccountingStatus {
        accounting_view::status(&self.plane.log_ins.bill(), self.now)
    }

    fn tacacs(&self) -> Vec<TacacsRow> {
        tacacs_view::rows(self.plane.tacacs(), self.now)
    }

    fn act(&mut self, action: &Action) -> Option<Result<String, AdminError>> {
        Some(match action {
            Action::Call { peer } => call_view::call(&mut self.plane.sessions, peer, self.now),
            Action::HangUp { peer } => call_view::hang_up(&mut self.plane.sessions, peer, self.now),
            Action::Reload {} => match &mut self.errands {
                Some(errands) => return errands.reload(),
                None => Err(not_here()),
            },
            Action::Unlock { user } => Ok(if self.plane.sessions.forgive(user) {
                format!("{user:?} may log in again at once")
            } else {
                format!("no log-in of {user:?} failed lately: nothing to forget")
            }),
            Action::TestUser {
                user,
                password,
                json,
            } => return self.test_user(user, password.expose(), *json),
        })
    }

    fn failures(&self) -> Vec<FailureRow> {
        account::failures(self.plane.sessions.failures())
    }

    fn explain_live(&self, which: &Subject, places: Range<usize>, max: usize) -> Vec<AccountRow> {
        let key = account::key(which);
        self.account_rows(&self.plane.sessions.explain_live(&key, places, max))
    }

    fn explain_ended(&self, which: &Subject, max: usize) -> Vec<AccountRow> {
        let key = account::key(which);
        self.account_rows(&self.plane.sessions.explain_ended(&key, max))
    }
}

/// Of a server without files, such as the harness has.
fn not_here() -> AdminError {
    AdminError {
        code: ErrorCode::Refused,
        message: "this server was not started from a file".to_owned(),
    }
}

fn slow_path_drops((layer, reason, frames): (&str, &str, u64)) -> DropRow {
    DropRow {
        worker: None,
        layer: layer.to_owned(),
        reason: reason.to_owned(),
        frames,
    }
}

pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// What is encrypted with, by one side or by both.
fn encryption(agreed: Option<impl ToString>) -> String {
    agreed.map_or_else(|| "none".to_owned(), |agreed| agreed.to_string())
}

fn negotiated(call: &CallView) -> Vec<NegotiatedOption> {
    let link = &call.negotiated;
    let option = |layer: &str, option: &str, local: String, peer: String| NegotiatedOption {
        layer: layer.to_owned(),
        option: option.to_owned(),
        local,
        peer,
    };
    let mut options = vec![
        option(
            "lcp",
            "Maximum-Receive-Unit",
            link.local_mru.to_string(),
            link.peer_mru.to_string(),
        ),
        option(
            "lcp",
            "Magic-Number",
            format!("{:08x}", link.local_magic),
            format!("{:08x}", link.peer_magic),
        ),
        option(
            "ccp",
            "MPPE",
            encryption(link.mppe.map(|agreed| agreed.downstream)),
            encryption(link.mppe.map(|agreed| agreed.upstream)),
        ),
    ];
    if let Some(method) = link.authentication {
        let (local, peer) = (String::new(), method.name().to_owned());
        options.push(option("lcp", "Authentication-Protocol", local, peer));
    }
    for identification in &call.identifications {
        let peer = identification.to_string();
        options.push(option("lcp", "Identification", String::new(), peer));
    }
    if let Some(seconds) = call.time_remaining_s {
        let peer = format!("{seconds} s");
        options.push(option("lcp", "Time-Remaining", String::new(), peer));
    }
    if let Some(network) = link.network {
        options.push(option(
            "ipcp",
            "IP-Address",
            network.local_address.to_string(),
            network.peer_address.to_string(),
        ));
    }
    if let Some((local, peer)) = link.interface_identifiers {
        options.push(option(
            "ipv6cp",
            "Interface-Identifier",
            local.to_string(),
            peer.to_string(),
        ));
    }
    options
}
