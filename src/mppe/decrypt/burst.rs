//! A burst of stateless frames. Those that are due, as nearly all are, are decrypted side by side with
//! the keys that will be theirs if everything before them proves right. Only then are they looked at in
//! the order in which they came, exactly as if each had been decrypted alone; where one has not proved
//! right, what was done with those behind it is undone, and they are decrypted alone.

use arrayvec::ArrayVec;
use zeroize::Zeroize;

use super::{
    DecryptJob, DecryptRefusal, DecryptState, DecryptStates, DecryptWorker, Origin, distance,
};
use crate::clock::Timestamp;
use crate::mppe::batch::{BATCH, Latest, Tasks};
use crate::mppe::chain::{Link, rc4_key};
use crate::mppe::kernel::{StagingChunk, xor_chunk};
use crate::mppe::keys::{Mode, Strength};
use crate::mppe::plausible::{Agreed, Looks, PREFIX_LENGTH};
use crate::mppe::rc4::Rc4;
use crate::mppe::skipped::KeyId;
use crate::wire::mppe::{CoherencyCount, HEADER_LENGTH, Header};

/// A frame that is taken to be due: the one with the same number among [`Tasks`].
#[derive(Clone, Copy)]
struct Due {
    job: usize,
    position: u64,
    agreed: Agreed,
    strength: Strength,
    /// It came out as a packet.
    opened: bool,
}

/// The frames that are taken to be due.
struct Plan {
    tasks: Tasks,
    due: ArrayVec<Due, BATCH>,
}

