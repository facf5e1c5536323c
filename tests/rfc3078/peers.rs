//! The two kinds of peers in stateful mode, each written from its own rule: RFC 3078 to the letter,
//! and Linux (`ppp_mppe` with `ppp_generic` and pppd, as recorded in `captures/loss-stateful`).

use pns::mppe::keys::Strength;
use rc4::{KeyInit, StreamCipher};

use crate::naive::NaiveChain;

/// What a flushed frame does to the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// RC4 starts afresh with the key in force (RFC 3078 §8.2).
    Rfc,
    /// The key changes.
    Linux,
}

const FLUSHED: u16 = 0x8000;
const ENCRYPTED: u16 = 0x1000;

const fn is_flag(count: u16) -> bool {
    count & 0xff == 0xff
}

/// RC4 that runs on, with the key that it was started with.
struct Stream {
    chain: NaiveChain,
    changes: usize,
    cipher: rc4::Rc4,
}

impl Stream {
    fn new(start_key: &[u8; 16], strength: Strength) -> Self {
        let mut chain = NaiveChain::new(start_key, strength);
        let cipher = rc4::Rc4::new_from_slice(chain.after(0)).unwrap();
        Self {
            chain,
            changes: 0,
            cipher,
        }
    }

    fn start_afresh(&mut self) {
        self.cipher = rc4::Rc4::new_from_slice(self.chain.after(self.changes)).unwrap();
    }

    fn change_key(&mut self) {
        self.changes += 1;
        self.start_afresh();
    }
}

/// Sends frames, loses them for all we know, and is told to flush.
pub(crate) struct Sender {
    rule: Rule,
    stream: Stream,
    frames: u64,
    flush: bool,
}

impl Sender {
    pub(crate) fn new(rule: Rule, start_key: &[u8; 16], strength: Strength) -> Self {
        Self {
            rule,
            stream: Stream::new(start_key, strength),
            frames: 0,
            flush: false,
        }
    }

    /// A Reset-Request has come.
    pub(crate) fn flush(&mut self) {
        self.flush = true;
    }

    /// Header and ciphertext of the next frame.
    pub(crate) fn send(&mut self, plain: &[u8]) -> Vec<u8> {
        let count = u16::try_from(self.frames % 4096).unwrap();
        self.frames += 1;
        let flush = std::mem::take(&mut self.flush);
        match (is_flag(count), flush, self.rule) {
            (true, _, _) | (false, true, Rule::Linux) => self.stream.change_key(),
            (false, true, Rule::Rfc) => self.stream.start_afresh(),
            (false, false, _) => {}
        }
        let flushed = flush || is_flag(count);
        let header = ENCRYPTED | if flushed { FLUSHED } else { 0 } | count;
        let mut payload = [&header.to_be_bytes(), plain].concat();
        self.stream.cipher.apply_keystream(&mut payload[2..]);
        payload
    }
}

/// What a receiver does with a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// It decrypts it, rightly or not.
    Plain(Vec<u8>),
    /// It drops it, and perhaps asks for a flush.
    Dropped {
        /// A Reset-Request leaves.
        request: bool,
    },
}

/// How long a receiver waits for an answer before it asks again, in milliseconds: pppd's
/// `RACKTIMEOUT`.
const REQUEST_AGAIN_MS: u64 = 1000;

/// Receives frames that were sent by us.
pub(crate) struct Receiver {
    rule: Rule,
    stream: Stream,
    /// The count of the newest frame, or, once a frame is missing, of the first that is.
    count: u16,
    in_step: bool,
    /// Linux: `ppp_generic` shows no more frames to `ppp_mppe` until a Reset-Ack comes.
    blocked: bool,
    requested_ms: Option<u64>,
}

impl Receiver {
    pub(crate) fn new(rule: Rule, start_key: &[u8; 16], strength: Strength) -> Self {
        Self {
            rule,
            stream: Stream::new(start_key, strength),
            count: 4095,
            in_step: true,
            blocked: false,
            requested_ms: None,
        }
    }

    /// A frame has come at `now_ms`.
    pub(crate) fn receive(&mut self, payload: &[u8], now_ms: u64) -> Received {
        let header = u16::from_be_bytes([payload[0], payload[1]]);
        assert_eq!(header & 0x7000, ENCRYPTED, "bits B and C are clear");
        let (count, flushed) = (header & 0x0fff, header & FLUSHED != 0);
        assert!(flushed || !is_flag(count), "a flag frame is flushed");
        let decrypts = match self.rule {
            Rule::Linux => self.accept_as_linux(count, flushed),
            Rule::Rfc => self.accept_as_rfc(count, flushed),
        };
        if !decrypts {
            return Received::Dropped {
                request: self.requests(now_ms),
            };
        }
        let mut plain = payload[2..].to_vec();
        self.stream.cipher.apply_keystream(&mut plain);
        Received::Plain(plain)
    }

    fn accept_as_linux(&mut self, count: u16, flushed: bool) -> bool {
        if self.blocked {
            return false;
        }
        if self.in_step {
            self.count = (self.count + 1) % 4096;
            self.in_step = count == self.count;
            self.blocked = !self.in_step;
            if !self.in_step {
                return false;
            }
        } else if flushed {
            while self.count >> 8 != count >> 8 {
                self.stream.change_key();
                self.count = (self.count + 256) % 4096;
            }
            self.count = count;
            self.in_step = true;
        } else {
            self.blocked = true;
            return false;
        }
        if flushed {
            self.stream.change_key();
        }
        true
    }

    /// RFC 3078 §8.2: a flushed frame can always be decrypted. The key changes for each flag frame
    /// that was missed, and for this one if it is one.
    fn accept_as_rfc(&mut self, count: u16, flushed: bool) -> bool {
        let due = (self.count + 1) % 4096;
        if flushed {
            let from = if self.in_step { due } else { self.count };
            for _ in 0..(count >> 8).wrapping_sub(from >> 8) & 15 {
                self.stream.change_key();
            }
            if is_flag(count) {
                self.stream.change_key();
            } else {
                self.stream.start_afresh();
            }
            self.in_step = true;
            self.requested_ms = None;
        } else if !self.in_step {
            return false;
        } else if count != due {
            self.in_step = false;
            self.count = due;
            return false;
        }
        self.count = count;
        true
    }

    /// Whether a Reset-Request leaves for a frame that was dropped.
    fn requests(&mut self, now_ms: u64) -> bool {
        let due = self
            .requested_ms
            .is_none_or(|asked| now_ms >= asked + REQUEST_AGAIN_MS);
        if due {
            self.requested_ms = Some(now_ms);
        }
        due
    }

    /// A Reset-Ack has come.
    pub(crate) fn reset_acknowledged(&mut self) {
        self.blocked = false;
        self.requested_ms = None;
    }
}
