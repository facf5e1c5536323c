//! Encryption: a burst of frames of many flows, in place.

use crate::mppe::chain::Chain;
use crate::mppe::keys::{DownstreamKey, Mode, Strength, UpstreamKey};
use crate::mppe::rc4::Rc4;
use crate::wire::mppe::Header;

/// What encryption keeps for one direction of a call. Plain data of fixed size, wiped when dropped.
#[repr(C)]
pub struct EncryptState {
    chain: Chain,
    armed: bool,
}

impl EncryptState {
    /// The server's side: frames to the client. The key is used up, since the same key twice would
    /// give the same keystream twice.
    #[must_use]
    pub fn new(key: DownstreamKey, strength: Strength, mode: Mode) -> Self {
        Self {
            chain: Chain::new(key.expose(), strength, mode),
            armed: true,
        }
    }

    /// The client's side: frames to the server.
    #[must_use]
    pub fn new_for_client(key: UpstreamKey, strength: Strength, mode: Mode) -> Self {
        Self {
            chain: Chain::new(key.expose(), strength, mode),
            armed: true,
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

    /// Frames encrypted so far.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.chain.committed.position
    }

    /// Encrypts one frame in place, its PPP protocol field included, and answers the MPPE header to
    /// put before it (RFC 3078 §3, §7.2). The key changes before every frame, the first included.
    ///
    /// Only protocols 0x0021 to 0x00fa are encrypted (RFC 3078 §3); the caller decides. `None` if
    /// the keys are wiped: the frame must be dropped then.
    pub fn encrypt(&mut self, frame: &mut [u8], rc4: &mut Rc4) -> Option<Header> {
        if !self.armed {
            return None;
        }
        let mut link = self.chain.committed.duplicate();
        self.chain.step(&mut link, rc4);
        self.chain.key(rc4, &link.session_key);
        rc4.apply(frame);
        let header = Header::stateless(link.coherency_count());
        self.chain.committed = link;
        Some(header)
    }

    /// Overwrites the keys; from now on nothing is encrypted.
    pub fn wipe(&mut self) {
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
pub fn encrypt_batch(states: &mut impl EncryptStates, jobs: &mut [EncryptJob<'_>]) {
    let mut rc4 = Rc4::unkeyed();
    for job in jobs {
        let state = states.encrypt_state(job.flow);
        job.header = state.and_then(|state| state.encrypt(job.frame, &mut rc4));
    }
}
