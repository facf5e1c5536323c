//! One case: samples of packets through a worker, and the same frames through the floor. Frames are
//! made before a sample and compared after it, so that only the worker's turns are in the time.

use std::mem;

use pns::dataplane::batch::BURST;
use pns::flow::Encryption;

use super::client::{Ciphers, Client};
use super::floor::{Floor, swap_addresses};
use super::medium::{Medium, Wire};
use super::nodes::{Parts, Stopwatch};
use super::packets;
use super::rig::{Footprint, Post, Rig};
use crate::Outcome;
use crate::load::Load;
use crate::measure::{Meter, Pairs};
use crate::mppe::Engine;

/// Which way packets go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From clients to the network.
    Upstream,
    /// From the network to clients.
    Downstream,
    /// From clients to others.
    Turnaround,
}

/// What a case is made of.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) way: Way,
    pub(crate) encryption: Encryption,
    pub(crate) flows: u32,
    pub(crate) load: Load,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self.encryption {
            Encryption::Off => "clear",
            Encryption::Optional | Encryption::Required => "mppe",
        }
    }

    pub(super) fn full_name(self) -> String {
        format!("{} {} {}", self.name(), self.load.name(), self.flows)
    }

    /// Packets that are prepared at once: whole bursts, and whole rounds of the mix. So many that most
    /// turns find in the caches what other turns left there, and nothing of the harness.
    pub(super) const fn packets(self) -> u32 {
        match self.encryption {
            Encryption::Off => 126 * 64,
            Encryption::Optional | Encryption::Required => 36 * 64,
        }
    }
}

/// A packet of a sample: the frame that goes in, and the inner packet that has to come out.
#[derive(Clone)]
pub(super) struct Item {
    /// The call that it comes out of, or the only one that it is of.
    receiver: u32,
    frame: Vec<u8>,
    forwarded: Vec<u8>,
}

/// A worker with the clients of its calls.
pub(super) struct Lane<M: Medium> {
    kind: Kind,
    pub(super) post: Post<M>,
    clients: Vec<Client>,
    ciphers: Ciphers,
    draw: Draw,
}

/// A worker beside the floor.
pub(super) struct Bench<M: Medium> {
    lane: Lane<M>,
    floor: Floor<M>,
    engine: Option<Beside>,
    pub(super) footprint: Footprint,
}

/// The MPPE engine alone, and what it took for the same packets as the worker.
struct Beside {
    engine: Engine,
    /// Packets of each call so far.
    sent: Vec<u32>,
    /// Cycles per packet.
    samples: Vec<f64>,
}

impl<M: Medium> Bench<M> {
    pub(super) fn new(medium: &mut M, kind: Kind) -> Outcome<Self> {
        let (mut lanes, footprint) = lanes(medium, 1, kind)?;
        Ok(Self {
            lane: lanes.pop().ok_or("no worker")?,
            floor: Floor::new(medium)?,
            engine: Beside::of(kind),
            footprint,
        })
    }

    /// Adds so many samples.
    pub(super) fn measure(
        &mut self,
        rounds: usize,
        meter: &mut Meter,
        pairs: &mut Pairs,
    ) -> Outcome<()> {
        let lane = &mut self.lane;
        for round in 0..rounds {
            let items = lane.items()?;
            let (mut ours, mut peer) = (Vec::new(), Vec::new());
            // Who goes first changes, so that neither always finds what the other left in the caches.
            for turn in [round % 2, 1 - round % 2] {
                match turn {
                    0 => {
                        lane.feed(&items)?;
                        ours = lane.sample(meter);
                        lane.verify(&items)?;
                    }
                    _ => peer = floor_sample(&mut self.floor, &items, meter)?,
                }
            }
            if let Some(engine) = &mut self.engine {
                engine.sample(lane.kind.load, &items, meter)?;
            }
            for (ours, peer) in ours.into_iter().zip(peer) {
                pairs.add(BURST as u32, ours, peer);
            }
        }
        lane.post.check()
    }

    /// What the engine alone took since the last time, in cycles per packet.
    pub(super) fn take_engine(&mut self) -> Vec<f64> {
        let engine = self.engine.as_mut();
        engine.map_or_else(Vec::new, |engine| mem::take(&mut engine.samples))
    }
}

