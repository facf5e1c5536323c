//! The order of the nodes, both ways, on one screen.
//!
//! ```text
//!            port rx --- sight ---- GRE of another's call ---------> its worker
//!                          |
//!              express <---+----- classify --- not ours ------------> kernel (punt)
//!                                 |  |  |
//!      fragments of GRE to us ----+  |  +---- to a client's address
//!            v                       v                        v
//!        reassemble -----------> gre_input <- other       downstream_input <- other workers, TUN
//!                                    |         workers        |    |
//!                                (reorder)                    |  fragment -- must not -> answer
//!                                    |                        |    |
//!                                ppp_input -- control ->      |    |
//!                                    |        slow path       |    |
//!                               mppe_decrypt                mppe_encrypt
//!                                    |                        |
//!                               inner_input --- client ---> (downstream_input)
//!                                    |   |      to client     |
//!                                    |   +-- icmpv6_echo ---> (mppe_encrypt)
//!                                    |                        |
//!                                ip_output                gre_output
//!                                    |                        |
//!                                 port tx                  port tx
//! ```
//!
//! Frames of calls that agreed on compression (RFC 2118) go through `mppc_input` inside `mppe_decrypt`,
//! and through `mppc_output` inside `mppe_encrypt`.
//!
//! `express` reads the usual data frame in one go and leaves it where `ppp_input` would
//! (`reception.rs`). Whatever does not reach the next node ends in `exits`, which counts it.

use super::batch::{BURST, Verdict};
use super::drop_reason::DropReason;
use super::laps::{Laps, Part};
use super::node::downstream_input::Moment;
use super::node::{
    answer, downstream_input, fragment, gre_input, gre_output, icmpv6_echo, inner_input, ip_output,
    locate, mppe_decrypt, mppe_encrypt, mtu_exceeded, ppp_input, reassemble,
};
use super::port::PortIo;
use super::worker::Worker;
use crate::flow::FlowReport;
use crate::routing::Recent;

impl<P: PortIo, L: Laps> Worker<P, L> {
    /// Everything that has entered, until nothing is left. Only an answer enters anything again, and
    /// about an answer there is never another.
    pub(super) fn run_nodes(&mut self) {
        while !self.exits.entries.is_empty() || self.reorder.is_ready() {
            self.received();
            self.fragments();
            self.upstream();
            self.downstream();
            self.answers();
            self.echoes();
        }
    }

    /// Fragments of GRE packets to us.
    fn fragments(&mut self) {
        if self.exits.entries.fragments.is_empty() {
            return;
        }
        let Self {
            batch,
            exits,
            reassembly,
            view,
            ports,
            ..
        } = self;
        std::mem::swap(batch, &mut exits.entries.fragments);
        for packet in batch.packets().drain(..) {
            reassemble::run(&packet, reassembly, view, ports, exits);
        }
    }

    /// From clients, what did not take the short way.
    fn upstream(&mut self) {
        let Self {
            batch,
            exits,
            flows,
            view,
            reorder,
            control_rate,
            laps,
            ..
        } = self;
        let (now, rate) = (exits.now, *control_rate);
        if !exits.entries.upstream.is_empty() {
            std::mem::swap(batch, &mut exits.entries.upstream);
            locate::upstream(batch.packets(), flows);
            laps.lap(Part::Locate);
            batch.stage(
                |packet| gre_input::run(packet, flows, view, now),
                |packet, verdict| exits.take(packet, verdict),
            );
            laps.lap(Part::GreInput);
        }
        if reorder.is_on() {
            reorder.arrange(batch, flows, now, |packet| {
                exits.refuse(&packet.meta, DropReason::SequenceDuplicate);
            });
            reorder.refill(batch);
        }
        batch.stage(
            |packet| ppp_input::run(packet, flows, rate, now),
            |packet, verdict| exits.take(packet, verdict),
        );
        laps.lap(Part::PppInput);
        self.decapsulate();
    }

