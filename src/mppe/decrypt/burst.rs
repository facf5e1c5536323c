//! A burst of stateless frames. Those that are due, as nearly all are, are decrypted side by side with
//! the keys that will be theirs if everything before them proves right. Only then are they looked at in
//! the order in which they came, exactly as if each had been decrypted alone; where one has not proved
//! right, what was done with those behind it is undone, and they are decrypted alone.

use arrayvec::ArrayVec;
use zeroize::Zeroize;

use super::{
    DecryptJob, DecryptRefusal, DecryptState, DecryptStates, DecryptWorker, Origin, distance,
    frame_of,
};
use crate::clock::Timestamp;
use crate::mppe::batch::{BATCH, Tasks};
use crate::mppe::chain::{Link, rc4_key};
use crate::mppe::engine::Engine;
use crate::mppe::factory::Flows;
use crate::mppe::kernel::{Kernel, xor, xor_chunk};
use crate::mppe::keys::{Mode, Strength};
use crate::mppe::plausible::{Agreed, Looks, opens};
use crate::mppe::queues::Demands;
use crate::mppe::rc4::Rc4;
use crate::mppe::skipped::KeyId;
use crate::mppe::stock::Stock;
use crate::wire::field::u16_at;
use crate::wire::mppe::{CoherencyCount, HEADER_LENGTH, Header};

/// A frame that is taken to be due.
#[derive(Clone, Copy)]
struct Due {
    job: usize,
    /// Its number among [`Tasks`], unless its keystream is in stock.
    task: Option<usize>,
    position: u64,
    agreed: Agreed,
    strength: Strength,
    /// It came out as a packet.
    opened: bool,
}

/// The frames that are taken to be due, and what those of stateful flows need.
struct Plan {
    flows: Flows,
    tasks: Tasks,
    /// Which of those that are due each task is.
    waiting: ArrayVec<usize, BATCH>,
    demands: Demands,
    due: ArrayVec<Due, BATCH>,
}

pub(super) fn decrypt_burst(
    states: &mut impl DecryptStates,
    jobs: &mut [DecryptJob<'_>],
    worker: &mut DecryptWorker,
    now: Timestamp,
) {
    if let [job] = &mut *jobs
        && let Some(state) = states.decrypt_state(job.flow)
        && worker.engine.stock.has_none(state.place, &state.chain)
    {
        job.outcome = decrypt_alone(state, job, worker, now);
        worker.engine.stock.open_alone(state.place, &state.chain);
        return;
    }
    let served = decrypt_from_stock(states, jobs, worker);
    let (_, jobs) = jobs.split_at_mut(served);
    if jobs.is_empty() {
        return;
    }
    let mut plan = Plan::of(states, jobs, &worker.engine.stock);
    let Engine { kernel, stock, .. } = &mut worker.engine;
    let ahead = plan
        .flows
        .plan(&mut plan.tasks, stock, kernel, |flow, stock| {
            let state = states.decrypt_state(flow)?;
            stock.open(state.place, &state.chain)
        });
    plan.tasks.make_keys(kernel);
    plan.make_keystreams(jobs, kernel);
    plan.conclude(states, jobs, worker, now);
    let Engine {
        kernel,
        stock,
        tails,
        ..
    } = &mut worker.engine;
    tails.run(kernel, |place, done, chunk| {
        if let Some(job) = jobs.get_mut(place) {
            xor_chunk(frame_of(job.payload), done, chunk);
        }
    });
    ahead.keep(&plan.tasks, stock);
}

/// Where nothing has to be made for a burst, its frames are decrypted at once, up to the first that lacks
/// something after all or does not come out right. Answers how many that are.
fn decrypt_from_stock(
    states: &mut impl DecryptStates,
    jobs: &mut [DecryptJob<'_>],
    worker: &mut DecryptWorker,
) -> usize {
    let mut is_there = |job: &DecryptJob<'_>| {
        let state = states.decrypt_state(job.flow);
        let length = job.payload.len().saturating_sub(HEADER_LENGTH);
        state.is_some_and(|state| worker.engine.has_soon(state.place, &state.chain, length))
    };
    if !jobs.iter().all(&mut is_there) {
        return 0;
    }
    let mut decrypt = |job: &mut DecryptJob<'_>| {
        states
            .decrypt_state(job.flow)?
            .decrypt_due_from_stock(job, worker)?;
        job.outcome = Ok(());
        Some(())
    };
    jobs.iter_mut().map_while(&mut decrypt).count()
}

