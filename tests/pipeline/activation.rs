//! What a flow may do at each step of a call, and that data right behind the peer's Configure-Ack is
//! not lost.

use pns::dataplane::{DropReason, FrameCount};
use pns::flow::FlowKey;
use pns::flow::ring::Punted;
use pns::flow::{
    Encryption, FlowCommand, FlowReport, FlowTotals, FrameBytes, OpenCall, OpenRefusal, PeerReceive,
};
use pns::mppe::keys::Suite;
use pns::wire::call_id::CallId;
use pns::wire::ppp::Protocol;

use crate::client::Received;
use crate::lab::{ACCESS, HOST, LOCAL, Lab, Plan, lease, policy};
use crate::packets::udp;

const CONFIGURE_ACK: [u8; 8] = [0xff, 0x03, 0x80, 0xfd, 2, 1, 0, 4];

#[test]
fn control_frames_pass_both_ways_before_anything_else_does() {
    let mut lab = Lab::new();
    let mut client = lab.open(7, 2);
    let request = [0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 4];
    let frame = client.ppp(&request);
    lab.push(0, ACCESS, &frame);
    lab.settle();
    match lab.punted.as_slice() {
        [Punted::Ppp { flow, frame }] => {
            assert_eq!(*flow, client.key);
            assert_eq!(frame.as_slice(), &request[2..]);
        }
        other => panic!("{}", other.len()),
    }
    let frame = FrameBytes::copy_of(&request).unwrap();
    lab.command(FlowCommand::Frame {
        flow: client.key,
        frame,
    });
    lab.settle();
    let sent = lab.sent(ACCESS);
    assert_eq!(sent.len(), 1);
    assert_eq!(
        client.receive(&sent[0]),
        Received::Clear(Protocol::LCP, request[4..].to_vec())
    );
    assert_eq!(
        client.acknowledged,
        Some(0),
        "the acknowledgment rides along"
    );
}

#[test]
fn data_right_behind_the_acks_of_ccp_and_ipcp_is_not_lost() {
    let mut lab = Lab::new();
    let mut client = lab.open(7, 2);
    client.greet(&mut lab);
    lab.authorise(&mut client, policy(Encryption::Required));
    let flow = client.key;
    // Our Ack of the client's CCP request is what the client may open on.
    lab.command(FlowCommand::ArmUpstream {
        flow,
        agreement: Suite::STATELESS_128.into(),
    });
    let frame = FrameBytes::copy_of(&CONFIGURE_ACK).unwrap();
    lab.command(FlowCommand::Frame { flow, frame });
    lab.command(FlowCommand::ForwardUpstream {
        flow,
        lease: client.lease,
    });
    lab.settle();
    assert_eq!(lab.sent(ACCESS).len(), 1);
    client.arm(Suite::STATELESS_128);
    // The client's own Ack and its first data in one burst, before the slow path has seen the Ack.
    let packet = udp(client.lease, HOST, 100);
    let ack = client.ppp(&CONFIGURE_ACK);
    let data = client.data(&packet);
    lab.push(0, ACCESS, &ack);
    lab.push(0, ACCESS, &data);
    lab.settle();
    assert_eq!(lab.network_received().len(), 1);
    assert_eq!(lab.drops(), []);
    assert!(matches!(lab.punted.as_slice(), [Punted::Ppp { .. }]));
}

#[test]
fn nothing_is_armed_or_forwarded_without_proof_of_authentication() {
    let mut lab = Lab::new();
    let client = lab.open(7, 2);
    let flow = client.key;
    let lease = client.lease;
    for command in [
        FlowCommand::ArmUpstream {
            flow,
            agreement: Suite::STATELESS_128.into(),
        },
        FlowCommand::ArmDownstream {
            flow,
            agreement: Suite::STATELESS_128.into(),
        },
        FlowCommand::ForwardUpstream { flow, lease },
        FlowCommand::ForwardDownstream { flow, mtu: 1400 },
    ] {
        lab.command(command);
        lab.settle();
        assert_eq!(lab.reports(), [FlowReport::CommandRefused { flow }]);
    }
}

/// Both directions are to be encrypted.
fn arm(lab: &mut Lab, flow: FlowKey) {
    let suite = Suite::STATELESS_128;
    lab.command(FlowCommand::ArmUpstream {
        flow,
        agreement: suite.into(),
    });
    lab.command(FlowCommand::ArmDownstream {
        flow,
        agreement: suite.into(),
    });
    lab.settle();
}

#[test]
fn a_start_key_arms_once_and_never_where_encryption_is_off() {
    let mut lab = Lab::new();
    let mut client = lab.open(7, 2);
    let flow = client.key;
    lab.authorise(&mut client, policy(Encryption::Required));
    arm(&mut lab, flow);
    assert_eq!(lab.reports(), []);
    arm(&mut lab, flow);
    let refused = FlowReport::CommandRefused { flow };
    assert_eq!(lab.reports(), [refused, refused]);
    let mut other = lab.open(8, 3);
    lab.authorise(&mut other, policy(Encryption::Off));
    lab.command(FlowCommand::ArmUpstream {
        flow: other.key,
        agreement: Suite::STATELESS_128.into(),
    });
    lab.settle();
    assert_eq!(
        lab.reports(),
        [FlowReport::CommandRefused { flow: other.key }]
    );
}

#[test]
fn commands_for_flows_that_are_not_there_are_refused() {
    let mut lab = Lab::new();
    let flow = FlowKey::new(0, CallId::new(99));
    let frame = FrameBytes::copy_of(&CONFIGURE_ACK).unwrap();
    lab.command(FlowCommand::Frame { flow, frame });
    lab.settle();
    assert_eq!(lab.reports(), [FlowReport::CommandRefused { flow }]);
    // But every Close has its Closed, for the slow path counts them.
    lab.command(FlowCommand::Close { flow });
    lab.settle();
    let totals = FlowTotals::default();
    assert_eq!(lab.reports(), [FlowReport::Closed { flow, totals }]);
}

