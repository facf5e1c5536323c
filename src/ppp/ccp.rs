//! Encryption and how it is agreed on (RFC 3078 §2).
//!
//! Whatever a client offers, there is one outcome for each [`MppePolicy`], reached in a bounded number
//! of packets (`docs/mppe-policy.md` lists them):
//!
//! - Of several key lengths the longest that both have is asked for, and nothing beside it.
//! - Stateless mode is offered first, or what the policy prefers. A client that insists on the other
//!   mode gets it if the policy allows it; likewise compression (RFC 2118 §2), which may stand alone
//!   where calls need not be encrypted.
//! - Each side says what it can decrypt: our request rules upstream, the client's downstream. The key
//!   length is the same both ways, since a client that wants two is confused; the mode need not be.
//! - What was acknowledged once stays: its start key is on its way to the worker.
//! - Other algorithms are rejected, a client that offers nothing is told once what we have.

mod policy;
mod resets;

pub use policy::{MppeChange, MppePolicy, MppeRequirement, Stateful};
pub use resets::{ResetCounts, Resets};

use super::automaton::OptionPolicy;
use super::end_reason::EndReason;
use super::judgement::{Judgement, Objection};
use crate::wire::ccp::{Agreement, CcpOption, Strengths, SupportedBits, kind};
use crate::wire::mppe::Suite;
use crate::wire::options::{Options, RawOption};
use crate::wire::ppp::Protocol;

/// The options of CCP.
#[derive(Debug)]
pub struct Ccp {
    policy: MppePolicy,
    /// The login gave keys. Without them there can be compression only.
    keys: bool,
    /// What our next request says. Its key lengths are those that are still possible either way.
    ask: SupportedBits,
    /// The client was told which mode we prefer, and that we would rather not compress.
    suggested: bool,
    /// The client was told that there is encryption.
    hinted: bool,
    offer: Option<SupportedBits>,
    agreed: Option<Directions>,
    refusal: Option<EndReason>,
}

/// What was agreed on for each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directions {
    /// What the client encrypts with.
    pub upstream: Agreement,
    /// What we encrypt with.
    pub downstream: Agreement,
}

/// As tables show it: one agreement, or `upstream/downstream` where they differ.
impl std::fmt::Display for Directions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.upstream.fmt(formatter)?;
        if self.upstream != self.downstream {
            write!(formatter, "/{}", self.downstream)?;
        }
        Ok(())
    }
}

impl Ccp {
    /// Options for a call under `policy`, whose login gave `keys` or none.
    #[must_use]
    pub const fn new(policy: MppePolicy, keys: bool) -> Self {
        let ask = if keys {
            SupportedBits::offer(policy.strengths, policy.preferred_mode(), false)
        } else {
            SupportedBits::COMPRESSION
        };
        Self {
            policy,
            keys,
            ask,
            suggested: false,
            hinted: false,
            offer: None,
            agreed: None,
            refusal: None,
        }
    }

    /// What was agreed on, from our first Configure-Ack on.
    #[must_use]
    pub const fn agreed(&self) -> Option<Directions> {
        self.agreed
    }

    /// What the client offered in its latest request, or demanded of ours if it sent none.
    #[must_use]
    pub const fn peer_offer(&self) -> Option<SupportedBits> {
        self.offer
    }

    /// Why there will be no agreement, once that is certain.
    #[must_use]
    pub const fn refusal(&self) -> Option<EndReason> {
        self.refusal
    }

    fn give_up(&mut self, reason: EndReason) -> Objection {
        self.refusal = Some(reason);
        Objection::CloseProtocol
    }

    /// The key lengths that are still possible.
    fn strengths(&self) -> Strengths {
        self.ask.strengths().unwrap_or(self.policy.strengths)
    }

    fn allows(&self, bits: SupportedBits) -> Option<Strengths> {
        bits.strengths()?.common(self.strengths())
    }

    fn compresses(&self, bits: SupportedBits) -> bool {
        self.policy.compression && bits.contains(SupportedBits::COMPRESSION)
    }

    /// Whether compression alone is what becomes of a client that wants nothing but `bits`.
    fn only_compresses(&self, bits: SupportedBits) -> bool {
        let may_be_clear = self.policy.requirement != MppeRequirement::Required;
        may_be_clear && bits.strengths().is_none() && self.compresses(bits)
    }

    /// What we would acknowledge to a client that offers `bits`.
    fn wanted(&self, bits: SupportedBits) -> Agreement {
        if let Some(agreed) = self.agreed {
            return agreed.downstream;
        }
        // The same holds for both directions, so what we ask for by now says it too.
        let alone = self.suggested && self.only_compresses(bits);
        if !self.keys || alone || self.ask.strengths().is_none() {
            return Agreement::COMPRESSION;
        }
        let insists_on_mode = self.suggested && self.policy.allows_mode(bits.mode());
        let allowed = self.allows(bits);
        let suite = Suite {
            strength: allowed.unwrap_or(self.strengths()).strongest(),
            mode: if insists_on_mode {
                bits.mode()
            } else {
                self.policy.preferred_mode()
            },
        };
        // A client with key lengths, none of them allowed, shall not take compression for the answer.
        let compression = self.suggested && allowed.is_some() && self.compresses(bits);
        Agreement {
            suite: Some(suite),
            compression,
        }
    }

