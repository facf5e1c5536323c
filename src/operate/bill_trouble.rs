//! What is wrong with the bill, with its cause and what would help: `pns show accounting` says it, and
//! `pns explain` of whoever is billed.

use super::explain::{ChangeRow, TroubleRow};
use super::rows::{AccountingStatus, Counter, SpoolRow};
use crate::aaa::accounting::RecordFate;
use crate::aaa::accounting::spool::SpoolDrop;
use crate::counted_enum;
use crate::session::verdict::Side::{self, Path, Server};

counted_enum! {
    /// What is wrong with the bill; what hurts now comes before what was lost.
    pub enum BillTrouble {
        /// No server writes it down, so that records wait.
        NoAnswer => "accounting_no_answer",
        /// The local bill cannot be written, so that records wait.
        FileUnwritable => "accounting_file_unwritable",
        /// The disk does not take what the spool has for it.
        DiskError => "accounting_disk_error",
        /// The spool has little room left.
        SpoolFilling => "accounting_spool_filling",
        /// Records were thrown away, since the spool was full.
        SpoolFull => "accounting_spool_full",
        /// Records were thrown away, since nobody wrote them down for too long.
        RecordsTooOld => "accounting_records_too_old",
        /// Records were lost by memory that was full, or by a disk.
        RecordsLost => "accounting_records_lost",
    }
}

/// All that is wrong.
#[must_use]
pub fn troubles(status: &AccountingStatus) -> Vec<TroubleRow> {
    let found = BillTrouble::ALL.iter();
    found.filter_map(|trouble| trouble.find(status)).collect()
}

impl BillTrouble {
    fn find(self, status: &AccountingStatus) -> Option<TroubleRow> {
        let change = |(side, text): &(Side, &str)| ChangeRow {
            side: side.name().to_owned(),
            text: (*text).to_owned(),
        };
        Some(TroubleRow {
            trouble: self.name().to_owned(),
            conclusion: self.conclusion(status)?,
            changes: self.changes().iter().map(change).collect(),
        })
    }

    /// What happened; `None`: nothing.
    fn conclusion(self, status: &AccountingStatus) -> Option<String> {
        let by_file = status.written_by == "file";
        let why = status.silent.then_some(&status.silent_because);
        let waiting = waiting(status);
        let spool = status.spool.as_ref();
        let given_up = |causes: &[SpoolDrop]| {
            let names = causes.iter().map(|cause| cause.name());
            sum(spool.map_or(&[], |spool| &spool.drops), names)
        };
        let at_least_one = |count: u64| (count > 0).then_some(count);
        Some(match self {
            Self::NoAnswer => {
                let who = why.filter(|_| !by_file)?;
                format!("No server writes the bill down; asked were: {who}. {waiting}")
            }
            Self::FileUnwritable => {
                let what = status.file_trouble.as_ref().or(why.filter(|_| by_file))?;
                format!("The local bill cannot be written: {what}. {waiting}")
            }
            Self::DiskError => {
                let what = spool?.trouble.as_ref()?;
                format!(
                    "The disk does not take the spool of the bill: {what}. Records wait in memory, \
                     and a crash would lose them."
                )
            }
            Self::SpoolFilling => {
                let share = spool.and_then(share_filled)?;
                format!("The spool of the bill is {share} % full. {waiting}")
            }
            Self::SpoolFull => {
                let (interim, other, call) = (
                    given_up(&[SpoolDrop::InterimForRoom]),
                    given_up(&[SpoolDrop::ForRoom]),
                    given_up(&[SpoolDrop::CallForRoom]),
                );
                at_least_one(interim + other + call)?;
                format!(
                    "The spool of the bill was full. Since the start it threw away {interim} \
                     interim records and {other} others, Starts and Stops; of {call} calls a crash \
                     would lose the Stop."
                )
            }
            Self::RecordsTooOld => {
                let count = at_least_one(given_up(&[SpoolDrop::TooOld]))?;
                format!(
                    "{count} records were thrown away since the start: nobody wrote them down for \
                     longer than accounting.spool_age_max_s."
                )
            }
            Self::RecordsLost => {
                let fates = [RecordFate::Lost, RecordFate::InterimDropped];
                let in_memory = sum(&status.records, fates.iter().map(|fate| fate.name()));
                let by_disk = given_up(&[SpoolDrop::NotWritten, SpoolDrop::Unreadable]);
                at_least_one(in_memory + by_disk)?;
                format!(
                    "Records are missing in the bill since the start: {in_memory} for want of room \
                     in memory, {by_disk} by a disk."
                )
            }
        })
    }

    const fn changes(self) -> &'static [(Side, &'static str)] {
        match self {
            Self::NoAnswer => &[
                (
                    Server,
                    "See `pns show radius` or `pns show tacacs`, start that server, or add another. A \
                     server that drops every record in silence has another secret, or does not know \
                     this machine for a client. Answers that were not believed or cannot be read \
                     are another secret, too (secret_file).",
                ),
                (
                    Path,
                    "Or look for a firewall between this server and that one: accounting has a port \
                     of its own.",
                ),
            ],
            Self::FileUnwritable => &[(
                Server,
                "Make room on its disk, or let the user that pns runs as write to accounting.file.",
            )],
            Self::DiskError => &[(
                Server,
                "Look after the disk of accounting.spool: its room, its owner, its health.",
            )],
            Self::SpoolFilling | Self::SpoolFull => &[(
                Server,
                "Bring back who writes the bill, or raise accounting.spool_octets_max.",
            )],
            Self::RecordsTooOld => &[(
                Server,
                "Bring back who writes the bill, or raise accounting.spool_age_max_s.",
            )],
            Self::RecordsLost => &[(
                Server,
                "Give accounting.spool a folder on a disk that works.",
            )],
        }
    }
}

