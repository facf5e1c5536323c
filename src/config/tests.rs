//! What a whole configuration is refused for, and with which words.

mod groups;
mod peers;
mod servers;

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::aaa::Standing;
use crate::ppp::link::{Method, MppePolicy, MppeRequirement, Stateful};
use crate::wire::mppe::Strength;

const MINIMAL: &str = r#"
[server]
listen = ["198.51.100.1"]
calls_max = 100
[[port]]
name = "wan"
device = "net_af_xdp0,iface=wan_s"
side = "access"
addresses = ["198.51.100.1/24"]
[[port]]
name = "lan"
device = "0000:3b:00.1"
side = "network"
addresses = ["192.168.99.1/24"]
[[pool]]
name = "default"
ranges = ["10.77.0.100-10.77.0.199"]
gateway = "10.77.0.1"
[users]
file = "users.toml"
"#;

const ALICE: &str = "[[user]]\nname = \"alice\"\npassword = \"wonderland-7\"\n";

fn parse(text: &str, users: &str) -> Result<Config, Vec<String>> {
    let users = Zeroizing::new(users.to_owned());
    Config::parse(text, "etc/pns.toml", |_| Ok(users.clone()))
        .map_err(|errors| errors.0.iter().map(ToString::to_string).collect())
}

fn errors(text: &str, users: &str) -> Vec<String> {
    parse(text, users).err().unwrap_or_default()
}

/// The minimal configuration with this instead of users, every secret being `secret`.
pub(super) fn of_servers(text: &str, secret: &str) -> Result<Config, String> {
    let read = |path: &Path| {
        assert!(path.starts_with("etc"), "{}", path.display());
        Ok(Zeroizing::new(secret.to_owned()))
    };
    let text = changed("[users]\nfile = \"users.toml\"\n", text);
    Config::parse(&text, "etc/pns.toml", read).map_err(|errors| errors.to_string())
}

/// The minimal configuration with `from` written as `to`.
fn changed(from: &str, to: &str) -> String {
    assert!(MINIMAL.contains(from), "{from}");
    MINIMAL.replace(from, to)
}

#[track_caller]
fn assert_one_error(text: &str, users: &str, expected: &str) {
    let found = errors(text, users);
    assert!(
        found.len() == 1 && found[0].contains(expected),
        "{expected:?} is not all of {found:#?}"
    );
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let config = parse(MINIMAL, ALICE).unwrap();
    assert_eq!(config.warnings, []);
    assert_eq!(config.server.control_port, 1723);
    assert_eq!(config.server.control_connections_max, 100);
    assert_eq!(config.server.setup_timeout, Duration::from_secs(30));
    assert_eq!(config.challenge_name(), "pns");
    assert_eq!(config.ports[0].tap, "pns-wan");
    assert_eq!(
        config.ports[1].device,
        Device::Pci("0000:3b:00.1".to_owned())
    );
    assert_eq!(config.workers.placement, Placement::Anywhere(1));
    assert_eq!(config.pools[0].size(), 100);
    assert_eq!(
        (config.ppp.mru, config.ppp.restart_timer),
        (1400, Duration::from_secs(3))
    );
    let ppp = &config.ppp;
    let counters = (ppp.terminate_max, ppp.configure_max, ppp.failure_max);
    assert_eq!(counters, (2, 10, 5), "RFC 1661 §4.6");
    assert_eq!(config.ppp.mppe, MppePolicy::REQUIRED);
    assert_eq!(config.forwarding.mss_clamp, MssClamp::Auto);
    assert_eq!(config.users.file, Path::new("etc/users.toml"));
    let alice = config.users.find("alice").unwrap();
    assert!(
        alice
            .nt_hash
            .matches(&crate::auth::secret::NtHash::from_password("wonderland-7"))
    );
    assert!(config.users.find("Alice").is_none());
}

