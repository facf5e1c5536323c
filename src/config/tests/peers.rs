//! Peers: what is read of them, and what is refused.

use super::*;

fn with_peer(lines: &str) -> String {
    format!("{MINIMAL}[[peer]]\nname = \"branch\"\naddress = \"192.0.2.7\"\n{lines}")
}

#[test]
fn a_peer_has_defaults_that_any_access_concentrator_takes() {
    let config = parse(&with_peer(""), ALICE).unwrap();
    let peer = &config.peers[0];
    assert_eq!((peer.port, peer.local_address), (1723, None));
    assert_eq!(peer.direction, Direction::Outgoing);
    assert_eq!((peer.bearer.bits(), peer.framing.bits()), (3, 3));
    assert_eq!((peer.minimum_bps, peer.maximum_bps), (300, 100_000_000));
    assert!(config.server.incoming_calls);
    assert_eq!(config.server.calls_per_connection_max, 64);
}

#[test]
fn peers_that_contradict_themselves_or_the_server_are_refused() {
    for (lines, expected) in [
        ("bearer = \"isdn\"", "peer[0].bearer"),
        (
            "minimum_bps = 9\nmaximum_bps = 8",
            "9 is more than maximum_bps",
        ),
        ("caller_number = \"1\"", "has no place in an outgoing call"),
        (
            "local_address = \"192.0.2.1\"",
            "192.0.2.1 is not in server.listen",
        ),
        ("phone_number = \"\\u0007\"", "peer[0].phone_number"),
        ("pasword = \"x\"", "peer[0].pasword"),
    ] {
        assert_one_error(&with_peer(lines), ALICE, expected);
    }
    let twice = with_peer("[[peer]]\nname = \"branch\"\naddress = \"192.0.2.8\"\n");
    assert_one_error(&twice, ALICE, "is the name of a peer above");
    let own = with_peer("").replace("192.0.2.7", "198.51.100.1");
    assert_one_error(&own, ALICE, "198.51.100.1 is in server.listen");
    let incoming = with_peer("direction = \"incoming\"\ncaller_number = \"1\"");
    assert_eq!(errors(&incoming, ALICE), Vec::<String>::new());
}

/// A peer that we log in to is read whole, its password with it, and the rest of its keys belong to that.
#[test]
fn a_peer_that_we_log_in_to() {
    let peer =
        |keys: &str| format!("{MINIMAL}[[peer]]\nname = \"b\"\naddress = \"203.0.113.9\"\n{keys}");
    let read = |keys: &str, secret: &'static str| {
        let users = Zeroizing::new(ALICE.to_owned());
        let result = Config::parse(&peer(keys), "etc/pns.toml", |path| {
            if path == Path::new("etc/secret") {
                Ok(Zeroizing::new(secret.to_owned()))
            } else {
                Ok(users.clone())
            }
        });
        result.map_err(|errors| errors.to_string())
    };
    let login = "user = \"us\"\npassword_file = \"secret\"\n";
    let config = read(
        &format!("{login}routes = [\"10.9.0.0/16\"]\n"),
        "pass word\r\nrest\n",
    )
    .unwrap();
    let found = config.peers[0].login.as_ref().unwrap();
    assert_eq!((found.user.as_str(), found.routes.len()), ("us", 1));
    assert_eq!(found.mppe, MppePolicy::REQUIRED);
    assert_eq!(found.secret().unwrap().user(), "us");
    assert!(!format!("{config:?}").contains("pass word"));
    for (keys, secret, problem) in [
        ("user = \"us\"\n", "x", "password_file"),
        ("routes = [\"10.9.0.0/16\"]\n", "x", "do not log in to"),
        (login, "\nlater", "first line of 0 characters"),
        (
            "user = \"us\"\npassword_file = \"secret\"\nroutes = [\"203.0.113.0/24\"]\n",
            "x",
            "peer itself",
        ),
        (
            "user = \"us\"\npassword_file = \"secret\"\nroutes = [\"0.0.0.0/0\"]\n",
            "x",
            "contains",
        ),
        (
            "user = \"us\"\npassword_file = \"secret\"\nroutes = [\"10.9.0.1/16\"]\n",
            "x",
            "behind its prefix",
        ),
    ] {
        let error = read(keys, secret).expect_err(keys);
        assert!(error.contains(problem), "{keys}: {error}");
    }
}
