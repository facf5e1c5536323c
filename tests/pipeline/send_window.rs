//! The window towards a peer that honours it (RFC 2637 §4.2, §4.4), when the operator asks for it.

use pns::dataplane::{DropReason, GreConfig};
use pns::flow::{Encryption, FlowCommand, FrameBytes, PeerReceive};
use std::time::Duration;

use crate::client::Client;
use crate::lab::{ACCESS, HOST, Lab, Plan, policy};
use crate::packets::{self, udp};

fn call(window_packets: u16) -> (Lab, Client) {
    let mut plan = Plan::default();
    plan.config.gre = GreConfig {
        honours_windows: true,
        ..GreConfig::default()
    };
    let mut lab = Lab::of(plan);
    let client = lab.dial(7, 2, policy(Encryption::Required));
    let receive = PeerReceive {
        window_packets,
        processing_delay_ds: 0,
    };
    let flow = client.key;
    lab.command(FlowCommand::PeerReceive { flow, receive });
    lab.settle();
    (lab, client)
}

/// The host sends so many packets at once; how many reach the client, which decrypts them all.
fn host_sends(lab: &mut Lab, client: &mut Client, packets: usize) -> usize {
    for _ in 0..packets {
        lab.push_from_network(&udp(HOST, client.lease, 20));
    }
    lab.settle();
    client.packets(&lab.sent(ACCESS)).len()
}

fn acknowledge(lab: &mut Lab, client: &Client) {
    let newest = client.expected.wrapping_sub(1);
    let gre = packets::gre(client.key.call_id, None, Some(newest), &[]);
    lab.push(0, ACCESS, &client.outer(&gre));
    lab.settle();
}

#[test]
fn c2_s4_2_no_more_is_sent_ahead_than_the_peer_buffers() {
    let (mut lab, mut client) = call(8);
    assert_eq!(host_sends(&mut lab, &mut client, 20), 4, "half at first");
    assert_eq!(lab.drops(), [(DropReason::SendWindowFull, 16)]);
    assert_eq!(host_sends(&mut lab, &mut client, 1), 0);
    let mut sizes = Vec::new();
    for _ in 0..12 {
        lab.advance(Duration::from_millis(10));
        acknowledge(&mut lab, &client);
        sizes.push(host_sends(&mut lab, &mut client, 20));
    }
    assert_eq!(sizes, [5, 6, 7, 8, 8, 8, 8, 8, 8, 8, 8, 8]);
}

#[test]
fn s4_4_a_peer_that_does_not_acknowledge_is_sent_less_but_never_nothing() {
    let (mut lab, mut client) = call(64);
    let mut sent = Vec::new();
    for _ in 0..8 {
        sent.push(host_sends(&mut lab, &mut client, 40));
        lab.advance(Duration::from_secs(3));
    }
    assert_eq!(sent, [32, 16, 8, 4, 2, 1, 1, 1]);
    // Acknowledgments of what was given up mean nothing; later ones open the window again.
    let old = packets::gre(client.key.call_id, None, Some(3), &[]);
    lab.push(0, ACCESS, &client.outer(&old));
    lab.settle();
    assert_eq!(host_sends(&mut lab, &mut client, 9), 1);
    acknowledge(&mut lab, &client);
    assert_eq!(host_sends(&mut lab, &mut client, 9), 2);
}

#[test]
fn control_frames_are_never_held_back_and_a_peer_that_says_nothing_has_no_window() {
    let (mut lab, mut client) = call(2);
    assert_eq!(host_sends(&mut lab, &mut client, 5), 1);
    let flow = client.key;
    for _ in 0..5 {
        let frame = FrameBytes::copy_of(&[0xff, 3, 0xc0, 0x21, 9, 1, 0, 4]).unwrap();
        lab.command(FlowCommand::Frame { flow, frame });
    }
    lab.settle();
    let sent = lab.sent(ACCESS);
    assert_eq!(sent.len(), 5);
    for frame in &sent {
        client.receive(frame);
    }
    let receive = PeerReceive::default();
    lab.command(FlowCommand::PeerReceive { flow, receive });
    lab.settle();
    assert_eq!(host_sends(&mut lab, &mut client, 60), 60);
}

#[test]
fn an_acknowledgment_on_data_opens_the_window_too() {
    let (mut lab, mut client) = call(4);
    assert_eq!(host_sends(&mut lab, &mut client, 5), 2);
    let packet = udp(client.lease, HOST, 20);
    let ppp = client.wrap(&packet);
    let newest = Some(client.expected - 1);
    let gre = packets::gre(client.key.call_id, Some(client.sequence), newest, &ppp);
    client.sequence += 1;
    lab.push(0, ACCESS, &client.outer(&gre));
    lab.settle();
    assert_eq!(host_sends(&mut lab, &mut client, 5), 3);
}
