//! Encryption: a burst of frames of many flows, in place.

use arrayvec::ArrayVec;

use crate::mppe::batch::{BATCH, Tasks};
use crate::mppe::chain::{Chain, FLAG_EVERY, Link};
use crate::mppe::engine::Engine;
use crate::mppe::factory::Flows;
use crate::mppe::kernel::xor_chunk;
use crate::mppe::keys::{DownstreamKey, Mode, Strength, UpstreamKey};
use crate::mppe::queues::{Demand, Demands};
use crate::mppe::stock::Stock;
use crate::wire::mppe::Header;

/// What the flows of one worker share for encryption.
pub type EncryptWorker = Engine;

/// What encryption keeps for one direction of a call. Plain data of fixed size, wiped when dropped.
#[repr(C)]
pub struct EncryptState {
    chain: Chain,
    /// Where the RC4 state of a stateful flow is kept.
    place: u32,
    armed: bool,
    /// There is an RC4 state at `place`: a stateful frame was encrypted.
    running: bool,
    /// The next stateful frame has to start RC4 afresh.
    flush: bool,
}

impl EncryptState {
    /// The server's side: frames to the client. The key is used up, since the same key twice would
    /// give the same keystream twice.
    #[must_use]
    pub fn new(key: DownstreamKey, strength: Strength, mode: Mode) -> Self {
        Self::of(key.expose(), strength, mode)
    }

    /// The client's side: frames to the server.
    #[must_use]
    pub fn new_for_client(key: UpstreamKey, strength: Strength, mode: Mode) -> Self {
        Self::of(key.expose(), strength, mode)
    }

    fn of(start_key: &[u8; 16], strength: Strength, mode: Mode) -> Self {
        Self {
            chain: Chain::new(start_key, strength, mode),
            place: 0,
            armed: true,
            running: false,
            flush: false,
        }
    }

    /// A stateful flow whose RC4 state is kept at `place` of the worker, which is its own.
    #[must_use]
    pub fn at(self, place: u32) -> Self {
        Self { place, ..self }
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

    /// Where the next frame is in the chain: frames encrypted so far, and counts that were left out
    /// by [`Self::flush`].
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.chain.committed.position
    }

    /// The peer has lost step, or a frame that was encrypted has not left: the next stateful frame
    /// starts RC4 afresh and says so (RFC 3078 §8.2). Stateless frames all do.
    pub const fn flush(&mut self) {
        self.flush = true;
    }

    /// Whether bit A will be set in the next frame: it starts RC4 afresh. Of a frame that is
    /// compressed too the bit says the same of MPPC's history, which has to be empty then.
    #[must_use]
    pub const fn starts_afresh(&self) -> bool {
        match self.chain.mode() {
            Mode::Stateless => true,
            Mode::Stateful => {
                self.flush || (self.chain.committed.position + 1).is_multiple_of(FLAG_EVERY)
            }
        }
    }

    /// Encrypts one frame in place, its PPP protocol field included, and answers the MPPE header to
    /// put before it (RFC 3078 §3, §7).
    ///
    /// Only protocols 0x0021 to 0x00fa are encrypted (RFC 3078 §3); the caller decides. `None` if
    /// the keys are wiped, or if the worker has no place for a stateful flow: the frame must be
    /// dropped then.
    pub fn encrypt(&mut self, frame: &mut [u8], worker: &mut EncryptWorker) -> Option<Header> {
        if !self.armed {
            return None;
        }
        match self.chain.mode() {
            Mode::Stateless => Some(self.encrypt_stateless(frame, worker)),
            Mode::Stateful => self.encrypt_stateful(frame, worker),
        }
    }