pub(super) fn decrypt_burst(
    states: &mut impl DecryptStates,
    jobs: &mut [DecryptJob<'_>],
    worker: &mut DecryptWorker,
    now: Timestamp,
) {
    let mut plan = Plan::of(states, jobs);
    plan.tasks.make_keys(&mut worker.kernel);
    let Plan { tasks, due } = &mut plan;
    tasks.make_keystreams(&mut worker.kernel, |task, done, chunk| {
        let Some(due) = due.get_mut(task) else {
            return;
        };
        if let Some(job) = jobs.get_mut(due.job) {
            let (_, frame) = job
                .payload
                .split_at_mut_checked(HEADER_LENGTH)
                .unwrap_or_default();
            if done == 0 {
                due.opened = opens(frame, chunk, due.agreed);
            }
            if due.opened {
                xor_chunk(frame, done, chunk);
            }
        }
    });
    plan.conclude(states, jobs, worker, now);
}

impl Plan {
    fn of(states: &mut impl DecryptStates, jobs: &[DecryptJob<'_>]) -> Self {
        let mut plan = Self {
            tasks: Tasks::new(),
            due: ArrayVec::new(),
        };
        let mut latest = Latest::new();
        for (place, job) in jobs.iter().enumerate() {
            let Some(state) = states.decrypt_state(job.flow) else {
                continue;
            };
            let Some(count) = state.stateless_count(job.payload) else {
                continue;
            };
            let mut latest = latest.of(job.flow);
            let previous = match latest.get() {
                Some(Self::STOPPED) => continue,
                previous => previous,
            };
            let before = previous.and_then(|task| Some((task, *plan.due.get(task)?)));
            let (position, sequence) = match before {
                Some((_, due)) => (
                    due.position,
                    jobs.get(due.job).map_or(0, |job| job.sequence),
                ),
                None => (state.chain.committed.position, state.sequence),
            };
            match Standing::of(position, sequence, count, job.sequence) {
                Standing::Due => {}
                Standing::Behind => continue,
                Standing::Ahead => {
                    latest.set(Self::STOPPED);
                    continue;
                }
            }
            let length = job.payload.len().saturating_sub(HEADER_LENGTH);
            let task = match before {
                Some((previous, _)) => plan.tasks.follow(previous, length),
                None => state.chain.start(&mut plan.tasks, length),
            };
            let Some(task) = task else {
                continue;
            };
            latest.set(task);
            plan.due.push(Due {
                job: place,
                position: position + 1,
                agreed: state.agreed,
                strength: state.chain.strength(),
                opened: false,
            });
        }
        plan
    }

    /// Of the rest of a flow's frames nothing is known.
    const STOPPED: usize = BATCH;

    /// Looks at all frames in order.
    fn conclude(
        &self,
        states: &mut impl DecryptStates,
        jobs: &mut [DecryptJob<'_>],
        worker: &mut DecryptWorker,
        now: Timestamp,
    ) {
        let mut due = self.due.iter().enumerate().peekable();
        for (place, job) in jobs.iter_mut().enumerate() {
            let due = due.next_if(|(_, due)| due.job == place);
            let Some(state) = states.decrypt_state(job.flow) else {
                job.outcome = Err(DecryptRefusal::NoKeys);
                continue;
            };
            if let Some((task, due)) = due {
                if due.opened && state.is_due(due.position, job.sequence) {
                    let session_key = self.tasks.session_key(task);
                    let link = Link {
                        session_key,
                        position: due.position,
                    };
                    state.commit(link, job.sequence);
                    job.outcome = Ok(());
                    continue;
                }
                if due.opened {
                    self.undo(task, due.strength, job);
                }
            }
            let from = Origin {
                source: job.source,
                history: job.history,
            };
            job.outcome = state
                .decrypt_from(from, job.payload, job.sequence, worker, now)
                .map(|_frame| ());
        }
    }

    /// Encrypts a frame again.
    #[cold]
    fn undo(&self, task: usize, strength: Strength, job: &mut DecryptJob<'_>) {
        let mut key = rc4_key(&self.tasks.session_key(task), strength);
        let (_, frame) = job
            .payload
            .split_at_mut_checked(HEADER_LENGTH)
            .unwrap_or_default();
        Rc4::new(&key).apply(frame);
        key.zeroize();
    }
}

/// Where a frame is, if all before it prove right.
enum Standing {
    /// Next.
    Due,
    /// Not after the newest: it cannot move the chain.
    Behind,
    /// Frames are missing before it.
    Ahead,
}

impl Standing {
    fn of(position: u64, newest: u32, count: CoherencyCount, sequence: u32) -> Self {
        let link = Link {
            session_key: [0; 16],
            position,
        };
        match sequence.wrapping_sub(newest) {
            1..=0x7fff_ffff if distance(&link, count) == 1 => Self::Due,
            1..=0x7fff_ffff => Self::Ahead,
            0 | 0x8000_0000.. => Self::Behind,
        }
    }
}

impl DecryptState {
    /// Whether a frame is still the next one.
    fn is_due(&self, position: u64, sequence: u32) -> bool {
        let ahead = sequence.wrapping_sub(self.sequence);
        self.chain.committed.position + 1 == position && (1..=0x7fff_ffff).contains(&ahead)
    }

    /// The count of a frame that has a key of its own and might be decrypted.
    fn stateless_count(&self, payload: &[u8]) -> Option<CoherencyCount> {
        if self.id == KeyId::default() || self.chain.mode() != Mode::Stateless {
            return None;
        }
        let header = Header::parse(payload).ok()?;
        (header.encrypted && !header.compressed).then_some(header.coherency_count)
    }
}

/// Whether a frame that starts so comes out as a packet.
fn opens(frame: &[u8], keystream: &StagingChunk, agreed: Agreed) -> bool {
    let mut prefix = [0u8; PREFIX_LENGTH];
    for ((out, byte), mask) in prefix.iter_mut().zip(frame).zip(keystream) {
        *out = byte ^ mask;
    }
    let (prefix, _) = prefix.split_at(frame.len().min(PREFIX_LENGTH));
    let looks = Looks {
        agreed,
        compressed: None,
    };
    looks.packet(prefix, frame.len())
}

#[cfg(test)]
mod tests;
