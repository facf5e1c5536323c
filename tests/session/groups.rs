//! What holds for a call: of the address that the client dialled until it is known, of its user from
//! then on, and what operators are told of it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use pns::aaa::{Access, LocalUser, LocalUsers};
use pns::auth::NtHash;
use pns::flow::Encryption;
use pns::ppp::link::{LinkConfig, Method, MppeChange, MppePolicy, MppeRequirement, Stateful};
use pns::session::verdict::{Key, Verdict};
use pns::session::{Account, Listener};
use pns::wire::ccp::Strengths;
use pns::wire::mppe::Strength;

use super::ppp_client::{Login, PppClient};
use super::world::{CLIENT, SECOND_SERVER, SERVER, World};

fn access(group: Option<&str>, methods: &[Method], mppe: MppePolicy) -> Arc<Access> {
    Arc::new(Access {
        group: group.map(Into::into),
        methods: methods.to_vec(),
        mppe,
        ..Access::default()
    })
}

/// A server with one address for each of these.
fn world(accesses: [&Arc<Access>; 2]) -> World {
    World::with(10, None, |config| {
        let listener = |(address, access): (Ipv4Addr, &Arc<Access>)| Listener {
            address,
            link: Arc::new(LinkConfig {
                methods: access.methods.clone(),
                mppe: access.mppe,
                ..LinkConfig::default()
            }),
            access: Arc::clone(access),
        };
        let addresses = [SERVER, SECOND_SERVER].into_iter();
        config.listeners = addresses.zip(accesses).map(listener).collect();
    })
}

/// Alice is of this group, and has this of her own.
fn alice(world: &mut World, group: Option<Arc<Access>>, mppe: MppeChange) {
    world.users = LocalUsers::new([LocalUser {
        group,
        mppe,
        ..LocalUser::new("alice", NtHash::from_password("wonderland-7"), "default")
    }]);
}

/// The one verdict there is.
fn verdict(world: &World) -> Verdict {
    let mut accounts = world.sessions.explain(&Key::Peer(CLIENT), 10);
    match (accounts.pop(), accounts.len()) {
        (Some(Account::Ended(verdict)), 0) => *verdict,
        (last, others) => panic!("{last:?} and {others} others"),
    }
}

/// What an operator reads; every key in it exists.
fn words(verdict: &Verdict) -> String {
    let changes = verdict.changes().into_iter().map(|change| change.text);
    let mut words = verdict.conclusion();
    words.extend(changes.map(|change| format!(" {change}")));
    let known = pns::config::accepted_keys();
    for word in words.split(|c: char| !(c.is_ascii_alphanumeric() || "._".contains(c))) {
        let word = word.trim_end_matches('.');
        if ["ppp.", "group.", "user."]
            .iter()
            .any(|table| word.starts_with(table))
        {
            let key = word
                .replace(".office.", ".NAME.")
                .replace(".legacy.", ".NAME.");
            assert!(known.contains(&key), "{key} in {words}");
        }
    }
    words
}

#[test]
fn each_address_offers_what_its_group_permits() {
    let strict = access(None, &[Method::MsChapV2], MppePolicy::REQUIRED);
    let legacy = [Method::Pap, Method::ChapMd5];
    let legacy = access(Some("legacy"), &legacy, MppePolicy::OPTIONAL);
    for (local, login, up, encrypted) in [
        (SERVER, Login::MsChapV2, true, true),
        (SERVER, Login::Pap, false, false),
        (SECOND_SERVER, Login::Pap, true, false),
        (SECOND_SERVER, Login::MsChapV2, false, false),
    ] {
        let mut world = world([&strict, &legacy]);
        let mut client = PppClient::new("alice", "wonderland-7");
        client.login = login;
        world.dial_to(local, &mut client);
        let reached = (client.network_up(), client.encrypted());
        assert_eq!(reached, (up, encrypted), "{login:?} at {local}");
        if !up {
            world.pass(Duration::from_secs(40));
            let verdict = verdict(&world);
            assert_eq!(verdict.cause.name(), "link.authentication_not_agreed");
            let key = if local == SERVER {
                "ppp.authentication.methods"
            } else {
                "group.legacy.authentication"
            };
            assert!(words(&verdict).contains(key), "{}", words(&verdict));
            continue;
        }
        let group = world.sessions.views().next().and_then(|view| view.group);
        let expected = (local == SECOND_SERVER).then_some("legacy");
        assert_eq!(group.as_deref(), expected);
    }
}

