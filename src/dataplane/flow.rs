//! The record of one flow: plain data of a fixed size, owned by one worker.

use std::net::Ipv4Addr;

use super::compression::{FlowPacking, Packing};
use super::policer::Policer;
use super::send_window::SendWindow;
use super::source::PeerSource;
use super::window::{Committed, SequenceWindow, Standing, WindowRefusal};
use crate::clock::Timestamp;
use crate::flow::{
    Encryption, FlowCounters, FlowKey, FlowPolicy, FlowRates, OpenCall, PeerReceive,
};
use crate::mppe::decrypt::DecryptState;
use crate::mppe::encrypt::EncryptState;
use crate::mppe::keys::{DownstreamKey, Mode, UpstreamKey};
use crate::mppe::plausible::Agreed;
use crate::wire::call_id::CallId;
use crate::wire::ipv4;
use crate::wire::ipv6::InterfaceIdentifier;

/// Bytes that MPPE or MPPC adds to a PPP frame: its header, and the protocol field inside (RFC 3078 §3).
pub const MPPE_OVERHEAD: u16 = 4;
/// IPv4 and TCP headers without options: a segment has the rest of a packet.
const IPV4_AND_TCP_BYTES: u16 = 40;
/// Bytes around the IP packet of a clear frame: outer IPv4, GRE with both numbers, PPP.
pub const CLEAR_OVERHEAD: u16 = 20 + 16 + 4;

/// What a flow may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Permissions {
    /// The slot is in use.
    pub open: bool,
    /// The peer's Call ID is known: GRE may go to it.
    pub connected: bool,
    /// There was proof of authentication.
    pub authorised: bool,
    /// IP packets pass from the client.
    pub upstream: bool,
    /// IP packets pass to the client.
    pub downstream: bool,
    /// What the directory leads here is the client's, beside its lease.
    pub networks: bool,
    /// There are keys for what the client sends.
    pub decrypts: bool,
    /// There are keys for what the client is sent.
    pub encrypts: bool,
}

/// What IPv6CP agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Ipv6Ends {
    /// Our interface identifier; zero without an agreement.
    pub local: InterfaceIdentifier,
    /// The client's; zero without an agreement.
    pub peer: InterfaceIdentifier,
}

impl Ipv6Ends {
    /// The ends, if there is an agreement.
    #[must_use]
    pub fn agreed(self) -> Option<Self> {
        (!self.local.is_zero() && !self.peer.is_zero()).then_some(self)
    }

    /// What decryption may take for a packet.
    #[must_use]
    pub fn plausible(self) -> Agreed {
        self.agreed()
            .map_or(Agreed::Ipv4, |Self { peer, .. }| Agreed::Ipv4AndIpv6 {
                peer,
            })
    }
}

/// Whether the peer waits for an acknowledgment (RFC 2637 §4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Owed {
    /// Since when.
    pub since: Timestamp,
    /// Whether there is anything to acknowledge.
    pub owed: bool,
    /// Whether the slot waits in the schedule of lone acknowledgments; outlives the flow.
    pub queued: bool,
    /// The same for acknowledgments that do not wait.
    pub urgent: bool,
    /// For how many frames.
    pub frames: u16,
}

/// Where the hold of early frames stands (`dataplane/reorder.rs`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Order {
    /// The number of the frame that goes on next.
    pub next: u32,
    /// Frames that wait.
    pub held: u16,
    /// Whether any frame has gone on.
    pub begun: bool,
}

