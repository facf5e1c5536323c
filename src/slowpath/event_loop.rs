//! One thread, one loop. A turn hears the workers and the kernel, steps the machines, and carries out
//! what they ask for; each source has a budget, and the loop never waits for anything but the poll.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll, Registry};

use super::admin_socket::AdminSocket;
use super::call_routes::CallRoutes;
use super::control_plane::{ControlPlane, Outside, RouteChange};
use super::errands::Errands;
use super::exception::ExceptionPath;
use super::kernel_mirror::KernelMirror;
use super::notify;
use super::password_jobs::PasswordJobs;
use super::radius::RadiusSockets;
use super::radius_requests::RequestSocket;
use super::signals::StopRequests;
use super::sockets::{Readiness, Sockets};
use super::steering::CallRules;
use super::supervisor::Supervisor;
use super::tacacs::TacacsSockets;
use super::token::{self, Source};
use super::view::{PortInfo, ServerFacts, ServerView};
use super::worker_threads::WorkerThreads;
use crate::aaa::outage::{Done, Work};
use crate::aaa::radius::SocketId;
use crate::aaa::tacacs::ConnectionId as StreamId;
use crate::clock::{MonotonicClock, Timestamp};
use crate::flow::ring::Doorbell;
use crate::session::{ConnectionId, Sessions};
use crate::wire::call_id::CallId;

/// A turn that takes longer than this is counted: something in it waited or was too much at once.
const TURN_TIME_MAX: Duration = Duration::from_millis(5);
/// The loop looks around at least this often.
const SLEEP_TIME_MAX: Duration = Duration::from_millis(250);
/// How soon a full command ring is looked at again.
const RING_RETRY_TIME: Duration = Duration::from_millis(1);
/// How long an orderly stop may take, and how much longer for each call.
const STOP_TIME_MAX: Duration = Duration::from_secs(5);
const STOP_TIME_PER_CALL: Duration = Duration::from_micros(200);

/// Everything that the slow path owns.
pub(super) struct EventLoop {
    pub(super) poll: Poll,
    pub(super) clock: MonotonicClock,
    pub(super) doorbell: Arc<Doorbell>,
    pub(super) plane: ControlPlane,
    pub(super) sockets: Sockets,
    pub(super) radius: RadiusSockets,
    pub(super) requests: RequestSocket,
    pub(super) tacacs: TacacsSockets,
    pub(super) threads: WorkerThreads,
    pub(super) exception: ExceptionPath,
    pub(super) kernel: KernelMirror,
    pub(super) call_routes: CallRoutes,
    pub(super) admin: AdminSocket,
    pub(super) errands: Errands,
    pub(super) passwords: PasswordJobs,
    pub(super) supervisor: Supervisor,
    pub(super) call_rules: CallRules,
    pub(super) ports: Vec<PortInfo>,
    pub(super) facts: ServerFacts,
    pub(super) stop: StopRequests,
    pub(super) stopping_since: Option<Timestamp>,
    pub(super) stop_time_max: Duration,
    pub(super) slow_turns: u64,
}

impl EventLoop {
    /// Runs until the operator asks for the end and every call is gone, or asks twice.
    pub(super) fn run(&mut self) -> io::Result<()> {
        let mut kernel_events = Events::with_capacity(1024);
        while !self.finished() {
            let timeout = self.time_to_sleep();
            self.poll_kernel(&mut kernel_events, timeout)?;
            let now = self.clock.now();
            self.dispatch(&kernel_events, now);
            self.turn(now);
            self.check_workers()?;
            if self.clock.now().since(now) > TURN_TIME_MAX {
                self.slow_turns += 1;
            }
        }
        Ok(())
    }

