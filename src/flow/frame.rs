//! The bytes of one frame, by value: what crosses a ring is a copy, so that neither side ever holds
//! the other's buffers and a stalled slow path cannot drain a port's pool.

/// The longest frame that crosses a ring, in bytes: what a port's buffer holds, less the two bytes
/// of the length here.
pub const FRAME_BYTES_MAX: usize = 2046;

/// A frame of at most [`FRAME_BYTES_MAX`] bytes.
#[derive(Clone)]
#[repr(C)]
pub struct FrameBytes {
    length: u16,
    bytes: [u8; FRAME_BYTES_MAX],
}

impl FrameBytes {
    /// Copies `frame`; `None` if it is too long.
    #[must_use]
    pub fn copy_of(frame: &[u8]) -> Option<Self> {
        let length = u16::try_from(frame.len()).ok()?;
        let mut bytes = [0; FRAME_BYTES_MAX];
        bytes.get_mut(..frame.len())?.copy_from_slice(frame);
        Some(Self { length, bytes })
    }

    /// The frame.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_and_a_giant_is_refused() {
        let frame = [0x5a; FRAME_BYTES_MAX + 1];
        for length in [0, 1, 64, FRAME_BYTES_MAX] {
            assert_eq!(
                FrameBytes::copy_of(&frame[..length]).unwrap().as_slice(),
                &frame[..length]
            );
        }
        assert!(FrameBytes::copy_of(&frame).is_none());
    }
}