    /// Why nothing came of an offer of `bits` that the client would not change.
    fn why_not(&self, bits: SupportedBits) -> EndReason {
        match bits.strengths() {
            None if bits.contains(SupportedBits::COMPRESSION) => EndReason::MppeCompressionOnly,
            None => EndReason::MppeNoStrength,
            Some(_) if self.allows(bits).is_none() => EndReason::MppeStrengthNotAllowed,
            Some(_) if !self.policy.allows_mode(bits.mode()) => EndReason::MppeStatefulOnly,
            Some(_) => EndReason::MppeNotAgreed,
        }
    }

    /// Says what is wrong with the MPPE option of a request; `None` are bits that cannot be read.
    fn judge_mppe(
        &mut self,
        option: RawOption<'_>,
        bits: Option<SupportedBits>,
        judgement: &mut Judgement,
    ) {
        let wanted = self.wanted(bits.unwrap_or(SupportedBits(0)));
        self.offer = bits.or(self.offer);
        if bits == Some(wanted.bits()) {
            return;
        }
        if judgement.out_of_patience() {
            self.refusal = Some(bits.map_or(EndReason::MppeNotAgreed, |bits| self.why_not(bits)));
        } else if !judgement.has_rejects() {
            // Otherwise the Reject goes first, and the client does not hear of the suggestion.
            self.suggested = true;
        }
        judgement.nak(option, |list| CcpOption::Mppe(wanted.bits()).emit(list));
    }
}

impl OptionPolicy for Ccp {
    const PROTOCOL: Protocol = Protocol::CCP;

    fn request(&self, options: &mut Vec<u8>) {
        CcpOption::Mppe(self.ask).emit(options);
    }

    fn judge(&mut self, options: &Options<'_>, judgement: &mut Judgement) -> Result<(), Objection> {
        for option in options.iter().filter(|option| option.kind != kind::MPPE) {
            judgement.reject(option);
        }
        if let Some(option) = options.find(kind::MPPE) {
            self.judge_mppe(option, bits_of(option), judgement);
            return Ok(());
        }
        if judgement.has_rejects() {
            return Ok(());
        }
        if self.hinted || judgement.out_of_patience() {
            return Err(self.give_up(EndReason::MppeNotOffered));
        }
        // A client that could encrypt but was not told to may take the hint.
        self.hinted = true;
        let hint = self.wanted(self.ask).bits();
        judgement.ask_for(|list| CcpOption::Mppe(hint).emit(list));
        Ok(())
    }

    fn agreed(&mut self, options: &Options<'_>) {
        let acknowledged = options.find(kind::MPPE).and_then(bits_of);
        let Some(downstream) = acknowledged.and_then(Agreement::from_bits) else {
            return;
        };
        // Our own request may still be out. The client will send with the key length that it
        // receives with, and in the mode that we ask for, or the call will come to nothing.
        let upstream = match downstream.suite {
            Some(suite) => Agreement {
                suite: Some(Suite {
                    strength: suite.strength,
                    mode: self.ask.mode(),
                }),
                compression: self.ask.contains(SupportedBits::COMPRESSION),
            },
            None => downstream,
        };
        self.ask = upstream.bits();
        self.agreed.get_or_insert(Directions {
            upstream,
            downstream,
        });
    }

    fn nak_received(
        &mut self,
        options: &Options<'_>,
        out_of_patience: bool,
    ) -> Result<(), Objection> {
        let bits = options.find(kind::MPPE).and_then(bits_of);
        self.offer = self.offer.or(bits);
        if out_of_patience {
            let reason = bits.map_or(EndReason::MppeNotAgreed, |bits| self.why_not(bits));
            return Err(self.give_up(reason));
        }
        if self.agreed.is_none() && bits.is_some_and(|bits| self.only_compresses(bits)) {
            self.ask = SupportedBits::COMPRESSION;
            return Ok(());
        }
        let possible = bits
            .filter(|_| self.keys)
            .and_then(|bits| Some((bits, self.allows(bits)?)));
        if let Some((bits, strengths)) = possible.filter(|_| self.agreed.is_none()) {
            // Our request was the suggestion, so what it is answered with is insisted upon.
            let mode = if self.policy.allows_mode(bits.mode()) {
                bits.mode()
            } else {
                self.policy.preferred_mode()
            };
            let compression = self.compresses(bits);
            let strengths = Strengths::only(strengths.strongest());
            self.ask = SupportedBits::offer(strengths, mode, compression);
        }
        Ok(())
    }

    fn reject_received(&mut self, options: &Options<'_>) -> Result<(), Objection> {
        match options.find(kind::MPPE) {
            Some(_) => Err(self.give_up(EndReason::MppeRefusedByPeer)),
            None => Ok(()),
        }
    }
}

/// The bits of an MPPE option, if they can be read.
fn bits_of(option: RawOption<'_>) -> Option<SupportedBits> {
    match CcpOption::parse(option) {
        Ok(CcpOption::Mppe(bits)) => Some(bits),
        Ok(CcpOption::Other(_)) | Err(_) => None,
    }
}
