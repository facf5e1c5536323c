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

const FAULTS: &[Fault] = &[
    Fault {
        name: "wrong password",
        config: "",
        act: |world| guess(world, 1),
        finding: "password_wrong",
        words: &["password of \"alice\" is wrong", "users.file"],
    },
    Fault {
        name: "unknown user",
        config: "",
        act: |world| dial(world, "mallory"),
        finding: "user_unknown",
        words: &["no user \"mallory\"", "add the user to users.file"],
    },
    Fault {
        name: "name that nobody can have",
        config: "",
        act: |world| {
            dial_by(world, "", Login::Pap);
        },
        finding: "name_unusable",
        words: &["cannot be anybody's", "Correct the name"],
    },
    Fault {
        name: "user disabled",
        config: "",
        act: |world| dial(world, "carol"),
        finding: "account_disabled",
        words: &["\"carol\" is disabled", "Take disabled out"],
    },
    Fault {
        name: "account expired",
        config: "",
        act: |world| dial(world, "kate"),
        finding: "account_expired",
        words: &["time of \"kate\" is over", "expires"],
    },
    Fault {
        name: "password expired",
        config: "",
        act: |world| dial(world, "dave"),
        finding: "password_expired",
        words: &["password of \"dave\" has expired", "Change the password"],
    },
    Fault {
        name: "password not known in clear",
        config: "",
        act: |world| dial_by(world, "bob", Login::ChapMd5),
        finding: "password_not_in_clear",
        words: &["NT hash", "Use MS-CHAPv2"],
    },
    Fault {
        name: "method that the user's group forbids",
        config: "",
        act: |world| dial(world, "grace"),
        finding: "method_not_permitted",
        words: &["group narrow permits eap", "group.narrow.authentication"],
    },
    Fault {
        name: "method that gives no keys where encryption has to be",
        config: "",
        act: |world| dial_by(world, "alice", Login::Pap),
        finding: "keys_missing",
        words: &["gave no keys", "ppp.mppe.policy"],
    },
    Fault {
        name: "name locked out",
        config: LOCK,
        act: |world| {
            guess(world, 2);
            dial(world, "alice");
        },
        finding: "user_back_off",
        words: &["2 log-ins under that name failed", "pns user unlock"],
    },
    Fault {
        name: "source shut out",
        config: SHUN,
        act: |world| {
            guess(world, 2);
            assert!(!world.dial(client("alice")));
        },
        finding: "source_back_off",
        words: &["failed too often", "sessions.source_back_off.failures_max"],
    },
    Fault {
        name: "calls faster than they may come",
        config: "[sessions]\nstarts_per_s = 1\n",
        act: |world| (0..3).for_each(|_| dial(world, "alice")),
        finding: "starts_limited",
        words: &["More calls were asked for", "Raise sessions.starts_per_s"],
    },
    Fault {
        name: "calls of one source faster than they may come",
        config: "[sessions]\nstarts_per_source_per_s = 1\n",
        act: |world| (0..3).for_each(|_| dial(world, "alice")),
        finding: "starts_of_source_limited",
        words: &["198.51.100.2 asked for more calls", "Let it wait"],
    },
    Fault {
        name: "as many sessions as a user may have",
        config: "",
        act: |world| (0..2).for_each(|_| dial(world, "judy")),
        finding: "too_many_sessions",
        words: &[
            "has 1 of 1 sessions, from 198.51.100.2",
            "user.sessions_max",
        ],
    },
    Fault {
        name: "as many sessions as a group may have",
        config: "",
        act: |world| {
            ["heidi", "ivan"]
                .into_iter()
                .for_each(|name| dial(world, name))
        },
        finding: "group_full",
        words: &["group office has 1 sessions, of 1", "sessions_max"],
    },
    Fault {
        name: "replaced by the same user",
        config: "[sessions]\nper_user_max = 1\nat_user_limit = \"replace\"\n",
        act: |world| (0..2).for_each(|_| dial(world, "alice")),
        finding: "replaced",
        words: &["logged in again elsewhere", "at_user_limit"],
    },
    Fault {
        name: "pool and the one that follows it empty",
        config: "",
        act: |world| (0..3).for_each(|_| dial(world, "frank")),
        finding: "pool_empty",
        words: &[
            "\"tiny\" (1 addresses), then \"spare\" (1 addresses)",
            "pool.next",
        ],
    },
    Fault {
        name: "the user's own address in use",
        config: "",
        act: |world| (0..2).for_each(|_| dial(world, "erin")),
        finding: "address_in_use",
        words: &["held by another session", "pns show session"],
    },
    Fault {
        name: "wrong realm",
        config: "",
        act: |world| dial(world, "alice@example.org"),
        finding: "realm_unknown",
        words: &["not known here: \"example.org\"", "[[realm]]"],
    },
    Fault {
        name: "RADIUS server down",
        config: "",
        act: |world| by_radius(world, Script::Silent),
        finding: "radius_no_answer",
        words: &["\"main\" (192.0.2.1:1812)", "pns show radius"],
    },
    Fault {
        name: "RADIUS server down, and the user was never seen",
        config: CACHED,
        act: |world| outage(world, |world| dial_by(world, "another", Login::Pap)),
        finding: "outage_user_unknown",
        words: &[
            "nothing is kept of \"another\"",
            "\"main\"",
            "outage.cache_h",
        ],
    },
    Fault {
        name: "RADIUS server down, and another password than before",
        config: CACHED,
        act: |world| {
            outage(world, |world| {
                let mut client = PppClient::new("remote", "guessed");
                client.login = Login::Pap;
                world.dial(client);
            });
        },
        finding: "outage_password_wrong",
        words: &["not the one that a server let in", "Correct the password"],
    },
    Fault {
        name: "RADIUS server down, and a proof that only it can check",
        config: CACHED,
        act: |world| outage(world, |world| dial(world, "remote")),
        finding: "outage_not_provable",
        words: &["cannot be checked without one", "outage.keep"],
    },
    Fault {
        name: "TACACS+ server of a realm down",
        config: TACACS,
        act: |world| {
            world.ask_radius(Script::Silent, Demand::Auto, 100);
            world.ask_tacacs();
            dial_by(world, "alice@t.example", Login::Pap);
        },
        finding: "tacacs_no_answer",
        words: &[
            "\"tac\" (192.0.2.2:49) cannot be reached",
            "pns show tacacs",
        ],
    },
    Fault {
        name: "a way to log in that the TACACS+ servers of a realm do not have",
        config: TACACS,
        act: |world| {
            world.ask_tacacs();
            dial_by(world, "alice@t.example", Login::EapMsChapV2);
        },
        finding: "tacacs_method_unknown",
        words: &["neither EAP", "MS-CHAPv1"],
    },
    Fault {
        name: "wrong RADIUS secret",
        config: "",
        act: |world| by_radius(world, Script::AnotherSecret),
        finding: "radius_no_answer",
        words: &["not believed", "bad_authenticator", "secret_file"],
    },
    Fault {
        name: "RADIUS reply unsigned",
        config: "",
        act: |world| {
            world.ask_radius(Script::Unsigned, Demand::Always, 100);
            dial(world, "remote");
        },
        finding: "radius_no_answer",
        words: &["not believed", "unsigned", "require_message_authenticator"],
    },
    Fault {
        name: "RADIUS server refuses: quota used",
        config: "",
        act: |world| by_radius(world, Script::Refuses("Quota used")),
        finding: "radius_refused",
        words: &[
            "\"main\" (192.0.2.1:1812) refused it, saying \"Quota used\"",
            "See the log",
        ],
    },
    Fault {
        name: "RADIUS account locked",
        config: "",
        act: |world| by_radius(world, Script::RefusesWith("E=647 R=0 V=3 M=Locked")),
        finding: "account_disabled",
        words: &["\"remote\" is disabled", "users.file"],
    },
    Fault {
        name: "RADIUS account outside of its hours",
        config: "",
        act: |world| by_radius(world, Script::RefusesWith("E=646 R=0 V=3 M=Not now")),
        finding: "logon_hours_restricted",
        words: &["may not log in at this time", "Change the hours"],
    },
    Fault {
        name: "RADIUS server sends no keys",
        config: "",
        act: |world| by_radius(world, Script::AcceptsWithoutKeys),
        finding: "keys_missing",
        words: &[
            "\"main\"",
            "no MS-MPPE-Send-Key and no MS-MPPE-Recv-Key",
            "742",
        ],
    },
    Fault {
        name: "RADIUS server does not prove itself",
        config: "",
        act: |world| by_radius(world, Script::AcceptsWithoutProof),
        finding: "radius_answer_unusable",
        words: &[
            "sent no MS-CHAP2-Success",
            "Correct what that RADIUS server sends",
        ],
    },
    Fault {
        name: "RADIUS server names a pool that is not there",
        config: "",
        act: |world| by_radius(world, Script::AcceptsInPool("nowhere")),
        finding: "pool_missing",
        words: &["pool \"nowhere\" is not configured", "Framed-Pool"],
    },
    Fault {
        name: "too many questions for RADIUS",
        config: "",
        act: |world| {
            world.ask_radius(Script::Silent, Demand::Auto, 1);
            dial(world, "remote");
            dial(world, "another");
        },
        finding: "radius_overloaded",
        words: &["too many questions wait", "add servers"],
    },
];

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