    /// One round of everything that is not the kernel's poll.
    fn turn(&mut self, now: Timestamp) {
        let mut outside = KernelSide {
            registry: self.poll.registry(),
            sockets: &mut self.sockets,
            exception: &mut self.exception,
            call_routes: &mut self.call_routes,
            radius: &mut self.radius,
            requests: &self.requests,
            tacacs: &mut self.tacacs,
            call_rules: &mut self.call_rules,
            passwords: &mut self.passwords,
        };
        self.plane.hear_workers(&mut outside, now);
        // Calls that exist come first: what is accepted now would only wait with them.
        let may_accept = !self.plane.has_news();
        let (registry, sessions) = (self.poll.registry(), &mut self.plane.sessions);
        self.sockets.turn(registry, may_accept, sessions, now);
        self.radius.turn(&mut self.plane, now);
        self.passwords.turn(&mut self.plane, now);
        self.requests.turn(&mut self.plane, now);
        self.tacacs.turn(&mut self.plane, now);
        self.exception.turn(&mut self.plane.workers);
        self.call_rules.turn();
        self.kernel.turn(now);
        self.plane.sessions.handle_timeout(now);
        self.plane.handle_timeout(now);
        if self.stop.count() > 0 && self.stopping_since.is_none() {
            tracing::info!("stopping: every call is ended and told so");
            self.stopping_since = Some(now);
            notify::stopping();
            self.stop_time_max = stop_time_max(self.plane.sessions.call_count());
            self.plane.sessions.stop(now);
        }
        if self.stopping_since.is_some() && self.plane.sessions.is_empty() {
            self.plane.end_bills(now);
        }
        self.serve_admin(now);
        let mut outside = KernelSide {
            registry: self.poll.registry(),
            sockets: &mut self.sockets,
            exception: &mut self.exception,
            call_routes: &mut self.call_routes,
            radius: &mut self.radius,
            requests: &self.requests,
            tacacs: &mut self.tacacs,
            call_rules: &mut self.call_rules,
            passwords: &mut self.passwords,
        };
        self.plane.carry_out(&mut outside, now);
        self.supervisor.turn(&self.plane.workers, now);
    }

    fn poll_kernel(&mut self, events: &mut Events, timeout: Duration) -> io::Result<()> {
        self.doorbell.prepare_to_sleep();
        let timeout = if self.plane.has_news() {
            Duration::ZERO
        } else {
            timeout
        };
        let polled = self.poll.poll(events, Some(timeout));
        self.doorbell.awake();
        match polled {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn time_to_sleep(&self) -> Duration {
        let sources = [
            self.sockets.has_work(),
            self.exception.has_work(),
            self.call_rules.has_work(),
            self.kernel.has_work(),
            self.admin.has_work(),
            self.radius.has_work(),
            self.requests.has_work(),
            self.plane.searches(),
            self.tacacs.has_work(),
        ];
        if sources.contains(&true) {
            return Duration::ZERO;
        }
        let deadlines = [
            self.plane.sessions.poll_timeout(),
            self.sockets.poll_timeout(),
            self.supervisor.poll_timeout(),
            self.plane.poll_timeout(),
        ];
        let most = if self.plane.commands_wait() {
            RING_RETRY_TIME
        } else {
            SLEEP_TIME_MAX
        };
        let now = self.clock.now();
        let next = deadlines.into_iter().flatten().min();
        next.map_or(most, |deadline| {
            // The poll counts in milliseconds and rounds down: never wake just before a deadline.
            (deadline.since(now) + Duration::from_micros(999)).min(most)
        })
    }

    fn dispatch(&mut self, events: &Events, now: Timestamp) {
        for event in events {
            match token::source(event.token()) {
                Source::Waker => {}
                Source::Netlink => self.kernel.ready(),
                Source::Tun => self.exception.tun_ready(),
                Source::Tap(port) => self.exception.tap_ready(port),
                Source::Admin => self.admin.listener_ready(),
                Source::Requests => self.requests.ready(),
                Source::AdminClient(index) => self.admin.client_ready(index),
                Source::Radius(index) => self.radius.ready(index),
                Source::Tacacs(index) => self.tacacs.ready(index),
                Source::Listener(index) => self.sockets.listener_ready(index),
                Source::Connection(index) => {
                    let readiness = Readiness {
                        readable: event.is_readable(),
                        ending: event.is_read_closed() || event.is_error(),
                    };
                    let sessions = &mut self.plane.sessions;
                    self.sockets.socket_ready(index, readiness, sessions, now);
                }
            }
        }
    }

    fn serve_admin(&mut self, now: Timestamp) {
        let mut view = ServerView {
            facts: &self.facts,
            slow_turns: self.slow_turns,
            plane: &mut self.plane,
            ports: &self.ports,
            kernel: &self.exception,
            errands: Some(&mut self.errands),
            now,
        };
        self.admin.turn(self.poll.registry(), &mut view);
        self.errands.turn(&mut self.plane, now);
    }

    /// A worker that has ended takes its calls with it: the process ends, and its supervisor starts
    /// it anew.
    fn check_workers(&self) -> io::Result<()> {
        if self.threads.all_running() {
            return Ok(());
        }
        Err(io::Error::other("a worker thread has ended"))
    }

    fn finished(&self) -> bool {
        let Some(since) = self.stopping_since else {
            return false;
        };
        let expired = self.clock.now().since(since) > self.stop_time_max;
        (self.plane.sessions.is_empty() && self.sockets.is_quiet() && self.plane.is_quiet())
            || expired
            || self.stop.count() > 1
    }
}

/// The kernel's sockets and devices, as the machines see them.
struct KernelSide<'a> {
    registry: &'a Registry,
    sockets: &'a mut Sockets,
    exception: &'a mut ExceptionPath,
    call_routes: &'a mut CallRoutes,
    radius: &'a mut RadiusSockets,
    requests: &'a RequestSocket,
    tacacs: &'a mut TacacsSockets,
    call_rules: &'a mut CallRules,
    passwords: &'a mut PasswordJobs,
}

impl Outside for KernelSide<'_> {
    fn write(&mut self, id: ConnectionId, sessions: &mut Sessions, now: Timestamp) {
        self.sockets.write(id, sessions, now);
    }

