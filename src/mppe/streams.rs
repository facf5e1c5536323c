//! RC4 states of stateful flows, beside their records: a record has no room for 258 bytes that only
//! few flows need.
//!
//! Each flow of a worker has a place of its own, so that arming a flow can never fail for want of
//! room. All places together are one zeroed allocation, which the system backs with memory as it is
//! written: flows that are not stateful take address space and nothing else.

use zeroize::Zeroize;

use crate::mppe::rc4::StoredRc4;

const STREAM_LENGTH: usize = size_of::<StoredRc4>();

/// The streams of one direction of a worker's flows, by place. Wiped when dropped.
pub(crate) struct Streams {
    bytes: Box<[u8]>,
    /// Places from here on were never written.
    untouched: usize,
}

impl Streams {
    /// Room for `places` streams.
    pub(crate) fn new(places: usize) -> Self {
        Self {
            bytes: vec![0; places * STREAM_LENGTH].into_boxed_slice(),
            untouched: 0,
        }
    }

    /// The stream at `place`, to go on with and to be kept; `None` if there is no such place.
    #[inline]
    pub(crate) fn at(&mut self, place: u32) -> Option<&mut StoredRc4> {
        let index = place as usize;
        let (streams, _) = self.bytes.as_chunks_mut::<STREAM_LENGTH>();
        let stored = streams.get_mut(index)?;
        self.untouched = self.untouched.max(index + 1);
        Some(stored)
    }

    /// The stream at `place`, which may hold nothing.
    #[inline]
    pub(crate) fn peek(&self, place: u32) -> Option<&StoredRc4> {
        let (streams, _) = self.bytes.as_chunks::<STREAM_LENGTH>();
        streams.get(place as usize)
    }

    /// Overwrites a stream.
    pub(crate) fn wipe(&mut self, place: u32) {
        let (streams, _) = self.bytes.as_chunks_mut::<STREAM_LENGTH>();
        // What was never written stays without memory.
        let written = streams.split_at_mut_checked(self.untouched);
        if let Some(stored) = written.and_then(|(written, _)| written.get_mut(place as usize)) {
            stored.zeroize();
        }
    }

    /// Whether the stream at `place` holds nothing.
    #[cfg(test)]
    pub(crate) fn is_wiped(&self, place: u32) -> bool {
        self.peek(place).unwrap().iter().all(|byte| *byte == 0)
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        let (streams, _) = self.bytes.as_chunks_mut::<STREAM_LENGTH>();
        streams
            .iter_mut()
            .take(self.untouched)
            .for_each(Zeroize::zeroize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mppe::rc4::Rc4;

    #[test]
    fn streams_keep_apart_and_a_place_that_is_not_there_is_refused() {
        let mut streams = Streams::new(2);
        let mut rc4 = Rc4::new(&[1; 16]);
        rc4.store(streams.at(0).unwrap());
        rc4.schedule(&[2; 16]);
        rc4.store(streams.at(1).unwrap());
        assert!(streams.at(2).is_none());
        rc4.resume(streams.at(0).unwrap());
        let (mut found, mut expected) = ([0; 40], [0; 40]);
        rc4.apply(&mut found);
        Rc4::new(&[1; 16]).apply(&mut expected);
        assert_eq!(found, expected);
        streams.wipe(0);
        streams.wipe(2);
        assert!(streams.is_wiped(0) && !streams.is_wiped(1));
    }
}
