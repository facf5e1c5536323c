//! What the slow path asks of a worker: commands, PPP frames to send, and frames from the kernel.

use super::batch::{Entry, Origin, Packet};
use super::compression::{Packing, Way};
use super::drop_reason::DropReason;
use super::flow::Ipv6Ends;
use super::frame::Frame;
use super::laps::Laps;
use super::node::gre_output::{self, Payload};
use super::port::{Bill, PortIo};
use super::stats::FrameCount;
use super::worker::Worker;
use crate::flow::ring::Injected;
use crate::flow::{
    Authenticated, Encryption, FlowCommand, FlowKey, FlowReport, FlowTotals, OpenCall, OpenRefusal,
    PeerReceive,
};
use crate::mppe::catch_up::Budget;
use crate::mppe::decrypt::DecryptState;
use crate::mppe::encrypt::EncryptState;
use crate::mppe::keys::{DownstreamKey, Suite, UpstreamKey};
use crate::wire::call_id::CallId;
use crate::wire::ccp::Agreement;
use crate::wire::ethernet::{TAG_LENGTH, TAG_OFFSET, TAGGED};
use crate::wire::ipv4;

/// Takes a start key out of the flow's record so that no copy stays behind in it: moving a value out
/// does not clear its place.
fn take_wiped<K>(place: &mut Option<K>, zero: K) -> Result<K, Refused> {
    let key = place.replace(zero);
    let taken = key.ok_or(Refused);
    *place = None;
    taken
}

/// The command named no flow, or asked for what the flow may not have.
struct Refused;

impl<P: PortIo, L: Laps> Worker<P, L> {
    /// Obeys a command. There must be room for its report.
    pub(super) fn obey(&mut self, command: FlowCommand) {
        let flow = command.flow();
        let outcome = match command {
            FlowCommand::Open { flow, call } => {
                let report = self.open(flow, call);
                self.exits.report(report);
                Ok(())
            }
            FlowCommand::Suspend { flow } => self.suspend(flow),
            FlowCommand::Connect { flow, peer_call_id } => self.connect(flow, peer_call_id),
            FlowCommand::Close { flow } => self.close(flow),
            FlowCommand::Frame { flow, frame } => self.send_frame(flow, frame.as_slice()),
            FlowCommand::Authorise {
                flow,
                authenticated,
            } => self.authorise(flow, authenticated),
            FlowCommand::Shape { flow, rates } => {
                self.authorised(flow).map(|flow| flow.rates = rates)
            }
            FlowCommand::ArmUpstream { flow, agreement } => self.arm_upstream(flow, agreement),
            FlowCommand::ArmDownstream { flow, agreement } => self.arm_downstream(flow, agreement),
            FlowCommand::FlushDownstream { flow } => self.flush_downstream(flow),
            FlowCommand::ForwardUpstream { flow, lease } => self.authorised(flow).map(|flow| {
                flow.lease = lease;
                flow.permissions.upstream = true;
            }),
            FlowCommand::LeadTo { flow, local } => self.authorised(flow).map(|flow| {
                flow.local_end = local;
                flow.permissions.networks = true;
            }),
            FlowCommand::AgreeIpv6 { flow, local, peer } => self.authorised(flow).map(|flow| {
                flow.ipv6 = Ipv6Ends { local, peer };
                if let Some(decrypt) = &mut flow.decrypt {
                    decrypt.agree(flow.ipv6.plausible());
                }
            }),
            FlowCommand::EndIpv6 { flow } => self.end_ipv6(flow),
            FlowCommand::ForwardDownstream { flow, mtu } => self.authorised(flow).map(|flow| {
                flow.mtu = mtu;
                flow.permissions.downstream = true;
            }),
            FlowCommand::PeerReceive { flow, receive } => self.peer_receive(flow, receive),
        };
        if let Err(Refused) = outcome {
            self.exits.report(FlowReport::CommandRefused { flow });
        }
    }

    fn open(&mut self, flow: FlowKey, mut call: OpenCall) -> FlowReport {
        if !self.view.honours_windows {
            call.peer_receive = PeerReceive::default();
        }
        if self.view.buckets.worker(flow.call_id) != self.view.index || flow.call_id.get() == 0 {
            let refusal = OpenRefusal::NotOwner;
            return FlowReport::OpenRefused { flow, refusal };
        }
        match self.flows.open(flow, call) {
            Ok(slot) => FlowReport::Opened { flow, slot },
            Err(refusal) => FlowReport::OpenRefused { flow, refusal },
        }
    }

    fn connect(&mut self, flow: FlowKey, peer_call_id: CallId) -> Result<(), Refused> {
        let slot = self.flows.find(flow).ok_or(Refused)?;
        let known = self.flows.connect(slot, peer_call_id);
        known.then_some(()).ok_or(Refused)
    }

    fn end_ipv6(&mut self, flow: FlowKey) -> Result<(), Refused> {
        let slot = self.flows.find(flow).ok_or(Refused)?;
        // What is on its way is still believed when it decrypts, and dropped.
        self.flows.get_mut(slot).ok_or(Refused)?.ipv6 = Ipv6Ends::default();
        Ok(())
    }

