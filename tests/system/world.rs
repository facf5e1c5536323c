//! The server, its clients, a host in the network behind, and the paths between; time is virtual.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use pns::clock::Timestamp;
use pns::wire::ipv4::Header;

use super::client::Client;
use super::control_client as control;
use super::packets;
use super::server::{
    ACCESS, CLIENT_MAC, HOST, HOST_MAC, NETWORK, PORT_MACS, Server, Setup, WORKERS, random,
};

/// What the path between clients and server does to GRE, in percent and milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Path {
    pub(crate) loss: u8,
    pub(crate) duplication: u8,
    /// Frames that are late by a random time.
    pub(crate) reordering: u8,
    pub(crate) late_ms_max: u64,
    /// What every frame takes, without changing their order.
    pub(crate) delay_ms: u64,
}

pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) tick: Duration,
    pub(crate) server: Server,
    pub(crate) clients: Vec<Client>,
    /// IP packets that reached the host behind.
    pub(crate) host: Vec<Vec<u8>>,
    pub(crate) path: Path,
    /// Outer packets by arrival, and whether they go to the server.
    flying: BTreeMap<(Timestamp, u64), (bool, Vec<u8>)>,
    serial: u64,
    random: u64,
}

impl World {
    pub(crate) fn new(setup: Setup) -> Self {
        let now = Timestamp::ZERO + Duration::from_secs(100);
        Self {
            now,
            tick: Duration::from_millis(1),
            server: Server::new(setup, now),
            clients: Vec::new(),
            host: Vec::new(),
            path: Path::default(),
            flying: BTreeMap::new(),
            serial: 0,
            random: setup.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        }
    }

    /// Adds a client that has not dialled yet, and answers its place.
    pub(crate) fn add_client(&mut self) -> usize {
        let place = self.clients.len();
        let address = Ipv4Addr::new(198, 51, 100, 10 + place as u8);
        self.clients
            .push(Client::new(address, 0x0100 + place as u16));
        place
    }

    /// Opens a control connection and asks for a call.
    pub(crate) fn dial(&mut self, place: usize) {
        self.connect(place);
        self.say(place, &control::start_request());
        let call_id = self.clients[place].local_call_id;
        self.say(place, &control::call_request(call_id));
    }

    pub(crate) fn connect(&mut self, place: usize) {
        let client = &mut self.clients[place];
        client.connection = Some(self.server.accept(client.address, self.now));
    }

    /// Sends a control message of a client.
    pub(crate) fn say(&mut self, place: usize, message: &[u8]) {
        let id = self.clients[place]
            .connection
            .expect("a control connection");
        self.server.sessions.receive(id, message, self.now);
        self.server.carry_out(self.now);
    }

    /// Dials and waits until both sides are up.
    pub(crate) fn bring_up(&mut self) -> usize {
        let place = self.add_client();
        self.dial(place);
        self.run_until(Duration::from_secs(5), |world| world.is_up(place));
        place
    }

    /// Whether the client is up, and the server says so of its call.
    pub(crate) fn is_up(&self, place: usize) -> bool {
        let lease = self.clients[place].ppp.address;
        let is_up = |call: pns::session::CallView| {
            call.lease == Some(lease) && call.network_since.is_some()
        };
        self.clients[place].is_up() && self.server.sessions.views().any(is_up)
    }

    /// The lease of a client that is up.
    pub(crate) fn lease(&self, place: usize) -> Ipv4Addr {
        self.clients[place].ppp.address
    }

