//! `[explain]`: what is remembered of attempts and calls that ended.

use super::table::Table;
use crate::session::verdict::HISTORY_DEFAULT;

/// What `pns explain` can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explain {
    /// How many ended attempts and calls are kept.
    pub history_max: usize,
}

pub(super) fn read(table: &mut Table<'_, '_>) -> Explain {
    Explain {
        history_max: table.number("history_max", HISTORY_DEFAULT, 16..=1_000_000),
    }
}
