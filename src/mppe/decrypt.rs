//! Decryption: a burst of frames of many flows, in place, as they arrive: late, twice, or forged.
//!
//! The 32-bit GRE sequence number alone decides whether a frame is ahead, late or a duplicate, and
//! the 12-bit coherency count may not run further than the sequence number did. Keys are derived
//! on the side, the start of the frame is decrypted on the side, and only when that looks like a
//! packet does anything move: the state, the kept keys, or a byte of the frame.

use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::counted_enum;
use crate::mppe::catch_up::{Budget, UnfinishedWalks};
use crate::mppe::chain::{Chain, Link};
use crate::mppe::keys::{DownstreamKey, Mode, Strength, UpstreamKey};
use crate::mppe::plausible::{Agreed, PREFIX_LENGTH, plausible_ppp};
use crate::mppe::rc4::Rc4;
use crate::mppe::skipped::{KEPT_BACK, KeyId, SkippedKeys};
use crate::mppe::trail::Trail;
use crate::wire::mppe::{CoherencyCount, HEADER_LENGTH, Header};

counted_enum! {
    /// Why a frame was not decrypted. Nothing has changed then, neither state nor frame; only
    /// budgets may have been spent.
    pub enum DecryptRefusal {
        /// The flow has no keys.
        NoKeys => "no_keys",
        /// There is no whole MPPE header.
        HeaderShort => "header_short",
        /// Bit D is clear (RFC 3078 §3.1).
        NotEncrypted => "not_encrypted",
        /// Bit C is set, and MPPC was not agreed to (RFC 3078 §3.1).
        Compressed => "compressed",
        /// The count ran further, forward or back, than the GRE sequence number did.
        FarCount => "far_count",
        /// This frame was decrypted before.
        Duplicate => "duplicate",
        /// The frame is late, and its key is no longer kept.
        KeyGone => "key_gone",
        /// What came out is not a packet: forged or damaged.
        Implausible => "implausible",
        /// Too many frames are missing before this one to make up for now.
        BudgetExhausted => "budget_exhausted",
    }
}

/// Key changes that a frame may cost without being paid from the budgets: its own, and those of a
/// short loss, so that a call whose budget a forger keeps empty still gets over everyday losses.
const FREE_STEPS: u64 = 4;

/// What decryption keeps for one direction of a call. Plain data of fixed size, wiped when dropped.
#[repr(C)]
pub struct DecryptState {
    chain: Chain,
    id: KeyId,
    /// Bit n: the frame n + 1 before the newest was decrypted.
    decrypted: u64,
    budget: Budget,
    /// The GRE sequence number of the newest decrypted frame.
    sequence: u32,
    agreed: Agreed,
}

impl DecryptState {
    /// The server's side: frames from the client. The key is used up.
    ///
    /// `sequence` is the highest GRE sequence number received so far: encrypted frames come after.
    #[must_use]
    pub fn new(
        key: UpstreamKey,
        strength: Strength,
        mode: Mode,
        id: KeyId,
        sequence: u32,
        budget: Budget,
    ) -> Self {
        let chain = Chain::new(key.expose(), strength, mode);
        Self {
            chain,
            id,
            decrypted: 0,
            budget,
            sequence,
            agreed: Agreed::Ipv4,
        }
    }

    /// The same, but this is taken for a packet.
    #[must_use]
    pub fn agreeing(mut self, agreed: Agreed) -> Self {
        self.agree(agreed);
        self
    }

    /// From now on this is taken for a packet.
    pub const fn agree(&mut self, agreed: Agreed) {
        self.agreed = agreed;
    }

    /// The client's side: frames from the server.
    #[must_use]
    pub fn new_for_client(
        key: DownstreamKey,
        strength: Strength,
        mode: Mode,
        id: KeyId,
        sequence: u32,
        budget: Budget,
    ) -> Self {
        let chain = Chain::new(key.expose(), strength, mode);
        Self {
            chain,
            id,
            decrypted: 0,
            budget,
            sequence,
            agreed: Agreed::Ipv4,
        }
    }

    /// How strong the keys are.
    #[must_use]
    pub const fn strength(&self) -> Strength {
        self.chain.strength()
    }

