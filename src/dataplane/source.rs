//! Where GRE of a call may come from, and where GRE to the client goes. A client behind a NAT with
//! several addresses may speak GRE from another one than its control connection.
//!
//! | policy | frames are taken from | frames to the client go |
//! |---|---|---|
//! | strict | the control peer | to the control peer |
//! | learn | the control peer, or the one other address that was learned | to the address learned |
//! | any | everywhere | to where the last proof came from |
//!
//! What a stranger may reach: a frame in clear proves nothing, so it may teach an address only while
//! the call was heard from nowhere else, and only until the login; and then one frame from the control
//! peer takes that back. With MPPE only a frame that decrypts teaches an address. Under `learn` it
//! does so once a call; under `any` each newest frame does. So whoever has no key cannot draw the
//! downstream of a call that runs encrypted to himself.

use std::net::Ipv4Addr;

/// Which source addresses of GRE are believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum GreSource {
    /// That of the control connection's peer.
    #[default]
    Strict,
    /// The same, or another that is learned once a call.
    Learn,
    /// Any.
    Any,
}

/// Who a frame is from, by its source address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Sender {
    /// Whom we send to.
    Peer,
    /// Perhaps the client, at another address: the frame has to prove it.
    Candidate,
    /// Somebody else, which does not matter.
    Anybody,
    /// Nobody whom we listen to.
    Stranger,
}

/// What the address of a call's peer rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
enum Ground {
    /// The control connection alone: no GRE was heard.
    #[default]
    Control,
    /// A frame in clear.
    Clear,
    /// A frame that decrypted.
    Proof,
}

/// The address of a call's peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct PeerSource {
    /// Where frames to the client go.
    address: Ipv4Addr,
    /// The peer of the control connection.
    control: Ipv4Addr,
    ground: Ground,
    told: bool,
}

impl PeerSource {
    /// A call of this control peer, which was not heard yet.
    #[must_use]
    pub const fn new(control: Ipv4Addr) -> Self {
        Self {
            address: control,
            control,
            ground: Ground::Control,
            told: false,
        }
    }

    /// Whether this is the first time that somebody asks: a client that wanders is reported once.
    pub fn tell(&mut self) -> bool {
        !std::mem::replace(&mut self.told, true)
    }

    /// Where frames to the client go.
    #[inline]
    #[must_use]
    pub const fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Who a frame from `source` is from.
    #[inline]
    #[must_use]
    pub fn sender(&self, source: Ipv4Addr, policy: GreSource) -> Sender {
        if source == self.address {
            return Sender::Peer;
        }
        match (policy, self.ground) {
            (GreSource::Strict, _) | (GreSource::Learn, Ground::Proof) => Sender::Stranger,
            (GreSource::Learn, Ground::Control | Ground::Clear) => Sender::Candidate,
            (GreSource::Any, _) => Sender::Anybody,
        }
    }

    /// Whether a frame in clear from this candidate may be taken.
    #[must_use]
    pub fn may_teach(&self, source: Ipv4Addr, authorised: bool) -> bool {
        match self.ground {
            Ground::Control => true,
            Ground::Clear => source == self.control && !authorised,
            Ground::Proof => false,
        }
    }

    /// A frame in clear was taken from `source`. Answers whether the address is another now.
    #[inline]
    pub fn heard_clear(&mut self, source: Ipv4Addr, authorised: bool) -> bool {
        if source == self.address {
            if self.ground == Ground::Control {
                self.ground = Ground::Clear;
            }
            return false;
        }
        if !self.may_teach(source, authorised) {
            return false;
        }
        self.ground = Ground::Clear;
        self.address = source;
        true
    }

    /// A frame from `source` decrypted; `newest` if none after it did before. Answers whether the
    /// address is another now.
    #[inline]
    pub fn heard_proof(&mut self, source: Ipv4Addr, newest: bool, policy: GreSource) -> bool {
        let moves = match policy {
            GreSource::Strict => false,
            GreSource::Learn => self.ground != Ground::Proof,
            GreSource::Any => newest,
        };
        self.ground = Ground::Proof;
        if !moves || source == self.address {
            return false;
        }
        self.address = source;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
    const AWAY: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 3);
    const FORGER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 66);
    use GreSource::{Any, Learn, Strict};

    #[test]
    fn strict_knows_one_address() {
        let mut source = PeerSource::new(HOME);
        assert_eq!(source.sender(HOME, Strict), Sender::Peer);
        assert_eq!(source.sender(AWAY, Strict), Sender::Stranger);
        assert!(!source.heard_proof(AWAY, true, Strict));
        assert_eq!(source.address(), HOME);
    }

    #[test]
    fn the_first_clear_frame_teaches_and_the_control_peer_takes_it_back_until_the_login() {
        let mut source = PeerSource::new(HOME);
        assert_eq!(source.sender(AWAY, Learn), Sender::Candidate);
        assert!(source.heard_clear(AWAY, false));
        assert_eq!(source.address(), AWAY);
        assert!(!source.may_teach(FORGER, false), "only once");
        assert!(!source.may_teach(HOME, true), "the login came from there");
        assert!(source.heard_clear(HOME, false));
        assert_eq!(source.address(), HOME);
        assert!(!source.may_teach(AWAY, false) && !source.may_teach(FORGER, false));
    }

    #[test]
    fn whoever_was_heard_first_from_the_control_peer_stays_until_a_proof() {
        let mut source = PeerSource::new(HOME);
        assert!(!source.heard_clear(HOME, false));
        assert!(!source.may_teach(AWAY, false));
        assert_eq!(source.sender(AWAY, Learn), Sender::Candidate);
        assert!(source.heard_proof(AWAY, true, Learn));
        assert_eq!(source.address(), AWAY);
        for other in [HOME, FORGER] {
            assert_eq!(source.sender(other, Learn), Sender::Stranger, "only once");
            assert!(!source.heard_proof(other, true, Learn));
        }
    }

    #[test]
    fn a_proof_from_the_known_address_ends_the_learning_too() {
        let mut source = PeerSource::new(HOME);
        source.heard_clear(HOME, false);
        assert!(!source.heard_proof(HOME, true, Learn));
        assert_eq!(source.sender(AWAY, Learn), Sender::Stranger);
    }

    #[test]
    fn any_follows_the_newest_proof_and_no_clear_frame() {
        let mut source = PeerSource::new(HOME);
        source.heard_clear(HOME, false);
        assert_eq!(source.sender(AWAY, Any), Sender::Anybody);
        assert!(!source.heard_clear(FORGER, false));
        assert!(source.heard_proof(AWAY, true, Any));
        assert!(!source.heard_proof(HOME, false, Any), "late");
        assert!(!source.heard_clear(FORGER, true));
        assert_eq!(source.address(), AWAY);
        assert!(source.heard_proof(HOME, true, Any));
        assert_eq!(source.address(), HOME);
    }
}