    /// The key changes before every frame, the first included (RFC 3078 §7.1).
    fn encrypt_stateless(&mut self, frame: &mut [u8], worker: &mut EncryptWorker) -> Header {
        let EncryptWorker { rc4, stock, .. } = worker;
        let mut link = self.chain.committed.duplicate();
        self.chain.step(&mut link, rc4);
        self.chain.key(rc4, &link.session_key);
        rc4.apply(frame);
        stock.commit(self.place, &self.chain, &link, frame.len());
        let header = Header::stateless(link.coherency_count());
        self.chain.committed = link;
        header
    }

    /// The key changes before each frame whose count ends in 0xff; in between RC4 runs on (RFC 3078
    /// §7.2).
    ///
    /// Peers do not agree on what a flushed frame does to the key. The RFC starts RC4 afresh with
    /// the key in force; Linux changes the key on every flushed frame. So a flush leaves out the
    /// counts up to the next one that ends in 0xff: there both change the key, once, for that frame,
    /// and once for each such count that they missed before. It also never uses a keystream twice,
    /// which the RFC's rule does. A receiver of Linux that has lost nothing takes the gap for a
    /// loss and asks for one more flush, so this is done when a frame is lost for sure.
    ///
    /// The first frame is not flushed, though RFC 3078 §3.1 asks for it: its RC4 state is fresh
    /// anyway, and Linux would change the key for it and never decrypt a frame again.
    fn encrypt_stateful(&mut self, frame: &mut [u8], worker: &mut EncryptWorker) -> Option<Header> {
        let EncryptWorker { rc4, queues, .. } = worker;
        if !queues.has_place(self.place) {
            return None;
        }
        let mut link = self.chain.committed.duplicate();
        link.position += 1;
        if self.flush {
            link.position = link.position.next_multiple_of(FLAG_EVERY);
        }
        let fresh = link.is_flag();
        if fresh {
            self.chain.change_key(&mut link, rc4);
        }
        let place = self.place;
        if fresh || !self.running {
            self.chain.key(rc4, &link.session_key);
            rc4.apply(frame);
            queues.restart(place, rc4);
        } else if queues.apply_if(place, frame, |_, _| true).is_none() {
            queues.resume_alone(place, rc4);
            rc4.apply(frame);
            queues.restart(place, rc4);
        }
        let header = Header::stateful(link.coherency_count(), fresh);
        self.chain.committed = link;
        (self.running, self.flush) = (true, false);
        Some(header)
    }

    /// What a stateful frame needs if RC4 runs on for it, and nothing if it does not.
    fn demand(&self, job: usize, frame: &[u8]) -> Option<Demand> {
        let length = if self.runs_on() { frame.len() } else { 0 };
        self.armed.then_some(Demand {
            job,
            place: self.place,
            length,
        })
    }

    /// Whether RC4 runs on for the next frame of a stateful flow.
    const fn runs_on(&self) -> bool {
        self.running && !self.starts_afresh()
    }

    /// Overwrites the keys, here and in the worker; from now on nothing is encrypted.
    pub fn wipe(&mut self, worker: &mut EncryptWorker) {
        worker.wipe(self.place, self.running);
        self.chain.wipe();
        self.armed = false;
    }
}

/// Where [`encrypt_batch`] finds the state of a flow.
pub trait EncryptStates {
    /// The state of a flow, if its keys are armed.
    fn encrypt_state(&mut self, flow: u32) -> Option<&mut EncryptState>;
}

/// One frame to encrypt.
pub struct EncryptJob<'f> {
    /// Whose frame this is, for [`EncryptStates`]. A flow may have several jobs in a batch; they
    /// are done in order.
    pub flow: u32,
    /// PPP protocol field and payload; encrypted in place.
    pub frame: &'f mut [u8],
    /// The MPPE header to put before it, or `None` if the flow has no keys and the frame must be
    /// dropped.
    pub header: Option<Header>,
}

impl<'f> EncryptJob<'f> {
    /// A job that is still to be done.
    #[must_use]
    pub const fn new(flow: u32, frame: &'f mut [u8]) -> Self {
        Self {
            flow,
            frame,
            header: None,
        }
    }
}

