//! The option negotiation automaton (RFC 1661 §4.1): ten states, sixteen events, one match.
//!
//! The table is pure. What an event is worth, which packet goes out and when a timer runs is
//! decided in [`super::automaton`].

/// States (RFC 1661 §4.2), in the RFC's order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// The lower layer is down and no open was asked for.
    #[default]
    Initial,
    /// The lower layer is down and an open was asked for.
    Starting,
    /// The lower layer is up and no open was asked for.
    Closed,
    /// Open, but given up or terminated: waits for the peer.
    Stopped,
    /// Terminating in order to be closed.
    Closing,
    /// Terminating in order to be stopped.
    Stopping,
    /// A Configure-Request is out and nothing is agreed.
    ReqSent,
    /// The peer took our request, we have not taken the peer's.
    AckRcvd,
    /// We took the peer's request, the peer has not taken ours.
    AckSent,
    /// Both requests are taken.
    Opened,
}

impl State {
    /// Every state, in the RFC's order.
    pub const ALL: [Self; 10] = [
        Self::Initial,
        Self::Starting,
        Self::Closed,
        Self::Stopped,
        Self::Closing,
        Self::Stopping,
        Self::ReqSent,
        Self::AckRcvd,
        Self::AckSent,
        Self::Opened,
    ];

    /// Whether the Restart timer runs in this state (RFC 1661 §4.6).
    #[must_use]
    pub const fn runs_timer(self) -> bool {
        match self {
            Self::Closing | Self::Stopping | Self::ReqSent | Self::AckRcvd | Self::AckSent => true,
            Self::Initial | Self::Starting | Self::Closed | Self::Stopped | Self::Opened => false,
        }
    }

    /// The name in tables and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Starting => "starting",
            Self::Closed => "closed",
            Self::Stopped => "stopped",
            Self::Closing => "closing",
            Self::Stopping => "stopping",
            Self::ReqSent => "req_sent",
            Self::AckRcvd => "ack_rcvd",
            Self::AckSent => "ack_sent",
            Self::Opened => "opened",
        }
    }
}

/// Events (RFC 1661 §4.3), in the RFC's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The lower layer can carry packets.
    Up,
    /// The lower layer cannot any more.
    Down,
    /// The administrator wants the protocol.
    Open,
    /// The administrator does not want the protocol.
    Close,
    /// TO+: the Restart timer ran out and packets may be sent again.
    TimeoutRetry,
    /// TO-: the Restart timer ran out for the last time.
    TimeoutFinal,
    /// RCR+: an acceptable Configure-Request.
    RequestGood,
    /// RCR-: a Configure-Request that is answered by Nak or Reject.
    RequestBad,
    /// RCA: a valid Configure-Ack.
    Ack,
    /// RCN: a valid Configure-Nak or Configure-Reject.
    NakOrReject,
    /// RTR: a Terminate-Request.
    TerminateRequest,
    /// RTA: a Terminate-Ack.
    TerminateAck,
    /// RUC: a packet with an unknown code.
    UnknownCode,
    /// RXJ+: a reject that the protocol can live with.
    RejectPermitted,
    /// RXJ-: a reject of something without which nothing works.
    RejectCatastrophic,
    /// RXR: an Echo-Request, Echo-Reply or Discard-Request.
    Echo,
}

impl Event {
    /// Every event, in the RFC's order.
    pub const ALL: [Self; 16] = [
        Self::Up,
        Self::Down,
        Self::Open,
        Self::Close,
        Self::TimeoutRetry,
        Self::TimeoutFinal,
        Self::RequestGood,
        Self::RequestBad,
        Self::Ack,
        Self::NakOrReject,
        Self::TerminateRequest,
        Self::TerminateAck,
        Self::UnknownCode,
        Self::RejectPermitted,
        Self::RejectCatastrophic,
        Self::Echo,
    ];
}

/// A set of actions (RFC 1661 §4.4). They are carried out in the order of the constants below,
/// which is the order that the RFC's table gives wherever it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actions(u16);

