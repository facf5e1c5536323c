//! RC4 runs on from frame to frame (RFC 3078 §7.2): frames decrypt in the order in which they were
//! sent, and after a loss nothing decrypts until the peer starts RC4 afresh with a flushed frame.
//!
//! Two rules exist for such a frame, and only the packet inside tells which one the peer follows.
//! Behind a loss its key has to be found, so a whole packet header has to prove it right; a wrong
//! key would be wrong for ever. A frame that is in step is decrypted with the only keystream that
//! can be meant, so there the protocol field is enough: to refuse a true frame whose packet is odd
//! would lose the step. That is not enough for a frame from another address than the peer's, which
//! would be believed to be the peer's for it.
//!
//! A frame that does not fit is only a sign of a loss. It may be forged, and the frame that is due
//! may still come; so nothing moves, and the stream stays ready for it.

use super::{
    DecryptJob, DecryptRefusal, DecryptState, DecryptWorker, FREE_STEPS, Source, distance,
    frame_of, open,
};
use crate::clock::Timestamp;
use crate::mppe::catch_up::Budget;
use crate::mppe::chain::{FLAG_EVERY, Link};
use crate::mppe::engine::Engine;
use crate::mppe::keys::Mode;
use crate::mppe::plausible::Looks;
use crate::mppe::queues::{Demand, Queues};
use crate::wire::mppe::{CoherencyCount, HEADER_LENGTH, Header};

/// What a sender does to the key of a flushed frame whose count does not end in 0xff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FlushRule {
    /// Nothing: RC4 starts afresh with the key in force (RFC 3078 §8.2).
    KeyInForce,
    /// It changes, as Linux has it.
    NewKey,
}

impl FlushRule {
    const fn key_changes(self) -> u64 {
        match self {
            Self::KeyInForce => 0,
            Self::NewKey => 1,
        }
    }
}

/// How many flushed frames of a sender that changes the key for each may be lost in a row before
/// one that is found.
const FLUSHES_LOST_MAX: u64 = 16;
/// Key changes in a turn of the count.
const FLAGS_PER_TURN: u64 = CoherencyCount::MODULUS as u64 / FLAG_EVERY;

/// A frame as it came.
#[derive(Clone, Copy)]
pub(super) struct Arrival<'h> {
    pub(super) header: Header,
    pub(super) sequence: u32,
    pub(super) source: Source,
    pub(super) looks: Looks<'h>,
    pub(super) now: Timestamp,
}

impl Source {
    /// Whether a frame of whoever this is looks right, whose keystream is known for certain.
    fn is_right(self, looks: Looks<'_>, prefix: &[u8], length: usize) -> bool {
        match self {
            Self::Peer => looks.protocol(prefix),
            Self::Elsewhere => looks.packet(prefix, length),
        }
    }
}

impl DecryptState {
    /// A frame that is due decrypts, and a flushed one; late ones never do.
    pub(super) fn decrypt_stateful(
        &mut self,
        frame: &mut [u8],
        arrival: Arrival<'_>,
        worker: &mut DecryptWorker,
    ) -> Result<(), DecryptRefusal> {
        let Arrival {
            header,
            sequence,
            source,
            looks: _,
            now,
        } = arrival;
        if !worker.engine.queues.has_place(self.place) {
            return Err(DecryptRefusal::NoKeys);
        }
        let ahead = sequence.wrapping_sub(self.sequence);
        match ahead {
            0 => return Err(DecryptRefusal::Duplicate),
            1..=0x7fff_ffff => {}
            0x8000_0000.. => return Err(DecryptRefusal::KeyGone),
        }
        let count = header.coherency_count;
        // It may run further than the sequence number did: a sender that flushes may leave out
        // counts, as ours does. What that can cost is bounded, and no key comes twice.
        let nearest = distance(&self.chain.committed, count);
        let due = nearest == 1;
        if due && (!header.flushed || count.is_flag()) {
            match self.decrypt_due(frame, arrival, worker) {
                Err(DecryptRefusal::Implausible) if header.flushed => {}
                outcome => return outcome,
            }
        }
        if !header.flushed {
            if source == Source::Peer {
                self.recovery.lose();
            }
            return Err(DecryptRefusal::OutOfStep);
        }
        self.budget.refill(now);
        worker.budget.refill(now);
        let beyond = u64::from(ahead).saturating_sub(nearest);
        let turns = beyond / u64::from(CoherencyCount::MODULUS);
        let found = self.find_key(frame, (nearest, turns), arrival, worker);
        match found {
            Err(DecryptRefusal::Implausible)
                if due && !count.is_flag() && source == Source::Peer =>
            {
                self.decrypt_by_rule(frame, arrival, worker)?;
            }
            Err(refusal) => return Err(refusal),
            Ok(()) => {}
        }
        self.recovery.start_afresh(now);
        Ok(())
    }

