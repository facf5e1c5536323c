//! An operator changes users, pools and secrets of a server that runs: what is right holds for new
//! calls at once, what is wrong changes nothing, and a call that is up never notices.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use crate::lab::{Client, INSIDE_HOST, Lab, PASSWORD, REQUIRE_MPPE, USER};
use crate::radius::{SECRET, config_with, free_radius_with};
use crate::{lab_or_skip, pns_only};

/// They are not in the users file.
const REMOTE_USERS: &str = "remote Cleartext-Password := \"wonderland-7\"\n";
const TABLES: &str = r#"
[[pool]]
name = "default"
ranges = ["10.77.0.100-10.77.0.199"]
gateway = "10.77.0.1"
"#;
const OTHER_SECRET: &str = "the one from tomorrow on";

fn etc(lab: &Lab, file: &str) -> PathBuf {
    lab.state().join("etc").join(file)
}

/// `pns` with this on standard input; whether it succeeded, and what it said.
fn pns(lab: &Lab, words: &[&str], input: &str) -> (bool, String) {
    let mut command = lab.command_of("pns", words);
    if words[0] == "user" {
        command.arg("--config").arg(etc(lab, "pns.toml"));
    }
    command.stdin(Stdio::piped());
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _closed = child.stdin.take().unwrap().write_all(input.as_bytes());
    let ended = child.wait_with_output().unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (ended.status.success(), said)
}

fn done(lab: &Lab, words: &[&str], input: &str) -> String {
    let (succeeded, said) = pns(lab, words, input);
    assert!(succeeded, "{words:?}: {said}");
    said
}

/// Dials, uses the call, and hangs up; the address, or pppd's exit code.
fn call(client: &Client<'_>, user: &str, password: &str) -> Result<String, i32> {
    client.dial_as(user, password, REQUIRE_MPPE)?;
    let (received, text) = client.ping("-q -i 0.02 -c 10 -W 2", INSIDE_HOST);
    assert_eq!(received, 10, "{text}");
    let address = client.address();
    client.hang_up();
    Ok(address)
}

fn replace(lab: &Lab, file: &str, from: &str, to: &str) {
    let path = etc(lab, file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "no {from:?} in {text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_reload_holds_for_new_calls_and_one_with_a_mistake_changes_nothing() {
    let lab = lab_or_skip!();
    pns_only!();
    let config = config_with(TABLES).with("radius.local_users", "first");
    lab.serve(&config, &[]);
    let [stays, comes] = lab.clients(["c1", "c2"]);
    let up = stays.dial(PASSWORD, REQUIRE_MPPE);
    assert_eq!(up, Ok(()), "{}", stays.log());
    stays.start_pings(INSIDE_HOST);
    let server = free_radius_with(&lab, REMOTE_USERS, |text| text);

    // A user is added: the file says so, the server from the reload on.
    done(&lab, &["user", "add", "bob"], "builder-3\n");
    let (let_in, said) = pns(&lab, &["user", "test", "bob"], "builder-3\n");
    assert!(!let_in, "{said}");
    let said = done(&lab, &["reload"], "");
    assert!(said.contains("users: 1 new (bob)"), "{said}");
    let said = done(&lab, &["user", "test", "bob"], "builder-3\n");
    let by_the_server = said.contains("would be let in") && !said.contains("no server runs");
    assert!(by_the_server, "{said}");
    assert_eq!(call(&comes, "bob", "builder-4"), Err(19));

    // Another password and an address of his own.
    done(&lab, &["user", "passwd", "bob"], "builder-4\n");
    let gateway = "gateway = \"10.77.0.1\"\n";
    let reserved =
        "gateway = \"10.77.0.1\"\nreservations = [{ user = \"bob\", address = \"10.77.0.150\" }]\n";
    replace(&lab, "pns.toml", gateway, reserved);
    let said = done(&lab, &["reload"], "");
    let both = said.contains("1 changed (bob)") && said.contains("1 changed (default)");
    assert!(both, "{said}");
    assert!(!pns(&lab, &["user", "test", "bob"], "builder-3\n").0);
    assert_eq!(
        call(&comes, "bob", "builder-4").as_deref(),
        Ok("10.77.0.150")
    );

    // A mistake anywhere, and none of it holds.
    done(&lab, &["user", "add", "carol"], "caroline\n");
    replace(&lab, "pns.toml", "10.77.0.150", "10.99.0.150");
    let (succeeded, said) = pns(&lab, &["reload"], "");
    assert!(!succeeded && said.contains("nothing was changed"), "{said}");
    assert!(
        said.contains("pns.toml:") && said.contains("10.99.0.150"),
        "{said}"
    );
    assert!(!pns(&lab, &["user", "test", "carol"], "caroline\n").0);
    assert_eq!(
        call(&comes, "bob", "builder-4").as_deref(),
        Ok("10.77.0.150")
    );
    replace(&lab, "pns.toml", "10.99.0.150", "10.77.0.150");

    // The RADIUS server has another secret, and then so have we; and a user is taken out.
    drop(server);
    let _server = free_radius_with(&lab, REMOTE_USERS, |text| {
        text.replace(SECRET, OTHER_SECRET)
    });
    fs::write(etc(&lab, "radius.secret"), OTHER_SECRET).unwrap();
    done(&lab, &["user", "del", "bob"], "");
    let said = done(&lab, &["reload"], "");
    assert!(said.contains("1 new (carol), 1 gone (bob)"), "{said}");
    assert!(
        said.contains("secrets of RADIUS: 1 changed (behind)"),
        "{said}"
    );
    assert!(
        !said.contains(SECRET) && !said.contains(OTHER_SECRET),
        "{said}"
    );
    assert!(call(&comes, "remote", PASSWORD).is_ok(), "{}", comes.log());
    assert!(!pns(&lab, &["user", "test", "bob"], "builder-4\n").0);

    assert!(stays.stop_pings() > 100);
    let sessions = lab.show("sessions");
    assert!(
        sessions.len() == 1 && sessions[0]["user"] == USER,
        "{sessions:?}"
    );
}
