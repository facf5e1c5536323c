//! Decryption: a burst of frames of many flows, in place, as they arrive: late, twice, or forged.
//!
//! The 32-bit GRE sequence number alone decides whether a frame is ahead, late or a duplicate, and
//! the 12-bit coherency count may not run further than the sequence number did. Keys are derived
//! on the side, the start of the frame is decrypted on the side, and only when that looks right
//! does anything move: the state, the kept keys, or a byte of the frame. What looks right is a whole
//! packet header, except where a stateful stream is in step: see `decrypt/stateful.rs`.

mod burst;
mod recovery;
mod stateful;
mod stateless;

use crate::clock::Timestamp;
use crate::counted_enum;
use crate::mppc::Decompressor;
use crate::mppe::batch::BATCH;
use crate::mppe::catch_up::{Budget, UnfinishedWalks};
use crate::mppe::chain::{Chain, Link};
use crate::mppe::engine::Engine;
use crate::mppe::kernel::Kernel;
use crate::mppe::keys::{DownstreamKey, Mode, Strength, UpstreamKey};
use crate::mppe::plausible::{Agreed, Looks, PREFIX_LENGTH};
use crate::mppe::rc4::Rc4;
use crate::mppe::skipped::{KEPT_BACK, KeyId, SkippedKeys};
use crate::mppe::stock::Stock;
use crate::wire::mppe::{CoherencyCount, HEADER_LENGTH, Header};
use burst::decrypt_burst;
pub use recovery::Recovery;
pub use stateful::FlushRule;

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
        /// Frames are missing before this stateful one, so its place in the keystream is unknown.
        OutOfStep => "out_of_step",
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
    /// Bit n: the frame n + 1 before the newest was decrypted. Further back only its key, which is
    /// gone, says so. Stateless flows only.
    decrypted: u64,
    budget: Budget,
    /// The GRE sequence number of the newest decrypted frame.
    sequence: u32,
    /// Where the RC4 state of a stateful flow is kept.
    place: u32,
    /// How a stateful flow gets back into step.
    recovery: Recovery,
    agreed: Agreed,
    /// What the peer does to the key of a flushed frame, if we know.
    rule: Option<FlushRule>,
    /// There is an RC4 state at `place`: a stateful frame was decrypted.
    running: bool,
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
        Self::of(chain, id, sequence, budget)
    }

    fn of(chain: Chain, id: KeyId, sequence: u32, budget: Budget) -> Self {
        Self {
            chain,
            id,
            decrypted: 0,
            budget,
            sequence,
            place: 0,
            recovery: Recovery::new(),
            agreed: Agreed::Ipv4,
            rule: None,
            running: false,
        }
    }

    /// A stateful flow whose RC4 state is kept at `place` of the worker, which is its own.
    #[must_use]
    pub fn at(self, place: u32) -> Self {
        Self { place, ..self }
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
        Self::of(chain, id, sequence, budget)
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

    /// What the peer does to the key of a flushed stateful frame, if it has shown.
    #[must_use]
    pub const fn flush_rule(&self) -> Option<FlushRule> {
        self.rule
    }

    /// Whether the peer has to be asked now to start its stateful RC4 afresh (CCP Reset-Request, RFC
    /// 3078 §8.2): once for each loss, and again for as long as frames come that nothing can be
    /// done with. To be called for each refused frame; `true` counts as asked.
    #[must_use]
    pub fn reset_wanted(&mut self, now: Timestamp) -> bool {
        self.recovery.wanted(now)
    }

    /// Frames that the peer has encrypted so far, as far as we know.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.chain.committed.position
    }

    /// The GRE sequence number of the newest frame that was decrypted, or of the newest before any.
    #[must_use]
    pub const fn newest_sequence(&self) -> u32 {
        self.sequence
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
        let from = Origin {
            source: Source::Peer,
            history: None,
        };
        self.decrypt_from(from, payload, sequence, worker, now)
    }

    fn decrypt_from<'p>(
        &mut self,
        from: Origin<'_>,
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
        let looks = self.looks(header, from.history)?;
        let count = header.coherency_count;
        let frame = frame_of(payload);
        match self.chain.mode() {
            Mode::Stateless => {
                self.decrypt_stateless(frame, looks, (count, sequence), worker, now)?;
            }
            Mode::Stateful => {
                let arrival = stateful::Arrival {
                    header,
                    sequence,
                    source: from.source,
                    looks,
                    now,
                };
                self.decrypt_stateful(frame, arrival, worker)?;
            }
        }
        Ok(frame)
    }

    /// Overwrites the keys, here and in the worker; from now on nothing is decrypted.
    pub fn wipe(&mut self, worker: &mut DecryptWorker) {
        worker.forget(self.place, self.id);
        worker.engine.wipe(self.place, self.running);
        self.chain.wipe();
        self.id = KeyId::default();
        self.decrypted = 0;
        self.sequence = 0;
    }

    /// What has to come out of a frame with this header. Only with a history may it be compressed, and
    /// each frame of a stateless flow starts with an empty one.
    fn looks<'h>(
        &self,
        header: Header,
        history: Option<&'h Decompressor>,
    ) -> Result<Looks<'h>, DecryptRefusal> {
        let flushed = header.flushed || self.chain.mode() == Mode::Stateless;
        let compressed = match history {
            _ if !header.compressed => None,
            Some(history) => Some((Header { flushed, ..header }, history)),
            None => return Err(DecryptRefusal::Compressed),
        };
        Ok(Looks {
            agreed: self.agreed,
            compressed,
        })
    }

    /// Decrypts `frame` in place with a session key if it comes out as a packet; otherwise it stays
    /// as it was.
    fn opens(
        &self,
        session_key: &[u8; 16],
        frame: &mut [u8],
        looks: Looks<'_>,
        rc4: &mut Rc4,
    ) -> bool {
        self.chain.key(rc4, session_key);
        open(frame, rc4, |prefix, length| looks.packet(prefix, length))
    }

    /// The key change to the next position of a stateless chain; from stock, if it is there.
    fn step(&self, link: &mut Link, stock: &Stock, rc4: &mut Rc4) {
        match stock.find(self.place, &self.chain, link.position + 1) {
            Some(slot) => {
                link.session_key = stock.key(slot);
                link.position += 1;
            }
            None => self.chain.step(link, rc4),
        }
    }
}

