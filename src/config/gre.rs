//! `[gre]`: how the frames of calls are taken in and sent.

use std::time::Duration;

use super::table::Table;
use super::words::one_of;

/// How GRE is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gre {
    /// Where the frames of a call may come from.
    pub source: GreSource,
    /// How many frames behind the newest one a late frame is taken.
    pub late_packets_max: u16,
    /// How many early frames of a call wait for those before them; 0: none.
    pub reorder_hold_packets: u16,
    /// How long they wait at most.
    pub reorder_hold: Duration,
    /// What the receive windows of clients mean to us.
    pub window: SendWindow,
}

/// Where the frames of a call may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GreSource {
    /// The address of the control connection.
    Strict,
    /// The same, or one other address, learned once a call.
    Learn,
    /// Any address.
    Any,
}

/// What the receive windows of clients mean to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendWindow {
    /// Nothing.
    Ignore,
    /// No more packets than that are sent ahead of the client's acknowledgments.
    Honour,
}

const SOURCES: &[(&str, GreSource)] = &[
    ("strict", GreSource::Strict),
    ("learn", GreSource::Learn),
    ("any", GreSource::Any),
];

const WINDOWS: &[(&str, SendWindow)] = &[
    ("ignore", SendWindow::Ignore),
    ("honour", SendWindow::Honour),
];

pub(super) fn read(table: &mut Table<'_, '_>) -> Gre {
    let hold_ms = table.number("reorder_hold_ms", 5, 1..=100);
    Gre {
        source: table
            .parsed("source", one_of("a source policy", SOURCES))
            .unwrap_or(GreSource::Strict),
        late_packets_max: table.number("late_packets_max", 64, 0..=256),
        reorder_hold_packets: table.number("reorder_hold_packets", 0, 0..=64),
        reorder_hold: Duration::from_millis(hold_ms),
        window: table
            .parsed("window", one_of("a use of windows", WINDOWS))
            .unwrap_or(SendWindow::Ignore),
    }
}
