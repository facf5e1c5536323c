//! Every way in which a frame can be lost. A node that refuses a frame says which one it is, and it
//! is counted per worker and per call: no other way to lose a frame exists.

use super::window::WindowRefusal;
use crate::counted_enum;
use crate::mppc;
use crate::mppe::decrypt::DecryptRefusal;
use crate::wire::{gre, ipv4};

counted_enum! {
    /// Why a frame was dropped.
    pub enum DropReason {
        /// The port delivered the frame in several buffers: it is longer than we take.
        FrameChained => "frame_chained",
        /// No port has this number.
        PortUnknown => "port_unknown",
        /// The port's transmit queue is full.
        TxFull => "tx_full",
        /// The port's pool has no buffer left.
        NoBuffer => "no_buffer",
        /// No room in front of the frame for the headers.
        HeadroomShort => "headroom_short",
        /// The ring to the worker that owns the frame is full.
        HandoffFull => "handoff_full",

        /// Shorter than an Ethernet header.
        EthernetShort => "ethernet_short",
        /// Not the VLAN tag that the port carries.
        VlanMismatch => "vlan_mismatch",
        /// Addressed to another station.
        ForeignMac => "foreign_mac",

        /// Too many frames of the control connections for the slow path.
        PuntControlPoliced => "punt_control_policed",
        /// Too many new control connections for the slow path.
        PuntOpeningPoliced => "punt_opening_policed",
        /// Too many ARP frames for the slow path.
        PuntArpPoliced => "punt_arp_policed",
        /// Too many frames to our own addresses for the slow path.
        PuntLocalPoliced => "punt_local_policed",
        /// Too many packets that only the kernel can forward.
        PuntExceptionPoliced => "punt_exception_policed",
        /// Too many PPP control frames for the slow path.
        PuntPppPoliced => "punt_ppp_policed",
        /// Too many PPP control frames of one call.
        PuntPppCallPoliced => "punt_ppp_call_policed",
        /// Too many packets of one call that only the kernel can take.
        PuntInnerCallPoliced => "punt_inner_call_policed",
        /// The ring to the slow path is full.
        PuntRingFull => "punt_ring_full",
        /// Too long for the ring to the slow path.
        PuntTooLong => "punt_too_long",

        /// Outer packet: shorter than an IPv4 header.
        Ipv4Short => "ipv4_short",
        /// Outer packet: another version than 4.
        Ipv4Version => "ipv4_version",
        /// Outer packet: header length below 20.
        Ipv4HeaderLength => "ipv4_header_length",
        /// Outer packet: total length below header length.
        Ipv4TotalLength => "ipv4_total_length",
        /// Outer packet: total length beyond the frame.
        Ipv4Truncated => "ipv4_truncated",
        /// Outer packet: header checksum wrong.
        Ipv4Checksum => "ipv4_checksum",
        /// GRE to an address of ours that is not in `server.listen`.
        GreNotListening => "gre_not_listening",
        /// From a port where only clients are, outside of any call, and not for us.
        TransitFromAccessSide => "transit_from_access_side",
        /// For a client's address, but from a port where only clients are.
        PoolFromAccessSide => "pool_from_access_side",

        /// A fragment that is no whole number of 8-byte blocks, or empty.
        FragmentMalformed => "fragment_malformed",
        /// A fragment that reaches beyond the longest datagram that we put together.
        FragmentTooLong => "fragment_too_long",
        /// A fragment that overlaps others: the whole datagram is given up.
        FragmentOverlap => "fragment_overlap",
        /// A fragment that we have.
        FragmentDuplicate => "fragment_duplicate",
        /// An unfinished datagram of an address that has too many gave way to a newer one of it.
        FragmentSourceLimit => "fragment_source_limit",
        /// An unfinished datagram gave way to a newer one of any address.
        FragmentEvicted => "fragment_evicted",
        /// The rest of the datagram did not come in time.
        FragmentTimeout => "fragment_timeout",

        /// Enhanced GRE: shorter than its header.
        GreShort => "gre_short",
        /// Enhanced GRE: not version 1.
        GreVersion => "gre_version",
        /// Enhanced GRE: does not carry PPP.
        GreProtocolType => "gre_protocol_type",
        /// Enhanced GRE: no key.
        GreKeyMissing => "gre_key_missing",
        /// Enhanced GRE: a bit that must be zero is not.
        GreForbiddenFlags => "gre_forbidden_flags",
        /// Enhanced GRE: payload length beyond the packet.
        GrePayloadLength => "gre_payload_length",
        /// Enhanced GRE: a payload without a sequence number.
        GreSequenceMissing => "gre_sequence_missing",
        /// No call has this Call ID.
        GreCallIdUnknown => "gre_call_id_unknown",
        /// Not from an address that the call may have, or not proved to be.
        GrePeerAddress => "gre_peer_address",
        /// A sequence number that was received before.
        SequenceDuplicate => "sequence_duplicate",
        /// A sequence number too far behind or ahead.
        SequenceOutOfWindow => "sequence_out_of_window",

        /// No PPP frame.
        PppMalformed => "ppp_malformed",
        /// Clear user data on a call that must be encrypted or is.
        PlaintextRefused => "plaintext_refused",
        /// Encrypted user data before decryption was armed.
        MppeNotArmed => "mppe_not_armed",
        /// See [`DecryptRefusal::HeaderShort`].
        MppeHeaderShort => "mppe_header_short",
        /// See [`DecryptRefusal::NotEncrypted`].
        MppeNotEncrypted => "mppe_not_encrypted",
        /// See [`DecryptRefusal::Compressed`].
        MppeCompressed => "mppe_compressed",
        /// See [`DecryptRefusal::FarCount`].
        MppeFarCount => "mppe_far_count",
        /// See [`DecryptRefusal::Duplicate`].
        MppeDuplicate => "mppe_duplicate",
        /// See [`DecryptRefusal::KeyGone`].
        MppeKeyGone => "mppe_key_gone",
        /// See [`DecryptRefusal::OutOfStep`].
        MppeOutOfStep => "mppe_out_of_step",
        /// See [`DecryptRefusal::Implausible`].
        MppeImplausible => "mppe_implausible",
        /// See [`DecryptRefusal::BudgetExhausted`].
        MppeBudgetExhausted => "mppe_budget_exhausted",

        /// See [`mppc::Refusal::OutOfStep`]; or a late frame of a call that compresses and does not
        /// encrypt.
        MppcOutOfStep => "mppc_out_of_step",
        /// See [`mppc::Refusal::NotACode`].
        MppcNotACode => "mppc_not_a_code",
        /// See [`mppc::Refusal::HistoryFull`].
        MppcHistoryFull => "mppc_history_full",
        /// See [`mppc::Refusal::PacketTooLong`].
        MppcPacketTooLong => "mppc_packet_too_long",

        /// What a client sent is not an IPv4 packet of right lengths and checksum.
        InnerMalformed => "inner_malformed",
        /// User data before IPCP has agreed on an address.
        NotForwarding => "not_forwarding",
        /// Not from the address that the client leases.
        SourceNotLease => "source_not_lease",
        /// From a client to a client, which policy does not allow.
        ClientToClientRefused => "client_to_client_refused",
        /// From a client to one of our own addresses, which policy does not allow.
        ClientToServerRefused => "client_to_server_refused",
        /// A client's packet to everybody, a group or nobody.
        InnerNotUnicast => "inner_not_unicast",
        /// IPv6 on a call whose IPv6CP did not agree on it.
        Ipv6NotAgreed => "ipv6_not_agreed",
        /// IPv6 of wrong lengths, or an Echo-Request with a wrong checksum or no hop left.
        Ipv6Malformed => "ipv6_malformed",
        /// IPv6 that is no Echo-Request from the client's link-local address to ours.
        Ipv6NotRouted => "ipv6_not_routed",
        /// Too many IPv6 Echo-Requests of one call.
        Ipv6EchoPoliced => "ipv6_echo_policed",
        /// A route says so.
        RouteBlackhole => "route_blackhole",

        /// Nobody leases the destination.
        NoLease => "no_lease",
        /// Encryption is required and not armed yet.
        EncryptionNotReady => "encryption_not_ready",
        /// The Ethernet address of the way to the client is not known.
        NeighbourUnresolved => "neighbour_unresolved",
        /// There is no way to the client by one of our ports.
        PeerUnreachable => "peer_unreachable",
        /// The client has not acknowledged so much that its receive window has no room.
        SendWindowFull => "send_window_full",
        /// Longer than the call's MTU, must not be fragmented, and the sender may not be told now.
        MtuExceeded => "mtu_exceeded",
        /// Too many pieces at once.
        FragmentsTooMany => "fragments_too_many",
    }
}

