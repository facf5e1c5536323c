//! Options of the link itself (RFC 1661 §6): what we ask for and what we take.

use super::auth::method::{Method, Nak, Offer};
use super::automaton::OptionPolicy;
use super::draws::Draws;
use super::end_reason::EndReason;
use super::judgement::{Judgement, Objection};
use crate::wire::lcp::{AuthenticationProtocol, LcpOption, kind};
use crate::wire::options::{Options, RawOption};
use crate::wire::ppp::Protocol;

/// The Maximum-Receive-Unit of a peer that does not name one (RFC 1661 §6.1), in bytes.
pub const MRU_DEFAULT: u16 = 1500;

/// A peer that receives less than this, in bytes, cannot be served; as other servers have it.
pub const MRU_MIN: u16 = 128;

/// So many of our own requests in a row are not chance.
const LOOPS_MAX: u8 = 4;

/// What the peer asked for and we acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerLink {
    /// The largest information field that the peer receives, in bytes.
    pub mru: u16,
    /// The peer's magic number, zero without one.
    pub magic: u32,
    /// The peer reads one-byte protocol fields.
    pub protocol_field_compression: bool,
    /// The peer reads frames without address and control fields.
    pub address_control_field_compression: bool,
    /// How it wants us to log in, if it does.
    pub demands: Option<Method>,
}

impl PeerLink {
    const DEFAULT: Self = Self {
        mru: MRU_DEFAULT,
        magic: 0,
        protocol_field_compression: false,
        address_control_field_compression: false,
        demands: None,
    };
}

/// The options that we ask for. A way to authenticate is always among them; the compressions cost
/// nothing to read and save the client three bytes a packet, and like the rest they may be rejected.
#[derive(Debug)]
pub struct Lcp {
    draws: Draws,
    mru: Option<u16>,
    /// Boxed: a live call has no use for it.
    authentication: Box<Offer>,
    magic: Option<u32>,
    protocol_field_compression: bool,
    address_control_field_compression: bool,
    peer: PeerLink,
    loops: u8,
    /// How we may log in if the peer wants that, best first; none on a link to a client.
    accepted: Box<[Method]>,
    /// The one that our next Nak names.
    named_next: usize,
}

impl Lcp {
    /// Options for a link that asks for a Maximum-Receive-Unit of `mru` bytes, and offers `methods`,
    /// best first.
    #[must_use]
    pub fn new(mru: u16, methods: &[Method], mut draws: Draws) -> Self {
        Self {
            mru: Some(mru),
            authentication: Box::new(Offer::new(methods)),
            magic: Some(draws.magic()),
            protocol_field_compression: true,
            address_control_field_compression: true,
            peer: PeerLink::DEFAULT,
            loops: 0,
            accepted: Box::default(),
            named_next: 0,
            draws,
        }
    }

    /// Options for a link on which the peer may want us to log in by one of `methods`, best first,
    /// and we ask it for nothing of the kind.
    #[must_use]
    pub fn of_client(mru: u16, methods: &[Method], draws: Draws) -> Self {
        Self {
            accepted: methods.into(),
            ..Self::new(mru, &[], draws)
        }
    }

    /// What the peer asked for.
    #[must_use]
    pub const fn peer(&self) -> PeerLink {
        self.peer
    }

    /// How the client authenticates itself, and what it would have rather done.
    #[must_use]
    pub fn authentication(&self) -> &Offer {
        &self.authentication
    }

    /// RFC 1661 §5.3 and §6.2: a Nak of the Authentication-Protocol names what the peer would accept.
    fn authentication_naked(
        &mut self,
        wanted: Option<AuthenticationProtocol>,
        out_of_patience: bool,
    ) -> Result<(), Objection> {
        match self.authentication.nak(wanted) {
            Nak::Moved => Ok(()),
            Nak::Same if !out_of_patience => Ok(()),
            Nak::Same | Nak::Exhausted => {
                Err(Objection::EndLink(EndReason::AuthenticationNotAgreed))
            }
        }
    }

