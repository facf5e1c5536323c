//! SHA-1 (FIPS 180-4 §6.1) over two blocks of several messages at once. The loops over lanes are
//! what compilers make vector instructions of.

/// The same word of several messages.
#[derive(Clone, Copy)]
pub(crate) struct Words<const LANES: usize>(pub(crate) [u32; LANES]);

impl<const LANES: usize> Words<LANES> {
    #[inline(always)]
    fn with(self, other: Self, combine: impl Fn(u32, u32) -> u32) -> Self {
        let mut words = self.0;
        for (word, other) in words.iter_mut().zip(other.0) {
            *word = combine(*word, other);
        }
        Self(words)
    }

    #[inline(always)]
    fn each(self, change: impl Fn(u32) -> u32) -> Self {
        Self(self.0.map(change))
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.with(other, u32::wrapping_add)
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        self.with(other, |a, b| a ^ b)
    }
}

const INITIAL: [u32; 5] = [
    0x6745_2301,
    0xefcd_ab89,
    0x98ba_dcfe,
    0x1032_5476,
    0xc3d2_e1f0,
];

/// Two blocks of several messages: word by word, lane by lane.
pub(crate) type Message<const LANES: usize> = [Words<LANES>; 32];

/// The first four words of the digests of messages that fill two blocks, padding included.
#[inline(always)]
pub(crate) fn digests<const LANES: usize>(message: &Message<LANES>) -> [Words<LANES>; 4] {
    let mut state = INITIAL.map(|word| Words([word; LANES]));
    let (blocks, _) = message.as_chunks::<16>();
    for block in blocks {
        compress(&mut state, *block);
    }
    let [a, b, c, d, _] = state;
    [a, b, c, d]
}

#[inline(always)]
fn compress<const LANES: usize>(state: &mut [Words<LANES>; 5], mut block: [Words<LANES>; 16]) {
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for round in 0..80usize {
        let place = round % 16;
        if round >= 16 {
            let mixed = block[(round + 13) % 16]
                .xor(block[(round + 8) % 16])
                .xor(block[(round + 2) % 16])
                .xor(block[place]);
            block[place] = mixed.each(|word| word.rotate_left(1));
        }
        let (chosen, constant) = match round {
            0..20 => (d.xor(b.with(c.xor(d), |b, c_or_d| b & c_or_d)), 0x5a82_7999),
            20..40 => (b.xor(c).xor(d), 0x6ed9_eba1),
            40..60 => (
                b.with(c, |b, c| b & c)
                    .xor(d.with(b.xor(c), |d, either| d & either)),
                0x8f1b_bcdc,
            ),
            _ => (b.xor(c).xor(d), 0xca62_c1d6u32),
        };
        let next = a
            .each(|word| word.rotate_left(5))
            .plus(chosen)
            .plus(e)
            .plus(block[place].each(|word| word.wrapping_add(constant)));
        (e, d, c, b, a) = (d, c, b.each(|word| word.rotate_left(30)), a, next);
    }
    for (word, change) in state.iter_mut().zip([a, b, c, d, e]) {
        *word = word.plus(change);
    }
}
