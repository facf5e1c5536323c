//! GRE packets of clients that arrive in fragments (RFC 791 §3.2).

use std::time::Duration;

use pns::dataplane::{DropReason, FrameCount};
use pns::flow::Encryption;
use pns::flow::ring::Punted;
use pns::wire::ethernet::ether_type;
use pns::wire::ipv4;

use crate::client::Client;
use crate::lab::{ACCESS, ACCESS_MAC, HOST, LOCAL, Lab, mac_of, policy};
use crate::packets::{self, udp};

/// The frames of a GRE packet cut at these places of its IPv4 payload.
pub(crate) fn cut(
    client: &Client,
    frame: &[u8],
    identification: u16,
    places: &[usize],
) -> Vec<Vec<u8>> {
    let payload = &frame[14 + 20..];
    let mut bounds = vec![0];
    bounds.extend_from_slice(places);
    bounds.push(payload.len());
    bounds
        .windows(2)
        .map(|bound| piece(client, identification, payload, bound[0], bound[1]))
        .collect()
}

/// One fragment.
pub(crate) fn piece(client: &Client, id: u16, payload: &[u8], from: usize, to: usize) -> Vec<u8> {
    let header = ipv4::Header {
        identification: id,
        more_fragments: to < payload.len(),
        fragment_offset: u16::try_from(from).unwrap(),
        ..ipv4::Header::plain(ipv4::protocol::GRE, client.address, LOCAL, 0)
    };
    let packet = packets::ip_with(header, &[], &payload[from..to]);
    packets::frame(
        ACCESS_MAC,
        mac_of(client.address),
        ether_type::IPV4,
        &packet,
    )
}

#[test]
fn a_full_packet_of_a_client_with_mru_1500_arrives() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    // pppd's default: an inner packet of 1500 makes an outer one of 1533 bytes or so.
    let packet = udp(client.lease, HOST, 1472);
    assert_eq!(packet.len(), 1500);
    for (number, places) in [&[1480][..], &[8], &[800, 1480], &[8, 16, 24, 32]]
        .iter()
        .enumerate()
    {
        let frame = client.data(&packet);
        for (queue, piece) in cut(&client, &frame, 9, places).iter().enumerate() {
            // Each by another worker's queue.
            lab.push(u8::try_from((queue + number) % 3).unwrap(), ACCESS, piece);
            lab.settle();
        }
        let sent = lab.network_received();
        assert_eq!(sent.len(), 1, "cut at {places:?}: {:?}", lab.drops());
        assert_eq!(sent[0][20..], packet[20..]);
    }
    assert_eq!(lab.drops(), []);
    assert_eq!(lab.frames(FrameCount::FragmentUsed), 2 + 2 + 3 + 5);
}

#[test]
fn rfc2637_s1_4_a_payload_of_1532_octets_is_taken() {
    let mut lab = Lab::new();
    let mut client = lab.open(7, 2);
    let mut ppp = vec![0xff, 0x03, 0xc0, 0x21, 9, 1, 0x05, 0xf8];
    ppp.resize(1532, 0x55);
    let frame = client.ppp(&ppp);
    for piece in cut(&client, &frame, 9, &[800]) {
        lab.push(0, ACCESS, &piece);
    }
    lab.settle();
    match lab.punted.as_slice() {
        [Punted::Ppp { frame, .. }] => assert_eq!(frame.as_slice(), &ppp[2..]),
        other => panic!("{} frames", other.len()),
    }
    assert_eq!(lab.drops(), []);
}

#[test]
fn order_does_not_matter_and_datagrams_do_not_mix() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    let packet = udp(client.lease, HOST, 1472);
    let mut pieces = Vec::new();
    for identification in 0..8 {
        let frame = client.data(&packet);
        pieces.push(cut(&client, &frame, identification, &[800]));
    }
    for half in [1, 0] {
        for datagram in &pieces {
            lab.push(0, ACCESS, &datagram[half]);
        }
    }
    lab.settle();
    assert_eq!(lab.network_received().len(), 8);
    assert_eq!(lab.drops(), []);
}

#[test]
fn what_does_not_complete_is_given_up_after_a_second() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    let packet = udp(client.lease, HOST, 1472);
    let frame = client.data(&packet);
    let pieces = cut(&client, &frame, 1, &[800]);
    lab.push(0, ACCESS, &pieces[0]);
    lab.settle();
    lab.advance(Duration::from_millis(990));
    assert_eq!(lab.drops(), []);
    lab.advance(Duration::from_millis(20));
    assert_eq!(lab.drops(), [(DropReason::FragmentTimeout, 1)]);
    lab.push(0, ACCESS, &pieces[1]);
    lab.settle();
    lab.advance(Duration::from_millis(1100));
    assert_eq!(lab.drops(), [(DropReason::FragmentTimeout, 2)]);
}

#[test]
fn overlaps_spoil_the_datagram_and_repetitions_do_not() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    let packet = udp(client.lease, HOST, 1472);
    let frame = client.data(&packet);
    let payload = frame[34..].to_vec();
    let whole = payload.len();
    // A repetition is ignored.
    for (from, to) in [(0, 800), (0, 800), (800, whole)] {
        lab.push(0, ACCESS, &piece(&client, 1, &payload, from, to));
    }
    lab.settle();
    assert_eq!(lab.network_received().len(), 1);
    assert_eq!(lab.drops(), [(DropReason::FragmentDuplicate, 1)]);
    // An overlap ends it, and what comes after is a new datagram.
    let frame = client.data(&packet);
    let payload = frame[34..].to_vec();
    for (from, to) in [(0, 800), (792, whole), (0, 800), (800, whole)] {
        lab.push(0, ACCESS, &piece(&client, 2, &payload, from, to));
    }
    lab.settle();
    assert_eq!(lab.network_received().len(), 1);
    assert_eq!(lab.dropped(DropReason::FragmentOverlap), 2);
}

#[test]
fn a_flood_of_orphans_does_not_keep_others_out() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    let packet = udp(client.lease, HOST, 1472);
    for round in 0..20_u16 {
        for orphan in 0..100 {
            // Forged sources, a new datagram each.
            let forger = Client::new(client.key, u8::try_from(10 + orphan % 80).unwrap());
            let id = round * 100 + orphan;
            lab.push(0, ACCESS, &piece(&forger, id, &[0x66; 1600], 0, 800));
        }
        lab.settle();
        let frame = client.data(&packet);
        for piece in cut(&client, &frame, round, &[800]) {
            lab.push(0, ACCESS, &piece);
        }
        lab.settle();
        assert_eq!(lab.network_received().len(), 1, "round {round}");
    }
    assert!(lab.dropped(DropReason::FragmentEvicted) > 1000);
}
