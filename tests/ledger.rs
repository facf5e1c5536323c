//! `docs/protocol.md` says for each clause of each RFC which test proves it, or why it is
//! declined or open; `docs/quirks.md` says the same of each quirk of real clients.
//! Here the pages and the tests are held in step, both ways.
#![expect(
    clippy::expect_used,
    reason = "a rule that cannot be checked has to fail"
)]

#[path = "ledger/quirks.rs"]
mod quirks;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// RFCs that the page has to cover.
const RFCS: &[u32] = &[
    1332, 1334, 1661, 1877, 1962, 1994, 2118, 2433, 2548, 2637, 2759, 2865, 2866, 3078, 3079, 3748,
    5072, 5176, 5997, 8907,
];
const LEVELS: &[&str] = &["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"];
const DECLINED: &str = "declined: ";
const OPEN: &str = "open: ";
/// A reason is a sentence, not a word.
const REASON_LENGTH_MIN: usize = 15;
/// Rows that are not yet proved or not yet built. This number may only shrink.
const OPEN_MAX: usize = 0;

/// One line of a table of the page.
struct Row {
    line: usize,
    rfc: u32,
    clause: String,
    level: String,
    proof: String,
}

impl Row {
    /// Why no test proves it.
    fn reason(&self) -> Option<&str> {
        let declined = self.proof.strip_prefix(DECLINED);
        declined.or_else(|| self.proof.strip_prefix(OPEN))
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("docs/protocol.md")).expect("docs/protocol.md");
    let (mut rfc, mut rows) = (0, Vec::new());
    for (index, line) in text.lines().enumerate() {
        if let Some(title) = line.strip_prefix("## RFC ") {
            let number: String = title.chars().take_while(char::is_ascii_digit).collect();
            rfc = number.parse().expect("a number behind \"## RFC \"");
        } else if line.starts_with("## ") {
            rfc = 0;
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let ["", clause, level, _, proof, ""] = cells.as_slice()
            && clause.starts_with('§')
        {
            rows.push(Row {
                line: index + 1,
                rfc,
                clause: (*clause).to_owned(),
                level: (*level).to_owned(),
                proof: (*proof).to_owned(),
            });
        }
    }
    rows
}

/// Every test by file: what follows `#[test]`, and what stands in `proptest!`.
fn tests() -> BTreeMap<String, BTreeSet<String>> {
    let mut files = BTreeMap::new();
    for folder in ["src", "tests"] {
        collect(&root().join(folder), &mut files);
    }
    files
}

fn collect(folder: &Path, files: &mut BTreeMap<String, BTreeSet<String>>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            let name = path.strip_prefix(root()).expect("inside the tree");
            files.insert(name.display().to_string(), test_names(&text));
        }
    }
}

fn test_names(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut marked = false;
    for line in text.lines().map(str::trim) {
        if line == "#[test]" {
            marked = true;
        } else if let Some(name) = line.strip_prefix("fn ")
            && marked
        {
            let end = name.find('(').unwrap_or(name.len());
            names.insert(name[..end].to_owned());
            marked = false;
        }
    }
    names
}

/// `path::test` between backticks.
fn references(proof: &str) -> impl Iterator<Item = (&str, &str)> {
    proof
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|reference| reference.split_once("::"))
}

fn report(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}

#[test]
fn every_row_names_a_test_that_exists_or_says_why_not() {
    let tests = tests();
    let mut offences = Vec::new();
    for row in rows() {
        let mut complain = |what: String| {
            let place = format!("docs/protocol.md:{}", row.line);
            offences.push(format!("{place}: RFC {} {}: {what}", row.rfc, row.clause));
        };
        if !LEVELS.contains(&row.level.as_str()) {
            complain(format!("{:?} is none of {LEVELS:?}", row.level));
        }
        let reason = row.reason();
        if reason.is_some_and(|reason| reason.len() < REASON_LENGTH_MIN) {
            complain("declined or open without a reason".into());
        }
        if reason.is_none() && references(&row.proof).next().is_none() {
            complain("neither a test nor a reason".into());
        }
        for (file, test) in references(&row.proof) {
            if !tests.get(file).is_some_and(|names| names.contains(test)) {
                complain(format!("there is no {file}::{test}"));
            }
        }
    }
    report("the ledger names what is not there", &offences);
}

#[test]
fn what_is_open_only_shrinks() {
    let is_open = |row: &&Row| row.proof.starts_with(OPEN);
    let open = rows().iter().filter(is_open).count();
    assert_eq!(open, OPEN_MAX, "as many rows are open as may be");
}

#[test]
fn every_rfc_is_covered() {
    let rows = rows();
    let missing: Vec<String> = RFCS
        .iter()
        .filter(|rfc| !rows.iter().any(|row| row.rfc == **rfc))
        .map(|rfc| format!("RFC {rfc}"))
        .collect();
    report("no clause of it is in docs/protocol.md", &missing);
}

#[test]
fn every_test_that_is_named_after_a_clause_is_in_the_ledger() {
    let rows = rows();
    let named: BTreeSet<(&str, &str)> =
        rows.iter().flat_map(|row| references(&row.proof)).collect();
    let mut missing = Vec::new();
    for (file, names) in &tests() {
        if !file.starts_with("tests/rfc") {
            continue;
        }
        for name in names {
            let clause = name.strip_prefix('s').unwrap_or_default();
            let clause = clause.starts_with(|first: char| first.is_ascii_digit());
            if clause && !named.contains(&(file.as_str(), name.as_str())) {
                missing.push(format!("{file}::{name}"));
            }
        }
    }
    report("no row of docs/protocol.md names it", &missing);
}
