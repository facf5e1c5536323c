//! MPPC on calls (RFC 2118), under each kind of MPPE and alone, with a client that compresses and
//! decompresses by code of its own (`mppc_model`).

use std::net::Ipv4Addr;

use pns::dataplane::{DropReason, FrameCount};
use pns::flow::{Encryption, FlowCommand, FlowReport};
use pns::mppe::keys::{Mode, Strength, Suite};
use pns::wire::ccp::Agreement;
use pns::wire::ethernet::ether_type;
use pns::wire::ipv4::protocol;
use proptest::prelude::*;

use crate::client::{Client, Received};
use crate::lab::{ACCESS, HOST, HOST_MAC, Lab, NETWORK, NETWORK_MAC, Plan, policy};
use crate::mppc_model::{AT_FRONT, COMPRESSED, FLUSHED};
use crate::packets::{self, ip};

const fn under(strength: Strength, mode: Mode) -> Agreement {
    Agreement {
        suite: Some(Suite { strength, mode }),
        compression: true,
    }
}

const STATELESS: Agreement = under(Strength::Bits128, Mode::Stateless);
const STATEFUL: Agreement = under(Strength::Bits128, Mode::Stateful);
const ALONE: Agreement = Agreement::COMPRESSION;
const EACH: [Agreement; 4] = [
    STATELESS,
    STATEFUL,
    under(Strength::Bits40, Mode::Stateful),
    ALONE,
];

pub(crate) struct World {
    pub(crate) lab: Lab,
    pub(crate) client: Client,
}

impl World {
    pub(crate) fn new(agreement: Agreement) -> Self {
        let lab = Lab::of(Plan {
            workers: 1,
            pool: 512,
            ..Self::plan()
        });
        Self::of(lab, agreement)
    }

    fn plan() -> Plan {
        let mut plan = Plan::default();
        plan.config.mppc_calls_max = 1;
        plan
    }

    fn of(mut lab: Lab, agreement: Agreement) -> Self {
        let encryption = match agreement.suite {
            Some(_) => Encryption::Required,
            None => Encryption::Optional,
        };
        let client = lab.dial_with(7, 2, policy(encryption), agreement);
        Self { lab, client }
    }

    /// The client sends a packet; whether it reached the network as it was.
    fn up_packet(&mut self, packet: &[u8]) -> bool {
        self.client.send(&mut self.lab, packet);
        let received = self.lab.network_received();
        for arrived in &received {
            assert_eq!(arrived[20..], packet[20..]);
        }
        !received.is_empty()
    }

    /// The same with a text of this length.
    pub(crate) fn up(&mut self, length: usize) -> bool {
        self.up_packet(&text(self.client.lease, HOST, length))
    }

    /// The client sends a packet that never arrives.
    pub(crate) fn lost_up(&mut self, length: usize) {
        let _lost = self.client.data(&text(self.client.lease, HOST, length));
    }

    /// A packet as the client compresses it.
    pub(crate) fn pack(&mut self, packet: &[u8]) -> (u16, Vec<u8>) {
        let mppc = self.client.mppc.as_mut().unwrap();
        mppc.sender.compress(&[&[0x00, 0x21], packet].concat())
    }

    /// The client sends what it takes for compressed.
    pub(crate) fn send_packed(&mut self, bits: u16, packed: &[u8]) {
        let ppp = self.client.wrap_packed(bits, packed.to_vec());
        let frame = self.client.ppp(&ppp);
        self.lab.push(0, ACCESS, &frame);
        self.lab.settle();
    }

    /// A packet for the client; the frames that leave for it.
    fn down(&mut self, packet: &[u8]) -> Vec<Vec<u8>> {
        self.lab.push_from_network(packet);
        self.lab.settle();
        self.lab.sent(ACCESS)
    }

    /// A packet reaches the client whole. Answers its header.
    fn reaches(&mut self, length: usize) -> u16 {
        let packet = text(HOST, self.client.lease, length);
        let frames = self.down(&packet);
        let [frame] = frames.as_slice() else {
            panic!("{frames:?}");
        };
        let header = header(frame);
        let arrived = self.client.packets(&frames);
        assert_eq!(arrived.len(), 1);
        assert_eq!(arrived[0][20..], packet[20..]);
        header
    }

