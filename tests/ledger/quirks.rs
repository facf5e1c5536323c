//! `docs/quirks.md` has a line for each known quirk of real clients, with a dialogue in `tests/quirks`
//! that carries its number, and the acceptance checklist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::{references, report, root, tests};

/// The quirks: a letter, and how many it has.
const QUIRKS: [(char, usize); 9] = [
    ('W', 20),
    ('M', 10),
    ('A', 6),
    ('L', 9),
    ('K', 4),
    ('C', 5),
    ('N', 6),
    ('G', 14),
    ('P', 10),
];
/// The lines of the acceptance checklist.
const CHECKLIST: usize = 10;
/// Where the dialogues are.
const DIALOGUES: &str = "tests/quirks/";

/// The tests that a line names, by the first cell of the line.
type Lines = BTreeMap<String, Vec<(String, String)>>;

/// `W1` to `P10`.
fn quirks() -> BTreeSet<String> {
    let of = |(letter, count): (char, usize)| (1..=count).map(move |it| format!("{letter}{it}"));
    QUIRKS.into_iter().flat_map(of).collect()
}

/// The lines of the table under `heading`; none may stand there twice, or have an empty cell.
fn lines(heading: &str) -> Lines {
    let text = fs::read_to_string(root().join("docs/quirks.md")).expect("docs/quirks.md");
    let section = text.split("\n## ").find(|part| part.starts_with(heading));
    let mut lines = Lines::new();
    for line in section.expect("the section").lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", name, .., proof, ""] = cells.as_slice() else {
            continue;
        };
        if !name.contains(|character: char| character.is_ascii_digit()) {
            continue;
        }
        let inner = cells.get(1..cells.len() - 1).unwrap_or_default();
        assert!(inner.iter().all(|cell| !cell.is_empty()), "{line}");
        let named = references(proof).map(|(file, test)| (file.to_owned(), test.to_owned()));
        let earlier = lines.insert((*name).to_owned(), named.collect());
        assert!(earlier.is_none(), "{name} stands there twice");
    }
    lines
}

/// The quirks that a test carries in its name: `w1_w2_and_then_words`.
fn carried(test: &str) -> Vec<String> {
    let quirks = quirks();
    let words = test.split('_').map(str::to_uppercase);
    words.take_while(|word| quirks.contains(word)).collect()
}

/// Tests that are named and do not exist.
fn strangers(lines: &Lines) -> Vec<String> {
    let tests = tests();
    let exists = |(file, test): &(String, String)| {
        tests
            .get(file.as_str())
            .is_some_and(|names| names.contains(test.as_str()))
    };
    let all = lines
        .iter()
        .flat_map(|(line, named)| named.iter().map(move |it| (line, it)));
    all.filter(|(_, named)| !exists(named))
        .map(|(line, (file, test))| format!("{line}: there is no {file}::{test}"))
        .collect()
}

#[test]
fn every_quirk_has_a_row_and_a_dialogue() {
    let lines = lines("The quirks");
    let mut offences = strangers(&lines);
    for quirk in quirks() {
        let Some(named) = lines.get(&quirk) else {
            offences.push(format!("{quirk} has no line"));
            continue;
        };
        let is_dialogue = |(file, test): &(String, String)| {
            file.starts_with(DIALOGUES) && carried(test).contains(&quirk)
        };
        if !named.iter().any(is_dialogue) {
            offences.push(format!("{quirk}: no dialogue carries its number"));
        }
    }
    let unknown = lines.keys().filter(|line| !quirks().contains(*line));
    offences.extend(unknown.map(|line| format!("{line} is no quirk")));
    report("docs/quirks.md lost something", &offences);
}

#[test]
fn every_dialogue_of_a_quirk_is_in_its_line() {
    let lines = lines("The quirks");
    let mut offences = Vec::new();
    for (file, names) in tests() {
        if !file.starts_with(DIALOGUES) {
            continue;
        }
        for test in names {
            let reference = (file.clone(), test.clone());
            for quirk in carried(&test) {
                let line = lines.get(&quirk);
                if !line.is_some_and(|named| named.contains(&reference)) {
                    offences.push(format!("{quirk}: {file}::{test}"));
                }
            }
        }
    }
    report("docs/quirks.md does not name it", &offences);
}

#[test]
fn the_acceptance_checklist_is_complete() {
    let lines = lines("Acceptance checklist");
    let mut offences = strangers(&lines);
    for item in 1..=CHECKLIST {
        if lines.get(&item.to_string()).is_none_or(Vec::is_empty) {
            offences.push(format!("item {item} has no test"));
        }
    }
    assert_eq!(lines.len(), CHECKLIST);
    report("the checklist is not proved", &offences);
}