impl Actions {
    /// Nothing to do.
    pub const NONE: Self = Self(0);
    /// This-Layer-Down.
    pub const TLD: Self = Self(1);
    /// This-Layer-Started.
    pub const TLS: Self = Self(1 << 1);
    /// Initialize-Restart-Count.
    pub const IRC: Self = Self(1 << 2);
    /// Zero-Restart-Count.
    pub const ZRC: Self = Self(1 << 3);
    /// Send-Configure-Request.
    pub const SCR: Self = Self(1 << 4);
    /// Send-Configure-Ack.
    pub const SCA: Self = Self(1 << 5);
    /// Send-Configure-Nak or -Reject.
    pub const SCN: Self = Self(1 << 6);
    /// Send-Terminate-Request.
    pub const STR: Self = Self(1 << 7);
    /// Send-Terminate-Ack.
    pub const STA: Self = Self(1 << 8);
    /// Send-Code-Reject.
    pub const SCJ: Self = Self(1 << 9);
    /// Send-Echo-Reply.
    pub const SER: Self = Self(1 << 10);
    /// This-Layer-Up.
    pub const TLU: Self = Self(1 << 11);
    /// This-Layer-Finished.
    pub const TLF: Self = Self(1 << 12);
    /// The RFC's dash: the event cannot occur in the state, and nothing changes if it does.
    pub const IMPOSSIBLE: Self = Self(1 << 15);

