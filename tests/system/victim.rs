//! One call that carries numbered packets both ways while somebody sends everything that is wrong. It
//! loses nothing, and its keys do not move.

use std::net::Ipv4Addr;
use std::time::Duration;

use pns::pptp::CloseReason;
use pns::session::{ConnectionId, Event};

use super::control_client as control;
use super::packets::{self, numbers};
use super::server::{SERVER, Setup};
use super::world::World;

pub(crate) const ATTACKER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 66);

/// An established call, and how far its numbers are.
pub(crate) struct Victim {
    pub(crate) world: World,
    pub(crate) place: usize,
    next: u32,
}

impl Victim {
    pub(crate) fn new() -> Self {
        let mut world = World::new(Setup::default());
        let place = world.bring_up();
        Self {
            world,
            place,
            next: 0,
        }
    }

    pub(crate) fn call_id(&self) -> u16 {
        self.world.clients[self.place].peer_call_id.expect("a call")
    }

    /// Packets both ways, beside whatever waits in the queues.
    pub(crate) fn carry(&mut self) {
        let numbers = self.next..self.next + 2;
        self.next += 2;
        self.world.client_counts(self.place, numbers.clone());
        self.world.host_counts(self.place, numbers);
        self.world.step();
    }

    /// Sends a GRE packet to the server, as if from `source`.
    pub(crate) fn forge(&mut self, source: Ipv4Addr, gre: &[u8]) {
        self.world.access(&packets::outer(source, SERVER, gre));
    }

    /// Nothing was lost or repeated, either way; no key moved but for these packets.
    pub(crate) fn assert_unharmed(&mut self) {
        self.carry();
        self.world.pass(Duration::from_millis(200));
        let wanted: Vec<u32> = (0..self.next).collect();
        let drops = self.world.server.drops();
        assert_eq!(numbers(&self.world.host), wanted, "upstream: {drops:?}");
        let client = &self.world.clients[self.place];
        assert_eq!(numbers(&client.received), wanted, "downstream");
        assert_eq!((client.refused.len(), client.in_clear), (0, 0));
        assert_eq!(
            client.frames_decrypted(),
            u64::from(self.next),
            "keys to the client"
        );
        let encrypted = client.encrypt.as_ref().expect("armed").frames();
        assert_eq!(encrypted, u64::from(self.next), "keys from the client");
        let totals = self.world.server.totals(self.world.lease(self.place));
        assert_eq!(totals.upstream_packets, u64::from(self.next));
        assert_eq!(totals.downstream_packets, u64::from(self.next));
        self.world.server.assert_conserved();
        self.world.server.assert_no_command_was_refused();
    }

    /// A control connection of the attacker, started unless told otherwise.
    pub(crate) fn connection(&mut self, start: bool) -> ConnectionId {
        let id = self.world.server.accept(ATTACKER, self.world.now);
        if start {
            self.receive(id, &control::start_request());
        }
        id
    }

    /// What a control connection makes of these bytes: its close reason, if it closes.
    pub(crate) fn receive(&mut self, id: ConnectionId, bytes: &[u8]) -> Option<CloseReason> {
        let server = &mut self.world.server;
        let events = server.events.len();
        server.sessions.receive(id, bytes, self.world.now);
        server.carry_out(self.world.now);
        let closed = |event: &Event| match event {
            Event::ConnectionClosed { reason, .. } => Some(*reason),
            _ => None,
        };
        server.events[events..].iter().find_map(closed)
    }

    pub(crate) fn hang_up(&mut self, id: ConnectionId) {
        self.world.server.sessions.peer_closed(id, self.world.now);
        self.world.server.carry_out(self.world.now);
    }
}