#[test]
fn mistakes_in_every_table_are_found_in_one_go() {
    let text = changed(
        "side = \"access\"",
        "side = \"acces\"\nmtu = 9000\nvlan = 4095",
    )
    .replace("10.77.0.1\"", "10.77.0.150\"")
        + "[ppp.mppe]\npolicy = \"requird\"\n[ppp.mpe]\n[log]\nlevel = 3\n[workers]\ncores = [1, 1]\n";
    let users = "[[user]]\nname = \"bob\"\npasword = \"x\"\n";
    assert_eq!(
        errors(&text, users),
        [
            "etc/pns.toml:8:8: port[0].side: \"acces\" is not a side; write one of access, network, \
             both (did you mean access?)",
            "etc/pns.toml:9:7: port[0].mtu: 9000 is out of range; write a whole number from 576 to 2000",
            "etc/pns.toml:10:8: port[0].vlan: 4095 is out of range; write a whole number from 1 to 4094",
            "etc/pns.toml:19:10: pool[0].ranges: contain 10.77.0.150, the gateway of pool \"default\"; \
             leave it out of the ranges",
            "etc/pns.toml:24:10: ppp.mppe.policy: \"requird\" is not a policy; write one of required, \
             optional, passive, off (did you mean required?)",
            "etc/pns.toml:25:6: ppp.mpe: is not a known key; did you mean `mppe`?",
            "etc/pns.toml:27:9: log.level: is a whole number; write a text in quotes",
            "etc/pns.toml:29:9: workers.cores: has core 1 twice; give each worker its own",
            "etc/users.toml:1:1: user[0].password: is missing; write for example password = \"…\", or \
             nt_hash = \"32 hex digits\"",
            "etc/users.toml:3:1: user[0].pasword: is not a known key; did you mean `password`?",
        ]
    );
}

#[test]
fn how_gre_is_spoken() {
    let defaults = Gre {
        source: GreSource::Strict,
        late_packets_max: 64,
        reorder_hold_packets: 0,
        reorder_hold: Duration::from_millis(5),
        window: SendWindow::Ignore,
    };
    assert_eq!(parse(MINIMAL, ALICE).unwrap().gre, defaults);
    let given = "[gre]\nsource = \"learn\"\nlate_packets_max = 256\nreorder_hold_packets = 8\n\
                 reorder_hold_ms = 20\nwindow = \"honour\"\n";
    let wanted = Gre {
        source: GreSource::Learn,
        late_packets_max: 256,
        reorder_hold_packets: 8,
        reorder_hold: Duration::from_millis(20),
        window: SendWindow::Honour,
    };
    assert_eq!(
        parse(&format!("{MINIMAL}{given}"), ALICE).unwrap().gre,
        wanted
    );
    for (key, expected) in [
        ("source = \"once\"", "write one of strict, learn, any"),
        (
            "late_packets_max = 257",
            "write a whole number from 0 to 256",
        ),
        (
            "reorder_hold_packets = 65",
            "write a whole number from 0 to 64",
        ),
        ("reorder_hold_ms = 0", "write a whole number from 1 to 100"),
        ("window = \"honor\"", "did you mean honour?"),
    ] {
        assert_one_error(&format!("{MINIMAL}[gre]\n{key}\n"), ALICE, expected);
    }
}

#[test]
fn an_empty_file_says_what_is_missing() {
    let found = errors("", "");
    for key in ["server.listen", "port", "pool", "users.file"] {
        let wanted = format!(" {key}: ");
        assert!(
            found.iter().any(|line| line.contains(&wanted)),
            "{key} in {found:#?}"
        );
    }
}

