//! From the configuration to the bill: who writes it down, and where it waits.

use std::io;

use super::bill_file::BillFile;
use super::bookkeeper::{Bookkeeper, Books};
use super::entropy::Entropy;
use super::radius_settings::unix_at_zero;
use crate::aaa::accounting::spool::Limits;
use crate::aaa::accounting::{self, Accounting};
use crate::clock::Timestamp;
use crate::config::Config;

/// The bill, and the thread that has it on disk. Where servers of these groups write it, there is no
/// local one.
///
/// # Errors
/// When the thread cannot be started.
pub(super) fn open(
    config: &Config,
    writers: Vec<Option<Box<str>>>,
    wake: impl Fn() + Send + 'static,
    now: Timestamp,
) -> io::Result<(Accounting, Option<Bookkeeper>)> {
    let wanted = &config.accounting;
    let file = wanted.file.clone().filter(|_| writers.is_empty());
    let writers = match file {
        Some(_) => vec![None],
        None => writers,
    };
    let limits = Limits {
        octets_max: wanted.spool_octets_max,
        age_max: wanted.spool_age_max,
    };
    let folder = wanted.spool.as_deref().filter(|_| !writers.is_empty());
    let (spool, recovered) = folder
        .map(|folder| Books::open_spool(folder, limits))
        .unzip();
    let interim = wanted.interim_interval;
    let settings = accounting::Settings {
        writers,
        interim: (!interim.is_zero()).then_some(interim),
        unix_at_zero_ms: u64::try_from(unix_at_zero(now).as_millis()).unwrap_or(u64::MAX),
        recovered,
    };
    let books = Books {
        spool,
        file: file.map(|file| BillFile::new(file, wanted.rotate_octets, wanted.keep_files)),
        sync_interval: wanted.sync_interval,
    };
    let has_books = books.spool.is_some() || books.file.is_some();
    let bookkeeper = has_books.then(|| Bookkeeper::start(books, wake));
    let random = Box::new(Entropy::new().into_fill());
    let accounting = Accounting::new(&settings, random, now);
    Ok((accounting, bookkeeper.transpose()?))
}