impl Beside {
    /// Beside a worker that has it do one thing to each packet.
    fn of(kind: Kind) -> Option<Self> {
        let engine = match (kind.encryption, kind.way) {
            (Encryption::Required, Way::Upstream) => {
                Engine::decrypting(kind.flows, crate::kernel())
            }
            (Encryption::Required, Way::Downstream) => {
                Engine::encrypting(kind.flows, crate::kernel())
            }
            _ => return None,
        };
        Some(Self {
            engine,
            sent: vec![0; kind.flows as usize],
            samples: Vec::new(),
        })
    }

    fn sample(&mut self, load: Load, items: &[Item], meter: &mut Meter) -> Outcome<()> {
        let sent = &mut self.sent;
        let packets = items.iter().map(|item| {
            let sent = &mut sent[item.receiver as usize];
            *sent += 1;
            (item.receiver, *sent)
        });
        let cycles = self.engine.cycles(load, packets, meter)?;
        self.samples.push(cycles / items.len() as f64);
        Ok(())
    }
}

/// So many workers, each with the clients of its calls, and what a call took in memory.
pub(super) fn lanes<M: Medium>(
    medium: &mut M,
    workers: u8,
    kind: Kind,
) -> Outcome<(Vec<Lane<M>>, Footprint)> {
    let encrypted = kind.encryption != Encryption::Off;
    let clients: Vec<_> = (0..kind.flows)
        .map(|flow| Client::new(flow, encrypted))
        .collect();
    let rig = Rig::new(medium, workers, &clients, kind.encryption)?;
    let footprint = rig.footprint;
    let mut groups: Vec<_> = rig.posts.iter().map(|_| Vec::new()).collect();
    for client in clients {
        let group = groups.get_mut(rig.owner(&client));
        group.ok_or("no such worker")?.push(client);
    }
    let mut lanes = Vec::new();
    for (post, clients) in rig.posts.into_iter().zip(groups) {
        lanes.push(Lane {
            kind,
            post,
            draw: Draw::new(u32::try_from(clients.len())?),
            clients,
            ciphers: Ciphers::new(),
        });
    }
    Ok((lanes, footprint))
}

impl<M: Medium> Lane<M> {
    /// The frames of a sample.
    pub(super) fn items(&mut self) -> Outcome<Vec<Item>> {
        let places = 0..self.kind.packets() as usize;
        let items: Option<_> = places.map(|place| self.item(place)).collect();
        items.ok_or("a packet could not be made".into())
    }

    fn item(&mut self, place: usize) -> Option<Item> {
        let length = self.kind.load.length(place);
        let number = self.draw.next();
        let client = self.clients.get(number as usize)?;
        let lease = packets::lease(client.flow);
        let (receiver, packet) = match self.kind.way {
            Way::Upstream => (number, packets::udp(lease, packets::HOST, length)),
            Way::Downstream => (number, packets::udp(packets::HOST, lease, length)),
            Way::Turnaround => {
                let other = self.draw.next();
                let to = packets::lease(self.clients.get(other as usize)?.flow);
                (other, packets::udp(lease, to, length))
            }
        };
        let frame = match self.kind.way {
            Way::Upstream | Way::Turnaround => {
                let client = self.clients.get_mut(number as usize)?;
                client.send(&packet, &mut self.ciphers)?
            }
            Way::Downstream => packets::frame(packets::NETWORK_MAC, packets::HOST_MAC, &packet),
        };
        Some(Item {
            receiver,
            frame,
            forwarded: packets::forwarded(&packet)?,
        })
    }

    /// Puts the frames of a sample on the cable.
    pub(super) fn feed(&mut self, items: &[Item]) -> Outcome<()> {
        match self.kind.way {
            Way::Upstream | Way::Turnaround => push(&mut self.post.access, items),
            Way::Downstream => push(&mut self.post.network, items),
        }
    }

