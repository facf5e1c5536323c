//! What is right, and what each mistake is told.

use super::*;
use crate::config::tests::of_servers as parse;

fn server(more: &str) -> String {
    format!(
        "[[radius.server]]\nname = \"one\"\naddress = \"10.0.0.5\"\nsecret_file = \"s\"\n{more}\n"
    )
}

#[test]
fn servers_alone_are_enough_and_have_the_ports_of_the_rfcs() {
    let config = parse(&server(""), "a secret of thirty-two characters\n").expect("right");
    assert!(config.users.is_empty() && config.warnings.is_empty());
    let server = &config.radius.servers[0];
    assert_eq!(server.authentication, "10.0.0.5:1812".parse().ok());
    assert_eq!(server.accounting, "10.0.0.5:1813".parse().ok());
    assert_eq!(server.secret.expose(), b"a secret of thirty-two characters");
    assert_eq!(server.secret_file, Path::new("etc/s"));
    assert_eq!(server.require_message_authenticator, Demand::Auto);
    assert!(
        !format!("{config:?}").contains("thirty-two"),
        "never printed"
    );
}

#[test]
fn without_servers_there_must_be_users() {
    let errors = parse("", "").expect_err("nobody could log in");
    assert!(errors.contains("users.file: is missing"), "{errors}");
}

#[test]
fn each_mistake_is_told_with_its_place_and_its_cure() {
    let long = "a secret of thirty-two characters";
    for (text, secret, told) in [
        (
            server(""),
            "",
            "radius.server[0].secret_file: holds no secret",
        ),
        (
            server("port = 0\naccounting_port = 0"),
            long,
            "are both 0; take the server out",
        ),
        (server("adress = 1"), long, "did you mean `address`?"),
        (
            server("").replace("10.0.0.5", "radius.isp"),
            long,
            "names are not looked up",
        ),
        (
            server("").repeat(2),
            long,
            "radius.server[1].name: \"one\" already is a server",
        ),
        (
            server("require_message_authenticator = \"no\""),
            long,
            "auto, always, never",
        ),
        (
            format!("[accounting]\ninterim_interval_s = 30\n{}", server("")),
            long,
            "write 60 or more",
        ),
    ] {
        let errors = parse(&text, secret).err().unwrap_or_default();
        assert!(errors.contains(told), "{text}\n{errors}");
    }
}

#[test]
fn what_is_weak_is_warned_about() {
    let text = server("require_message_authenticator = \"never\"");
    let config = parse(&text, "short").expect("legal");
    let warnings: Vec<_> = config.warnings.iter().map(|it| &*it.key).collect();
    for key in [
        "radius.server[0].secret_file",
        "radius.server[0].require_message_authenticator",
    ] {
        assert!(warnings.contains(&key), "{warnings:?}");
    }
}
