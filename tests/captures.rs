//! Recorded sessions of real clients with real servers, taken apart with the password alone.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::num::NonZeroU64;

use pns::aaa::{Access, Decision, LocalUser, LocalUsers};
use pns::auth::mschapv2::{Exchange, authenticator_response, verify_response};
use pns::auth::{NtHash, mschapv1};
use pns::clock::Timestamp;
use pns::mppe::catch_up::Budget;
use pns::mppe::chain::initial_session_key;
use pns::mppe::decrypt::{DecryptRefusal, DecryptState, DecryptWorker, FlushRule};
use pns::mppe::encrypt::{EncryptState, EncryptWorker};
use pns::mppe::keys::{Mode, StartKeys, Strength};
use pns::mppe::plausible::{Agreed, plausible_ppp};
use pns::mppe::rc4::Rc4;
use pns::mppe::skipped::KeyId;
use pns::ppp::link::{Credentials, Method, MppePolicy};
use pns::wire::chap::{Chap, MsChapV1Response};
use pns::wire::ipv6::InterfaceIdentifier;
use pns::wire::mppe::Header;
use pns::wire::pap::Pap;

#[path = "captures/frames.rs"]
mod frames;
use frames::{PppFrame, packets, ppp_frames};
#[path = "captures/verdicts.rs"]
mod verdicts;

const CHAP: u16 = 0xc223;
const PAP: u16 = 0xc023;
const MPPE: u16 = 0x00fd;
const IPV6CP: u16 = 0x8057;

/// Every recording, its packets, and its MPPE frames from and to the client.
const RECORDINGS: [(&str, usize, usize, usize); 8] = [
    ("client-refuses-mppe.pcapng", 38, 0, 0),
    ("kernel-client.pcapng", 65, 11, 11),
    ("loss-stateful.pcapng", 592, 295, 237),
    ("mppe128-stateless.pcapng", 650, 302, 302),
    ("mppe40-stateful.pcapng", 650, 302, 302),
    ("mschapv1-mppe128.pcapng", 70, 11, 11),
    ("pap-nomppe.pcapng", 60, 0, 0),
    ("wrong-password.pcapng", 30, 0, 0),
];

/// The MS-CHAPv2 login of a recording.
struct Login {
    authenticator_challenge: [u8; 16],
    peer_challenge: [u8; 16],
    nt_response: [u8; 24],
    user_name: Vec<u8>,
    /// The message of the Success or Failure.
    verdict: Vec<u8>,
}

impl Login {
    fn of(frames: &[PppFrame]) -> Self {
        let packet = |codes: &[u8]| {
            let of_code =
                |frame: &&PppFrame| frame.protocol == CHAP && codes.contains(&frame.payload[0]);
            let payload = &frames.iter().find(of_code).expect("a whole login").payload;
            &payload[..usize::from(u16::from_be_bytes([payload[2], payload[3]]))]
        };
        let (challenge, response, verdict) = (packet(&[1]), packet(&[2]), packet(&[3, 4]));
        assert_eq!(
            (challenge[4], response[4]),
            (16, 49),
            "MS-CHAPv2 value sizes"
        );
        Self {
            authenticator_challenge: *challenge[5..].first_chunk().unwrap(),
            peer_challenge: *response[5..].first_chunk().unwrap(),
            nt_response: *response[29..].first_chunk().unwrap(),
            user_name: response[54..].to_vec(),
            verdict: verdict[4..].to_vec(),
        }
    }

    fn exchange(&self) -> Exchange<'_> {
        Exchange {
            authenticator_challenge: &self.authenticator_challenge,
            peer_challenge: &self.peer_challenge,
            user_name: &self.user_name,
        }
    }

    fn accepts(&self, password: &str) -> bool {
        verify_response(
            &self.exchange(),
            &NtHash::from_password(password),
            &self.nt_response,
        )
    }

    fn start_keys(&self) -> StartKeys {
        let hash_hash = NtHash::from_password("wonderland-7").hash();
        StartKeys::from_mschapv2(hash_hash.expose(), &self.nt_response)
    }
}

fn budget() -> Budget {
    Budget::new(0, 0, Timestamp::ZERO)
}

fn id(number: u64) -> KeyId {
    KeyId::new(NonZeroU64::new(number).unwrap())
}

