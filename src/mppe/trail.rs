//! A walk along a chain on the side, for a frame that may be forged.

use zeroize::Zeroize;

use crate::mppe::chain::Link;
use crate::mppe::skipped::{KeyId, SkippedKeys};

/// A walk along a chain on the side, with the keys of the last places it passed. They are noted in
/// memory of the worker, and wiped there when the walk is over.
pub(crate) struct Trail<'n> {
    pub(crate) link: Link,
    first: u64,
    passed: &'n mut [[u8; 16]],
    noted: usize,
}

impl<'n> Trail<'n> {
    /// Starts at `link`, whose own key counts as passed once the walk goes on. It remembers as many
    /// keys as `notes` has room for.
    pub(crate) fn new(link: Link, notes: &'n mut [[u8; 16]]) -> Self {
        Self {
            first: link.position,
            link,
            passed: notes,
            noted: 0,
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
    pub(crate) fn walk(&mut self, steps: u64, mut step: impl FnMut(&mut Link)) {
        for _ in 0..steps {
            let place = self.place(self.link.position);
            if let Some(note) = self.passed.get_mut(place) {
                *note = self.link.session_key;
                self.noted = self.noted.max(place + 1);
            }
            step(&mut self.link);
        }
    }

    /// Hands the keys of the frames between the committed place and this one to the pool.
    pub(crate) fn keep_passed(&self, base: u64, id: KeyId, pool: &mut SkippedKeys) {
        let oldest = self.link.position.saturating_sub(self.length());
        for position in oldest.max(self.first).max(base + 1)..self.link.position {
            if let Some(session_key) = self.passed.get(self.place(position)) {
                let mut link = Link {
                    session_key: *session_key,
                    position,
                };
                pool.keep(id, &link);
                link.zeroize();
            }
        }
    }

    fn length(&self) -> u64 {
        self.passed.len() as u64
    }

    /// Counted from the start of the walk, so that a short walk has little to wipe.
    fn place(&self, position: u64) -> usize {
        let passed = position.saturating_sub(self.first);
        usize::try_from(passed % self.length().max(1)).unwrap_or(0)
    }
}

impl Drop for Trail<'_> {
    fn drop(&mut self) {
        for note in self.passed.iter_mut().take(self.noted) {
            note.zeroize();
        }
    }
}
