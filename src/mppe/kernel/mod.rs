//! RC4 and the change of keys, for many chains and frames at once.
//!
//! RC4 is serial, but the streams of different frames have nothing to do with each other. What a
//! core loses with one stream, waiting for loads that meet stores just made, it does not lose with
//! several in lockstep. A [`Kernel`] is one way of doing that: how many lanes, and how their tables
//! lie in memory. Which is best depends on the core, so it is measured at start.
//!
//! - `interleaved`: anywhere, in safe Rust.
//! - `mppe/simd/`: what needs machine instructions.
//! - `rekey`: the change of keys of many chains.

mod choice;
mod interleaved;
mod lockstep;
mod rekey;

pub use choice::KernelKind;
#[cfg(target_arch = "x86_64")]
pub(crate) use lockstep::{BLOCK, Lockstep, Staging};
pub(crate) use lockstep::{StagingChunk, write_chunk, xor, xor_chunk};
pub(crate) use rekey::Rekey;

use zeroize::Zeroize;

use crate::mppe::rc4::{Rc4, StoredRc4};
#[cfg(target_arch = "x86_64")]
use crate::mppe::simd;
use interleaved::Interleaved;
#[cfg(not(target_arch = "x86_64"))]
use lockstep::Lockstep;
#[cfg(target_arch = "x86_64")]
use lockstep::key_and_run_down;
use lockstep::{SINGLES, key_and_run, resume_and_run, run_single};

/// Values in order: what RC4's key schedule starts from.
pub(crate) const ORDER: [u8; 256] = {
    let mut values = [0; 256];
    let mut value = 0u8;
    while value < u8::MAX {
        value += 1;
        values[value as usize] = value;
    }
    values
};

/// The most lanes that any kernel works on together.
pub const LANES_MAX: usize = 32;

/// One way of making many keystreams at once, with the memory for it. Wiped when dropped.
pub struct Kernel {
    kind: KernelKind,
    lanes: Lanes,
    single: Rc4,
    /// Lanes were keyed since they were last wiped.
    keyed: bool,
}

enum Lanes {
    Interleaved(Box<Interleaved>),
    #[cfg(target_arch = "x86_64")]
    Rows(Box<simd::Rows>),
    #[cfg(target_arch = "x86_64")]
    Wide {
        wide: Box<simd::Wide>,
        /// For what would leave most lanes empty.
        rows: Box<simd::Rows>,
    },
}

impl Kernel {
    /// The kernel that runs on any machine.
    #[must_use]
    pub fn portable() -> Self {
        Self::with(
            KernelKind::Interleaved,
            Lanes::Interleaved(Box::new(Interleaved::new())),
        )
    }

    /// A kernel of this kind, if this machine can run it.
    #[must_use]
    pub fn of(kind: KernelKind) -> Option<Self> {
        let lanes = match kind {
            KernelKind::Interleaved => return Some(Self::portable()),
            #[cfg(target_arch = "x86_64")]
            KernelKind::Rows => Lanes::Rows(Box::new(simd::Rows::detect()?)),
            #[cfg(target_arch = "x86_64")]
            KernelKind::Wide16 | KernelKind::Wide32 => Lanes::Wide {
                wide: Box::new(simd::Wide::detect(kind == KernelKind::Wide32)?),
                rows: Box::new(simd::Rows::detect()?),
            },
            #[cfg(not(target_arch = "x86_64"))]
            KernelKind::Rows | KernelKind::Wide16 | KernelKind::Wide32 => return None,
        };
        Some(Self::with(kind, lanes))
    }

    fn with(kind: KernelKind, lanes: Lanes) -> Self {
        Self {
            kind,
            lanes,
            single: Rc4::unkeyed(),
            keyed: false,
        }
    }

    /// Which one it is.
    #[must_use]
    pub const fn kind(&self) -> KernelKind {
        self.kind
    }

    /// How many frames are worked on together if there are enough.
    #[must_use]
    pub fn lanes(&self) -> usize {
        match &self.lanes {
            Lanes::Interleaved(_) => Interleaved::LANES,
            #[cfg(target_arch = "x86_64")]
            Lanes::Rows(_) => simd::Rows::LANES,
            #[cfg(target_arch = "x86_64")]
            Lanes::Wide { wide, .. } => wide.lanes(),
        }
    }

    /// Fills each of `spans` with the keystream of the RC4 key beside it. Spans should come in order
    /// of length, the longest first: lanes that are worked on together take as long as the longest.
    pub fn keystreams(&mut self, keys: &[[u8; 16]], spans: &mut [&mut [u8]]) {
        for (keys, spans) in keys.chunks(LANES_MAX).zip(spans.chunks_mut(LANES_MAX)) {
            let mut lengths = [0; LANES_MAX];
            for (length, span) in lengths.iter_mut().zip(&*spans) {
                *length = span.len();
            }
            let (lengths, _) = lengths.split_at(keys.len().min(spans.len()));
            self.each_keystream(keys, lengths, |lane, done, chunk| {
                if let Some(span) = spans.get_mut(lane) {
                    write_chunk(span, done, chunk);
                }
            });
        }
    }

