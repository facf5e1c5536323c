//! One thread, one loop. A turn hears the workers and the kernel, steps the machines, and carries out
//! what they ask for; each source has a budget, and the loop never waits for anything but the poll.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mio::{Events, Poll};

use super::admin_socket::AdminSocket;
use super::call_routes::CallRoutes;
use super::events::{self, EventLog};
use super::exception::ExceptionPath;
use super::kernel_mirror::KernelMirror;
use super::notify;
use super::radius::RadiusPort;
use super::signals::StopRequests;
use super::sockets::Sockets;
use super::supervisor::Supervisor;
use super::token::{self, Source};
use super::view::{PortInfo, ServerFacts, ServerView};
use super::worker_link::WorkerLink;
use super::worker_threads::WorkerThreads;
use crate::aaa::LocalUsers;
use crate::clock::{MonotonicClock, Timestamp};
use crate::flow::FlowTotals;
use crate::flow::ring::{Doorbell, Punted};
use crate::routing::directory::DirectoryWriter;
use crate::session::{Output, Sessions};

/// Reports heard from one worker in one turn.
const REPORT_BUDGET: usize = 512;
/// Punted frames heard from one worker in one turn.
const PUNT_BUDGET: usize = 256;
/// A turn that takes longer than this is counted: something in it waited or was too much at once.
const TURN_TIME_MAX: Duration = Duration::from_millis(5);
/// The loop looks around at least this often.
const SLEEP_TIME_MAX: Duration = Duration::from_millis(250);
/// How soon a full command ring is looked at again.
const RING_RETRY_TIME: Duration = Duration::from_millis(1);
/// How long an orderly stop may take.
const STOP_TIME_MAX: Duration = Duration::from_secs(5);

