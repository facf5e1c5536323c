//! The man pages are printed from the command line's own definition and from the commented
//! configuration, and held equal to them here: `PNS_WRITE_DOCS=1 cargo test --test man_pages`.

#![expect(clippy::unwrap_used, reason = "a case fails by it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use pns::cli::Cli;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages_directory() -> PathBuf {
    repository().join("packaging/man")
}

/// One page for `command` and one for each command below it, by file name.
fn pages_of_commands(command: clap::Command, pages: &mut BTreeMap<String, String>) {
    let man = Man::new(command.clone())
        .manual("PNS")
        .source("pns")
        .date("");
    let mut page = Vec::new();
    man.render(&mut page).unwrap();
    // What comes behind the options of every command of ours is examples and exit codes.
    let page = String::from_utf8(page)
        .unwrap()
        .replace(".SH EXTRA", ".SH EXAMPLES");
    pages.insert(man.get_filename(), page);
    for inner in command.get_subcommands() {
        pages_of_commands(inner.clone(), pages);
    }
}

/// A page of section 5 about a TOML file of which every key has a comment of its own.
fn page_of_file(name: &str, about: &str, text: &str, see_also: &str) -> String {
    let mut page = Roff::new();
    page.control("TH", [name, "5", "", "pns", "PNS"]);
    page.control("SH", ["NAME"]);
    page.text([roman(format!("{name} - {about}"))]);
    page.control("SH", ["DESCRIPTION"]);
    // What stands above a line, and whether it is about that line and not about the whole file.
    let mut comment: Vec<&str> = Vec::new();
    for line in text.lines() {
        let (bare, commented_out) = match line.strip_prefix("# ") {
            Some(rest) => (rest, true),
            None => (line, false),
        };
        if line.starts_with('[') {
            page.control("SH", [line]);
            page.text([roman(comment.join(" "))]);
            comment.clear();
        } else if let Some((key, example)) = key_of(bare) {
            page.control("TP", []);
            let hint = if commented_out { " (not set here)" } else { "" };
            page.text([bold(key), roman(format!(" = {example}{hint}"))]);
            page.text([roman(comment.join(" "))]);
            comment.clear();
        } else if line.starts_with('#') {
            comment.push(line.trim_start_matches(['#', ' ']));
        } else if !comment.is_empty() {
            page.text([roman(comment.join(" "))]);
            page.control("PP", []);
            comment.clear();
        }
    }
    page.control("SH", ["SEE ALSO"]);
    page.text([roman(see_also)]);
    page.render()
}

/// `key = value` of a line that sets one.
fn key_of(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(" = ")?;
    let is_name = key
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    is_name.then_some((key, value))
}

fn pages() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    pages_of_commands(command, &mut pages);
    let read = |name: &str| fs::read_to_string(repository().join("config").join(name)).unwrap();
    pages.insert(
        "pns.toml.5".to_owned(),
        page_of_file(
            "pns.toml",
            "configuration of the PPTP network server pns",
            &read("appliance.toml"),
            "pns(1), pns-check(1), pns-reload(1), users.toml(5)",
        ),
    );
    pages.insert(
        "users.toml.5".to_owned(),
        page_of_file(
            "users.toml",
            "users of the PPTP network server pns",
            &read("users.example.toml"),
            "pns(1), pns-user(1), pns.toml(5)",
        ),
    );
    pages
}

#[test]
fn the_man_pages_are_those_of_the_program() {
    let (directory, pages) = (pages_directory(), pages());
    if std::env::var_os("PNS_WRITE_DOCS").is_some() {
        if directory.exists() {
            fs::remove_dir_all(&directory).unwrap();
        }
        fs::create_dir_all(&directory).unwrap();
        for (name, page) in &pages {
            fs::write(directory.join(name), page).unwrap();
        }
    }
    let written: Vec<String> = fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut unknown = written.iter().filter(|name| !pages.contains_key(*name));
    assert_eq!(unknown.next(), None, "a page of a command that is no more");
    for (name, page) in &pages {
        let file = fs::read_to_string(directory.join(name)).unwrap_or_default();
        assert!(
            file == *page,
            "{name} is old: PNS_WRITE_DOCS=1 cargo test --test man_pages"
        );
    }
}

#[test]
fn every_command_and_every_key_has_its_place() {
    let pages = pages();
    for command in ["run", "check", "show", "explain", "call", "reload", "user"] {
        assert!(pages.contains_key(&format!("pns-{command}.1")), "{command}");
    }
    for key in pns::config::accepted_keys() {
        let page = match key.split('.').next().unwrap() {
            "user" => &pages["users.toml.5"],
            _ => &pages["pns.toml.5"],
        };
        let name = key.rsplit('.').next().unwrap();
        assert!(page.contains(name), "{key}");
    }
}