fn decrypt_alone(
    state: &mut DecryptState,
    job: &mut DecryptJob<'_>,
    worker: &mut DecryptWorker,
    now: Timestamp,
) -> Result<(), DecryptRefusal> {
    let from = Origin {
        source: job.source,
        history: job.history,
    };
    let decrypted = state.decrypt_from(from, job.payload, job.sequence, worker, now);
    decrypted.map(|_frame| ())
}

impl Plan {
    fn of(states: &mut impl DecryptStates, jobs: &mut [DecryptJob<'_>], stock: &Stock) -> Self {
        let mut plan = Self {
            flows: Flows::new(),
            tasks: Tasks::new(),
            waiting: ArrayVec::new(),
            demands: Demands::new(),
            due: ArrayVec::new(),
        };
        for (place, job) in jobs.iter().enumerate() {
            let Some(state) = states.decrypt_state(job.flow) else {
                continue;
            };
            match state.stateless_count(job.payload) {
                Some(count) => {
                    // As many places as frames in a burst.
                    let _full = plan.add(place, job, count, state, stock);
                }
                None => plan.demands.extend(state.demand(place, job.payload)),
            }
        }
        plan
    }

    /// Takes a frame to be due if all before it prove right.
    fn add(
        &mut self,
        place: usize,
        job: &DecryptJob<'_>,
        count: CoherencyCount,
        state: &DecryptState,
        stock: &Stock,
    ) -> Option<()> {
        let committed = state.chain.committed.position;
        let seen = self.flows.of(job.flow, committed, state.sequence)?;
        if seen.stopped {
            return None;
        }
        match Standing::of(seen.position, seen.sequence, count, job.sequence) {
            Standing::Due => {}
            Standing::Behind => return None,
            Standing::Ahead => {
                seen.stopped = true;
                return None;
            }
        }
        let position = seen.position + 1;
        let length = job.payload.len().saturating_sub(HEADER_LENGTH);
        let slot = stock.find(state.place, &state.chain, position);
        let task = match (slot, seen.task) {
            (_, Some(previous)) => {
                seen.task = self.tasks.follow(previous, length);
                seen.steps += 1;
                Some(seen.task?)
            }
            (Some(slot), None) if slot.made() > 0 => None,
            (Some(slot), None) => {
                let (key, strength) = (stock.key(slot), state.chain.strength());
                Some(self.tasks.known(&key, strength, length)?)
            }
            (None, None) => {
                // Behind frames that are in stock the chain goes on from the last of them.
                let before = stock.find(state.place, &state.chain, seen.position);
                let before = before.map(|slot| stock.key(slot));
                seen.task = state.chain.start(&mut self.tasks, before, length);
                seen.steps += 1;
                Some(seen.task?)
            }
        };
        if task.is_some() {
            self.waiting.push(self.due.len());
        }
        seen.frames += 1;
        (seen.position, seen.sequence) = (position, job.sequence);
        self.due.push(Due {
            job: place,
            task,
            position,
            agreed: state.agreed,
            strength: state.chain.strength(),
            opened: false,
        });
        Some(())
    }

    /// Decrypts all that come out as packets with keys that are taken to be theirs.
    fn make_keystreams(&mut self, jobs: &mut [DecryptJob<'_>], kernel: &mut Kernel) {
        let Self {
            tasks,
            waiting,
            due,
            ..
        } = self;
        tasks.make_keystreams(kernel, |task, done, chunk| {
            let due = waiting.get(task).and_then(|place| due.get_mut(*place));
            let Some(due) = due else {
                return;
            };
            if let Some(job) = jobs.get_mut(due.job) {
                let frame = frame_of(job.payload);
                if done == 0 {
                    due.opened = due.opens(frame, chunk);
                }
                if due.opened {
                    xor_chunk(frame, done, chunk);
                }
            }
        });
    }

    /// Looks at all frames in order.
    fn conclude(
        &self,
        states: &mut impl DecryptStates,
        jobs: &mut [DecryptJob<'_>],
        worker: &mut DecryptWorker,
        now: Timestamp,
    ) {
        let mut due = self.due.iter().peekable();
        let mut demands = &self.demands[..];
        for (place, job) in jobs.iter_mut().enumerate() {
            demands = worker
                .engine
                .queues
                .supply(place, demands, &mut worker.engine.kernel);
            let due = due.next_if(|due| due.job == place);
            let Some(state) = states.decrypt_state(job.flow) else {
                job.outcome = Err(DecryptRefusal::NoKeys);
                continue;
            };
            if let Some(due) = due {
                if state.is_due(due.position, job.sequence)
                    && let Some(session_key) = self.decrypted(due, state, job, worker)
                {
                    let link = Link {
                        session_key,
                        position: due.position,
                    };
                    let length = job.payload.len().saturating_sub(HEADER_LENGTH);
                    state.commit(link, job.sequence, length, &mut worker.engine.stock);
                    job.outcome = Ok(());
                    continue;
                }
                if due.opened {
                    self.undo(due, job);
                }
            }
            job.outcome = match state.decrypt_due_from_stock(job, worker) {
                Some(()) => Ok(()),
                None => decrypt_alone(state, job, worker, now),
            };
        }
    }

    /// The session key of a frame that is due, if it came out as a packet.
    fn decrypted(
        &self,
        due: &Due,
        state: &DecryptState,
        job: &mut DecryptJob<'_>,
        worker: &mut DecryptWorker,
    ) -> Option<[u8; 16]> {
        if let Some(task) = due.task {
            return due.opened.then(|| self.tasks.session_key(task));
        }
        let Engine { stock, tails, .. } = &mut worker.engine;
        let slot = stock.find(state.place, &state.chain, due.position)?;
        let frame = frame_of(job.payload);
        if !due.opens(frame, stock.prefix(slot)) {
            return None;
        }
        stock.apply(slot, frame);
        if frame.len() > slot.made() {
            tails.add(due.job, frame.len(), slot, stock);
        }
        Some(stock.key(slot))
    }

    /// Encrypts a frame again.
    #[cold]
    fn undo(&self, due: &Due, job: &mut DecryptJob<'_>) {
        let session_key = due.task.map(|task| self.tasks.session_key(task));
        let mut key = rc4_key(&session_key.unwrap_or_default(), due.strength);
        Rc4::new(&key).apply(frame_of(job.payload));
        key.zeroize();
    }
}

impl Due {
    /// Whether a frame comes out as a packet with keystream that starts so.
    fn opens(&self, frame: &[u8], keystream: &[u8]) -> bool {
        let looks = Looks {
            agreed: self.agreed,
            compressed: None,
        };
        let decrypt = |prefix: &mut [u8]| xor(prefix, keystream);
        opens(frame, decrypt, |prefix, length| {
            looks.packet(prefix, length)
        })
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
    /// The next frame, if there is keystream for all of it and it comes out right.
    #[inline]
    fn decrypt_due_from_stock(
        &mut self,
        job: &mut DecryptJob<'_>,
        worker: &mut DecryptWorker,
    ) -> Option<()> {
        // Not `parse`: its result would be read back from memory in other pieces than it was written.
        let header = Header::of(u16_at(job.payload, 0)?);
        if self.id == KeyId::default() || !header.encrypted || header.compressed {
            return None;
        }
        let (position, count) = (self.chain.committed.position, header.coherency_count);
        match Standing::of(position, self.sequence, count, job.sequence) {
            Standing::Due => {}
            Standing::Behind | Standing::Ahead => return None,
        }
        match self.chain.mode() {
            Mode::Stateless => self.decrypt_stocked(job, &mut worker.engine.stock),
            Mode::Stateful if header.flushed => None,
            Mode::Stateful => self.decrypt_queued(job, &mut worker.engine.queues),
        }
    }

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

#[cfg(test)]
mod tests;
