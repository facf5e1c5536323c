//! A burst on its way through the nodes: up to 64 frames, each with one cache line of notes.

use std::net::Ipv4Addr;

use arrayvec::ArrayVec;

use super::compression::Packing;
use super::drop_reason::DropReason;
use super::flow_table::Arrival;
use super::source::Sender;
use super::stats::FrameCount;
use super::window::Standing;
use crate::clock::Timestamp;
use crate::flow::FlowKey;
use crate::mppe::decrypt::DecryptRefusal;
use crate::routing::NextHop;
use crate::wire::call_id::CallId;
use crate::wire::ipv4;
use crate::wire::ppp::Protocol;

/// Most frames in a burst.
pub const BURST: usize = 64;

/// No flow is known yet, in [`Meta::flow`].
pub const NO_FLOW: u32 = u32::MAX;

/// Frames as a port takes and gives them.
pub type Burst<F> = ArrayVec<F, BURST>;

/// Where a packet for a client comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Origin {
    /// By a port: we are a hop on its way.
    Wire,
    /// From the kernel by the TUN, or made by us.
    Kernel,
    /// From another client, decrypted and checked.
    Client,
}

/// What MPPE has to do with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// The frame is in clear.
    Clear,
    /// Encrypted: to be decrypted, or to be sent so.
    Encrypted,
    /// Decrypted, and it looks right.
    Decrypted,
    /// Could not be decrypted.
    Refused(DecryptRefusal),
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Direction {
    /// From a client.
    Upstream,
    /// To a client.
    Downstream,
}

/// What the nodes noted about one frame.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Meta {
    /// Slot of the flow in this worker's table; means nothing to another worker.
    pub flow: u32,
    /// GRE sequence number.
    pub sequence: u32,
    /// The flow's name.
    pub key: FlowKey,
    /// What the frame carries: IPv4, or IPv6 of an agreement.
    pub protocol: Protocol,
    /// Header of the IPv4 packet that the frame is now: the outer one, later the inner one.
    pub ip: ipv4::Header,
    /// Where the packet goes next.
    pub next_hop: NextHop,
    /// Port that the frame came in by.
    pub port: u8,
    /// Where the packet comes from.
    pub origin: Origin,
    /// Which way it goes.
    pub direction: Direction,
    /// Whether it is encrypted.
    pub cipher: Cipher,
    /// Whether it is compressed, or may be.
    pub packing: Packing,
    /// Why its sequence number is believed.
    pub standing: Standing,
    /// Who sent it, by its source address.
    pub sender: Sender,
    /// The header of MPPE and MPPC to send.
    pub mppe_header: [u8; 2],
}

const _: () = assert!(size_of::<Meta>() <= 64, "notes are one cache line");

impl Meta {
    /// Nothing is known but the port.
    #[must_use]
    pub const fn new(port: u8) -> Self {
        let nowhere = Ipv4Addr::UNSPECIFIED;
        Self {
            flow: NO_FLOW,
            sequence: 0,
            key: FlowKey::new(0, CallId::new(0)),
            protocol: Protocol::IPV4,
            ip: ipv4::Header::plain(0, nowhere, nowhere, 0),
            next_hop: NextHop::Unreachable,
            port,
            origin: Origin::Wire,
            direction: Direction::Upstream,
            cipher: Cipher::Clear,
            packing: Packing::Off,
            standing: Standing::Within,
            sender: Sender::Peer,
            mppe_header: [0; 2],
        }
    }
}

/// A frame and its notes.
pub struct Packet<F> {
    /// The bytes from the current layer on.
    pub frame: F,
    /// The notes.
    pub meta: Meta,
}

impl<F> Packet<F> {
    /// A frame that came in by `port`.
    pub const fn new(frame: F, port: u8) -> Self {
        Self {
            frame,
            meta: Meta::new(port),
        }
    }

