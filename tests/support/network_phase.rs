//! A link whose client is known and does not encrypt, so that the addresses are next.

use crate::server::{Heard, LOCAL, PROOF, Sent, Server, packets};
use pns::ppp::link::{Input, LinkConfig, MppePolicy, NetworkGrant};
use pns::wire::chap::{Chap, MsChapV2Response};
use pns::wire::ppp::{Protocol, code};

/// The configuration of [`network_phase`].
pub(crate) fn config() -> LinkConfig {
    LinkConfig {
        mppe: MppePolicy::OFF,
        ..LinkConfig::default()
    }
}

/// The only packet of `protocol` and `code`.
pub(crate) fn only(heard: &[Heard], protocol: Protocol, code: u8) -> Sent {
    let mut found: Vec<Sent> = packets(heard);
    found.retain(|packet| packet.is(protocol, code));
    assert_eq!(found.len(), 1, "{protocol:?} {code} in {heard:?}");
    found.remove(0)
}

/// A link that waits for the client's name and password.
pub(crate) fn authenticating(config: LinkConfig) -> (Server, u8) {
    authenticating_of(config, &[5, 6, 1, 2, 3, 4])
}

/// The same with a client that asks for these options of LCP.
pub(crate) fn authenticating_of(config: LinkConfig, options: &[u8]) -> (Server, u8) {
    let mut server = Server::new(config, 1);
    let heard = server.input(Input::LowerUp);
    let ours = only(&heard, Protocol::LCP, code::CONFIGURE_REQUEST);
    server.packet(Protocol::LCP, code::CONFIGURE_REQUEST, 0, options);
    let heard = server.packet(
        Protocol::LCP,
        code::CONFIGURE_ACK,
        ours.identifier,
        &ours.data,
    );
    let challenge = only(&heard, Protocol::CHAP, 1);
    (server, challenge.identifier)
}

/// A link in the network phase, and our IPCP request.
pub(crate) fn network_phase(config: LinkConfig, network: NetworkGrant) -> (Server, Sent) {
    let (server, identifier) = authenticating(config);
    log_in(server, identifier, network)
}

/// The client proves who it is.
pub(crate) fn log_in(mut server: Server, identifier: u8, network: NetworkGrant) -> (Server, Sent) {
    let value = MsChapV2Response {
        peer_challenge: [1; 16],
        nt_response: [2; 24],
        flags: 0,
    };
    let response = Chap::Response {
        identifier,
        value: &value.emit(),
        name: b"alice",
    };
    server.input(Input::Frame(&response.to_frame()));
    let heard = server.input(Input::Granted {
        success_message: PROOF,
        network,
        keys: false,
    });
    let ours = only(&heard, Protocol::IPCP, code::CONFIGURE_REQUEST);
    assert_eq!(ours.data, [&[3, 6][..], &LOCAL.octets()].concat());
    (server, ours)
}

/// What the server answers to a Configure-Request: the code, and the options.
pub(crate) fn answer(
    server: &mut Server,
    protocol: Protocol,
    identifier: u8,
    options: &[u8],
) -> (u8, Vec<u8>) {
    let heard = server.packet(protocol, code::CONFIGURE_REQUEST, identifier, options);
    let answers: Vec<Sent> = packets(&heard)
        .into_iter()
        .filter(|packet| packet.protocol == protocol && (2..=4).contains(&packet.code))
        .collect();
    assert_eq!(answers.len(), 1, "{heard:?}");
    assert_eq!(answers[0].identifier, identifier);
    (answers[0].code, answers[0].data.clone())
}
