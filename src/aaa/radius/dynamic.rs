//! Requests of billing systems about live calls (RFC 5176): end them, or change what holds for them.
//! Sans-IO: datagrams go in, requests to carry out and answers come out.
//!
//! ```text
//!   Datagram -> listed? proven? fresh? new? -> Carry ~~~ the calls ~~~ Carried -> Transmit, Audit
//!                  |                    `-> the answer of the first time
//!                  `-> counted, and nothing is said (RFC 5176 §2.3, §3.5, §6)
//! ```

mod answer;
mod identity;
mod read;

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

pub use answer::{ErrorCause, Outcome};
pub use identity::{Identity, Selector};
use read::{Refusal, read};

use super::meaning::Mapped;
use crate::aaa::PolicyChange;
use crate::auth::Secret;
use crate::clock::Timestamp;
use crate::counted_enum;
use crate::wire::prefix::Prefix;
use crate::wire::radius::attribute::EVENT_TIMESTAMP;
use crate::wire::radius::proof::{Signature, is_digest_of_itself, request_signature};
use crate::wire::radius::{Code, Packet};

/// Requests that are remembered, so that they are not carried out twice.
const SEEN_MAX: usize = 8192;

/// Who may ask.
pub struct DynamicClient {
    /// Its address; it may use any port.
    pub address: IpAddr,
    /// Shared with it.
    pub secret: Secret,
}

/// What the machine is made from.
pub struct Settings {
    /// Nobody else is heard.
    pub clients: Vec<DynamicClient>,
    /// How far an Event-Timestamp may be from our clock, either way.
    pub window: Duration,
    /// Whether a request has to say when it was made.
    pub timestamp_required: bool,
    /// NAS-Identifier.
    pub identifier: Box<str>,
    /// Values of NAS-IP-Address that are ours.
    pub addresses: Vec<Ipv4Addr>,
    /// What attributes mean that the dictionary does not have.
    pub map: Vec<Mapped>,
    /// Seconds since 1970 at [`Timestamp::ZERO`].
    pub unix_at_zero_s: u64,
}

counted_enum! {
    /// Why a datagram is not answered, or not for the first time.
    pub enum Discarded {
        /// Of nobody who may ask.
        SourceNotListed => "source_not_listed",
        /// No RADIUS packet.
        Malformed => "malformed",
        /// Neither CoA-Request nor Disconnect-Request.
        UnexpectedCode => "unexpected_code",
        /// Of somebody who does not know the secret, or changed on its way.
        BadAuthenticator => "bad_authenticator",
        /// Without Message-Authenticator.
        Unsigned => "unsigned",
        /// With a wrong Message-Authenticator.
        BadMessageAuthenticator => "bad_message_authenticator",
        /// It does not say when it was made.
        NoTimestamp => "no_timestamp",
        /// Made too long ago, or in the future.
        OutOfWindow => "out_of_window",
        /// Seen before, and answered as it was then, if it was.
        Duplicate => "duplicate",
        /// Seen before from elsewhere.
        Replayed => "replayed",
    }
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// End the calls.
    End,
    /// Change them.
    Change(Box<Change>),
    /// Ask a server what holds for the call from here on, with this State (RFC 5176 §3.2).
    Authorize(Box<[u8]>),
}

impl Wanted {
    /// The name in logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::End => "disconnect",
            Self::Change(_) => "change",
            Self::Authorize(_) => "authorize",
        }
    }
}

/// What changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// How long, how much, how fast.
    pub policy: PolicyChange,
    /// In place of every Class; empty: they stay.
    pub class: Vec<Box<[u8]>>,
    /// Between interim records.
    pub interim: Option<Duration>,
    /// What lies behind the calls, in place of all that did.
    pub networks: Option<Arc<[Prefix]>>,
    /// The longest packet to the clients, in bytes.
    pub mtu_max: Option<u16>,
}

/// A request that is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Comes back with what became of it.
    pub number: u64,
    /// Who asks.
    pub from: SocketAddr,
    /// Which calls.
    pub selector: Selector,
    /// What for.
    pub wanted: Wanted,
}

/// What happens.
pub enum Input<'a> {
    /// A datagram came.
    Datagram {
        /// Who sent it.
        from: SocketAddr,
        /// What it says.
        bytes: &'a [u8],
    },
    /// What became of the request of this number.
    Carried(u64, Outcome),
}