#[test]
fn addresses_that_collide() {
    let pool =
        "[[pool]]\nname = \"b\"\nranges = [\"10.77.0.199-10.77.0.201\"]\ngateway = \"10.77.0.1\"\n";
    let text = changed("[users]", &format!("{pool}[users]"));
    assert_one_error(
        &text,
        ALICE,
        "10.77.0.199-10.77.0.201 overlaps 10.77.0.100-10.77.0.199",
    );
    let text = changed(
        "10.77.0.100-",
        "192.168.99.1-192.168.99.1\", \"10.77.0.100-",
    );
    assert_one_error(
        &text,
        ALICE,
        "contain 192.168.99.1, an address of port \"lan\"",
    );
    let text = changed("gateway = \"10.77.0.1\"", "gateway = \"198.51.100.1\"");
    assert_one_error(&text, ALICE, "198.51.100.1 is also in server.listen");
    let text = changed("192.168.99.1/24", "198.51.100.9/24");
    assert_one_error(
        &text,
        ALICE,
        "the network of 198.51.100.9/24 is also that of port \"wan\"",
    );
}

#[test]
fn ports_that_do_not_differ() {
    let text = changed("name = \"lan\"", "name = \"wan\"\ntap = \"other\"");
    assert_one_error(&text, ALICE, "this name is also that of port \"wan\"");
    let text = changed("0000:3b:00.1", "net_af_xdp0,iface=other");
    assert_one_error(&text, ALICE, "\"net_af_xdp0\" is also that of port \"wan\"");
    let text = changed("name = \"lan\"", "name = \"lan\"\ntap = \"pns-wan\"");
    assert_one_error(
        &text,
        ALICE,
        "port[1].tap: \"pns-wan\" is also that of port \"wan\"",
    );
    let text = changed("name = \"lan\"", "name = \"a-rather-long\"");
    assert_one_error(&text, ALICE, "too long for the name of an interface");
    let text = changed("side = \"network\"", "side = \"access\"");
    assert_one_error(&text, ALICE, "no port is where clients want to go");
    let text = changed(
        "side = \"network\"",
        "side = \"network\"\ndescriptors = 1000",
    );
    assert_one_error(&text, ALICE, "1000 is not a power of two; write 1024");
    let route = "side = \"network\"\nroutes = [{ to = \"0.0.0.0/0\", via = \"192.168.98.2\" }]";
    let text = changed("side = \"network\"", route);
    assert_one_error(
        &text,
        ALICE,
        "192.168.98.2 is on none of this port's networks",
    );
}

#[test]
fn limits_that_contradict_each_other() {
    assert_one_error(
        &changed("calls_max = 100", "calls_max = 65280"),
        ALICE,
        "65280 calls need more Call IDs than 1 address(es) have; write at most 65279",
    );
    let config = parse(&changed("calls_max = 100", "calls_max = 101"), ALICE).unwrap();
    assert!(
        config.warnings[0]
            .problem
            .contains("the pools hold 100 addresses for 101 calls")
    );
    let dpdk = |keys: &str| format!("{MINIMAL}[dpdk]\n{keys}\n");
    assert_one_error(&dpdk("mbufs = 2048"), ALICE, "write mbufs = 5120 or more");
    assert_one_error(
        &dpdk("mbufs = 262144"),
        ALICE,
        "write memory_mb = 854, or fewer mbufs",
    );
    assert!(parse(&dpdk("mbufs = 262144\nmemory_mb = 854"), ALICE).is_ok());
    let workers = format!("{MINIMAL}[workers]\ncores = [1, 2]\ncontrol_core = 2\n");
    assert_one_error(&workers, ALICE, "2 is the core of a worker");
    let workers = format!("{MINIMAL}[workers]\ncores = [1]\ncount = 1\n");
    assert_one_error(
        &workers,
        ALICE,
        "workers.count: says again what workers.cores says",
    );
    let workers = |keys: &str| format!("{MINIMAL}[workers]\ncount = 2\n{keys}\n");
    for (list, problem) in [
        ("[]", "names no worker"),
        (
            "[0, 2]",
            "there is no worker 2; write numbers of workers, 0 to 1",
        ),
        ("[1, 1]", "has worker 1 twice"),
    ] {
        let file = workers(&format!("call_workers = {list}"));
        assert_one_error(&file, ALICE, problem);
        let port = format!("side = \"access\"\nrx_workers = {list}");
        let file = workers("").replace("side = \"access\"", &port);
        assert_one_error(&file, ALICE, problem);
    }
    let config = parse(&format!("{MINIMAL}[ppp]\nmru = 1457\n"), ALICE).unwrap();
    assert!(
        config.warnings[0].cure.contains("write at most 1456"),
        "{:?}",
        config.warnings
    );
}