/// A flow. An empty one is all zero but for `Owed::queued` and `Owed::urgent`.
///
/// What a packet in clear needs, either way, is in the first two cache lines, which processors fetch
/// as a pair; and what one with MPPE needs besides, in that of its keys.
#[repr(C, align(128))]
pub struct Flow {
    /// What it may do.
    pub permissions: Permissions,
    /// Whether [`Self::send_window`] limits anything.
    pub windowed: bool,
    /// What is compressed.
    pub packing: FlowPacking,
    /// What to enforce.
    pub policy: FlowPolicy,
    /// The client's address, and what it rests on.
    pub peer: PeerSource,
    /// The address that the client leases.
    pub lease: Ipv4Addr,
    /// Our address on the link, if the peer assigned it.
    pub local_end: Ipv4Addr,
    /// Its name.
    pub key: FlowKey,
    /// Longest PPP information field that the client takes, in bytes.
    pub mtu: u16,
    /// The client's Call ID.
    pub peer_call_id: CallId,
    /// Sequence number of the next GRE packet to the client.
    pub next_sequence: u32,
    /// The newest of our packets that the client has acknowledged, less one if none.
    pub peer_acknowledged: u32,
    /// Our address.
    pub local_address: Ipv4Addr,
    /// Sequence numbers from the client.
    pub window: SequenceWindow,
    /// Acknowledgments to the client.
    pub owed: Owed,
    /// Frames since the last one that could be decrypted, of those that say something of the keys.
    pub implausible: u32,
    /// Early frames from the client.
    pub order: Order,
    /// How much may be on its way to the client, if the server honours windows.
    pub send_window: SendWindow,
    /// PPP control frames to the slow path.
    pub control: Policer,
    /// IP packets to the kernel, and IPv6 echoes.
    pub exceptions: Policer,
    /// What IPv6CP agreed on.
    pub ipv6: Ipv6Ends,
    /// Wishes that the client starts its stateful encryption afresh.
    pub resets: Policer,
    /// How fast it may be.
    pub rates: FlowRates,
    /// Keys from the client, once armed.
    pub decrypt: Option<DecryptState>,
    /// Keys to the client, once armed.
    pub encrypt: Option<EncryptState>,
    /// Start key that was not used yet.
    pub upstream_key: Option<UpstreamKey>,
    /// Start key that was not used yet.
    pub downstream_key: Option<DownstreamKey>,
}

const _: () = assert!(
    std::mem::offset_of!(Flow, owed) + size_of::<Owed>() <= 128,
    "what every packet needs is two cache lines"
);

const _: () = assert!(
    size_of::<Flow>() <= 512,
    "a million flows shall fit half a gigabyte"
);

/// Nothing is required of a flow without a policy, but nothing passes either.
const NO_POLICY: FlowPolicy = FlowPolicy {
    encryption: Encryption::Required,
    client_to_client: false,
    mss_max: 0,
};

impl Flow {
    /// An unused slot.
    pub(super) fn empty() -> Self {
        Self {
            key: FlowKey::new(0, CallId::new(0)),
            local_address: Ipv4Addr::UNSPECIFIED,
            peer: PeerSource::new(Ipv4Addr::UNSPECIFIED),
            lease: Ipv4Addr::UNSPECIFIED,
            local_end: Ipv4Addr::UNSPECIFIED,
            peer_call_id: CallId::new(0),
            mtu: 0,
            next_sequence: 0,
            peer_acknowledged: u32::MAX,
            policy: NO_POLICY,
            permissions: Permissions::default(),
            windowed: false,
            implausible: 0,
            window: SequenceWindow::default(),
            owed: Owed::default(),
            order: Order::default(),
            send_window: SendWindow::default(),
            control: Policer::default(),
            exceptions: Policer::default(),
            ipv6: Ipv6Ends::default(),
            resets: Policer::default(),
            packing: FlowPacking::default(),
            rates: FlowRates::default(),
            decrypt: None,
            encrypt: None,
            upstream_key: None,
            downstream_key: None,
        }
    }

    /// Starts a call in this slot.
    pub(super) fn open(&mut self, key: FlowKey, call: OpenCall) {
        self.close();
        self.key = key;
        self.local_address = call.local_address;
        self.peer = PeerSource::new(call.peer_address);
        self.set_peer_receive(call.peer_receive);
        self.permissions.open = true;
        if let Some(call_id) = call.peer_call_id {
            self.connect(call_id);
        }
    }

    /// The peer has told its Call ID.
    pub(super) const fn connect(&mut self, peer_call_id: CallId) {
        self.peer_call_id = peer_call_id;
        self.permissions.connected = true;
    }

