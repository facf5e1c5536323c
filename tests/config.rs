//! The shipped configurations are right, and every key is explained where an operator looks.
#![expect(
    clippy::unwrap_used,
    reason = "without the repository's files there is no test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pns::config::{Config, UsersFileMode, accepted_keys};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file in `config/`.
fn shipped() -> Vec<PathBuf> {
    let files = fs::read_dir(repository().join("config")).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| {
        file.extension()
            .is_some_and(|extension| extension == "toml")
    });
    files.sort();
    assert!(files.len() >= 4, "{files:?}");
    files
}

fn is_users_file(path: &Path) -> bool {
    path.file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .contains("users")
}

/// `group.office.mppe` as the documentation has it: groups have names of their own.
fn with_any_name(table: &str) -> String {
    let mut parts: Vec<&str> = table.split('.').collect();
    if parts.len() > 1 && parts[0] == "group" {
        parts[1] = "NAME";
    }
    parts.join(".")
}

/// The keys of a TOML file in the order of its lines, with those that are commented out
/// (`# key = value`): the key with its tables, the line, and whether a comment explains it.
fn keys_of(text: &str) -> Vec<(String, usize, bool)> {
    let (mut table, mut keys) = (String::new(), Vec::new());
    let mut comment_above = false;
    for (number, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            table = with_any_name(line.trim_matches(['[', ']']));
            comment_above = false;
            continue;
        }
        let (bare, commented_out) = match line.strip_prefix("# ") {
            Some(rest) => (rest, true),
            None => (line, false),
        };
        let key = bare.split_once(" = ").map(|(key, _)| key);
        let is_key = |key: &&str| {
            key.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        match key.filter(is_key) {
            Some(key) => {
                keys.push((format!("{table}.{key}"), number + 1, comment_above));
                comment_above = comment_above && commented_out;
                // The keys of an inline table: `{ to = …, via = … }`.
                let inner = bare.split_once('{').map_or("", |(_, inner)| inner);
                for part in inner
                    .split(['{', ','])
                    .filter_map(|part| part.split_once(" = "))
                {
                    keys.push((format!("{table}.{key}.{}", part.0.trim()), number + 1, true));
                }
            }
            None => comment_above = line.starts_with('#'),
        }
    }
    keys
}

/// The keys that `docs/operations.md` has in its tables, below the heading of their table.
fn documented() -> BTreeSet<String> {
    let text = fs::read_to_string(repository().join("docs/operations.md")).unwrap();
    let (mut table, mut keys) = (String::new(), BTreeSet::new());
    for line in text.lines() {
        if line.starts_with('#') {
            let name = line.split('`').nth(1).unwrap_or_default();
            table = name.trim_matches(['[', ']']).to_owned();
        } else if let Some(key) = line
            .strip_prefix("| `")
            .and_then(|rest| rest.split('`').next())
            && !table.is_empty()
        {
            keys.insert(format!("{table}.{key}"));
        }
    }
    keys
}

/// The keys that the program accepts, without the tables themselves.
fn accepted() -> BTreeSet<String> {
    let all = accepted_keys();
    let is_table = |key: &String| {
        let below = format!("{key}.");
        let inline = ["port.routes", "pool.reservations", "user.mppe"].contains(&key.as_str());
        all.iter().any(|other| other.starts_with(&below)) && !inline
    };
    all.iter().filter(|key| !is_table(key)).cloned().collect()
}

#[test]
fn every_shipped_configuration_is_right_and_warns_of_nothing() {
    for path in shipped().iter().filter(|path| !is_users_file(path)) {
        let config = Config::load_with(path, UsersFileMode::Warn)
            .unwrap_or_else(|errors| panic!("{errors}"));
        // A checked-out users file can be read by others; whether it is depends on the umask.
        let warnings = config
            .warnings
            .iter()
            .filter(|warning| !warning.cure.contains("chmod"));
        let warnings: Vec<String> = warnings.map(ToString::to_string).collect();
        assert_eq!(warnings, Vec::<String>::new());
        let servers = config.radius.servers.len() + config.tacacs.servers.len();
        assert!(!config.users.is_empty() || servers > 0);
    }
}

#[test]
fn the_documentation_has_exactly_the_keys_that_are_accepted() {
    assert_eq!(documented(), accepted());
}

#[test]
fn every_key_is_in_a_shipped_file_and_every_key_there_is_accepted_and_commented() {
    let accepted = accepted();
    let mut seen = BTreeSet::new();
    for path in shipped() {
        for (key, line, commented) in keys_of(&fs::read_to_string(&path).unwrap()) {
            assert!(
                accepted.contains(&key),
                "{}:{line}: {key} is not accepted",
                path.display()
            );
            assert!(
                commented,
                "{}:{line}: {key} has no comment above it",
                path.display()
            );
            seen.insert(key);
        }
    }
    assert_eq!(seen, accepted);
}

#[test]
fn the_lab_is_the_one_that_its_documentation_describes() {
    let path = repository().join("config/lab.toml");
    let config = Config::load_with(&path, UsersFileMode::Warn).unwrap();
    let devices: Vec<_> = config
        .ports
        .iter()
        .map(|port| port.device.argument("iface"))
        .collect();
    assert_eq!(devices, [Some("wan_s"), Some("lan_s")]);
    assert_eq!(
        config.server.listen,
        ["198.51.100.1".parse::<std::net::Ipv4Addr>().unwrap()]
    );
    assert_eq!(
        config.pools[0].ranges[0].to_string(),
        "10.77.0.100-10.77.0.199"
    );
    assert!(config.users.find("alice").is_some());
}