impl From<ipv4::Malformed> for DropReason {
    fn from(reason: ipv4::Malformed) -> Self {
        match reason {
            ipv4::Malformed::Short => Self::Ipv4Short,
            ipv4::Malformed::Version => Self::Ipv4Version,
            ipv4::Malformed::HeaderLength => Self::Ipv4HeaderLength,
            ipv4::Malformed::TotalLength => Self::Ipv4TotalLength,
            ipv4::Malformed::Truncated => Self::Ipv4Truncated,
            ipv4::Malformed::Checksum => Self::Ipv4Checksum,
        }
    }
}

impl From<gre::Malformed> for DropReason {
    fn from(reason: gre::Malformed) -> Self {
        match reason {
            gre::Malformed::Short => Self::GreShort,
            gre::Malformed::Version => Self::GreVersion,
            gre::Malformed::ProtocolType => Self::GreProtocolType,
            gre::Malformed::KeyMissing => Self::GreKeyMissing,
            gre::Malformed::ForbiddenFlags => Self::GreForbiddenFlags,
            gre::Malformed::PayloadLength => Self::GrePayloadLength,
            gre::Malformed::SequenceMissing => Self::GreSequenceMissing,
        }
    }
}

impl From<WindowRefusal> for DropReason {
    fn from(refusal: WindowRefusal) -> Self {
        match refusal {
            WindowRefusal::Duplicate => Self::SequenceDuplicate,
            WindowRefusal::OutOfWindow => Self::SequenceOutOfWindow,
        }
    }
}

