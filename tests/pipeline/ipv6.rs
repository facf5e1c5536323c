//! IPv6 of a call: what is answered, how, and that noise does not pass for it.

use std::net::Ipv6Addr;

use pns::dataplane::{DropReason, FrameCount};
use pns::flow::{Encryption, FlowCommand};
use pns::wire::checksum;
use pns::wire::ipv6::{Header, InterfaceIdentifier};
use pns::wire::ppp::Protocol;

use crate::client::{Client, Received};
use crate::lab::{ACCESS, HOST, Lab, policy};
use crate::packets::udp;

const LOCAL_IDENTIFIER: InterfaceIdentifier = InterfaceIdentifier([0x10, 0, 0, 0, 0, 0, 0, 1]);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// Our link-local address in every call of these tests.
pub(crate) fn local() -> Ipv6Addr {
    LOCAL_IDENTIFIER.link_local()
}

fn identifier_of(client: &Client) -> InterfaceIdentifier {
    InterfaceIdentifier([0x20, 0, 0, 0, 0, 0, 0, client.address.octets()[3]])
}

/// IPv6CP has agreed.
pub(crate) fn agree(lab: &mut Lab, client: &mut Client) {
    lab.command(FlowCommand::AgreeIpv6 {
        flow: client.key,
        local: LOCAL_IDENTIFIER,
        peer: identifier_of(client),
    });
    lab.settle();
    client.agree(LOCAL_IDENTIFIER);
    assert_eq!(lab.reports(), []);
}

/// An Echo-Request of the client.
pub(crate) fn ping(client: &Client, destination: Ipv6Addr, data: &[u8]) -> Vec<u8> {
    let source = identifier_of(client).link_local();
    icmpv6(
        source,
        destination,
        &[&[128, 0, 0, 0, 0xab, 0xcd, 0, 5], data].concat(),
    )
}

/// An ICMPv6 message with a right checksum.
fn icmpv6(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap();
    let header = Header {
        payload_length: length,
        next_header: 58,
        hop_limit: 128,
        source,
        destination,
    };
    let mut packet = vec![0; 40];
    header.emit(&mut packet).unwrap();
    packet.extend_from_slice(message);
    packet[42..44].fill(0);
    let sum = checksum::checksum(&covered(&packet)).to_be_bytes();
    packet[42..44].copy_from_slice(&sum);
    packet
}

/// What the checksum of an IPv6 packet covers (RFC 8200 §8.1).
fn covered(packet: &[u8]) -> Vec<u8> {
    let length = (packet.len() as u32 - 40).to_be_bytes();
    [&packet[8..40], &length, &[0, 0, 0, 58], &packet[40..]].concat()
}

fn reply_to(request: &[u8]) -> Vec<u8> {
    let header = Header::parse(request).unwrap();
    icmpv6(local(), header.source, &[&[129], &request[41..]].concat())
}

fn dialled(encryption: Encryption) -> (Lab, Client) {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(encryption));
    agree(&mut lab, &mut client);
    lab.sent(ACCESS);
    (lab, client)
}

/// The IPv6 packets that the client has received, all encrypted or none.
fn received(lab: &mut Lab, client: &mut Client, secret: bool) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for frame in lab.sent(ACCESS) {
        match client.receive(&frame) {
            Received::Secret(Protocol::IPV6, packet) if secret => packets.push(packet),
            Received::Clear(Protocol::IPV6, packet) if !secret => packets.push(packet),
            Received::Nothing => {}
            other => panic!("{other:?}"),
        }
    }
    packets
}

#[test]
fn rfc4443_s4_2_an_echo_request_is_answered_as_the_call_demands() {
    for (encryption, secret) in [(Encryption::Required, true), (Encryption::Off, false)] {
        for destination in [local(), ALL_NODES] {
            let (mut lab, mut client) = dialled(encryption);
            for length in [0, 1, 56, 1232] {
                let request = ping(&client, destination, &vec![0x5a; length]);
                client.send6(&mut lab, &request);
                let wanted = reply_to(&request);
                let mut got = received(&mut lab, &mut client, secret);
                assert_eq!(got.len(), 1, "{encryption:?} {destination} {length}");
                let mut reply = got.remove(0);
                assert_eq!(checksum::sum(&covered(&reply)), 0xffff);
                assert_eq!(reply[7], 64, "hop limit");
                reply[7] = wanted[7];
                assert_eq!(reply, wanted);
            }
            assert_eq!(lab.drops(), []);
            let totals = lab.close(&client);
            assert_eq!((totals.upstream_packets, totals.downstream_packets), (4, 4));
            assert_eq!(totals.upstream_bytes, totals.downstream_bytes);
            assert_eq!(totals.upstream_bytes, 4 * 48 + 1 + 56 + 1232);
        }
    }
}