    fn resets_wanted(&mut self) -> usize {
        let flow = self.client.key;
        let wanted = FlowReport::ResetWanted { flow };
        let reports = self.lab.reports();
        assert!(reports.iter().all(|report| *report == wanted));
        reports.len()
    }

    fn flush_downstream(&mut self) {
        let flow = self.client.key;
        self.lab.command(FlowCommand::FlushDownstream { flow });
        self.lab.settle();
    }
}

/// A call that compresses and does not encrypt, and has received this.
pub(crate) fn packed(bits: u16, packed: &[u8]) -> Lab {
    let mut world = World::new(ALONE);
    world.send_packed(bits, packed);
    world.lab.reports();
    world.lab
}

/// The header of MPPE and MPPC of a frame to a client.
fn header(frame: &[u8]) -> u16 {
    let (_, packet) = packets::ip_of(frame);
    let gre = pns::wire::gre::Header::parse(&packet[20..]).unwrap();
    let ppp = &packet[20 + gre.length()..];
    assert_eq!(ppp[..4], [0xff, 0x03, 0x00, 0xfd]);
    u16::from_be_bytes([ppp[4], ppp[5]])
}

/// A packet in which the same comes again and again.
pub(crate) fn text(source: Ipv4Addr, destination: Ipv4Addr, length: usize) -> Vec<u8> {
    let words = b"all work and no play ".iter().copied().cycle();
    ip(
        protocol::UDP,
        source,
        destination,
        &words.take(length).collect::<Vec<u8>>(),
    )
}

/// Bytes in which nothing comes again.
fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0] | 0x80
    };
    (0..length).map(|_| next()).collect()
}

/// A request that is much like all others, or noise.
fn payload(number: u32) -> Vec<u8> {
    if number % 7 == 3 {
        return noise(number, 400);
    }
    let line = format!("GET /pages/{number}.html HTTP/1.1\r\nHost: example.net\r\n");
    line.repeat(1 + number as usize % 9).into_bytes()
}

#[test]
fn rfc2118_s2_where_bit_c_was_agreed_packets_are_compressed_both_ways() {
    for agreement in EACH {
        let mut world = World::new(agreement);
        for number in 0..600 {
            let up = ip(protocol::UDP, world.client.lease, HOST, &payload(number));
            assert!(world.up_packet(&up), "{agreement} {number}");
            let down = ip(protocol::UDP, HOST, world.client.lease, &payload(number));
            let frames = world.down(&down);
            let arrived = world.client.packets(&frames);
            assert_eq!(arrived[0][20..], down[20..], "{agreement} {number}");
        }
        assert_eq!(world.lab.drops(), [], "{agreement}");
        assert_eq!(world.resets_wanted(), 0);
        let mppc = world.client.mppc.as_ref().unwrap();
        let most = if agreement.is_stateful() { 45 } else { 60 };
        assert!(mppc.packed * 100 < mppc.plain * most, "{agreement}");
    }
}

#[test]
fn rfc2118_s3_each_frame_is_one_packet_of_protocol_fd_and_control_frames_stay_as_they_are() {
    let mut world = World::new(ALONE);
    let first = world.reaches(200);
    assert_eq!(first, FLUSHED | AT_FRONT | COMPRESSED);
    assert_eq!(world.reaches(200), COMPRESSED | 1);
    // Of what is in a frame the protocol is the first thing: only 0x0021 to 0x00fa are.
    let other = world.client.wrap_inside(vec![0xc0, 0x21, 9, 1, 0, 4]);
    let frame = world.client.ppp(&other);
    world.lab.push(0, ACCESS, &frame);
    world.lab.settle();
    assert_eq!(world.lab.drops(), [(DropReason::PppMalformed, 1)]);
    // LCP goes both ways in clear, and between frames.
    let echo = [0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 4];
    let frame = world.client.ppp(&echo);
    world.lab.push(0, ACCESS, &frame);
    let flow = world.client.key;
    let frame = pns::flow::FrameBytes::copy_of(&echo).unwrap();
    world.lab.command(FlowCommand::Frame { flow, frame });
    world.lab.settle();
    assert_eq!(world.lab.punted.len(), 1);
    let sent = world.lab.sent(ACCESS);
    assert!(matches!(
        world.client.receive(&sent[0]),
        Received::Clear(..)
    ));
    assert!(world.up(200));
    assert_eq!(world.reaches(200), COMPRESSED | 2);
}

