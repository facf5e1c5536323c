//! `[accounting]`: where the bill waits until somebody has written it down, and where it is written where
//! no server does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::Fault;
use super::table::Table;
use super::words::{beside, path};

/// Where the bill is without a word about it.
const DEFAULT_FILE: &str = "/var/lib/pns/accounting.jsonl";
const DEFAULT_SPOOL: &str = "/var/lib/pns/spool";

/// The bill on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounting {
    /// The local bill, written if no server writes one; `None`: no bill then.
    pub file: Option<PathBuf>,
    /// It is begun anew when it is so long, in octets.
    pub rotate_octets: u64,
    /// How many of those before are kept.
    pub keep_files: u32,
    /// The folder for records until they are written down; `None`: memory only.
    pub spool: Option<PathBuf>,
    /// Longest spool, in octets.
    pub spool_octets_max: u64,
    /// Records are given up after this.
    pub spool_age_max: Duration,
    /// What was written survives a power cut after this.
    pub sync_interval: Duration,
    /// Between interim records where no server says; zero never.
    pub interim_interval: Duration,
}

pub(super) fn read(table: &mut Table<'_, '_>, config_file: &Path) -> Accounting {
    let mut place = |key, default: &str| {
        let some = table.parsed(key, |text| match text {
            "" => Ok(None),
            text => path("accounting.jsonl")(text).map(Some),
        });
        let some = some.unwrap_or_else(|| Some(PathBuf::from(default)));
        some.map(|place| beside(config_file, &place))
    };
    let (file, spool) = (place("file", DEFAULT_FILE), place("spool", DEFAULT_SPOOL));
    let accounting = Accounting {
        file,
        rotate_octets: table.number("rotate_octets", 64 << 20, 4096..=1 << 40),
        keep_files: table.number("keep_files", 8, 0..=1000),
        spool,
        spool_octets_max: table.number("spool_octets_max", 256 << 20, 1 << 20..=1 << 40),
        spool_age_max: table.seconds("spool_age_max_s", 7 * 86_400, 60..=366 * 86_400),
        sync_interval: Duration::from_millis(table.number("sync_interval_ms", 1000, 0..=60_000)),
        interim_interval: table.seconds("interim_interval_s", 600, 0..=86_400),
    };
    let interval = accounting.interim_interval.as_secs();
    if (1..60).contains(&interval) {
        let problem =
            format!("is {interval} s, and less than a minute is too often (RFC 2869 §2.1)");
        table.refuse(
            "interim_interval_s",
            Fault::new(problem, "write 60 or more, or 0"),
        );
    }
    if interval == 0 && accounting.spool.is_some() {
        let problem = "is 0: of a call that a crash ends, the bill has nothing but its Start";
        let cure = "write for example 600";
        table.warn("interim_interval_s", Fault::new(problem, cure));
    }
    accounting
}
