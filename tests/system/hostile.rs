//! Strangers beside an established call: control messages that are wrong in every way, and GRE from
//! addresses that have no call.

use pns::dataplane::DropReason;
use pns::pptp::{CloseReason, Misbehaviour};
use pns::wire::pptp::{Malformed, MessageType};

use super::control_client as control;
use super::packets;
use super::server::random;
use super::victim::{ATTACKER, Victim};

#[test]
fn rfc2637_s2_every_control_message_cut_at_every_length_and_of_every_wrong_length() {
    let mut victim = Victim::new();
    for kind in MessageType::ALL {
        let length = kind.message_bytes();
        let whole = control::message(kind.code(), length as u16);
        for cut in 0..length {
            let id = victim.connection(true);
            assert_eq!(
                victim.receive(id, &whole[..cut]),
                None,
                "{kind} cut at {cut}"
            );
            victim.hang_up(id);
            // As many bytes, and a length field that says so.
            let id = victim.connection(true);
            let mut short = whole[..cut.max(10)].to_vec();
            short[..2].copy_from_slice(&(cut as u16).to_be_bytes());
            let close = victim.receive(id, &short);
            // Set-Link-Info of any length is skipped (N1, W3).
            let skipped = *kind == MessageType::SetLinkInfo && cut >= 12;
            let wanted = (!skipped).then_some(CloseReason::Malformed);
            assert_eq!(close, wanted, "{kind} of {cut} bytes");
            victim.hang_up(id);
        }
        for length in [length + 1, length + 4, 4096, 65535] {
            if *kind == MessageType::SetLinkInfo && length < 4096 {
                continue;
            }
            let id = victim.connection(true);
            let mut long = whole.clone();
            long[..2].copy_from_slice(&(length as u16).to_be_bytes());
            assert_eq!(
                victim.receive(id, &long),
                Some(CloseReason::Malformed),
                "{kind}"
            );
        }
        victim.carry();
    }
    victim.assert_unharmed();
    assert_eq!(victim.world.server.drops(), []);
    assert_eq!(victim.world.server.sessions.connection_count(), 1);
}

#[test]
fn rfc2637_s1_4_wrong_magic_wrong_types_and_wrong_order_are_named() {
    let mut victim = Victim::new();
    let echo = control::message(5, 16);
    let wrong = |place: usize, value: u8| {
        let mut bytes = echo.clone();
        bytes[place] ^= value;
        bytes
    };
    let cases = [
        (wrong(2, 1), Malformed::PptpMessageTypeUnknown),
        (wrong(3, 2), Malformed::PptpMessageTypeUnknown),
        (wrong(4, 1), Malformed::MagicCookieWrong),
        (wrong(7, 0x80), Malformed::MagicCookieWrong),
        (wrong(9, 0x10), Malformed::ControlMessageTypeUnknown),
        (wrong(1, 1), Malformed::LengthWrong),
    ];
    for (bytes, reason) in cases {
        let id = victim.connection(true);
        let sessions = &mut victim.world.server.sessions;
        sessions.receive(id, &bytes, victim.world.now);
        let named = sessions.control(id).and_then(pns::pptp::Control::malformed);
        assert_eq!(named, Some(reason));
        victim.world.server.carry_out(victim.world.now);
    }
    for kind in MessageType::ALL.iter().skip(1) {
        let id = victim.connection(false);
        let message = control::message(kind.code(), kind.message_bytes() as u16);
        let close = victim.receive(id, &message);
        let stops = *kind == MessageType::StopControlConnectionRequest;
        let wanted = if stops {
            CloseReason::PeerStopped
        } else {
            CloseReason::MessageBeforeStart
        };
        assert_eq!(close, Some(wanted), "{kind}");
    }
    let id = victim.connection(true);
    let misbehaviours = [
        (control::start_request(), Misbehaviour::StartRepeated),
        (control::message(2, 156), Misbehaviour::ReplyUnasked),
        (control::message(4, 16), Misbehaviour::ReplyUnasked),
        (control::message(6, 20), Misbehaviour::EchoIdentifierWrong),
        (
            control::call_clear(victim.call_id()),
            Misbehaviour::CallUnknown,
        ),
    ];
    for (bytes, misbehaviour) in misbehaviours {
        let count = |victim: &Victim| {
            let control = victim.world.server.sessions.control(id).expect("open");
            control.misbehaved(misbehaviour)
        };
        let before = count(&victim);
        assert_eq!(victim.receive(id, &bytes), None, "{misbehaviour}");
        assert_eq!(count(&victim), before + 1, "{misbehaviour}");
        victim.carry();
    }
    victim.assert_unharmed();
}