#[test]
fn clear_packets_are_taken_on_a_call_that_only_compresses() {
    let mut world = World::new(ALONE);
    assert!(world.up(100));
    let clear = [&[0xff, 3, 0, 0x21], &text(world.client.lease, HOST, 9)[..]].concat();
    let frame = world.client.ppp(&clear);
    world.lab.push(0, ACCESS, &frame);
    world.lab.settle();
    assert_eq!(world.lab.network_received().len(), 1);
    assert!(world.up(100));
    assert_eq!(world.lab.drops(), []);
}

#[test]
fn rfc2118_s4_3_after_a_loss_the_client_is_asked_once_and_nothing_is_used_until_bit_a() {
    for (agreement, reason) in [
        (STATEFUL, DropReason::MppeOutOfStep),
        (ALONE, DropReason::MppcOutOfStep),
    ] {
        let mut world = World::new(agreement);
        for round in 1..4 {
            assert!(world.up(300));
            world.lost_up(200);
            for _ in 0..10 {
                assert!(!world.up(300), "{agreement}");
            }
            assert_eq!(world.resets_wanted(), 1, "{agreement}");
            assert_eq!(world.lab.drops(), [(reason, 10 * round)]);
            world.client.flush();
            for _ in 0..30 {
                assert!(world.up(300), "{agreement}");
            }
        }
        assert_eq!(world.resets_wanted(), 0);
    }
}

#[test]
fn rfc2118_s4_3_a_reset_request_of_the_client_empties_the_history_and_says_so() {
    for agreement in [STATEFUL, ALONE] {
        let mut world = World::new(agreement);
        for _ in 0..5 {
            world.reaches(300);
        }
        // The client loses one, and with it the next.
        let lost = text(HOST, world.client.lease, 300);
        assert_eq!(world.down(&lost).len(), 1);
        world.client.expected += 1;
        world.flush_downstream();
        let fresh = world.reaches(300);
        let bits = FLUSHED | AT_FRONT | COMPRESSED;
        assert_eq!(fresh & bits, bits, "{agreement}");
        for _ in 0..300 {
            world.reaches(300);
        }
    }
}

#[test]
fn rfc2118_s3_1_a_packet_that_would_grow_goes_as_it_is_and_the_next_builds_upon_nothing() {
    for (agreement, next) in [
        (STATELESS, FLUSHED | AT_FRONT | COMPRESSED),
        // Bit A would be RC4's too, and bit B says enough.
        (STATEFUL, AT_FRONT | COMPRESSED),
        (ALONE, FLUSHED | AT_FRONT | COMPRESSED),
    ] {
        let mut world = World::new(agreement);
        world.reaches(300);
        world.reaches(300);
        let grown = ip(protocol::UDP, HOST, world.client.lease, &noise(1, 500));
        let frames = world.down(&grown);
        assert_eq!(header(&frames[0]) & (AT_FRONT | COMPRESSED), 0);
        assert_eq!(world.client.packets(&frames)[0][20..], grown[20..]);
        let bits = FLUSHED | AT_FRONT | COMPRESSED;
        assert_eq!(world.reaches(300) & bits, next, "{agreement}");
    }
}

#[test]
fn rfc3078_s3_1_stateless_frames_are_decompressed_whatever_was_lost_or_overtaken() {
    let mut world = World::new(STATELESS);
    assert!(world.up(100));
    world.lost_up(200);
    let late = world.client.data(&text(world.client.lease, HOST, 300));
    let early = world.client.data(&text(world.client.lease, HOST, 400));
    for frame in [&early, &late, &late] {
        world.lab.push(0, ACCESS, frame);
    }
    world.lab.settle();
    let lengths: Vec<usize> = world.lab.network_received().iter().map(Vec::len).collect();
    assert_eq!(lengths, [20 + 400, 20 + 300]);
    assert!(world.up(100));
    assert_eq!(world.resets_wanted(), 0);
    assert_eq!(world.lab.drops(), [(DropReason::MppeDuplicate, 1)]);
    // Nor does a packet that cannot be decompressed leave a trace. It begins as one, or it would not
    // be taken for decrypted.
    world.client.flush();
    let (bits, mut packed) = world.pack(&noise_behind_a_header(&world.client));
    packed.push(0xff);
    world.send_packed(bits, &packed);
    assert!(world.up(100));
    assert_eq!(world.lab.dropped(DropReason::MppcNotACode), 1);
    assert_eq!(world.resets_wanted(), 0);
}

