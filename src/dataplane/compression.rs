//! MPPC on calls (RFC 2118): what a flow does, and the histories of the worker.
//!
//! A flow whose packets build upon each other has a place among the histories, of which there are as
//! many as the slow path lets calls agree on. Where each packet stands alone, as with stateless MPPE,
//! one history serves all flows: it is emptied before each packet.

use super::config::MRU_DEFAULT;
use super::drop_reason::DropReason;
use super::frame::Frame;
use super::places::Places;
use crate::mppc::{Compressed, Compressor, Decompressor};
use crate::mppe::decrypt::Recovery;
use crate::wire::ccp::Agreement;
use crate::wire::mppe::{CoherencyCount, HEADER_LENGTH, Header};

/// The longest frame that is tried to be compressed, in bytes: as long as any that fits a buffer.
const PACKED_MAX: usize = 2048;
/// The protocol field, which is compressed with the packet (RFC 2118 §3).
const PROTOCOL_LENGTH: usize = 2;

/// What MPPC does in one direction of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Packing {
    /// Nothing.
    #[default]
    Off,
    /// Each packet stands alone.
    Single,
    /// Packets build upon those before.
    Running,
}

impl Packing {
    /// What was agreed on.
    #[must_use]
    pub const fn of(agreement: Agreement) -> Self {
        match (agreement.compression, agreement.is_stateful()) {
            (false, _) => Self::Off,
            (true, false) => Self::Single,
            (true, true) => Self::Running,
        }
    }
}

/// What MPPC does for a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct FlowPacking {
    /// Where the histories are; means nothing unless a direction is [`Packing::Running`].
    place: u32,
    /// From the client.
    pub upstream: Packing,
    /// To the client.
    pub downstream: Packing,
    /// The next packet to the client starts with an empty history.
    pub flush: bool,
}

impl FlowPacking {
    /// The place of its histories, if it has any.
    #[must_use]
    pub fn place(self) -> Option<u32> {
        let running = [self.upstream, self.downstream].contains(&Packing::Running);
        running.then_some(self.place)
    }
}

/// Which way a flow is armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client.
    Upstream,
    /// To the client.
    Downstream,
}

/// What both ends of a flow remember.
#[derive(Clone)]
pub struct Histories {
    decompressor: Decompressor,
    compressor: Compressor,
    /// How a flow whose packets do not decompress gets back into step.
    pub recovery: Recovery,
    /// Without MPPE the count is MPPC's own: that of the next packet from the client.
    pub next_upstream: CoherencyCount,
    /// That of the next packet to the client.
    pub next_downstream: CoherencyCount,
}

impl Histories {
    const fn new() -> Self {
        Self {
            decompressor: Decompressor::new(),
            compressor: Compressor::new(),
            recovery: Recovery::new(),
            next_upstream: CoherencyCount::new(0),
            next_downstream: CoherencyCount::new(0),
        }
    }

    /// A packet of the client is missing.
    pub const fn lose_step(&mut self) {
        self.decompressor.lose_step();
    }
}

/// The histories of a worker.
pub struct Compression {
    places: Places<Histories>,
    /// Of packets that stand alone.
    single: Box<Histories>,
    /// Where packets are compressed to.
    buffer: Box<[u8; PACKED_MAX]>,
    /// The longest frame that a client may send, in bytes.
    frame_max: usize,
}

impl Compression {
    /// Places for `calls_max` flows whose clients were told to send up to `mru` bytes.
    #[must_use]
    pub fn new(calls_max: usize, mru: u16) -> Self {
        Self {
            places: Places::new(calls_max),
            single: Box::new(Histories::new()),
            buffer: Box::new([0; PACKED_MAX]),
            frame_max: usize::from(mru.max(MRU_DEFAULT)) + PROTOCOL_LENGTH,
        }
    }

