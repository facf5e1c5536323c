//! EAP-MSCHAPv2 passed through: FreeRADIUS offers EAP-MD5, the client asks for EAP-MSCHAPv2 instead,
//! and the keys of the Access-Accept are those that both ends of it derive.

use pns::aaa::{Access, Decision};
use pns::auth::NtHash;
use pns::auth::mschapv2::{Exchange, authenticator_response, generate_nt_response};
use pns::flow::Authenticated;
use pns::mppe::keys::StartKeys;
use pns::ppp::link::Credentials;
use pns::wire::chap::MsChapV2Response;
use pns::wire::eap::mschapv2::{Answer, Ask};
use pns::wire::eap::{Eap, kind};

use crate::server::Dialler;
use crate::server_or_skip;

const NAME: &[u8] = b"alice";
const PEER_CHALLENGE: [u8; 16] = [0x21; 16];

/// A peer, between one Request and the next.
struct Peer {
    client: Dialler,
    state: Vec<u8>,
    identifier: u8,
    kind: u8,
    data: Vec<u8>,
}

impl Peer {
    /// Answers the latest Request; `Some` once there is a decision.
    fn answer(&mut self, kind: u8, data: &[u8]) -> Option<Decision> {
        let identifier = self.identifier;
        let response = Eap::Response {
            identifier,
            kind,
            data,
        };
        let credentials = Credentials::Eap {
            identity: NAME.to_vec(),
            packet: response.to_packet(),
            state: self.state.clone(),
            nonce: [0; 16],
        };
        // The server's keys are all that such a call has.
        match self.client.log_in_with(&credentials, Access::default()) {
            Decision::Challenge { packet, state } => {
                let Ok(Eap::Request {
                    identifier,
                    kind,
                    data,
                }) = Eap::parse(&packet)
                else {
                    panic!("no Request: {packet:?}")
                };
                (self.identifier, self.kind, self.state) = (identifier, kind, state);
                self.data = data.to_vec();
                None
            }
            decision @ (Decision::Accept(_) | Decision::Reject(_) | Decision::Deny(_)) => {
                Some(decision)
            }
        }
    }

    /// The dialogue up to the last word, with the response of a user with this password.
    fn log_in(&mut self, password: &str) -> (Decision, [u8; 24]) {
        assert!(self.answer(kind::IDENTITY, NAME).is_none());
        assert_eq!(self.kind, kind::MD5_CHALLENGE);
        assert!(self.answer(kind::NAK, &[kind::MSCHAPV2]).is_none());
        assert_eq!(self.kind, kind::MSCHAPV2);
        let Ok(Ask::Challenge {
            identifier,
            challenge,
            ..
        }) = Ask::parse(&self.data)
        else {
            panic!("no challenge: {:?}", self.data)
        };
        let exchange = Exchange {
            authenticator_challenge: &challenge,
            peer_challenge: &PEER_CHALLENGE,
            user_name: NAME,
        };
        let hash = NtHash::from_password(password);
        let nt_response = generate_nt_response(&exchange, &hash);
        let answer = Answer::Response {
            identifier,
            value: MsChapV2Response {
                peer_challenge: PEER_CHALLENGE,
                nt_response,
                flags: 0,
            },
            name: NAME,
        };
        if let Some(decision) = self.answer(kind::MSCHAPV2, &answer.emit()) {
            return (decision, nt_response);
        }
        let last = match Ask::parse(&self.data) {
            Ok(Ask::Success { message, .. }) => {
                let proof = authenticator_response(&exchange, &hash.hash(), &nt_response);
                assert!(message.starts_with(proof.as_bytes()), "{message:?}");
                Answer::Success
            }
            Ok(Ask::Failure { .. }) => Answer::Failure,
            Ok(Ask::Challenge { .. }) | Err(_) => panic!("{:?}", self.data),
        };
        let decision = self.answer(kind::MSCHAPV2, &last.emit());
        (decision.expect("a decision"), nt_response)
    }
}

#[test]
fn eap_mschapv2_is_passed_through_and_brings_its_keys() {
    let server = server_or_skip!();
    let peer = || Peer {
        client: server.client(),
        state: Vec::new(),
        identifier: 1,
        kind: kind::IDENTITY,
        data: Vec::new(),
    };
    let (decision, nt_response) = peer().log_in("wonderland-7");
    let Decision::Accept(grant) = decision else {
        panic!("not let in:\n{}", server.output())
    };
    let hash_hash = NtHash::from_password("wonderland-7").hash();
    let own = StartKeys::from_mschapv2(hash_hash.expose(), &nt_response);
    let policy = grant.authenticated.policy();
    let own = Authenticated::without_login(policy, Some(own)).key_digest();
    assert_eq!(grant.authenticated.key_digest(), own);
    let (decision, _) = peer().log_in("wonderland-8");
    assert!(matches!(decision, Decision::Deny(_)));
}
