//! The interface identifiers of both ends (RFC 5072 §4.1), and nothing else.

use super::automaton::OptionPolicy;
use super::draws::Draws;
use super::judgement::{Judgement, Objection};
use crate::wire::ipv6::InterfaceIdentifier;
use crate::wire::ipv6cp::{Ipv6cpOption, kind};
use crate::wire::options::Options;
use crate::wire::ppp::Protocol;

/// The options of IPv6CP. What the client does not want to agree on closes the protocol, never the
/// call.
#[derive(Debug)]
pub struct Ipv6cp {
    draws: Draws,
    local: InterfaceIdentifier,
    /// What a client is given that has no identifier, or ours.
    offered: InterfaceIdentifier,
    peer: Option<InterfaceIdentifier>,
    names_identifier: bool,
    asked: bool,
}

impl Ipv6cp {
    /// Draws an identifier for each end.
    #[must_use]
    pub fn new(mut draws: Draws) -> Self {
        let local = draws.interface_identifier();
        let mut policy = Self {
            draws,
            local,
            offered: local,
            peer: None,
            names_identifier: true,
            asked: false,
        };
        policy.offered = policy.draw();
        policy
    }

    /// Our identifier and the client's, once the client's was acknowledged.
    #[must_use]
    pub fn identifiers(&self) -> Option<(InterfaceIdentifier, InterfaceIdentifier)> {
        self.peer.map(|peer| (self.local, peer))
    }

    /// An identifier that neither end has.
    fn draw(&mut self) -> InterfaceIdentifier {
        loop {
            let drawn = self.draws.interface_identifier();
            if drawn != self.local && drawn != self.offered && Some(drawn) != self.peer {
                return drawn;
            }
        }
    }

    fn wanted(&self) -> Ipv6cpOption<'static> {
        Ipv6cpOption::InterfaceIdentifier(self.offered)
    }
}

impl OptionPolicy for Ipv6cp {
    const PROTOCOL: Protocol = Protocol::IPV6CP;

    fn request(&self, options: &mut Vec<u8>) {
        if self.names_identifier {
            Ipv6cpOption::InterfaceIdentifier(self.local).emit(options);
        }
    }

    fn judge(&mut self, options: &Options<'_>, judgement: &mut Judgement) -> Result<(), Objection> {
        let wanted = self.wanted();
        for option in options.iter() {
            match Ipv6cpOption::parse(option) {
                Ok(Ipv6cpOption::InterfaceIdentifier(identifier))
                    if !identifier.is_zero() && identifier != self.local => {}
                Ok(Ipv6cpOption::InterfaceIdentifier(_)) | Err(_)
                    if judgement.out_of_patience() =>
                {
                    return Err(Objection::CloseProtocol);
                }
                Ok(Ipv6cpOption::InterfaceIdentifier(_)) | Err(_) => {
                    judgement.nak(option, |list| wanted.emit(list));
                }
                // Compression among them: there is none for IPv6 that anybody speaks.
                Ok(Ipv6cpOption::Other(_)) => judgement.reject(option),
            }
        }
        if options.find(kind::INTERFACE_IDENTIFIER).is_some() || judgement.has_rejects() {
            return Ok(());
        }
        if self.asked || judgement.out_of_patience() {
            return Err(Objection::CloseProtocol);
        }
        self.asked = true;
        judgement.ask_for(|list| wanted.emit(list));
        Ok(())
    }

    fn agreed(&mut self, options: &Options<'_>) {
        let option = options.find(kind::INTERFACE_IDENTIFIER);
        if let Some(Ok(Ipv6cpOption::InterfaceIdentifier(peer))) = option.map(Ipv6cpOption::parse) {
            self.peer = Some(peer);
        }
    }

