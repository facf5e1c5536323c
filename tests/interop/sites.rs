//! Two PNS, one of which logs in to the other: as PAC and as PNS (RFC 2637 §3.2), with a host behind
//! each.

use std::time::{Duration, Instant};

use crate::config::Config;
use crate::lab::{INSIDE_HOST, Lab};
use crate::{lab_or_skip, pns_only};

/// The host behind the second server.
const SITE_HOST: &str = "192.168.98.2";

const USERS: &str = r#"
[[user]]
name = "second-site"
password = "between-sites-1"
routes = ["192.168.98.0/24"]
"#;

const PEERS: &str = r#"
[[peer]]
name = "asked"
address = "198.51.100.1"
user = "second-site"
password_file = "site-password"
routes = ["192.168.99.0/24"]

[[peer]]
name = "announced"
address = "198.51.100.1"
direction = "incoming"
user = "second-site"
password_file = "site-password"

[[pool]]
name = "default"
ranges = ["10.78.0.100-10.78.0.199"]
gateway = "10.78.0.1"
"#;

fn called() -> Config {
    Config::lab()
        .with("users.file", "site-users.toml")
        .with_file("site-users.toml", USERS)
}

fn caller() -> Config {
    let addresses = |address: &str| vec![address.to_owned()];
    Config::lab()
        .with("server.listen", addresses("198.51.100.60"))
        .with("dpdk.file_prefix", "pns-lab-site")
        .with("port.0.addresses", addresses("198.51.100.60/24"))
        .with("port.1.addresses", addresses("192.168.98.1/24"))
        .with_tables(PEERS)
        .with("peer.1.routes", addresses("192.168.99.2/32"))
        .with_file("site-password", "between-sites-1\n")
}

/// The only call of a server, once it is up.
fn call_at(lab: &Lab, place: &str) -> serde_json::Value {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let sessions = lab.show_at(place, "sessions");
        let up = sessions.iter().find(|it| it["state"] == "network");
        if let Some(call) = up {
            return call.clone();
        }
        let peers = lab.show_at("pns2", "peers");
        assert!(Instant::now() < end, "{place}: {sessions:?}, {peers:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_second_pns_logs_in_by_both_kinds_of_call_and_joins_the_networks() {
    pns_only!();
    let lab = lab_or_skip!();
    lab.serve(&called(), &[]);
    lab.serve_site(&caller());
    for name in ["asked", "announced"] {
        lab.ask("pns2", &["call", name]);
        for place in ["pns2", "pns"] {
            let call = call_at(&lab, place);
            let text = call.to_string();
            assert!(text.contains("second-site"), "{place}: {text}");
            assert!(text.contains("mppe-128-stateless"), "{place}: {text}");
        }
        // Hosts behind both reach each other, and nothing is lost.
        for (from, to) in [("host2", INSIDE_HOST), ("host", SITE_HOST)] {
            let (received, text) = lab.ping_from(from, "-q -i 0.01 -c 200 -W 2", to);
            assert_eq!(received, 200, "{name} from {from}: {text}");
        }
        // The second server itself: from the address that it was assigned, and at it.
        let (received, text) = lab.ping_from("pns2", "-q -i 0.01 -c 20 -W 2", INSIDE_HOST);
        assert_eq!(received, 20, "{name}: {text}");
        let address = call_at(&lab, "pns")["address"].as_str().unwrap().to_owned();
        let (received, text) = lab.ping_from("host", "-q -i 0.01 -c 20 -W 2", &address);
        assert_eq!(received, 20, "{name}: {text}");

        lab.ask("pns2", &["call", name, "--hang-up"]);
        lab.wait_for_no_session(Duration::from_secs(5));
        let routes = lab.inside("pns2", "ip route show dev pns0; ip address show dev pns0");
        assert!(!routes.contains("192.168.99."), "{routes}");
        assert!(!routes.contains(&address), "{routes}");
    }
}
