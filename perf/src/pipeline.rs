//! A worker's whole way, both directions: everything between a burst of frames from a port and the
//! same burst in the queue of another port. Every frame that comes out is compared with what it must
//! be; downstream, a client decrypts it.

mod client;
mod floor;
pub(crate) mod packets;
mod rig;

use pns::dataplane::Frame;
use pns::dataplane::batch::BURST;
use pns::dataplane::memory_port::{MemoryFrame, MemoryWire};
use pns::flow::Encryption;

use crate::Outcome;
use crate::load::{FLOWS, Load, PACKETS};
use crate::measure::{Effort, Meter, Pairs, pass_through};
use crate::report::{Case, Report};
use client::{Ciphers, Client};
use floor::{Floor, swap_addresses};
use rig::Rig;

const PEER: &str = "the floor: the same frames forwarded with swapped MAC addresses, same ports";
const TURNS: usize = PACKETS as usize / BURST;

/// Which way packets go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From clients to the network.
    Upstream,
    /// From the network to clients.
    Downstream,
}

/// One way, with many calls and with one, with MPPE and without.
pub(crate) fn run(way: Way, effort: Effort, meter: &mut Meter) -> Outcome<Report> {
    let ciphers = [("mppe", Encryption::Required), ("clear", Encryption::Off)];
    let kinds =
        ciphers.map(|cipher| FLOWS.map(|flows| Load::ALL.map(|load| (cipher, flows, load))));
    let kinds = kinds.as_flattened().as_flattened();
    let found = pass_through(kinds, effort, |((_, encryption), flows, load), pairs| {
        Bench::new(way, flows, encryption)?.measure(load, effort, meter, pairs)
    })?;
    let mut cases = Vec::new();
    for (((name, _), flows, load), pairs) in kinds.iter().zip(&found) {
        cases.push(Case::new(name, *load, *flows, pairs));
    }
    // With MPPE and many calls: the first cases.
    let mut headline = [f64::NAN; Load::ALL.len()];
    for (ratio, pairs) in headline.iter_mut().zip(&found) {
        *ratio = pairs.ratio();
    }
    let scenario = match way {
        Way::Upstream => "upstream",
        Way::Downstream => "downstream",
    };
    Ok(Report::new(scenario, PEER, effort, meter, headline, cases))
}

/// A packet of a sample: the frame that goes in, and the inner packet that has to come out.
struct Item {
    client: usize,
    frame: Vec<u8>,
    forwarded: Vec<u8>,
}

struct Bench {
    way: Way,
    rig: Rig,
    floor: Floor,
    clients: Vec<Client>,
    ciphers: Ciphers,
    /// Frames between two samples.
    spare: Vec<MemoryFrame>,
    next: usize,
}

impl Bench {
    fn new(way: Way, flows: u32, encryption: Encryption) -> Outcome<Self> {
        let encrypted = encryption != Encryption::Off;
        let clients: Vec<_> = (0..u16::try_from(flows)?)
            .map(|flow| Client::new(flow, encrypted))
            .collect();
        Ok(Self {
            way,
            rig: Rig::new(&clients, encryption)?,
            floor: Floor::new(),
            clients,
            ciphers: Ciphers::new(),
            spare: Vec::new(),
            next: 0,
        })
    }

    fn measure(
        mut self,
        load: Load,
        effort: Effort,
        meter: &mut Meter,
        pairs: &mut Pairs,
    ) -> Outcome<()> {
        for round in 0..effort.rounds() {
            let items = self.items(load).ok_or("a packet could not be made")?;
            let (mut ours, mut peer) = (0.0, 0.0);
            // Who goes first changes, so that neither always finds what the other left in the caches.
            for turn in [round % 2, 1 - round % 2] {
                match turn {
                    0 => ours = self.worker_sample(&items, meter)?,
                    _ => peer = self.floor_sample(&items, meter)?,
                }
            }
            pairs.add(PACKETS, ours, peer);
        }
        self.rig.check()
    }

    /// The frames of a sample, calls in turn.
    fn items(&mut self, load: Load) -> Option<Vec<Item>> {
        let mut items = Vec::new();
        for place in 0..PACKETS as usize {
            let number = self.next % self.clients.len();
            self.next += 1;
            let client = self.clients.get_mut(number)?;
            let lease = packets::lease(client.flow);
            let length = load.length(place);
            let (frame, packet) = match self.way {
                Way::Upstream => {
                    let packet = packets::udp(lease, packets::HOST, length);
                    (client.send(&packet, &mut self.ciphers)?, packet)
                }
                Way::Downstream => {
                    let packet = packets::udp(packets::HOST, lease, length);
                    let frame = packets::frame(packets::NETWORK_MAC, packets::HOST_MAC, &packet);
                    (frame, packet)
                }
            };
            items.push(Item {
                client: number,
                frame,
                forwarded: packets::forwarded(&packet)?,
            });
        }
        Some(items)
    }

    fn worker_sample(&mut self, items: &[Item], meter: &mut Meter) -> Outcome<f64> {
        let (from, to) = match self.way {
            Way::Upstream => (self.rig.access.clone(), self.rig.network.clone()),
            Way::Downstream => (self.rig.network.clone(), self.rig.access.clone()),
        };
        self.push(&from, items);
        let cycles = meter.cycles(|| self.rig.turns(TURNS));
        for item in items {
            let frame = to.pop().ok_or("the worker lost a frame")?;
            let client = self.clients.get_mut(item.client).ok_or("no such client")?;
            let right = match self.way {
                Way::Upstream => {
                    let packet = &item.forwarded;
                    let (to, from) = (packets::HOST_MAC, packets::NETWORK_MAC);
                    frame.bytes() == packets::frame(to, from, packet)
                }
                Way::Downstream => {
                    let packet = client.receive(frame.bytes(), &mut self.ciphers);
                    packet.as_ref() == Some(&item.forwarded)
                }
            };
            if !right {
                return Err("the worker sent a wrong frame".into());
            }
            self.spare.push(frame);
        }
        if to.pop().is_some() {
            return Err("the worker sent more than it should".into());
        }
        // What is left are acknowledgments that nothing carried; their frames go back to the pool.
        while let Some(mut frame) = from.pop() {
            frame.refill(&[]);
            from.give(frame);
        }
        Ok(cycles)
    }

    fn floor_sample(&mut self, items: &[Item], meter: &mut Meter) -> Outcome<f64> {
        let (from, to) = (self.floor.from.clone(), self.floor.to.clone());
        self.push(&from, items);
        let cycles = meter.cycles(|| self.floor.turns(TURNS));
        for item in items {
            let frame = to.pop().ok_or("the floor lost a frame")?;
            let mut expected = item.frame.clone();
            swap_addresses(&mut expected);
            if frame.bytes() != expected {
                return Err("the floor sent a wrong frame".into());
            }
            self.spare.push(frame);
        }
        Ok(cycles)
    }

    fn push(&mut self, wire: &MemoryWire, items: &[Item]) {
        for item in items {
            let mut frame = self.spare.pop().unwrap_or_default();
            frame.refill(&item.frame);
            wire.push(frame);
        }
    }
}