    /// RFC 5072 §4.1: what the client suggests is taken, unless it shows that both drew the same.
    fn nak_received(
        &mut self,
        options: &Options<'_>,
        out_of_patience: bool,
    ) -> Result<(), Objection> {
        if out_of_patience {
            return Err(Objection::CloseProtocol);
        }
        let option = options.find(kind::INTERFACE_IDENTIFIER);
        let Some(parsed) = option.map(Ipv6cpOption::parse) else {
            return Ok(());
        };
        self.local = match parsed {
            Ok(Ipv6cpOption::InterfaceIdentifier(suggested))
                if !suggested.is_zero()
                    && suggested != self.local
                    && suggested != self.offered
                    && Some(suggested) != self.peer =>
            {
                suggested
            }
            Ok(_) | Err(_) => self.draw(),
        };
        Ok(())
    }

    /// The client does not want to know our identifier, which we have all the same.
    fn reject_received(&mut self, _options: &Options<'_>) -> Result<(), Objection> {
        self.names_identifier = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(policy: &mut Ipv6cp, bytes: &[u8], tired: bool) -> Result<(u8, Vec<u8>), Objection> {
        let options = Options::parse(bytes).unwrap();
        let mut judgement = Judgement::new(tired);
        policy.judge(&options, &mut judgement)?;
        let answer = judgement.into_answer(&options);
        if answer.verdict.code() == 2 {
            policy.agreed(&options);
        }
        Ok((answer.verdict.code(), answer.options))
    }

    fn named(identifier: InterfaceIdentifier) -> Vec<u8> {
        let mut list = Vec::new();
        Ipv6cpOption::InterfaceIdentifier(identifier).emit(&mut list);
        list
    }

    #[test]
    fn rfc5072_s4_1_the_four_cases_of_a_request() {
        let mut policy = Ipv6cp::new(Draws::new(&[3; 32], 0));
        let (local, offered) = (policy.local, policy.offered);
        assert!(local != offered && !local.is_zero() && !offered.is_zero());
        for bad in [InterfaceIdentifier::ZERO, local] {
            let nak = judge(&mut policy, &named(bad), false);
            assert_eq!(nak, Ok((3, named(offered))), "{bad}");
            assert_eq!(policy.identifiers(), None);
        }
        assert_eq!(
            judge(&mut policy, &[1, 3, 9], false),
            Ok((3, named(offered)))
        );
        let good = named(offered);
        assert_eq!(judge(&mut policy, &good, false), Ok((2, good.clone())));
        assert_eq!(policy.identifiers(), Some((local, offered)));
    }

    #[test]
    fn a_client_without_an_identifier_is_asked_once() {
        let mut policy = Ipv6cp::new(Draws::new(&[3; 32], 0));
        assert_eq!(
            judge(&mut policy, &[2, 4, 0, 0x4f], false),
            Ok((4, vec![2, 4, 0, 0x4f]))
        );
        assert_eq!(
            judge(&mut policy, &[], false),
            Ok((3, named(policy.offered)))
        );
        assert_eq!(
            judge(&mut policy, &[], false),
            Err(Objection::CloseProtocol)
        );
        let insists = named(InterfaceIdentifier::ZERO);
        assert_eq!(
            judge(&mut policy, &insists, true),
            Err(Objection::CloseProtocol)
        );
    }

    #[test]
    fn rfc5072_s4_1_naks_of_the_client() {
        let mut policy = Ipv6cp::new(Draws::new(&[3; 32], 0));
        let (first, offered) = (policy.local, policy.offered);
        let mut nak = |identifier, tired| {
            let bytes = named(identifier);
            let outcome = policy.nak_received(&Options::parse(&bytes).unwrap(), tired);
            outcome.map(|()| policy.local)
        };
        let suggested = InterfaceIdentifier([9; 8]);
        assert_eq!(nak(suggested, false), Ok(suggested));
        let second = nak(InterfaceIdentifier::ZERO, false).unwrap();
        assert!(second != suggested && second != first && !second.is_zero());
        let third = nak(offered, false).unwrap();
        assert!(third != second && third != offered, "both drew the same");
        assert_eq!(nak(suggested, true), Err(Objection::CloseProtocol));
    }
}
