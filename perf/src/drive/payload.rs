//! What a packet of a driven client carries: who sent it, its number, when, and a checksum over all of
//! it, so that whoever gets it can tell whether it is the very packet that was sent.

/// Bytes before the filling.
pub(super) const LENGTH: usize = 44;
const MAGIC: u32 = 0x706e_7344;
const CHECKSUM_AT: std::ops::Range<usize> = 36..44;

/// The fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Payload {
    /// The client that sent it.
    pub(super) from: u32,
    /// Counted by that client, from 0.
    pub(super) number: u64,
    /// When it was due, in nanoseconds since the client's epoch.
    pub(super) due_ns: u64,
    /// How many packets of that client the reflector has had, this one included; 0 on the way there.
    pub(super) reflected: u64,
}

impl Payload {
    /// Writes it over the beginning of `datagram`, with the checksum of all of it. The datagram must
    /// have room.
    pub(super) fn write(self, datagram: &mut [u8]) -> Option<()> {
        let fields = datagram.get_mut(..LENGTH)?;
        fields.get_mut(..4)?.copy_from_slice(&MAGIC.to_be_bytes());
        fields
            .get_mut(4..8)?
            .copy_from_slice(&self.from.to_be_bytes());
        for (place, value) in [(8, self.number), (16, self.due_ns), (24, self.reflected)] {
            fields
                .get_mut(place..place + 8)?
                .copy_from_slice(&value.to_be_bytes());
        }
        fields.get_mut(32..36)?.copy_from_slice(&[0; 4]);
        let sum = checksum(datagram);
        datagram
            .get_mut(CHECKSUM_AT)?
            .copy_from_slice(&sum.to_be_bytes());
        Some(())
    }

    /// Reads it; `None` if a single byte of the datagram is another than it was.
    pub(super) fn read(datagram: &[u8]) -> Option<Self> {
        let word = |place: usize| {
            let bytes = datagram.get(place..place + 8)?;
            Some(u64::from_be_bytes(bytes.try_into().ok()?))
        };
        let half = |place: usize| {
            let bytes = datagram.get(place..place + 4)?;
            Some(u32::from_be_bytes(bytes.try_into().ok()?))
        };
        let right = half(0)? == MAGIC && word(CHECKSUM_AT.start)? == checksum(datagram);
        right.then_some(Self {
            from: half(4)?,
            number: word(8)?,
            due_ns: word(16)?,
            reflected: word(24)?,
        })
    }
}

/// FNV-1a with words of 64 bits, over all but the checksum.
fn checksum(datagram: &[u8]) -> u64 {
    let before = datagram.get(..CHECKSUM_AT.start).unwrap_or_default();
    let after = datagram.get(CHECKSUM_AT.end..).unwrap_or_default();
    let mut sum = 0xcbf2_9ce4_8422_2325_u64 ^ datagram.len() as u64;
    for chunk in before.chunks(8).chain(after.chunks(8)) {
        let mut word = [0; 8];
        for (place, octet) in word.iter_mut().zip(chunk) {
            *place = *octet;
        }
        sum = (sum ^ u64::from_be_bytes(word)).wrapping_mul(0x0000_0100_0000_01b3);
        sum ^= sum >> 29;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_bit_is_seen() {
        let payload = Payload {
            from: 7,
            number: 1 << 40,
            due_ns: 123_456_789,
            reflected: 3,
        };
        for length in [LENGTH, LENGTH + 1, 100] {
            let mut datagram = vec![0xa5; length];
            payload.write(&mut datagram).unwrap();
            assert_eq!(Payload::read(&datagram), Some(payload));
            for bit in 0..length * 8 {
                datagram[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(
                    Payload::read(&datagram),
                    None,
                    "bit {bit} of {length} bytes"
                );
                datagram[bit / 8] ^= 1 << (bit % 8);
            }
            assert_eq!(Payload::read(&datagram[..length - 1]), None);
        }
        assert_eq!(payload.write(&mut [0; LENGTH - 1]), None);
    }
}