/// What the owner has to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Find the calls, and do it; then say [`Input::Carried`].
    Carry(Request),
    /// Send a datagram.
    Transmit {
        /// Where to.
        to: SocketAddr,
        /// What.
        bytes: Vec<u8>,
    },
    /// Note what became of a request.
    Audit {
        /// Who asked.
        from: SocketAddr,
        /// What for.
        wanted: &'static str,
        /// About which calls.
        calls: String,
        /// What became of it.
        outcome: Outcome,
    },
}

/// A request that was seen.
struct Seen {
    from: SocketAddr,
    identifier: u8,
    answer: Option<Vec<u8>>,
}

/// A request that is being carried out.
struct Pending {
    from: SocketAddr,
    /// The request itself, for the answer.
    bytes: Vec<u8>,
    wanted: &'static str,
    calls: String,
}

/// Hears who asks for changes of live calls.
pub struct Dynamic {
    settings: Settings,
    seen: HashMap<[u8; 16], Seen>,
    /// When each may be forgotten, in order.
    order: VecDeque<(Timestamp, [u8; 16])>,
    pending: HashMap<u64, Pending>,
    last_number: u64,
    outputs: VecDeque<Output>,
    discarded: [u64; Discarded::COUNT],
    refused: [u64; ErrorCause::COUNT],
    carried: u64,
}

