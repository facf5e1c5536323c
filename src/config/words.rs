//! Texts that several tables take: one word of a few, names, host names.

use super::error::Fault;
use std::path::{Path, PathBuf};

/// Reads one word of `words`; `what` names the kind in the message ("a policy").
pub(super) fn one_of<T: Copy>(
    what: &'static str,
    words: &'static [(&'static str, T)],
) -> impl Fn(&str) -> Result<T, Fault> {
    move |text| {
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let guess = nearest(text, &known).map(|word| format!(" (did you mean {word}?)"));
            let cure = format!(
                "write one of {}{}",
                known.join(", "),
                guess.unwrap_or_default()
            );
            Fault::new(format!("{text:?} is not {what}"), cure)
        })
    }
}

/// The path of a file; `example` is shown to who writes none.
pub(super) fn path(example: &'static str) -> impl Fn(&str) -> Result<PathBuf, Fault> {
    move |text| {
        if text.is_empty() || text.contains('\0') {
            let cure = format!("write for example {example:?}");
            return Err(Fault::new("is not a path", cure));
        }
        Ok(PathBuf::from(text))
    }
}

/// A path that the configuration file names, which counts from its own directory.
pub(super) fn beside(config_file: &Path, named: &Path) -> PathBuf {
    let directory = config_file.parent().unwrap_or_else(|| Path::new(""));
    directory.join(named)
}

/// A short name for tables and logs: letters, digits, `-`, `_` and `.`, at most `length_max`.
pub(super) fn name(length_max: usize) -> impl Fn(&str) -> Result<String, Fault> {
    move |text| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if text.is_empty() || text.len() > length_max || !text.bytes().all(plain) {
            let cure = format!("write 1 to {length_max} letters, digits, '-', '_' or '.'");
            return Err(Fault::new(format!("{text:?} is not a name"), cure));
        }
        Ok(text.to_owned())
    }
}

/// Printable ASCII of at most `length_max` bytes, for fields that peers read.
pub(super) fn printable(length_max: usize) -> impl Fn(&str) -> Result<String, Fault> {
    move |text| {
        let plain = text
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if text.is_empty() || text.len() > length_max || !plain {
            let problem = format!("{text:?} does not fit where peers read it");
            let cure = format!("write 1 to {length_max} printable ASCII characters");
            return Err(Fault::new(problem, cure));
        }
        Ok(text.to_owned())
    }
}

/// The word of `known` that `word` was probably meant to be: fewest edits, at most half of it.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let edits_max = (word.chars().count() / 2).clamp(1, 3);
    known
        .iter()
        .map(|candidate| (edits(word, candidate), *candidate))
        .filter(|(edits, _)| *edits <= edits_max)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance: insertions, deletions and replacements from one word to the other.
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (index, from_character) in from.chars().enumerate() {
        let mut next = vec![index + 1];
        let mut left = index + 1;
        for (to_character, above) in to.chars().zip(row.windows(2)) {
            let &[diagonal, above] = above else { continue };
            let replaced = diagonal + usize::from(from_character != to_character);
            left = replaced.min(left + 1).min(above + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_word() {
        assert_eq!(
            nearest("requird", &["off", "optional", "required"]),
            Some("required")
        );
        assert_eq!(nearest("nothing", &["off", "optional", "required"]), None);
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}