/// Random bytes, in pieces of random lengths, on fresh and on started connections.
#[test]
fn noise_on_control_connections_ends_only_those() {
    let mut victim = Victim::new();
    let mut seed = 0x5eed_0004;
    println!("seed {seed:#x}");
    for round in 0..300u32 {
        let id = victim.connection(round % 2 == 0);
        for _ in 0..8 {
            let length = random(&mut seed) % 200;
            let bytes: Vec<u8> = (0..length).map(|_| random(&mut seed) as u8).collect();
            if victim.receive(id, &bytes).is_some() {
                break;
            }
        }
        victim.hang_up(id);
        if round % 10 == 0 {
            victim.carry();
        }
    }
    victim.assert_unharmed();
    assert_eq!(victim.world.server.sessions.connection_count(), 1);
}

#[test]
fn rfc2637_s4_1_gre_with_every_flag_word_from_a_wrong_address() {
    let mut victim = Victim::new();
    let (call_id, unknown) = (victim.call_id(), victim.call_id() ^ 0x0100);
    let mut sent = 0u64;
    for flags in 0..=u16::MAX {
        let call_id = if flags & 0x40 == 0 { call_id } else { unknown };
        let mut gre = packets::gre(
            call_id,
            Some(1),
            Some(1),
            &[0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 4],
        );
        gre[..2].copy_from_slice(&flags.to_be_bytes());
        victim.forge(ATTACKER, &gre);
        sent += 1;
        if sent.is_multiple_of(30) {
            victim.carry();
        }
    }
    for call_id in [call_id, unknown] {
        for flags in [0x2001u16, 0x2081, 0x3001, 0x3081] {
            let mut gre = packets::gre(call_id, Some(1), Some(1), &[]);
            gre[..2].copy_from_slice(&flags.to_be_bytes());
            victim.forge(ATTACKER, &gre);
            sent += 1;
        }
    }
    victim.assert_unharmed();
    let server = &victim.world.server;
    assert_eq!(
        server.drops().iter().map(|(_, frames)| frames).sum::<u64>(),
        sent
    );
    let reasons: Vec<_> = server.drops().iter().map(|(reason, _)| *reason).collect();
    for reason in [
        DropReason::GreVersion,
        DropReason::GreKeyMissing,
        DropReason::GreForbiddenFlags,
        DropReason::GreSequenceMissing,
        DropReason::GreCallIdUnknown,
        DropReason::GrePeerAddress,
    ] {
        assert!(
            reasons.contains(&reason),
            "{reason} is not among {reasons:?}"
        );
    }
    let totals = server.totals(victim.world.lease(victim.place));
    assert_eq!(
        (totals.upstream_drops, totals.upstream_lost),
        (0, 0),
        "a stranger is not charged"
    );
}

/// Calls by the hundred on one connection, and the same Call ID again and again.
#[test]
fn rfc2637_s2_7_a_flood_of_calls_is_bounded_and_named() {
    let mut victim = Victim::new();
    let id = victim.connection(true);
    for call_id in 0..100 {
        assert_eq!(victim.receive(id, &control::call_request(call_id)), None);
        assert_eq!(victim.receive(id, &control::call_request(0)), None);
        victim.carry();
    }
    let sessions = &victim.world.server.sessions;
    let control = sessions.control(id).expect("open");
    // Of 100 calls 64 are allowed.
    assert_eq!(control.misbehaved(Misbehaviour::CallIdRepeated), 100);
    assert_eq!(control.misbehaved(Misbehaviour::CallsTooMany), 36);
    assert_eq!(sessions.call_count(), 1 + 64);
    victim.hang_up(id);
    victim.assert_unharmed();
    let sessions = &victim.world.server.sessions;
    assert_eq!((sessions.call_count(), sessions.live_call_ids()), (1, 1));
    assert_eq!(sessions.pool_usage()[0].used, 1);
}
