//! `[log]`: how much is said, and in which form.

use super::table::Table;
use super::words::one_of;

/// What goes to standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// The least important event that is written.
    pub level: LogLevel,
    /// The form.
    pub format: LogFormat,
}

/// How important an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something is broken and needs someone.
    Error,
    /// Something is not as it should be.
    Warn,
    /// Calls, links and servers coming and going.
    Info,
    /// Each step of a negotiation.
    Debug,
    /// Each control frame.
    Trace,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

const LEVELS: &[(&str, LogLevel)] = &[
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];
const FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];

pub(super) fn read(table: &mut Table<'_, '_>) -> Log {
    let level = table.parsed("level", one_of("a level", LEVELS));
    let format = table.parsed("format", one_of("a format", FORMATS));
    Log {
        level: level.unwrap_or(LogLevel::Info),
        format: format.unwrap_or(LogFormat::Text),
    }
}
