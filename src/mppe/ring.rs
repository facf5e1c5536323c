//! Keystream of one stateful flow that waits for its frames, in a ring of bytes: what is made goes behind
//! what is left, and nothing is ever moved. Bytes that are no keystream are zeros.

use zeroize::optimization_barrier;

use crate::mppe::kernel::{StagingChunk, write_chunk, xor};
use crate::mppe::prefetch;
use crate::mppe::rc4::Rc4;

/// Bytes of a ring.
pub(super) const RING: usize = 4096;
/// Keystream is made up to a multiple of so many bytes: RC4's index i is 0 there.
pub(super) const TURN: usize = 256;

/// Which bytes of a ring are keystream: they are counted on and on, and lie at their count modulo [`RING`].
#[derive(Clone, Copy, Default)]
pub(super) struct Span {
    start: u16,
    end: u16,
}

// Counts go round where the ring does, and chunks never do.
const _: () = assert!(65536 % RING == 0 && RING.is_multiple_of(TURN));
const _: () = assert!(TURN.is_multiple_of(size_of::<StagingChunk>()));

impl Span {
    /// Nothing yet, of a stream whose index i is this: the next multiple of [`TURN`] is `missing` bytes on.
    pub(super) fn before(i: u8) -> Self {
        let start = u16::from(i);
        Self { start, end: start }
    }

    /// Bytes to the next multiple of [`TURN`].
    pub(super) const fn missing(self) -> usize {
        (self.end as usize).next_multiple_of(TURN) - self.end as usize
    }

    /// Keystream that is left, in bytes.
    #[inline]
    pub(super) const fn left(self) -> usize {
        self.end.wrapping_sub(self.start) as usize
    }

    /// How much more there is room for, in bytes.
    pub(super) const fn room(self) -> usize {
        RING - self.left()
    }

    /// Where the next byte to be made goes; the span has so many more then.
    pub(super) const fn extend(&mut self, length: usize) -> usize {
        let end = self.end as usize;
        self.end = self.end.wrapping_add(short(length));
        end
    }
}

/// Lengths are at most [`RING`].
const fn short(length: usize) -> u16 {
    #[expect(clippy::cast_possible_truncation, reason = "asserted above: RING fits")]
    let length = (length % 65536) as u16;
    length
}

/// Encrypts or decrypts `frame` with the first bytes of a span, without using them up.
#[inline]
pub(super) fn apply(ring: &mut [u8; RING], span: Span, frame: &mut [u8]) {
    let (first, second) = parts(ring, span.start.into(), frame.len());
    let (front, back) = frame.split_at_mut(first.len());
    xor(front, first);
    if !back.is_empty() {
        xor(back, second);
    }
}

/// Asks for the memory of the first bytes of a span, as far as the ring's end.
#[inline]
pub(super) fn prefetch_first(ring: &[u8; RING], span: Span, length: usize) {
    let start = usize::from(span.start) % RING;
    let end = (start + length).min(RING);
    prefetch(ring.get(start..end).unwrap_or_default());
}

/// Wipes the first bytes of a span.
#[inline]
pub(super) fn use_up(ring: &mut [u8; RING], span: &mut Span, length: usize) {
    let (first, second) = parts(ring, span.start.into(), length);
    first.fill(0);
    second.fill(0);
    optimization_barrier(ring);
    span.start = span.start.wrapping_add(short(length));
}

/// Writes a chunk of keystream where it belongs, and asks for the memory of the next: `end` was answered by
/// [`Span::extend`].
#[inline]
pub(super) fn put(ring: &mut [u8; RING], end: usize, chunk: &StagingChunk) {
    write_chunk(ring, end % RING, chunk);
    let next = (end % RING + size_of::<StagingChunk>()) % RING;
    prefetch(
        ring.get(next..next + size_of::<StagingChunk>())
            .unwrap_or_default(),
    );
}

/// Makes the next bytes of a stream.
pub(super) fn make(ring: &mut [u8; RING], span: &mut Span, length: usize, rc4: &mut Rc4) {
    let (first, second) = parts(ring, span.extend(length), length);
    rc4.apply(first);
    rc4.apply(second);
}

/// So many bytes from a count on: up to where the ring ends, and the rest.
#[inline(always)]
fn parts(ring: &mut [u8; RING], start: usize, length: usize) -> (&mut [u8], &mut [u8]) {
    let (front, back) = ring.split_at_mut(start % RING);
    let first = length.min(back.len());
    let second = (length - first).min(front.len());
    (back.split_at_mut(first).0, front.split_at_mut(second).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_round_the_end_is_one_stream_and_leaves_zeros() {
        let (mut ring, mut rc4, mut expected) = ([0; RING], Rc4::new(&[7; 16]), Rc4::new(&[7; 16]));
        let (mut before, mut span) = ([0; 77], Span::before(77));
        rc4.apply(&mut before);
        expected.apply(&mut before);
        let missing = span.missing();
        make(&mut ring, &mut span, missing, &mut rc4);
        assert_eq!((missing, span.left(), span.missing()), (179, 179, 0));
        for round in 0..200 {
            while span.room() >= 768 {
                make(&mut ring, &mut span, 768, &mut rc4);
            }
            let (mut found, mut wanted) = (vec![0; 1 + round * 7], vec![0; 1 + round * 7]);
            expected.apply(&mut wanted);
            apply(&mut ring, span, &mut found);
            use_up(&mut ring, &mut span, found.len());
            assert_eq!(found, wanted);
            let zeros = ring.iter().filter(|byte| **byte == 0).count();
            assert!(zeros >= span.room(), "{zeros}");
        }
        let left = span.left();
        use_up(&mut ring, &mut span, left);
        assert_eq!((ring, span.room()), ([0; RING], RING));
    }
}