#[test]
fn methods_are_taken_in_their_order_and_the_weak_ones_are_warned_about() {
    let with = |keys: &str| format!("{MINIMAL}[ppp.authentication]\n{keys}\n");
    let config = parse(&with("methods = [\"eap\", \"mschapv2\"]"), ALICE).unwrap();
    let authentication = &config.ppp.authentication;
    assert_eq!(authentication.methods, [Method::Eap, Method::MsChapV2]);
    assert_eq!(config.warnings, []);
    for (method, words) in [
        ("pap", "in clear"),
        ("chap-md5", "guess"),
        ("mschapv1", "broken"),
    ] {
        let config = parse(
            &with(&format!("methods = [\"mschapv2\", \"{method}\"]")),
            ALICE,
        )
        .unwrap();
        let warnings: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
        assert!(
            warnings[0].contains("methods[1]") && warnings[0].contains(words),
            "{warnings:?}"
        );
        let keyless = method != "mschapv1";
        assert_eq!(warnings.len(), 1 + usize::from(keyless), "{warnings:?}");
        let kept = config.users.find("alice").unwrap().password.is_some();
        assert_eq!(
            kept,
            method == "chap-md5",
            "in clear only where it is needed"
        );
    }
    let config = parse(&with("eap_methods = [\"mschapv2\", \"md5\"]"), ALICE).unwrap();
    assert!(
        config.warnings[0].problem.contains("no keys"),
        "{:?}",
        config.warnings
    );
    for (keys, words) in [
        ("methods = []", "nobody could log in"),
        ("methods = [\"pap\", \"eap\", \"pap\"]", "twice"),
        ("eap_methods = [\"md5\", \"md5\"]", "twice"),
        ("methods = [\"mschap\"]", "did you mean mschapv"),
        ("reauthentication_interval_s = 86401", "86400"),
    ] {
        let found = errors(&with(keys), ALICE);
        assert!(
            found.iter().any(|error| error.contains(words)),
            "{keys}: {found:?}"
        );
    }
}

#[test]
fn users_may_be_disabled_or_have_to_change_their_password() {
    let user = |keys: &str| {
        let config = parse(MINIMAL, &format!("{ALICE}{keys}\n")).unwrap();
        config.users.find("alice").unwrap().standing
    };
    assert_eq!(user(""), Standing::Good);
    assert_eq!(user("disabled = false"), Standing::Good);
    assert_eq!(user("password_expired = true"), Standing::PasswordExpired);
    assert_eq!(
        user("disabled = true\npassword_expired = true"),
        Standing::Disabled
    );
    let md5 = format!("{MINIMAL}[ppp.authentication]\nmethods = [\"chap-md5\"]\n");
    let hashed = "[[user]]\nname = \"bob\"\nnt_hash = \"44ebba8d5312b8d611474411f56989ae\"\n";
    let config = parse(&md5, hashed).unwrap();
    let closed = |warning: &ConfigError| warning.to_string().contains("closed to 1 users");
    assert!(config.warnings.iter().any(closed), "{:?}", config.warnings);
}

#[test]
fn what_is_not_built_yet_is_refused_and_not_ignored() {
    let ppp = |keys: &str| format!("{MINIMAL}[ppp.{keys}\n");
    assert_one_error(
        &ppp("ipcp]\npool = \"gold\""),
        ALICE,
        "there is no pool \"gold\"",
    );
    assert_one_error(
        &ppp("ipcp]\naddress = \"kept\""),
        ALICE,
        "did you mean keep?",
    );
    assert_one_error(
        &ppp("ipv6cp]\npolicy = \"required\""),
        ALICE,
        "write one of on, off",
    );
}

