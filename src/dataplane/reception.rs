//! What a port has received, on its way to the entries of the pipeline. Nearly all of it is one of
//! two things, and each has a short way: data of clients is read in one go, and a burst of packets for
//! clients goes on as a whole.

use std::slice;

use super::batch::{Entry, NO_FLOW, Packet, Verdict};
use super::handoff::Handoff;
use super::laps::{Laps, Part};
use super::node::locate::NOBODY;
use super::node::{classify, express, gre_input, locate, ppp_input, sight};
use super::port::PortIo;
use super::worker::Worker;

impl<P: PortIo, L: Laps> Worker<P, L> {
    /// What a port has received: to whom it is for.
    pub(super) fn sort(&mut self, port: u8) {
        let Self {
            burst, exits, view, ..
        } = self;
        for frame in burst.drain(..) {
            let (key, worker) = sight::run(&frame, view);
            if worker == view.index {
                let mut packet = Packet::new(frame, port);
                packet.meta.key = key;
                // As many places as in a burst, and all were empty.
                let _full = exits.entries.received.packets().try_push(packet);
            } else {
                exits.hand_over(worker, Handoff::received(frame, port, key));
            }
        }
    }

    /// What a port has received, here or in another worker.
    pub(super) fn received(&mut self) {
        if self.exits.entries.received.is_empty() {
            return;
        }
        let Self { batch, exits, .. } = self;
        std::mem::swap(batch, &mut exits.entries.received);
        // Data for clients names no call, and needs no look at any yet.
        let names_call = |packet: &Packet<P::Frame>| packet.meta.key != NOBODY;
        if batch.packets().iter().any(names_call) && !self.reorder.is_on() {
            self.express();
        } else {
            self.classify();
        }
    }

    /// Frames of which some are from clients: these by the short way, if they can.
    fn express(&mut self) {
        let Self {
            batch,
            exits,
            flows,
            view,
            directory,
            routes,
            control_rate,
            laps,
            ..
        } = self;
        let (routes, now, rate) = (routes.load(), exits.now, *control_rate);
        locate::upstream(batch.packets(), flows);
        laps.lap(Part::Locate);
        batch.stage(
            |packet| {
                if let Some(verdict) = express::run(packet, flows, view, now) {
                    return verdict;
                }
                packet.meta.flow = NO_FLOW;
                let verdict = classify::run(packet, view, directory, routes);
                let (worker, entry) = (view.index, Entry::Upstream);
                if verdict != (Verdict::Steer { worker, entry }) {
                    return verdict;
                }
                locate::upstream(slice::from_mut(packet), flows);
                gre_input::run(packet, flows, view, now)
                    .then(|| ppp_input::run(packet, flows, rate, now))
            },
            |packet, verdict| exits.take(packet, verdict),
        );
        laps.lap(Part::Express);
        self.decapsulate();
    }

    /// Frames in the order of the layers: to the entries.
    fn classify(&mut self) {
        let Self {
            batch,
            view,
            directory,
            routes,
            exits,
            ..
        } = self;
        let routes = routes.load();
        let usual = batch.sort(
            |packet| classify::run(packet, view, directory, routes),
            |packet, verdict| exits.take(packet, verdict),
        );
        match usual {
            Some(Verdict::Steer { worker, entry })
                if worker == view.index && exits.entries.at(entry).is_empty() =>
            {
                std::mem::swap(batch, exits.entries.at(entry));
            }
            Some(verdict) => {
                for packet in batch.packets().drain(..) {
                    exits.take(packet, verdict);
                }
            }
            None => {}
        }
        self.laps.lap(Part::Classify);
    }
}
