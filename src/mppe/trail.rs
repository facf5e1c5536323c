//! A walk along a chain on the side, for a frame that may be forged.

use zeroize::{Zeroize, Zeroizing};

use crate::mppe::chain::{Chain, Link};
use crate::mppe::rc4::Rc4;
use crate::mppe::skipped::{KEPT_BACK, KeyId, SkippedKeys};

/// A walk along a chain on the side, with the keys of the last places it passed.
pub(crate) struct Trail {
    pub(crate) link: Link,
    first: u64,
    passed: Zeroizing<[[u8; 16]; KEPT_BACK as usize]>,
}

impl Trail {
    /// Starts at `link`, whose own key counts as passed once the walk goes on.
    pub(crate) fn new(link: Link) -> Self {
        let first = link.position;
        Self {
            link,
            first,
            passed: Zeroizing::new([[0; 16]; KEPT_BACK as usize]),
        }
    }

    /// Goes on from where an earlier walk ended, if that is further.
    pub(crate) fn resume(&mut self, unfinished: Option<Link>) {
        if let Some(link) = unfinished
            && link.position > self.link.position
        {
            self.first = link.position;
            self.link = link;
        }
    }

    /// Takes `steps` key changes.
    pub(crate) fn walk(&mut self, chain: &Chain, steps: u64, rc4: &mut Rc4) {
        for _ in 0..steps {
            if let Some(place) = self.passed.get_mut(ring_place(self.link.position)) {
                *place = self.link.session_key;
            }
            chain.step(&mut self.link, rc4);
        }
    }

    /// Hands the keys of the frames between the committed place and this one to the pool.
    pub(crate) fn keep_passed(&self, base: u64, id: KeyId, pool: &mut SkippedKeys) {
        let oldest = self.link.position.saturating_sub(KEPT_BACK);
        for position in oldest.max(self.first).max(base + 1)..self.link.position {
            if let Some(session_key) = self.passed.get(ring_place(position)) {
                let mut link = Link {
                    session_key: *session_key,
                    position,
                };
                pool.keep(id, &link);
                link.zeroize();
            }
        }
    }
}

const fn ring_place(position: u64) -> usize {
    (position % KEPT_BACK) as usize
}
