//! Forgeries with the right address, the right Call ID and a sequence number in the window, where only
//! the key is wrong; and hostile PPP on a call of the attacker's own.

use std::net::Ipv4Addr;
use std::time::Duration;

use pns::dataplane::{DropReason, FrameCount};
use pns::ppp::link::Refusal;
use pns::session::CallView;

use super::client::Delay;
use super::packets;
use super::ppp_client::{self, CCP, CHAP, IPCP, LCP};
use super::server::random;
use super::victim::Victim;

/// What a frame with a wrong key may be refused for.
const WRONG_KEY: [DropReason; 11] = [
    DropReason::SequenceDuplicate,
    DropReason::SequenceOutOfWindow,
    DropReason::MppeHeaderShort,
    DropReason::MppeNotEncrypted,
    DropReason::MppeCompressed,
    DropReason::MppeFarCount,
    DropReason::MppeDuplicate,
    DropReason::MppeKeyGone,
    DropReason::MppeImplausible,
    DropReason::MppeBudgetExhausted,
    DropReason::PlaintextRefused,
];

#[test]
fn rfc3078_s3_forgeries_in_the_window_move_no_key_and_cost_no_packet() {
    let mut victim = Victim::new();
    let mut seed = 0x5eed_0005;
    println!("seed {seed:#x}");
    let (call_id, address) = (victim.call_id(), victim.world.clients[victim.place].address);
    let mut sent = 0u64;
    for round in 0..6000u32 {
        // Behind, at and ahead of the next frame, near and far, and runs outside the window.
        let next = victim.world.clients[victim.place].next_sequence;
        let sequence = match round / 1000 {
            0 => next.wrapping_add((random(&mut seed) % 16) as u32),
            1 => next.wrapping_sub((random(&mut seed) % 70) as u32),
            2 => next.wrapping_add((random(&mut seed) % 4000) as u32),
            3 => next.wrapping_add(100_000 + round),
            4 => random(&mut seed) as u32,
            _ => next.wrapping_add(1),
        };
        let encrypt = victim.world.clients[victim.place].encrypt.as_ref();
        let frames = encrypt.expect("armed").frames() as u16;
        let header = match random(&mut seed) % 4 {
            0 => random(&mut seed) as u16,
            1 | 2 => {
                0x9000
                    | (frames
                        .wrapping_add(20)
                        .wrapping_sub((random(&mut seed) % 100) as u16)
                        & 0x0fff)
            }
            _ => 0x9000 | (random(&mut seed) as u16 & 0x0fff),
        };
        let mut frame = vec![0xff, 0x03, 0x00, 0xfd];
        frame.extend(header.to_be_bytes());
        let length = random(&mut seed) % 120;
        frame.extend((0..length).map(|_| random(&mut seed) as u8));
        if round % 50 == 0 {
            frame.truncate(4 + (random(&mut seed) % 3) as usize);
        }
        if round % 50 == 1 {
            frame = vec![0xff, 0x03, 0x00, 0x21];
            frame.extend(packets::numbered(address, address, round));
        }
        victim.forge(
            address,
            &packets::gre(call_id, Some(sequence), None, &frame),
        );
        sent += 1;
        if round % 15 == 0 {
            victim.carry();
        }
    }
    victim.assert_unharmed();
    let drops = victim.world.server.drops();
    assert_eq!(drops.iter().map(|(_, frames)| frames).sum::<u64>(), sent);
    for (reason, frames) in &drops {
        assert!(WRONG_KEY.contains(reason), "{frames} for {reason}");
    }
    for reason in WRONG_KEY {
        // No frame is missing, so the window knows every late one before its key is looked for.
        let never = [DropReason::MppeDuplicate, DropReason::MppeKeyGone].contains(&reason);
        let seen = drops.iter().any(|(other, _)| *other == reason);
        assert!(seen != never, "{reason} and {drops:?}");
    }
    let totals = victim.world.server.totals(victim.world.lease(victim.place));
    assert_eq!((totals.upstream_drops, totals.upstream_lost), (sent, 0));
}

/// A call of the attacker's own that is stuck in LCP, or in CCP if `in_ccp`. The attacker speaks by
/// hand from there on.
struct Stuck {
    address: Ipv4Addr,
    call_id: u16,
    sequence: u32,
}

impl Stuck {
    fn new(victim: &mut Victim, in_ccp: bool) -> Self {
        let world = &mut victim.world;
        let place = world.add_client();
        let protocol = if in_ccp { CCP } else { LCP };
        world.clients[place].delays = vec![(protocol, Delay::Overtaken(Duration::from_secs(9999)))];
        world.dial(place);
        world.pass(Duration::from_secs(1));
        let client = &mut world.clients[place];
        assert_eq!(client.ppp.success_message.is_some(), in_ccp);
        client.dead = true;
        let call_id = client.peer_call_id.expect("a call");
        Self {
            address: client.address,
            call_id,
            sequence: client.next_sequence,
        }
    }

    fn send(&mut self, victim: &mut Victim, frame: &[u8]) {
        let gre = packets::gre(self.call_id, Some(self.sequence), None, frame);
        self.sequence += 1;
        victim.forge(self.address, &gre);
    }