    /// What the sequence window wants to know of a frame from a client.
    #[inline]
    #[must_use]
    pub const fn arrival(&self, now: Timestamp) -> Arrival {
        Arrival {
            sequence: self.meta.sequence,
            standing: self.meta.standing,
            source: self.meta.ip.source,
            now,
        }
    }
}

/// Where a frame enters the nodes of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Entry {
    /// An Ethernet frame as a port has received it.
    Received,
    /// A fragment of a GRE packet to us.
    Fragment,
    /// A GRE packet to us, from its outer IPv4 header on.
    Upstream,
    /// An IPv4 packet to a client.
    Downstream,
    /// An IPv4 packet of our own.
    Answer,
    /// An answer to a client's IPv6 Echo-Request. Only ever enters the worker of its call.
    Echo,
}

/// Which share of the slow path's time a punted frame is charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PuntClass {
    /// TCP of control connections.
    Control,
    /// The first segment of a new control connection.
    Opening,
    /// ARP.
    Arp,
    /// Everything else for our own addresses.
    Local,
    /// What only the kernel can forward.
    Exception,
    /// PPP control frames.
    Ppp,
}

impl PuntClass {
    /// How many classes there are.
    pub const COUNT: usize = 6;

    /// Where frames of this class are counted.
    #[must_use]
    pub const fn count(self) -> FrameCount {
        match self {
            Self::Control => FrameCount::PuntedControl,
            Self::Opening => FrameCount::PuntedOpening,
            Self::Arp => FrameCount::PuntedArp,
            Self::Local => FrameCount::PuntedLocal,
            Self::Exception => FrameCount::PuntedException,
            Self::Ppp => FrameCount::PuntedPpp,
        }
    }

    /// Why a frame of this class is dropped when there are too many.
    #[must_use]
    pub const fn policed(self) -> DropReason {
        match self {
            Self::Control => DropReason::PuntControlPoliced,
            Self::Opening => DropReason::PuntOpeningPoliced,
            Self::Arp => DropReason::PuntArpPoliced,
            Self::Local => DropReason::PuntLocalPoliced,
            Self::Exception => DropReason::PuntExceptionPoliced,
            Self::Ppp => DropReason::PuntPppPoliced,
        }
    }
}

/// How a frame goes to the slow path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Punt {
    /// As an Ethernet frame, by the TAP of its port.
    Ethernet(PuntClass),
    /// As an IP packet of its call, by the TUN.
    Inner(PuntClass),
    /// As a PPP frame of its call.
    Ppp,
}

/// What a node says about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// On to the next node.
    Next,
    /// To the nodes from `entry` on, in `worker`, which may be this one.
    Steer {
        /// The worker.
        worker: u8,
        /// Where it enters.
        entry: Entry,
    },
    /// To be cut into pieces that fit `mtu`, before it goes on.
    Fragment {
        /// Longest piece, in bytes.
        mtu: u16,
    },
    /// To the slow path.
    Punt(Punt),
    /// The frame has done its work.
    Consume(FrameCount),
    /// Lost.
    Drop(DropReason),
}

impl Verdict {
    /// What the `next` node says, if this one lets the packet pass.
    #[inline]
    #[must_use]
    pub fn then(self, next: impl FnOnce() -> Self) -> Self {
        if self == Self::Next { next() } else { self }
    }
}

/// A burst between two nodes.
pub struct Batch<F> {
    live: Box<ArrayVec<Packet<F>, BURST>>,
    spare: Box<ArrayVec<Packet<F>, BURST>>,
}

impl<F> Default for Batch<F> {
    fn default() -> Self {
        Self {
            live: Box::default(),
            spare: Box::default(),
        }
    }
}

