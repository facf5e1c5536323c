//! The production server without its IO: sessions and users on the slow path, three workers on
//! memory, and between them what the event loop does.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use pns::aaa::LocalUsers;
use pns::clock::Timestamp;
use pns::dataplane::memory_port::{MemoryFrame, MemoryPort, MemoryWire, wire};
use pns::dataplane::{DropReason, Frame, FrameCount, Worker, WorkerShared, WorkerStats, mesh};
use pns::flow::counters::{CounterArena, counter_arena};
use pns::flow::ring::{Doorbell, Injected, Punted, RingCapacities, SlowPathEnds, rings};
use pns::flow::{BucketTable, FlowTotals, FrameBytes};
use pns::routing::directory::{Directory, DirectoryWriter, directory};
use pns::routing::{Prefix, Published};
use pns::session::{ConnectionId, Event, Output, Sessions};

pub(crate) use super::settings::*;

/// The slow path's side of a worker.
struct Link {
    ends: SlowPathEnds,
    counters: CounterArena,
    stats: Arc<WorkerStats>,
    wires: [MemoryWire; 2],
}

/// A control connection's TCP socket.
pub(crate) struct Socket {
    pub(crate) id: ConnectionId,
    pub(crate) written: Vec<u8>,
    pub(crate) closed: bool,
}

pub(crate) struct Server {
    pub(crate) sessions: Sessions,
    users: LocalUsers,
    workers: Vec<Worker<MemoryPort>>,
    links: Vec<Link>,
    directory: DirectoryWriter,
    pub(crate) owners: Directory,
    pub(crate) sockets: Vec<Socket>,
    /// Connections that sessions asked to be opened, until somebody takes them.
    pub(crate) connects: Vec<(ConnectionId, SocketAddrV4)>,
    pub(crate) events: Vec<Event>,
    site: Site,
    routes: Published,
    /// What the kernel was told of networks behind calls, and of our addresses there.
    pub(crate) kernel_routes: BTreeMap<Prefix, Option<Ipv4Addr>>,
    pub(crate) own_addresses: Vec<Ipv4Addr>,
    /// Inner packets that went to the kernel.
    pub(crate) tun: Vec<Vec<u8>>,
    /// Frames that went to the kernel by a TAP.
    pub(crate) tap: usize,
    /// While set, nobody hears the workers and nobody gives them orders.
    pub(crate) slow_path_stalls: bool,
    /// While set, nobody decides about a log-in, as when RADIUS does not answer.
    pub(crate) nobody_decides: bool,
}

impl Server {
    pub(crate) fn new(setup: Setup, now: Timestamp) -> Self {
        let (mut sessions, users) = sessions(setup);
        let (writer, owners) = directory(&[setup.site.pool[0]..=setup.site.pool[1]]);
        let (routes, doorbell) = (
            routes(setup.site, &[]).publish(),
            Doorbell::new(Box::new(|| {})),
        );
        let (mut workers, mut links) = (Vec::new(), Vec::new());
        for (index, handoff) in (0..WORKERS).zip(mesh(WORKERS, 1024)) {
            let (slow_path, worker_ends) = rings(RingCapacities::default());
            let counters = counter_arena(setup.flows);
            let stats = Arc::new(WorkerStats::default());
            let [(access, access_wire), (network, network_wire)] = [wire(1024), wire(1024)];
            let shared = WorkerShared {
                buckets: BucketTable::new(WORKERS),
                directory: owners.clone(),
                routes: Arc::clone(&routes),
                rings: worker_ends,
                doorbell: Arc::clone(&doorbell),
                counters: counters.clone(),
                stats: Arc::clone(&stats),
            };
            let ports = vec![access, network];
            workers.push(Worker::new(
                worker_config(index, setup),
                ports,
                handoff,
                shared,
                now,
            ));
            let wires = [access_wire, network_wire];
            links.push(Link {
                ends: slow_path,
                counters,
                stats,
                wires,
            });
        }
        let arenas: Vec<_> = links.iter().map(|link| link.counters.clone()).collect();
        sessions.count_by(Box::new(move |worker, slot| {
            let arena = &arenas[usize::from(worker)];
            arena.get(slot as usize).unwrap().totals()
        }));
        Self {
            sessions,
            users,
            workers,
            links,
            directory: writer,
            owners,
            sockets: Vec::new(),
            connects: Vec::new(),
            events: Vec::new(),
            tun: Vec::new(),
            tap: 0,
            slow_path_stalls: false,
            site: setup.site,
            routes,
            kernel_routes: BTreeMap::new(),
            own_addresses: Vec::new(),
            nobody_decides: false,
        }
    }

    pub(crate) fn accept(&mut self, peer: Ipv4Addr, now: Timestamp) -> ConnectionId {
        let id = self
            .sessions
            .accept(SocketAddrV4::new(peer, 40_000), self.site.server, now);
        let id = id.expect("admitted");
        self.sockets.push(Socket {
            id,
            written: Vec::new(),
            closed: false,
        });
        id
    }

