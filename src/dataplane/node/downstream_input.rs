//! IPv4 to a client: whose it is, whether it may, and whether it fits. Every drop of this direction
//! is here, before encryption, since an encrypted frame that is not sent is a frame lost to the peer.

use crate::clock::Timestamp;
use crate::dataplane::batch::{Cipher, Direction, Entry, NO_FLOW, Origin, Packet, Verdict};
use crate::dataplane::config::View;
use crate::dataplane::drop_reason::DropReason;
use crate::dataplane::flow::Flow;
use crate::dataplane::flow_table::FlowTable;
use crate::dataplane::frame::Frame;
use crate::dataplane::node::inner_input::clamp;
use crate::dataplane::node::locate::NOBODY;
use crate::flow::Encryption;
use crate::routing::{Directory, NextHop, Recent};
use crate::wire::ipv4;

/// Longest headers that are prepended: Ethernet with a tag, IPv4, GRE with both numbers, PPP, MPPE
/// and the protocol field inside.
const HEADERS_MAX: usize = 18 + 20 + 16 + 4 + 2 + 2;

/// Which burst this is, and when.
#[derive(Clone, Copy)]
pub(in crate::dataplane) struct Moment {
    /// Its number.
    pub(in crate::dataplane) burst: u32,
    /// When.
    pub(in crate::dataplane) now: Timestamp,
}

/// An IPv4 packet to a client, that was located. Leaves it with a next hop for the outer packet.
#[expect(clippy::inline_always, reason = "a call for each packet is felt")]
#[inline(always)]
pub(in crate::dataplane) fn run<F: Frame>(
    packet: &mut Packet<F>,
    flows: &mut FlowTable,
    view: &View,
    directory: &mut Directory,
    routes: &mut Recent<'_>,
    moment: Moment,
) -> Verdict {
    packet.meta.direction = Direction::Downstream;
    let header = packet.meta.ip;
    // Nothing is charged to a flow before the packet is known to be its client's.
    let slot = std::mem::replace(&mut packet.meta.flow, NO_FLOW);
    let key = packet.meta.key;
    if key == NOBODY {
        return Verdict::Drop(DropReason::NoLease);
    }
    let worker = view.buckets.worker(key.call_id);
    if worker != view.index {
        let entry = Entry::Downstream;
        return Verdict::Steer { worker, entry };
    }
    let Some(flow) = flows.get_mut(slot) else {
        return Verdict::Drop(DropReason::NoLease);
    };
    // What the directory says may be of yesterday.
    if flow.lease != header.destination && !flow.permissions.networks {
        return Verdict::Drop(DropReason::NoLease);
    }
    packet.meta.flow = slot;
    let from_client =
        packet.meta.origin == Origin::Client || directory.owner(header.source).is_some();
    if from_client && !flow.policy.client_to_client {
        return Verdict::Drop(DropReason::ClientToClientRefused);
    }
    let mtu = match ready(packet, flow, *routes.lookup(flow.peer.address())) {
        Ok(mtu) => mtu,
        Err(reason) => return Verdict::Drop(reason),
    };
    let fits = header.total_length <= mtu;
    let pieces = if fits {
        1
    } else if header.dont_fragment {
        0
    } else {
        header.total_length.div_ceil(mtu)
    };
    if pieces > 0 && !flow.window_admits(pieces, moment.burst, moment.now) {
        return Verdict::Drop(DropReason::SendWindowFull);
    }
    if !fits {
        return Verdict::Fragment { mtu };
    }
    if packet.meta.origin == Origin::Wire {
        // The classifier has left packets without hops to the kernel.
        ipv4::decrement_ttl(packet.frame.bytes_mut());
    }
    clamp(packet, flow);
    Verdict::Next
}

/// Whether the call can take a packet now, and of what length.
#[inline]
fn ready<F: Frame>(
    packet: &mut Packet<F>,
    flow: &Flow,
    next_hop: NextHop,
) -> Result<u16, DropReason> {
    if !flow.permissions.downstream {
        return Err(DropReason::NotForwarding);
    }
    seal(packet, flow, next_hop).map(|path_mtu| flow.packet_max(path_mtu))
}

/// Notes how the packet leaves: encrypted or not, and by what next hop. Answers the longest outer
/// packet on that way.
#[inline]
pub(super) fn seal<F: Frame>(
    packet: &mut Packet<F>,
    flow: &Flow,
    next_hop: NextHop,
) -> Result<u16, DropReason> {
    packet.meta.packing = flow.packing.downstream;
    packet.meta.cipher = match (flow.permissions.encrypts, flow.policy.encryption) {
        (true, _) => Cipher::Encrypted,
        (false, Encryption::Required) => return Err(DropReason::EncryptionNotReady),
        (false, Encryption::Optional | Encryption::Off) => Cipher::Clear,
    };
    let path_mtu = match next_hop {
        NextHop::Port { mtu, .. } => mtu,
        NextHop::Unresolved => return Err(DropReason::NeighbourUnresolved),
        NextHop::Local | NextHop::Kernel | NextHop::Unreachable | NextHop::Blackhole => {
            return Err(DropReason::PeerUnreachable);
        }
    };
    if packet.frame.headroom() < HEADERS_MAX {
        return Err(DropReason::HeadroomShort);
    }
    packet.meta.next_hop = next_hop;
    Ok(path_mtu)
}
