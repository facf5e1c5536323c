//! A key for each frame: late frames decrypt with keys that were kept, and a loss costs nothing but
//! key changes.

use zeroize::Zeroizing;

use super::{
    DecryptJob, DecryptRefusal, DecryptState, DecryptWorker, FREE_STEPS, distance, frame_of,
};
use crate::clock::Timestamp;
use crate::mppe::catch_up::Budget;
use crate::mppe::chain::Link;
use crate::mppe::engine::Engine;
use crate::mppe::kernel::xor;
use crate::mppe::plausible::{Looks, opens};
use crate::mppe::stock::Stock;
use crate::mppe::trail::Trail;
use crate::wire::mppe::CoherencyCount;

impl DecryptState {
    /// The sequence number alone says whether the frame is ahead or late.
    pub(super) fn decrypt_stateless(
        &mut self,
        frame: &mut [u8],
        looks: Looks<'_>,
        (count, sequence): (CoherencyCount, u32),
        worker: &mut DecryptWorker,
        now: Timestamp,
    ) -> Result<(), DecryptRefusal> {
        let ahead = sequence.wrapping_sub(self.sequence);
        match ahead {
            0 => Err(DecryptRefusal::Duplicate),
            1..=0x7fff_ffff => self.decrypt_ahead(frame, looks, (count, sequence), worker, now),
            0x8000_0000.. => self.decrypt_late(frame, looks, (count, ahead.wrapping_neg()), worker),
        }
    }

    /// A frame after the newest one.
    fn decrypt_ahead(
        &mut self,
        frame: &mut [u8],
        looks: Looks<'_>,
        (count, sequence): (CoherencyCount, u32),
        worker: &mut DecryptWorker,
        now: Timestamp,
    ) -> Result<(), DecryptRefusal> {
        let limit = sequence.wrapping_sub(self.sequence);
        let nearest = distance(&self.chain.committed, count);
        if nearest > u64::from(limit) {
            return Err(DecryptRefusal::FarCount);
        }
        let mut link = self.chain.committed.duplicate();
        if nearest == 1 {
            self.step(&mut link, &worker.engine.stock, &mut worker.engine.rc4);
            if self.opens(&link.session_key, frame, looks, &mut worker.engine.rc4) {
                self.commit(link, sequence, frame.len(), &mut worker.engine.stock);
                return Ok(());
            }
            if limit <= u32::from(CoherencyCount::MODULUS) {
                return Err(DecryptRefusal::Implausible);
            }
        }
        self.budget.refill(now);
        worker.budget.refill(now);
        self.catch_up(link, frame, looks, (count, sequence), worker)
    }

    /// Frames are missing, so walk from `link` past their keys. The count says where the wanted key
    /// is only modulo 4096, so every such place up to the limit is tried, the nearest first: it is
    /// the right one unless more than 4095 frames were lost, and frames that were not encrypted
    /// count in the sequence number too, thousands on a call that was idle for long.
    fn catch_up(
        &mut self,
        link: Link,
        frame: &mut [u8],
        looks: Looks<'_>,
        (count, sequence): (CoherencyCount, u32),
        worker: &mut DecryptWorker,
    ) -> Result<(), DecryptRefusal> {
        let DecryptWorker {
            engine: Engine { rc4, stock, .. },
            skipped,
            unfinished,
            budget,
            passed,
        } = worker;
        let base = self.chain.committed.position;
        let limit = base + u64::from(sequence.wrapping_sub(self.sequence));
        let nearest = distance(&self.chain.committed, count);
        let mut trail = Trail::new(link, passed);
        // The keys on the way decrypt frames that were overtaken, but to get there at all comes first.
        let payable = FREE_STEPS + u64::from(Budget::affordable(&self.budget, budget));
        let walks_all = nearest <= skipped.back().min(payable) && trail.link.position == base;
        if !walks_all {
            trail.resume(unfinished.find((self.place, self.id), base, sequence));
        }
        let mut free = FREE_STEPS;
        loop {
            let steps = distance(&trail.link, count);
            if trail.link.position + steps > limit {
                unfinished.forget((self.place, self.id));
                return Err(DecryptRefusal::Implausible);
            }
            let paid = steps.saturating_sub(free);
            let granted = steps - paid + Budget::take(&mut self.budget, budget, paid);
            free = 0;
            trail.walk(granted, |link| self.step(link, stock, rc4));
            if granted < steps {
                unfinished.save((self.place, self.id), base, sequence, &trail.link);
                return Err(DecryptRefusal::BudgetExhausted);
            }
            if self.opens(&trail.link.session_key, frame, looks, rc4) {
                break;
            }
            trail.resume(unfinished.find((self.place, self.id), base, sequence));
        }
        unfinished.forget((self.place, self.id));
        trail.keep_passed(base, self.id, skipped);
        self.commit(trail.link.duplicate(), sequence, frame.len(), stock);
        Ok(())
    }

