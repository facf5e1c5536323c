//! Stateful MPPE in the worker: what a loss costs, who is told, and how the step is found again.

use std::time::Duration;

use pns::dataplane::{DropReason, FrameCount};
use pns::flow::{Encryption, FlowCommand, FlowReport};
use pns::mppe::keys::{Mode, Strength, Suite};
use pns::wire::ethernet::ether_type;

use crate::client::Client;
use crate::lab::{ACCESS, HOST, HOST_MAC, Lab, NETWORK, NETWORK_MAC, Plan, lease, policy};
use crate::packets::{self, udp};

const STATEFUL: Suite = Suite {
    strength: Strength::Bits128,
    mode: Mode::Stateful,
};

struct World {
    lab: Lab,
    client: Client,
}

impl World {
    fn new() -> Self {
        Self::of(Lab::single(), STATEFUL)
    }

    fn of(mut lab: Lab, suite: Suite) -> Self {
        let client = lab.dial_with(7, 2, policy(Encryption::Required), suite);
        Self { lab, client }
    }

    /// The client sends a packet; whether it reached the network.
    fn up(&mut self) -> bool {
        let packet = udp(self.client.lease, HOST, 40);
        self.client.send(&mut self.lab, &packet);
        !self.lab.network_received().is_empty()
    }

    /// The client sends a packet that never arrives.
    fn lost_up(&mut self) {
        let _lost = self.client.data(&udp(self.client.lease, HOST, 40));
    }

    /// A packet for the client; the frames that leave for it.
    fn down(&mut self) -> Vec<Vec<u8>> {
        self.lab
            .push_from_network(&udp(HOST, self.client.lease, 40));
        self.lab.settle();
        self.lab.sent(ACCESS)
    }

    /// A packet reaches the client whole.
    fn reaches(&mut self) {
        let frames = self.down();
        assert_eq!(self.client.packets(&frames).len(), 1);
    }

    fn resets_wanted(&mut self) -> usize {
        let flow = self.client.key;
        let reports = self.lab.reports();
        let wanted = FlowReport::ResetWanted { flow };
        assert!(
            reports.iter().all(|report| *report == wanted),
            "{reports:?}"
        );
        reports.len()
    }

    fn flush_downstream(&mut self) {
        let flow = self.client.key;
        self.lab.command(FlowCommand::FlushDownstream { flow });
        self.lab.settle();
    }
}

/// The MPPE header of a frame to a client.
fn mppe_header(frame: &[u8]) -> [u8; 2] {
    let (_, packet) = packets::ip_of(frame);
    let header = pns::wire::gre::Header::parse(&packet[20..]).unwrap();
    let ppp = &packet[20 + header.length()..];
    assert_eq!(ppp[..4], [0xff, 0x03, 0x00, 0xfd]);
    [ppp[4], ppp[5]]
}

#[test]
fn every_strength_passes_both_ways_past_flag_frames() {
    for strength in [Strength::Bits40, Strength::Bits56, Strength::Bits128] {
        let mode = Mode::Stateful;
        let mut world = World::of(Lab::single(), Suite { strength, mode });
        for number in 0..600 {
            assert!(world.up(), "{strength:?} {number}");
            world.reaches();
        }
        assert_eq!(world.lab.drops(), []);
        assert_eq!(world.resets_wanted(), 0);
    }
}

#[test]
fn several_frames_of_a_flow_in_one_burst_are_decrypted_and_encrypted_in_order() {
    let mut world = World::new();
    for round in 0..20 {
        let packet = udp(world.client.lease, HOST, 40 + round);
        for _ in 0..30 {
            let frame = world.client.data(&packet);
            world.lab.push(0, ACCESS, &frame);
            let down = udp(HOST, world.client.lease, 40 + round);
            world.lab.push_from_network(&down);
        }
        world.lab.settle();
        assert_eq!(world.lab.network_received().len(), 30);
        let frames = world.lab.sent(ACCESS);
        assert_eq!(world.client.packets(&frames).len(), 30);
    }
    assert_eq!(world.lab.drops(), []);
}

#[test]
fn a_lost_frame_costs_all_until_the_client_flushes_and_is_reported_once() {
    let mut world = World::new();
    assert!(world.up());
    world.lost_up();
    for _ in 0..10 {
        assert!(!world.up());
    }
    assert_eq!(world.resets_wanted(), 1);
    assert_eq!(world.lab.drops(), [(DropReason::MppeOutOfStep, 10)]);
    world.client.flush();
    for _ in 0..300 {
        assert!(world.up());
    }
    assert_eq!(world.resets_wanted(), 0);
    let totals = world.lab.close(&world.client);
    assert_eq!((totals.upstream_packets, totals.upstream_drops), (301, 10));
    assert_eq!(
        totals.upstream_lost, 11,
        "those that were dropped did not count as come"
    );
}