#[test]
fn opening_is_refused_with_its_reason() {
    let mut lab = Lab::of(Plan {
        flows: 1,
        ..Plan::default()
    });
    let client = lab.open(3, 2);
    let call = OpenCall {
        local_address: LOCAL,
        peer_address: client.address,
        peer_call_id: Some(client.call_id),
        peer_receive: PeerReceive::default(),
    };
    for (local, call_id, refusal) in [
        (0, 3, OpenRefusal::CallIdInUse),
        (0, 6, OpenRefusal::SlabFull),
        (9, 6, OpenRefusal::NotOwner),
        (0, 0, OpenRefusal::NotOwner),
    ] {
        let flow = FlowKey::new(local, CallId::new(call_id));
        lab.command(FlowCommand::Open { flow, call });
        lab.settle();
        assert_eq!(lab.reports(), [FlowReport::OpenRefused { flow, refusal }]);
    }
    // A command in the wrong ring.
    let flow = FlowKey::new(0, CallId::new(4));
    let wrong = usize::from((lab.buckets.worker(flow.call_id) + 1) % 3);
    assert!(
        lab.slow[wrong]
            .commands
            .push(FlowCommand::Open { flow, call })
            .is_ok()
    );
    lab.settle();
    let refusal = OpenRefusal::NotOwner;
    assert_eq!(lab.reports(), [FlowReport::OpenRefused { flow, refusal }]);
}

#[test]
fn a_closed_flow_takes_nothing_and_its_bill_is_exact() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    let up = udp(client.lease, HOST, 100);
    client.send(&mut lab, &up);
    let down = udp(HOST, client.lease, 50);
    lab.push_from_network(&down);
    lab.settle();
    // Sent before the close, in the same turn.
    let late = client.data(&up);
    lab.push(0, ACCESS, &late);
    lab.settle();
    let totals = lab.close(&client);
    assert_eq!(
        (totals.upstream_packets, totals.upstream_bytes),
        (2, 2 * 128)
    );
    assert_eq!(
        (totals.downstream_packets, totals.downstream_bytes),
        (1, 78)
    );
    assert_eq!((totals.upstream_drops, totals.downstream_drops), (0, 0));
    assert_eq!(totals.last_heard_ns, lab.now.as_nanos());

    client.send(&mut lab, &up);
    assert_eq!(lab.dropped(DropReason::GreCallIdUnknown), 1);
    lab.push_from_network(&down);
    lab.settle();
    assert_eq!(lab.dropped(DropReason::NoLease), 1);

    // The next call in the slot starts from nothing, with the same Call ID.
    let mut next = lab.open(7, 4);
    let packet = udp(lease(104), HOST, 10);
    next.send(&mut lab, &packet);
    assert_eq!(lab.dropped(DropReason::PlaintextRefused), 1);
    let totals = lab.close(&next);
    assert_eq!(totals.upstream_packets, 0);
    assert_eq!(totals.upstream_drops, 1);
}

#[test]
fn clear_data_passes_where_policy_says_so_until_mppe_is_armed() {
    let mut lab = Lab::new();
    for (call_id, last, encryption) in [(7, 2, Encryption::Off), (8, 3, Encryption::Optional)] {
        let mut client = lab.dial(call_id, last, policy(encryption));
        let packet = udp(client.lease, HOST, 33);
        client.send(&mut lab, &packet);
        assert_eq!(lab.network_received().len(), 1);
        let packet = udp(HOST, client.lease, 33);
        lab.push_from_network(&packet);
        lab.settle();
        let sent = lab.sent(ACCESS);
        assert_eq!(client.packets(&sent).len(), 1);
        if encryption == Encryption::Optional {
            let flow = client.key;
            lab.command(FlowCommand::ArmUpstream {
                flow,
                agreement: Suite::STATELESS_128.into(),
            });
            lab.settle();
            let packet = udp(client.lease, HOST, 33);
            client.send(&mut lab, &packet);
            assert_eq!(lab.drops(), [(DropReason::PlaintextRefused, 1)]);
        }
    }
}

#[test]
fn a_closing_worker_still_sends_what_was_queued_before() {
    let mut lab = Lab::new();
    let mut client = lab.dial(7, 2, policy(Encryption::Required));
    let frame = FrameBytes::copy_of(&[0xff, 0x03, 0xc0, 0x21, 5, 9, 0, 4]).unwrap();
    lab.command(FlowCommand::Frame {
        flow: client.key,
        frame,
    });
    lab.close(&client);
    let sent = lab.sent(ACCESS);
    assert_eq!(sent.len(), 1);
    assert_eq!(
        client.receive(&sent[0]),
        Received::Clear(Protocol::LCP, vec![5, 9, 0, 4])
    );
    assert_eq!(lab.frames(FrameCount::ControlOut), 1);
}

#[test]
fn what_a_port_sends_after_the_end_of_a_call_is_not_billed_to_the_next_one() {
    let mut lab = Lab::single();
    let client = lab.dial(7, 2, policy(Encryption::Required));
    lab.set_room(ACCESS, 0);
    let packet = udp(HOST, client.lease, 50);
    lab.push_from_network(&packet);
    lab.settle();
    assert_eq!(lab.close(&client).downstream_packets, 0);
    let next = lab.open(8, 3);
    lab.set_room(ACCESS, 1000);
    lab.settle();
    assert_eq!(lab.sent(ACCESS).len(), 1, "what was encrypted still leaves");
    assert_eq!(lab.close(&next).downstream_packets, 0);
}
