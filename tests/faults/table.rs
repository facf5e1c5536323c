//! The list: each fault, what it is called, and what has to be said of it.

use pns::aaa::radius::Demand;

use super::ppp_client::{Login, PppClient};
use super::radius::Script;
use super::world::World;

const USERS: &str = r#"
[[user]]
name = "alice"
password = "wonderland-7"
[[user]]
name = "bob"
nt_hash = "44ebba8d5312b8d611474411f56989ae"
[[user]]
name = "carol"
password = "wonderland-7"
disabled = true
[[user]]
name = "dave"
password = "wonderland-7"
password_expired = true
[[user]]
name = "erin"
password = "wonderland-7"
address = "10.77.0.150"
[[user]]
name = "frank"
password = "wonderland-7"
pool = "tiny"
[[user]]
name = "grace"
password = "wonderland-7"
group = "narrow"
[[user]]
name = "heidi"
password = "wonderland-7"
group = "office"
[[user]]
name = "ivan"
password = "wonderland-7"
group = "office"
[[user]]
name = "judy"
password = "wonderland-7"
sessions_max = 1
[[user]]
name = "kate"
password = "wonderland-7"
expires = 1970-01-01
"#;

struct Fault {
    /// For whoever reads a failure.
    name: &'static str,
    /// In the configuration beside the rest.
    config: &'static str,
    act: fn(&mut World),
    finding: &'static str,
    /// The cause first, then the cure.
    words: &'static [&'static str],
}

fn client(name: &str) -> PppClient {
    PppClient::new(name, "wonderland-7")
}

fn dial(world: &mut World, name: &str) {
    world.dial(client(name));
}

fn dial_by(world: &mut World, name: &str, login: Login) {
    let mut client = client(name);
    client.login = login;
    world.dial(client);
}

/// Asks RADIUS about somebody who is no local user.
fn by_radius(world: &mut World, script: Script) {
    world.ask_radius(script, Demand::Auto, 100);
    dial(world, "remote");
}

fn guess(world: &mut World, times: usize) {
    for _ in 0..times {
        world.dial(PppClient::new("alice", "guessed"));
        world.pass(4);
    }
}

/// A server has let somebody in by PAP, and is dead since.
fn outage(world: &mut World, then: impl Fn(&mut World)) {
    world.ask_radius(Script::AcceptsWithoutProof, Demand::Auto, 100);
    dial_by(world, "remote", Login::Pap);
    assert!(world.0.clients[0].network_up());
    world.radius_does(Script::Silent);
    then(world);
}

const CACHED: &str = "[outage]\npolicy = \"cached\"\n[ppp.mppe]\npolicy = \"optional\"\n";
/// A realm about which TACACS+ decides, and nobody else.
const TACACS: &str = "[[tacacs.server]]\nname = \"tac\"\naddress = \"192.0.2.2\"\ngroup = \"t\"\n\
                      secret_file = \"secret\"\n[[realm]]\nname = \"t.example\"\nservers = [\"t\"]\n\
                      [ppp.mppe]\npolicy = \"optional\"\n";
const LOCK: &str = "[sessions.user_back_off]\nfailures_max = 2\nfirst_s = 600\nlongest_s = 600\n";
const SHUN: &str = "[sessions.source_back_off]\nfailures_max = 2\nfirst_s = 600\nlongest_s = 600\n";

/// Each row: name, configuration beside the rest, what is done; the finding: the cause and the cure.
macro_rules! faults {
    ($($name:literal, $config:expr, $act:expr; $finding:literal: $($words:literal),+;)+) => {
        const FAULTS: &[Fault] = &[$(Fault {
            name: $name,
            config: $config,
            act: $act,
            finding: $finding,
            words: &[$($words),+],
        }),+];
    };
}