/// The highest sequence number before the first encrypted frame of a direction.
fn sequence_before(frames: &[PppFrame], from_client: bool) -> u32 {
    let direction = frames
        .iter()
        .filter(|frame| frame.from_client == from_client);
    direction
        .take_while(|frame| frame.protocol != MPPE)
        .last()
        .unwrap()
        .sequence
}

#[test]
fn every_recording_is_here_and_whole() {
    for (name, all, from_client, to_client) in RECORDINGS {
        assert_eq!(packets(name).len(), all, "{name}");
        let encrypted = |direction| {
            let frames = ppp_frames(name);
            let wanted = |f: &&PppFrame| f.protocol == MPPE && f.from_client == direction;
            frames.iter().filter(wanted).count()
        };
        assert_eq!(
            (encrypted(true), encrypted(false)),
            (from_client, to_client),
            "{name}"
        );
    }
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/README.md");
    assert!(
        std::fs::read_to_string(readme)
            .unwrap()
            .contains("wonderland-7")
    );
}

#[test]
fn real_logins_are_verified_and_answered_as_the_real_server_did() {
    for name in [
        "client-refuses-mppe.pcapng",
        "kernel-client.pcapng",
        "loss-stateful.pcapng",
        "mppe128-stateless.pcapng",
        "mppe40-stateful.pcapng",
    ] {
        let login = Login::of(&ppp_frames(name));
        assert_eq!(login.user_name, b"alice", "{name}");
        assert!(login.accepts("wonderland-7"), "{name}");
        assert!(!login.accepts("wonderland-8"), "{name}");
        let hash_hash = NtHash::from_password("wonderland-7").hash();
        let ours = authenticator_response(&login.exchange(), &hash_hash, &login.nt_response);
        assert!(login.verdict.starts_with(ours.as_bytes()), "{name}");
    }
}

#[test]
fn the_wrong_password_is_refused_as_the_real_server_did() {
    let login = Login::of(&ppp_frames("wrong-password.pcapng"));
    assert!(!login.accepts("wonderland-7"));
    assert!(login.accepts("wrong"));
    assert!(login.verdict.starts_with(b"E=691 R=1 "));
}

/// What IPv6CP agreed on for the frames of one side: the identifier that the other acknowledged.
fn agreed(frames: &[PppFrame], from_client: bool) -> Agreed {
    let acknowledged = frames.iter().rev().find(|frame| {
        frame.protocol == IPV6CP && frame.from_client != from_client && frame.payload[0] == 2
    });
    acknowledged.map_or(Agreed::Ipv4, |frame| {
        assert_eq!(
            frame.payload[4..6],
            [1, 10],
            "an Interface-Identifier alone"
        );
        let identifier: [u8; 8] = frame.payload[6..14].try_into().unwrap();
        let peer = InterfaceIdentifier(identifier);
        Agreed::Ipv4AndIpv6 { peer }
    })
}

/// Decrypts every encrypted frame of a stateless recording, encrypts it again, and answers how many
/// there were from and to the client.
fn take_apart(name: &str) -> (usize, usize) {
    let login = Login::of(&ppp_frames(name));
    take_apart_with(name, &|| login.start_keys())
}

fn take_apart_with(name: &str, start_keys: &dyn Fn() -> StartKeys) -> (usize, usize) {
    let frames = ppp_frames(name);
    let (strength, mode, now) = (Strength::Bits128, Mode::Stateless, Timestamp::ZERO);

    let (receive, send) = (start_keys(), start_keys());
    let before = (
        sequence_before(&frames, true),
        sequence_before(&frames, false),
    );
    let mut upstream =
        DecryptState::new(receive.upstream, strength, mode, id(1), before.0, budget())
            .agreeing(agreed(&frames, true));
    let mut downstream = DecryptState::new_for_client(
        receive.downstream,
        strength,
        mode,
        id(2),
        before.1,
        budget(),
    )
    .agreeing(agreed(&frames, false));
    let mut server = EncryptState::new(send.downstream, strength, mode);
    let mut client = EncryptState::new_for_client(send.upstream, strength, mode);
    let mut worker = DecryptWorker::new(1, budget());

    let mut encrypt_worker = EncryptWorker::new(0);
    let mut counts = (0, 0);
    for frame in frames.iter().filter(|frame| frame.protocol == MPPE) {
        let (state, sender) = match frame.from_client {
            true => (&mut upstream, &mut client),
            false => (&mut downstream, &mut server),
        };
        let mut payload = frame.payload.clone();
        let sequence = frame.sequence;
        let plain = state.decrypt(&mut payload, sequence, &mut worker, now);
        let plain = plain.unwrap_or_else(|refusal| panic!("{name} {sequence}: {refusal}"));
        match frame.from_client {
            true => counts.0 += 1,
            false => counts.1 += 1,
        }

        let header = sender.encrypt(plain, &mut encrypt_worker).unwrap();
        let theirs = Header::parse(&frame.payload).unwrap();
        assert_eq!(header.coherency_count, theirs.coherency_count);
        assert_eq!(
            plain,
            &frame.payload[2..],
            "encrypted again it is what was on the wire"
        );
    }
    assert_eq!(worker.kept_keys(), 0, "nothing was lost");
    counts
}