    /// Steps until `done`; panics after `limit`.
    pub(crate) fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        while !done(self) {
            assert!(
                self.now < end,
                "not done after {limit:?}; ends: {:?}",
                self.server.ends()
            );
            self.step();
        }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.step();
        }
    }

    /// One tick of everything.
    pub(crate) fn step(&mut self) {
        self.now = self.now + self.tick;
        for place in 0..self.clients.len() {
            self.clients[place].tick(self.now);
        }
        self.collect_from_clients();
        self.deliver();
        self.server.turn(self.now);
        for frame in self.server.sent(ACCESS) {
            self.launch(false, frame[14..].to_vec(), None);
        }
        for frame in self.server.sent(NETWORK) {
            assert_eq!(
                (&frame[..6], &frame[6..12]),
                (&HOST_MAC[..], &PORT_MACS[NETWORK][..])
            );
            self.host.push(frame[14..].to_vec());
        }
        self.read_sockets();
    }

    fn collect_from_clients(&mut self) {
        for place in 0..self.clients.len() {
            for sent in std::mem::take(&mut self.clients[place].out) {
                self.launch(true, sent.packet, sent.delay);
            }
        }
    }

    /// Puts an outer packet on the path, which may lose, repeat or delay it.
    fn launch(&mut self, to_server: bool, packet: Vec<u8>, delay: Option<Duration>) {
        let path = self.path;
        let copies = 1 + u32::from(self.happens(path.duplication));
        for _ in 0..copies {
            if self.happens(path.loss) {
                continue;
            }
            let way = Duration::from_millis(path.delay_ms);
            let mut arrival = self.now + way + delay.unwrap_or_default();
            if self.happens(path.reordering) {
                let late = random(&mut self.random) % path.late_ms_max.max(1);
                arrival = arrival + Duration::from_millis(late);
            }
            self.serial += 1;
            self.flying
                .insert((arrival, self.serial), (to_server, packet.clone()));
        }
    }

    fn happens(&mut self, percent: u8) -> bool {
        random(&mut self.random) % 100 < u64::from(percent)
    }

    fn deliver(&mut self) {
        while let Some(entry) = self
            .flying
            .first_entry()
            .filter(|it| it.key().0 <= self.now)
        {
            let (to_server, packet) = entry.remove();
            if to_server {
                self.access(&packet);
            } else {
                self.deliver_to_client(&packet);
            }
        }
    }

    fn deliver_to_client(&mut self, packet: &[u8]) {
        let ip = Header::parse(packet).expect("an outer packet");
        let call_id = packet[26..28].to_vec();
        let whose = |client: &&mut Client| {
            client.gre_address == ip.destination
                && client.local_call_id.to_be_bytes() == call_id[..]
        };
        // Whoever has the same address and Call ID gets it as well.
        for client in self.clients.iter_mut().filter(whose) {
            client.receive(packet, self.now);
        }
    }

    /// An outer packet arrives at the access port, in the queue that the addresses choose.
    pub(crate) fn access(&mut self, packet: &[u8]) {
        let frame = packets::ethernet(PORT_MACS[ACCESS], CLIENT_MAC, packet);
        self.server.receive(queue(packet), ACCESS, &frame);
    }

    /// The host behind sends an IP packet.
    pub(crate) fn host_sends(&mut self, packet: &[u8]) {
        let frame = packets::ethernet(PORT_MACS[NETWORK], HOST_MAC, packet);
        self.server.receive(queue(packet), NETWORK, &frame);
    }

    /// The host behind sends numbered datagrams to a client.
    pub(crate) fn host_counts(&mut self, place: usize, numbers: std::ops::Range<u32>) {
        let lease = self.lease(place);
        for number in numbers {
            self.host_sends(&packets::numbered(HOST, lease, number));
        }
    }

    /// A client sends numbered datagrams to the host behind.
    pub(crate) fn client_counts(&mut self, place: usize, numbers: std::ops::Range<u32>) {
        let lease = self.lease(place);
        for number in numbers {
            let packet = packets::numbered(lease, HOST, number);
            self.clients[place].send_ip(&packet, self.now);
        }
    }

    /// What the server wrote to control connections since the last look.
    fn read_sockets(&mut self) {
        let mut stopped = Vec::new();
        for socket in &mut self.server.sockets {
            let written = std::mem::take(&mut socket.written);
            let owner = |client: &&mut Client| client.connection == Some(socket.id);
            let Some(client) = self.clients.iter_mut().find(owner) else {
                continue;
            };
            for message in control::split(&written) {
                client.heard.push(message.to_vec());
                match control::kind(message) {
                    8 if message[16] == 1 => {
                        client.call_placed(control::call_id(message), self.now);
                    }
                    8 | 13 => client.disconnected = true,
                    3 if !client.dead => stopped.push(socket.id),
                    _ => {}
                }
            }
            client.disconnected |= socket.closed;
        }
        self.server.sockets.retain(|socket| !socket.closed);
        for id in stopped {
            self.server
                .sessions
                .receive(id, &control::stop_reply(), self.now);
        }
    }
}

/// The receive queue of a packet, by its addresses, as receive side scaling chooses it.
fn queue(packet: &[u8]) -> usize {
    let address = |at: usize| -> Ipv4Addr {
        let octets: [u8; 4] = packet[at..at + 4].try_into().unwrap();
        octets.into()
    };
    queue_between(address(12), address(16))
}

/// The receive queue of packets between two addresses.
pub(crate) fn queue_between(source: Ipv4Addr, destination: Ipv4Addr) -> usize {
    let octets = source.octets().into_iter().chain(destination.octets());
    octets.map(usize::from).sum::<usize>() % usize::from(WORKERS)
}
