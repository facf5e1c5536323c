//! The bookkeeper on real files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::aaa::accounting::Record;
use crossbeam::channel::unbounded;

static FOLDERS: AtomicU32 = AtomicU32::new(0);
const WAIT: Duration = Duration::from_secs(10);
const LIMITS: Limits = Limits {
    octets_max: 1 << 20,
    age_max: Duration::from_secs(1 << 40),
};

/// A folder that is gone when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("pns-books-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn file(&self) -> PathBuf {
        self.0.join("bill/accounting.jsonl")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _absent = fs::remove_dir_all(&self.0);
    }
}

fn record(number: u64) -> Arc<Record> {
    let json = format!(r#"{{"kind":"on","session_id":"S{number}","happened_ms":7}}"#);
    Arc::new(Record::from_json(json.as_bytes()).unwrap())
}

fn keeper(books: Books) -> (Bookkeeper, Receiver<()>) {
    let (wake, woken) = unbounded();
    let wake = move || wake.send(()).unwrap_or(());
    (Bookkeeper::start(books, wake).unwrap(), woken)
}

fn answer(keeper: &Bookkeeper, woken: &Receiver<()>) -> Answer {
    loop {
        if let Some(answer) = keeper.poll_answer() {
            return answer;
        }
        woken.recv_timeout(WAIT).unwrap();
    }
}

#[test]
fn what_was_ordered_is_on_disk_when_the_keeper_is_gone_and_comes_back() {
    let folder = Folder::new();
    let spool = folder.0.join("spool");
    let open = || Books::open_spool(&spool, LIMITS);
    let books = |spool| Books {
        spool: Some(spool),
        file: None,
        sync_interval: Duration::ZERO,
    };
    let (keeper_of_first, _woken) = keeper(books(open().0));
    for number in 0..100 {
        let (record, held) = (record(number), false);
        let append = Order::Append {
            number,
            record,
            held,
        };
        keeper_of_first.order(append).unwrap();
    }
    keeper_of_first.order(Order::Settle(0)).unwrap();
    drop(keeper_of_first);
    let (reopened, recovered) = open();
    assert_eq!(recovered.first_unsettled, Some(1));
    assert_eq!(recovered.next_number, 100);
    let mode = fs::metadata(&spool).unwrap().permissions().mode();
    assert_eq!(mode & 0o027, 0, "{mode:o}");
    let (keeper, woken) = keeper(books(reopened));
    let load = Order::Load {
        from: 1,
        until: 100,
        most: 10,
    };
    keeper.order(load).unwrap();
    let Answer::Loaded { records, end } = answer(&keeper, &woken) else {
        panic!()
    };
    assert_eq!((records.len(), end), (10, 11));
    assert_eq!(records[0], (1, (*record(1)).clone()));
    assert_eq!(keeper.status().spool.unwrap().records, 99);
}

#[test]
fn the_local_bill_is_begun_anew_when_it_is_long_enough() {
    let folder = Folder::new();
    let line = record(1).to_json().len() as u64 + 1;
    let mut file = BillFile::new(folder.file(), 4 * line, 2);
    for _ in 0..11 {
        assert!(file.write(&record(1)));
    }
    let lines = |suffix: &str| {
        let path = format!("{}{suffix}", folder.file().display());
        fs::read_to_string(path).map(|text| text.lines().count())
    };
    assert_eq!(lines("").unwrap(), 3);
    assert_eq!((lines(".1").unwrap(), lines(".2").unwrap()), (4, 4));
    for _ in 0..2 {
        file.write(&record(1));
    }
    assert_eq!((lines("").unwrap(), lines(".2").unwrap()), (1, 4));
    assert!(lines(".3").is_err());
    let mode = fs::metadata(folder.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777 & !0o640, 0, "{mode:o}");
}

#[test]
fn a_torn_last_line_is_cut_off_wherever_it_was_torn() {
    let folder = Folder::new();
    BillFile::new(folder.file(), 1 << 20, 1).write(&record(1));
    let whole = fs::read(folder.file()).unwrap();
    let twice = whole.repeat(2);
    for cut in whole.len()..=twice.len() {
        fs::write(folder.file(), &twice[..cut]).unwrap();
        BillFile::new(folder.file(), 1 << 20, 1).write(&record(1));
        let expected = 2 + usize::from(cut == twice.len());
        assert_eq!(fs::read(folder.file()).unwrap(), whole.repeat(expected));
    }
}

/// Nobody may write where a folder is a file; it is said, and used when that is over.
#[test]
fn a_bill_that_cannot_be_written_is_told_and_tried_again() {
    let folder = Folder::new();
    fs::create_dir_all(&folder.0).unwrap();
    fs::write(folder.0.join("bill"), "").unwrap();
    fs::write(folder.0.join("spool"), "").unwrap();
    let (spool, _) = Books::open_spool(&folder.0.join("spool"), LIMITS);
    let books = Books {
        spool: Some(spool),
        file: Some(BillFile::new(folder.file(), 1 << 20, 1)),
        sync_interval: Duration::ZERO,
    };
    let (keeper, woken) = keeper(books);
    let write = |number| {
        let append = Order::Append {
            number,
            record: record(number),
            held: true,
        };
        keeper.order(append).unwrap();
        let record = record(number);
        keeper.order(Order::WriteLine { number, record }).unwrap();
        match answer(&keeper, &woken) {
            Answer::LineWritten { written, .. } => written,
            Answer::Loaded { .. } => panic!(),
        }
    };
    assert!(!write(0));
    let status = keeper.status();
    assert!(status.file_trouble.unwrap().contains("accounting.jsonl"));
    assert!(status.spool.unwrap().trouble.is_some());
    fs::remove_file(folder.0.join("bill")).unwrap();
    fs::remove_file(folder.0.join("spool")).unwrap();
    assert!(write(1));
    let status = keeper.status();
    assert_eq!((status.lines, status.file_trouble), (Some(1), None));
    assert_eq!(status.spool.unwrap().trouble, None);
}
