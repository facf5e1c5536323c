//! Encryption: a burst of frames of many flows, in place.

use crate::mppe::chain::{Chain, FLAG_EVERY};
use crate::mppe::keys::{DownstreamKey, Mode, Strength, UpstreamKey};
use crate::mppe::rc4::Rc4;
use crate::mppe::streams::Streams;
use crate::wire::mppe::Header;

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
            Mode::Stateless => Some(self.encrypt_stateless(frame, &mut worker.rc4)),
            Mode::Stateful => self.encrypt_stateful(frame, worker),
        }
    }

    /// The key changes before every frame, the first included (RFC 3078 §7.1).
    fn encrypt_stateless(&mut self, frame: &mut [u8], rc4: &mut Rc4) -> Header {
        let mut link = self.chain.committed.duplicate();
        self.chain.step(&mut link, rc4);
        self.chain.key(rc4, &link.session_key);
        rc4.apply(frame);
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
        let EncryptWorker { rc4, streams } = worker;
        let stream = streams.at(self.place)?;
        let mut link = self.chain.committed.duplicate();
        link.position += 1;
        if self.flush {
            link.position = link.position.next_multiple_of(FLAG_EVERY);
        }
        let fresh = link.is_flag();
        if fresh {
            self.chain.change_key(&mut link, rc4);
        }
        if fresh || !self.running {
            self.chain.key(rc4, &link.session_key);
        } else {
            rc4.resume(stream);
        }
        rc4.apply(frame);
        rc4.store(stream);
        let header = Header::stateful(link.coherency_count(), fresh);
        self.chain.committed = link;
        (self.running, self.flush) = (true, false);
        Some(header)
    }

    /// Overwrites the keys, here and in the worker; from now on nothing is encrypted.
    pub fn wipe(&mut self, worker: &mut EncryptWorker) {
        if self.running {
            worker.streams.wipe(self.place);
        }
        self.chain.wipe();
        self.armed = false;
    }
}

/// What the flows of one worker share for encryption.
pub struct EncryptWorker {
    rc4: Rc4,
    streams: Streams,
}

impl EncryptWorker {
    /// Room for stateful flows at places below `places`.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self {
            rc4: Rc4::unkeyed(),
            streams: Streams::new(places),
        }
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
    for job in jobs {
        let state = states.encrypt_state(job.flow);
        job.header = state.and_then(|state| state.encrypt(job.frame, worker));
    }
}