    /// Puts a frame into the receive queue of a worker.
    pub(crate) fn receive(&self, worker: usize, port: usize, frame: &[u8]) {
        self.links[worker].wires[port].push(MemoryFrame::new(frame));
    }

    /// Gives a worker a packet that the kernel has for a client, as the TUN would.
    pub(crate) fn inject(&mut self, packet: &[u8]) {
        let destination = pns::wire::ipv4::Header::parse(packet)
            .expect("IPv4")
            .destination;
        let owner = self.owners.owner(destination);
        let worker = owner.map_or(0, |flow| BucketTable::new(WORKERS).worker(flow.call_id));
        let frame = FrameBytes::copy_of(packet).expect("short enough");
        let ring = &mut self.links[usize::from(worker)].ends.injected;
        assert!(ring.push(Injected::Downstream { frame }).is_ok());
    }

    /// Frames that left by a port, of all workers.
    pub(crate) fn sent(&self, port: usize) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        for link in &self.links {
            let wire = &link.wires[port];
            while let Some(mut frame) = wire.pop() {
                frames.push(frame.bytes().to_vec());
                frame.refill(&[]);
                wire.give(frame);
            }
        }
        frames
    }

    /// One turn of every worker, then one of the slow path.
    pub(crate) fn turn(&mut self, now: Timestamp) {
        for worker in &mut self.workers {
            worker.turn(now);
        }
        if self.slow_path_stalls {
            return;
        }
        self.hear_workers(now);
        self.sessions.handle_timeout(now);
        self.carry_out(now);
        for (worker, link) in (0..WORKERS).zip(&mut self.links) {
            while link.ends.commands.slots() > 0 {
                let Some(command) = self.sessions.poll_command(worker) else {
                    break;
                };
                assert!(link.ends.commands.push(command).is_ok());
            }
        }
    }

    fn hear_workers(&mut self, now: Timestamp) {
        for link in &mut self.links {
            while let Ok(report) = link.ends.reports.pop() {
                self.sessions.report(report, now);
            }
            while let Ok(punted) = link.ends.punted.pop() {
                match punted {
                    Punted::Ppp { flow, frame } => {
                        self.sessions.frame(flow, frame.as_slice(), now);
                    }
                    Punted::Ethernet { .. } => self.tap += 1,
                    Punted::Inner { frame, .. } => self.tun.push(frame.as_slice().to_vec()),
                }
            }
        }
    }

    /// Does what the sessions ask for, until they ask for nothing more.
    pub(crate) fn carry_out(&mut self, now: Timestamp) {
        while let Some(output) = self.sessions.poll_output() {
            match output {
                Output::Transmit(id) => self.write(id, now),
                Output::Connect {
                    connection,
                    local_address,
                    peer,
                } => {
                    assert_eq!(local_address, self.site.server);
                    self.sockets.push(Socket {
                        id: connection,
                        written: Vec::new(),
                        closed: false,
                    });
                    self.connects.push((connection, peer));
                }
                Output::Close(id) => {
                    self.write(id, now);
                    if let Some(socket) = self.sockets.iter_mut().find(|it| it.id == id) {
                        socket.closed = true;
                    }
                    self.sessions.forget(id);
                }
                Output::Ask { .. } if self.nobody_decides => {}
                Output::Ask {
                    call,
                    credentials,
                    access,
                    ..
                } => {
                    let decision = self.users.decide(&credentials, &access, now);
                    self.sessions.decide(call, decision, now);
                }
                Output::LeaseSet { lease, flow } => self.directory.set(lease, flow),
                Output::LeaseCleared { lease } => self.directory.clear(lease),
                Output::NetworkSet { network, flow } => self.directory.set_network(network, flow),
                Output::NetworkCleared { network } => self.directory.clear_network(network),
                Output::RouteSet { network, source } => {
                    let known = source.is_none_or(|own| self.own_addresses.contains(&own));
                    assert!(known, "the kernel refuses a source that is not its own");
                    self.kernel_routes.insert(network, source);
                }
                Output::RouteCleared { network } => {
                    assert!(self.kernel_routes.remove(&network).is_some());
                }
                Output::OwnAddressSet { address } => self.own(address, true),
                Output::OwnAddressCleared { address } => self.own(address, false),
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    /// The kernel gets or loses an address, and workers hear of it.
    fn own(&mut self, address: Ipv4Addr, set: bool) {
        self.own_addresses.retain(|own| *own != address);
        self.own_addresses.extend(set.then_some(address));
        let snapshot = routes(self.site, &self.own_addresses);
        self.routes.store(Arc::new(snapshot));
    }

    fn write(&mut self, id: ConnectionId, now: Timestamp) {
        let pending = self.sessions.pending(id).to_vec();
        self.sessions.consumed(id, pending.len(), now);
        if let Some(socket) = self.sockets.iter_mut().find(|socket| socket.id == id) {
            socket.written.extend(pending);
        }
    }
}

#[path = "figures.rs"]
mod figures;
