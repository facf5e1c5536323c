//! The short way of a client's data (`node::express`) does what the long way does. A port whose frames
//! carry a tag in them has only the long way, so both see the same frames, of which one has the tag.

use proptest::prelude::*;

use pns::dataplane::{DropReason, FrameCount};
use pns::flow::Encryption;

use crate::client::Client;
use crate::lab::{ACCESS, HOST, Lab, NETWORK, Plan, policy};
use crate::packets::udp;

const VLAN: u16 = 5;
const CALLS: u8 = 3;

/// A lab with calls, the last of which is encrypted.
fn lab(vlan: Option<u16>) -> (Lab, Vec<Client>) {
    let mut plan = Plan {
        workers: 1,
        ..Plan::default()
    };
    plan.config.ports[usize::from(ACCESS)].vlan = vlan;
    let mut lab = Lab::of(plan);
    let clients = (0..CALLS).map(|number| {
        let mut client = lab.open(u16::from(number) + 1, number + 2);
        let encryption = match number {
            2 => Encryption::Required,
            _ => Encryption::Off,
        };
        lab.bring_up(
            &mut client,
            policy(encryption),
            pns::mppe::keys::Suite::STATELESS_128,
        );
        client
    });
    let clients = clients.collect();
    (lab, clients)
}

#[derive(Clone, Debug)]
enum Act {
    /// Data as it should be.
    Data,
    /// The same frame as so many before, in another burst.
    Again(usize),
    /// With one byte changed, but none of the EtherType, nor of the sequence number.
    Spoilt(usize, u8),
    /// Without PPP's address and control fields.
    Short,
    /// A frame of LCP.
    Control,
    /// Data that does not come: a number is missing.
    Lost,
    /// From somewhere else.
    Elsewhere,
}

fn any_place() -> impl Strategy<Value = usize> {
    prop_oneof![0usize..12, 14usize..42, 46usize..100]
}

fn any_act() -> impl Strategy<Value = (u8, Act)> {
    let act = prop_oneof![
        6 => Just(Act::Data),
        1 => (1usize..8).prop_map(Act::Again),
        3 => (any_place(), any::<u8>()).prop_map(|(place, value)| Act::Spoilt(place, value)),
        1 => Just(Act::Short),
        1 => Just(Act::Control),
        1 => Just(Act::Lost),
        1 => Just(Act::Elsewhere),
    ];
    (0..CALLS, act)
}

fn frame(client: &mut Client, act: &Act, before: &[Vec<u8>]) -> Option<Vec<u8>> {
    let packet = udp(client.lease, HOST, 40);
    match act {
        Act::Data => Some(client.data(&packet)),
        Act::Again(back) => before.iter().rev().nth(*back).cloned(),
        Act::Spoilt(place, value) => {
            let mut frame = client.data(&packet);
            if let Some(byte) = frame.get_mut(*place) {
                *byte = *value;
            }
            Some(frame)
        }
        Act::Short => {
            let ppp = client.wrap(&packet);
            Some(client.ppp(&ppp[2..]))
        }
        Act::Control => Some(client.ppp(&[0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 8, 0, 0, 0, 0])),
        Act::Lost => {
            client.data(&packet);
            None
        }
        Act::Elsewhere => {
            let address = std::mem::replace(&mut client.address, HOST);
            let frame = client.data(&packet);
            client.address = address;
            Some(frame)
        }
    }
}

fn with_tag(frame: &[u8]) -> Vec<u8> {
    let [high, low] = VLAN.to_be_bytes();
    let (addresses, rest) = frame.split_at(12);
    [addresses, &[0x81, 0x00, high, low], rest].concat()
}

/// What can be seen of what happened.
type Seen = (Vec<Vec<u8>>, Vec<(DropReason, u64)>, Vec<u64>, usize);

fn seen(lab: &mut Lab) -> Seen {
    let places = [
        FrameCount::Received,
        FrameCount::PuntedLocal,
        FrameCount::PuntedPpp,
        FrameCount::PayloadEmpty,
    ];
    let counts = places.map(|place| lab.frames(place)).to_vec();
    (lab.sent(NETWORK), lab.drops(), counts, lab.punted.len())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn it_does_what_the_long_way_does(
        bursts in prop::collection::vec(prop::collection::vec(any_act(), 1..12), 1..6),
    ) {
        let (mut short, mut clients) = lab(None);
        let (mut long, _same) = lab(Some(VLAN));
        let mut before = Vec::new();
        for acts in &bursts {
            for (number, act) in acts {
                let client = &mut clients[usize::from(*number)];
                if matches!(act, Act::Again(_)) {
                    // The long way looks at the numbers of a burst before it takes one of them.
                    short.settle();
                    long.settle();
                }
                if let Some(frame) = frame(client, act, &before) {
                    short.push(0, ACCESS, &frame);
                    long.push(0, ACCESS, &with_tag(&frame));
                    before.push(frame);
                }
            }
            short.settle();
            long.settle();
            prop_assert_eq!(seen(&mut short), seen(&mut long));
        }
    }
}
