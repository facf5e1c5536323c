//! The distribution's `radclient` changes the call of a real client while data moves, and ends it
//! (RFC 5176).

use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use crate::lab::{Client, INSIDE_HOST, Lab, PASSWORD, REQUIRE_MPPE, USER};
use crate::radius::{config_with, free_radius, latest, wait_for};
use crate::{lab_or_skip, pns_only};

const SECRET: &str = "between billing and pns";
const TABLES: &str = r#"
[radius.dynamic]
[[radius.dynamic.client]]
address = "192.168.99.2"
secret_file = "billing.secret"
"#;
/// No record would come of her while a case lasts.
const USERS: &str = "alice Cleartext-Password := \"wonderland-7\"
\tSession-Timeout = 3600,
\tMikrotik-Rate-Limit = \"1M/10M\",
\tAcct-Interim-Interval = 3600,
\tClass = \"gold\"
";

/// What `radclient` on the host behind prints; with `attributes` goes when they were put together.
fn ask(lab: &Lab, command: &str, secret: &str, attributes: &str, age_s: u64) -> String {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let made_s = unix.unwrap().as_secs() - age_s;
    let script = format!(
        "echo '{attributes}, Event-Timestamp = {made_s}, Message-Authenticator = 0x00' |
            radclient -x -r 1 -t 1 192.168.99.1:3799 {command} '{secret}' 2>&1"
    );
    lab.inside("host", &script)
}

/// How often requests of the billing system ended so.
fn counted(lab: &Lab, name: &str) -> u64 {
    let status: Value =
        serde_json::from_str(&lab.ask("pns", &["show", "radius", "--json"])).unwrap();
    let requests = status["radius"]["requests"].as_array();
    let requests = requests.unwrap_or_else(|| panic!("{status}"));
    let found = requests.iter().find(|row| row["name"] == name);
    found.map_or(0, |row| row["value"].as_u64().unwrap())
}

/// What holds for the call, as `option local peer`.
fn policy(lab: &Lab) -> Vec<String> {
    let text = lab.ask("pns", &["show", "session", USER, "--json"]);
    let session: Value = serde_json::from_str(&text).unwrap();
    let session = session.get("session").unwrap_or(&session);
    let session = session.get(0).unwrap_or(session);
    let rows = session["negotiated"]
        .as_array()
        .unwrap_or_else(|| panic!("{text}"));
    let rows = rows.iter().filter(|row| row["layer"] == "policy");
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    rows.map(|row| {
        [&row["option"], &row["local"], &row["peer"]]
            .map(word)
            .join(" ")
            .trim()
            .to_owned()
    })
    .collect()
}

fn assert_policy(lab: &Lab, rows: &[&str]) {
    let policy = policy(lab);
    for row in rows {
        assert!(
            policy.iter().any(|it| it == row),
            "no {row:?} in {policy:?}"
        );
    }
}

/// What is not to be carried out is answered with its cause, or not at all.
fn assert_refusals(lab: &Lab) {
    let timeout = "User-Name = \"alice\", Session-Timeout = 1";
    for (attributes, cause) in [
        (
            "User-Name = \"bob\", Session-Timeout = 1",
            "Session-Context-Not-Found",
        ),
        (
            "User-Name = \"alice\", Framed-Pool = \"p\"",
            "Unsupported-Attribute",
        ),
    ] {
        let said = ask(lab, "coa", SECRET, attributes, 0);
        assert!(said.contains("CoA-NAK") && said.contains(cause), "{said}");
    }
    for (secret, age_s, cause) in [
        ("another secret", 0, "bad_authenticator"),
        (SECRET, 1000, "out_of_window"),
    ] {
        let said = ask(lab, "coa", secret, timeout, age_s);
        assert!(!said.contains("Received"), "{said}");
        assert!(counted(lab, cause) >= 1, "{cause}");
    }
    assert_eq!(counted(lab, "session_context_not_found"), 1);
}

