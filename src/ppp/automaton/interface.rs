//! What an automaton asks of its protocol's options, what it is told, and what it answers.

use crate::ppp::judgement::{Judgement, Objection};
use crate::ppp::outbox::PppFrame;
use crate::ppp::refusal::Refusal;
use crate::wire::options::Options;
use crate::wire::ppp::Protocol;
use arrayvec::ArrayVec;
use std::time::Duration;

/// The options of one control protocol.
pub trait OptionPolicy {
    /// The protocol of the packets.
    const PROTOCOL: Protocol;

    /// Writes the options of our next Configure-Request.
    fn request(&self, options: &mut Vec<u8>);

    /// Says what is wrong with the peer's Configure-Request.
    ///
    /// # Errors
    /// An [`Objection`] when no answer can lead anywhere.
    fn judge(&mut self, options: &Options<'_>, judgement: &mut Judgement) -> Result<(), Objection>;

    /// The peer's request is being acknowledged.
    fn agreed(&mut self, options: &Options<'_>);

    /// The peer wants other values. `out_of_patience` is set from the Max-Failure-th Nak on.
    ///
    /// # Errors
    /// An [`Objection`] when what the peer does not want cannot be changed.
    fn nak_received(
        &mut self,
        options: &Options<'_>,
        out_of_patience: bool,
    ) -> Result<(), Objection>;

    /// The peer does not take these options, which are all ours.
    ///
    /// # Errors
    /// An [`Objection`] when one of them cannot be left out.
    fn reject_received(&mut self, options: &Options<'_>) -> Result<(), Objection>;
}

/// Counters and timers of a negotiation (RFC 1661 §4.6).
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time before a request is repeated for the first time; twice as long before each further one,
    /// up to `restart_timer`.
    pub restart_timer_initial: Duration,
    /// Time before a request is repeated.
    pub restart_timer: Duration,
    /// Max-Configure.
    pub configure_max: u8,
    /// Max-Terminate.
    pub terminate_max: u8,
    /// Max-Failure.
    pub failure_max: u8,
    /// How often a request for what is agreed already is acknowledged again.
    pub repeats_max: u8,
}

/// What an automaton did, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The protocol can be used.
    LayerUp,
    /// The protocol cannot be used any more.
    LayerDown,
    /// The lower layer is needed.
    LayerStarted,
    /// The lower layer is not needed any more.
    LayerFinished,
    /// The next frame is a Configure-Ack, on which the peer may open.
    AckFollows,
    /// Send this.
    Frame(PppFrame),
    /// Count this.
    Refused(Refusal),
    /// The negotiation makes no sense.
    Objection(Objection),
}

/// At most a layer event, a request, an announced answer, another layer event and a refusal.
pub type Effects = ArrayVec<Effect, 8>;
