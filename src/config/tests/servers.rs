//! Groups of servers, who names them, and what becomes of log-ins while they are silent.

use super::*;
use crate::aaa::{AtOutage, Servers};
use crate::slowpath::settings::{first_access, realms};
use std::time::Duration;

const SERVERS: &str = r#"
[[radius.server]]
name = "r1"
address = "10.0.0.5"
accounting_port = 0
secret_file = "users.toml"
[[radius.server]]
name = "r2"
address = "10.0.0.6"
accounting_port = 0
secret_file = "users.toml"
group = "gold"
dead_time_s = 7
[[tacacs.server]]
name = "t1"
address = "10.0.0.7"
secret_file = "users.toml"
group = "wires"
[[tacacs.server]]
name = "t2"
address = "10.0.0.8"
secret_file = "users.toml"
group = "wires"
"#;

fn with_servers(more: &str) -> String {
    format!("{}{SERVERS}{more}", changed("", ""))
}

fn names(names: &[&str]) -> Vec<Box<str>> {
    names.iter().map(|name| (*name).into()).collect()
}

#[test]
fn a_realm_names_servers_or_groups_of_them_and_of_either_kind() {
    let named = "[[realm]]\nname = \"gold\"\nservers = [\"gold\", \"r1\"]\n\
                 [[realm]]\nname = \"wires\"\nservers = [\"wires\"]\n[[realm]]\nname = \"any\"\n";
    let config = parse(&with_servers(named), ALICE).unwrap();
    let realms = realms(&config);
    let of = |realm: &str| {
        let name = format!("alice@{realm}");
        realms.of(name.as_bytes()).unwrap().unwrap().servers.clone()
    };
    assert_eq!(of("gold"), Servers::Radius(names(&["r1", "r2"]).into()));
    assert_eq!(of("wires"), Servers::Tacacs(names(&["t1", "t2"]).into()));
    assert_eq!(of("any"), Servers::Any);
    let own = Some(Duration::from_secs(7));
    assert_eq!(config.radius.servers[1].dead_time, own);
    let unnamed = config.warnings.iter().map(ToString::to_string);
    assert_eq!(unnamed.filter(|it| it.contains("of no [group")).count(), 0);
}

#[test]
fn a_listener_has_the_servers_and_the_outage_of_its_group() {
    let group = "[[listener]]\naddress = \"198.51.100.1\"\ngroup = \"office\"\n\
                 [group.office]\nservers = [\"gold\"]\noutage = { policy = \"cached\", cache_h = 2 }\n\
                 [outage]\nkeep = \"nt_hash\"\n";
    let text = with_servers(group).replace("listen = [\"198.51.100.1\"]", "");
    let config = parse(&text, ALICE).unwrap();
    let access = first_access(&config);
    assert_eq!(access.servers, Servers::Radius(names(&["r2"]).into()));
    let AtOutage::Admit(keep) = access.outage else {
        panic!("it says so");
    };
    assert_eq!(keep.time, Duration::from_secs(2 * 3600));
    assert!(keep.nt_hash, "as for all");
    assert!(!config.outage.policy.admits);
    let warnings: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
    let unnamed = warnings
        .iter()
        .filter(|it| it.contains("\"wires\" is in the servers of no"));
    assert_eq!(unnamed.count(), 2, "{warnings:?}");
}

#[test]
fn servers_of_two_kinds_or_of_none_are_refused() {
    for (servers, what) in [
        ("\"gold\", \"t1\"", "names servers of RADIUS and of TACACS+"),
        (
            "\"r1\", \"silver\"",
            "with \"silver\" for its name or group",
        ),
    ] {
        let realm = format!("[[realm]]\nname = \"x\"\nservers = [{servers}]\n");
        assert_one_error(&with_servers(&realm), ALICE, what);
        let group = format!("[group.x]\nservers = [{servers}]\n");
        assert_one_error(&with_servers(&group), ALICE, what);
    }
}