#[test]
fn padding_behind_the_packet_is_not_sent_back() {
    let (mut lab, mut client) = dialled(Encryption::Required);
    let request = ping(&client, local(), b"ping");
    client.send6(&mut lab, &[&request[..], &[0; 30]].concat());
    assert_eq!(
        received(&mut lab, &mut client, true)[0].len(),
        request.len()
    );
}

#[test]
fn everything_else_of_ipv6_is_dropped_with_its_reason() {
    let none = Ipv6Addr::UNSPECIFIED;
    let routers = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
    let own = |client: &Client| identifier_of(client).link_local();
    let with = |packet: Vec<u8>, place: usize, value: u8| {
        let mut packet = packet;
        packet[place] = value;
        packet
    };
    let (mut lab, mut client) = dialled(Encryption::Off);
    let good = ping(&client, local(), b"");
    let me = own(&client);
    let punted = lab.frames(FrameCount::PuntedPpp);
    for (packet, reason) in [
        // A Router Solicitation, a Neighbour Solicitation, an Echo-Reply: all of right checksums.
        (
            icmpv6(me, routers, &[133, 0, 0, 0, 0, 0, 0, 0]),
            DropReason::Ipv6NotRouted,
        ),
        (
            icmpv6(none, ALL_NODES, &[135; 24]),
            DropReason::Ipv6NotRouted,
        ),
        (
            icmpv6(me, local(), &[129, 0, 0, 0, 0, 0, 0, 0]),
            DropReason::Ipv6NotRouted,
        ),
        // From and to others.
        (
            icmpv6(local(), local(), &good[40..]),
            DropReason::Ipv6NotRouted,
        ),
        (icmpv6(me, me, &good[40..]), DropReason::Ipv6NotRouted),
        (icmpv6(me, routers, &good[40..]), DropReason::Ipv6NotRouted),
        (
            icmpv6("2001:db8::5".parse().unwrap(), local(), &good[40..]),
            DropReason::Ipv6NotRouted,
        ),
        // UDP, and a hop-by-hop header in front.
        (with(good.clone(), 6, 17), DropReason::Ipv6NotRouted),
        (with(good.clone(), 6, 0), DropReason::Ipv6NotRouted),
        // Broken.
        (with(good.clone(), 7, 0), DropReason::Ipv6Malformed),
        (with(good.clone(), 0, 0x45), DropReason::Ipv6Malformed),
        (with(good.clone(), 5, 9), DropReason::Ipv6Malformed),
        (with(good.clone(), 5, 7), DropReason::Ipv6Malformed),
        (with(good.clone(), 47, 9), DropReason::Ipv6Malformed),
        (good[..39].to_vec(), DropReason::Ipv6Malformed),
        (Vec::new(), DropReason::Ipv6Malformed),
    ] {
        let before = lab.dropped(reason);
        client.send6(&mut lab, &packet);
        assert_eq!(lab.dropped(reason), before + 1, "{reason}: {packet:02x?}");
    }
    assert_eq!(
        received(&mut lab, &mut client, false),
        Vec::<Vec<u8>>::new()
    );
    assert_eq!(
        lab.frames(FrameCount::PuntedPpp),
        punted,
        "nothing reaches the slow path"
    );
    // RFC 8200 §5: every IPv6 link takes 1,280 bytes, and no longer answer is sent.
    let long = ping(&client, local(), &[0; 1233]);
    client.send6(&mut lab, &long);
    assert_eq!(lab.dropped(DropReason::MtuExceeded), 1);
}