    /// The second half of the way from clients: IP packets, once they are decrypted.
    pub(super) fn decapsulate(&mut self) {
        let Self {
            batch,
            exits,
            flows,
            view,
            directory,
            routes,
            ports,
            decrypt,
            compression,
            control_rate,
            laps,
            ..
        } = self;
        let mut routes = Recent::new(routes.load());
        let limit = (*control_rate, exits.now);
        if locate::is_sealed(batch.packets()) {
            mppe_decrypt::run(batch, flows, decrypt, compression, exits, view);
            laps.lap(Part::MppeDecrypt);
        }
        batch.stage(
            |packet| {
                inner_input::run(packet, flows, view, directory, &mut routes, limit)
                    .then(|| ip_output::run(packet, view))
            },
            |packet, verdict| exits.take(packet, verdict),
        );
        laps.lap(Part::InnerInput);
        ip_output::send(batch, ports);
        laps.lap(Part::IpOutput);
        while let Some((flow, address)) = flows.next_moved() {
            let _told = exits.report(FlowReport::SourceMoved { flow, address });
        }
    }

    /// To clients.
    fn downstream(&mut self) {
        if self.exits.entries.downstream.is_empty() {
            return;
        }
        let Self {
            batch,
            exits,
            flows,
            view,
            directory,
            routes,
            ports,
            pieces,
            error_limit,
            bursts,
            laps,
            ..
        } = self;
        let mut routes = Recent::new(routes.load());
        *bursts = bursts.wrapping_add(1);
        let moment = Moment {
            burst: *bursts,
            now: exits.now,
        };
        std::mem::swap(batch, &mut exits.entries.downstream);
        locate::downstream(batch.packets(), directory, flows);
        laps.lap(Part::Locate);
        batch.stage(
            |packet| downstream_input::run(packet, flows, view, directory, &mut routes, moment),
            |packet, verdict| match verdict {
                Verdict::Fragment { mtu } => {
                    if packet.meta.ip.dont_fragment {
                        mtu_exceeded::run(packet, mtu, view, exits, error_limit);
                    } else {
                        fragment::run(packet, mtu, ports, exits, pieces);
                    }
                }
                Verdict::Next
                | Verdict::Steer { .. }
                | Verdict::Punt(_)
                | Verdict::Consume(_)
                | Verdict::Drop(_) => exits.take(packet, verdict),
            },
        );
        laps.lap(Part::DownstreamInput);
        self.encapsulate();
        while !self.pieces.is_empty() {
            let count = self.pieces.len().min(BURST);
            self.batch.packets().extend(self.pieces.drain(..count));
            self.encapsulate();
        }
    }

    /// The second half of the way to clients, after which nothing is refused any more.
    fn encapsulate(&mut self) {
        let Self {
            batch,
            exits,
            flows,
            view,
            ports,
            encrypt,
            compression,
            stamp,
            laps,
            ..
        } = self;
        if locate::is_sealed(batch.packets()) {
            mppe_encrypt::run(batch, flows, encrypt, compression, exits);
            laps.lap(Part::MppeEncrypt);
        }
        for packet in batch.packets().drain(..) {
            gre_output::run(packet, flows, view, ports, exits, stamp);
        }
        laps.lap(Part::GreOutput);
    }

    /// Answers to clients' IPv6 Echo-Requests.
    fn echoes(&mut self) {
        if self.exits.entries.echoes.is_empty() {
            return;
        }
        let Self {
            batch,
            exits,
            flows,
            routes,
            bursts,
            ..
        } = self;
        let routes = routes.load();
        *bursts = bursts.wrapping_add(1);
        let moment = Moment {
            burst: *bursts,
            now: exits.now,
        };
        std::mem::swap(batch, &mut exits.entries.echoes);
        batch.stage(
            |packet| icmpv6_echo::run_answer(packet, flows, routes, moment),
            |packet, verdict| exits.take(packet, verdict),
        );
        self.encapsulate();
    }

    /// Errors of our own.
    fn answers(&mut self) {
        if self.exits.entries.answers.is_empty() {
            return;
        }
        let Self {
            batch,
            exits,
            view,
            directory,
            routes,
            ports,
            ..
        } = self;
        let routes = routes.load();
        std::mem::swap(batch, &mut exits.entries.answers);
        batch.stage(
            |packet| {
                answer::run(packet, view, directory, routes).then(|| ip_output::run(packet, view))
            },
            |packet, verdict| exits.take(packet, verdict),
        );
        ip_output::send(batch, ports);
    }
}