    /// Makes the keystream of each RC4 key as far as the length beside it says, and hands it to `sink`
    /// piece by piece: which key, how many bytes came before, and a chunk, of which the last may be
    /// longer than needed. Lengths should fall.
    pub(crate) fn each_keystream(
        &mut self,
        keys: &[[u8; 16]],
        lengths: &[usize],
        mut sink: impl FnMut(usize, usize, &StagingChunk),
    ) {
        let mut first = 0;
        let (mut keys, mut lengths) = (keys, lengths);
        while !keys.is_empty() && !lengths.is_empty() {
            let count = self.group(keys.len().min(lengths.len()));
            let (keys_now, keys_later) = keys.split_at(count);
            let (lengths_now, lengths_later) = lengths.split_at(count);
            self.run_group(
                keys_now,
                lengths_now,
                &mut |lane, done, chunk: &StagingChunk| {
                    sink(first + lane, done, chunk);
                },
            );
            (keys, lengths) = (keys_later, lengths_later);
            first += count;
        }
    }

    fn run_group(
        &mut self,
        keys: &[[u8; 16]],
        lengths: &[usize],
        sink: &mut impl FnMut(usize, usize, &StagingChunk),
    ) {
        let single = &mut self.single;
        if keys.len() <= SINGLES {
            for (lane, (key, length)) in keys.iter().zip(lengths).enumerate() {
                single.schedule(key);
                run_single(single, 0..*length, &mut |done, chunk| {
                    sink(lane, done, chunk)
                });
            }
            return;
        }
        self.keyed = true;
        match &mut self.lanes {
            Lanes::Interleaved(lanes) => key_and_run(&mut **lanes, single, keys, lengths, sink),
            #[cfg(target_arch = "x86_64")]
            Lanes::Rows(rows) => key_and_run(&mut **rows, single, keys, lengths, sink),
            #[cfg(target_arch = "x86_64")]
            Lanes::Wide { wide, rows } => {
                if keys.len() >= simd::Wide::WORTH {
                    let fewer = (&mut **rows, single);
                    key_and_run_down::<_, { simd::Wide::FEW }>(
                        &mut **wide,
                        fewer,
                        keys,
                        lengths,
                        sink,
                    );
                } else {
                    key_and_run(&mut **rows, single, keys, lengths, sink);
                }
            }
        }
    }

    /// How many more frames would take no longer than `taken` do.
    pub(crate) fn lanes_left(&self, taken: usize) -> usize {
        let last = taken % self.lanes();
        let width = match &self.lanes {
            // One after the other.
            _ if last <= SINGLES => last,
            Lanes::Interleaved(_) => Interleaved::LANES,
            #[cfg(target_arch = "x86_64")]
            Lanes::Rows(_) => simd::Rows::width(last),
            #[cfg(target_arch = "x86_64")]
            Lanes::Wide { .. } if last < simd::Wide::WORTH => simd::Rows::width(last),
            #[cfg(target_arch = "x86_64")]
            Lanes::Wide { .. } => last.next_multiple_of(simd::Wide::GROUP),
        };
        width.saturating_sub(last)
    }

    /// How many of `left` frames to take together next.
    fn group(&self, left: usize) -> usize {
        let lanes = self.lanes();
        if left >= lanes {
            return lanes;
        }
        match &self.lanes {
            #[cfg(target_arch = "x86_64")]
            Lanes::Wide { .. } if left >= simd::Wide::WORTH => left.min(simd::Wide::GROUP),
            #[cfg(target_arch = "x86_64")]
            Lanes::Wide { .. } => left.min(simd::Rows::LANES),
            #[cfg(target_arch = "x86_64")]
            Lanes::Rows(_) => left,
            Lanes::Interleaved(_) => left,
        }
    }

    /// Keys a stream with each of `keys`, hands its first chunk of keystream to `sink`, and leaves it in
    /// `streams` where it stands behind that.
    pub(crate) fn begin(
        &mut self,
        keys: &[[u8; 16]],
        streams: &mut [StoredRc4],
        mut sink: impl FnMut(usize, &StagingChunk),
    ) {
        let mut first = 0;
        let (mut keys, mut streams) = (keys, streams);
        while !keys.is_empty() && !streams.is_empty() {
            let count = match keys.len().min(streams.len()) {
                // One at a time, since each is stored where it stands.
                0..=SINGLES => 1,
                left => self.group(left),
            };
            let (keys_now, keys_later) = keys.split_at(count);
            let (now, later) = std::mem::take(&mut streams).split_at_mut(count);
            let lengths = [size_of::<StagingChunk>(); LANES_MAX];
            let (lengths, _) = lengths.split_at(count);
            self.run_group(keys_now, lengths, &mut |lane, _, chunk: &StagingChunk| {
                sink(first + lane, chunk);
            });
            self.store(now);
            (keys, streams) = (keys_later, later);
            first += count;
        }
    }