/// How much waits, in a sentence.
fn waiting(status: &AccountingStatus) -> String {
    let spool = status.spool.as_ref();
    let on_disk = spool.map_or(0, |spool| spool.records);
    let count = status.waiting.max(on_disk);
    match spool.and_then(|spool| spool.oldest_s) {
        Some(oldest_s) => {
            format!("{count} records wait, the oldest for {oldest_s} s; calls go on.")
        }
        None => format!("{count} records wait; calls go on."),
    }
}

/// Per cent of its limit that the spool has reached, from three quarters on.
fn share_filled(spool: &SpoolRow) -> Option<u64> {
    let share = spool
        .octets
        .saturating_mul(100)
        .checked_div(spool.octets_max)?;
    (share >= 75 && spool.records > 0).then_some(share)
}

fn sum<'n>(counters: &[Counter], names: impl Iterator<Item = &'n str>) -> u64 {
    let of = |name| counters.iter().filter(move |counter| counter.name == name);
    names.flat_map(of).map(|counter| counter.value).sum()
}

#[cfg(test)]
mod tests {
    use super::BillTrouble::{
        DiskError, FileUnwritable, NoAnswer, RecordsLost, RecordsTooOld, SpoolFilling, SpoolFull,
    };
    use super::RecordFate::{InterimDropped, Lost};
    use super::SpoolDrop::{CallForRoom, ForRoom, InterimForRoom, NotWritten, TooOld, Unreadable};
    use super::*;

    fn status() -> AccountingStatus {
        AccountingStatus {
            written_by: "radius".into(),
            waiting: 7,
            ..AccountingStatus::default()
        }
    }

    fn counted(name: &str) -> Vec<Counter> {
        let name = name.to_owned();
        vec![Counter { name, value: 3 }]
    }

    fn with(spool: SpoolRow) -> AccountingStatus {
        AccountingStatus {
            spool: Some(spool),
            ..status()
        }
    }

    fn gone(cause: SpoolDrop) -> AccountingStatus {
        with(SpoolRow {
            drops: counted(cause.name()),
            ..SpoolRow::default()
        })
    }

    fn lost(fate: RecordFate) -> AccountingStatus {
        AccountingStatus {
            records: counted(fate.name()),
            ..status()
        }
    }

    fn silent(written_by: &str) -> AccountingStatus {
        AccountingStatus {
            written_by: written_by.into(),
            silent: true,
            silent_because: "\"main\" (192.0.2.1:1813)".into(),
            ..status()
        }
    }

    fn filled(octets: u64) -> AccountingStatus {
        with(SpoolRow {
            octets,
            octets_max: 1000,
            records: 9,
            oldest_s: Some(61),
            ..SpoolRow::default()
        })
    }

    #[test]
    fn each_trouble_is_found_by_its_evidence_alone_with_cause_and_cure() {
        let file = AccountingStatus {
            file_trouble: Some("no space left".into()),
            ..silent("file")
        };
        let disk = with(SpoolRow {
            trouble: Some("input/output error".into()),
            ..SpoolRow::default()
        });
        let cases = [
            (silent("radius"), NoAnswer, "(192.0.2.1:1813). 7 records"),
            (file, FileUnwritable, "no space left. 7 records wait"),
            (silent("file"), FileUnwritable, "cannot be written"),
            (disk, DiskError, "input/output error"),
            (
                filled(750),
                SpoolFilling,
                "75 % full. 9 records wait, the oldest",
            ),
            (gone(InterimForRoom), SpoolFull, "3 interim records and 0"),
            (gone(ForRoom), SpoolFull, "0 interim records and 3 others"),
            (gone(CallForRoom), SpoolFull, "of 3 calls"),
            (gone(TooOld), RecordsTooOld, "3 records were thrown away"),
            (gone(NotWritten), RecordsLost, "3 by a disk"),
            (gone(Unreadable), RecordsLost, "3 by a disk"),
            (lost(Lost), RecordsLost, "3 for want of room"),
            (lost(InterimDropped), RecordsLost, "3 for want of room"),
        ];
        for trouble in BillTrouble::ALL {
            assert!(cases.iter().any(|(_, of, _)| of == trouble), "{trouble}");
        }
        for (status, trouble, words) in cases {
            let found = troubles(&status);
            let names: Vec<_> = found.iter().map(|row| row.trouble.as_str()).collect();
            assert_eq!(names, [trouble.name()]);
            let conclusion = &found[0].conclusion;
            assert!(conclusion.contains(words), "{conclusion}");
            assert!(!found[0].changes.is_empty());
        }
    }

    #[test]
    fn a_bill_that_is_written_has_no_trouble() {
        let written = [
            status(),
            filled(749),
            // Memory has it still.
            gone(SpoolDrop::MemoryOnly),
            lost(RecordFate::Unanswered),
        ];
        for status in written {
            assert_eq!(troubles(&status), [], "{status:?}");
        }
    }
}