#[test]
fn every_frame_of_a_stateless_session_decrypts_from_the_password_alone() {
    assert_eq!(take_apart("mppe128-stateless.pcapng"), (302, 302));
}

/// The payload of the first frame of a protocol with one of these codes, without padding.
fn packet_of<'f>(frames: &'f [PppFrame], protocol: u16, codes: &[u8]) -> &'f [u8] {
    let wanted =
        |frame: &&PppFrame| frame.protocol == protocol && codes.contains(&frame.payload[0]);
    let payload = &frames.iter().find(wanted).expect("a whole login").payload;
    &payload[..usize::from(u16::from_be_bytes([payload[2], payload[3]]))]
}

#[test]
fn a_real_login_by_ms_chap_version_1_is_verified_and_its_one_key_decrypts_both_directions() {
    let name = "mschapv1-mppe128.pcapng";
    let frames = ppp_frames(name);
    let Ok(Chap::Challenge { value, .. }) = Chap::parse(packet_of(&frames, CHAP, &[1])) else {
        panic!("no challenge")
    };
    let challenge: [u8; 8] = value.try_into().unwrap();
    let Ok(Chap::Response {
        value, name: user, ..
    }) = Chap::parse(packet_of(&frames, CHAP, &[2]))
    else {
        panic!("no response")
    };
    let response = MsChapV1Response::parse(value).unwrap();
    assert!(response.uses_nt_response());
    assert_eq!(user, b"alice");
    let nt_hash = NtHash::from_password("wonderland-7");
    assert!(mschapv1::verify_response(
        &challenge,
        &nt_hash,
        &response.nt_response
    ));
    let other = NtHash::from_password("wonderland-8");
    assert!(!mschapv1::verify_response(
        &challenge,
        &other,
        &response.nt_response
    ));
    let hash_hash = nt_hash.hash();
    let keys = || StartKeys::from_mschapv1(hash_hash.expose(), &challenge);
    assert_eq!(take_apart_with(name, &keys), (11, 11));
}

#[test]
fn a_real_login_by_pap_is_read_and_let_in() {
    let frames = ppp_frames("pap-nomppe.pcapng");
    let Ok(Pap::Request { name, password, .. }) = Pap::parse(packet_of(&frames, PAP, &[1])) else {
        panic!("no request")
    };
    let access = Access {
        methods: vec![Method::Pap],
        mppe: MppePolicy::OPTIONAL,
        ..Access::default()
    };
    let alice = LocalUser::new("alice", NtHash::from_password("wonderland-7"), "default");
    let credentials = Credentials::Pap {
        name: name.to_vec(),
        password: password.to_vec(),
    };
    match LocalUsers::new([alice]).decide(&credentials, &access.into(), Timestamp::ZERO) {
        Decision::Accept(grant) => {
            assert_eq!(&*grant.user, "alice");
            assert!(!grant.authenticated.has_keys(), "PAP gives none");
        }
        Decision::Reject(rejection) => panic!("{rejection}"),
        Decision::Challenge { .. } | Decision::Deny(_) => panic!("another decision"),
    }
    let ack = Pap::parse(packet_of(&frames, PAP, &[2]));
    assert!(matches!(ack, Ok(Pap::Ack { .. })), "{ack:?}");
}

#[test]
fn every_frame_of_a_kernel_client_decrypts_too() {
    assert_eq!(take_apart("kernel-client.pcapng"), (11, 11));
}