    /// A frame before the newest one: only its own key can decrypt it, and only once.
    fn decrypt_late(
        &mut self,
        frame: &mut [u8],
        looks: Looks<'_>,
        (count, behind): (CoherencyCount, u32),
        worker: &mut DecryptWorker,
    ) -> Result<(), DecryptRefusal> {
        let newest = &self.chain.committed;
        let back = u64::from(newest.coherency_count().since(count));
        if back > u64::from(behind) {
            return Err(DecryptRefusal::FarCount);
        }
        if back > worker.skipped.back() || back >= newest.position {
            return Err(DecryptRefusal::KeyGone);
        }
        let Some(place) = back.checked_sub(1) else {
            return Err(DecryptRefusal::Duplicate);
        };
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        let bit = 1u64.checked_shl(place).unwrap_or(0);
        if self.decrypted & bit != 0 {
            return Err(DecryptRefusal::Duplicate);
        }
        let position = newest.position - back;
        let key = worker.skipped.find(self.id, position).map(Zeroizing::new);
        let key = key.ok_or(DecryptRefusal::KeyGone)?;
        if !self.opens(&key, frame, looks, &mut worker.engine.rc4) {
            return Err(DecryptRefusal::Implausible);
        }
        worker.skipped.wipe(self.id, position);
        self.decrypted |= bit;
        Ok(())
    }

    /// The frame at `link`, `length` bytes long, was decrypted and is the newest now.
    pub(super) fn commit(&mut self, link: Link, sequence: u32, length: usize, stock: &mut Stock) {
        stock.commit(self.place, &self.chain, &link, length);
        self.advance(link, sequence);
    }

    /// A frame that is due, if there is keystream for all of it and it comes out right.
    #[inline]
    pub(super) fn decrypt_stocked(
        &mut self,
        job: &mut DecryptJob<'_>,
        stock: &mut Stock,
    ) -> Option<()> {
        let frame = frame_of(job.payload);
        let slot = stock.find_whole(self.place, &self.chain, frame.len())?;
        let looks = Looks {
            agreed: self.agreed,
            compressed: None,
        };
        let decrypt = |prefix: &mut [u8]| xor(prefix, stock.prefix(slot));
        if !opens(frame, decrypt, |prefix, length| {
            looks.packet(prefix, length)
        }) {
            return None;
        }
        stock.apply(slot, frame);
        let link = stock.link(slot, self.chain.committed.position + 1);
        stock.commit_slot(slot, &link, frame.len());
        self.advance(link, job.sequence);
        Some(())
    }

    fn advance(&mut self, link: Link, sequence: u32) {
        let advance = link.position - self.chain.committed.position;
        let shift = u32::try_from(advance).unwrap_or(u32::MAX);
        self.decrypted = self.decrypted.checked_shl(shift).unwrap_or(0);
        if self.chain.committed.position > 0 {
            self.decrypted |= 1u64.checked_shl(shift - 1).unwrap_or(0);
        }
        self.chain.committed = link;
        self.sequence = sequence;
    }
}
