//! Where the GRE of a call may come from (`gre.source`), and that nobody without its key draws its
//! downstream to himself.

use pns::dataplane::{DropReason, GreConfig, GreSource};
use pns::flow::ring::Punted;
use pns::flow::{Encryption, FlowCommand, FlowReport, FrameBytes};
use std::net::Ipv4Addr;

use crate::client::{Client, Received};
use crate::gre::stranger;
use crate::lab::{ACCESS, HOST, Lab, Plan, policy};
use crate::packets::{self, udp};
use pns::mppe::keys::Suite;

const SUITE: Suite = Suite::STATELESS_128;

const HOME: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
const AWAY: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 3);
const LCP_ECHO: [u8; 12] = [0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 8, 1, 2, 3, 4];

fn lab(source: GreSource) -> Lab {
    let mut plan = Plan::default();
    plan.config.gre = GreConfig {
        source,
        ..GreConfig::default()
    };
    Lab::of(plan)
}

/// Where the next frame to the client goes.
fn downstream_to(lab: &mut Lab, client: &Client) -> Ipv4Addr {
    lab.sent(ACCESS);
    lab.push_from_network(&udp(HOST, client.lease, 20));
    lab.settle();
    destination(lab)
}

/// Where the next control frame to the client goes.
fn control_to(lab: &mut Lab, client: &Client) -> Ipv4Addr {
    lab.sent(ACCESS);
    let flow = client.key;
    let frame = FrameBytes::copy_of(&LCP_ECHO).unwrap();
    lab.command(FlowCommand::Frame { flow, frame });
    lab.settle();
    destination(lab)
}

fn destination(lab: &mut Lab) -> Ipv4Addr {
    match lab.sent(ACCESS).as_slice() {
        [frame] => packets::ip_of(frame).0.destination,
        other => panic!("{} frames", other.len()),
    }
}

fn upstream(lab: &mut Lab, client: &mut Client) -> usize {
    let packet = udp(client.lease, HOST, 20);
    client.send(lab, &packet);
    lab.network_received().len()
}

/// A clear control frame from an address, and how many frames reached the slow path.
fn control_from(lab: &mut Lab, client: &mut Client, from: Ipv4Addr) -> usize {
    let home = std::mem::replace(&mut client.address, from);
    let frame = client.ppp(&LCP_ECHO);
    client.address = home;
    lab.push(0, ACCESS, &frame);
    lab.settle();
    let is_ppp = |punted: &Punted| matches!(punted, Punted::Ppp { .. });
    let punted = lab.punted.iter().filter(|punted| is_ppp(punted)).count();
    lab.punted.clear();
    punted
}

fn encrypted_noise() -> Vec<u8> {
    let mut noise = vec![0xff, 0x03, 0x00, 0xfd, 0x90, 0x00];
    noise.extend(0..60);
    noise
}

#[test]
fn n6_strict_takes_the_control_peer_alone() {
    let mut lab = lab(GreSource::Strict);
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    client.address = AWAY;
    assert_eq!(upstream(&mut lab, &mut client), 0);
    assert_eq!(lab.drops(), [(DropReason::GrePeerAddress, 1)]);
    client.address = HOME;
    assert_eq!(upstream(&mut lab, &mut client), 1);
    assert_eq!(downstream_to(&mut lab, &client), HOME);
    assert_eq!(
        lab.close(&client).upstream_drops,
        0,
        "a stranger's are not charged"
    );
}

#[test]
fn n6_learn_serves_a_client_whose_gre_always_comes_from_elsewhere() {
    let mut lab = lab(GreSource::Learn);
    let mut client = lab.open(7, 2);
    assert_eq!(control_from(&mut lab, &mut client, AWAY), 1);
    assert_eq!(control_to(&mut lab, &client), AWAY);
    let moved = FlowReport::SourceMoved {
        flow: client.key,
        address: AWAY,
    };
    assert_eq!(lab.reports(), [moved]);
    client.address = AWAY;
    lab.bring_up(&mut client, policy(Encryption::Required), SUITE);
    for _ in 0..3 {
        assert_eq!(upstream(&mut lab, &mut client), 1);
        assert_eq!(downstream_to(&mut lab, &client), AWAY);
    }
    assert_eq!((lab.drops(), lab.reports()), (vec![], vec![]));
}

