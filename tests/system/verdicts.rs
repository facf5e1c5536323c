//! Negotiations that fail, each in its own way, and what `pns explain` says of them: the stage, the
//! reason, the error that a Windows user sees, and the words.

mod strangers;

use std::net::Ipv4Addr;
use std::time::Duration;

use pns::config::accepted_keys;
use pns::mppe::encrypt::EncryptState;
use pns::mppe::keys::{Mode, StartKeys, Strength};
use pns::operate::account;
use pns::operate::admin::Response;
use pns::operate::explain::{AccountRow, Subject, text};
use pns::operate::show;
use pns::ppp::link::{Method, MppePolicy};
use pns::session::verdict::Finding;

use super::client::Client;
use super::control_client as control;
use super::ppp_client::{self, CCP, CHAP, IPCP, LCP, Login, PppClient, Script};
use super::server::{Setup, link_of};
use super::world::World;

const REQUEST: u8 = 1;
const NAK: u8 = 3;
const TERMINATE: u8 = 5;
const PROTOCOL_REJECT: u8 = 8;

fn explain(world: &World, which: &Subject) -> Vec<AccountRow> {
    world.server.explain(which, world.now)
}

fn of_peer(world: &World, place: usize) -> AccountRow {
    let which = Subject::Peer(world.clients[place].address);
    explain(world, &which).pop().expect("an account")
}

/// Lets a client dial, and a minute pass.
fn attempt(setup: Setup, prepare: impl FnOnce(&mut Client)) -> AccountRow {
    let mut world = World::new(setup);
    let place = world.add_client();
    prepare(&mut world.clients[place]);
    world.dial(place);
    pass(&mut world, 70);
    let row = of_peer(&world, place);
    assert_eq!(row.state, "ended", "{row:?}");
    row
}

fn scripted(script: Script) -> AccountRow {
    attempt(Setup::default(), |client| client.ppp.script = Some(script))
}

fn pass(world: &mut World, seconds: u64) {
    world.pass(Duration::from_millis(200));
    world.tick = Duration::from_millis(50);
    world.pass(Duration::from_secs(seconds));
    world.tick = Duration::from_millis(1);
}

/// The account names these, and its text has these words.
#[track_caller]
fn assert_account(
    row: &AccountRow,
    [stage, reason, finding]: [&str; 3],
    windows: Option<u32>,
    words: &[&str],
) {
    let text = text(std::slice::from_ref(row));
    assert_eq!(
        (&*row.stage, &*row.reason, &*row.finding, row.windows_error),
        (stage, reason, finding, windows),
        "{text}"
    );
    for word in words {
        assert!(text.contains(word), "{word:?} is not in\n{text}");
    }
}

#[test]
fn w20_no_gre_at_all_is_721() {
    let row = attempt(Setup::default(), |client| client.dead = true);
    assert!(!row.gre_heard);
    assert_account(
        &row,
        ["lcp", "link.negotiation_timeout_lcp", "gre_never_heard"],
        Some(721),
        &[
            "IP protocol 47",
            "from 198.51.100.10 to 198.51.100.1",
            "or 806",
        ],
    );
}

#[test]
fn n2_a_client_that_gives_up_because_gre_is_blocked_is_721_too() {
    let mut world = World::new(Setup::default());
    let place = world.add_client();
    world.clients[place].dead = true;
    world.dial(place);
    pass(&mut world, 10);
    let call_id = world.clients[place].local_call_id;
    world.say(place, &control::call_clear(call_id));
    pass(&mut world, 1);
    let which = Subject::Peer(world.clients[place].address);
    let row = explain(&world, &which).remove(0);
    let names = ["lcp", "cleared_by_peer", "gre_never_heard"];
    assert_account(&row, names, Some(721), &["passthrough"]);
}

#[test]
fn w20_gre_that_passes_one_way_only_is_806() {
    // The client repeats its request and hears nothing.
    let row = scripted(|_, _, _, _, _| Some(Vec::new()));
    assert!(row.gre_heard);
    assert_account(
        &row,
        ["lcp", "link.negotiation_timeout_lcp", "gre_one_way"],
        Some(806),
        &["answers none of ours", "from 198.51.100.1 to 198.51.100.10"],
    );
}

#[test]
fn w20_a_client_without_our_way_to_authenticate_is_734() {
    let row = scripted(|_, protocol, code, identifier, _| {
        let method = [3, 5, 0xc2, 0x23, 0x05];
        ((protocol, code) == (LCP, REQUEST))
            .then(|| vec![ppp_client::frame(LCP, NAK, identifier, &method)])
    });
    assert_account(
        &row,
        ["lcp", "link.authentication_not_agreed", "method_not_agreed"],
        Some(734),
        &[
            "asked for mschapv2",
            "would take chap-md5",
            "ppp.authentication.methods",
            "authentication: client would take chap-md5; server asks for mschapv2",
        ],
    );
}