    /// How often the key changes.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.chain.mode()
    }

    /// Whose kept keys are this flow's.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Frames that the peer has encrypted so far, as far as we know.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.chain.committed.position
    }

    /// Decrypts one frame in place. `payload` is what follows the PPP protocol field 0x00fd: the
    /// MPPE header and the encrypted frame; `sequence` is the GRE sequence number it came with.
    /// Answers the frame: its PPP protocol field, perhaps compressed, and a packet.
    ///
    /// # Errors
    /// A [`DecryptRefusal`]; then `payload` and the state are as they were.
    pub fn decrypt<'p>(
        &mut self,
        payload: &'p mut [u8],
        sequence: u32,
        worker: &mut DecryptWorker,
        now: Timestamp,
    ) -> Result<&'p mut [u8], DecryptRefusal> {
        if self.id == KeyId::default() {
            return Err(DecryptRefusal::NoKeys);
        }
        let header = Header::parse(payload).map_err(|_short| DecryptRefusal::HeaderShort)?;
        if !header.encrypted {
            return Err(DecryptRefusal::NotEncrypted);
        }
        if header.compressed {
            return Err(DecryptRefusal::Compressed);
        }
        let count = header.coherency_count;
        let (_, frame) = payload
            .split_at_mut_checked(HEADER_LENGTH)
            .unwrap_or_default();
        let ahead = sequence.wrapping_sub(self.sequence);
        match ahead {
            0 => return Err(DecryptRefusal::Duplicate),
            1..=0x7fff_ffff => self.decrypt_ahead(frame, count, sequence, worker, now)?,
            0x8000_0000.. => self.decrypt_late(frame, count, ahead.wrapping_neg(), worker)?,
        }
        Ok(frame)
    }

    /// Overwrites the keys, here and in the worker; from now on nothing is decrypted.
    pub fn wipe(&mut self, worker: &mut DecryptWorker) {
        worker.forget(self.id);
        self.chain.wipe();
        self.id = KeyId::default();
        self.decrypted = 0;
        self.sequence = 0;
    }

    /// A frame after the newest one.
    fn decrypt_ahead(
        &mut self,
        frame: &mut [u8],
        count: CoherencyCount,
        sequence: u32,
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
            self.chain.step(&mut link, &mut worker.rc4);
            if open(
                &self.chain,
                &link.session_key,
                frame,
                &mut worker.rc4,
                self.agreed,
            ) {
                self.commit(link, sequence);
                return Ok(());
            }
            if limit <= u32::from(CoherencyCount::MODULUS) {
                return Err(DecryptRefusal::Implausible);
            }
        }
        self.budget.refill(now);
        worker.budget.refill(now);
        self.catch_up(link, frame, count, sequence, worker)
    }

    /// Frames are missing, so walk from `link` past their keys. The count says where the wanted key
    /// is only modulo 4096, so every such place up to the limit is tried, the nearest first: it is
    /// the right one unless more than 4095 frames were lost, and frames that were not encrypted
    /// count in the sequence number too, thousands on a call that was idle for long.
    fn catch_up(
        &mut self,
        link: Link,
        frame: &mut [u8],
        count: CoherencyCount,
        sequence: u32,
        worker: &mut DecryptWorker,
    ) -> Result<(), DecryptRefusal> {
        let base = self.chain.committed.position;
        let limit = base + u64::from(sequence.wrapping_sub(self.sequence));
        let nearest = distance(&self.chain.committed, count);
        let mut trail = Trail::new(link);
        if nearest > KEPT_BACK || trail.link.position > base {
            trail.resume(worker.unfinished.find(self.id, base, sequence));
        }
        let mut free = FREE_STEPS;
        loop {
            let steps = distance(&trail.link, count);
            if trail.link.position + steps > limit {
                worker.unfinished.forget(self.id);
                return Err(DecryptRefusal::Implausible);
            }
            let paid = steps.saturating_sub(free);
            let granted = steps - paid + Budget::take(&mut self.budget, &mut worker.budget, paid);
            free = 0;
            trail.walk(&self.chain, granted, &mut worker.rc4);
            if granted < steps {
                worker.unfinished.save(self.id, base, sequence, &trail.link);
                return Err(DecryptRefusal::BudgetExhausted);
            }
            if open(
                &self.chain,
                &trail.link.session_key,
                frame,
                &mut worker.rc4,
                self.agreed,
            ) {
                break;
            }
            trail.resume(worker.unfinished.find(self.id, base, sequence));
        }
        worker.unfinished.forget(self.id);
        trail.keep_passed(base, self.id, &mut worker.skipped);
        self.commit(trail.link, sequence);
        Ok(())
    }

    /// A frame before the newest one: only its own key can decrypt it, and only once.
    fn decrypt_late(
        &mut self,
        frame: &mut [u8],
        count: CoherencyCount,
        behind: u32,
        worker: &mut DecryptWorker,
    ) -> Result<(), DecryptRefusal> {
        let newest = &self.chain.committed;
        let back = u64::from(newest.coherency_count().since(count));
        if back > u64::from(behind) {
            return Err(DecryptRefusal::FarCount);
        }
        if back > KEPT_BACK || back >= newest.position {
            return Err(DecryptRefusal::KeyGone);
        }
        let Some(bit) = back.checked_sub(1).map(|place| 1u64 << place) else {
            return Err(DecryptRefusal::Duplicate);
        };
        if self.decrypted & bit != 0 {
            return Err(DecryptRefusal::Duplicate);
        }
        let position = newest.position - back;
        let key = worker.skipped.find(self.id, position).map(Zeroizing::new);
        let key = key.ok_or(DecryptRefusal::KeyGone)?;
        if !open(&self.chain, &key, frame, &mut worker.rc4, self.agreed) {
            return Err(DecryptRefusal::Implausible);
        }
        worker.skipped.wipe(self.id, position);
        self.decrypted |= bit;
        Ok(())
    }

    /// The frame at `link` was decrypted and is the newest now.
    fn commit(&mut self, link: Link, sequence: u32) {
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

/// What the flows of one worker share for decryption.
pub struct DecryptWorker {
    skipped: SkippedKeys,
    unfinished: UnfinishedWalks,
    budget: Budget,
    rc4: Rc4,
}

impl DecryptWorker {
    /// Room for `regions` times 64 keys of frames that were overtaken, and a budget for all flows
    /// together.
    #[must_use]
    pub fn new(regions: usize, budget: Budget) -> Self {
        let skipped = SkippedKeys::new(regions);
        Self {
            skipped,
            unfinished: UnfinishedWalks::new(),
            budget,
            rc4: Rc4::unkeyed(),
        }
    }

    /// Wipes everything that is kept for a flow. To be called when its keys end.
    pub fn forget(&mut self, id: KeyId) {
        self.skipped.forget(id);
        self.unfinished.forget(id);
    }

    /// The keys of overtaken frames that are kept now.
    #[must_use]
    pub fn kept_keys(&self) -> usize {
        self.skipped.len()
    }

    /// Key changes that all flows together may still spend on missing frames.
    #[must_use]
    pub const fn budget_remaining(&self) -> u32 {
        self.budget.remaining()
    }
}

/// Where [`decrypt_batch`] finds the state of a flow.
pub trait DecryptStates {
    /// The state of a flow, if its keys are armed.
    fn decrypt_state(&mut self, flow: u32) -> Option<&mut DecryptState>;
}

/// One frame to decrypt.
pub struct DecryptJob<'f> {
    /// Whose frame this is, for [`DecryptStates`]. A flow may have several jobs in a batch; they
    /// are done in order.
    pub flow: u32,
    /// The GRE sequence number that it came with.
    pub sequence: u32,
    /// MPPE header and encrypted frame; decrypted in place behind the header.
    pub payload: &'f mut [u8],
    /// What came of it.
    pub outcome: Result<(), DecryptRefusal>,
}