    /// Stores the streams of the lanes that ran last, as many as were keyed then.
    fn store(&self, streams: &mut [StoredRc4]) {
        if let [stream] = streams {
            self.single.store(stream);
            return;
        }
        match &self.lanes {
            Lanes::Interleaved(lanes) => lanes.store(streams),
            #[cfg(target_arch = "x86_64")]
            Lanes::Rows(rows) => rows.store(streams),
            #[cfg(target_arch = "x86_64")]
            Lanes::Wide { wide, rows } => {
                if streams.len() >= simd::Wide::WORTH {
                    wide.store(streams);
                } else {
                    rows.store(streams);
                }
            }
        }
    }

    /// Goes on with each of `streams`, all with the same index i, as far as the length beside it says,
    /// and hands what comes to `sink` as [`Self::each_keystream`] does. Lengths should fall. Streams of
    /// equal lengths are left where they got to; others anywhere.
    pub(crate) fn go_on(
        &mut self,
        streams: &mut [StoredRc4],
        lengths: &[usize],
        mut sink: impl FnMut(usize, usize, &StagingChunk),
    ) {
        let mut first = 0;
        let (mut streams, mut lengths) = (streams, lengths);
        while !streams.is_empty() && !lengths.is_empty() {
            let count = self.group(streams.len().min(lengths.len()));
            let (now, later) = std::mem::take(&mut streams).split_at_mut(count);
            let (lengths_now, lengths_later) = lengths.split_at(count);
            self.group_goes_on(now, lengths_now, &mut |lane, done, chunk: &StagingChunk| {
                sink(first + lane, done, chunk);
            });
            (streams, lengths) = (later, lengths_later);
            first += count;
        }
    }

    fn group_goes_on(
        &mut self,
        streams: &mut [StoredRc4],
        lengths: &[usize],
        sink: &mut impl FnMut(usize, usize, &StagingChunk),
    ) {
        let single = &mut self.single;
        if streams.len() <= SINGLES {
            for (lane, (stream, length)) in streams.iter_mut().zip(lengths).enumerate() {
                single.resume(stream);
                run_single(single, 0..*length, &mut |done, chunk| {
                    sink(lane, done, chunk)
                });
                single.store(stream);
            }
            return;
        }
        self.keyed = true;
        match &mut self.lanes {
            Lanes::Interleaved(lanes) => {
                resume_and_run(&mut **lanes, single, streams, lengths, sink);
            }
            #[cfg(target_arch = "x86_64")]
            Lanes::Rows(rows) => resume_and_run(&mut **rows, single, streams, lengths, sink),
            #[cfg(target_arch = "x86_64")]
            Lanes::Wide { wide, rows } => {
                if streams.len() >= simd::Wide::WORTH {
                    resume_and_run(&mut **wide, single, streams, lengths, sink);
                } else {
                    resume_and_run(&mut **rows, single, streams, lengths, sink);
                }
            }
        }
    }

    /// Overwrites what is left of the streams that ran last, if there is anything.
    pub(crate) fn wipe(&mut self) {
        self.single.wipe_if_keyed();
        if !std::mem::take(&mut self.keyed) {
            return;
        }
        match &mut self.lanes {
            Lanes::Interleaved(lanes) => lanes.zeroize(),
            #[cfg(target_arch = "x86_64")]
            Lanes::Rows(rows) => rows.zeroize(),
            #[cfg(target_arch = "x86_64")]
            Lanes::Wide { wide, rows } => {
                wide.zeroize();
                rows.zeroize();
            }
        }
    }

    /// Whether nothing is left of any stream.
    #[cfg(test)]
    pub(crate) fn is_wiped(&self) -> bool {
        let are_wiped = |lanes: &dyn Lockstep| {
            let mut streams = vec![[0; size_of::<StoredRc4>()]; lanes.staged().len()];
            lanes.store(&mut streams);
            // Index i is no secret, and not 0 in each kernel.
            let mut bytes = streams.iter().flat_map(|stream| &stream[1..]);
            let mut staged = lanes.staged().as_flattened().iter();
            bytes.all(|byte| *byte == 0) && staged.all(|byte| *byte == 0)
        };
        let lanes = match &self.lanes {
            Lanes::Interleaved(lanes) => are_wiped(&**lanes),
            #[cfg(target_arch = "x86_64")]
            Lanes::Rows(rows) => are_wiped(&**rows),
            #[cfg(target_arch = "x86_64")]
            Lanes::Wide { wide, rows } => are_wiped(&**wide) && are_wiped(&**rows),
        };
        lanes && !self.single.is_keyed()
    }

    /// Changes the key of each chain once (RFC 3078 §7.3).
    pub(crate) fn rekey(&mut self, chains: &mut [Rekey]) {
        for group in chains.chunks_mut(self.lanes()) {
            rekey::change_keys(self, group);
        }
    }
}

#[cfg(test)]
mod tests;