#[test]
fn w20_a_wrong_password_is_691_and_so_is_a_name_that_nobody_has() {
    for (name, password, reason, finding) in [
        (
            "alice",
            "wrong",
            "link.authentication_failed",
            "password_wrong",
        ),
        (
            "DOM\\mallory",
            "wonderland-7",
            "link.authentication_failed",
            "user_unknown",
        ),
    ] {
        let setup = Setup {
            adjust: |config| link_of(config).retries_max = 0,
            ..Setup::default()
        };
        let row = attempt(setup, |client| client.ppp = PppClient::new(name, password));
        assert!(!row.authenticated && row.user == name);
        let names = ["authentication", reason, finding];
        assert_account(&row, names, Some(691), &["users.file", "refused: "]);
    }
}

#[test]
fn a_client_that_hangs_up_after_a_permitted_retry_is_691_and_found_by_its_bare_name() {
    let mut world = World::new(Setup::default());
    let place = world.add_client();
    world.clients[place].ppp = PppClient::new("WORK\\alice", "wrong");
    world.dial(place);
    pass(&mut world, 1);
    assert!(world.clients[place].ppp.failure_message.is_some());
    let goodbye = ppp_client::frame(LCP, TERMINATE, 9, b"");
    world.clients[place].send_ppp(goodbye, world.now);
    pass(&mut world, 5);
    let names = ["authentication", "link.peer_terminated", "password_wrong"];
    assert_account(
        &of_peer(&world, place),
        names,
        Some(691),
        &["\"alice\" is wrong"],
    );
    for name in ["alice", "OTHER\\alice"] {
        assert_eq!(explain(&world, &Subject::User(name.into())).len(), 1);
    }
    assert!(explain(&world, &Subject::User("bob".into())).is_empty());
}

#[test]
fn w20_a_client_that_does_not_answer_the_challenge_is_718() {
    let row = scripted(|_, protocol, _, _, _| (protocol == CHAP).then(Vec::new));
    assert_eq!(row.windows_error, Some(718));
    assert_eq!(
        (&*row.stage, &*row.finding),
        ("authentication", "authentication_timeout")
    );
}

/// Offers MPPE with these bits and nothing else, whatever the server says.
fn offer_only<const BITS: u32>(
    client: &mut PppClient,
    protocol: u16,
    code: u8,
    identifier: u8,
) -> Option<Vec<Vec<u8>>> {
    let mut option = vec![18, 6];
    option.extend(BITS.to_be_bytes());
    match (protocol, code) {
        (CHAP, 3) => {
            client.success_message = Some("S=".into());
            Some(vec![ppp_client::frame(CCP, REQUEST, 1, &option)])
        }
        (CCP, REQUEST) => Some(vec![ppp_client::frame(CCP, NAK, identifier, &option)]),
        (CCP, NAK | 4) => {
            let next = identifier.wrapping_add(1);
            Some(vec![ppp_client::frame(CCP, REQUEST, next, &option)])
        }
        _ => None,
    }
}

#[test]
fn w20_a_client_with_40_bits_only_is_741() {
    let row = scripted(|client, protocol, code, identifier, _| {
        offer_only::<0x0100_0020>(client, protocol, code, identifier)
    });
    assert!(row.reason.starts_with("link.mppe_"), "{}", row.reason);
    let names = ["ccp", &*row.reason.clone(), "encryption_too_weak"];
    assert_account(
        &row,
        names,
        Some(741),
        &[
            "The client offered 40-bit stateless MPPE",
            "demands 128-bit stateless MPPE (ppp.mppe.strength)",
            "or 734",
        ],
    );
}

#[test]
fn w20_a_client_that_insists_on_stateful_mode_is_734() {
    let row = scripted(|client, protocol, code, identifier, _| {
        offer_only::<0x0000_0040>(client, protocol, code, identifier)
    });
    assert_eq!((&*row.stage, row.windows_error), ("ccp", Some(734)));
    let text = text(&[row]);
    assert!(text.contains("128-bit stateful MPPE"), "{text}");
}