    /// RFC 1661 §6.2: what we may not use is answered by what we may. Each Nak names another method,
    /// for peers that take only what is named.
    fn judge_demand(
        &mut self,
        option: RawOption<'_>,
        wanted: AuthenticationProtocol,
        judgement: &mut Judgement,
    ) -> Result<(), Objection> {
        let fits = Method::of_protocol(wanted).is_some_and(|it| self.accepted.contains(&it));
        let Some(named) = self.accepted.iter().cycle().nth(self.named_next) else {
            // Clients are not authenticated to: MPPE needs one direction only.
            judgement.reject(option);
            return Ok(());
        };
        if fits {
            return Ok(());
        }
        if judgement.out_of_patience() {
            return Err(Objection::EndLink(EndReason::LoginMethodNotAllowed));
        }
        let named = LcpOption::Authentication(named.protocol());
        judgement.nak(option, |list| named.emit(list));
        self.named_next = (self.named_next + 1) % self.accepted.len();
        Ok(())
    }

    /// What we said that we receive, in bytes.
    #[must_use]
    pub fn local_mru(&self) -> u16 {
        self.mru.unwrap_or(MRU_DEFAULT)
    }

    /// Our magic number, zero without one.
    #[must_use]
    pub fn local_magic(&self) -> u32 {
        self.magic.unwrap_or_default()
    }

    /// Whether `magic` is ours, so that the packet with it came back to us.
    #[must_use]
    pub fn is_own_magic(&self, magic: u32) -> bool {
        self.magic == Some(magic)
    }

    /// A smaller value than ours is the peer's to choose; what we send was never that large.
    fn takes_mru(&self, mru: u16) -> bool {
        self.mru.is_some_and(|ours| (MRU_MIN..ours).contains(&mru))
    }

    /// RFC 1661 §6.4: our own number in a peer's request is a looped link, or great chance.
    fn hears_itself(&mut self, options: &Options<'_>) -> Result<bool, Objection> {
        let magic = options
            .find(kind::MAGIC_NUMBER)
            .and_then(|option| option.fixed());
        if !magic
            .map(u32::from_be_bytes)
            .is_some_and(|magic| self.is_own_magic(magic))
        {
            self.loops = 0;
            return Ok(false);
        }
        self.loops = self.loops.saturating_add(1);
        if self.loops > LOOPS_MAX {
            return Err(Objection::EndLink(EndReason::LoopDetected));
        }
        Ok(true)
    }

    fn nak_magic(&mut self, option: RawOption<'_>, judgement: &mut Judgement) {
        let other = LcpOption::MagicNumber(self.draws.magic());
        judgement.nak(option, |list| other.emit(list));
    }

    /// RFC 1661 §6: an unrecognized length is answered by a Nak with the right one.
    fn judge_malformed(&mut self, option: RawOption<'_>, judgement: &mut Judgement) {
        let wanted = match option.kind {
            kind::MAXIMUM_RECEIVE_UNIT => LcpOption::MaximumReceiveUnit(MRU_DEFAULT),
            kind::CONTROL_CHARACTER_MAP => LcpOption::ControlCharacterMap(0),
            kind::MAGIC_NUMBER => return self.nak_magic(option, judgement),
            kind::PROTOCOL_FIELD_COMPRESSION => LcpOption::ProtocolFieldCompression,
            kind::ADDRESS_CONTROL_FIELD_COMPRESSION => LcpOption::AddressControlFieldCompression,
            _ => return judgement.reject(option),
        };
        judgement.nak(option, |list| wanted.emit(list));
    }
}

impl OptionPolicy for Lcp {
    const PROTOCOL: Protocol = Protocol::LCP;

    fn request(&self, options: &mut Vec<u8>) {
        if let Some(mru) = self.mru {
            LcpOption::MaximumReceiveUnit(mru).emit(options);
        }
        if let Some(method) = self.authentication.current() {
            LcpOption::Authentication(method.protocol()).emit(options);
        }
        if let Some(magic) = self.magic {
            LcpOption::MagicNumber(magic).emit(options);
        }
        if self.protocol_field_compression {
            LcpOption::ProtocolFieldCompression.emit(options);
        }
        if self.address_control_field_compression {
            LcpOption::AddressControlFieldCompression.emit(options);
        }
    }

