//! Groups, who is in them, and what is refused of them.

use super::*;
use crate::aaa::EapMethod;
use crate::ppp::link::MppeChange;

const GROUPS: &str = r#"
[[listener]]
address = "198.51.100.3"
group = "legacy"
[group.legacy]
authentication = ["mschapv2", "mschapv1"]
[group.legacy.mppe]
policy = "optional"
strength = "auto"
[group.office.mppe]
policy = "required"
stateful = true
"#;

fn with_groups() -> String {
    let second = changed(
        "addresses = [\"198.51.100.1/24\"]",
        "addresses = [\"198.51.100.1/24\", \"198.51.100.3/24\"]",
    );
    format!("{second}{GROUPS}")
}

fn group<'c>(config: &'c Config, name: &str) -> &'c Group {
    let mut groups = config.groups.iter();
    groups.find(|group| group.name == name).unwrap()
}

#[test]
fn what_a_group_leaves_out_is_as_in_ppp() {
    let ppp = "[ppp.authentication]\nmethods = [\"eap\"]\n[ppp.mppe]\npolicy = \"passive\"\n";
    let config = parse(&format!("{}{ppp}", with_groups()), ALICE).unwrap();
    let (legacy, office) = (group(&config, "legacy"), group(&config, "office"));
    assert_eq!(legacy.methods, [Method::MsChapV2, Method::MsChapV1]);
    assert_eq!(office.methods, [Method::Eap]);
    assert_eq!(office.eap_methods, [EapMethod::MsChapV2]);
    assert_eq!(legacy.mppe.requirement, MppeRequirement::Optional);
    assert_eq!(office.mppe.requirement, MppeRequirement::Required);
    assert_eq!(
        (office.mppe.strengths, office.mppe.stateful),
        (MppePolicy::REQUIRED.strengths, Stateful::Allowed)
    );
    assert_eq!(config.ppp.mppe, MppePolicy::PASSIVE);
}

#[test]
fn a_listener_is_an_address_to_dial_with_or_without_server_listen() {
    let config = parse(&with_groups(), ALICE).unwrap();
    let address = |last| Ipv4Addr::new(198, 51, 100, last);
    assert_eq!(config.server.listen, [address(1), address(3)]);
    assert_eq!(config.group_at(address(1)), None);
    assert_eq!(config.group_at(address(3)), Some("legacy"));
    let alone = with_groups().replace("listen = [\"198.51.100.1\"]", "");
    let config = parse(&alone, ALICE).unwrap();
    assert_eq!(config.server.listen, [address(3)]);
    let text = with_groups().replace("calls_max = 100", "calls_max = 130559");
    let expected = "130559 calls need more Call IDs than 2 address(es) have";
    assert_one_error(&text, ALICE, expected);
}

#[test]
fn a_user_has_a_group_and_an_encryption_of_its_own() {
    let own = "group = \"office\"\nmppe = { policy = \"optional\", stateful = false }\n";
    let config = parse(&with_groups(), &format!("{ALICE}{own}")).unwrap();
    let alice = config.users.find("alice").unwrap();
    assert_eq!(alice.group.as_deref(), Some("office"));
    let change = MppeChange {
        requirement: Some(MppeRequirement::Optional),
        stateful: Some(Stateful::Refused),
        ..MppeChange::NONE
    };
    assert_eq!(alice.mppe, change);
}

#[test]
fn a_group_that_is_not_there_refuses_the_whole_file_at_its_line() {
    let user = format!("{ALICE}group = \"ofice\"\n");
    let expected = "etc/users.toml:4:9: user[0].group: there is no group \"ofice\"; write one of \
                    legacy, office, or a table [group.ofice]";
    assert_one_error(&with_groups(), &user, expected);
    let expected =
        "there is no group \"office\"; write a table [group.office] in the configuration";
    assert_one_error(MINIMAL, &user.replace("ofice", "office"), expected);
    let text = with_groups().replace("group = \"legacy\"", "group = \"modern\"");
    let expected = "listener[0].group: there is no group \"modern\"; write one of legacy, office";
    assert_one_error(&text, ALICE, expected);
}

#[test]
fn what_is_wrong_in_a_group_or_a_listener_is_said_where_it_stands() {
    for (from, to, expected) in [
        (
            "198.51.100.3\"\ngroup",
            "198.51.100.1\"\ngroup",
            "listener[0].address: 198.51.100.1 is already in server.listen",
        ),
        (
            "strength = \"auto\"",
            "strenght = \"auto\"",
            "group.legacy.mppe.strenght: is not a known key; did you mean `strength`?",
        ),
        (
            "[\"mschapv2\", \"mschapv1\"]",
            "[]",
            "group.legacy.authentication: is empty, so nobody could log in",
        ),
        (
            "stateful = true",
            "stateful = 1",
            "group.office.mppe.stateful: is a whole number",
        ),
        (
            "[group.office.mppe]",
            "[group.\"the office\".mppe]",
            "group.the office: \"the office\" is not a name",
        ),
        (
            "[group.legacy]",
            "[group]\nnothing = 1\n[group.legacy]",
            "group.nothing: is a whole number; write a table",
        ),
        (
            "address = \"198.51.100.3\"",
            "",
            "listener[0].address: is missing",
        ),
    ] {
        let text = with_groups();
        assert!(text.contains(from), "{from}");
        assert_one_error(&text.replace(from, to), ALICE, expected);
    }
}

#[test]
fn weak_or_useless_groups_are_warned_about_once_each() {
    let warnings = |text: &str, users: &str| -> Vec<String> {
        let config = parse(text, users).unwrap();
        config.warnings.iter().map(ToString::to_string).collect()
    };
    let found = warnings(&with_groups(), ALICE);
    let expected = [
        ("group.legacy.authentication[1]", "mschapv1 is broken"),
        ("group.legacy.mppe.strength", "keys of 40 or 56 bits"),
        ("group.office.mppe.stateful", "stateful MPPE"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, (key, words)) in found.iter().zip(expected) {
        assert!(found.contains(key) && found.contains(words), "{found}");
    }
    for (table, key, words) in [
        (
            "[group.a]\nauthentication = [\"chap-md5\", \"mschapv2\"]\n[group.a.mppe]\npolicy = \"off\"",
            "group.a.mppe.policy",
            "in clear",
        ),
        (
            "[group.a]\nauthentication = [\"pap\"]",
            "group.a.authentication",
            "no method that is offered where clients come in",
        ),
        (
            "[group.a]\nauthentication = [\"mschapv2\", \"pap\"]",
            "group.a.authentication[1]",
            "pap gives no keys, and group.a.mppe.policy = \"required\"",
        ),
        (
            "[group.a]\neap_methods = [\"md5\"]",
            "group.a.eap_methods[0]",
            "md5 gives no keys",
        ),
    ] {
        let found = warnings(&format!("{MINIMAL}{table}\n"), ALICE);
        let is_it = |found: &String| found.contains(key) && found.contains(words);
        assert_eq!(found.iter().filter(|it| is_it(it)).count(), 1, "{found:#?}");
    }
}

#[test]
fn a_password_is_kept_in_clear_if_one_group_needs_it() {
    let group = "[group.a]\nauthentication = [\"mschapv2\", \"chap-md5\"]\n";
    for (text, kept) in [
        (MINIMAL.to_owned(), false),
        (format!("{MINIMAL}{group}"), true),
    ] {
        let config = parse(&text, ALICE).unwrap();
        assert_eq!(config.users.find("alice").unwrap().password.is_some(), kept);
    }
}