    /// Only control frames pass from here on. Dropping the keys wipes them.
    pub(super) fn suspend(&mut self) {
        let Permissions {
            open, connected, ..
        } = self.permissions;
        self.permissions = Permissions {
            open,
            connected,
            ..Permissions::default()
        };
        self.policy = NO_POLICY;
        self.rates = FlowRates::default();
        self.local_end = Ipv4Addr::UNSPECIFIED;
        self.ipv6 = Ipv6Ends::default();
        self.implausible = 0;
        self.packing = FlowPacking::default();
        self.decrypt = None;
        self.encrypt = None;
        self.upstream_key = None;
        self.downstream_key = None;
    }

    /// The client has lost step, or will: the next frame to it starts its encryption and compression
    /// afresh, if they run on from frame to frame.
    pub(super) fn start_afresh(&mut self) {
        self.packing.flush = true;
        if let Some(encrypt) = &mut self.encrypt {
            encrypt.flush();
        }
    }

    /// Empties the slot. Dropping the keys wipes them.
    pub(super) fn close(&mut self) {
        let Owed { queued, urgent, .. } = self.owed;
        *self = Self::empty();
        self.owed.queued = queued;
        self.owed.urgent = urgent;
    }

    /// The client says of its receive side what it had not said when the flow was opened.
    pub(super) fn set_peer_receive(&mut self, receive: PeerReceive) {
        self.send_window = SendWindow::new(receive);
        self.windowed = self.send_window.is_on();
    }

    /// What comes encrypted is decrypted from now on.
    pub(super) fn arm_upstream(&mut self, keys: DecryptState) {
        self.decrypt = Some(keys);
        self.permissions.decrypts = true;
        self.implausible = 0;
    }

    /// What goes to the client is encrypted from now on.
    pub(super) fn arm_downstream(&mut self, keys: EncryptState) {
        self.encrypt = Some(keys);
        self.permissions.encrypts = true;
    }

    /// Whether frames that come early are to wait for those before them. Those of a stateless call
    /// need not: each decrypts with its own key, whenever it comes.
    #[inline]
    #[must_use]
    pub fn wants_order(&self) -> bool {
        let mode = self.decrypt.as_ref().map(DecryptState::mode);
        mode != Some(Mode::Stateless)
    }

    /// Whether clear user data is refused, whichever way it goes.
    #[inline]
    #[must_use]
    pub fn refuses_clear(&self, armed: bool) -> bool {
        armed || self.policy.encryption == Encryption::Required
    }

    /// Longest IP packet for the client if the way there takes `path_mtu`, in bytes.
    #[inline]
    #[must_use]
    pub fn packet_max(&self, path_mtu: u16) -> u16 {
        let link = self.mtu.saturating_sub(self.mppe_overhead());
        link.min(self.path_max(path_mtu)).max(ipv4::MTU_MIN)
    }

    /// Longest IP packet that fits a way of `path_mtu` with everything around it, in bytes.
    #[inline]
    #[must_use]
    pub fn path_max(&self, path_mtu: u16) -> u16 {
        path_mtu.saturating_sub(CLEAR_OVERHEAD + self.mppe_overhead())
    }

    #[inline]
    const fn mppe_overhead(&self) -> u16 {
        if self.permissions.encrypts || !matches!(self.packing.downstream, Packing::Off) {
            MPPE_OVERHEAD
        } else {
            0
        }
    }

    /// The largest TCP segment that fits the call in one piece, if the policy clamps at all; 0 for
    /// none. What the client announces, and what is announced to it, is lowered to this.
    #[inline]
    #[must_use]
    pub fn mss_max(&self) -> u16 {
        let fits = self.packet_max(u16::MAX).saturating_sub(IPV4_AND_TCP_BYTES);
        if self.permissions.downstream {
            self.policy.mss_max.min(fits)
        } else {
            self.policy.mss_max
        }
    }

    /// Our packets that the client has not acknowledged.
    #[inline]
    #[must_use]
    pub const fn outstanding(&self) -> u32 {
        self.next_sequence
            .wrapping_sub(1)
            .wrapping_sub(self.peer_acknowledged)
    }