    fn judge(&mut self, options: &Options<'_>, judgement: &mut Judgement) -> Result<(), Objection> {
        let looped = self.hears_itself(options)?;
        for option in options.iter() {
            match LcpOption::parse(option) {
                Ok(LcpOption::MagicNumber(magic)) if magic == 0 || looped => {
                    self.nak_magic(option, judgement);
                }
                // Nothing else of such a request is worth a word: rejecting our own options
                // would only make us give them up.
                Ok(_) | Err(_) if looped => {}
                Ok(LcpOption::MaximumReceiveUnit(mru)) if mru < MRU_MIN => {
                    let wanted = LcpOption::MaximumReceiveUnit(MRU_DEFAULT);
                    judgement.nak(option, |list| wanted.emit(list));
                }
                Ok(
                    LcpOption::MaximumReceiveUnit(_)
                    | LcpOption::MagicNumber(_)
                    | LcpOption::ControlCharacterMap(_)
                    | LcpOption::ProtocolFieldCompression
                    | LcpOption::AddressControlFieldCompression,
                ) => {}
                Ok(LcpOption::Authentication(wanted)) => {
                    self.judge_demand(option, wanted, judgement)?;
                }
                // Callback, multilink and the like are not for a tunnel.
                Ok(LcpOption::Other(_)) => judgement.reject(option),
                Err(_) => self.judge_malformed(option, judgement),
            }
        }
        Ok(())
    }

    fn agreed(&mut self, options: &Options<'_>) {
        self.peer = PeerLink::DEFAULT;
        for option in options.iter() {
            match LcpOption::parse(option) {
                Ok(LcpOption::MaximumReceiveUnit(mru)) => self.peer.mru = mru,
                Ok(LcpOption::MagicNumber(magic)) => self.peer.magic = magic,
                Ok(LcpOption::ProtocolFieldCompression) => {
                    self.peer.protocol_field_compression = true;
                }
                Ok(LcpOption::AddressControlFieldCompression) => {
                    self.peer.address_control_field_compression = true;
                }
                Ok(LcpOption::Authentication(wanted)) => {
                    self.peer.demands = Method::of_protocol(wanted);
                }
                Ok(LcpOption::ControlCharacterMap(_) | LcpOption::Other(_)) | Err(_) => {}
            }
        }
    }

    fn nak_received(
        &mut self,
        options: &Options<'_>,
        out_of_patience: bool,
    ) -> Result<(), Objection> {
        for option in options.iter() {
            match LcpOption::parse(option) {
                Ok(LcpOption::MaximumReceiveUnit(mru)) if self.takes_mru(mru) => {
                    self.mru = Some(mru);
                }
                Ok(LcpOption::MagicNumber(_)) if self.magic.is_some() => {
                    self.magic = Some(self.draws.magic());
                }
                // Not of interest to one who asked for none.
                Ok(LcpOption::Authentication(_)) if self.authentication.current().is_none() => {}
                Ok(LcpOption::Authentication(wanted)) => {
                    self.authentication_naked(Some(wanted), out_of_patience)?;
                }
                Err(_)
                    if option.kind == kind::AUTHENTICATION_PROTOCOL
                        && self.authentication.current().is_some() =>
                {
                    self.authentication_naked(None, out_of_patience)?;
                }
                Ok(
                    LcpOption::MaximumReceiveUnit(_)
                    | LcpOption::MagicNumber(_)
                    | LcpOption::ControlCharacterMap(_)
                    | LcpOption::ProtocolFieldCompression
                    | LcpOption::AddressControlFieldCompression
                    | LcpOption::Other(_),
                )
                | Err(_) => {}
            }
        }
        if out_of_patience {
            self.mru = None;
            self.magic = None;
            self.protocol_field_compression = false;
            self.address_control_field_compression = false;
        }
        Ok(())
    }

    fn reject_received(&mut self, options: &Options<'_>) -> Result<(), Objection> {
        for option in options.iter() {
            match option.kind {
                kind::MAXIMUM_RECEIVE_UNIT => self.mru = None,
                kind::MAGIC_NUMBER => self.magic = None,
                kind::PROTOCOL_FIELD_COMPRESSION => self.protocol_field_compression = false,
                kind::ADDRESS_CONTROL_FIELD_COMPRESSION => {
                    self.address_control_field_compression = false;
                }
                _ => return Err(Objection::EndLink(EndReason::AuthenticationNotAgreed)),
            }
        }
        Ok(())
    }
}
