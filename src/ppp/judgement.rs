//! How a peer's Configure-Request is answered (RFC 1661 §5.2 to §5.4): one verdict for the whole
//! packet out of what was said about each option.

use super::end_reason::EndReason;
use crate::wire::options::{self, Options, RawOption};
use crate::wire::ppp::code;

/// The kind of answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every option is taken as it is.
    Ack,
    /// The options are known, but other values are wanted.
    Nak,
    /// The listed options are not known or not allowed.
    Reject,
}

impl Verdict {
    /// The code of the answer.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ack => code::CONFIGURE_ACK,
            Self::Nak => code::CONFIGURE_NAK,
            Self::Reject => code::CONFIGURE_REJECT,
        }
    }
}

/// A finished answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which of the three packets it is.
    pub verdict: Verdict,
    /// The options in it.
    pub options: Vec<u8>,
}

/// A negotiation that has no sense to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objection {
    /// The call ends.
    EndLink(EndReason),
    /// The protocol is given up and the call goes on without it.
    CloseProtocol,
}

/// What has been said about the options of one request so far.
#[derive(Debug)]
pub struct Judgement {
    naks: Vec<u8>,
    rejects: Vec<u8>,
    out_of_patience: bool,
}

impl Judgement {
    /// `out_of_patience` is set when Max-Failure Naks were sent in vain: every further Nak becomes
    /// a Reject, and nothing is asked for beyond what the peer lists (RFC 1661 §4.6).
    #[must_use]
    pub fn new(out_of_patience: bool) -> Self {
        Self {
            naks: Vec::new(),
            rejects: Vec::new(),
            out_of_patience,
        }
    }

    /// Whether Max-Failure Naks were sent in vain.
    #[must_use]
    pub const fn out_of_patience(&self) -> bool {
        self.out_of_patience
    }

    /// Whether an option was rejected so far.
    #[must_use]
    pub fn has_rejects(&self) -> bool {
        !self.rejects.is_empty()
    }

    /// The option must go.
    pub fn reject(&mut self, option: RawOption<'_>) {
        options::push(&mut self.rejects, option.kind, option.value);
    }

    /// The option must have the value that `wanted` writes.
    pub fn nak(&mut self, option: RawOption<'_>, wanted: impl FnOnce(&mut Vec<u8>)) {
        if self.out_of_patience {
            self.reject(option);
        } else {
            wanted(&mut self.naks);
        }
    }

    /// An option that the peer did not list is wanted too.
    pub fn ask_for(&mut self, wanted: impl FnOnce(&mut Vec<u8>)) {
        if !self.out_of_patience {
            wanted(&mut self.naks);
        }
    }

    /// The answer to a request of `options`: rejects go before Naks, Naks before an Ack.
    #[must_use]
    pub fn into_answer(self, options: &Options<'_>) -> Answer {
        if !self.rejects.is_empty() {
            Answer {
                verdict: Verdict::Reject,
                options: self.rejects,
            }
        } else if !self.naks.is_empty() {
            Answer {
                verdict: Verdict::Nak,
                options: self.naks,
            }
        } else {
            Answer {
                verdict: Verdict::Ack,
                options: options.as_bytes().to_vec(),
            }
        }
    }
}
