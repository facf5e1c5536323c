//! No allocation per forwarded packet: a counting allocator watches workers at work.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that meets the unexpected has to fail"
)]

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use pns::dataplane::FrameCount;
use pns::flow::{Encryption, FlowCommand, FlowKey, FlowPolicy, FrameBytes};
use pns::mppe::keys::{Mode, Strength, Suite};
use pns::routing::directory::directory;
use pns::routing::{Directory, DirectoryWriter};
use pns::wire::call_id::CallId;
use pns::wire::ccp::Agreement;

use lab::{ACCESS, HOST, HOST_MAC, Lab, NETWORK, NETWORK_MAC, Plan, policy};
use packets::udp;

#[path = "pipeline/client.rs"]
#[expect(dead_code, reason = "shared with the tests of the pipeline")]
mod client;
#[path = "pipeline/lab.rs"]
#[expect(dead_code, reason = "shared with the tests of the pipeline")]
mod lab;
#[path = "pipeline/mppc_model.rs"]
mod mppc_model;
#[path = "pipeline/packets.rs"]
#[expect(dead_code, reason = "shared with the tests of the pipeline")]
mod packets;

/// Turns every worker some times, and answers the allocations that this took.
fn turn(lab: &mut Lab) -> u64 {
    let counted = allocation_counter::measure(|| {
        for _ in 0..8 {
            for worker in &mut lab.workers {
                worker.turn(lab.now);
            }
        }
    });
    counted.count_total
}

fn watched() -> (Lab, Vec<client::Client>) {
    let open = FlowPolicy {
        client_to_client: true,
        mss_max: 1360,
        ..policy(Encryption::Required)
    };
    let mut lab = Lab::of(Plan {
        pool: 512,
        ..Plan::default()
    });
    let clients = (0..6)
        .map(|n| lab.dial(20 + n, 2 + u8::try_from(n).unwrap(), open))
        .collect();
    (lab, clients)
}

#[test]
fn the_counter_counts() {
    let counted = allocation_counter::measure(|| {
        drop(std::hint::black_box(Box::new(1)));
    });
    assert_eq!(counted.count_total, 1);
}

#[test]
fn forwarding_both_ways_allocates_nothing() {
    let (mut lab, mut clients) = watched();
    for round in 0..20 {
        let neighbour = clients[1].lease;
        for client in &mut clients {
            let up = client.data(&udp(client.lease, HOST, round * 60));
            lab.push(0, ACCESS, &up);
            let down = udp(HOST, client.lease, round * 60);
            let frame = packets::frame(NETWORK_MAC, HOST_MAC, 0x0800, &down);
            lab.push(1, NETWORK, &frame);
            let across = client.data(&udp(client.lease, neighbour, 30));
            lab.push(2, ACCESS, &across);
        }
        assert_eq!(turn(&mut lab), 0, "round {round}");
    }
    assert_eq!(lab.drops(), []);
    assert_eq!(lab.network_received().len(), 6 * 20);
    assert_eq!(lab.sent(ACCESS).len(), 6 * 20 * 2);
}

#[test]
fn stateful_forwarding_losses_and_flushes_allocate_nothing() {
    let suite = Suite {
        strength: Strength::Bits128,
        mode: Mode::Stateful,
    };
    let mut lab = Lab::of(Plan {
        pool: 512,
        ..Plan::default()
    });
    let mut client = lab.dial_with(20, 2, policy(Encryption::Required), suite);
    let flow = client.key;
    for round in 0..300 {
        let up = client.data(&udp(client.lease, HOST, round));
        if round % 20 != 7 {
            lab.push(0, ACCESS, &up);
        }
        let down = udp(HOST, client.lease, round);
        let frame = packets::frame(NETWORK_MAC, HOST_MAC, 0x0800, &down);
        lab.push(1, NETWORK, &frame);
        if round % 20 == 11 {
            client.flush();
            lab.command(FlowCommand::FlushDownstream { flow });
        }
        assert_eq!(turn(&mut lab), 0, "round {round}");
        lab.now = lab.now + std::time::Duration::from_millis(10);
    }
    assert_eq!(lab.network_received().len(), 300 - 15 - 15 * 4);
    assert_eq!(lab.sent(ACCESS).len(), 300);
}

#[test]
fn compression_and_decompression_allocate_nothing() {
    let suite = |mode| Suite {
        strength: Strength::Bits128,
        mode,
    };
    let with = |mode| Agreement {
        compression: true,
        ..suite(mode).into()
    };
    for (agreement, encryption) in [
        (with(Mode::Stateless), Encryption::Required),
        (with(Mode::Stateful), Encryption::Required),
        (Agreement::COMPRESSION, Encryption::Optional),
    ] {
        let mut plan = Plan {
            pool: 512,
            ..Plan::default()
        };
        plan.config.mppc_calls_max = 1;
        let mut lab = Lab::of(plan);
        let mut client = lab.dial_with(20, 2, policy(encryption), agreement);
        let flow = client.key;
        for round in 0..60 {
            let up = client.data(&udp(client.lease, HOST, round * 20));
            // A lost frame and what follows until the client has started afresh.
            if round % 20 != 7 {
                lab.push(0, ACCESS, &up);
            }
            lab.push_from_network(&udp(HOST, client.lease, round * 20));
            if round % 20 == 11 {
                client.flush();
                lab.command(FlowCommand::FlushDownstream { flow });
            }
            assert_eq!(turn(&mut lab), 0, "round {round}");
            lab.now = lab.now + std::time::Duration::from_millis(10);
        }
        let lost = if agreement.is_stateful() { 5 } else { 1 };
        assert_eq!(lab.network_received().len(), 60 - 3 * lost);
        let frames = lab.sent(ACCESS);
        assert_eq!(client.packets(&frames).len(), 60);
    }
}

