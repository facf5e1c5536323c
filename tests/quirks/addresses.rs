//! How clients come to their addresses: the network phase of W11 to W13, W16, M9, L6, K1, P9, P10.

use std::net::Ipv4Addr;

use pns::aaa::NameServers;
use pns::dataplane::DropReason;
use pns::mppe::keys::Suite;
use pns::ppp::link::AddressPolicy;
use pns::session::SessionConfig;
use pns::wire::checksum;

use super::common::{change_link, setup};
use super::dialogue::Dialogue;
use super::packets;

/// CCP as every client speaks it in the end.
const CCP: &str = r#"
    ppp > ff03 80fd 01 04 000a 1206 01000040
    ppp < ff03 80fd 02 04 000a 1206 01000040
    ppp > ff03 80fd 02 $ccp_id 000a 1206 01000040
"#;

/// The client's Ack to our IPCP request.
const OUR_ADDRESS: &str = "ppp > ff03 8021 02 $ipcp_id 000a 0306 0a4d0001";

fn logged_in(adjust: fn(&mut SessionConfig)) -> Dialogue {
    Dialogue::logged_in(setup(adjust))
}

fn encrypted(adjust: fn(&mut SessionConfig)) -> Dialogue {
    Dialogue::encrypted(setup(adjust))
}

fn with_dns(config: &mut SessionConfig) {
    config.name_servers = NameServers {
        dns: [Some(Ipv4Addr::new(192, 0, 2, 53)), None],
        nbns: [None, None],
    };
}

/// An Echo-Request from the client's link-local address to `destination`.
fn ping6(client: &Dialogue, destination: [u8; 16]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0, 0, 12, 58, 128];
    packet.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0]);
    packet.extend(&client.names["own_identifier"]);
    packet.extend(destination);
    packet.extend(b"\x80\0\0\0\x12\x34\0\x01ping");
    let covered = [&packet[8..40], &[0, 0, 0, 12, 0, 0, 0, 58], &packet[40..]].concat();
    let sum = checksum::checksum(&covered).to_be_bytes();
    packet[42..44].copy_from_slice(&sum);
    packet
}

#[test]
fn w11_w12_w13_windows_asks_for_ipv6_and_an_address_before_it_encrypts() {
    let mut windows = logged_in(with_dns);
    windows.name("own_identifier", [0x58, 0x1f, 0xaa, 0, 1, 2, 3, 4]);
    windows.play(
        r#"
        ppp > ff03 8057 01 05 000e 010a $own_identifier           # IPv6CP comes first,
        ppp > ff03 80fd 01 06 000a 1206 010000e0
        ppp < ff03 80fd 03 06 000a 1206 01000040
        ppp > ff03 8021 01 07 0022 0306 00*4 8106 00*4 8206 00*4 8306 00*4 8406 00*4   # then IPCP,
        quiet                                                     # and both wait for encryption.
        ppp > ff03 80fd 01 08 000a 1206 01000040
        ppp < ff03 80fd 02 08 000a 1206 01000040
        ppp > ff03 80fd 02 $ccp_id 000a 1206 01000040
        ppp < ff03 8021 01 $ipcp_id/1 000a 0306 0a4d0001
        ppp < ff03 8021 04 07 0016 8206 00*4 8306 00*4 8406 00*4  # what we do not have, is rejected
        ppp < ff03 8057 01 $ipv6cp_id/1 000e 010a $identifier/8
        ppp < ff03 8057 02 05 000e 010a $own_identifier
        "#,
    );
    windows.encrypt(Suite::STATELESS_128);
    windows.play(
        r#"
        ppp > ff03 8057 02 $ipv6cp_id 000e 010a $identifier
        ppp > ff03 8021 02 $ipcp_id 000a 0306 0a4d0001
        ppp > ff03 8021 01 09 0010 0306 00*4 8106 00*4
        ppp < ff03 8021 03 09 0010 0306 $address/4 8106 c0000235
        ppp > ff03 8021 01 0a 0010 0306 $address 8106 c0000235
        ppp < ff03 8021 02 0a 0010 0306 $address 8106 c0000235
        quiet
        "#,
    );
    windows.assert_data_moves();
    // Our link-local address answers, through the encrypted call.
    let identifier: [u8; 8] = windows.names["identifier"][..].try_into().unwrap();
    windows.agree_ipv6(identifier);
    windows.take_data();
    let ours = [&[0xfe, 0x80, 0, 0, 0, 0, 0, 0], &identifier[..]].concat();
    let all_nodes = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    for destination in [ours[..].try_into().unwrap(), all_nodes] {
        let request = ping6(&windows, destination);
        let frame = windows.frame(&request);
        windows.send_ppp(&frame);
        windows.play("quiet");
        let replies = windows.take_data();
        assert_eq!(replies.len(), 1, "drops: {:?}", windows.server.drops());
        assert_eq!(replies[0][8..24], ours);
        assert_eq!(replies[0][24..40], request[8..24]);
        assert_eq!(replies[0][40], 129);
        assert_eq!(replies[0][44..], request[44..]);
    }
    assert_eq!(windows.server.drops(), []);
    windows.assert_data_moves();
    ipv6_is_shown(&windows, identifier);
    // Windows ends IPv6CP: our address answers no more, and IPv4 goes on.
    windows.play(
        "
        ppp > ff03 8057 05 0b 0004
        ppp < ff03 8057 06 0b 0004
        ",
    );
    windows.take_data();
    let request = ping6(&windows, all_nodes);
    let frame = windows.frame(&request);
    windows.send_ppp(&frame);
    windows.play("quiet");
    assert!(windows.take_data().is_empty());
    assert_eq!(windows.server.drops(), [(DropReason::Ipv6NotAgreed, 1)]);
    windows.assert_data_moves();
}