#[test]
fn encryption_in_the_words_of_the_field() {
    let mppe = |keys: &str| parse(&format!("{MINIMAL}[ppp.mppe]\n{keys}\n"), ALICE).unwrap();
    for (keys, strengths, warnings) in [
        ("strength = \"128\"", vec![128], 0),
        ("strength = \"auto\"", vec![40, 56, 128], 1),
        ("strength = [\"128\", \"56\"]", vec![56, 128], 1),
        ("strength = \"40\"\nstateful = true", vec![40], 2),
        ("strength = \"40\"\npolicy = \"off\"", vec![40], 1),
    ] {
        let config = mppe(keys);
        assert_eq!(
            config.warnings.len(),
            warnings,
            "{keys}: {:?}",
            config.warnings
        );
        let allowed = [Strength::Bits40, Strength::Bits56, Strength::Bits128].into_iter();
        let allowed = allowed.filter(|bits| config.ppp.mppe.strengths.contains(*bits));
        assert_eq!(
            allowed.map(Strength::bits).collect::<Vec<_>>(),
            strengths,
            "{keys}"
        );
    }
    for (word, requirement) in [
        ("required", MppeRequirement::Required),
        ("optional", MppeRequirement::Optional),
        ("passive", MppeRequirement::Passive),
        ("off", MppeRequirement::Off),
    ] {
        let config = mppe(&format!("policy = \"{word}\""));
        assert_eq!(config.ppp.mppe.requirement, requirement);
        assert_eq!(config.ppp.mppe.stateful, Stateful::Refused);
        assert!(!config.ppp.mppe.compression);
        assert_eq!(config.mppc_calls_max(), 0);
    }
    let config = mppe("mppc = \"allow\"");
    assert!(config.ppp.mppe.compression);
    assert_eq!(config.mppc_calls_max(), 64);
    // Or one group, or one user.
    let group =
        format!("{MINIMAL}[ppp.mppe]\nmppc_calls_max = 7\n[group.old.mppe]\nmppc = \"allow\"\n");
    let config = parse(&group, ALICE).unwrap();
    assert!(!config.ppp.mppe.compression);
    assert_eq!(config.mppc_calls_max(), 7);
    let user = format!("{ALICE}mppe = {{ mppc = \"allow\" }}\n");
    assert_eq!(parse(MINIMAL, &user).unwrap().mppc_calls_max(), 64);
    for (word, stateful) in [
        ("false", Stateful::Refused),
        ("true", Stateful::Allowed),
        ("\"prefer\"", Stateful::Preferred),
    ] {
        let config = mppe(&format!("stateful = {word}"));
        assert_eq!(config.ppp.mppe.stateful, stateful);
    }
    for (keys, expected) in [
        ("strength = []", "nothing could be agreed on"),
        (
            "strength = [\"auto\"]",
            "\"auto\" is not a key length; write one of 40, 56, 128",
        ),
        ("strength = \"64\"", "write one of auto, 40, 56, 128"),
        ("strength = 128", "write a text in quotes"),
        ("stateful = \"yes\"", "write one of prefer"),
        ("stateful = 1", "write true or false"),
    ] {
        assert_one_error(&format!("{MINIMAL}[ppp.mppe]\n{keys}\n"), ALICE, expected);
    }
}

#[test]
fn rfc1994_s2_3_a_password_has_one_character_at_least() {
    let user = |password: &str| format!("[[user]]\nname = \"bob\"\npassword = \"{password}\"\n");
    assert_one_error(MINIMAL, &user(""), "has 0 characters");
    assert!(parse(MINIMAL, &user("x")).is_ok());
    assert!(parse(MINIMAL, &user(&"x".repeat(256))).is_ok());
    assert_one_error(MINIMAL, &user(&"x".repeat(257)), "has 257 characters");
}