const SHORT: MppeChange = MppeChange {
    strengths: Some(Strengths::only(Strength::Bits40)),
    ..MppeChange::NONE
};
const REQUIRED: MppeChange = MppeChange {
    requirement: Some(MppeRequirement::Required),
    ..MppeChange::NONE
};
/// What a client offers in CCP: L, H, and no encryption at all.
const BITS_40: Option<[u8; 4]> = Some([1, 0, 0, 0x20]);
const BITS_128: Option<[u8; 4]> = Some([1, 0, 0, 0x40]);
const CLEAR: Option<[u8; 4]> = None;

/// What becomes of a call: whether it is encrypted, or the words of its verdict.
enum Outcome {
    Up { encrypted: bool },
    Ends(&'static [&'static str]),
}

/// The policy of the address, the user's group if it has one, what the user has of its own, what the
/// client offers, and what becomes of that.
type Row = (
    MppePolicy,
    Option<MppePolicy>,
    MppeChange,
    Option<[u8; 4]>,
    Outcome,
);

fn assert_outcomes(table: impl IntoIterator<Item = Row>) {
    for (place, row) in table.into_iter().enumerate() {
        assert_outcome(place, row);
    }
}

fn assert_outcome(row: usize, (address, group, own, bits, outcome): Row) {
    let methods = [Method::MsChapV2];
    let address = access(None, &methods, address);
    let group = group.map(|mppe| access(Some("office"), &methods, mppe));
    let mut world = world([&address, &address]);
    let requirement = group
        .as_ref()
        .unwrap_or(&address)
        .mppe
        .changed(own)
        .requirement;
    alice(&mut world, group, own);
    let mut client = PppClient::new("alice", "wonderland-7");
    client.mppe = bits.is_some();
    client.mppe_bits = bits.unwrap_or(client.mppe_bits);
    world.dial(&mut client);
    // A client that asked for encryption in vain is asked for its address once more.
    world.pass_with(Duration::from_secs(4), |world, frames| {
        let answers = frames
            .iter()
            .flat_map(|frame| client.handle(frame))
            .collect();
        world.talk(&mut client, answers);
    });
    let enforced = match requirement {
        MppeRequirement::Required => Encryption::Required,
        MppeRequirement::Optional | MppeRequirement::Passive => Encryption::Optional,
        MppeRequirement::Off => Encryption::Off,
    };
    let told: Vec<_> = world.policies.iter().map(|it| it.encryption).collect();
    assert_eq!(told, [enforced], "row {row}: the worker knows");
    match outcome {
        Outcome::Up { encrypted } => {
            let reached = (client.network_up(), client.encrypted());
            assert_eq!(reached, (true, encrypted), "row {row}");
        }
        Outcome::Ends(expected) => {
            world.pass(Duration::from_secs(40));
            let found = words(&verdict(&world));
            for words in expected {
                assert!(
                    found.contains(words),
                    "row {row}: {words:?} is not in {found}"
                );
            }
            world.assert_all_given_back();
        }
    }
}

const ENCRYPTED: Outcome = Outcome::Up { encrypted: true };
const IN_CLEAR: Outcome = Outcome::Up { encrypted: false };
const DEMANDED: MppePolicy = MppePolicy::REQUIRED;
const WISHED: MppePolicy = MppePolicy::OPTIONAL;
const REFUSED: MppePolicy = MppePolicy::OFF;
const NONE: MppeChange = MppeChange::NONE;

#[test]
fn without_a_group_the_encryption_is_that_of_the_address() {
    let table: [Row; 3] = [
        (WISHED, None, NONE, CLEAR, IN_CLEAR),
        (DEMANDED, None, NONE, BITS_128, ENCRYPTED),
        (
            DEMANDED,
            None,
            NONE,
            CLEAR,
            Outcome::Ends(&["demands encryption (it asked", "ppp.mppe.policy"]),
        ),
    ];
    assert_outcomes(table);
}

#[test]
fn the_encryption_of_the_users_group_goes_before_that_of_the_address() {
    let table: [Row; 5] = [
        (DEMANDED, Some(WISHED), NONE, CLEAR, IN_CLEAR),
        (DEMANDED, Some(REFUSED), NONE, BITS_128, IN_CLEAR),
        (REFUSED, Some(DEMANDED), NONE, BITS_128, ENCRYPTED),
        (
            REFUSED,
            Some(DEMANDED),
            NONE,
            CLEAR,
            Outcome::Ends(&[
                "demands encryption of group office",
                "group.office.mppe.policy",
            ]),
        ),
        (
            WISHED,
            Some(DEMANDED),
            NONE,
            BITS_40,
            Outcome::Ends(&[
                "128-bit stateless MPPE of group office (group.office.mppe.strength)",
                "shorter keys in group.office.mppe.strength",
            ]),
        ),
    ];
    assert_outcomes(table);
}