#[test]
fn the_ways_aside_allocate_nothing_either() {
    let (mut lab, mut clients) = watched();
    let client = &mut clients[0];
    for round in 0..10_u16 {
        // Control frames both ways, a lone acknowledgment, ARP, a forged frame, something to cut.
        let request = [0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 4];
        let frame = FrameBytes::copy_of(&request).unwrap();
        lab.command(FlowCommand::Frame {
            flow: client.key,
            frame,
        });
        let frame = client.ppp(&request);
        lab.push(0, ACCESS, &frame);
        let arp = packets::frame([0xff; 6], HOST_MAC, 0x0806, &[0; 46]);
        lab.push(0, ACCESS, &arp);
        let forged = client.numbered(client.sequence, &[0xff, 3, 0, 0xfd, 0x90, 0, 1, 2, 3]);
        lab.push(0, ACCESS, &forged);
        lab.push_from_network(&udp(HOST, client.lease, 1450));
        let late = client.data(&udp(client.lease, HOST, 10));
        let early = client.data(&udp(client.lease, HOST, 10));
        lab.push(0, ACCESS, &early);
        lab.push(0, ACCESS, &late);
        lab.now = lab.now + std::time::Duration::from_millis(200);
        assert_eq!(turn(&mut lab), 0, "round {round}");
    }
    assert_eq!(lab.network_received().len(), 20);
    assert!(lab.frames(FrameCount::Generated) >= 10);
}

#[test]
fn frames_that_wait_and_those_that_are_acknowledged_at_once_allocate_nothing() {
    let mut plan = Plan {
        pool: 512,
        ..Plan::default()
    };
    plan.config.gre.hold_packets = 64;
    plan.config.gre.acknowledgment_frames = 1;
    let mut lab = Lab::of(plan);
    let mut client = lab.dial(20, 2, policy(Encryption::Off));
    for round in 0..20 {
        let packet = udp(client.lease, HOST, 60);
        let first = client.data(&packet);
        for _ in 0..40 {
            let early = client.data(&packet);
            lab.push(0, ACCESS, &early);
        }
        assert_eq!(turn(&mut lab), 0, "round {round}");
        if round % 2 == 0 {
            lab.push(0, ACCESS, &first);
        } else {
            lab.now = lab.now + std::time::Duration::from_millis(5);
        }
        assert_eq!(turn(&mut lab), 0, "round {round}");
        let arrived = 40 + usize::from(round % 2 == 0);
        assert_eq!(lab.network_received().len(), arrived);
    }
    assert!(lab.frames(FrameCount::Generated) >= 20);
    assert_eq!(lab.drops(), []);
}

/// A directory of 100,000 addresses outside of pools.
fn crowded_directory() -> (DirectoryWriter, Directory) {
    let (mut writer, reader) = directory(&[]);
    for n in 0..100_000 {
        writer.set(outside(n), owner(n));
    }
    (writer, reader)
}

fn outside(n: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x6440_0000 + n)
}

fn owner(n: u32) -> FlowKey {
    FlowKey::new(0, CallId::new(u16::try_from(n % 60_000).unwrap() + 1))
}

#[test]
fn a_change_of_the_directory_copies_little_and_its_reader_frees_nothing() {
    let (mut writer, reader) = crowded_directory();
    for n in (0..100_000).step_by(997) {
        assert_eq!(reader.owner(outside(n)), Some(owner(n)));
        let change = allocation_counter::measure(|| writer.set(outside(n), owner(7)));
        assert!(change.bytes_total < 8192, "{change:?}");
        let look = allocation_counter::measure(|| {
            assert_eq!(reader.owner(outside(n)), Some(owner(7)));
        });
        assert_eq!((look.count_total, look.count_current), (0, 0), "{n}");
    }
}

#[test]
fn a_reader_beside_changes_misses_nothing_and_frees_nothing() {
    let (mut writer, reader) = crowded_directory();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let beside = scope.spawn(|| {
            // What a thread takes once.
            assert_eq!(reader.owner(outside(1)), Some(owner(1)));
            allocation_counter::measure(|| {
                while !ended.load(Ordering::Relaxed) {
                    for n in 0..64 {
                        let here = reader.owner(outside(n));
                        let may_be_gone = n % 2 == 0 && here.is_none();
                        assert!(may_be_gone || here == Some(owner(n)), "{n}: {here:?}");
                    }
                }
            })
        });
        for _ in 0..1000 {
            for n in (0..64).step_by(2) {
                writer.clear(outside(n));
                writer.set(outside(n), owner(n));
            }
        }
        ended.store(true, Ordering::Relaxed);
        let looked = beside.join().unwrap();
        assert_eq!((looked.count_total, looked.count_current), (0, 0));
    });
}
