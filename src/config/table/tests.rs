//! Typed reads, and what they say about mistakes.

use super::*;

fn errors(text: &str, read: impl FnOnce(&mut Table<'_, '_>)) -> Vec<String> {
    let mut report = Report::new("f", text);
    read_document(&mut report, text, read);
    report
        .finish()
        .errors
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn all_mistakes_in_one_go() {
    let text = "size = 99\nflga = true\nwords = [\"a\", 7]\nzzzzzz = 1\nflag = 0x10\n";
    let found = errors(text, |table| {
        table.number("size", 1u16, 1..=10);
        table.flag("flag", false);
        table.list("words", |word| Ok(word.to_owned()));
    });
    assert_eq!(
        found,
        [
            "f:1:8: size: 99 is out of range; write a whole number from 1 to 10",
            "f:2:1: flga: is not a known key; did you mean `flag`?",
            "f:3:15: words[1]: is a whole number; write a text in quotes",
            "f:4:1: zzzzzz: is not a known key; known here are size, flag, words",
            "f:5:8: flag: is a whole number; write true or false",
        ]
    );
}

#[test]
fn every_syntax_error_is_reported_and_nothing_else() {
    let found = errors("a = \nb = [1\nc = 1\n", |table| {
        table.number("missing", 1u8, 1..=1);
    });
    assert!(
        found.len() >= 2 && found.iter().all(|line| line.starts_with("f:")),
        "{found:?}"
    );
}

#[test]
fn numbers_beyond_64_bits_negative_and_in_other_bases() {
    let text = "a = 99999999999999999999\nb = -1\nc = 0xff\nd = 1_000\n";
    let found = errors(text, |table| {
        assert_eq!(table.number("a", 5u32, 0..=9), 5);
        assert_eq!(table.number("b", 5u32, 0..=9), 5);
        assert_eq!(table.number("c", 5u32, 0..=255), 255);
        assert_eq!(table.number("d", 5u32, 0..=1000), 1000);
    });
    assert_eq!(found.len(), 2, "{found:?}");
}
