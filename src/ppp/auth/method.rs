//! The ways in which a client may prove its name, and the agreement on one of them in LCP
//! (RFC 1661 §6.2).

use crate::counted_enum;
use crate::wire::eap::kind;
use crate::wire::lcp::AuthenticationProtocol;
use arrayvec::ArrayVec;

counted_enum! {
    /// A way to prove who one is.
    pub enum Method {
        /// PAP (RFC 1334): the password in clear.
        Pap => "pap",
        /// CHAP with MD5 (RFC 1994): no keys, and the server needs the password in clear.
        ChapMd5 => "chap-md5",
        /// MS-CHAPv1 (RFC 2433): one key for both directions, and the server proves nothing.
        MsChapV1 => "mschapv1",
        /// MS-CHAPv2 (RFC 2759).
        MsChapV2 => "mschapv2",
        /// EAP (RFC 3748), whose methods are another matter.
        Eap => "eap",
    }
}

impl Method {
    /// What LCP calls it.
    #[must_use]
    pub const fn protocol(self) -> AuthenticationProtocol {
        match self {
            Self::Pap => AuthenticationProtocol::Pap,
            Self::ChapMd5 => AuthenticationProtocol::ChapMd5,
            Self::MsChapV1 => AuthenticationProtocol::MsChapV1,
            Self::MsChapV2 => AuthenticationProtocol::MsChapV2,
            Self::Eap => AuthenticationProtocol::Eap,
        }
    }

    /// The method that LCP calls so.
    #[must_use]
    pub const fn of_protocol(protocol: AuthenticationProtocol) -> Option<Self> {
        match protocol {
            AuthenticationProtocol::Pap => Some(Self::Pap),
            AuthenticationProtocol::ChapMd5 => Some(Self::ChapMd5),
            AuthenticationProtocol::MsChapV1 => Some(Self::MsChapV1),
            AuthenticationProtocol::MsChapV2 => Some(Self::MsChapV2),
            AuthenticationProtocol::Eap => Some(Self::Eap),
            AuthenticationProtocol::Other(_) => None,
        }
    }

    /// Whether a log-in with it can give keys for MPPE at all.
    #[must_use]
    pub const fn can_give_keys(self) -> bool {
        match self {
            Self::MsChapV1 | Self::MsChapV2 | Self::Eap => true,
            Self::Pap | Self::ChapMd5 => false,
        }
    }

    /// Whether its keys serve 40 and 56 bits too. Those of MS-CHAPv1 come from the LAN Manager hash
    /// (RFC 3079 §2.1 and §2.2), which PNS does not have; pppd leaves them out for the same reason.
    #[must_use]
    pub const fn gives_short_keys(self) -> bool {
        match self {
            Self::MsChapV2 | Self::Eap => true,
            Self::Pap | Self::ChapMd5 | Self::MsChapV1 => false,
        }
    }
}

/// A method inside EAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EapMethod {
    /// EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2).
    MsChapV2,
    /// MD5-Challenge (RFC 3748 §5.4).
    Md5,
}

impl EapMethod {
    /// Its Type in EAP packets.
    #[must_use]
    pub const fn kind(self) -> u8 {
        match self {
            Self::MsChapV2 => kind::MSCHAPV2,
            Self::Md5 => kind::MD5_CHALLENGE,
        }
    }
}

/// How many protocols named by a peer are remembered.
const NAMED_MAX: usize = 8;

/// What we offer in LCP, best first, and how far the peer made us go. Each method is offered until
/// the peer declines it, and never again after that, so no sequence of Naks goes on for ever.
#[derive(Clone, Debug)]
pub struct Offer {
    methods: ArrayVec<Method, { Method::COUNT }>,
    declined: ArrayVec<Method, { Method::COUNT }>,
    named: ArrayVec<AuthenticationProtocol, NAMED_MAX>,
    current: Option<Method>,
}

