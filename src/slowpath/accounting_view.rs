//! The bill as an operator sees it.

use super::bookkeeper::BooksStatus;
use super::log_ins::Bill;
use super::radius_view::counters;
use crate::aaa::accounting::RecordFate;
use crate::aaa::accounting::spool::{SpoolDrop, SpoolStatus};
use crate::clock::Timestamp;
use crate::operate::bill_trouble::troubles;
use crate::operate::rows::{AccountingStatus, SpoolRow};

/// Who writes it down, what waits, and what was given up.
pub(super) fn status(bill: &Bill<'_>, now: Timestamp) -> AccountingStatus {
    let Some(accounting) = bill.accounting else {
        return AccountingStatus::default();
    };
    let books = bill.books.clone().unwrap_or_default();
    let written_by = match (bill.servers, books.lines) {
        (Some(servers), _) => servers,
        (None, Some(_)) => "file",
        (None, None) => "nobody",
    };
    let unix_ms = accounting.unix_ms(now);
    let silences: Vec<_> = accounting.silences().collect();
    let mut status = AccountingStatus {
        written_by: written_by.to_owned(),
        silent: !silences.is_empty(),
        silent_because: silences.join("; "),
        waiting: accounting.outstanding(),
        records: counters(
            RecordFate::ALL.iter().map(|fate| fate.name()),
            accounting.fates(),
        ),
        lines: books.lines,
        file_trouble: books.file_trouble.clone().map(String::from),
        spool: spool(&books, unix_ms),
        troubles: Vec::new(),
    };
    status.troubles = troubles(&status);
    status
}

fn spool(books: &BooksStatus, unix_ms: u64) -> Option<SpoolRow> {
    let SpoolStatus {
        octets,
        octets_max,
        segments,
        records,
        calls,
        oldest_ms,
        drops,
        torn_octets,
        trouble,
    } = books.spool.as_ref()?;
    Some(SpoolRow {
        octets: *octets,
        octets_max: *octets_max,
        segments: *segments,
        records: *records,
        calls: *calls,
        oldest_s: oldest_ms.map(|oldest| unix_ms.saturating_sub(oldest) / 1000),
        drops: counters(SpoolDrop::ALL.iter().map(|drop| drop.name()), drops),
        torn_octets: *torn_octets,
        trouble: trouble.clone().map(String::from),
    })
}
