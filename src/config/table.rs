//! A cursor over one TOML table: typed reads with defaults and ranges, where every failure is
//! reported with its place and reading goes on. What was never asked for is an unknown key.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Fault, Report};
use super::words::nearest;
use crate::aaa::calendar::iso_time;

/// One table being read.
pub(super) struct Table<'r, 't> {
    report: &'r mut Report<'t>,
    values: &'r DeTable<'t>,
    path: String,
    offset: usize,
    asked: Vec<&'static str>,
}

/// Reads the whole document with `read`, or reports every syntax error and returns `None`.
pub(super) fn read_document<'t, T>(
    report: &mut Report<'t>,
    text: &'t str,
    read: impl FnOnce(&mut Table<'_, 't>) -> T,
) -> Option<T> {
    let (document, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Some(visit(report, document.get_ref(), String::new(), 0, read));
    }
    for error in errors {
        let offset = error.span().map_or(0, |span| span.start);
        let problem = error.message().replace('\n', ", ");
        report.error_at(offset, "", Fault::new(problem, ""));
    }
    None
}

fn visit<'t, T>(
    report: &mut Report<'t>,
    values: &DeTable<'t>,
    path: String,
    offset: usize,
    read: impl FnOnce(&mut Table<'_, 't>) -> T,
) -> T {
    let mut table = Table {
        report,
        values,
        path,
        offset,
        asked: Vec::new(),
    };
    let value = read(&mut table);
    table.refuse_unknown_keys();
    value
}

