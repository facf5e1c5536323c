//! How long packets are, and how many calls they are of.

use serde::Serialize;

/// Packets of one sample: three bursts of a worker, and sixteen times the twelve of [`Load::Imix`].
pub(crate) const PACKETS: u32 = 192;

/// Calls at once, in the order of the cases.
pub(crate) const FLOWS: [u32; 2] = [1024, 1];

/// Lengths of inner IPv4 packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Load {
    /// All of 64 bytes.
    #[serde(rename = "64")]
    Short,
    /// All of 512 bytes.
    #[serde(rename = "512")]
    Medium,
    /// All of 1400 bytes.
    #[serde(rename = "1400")]
    Long,
    /// 64, 594 and 1400 bytes (1518, less what tunnels add), seven to four to one.
    #[serde(rename = "imix")]
    Imix,
}

impl Load {
    /// All, in the order of the cases.
    pub(crate) const ALL: [Self; 4] = [Self::Short, Self::Medium, Self::Long, Self::Imix];

    /// Length of the packet at `place` of a sample, in bytes.
    pub(crate) fn length(self, place: usize) -> usize {
        const MIX: [usize; 12] = [64, 594, 64, 64, 594, 64, 1400, 64, 594, 64, 594, 64];
        match self {
            Self::Short => 64,
            Self::Medium => 512,
            Self::Long => 1400,
            Self::Imix => MIX[place % MIX.len()],
        }
    }

    /// Bytes of a packet, on average over a sample.
    pub(crate) fn mean_length(self) -> f64 {
        let octets: usize = (0..PACKETS as usize).map(|place| self.length(place)).sum();
        octets as f64 / f64::from(PACKETS)
    }

    /// The name in figures.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Short => "64",
            Self::Medium => "512",
            Self::Long => "1400",
            Self::Imix => "imix",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_of_the_mix_has_seven_to_four_to_one() {
        let count = |length| {
            let of_it = |place: &usize| Load::Imix.length(*place) == length;
            (0..PACKETS as usize).filter(of_it).count()
        };
        assert_eq!([64, 594, 1400].map(count), [7 * 16, 4 * 16, 16]);
        assert!((Load::Imix.mean_length() - 352.0).abs() < 1e-9);
    }
}