/// Encrypts a burst. Whatever is dropped must be dropped before: a frame that was encrypted and not
/// sent is a frame lost for the peer.
pub fn encrypt_batch(
    states: &mut impl EncryptStates,
    jobs: &mut [EncryptJob<'_>],
    worker: &mut EncryptWorker,
) {
    for burst in jobs.chunks_mut(BATCH) {
        encrypt_burst(states, burst, worker);
    }
}

/// Stateless frames that are not in stock: which job each task is.
type Waiting = ArrayVec<usize, BATCH>;

fn encrypt_burst(
    states: &mut impl EncryptStates,
    jobs: &mut [EncryptJob<'_>],
    worker: &mut EncryptWorker,
) {
    if let [job] = &mut *jobs
        && let Some(state) = states.encrypt_state(job.flow)
        && worker.stock.has_none(state.place, &state.chain)
    {
        job.header = state.encrypt(job.frame, worker);
        worker.stock.open_alone(state.place, &state.chain);
        return;
    }
    let served = encrypt_from_stock(states, jobs, worker);
    let (_, jobs) = jobs.split_at_mut(served);
    if jobs.is_empty() {
        return;
    }
    let (mut tasks, mut flows) = (Tasks::new(), Flows::new());
    let mut demands = Demands::new();
    let mut waiting = Waiting::new();
    for (place, job) in jobs.iter_mut().enumerate() {
        job.header = None;
        match states.encrypt_state(job.flow) {
            Some(state) if state.mode() == Mode::Stateful => {
                demands.extend(state.demand(place, job.frame));
            }
            Some(state) if state.armed => {
                let task = state.encrypt_or_wait(place, job, &mut tasks, &mut flows, worker);
                waiting.extend(task.map(|()| place));
            }
            Some(_) | None => {}
        }
    }
    encrypt_stateful(states, jobs, &demands, worker);
    let EncryptWorker {
        kernel,
        stock,
        tails,
        ..
    } = worker;
    let plan = flows.plan(&mut tasks, stock, kernel, |flow, stock| {
        let state = states.encrypt_state(flow)?;
        stock.open(state.place, &state.chain)
    });
    tasks.make_keys(kernel);
    commit(states, jobs, &waiting, &tasks, stock);
    tasks.make_keystreams(kernel, |task, done, chunk| {
        if let Some(job) = waiting.get(task).and_then(|place| jobs.get_mut(*place)) {
            xor_chunk(job.frame, done, chunk);
        }
    });
    tails.run(kernel, |place, done, chunk| {
        if let Some(job) = jobs.get_mut(place) {
            xor_chunk(job.frame, done, chunk);
        }
    });
    plan.keep(&tasks, stock);
}

/// The keys of frames that were not in stock are those of their flows now.
fn commit(
    states: &mut impl EncryptStates,
    jobs: &[EncryptJob<'_>],
    waiting: &Waiting,
    tasks: &Tasks,
    stock: &mut Stock,
) {
    for (task, job) in waiting.iter().enumerate() {
        let job = jobs.get(*job);
        if let Some(job) = job
            && !tasks.is_known(task)
            && let Some(state) = states.encrypt_state(job.flow)
        {
            let link = Link {
                session_key: tasks.session_key(task),
                position: state.chain.committed.position + 1,
            };
            stock.commit(state.place, &state.chain, &link, job.frame.len());
            state.chain.committed = link;
        }
    }
}

/// Where nothing has to be made for a burst, its frames are encrypted at once, up to the first that lacks
/// something after all. Answers how many that are.
fn encrypt_from_stock(
    states: &mut impl EncryptStates,
    jobs: &mut [EncryptJob<'_>],
    worker: &mut EncryptWorker,
) -> usize {
    let mut is_there = |job: &EncryptJob<'_>| {
        let state = states.encrypt_state(job.flow);
        state.is_some_and(|state| worker.has_soon(state.place, &state.chain, job.frame.len()))
    };
    if !jobs.iter().all(&mut is_there) {
        return 0;
    }
    let mut encrypt = |job: &mut EncryptJob<'_>| {
        let state = states.encrypt_state(job.flow)?;
        job.header = Some(state.encrypt_from_stock(job.frame, worker)?);
        Some(())
    };
    jobs.iter_mut().map_while(&mut encrypt).count()
}

impl EncryptState {
    /// Encrypts the next frame, if there is keystream for all of it.
    #[inline]
    fn encrypt_from_stock(
        &mut self,
        frame: &mut [u8],
        worker: &mut EncryptWorker,
    ) -> Option<Header> {
        let EncryptWorker { stock, queues, .. } = worker;
        match self.chain.mode() {
            _ if !self.armed => None,
            Mode::Stateless => {
                let slot = stock.find_whole(self.place, &self.chain, frame.len())?;
                stock.apply(slot, frame);
                let link = stock.link(slot, self.chain.committed.position + 1);
                stock.commit_slot(slot, &link, frame.len());
                let header = Header::stateless(link.coherency_count());
                self.chain.committed = link;
                Some(header)
            }
            Mode::Stateful => {
                if !self.runs_on() || !queues.has(self.place, frame.len()) {
                    return None;
                }
                queues.apply_if(self.place, frame, |_, _| true)?;
                self.chain.committed.position += 1;
                let count = self.chain.committed.coherency_count();
                Some(Header::stateful(count, false))
            }
        }
    }

    /// A stateless frame whose keystream is in stock is encrypted with that; another waits as a task.
    fn encrypt_or_wait(
        &mut self,
        place: usize,
        job: &mut EncryptJob<'_>,
        tasks: &mut Tasks,
        flows: &mut Flows,
        worker: &mut EncryptWorker,
    ) -> Option<()> {
        let EncryptWorker { stock, tails, .. } = worker;
        let length = job.frame.len();
        // As many flows as frames fit.
        let seen = flows.of(job.flow, self.chain.committed.position, 0)?;
        seen.frames += 1;
        seen.position += 1;
        let mut link = Link {
            session_key: [0; 16],
            position: seen.position,
        };
        let header = Header::stateless(link.coherency_count());
        let slot = match seen.task {
            None => stock.find(self.place, &self.chain, link.position),
            Some(_) => None,
        };
        if let Some(slot) = slot {
            link.session_key = stock.key(slot);
            if slot.made() == 0 {
                let task = tasks.known(&link.session_key, self.chain.strength(), length);
                stock.commit_slot(slot, &link, length);
                self.chain.committed = link;
                job.header = task.map(|_| header);
                return task.map(|_| ());
            }
            stock.apply(slot, job.frame);
            if length > slot.made() {
                tails.add(place, length, slot, stock);
            }
            stock.commit_slot(slot, &link, length);
            self.chain.committed = link;
            job.header = Some(header);
            return None;
        }
        let task = match seen.task {
            Some(previous) => tasks.follow(previous, length)?,
            None => self.chain.start(tasks, None, length)?,
        };
        (seen.task, seen.steps) = (Some(task), seen.steps + 1);
        job.header = Some(header);
        Some(())
    }
}

/// Frames of stateful flows, one by one, but with keystream that is made for all of them.
fn encrypt_stateful(
    states: &mut impl EncryptStates,
    jobs: &mut [EncryptJob<'_>],
    demands: &[Demand],
    worker: &mut EncryptWorker,
) {
    let mut demands = demands;
    while let [Demand { job: place, .. }, ..] = demands {
        let place = *place;
        demands = worker.queues.supply(place, demands, &mut worker.kernel);
        if let Some(job) = jobs.get_mut(place)
            && let Some(state) = states.encrypt_state(job.flow)
        {
            let queued = state.encrypt_from_stock(job.frame, worker);
            job.header = queued.or_else(|| state.encrypt(job.frame, worker));
        }
    }
}

#[cfg(test)]
mod tests;