    /// The client has acknowledged our packets up to `acknowledgment`. Numbers that we have not sent
    /// yet mean nothing.
    #[inline]
    pub fn acknowledged(&mut self, acknowledgment: u32, now: Timestamp) {
        let step = acknowledgment.wrapping_sub(self.peer_acknowledged);
        if step == 0 || step > self.outstanding() {
            return;
        }
        self.peer_acknowledged = acknowledgment;
        if self.windowed {
            self.send_window.acknowledged(acknowledgment, step, now);
        }
    }

    /// Whether the client's window has room for a packet in so many pieces, in this burst
    /// (RFC 2637 §4.2). What it has not acknowledged in time is lost, and makes room.
    #[inline]
    pub fn window_admits(&mut self, pieces: u16, burst: u32, now: Timestamp) -> bool {
        if !self.windowed {
            return true;
        }
        if self.send_window.times_out(self.outstanding(), now) {
            self.peer_acknowledged = self.next_sequence.wrapping_sub(1);
        }
        let outstanding = self.outstanding();
        self.send_window.admits(pieces, outstanding, burst)
    }

    /// The frame with this number has proved right: moves the window, owes an acknowledgment, counts.
    ///
    /// # Errors
    /// [`WindowRefusal`]: of what came in the same burst, something made this one too late.
    #[expect(clippy::inline_always, reason = "a call costs as much as what it does")]
    #[inline(always)]
    pub fn accept(
        &mut self,
        sequence: u32,
        standing: Standing,
        counters: Option<FlowCounters<'_>>,
        now: Timestamp,
    ) -> Result<(), WindowRefusal> {
        let committed = self.window.commit(sequence, standing)?;
        self.owe(now);
        if let Some(counters) = counters {
            counters.heard(now.as_nanos());
            match committed {
                // The newest was never counted as lost.
                Committed::Ahead { missing: 0 } | Committed::Late { behind: 0 } => {}
                Committed::Ahead { missing } => counters.lost(u64::from(missing)),
                Committed::Late { behind } => counters.late(u64::from(behind)),
            }
        }
        Ok(())
    }

    /// Whether this is the number of the newest frame that decrypted.
    #[inline]
    #[must_use]
    pub fn is_newest_proof(&self, sequence: u32) -> bool {
        let newest = self.decrypt.as_ref().map(DecryptState::newest_sequence);
        newest == Some(sequence)
    }

    /// A frame with this number was taken that proves nothing about itself.
    pub fn follow(
        &mut self,
        sequence: u32,
        steps_max: u32,
        counters: Option<FlowCounters<'_>>,
        now: Timestamp,
    ) {
        let missing = self.window.follow(sequence, steps_max);
        self.owe(now);
        if let Some(counters) = counters {
            counters.heard(now.as_nanos());
            counters.lost(u64::from(missing));
        }
    }

    /// There is something to acknowledge.
    #[inline]
    fn owe(&mut self, now: Timestamp) {
        if !self.owed.owed {
            self.owed.owed = true;
            self.owed.since = now;
        }
        self.owed.frames = self.owed.frames.saturating_add(1);
    }

    /// The acknowledgment that is owed, which the caller sends.
    #[inline]
    pub fn take_acknowledgment(&mut self) -> Option<u32> {
        if !self.owed.owed {
            return None;
        }
        self.owed.owed = false;
        self.owed.frames = 0;
        self.window.newest()
    }