impl Dynamic {
    /// Has heard nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            seen: HashMap::new(),
            order: VecDeque::new(),
            pending: HashMap::new(),
            last_number: 0,
            outputs: VecDeque::new(),
            discarded: [0; Discarded::COUNT],
            refused: [0; ErrorCause::COUNT],
            carried: 0,
        }
    }

    /// The client at this address shares another secret with us from now on.
    pub fn set_secret(&mut self, address: IpAddr, secret: &Secret) {
        let mut clients = self.settings.clients.iter_mut();
        if let Some(client) = clients.find(|client| client.address == address) {
            client.secret = secret.duplicate();
        }
    }

    /// Takes an input; what follows from it waits in [`Self::poll_output`].
    pub fn handle(&mut self, input: Input<'_>, now: Timestamp) {
        match input {
            Input::Datagram { from, bytes } => {
                if let Err(cause) = self.receive(from, bytes, now)
                    && let Some(count) = self.discarded.get_mut(cause.index())
                {
                    *count += 1;
                }
            }
            Input::Carried(number, outcome) => {
                if let Some(pending) = self.pending.remove(&number) {
                    self.answer(pending, outcome);
                }
            }
        }
    }

    /// Forgets what need not be remembered.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some((until, authenticator)) = self.order.front().copied() {
            if until > now {
                break;
            }
            self.order.pop_front();
            self.seen.remove(&authenticator);
        }
    }

    /// When [`Self::handle_timeout`] has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.order.front().map(|(until, _)| *until)
    }

    /// The next thing for the owner to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Datagrams that were not answered, by cause.
    #[must_use]
    pub const fn discarded(&self) -> &[u64; Discarded::COUNT] {
        &self.discarded
    }

    /// Requests that were refused, by the cause that was told.
    #[must_use]
    pub const fn refused(&self) -> &[u64; ErrorCause::COUNT] {
        &self.refused
    }

    /// Requests that were carried out.
    #[must_use]
    pub const fn carried(&self) -> u64 {
        self.carried
    }

    fn receive(&mut self, from: SocketAddr, bytes: &[u8], now: Timestamp) -> Result<(), Discarded> {
        self.handle_timeout(now);
        let packet = self.proven(from, bytes)?;
        if self.is_seen(from, &packet)? {
            return Ok(());
        }
        self.check_time(&packet, now)?;
        self.last_number += 1;
        let number = self.last_number;
        let full = self.seen.len() >= SEEN_MAX;
        let asked = match read(&packet, &self.settings) {
            _ if full => Err(Refusal::of(ErrorCause::ResourcesUnavailable)),
            asked => asked,
        };
        if !full {
            let seen = Seen {
                from,
                identifier: packet.identifier,
                answer: None,
            };
            self.seen.insert(packet.authenticator, seen);
            // A request with a time is refused for its age before it is forgotten here.
            let until = now + self.settings.window * 2 + Duration::from_secs(1);
            self.order.push_back((until, packet.authenticator));
        }
        let mut pending = Pending {
            from,
            bytes: packet.as_bytes().to_vec(),
            wanted: match packet.code {
                Code::COA_REQUEST => "change",
                _ => "disconnect",
            },
            calls: String::new(),
        };
        match asked {
            Ok((selector, wanted)) => {
                pending.wanted = wanted.name();
                pending.calls = selector.to_string();
                self.pending.insert(number, pending);
                self.outputs.push_back(Output::Carry(Request {
                    number,
                    from,
                    selector,
                    wanted,
                }));
            }
            Err(refusal) => {
                pending.calls = refusal.about;
                self.answer(pending, Outcome::Refused(refusal.cause));
            }
        }
        Ok(())
    }

    fn secret(&self, from: SocketAddr) -> Option<&[u8]> {
        // A socket for both families tells IPv4 as a part of IPv6.
        let address = from.ip().to_canonical();
        let mut clients = self.settings.clients.iter();
        let client = clients.find(|client| client.address == address)?;
        Some(client.secret.expose())
    }

    /// A packet of somebody who may ask and knows the secret.
    fn proven<'a>(&self, from: SocketAddr, bytes: &'a [u8]) -> Result<Packet<'a>, Discarded> {
        let secret = self.secret(from).ok_or(Discarded::SourceNotListed)?;
        let packet = Packet::parse(bytes).map_err(|_| Discarded::Malformed)?;
        if ![Code::COA_REQUEST, Code::DISCONNECT_REQUEST].contains(&packet.code) {
            return Err(Discarded::UnexpectedCode);
        }
        if !is_digest_of_itself(&packet, secret) {
            return Err(Discarded::BadAuthenticator);
        }
        match request_signature(&packet, secret) {
            Signature::Right => Ok(packet),
            Signature::Wrong => Err(Discarded::BadMessageAuthenticator),
            Signature::Missing => Err(Discarded::Unsigned),
        }
    }

    /// Whether this very request came before: it gets the answer that it got (RFC 5176 §2.3).
    fn is_seen(&mut self, from: SocketAddr, packet: &Packet<'_>) -> Result<bool, Discarded> {
        let Some(seen) = self.seen.get(&packet.authenticator) else {
            return Ok(false);
        };
        if seen.from != from || seen.identifier != packet.identifier {
            return Err(Discarded::Replayed);
        }
        if let Some(bytes) = &seen.answer {
            let bytes = bytes.clone();
            self.outputs.push_back(Output::Transmit { to: from, bytes });
        }
        Err(Discarded::Duplicate)
    }

    /// RFC 5176 §6.3.
    fn check_time(&self, packet: &Packet<'_>, now: Timestamp) -> Result<(), Discarded> {
        let Some(made_s) = packet.integer(&EVENT_TIMESTAMP) else {
            return match self.settings.timestamp_required {
                true => Err(Discarded::NoTimestamp),
                false => Ok(()),
            };
        };
        let now_s = self.settings.unix_at_zero_s + now.since(Timestamp::ZERO).as_secs();
        let apart_s = now_s.abs_diff(u64::from(made_s));
        if apart_s > self.settings.window.as_secs() {
            return Err(Discarded::OutOfWindow);
        }
        Ok(())
    }

    fn answer(&mut self, pending: Pending, outcome: Outcome) {
        match &outcome {
            Outcome::Done { .. } => self.carried += 1,
            Outcome::Refused(cause) => {
                if let Some(count) = self.refused.get_mut(cause.index()) {
                    *count += 1;
                }
            }
        }
        let packet = Packet::parse(&pending.bytes).ok();
        let secret = self.secret(pending.from).unwrap_or_default();
        let answer = packet.and_then(|packet| {
            let bytes = answer::answer(&packet, outcome, secret)?;
            Some((packet.authenticator, bytes))
        });
        if let Some((authenticator, bytes)) = answer {
            if let Some(seen) = self.seen.get_mut(&authenticator) {
                seen.answer = Some(bytes.clone());
            }
            let to = pending.from;
            self.outputs.push_back(Output::Transmit { to, bytes });
        }
        self.outputs.push_back(Output::Audit {
            from: pending.from,
            wanted: pending.wanted,
            calls: pending.calls,
            outcome,
        });
    }
}

#[cfg(test)]
mod rows;
#[cfg(test)]
mod tests;