#[test]
fn encrypted_ipv6_of_another_source_moves_nothing() {
    let (mut lab, mut client) = dialled(Encryption::Required);
    let stranger = InterfaceIdentifier([0x20, 0, 0, 0, 0, 0, 0, 77]).link_local();
    let forged = icmpv6(stranger, local(), &[128, 0, 0, 0, 0, 1, 0, 1]);
    client.send6(&mut lab, &forged);
    assert_eq!(lab.drops(), [(DropReason::MppeImplausible, 1)]);
    // A client that checks whether its address is its own is believed, and not answered.
    let probe = icmpv6(Ipv6Addr::UNSPECIFIED, ALL_NODES, &[135; 24]);
    client.send6(&mut lab, &probe);
    assert_eq!(lab.dropped(DropReason::Ipv6NotRouted), 1);
    let packet = udp(client.lease, HOST, 10);
    client.send(&mut lab, &packet);
    assert_eq!(lab.network_received().len(), 1, "the keys are in step");
}

#[test]
fn without_an_agreement_encrypted_ipv6_is_noise() {
    let mut lab = Lab::single();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    let request = ping(&client, local(), b"");
    client.send6(&mut lab, &request);
    assert_eq!(lab.drops(), [(DropReason::MppeImplausible, 1)]);
}

#[test]
fn clear_ipv6_is_refused_where_ipv4_is() {
    let (mut lab, mut client) = dialled(Encryption::Required);
    let request = ping(&client, local(), b"");
    let frame = client.ppp(&[&[0xff, 3, 0, 0x57], &request[..]].concat());
    lab.push(0, ACCESS, &frame);
    lab.settle();
    assert_eq!(lab.drops(), [(DropReason::PlaintextRefused, 1)]);
}

#[test]
fn identifiers_that_change_count_from_the_order_on() {
    let (mut lab, mut client) = dialled(Encryption::Required);
    let before = ping(&client, local(), b"");
    let local = InterfaceIdentifier([0x30, 0, 0, 0, 0, 0, 0, 3]);
    lab.command(FlowCommand::AgreeIpv6 {
        flow: client.key,
        local,
        peer: identifier_of(&client),
    });
    client.agree(local);
    client.send6(&mut lab, &before);
    assert_eq!(lab.dropped(DropReason::Ipv6NotRouted), 1);
    let request = ping(&client, local.link_local(), b"");
    client.send6(&mut lab, &request);
    let replies = received(&mut lab, &mut client, true);
    assert_eq!(
        Header::parse(&replies[0]).unwrap().source,
        local.link_local()
    );
}

#[test]
fn what_comes_after_ipv6cp_has_ended_is_dropped_and_ipv4_goes_on() {
    let (mut lab, mut client) = dialled(Encryption::Required);
    let flow = client.key;
    lab.command(FlowCommand::EndIpv6 { flow });
    let request = ping(&client, local(), b"");
    for _ in 0..3 {
        client.send6(&mut lab, &request);
    }
    assert_eq!(lab.drops(), [(DropReason::Ipv6NotAgreed, 3)]);
    assert!(received(&mut lab, &mut client, true).is_empty());
    let datagram = udp(client.lease, HOST, 30);
    client.send(&mut lab, &datagram);
    assert_eq!(lab.network_received().len(), 1);
    // Agreed on anew, it is answered again.
    agree(&mut lab, &mut client);
    client.send6(&mut lab, &request);
    assert_eq!(received(&mut lab, &mut client, true).len(), 1);
}

#[test]
fn nothing_is_agreed_for_a_call_without_a_login() {
    let mut lab = Lab::single();
    let client = lab.open(7, 2);
    lab.command(FlowCommand::AgreeIpv6 {
        flow: client.key,
        local: LOCAL_IDENTIFIER,
        peer: identifier_of(&client),
    });
    lab.settle();
    let flow = client.key;
    assert_eq!(
        lab.reports(),
        [pns::flow::FlowReport::CommandRefused { flow }]
    );
}

#[test]
fn w16_broadcasts_of_a_windows_client_are_dropped_quietly() {
    let mut lab = Lab::single();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    let everybody = std::net::Ipv4Addr::BROADCAST;
    // DHCPINFORM, NetBIOS to everybody, LLMNR and SSDP to groups.
    for (port, destination) in [
        (67, everybody),
        (137, everybody),
        (5355, std::net::Ipv4Addr::new(224, 0, 0, 252)),
        (1900, std::net::Ipv4Addr::new(239, 255, 255, 250)),
    ] {
        let mut datagram = udp(client.lease, destination, 30);
        datagram[22..24].copy_from_slice(&u16::to_be_bytes(port));
        client.send(&mut lab, &datagram);
    }
    assert_eq!(lab.drops(), [(DropReason::InnerNotUnicast, 4)]);
    assert!(lab.punted.is_empty() && lab.network_received().is_empty());
}