/// What a Nak of the Authentication-Protocol leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nak {
    /// Another method is offered from now on.
    Moved,
    /// The peer asks for what it was offered.
    Same,
    /// There is nothing left to offer.
    Exhausted,
}

impl Offer {
    /// An offer of `methods`, best first. Repetitions are left out.
    #[must_use]
    pub fn new(methods: &[Method]) -> Self {
        let mut distinct: ArrayVec<Method, { Method::COUNT }> = ArrayVec::new();
        for method in methods {
            if !distinct.contains(method) {
                let _ = distinct.try_push(*method);
            }
        }
        Self {
            current: distinct.first().copied(),
            methods: distinct,
            declined: ArrayVec::new(),
            named: ArrayVec::new(),
        }
    }

    /// What is offered now; `None` only if nothing ever was.
    #[must_use]
    pub const fn current(&self) -> Option<Method> {
        self.current
    }

    /// The peer does not want the current method. `wanted` is what its Nak names, if that is any
    /// protocol at all. A method of ours that it has not declined is taken; otherwise the list goes
    /// on in our order.
    pub fn nak(&mut self, wanted: Option<AuthenticationProtocol>) -> Nak {
        if let Some(protocol) = wanted
            && !self.named.contains(&protocol)
        {
            let _ = self.named.try_push(protocol);
        }
        let wanted = wanted.and_then(Method::of_protocol);
        if wanted.is_some() && wanted == self.current {
            return Nak::Same;
        }
        if let Some(current) = self.current {
            let _ = self.declined.try_push(current);
        }
        let is_left = |method: &Method| !self.declined.contains(method);
        let named = wanted.filter(|method| self.methods.contains(method) && is_left(method));
        match named.or_else(|| self.methods.iter().copied().find(is_left)) {
            Some(next) => {
                self.current = Some(next);
                Nak::Moved
            }
            None => Nak::Exhausted,
        }
    }

    /// The protocols that the peer named in its Naks, in their order: what it would have accepted.
    #[must_use]
    pub fn named_by_peer(&self) -> &[AuthenticationProtocol] {
        &self.named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ppp::Protocol;

    #[test]
    fn a_named_method_of_ours_is_taken_once() {
        let mut offer = Offer::new(&[Method::MsChapV2, Method::Eap, Method::Pap, Method::Eap]);
        assert_eq!(offer.current(), Some(Method::MsChapV2));
        assert_eq!(offer.nak(Some(AuthenticationProtocol::MsChapV2)), Nak::Same);
        assert_eq!(offer.nak(Some(AuthenticationProtocol::Pap)), Nak::Moved);
        assert_eq!(offer.current(), Some(Method::Pap));
        // It was offered MS-CHAPv2 already.
        assert_eq!(
            offer.nak(Some(AuthenticationProtocol::MsChapV2)),
            Nak::Moved
        );
        assert_eq!(offer.current(), Some(Method::Eap));
        assert_eq!(offer.nak(None), Nak::Exhausted);
        let expected = [
            AuthenticationProtocol::MsChapV2,
            AuthenticationProtocol::Pap,
        ];
        assert_eq!(offer.named_by_peer(), expected);
    }

    #[test]
    fn a_strange_protocol_sends_us_down_the_list() {
        let mut offer = Offer::new(&[Method::MsChapV2, Method::MsChapV1]);
        let strange = AuthenticationProtocol::Other(Protocol(0xc025));
        assert_eq!(offer.nak(Some(strange)), Nak::Moved);
        assert_eq!(offer.current(), Some(Method::MsChapV1));
        assert_eq!(offer.nak(Some(strange)), Nak::Exhausted);
        assert_eq!(offer.named_by_peer(), [strange]);
    }

    #[test]
    fn methods_and_protocols_are_one_to_one() {
        for &method in Method::ALL {
            assert_eq!(Method::of_protocol(method.protocol()), Some(method));
        }
    }
}