#[test]
fn w20_a_client_that_will_not_encrypt_is_734_whichever_way_it_says_so() {
    let says_reject = attempt(Setup::default(), |client| client.ppp.mppe = false);
    let says_protocol_reject = scripted(|_, protocol, code, identifier, data| {
        (protocol == CCP && code == REQUEST).then(|| {
            let mut rejected = vec![0x80, 0xfd, code, identifier];
            rejected.extend((data.len() as u16 + 4).to_be_bytes());
            rejected.extend(data);
            vec![ppp_client::frame(LCP, PROTOCOL_REJECT, 3, &rejected)]
        })
    });
    for row in [says_reject, says_protocol_reject] {
        assert!(row.reason.starts_with("link.mppe_"), "{}", row.reason);
        let names = ["ccp", &*row.reason.clone(), "encryption_refused"];
        let words = ["asked for 128-bit stateless MPPE", "ppp.mppe.policy"];
        assert_account(&row, names, Some(734), &words);
    }
}

#[test]
fn w20_a_login_without_keys_is_742() {
    // As of a RADIUS server that sends no MS-MPPE keys.
    let setup = Setup {
        adjust: |config| link_of(config).methods = vec![Method::Pap],
        ..Setup::default()
    };
    let row = attempt(setup, |client| client.ppp.login = Login::Pap);
    assert_account(
        &row,
        ["ccp", "link.mppe_keys_missing", "keys_missing"],
        Some(742),
        &["RADIUS", "ppp.mppe.policy", "its proof was accepted"],
    );
    assert!(row.authenticated);
}

#[test]
fn w15_w20_a_client_that_needs_encryption_where_it_is_off_is_742_and_says_so() {
    let setup = Setup {
        adjust: |config| link_of(config).mppe = MppePolicy::OFF,
        ..Setup::default()
    };
    let row = attempt(setup, |client| {
        client.ppp.script = Some(|_, protocol, code, _, data| {
            let of_ccp = (protocol, code) == (LCP, PROTOCOL_REJECT) && data[..2] == [0x80, 0xfd];
            let goodbye = [1, 2, 3, 4, 0x00, 0x3c, 0xcd, 0x74, 0, 0, 0x02, 0xe6];
            of_ccp.then(|| vec![ppp_client::frame(LCP, TERMINATE, 8, &goodbye)])
        });
    });
    assert_eq!(row.terminate_error, Some(742));
    let words = ["the client says: error 742", "server rejects CCP"];
    let names = ["ipcp", "link.peer_terminated", "encryption_off"];
    assert_account(&row, names, Some(742), &words);
}

#[test]
fn p10_a_client_that_insists_on_its_address_is_told_from_one_that_never_finishes() {
    let insists = attempt(Setup::default(), |client| {
        client.ppp.address = Ipv4Addr::new(192, 168, 1, 50);
        client.ppp.script = Some(|_, protocol, code, identifier, _| {
            let own = [3, 6, 192, 168, 1, 50];
            let next = identifier.wrapping_add(1);
            (protocol == IPCP && matches!(code, NAK | 4))
                .then(|| vec![ppp_client::frame(IPCP, REQUEST, next, &own)])
        });
    });
    let words = ["192.168.1.50", "gives it 10.77.0.100", "user.address"];
    let names = ["ipcp", "link.address_not_agreed", "address_refused"];
    assert_account(&insists, names, Some(734), &words);
    let silent = scripted(|_, protocol, _, _, _| (protocol == IPCP).then(Vec::new));
    assert_eq!(
        (&*silent.stage, &*silent.finding, silent.windows_error),
        ("ipcp", "address_timeout", Some(718))
    );
}

#[test]
fn an_empty_pool_is_628() {
    let mut world = World::new(Setup::default());
    for _ in 0..100 {
        world.bring_up();
    }
    let place = world.add_client();
    world.dial(place);
    pass(&mut world, 5);
    let names = ["decision", "no_address.pool_exhausted", "pool_empty"];
    let row = of_peer(&world, place);
    assert_account(
        &row,
        names,
        Some(628),
        &[
            "pool.ranges",
            "\"alice\"",
            "pool \"default\" (100 addresses) is leased",
        ],
    );
}

#[test]
fn calls_that_were_up_end_with_a_reason_and_without_an_error_of_windows() {
    for (reason, finding) in [
        ("link.echo_timeout", "echo_timeout"),
        ("link.peer_terminated", "client_hung_up"),
        ("cleared_by_peer", "client_hung_up"),
        ("control.peer_closed", "control_connection_lost"),
        ("administrative_stop", "ended_by_operator"),
    ] {
        let mut world = World::new(Setup::default());
        let place = world.bring_up();
        let now = world.now;
        let client = &mut world.clients[place];
        let (id, call_id) = (client.connection.unwrap(), client.local_call_id);
        match reason {
            "link.echo_timeout" => client.dead = true,
            "link.peer_terminated" => {
                client.send_ppp(ppp_client::frame(LCP, TERMINATE, 9, b""), now);
            }
            "cleared_by_peer" => world.say(place, &control::call_clear(call_id)),
            "control.peer_closed" => world.server.sessions.peer_closed(id, now),
            _ => world.server.sessions.stop(now),
        }
        pass(&mut world, 120);
        let row = of_peer(&world, place);
        assert_account(
            &row,
            ["network", reason, finding],
            None,
            &["the network is up"],
        );
        assert!(row.authenticated && row.user == "alice");
    }
}

