//! Command lines, and what they print.

use std::os::unix::fs::PermissionsExt;

use clap::CommandFactory;

use super::*;

/// Standard output, standard error and outcome of a command line.
fn execute_line(line: &[&str]) -> (String, String, Outcome) {
    let cli = Cli::try_parse_from(std::iter::once(&"pns").chain(line)).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let root = Path::new("/nonexistent");
    let serve = |config: Config| Err(format!("served {}", config.server.host_name));
    let outcome = execute_with(&cli, root, &mut out, &mut err, serve).unwrap();
    (
        String::from_utf8(out).unwrap(),
        String::from_utf8(err).unwrap(),
        outcome,
    )
}

#[test]
fn the_definition_is_sound_and_usage_errors_exit_with_2() {
    Cli::command().debug_assert();
    for line in [
        &[][..],
        &["dance"],
        &["run"],
        &["check"],
        &["show"],
        &["show", "session"],
        &["call"],
    ] {
        let error = Cli::try_parse_from(std::iter::once(&"pns").chain(line)).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line:?}");
    }
    let help = Cli::try_parse_from(["pns", "--help"]).unwrap_err();
    assert_eq!(help.exit_code(), 0);
    assert!(
        help.to_string().contains("pns show session alice"),
        "{help}"
    );
}

#[test]
fn every_show_takes_json_and_socket_behind_it() {
    for what in [
        "status", "sessions", "workers", "ports", "drops", "pools", "peers", "radius", "tacacs",
        "failures",
    ] {
        let line = ["show", what, "--json", "--socket", "/nonexistent/pns.sock"];
        let (out, err, outcome) = execute_line(&line);
        assert_eq!((out.as_str(), outcome), ("", Outcome::Failed));
        assert!(
            err.starts_with("pns: no server at /nonexistent/pns.sock: is `pns run`"),
            "{err}"
        );
    }
    let cli = Cli::try_parse_from(["pns", "show", "session", "4711"]).unwrap();
    let Command::Show(show) = cli.command else {
        panic!("{cli:?}")
    };
    assert_eq!(show.socket, Path::new(DEFAULT_SOCKET));
    assert_eq!(
        show.what.request(),
        Request::Session {
            which: Selector::CallId(4711)
        }
    );
}

#[test]
fn explain_asks_for_a_user_a_call_or_a_peer() {
    let asked = |line: &[&str]| {
        let line = ["pns", "explain"].iter().chain(line);
        match Cli::try_parse_from(line).map(|cli| cli.command) {
            Ok(Command::Explain(explain)) => Some(explain.request()),
            Ok(other) => panic!("{other:?}"),
            Err(error) => {
                assert_eq!(error.exit_code(), 2);
                None
            }
        }
    };
    let request = |which, last| Some(Request::Explain { which, last });
    assert_eq!(
        asked(&["user", "4711"]),
        request(Subject::User("4711".into()), LAST_DEFAULT)
    );
    assert_eq!(
        asked(&["call", "4711", "--last", "1"]),
        request(Subject::CallId(4711), 1)
    );
    let peer = Subject::Peer(Ipv4Addr::new(203, 0, 113, 7));
    assert_eq!(
        asked(&["peer", "203.0.113.7", "--json"]),
        request(peer, LAST_DEFAULT)
    );
    for wrong in [&["call", "65536"][..], &["peer", "alice"], &["user"], &[]] {
        assert_eq!(asked(wrong), None, "{wrong:?}");
    }
    let line = ["explain", "user", "alice", "--socket", "/nonexistent/s"];
    let (_, err, outcome) = execute_line(&line);
    assert!(
        err.starts_with("pns: no server at /nonexistent/s") && outcome == Outcome::Failed,
        "{err}"
    );
}

#[test]
fn run_refuses_users_that_others_can_read_and_check_warns() {
    let directory = std::env::temp_dir().join(format!("pns-cli-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    for file in ["lab.toml", "lab-users.toml"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("config")
            .join(file);
        std::fs::copy(from, directory.join(file)).unwrap();
    }
    let (config, users) = (directory.join("lab.toml"), directory.join("lab-users.toml"));
    let set_mode = |mode| {
        std::fs::set_permissions(&users, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let config = config.to_str().unwrap();
    set_mode(0o644);
    let cure = format!("run: chmod o-rwx {}", users.display());
    let (_, err, outcome) = execute_line(&["run", "--config", config]);
    assert!(
        outcome == Outcome::Failed && err.contains("mode 0644") && err.contains(&cure),
        "{err}"
    );
    assert!(
        err.starts_with(config) && err.contains(" users.file: "),
        "{err}"
    );
    let (out, err, outcome) = execute_line(&["check", config]);
    assert!(
        outcome == Outcome::Fine && out.contains(&cure) && err.is_empty(),
        "{out}{err}"
    );
    assert!(
        out.contains("this machine: error: port wan: there is no interface wan_s"),
        "{out}"
    );
    assert_eq!(
        execute_line(&["check", "--strict", config]).2,
        Outcome::Failed
    );
    set_mode(0o640);
    let (_, err, outcome) = execute_line(&["run", "--config", config]);
    assert_eq!(
        (err.as_str(), outcome),
        ("pns: served pns\n", Outcome::Failed)
    );
    std::fs::remove_file(&users).unwrap();
    let (_, err, outcome) = execute_line(&["check", config]);
    assert!(
        outcome == Outcome::Failed && err.contains("lab-users.toml cannot be read"),
        "{err}"
    );
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn a_file_that_is_not_there() {
    let (_, err, outcome) = execute_line(&["check", "/nonexistent/pns.toml"]);
    assert_eq!(outcome, Outcome::Failed);
    assert!(
        err.starts_with("/nonexistent/pns.toml: cannot be read: No such file"),
        "{err}"
    );
}

#[test]
fn call_places_a_call_or_ends_it() {
    let asked = |line: &[&str]| {
        let line = ["pns", "call", "branch"].iter().chain(line);
        let Command::Call(call) = Cli::try_parse_from(line).unwrap().command else {
            panic!()
        };
        call.request()
    };
    let peer = || "branch".to_owned();
    assert_eq!(asked(&[]), Request::Do(Action::Call { peer: peer() }));
    assert_eq!(
        asked(&["--hang-up"]),
        Request::Do(Action::HangUp { peer: peer() })
    );
    let (_, err, outcome) = execute_line(&["call", "branch", "--socket", "/nonexistent/s"]);
    assert!(
        err.starts_with("pns: no server at /nonexistent/s") && outcome == Outcome::Failed,
        "{err}"
    );
}
