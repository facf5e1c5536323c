//! Which kernel suits a machine: measured, since cores differ by more than their features tell.

use std::time::Duration;

use super::Kernel;

/// A way of making many keystreams at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelKind {
    /// Six lanes in safe Rust.
    Interleaved,
    /// Sixteen lanes whose tables are interleaved, on x86-64 with AVX2.
    Rows,
    /// Sixteen lanes with AVX-512.
    Wide16,
    /// Twice sixteen lanes with AVX-512.
    Wide32,
}

/// Frames of a measurement.
const FRAMES: usize = 64;
/// A mean frame, in bytes.
const FRAME_LENGTH: usize = 400;
/// Measurements of each kernel; the quickest counts, since a core may be disturbed.
const ROUNDS: usize = 3;

impl KernelKind {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Interleaved, Self::Rows, Self::Wide16, Self::Wide32];

    /// Its name for an operator.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interleaved => "interleaved-6",
            Self::Rows => "x86-rows-16",
            Self::Wide16 => "avx512-16",
            Self::Wide32 => "avx512-32",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kernel that is quickest on this core. `elapsed` is the time since any fixed moment; this
    /// takes a few milliseconds of it.
    pub fn fastest(mut elapsed: impl FnMut() -> Duration) -> Self {
        let mut best = (Self::Interleaved, Duration::MAX);
        for kind in Self::ALL {
            let Some(mut kernel) = Kernel::of(kind) else {
                continue;
            };
            for _ in 0..ROUNDS {
                let start = elapsed();
                work(&mut kernel);
                let time = elapsed().saturating_sub(start);
                if time < best.1 {
                    best = (kind, time);
                }
            }
        }
        best.0
    }
}

/// What a burst of stateless frames costs a kernel: two key schedules a frame, and keystream.
fn work(kernel: &mut Kernel) {
    let mut keys = [[0u8; 16]; FRAMES];
    for (key, seed) in keys.iter_mut().zip(1u8..) {
        *key = std::array::from_fn(|place| {
            let [byte, ..] = place.to_le_bytes();
            seed.wrapping_mul(157).wrapping_add(byte.wrapping_mul(89))
        });
    }
    let mut frames = vec![[0u8; FRAME_LENGTH]; FRAMES];
    for length in [BLOCK_LENGTH, FRAME_LENGTH] {
        let mut spans: Vec<&mut [u8]> = frames
            .iter_mut()
            .filter_map(|frame| frame.get_mut(..length))
            .collect();
        kernel.keystreams(&keys, &mut spans);
    }
    std::hint::black_box(&frames);
}

/// Keystream of a key change, in bytes.
const BLOCK_LENGTH: usize = 16;