#[test]
fn the_pings_inside_are_the_ones_that_were_sent() {
    let frames = ppp_frames("mppe128-stateless.pcapng");
    let login = Login::of(&frames);
    let mut state = DecryptState::new(
        login.start_keys().upstream,
        Strength::Bits128,
        Mode::Stateless,
        id(1),
        sequence_before(&frames, true),
        budget(),
    )
    .agreeing(agreed(&frames, true));
    let mut worker = DecryptWorker::new(1, budget());
    let mut pings = 0;
    for frame in frames
        .iter()
        .filter(|frame| frame.from_client && frame.protocol == MPPE)
    {
        let mut payload = frame.payload.clone();
        let plain = state
            .decrypt(&mut payload, frame.sequence, &mut worker, Timestamp::ZERO)
            .unwrap();
        let start = if plain[0] & 1 == 1 { 1 } else { 2 };
        let packet = &plain[start..];
        if packet[0] >> 4 == 4 && packet[9] == 1 && packet[20] == 8 {
            assert_eq!(packet[12..15], [10, 77, 0], "from the pool");
            assert_eq!(
                packet[16..20],
                [192, 168, 99, 2],
                "to the host behind the server"
            );
            pings += 1;
        }
    }
    assert!(pings >= 290, "only {pings} pings");
}

/// Stateful streams of a recording in one direction: what came of each frame from that end.
fn stateful(
    name: &str,
    strength: Strength,
    from_client: bool,
) -> (Vec<Outcome>, Option<FlushRule>) {
    let frames = ppp_frames(name);
    let keys = Login::of(&frames).start_keys();
    let before = sequence_before(&frames, from_client);
    let (mode, poor) = (Mode::Stateful, Budget::new(64, 0, Timestamp::ZERO));
    let state = if from_client {
        DecryptState::new(keys.upstream, strength, mode, id(1), before, poor)
    } else {
        DecryptState::new_for_client(keys.downstream, strength, mode, id(1), before, poor)
    };
    let mut state = state.agreeing(agreed(&frames, from_client));
    let mut worker = DecryptWorker::new(1, poor).with_places(1);
    let encrypted = frames
        .iter()
        .filter(|frame| frame.protocol == MPPE && frame.from_client == from_client);
    let outcomes = encrypted.map(|frame| {
        let mut payload = frame.payload.clone();
        let outcome = state.decrypt(&mut payload, frame.sequence, &mut worker, Timestamp::ZERO);
        Outcome {
            header: Header::parse(&frame.payload).unwrap(),
            payload: frame.payload.clone(),
            plain: outcome.map(|plain| plain.to_vec()),
        }
    });
    let outcomes = outcomes.collect();
    (outcomes, state.flush_rule())
}

struct Outcome {
    header: Header,
    payload: Vec<u8>,
    plain: Result<Vec<u8>, DecryptRefusal>,
}

fn is_packet(plain: &[u8], agreed: Agreed) -> bool {
    plausible_ppp(plain, plain.len(), agreed)
}

#[test]
fn every_frame_of_a_stateful_session_decrypts_and_encrypts_past_a_key_change() {
    for from_client in [true, false] {
        let (outcomes, rule) = stateful("mppe40-stateful.pcapng", Strength::Bits40, from_client);
        assert_eq!((outcomes.len(), rule), (302, None));
        assert!(
            outcomes
                .iter()
                .any(|outcome| outcome.header.coherency_count.is_flag())
        );
        let keys = Login::of(&ppp_frames("mppe40-stateful.pcapng")).start_keys();
        let (strength, mode) = (Strength::Bits40, Mode::Stateful);
        let mut sender = if from_client {
            EncryptState::new_for_client(keys.upstream, strength, mode)
        } else {
            EncryptState::new(keys.downstream, strength, mode)
        };
        let mut worker = EncryptWorker::new(1);
        let agreed = agreed(&ppp_frames("mppe40-stateful.pcapng"), from_client);
        for outcome in outcomes {
            let mut plain = outcome.plain.expect("no frame is missing");
            assert!(is_packet(&plain, agreed), "{:02x?}", &plain[..8]);
            let header = sender.encrypt(&mut plain, &mut worker).unwrap();
            assert_eq!(header, outcome.header, "the same header as Linux wrote");
            assert_eq!(plain, outcome.payload[2..], "the same bytes as Linux wrote");
        }
    }
}

