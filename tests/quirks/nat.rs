//! N1 to N6: NAT boxes and application-level gateways between client and server.

use std::net::Ipv4Addr;
use std::time::Duration;

use pns::dataplane::{DropReason, GreSource};

use super::dialogue::Dialogue;
use super::packets;
use super::server::{HOST, Setup};

/// Types of the messages that the server has written.
fn kinds(client: &Dialogue) -> Vec<u8> {
    client.writes.iter().map(|message| message[9]).collect()
}

#[test]
fn n1_n2_the_server_sends_no_set_link_info_and_nothing_unusual() {
    let mut client = Dialogue::up(Setup::default());
    client.answer_lcp_echoes(Duration::from_secs(65));
    client.hang_up();
    client.pass(Duration::from_secs(1));
    // Start and call replies, an Echo-Request, the notify.
    assert_eq!(kinds(&client), [2, 8, 5, 13]);
}

#[test]
fn n2_n3_a_call_id_that_was_rewritten_on_the_way_is_used_as_it_came() {
    // The box writes another Call ID into the request; replies, GRE and the notify agree with it.
    let mut client = Dialogue::up(Setup::default());
    client.hang_up();
    client.play(
        "
        wait 1s
        tcp < 0094 0001 1a2b3c4d 000d 0000 $server_call_id .. 00 .... 0000 00*128
        ",
    );
    assert!(client.gre_call_ids.iter().all(|id| *id == 0x3039));
}

#[test]
fn n4_gre_of_an_unknown_call_is_counted_noise() {
    let mut client = Dialogue::up(Setup::default());
    let events = client.server.events.len();
    let call_id = u16::from_be_bytes(client.names["server_call_id"][..].try_into().unwrap());
    for other in 1..=100u16 {
        let gre = packets::gre(call_id.wrapping_add(other), Some(0), None, &[0xff, 3]);
        client.send_outer(&gre);
    }
    client.pass(Duration::from_millis(10));
    assert_eq!(client.server.dropped(DropReason::GreCallIdUnknown), 100);
    assert_eq!(client.server.events.len(), events, "nothing is logged");
    client.assert_data_moves();
}

/// A client whose GRE comes from another address than its control connection, from the start.
fn multi_homed(source: GreSource) -> Dialogue {
    let mut client = Dialogue::open(Setup {
        source,
        ..Setup::default()
    });
    client.address = Ipv4Addr::new(198, 51, 100, 200);
    client.place_call();
    client
}

#[test]
fn n6_a_nat_with_two_addresses_is_followed_learned_or_refused_as_the_operator_says() {
    for source in [GreSource::Learn, GreSource::Any] {
        let mut client = multi_homed(source);
        // Our first requests go where the control connection is; what the client says moves them.
        client.come_up();
        client.gre.clear();
        client.assert_data_moves();
        let address = client.address;
        assert!(client.gre.iter().all(|gre| gre.to == address), "{source:?}");
        // A third address: only `any` goes along.
        client.address = Ipv4Addr::new(198, 51, 100, 201);
        let lease = client.lease();
        let frame = client.frame(&packets::numbered(lease, HOST, 3));
        client.host.clear();
        client.send_ppp(&frame);
        client.pass(Duration::from_millis(5));
        let followed = source == GreSource::Any;
        assert_eq!(client.host.len(), usize::from(followed), "{source:?}");
    }
    let mut client = multi_homed(GreSource::Strict);
    client.hear_lcp_request();
    client.play(
        "
        ppp > ff03 c021 01 01 000e 0104 0578 0506 11223344
        wait 1s
        quiet
        ",
    );
    assert_eq!(client.server.dropped(DropReason::GrePeerAddress), 1);
}

#[test]
fn n5_an_idle_connection_is_kept_alive_every_60_s() {
    let mut client = Dialogue::up(Setup::default());
    for _ in 0..3 {
        let before = client.writes.len();
        client.answer_lcp_echoes(Duration::from_secs(61));
        assert!(client.writes.len() > before, "nothing was written in 61 s");
        client.play(
            "
            tcp < 0010 0001 1a2b3c4d 0005 0000 $echo/4
            tcp > 0014 0001 1a2b3c4d 0006 0000 $echo 01 00 0000
            ",
        );
        client.names.remove("echo");
    }
}
