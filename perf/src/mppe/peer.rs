//! The peer: one direction of a call, a packet at a time, nothing shared between packets. It keeps no late
//! keys, checks no inner packet and wipes nothing, so it does a little less than ours.

use pns::mppe::keys::{Mode, Strength};
use pns_perf_peers::{Library, Rc4State};

/// Bits A and D of the MPPE header (RFC 3078 §3.1).
const FLUSHED: u16 = 0x8000;
const ENCRYPTED: u16 = 0x1000;
const COUNTS: u16 = 4096;

/// One direction of a call, 128 bits.
pub(super) struct Peer {
    library: Library,
    mode: Mode,
    start_key: [u8; 16],
    session_key: [u8; 16],
    count: u16,
    rc4: Rc4State,
}

impl Peer {
    /// Before the first packet.
    pub(super) fn new(library: Library, mode: Mode, start_key: [u8; 16]) -> Self {
        let session_key = pns::mppe::chain::initial_session_key(&start_key, Strength::Bits128);
        let mut rc4 = Rc4State::default();
        library.set_key(&mut rc4, &session_key);
        Self {
            library,
            mode,
            start_key,
            session_key,
            count: 0,
            rc4,
        }
    }

    /// Encrypts what follows the two bytes of the MPPE header, and writes that.
    pub(super) fn encrypt(&mut self, payload: &mut [u8]) -> bool {
        let Some((header, frame)) = payload.split_first_chunk_mut() else {
            return false;
        };
        *header = self.header().to_be_bytes();
        self.next_packet(frame);
        true
    }

    /// Decrypts what follows the MPPE header, which must be that of the next packet.
    pub(super) fn decrypt(&mut self, payload: &mut [u8]) -> bool {
        let Some((header, frame)) = payload.split_first_chunk_mut() else {
            return false;
        };
        let due = u16::from_be_bytes(*header) == self.header();
        self.next_packet(frame);
        due
    }

    const fn changes_key(&self) -> bool {
        match self.mode {
            Mode::Stateless => true,
            Mode::Stateful => self.count & 0xff == 0xff,
        }
    }

    const fn header(&self) -> u16 {
        let flushed = if self.changes_key() { FLUSHED } else { 0 };
        flushed | ENCRYPTED | self.count
    }

    fn next_packet(&mut self, frame: &mut [u8]) {
        if self.changes_key() {
            self.library
                .change_key(&self.start_key, &mut self.session_key);
            self.library.set_key(&mut self.rc4, &self.session_key);
        }
        self.library.run(&mut self.rc4, frame);
        self.count = (self.count + 1) % COUNTS;
    }
}