    fn peer_receive(&mut self, flow: FlowKey, receive: PeerReceive) -> Result<(), Refused> {
        let slot = self.flows.find(flow).ok_or(Refused)?;
        if self.view.honours_windows {
            let flow = self.flows.get_mut(slot).ok_or(Refused)?;
            flow.set_peer_receive(receive);
        }
        Ok(())
    }

    fn close(&mut self, flow: FlowKey) -> Result<(), Refused> {
        // Every Close is answered by Closed: the slow path counts its answers. A flow that could not
        // be opened has carried nothing.
        let Some(slot) = self.flows.find(flow) else {
            let totals = FlowTotals::default();
            self.exits.report(FlowReport::Closed { flow, totals });
            return Ok(());
        };
        // What came and what was sent before this is on the bill.
        self.release_early(slot);
        self.ports.flush();
        self.ports.forget(slot);
        if let Some(flow) = self.flows.get_mut(slot) {
            self.compression.release(flow.packing);
        }
        let totals = self.flows.close(slot, &mut self.decrypt, &mut self.encrypt);
        self.exits.report(FlowReport::Closed { flow, totals });
        Ok(())
    }

    /// Early frames of the call wait no longer.
    fn release_early(&mut self, slot: u32) {
        if let Some(flow) = self.flows.get_mut(slot)
            && flow.order.held > 0
        {
            self.reorder.release(slot, flow);
            self.run_nodes();
        }
    }

    fn suspend(&mut self, flow: FlowKey) -> Result<(), Refused> {
        let slot = self.flows.find(flow).ok_or(Refused)?;
        self.release_early(slot);
        let flow = self.flows.get_mut(slot).ok_or(Refused)?;
        if let Some(keys) = &mut flow.decrypt {
            keys.wipe(&mut self.decrypt);
        }
        if let Some(keys) = &mut flow.encrypt {
            keys.wipe(&mut self.encrypt);
        }
        self.compression.release(flow.packing);
        flow.suspend();
        Ok(())
    }

    fn send_frame(&mut self, flow: FlowKey, bytes: &[u8]) -> Result<(), Refused> {
        let slot = self.flows.find(flow).ok_or(Refused)?;
        self.exits.count(FrameCount::ControlOut, 1);
        if let Err(reason) = self.send_control(slot, bytes, Payload::Whole) {
            self.exits.refuse_frames(reason, 1);
        }
        Ok(())
    }

    /// Sends a PPP frame, or an acknowledgment alone.
    pub(super) fn send_control(
        &mut self,
        slot: u32,
        bytes: &[u8],
        payload: Payload,
    ) -> Result<(), DropReason> {
        let Self {
            flows,
            routes,
            view,
            ports,
            stamp,
            ..
        } = self;
        let flow = flows.get_mut(slot).ok_or(DropReason::NoLease)?;
        let mut frame = ports.allocate_copy(bytes).ok_or(DropReason::NoBuffer)?;
        let next_hop = routes.load().lookup(flow.peer.address());
        let port = gre_output::encapsulate(&mut frame, flow, payload, next_hop, view, stamp)?;
        ports.transmit(port, frame, Bill::FREE);
        Ok(())
    }

    fn authorised(&mut self, flow: FlowKey) -> Result<&mut super::flow::Flow, Refused> {
        let slot = self.flows.find(flow).ok_or(Refused)?;
        let flow = self.flows.get_mut(slot).ok_or(Refused)?;
        flow.permissions.authorised.then_some(flow).ok_or(Refused)
    }

    fn authorise(&mut self, flow: FlowKey, proof: Authenticated) -> Result<(), Refused> {
        let slot = self.flows.find(flow).ok_or(Refused)?;
        let flow = self.flows.get_mut(slot).ok_or(Refused)?;
        let (policy, keys) = proof.into_parts();
        flow.policy = policy;
        flow.permissions.authorised = true;
        let (upstream, downstream) = keys.map(|keys| (keys.upstream, keys.downstream)).unzip();
        flow.upstream_key = upstream;
        flow.downstream_key = downstream;
        Ok(())
    }

    fn arm_upstream(&mut self, flow: FlowKey, agreement: Agreement) -> Result<(), Refused> {
        self.arm_packing(flow, Way::Upstream, agreement)?;
        agreement
            .suite
            .map_or(Ok(()), |suite| self.arm_decryption(flow, suite))
    }

    fn arm_downstream(&mut self, flow: FlowKey, agreement: Agreement) -> Result<(), Refused> {
        self.arm_packing(flow, Way::Downstream, agreement)?;
        agreement
            .suite
            .map_or(Ok(()), |suite| self.arm_encryption(flow, suite))
    }