/// Everything that the slow path owns.
pub(super) struct EventLoop {
    pub(super) poll: Poll,
    pub(super) clock: MonotonicClock,
    pub(super) doorbell: Arc<Doorbell>,
    pub(super) sessions: Sessions,
    pub(super) users: LocalUsers,
    pub(super) radius: RadiusPort,
    pub(super) workers: Vec<WorkerLink>,
    pub(super) directory: DirectoryWriter,
    pub(super) sockets: Sockets,
    pub(super) threads: WorkerThreads,
    pub(super) exception: ExceptionPath,
    pub(super) kernel: KernelMirror,
    pub(super) call_routes: CallRoutes,
    pub(super) admin: AdminSocket,
    pub(super) supervisor: Supervisor,
    pub(super) ports: Vec<PortInfo>,
    pub(super) facts: ServerFacts,
    pub(super) stop: StopRequests,
    pub(super) stopping_since: Option<Timestamp>,
    pub(super) slow_turns: u64,
    pub(super) events: EventLog,
    /// A command ring was full: its worker says nothing when there is room again.
    pub(super) commands_wait: bool,
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
        self.hear_workers(now);
        let registry = self.poll.registry();
        self.sockets.turn(registry, &mut self.sessions, now);
        let workers = &self.workers;
        let totals = |sessions: &Sessions, flow| {
            let found = sessions.counters_of(flow);
            let found = found.and_then(|(at, slot)| Some((workers.get(usize::from(at))?, slot)));
            found.map_or_else(FlowTotals::default, |(worker, slot)| {
                worker.totals(Some(slot))
            })
        };
        self.radius.turn(&mut self.sessions, totals, now);
        self.exception.turn(&mut self.workers);
        self.kernel.turn(now);
        self.sessions.handle_timeout(now);
        if self.stop.count() > 0 && self.stopping_since.is_none() {
            tracing::info!("stopping: every call is ended and told so");
            self.stopping_since = Some(now);
            notify::stopping();
            self.sessions.stop(now);
        }
        self.serve_admin(now);
        self.carry_out(now);
        self.commands_wait = false;
        for worker in &mut self.workers {
            self.commands_wait |= worker.deliver_commands(&mut self.sessions);
        }
        self.events.turn(now);
        self.supervisor.turn(&self.workers, now);
    }

    fn poll_kernel(&mut self, events: &mut Events, timeout: Duration) -> io::Result<()> {
        self.doorbell.prepare_to_sleep();
        let timeout = if self.workers.iter().any(WorkerLink::has_news) {
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
            self.kernel.has_work(),
            self.admin.has_work(),
            self.radius.has_work(),
        ];
        if sources.contains(&true) {
            return Duration::ZERO;
        }
        let deadlines = [
            self.sessions.poll_timeout(),
            self.sockets.poll_timeout(),
            self.supervisor.poll_timeout(),
            self.radius.poll_timeout(),
        ];
        let most = if self.commands_wait {
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
                Source::AdminClient(index) => self.admin.client_ready(index),
                Source::Radius(index) => self.radius.ready(index),
                Source::Listener(index) => self.sockets.listener_ready(index),
                Source::Connection(index) => {
                    let readable =
                        event.is_readable() || event.is_read_closed() || event.is_error();
                    self.sockets
                        .socket_ready(index, readable, &mut self.sessions, now);
                }
            }
        }
    }

    fn hear_workers(&mut self, now: Timestamp) {
        for worker in &mut self.workers {
            for _ in 0..REPORT_BUDGET {
                let Some(report) = worker.next_report() else {
                    break;
                };
                self.sessions.report(report, now);
            }
            for _ in 0..PUNT_BUDGET {
                match worker.next_punted() {
                    Some(Punted::Ppp { flow, frame }) => {
                        self.sessions.frame(flow, frame.as_slice(), now);
                    }
                    Some(Punted::Ethernet { port, frame }) => {
                        self.exception.write_tap(port, frame.as_slice());
                    }
                    Some(Punted::Inner { frame, .. }) => self.exception.write_tun(frame.as_slice()),
                    None => break,
                }
            }
        }
    }

    /// Does what the sessions and the RADIUS client ask for, until they ask for nothing more.
    fn carry_out(&mut self, now: Timestamp) {
        loop {
            self.carry_out_sessions(now);
            if self.stopping_since.is_some() && self.sessions.is_empty() {
                self.radius.stop(now);
            }
            let registry = self.poll.registry();
            if !self.radius.carry_out(registry, &mut self.sessions, now) {
                return;
            }
        }
    }

    fn carry_out_sessions(&mut self, now: Timestamp) {
        while let Some(output) = self.sessions.poll_output() {
            match output {
                Output::Transmit(id) => self.sockets.write(id, &mut self.sessions, now),
                Output::Connect {
                    connection,
                    local_address,
                    peer,
                } => {
                    let registry = self.poll.registry();
                    self.sockets.connect(
                        connection,
                        local_address,
                        peer,
                        registry,
                        &mut self.sessions,
                        now,
                    );
                }
                Output::Close(id) => {
                    self.sockets
                        .close(id, self.poll.registry(), &mut self.sessions, now);
                }
                Output::Ask {
                    call,
                    credentials,
                    caller,
                    access,
                } => {
                    let users = &mut self.users;
                    let asked = &credentials;
                    let decision = self.radius.ask(call, &caller, asked, &access, users, now);
                    for change in self.users.take_password_changes() {
                        events::password_changed(&change.user);
                    }
                    if let Some(decision) = decision {
                        self.sessions.decide(call, decision, now);
                    }
                }
                Output::LeaseSet { lease, flow } => self.directory.set(lease, flow),
                Output::LeaseCleared { lease } => self.directory.clear(lease),
                Output::NetworkSet { network, flow } => self.directory.set_network(network, flow),
                Output::NetworkCleared { network } => self.directory.clear_network(network),
                Output::RouteSet { network, source } => self.call_routes.add(network, source),
                Output::RouteCleared { network } => self.call_routes.remove(network),
                Output::OwnAddressSet { address } => self.call_routes.add_address(address),
                Output::OwnAddressCleared { address } => self.call_routes.remove_address(address),
                Output::Event(event) => {
                    self.radius.hear(&event, now);
                    self.events.write(&event, now);
                }
            }
        }
    }

    fn serve_admin(&mut self, now: Timestamp) {
        let mut view = ServerView {
            facts: &self.facts,
            slow_turns: self.slow_turns,
            sessions: &mut self.sessions,
            workers: &self.workers,
            ports: &self.ports,
            exception: &self.exception,
            radius: &self.radius,
            now,
        };
        self.admin.turn(self.poll.registry(), &mut view);
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
        let expired = self.clock.now().since(since) > STOP_TIME_MAX;
        (self.sessions.is_empty() && self.sockets.is_quiet() && self.radius.is_quiet())
            || expired
            || self.stop.count() > 1
    }
}
