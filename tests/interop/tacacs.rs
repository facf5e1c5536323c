//! A real client dials in, and a TACACS+ server of another make behind the server decides.

use std::time::Duration;

use crate::config::Config;
use crate::lab::{INSIDE_HOST, Lab, PASSWORD, REQUIRE_MPPE, Running};
use crate::{lab_or_skip, pns_only};

const SECRET: &str = "between pns and tacacs";
const OTHER_SECRET: &str = "the one from tomorrow on";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tacacs/server.py");
const SETTINGS: &str = r#"{
    "secret": "between pns and tacacs",
    "users": {"alice": {"password": "wonderland-7", "lcp": ["idletime=60"], "ip": ["addr=10.77.0.181"]}}
}"#;
const TABLES: &str = r#"
[tacacs]
accounting = true

[[tacacs.server]]
name = "behind"
address = "192.168.99.2"
secret_file = "tacacs.secret"
"#;
/// What keeps pppd from every method but this one.
const PAP: &str = "refuse-chap refuse-mschap refuse-mschap-v2 refuse-eap nomppe";
const CHAP: &str = "refuse-pap refuse-mschap refuse-mschap-v2 refuse-eap nomppe";

fn config(policy: &str, methods: &[&str]) -> Config {
    let methods: Vec<String> = methods.iter().map(|word| (*word).to_owned()).collect();
    Config::lab()
        .with("ppp.authentication.methods", methods)
        .with("ppp.mppe.policy", policy)
        .with_tables(TABLES)
        .with_file("tacacs.secret", SECRET)
}

/// The server on the host behind ours with this secret, as long as the guard lives.
fn tacacs(lab: &Lab, secret: &str) -> Running {
    let folder = lab.state().join("tacacs");
    std::fs::create_dir_all(&folder).unwrap();
    let _of_another = std::fs::remove_file(folder.join("port"));
    let settings = SETTINGS.replace(SECRET, secret);
    std::fs::write(folder.join("settings.json"), settings).unwrap();
    let folder = folder.to_str().unwrap();
    let words = [
        "/usr/bin/python3",
        SCRIPT,
        INSIDE_HOST,
        "49",
        folder,
        "shared",
    ];
    let server = lab.spawn("host", &words);
    lab.wait_for_text("tacacs/port", "49");
    server
}

#[test]
fn tacacs_lets_a_client_in_by_pap_and_by_chap() {
    let lab = lab_or_skip!();
    pns_only!();
    lab.serve(&config("off", &["chap-md5", "pap"]), &[]);
    let _server = tacacs(&lab, SECRET);
    let client = lab.client();

    assert_eq!(client.dial("looking-glass", PAP), Err(19));
    assert!(client.log().contains("Who are you?"), "{}", client.log());
    for (options, proven) in [
        (PAP, "PAP authentication succeeded"),
        (CHAP, "CHAP authentication succeeded"),
    ] {
        assert_eq!(client.dial(PASSWORD, options), Ok(()), "{}", client.log());
        assert!(client.log().contains(proven), "{}", client.log());
        assert_eq!(client.address(), "10.77.0.181");
        let (received, text) = client.ping("-q -i 0.01 -c 50 -W 2", INSIDE_HOST);
        assert_eq!(received, 50, "{text}");
        client.hang_up();
        lab.wait_for_no_session(Duration::from_secs(5));
    }
    // On, and of each call a Start and a Stop.
    let bill = lab.wait_for_text("tacacs/records", "reason=user_request");
    assert!(
        bill.contains("event=sys_acct") && bill.contains("paks_in="),
        "{bill}"
    );
    let servers = lab.show("tacacs");
    assert_eq!(servers[0]["state"], "alive");
    assert_eq!(servers[0]["shared"], true);
    assert_eq!(servers[0]["connections"], 1, "{servers:?}");
}

/// The client and its log-in are the same all the time, and the server of PNS runs on.
#[test]
fn a_reload_takes_another_secret_of_tacacs_over() {
    let lab = lab_or_skip!();
    pns_only!();
    lab.serve(&config("off", &["pap"]), &[]);
    let client = lab.client();
    let call = || {
        let outcome = client.dial(PASSWORD, PAP);
        if outcome.is_ok() {
            client.hang_up();
            lab.wait_for_no_session(Duration::from_secs(5));
        }
        outcome
    };
    let server = tacacs(&lab, SECRET);
    assert_eq!(call(), Ok(()), "{}", client.log());
    drop(server);
    let _server = tacacs(&lab, OTHER_SECRET);
    assert_eq!(call(), Err(19), "{}", client.log());

    std::fs::write(lab.state().join("etc/tacacs.secret"), OTHER_SECRET).unwrap();
    let said = lab.ask("pns", &["reload"]);
    let told = "secrets of TACACS+: 1 changed (behind)";
    assert!(said.contains(told) && !said.contains("restart"), "{said}");
    assert_eq!(call(), Ok(()), "{}", client.log());
}

#[test]
fn a_call_that_has_to_be_encrypted_is_refused_and_the_server_is_named() {
    let lab = lab_or_skip!();
    pns_only!();
    lab.serve(&config("required", &["mschapv2", "pap"]), &[]);
    let _server = tacacs(&lab, SECRET);
    let client = lab.client();

    assert_eq!(client.dial(PASSWORD, REQUIRE_MPPE), Err(19));
    assert!(client.log().contains("E=649"), "{}", client.log());
    let why = lab.ask("pns", &["explain", "user", "alice"]);
    for word in ["TACACS+ server \"behind\"", "encryption", "ppp.mppe.policy"] {
        assert!(why.contains(word), "no {word:?} in:\n{why}");
    }
    // Not even the password was sent: all that was answered are records of the bill.
    let bill = lab.wait_for_text("tacacs/records", "sys_acct");
    let servers = lab.show("tacacs");
    assert_eq!(servers[0]["answers"], bill.lines().count(), "{servers:?}");
}
