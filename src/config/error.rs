//! What is wrong with a configuration, said the way a compiler says it: file, line, column, key,
//! what is wrong, and what would be right.

use std::fmt;

/// One thing wrong in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The file, as the operator named it.
    pub file: String,
    /// Line from 1; 0 if the file as a whole is meant (it cannot be read, for instance).
    pub line: usize,
    /// Column from 1, in characters; 0 if the file as a whole is meant.
    pub column: usize,
    /// The key with its tables, such as `ppp.mppe.policy`; empty where no key is to blame.
    pub key: String,
    /// What is wrong. Never contains a secret.
    pub problem: String,
    /// What to do about it; empty where the problem says it all.
    pub cure: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:", self.file)?;
        if self.line > 0 {
            write!(formatter, "{}:{}:", self.line, self.column)?;
        }
        if !self.key.is_empty() {
            write!(formatter, " {}:", self.key)?;
        }
        write!(formatter, " {}", self.problem)?;
        if !self.cure.is_empty() {
            write!(formatter, "; {}", self.cure)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Everything wrong that could be found in one go; never empty. The file is refused whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, error) in self.0.iter().enumerate() {
            if position > 0 {
                writeln!(formatter)?;
            }
            write!(formatter, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// A problem and its cure, before the place is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub problem: String,
    /// What would be right.
    pub cure: String,
}

impl Fault {
    /// A fault with its cure.
    pub fn new(problem: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            cure: cure.into(),
        }
    }
}

/// Collects what is wrong with one file, and remembers where each key stands so that checks
/// across tables can point at it later.
pub(super) struct Report<'t> {
    file: String,
    text: &'t str,
    places: std::collections::BTreeMap<String, usize>,
    asked: std::collections::BTreeSet<String>,
    errors: Vec<ConfigError>,
    warnings: Vec<ConfigError>,
}

impl<'t> Report<'t> {
    pub(super) fn new(file: impl Into<String>, text: &'t str) -> Self {
        Self {
            file: file.into(),
            text,
            places: std::collections::BTreeMap::new(),
            asked: std::collections::BTreeSet::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Notes that `key` exists in the schema, whether or not the file has it.
    pub(super) fn note_asked(&mut self, key: &str) {
        self.asked.insert(without_indices(key));
    }

    /// Notes where `key` stands in the file.
    pub(super) fn note_place(&mut self, key: &str, offset: usize) {
        self.places.insert(key.to_owned(), offset);
    }

    /// An error at a byte offset of the file.
    pub(super) fn error_at(&mut self, offset: usize, key: &str, fault: Fault) {
        let error = self.located(Some(offset), key, fault);
        self.errors.push(error);
    }

    /// An error found by a check across tables, at the place of `key` or of the nearest table
    /// around it. Silent if reading `key` already failed: one mistake, one message.
    pub(super) fn error(&mut self, key: &str, fault: Fault) {
        if !self.is_wrong(key) {
            let error = self.located(self.place_of(key), key, fault);
            self.errors.push(error);
        }
    }

    /// Something that is legal and probably not meant.
    pub(super) fn warn(&mut self, key: &str, fault: Fault) {
        if !self.is_wrong(key) {
            let warning = self.located(self.place_of(key), key, fault);
            self.warnings.push(warning);
        }
    }

    /// Whether the file has `key`.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.places.contains_key(key)
    }

    /// Whether `key`, something below it, or the value it is an element of, was refused.
    pub(super) fn is_wrong(&self, key: &str) -> bool {
        self.errors
            .iter()
            .any(|error| is_below(&error.key, key) || is_below(key, &error.key))
    }

    /// The line on which `key` stands.
    pub(super) fn line_of(&self, key: &str) -> Option<usize> {
        self.place_of(key)
            .map(|offset| self.line_and_column(offset).0)
    }

    /// A warning at a byte offset of the file.
    pub(super) fn warn_at(&mut self, offset: usize, key: &str, fault: Fault) {
        let warning = self.located(Some(offset), key, fault);
        self.warnings.push(warning);
    }

    /// Errors and warnings in the order of the file, and the keys that the schema knows.
    pub(super) fn finish(self) -> Findings {
        let by_place = |error: &ConfigError| (error.line, error.column);
        let (mut errors, mut warnings) = (self.errors, self.warnings);
        errors.sort_by_key(by_place);
        warnings.sort_by_key(by_place);
        Findings {
            errors,
            warnings,
            asked: self.asked,
        }
    }

    fn place_of(&self, key: &str) -> Option<usize> {
        let mut key = key;
        loop {
            if let Some(offset) = self.places.get(key) {
                return Some(*offset);
            }
            key = key.get(..key.rfind(['.', '['])?)?;
        }
    }

    fn located(&self, offset: Option<usize>, key: &str, fault: Fault) -> ConfigError {
        let (line, column) = offset.map_or((0, 0), |offset| self.line_and_column(offset));
        ConfigError {
            file: self.file.clone(),
            line,
            column,
            key: key.to_owned(),
            problem: fault.problem,
            cure: fault.cure,
        }
    }

    fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before.get(start..).unwrap_or_default().chars().count() + 1;
        (line, column)
    }
}

/// What reading one file found, or several.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) errors: Vec<ConfigError>,
    pub(super) warnings: Vec<ConfigError>,
    pub(super) asked: std::collections::BTreeSet<String>,
}

impl Findings {
    /// With what another file has.
    pub(super) fn extend(&mut self, mut other: Self) {
        self.errors.append(&mut other.errors);
        self.warnings.append(&mut other.warnings);
        self.asked.append(&mut other.asked);
    }
}

fn is_below(key: &str, ancestor: &str) -> bool {
    match key.strip_prefix(ancestor) {
        Some(rest) => rest.is_empty() || rest.starts_with(['.', '[']),
        None => false,
    }
}

/// `port[1].routes[0].to` as the schema knows it: `port.routes.to`.
fn without_indices(key: &str) -> String {
    let mut plain = String::with_capacity(key.len());
    let mut inside = false;
    for character in key.chars() {
        match character {
            '[' => inside = true,
            ']' => inside = false,
            _ if inside => {}
            _ => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_like_a_compiler() {
        let mut report = Report::new("lab.toml", "a = 1\nö = \"requird\"\n");
        report.error_at(
            11,
            "ppp.mppe.policy",
            Fault::new("\"requird\" is not a policy", "write off"),
        );
        let text = ConfigErrors(report.finish().errors).to_string();
        assert_eq!(
            text,
            "lab.toml:2:5: ppp.mppe.policy: \"requird\" is not a policy; write off"
        );
    }

    #[test]
    fn a_check_points_at_the_nearest_place_and_keeps_quiet_about_a_refused_key() {
        let mut report = Report::new("x", "a\nb\nc\n");
        report.note_place("pool[0]", 2);
        report.error("pool[0].gateway", Fault::new("bad", ""));
        report.error("pool[0]", Fault::new("a consequence", ""));
        report.error("pool[1]", Fault::new("elsewhere", ""));
        let errors = report.finish().errors;
        let lines: Vec<_> = errors
            .iter()
            .map(|error| (error.line, error.problem.as_str()))
            .collect();
        assert_eq!(lines, [(0, "elsewhere"), (2, "bad")]);
    }

    #[test]
    fn schema_keys_have_no_indices() {
        assert_eq!(without_indices("port[12].routes[0].to"), "port.routes.to");
    }
}
