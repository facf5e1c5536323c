//! The language of the dialogues: one line a message, in hexadecimal as a capture shows it.
//!
//! ```text
//! tcp > 009c 0001 1a2b3c4d 0001 0000 ...     the client writes these bytes
//! tcp < 009c 0001 1a2b3c4d 0002 0000 ...     the server's next control message is this
//! ppp > ff03 c021 01 00 000a 0506 11223344   the client sends a PPP frame in GRE
//! ppp < ff03 c021 02 00 000a 0506 11223344   the server's next PPP frame is this
//! wait 3s  | wait 100ms                      time passes
//! quiet                                      the server has said nothing more
//! closed                                     the server has closed the TCP connection
//! # a comment, also behind a line
//! ```
//! A backslash at the end of a line joins the next one to it.
//! Bytes: `00*64` is a byte repeated, `"text"` its characters, `..` any byte. `$name/4` in a message of
//! the server keeps four bytes, and is compared where it stands again; `$name` in what the client
//! sends stands for them.

use std::collections::BTreeMap;
use std::time::Duration;

/// One line.
#[derive(Debug)]
pub(crate) enum Step {
    SayTcp(Vec<u8>),
    HearTcp(Vec<Pattern>),
    SendPpp(Vec<u8>),
    HearPpp(Vec<Pattern>),
    Wait(Duration),
    Quiet,
    Closed,
}

/// What a byte, or some, of the server's message must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    Byte(u8),
    Any,
    /// So many bytes, to be kept or compared.
    Named(String, usize),
}

/// Bytes that were heard or computed, by name.
pub(crate) type Names = BTreeMap<String, Vec<u8>>;

/// Reads a line; `None` for one that is empty. What the client sends is filled in from `names`.
pub(crate) fn step(line: &str, names: &Names) -> Option<Step> {
    let line = line.split('#').next().unwrap().trim();
    if line.is_empty() {
        return None;
    }
    let mut words = words(line).into_iter();
    let first = words.next().unwrap();
    Some(match first.as_str() {
        "wait" => Step::Wait(duration(&words.next().expect("a time"))),
        "quiet" => Step::Quiet,
        "closed" => Step::Closed,
        "tcp" | "ppp" => {
            let direction = words.next().expect("a direction");
            let patterns: Vec<Pattern> = words.flat_map(|word| patterns(&word)).collect();
            match (first.as_str(), direction.as_str()) {
                ("tcp", ">") => Step::SayTcp(bytes(&patterns, names)),
                ("tcp", "<") => Step::HearTcp(patterns),
                ("ppp", ">") => Step::SendPpp(bytes(&patterns, names)),
                ("ppp", "<") => Step::HearPpp(patterns),
                _ => panic!("neither > nor <: {line}"),
            }
        }
        _ => panic!("what is this: {line}"),
    })
}

/// Words at spaces, but not within quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for character in line.chars() {
        quoted ^= character == '"';
        if character.is_whitespace() && !quoted {
            words.push(std::mem::take(&mut word));
        } else {
            word.push(character);
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

fn duration(word: &str) -> Duration {
    match word.strip_suffix("ms") {
        Some(number) => Duration::from_millis(number.parse().unwrap()),
        None => Duration::from_secs(word.strip_suffix('s').unwrap().parse().unwrap()),
    }
}

fn patterns(word: &str) -> Vec<Pattern> {
    if let Some(text) = word.strip_prefix('"') {
        let text = text.strip_suffix('"').expect("a closing quote");
        return text.bytes().map(Pattern::Byte).collect();
    }
    if let Some(name) = word.strip_prefix('$') {
        let (name, count) = name.split_once('/').unwrap_or((name, "0"));
        return vec![Pattern::Named(name.to_owned(), count.parse().unwrap())];
    }
    if let Some((byte, count)) = word.split_once('*') {
        let byte = Pattern::Byte(u8::from_str_radix(byte, 16).unwrap());
        return vec![byte; count.parse().unwrap()];
    }
    assert!(word.len().is_multiple_of(2), "half a byte in {word}");
    let pairs = (0..word.len()).step_by(2).map(|at| &word[at..at + 2]);
    pairs
        .map(|pair| match pair {
            ".." => Pattern::Any,
            hex => Pattern::Byte(u8::from_str_radix(hex, 16).expect(hex)),
        })
        .collect()
}

fn bytes(patterns: &[Pattern], names: &Names) -> Vec<u8> {
    let fill = |pattern: &Pattern| match pattern {
        Pattern::Byte(byte) => vec![*byte],
        Pattern::Named(name, _) => names
            .get(name)
            .unwrap_or_else(|| panic!("nothing is known of ${name}"))
            .clone(),
        Pattern::Any => panic!("a client does not send any byte"),
    };
    patterns.iter().flat_map(fill).collect()
}

/// Compares a message with what it must be, and keeps what has a new name.
pub(crate) fn compare(heard: &[u8], wanted: &[Pattern], names: &mut Names) -> Result<(), String> {
    let mut rest = heard;
    for pattern in wanted {
        let count = match pattern {
            Pattern::Byte(_) | Pattern::Any => 1,
            Pattern::Named(name, 0) => names.get(name).map_or(0, Vec::len),
            Pattern::Named(_, count) => *count,
        };
        let place = heard.len() - rest.len();
        let Some((these, after)) = rest.split_at_checked(count) else {
            return Err(format!("ends at byte {place}"));
        };
        match pattern {
            Pattern::Byte(byte) if these != [*byte] => {
                return Err(format!("byte {place} is not {byte:02x}"));
            }
            Pattern::Named(name, _) => {
                let known = names.entry(name.clone()).or_insert_with(|| these.to_vec());
                if known != these {
                    return Err(format!("${name} was {}", hex(known)));
                }
            }
            Pattern::Byte(_) | Pattern::Any => {}
        }
        rest = after;
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(format!("has {} bytes more", rest.len()))
    }
}

/// As a script would have it.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes
        .chunks(2)
        .map(|pair| pair.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    pairs.join(" ")
}

#[test]
fn a_script_finds_what_differs() {
    let mut names = Names::new();
    names.insert("id".into(), vec![7]);
    let wanted = |text: &str| match step(text, &Names::new()) {
        Some(Step::HearPpp(patterns)) => patterns,
        other => panic!("{other:?}"),
    };
    let mut check = |heard: &[u8], text| compare(heard, &wanted(text), &mut names);
    assert_eq!(check(&[1, 2, 7, 0, 0], "ppp < 01.. $id/1 00*2"), Ok(()));
    assert!(check(&[1, 2, 8], "ppp < 0102 $id/1").is_err());
    assert!(check(&[1, 2], "ppp < 01").is_err());
    assert!(check(&[1], "ppp < 0102").is_err());
    assert_eq!(check(&[9, 9], "ppp < $new/2 # kept"), Ok(()));
    assert!(check(&[9, 8], "ppp < $new").is_err());
    assert_eq!(check(b"a b", "ppp < \"a b\""), Ok(()));
    match step("tcp > $id 00", &names) {
        Some(Step::SayTcp(bytes)) => assert_eq!(bytes, [7, 0]),
        other => panic!("{other:?}"),
    }
}
