//! A RADIUS server that says what its script says.

use std::time::Duration;

use pns::aaa::radius::{Client, Demand, ServerConfig, Service, Settings, Timing};
use pns::wire::radius::attribute::{
    FRAMED_POOL, MS_CHAP_ERROR, MS_CHAP2_RESPONSE, MS_CHAP2_SUCCESS, MS_MPPE_RECV_KEY,
    MS_MPPE_SEND_KEY, REPLY_MESSAGE,
};
use pns::wire::radius::microsoft::hide_mppe_key;
use pns::wire::radius::{Attributes, Code, Packet, Reply};

use super::radius_settings::{server, settings};

pub(crate) const SECRET: &[u8] = b"a secret of more than sixteen bytes";

/// What the server does with a question.
#[derive(Clone, Copy)]
pub(crate) enum Script {
    /// It is dead.
    Silent,
    /// It refuses, saying so.
    Refuses(&'static str),
    /// It refuses with this MS-CHAP-Error.
    RefusesWith(&'static str),
    /// It accepts, and forgets the keys.
    AcceptsWithoutKeys,
    /// It accepts without what proves it to the client.
    AcceptsWithoutProof,
    /// It accepts, with a pool that nobody has.
    AcceptsInPool(&'static str),
    /// It answers with another secret.
    AnotherSecret,
    /// It does not sign.
    Unsigned,
}

pub(crate) fn client(demand: Demand, questions_max: usize) -> Client {
    let main = [("main", Service::Authentication, "192.0.2.1:1812")];
    client_of(&main, demand, questions_max)
}

/// A client of these services.
pub(crate) fn client_of(
    services: &[(&str, Service, &str)],
    demand: Demand,
    questions_max: usize,
) -> Client {
    let server = |(name, service, address): &(&str, Service, &str)| ServerConfig {
        demand,
        ..server(name, *service, address.parse().unwrap(), SECRET)
    };
    let settings = Settings {
        timing: Timing {
            give_up: Duration::from_secs(5),
            questions_max,
            ..Timing::default()
        },
        unix_at_zero_s: 0,
        ..settings(services.iter().map(server).collect())
    };
    Client::new(settings, Box::new(|bytes| bytes.fill(0x5a)))
}

/// The server's answer to a datagram.
pub(crate) fn answer(script: Script, datagram: &[u8]) -> Option<Vec<u8>> {
    let request = Packet::parse(datagram).unwrap();
    if request.code != Code::ACCESS_REQUEST {
        return None;
    }
    let mut attributes = Attributes::new();
    let success = || {
        let response = request.octets(&MS_CHAP2_RESPONSE).unwrap();
        [
            &response[..1],
            &b"S=0123456789ABCDEF0123456789ABCDEF01234567"[..],
        ]
        .concat()
    };
    let mut code = Code::ACCESS_ACCEPT;
    match script {
        Script::Silent => return None,
        Script::Refuses(words) => {
            code = Code::ACCESS_REJECT;
            attributes.text(&REPLY_MESSAGE, words);
        }
        Script::RefusesWith(error) => {
            code = Code::ACCESS_REJECT;
            attributes.octets(&MS_CHAP_ERROR, &[&[1], error.as_bytes()].concat());
        }
        Script::AcceptsWithoutProof => {}
        Script::AcceptsWithoutKeys | Script::AnotherSecret | Script::Unsigned => {
            attributes.octets(&MS_CHAP2_SUCCESS, &success());
        }
        Script::AcceptsInPool(pool) => {
            attributes.octets(&MS_CHAP2_SUCCESS, &success());
            attributes.text(&FRAMED_POOL, pool);
            for (attribute, salt) in [(&MS_MPPE_SEND_KEY, 0x80), (&MS_MPPE_RECV_KEY, 0x81)] {
                let key = hide_mppe_key(&[7; 16], [salt, 1], SECRET, &request.authenticator);
                attributes.octets(attribute, &key.unwrap());
            }
        }
    }
    let reply = Reply {
        code,
        identifier: request.identifier,
        request_authenticator: &request.authenticator,
        secret: match script {
            Script::AnotherSecret => b"another secret, and as long as that",
            _ => SECRET,
        },
        attributes: &attributes,
        signed: !matches!(script, Script::Unsigned),
    };
    reply.to_packet()
}