faults! {
    "wrong password", "", |world| guess(world, 1);
        "password_wrong": "password of \"alice\" is wrong", "users.file";
    "unknown user", "", |world| dial(world, "mallory");
        "user_unknown": "no user \"mallory\"", "add the user to users.file";
    "name that nobody can have", "", |world| {
            dial_by(world, "", Login::Pap);
        };
        "name_unusable": "cannot be anybody's", "Correct the name";
    "user disabled", "", |world| dial(world, "carol");
        "account_disabled": "\"carol\" is disabled", "Take disabled out";
    "account expired", "", |world| dial(world, "kate");
        "account_expired": "time of \"kate\" is over", "expires";
    "password expired", "", |world| dial(world, "dave");
        "password_expired": "password of \"dave\" has expired", "Change the password";
    "password not known in clear", "", |world| dial_by(world, "bob", Login::ChapMd5);
        "password_not_in_clear": "NT hash", "Use MS-CHAPv2";
    "method that the user's group forbids", "", |world| dial(world, "grace");
        "method_not_permitted": "group narrow permits eap", "group.narrow.authentication";
    "method that gives no keys where encryption has to be", "",
        |world| dial_by(world, "alice", Login::Pap);
        "keys_missing": "gave no keys", "ppp.mppe.policy";
    "name locked out", LOCK, |world| {
            guess(world, 2);
            dial(world, "alice");
        };
        "user_back_off": "2 log-ins under that name failed", "pns user unlock";
    "source shut out", SHUN, |world| {
            guess(world, 2);
            assert!(!world.dial(client("alice")));
        };
        "source_back_off": "failed too often", "sessions.source_back_off.failures_max";
    "calls faster than they may come", "[sessions]\nstarts_per_s = 1\n",
        |world| (0..3).for_each(|_| dial(world, "alice"));
        "starts_limited": "More calls were asked for", "Raise sessions.starts_per_s";
    "calls of one source faster than they may come", "[sessions]\nstarts_per_source_per_s = 1\n",
        |world| (0..3).for_each(|_| dial(world, "alice"));
        "starts_of_source_limited": "198.51.100.2 asked for more calls", "Let it wait";
    "as many sessions as a user may have", "", |world| (0..2).for_each(|_| dial(world, "judy"));
        "too_many_sessions": "has 1 of 1 sessions, from 198.51.100.2", "user.sessions_max";
    "as many sessions as a group may have", "", |world| {
            ["heidi", "ivan"]
                .into_iter()
                .for_each(|name| dial(world, name))
        };
        "group_full": "group office has 1 sessions, of 1", "sessions_max";
    "replaced by the same user", "[sessions]\nper_user_max = 1\nat_user_limit = \"replace\"\n",
        |world| (0..2).for_each(|_| dial(world, "alice"));
        "replaced": "logged in again elsewhere", "at_user_limit";
    "pool and the one that follows it empty", "",
        |world| (0..3).for_each(|_| dial(world, "frank"));
        "pool_empty": "\"tiny\" (1 addresses), then \"spare\" (1 addresses)", "pool.next";
    "the user's own address in use", "", |world| (0..2).for_each(|_| dial(world, "erin"));
        "address_in_use": "held by another session", "pns show session";
    "wrong realm", "", |world| dial(world, "alice@example.org");
        "realm_unknown": "not known here: \"example.org\"", "[[realm]]";
    "RADIUS server down", "", |world| by_radius(world, Script::Silent);
        "radius_no_answer": "\"main\" (192.0.2.1:1812)", "pns show radius";
    "RADIUS server down, and the user was never seen", CACHED,
        |world| outage(world, |world| dial_by(world, "another", Login::Pap));
        "outage_user_unknown": "nothing is kept of \"another\"", "\"main\"", "outage.cache_h";
    "RADIUS server down, and another password than before", CACHED, |world| {
            outage(world, |world| {
                let mut client = PppClient::new("remote", "guessed");
                client.login = Login::Pap;
                world.dial(client);
            });
        };
        "outage_password_wrong": "not the one that a server let in", "Correct the password";
    "RADIUS server down, and a proof that only it can check", CACHED,
        |world| outage(world, |world| dial(world, "remote"));
        "outage_not_provable": "cannot be checked without one", "outage.keep";
    "TACACS+ server of a realm down", TACACS, |world| {
            world.ask_radius(Script::Silent, Demand::Auto, 100);
            world.ask_tacacs();
            dial_by(world, "alice@t.example", Login::Pap);
        };
        "tacacs_no_answer": "\"tac\" (192.0.2.2:49) cannot be reached", "pns show tacacs";
    "a way to log in that the TACACS+ servers of a realm do not have", TACACS, |world| {
            world.ask_tacacs();
            dial_by(world, "alice@t.example", Login::EapMsChapV2);
        };
        "tacacs_method_unknown": "neither EAP", "MS-CHAPv1";
    "wrong RADIUS secret", "", |world| by_radius(world, Script::AnotherSecret);
        "radius_no_answer": "not believed", "bad_authenticator", "secret_file";
    "RADIUS reply unsigned", "", |world| {
            world.ask_radius(Script::Unsigned, Demand::Always, 100);
            dial(world, "remote");
        };
        "radius_no_answer": "not believed", "unsigned", "require_message_authenticator";
    "RADIUS server refuses: quota used", "",
        |world| by_radius(world, Script::Refuses("Quota used"));
        "radius_refused": "\"main\" (192.0.2.1:1812) refused it, saying \"Quota used\"",
            "See the log";
    "RADIUS account locked", "",
        |world| by_radius(world, Script::RefusesWith("E=647 R=0 V=3 M=Locked"));
        "account_disabled": "\"remote\" is disabled", "users.file";
    "RADIUS account outside of its hours", "",
        |world| by_radius(world, Script::RefusesWith("E=646 R=0 V=3 M=Not now"));
        "logon_hours_restricted": "may not log in at this time", "Change the hours";
    "RADIUS server sends no keys", "", |world| by_radius(world, Script::AcceptsWithoutKeys);
        "keys_missing": "\"main\"", "no MS-MPPE-Send-Key and no MS-MPPE-Recv-Key", "742";
    "RADIUS server does not prove itself", "",
        |world| by_radius(world, Script::AcceptsWithoutProof);
        "radius_answer_unusable": "sent no MS-CHAP2-Success",
            "Correct what that RADIUS server sends";
    "RADIUS server names a pool that is not there", "",
        |world| by_radius(world, Script::AcceptsInPool("nowhere"));
        "pool_missing": "pool \"nowhere\" is not configured", "Framed-Pool";
    "too many questions for RADIUS", "", |world| {
            world.ask_radius(Script::Silent, Demand::Auto, 1);
            dial(world, "remote");
            dial(world, "another");
        };
        "radius_overloaded": "too many questions wait", "add servers";
}

