//! Frames that end at a port: on its wire, on their way to the kernel, or for want of room.

use super::*;

pub(super) fn ethernet_scenario(reason: DropReason) -> Lab {
    match reason {
        DropReason::EthernetShort => received(ACCESS, &[0; 13]),
        DropReason::VlanMismatch => {
            let frame = tagged(ACCESS_MAC, HOST_MAC, Some(5), ether_type::ARP, &[0; 46]);
            received(ACCESS, &frame)
        }
        DropReason::ForeignMac => received(
            ACCESS,
            &packets::frame([2; 6], HOST_MAC, ether_type::ARP, &[0; 46]),
        ),
        _ => panic!("no scenario for {reason}"),
    }
}

pub(super) fn port_scenario(reason: DropReason) -> Lab {
    match reason {
        DropReason::FrameChained => {
            let mut lab = Lab::single();
            let mut frame = MemoryFrame::new(&arp());
            frame.chain();
            lab.wires[0][0].push(frame);
            lab.settle();
            lab
        }
        DropReason::PortUnknown => {
            let mut lab = Lab::single();
            let frame = FrameBytes::copy_of(&arp()).unwrap();
            lab.inject(0, Injected::Ethernet { port: 9, frame });
            lab.settle();
            lab
        }
        DropReason::TxFull => {
            let (mut lab, mut client) = call();
            lab.set_room(NETWORK, 0);
            for _ in 0..65 {
                let packet = udp(client.lease, HOST, 10);
                client.send(&mut lab, &packet);
            }
            lab
        }
        DropReason::NoBuffer => {
            let (mut lab, client) = call();
            lab.wires[0].iter().for_each(|wire| wire.drain_pool());
            let frame = FrameBytes::copy_of(&[0xff, 3, 0xc0, 0x21, 9, 1, 0, 4]).unwrap();
            lab.command(FlowCommand::Frame {
                flow: client.key,
                frame,
            });
            lab.settle();
            lab
        }
        DropReason::HeadroomShort => {
            let (mut lab, client) = call();
            let packet = udp(HOST, client.lease, 10);
            let frame = packets::frame(NETWORK_MAC, HOST_MAC, ether_type::IPV4, &packet);
            lab.wires[0][1].push(cramped(&frame));
            lab.settle();
            lab
        }
        DropReason::HandoffFull => {
            let mut plan = Plan {
                workers: 2,
                handoff: 64,
                ..Plan::default()
            };
            plan.pool = 16;
            let mut lab = Lab::of(plan);
            let client = Client::new(FlowKey::new(0, CallId::new(1)), 2);
            assert_eq!(lab.buckets.worker(client.key.call_id), 1);
            for _ in 0..200 {
                // Without payload, so that the owner consumes it.
                lab.open_if_absent(&client);
                lab.push(
                    0,
                    ACCESS,
                    &client.outer(&packets::gre(CallId::new(1), None, Some(1), &[])),
                );
            }
            // Worker 1 stands still.
            for _ in 0..5 {
                lab.workers[0].turn(lab.now);
            }
            lab
        }
        _ => panic!("no scenario for {reason}"),
    }
}

/// Two packets for the kernel where one call may send one a second.
fn inner_punts_of_one_call(all: PuntLimits) -> Lab {
    let mut lab = with_limits(PuntLimits {
        ppp_frames_per_call_per_s: 1,
        ..all
    });
    let mut client = lab.dial(7, 2, policy(Encryption::Off));
    for _ in 0..2 {
        let mut header = ipv4::Header::plain(ipv4::protocol::UDP, client.lease, HOST, 28);
        header.time_to_live = 1;
        let packet = ip_with(header, &[], &[0; 8]);
        client.send(&mut lab, &packet);
    }
    lab
}

/// Two TCP segments with these flags for the control port, where so many may pass in a second.
fn control_segments(control_frames_per_s: u32, flags: u8) -> Lab {
    let limits = PuntLimits {
        control_frames_per_s,
        ..PuntLimits::default()
    };
    let peer = Ipv4Addr::new(198, 51, 100, 2);
    let segment = packets::tcp(peer, LOCAL, 1723, flags, 1460);
    let frame = packets::frame(ACCESS_MAC, HOST_MAC, ether_type::IPV4, &segment);
    policed(limits, &frame)
}

pub(super) fn punt_scenario(reason: DropReason) -> Lab {
    let to_us = |packet: &[u8]| packets::frame(ACCESS_MAC, HOST_MAC, ether_type::IPV4, packet);
    let peer = Ipv4Addr::new(198, 51, 100, 2);
    let all = PuntLimits::default();
    match reason {
        DropReason::PuntControlPoliced => control_segments(10, 0x10),
        // New connections get a tenth: of 20 frames a second one at once.
        DropReason::PuntOpeningPoliced => control_segments(20, 2),
        DropReason::PuntArpPoliced => policed(
            PuntLimits {
                arp_frames_per_s: 10,
                ..all
            },
            &arp(),
        ),
        DropReason::PuntLocalPoliced => {
            let limits = PuntLimits {
                local_frames_per_s: 10,
                ..all
            };
            policed(limits, &to_us(&packets::tcp(peer, LOCAL, 22, 2, 1460)))
        }
        DropReason::PuntExceptionPoliced => {
            let limits = PuntLimits {
                exception_frames_per_s: 10,
                ..all
            };
            // From the clients' side it would not even be considered.
            let packet = udp(HOST, Ipv4Addr::new(203, 0, 113, 9), 10);
            let frame = packets::frame(NETWORK_MAC, HOST_MAC, ether_type::IPV4, &packet);
            policed_at(NETWORK, limits, &frame)
        }
        DropReason::PuntInnerCallPoliced => inner_punts_of_one_call(all),
        DropReason::PuntPppPoliced | DropReason::PuntPppCallPoliced => {
            let limits = if reason == DropReason::PuntPppPoliced {
                PuntLimits {
                    ppp_frames_per_s: 10,
                    ..all
                }
            } else {
                PuntLimits {
                    ppp_frames_per_call_per_s: 1,
                    ..all
                }
            };
            let mut lab = with_limits(limits);
            let mut client = lab.open(7, 2);
            for _ in 0..2 {
                let frame = client.ppp(&[0xff, 3, 0xc0, 0x21, 9, 1, 0, 4]);
                lab.push(0, ACCESS, &frame);
            }
            lab.settle();
            lab
        }
        DropReason::PuntRingFull => {
            let mut lab = lab_with(|plan| plan.capacities.punted = 4);
            (0..5).for_each(|_| lab.push(0, ACCESS, &arp()));
            lab.settle();
            lab
        }
        DropReason::PuntTooLong => {
            let frame = packets::frame([0xff; 6], HOST_MAC, ether_type::ARP, &[0; 2040]);
            received(ACCESS, &frame)
        }
        _ => panic!("no scenario for {reason}"),
    }
}
