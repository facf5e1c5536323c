//! Encryption: MPPE with 128 bits, stateless, in both directions, or none (RFC 3078 §2).
//!
//! Whatever a client offers, the outcome is one of two, and it is reached in a bounded number of
//! packets: every other set of bits is answered by the one that we have, every other algorithm
//! is rejected, and a client that does not want MPPE is told once that we do.

use super::automaton::OptionPolicy;
use super::end_reason::EndReason;
use super::judgement::{Judgement, Objection};
use crate::wire::ccp::{CcpOption, SupportedBits, kind};
use crate::wire::options::Options;
use crate::wire::ppp::Protocol;

const WANTED: CcpOption<'static> = CcpOption::Mppe(SupportedBits::STATELESS_128);

/// The options of CCP.
#[derive(Debug)]
pub struct Ccp {
    required: bool,
    asked: bool,
}

impl Ccp {
    /// `required` ends the call if the client does not encrypt; otherwise CCP is given up.
    #[must_use]
    pub const fn new(required: bool) -> Self {
        Self {
            required,
            asked: false,
        }
    }

    const fn objection(&self, reason: EndReason) -> Objection {
        if self.required {
            Objection::EndLink(reason)
        } else {
            Objection::CloseProtocol
        }
    }
}

impl OptionPolicy for Ccp {
    const PROTOCOL: Protocol = Protocol::CCP;

    fn request(&self, options: &mut Vec<u8>) {
        WANTED.emit(options);
    }

    fn judge(&mut self, options: &Options<'_>, judgement: &mut Judgement) -> Result<(), Objection> {
        let mut offered = false;
        for option in options.iter() {
            match CcpOption::parse(option) {
                Ok(CcpOption::Mppe(SupportedBits::STATELESS_128)) => offered = true,
                Ok(CcpOption::Mppe(_)) | Err(_) if judgement.out_of_patience() => {
                    return Err(self.objection(EndReason::MppeNotAgreed));
                }
                Ok(CcpOption::Mppe(_)) | Err(_) => {
                    offered = true;
                    judgement.nak(option, |list| WANTED.emit(list));
                }
                Ok(CcpOption::Other(_)) => judgement.reject(option),
            }
        }
        if offered || judgement.has_rejects() {
            return Ok(());
        }
        if self.asked || judgement.out_of_patience() {
            return Err(self.objection(EndReason::MppeRefusedByPeer));
        }
        // A client that could encrypt but was not told to may take the hint.
        self.asked = true;
        judgement.ask_for(|list| WANTED.emit(list));
        Ok(())
    }

    fn agreed(&mut self, _options: &Options<'_>) {}

    fn nak_received(
        &mut self,
        _options: &Options<'_>,
        out_of_patience: bool,
    ) -> Result<(), Objection> {
        if out_of_patience {
            Err(self.objection(EndReason::MppeNotAgreed))
        } else {
            Ok(())
        }
    }

    fn reject_received(&mut self, options: &Options<'_>) -> Result<(), Objection> {
        match options.find(kind::MPPE) {
            Some(_) => Err(self.objection(EndReason::MppeRefusedByPeer)),
            None => Ok(()),
        }
    }
}