    /// One direction of a flow starts, with an empty history; `None` if there is no place for it.
    #[must_use]
    pub fn arm(&mut self, flow: FlowPacking, way: Way, packing: Packing) -> Option<FlowPacking> {
        let mut armed = flow;
        match way {
            Way::Upstream => armed.upstream = packing,
            Way::Downstream => armed.downstream = packing,
        }
        if let (None, Some(_)) = (flow.place(), armed.place()) {
            armed.place = self.places.take(Histories::new)?;
        }
        if packing == Packing::Running {
            let fresh = self.histories(armed, packing);
            match way {
                Way::Upstream => {
                    fresh.decompressor.restart();
                    fresh.recovery = Recovery::new();
                    fresh.next_upstream = CoherencyCount::new(0);
                }
                Way::Downstream => {
                    fresh.compressor.restart();
                    fresh.next_downstream = CoherencyCount::new(0);
                }
            }
        }
        Some(armed)
    }

    /// A flow ends: overwrites what was sent, and gives its place back.
    pub fn release(&mut self, flow: FlowPacking) {
        let place = flow.place();
        let histories = place.and_then(|place| self.places.get_mut(place));
        if let (Some(place), Some(histories)) = (place, histories) {
            histories.decompressor.wipe();
            histories.compressor.wipe();
            self.places.give_back(place);
        }
    }

    /// What packets of `packing` build upon.
    pub fn histories(&mut self, flow: FlowPacking, packing: Packing) -> &mut Histories {
        choose(&mut self.places, &mut self.single, flow, packing)
    }

    /// What packets of a client are decompressed upon, to look at.
    #[must_use]
    pub fn upstream(&self, flow: FlowPacking) -> &Decompressor {
        let place = match flow.upstream {
            Packing::Off | Packing::Single => None,
            Packing::Running => self.places.get(flow.place),
        };
        &place.unwrap_or(&self.single).decompressor
    }

    /// Decompresses what is behind the header of a frame from a client, in place.
    ///
    /// # Errors
    /// Why it cannot be. Of a flow whose packets build upon each other none can then, until the
    /// client starts afresh.
    pub fn unpack<F: Frame>(&mut self, flow: FlowPacking, frame: &mut F) -> Result<(), DropReason> {
        let header = Header::parse(frame.bytes()).map_err(|_| DropReason::MppeHeaderShort)?;
        let flushed = header.flushed || flow.upstream == Packing::Single;
        let header = Header { flushed, ..header };
        let frame_max = self.frame_max;
        let history = &mut self.histories(flow, flow.upstream).decompressor;
        let packed = frame.bytes().get(HEADER_LENGTH..).unwrap_or_default();
        let length_before = packed.len();
        let Some(packet) = history.decompress(header, packed, frame_max)? else {
            return Ok(());
        };
        match packet.len().checked_sub(length_before) {
            None => frame.truncate(HEADER_LENGTH + packet.len()),
            Some(more) => {
                let room = frame.append(more);
                room.ok_or(DropReason::MppcPacketTooLong)?;
            }
        }
        let place = frame.bytes_mut().get_mut(HEADER_LENGTH..);
        place
            .unwrap_or_default()
            .iter_mut()
            .zip(packet)
            .for_each(|(place, byte)| *place = *byte);
        Ok(())
    }

    /// Compresses a frame to a client in place, if that makes it shorter. With `restart` it starts
    /// with an empty history.
    pub fn pack<F: Frame>(
        &mut self,
        flow: FlowPacking,
        restart: bool,
        frame: &mut F,
    ) -> Compressed {
        let Self {
            places,
            single,
            buffer,
            ..
        } = self;
        let compressor = &mut choose(places, single, flow, flow.downstream).compressor;
        if restart || flow.downstream == Packing::Single {
            compressor.restart();
        }
        let done = compressor.compress(frame.bytes(), buffer.as_mut_slice());
        if let Some(packed) = buffer.get(..done.length).filter(|_| done.compressed) {
            frame.truncate(packed.len());
            frame.bytes_mut().copy_from_slice(packed);
        }
        done
    }
}

fn choose<'h>(
    places: &'h mut Places<Histories>,
    single: &'h mut Histories,
    flow: FlowPacking,
    packing: Packing,
) -> &'h mut Histories {
    let place = match packing {
        Packing::Off | Packing::Single => None,
        Packing::Running => places.get_mut(flow.place),
    };
    place.unwrap_or(single)
}