#[test]
fn a_second_loss_is_reported_at_once() {
    let mut world = World::new();
    for _ in 0..5 {
        assert!(world.up());
        world.lost_up();
        assert!(!world.up());
        assert_eq!(world.resets_wanted(), 1);
        world.client.flush();
        assert!(world.up());
    }
}

#[test]
fn the_report_is_repeated_while_the_client_stays_out_of_step_and_less_and_less_often() {
    let mut world = World::new();
    assert!(world.up());
    world.lost_up();
    let mut wanted = 0;
    // Ten seconds with a frame each 40 ms, and none of them a flag frame.
    for _ in 0..250 {
        assert!(!world.up());
        wanted += world.resets_wanted();
        world.lab.advance(Duration::from_millis(40));
    }
    // 0, 120, 320, 720, 1520, 2520 ms, and once a second.
    assert_eq!(wanted, 13);
}

#[test]
fn a_stranger_cannot_make_us_ask_without_end() {
    let mut world = World::new();
    let mut wanted = 0;
    for round in 0..500u16 {
        assert!(world.up());
        // Between any two true frames one that seems to be behind a loss.
        let ppp = [
            0xff,
            0x03,
            0x00,
            0xfd,
            0x18,
            round.to_be_bytes()[1],
            1,
            2,
            3,
            4,
        ];
        let forged = world.client.numbered(world.client.sequence + 9, &ppp);
        world.lab.push(0, ACCESS, &forged);
        world.lab.settle();
        wanted += world.resets_wanted();
    }
    assert_eq!(wanted, 10, "the call itself lost nothing");
    assert_eq!(world.lab.drops(), [(DropReason::MppeOutOfStep, 500)]);
}

#[test]
fn late_and_repeated_frames_are_dropped_by_name_and_move_nothing() {
    let mut world = World::new();
    assert!(world.up());
    let late = world.client.data(&udp(world.client.lease, HOST, 10));
    world.lab.push(0, ACCESS, &late);
    world.lab.push(0, ACCESS, &late);
    world.lab.settle();
    assert_eq!(world.lab.network_received().len(), 1);
    assert_eq!(world.lab.drops(), [(DropReason::MppeDuplicate, 1)]);
    world.lost_up();
    let overtaken = world.client.sequence - 1;
    world.client.flush();
    assert!(world.up());
    let ppp = [0xff, 0x03, 0x00, 0xfd, 0x10, 2, 1, 2, 3, 4];
    let frame = world.client.numbered(overtaken, &ppp);
    world.lab.push(0, ACCESS, &frame);
    world.lab.settle();
    assert_eq!(world.lab.dropped(DropReason::MppeKeyGone), 1);
    assert!(world.up());
    assert_eq!(world.resets_wanted(), 0);
}

#[test]
fn a_packet_that_is_none_is_dropped_and_the_step_is_kept() {
    let mut world = World::new();
    let broken = world.client.wrap_inside(vec![0x00, 0x21, 0x45, 0, 0, 99]);
    let other = world.client.wrap_inside(vec![0x00, 0x2b, 1, 2, 3, 4]);
    for ppp in [broken, other] {
        let frame = world.client.ppp(&ppp);
        world.lab.push(0, ACCESS, &frame);
        world.lab.settle();
    }
    assert!(world.up());
    let expected = [
        (DropReason::PppMalformed, 1),
        (DropReason::InnerMalformed, 1),
    ];
    assert_eq!(world.lab.drops(), expected);
}

#[test]
fn wrong_keys_are_reported_in_stateful_mode_too() {
    let mut world = World::new();
    // The same call, with the keys of another login.
    let mut impostor = Client::new(world.client.key, 3);
    impostor.address = world.client.address;
    impostor.sequence = world.client.sequence;
    impostor.arm(STATEFUL);
    let flow = world.client.key;
    let (mut failing, mut wanted) = (0, 0);
    for _ in 0..8 {
        for _ in 0..5 {
            let packet = udp(lease(102), HOST, 40);
            impostor.send(&mut world.lab, &packet);
        }
        for report in world.lab.reports() {
            match report {
                FlowReport::DecryptionFailing { flow: failed } if failed == flow => failing += 1,
                FlowReport::ResetWanted { flow: lost } if lost == flow => wanted += 1,
                other => panic!("{other:?}"),
            }
        }
        // It does what it is asked for, in vain.
        impostor.flush();
        world.lab.advance(Duration::from_secs(1));
    }
    assert_eq!(failing, 1, "once");
    assert!(wanted >= 5, "{wanted}");
    assert!(world.lab.network_received().is_empty());
}

