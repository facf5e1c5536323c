//! `[forwarding]`: what clients may reach, and how their packets are fitted in.

use super::table::Table;
use super::words::one_of;

/// What is done to the packets of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwarding {
    /// Whether clients may reach each other.
    pub client_to_client: bool,
    /// Whether clients may reach the box's own addresses through the call.
    pub client_to_server: bool,
    /// What is done to the Maximum Segment Size of their TCP connections.
    pub mss_clamp: MssClamp,
}

/// What is done to the Maximum Segment Size option of TCP SYNs, both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MssClamp {
    /// Lowered to what fits the call: its MTU less 40 octets.
    Auto,
    /// Lowered to so many octets, or to what fits the call if that is less.
    Octets(u16),
    /// Left alone.
    Off,
}

pub(super) fn read(table: &mut Table<'_, '_>) -> Forwarding {
    Forwarding {
        client_to_client: table.flag("client_to_client", false),
        client_to_server: table.flag("client_to_server", false),
        mss_clamp: read_mss_clamp(table),
    }
}

fn read_mss_clamp(table: &mut Table<'_, '_>) -> MssClamp {
    const WORDS: &[(&str, MssClamp)] = &[("auto", MssClamp::Auto), ("off", MssClamp::Off)];
    let clamp = if table.is_number("mss_clamp") {
        table
            .number_if_given("mss_clamp", 536..=1_920)
            .map(MssClamp::Octets)
    } else {
        table.parsed(
            "mss_clamp",
            one_of("a clamp (nor a number of octets)", WORDS),
        )
    };
    clamp.unwrap_or(MssClamp::Auto)
}