impl<F> Batch<F> {
    /// The packets, in order.
    pub fn packets(&mut self) -> &mut ArrayVec<Packet<F>, BURST> {
        &mut self.live
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Runs a node over the burst. What the node lets pass stays, in order; the rest goes to `exit`.
    #[inline]
    pub fn stage(
        &mut self,
        node: impl FnMut(&mut Packet<F>) -> Verdict,
        exit: impl FnMut(Packet<F>, Verdict),
    ) {
        let odd = judge(self.live.iter_mut(), Verdict::Next, node);
        self.part(&odd, exit);
    }

    /// Runs a node that mostly says the same of all packets of a burst: answers what it says of the
    /// first, and keeps the packets of which it says so too. The rest goes to `exit`.
    #[inline]
    pub fn sort(
        &mut self,
        mut node: impl FnMut(&mut Packet<F>) -> Verdict,
        exit: impl FnMut(Packet<F>, Verdict),
    ) -> Option<Verdict> {
        let usual = node(self.live.first_mut()?);
        let mut odd = judge(self.live.iter_mut().skip(1), usual, node);
        odd.iter_mut().for_each(|(place, _)| *place += 1);
        self.part(&odd, exit);
        Some(usual)
    }

    /// Takes out the odd packets; the others stay in order. Mostly there is none, and then nothing
    /// moves.
    #[inline]
    fn part(&mut self, odd: &Odd, exit: impl FnMut(Packet<F>, Verdict)) {
        if let Some((first, _)) = odd.first() {
            self.part_from(*first, odd, exit);
        }
    }

    fn part_from(&mut self, first: usize, odd: &Odd, mut exit: impl FnMut(Packet<F>, Verdict)) {
        let mut odd = odd.iter().peekable();
        for (place, packet) in (first..).zip(self.live.drain(first..)) {
            match odd.next_if(|(odd, _)| *odd == place) {
                Some((_, verdict)) => exit(packet, *verdict),
                // As many places as in `live`, so one is always free.
                None => drop(self.spare.try_push(packet)),
            }
        }
        self.live.extend(self.spare.drain(..));
    }
}

/// The packets of a burst of which a node did not say what it says of most, by their places.
type Odd = ArrayVec<(usize, Verdict), BURST>;

#[inline]
fn judge<'a, F: 'a>(
    packets: impl Iterator<Item = &'a mut Packet<F>>,
    usual: Verdict,
    mut node: impl FnMut(&mut Packet<F>) -> Verdict,
) -> Odd {
    let mut odd = Odd::new();
    for (place, packet) in packets.enumerate() {
        let verdict = node(packet);
        if verdict != usual {
            // As many places as in a burst.
            let _full = odd.try_push((place, verdict));
        }
    }
    odd
}

/// Frames that wait to enter the nodes of this worker.
pub struct Entries<F> {
    /// See [`Entry::Received`].
    pub received: Batch<F>,
    /// See [`Entry::Fragment`].
    pub fragments: Batch<F>,
    /// See [`Entry::Upstream`].
    pub upstream: Batch<F>,
    /// See [`Entry::Downstream`].
    pub downstream: Batch<F>,
    /// See [`Entry::Answer`].
    pub answers: Batch<F>,
    /// See [`Entry::Echo`].
    pub echoes: Batch<F>,
}

impl<F> Default for Entries<F> {
    fn default() -> Self {
        Self {
            received: Batch::default(),
            fragments: Batch::default(),
            upstream: Batch::default(),
            downstream: Batch::default(),
            answers: Batch::default(),
            echoes: Batch::default(),
        }
    }
}

impl<F> Entries<F> {
    /// The burst that enters at `entry`.
    pub fn at(&mut self, entry: Entry) -> &mut Batch<F> {
        match entry {
            Entry::Received => &mut self.received,
            Entry::Fragment => &mut self.fragments,
            Entry::Upstream => &mut self.upstream,
            Entry::Downstream => &mut self.downstream,
            Entry::Answer => &mut self.answers,
            Entry::Echo => &mut self.echoes,
        }
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.received.is_empty()
            && self.fragments.is_empty()
            && self.upstream.is_empty()
            && self.downstream.is_empty()
            && self.answers.is_empty()
            && self.echoes.is_empty()
    }
}