/// Five losses, five flushed frames for which Linux has changed the key. With the rule of RFC 3078
/// alone 136 frames would decrypt.
#[test]
fn every_frame_of_a_lossy_stateful_session_that_is_in_step_decrypts_by_the_rule_of_linux() {
    let (outcomes, rule) = stateful("loss-stateful.pcapng", Strength::Bits128, true);
    assert_eq!(rule, Some(FlushRule::NewKey));
    let decrypted = outcomes
        .iter()
        .filter(|outcome| outcome.plain.is_ok())
        .count();
    assert_eq!((outcomes.len(), decrypted), (295, 237));
    let frames = ppp_frames("loss-stateful.pcapng");
    let upstream = agreed(&frames, true);
    for outcome in &outcomes {
        match &outcome.plain {
            Ok(plain) => assert!(is_packet(plain, upstream), "{:02x?}", &plain[..8]),
            Err(refusal) => {
                assert_eq!(*refusal, DecryptRefusal::OutOfStep);
                assert!(
                    !outcome.header.flushed,
                    "a flushed frame can always be decrypted"
                );
            }
        }
    }
    // What the server sent reached the recorder without a loss.
    let (outcomes, _) = stateful("loss-stateful.pcapng", Strength::Bits128, false);
    let downstream = agreed(&frames, false);
    assert!(outcomes.iter().all(|outcome| {
        outcome
            .plain
            .as_deref()
            .is_ok_and(|plain| is_packet(plain, downstream))
    }));
    assert_eq!(outcomes.len(), 237);
}

/// Whoever has recorded a session can send its frames again with new GRE sequence numbers.
#[test]
fn no_recorded_frame_decrypts_again_with_a_new_number() {
    for (name, strength, mode) in [
        (
            "mppe128-stateless.pcapng",
            Strength::Bits128,
            Mode::Stateless,
        ),
        ("kernel-client.pcapng", Strength::Bits128, Mode::Stateless),
        ("mppe40-stateful.pcapng", Strength::Bits40, Mode::Stateful),
        ("loss-stateful.pcapng", Strength::Bits128, Mode::Stateful),
    ] {
        let frames = ppp_frames(name);
        let before = sequence_before(&frames, true);
        let key = Login::of(&frames).start_keys().upstream;
        let rich = Budget::new(u32::MAX, 0, Timestamp::ZERO);
        let mut state = DecryptState::new(key, strength, mode, id(1), before, rich)
            .agreeing(agreed(&frames, true));
        let mut worker = DecryptWorker::new(1, rich).with_places(1);
        let mut decrypts = |payload: &[u8], sequence| {
            let mut payload = payload.to_vec();
            let outcome = state.decrypt(&mut payload, sequence, &mut worker, Timestamp::ZERO);
            outcome.is_ok()
        };
        let wanted = |frame: &&PppFrame| frame.protocol == MPPE && frame.from_client;
        let recorded: Vec<_> = frames.iter().filter(wanted).collect();
        let newest = recorded.iter().map(|frame| frame.sequence).max().unwrap();
        let taken = recorded
            .iter()
            .filter(|frame| decrypts(&frame.payload, frame.sequence))
            .count();
        assert!(taken >= 11, "{name}: {taken}");
        for frame in recorded {
            for ahead in [1, 2, 256, 4096, 4097] {
                let again = decrypts(&frame.payload, newest.wrapping_add(ahead));
                assert!(
                    !again,
                    "{name}: frame {} again, {ahead} ahead",
                    frame.sequence
                );
            }
        }
    }
}

#[test]
fn the_first_key_of_a_40_bit_session_is_ours() {
    // Stateful: the first frame, count 0, is under the initial session key itself.
    let frames = ppp_frames("mppe40-stateful.pcapng");
    let keys = Login::of(&frames).start_keys();
    for (from_client, start_key) in [
        (true, keys.upstream.expose()),
        (false, keys.downstream.expose()),
    ] {
        let wanted = |frame: &&PppFrame| frame.protocol == MPPE && frame.from_client == from_client;
        let first = frames.iter().find(wanted).unwrap();
        assert_eq!(
            Header::parse(&first.payload)
                .unwrap()
                .coherency_count
                .value(),
            0
        );
        let key = initial_session_key(start_key, Strength::Bits40);
        let mut plain = first.payload[2..].to_vec();
        Rc4::new(key.first_chunk::<8>().unwrap()).apply(&mut plain);
        assert!(
            plausible_ppp(&plain, plain.len(), agreed(&frames, from_client)),
            "from the client: {from_client}"
        );
    }
}