fn ipv6_is_shown(windows: &Dialogue, identifier: [u8; 8]) {
    let view = windows.server.sessions.views().next().unwrap();
    let (local, peer) = view.negotiated.interface_identifiers.unwrap();
    assert_eq!(local.0, identifier);
    assert_eq!(peer.to_string(), "581f:aa00:0102:0304");
}

#[test]
fn w11_where_ipv6_is_off_that_is_said_at_once_and_ipcp_goes_on() {
    let mut windows = logged_in(|config| change_link(config, |link| link.ipv6cp = false));
    windows.play(
        r#"
        ppp > ff03 8057 01 05 000e 010a 581faa0001020304
        ppp < ff03 c021 08 $reject_id/1 0014 8057 01 05 000e 010a 581faa0001020304
        ppp > ff03 8021 01 07 000a 0306 00*4
        quiet
        "#,
    );
    windows.play(CCP);
    windows.encrypt(Suite::STATELESS_128);
    windows.play(
        r#"
        ppp < ff03 8021 01 $ipcp_id/1 000a 0306 0a4d0001
        ppp < ff03 8021 03 07 000a 0306 $address/4
        ppp > ff03 8021 02 $ipcp_id 000a 0306 0a4d0001
        ppp > ff03 8021 01 09 000a 0306 $address
        ppp < ff03 8021 02 09 000a 0306 $address
        "#,
    );
    windows.assert_data_moves();
}

#[test]
fn w13_a_request_that_is_repeated_while_it_waits_is_answered_once() {
    let mut client = logged_in(|_| {});
    client.play(
        r#"
        ppp > ff03 8021 01 07 000a 0306 00*4
        wait 3s
        ppp < ff03 80fd 01 $ccp_id 000a 1206 01000040    # our own request is repeated too
        ppp > ff03 8021 01 07 000a 0306 00*4             # the same once more,
        ppp > ff03 8021 01 08 0010 0306 00*4 8106 00*4   # another one,
        ppp > ff03 8021 01 09 000a 0306 00*4             # and the one that counts.
        quiet
        "#,
    );
    client.play(CCP);
    client.encrypt(Suite::STATELESS_128);
    client.play(
        r#"
        ppp < ff03 8021 01 $ipcp_id/1 000a 0306 0a4d0001
        ppp < ff03 8021 03 09 000a 0306 $address/4
        quiet
        ppp > ff03 8021 02 $ipcp_id 000a 0306 0a4d0001
        ppp > ff03 8021 01 0a 000a 0306 $address
        ppp < ff03 8021 02 0a 000a 0306 $address
        "#,
    );
    client.assert_data_moves();
}