/// A packet that is compressed, but not by much.
fn noise_behind_a_header(client: &Client) -> Vec<u8> {
    let body = [noise(5, 60), vec![0; 60]].concat();
    ip(protocol::UDP, client.lease, HOST, &body)
}

#[test]
fn late_frames_and_copies_of_a_call_that_only_compresses_move_nothing() {
    let mut world = World::new(ALONE);
    assert!(world.up(100));
    let frame = world.client.data(&text(world.client.lease, HOST, 300));
    for _ in 0..3 {
        world.lab.push(0, ACCESS, &frame);
    }
    world.lab.settle();
    assert_eq!(world.lab.network_received().len(), 1);
    assert!(world.up(100));
    assert_eq!(world.lab.drops(), [(DropReason::MppcOutOfStep, 2)]);
    assert_eq!(world.resets_wanted(), 0);
}

#[test]
fn early_frames_wait_for_those_that_they_build_upon() {
    for agreement in [STATEFUL, ALONE] {
        let mut plan = World::plan();
        plan.workers = 1;
        plan.config.gre.hold_packets = 8;
        let mut world = World::of(Lab::of(plan), agreement);
        assert!(world.up(100));
        let packet = text(world.client.lease, HOST, 300);
        let frames: Vec<_> = (0..4).map(|_| world.client.data(&packet)).collect();
        for place in [1, 3, 2, 0] {
            world.lab.push(0, ACCESS, &frames[place]);
        }
        world.lab.settle();
        assert_eq!(world.lab.network_received().len(), 4, "{agreement}");
        assert_eq!(world.lab.drops(), []);
    }
}

#[test]
fn what_does_not_decompress_under_stateful_mppe_keeps_rc4_in_step_and_is_asked_about() {
    let mut world = World::new(STATEFUL);
    assert!(world.up(100));
    let (bits, mut packed) = world.pack(&noise_behind_a_header(&world.client));
    packed.push(0xff);
    world.send_packed(bits, &packed);
    assert_eq!(world.lab.drops(), [(DropReason::MppcNotACode, 1)]);
    assert_eq!(world.resets_wanted(), 1);
    for _ in 0..3 {
        assert!(!world.up(100));
    }
    assert_eq!(world.lab.dropped(DropReason::MppcOutOfStep), 3);
    world.client.flush();
    for _ in 0..300 {
        assert!(world.up(100));
    }
}

#[test]
fn a_forged_frame_that_says_it_is_compressed_moves_nothing() {
    for (agreement, flags) in [(STATELESS, 0xf0), (STATEFUL, 0xf0), (STATEFUL, 0x30)] {
        let mut world = World::new(agreement);
        for round in 0..100_u8 {
            assert!(world.up(100), "{agreement}");
            let count = (u32::from(round) * 2 + 3).to_be_bytes()[3];
            let body = noise(u32::from(round), 90);
            let ppp = [&[0xff, 0x03, 0x00, 0xfd, flags, count], &body[..]].concat();
            let forged = world.client.numbered(world.client.sequence + 5, &ppp);
            world.lab.push(0, ACCESS, &forged);
            world.lab.settle();
            world.lab.reports();
            assert!(world.up(100), "{agreement} {round}");
        }
        let drops = world.lab.drops();
        let all: u64 = drops.iter().map(|(_, frames)| frames).sum();
        assert_eq!(all, 100, "{drops:?}");
    }
}

#[test]
fn a_compressed_frame_is_refused_where_compression_was_not_agreed_on() {
    let mut lab = Lab::single();
    let client = lab.dial(7, 2, policy(Encryption::Required));
    let mut world = World { lab, client };
    world.send_packed(COMPRESSED, &[1; 60]);
    assert_eq!(world.lab.drops(), [(DropReason::MppeCompressed, 1)]);
}

