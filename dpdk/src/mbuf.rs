//! One frame in a pool's buffer. All that knows the layout of `rte_mbuf` is in this file.

use std::fmt;
use std::ptr::NonNull;
use std::slice;

#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

use dpdk_sys::rte_mbuf;

/// Cache lines of a received mbuf that are looked at next, by their offset: the first half of the
/// header, and two lines of the frame.
#[cfg(target_arch = "x86_64")]
const PREFETCHED: [usize; 3] = {
    let frame = size_of::<rte_mbuf>() + dpdk_sys::RTE_PKTMBUF_HEADROOM as usize;
    [0, frame, frame + 64]
};

/// An owned buffer with a frame in it, given back to its pool when dropped.
///
/// A frame lies between a *headroom* and a *tailroom*, into which it can grow at either end without
/// moving. Frames of several segments exist (some drivers, with jumbo frames): every method here
/// works on the first segment, so a reader checks [`Self::is_contiguous`] once.
#[repr(transparent)]
pub struct Mbuf(NonNull<rte_mbuf>);

// SAFETY: the owner is the only one with access, and pools take buffers back from any thread.
unsafe impl Send for Mbuf {}

impl Mbuf {
    /// # Safety
    /// The pointer is a valid buffer, its first segment, and nobody else owns it.
    #[inline]
    pub(crate) unsafe fn from_raw(raw: NonNull<rte_mbuf>) -> Self {
        Self(raw)
    }

    /// Asks for the header, and for the first octets of a frame as drivers place it: behind the
    /// header and a headroom. Where a driver placed it elsewhere, nothing is won, and nothing lost.
    #[inline]
    pub(crate) fn prefetch(&self) {
        #[cfg(target_arch = "x86_64")]
        for line in PREFETCHED {
            let place = self.0.as_ptr().cast::<i8>().wrapping_add(line);
            // SAFETY: a hint, which never faults, whatever the address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(place) };
        }
    }

    #[inline]
    fn header(&self) -> &rte_mbuf {
        // SAFETY: valid as long as `self`, and changed through `&mut self` only.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    fn header_mut(&mut self) -> &mut rte_mbuf {
        // SAFETY: valid as long as `self`, and owned by it alone.
        unsafe { self.0.as_mut() }
    }

    #[inline]
    fn start(&self) -> *mut u8 {
        let header = self.header();
        let offset = usize::from(header.data_off);
        // SAFETY: the data offset lies within the buffer, or just behind it.
        unsafe { header.buf_addr.cast::<u8>().add(offset) }
    }

    /// The frame.
    #[inline]
    #[must_use]
    pub fn data(&self) -> &[u8] {
        // SAFETY: `len` octets from the data offset on lie within the buffer, which is memory that
        // the kernel has initialized.
        unsafe { slice::from_raw_parts(self.start(), self.len()) }
    }

    /// The frame, to be changed in place.
    #[inline]
    #[must_use]
    pub fn data_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `data`; owned by `self` alone.
        unsafe { slice::from_raw_parts_mut(self.start(), self.len()) }
    }

    /// The octets in the frame.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.header().data_len)
    }

    /// Whether the frame has no octet.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The octets free in front of the frame.
    #[inline]
    #[must_use]
    pub fn headroom(&self) -> usize {
        usize::from(self.header().data_off)
    }

    /// The octets free behind the frame.
    #[inline]
    #[must_use]
    pub fn tailroom(&self) -> usize {
        let header = self.header();
        let end = usize::from(header.data_off) + usize::from(header.data_len);
        usize::from(header.buf_len).saturating_sub(end)
    }

    /// Whether the whole frame is in this one segment.
    #[inline]
    #[must_use]
    pub fn is_contiguous(&self) -> bool {
        self.header().nb_segs == 1
    }

    /// Takes `count` octets off the front. `false`, and no change, if the frame has not that many.
    #[inline]
    pub fn trim_front(&mut self, count: usize) -> bool {
        let header = self.header_mut();
        match u16::try_from(count) {
            Ok(octets) if octets <= header.data_len => {
                header.data_off += octets;
                header.data_len -= octets;
                header.pkt_len -= u32::from(octets);
                true
            }
            _ => false,
        }
    }

    /// Leaves `length` octets from `front` on. `false`, and no change, if they are not there, or
    /// not in this one segment.
    #[inline]
    pub fn narrow(&mut self, front: usize, length: usize) -> bool {
        let header = self.header_mut();
        let there = front.saturating_add(length) <= usize::from(header.data_len);
        match (u16::try_from(front), u16::try_from(length)) {
            (Ok(front), Ok(length)) if there && header.nb_segs == 1 => {
                header.data_off += front;
                header.data_len = length;
                header.pkt_len = u32::from(length);
                true
            }
            _ => false,
        }
    }

    /// Grows the frame at the front and gives the new octets, which hold old data until written.
    /// `None`, and no change, if the headroom is smaller.
    #[inline]
    #[must_use]
    pub fn prepend(&mut self, count: usize) -> Option<&mut [u8]> {
        let header = self.header_mut();
        let octets = u16::try_from(count)
            .ok()
            .filter(|&octets| octets <= header.data_off)?;
        let length = header.data_len.checked_add(octets)?;
        header.data_off -= octets;
        header.data_len = length;
        header.pkt_len += u32::from(octets);
        self.data_mut().get_mut(..count)
    }

    /// Grows the frame at the end and gives the new octets, which hold old data until written.
    /// `None`, and no change, if the tailroom is smaller or the frame is not contiguous.
    #[inline]
    #[must_use]
    pub fn append(&mut self, count: usize) -> Option<&mut [u8]> {
        if count > self.tailroom() || !self.is_contiguous() {
            return None;
        }
        let before = self.len();
        let octets = u16::try_from(count).ok()?;
        let header = self.header_mut();
        header.data_len += octets;
        header.pkt_len += u32::from(octets);
        self.data_mut().get_mut(before..)
    }

    /// Cuts the frame to its first `length` octets. No change if it has no more than that, or is
    /// not contiguous.
    #[inline]
    pub fn truncate(&mut self, length: usize) {
        if length < self.len()
            && self.is_contiguous()
            && let Ok(octets) = u16::try_from(length)
        {
            let header = self.header_mut();
            header.data_len = octets;
            header.pkt_len = u32::from(octets);
        }
    }

    /// The 802.1Q tag control information that the driver took out of the frame, if it did.
    #[inline]
    #[must_use]
    pub fn stripped_vlan(&self) -> Option<u16> {
        let header = self.header();
        (header.ol_flags & dpdk_sys::SHIM_RX_VLAN_STRIPPED != 0).then_some(header.vlan_tci)
    }

    /// The hash by which the device chose the queue, if it gives it.
    #[inline]
    #[must_use]
    pub fn rss_hash(&self) -> Option<u32> {
        let header = self.header();
        // SAFETY: every reading of the union is plain integers.
        let hash = unsafe { header.__bindgen_anon_2.hash };
        // SAFETY: as above.
        let rss = unsafe { hash.rss };
        (header.ol_flags & dpdk_sys::SHIM_RX_RSS_HASH != 0).then_some(rss)
    }
}

impl Drop for Mbuf {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: valid and owned; whoever gives it to DPDK instead forgets it.
        unsafe { dpdk_sys::shim_pktmbuf_free(self.0.as_ptr()) };
    }
}

impl fmt::Debug for Mbuf {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Mbuf")
            .field("len", &self.len())
            .field("headroom", &self.headroom())
            .field("tailroom", &self.tailroom())
            .finish_non_exhaustive()
    }
}