    /// Compression alone is nothing for a flow that has to encrypt.
    fn arm_packing(
        &mut self,
        flow: FlowKey,
        way: Way,
        agreement: Agreement,
    ) -> Result<(), Refused> {
        let slot = self.flows.find(flow).ok_or(Refused)?;
        if way == Way::Upstream {
            // What came before is in clear.
            self.release_early(slot);
        }
        let packing = Packing::of(agreement);
        let flow = self.flows.get_mut(slot).ok_or(Refused)?;
        let may_compress = flow.permissions.authorised
            && (agreement.suite.is_some() || flow.policy.encryption != Encryption::Required);
        if packing != Packing::Off && !may_compress {
            return Err(Refused);
        }
        let armed = self.compression.arm(flow.packing, way, packing);
        flow.packing = armed.ok_or(Refused)?;
        Ok(())
    }

    fn arm_decryption(&mut self, flow: FlowKey, suite: Suite) -> Result<(), Refused> {
        let now = self.exits.now;
        let limit = self.catch_up_per_flow;
        let id = self.flows.new_key_id();
        let slot = self.flows.find(flow).ok_or(Refused)?;
        let flow = self
            .flows
            .get_mut(slot)
            .filter(|flow| may_encrypt(flow))
            .ok_or(Refused)?;
        let key = take_wiped(&mut flow.upstream_key, UpstreamKey::from_bytes([0; 16]))?;
        if let Some(previous) = &mut flow.decrypt {
            previous.wipe(&mut self.decrypt);
        }
        // Encrypted frames come after everything that was heard so far.
        let heard = flow.window.newest().unwrap_or(0);
        let budget = Budget::new(limit.most, limit.steps_per_s, now);
        let Suite { strength, mode } = suite;
        let state = DecryptState::new(key, strength, mode, id, heard, budget);
        let state = state.at(slot).agreeing(flow.ipv6.plausible());
        flow.arm_upstream(state);
        Ok(())
    }

    fn arm_encryption(&mut self, flow: FlowKey, suite: Suite) -> Result<(), Refused> {
        let slot = self.flows.find(flow).ok_or(Refused)?;
        let flow = self
            .flows
            .get_mut(slot)
            .filter(|flow| may_encrypt(flow))
            .ok_or(Refused)?;
        let key = take_wiped(&mut flow.downstream_key, DownstreamKey::from_bytes([0; 16]))?;
        if let Some(previous) = &mut flow.encrypt {
            previous.wipe(&mut self.encrypt);
        }
        flow.arm_downstream(EncryptState::new(key, suite.strength, suite.mode).at(slot));
        Ok(())
    }

    fn flush_downstream(&mut self, flow: FlowKey) -> Result<(), Refused> {
        let flow = self.authorised(flow)?;
        if flow.encrypt.is_none() && flow.packing.downstream == Packing::Off {
            return Err(Refused);
        }
        flow.start_afresh();
        Ok(())
    }

    /// Takes a frame from the kernel.
    pub(super) fn inject(&mut self, injected: &Injected) {
        self.exits.count(FrameCount::Injected, 1);
        let outcome = match injected {
            Injected::Ethernet { port, frame } => self.inject_ethernet(*port, frame.as_slice()),
            Injected::Downstream { frame } => self.inject_downstream(frame.as_slice()),
        };
        if let Err(reason) = outcome {
            self.exits.refuse_frames(reason, 1);
        }
    }

    fn inject_ethernet(&mut self, port: u8, bytes: &[u8]) -> Result<(), DropReason> {
        let mut frame = self
            .ports
            .allocate_copy(bytes)
            .ok_or(DropReason::NoBuffer)?;
        if bytes.len() < TAG_OFFSET + 2 {
            return Err(DropReason::EthernetShort);
        }
        if let Some(vlan) = self.view.vlan(port) {
            frame.prepend(TAG_LENGTH).ok_or(DropReason::HeadroomShort)?;
            let bytes = frame.bytes_mut();
            bytes.copy_within(TAG_LENGTH..TAG_LENGTH + TAG_OFFSET, 0);
            let tag = bytes.get_mut(TAG_OFFSET..TAG_OFFSET + TAG_LENGTH);
            let [a, b] = TAGGED.to_be_bytes();
            let [c, d] = vlan.to_be_bytes();
            tag.ok_or(DropReason::EthernetShort)?
                .copy_from_slice(&[a, b, c, d]);
        }
        self.ports.transmit(port, frame, Bill::FREE);
        Ok(())
    }

    fn inject_downstream(&mut self, bytes: &[u8]) -> Result<(), DropReason> {
        let header = ipv4::Header::parse(bytes).map_err(|_| DropReason::InnerMalformed)?;
        let frame = self
            .ports
            .allocate_copy(bytes)
            .ok_or(DropReason::NoBuffer)?;
        let mut packet = Packet::new(frame, 0);
        packet.frame.truncate(usize::from(header.total_length));
        packet.meta.ip = header;
        packet.meta.origin = Origin::Kernel;
        self.exits.steer(packet, self.view.index, Entry::Downstream);
        Ok(())
    }
}

fn may_encrypt(flow: &super::flow::Flow) -> bool {
    flow.permissions.authorised && flow.policy.encryption != Encryption::Off
}
