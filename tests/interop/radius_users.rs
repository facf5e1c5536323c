//! Users that differ by method and by what they are granted, dialled in by a real pppd, with FreeRADIUS
//! as the distribution ships it (`auto`) and with one that signs its answers (`always`).

use std::time::{Duration, Instant};

use crate::authentication::METHODS;
use crate::config::Config;
use crate::lab::{Client, INSIDE_HOST, Lab, PASSWORD, REQUIRE_MPPE};
use crate::radius::{config_with, free_radius_with, latest, signing};
use crate::{lab_or_skip, pns_only};

const USERS: &str = "pat Cleartext-Password := \"wonderland-7\"
\tFramed-IP-Address = 10.77.0.181

chas Cleartext-Password := \"wonderland-7\"
\tFramed-Pool = \"staff\"

vic Cleartext-Password := \"wonderland-7\"
\tSession-Timeout = 4

mel Cleartext-Password := \"wonderland-7\"
\tWISPr-Bandwidth-Max-Up = 64000,
\tWISPr-Bandwidth-Max-Down = 128000,
\tIdle-Timeout = 300
";
const POOLS: &str = r#"
[[pool]]
name = "default"
ranges = ["10.77.0.100-10.77.0.199"]
gateway = "10.77.0.1"
[[pool]]
name = "staff"
ranges = ["10.77.0.210-10.77.0.219"]
gateway = "10.77.0.1"
"#;

fn config(demand: &str) -> Config {
    let more = format!("require_message_authenticator = \"{demand}\"\n{POOLS}");
    config_with(&more)
        .with(
            "ppp.authentication.methods",
            vec!["mschapv2", "mschapv1", "chap-md5", "pap"],
        )
        .with("ppp.mppe.policy", "optional")
}

/// FreeRADIUS asks for encryption where there are keys, which are those of MS-CHAP-MPPE-Keys here.
const MSCHAPV1_MPPE: &str = "require-mppe-128 refuse-pap refuse-chap refuse-mschap-v2 refuse-eap";

/// What keeps pppd from every method but this.
fn options(word: &str) -> &'static str {
    METHODS.iter().find(|it| it.word == word).unwrap().options
}

fn dial(client: &Client<'_>, user: &str, options: &str) {
    let dialled = client.dial_as(user, PASSWORD, options);
    assert_eq!(dialled, Ok(()), "{user}: {}", client.log());
    let (received, text) = client.ping("-q -i 0.02 -c 25 -W 2", INSIDE_HOST);
    assert_eq!(received, 25, "{user}: {text}");
}

/// The Stop of a user, once it is written down.
fn stop_of(lab: &Lab, user: &str) -> String {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        let bill = lab.wait_for_text("radius/detail", "Acct-Status-Type = Stop");
        let stop = latest(&bill, "Stop");
        if stop.contains(&format!("User-Name = \"{user}\"")) {
            return stop.to_owned();
        }
        assert!(Instant::now() < end, "no Stop of {user} in:\n{bill}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn hang_up(lab: &Lab, client: &Client<'_>, user: &str) {
    client.hang_up();
    lab.wait_for_no_session(Duration::from_secs(5));
    let stop = stop_of(lab, user);
    assert!(
        stop.contains("Acct-Terminate-Cause = User-Request"),
        "{stop}"
    );
}

/// Each of the four, by a method of its own, gets what the server says.
fn assert_users(lab: &Lab, client: &Client<'_>) {
    dial(client, "pat", options("pap"));
    assert_eq!(client.address(), "10.77.0.181");
    hang_up(lab, client, "pat");

    dial(client, "chas", options("chap-md5"));
    assert!(
        client.address().starts_with("10.77.0.21"),
        "{}",
        client.address()
    );
    hang_up(lab, client, "chas");

    dial(client, "vic", MSCHAPV1_MPPE);
    assert!(
        client.log().contains("MPPE 128-bit stateless"),
        "{}",
        client.log()
    );
    client.wait_for_exit(Duration::from_secs(10));
    assert!(
        client.log().contains("rcvd [LCP TermReq"),
        "{}",
        client.log()
    );
    lab.wait_for_reason("session_timeout");
    let stop = stop_of(lab, "vic");
    assert!(
        stop.contains("Acct-Terminate-Cause = Session-Timeout"),
        "{stop}"
    );
    // Whole seconds since the client could use its network, which is a little after it logged in.
    assert!(
        ["Acct-Session-Time = 3\n", "Acct-Session-Time = 4\n"]
            .iter()
            .any(|it| stop.contains(it)),
        "{stop}"
    );

    dial(client, "mel", REQUIRE_MPPE);
    assert!(
        client.log().contains("MPPE 128-bit stateless"),
        "{}",
        client.log()
    );
    let session = lab.ask("pns", &["show", "session", "mel"]);
    for text in ["64000 bit/s", "128000 bit/s", "300 s"] {
        assert!(session.contains(text), "no {text} in\n{session}");
    }
    hang_up(lab, client, "mel");
}

#[test]
fn each_method_and_grant_of_free_radius_as_shipped_and_of_one_that_signs() {
    let lab = lab_or_skip!();
    pns_only!();
    let client = lab.client();

    lab.serve(&config("auto"), &[]);
    let shipped = free_radius_with(&lab, USERS, |text| text);
    assert_users(&lab, &client);
    lab.wait_for_reason("its answers have no Message-Authenticator");
    lab.stop_server();
    drop(shipped);

    lab.serve(&config("always"), &[]);
    // One that does not sign is not believed, whatever it says.
    let shipped = free_radius_with(&lab, USERS, |text| text);
    assert_ne!(
        client.dial_as("pat", PASSWORD, options("pap")),
        Ok(()),
        "{}",
        client.log()
    );
    let why = lab.ask("pns", &["explain", "user", "pat"]);
    for word in ["unsigned", "radius.server.require_message_authenticator"] {
        assert!(why.contains(word), "no {word} in\n{why}");
    }
    drop(shipped);
    let _signs = free_radius_with(&lab, USERS, |text| signing(&text));
    assert_users(&lab, &client);
}
