//! A1 to A6: Android's mtpd, through Android 11.

use std::time::Duration;

use pns::session::{Event, TerminateCause};

use super::dialogue::Dialogue;
use super::server::Setup;

const CONTROL: &str = r#"
    tcp > 009c 0001 1a2b3c4d 0001 0000 0100 0000 00000003 00000003 0001 0000 "anonymous" 00*55 00*64
    tcp < 009c 0001 1a2b3c4d 0002 0000 0100 01 00 00000003 00000003 ffff 0001 00*64 "pns" 00*61
    tcp > 00a8 0001 1a2b3c4d 0007 0000 3039 bd42 000003e8 05f5e100 00000003 00000003 2000 0000 \
        0000 0000 00*128
    tcp < 0020 0001 1a2b3c4d 0008 0000 $server_call_id/2 3039 01 00 0000 ........ 0040 0000 00000000
"#;

fn android() -> Dialogue {
    let mut android = Dialogue::open(Setup::default());
    android.play(CONTROL);
    android.come_up();
    android
}

#[test]
fn a1_a2_a6_a_whole_session_of_anonymous_with_a_window_of_8192() {
    android().assert_data_moves();
}

#[test]
fn a3_the_reply_names_the_clients_call() {
    // The script of the session compares the Peer's Call ID; here with another one.
    let mut android = Dialogue::open(Setup::default());
    let (call, other) = ("0007 0000 3039", "0007 0000 fffe");
    let script = CONTROL.replace(call, other);
    android.play(&script.replace("$server_call_id/2 3039", "$server_call_id/2 fffe"));
}

#[test]
fn a4_the_notify_of_the_server_carries_the_servers_call_id() {
    let mut android = android();
    android.hang_up();
    android.play(
        "
        wait 1s
        tcp < 0094 0001 1a2b3c4d 000d 0000 $server_call_id .. 00 .... 0000 00*128
        closed
        ",
    );
}

#[test]
fn a5_a_client_that_just_closes_tcp_has_hung_up() {
    let mut android = android();
    android.close_tcp();
    android.pass(Duration::from_secs(1));
    android.server.assert_nothing_is_left();
    assert_eq!(android.server.ends(), ["control.peer_closed"]);
    assert_eq!(bill(&android), [TerminateCause::UserRequest]);
}

/// What the bill says of the calls that ended.
fn bill(client: &Dialogue) -> Vec<TerminateCause> {
    let cause = |event: &Event| match event {
        Event::CallEnded { reason, .. } => Some(reason.terminate_cause()),
        _ => None,
    };
    client.server.events.iter().filter_map(cause).collect()
}

#[test]
fn a5_a_client_that_falls_silent_is_a_lost_carrier() {
    let mut android = android();
    android.pass(Duration::from_secs(90));
    assert_eq!(android.server.ends(), ["link.echo_timeout"]);
    assert_eq!(bill(&android), [TerminateCause::LostCarrier]);
}

#[test]
fn a5_our_echo_request_is_answered_by_it_and_keeps_the_connection() {
    let mut android = android();
    android.answer_lcp_echoes(Duration::from_secs(55));
    for _ in 0..3 {
        android.play(
            "
            tcp < 0010 0001 1a2b3c4d 0005 0000 $echo/4
            tcp > 0014 0001 1a2b3c4d 0006 0000 $echo 01 00 0000
            ",
        );
        android.names.remove("echo");
        android.answer_lcp_echoes(Duration::from_secs(58));
    }
    android.assert_data_moves();
}