    fn connect(
        &mut self,
        id: ConnectionId,
        local_address: Ipv4Addr,
        peer: SocketAddrV4,
        sessions: &mut Sessions,
        now: Timestamp,
    ) {
        self.sockets
            .connect(id, local_address, peer, self.registry, sessions, now);
    }

    fn close(&mut self, id: ConnectionId, sessions: &mut Sessions, now: Timestamp) {
        self.sockets.close(id, self.registry, sessions, now);
    }

    fn ethernet(&mut self, port: u8, frame: &[u8]) {
        self.exception.write_tap(port, frame);
    }

    fn inner(&mut self, packet: &[u8]) {
        self.exception.write_tun(packet);
    }

    fn call_opened(&mut self, call_id: CallId) {
        self.call_rules.opened(call_id);
    }

    fn call_closed(&mut self, call_id: CallId) {
        self.call_rules.closed(call_id);
    }

    fn open_datagrams(&mut self, socket: SocketId, to: SocketAddr) {
        self.radius.open(socket, to, self.registry);
    }

    fn close_datagrams(&mut self, socket: SocketId) {
        self.radius.close(socket);
    }

    fn send_datagram(&mut self, socket: SocketId, bytes: &[u8]) {
        self.radius.send(socket, bytes);
    }

    fn answer_request(&mut self, to: SocketAddr, bytes: &[u8]) {
        self.requests.send(to, bytes);
    }

    fn open_stream(&mut self, connection: StreamId, to: SocketAddr) {
        self.tacacs.open(connection, to, self.registry);
    }

    fn send_stream(&mut self, connection: StreamId, bytes: &[u8]) {
        self.tacacs.send(connection, bytes);
    }

    fn close_stream(&mut self, connection: StreamId) {
        self.tacacs.close(connection, self.registry);
    }

    fn derive(&mut self, work: Work) -> Option<Done> {
        self.passwords.begin(work)
    }

    fn route(&mut self, change: RouteChange) {
        match change {
            RouteChange::Set { network, source } => self.call_routes.add(network, source),
            RouteChange::Cleared { network } => self.call_routes.remove(network),
            RouteChange::AddressSet { address } => self.call_routes.add_address(address),
            RouteChange::AddressCleared { address } => self.call_routes.remove_address(address),
        }
    }
}

fn stop_time_max(calls: usize) -> Duration {
    STOP_TIME_MAX + STOP_TIME_PER_CALL.saturating_mul(u32::try_from(calls).unwrap_or(u32::MAX))
}
