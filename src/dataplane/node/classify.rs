//! First node of a received frame: is it ours, and which way does it go?
//!
//! GRE to an address that clients dial goes upstream, IPv4 to a client's address goes downstream, and
//! everything else is the kernel's. GRE to our addresses never reaches the kernel.

use crate::dataplane::batch::{Entry, Packet, Punt, PuntClass, Verdict};
use crate::dataplane::config::View;
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::frame::Frame;
use crate::dataplane::node::locate;
use crate::dataplane::port::{PortConfig, Side};
use crate::routing::{Directory, NextHop, Snapshot};
use crate::wire::ethernet::{self, TAG_LENGTH, TAG_OFFSET, ether_type};
use crate::wire::field::{u8_at, u16_at};
use crate::wire::ipv4::{self, protocol};

/// A received Ethernet frame.
#[expect(clippy::inline_always, reason = "a call for each packet is felt")]
#[inline(always)]
pub(in crate::dataplane) fn run<F: Frame>(
    packet: &mut Packet<F>,
    view: &View,
    directory: &mut Directory,
    routes: &Snapshot,
) -> Verdict {
    let Some(port) = view.ports.get(usize::from(packet.meta.port)) else {
        return Verdict::Drop(DropReason::PortUnknown);
    };
    let arrived = match ethernet_input(&mut packet.frame, port) {
        Ok(arrived) => arrived,
        Err(reason) => return Verdict::Drop(reason),
    };
    match arrived.ether_type {
        // RFC 1812 §5.3.4: what was sent to everybody on the link is never forwarded.
        ether_type::IPV4 if arrived.for_group => punt(PuntClass::Local),
        ether_type::IPV4 => ipv4_input(packet, view, directory, routes, port.side),
        ether_type::ARP => punt(PuntClass::Arp),
        _ => punt(PuntClass::Local),
    }
}

const fn punt(class: PuntClass) -> Verdict {
    Verdict::Punt(Punt::Ethernet(class))
}

/// What matters of an Ethernet header behind its checks.
struct Arrived {
    ether_type: u16,
    /// Sent to more stations than this one.
    for_group: bool,
}

/// Checks length, VLAN and station, and takes the VLAN tag out.
#[inline]
fn ethernet_input<F: Frame>(frame: &mut F, port: &PortConfig) -> Result<Arrived, DropReason> {
    if !frame.is_contiguous() {
        return Err(DropReason::FrameChained);
    }
    let untagged = port.vlan.is_none() && frame.stripped_vlan().is_none();
    if untagged && ethernet::is_ipv4_for(port.mac, frame.bytes()) {
        return Ok(Arrived {
            ether_type: ether_type::IPV4,
            for_group: false,
        });
    }
    any_ethernet_input(frame, port)
}

/// The same of frames that are rarer.
fn any_ethernet_input<F: Frame>(frame: &mut F, port: &PortConfig) -> Result<Arrived, DropReason> {
    let header = ethernet::Header::parse(frame.bytes())
        .map_err(|ethernet::Malformed::Short| DropReason::EthernetShort)?;
    let stripped = frame.stripped_vlan().map(|tag| tag & ethernet::VLAN_MASK);
    // VLAN 0 is a priority without a VLAN (IEEE 802.1Q §9.6).
    let vlan = header.vlan.or(stripped).filter(|vlan| *vlan != 0);
    if vlan != port.vlan {
        return Err(DropReason::VlanMismatch);
    }
    let for_group = ethernet::is_group(header.destination);
    if !for_group && header.destination != port.mac {
        return Err(DropReason::ForeignMac);
    }
    if header.vlan.is_some() {
        frame.bytes_mut().copy_within(..TAG_OFFSET, TAG_LENGTH);
        frame.trim_front(TAG_LENGTH);
    }
    Ok(Arrived {
        ether_type: header.ether_type,
        for_group,
    })
}

#[expect(clippy::inline_always, reason = "a call for each packet is felt")]
#[inline(always)]
fn ipv4_input<F: Frame>(
    packet: &mut Packet<F>,
    view: &View,
    directory: &mut Directory,
    routes: &Snapshot,
    side: Side,
) -> Verdict {
    let bytes = packet.frame.bytes().get(ethernet::HEADER_LENGTH..);
    let header = match ipv4::Header::parse(bytes.unwrap_or_default()) {
        Ok(header) => header,
        Err(reason) => return Verdict::Drop(reason.into()),
    };
    packet.meta.ip = header;
    if let Some(local) = view.local(header.destination) {
        if header.protocol != protocol::GRE {
            return punt(local_class(packet, view));
        }
        strip(packet);
        if header.is_fragment() {
            packet.meta.key.local = local;
            let (worker, entry) = (fragment_owner(&header, view), Entry::Fragment);
            return Verdict::Steer { worker, entry };
        }
        let call_id = locate::note_call(packet, local);
        let (worker, entry) = (view.buckets.worker(call_id), Entry::Upstream);
        return Verdict::Steer { worker, entry };
    }
    if directory.contains(header.destination) {
        if side == Side::Access {
            return Verdict::Drop(DropReason::PoolFromAccessSide);
        }
        if header.time_to_live <= 1 {
            // The kernel has the pool's route by the TUN, and says Time Exceeded.
            return punt(PuntClass::Exception);
        }
        strip(packet);
        let (worker, entry) = (view.index, Entry::Downstream);
        return Verdict::Steer { worker, entry };
    }
    if routes.lookup(header.destination) == NextHop::Local {
        return if header.protocol == protocol::GRE {
            Verdict::Drop(DropReason::GreNotListening)
        } else {
            punt(local_class(packet, view))
        };
    }
    // Whoever is on the clients' side reaches the network behind us by a call, or not at all.
    if side == Side::Access {
        return Verdict::Drop(DropReason::TransitFromAccessSide);
    }
    punt(PuntClass::Exception)
}

/// Takes off the Ethernet header and the padding.
#[inline]
fn strip<F: Frame>(packet: &mut Packet<F>) {
    let length = usize::from(packet.meta.ip.total_length);
    packet.frame.narrow(ethernet::HEADER_LENGTH, length);
}

/// Where a TCP header has its flags, and two of them (RFC 9293 §3.1).
const TCP_FLAGS: usize = 13;
const TCP_SYN: u8 = 0x02;
const TCP_ACK: u8 = 0x10;

/// TCP to the control port is more important than anything else that is ours. Later fragments have
/// no port; control messages are never fragmented.
fn local_class<F: Frame>(packet: &Packet<F>, view: &View) -> PuntClass {
    let header = &packet.meta.ip;
    let segment = ethernet::HEADER_LENGTH + usize::from(header.header_length);
    let port = u16_at(packet.frame.bytes(), segment + 2);
    let is_control = header.protocol == protocol::TCP
        && header.fragment_offset == 0
        && port == Some(view.control_port);
    let flags = u8_at(packet.frame.bytes(), segment + TCP_FLAGS).unwrap_or(0);
    match is_control {
        true if flags & (TCP_SYN | TCP_ACK) == TCP_SYN => PuntClass::Opening,
        true => PuntClass::Control,
        false => PuntClass::Local,
    }
}

/// All fragments of a datagram go to one worker, whatever queue they came in by.
fn fragment_owner(header: &ipv4::Header, view: &View) -> u8 {
    let mut hash =
        u64::from(header.source.to_bits()) << 32 | u64::from(header.destination.to_bits());
    hash = (hash ^ u64::from(header.identification)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let owner = (hash >> 32) % u64::from(view.buckets.workers());
    u8::try_from(owner).unwrap_or(0)
}
