//! One call for each way to log in, from the control connection to user data, and live calls that are
//! asked again.

use std::time::Duration;

use pns::ppp::link::{Method, MppePolicy};
use pns::session::SessionConfig;

use super::packets;
use super::ppp_client::Login;
use super::server::{HOST, Setup, link_of};
use super::world::World;

/// A server that offers everything, the strongest first, and lets calls be clear.
fn offers_all(config: &mut SessionConfig) {
    let link = link_of(config);
    link.methods = vec![
        Method::MsChapV2,
        Method::Eap,
        Method::MsChapV1,
        Method::ChapMd5,
        Method::Pap,
    ];
    link.mppe = MppePolicy::OPTIONAL;
    link.retries_max = 0;
    link.reauthentication_interval = Duration::from_secs(20);
}

fn setup() -> Setup {
    Setup {
        adjust: offers_all,
        ..Setup::default()
    }
}

const LOGINS: [(Login, Method); 6] = [
    (Login::Pap, Method::Pap),
    (Login::ChapMd5, Method::ChapMd5),
    (Login::MsChapV1, Method::MsChapV1),
    (Login::MsChapV2, Method::MsChapV2),
    (Login::EapMsChapV2, Method::Eap),
    (Login::EapMd5, Method::Eap),
];

/// Dials in, and waits until the server says that the network is up.
fn dial(world: &mut World, login: Login, password: &str) -> usize {
    let place = world.add_client();
    let client = &mut world.clients[place];
    client.ppp.login = login;
    client.ppp.password = password.to_owned();
    world.dial(place);
    place
}

fn is_up(world: &World, place: usize) -> bool {
    let client = &world.clients[place];
    let keyed = client.encrypt.is_some() || !client.ppp.login.gives_keys();
    let lease = Some(client.ppp.address);
    let up = |call: pns::session::CallView| call.lease == lease && call.network_since.is_some();
    keyed && client.ppp.network_up() && world.server.sessions.views().any(up)
}

#[test]
fn every_way_to_log_in_reaches_the_network_phase_and_carries_data() {
    for (login, method) in LOGINS {
        let mut world = World::new(setup());
        let place = dial(&mut world, login, "wonderland-7");
        world.run_until(Duration::from_secs(5), |world| is_up(world, place));
        let view = world.server.sessions.views().next().unwrap();
        assert_eq!(view.negotiated.authentication, Some(method), "{login:?}");
        assert_eq!(view.user.as_deref(), Some("alice"));
        assert_eq!(
            view.negotiated.mppe.is_some(),
            login.gives_keys(),
            "{login:?}"
        );
        if login.gives_keys() {
            world.client_counts(place, 0..20);
        } else {
            let lease = world.lease(place);
            for number in 0..20 {
                let packet = packets::numbered(lease, HOST, number);
                let frame = [&[0xff, 0x03, 0x00, 0x21], &packet[..]].concat();
                let now = world.now;
                world.clients[place].send_ppp(frame, now);
            }
        }
        world.host_counts(place, 0..20);
        world.pass(Duration::from_millis(300));
        assert_eq!(world.host.len(), 20, "{login:?} upstream");
        let client = &world.clients[place];
        assert_eq!(client.received.len(), 20, "{login:?} downstream");
        let clear = if login.gives_keys() { 0 } else { 20 };
        assert_eq!(client.in_clear, clear, "{login:?}");
    }
}

#[test]
fn every_way_to_log_in_refuses_a_wrong_password() {
    for (login, _) in LOGINS {
        let mut world = World::new(setup());
        let place = dial(&mut world, login, "wrong");
        world.run_until(Duration::from_secs(5), |world| {
            !world.server.ends().is_empty()
        });
        assert!(
            world.clients[place].ppp.failure_message.is_some(),
            "{login:?}"
        );
        assert_eq!(
            world.server.ends(),
            ["link.authentication_failed"],
            "{login:?}"
        );
        assert_eq!(
            world.server.sessions.refusals().get("password_wrong"),
            1,
            "{login:?}"
        );
    }
}

#[test]
fn a_live_call_is_asked_again_and_its_stream_does_not_notice() {
    for (login, _) in LOGINS.into_iter().filter(|(login, _)| *login != Login::Pap) {
        let mut world = World::new(setup());
        let place = dial(&mut world, login, "wonderland-7");
        world.run_until(Duration::from_secs(5), |world| is_up(world, place));
        world.pass(Duration::from_secs(21));
        assert_eq!(world.clients[place].ppp.accepted, 2, "{login:?}");
        assert_eq!(world.server.ends(), [""; 0]);
        world.host_counts(place, 0..20);
        world.pass(Duration::from_millis(300));
        let client = &world.clients[place];
        assert_eq!(
            (client.received.len(), &client.refused[..]),
            (20, &[][..]),
            "{login:?}"
        );
        // The password has changed under the client.
        world.clients[place].ppp.password = "forgotten".to_owned();
        world.run_until(Duration::from_secs(30), |world| {
            !world.server.ends().is_empty()
        });
        assert_eq!(
            world.server.ends(),
            ["link.reauthentication_failed"],
            "{login:?}"
        );
    }
}