#[test]
fn every_fault_is_explained_with_its_cause_and_its_cure() {
    assert!(FAULTS.len() >= 25);
    let mut wrong = Vec::new();
    for fault in FAULTS {
        let mut world = World::new(USERS, fault.config);
        (fault.act)(&mut world);
        world.pass(45);
        let (text, findings) = world.explain(fault.finding);
        if !findings.contains(&fault.finding) {
            wrong.push(format!(
                "{}: {findings:?}, not {}",
                fault.name, fault.finding
            ));
        }
        for words in fault.words {
            if !text.contains(words) {
                wrong.push(format!("{}: {words:?} is not in\n{text}", fault.name));
            }
        }
        assert!(
            !text.contains("wonderland") && !text.contains("a secret"),
            "{text}"
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_same_server_lets_in_who_does_everything_right() {
    let mut world = World::new(USERS, "");
    world.dial(client("alice"));
    world.dial(client("alice@example.com"));
    assert!(world.0.clients.iter().all(PppClient::network_up));
    assert_eq!(world.0.plane.sessions.user_count(), 1);
}

#[test]
fn a_wrong_password_of_a_stranger_keeps_nobody_out_of_an_outage() {
    let mut world = World::new(USERS, CACHED);
    world.ask_radius(Script::AcceptsWithoutProof, Demand::Auto, 100);
    dial_by(&mut world, "remote", Login::Pap);
    world.radius_does(Script::Refuses("Wrong"));
    let mut stranger = PppClient::new("remote", "guessed");
    stranger.login = Login::Pap;
    world.dial(stranger);
    world.radius_does(Script::Silent);
    dial_by(&mut world, "remote", Login::Pap);
    world.pass(10);
    let up = world.0.clients.iter().map(PppClient::network_up);
    assert_eq!(up.collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn in_an_outage_who_was_let_in_before_comes_in_and_explain_says_how() {
    let mut world = World::new(USERS, CACHED);
    outage(&mut world, |world| dial_by(world, "remote", Login::Pap));
    world.pass(10);
    assert!(world.0.clients[1].network_up());
    assert!(world.explain("live").0.contains("no server answered"));
    // The server is dead by now: nobody waits for it.
    dial_by(&mut world, "remote", Login::Pap);
    assert!(world.0.clients[2].network_up());
    let mut world = World::new(USERS, &CACHED.replace("cached", "refuse"));
    outage(&mut world, |world| dial_by(world, "remote", Login::Pap));
    world.pass(45);
    assert!(!world.0.clients[1].network_up());
    assert_eq!(world.explain("radius_no_answer").1[1], "radius_no_answer");
}