#[test]
fn a_tcp_connection_that_is_cut_before_the_network_phase_is_619() {
    let mut world = World::new(Setup::default());
    let place = world.add_client();
    world.clients[place].ppp.script = Some(|_, protocol, _, _, _| {
        (protocol == CHAP).then(Vec::new) // still thinks about its password
    });
    world.dial(place);
    pass(&mut world, 2);
    let id = world.clients[place].connection.unwrap();
    world.server.sessions.peer_closed(id, world.now);
    pass(&mut world, 1);
    let names = ["authentication", "control.peer_closed", "client_ended_call"];
    assert_account(&of_peer(&world, place), names, Some(619), &["TCP"]);
}

#[test]
fn excessive_decrypt_failures_are_named_as_wrong_keys_however_the_call_ends() {
    for farewell in ["terminate", "silence"] {
        let mut world = World::new(Setup::default());
        let place = world.bring_up();
        let wrong = StartKeys::from_mschapv2(&[7; 16], &[9; 24]);
        let state =
            EncryptState::new_for_client(wrong.upstream, Strength::Bits128, Mode::Stateless);
        world.clients[place].encrypt = Some(state);
        for round in 0..40 {
            world.client_counts(place, round * 20..round * 20 + 20);
            world.step();
        }
        let live = of_peer(&world, place);
        assert!(live.decryption_failing && live.conclusion.contains("keys are probably wrong"));
        if farewell == "terminate" {
            let goodbye = ppp_client::frame(LCP, TERMINATE, 9, b"");
            world.clients[place].send_ppp(goodbye, world.now);
        } else {
            world.clients[place].dead = true;
        }
        pass(&mut world, 120);
        let row = of_peer(&world, place);
        assert_eq!((&*row.finding, row.windows_error), ("keys_wrong", None));
        let words = "Excessive decrypt failures: the client's keys are wrong.";
        assert!(row.conclusion.starts_with(words), "{row:?}");
    }
}

#[test]
fn failures_are_counted_by_stage_and_finding() {
    let mut world = World::new(Setup::default());
    for _ in 0..3 {
        let place = world.add_client();
        world.clients[place].ppp.mppe = false;
        world.dial(place);
    }
    pass(&mut world, 10);
    let rows = account::failures(world.server.sessions.failures());
    let counts: Vec<_> = rows
        .iter()
        .map(|row| (&*row.stage, &*row.finding, row.windows_error, row.count))
        .collect();
    assert_eq!(counts, [("ccp", "encryption_refused", Some(734), 3)]);
    let table = show::text(&Response::Failures(rows));
    assert!(
        table.contains("encryption_refused            734      3"),
        "{table}"
    );
}

#[test]
fn the_whole_account_as_text() {
    let mut world = World::new(Setup::default());
    let place = world.add_client();
    world.clients[place].ppp.mppe = false;
    world.dial(place);
    pass(&mut world, 10);
    let mut row = of_peer(&world, place);
    assert!(row.local_call_id.is_some());
    row.local_call_id = Some(4711);
    let ended_unix_s = 1_800_000_000 - row.ended_ago_s.unwrap();
    assert!(row.ended_unix_s.unwrap().abs_diff(ended_unix_s) <= 1);
    let text = text(&[row]);
    println!("{text}");
    let expected = include_str!("verdicts/refused.txt");
    assert_eq!(text, expected);
}

#[test]
fn every_configuration_key_that_a_text_names_exists() {
    let keys = accepted_keys();
    let tables = [
        "server.", "ppp.", "pool.", "user.", "users.", "workers.", "explain.", "gre.",
    ];
    let mut named = 0;
    for finding in Finding::ALL {
        let texts = finding.changes().iter().map(|(_, text)| *text);
        for text in texts.chain([finding.words()]) {
            let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "._".contains(c)));
            let words = words.map(|word| word.trim_end_matches('.'));
            for word in words.filter(|word| tables.iter().any(|table| word.starts_with(table))) {
                assert!(keys.contains(word), "{finding} names {word}");
                named += 1;
            }
        }
    }
    assert!(named > 20, "{named}");
}
