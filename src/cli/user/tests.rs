use std::fs;
use std::os::unix::fs::PermissionsExt;

use clap::Parser;

use super::*;
use crate::cli::{Cli, Command};

const CONFIG: &str = concat!(
    include_str!("../../../tests/support/smallest.toml"),
    "[group.office]\nauthentication = [\"eap\"]\n"
);

/// A directory of its own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pns-cli-user-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("pns.toml"), CONFIG).unwrap();
        Self(path)
    }

    /// Exit code 0 and what was printed, or what was said instead.
    fn run(&self, words: &[&str], password: &str) -> Result<String, String> {
        let config = self.0.join("pns.toml").display().to_string();
        let mut line = vec!["pns", "user"];
        line.extend(words);
        line.extend(["--config", &config, "--socket", "/nonexistent/pns.sock"]);
        let Command::User(user) = Cli::try_parse_from(line).unwrap().command else {
            panic!("not a user command")
        };
        let mut ask = |_: &str, _: bool| Ok(Zeroizing::new(password.to_owned()));
        let (mut out, mut err) = (Vec::new(), Vec::new());
        match execute(&user, &mut ask, &mut out, &mut err).unwrap() {
            Outcome::Fine => Ok(String::from_utf8(out).unwrap()),
            Outcome::Failed => Err(String::from_utf8([out, err].concat()).unwrap()),
        }
    }

    fn users(&self) -> String {
        fs::read_to_string(self.0.join("users.toml")).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_user_is_added_tried_given_another_password_and_taken_out() {
    let folder = Folder::new("life");
    let added = folder
        .run(
            &["add", "alice", "--address", "10.77.0.150"],
            "wonderland-7",
        )
        .unwrap();
    assert!(
        added.contains("is added") && added.contains("pns reload"),
        "{added}"
    );
    assert!(!folder.users().contains("wonderland"), "a hash is kept");
    let tried = folder.run(&["test", "alice"], "wonderland-7").unwrap();
    for part in [
        "\"alice\" would be let in",
        "10.77.0.150",
        "required",
        "no server runs",
    ] {
        assert!(tried.contains(part), "{part} is not in {tried}");
    }
    let wrong = folder
        .run(&["test", "WORK\\alice"], "wonderland-8")
        .unwrap_err();
    for part in [
        "password_wrong",
        "The password of \"alice\" is wrong",
        "server: ",
    ] {
        assert!(wrong.contains(part), "{part} is not in {wrong}");
    }
    folder
        .run(&["passwd", "alice", "--clear"], "wonderland-8")
        .unwrap();
    assert!(folder.users().contains("password = \"wonderland-8\""));
    assert!(folder.run(&["test", "alice"], "wonderland-8").is_ok());
    let file = folder.0.join("password");
    fs::write(&file, "wonderland-7\nof no use\n").unwrap();
    let file = file.to_str().unwrap();
    let test = ["test", "alice", "--json", "--password-file", file];
    // Not let in is a failure, and still one document.
    let said: serde_json::Value =
        serde_json::from_str(&folder.run(&test, "").unwrap_err()).unwrap();
    assert_eq!(said["let_in"], false);
    assert_eq!(said["finding"], "password_wrong");
    fs::write(file, "wonderland-8").unwrap();
    let said: serde_json::Value = serde_json::from_str(&folder.run(&test, "").unwrap()).unwrap();
    assert_eq!(
        (&said["let_in"], &said["decided_by"]),
        (&true.into(), &"users.file".into())
    );
    let list = folder.run(&["list", "--json"], "").unwrap();
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["users"][0]["address"], "10.77.0.150");
    assert!(!list.to_string().contains("wonderland"));
    assert!(folder.run(&["list"], "").unwrap().contains("alice"));
    folder.run(&["del", "alice"], "").unwrap();
    let gone = folder.run(&["test", "alice"], "wonderland-8").unwrap_err();
    assert!(gone.contains("user_unknown"), "{gone}");
}

