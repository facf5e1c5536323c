//! What all kernels have in common: lanes that are keyed together, run together in blocks of 16
//! bytes, and whose frames may end at different places.

use std::ops::Range;

use zeroize::Zeroize;

use crate::mppe::rc4::{Rc4, StoredRc4};

/// Lanes run in steps of so many bytes.
pub(crate) const BLOCK: usize = 16;
/// Bytes of keystream of one lane that are made before they are handed on.
pub(crate) type StagingChunk = [u8; 128];
/// Where lanes leave keystream, by lane.
pub(crate) type Staging<const LANES: usize> = [StagingChunk; LANES];

const CHUNK: usize = size_of::<StagingChunk>();

/// Tables of several RC4 streams that are keyed together and run in lockstep. Wiped, they can be keyed again.
pub(crate) trait Lockstep: Zeroize {
    /// Keys as many lanes as there are keys. The others hold anything.
    fn schedule(&mut self, keys: &[[u8; 16]]);

    /// Makes the next `blocks` times 16 bytes, at most a chunk, of the first `active` lanes.
    fn run(&mut self, active: usize, blocks: usize);

    /// What [`Self::run`] made.
    fn staged(&self) -> &[StagingChunk];

    /// Goes on where streams were stored, all with the same index i.
    fn resume(&mut self, streams: &[StoredRc4]);

    /// Stores the streams where they stand.
    fn store(&self, streams: &mut [StoredRc4]);
}

/// So few frames go one after the other: lanes that are mostly empty take longer.
pub(super) const SINGLES: usize = 3;

/// Keys lanes and runs them as far as `lengths` say, the longest first. `sink` takes what comes out: the
/// lane, how many bytes came before, and a chunk, of which the last may be longer than needed.
pub(super) fn key_and_run<L: Lockstep>(
    lanes: &mut L,
    single: &mut Rc4,
    keys: &[[u8; 16]],
    lengths: &[usize],
    sink: &mut impl FnMut(usize, usize, &StagingChunk),
) {
    lanes.schedule(keys);
    run_down(lanes, single, lengths, 0, sink);
}

/// The same; when no more frames are left than `fewer` has lanes, those go on there.
#[cfg(target_arch = "x86_64")]
pub(super) fn key_and_run_down<L: Lockstep, const LANES: usize>(
    lanes: &mut L,
    (fewer, single): (&mut impl Lockstep, &mut Rc4),
    keys: &[[u8; 16]],
    lengths: &[usize],
    sink: &mut impl FnMut(usize, usize, &StagingChunk),
) {
    lanes.schedule(keys);
    let done = run_out(lanes, lengths, 0, LANES, sink);
    leave::<LANES>(lanes, lengths, done, |left| {
        fewer.resume(left);
        run_down(fewer, single, lengths, done, sink);
    });
}

/// Resumes lanes, runs them by `lengths`, and stores where that got to.
pub(super) fn resume_and_run<L: Lockstep>(
    lanes: &mut L,
    single: &mut Rc4,
    streams: &mut [StoredRc4],
    lengths: &[usize],
    sink: &mut impl FnMut(usize, usize, &StagingChunk),
) {
    lanes.resume(streams);
    run_down(lanes, single, lengths, 0, sink);
    lanes.store(streams);
}

/// From `done` bytes on; the last few frames that are longer than all others go on one after the other.
fn run_down<L: Lockstep>(
    lanes: &mut L,
    single: &mut Rc4,
    lengths: &[usize],
    done: usize,
    sink: &mut impl FnMut(usize, usize, &StagingChunk),
) {
    let done = run_out(lanes, lengths, done, SINGLES, sink);
    leave::<SINGLES>(lanes, lengths, done, |left| {
        for (lane, (stream, length)) in left.iter().zip(lengths).enumerate() {
            single.resume(stream);
            run_single(single, done..*length, &mut |done, chunk| {
                sink(lane, done, chunk);
            });
        }
    });
}

/// Hands the streams of frames that are longer than `done` to `go_on`, if there are such; no more than
/// `LANES` are.
fn leave<const LANES: usize>(
    lanes: &impl Lockstep,
    lengths: &[usize],
    done: usize,
    go_on: impl FnOnce(&[StoredRc4]),
) {
    let Some(last) = lengths.iter().rposition(|length| *length > done) else {
        return;
    };
    let mut streams = [[0; size_of::<StoredRc4>()]; LANES];
    let (left, _) = streams.split_at_mut(LANES.min(last + 1));
    lanes.store(left);
    go_on(left);
    streams.zeroize();
}

/// From `done` bytes on, until no more than `least` lanes are left; answers how far that was.
fn run_out<L: Lockstep>(
    lanes: &mut L,
    lengths: &[usize],
    done: usize,
    least: usize,
    sink: &mut impl FnMut(usize, usize, &StagingChunk),
) -> usize {
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let mut done = done;
    while done < longest {
        let blocks = (longest - done).min(CHUNK).div_ceil(BLOCK);
        let active = lengths.iter().rposition(|length| *length > done);
        let active = active.map_or(0, |last| last + 1);
        if active <= least {
            break;
        }
        lanes.run(active, blocks);
        for (lane, (length, chunk)) in lengths.iter().zip(lanes.staged()).take(active).enumerate() {
            if *length > done {
                sink(lane, done, chunk);
            }
        }
        done += CHUNK;
    }
    done
}

/// One stream in the same way, for bytes of a frame that are `left` to do.
pub(super) fn run_single(
    rc4: &mut Rc4,
    left: Range<usize>,
    sink: &mut impl FnMut(usize, &StagingChunk),
) {
    let mut chunk = [0; CHUNK];
    for done in left.clone().step_by(CHUNK) {
        chunk.fill(0);
        let (needed, _) = chunk.split_at_mut((left.end - done).min(CHUNK));
        rc4.apply(needed);
        sink(done, &chunk);
    }
    chunk.zeroize();
}

/// Writes a chunk of keystream to where it belongs.
#[inline]
pub(crate) fn write_chunk(span: &mut [u8], done: usize, chunk: &StagingChunk) {
    let open = span.get_mut(done..).unwrap_or_default();
    if let Some(whole) = open.first_chunk_mut::<CHUNK>() {
        *whole = *chunk;
        return;
    }
    for (place, byte) in open.iter_mut().zip(chunk) {
        *place = *byte;
    }
}

/// Encrypts or decrypts what a chunk of keystream belongs to.
#[inline]
pub(crate) fn xor_chunk(span: &mut [u8], done: usize, chunk: &StagingChunk) {
    let open = span.get_mut(done..).unwrap_or_default();
    match open.first_chunk_mut::<CHUNK>() {
        Some(whole) => xor_all(whole, chunk),
        None => xor(open, chunk),
    }
}

/// Encrypts or decrypts `bytes` with the keystream in `mask`.
#[inline]
pub(crate) fn xor(bytes: &mut [u8], mask: &[u8]) {
    let (whole, tail) = bytes.as_chunks_mut::<BLOCK>();
    let (blocks, last) = mask.as_chunks::<BLOCK>();
    for (place, block) in whole.iter_mut().zip(blocks) {
        xor_all(place, block);
    }
    let last = blocks
        .get(whole.len())
        .map_or(last, <[u8; BLOCK]>::as_slice);
    for (place, byte) in tail.iter_mut().zip(last) {
        *place ^= byte;
    }
}

#[inline(always)]
fn xor_all<const N: usize>(place: &mut [u8; N], mask: &[u8; N]) {
    for (byte, mask) in place.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}