/// What the flows of one worker share for decryption.
pub struct DecryptWorker {
    /// What makes keystream, and what is made.
    pub engine: Engine,
    skipped: SkippedKeys,
    unfinished: UnfinishedWalks,
    budget: Budget,
    /// Scratch of [`crate::mppe::trail::Trail`], zero between frames.
    passed: Box<[[u8; 16]]>,
}

impl DecryptWorker {
    /// Room for `regions` times 64 keys of frames that were overtaken, and a budget for all flows
    /// together.
    #[must_use]
    pub fn new(regions: usize, budget: Budget) -> Self {
        Self::keeping(KEPT_BACK, regions, budget)
    }

    /// The same with `back` keys in place of 64: a frame so far behind the newest is decrypted.
    #[must_use]
    pub fn keeping(back: u16, regions: usize, budget: Budget) -> Self {
        Self {
            engine: Engine::new(0),
            skipped: SkippedKeys::new(regions, back),
            unfinished: UnfinishedWalks::new(0),
            budget,
            passed: vec![[0; 16]; usize::from(back.max(1))].into_boxed_slice(),
        }
    }

    /// With this kernel in place of the portable one.
    #[must_use]
    pub fn with_kernel(self, kernel: Kernel) -> Self {
        let engine = self.engine.with_kernel(kernel);
        Self { engine, ..self }
    }

    /// With keystream made ahead for flows at places below `places`, and room for the RC4 states of those
    /// that are stateful.
    #[must_use]
    pub fn with_places(self, places: usize) -> Self {
        let engine = self.engine.with_places(places);
        let unfinished = UnfinishedWalks::new(places);
        Self {
            engine,
            unfinished,
            ..self
        }
    }

    /// As [`Engine::with_stock`].
    #[must_use]
    pub fn with_stock(self, places: usize, active: usize, long: usize) -> Self {
        let engine = self.engine.with_stock(places, active, long);
        let unfinished = UnfinishedWalks::new(places);
        Self {
            engine,
            unfinished,
            ..self
        }
    }

    /// Wipes the keys that are kept for a flow. To be called when its keys end.
    fn forget(&mut self, place: u32, id: KeyId) {
        self.skipped.forget(id);
        self.unfinished.forget((place, id));
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

/// Who a frame is from, as far as that was checked before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The peer, by its address.
    Peer,
    /// Perhaps the peer at another address: a whole packet has to come out to prove it.
    Elsewhere,
}

/// What is known of a frame beside its bytes.
#[derive(Clone, Copy)]
struct Origin<'h> {
    source: Source,
    history: Option<&'h Decompressor>,
}

/// One frame to decrypt.
pub struct DecryptJob<'f> {
    /// Whose frame this is, for [`DecryptStates`]. A flow may have several jobs in a batch; they
    /// are done in order.
    pub flow: u32,
    /// The GRE sequence number that it came with.
    pub sequence: u32,
    /// Who it is from.
    pub source: Source,
    /// What a compressed frame builds upon, where MPPC was agreed on (RFC 2118). Frames of a flow
    /// whose history grows have to be decrypted one by one, with the one before decompressed.
    pub history: Option<&'f Decompressor>,
    /// MPPE header and encrypted frame; decrypted in place behind the header.
    pub payload: &'f mut [u8],
    /// What came of it.
    pub outcome: Result<(), DecryptRefusal>,
}

impl<'f> DecryptJob<'f> {
    /// A job that is still to be done, for a frame of the peer.
    #[must_use]
    pub const fn new(flow: u32, sequence: u32, payload: &'f mut [u8]) -> Self {
        Self {
            flow,
            sequence,
            source: Source::Peer,
            history: None,
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
    for burst in jobs.chunks_mut(BATCH) {
        decrypt_burst(states, burst, worker, now);
    }
}

/// What is encrypted of a payload.
fn frame_of(payload: &mut [u8]) -> &mut [u8] {
    let (_, frame) = payload
        .split_at_mut_checked(HEADER_LENGTH)
        .unwrap_or_default();
    frame
}

/// How far after `link` the next place with this count is: 1 to 4096.
const fn distance(link: &Link, count: CoherencyCount) -> u64 {
    match count.since(link.coherency_count()) {
        0 => CoherencyCount::MODULUS as u64,
        ahead => ahead as u64,
    }
}

/// Decrypts `frame` in place with the keystream of `rc4` if what comes out `looks_right`, which sees
/// the start of it and its length; otherwise it stays as it was.
fn open(frame: &mut [u8], rc4: &mut Rc4, looks_right: impl FnOnce(&[u8], usize) -> bool) -> bool {
    let length = frame.len();
    let (start, rest) = frame.split_at_mut(length.min(PREFIX_LENGTH));
    let mut scratch = [0u8; PREFIX_LENGTH];
    let (prefix, _) = scratch.split_at_mut(start.len());
    prefix.copy_from_slice(start);
    rc4.apply(prefix);
    if !looks_right(prefix, length) {
        return false;
    }
    start.copy_from_slice(prefix);
    rc4.apply(rest);
    true
}

#[cfg(test)]
mod tests;