#[test]
fn what_the_server_would_refuse_is_not_written() {
    let folder = Folder::new("refused");
    folder
        .run(
            &["add", "alice", "--address", "10.77.0.150"],
            "wonderland-7",
        )
        .unwrap();
    let before = folder.users();
    for (words, password, part) in [
        (
            &["add", "bob", "--pool", "nowhere"][..],
            "wonderland-7",
            "nowhere",
        ),
        (
            &["add", "bob", "--address", "10.77.0.150"],
            "wonderland-7",
            "already is the address",
        ),
        (
            &["add", "bob", "--group", "nobody"],
            "wonderland-7",
            "nobody",
        ),
        (
            &["add", "bob", "--route", "10.0.0.0"],
            "wonderland-7",
            "10.0.0.0",
        ),
        (&["add", "alice"], "wonderland-7", "already"),
        (&["add", "bob", "--clear"], "", "0 characters"),
        (&["passwd", "bob"], "wonderland-7", "no user \"bob\""),
        (&["del", "bob"], "", "no user \"bob\""),
    ] {
        let said = folder.run(words, password).unwrap_err();
        assert!(said.contains(part), "{words:?}: {said}");
        assert_eq!(folder.users(), before, "{words:?}");
    }
    let path = folder.0.join("users.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let said = folder.run(&["add", "bob"], "wonderland-7").unwrap_err();
    assert!(said.contains("chmod"), "{said}");
}

#[test]
fn users_of_pppd_are_taken_over_whole_or_not_at_all() {
    let folder = Folder::new("import");
    let secrets = folder.0.join("chap-secrets");
    let path = secrets.display().to_string();
    fs::write(
        &secrets,
        "# ours\nalice * wonderland-7 10.77.0.150\n'b ob' pns \"builder 3\" *\n",
    )
    .unwrap();
    let said = folder.run(&["import", &path], "").unwrap();
    assert!(said.contains("2 user(s) are added"), "{said}");
    for (name, password) in [("alice", "wonderland-7"), ("b ob", "builder 3")] {
        assert!(folder.run(&["test", name], password).is_ok(), "{name}");
    }
    let before = folder.users();
    fs::write(&secrets, "carol * wonderland-7 *\nalice * wonderland-7 *\n").unwrap();
    let said = folder.run(&["import", &path], "").unwrap_err();
    assert!(said.contains("\"alice\" already"), "{said}");
    fs::write(&secrets, "carol * wonderland-7 10.0.0.0/8\n").unwrap();
    let said = folder.run(&["import", &path], "").unwrap_err();
    assert!(said.contains("chap-secrets:1:22:"), "{said}");
    assert_eq!(folder.users(), before);
}

#[test]
fn a_method_that_the_group_forbids_is_named_with_the_group() {
    let folder = Folder::new("group");
    folder
        .run(&["add", "alice", "--group", "office"], "wonderland-7")
        .unwrap();
    let said = folder.run(&["test", "alice"], "wonderland-7").unwrap();
    assert!(
        said.contains("group: office"),
        "EAP is offered and permitted: {said}"
    );
    let narrow = CONFIG.replace(
        "[group",
        "[ppp.authentication]\nmethods = [\"mschapv2\"]\n[group",
    );
    fs::write(folder.0.join("pns.toml"), narrow).unwrap();
    let said = folder.run(&["test", "alice"], "wonderland-7").unwrap_err();
    assert!(
        said.contains("method_not_permitted") && said.contains("group office permits eap"),
        "{said}"
    );
}

/// Issue 5, local users: rates, times and quotas by the command line, and seen by the log-in.
#[test]
fn a_user_is_added_with_what_it_may() {
    let folder = Folder::new("policy");
    let add = [
        "add",
        "guest",
        "--rate",
        "2M/10M",
        "--quota-bytes",
        "5000",
        "--idle-limit-s",
        "60",
    ];
    folder.run(&add, "wonderland-7").unwrap();
    let tried = folder.run(&["test", "guest"], "wonderland-7").unwrap();
    for words in [
        "rate to it: 10000000 bit/s",
        "quota: 5000 bytes",
        "longest silence: 60 s",
    ] {
        assert!(tried.contains(words), "{tried}");
    }
    let past = ["add", "past", "--expires", "2001-01-01"];
    folder.run(&past, "wonderland-7").unwrap();
    let refused = folder.run(&["test", "past"], "wonderland-7").unwrap_err();
    assert!(refused.contains("account_expired"), "{refused}");
    folder
        .run(&["add", "off", "--disabled"], "wonderland-7")
        .unwrap();
    let refused = folder.run(&["test", "off"], "wonderland-7").unwrap_err();
    assert!(refused.contains("account_disabled"), "{refused}");
    let listed = folder.run(&["list"], "").unwrap();
    assert!(
        listed.contains("2001-01-01") && listed.contains("2M/10M"),
        "{listed}"
    );
    let wrong = folder
        .run(&["add", "fast", "--rate", "very"], "wonderland-7")
        .unwrap_err();
    assert!(
        wrong.contains("is no rate as RouterOS writes it"),
        "{wrong}"
    );
}