impl<'f> DecryptJob<'f> {
    /// A job that is still to be done.
    #[must_use]
    pub const fn new(flow: u32, sequence: u32, payload: &'f mut [u8]) -> Self {
        Self {
            flow,
            sequence,
            payload,
            outcome: Err(DecryptRefusal::NoKeys),
        }
    }
}

/// Decrypts a burst.
pub fn decrypt_batch(
    states: &mut impl DecryptStates,
    jobs: &mut [DecryptJob<'_>],
    worker: &mut DecryptWorker,
    now: Timestamp,
) {
    for job in jobs {
        job.outcome = match states.decrypt_state(job.flow) {
            Some(state) => state
                .decrypt(job.payload, job.sequence, worker, now)
                .map(|_frame| ()),
            None => Err(DecryptRefusal::NoKeys),
        };
    }
}

/// How far after `link` the next place with this count is: 1 to 4096.
const fn distance(link: &Link, count: CoherencyCount) -> u64 {
    match count.since(link.coherency_count()) {
        0 => CoherencyCount::MODULUS as u64,
        ahead => ahead as u64,
    }
}

/// Decrypts `frame` in place if it comes out as a packet; otherwise it stays as it was.
fn open(
    chain: &Chain,
    session_key: &[u8; 16],
    frame: &mut [u8],
    rc4: &mut Rc4,
    agreed: Agreed,
) -> bool {
    let length = frame.len();
    let (start, rest) = frame.split_at_mut(length.min(PREFIX_LENGTH));
    let mut scratch = [0u8; PREFIX_LENGTH];
    let (prefix, _) = scratch.split_at_mut(start.len());
    prefix.copy_from_slice(start);
    chain.key(rc4, session_key);
    rc4.apply(prefix);
    if !plausible_ppp(prefix, length, agreed) {
        return false;
    }
    start.copy_from_slice(prefix);
    rc4.apply(rest);
    true
}

#[cfg(test)]
mod tests;