    fn view(&self, victim: &Victim) -> Option<CallView> {
        let mut views = victim.world.server.sessions.views();
        views.find(|call| call.flow.call_id.get() == self.call_id)
    }

    fn refused(&self, victim: &Victim, refusal: Refusal) -> u32 {
        self.view(victim)
            .map_or(0, |call| call.refusals.get(refusal))
    }
}

/// Every option of every length, right and wrong, behind every code of every protocol.
#[test]
fn rfc1661_s6_options_of_every_length_on_another_call() {
    let mut victim = Victim::new();
    victim.world.tick = Duration::from_millis(21);
    for (protocol, in_ccp) in [
        (LCP, false),
        (CCP, true),
        (IPCP, true),
        (CHAP, true),
        (LCP, true),
    ] {
        let mut stuck = Stuck::new(&mut victim, in_ccp);
        let mut malformed = 0;
        for length in 0..=255u8 {
            if stuck.view(&victim).is_none() {
                stuck = Stuck::new(&mut victim, in_ccp);
            }
            let before = stuck.refused(&victim, Refusal::MalformedOptions);
            let mut options = vec![1, length];
            options.resize(60, 0x5a);
            let code = 1 + length % 4;
            stuck.send(
                &mut victim,
                &ppp_client::frame(protocol, code, length, &options),
            );
            victim.carry();
            victim.carry();
            malformed += stuck
                .refused(&victim, Refusal::MalformedOptions)
                .saturating_sub(before);
        }
        if protocol == LCP && !in_ccp || protocol == CCP {
            assert!(
                malformed >= 40,
                "{protocol:#06x}: {malformed} were named malformed"
            );
        }
    }
    victim.assert_unharmed();
    assert_eq!(victim.world.server.drops(), []);
}

/// Frames cut at every length, and packets whose length field lies.
#[test]
fn rfc1661_s5_packets_of_every_length_on_another_call() {
    let mut victim = Victim::new();
    victim.world.tick = Duration::from_millis(21);
    let mut stuck = Stuck::new(&mut victim, false);
    let whole = ppp_client::frame(LCP, 9, 1, &[0; 16]);
    for cut in 0..whole.len() {
        stuck.send(&mut victim, &whole[..cut]);
        victim.carry();
    }
    let named = stuck.refused(&victim, Refusal::MalformedPacket)
        + stuck.refused(&victim, Refusal::MalformedFrame);
    for length in (0..=40u16).chain([0x7fff, 0xffff]) {
        let mut frame = whole.clone();
        frame[6..8].copy_from_slice(&length.to_be_bytes());
        stuck.send(&mut victim, &frame);
        victim.carry();
    }
    victim.carry();
    let lies = stuck.refused(&victim, Refusal::MalformedPacket) - named;
    assert_eq!(lies, 4 + 20 + 2, "lengths below 4 and beyond 20 bytes");
    let malformed = victim.world.server.dropped(DropReason::PppMalformed);
    assert!(
        named + malformed as u32 >= 18,
        "{named} named by the link, {malformed} dropped"
    );
    victim.assert_unharmed();
    let wanted = [DropReason::PppMalformed];
    let drops = victim.world.server.drops();
    assert!(
        drops.iter().all(|(reason, _)| wanted.contains(reason)),
        "{drops:?}"
    );
}

/// Ten thousand control frames at once: the call that sends them is policed, and no other suffers.
#[test]
fn a_flood_of_ppp_control_frames_is_policed_at_the_call_that_sends_it() {
    let mut victim = Victim::new();
    let mut stuck = Stuck::new(&mut victim, true);
    let kinds = [
        ppp_client::frame(LCP, 9, 1, &[0; 4]),
        ppp_client::frame(LCP, 11, 1, &[0; 64]),
        ppp_client::frame(0x802b, 1, 1, &[1, 6, 1, 2, 3, 4]),
        ppp_client::frame(0x4021, 1, 1, &[0; 64]),
        ppp_client::frame(CCP, 14, 1, &[]),
        ppp_client::frame(CHAP, 2, 1, &[49; 60]),
    ];
    let before = victim.world.server.frames(FrameCount::PuntedPpp);
    for round in 0..10_000usize {
        stuck.send(&mut victim, &kinds[round % kinds.len()]);
        if round % 25 == 0 {
            victim.carry();
        }
    }
    victim.assert_unharmed();
    let server = &victim.world.server;
    let punted = server.frames(FrameCount::PuntedPpp) - before;
    let policed = server.dropped(DropReason::PuntPppCallPoliced);
    // What is policed does not move the window, so a flood runs out of it now and then.
    let strayed = server.dropped(DropReason::SequenceOutOfWindow);
    assert_eq!(punted + policed + strayed, 10_000, "{:?}", server.drops());
    assert_eq!(server.drops().len(), 2);
    assert!(
        (50..200).contains(&punted),
        "{punted} frames reached the slow path in a second"
    );
    assert!(stuck.refused(&victim, Refusal::RejectSuppressed) > 0);
    assert!(stuck.refused(&victim, Refusal::UnsupportedProtocol) > 0);
    assert!(stuck.refused(&victim, Refusal::ResetIgnored) > 0);
}