#[test]
fn w16_the_first_broadcasts_of_windows_are_dropped_and_nothing_is_said() {
    let mut windows = encrypted(|_| {});
    windows.open_ipcp();
    let lease = windows.lease();
    for _ in 0..3 {
        let inform = packets::numbered(lease, Ipv4Addr::BROADCAST, 1);
        let frame = windows.frame(&inform);
        windows.send_ppp(&frame);
    }
    windows.play("quiet");
    assert_eq!(windows.server.drops(), [(DropReason::InnerNotUnicast, 3)]);
    assert!(windows.host.is_empty() && windows.take_data().is_empty());
    windows.assert_data_moves();
}

#[test]
fn l6_pppd_with_ipv6_and_van_jacobson_compression() {
    let mut pppd = encrypted(|_| {});
    pppd.play(OUR_ADDRESS);
    pppd.play(
        r#"
        ppp > ff03 8021 01 01 0010 0206 002d0f01 0306 00*4    # <compress VJ 0f 01> <addr 0.0.0.0>
        ppp < ff03 8021 04 01 000a 0206 002d0f01
        ppp > ff03 8057 01 01 000e 010a 000000000000000a      # <addr fe80::a>
        ppp < ff03 8057 01 $ipv6cp_id/1 000e 010a $identifier/8
        ppp < ff03 8057 02 01 000e 010a 000000000000000a
        ppp > ff03 8057 02 $ipv6cp_id 000e 010a $identifier
        "#,
    );
    pppd.ask_for_an_address();
    pppd.assert_data_moves();
    // pppd takes IPv6 down by itself; the call goes on.
    pppd.play(
        r#"
        ppp > ff03 8057 05 02 0004
        ppp < ff03 8057 06 02 0004
        wait 10s
        "#,
    );
    pppd.assert_data_moves();
}

#[test]
fn k1_m9_protocols_that_nobody_needs_are_rejected_and_the_call_comes_up() {
    let mut client = encrypted(|_| {});
    client.play(OUR_ADDRESS);
    client.play(
        r#"
        ppp > ff03 8031 01 01 0007 010300                      # BCP: RouterOS would bridge
        ppp < ff03 c021 08 $reject/1 000d 8031 01 01 0007 010300
        ppp > ff03 8235 01 01 0004                             # ACSP: macOS asks for routes
        ppp < ff03 c021 08 .. 000a 8235 01 01 0004
        ppp > ff03 802b 01 01 0004                             # IPXCP
        ppp < ff03 c021 08 .. 000a 802b 01 01 0004
        ppp > ff03 8029 01 01 0004                             # AppleTalk
        ppp < ff03 c021 08 .. 000a 8029 01 01 0004
        ppp > ff03 c02b 01 01 0004                             # BACP
        ppp < ff03 c021 08 .. 000a c02b 01 01 0004
        "#,
    );
    client.ask_for_an_address();
    client.assert_data_moves();
}

#[test]
fn p9_a_router_that_takes_no_name_servers_asks_for_less_each_time() {
    let mut router = encrypted(with_dns);
    router.play(OUR_ADDRESS);
    router.play(
        r#"
        ppp > ff03 8021 01 01 0022 0306 00*4 8106 00*4 8206 00*4 8306 00*4 8406 00*4
        ppp < ff03 8021 04 01 0016 8206 00*4 8306 00*4 8406 00*4
        ppp > ff03 8021 01 02 0010 0306 00*4 8106 00*4
        ppp < ff03 8021 03 02 0010 0306 $address/4 8106 c0000235
        ppp > ff03 8021 01 03 000a 0306 $address                # it wants no DNS after all
        ppp < ff03 8021 02 03 000a 0306 $address
        "#,
    );
    router.assert_data_moves();
}