impl<'r, 't> Table<'r, 't> {
    /// The table `key`; one that the file leaves out reads as an empty table.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Table<'_, 't>) -> T,
    ) -> T {
        let path = self.path_of(key);
        let empty = DeTable::new();
        let (inner, offset) = match self.take(key) {
            None => (&empty, self.offset),
            Some(value) => {
                let inner = value.get_ref().as_table();
                if inner.is_none() {
                    self.refuse_type(&path, value, "a table");
                }
                (inner.unwrap_or(&empty), value.span().start)
            }
        };
        visit(self.report, inner, path, offset, read)
    }

    /// Every table of the array of tables `key`, in order.
    pub(super) fn sections<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Table<'_, 't>) -> T,
    ) -> Vec<T> {
        let Some(elements) = self.elements(key, "a list of tables") else {
            return Vec::new();
        };
        let mut read_values = Vec::with_capacity(elements.len());
        for (index, value) in elements.iter().enumerate() {
            let path = format!("{}[{index}]", self.path_of(key));
            let offset = value.span().start;
            self.report.note_place(&path, offset);
            match value.get_ref().as_table() {
                Some(inner) => read_values.push(visit(self.report, inner, path, offset, &read)),
                None => self.refuse_type(&path, value, "a table"),
            }
        }
        read_values
    }

    /// Every table below the table `key`, by its name there (`[key.NAME]`), in order.
    pub(super) fn named<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&str, &mut Table<'_, 't>) -> T,
    ) -> Vec<T> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        let outer = self.path_of(key);
        let Some(tables) = value.get_ref().as_table() else {
            self.refuse_type(&outer, value, "a table of tables");
            return Vec::new();
        };
        let mut read_values = Vec::with_capacity(tables.len());
        for (name, value) in tables {
            let path = format!("{outer}.{}", name.get_ref());
            // An implied table, of `[key.NAME.other]`, stands where its name does.
            let offset = name.span().start;
            self.report.note_place(&path, offset);
            let read = |table: &mut Table<'_, 't>| read(name.get_ref(), table);
            match value.get_ref().as_table() {
                Some(inner) => read_values.push(visit(self.report, inner, path, offset, read)),
                None => self.refuse_type(&path, value, "a table"),
            }
        }
        read_values
    }

    /// A whole number within `range`, or `default`.
    pub(super) fn number<N>(&mut self, key: &'static str, default: N, range: RangeInclusive<N>) -> N
    where
        N: Copy + Display + PartialOrd + TryFrom<i64>,
    {
        self.number_if_given(key, range).unwrap_or(default)
    }

    /// A whole number within `range`, if the file has it.
    pub(super) fn number_if_given<N>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<N>,
    ) -> Option<N>
    where
        N: Copy + Display + PartialOrd + TryFrom<i64>,
    {
        let value = self.take(key)?;
        let path = self.path_of(key);
        self.integer(&path, value, &range)
    }

    /// A list of whole numbers within `range`, if the file has it.
    pub(super) fn numbers<N>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<N>,
    ) -> Option<Vec<N>>
    where
        N: Copy + Display + PartialOrd + TryFrom<i64>,
    {
        let elements = self.elements(key, "a list of whole numbers")?;
        let mut numbers = Vec::with_capacity(elements.len());
        for (index, value) in elements.iter().enumerate() {
            let path = format!("{}[{index}]", self.path_of(key));
            self.report.note_place(&path, value.span().start);
            numbers.extend(self.integer(&path, value, &range));
        }
        Some(numbers)
    }

    /// A whole number of seconds within `range`, or `default_s`.
    pub(super) fn seconds(
        &mut self,
        key: &'static str,
        default_s: u64,
        range: RangeInclusive<u64>,
    ) -> Duration {
        Duration::from_secs(self.number(key, default_s, range))
    }

    /// A date, or a date and a time, if the file has it: seconds since 1970. Without a zone it is UTC.
    pub(super) fn time(&mut self, key: &'static str) -> Option<u64> {
        let value = self.take(key)?;
        let path = self.path_of(key);
        let wanted = "a date without quotes, as in 2031-12-31 or 2031-12-31T18:00:00Z";
        let Some(time) = value.get_ref().as_datetime() else {
            self.refuse_type(&path, value, wanted);
            return None;
        };
        let text = match time.time {
            Some(_) => time.to_string(),
            None => format!("{time}T00:00:00"),
        };
        let time_s = iso_time(&text);
        if time_s.is_none() {
            let fault = Fault::new(format!("{time} is no such time"), format!("write {wanted}"));
            self.report.error_at(value.span().start, &path, fault);
        }
        time_s
    }

    /// `true` or `false`, or `default`.
    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> bool {
        let Some(value) = self.take(key) else {
            return default;
        };
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            let path = self.path_of(key);
            self.refuse_type(&path, value, "true or false");
        }
        flag.unwrap_or(default)
    }

    /// Text that `parse` understands, if the file has it.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        let value = self.take(key)?;
        let path = self.path_of(key);
        self.text_as(&path, value, &parse)
    }

    /// As [`Self::parsed`]; missing is an error that names `example`.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        example: &str,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        if self.has(key) {
            return self.parsed(key, parse);
        }
        self.take(key);
        self.refuse_missing(key, example);
        None
    }

    /// A list of texts that `parse` understands, if the file has it; elements that it does not
    /// are reported and left out.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<Vec<T>> {
        let elements = self.elements(key, "a list of texts in quotes")?;
        let mut parsed = Vec::with_capacity(elements.len());
        for (index, value) in elements.iter().enumerate() {
            let path = format!("{}[{index}]", self.path_of(key));
            self.report.note_place(&path, value.span().start);
            parsed.extend(self.text_as(&path, value, &parse));
        }
        Some(parsed)
    }

    /// Whether the file has `key` as a number: for keys that take a number or a word.
    pub(super) fn is_number(&self, key: &str) -> bool {
        self.values
            .get(key)
            .is_some_and(|value| value.get_ref().is_integer())
    }

    /// Whether the file has `key` as a text: for keys that take `true`, `false` or a word.
    pub(super) fn is_text(&self, key: &str) -> bool {
        self.values
            .get(key)
            .is_some_and(|value| value.get_ref().is_str())
    }

    /// Whether the file has `key` as a list: for keys that take a word or a list of words.
    pub(super) fn is_list(&self, key: &str) -> bool {
        self.values
            .get(key)
            .is_some_and(|value| value.get_ref().is_array())
    }

    /// Whether the file has `key`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// Reports that `key` must be there; `example` is a line that could be written.
    pub(super) fn refuse_missing(&mut self, key: &'static str, example: &str) {
        let path = self.path_of(key);
        let fault = Fault::new("is missing", format!("write for example {example}"));
        self.report.error_at(self.offset, &path, fault);
    }

    /// Reports something wrong with `key`, at its place.
    pub(super) fn refuse(&mut self, key: &str, fault: Fault) {
        let path = self.path_of(key);
        self.report.error(&path, fault);
    }

    /// Reports something wrong with the table as a whole.
    pub(super) fn refuse_whole(&mut self, fault: Fault) {
        self.report.error_at(self.offset, &self.path, fault);
    }

    /// Warns about `key`, at its place.
    pub(super) fn warn(&mut self, key: &str, fault: Fault) {
        let path = self.path_of(key);
        self.report.warn(&path, fault);
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    /// The value of `key`; from here on the schema knows the key.
    fn take(&mut self, key: &'static str) -> Option<&'r Spanned<DeValue<'t>>> {
        let path = self.path_of(key);
        self.asked.push(key);
        self.report.note_asked(&path);
        let value = self.values.get(key)?;
        self.report.note_place(&path, value.span().start);
        Some(value)
    }

    fn elements(&mut self, key: &'static str, wanted: &str) -> Option<&'r [Spanned<DeValue<'t>>]> {
        let value = self.take(key)?;
        let elements = value.get_ref().as_array();
        if elements.is_none() {
            let path = self.path_of(key);
            self.refuse_type(&path, value, wanted);
        }
        elements.map(|elements| &**elements)
    }

    fn integer<N>(
        &mut self,
        path: &str,
        value: &Spanned<DeValue<'t>>,
        range: &RangeInclusive<N>,
    ) -> Option<N>
    where
        N: Copy + Display + PartialOrd + TryFrom<i64>,
    {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        let Some(integer) = value.get_ref().as_integer() else {
            self.refuse_type(path, value, &wanted);
            return None;
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .and_then(|number| N::try_from(number).ok())
            .filter(|number| range.contains(number));
        if number.is_none() {
            let fault = Fault::new(
                format!("{integer} is out of range"),
                format!("write {wanted}"),
            );
            self.report.error_at(value.span().start, path, fault);
        }
        number
    }

    fn text_as<T>(
        &mut self,
        path: &str,
        value: &Spanned<DeValue<'t>>,
        parse: &impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        let Some(text) = value.get_ref().as_str() else {
            self.refuse_type(path, value, "a text in quotes");
            return None;
        };
        parse(text)
            .map_err(|fault| self.report.error_at(value.span().start, path, fault))
            .ok()
    }

    fn refuse_type(&mut self, path: &str, value: &Spanned<DeValue<'t>>, wanted: &str) {
        let found = match value.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let fault = Fault::new(format!("is {found}"), format!("write {wanted}"));
        self.report.error_at(value.span().start, path, fault);
    }

    fn refuse_unknown_keys(&mut self) {
        let values = self.values;
        for key in values.keys() {
            let name: &str = key.get_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let cure = match nearest(name, &self.asked) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known here are {}", self.asked.join(", ")),
            };
            let path = self.path_of(name);
            self.report.error_at(
                key.span().start,
                &path,
                Fault::new("is not a known key", cure),
            );
        }
    }
}

#[cfg(test)]
mod tests;