impl From<DecryptRefusal> for DropReason {
    fn from(refusal: DecryptRefusal) -> Self {
        match refusal {
            DecryptRefusal::NoKeys => Self::MppeNotArmed,
            DecryptRefusal::HeaderShort => Self::MppeHeaderShort,
            DecryptRefusal::NotEncrypted => Self::MppeNotEncrypted,
            DecryptRefusal::Compressed => Self::MppeCompressed,
            DecryptRefusal::FarCount => Self::MppeFarCount,
            DecryptRefusal::Duplicate => Self::MppeDuplicate,
            DecryptRefusal::KeyGone => Self::MppeKeyGone,
            DecryptRefusal::OutOfStep => Self::MppeOutOfStep,
            DecryptRefusal::Implausible => Self::MppeImplausible,
            DecryptRefusal::BudgetExhausted => Self::MppeBudgetExhausted,
        }
    }
}

impl From<mppc::Refusal> for DropReason {
    fn from(refusal: mppc::Refusal) -> Self {
        match refusal {
            mppc::Refusal::OutOfStep => Self::MppcOutOfStep,
            mppc::Refusal::NotACode => Self::MppcNotACode,
            mppc::Refusal::HistoryFull => Self::MppcHistoryFull,
            mppc::Refusal::PacketTooLong => Self::MppcPacketTooLong,
        }
    }
}

impl DropReason {
    /// The layer that refuses: a heading in tables.
    #[must_use]
    pub const fn layer(self) -> &'static str {
        let position = self as u8;
        if position < Self::EthernetShort as u8 {
            "port"
        } else if position < Self::PuntControlPoliced as u8 {
            "ethernet"
        } else if position < Self::Ipv4Short as u8 {
            "punt"
        } else if position < Self::FragmentMalformed as u8 {
            "ipv4"
        } else if position < Self::GreShort as u8 {
            "reassembly"
        } else if position < Self::PppMalformed as u8 {
            "gre"
        } else if position < Self::MppeNotArmed as u8 {
            "ppp"
        } else if position < Self::MppcOutOfStep as u8 {
            "mppe"
        } else if position < Self::InnerMalformed as u8 {
            "mppc"
        } else if position < Self::NoLease as u8 {
            "inner"
        } else {
            "downstream"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_layers_come_in_order_without_gaps() {
        let names: BTreeSet<&str> = DropReason::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), DropReason::COUNT);
        let mut layers: Vec<&str> = DropReason::ALL
            .iter()
            .map(|reason| reason.layer())
            .collect();
        layers.dedup();
        let wanted = "port ethernet punt ipv4 reassembly gre ppp mppe mppc inner downstream";
        assert_eq!(layers.join(" "), wanted);
    }
}