    /// Makes the frames of a sample ready for the cable, and answers whether that is the clients' one.
    pub(super) fn load(&mut self, items: &[Item]) -> Outcome<bool> {
        let is_upstream = self.kind.way != Way::Downstream;
        let loaded = items.iter().all(|item| match is_upstream {
            true => self.post.access.load(&item.frame),
            false => self.post.network.load(&item.frame),
        });
        let loaded = loaded.then_some(is_upstream);
        loaded.ok_or("there is no room for a sample".into())
    }

    /// What the worker takes for each burst of the frames on the cable, in cycles.
    pub(super) fn sample(&mut self, meter: &mut Meter) -> Vec<f64> {
        let turns = self.kind.packets() as usize / BURST;
        self.post.turns(turns, meter)
    }

    /// What the parts of its turns take for such bursts, in cycles.
    pub(super) fn parts(&mut self, meter: &mut Meter) -> Vec<Parts>
    where
        M: Medium<Laps = Stopwatch>,
    {
        let turns = self.kind.packets() as usize / BURST;
        self.post.parts(turns, meter)
    }

    /// Compares all that came out with what must come out.
    pub(super) fn verify(&mut self, items: &[Item]) -> Outcome<()> {
        let (clients, ciphers) = (&mut self.clients, &mut self.ciphers);
        let mut sent = items.iter();
        // On the clients' side there are acknowledgments, too, that nothing carried.
        while let Some(right) = self.post.access.pop(|frame| {
            if packets::is_acknowledgment(frame) {
                return true;
            }
            self.kind.way != Way::Upstream
                && sent.next().is_some_and(|item| {
                    let client = clients.get_mut(item.receiver as usize);
                    let packet = client.and_then(|client| client.receive(frame, ciphers));
                    packet.as_ref() == Some(&item.forwarded)
                })
        }) {
            check(right)?;
        }
        while let Some(right) = self.post.network.pop(|frame| {
            self.kind.way == Way::Upstream
                && sent.next().is_some_and(|item| {
                    let (to, from) = (packets::HOST_MAC, packets::NETWORK_MAC);
                    frame == packets::frame(to, from, &item.forwarded)
                })
        }) {
            check(right)?;
        }
        match sent.count() {
            0 => Ok(()),
            lost => {
                // Why, if the worker knows.
                self.post.check()?;
                Err(format!("the worker kept {lost} frames").into())
            }
        }
    }
}

fn floor_sample<M: Medium>(
    floor: &mut Floor<M>,
    items: &[Item],
    meter: &mut Meter,
) -> Outcome<Vec<f64>> {
    push(&mut floor.from, items)?;
    let cycles = floor.turns(items.len() / BURST, meter);
    for item in items {
        let mut expected = item.frame.clone();
        swap_addresses(&mut expected);
        let right = floor.to.pop(|frame| frame == expected);
        right.ok_or("the floor lost a frame").map(check)??;
    }
    Ok(cycles)
}

fn check(right: bool) -> Outcome<()> {
    if right {
        return Ok(());
    }
    Err("a wrong frame came out".into())
}

fn push(wire: &mut impl Wire, items: &[Item]) -> Outcome<()> {
    let pushed = items.iter().all(|item| wire.push(&item.frame));
    pushed
        .then_some(())
        .ok_or("there is no room for a sample".into())
}

/// All calls in turn, in an order that no prefetcher knows.
struct Draw {
    state: u32,
    mask: u32,
    flows: u32,
}

impl Draw {
    fn new(flows: u32) -> Self {
        let mask = flows.next_power_of_two() - 1;
        Self {
            state: 0,
            mask,
            flows,
        }
    }

    /// A linear congruence of full period: every flow once before any comes again.
    fn next(&mut self) -> u32 {
        loop {
            let next = self
                .state
                .wrapping_mul(0x0019_660d)
                .wrapping_add(0x3c6e_f35f);
            self.state = next & self.mask;
            if self.state < self.flows {
                return self.state;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flow_is_drawn_once_a_round() {
        for flows in [1, 2, 1000, 1024] {
            let mut draw = Draw::new(flows);
            for _ in 0..3 {
                let mut drawn: Vec<_> = (0..flows).map(|_| draw.next()).collect();
                drawn.sort_unstable();
                assert_eq!(drawn, (0..flows).collect::<Vec<_>>());
            }
        }
    }
}