    /// The number of the next GRE packet to the client, which the caller sends.
    #[inline]
    pub fn take_sequence(&mut self, now: Timestamp) -> u32 {
        let sequence = self.next_sequence;
        if self.windowed {
            let outstanding = self.outstanding();
            self.send_window.sent(sequence, outstanding, now);
        }
        self.next_sequence = sequence.wrapping_add(1);
        sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn open_flow() -> Flow {
        let mut flow = Flow::empty();
        let call = OpenCall {
            local_address: Ipv4Addr::new(198, 51, 100, 1),
            peer_address: Ipv4Addr::new(198, 51, 100, 2),
            peer_call_id: Some(CallId::new(9)),
            peer_receive: PeerReceive::default(),
        };
        flow.open(FlowKey::new(0, CallId::new(5)), call);
        flow
    }

    #[test]
    fn a_new_flow_may_nothing_and_refuses_clear_data() {
        let flow = open_flow();
        assert!(!flow.permissions.authorised && !flow.permissions.upstream);
        assert!(!flow.permissions.downstream && flow.refuses_clear(false));
    }

    #[test]
    fn a_suspended_flow_is_as_one_that_was_only_opened() {
        let mut flow = open_flow();
        flow.permissions = Permissions {
            open: true,
            connected: true,
            authorised: true,
            upstream: true,
            downstream: true,
            networks: true,
            decrypts: true,
            encrypts: true,
        };
        flow.policy.encryption = Encryption::Off;
        flow.upstream_key = Some(UpstreamKey::from_bytes([1; 16]));
        flow.take_sequence(Timestamp::ZERO);
        flow.suspend();
        let opened = open_flow();
        assert_eq!(flow.permissions, opened.permissions);
        assert_eq!(flow.policy, opened.policy);
        assert!(flow.upstream_key.is_none() && flow.refuses_clear(false));
        assert_eq!(flow.take_sequence(Timestamp::ZERO), 1, "GRE runs on");
    }

    #[test]
    fn s4_3_acknowledgments_are_owed_once_for_all_frames_before() {
        let mut flow = open_flow();
        assert_eq!(flow.take_acknowledgment(), None);
        for sequence in 7..10 {
            let now = Timestamp::from_nanos(u64::from(sequence));
            flow.accept(sequence, Standing::Within, None, now).unwrap();
        }
        assert_eq!(flow.owed.since, Timestamp::from_nanos(7));
        assert_eq!(flow.take_acknowledgment(), Some(9));
        assert_eq!(flow.take_acknowledgment(), None);
    }

    #[test]
    fn acknowledgments_of_the_peer_only_advance_to_what_was_sent() {
        let mut flow = open_flow();
        flow.acknowledged(0, Timestamp::ZERO);
        assert_eq!(flow.peer_acknowledged, u32::MAX, "nothing was sent yet");
        for _ in 0..10 {
            flow.take_sequence(Timestamp::ZERO);
        }
        flow.acknowledged(10, Timestamp::ZERO);
        assert_eq!(flow.peer_acknowledged, u32::MAX);
        flow.acknowledged(9, Timestamp::ZERO);
        flow.acknowledged(4, Timestamp::ZERO);
        assert_eq!(flow.peer_acknowledged, 9);
    }

    #[test]
    fn a_window_limits_only_a_call_that_has_one_and_time_makes_room() {
        let mut flow = open_flow();
        let now = Timestamp::ZERO;
        for _ in 0..100_000 {
            assert!(flow.window_admits(1, 0, now));
            flow.take_sequence(now);
        }
        flow.acknowledged(99_999, now);
        flow.set_peer_receive(PeerReceive {
            window_packets: 8,
            processing_delay_ds: 0,
        });
        for _ in 0..4 {
            assert!(flow.window_admits(1, 1, now));
            flow.take_sequence(now);
        }
        assert!(!flow.window_admits(1, 2, now));
        flow.acknowledged(100_001, now);
        assert_eq!(flow.outstanding(), 2);
        assert!(flow.window_admits(2, 3, now) && !flow.window_admits(1, 3, now));
        let later = now + Duration::from_secs(3);
        assert!(flow.window_admits(1, 4, later), "they are lost");
        assert_eq!((flow.outstanding(), flow.send_window.size()), (0, 2));
    }

    #[test]
    fn the_mtu_leaves_room_for_the_headers_of_both_link_and_path() {
        let mut flow = open_flow();
        flow.mtu = 1400;
        assert_eq!(flow.packet_max(1500), 1400);
        flow.mtu = 1500;
        assert_eq!(flow.packet_max(1500), 1460);
        assert_eq!(flow.packet_max(60), 68, "never below what IPv4 needs");
    }
}