#[test]
fn a_flush_starts_the_next_frame_afresh_and_only_that() {
    let mut world = World::new();
    for _ in 0..3 {
        world.reaches();
    }
    world.flush_downstream();
    let frames = world.down();
    assert_eq!(
        mppe_header(&frames[0]),
        [0x90, 0xff],
        "the block's next flag frame"
    );
    assert_eq!(world.client.packets(&frames).len(), 1);
    let frames = world.down();
    assert_eq!(mppe_header(&frames[0]), [0x11, 0x00]);
    assert_eq!(world.client.packets(&frames).len(), 1);
}

#[test]
fn the_first_frame_is_not_flushed_because_linux_would_change_the_key() {
    let mut world = World::new();
    let frames = world.down();
    assert_eq!(mppe_header(&frames[0]), [0x10, 0x00]);
}

#[test]
fn a_client_that_lost_frames_is_back_with_the_first_flushed_one() {
    let mut world = World::new();
    world.reaches();
    let lost = world.down();
    let late = world.down();
    assert_eq!((lost.len(), late.len()), (1, 1));
    world.client.expected += 1;
    assert_eq!(
        world.client.receive_lossy(&late[0]),
        None,
        "nothing decrypts"
    );
    world.flush_downstream();
    for _ in 0..300 {
        world.reaches();
    }
}

#[test]
fn a_flush_means_nothing_to_a_stateless_flow_and_is_refused_without_keys() {
    let mut world = World::of(Lab::single(), Suite::STATELESS_128);
    world.reaches();
    world.flush_downstream();
    let frames = world.down();
    assert_eq!(mppe_header(&frames[0]), [0x90, 0x01]);
    assert_eq!(world.client.packets(&frames).len(), 1);
    assert_eq!(world.lab.reports(), []);

    let clear = world.lab.dial(9, 4, policy(Encryption::Off));
    let flow = clear.key;
    world.lab.command(FlowCommand::FlushDownstream { flow });
    world.lab.settle();
    assert_eq!(world.lab.reports(), [FlowReport::CommandRefused { flow }]);
}

/// A frame that was encrypted and did not leave is lost for the client, who cannot know it yet.
#[test]
fn after_a_full_port_the_next_frame_is_flushed() {
    let mut lab = Lab::of(Plan {
        workers: 1,
        pool: 512,
        ..Plan::default()
    });
    let client = lab.dial_with(7, 2, policy(Encryption::Required), STATEFUL);
    let mut world = World { lab, client };
    world.reaches();
    world.lab.set_room(ACCESS, 0);
    for _ in 0..70 {
        let packet = udp(HOST, world.client.lease, 40);
        let frame = packets::frame(NETWORK_MAC, HOST_MAC, ether_type::IPV4, &packet);
        world.lab.push(0, NETWORK, &frame);
    }
    world.lab.settle();
    let full = world.lab.dropped(DropReason::TxFull);
    assert!(full > 0, "{:?}", world.lab.drops());
    world.lab.set_room(ACCESS, usize::MAX);
    world.lab.settle();
    let waited = world.lab.sent(ACCESS);
    assert_eq!(waited.len(), 70 - usize::try_from(full).unwrap());
    assert_eq!(world.client.packets(&waited).len(), waited.len());
    world.client.expected += u32::try_from(full).unwrap();
    let frames = world.down();
    assert_eq!(mppe_header(&frames[0]), [0x90, 0xff]);
    assert_eq!(world.client.packets(&frames).len(), 1);
    world.reaches();
}

#[test]
fn a_new_call_in_the_place_of_a_stateful_one_starts_from_its_own_key() {
    let mut world = World::new();
    for _ in 0..5 {
        assert!(world.up());
        world.reaches();
    }
    world.lab.close(&world.client);
    let mut next = World::of(world.lab, STATEFUL);
    for _ in 0..5 {
        assert!(next.up());
        next.reaches();
    }
    assert_eq!(next.lab.drops(), []);
    assert!(next.lab.frames(FrameCount::Sent) > 0);
}

#[test]
fn clear_control_frames_do_not_disturb_the_step() {
    let mut world = World::new();
    for _ in 0..5 {
        assert!(world.up());
        let echo = world.client.ppp(&[0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 4]);
        world.lab.push(0, ACCESS, &echo);
        let reset = world.client.ppp(&[0xff, 0x03, 0x80, 0xfd, 14, 1, 0, 4]);
        world.lab.push(0, ACCESS, &reset);
        world.lab.settle();
    }
    assert_eq!(world.lab.drops(), []);
    assert_eq!(world.lab.punted.len(), 10);
    world.reaches();
}