#[test]
fn n6_learn_moves_an_encrypted_call_once_and_only_by_a_frame_that_decrypts() {
    let mut lab = lab(GreSource::Learn);
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    let forger = stranger(&client, 66);
    for ppp in [
        encrypted_noise(),
        LCP_ECHO.to_vec(),
        vec![0xff, 3, 0, 0x21, 0x45],
    ] {
        lab.push(0, ACCESS, &forger.numbered(client.sequence, &ppp));
        lab.settle();
        assert_eq!(downstream_to(&mut lab, &client), HOME);
    }
    // An acknowledgment alone, and no payload, prove nothing either.
    for sequence in [None, Some(client.sequence)] {
        let gre = packets::gre(client.key.call_id, sequence, Some(0), &[]);
        lab.push(0, ACCESS, &forger.outer(&gre));
    }
    lab.settle();
    let refused = [
        (DropReason::GrePeerAddress, 4),
        (DropReason::MppeImplausible, 1),
    ];
    assert_eq!(lab.drops(), refused);
    assert_eq!(lab.punted.len(), 0);

    client.address = AWAY;
    assert_eq!(upstream(&mut lab, &mut client), 1);
    assert_eq!(downstream_to(&mut lab, &client), AWAY);
    client.address = HOME;
    assert_eq!(upstream(&mut lab, &mut client), 0, "learned once");
    assert_eq!(lab.dropped(DropReason::GrePeerAddress), 5);
    client.address = AWAY;
    assert_eq!(upstream(&mut lab, &mut client), 1);
    let moved = FlowReport::SourceMoved {
        flow: client.key,
        address: AWAY,
    };
    assert_eq!(lab.reports(), [moved]);
    assert_eq!(
        lab.close(&client).upstream_drops,
        0,
        "a stranger's are not charged"
    );
}

#[test]
fn n6_a_forger_who_is_first_loses_to_the_control_peer() {
    let mut lab = lab(GreSource::Learn);
    let mut client = lab.open(7, 2);
    assert_eq!(
        control_from(&mut lab, &mut client, Ipv4Addr::new(198, 51, 100, 66)),
        1
    );
    assert_eq!(
        control_from(&mut lab, &mut client, AWAY),
        0,
        "one address is learned"
    );
    assert_eq!(control_from(&mut lab, &mut client, HOME), 1);
    assert_eq!(control_to(&mut lab, &client), HOME);
    assert_eq!(control_from(&mut lab, &mut client, AWAY), 0);
    assert_eq!(lab.dropped(DropReason::GrePeerAddress), 2);
    lab.reports();
    lab.bring_up(&mut client, policy(Encryption::Required), SUITE);
    assert_eq!(upstream(&mut lab, &mut client), 1);
    assert_eq!(downstream_to(&mut lab, &client), HOME);
}

#[test]
fn n6_learn_lets_nobody_move_a_clear_call_after_its_login() {
    let mut lab = lab(GreSource::Learn);
    let mut client = lab.dial(7, 2, policy(Encryption::Off));
    client.address = AWAY;
    assert_eq!(upstream(&mut lab, &mut client), 0);
    assert_eq!(lab.drops(), [(DropReason::GrePeerAddress, 1)]);
    assert_eq!(downstream_to(&mut lab, &client), HOME);
}

#[test]
fn n6_any_sends_to_where_the_newest_proof_came_from() {
    let mut lab = lab(GreSource::Any);
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    client.address = AWAY;
    assert_eq!(upstream(&mut lab, &mut client), 1);
    assert_eq!(downstream_to(&mut lab, &client), AWAY);
    client.address = HOME;
    let packet = udp(client.lease, HOST, 20);
    let late = client.data(&packet);
    client.address = AWAY;
    assert_eq!(upstream(&mut lab, &mut client), 1);
    lab.push(0, ACCESS, &late);
    lab.settle();
    assert_eq!(
        lab.network_received().len(),
        1,
        "late and from another address, but his"
    );
    assert_eq!(
        downstream_to(&mut lab, &client),
        AWAY,
        "late proofs move nothing"
    );

    let forger = stranger(&client, 66);
    for ppp in [encrypted_noise(), LCP_ECHO.to_vec()] {
        lab.push(0, ACCESS, &forger.numbered(client.sequence, &ppp));
        lab.settle();
        assert_eq!(downstream_to(&mut lab, &client), AWAY);
    }
    client.address = HOME;
    assert_eq!(upstream(&mut lab, &mut client), 1);
    assert_eq!(downstream_to(&mut lab, &client), HOME);
    assert_eq!(lab.drops(), [(DropReason::MppeFarCount, 1)]);
    // A client that wanders is reported once.
    assert_eq!(lab.reports().len(), 1);
}

#[test]
fn n6_any_takes_clear_frames_from_everywhere_and_sends_to_the_first() {
    let mut lab = lab(GreSource::Any);
    let mut client = lab.dial(7, 2, policy(Encryption::Off));
    for from in [AWAY, HOME, AWAY] {
        client.address = from;
        assert_eq!(upstream(&mut lab, &mut client), 1);
        assert_eq!(control_from(&mut lab, &mut client, from), 1);
        assert_eq!(downstream_to(&mut lab, &client), HOME);
    }
    client.address = HOME;
    lab.push_from_network(&udp(HOST, client.lease, 20));
    lab.settle();
    client.expected += 3;
    let sent = lab.sent(ACCESS);
    assert!(matches!(client.receive(&sent[0]), Received::Clear(..)));
    assert_eq!(lab.drops(), []);
}
