//! Frames that travel together.

use std::ptr;

use arrayvec::ArrayVec;

use crate::mbuf::Mbuf;

/// How many frames a burst holds at most.
pub const BURST: usize = 64;

/// Up to [`BURST`] frames. Queues read and write its memory directly, so that neither side
/// allocates or copies.
pub type Burst = ArrayVec<Mbuf, BURST>;

/// Gives all frames of a burst back to their pools, in one call. Dropping it does the same, slower.
#[inline]
pub fn free(burst: &mut Burst) {
    let count = u32::try_from(burst.len()).unwrap_or(0);
    // SAFETY: the burst holds that many valid buffers, and an `Mbuf` is a pointer to one.
    unsafe { dpdk_sys::rte_pktmbuf_free_bulk(burst.as_mut_ptr().cast(), count) };
    forget_front(burst, BURST);
}

/// Removes the first `count` frames without freeing them: they have another owner now.
#[inline]
pub(crate) fn forget_front(burst: &mut Burst, count: usize) {
    let length = burst.len();
    let count = count.min(length);
    let rest = length - count;
    let start = burst.as_mut_ptr();
    // SAFETY: within the array, since `count` is at most its length.
    let source = unsafe { start.add(count) };
    // SAFETY: both ranges of `rest` frames lie within the array and may overlap.
    unsafe { ptr::copy(source, start, rest) };
    // SAFETY: the first `rest` are valid, moved there just now, and what follows is forgotten.
    unsafe { burst.set_len(rest) };
}