    /// The frame after the newest one: RC4 runs on, or starts afresh with a key that is certain.
    fn decrypt_due(
        &mut self,
        frame: &mut [u8],
        arrival: Arrival<'_>,
        worker: &mut DecryptWorker,
    ) -> Result<(), DecryptRefusal> {
        let Engine { rc4, queues, .. } = &mut worker.engine;
        let looks_right =
            |prefix: &[u8], length| arrival.source.is_right(arrival.looks, prefix, length);
        let mut link = self.chain.committed.duplicate();
        link.position += 1;
        let place = self.place;
        if link.is_flag() || !self.running {
            if link.is_flag() {
                self.chain.change_key(&mut link, rc4);
            }
            self.chain.key(rc4, &link.session_key);
            if !open(frame, rc4, looks_right) {
                return Err(DecryptRefusal::Implausible);
            }
            queues.restart(place, rc4);
        } else if let Some(right) = queues.apply_if(place, frame, looks_right) {
            if !right {
                return Err(DecryptRefusal::Implausible);
            }
        } else {
            queues.resume_alone(place, rc4);
            if !open(frame, rc4, looks_right) {
                return Err(DecryptRefusal::Implausible);
            }
            queues.restart(place, rc4);
        }
        self.take(link, arrival.sequence);
        self.recovery.run_on();
        Ok(())
    }

    /// A frame that is due and not flushed, if there is keystream for it and it comes out right.
    #[inline]
    pub(super) fn decrypt_queued(
        &mut self,
        job: &mut DecryptJob<'_>,
        queues: &mut Queues,
    ) -> Option<()> {
        let position = self.chain.committed.position + 1;
        let frame = frame_of(job.payload);
        let runs_on = self.running && !position.is_multiple_of(FLAG_EVERY);
        if !runs_on || !queues.has(self.place, frame.len()) {
            return None;
        }
        let looks = Looks {
            agreed: self.agreed,
            compressed: None,
        };
        let looks_right = |prefix: &[u8], length| job.source.is_right(looks, prefix, length);
        if !queues.apply_if(self.place, frame, looks_right)? {
            return None;
        }
        self.chain.committed.position = position;
        self.sequence = job.sequence;
        self.recovery.run_on();
        Some(())
    }

    /// What a frame that runs on would need, if RC4 is running.
    pub(super) fn demand(&self, job: usize, payload: &[u8]) -> Option<Demand> {
        let running = self.running && self.chain.mode() == Mode::Stateful;
        running.then_some(Demand {
            job,
            place: self.place,
            length: payload.len().saturating_sub(HEADER_LENGTH),
        })
    }

    /// A flushed frame, `nearest` after the newest, or whole turns of the count further: its key is
    /// the one in force, changed once for each count that ends in 0xff up to there, and perhaps once
    /// more for this and for each flushed frame that was lost. The first that yields a packet is it.
    fn find_key(
        &mut self,
        frame: &mut [u8],
        (nearest, turns): (u64, u64),
        arrival: Arrival<'_>,
        worker: &mut DecryptWorker,
    ) -> Result<(), DecryptRefusal> {
        let DecryptWorker {
            engine: Engine { rc4, queues, .. },
            unfinished,
            budget,
            ..
        } = worker;
        let base = self.chain.committed.position;
        let Arrival {
            sequence, looks, ..
        } = arrival;
        let first = self.chain.committed.flags_within(nearest);
        let last = first + turns * FLAGS_PER_TURN + FLUSHES_LOST_MAX;
        // Its position counts key changes here.
        let mut link = self.chain.committed.duplicate();
        link.position = 0;
        let walked = unfinished.find((self.place, self.id), base, sequence);
        if let Some(walked) = walked.filter(|walked| turns > 0 || walked.position <= first) {
            link = walked;
        }
        let mut free = FREE_STEPS;
        loop {
            if link.position >= first {
                self.chain.key(rc4, &link.session_key);
                if open(frame, rc4, |prefix, length| looks.packet(prefix, length)) {
                    break;
                }
            }
            if link.position >= last {
                unfinished.forget((self.place, self.id));
                return Err(DecryptRefusal::Implausible);
            }
            if free > 0 {
                free -= 1;
            } else if Budget::take(&mut self.budget, budget, 1) == 0 {
                unfinished.save((self.place, self.id), base, sequence, &link);
                return Err(DecryptRefusal::BudgetExhausted);
            }
            self.chain.change_key(&mut link, rc4);
            link.position += 1;
        }
        unfinished.forget((self.place, self.id));
        queues.restart(self.place, rc4);
        let changes = link.position;
        // A whole turn is a whole number of key changes, so it need not be counted.
        link.position = base + nearest;
        if turns == 0 && !link.is_flag() {
            self.rule = Some(if changes == first {
                FlushRule::KeyInForce
            } else {
                FlushRule::NewKey
            });
        }
        self.take(link, sequence);
        Ok(())
    }

    /// A flushed frame that is due and is no packet: if the rule of the peer is known, its key is
    /// certain, and the protocol field is enough.
    fn decrypt_by_rule(
        &mut self,
        frame: &mut [u8],
        arrival: Arrival<'_>,
        worker: &mut DecryptWorker,
    ) -> Result<(), DecryptRefusal> {
        let Engine { rc4, queues, .. } = &mut worker.engine;
        let rule = self.rule.ok_or(DecryptRefusal::Implausible)?;
        let mut link = self.chain.committed.duplicate();
        for _ in 0..rule.key_changes() {
            self.chain.change_key(&mut link, rc4);
        }
        link.position += 1;
        self.chain.key(rc4, &link.session_key);
        if !open(frame, rc4, |prefix, _| arrival.looks.protocol(prefix)) {
            return Err(DecryptRefusal::Implausible);
        }
        queues.restart(self.place, rc4);
        self.take(link, arrival.sequence);
        Ok(())
    }

    /// The frame at `link` was decrypted and is the newest now.
    fn take(&mut self, link: Link, sequence: u32) {
        self.chain.committed = link;
        self.sequence = sequence;
        self.running = true;
    }
}