#[test]
fn p9_a_router_that_insists_on_its_own_dns_server_gets_a_reject_in_the_end() {
    let mut router = encrypted(with_dns);
    router.play(OUR_ADDRESS);
    router.play(
        r#"
        ppp > ff03 8021 01 01 0010 0306 00*4 8106 08080808
        ppp < ff03 8021 03 01 0010 0306 $address/4 8106 c0000235
        ppp > ff03 8021 01 02 0010 0306 $address 8106 08080808
        ppp < ff03 8021 03 02 000a 8106 c0000235
        ppp > ff03 8021 01 03 0010 0306 $address 8106 08080808
        ppp < ff03 8021 03 03 000a 8106 c0000235
        ppp > ff03 8021 01 04 0010 0306 $address 8106 08080808
        ppp < ff03 8021 03 04 000a 8106 c0000235
        ppp > ff03 8021 01 05 0010 0306 $address 8106 08080808
        ppp < ff03 8021 03 05 000a 8106 c0000235
        ppp > ff03 8021 01 06 0010 0306 $address 8106 08080808
        ppp < ff03 8021 04 06 000a 8106 08080808
        ppp > ff03 8021 01 07 000a 0306 $address
        ppp < ff03 8021 02 07 000a 0306 $address
        "#,
    );
    router.assert_data_moves();
}

#[test]
fn p9_a_router_that_does_not_take_our_address() {
    let mut router = encrypted(|_| {});
    router.play(
        r#"
        ppp > ff03 8021 04 $ipcp_id 000a 0306 0a4d0001
        ppp < ff03 8021 01 $second/1 0004                       # then it need not know it
        ppp > ff03 8021 02 $second 0004
        "#,
    );
    router.ask_for_an_address();
    router.assert_data_moves();
}

/// A box with a fixed address, which it will not give up.
const FIXED: &str = r#"
    ppp > ff03 8021 01 01 000a 0306 0a4d00b4     # 10.77.0.180
"#;

#[test]
fn p10_a_fixed_address_is_kept_where_that_is_allowed() {
    let mut machine = encrypted(|config| {
        change_link(config, |link| link.address = AddressPolicy::Keep);
    });
    machine.play(OUR_ADDRESS);
    machine.play(FIXED);
    machine.play("ppp < ff03 8021 02 01 000a 0306 $address/4");
    assert_eq!(machine.lease(), Ipv4Addr::new(10, 77, 0, 180));
    machine.assert_data_moves();
}

#[test]
fn p10_an_address_outside_of_the_pool_is_nobodys_to_keep() {
    let mut machine = encrypted(|config| {
        change_link(config, |link| link.address = AddressPolicy::Keep);
    });
    machine.play(OUR_ADDRESS);
    machine.play(
        r#"
        ppp > ff03 8021 01 01 000a 0306 c0a80107     # 192.168.1.7
        ppp < ff03 8021 03 01 000a 0306 $address/4
        ppp > ff03 8021 01 02 000a 0306 $address
        ppp < ff03 8021 02 02 000a 0306 $address
        "#,
    );
    assert_ne!(machine.lease(), Ipv4Addr::new(192, 168, 1, 7));
    machine.assert_data_moves();
}

#[test]
fn p10_a_fixed_address_is_refused_where_addresses_are_assigned_and_named_so() {
    let mut machine = encrypted(|_| {});
    machine.play(OUR_ADDRESS);
    for round in 1..=5 {
        machine.name("n", [round]);
        machine.play(
            r#"
            ppp > ff03 8021 01 $n 000a 0306 0a4d00b4
            ppp < ff03 8021 03 $n 000a 0306 $address/4
            "#,
        );
    }
    machine.play(
        r#"
        ppp > ff03 8021 01 06 000a 0306 0a4d00b4
        ppp < ff03 c021 05 $bye/1 0016 "address_not_agreed"
        ppp > ff03 c021 06 $bye 0004
        wait 3s
        "#,
    );
    assert_eq!(machine.server.ends(), ["link.address_not_agreed"]);
}

#[test]
fn p10_a_client_that_never_names_its_address_is_told_it_once() {
    let mut machine = encrypted(|_| {});
    machine.play(OUR_ADDRESS);
    machine.play(
        r#"
        ppp > ff03 8021 01 01 0004
        ppp < ff03 8021 03 01 000a 0306 $address/4
        ppp > ff03 8021 01 02 0004                   # it knew, and has nothing to say
        ppp < ff03 8021 02 02 0004
        "#,
    );
    machine.assert_data_moves();
}
