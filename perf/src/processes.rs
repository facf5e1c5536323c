//! A scenario in several processes, of which the best counts: where the pages of a process lie is
//! drawn once for its life, and now and then it is a bad draw, for ours or for the peer.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Outcome;
use crate::report::{rounded, write};

/// Runs this program with `words` so many times, keeps the results of the one with the best `ratio` in
/// `file`, where each has written its own, and prints its line.
///
/// # Errors
///
/// One of them fails.
pub(crate) fn best_of(processes: usize, words: &[String], file: &Path) -> Outcome<()> {
    let mut ratios = Vec::new();
    let mut best: Option<(f64, String, String)> = None;
    for number in 1..=processes {
        println!("\nprocess {number} of {processes}");
        let told = run(words)?;
        let (table, line) = told.trim_end().rsplit_once('\n').unwrap_or(("", &told));
        println!("{}", table.trim_end());
        let ratio = ratio(line)?;
        ratios.push(ratio.map(|ratio| rounded(ratio, 3)));
        let ratio = ratio.unwrap_or(f64::NEG_INFINITY);
        if best.as_ref().is_none_or(|(best, ..)| ratio > *best) {
            best = Some((ratio, line.to_owned(), fs::read_to_string(file)?));
        }
    }
    let (_, line, kept) = best.ok_or("not one process was asked for")?;
    let ratios = serde_json::to_string(&ratios)?;
    write(file, &beginning_with("\n  ", &ratios, &kept)?)?;
    println!("{}", beginning_with("", &ratios, &line)?);
    Ok(())
}

/// What this program says when it is run with `words`.
///
/// # Errors
///
/// It fails.
pub(crate) fn run(words: &[String]) -> Outcome<String> {
    let output = Command::new(std::env::current_exe()?)
        .args(words)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let told = String::from_utf8(output.stdout)?;
    if !output.status.success() {
        let status = output.status;
        return Err(format!("{words:?} in a process of its own: {status}; {told}").into());
    }
    Ok(told)
}

/// The overall ratio of a line of results; `None` if it is withheld.
fn ratio(line: &str) -> Outcome<Option<f64>> {
    let line: Value = serde_json::from_str(line)?;
    Ok(line.get("ratio").and_then(Value::as_f64))
}

/// The same object with what all processes came to in front, its other fields in their order.
fn beginning_with(indent: &str, ratios: &str, object: &str) -> Outcome<String> {
    let rest = object.strip_prefix('{').ok_or("results are no object")?;
    Ok(format!(
        "{{{indent}\"ratio_of_each_process\":{ratios},{rest}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratios_of_all_processes_go_with_the_best() {
        let line = beginning_with("", "[1.5,null]", "{\"ratio\":1.5,\"a\":2}").unwrap();
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["ratio_of_each_process"][0], 1.5);
        assert_eq!(read["a"], 2);
        assert_eq!(ratio(&line).unwrap(), Some(1.5));
        assert_eq!(ratio("{\"ratio\":null}").unwrap(), None);
        assert!(beginning_with("", "[]", "no").is_err());
    }
}