#[test]
fn users_are_checked_against_the_configuration() {
    let user = |keys: &str| {
        format!("{ALICE}[[user]]\nname = \"bob\"\npassword = \"long enough\"\n{keys}\n")
    };
    for (keys, expected) in [
        ("address = \"192.168.99.1\"", "is an address of this box"),
        (
            "pool = \"gold\"",
            "there is no pool \"gold\"; write one of default",
        ),
        ("address = \"10.77.0.1\"", "is an address of this box"),
        (
            "nt_hash = \"44ebba8d5312b8d611474411f56989ae\"",
            "is there beside user.password",
        ),
        (
            "[[user]]\nname = \"alice\"\npassword = \"other one\"",
            "\"alice\" is already a user, on line 2",
        ),
    ] {
        assert_one_error(MINIMAL, &user(keys), expected);
    }
    let alike = user("").replace("bob", "ALICE");
    assert_eq!(parse(MINIMAL, &alike).unwrap().users.len(), 2);
    let folding = MINIMAL.replace("[users]", "[users]\nignore_case = true");
    assert_one_error(
        &folding,
        &alike,
        "\"ALICE\" is already a user but for capitals, on line 2",
    );
    assert!(
        parse(&folding, ALICE)
            .unwrap()
            .users
            .find("aLICE")
            .is_some()
    );
    let twice = user("address = \"10.1.0.1\"").replace("7\"\n", "7\"\naddress = \"10.1.0.1\"\n");
    assert_one_error(
        MINIMAL,
        &twice,
        "10.1.0.1 already is the address of \"alice\"",
    );
    let own = user("address = \"10.77.0.150\"\npool = \"default\"");
    let config = parse(MINIMAL, &own).unwrap();
    assert_eq!(
        config.users.find("bob").unwrap().address,
        Some([10, 77, 0, 150].into())
    );
    let hashed = "[[user]]\nname = \"bob\"\nnt_hash = \"44EBba8d5312b8d611474411f56989ae\"\n";
    let config = parse(MINIMAL, hashed).unwrap();
    // RFC 2759 §9.2: NtPasswordHash of "clientPass".
    let expected = crate::auth::secret::NtHash::from_password("clientPass");
    assert!(config.users.find("bob").unwrap().nt_hash.matches(&expected));
    assert!(
        parse(MINIMAL, "").unwrap().warnings[0]
            .to_string()
            .contains("nobody can log in")
    );
}

#[test]
fn no_message_and_no_debug_output_repeats_a_secret() {
    let secret = "Tr0ub4dor";
    for users in [
        format!("[[user]]\nname = \"a\"\npassword = \"{secret}\"\nnt_hash = \"{secret}\"\n"),
        format!("[[user]]\nname = \"a\"\nnt_hash = \"{secret}\"\n"),
        format!("[[user]]\nname = \"a\"\npassword = {secret}\n"),
        format!("[[user]]\nname = \"a\"\npassword = \"{secret}\n"),
        format!("[[user]]\nname = \"a\"\npassword = [\"{secret}\"]\n"),
        format!("[[user]]\nname = \"a\"\npassword = \"\\q{secret}\"\n"),
    ] {
        let found = errors(MINIMAL, &users).join("\n");
        assert!(!found.is_empty() && !found.contains(secret), "{found}");
    }
    let users = format!("[[user]]\nname = \"a\"\npassword = \"{secret}\"\n");
    let shown = format!("{:?}", parse(MINIMAL, &users).unwrap());
    assert!(shown.contains("count: 1") && !shown.contains(secret));
}

proptest! {
    /// Whatever the text, reading ends with a configuration or with at least one message.
    #[test]
    fn hostile_text_is_an_error_and_nothing_worse(
        cut in 0..MINIMAL.len(),
        length in 0usize..40,
        insert in "[\\[\\]{}=\"',.#a-z0-9\n-]{0,12}",
    ) {
        let end = (cut + length).min(MINIMAL.len());
        let text = format!("{}{insert}{}", &MINIMAL[..cut], &MINIMAL[end..]);
        if let Err(found) = parse(&text, ALICE) {
            prop_assert!(!found.is_empty());
        }
        let users = ALICE.replace("alice", &insert);
        if let Err(found) = parse(MINIMAL, &users) {
            prop_assert!(!found.is_empty());
        }
    }
}