#[test]
fn a_history_is_one_calls_own_and_goes_back_with_it() {
    let mut world = World::new(STATEFUL);
    for _ in 0..20 {
        assert!(world.up(500));
        world.reaches(500);
    }
    // There is room for one, and compression alone is nothing for a call that must encrypt.
    let mut other = world.lab.open(9, 4);
    other.greet(&mut world.lab);
    world
        .lab
        .authorise(&mut other, policy(Encryption::Required));
    let (flow, refused) = (other.key, FlowReport::CommandRefused { flow: other.key });
    for agreement in [STATEFUL, ALONE] {
        let command = FlowCommand::ArmUpstream { flow, agreement };
        world.lab.command(command);
        world.lab.settle();
        assert_eq!(world.lab.reports(), [refused], "{agreement}");
    }
    world.lab.close(&world.client);
    let mut next = World::of(world.lab, STATEFUL);
    assert_eq!(next.reaches(500) & COMPRESSED, COMPRESSED);
    for _ in 0..20 {
        assert!(next.up(500));
        next.reaches(500);
    }
    assert_eq!(next.lab.drops(), []);
    let flow = next.client.key;
    next.lab.command(FlowCommand::Suspend { flow });
    next.lab.settle();
    // The place is free again, for a login on the same call.
    let mut client = next.client;
    let mut lab = next.lab;
    lab.bring_up(&mut client, policy(Encryption::Required), STATEFUL);
    let mut again = World { lab, client };
    assert!(again.up(500));
    again.reaches(500);
}

/// A frame that was compressed and did not leave is lost for the client, who cannot know it yet.
#[test]
fn after_a_full_port_the_next_frame_starts_with_an_empty_history() {
    let mut world = World::new(ALONE);
    world.reaches(300);
    world.lab.set_room(ACCESS, 0);
    for _ in 0..70 {
        let packet = text(HOST, world.client.lease, 300);
        let frame = packets::frame(NETWORK_MAC, HOST_MAC, ether_type::IPV4, &packet);
        world.lab.push(0, NETWORK, &frame);
    }
    world.lab.settle();
    let full = world.lab.dropped(DropReason::TxFull);
    assert!(full > 0);
    world.lab.set_room(ACCESS, usize::MAX);
    world.lab.settle();
    let waited = world.lab.sent(ACCESS);
    assert_eq!(world.client.packets(&waited).len(), waited.len());
    world.client.expected += u32::try_from(full).unwrap();
    assert_eq!(world.reaches(300) & FLUSHED, FLUSHED);
    world.reaches(300);
    assert!(world.lab.frames(FrameCount::Sent) > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes is forwarded or dropped for a reason, and the call lives on.
    #[test]
    fn no_bytes_end_a_call_that_compresses(
        which in 0usize..EACH.len(),
        frames in prop::collection::vec(
            (any::<u16>(), prop::collection::vec(any::<u8>(), 0..120), any::<bool>()),
            1..30,
        ),
    ) {
        let mut world = World::new(EACH[which]);
        prop_assert!(world.up(100));
        for (bits, body, encrypts) in frames {
            if encrypts {
                world.send_packed(bits & (AT_FRONT | COMPRESSED), &body);
            } else {
                let header = bits.to_be_bytes();
                let ppp = [&[0xff, 0x03, 0x00, 0xfd], &header[..], &body[..]].concat();
                let forged = world.client.numbered(world.client.sequence, &ppp);
                world.lab.push(0, ACCESS, &forged);
                world.lab.settle();
            }
            let reports = world.lab.reports();
            let known = |report: &FlowReport| {
                let failing = matches!(report, FlowReport::DecryptionFailing { .. });
                failing || matches!(report, FlowReport::ResetWanted { .. })
            };
            prop_assert!(reports.iter().all(known), "{:?}", reports);
        }
        world.lab.network_received();
        world.lab.sent(ACCESS);
        world.client.flush();
        // A forged frame may have taken this number on a call that does not encrypt.
        world.client.sequence += 1;
        prop_assert!(world.up(100));
        prop_assert!(world.up(100));
    }
}