/// The call is ended by the Acct-Session-Id that the bill has for it.
fn end(lab: &Lab, client: &Client<'_>, bill: &str) {
    let start = latest(bill, "Start");
    let id = start
        .lines()
        .find(|line| line.contains("Acct-Session-Id"))
        .unwrap();
    let said = ask(lab, "disconnect", SECRET, id.trim(), 0);
    assert!(said.contains("Received Disconnect-ACK"), "{said}");
    client.wait_for_exit(Duration::from_secs(10));
    let log = client.log();
    assert!(log.contains("rcvd [LCP TermReq"), "not told by LCP:\n{log}");
    lab.wait_for_no_session(Duration::from_secs(5));
    lab.wait_for_reason("disconnect_requested");
}

fn figure(record: &str, name: &str) -> u64 {
    let line = record
        .lines()
        .find_map(|line| line.trim().strip_prefix(name));
    let value = line.and_then(|line| line.strip_prefix(" = "));
    value
        .unwrap_or_else(|| panic!("no {name} in {record}"))
        .parse()
        .unwrap()
}

#[test]
fn radclient_changes_a_call_that_moves_data_and_ends_it() {
    let lab = lab_or_skip!();
    pns_only!();
    lab.serve(
        &config_with(TABLES).with_file("billing.secret", SECRET),
        &[],
    );
    let _server = free_radius(&lab, USERS);
    let client = lab.client();
    assert_eq!(
        client.dial(PASSWORD, REQUIRE_MPPE),
        Ok(()),
        "{}",
        client.log()
    );
    assert_policy(
        &lab,
        &["Session Limit 3600 s", "Rate 1000000 bit/s 10000000 bit/s"],
    );
    client.start_pings(INSIDE_HOST);

    let change = "User-Name = \"alice\", NAS-Identifier = \"pns-lab\", Session-Timeout = 1800, \
                  Mikrotik-Rate-Limit = \"2M/20M\", Acct-Interim-Interval = 60, Class = \"silver\"";
    let said = ask(&lab, "coa", SECRET, change, 0);
    assert!(said.contains("Received CoA-ACK"), "{said}");
    let changed = Instant::now();
    let wanted = ["Session Limit 1800 s", "Rate 2000000 bit/s 20000000 bit/s"];
    assert_policy(&lab, &wanted);
    assert_refusals(&lab);
    assert_policy(&lab, &wanted);

    // A tenth more or less than a minute.
    lab.wait_for_text_within("radius/detail", "Interim-Update", Duration::from_secs(70));
    let waited = changed.elapsed();
    assert!(waited > Duration::from_secs(50), "{waited:?}");
    let replies = u64::from(client.stop_pings());
    end(
        &lab,
        &client,
        &wait_for(&lab, "detail", "Acct-Status-Type = Start"),
    );
    let bill = wait_for(&lab, "detail", "Acct-Status-Type = Stop");
    let (start, interim) = (latest(&bill, "Start"), latest(&bill, "Interim-Update"));
    let stop = latest(&bill, "Stop");
    let [gold, silver] = ["Class = 0x676f6c64", "Class = 0x73696c766572"];
    assert!(start.contains(gold), "{start}");
    assert!(
        interim.contains(silver) && !interim.contains(gold),
        "{interim}"
    );
    assert!(stop.contains(silver), "{stop}");
    assert!(
        stop.contains("Acct-Terminate-Cause = Admin-Reset"),
        "{stop}"
    );
    for name in [
        "Acct-Input-Packets",
        "Acct-Output-Packets",
        "Acct-Input-Octets",
        "Acct-Session-Time",
    ] {
        let (then, last) = (figure(interim, name), figure(stop, name));
        assert!(0 < then && then <= last, "{name}: {then}, then {last}");
    }
    for name in ["Acct-Input-Packets", "Acct-Output-Packets"] {
        assert!(
            figure(stop, name) >= replies,
            "{name} of {replies} pings:\n{stop}"
        );
    }
    assert_eq!(counted(&lab, "carried_out"), 2);
}
