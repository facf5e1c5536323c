//! N1 to N6: NAT boxes and application-level gateways between client and server.

use std::time::Duration;

use pns::dataplane::DropReason;

use super::dialogue::Dialogue;
use super::server::Setup;

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
        let gre = super::packets::gre(call_id.wrapping_add(other), Some(0), None, &[0xff, 3]);
        client.send_outer(&gre);
    }
    client.pass(Duration::from_millis(10));
    assert_eq!(client.server.dropped(DropReason::GreCallIdUnknown), 100);
    assert_eq!(client.server.events.len(), events, "nothing is logged");
    client.assert_data_moves();
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
