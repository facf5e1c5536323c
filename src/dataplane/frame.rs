//! What a pipeline needs of a frame: its bytes, and room in front of them for headers. A DPDK mbuf
//! has both, and so has a heap buffer in a test.

/// A frame in one piece of memory, with room before and behind it.
pub trait Frame: Send {
    /// The bytes.
    fn bytes(&self) -> &[u8];

    /// The bytes, to change in place.
    fn bytes_mut(&mut self) -> &mut [u8];

    /// How many bytes can be prepended.
    fn headroom(&self) -> usize;

    /// Takes `octets` bytes off the front; `false`, and no change, if there are fewer.
    fn trim_front(&mut self, octets: usize) -> bool;

    /// Leaves `length` bytes from `front` on; `false`, and no change, if they are not there.
    fn narrow(&mut self, front: usize, length: usize) -> bool;

    /// Adds `octets` bytes of any content in front and answers them; `None`, and no change, if there
    /// is no room.
    fn prepend(&mut self, octets: usize) -> Option<&mut [u8]>;

    /// Adds `octets` bytes of any content behind and answers them; `None`, and no change, if there
    /// is no room.
    fn append(&mut self, octets: usize) -> Option<&mut [u8]>;

    /// Cuts the frame to `length` bytes if it is longer.
    fn truncate(&mut self, length: usize);

    /// Whether [`Self::bytes`] is all of the frame. A port that chains buffers for long frames
    /// answers `false` for those, and they are refused.
    fn is_contiguous(&self) -> bool {
        true
    }

    /// The 802.1Q tag that the port took out of the frame, if it does that.
    fn stripped_vlan(&self) -> Option<u16> {
        None
    }
}