#[test]
fn what_a_user_has_of_its_own_goes_before_both() {
    let table: [Row; 4] = [
        (WISHED, None, REQUIRED, BITS_128, ENCRYPTED),
        (
            WISHED,
            Some(WISHED),
            REQUIRED,
            CLEAR,
            Outcome::Ends(&["demands encryption of this user", "user.mppe.policy"]),
        ),
        (DEMANDED, Some(DEMANDED), SHORT, BITS_40, ENCRYPTED),
        (
            DEMANDED,
            None,
            SHORT,
            BITS_128,
            Outcome::Ends(&["40-bit stateless MPPE of this user", "user.mppe.strength"]),
        ),
    ];
    assert_outcomes(table);
}

#[test]
fn a_user_whose_group_does_not_permit_the_method_is_not_let_in() {
    let all = [Method::MsChapV2, Method::Pap];
    let open = access(None, &all, MppePolicy::OPTIONAL);
    for (permitted, login, up) in [
        (Method::MsChapV2, Login::MsChapV2, true),
        (Method::MsChapV2, Login::Pap, false),
        (Method::Pap, Login::Pap, true),
        (Method::Eap, Login::MsChapV2, false),
    ] {
        let mut world = world([&open, &open]);
        let group = access(Some("office"), &[permitted], MppePolicy::OPTIONAL);
        alice(&mut world, Some(group), MppeChange::NONE);
        let mut client = PppClient::new("alice", "wonderland-7");
        client.login = login;
        world.dial(&mut client);
        assert_eq!(client.network_up(), up, "{login:?} with {permitted}");
        assert_eq!(world.policies.len(), usize::from(up));
        if !up {
            assert_eq!(world.sessions.refusals().get("method_not_permitted"), 1);
            world.pass(Duration::from_secs(40));
            let verdict = verdict(&world);
            assert_eq!(verdict.cause.name(), "link.dial_in_not_permitted");
            assert_eq!(verdict.finding.name(), "method_not_permitted");
            let windows = verdict.windows_errors().map(|errors| errors.number);
            assert_eq!(windows, Some(649));
            assert!(
                words(&verdict).contains("user.group"),
                "{}",
                words(&verdict)
            );
            world.assert_all_given_back();
        }
    }
}

/// A client that restarts LCP logs in anew, and what holds is what is said of its user then.
#[test]
fn a_call_that_is_negotiated_anew_has_the_policy_of_its_newest_login() {
    let office = access(Some("office"), &[Method::MsChapV2], MppePolicy::REQUIRED);
    let open = access(None, &[Method::MsChapV2], MppePolicy::OPTIONAL);
    for (later, expected) in [
        (Some(Arc::clone(&office)), Encryption::Required),
        (None, Encryption::Optional),
    ] {
        let mut world = world([&open, &open]);
        alice(&mut world, Some(Arc::clone(&office)), MppeChange::NONE);
        let mut client = PppClient::new("alice", "wonderland-7");
        world.dial(&mut client);
        assert!(client.network_up() && client.encrypted());
        let group = later.as_ref().and_then(|it| it.group.clone());
        alice(&mut world, later, MppeChange::NONE);
        let frames = client.restart();
        world.talk(&mut client, frames);
        assert!(client.network_up() && client.encrypted());
        let told: Vec<_> = world.policies.iter().map(|it| it.encryption).collect();
        assert_eq!(told, [Encryption::Required, expected]);
        let shown = world.sessions.views().next().and_then(|view| view.group);
        assert_eq!(shown.as_deref(), group.as_deref());
    }
}

#[test]
fn a_client_that_insists_on_a_history_where_there_is_no_place_is_told_and_named() {
    let mppe = MppePolicy {
        stateful: Stateful::Allowed,
        compression: true,
        ..MppePolicy::REQUIRED
    };
    let old = access(Some("old"), &[Method::MsChapV2], mppe);
    // 128 bits, compressed; stateful, and stateless, whose frames build upon nothing.
    for (mppe_bits, fits) in [([0, 0, 0, 0x41], false), ([1, 0, 0, 0x41], true)] {
        let mut world = world([&old, &old]);
        alice(&mut world, Some(Arc::clone(&old)), MppeChange::NONE);
        let mut client = PppClient::new("alice", "wonderland-7");
        client.mppe_bits = mppe_bits;
        world.dial(&mut client);
        assert_eq!(client.network_up(), fits);
        if !fits {
            world.pass(Duration::from_secs(10));
            assert!(client.terminated, "LCP says goodbye");
            assert_eq!(world.end_reason(), "link.mppc_calls_full");
            let mut commands = world.commands.iter();
            assert!(commands.all(|(word, _)| *word != "arm_upstream"));
            world.assert_all_given_back();
        }
    }
}