    /// Both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every action of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

const NONE: Actions = Actions::NONE;
const DASH: Actions = Actions::IMPOSSIBLE;
const IRC: Actions = Actions::IRC;
const SCR: Actions = Actions::SCR;
const SCA: Actions = Actions::SCA;
const SCN: Actions = Actions::SCN;
const STA: Actions = Actions::STA;
const STR: Actions = Actions::STR;
const SCJ: Actions = Actions::SCJ;
const SER: Actions = Actions::SER;
const TLS: Actions = Actions::TLS;
const TLF: Actions = Actions::TLF;
const TLD: Actions = Actions::TLD;
const ZRC: Actions = Actions::ZRC;
const TLU: Actions = Actions::TLU;
const IRC_SCR: Actions = IRC.and(SCR);
const IRC_STR: Actions = IRC.and(STR);
const TLD_SCR: Actions = TLD.and(SCR);

/// The state transition table (RFC 1661 §4.1): what to do, and the state after it. The optional
/// behaviours `p`, `r` and `x` of the RFC are not used.
#[must_use]
pub const fn transition(state: State, event: Event) -> (Actions, State) {
    use Event as E;
    use State::*;
    let (dash, stay) = ((DASH, state), (NONE, state));
    match (event, state) {
        (E::Up, Initial) => (NONE, Closed),
        (E::Up, Starting) => (IRC_SCR, ReqSent),
        (E::Up, Closed | Stopped | Closing | Stopping) => dash,
        (E::Up, ReqSent | AckRcvd | AckSent | Opened) => dash,
        (E::Down, Initial | Starting) => dash,
        (E::Down, Closed | Closing) => (NONE, Initial),
        (E::Down, Stopped) => (TLS, Starting),
        (E::Down, Stopping | ReqSent | AckRcvd | AckSent) => (NONE, Starting),
        (E::Down, Opened) => (TLD, Starting),
        (E::Open, Initial) => (TLS, Starting),
        (E::Open, Closed) => (IRC_SCR, ReqSent),
        (E::Open, Closing) => (NONE, Stopping),
        (E::Open, Starting | Stopped | Stopping | ReqSent | AckRcvd | AckSent | Opened) => stay,
        (E::Close, Starting) => (TLF, Initial),
        (E::Close, Initial | Closed | Closing) => stay,
        (E::Close, Stopped) => (NONE, Closed),
        (E::Close, Stopping) => (NONE, Closing),
        (E::Close, ReqSent | AckRcvd | AckSent) => (IRC_STR, Closing),
        (E::Close, Opened) => (TLD.and(IRC_STR), Closing),
        (E::TimeoutRetry, Closing | Stopping) => (STR, state),
        (E::TimeoutRetry, ReqSent | AckRcvd) => (SCR, ReqSent),
        (E::TimeoutRetry, AckSent) => (SCR, AckSent),
        (E::TimeoutFinal, Closing) => (TLF, Closed),
        (E::TimeoutFinal, Stopping | ReqSent | AckRcvd | AckSent) => (TLF, Stopped),
        (E::TimeoutRetry | E::TimeoutFinal, Initial | Starting | Closed | Stopped | Opened) => dash,
        (E::RequestGood | E::RequestBad, Closed) => (STA, Closed),
        (E::RequestGood | E::RequestBad, Closing | Stopping) => stay,
        (E::RequestGood, Stopped) => (IRC_SCR.and(SCA), AckSent),
        (E::RequestGood, ReqSent | AckSent) => (SCA, AckSent),
        (E::RequestGood, AckRcvd) => (SCA.and(TLU), Opened),
        (E::RequestGood, Opened) => (TLD_SCR.and(SCA), AckSent),
        (E::RequestBad, Stopped) => (IRC_SCR.and(SCN), ReqSent),
        (E::RequestBad, ReqSent | AckSent) => (SCN, ReqSent),
        (E::RequestBad, AckRcvd) => (SCN, AckRcvd),
        (E::RequestBad, Opened) => (TLD_SCR.and(SCN), ReqSent),
        (E::Ack | E::NakOrReject, Closed | Stopped) => (STA, state),
        (E::Ack | E::NakOrReject, Closing | Stopping) => stay,
        (E::Ack | E::NakOrReject, AckRcvd) => (SCR, ReqSent),
        (E::Ack | E::NakOrReject, Opened) => (TLD_SCR, ReqSent),
        (E::Ack, ReqSent) => (IRC, AckRcvd),
        (E::Ack, AckSent) => (IRC.and(TLU), Opened),
        (E::NakOrReject, ReqSent | AckSent) => (IRC_SCR, state),
        (E::TerminateRequest, Closed | Stopped | Closing | Stopping) => (STA, state),
        (E::TerminateRequest, ReqSent | AckRcvd | AckSent) => (STA, ReqSent),
        (E::TerminateRequest, Opened) => (TLD.and(ZRC).and(STA), Stopping),
        (E::TerminateAck, Closed | Stopped | AckSent) => stay,
        (E::TerminateAck, Closing) => (TLF, Closed),
        (E::TerminateAck, Stopping) => (TLF, Stopped),
        (E::TerminateAck, ReqSent | AckRcvd) => (NONE, ReqSent),
        (E::TerminateAck, Opened) => (TLD_SCR, ReqSent),
        (E::UnknownCode, Closed | Stopped | Closing | Stopping) => (SCJ, state),
        (E::UnknownCode, ReqSent | AckRcvd | AckSent | Opened) => (SCJ, state),
        (E::RejectPermitted, Closed | Stopped | Closing | Stopping) => stay,
        (E::RejectPermitted, ReqSent | AckSent | Opened) => stay,
        (E::RejectPermitted, AckRcvd) => (NONE, ReqSent),
        (E::RejectCatastrophic, Closed | Closing) => (TLF, Closed),
        (E::RejectCatastrophic, Stopped | Stopping | ReqSent | AckRcvd | AckSent) => (TLF, Stopped),
        (E::RejectCatastrophic, Opened) => (TLD.and(IRC_STR), Stopping),
        (E::Echo, Opened) => (SER, Opened),
        (E::Echo, Closed | Stopped | Closing | Stopping | ReqSent | AckRcvd | AckSent) => stay,
        (E::RequestGood | E::RequestBad | E::Ack | E::NakOrReject, Initial | Starting) => dash,
        (E::TerminateRequest | E::TerminateAck | E::UnknownCode, Initial | Starting) => dash,
        (E::RejectPermitted | E::RejectCatastrophic | E::Echo, Initial | Starting) => dash,
    }
}
