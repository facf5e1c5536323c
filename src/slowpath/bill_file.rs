//! The local bill: a line of JSON for each record, in a file that is begun anew when it is long enough.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::aaa::accounting::Record;

/// Looked through for the end of the last whole line, in octets.
const TAIL_OCTETS: u64 = 65_536;

/// The file, and those that it was before.
pub struct BillFile {
    path: PathBuf,
    rotate_octets: u64,
    keep_files: u32,
    open: Option<(File, u64)>,
    lines: u64,
    trouble: Option<Box<str>>,
}

impl BillFile {
    /// The file is opened when there is a line for it. It is begun anew when it has `rotate_octets`;
    /// `keep_files` of those before it are kept as `PATH.1` (the latest) and so on.
    #[must_use]
    pub const fn new(path: PathBuf, rotate_octets: u64, keep_files: u32) -> Self {
        Self {
            path,
            rotate_octets,
            keep_files,
            open: None,
            lines: 0,
            trouble: None,
        }
    }

    /// Adds a record; `false` if the disk has not taken it.
    pub fn write(&mut self, record: &Record) -> bool {
        let mut line = record.to_json();
        line.push(b'\n');
        match self.append(&line) {
            Ok(()) => {
                self.lines += 1;
                self.trouble = None;
                true
            }
            Err(error) => {
                // What it has of the line is cut off when it is opened again.
                self.open = None;
                let why = format!("cannot write to {}: {error}", self.path.display());
                self.trouble = Some(why.into());
                false
            }
        }
    }

    /// Has what was written survive a power cut.
    pub fn sync(&mut self) {
        if let Some((file, _)) = &self.open
            && let Err(error) = file.sync_data()
        {
            let why = format!("cannot sync {}: {error}", self.path.display());
            self.trouble = Some(why.into());
        }
    }

    /// Lines since the start.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// Why the last line is not there, if it is not.
    #[must_use]
    pub fn trouble(&self) -> Option<Box<str>> {
        self.trouble.clone()
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let (mut file, mut end) = match self.open.take() {
            Some(open) => open,
            None => open(&self.path)?,
        };
        if end > 0 && end + line.len() as u64 > self.rotate_octets {
            file.sync_data()?;
            self.rotate()?;
            (file, end) = open(&self.path)?;
        }
        file.write_all_at(line, end)?;
        self.open = Some((file, end + line.len() as u64));
        Ok(())
    }

    /// `PATH` becomes `PATH.1`, that one `PATH.2`, and the last is removed.
    fn rotate(&self) -> io::Result<()> {
        let numbered = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        let absent_is_fine = |result: io::Result<()>| match result {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        };
        if self.keep_files == 0 {
            return fs::remove_file(&self.path);
        }
        absent_is_fine(fs::remove_file(numbered(self.keep_files)))?;
        for number in (1..self.keep_files).rev() {
            absent_is_fine(fs::rename(numbered(number), numbered(number + 1)))?;
        }
        fs::rename(&self.path, numbered(1))
    }
}

/// Opens the file, and cuts off what is behind its last whole line.
fn open(path: &Path) -> io::Result<(File, u64)> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create(folder)?;
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o640)
        .open(path)?;
    let octets = file.metadata()?.len();
    let from = octets.saturating_sub(TAIL_OCTETS);
    let mut tail = vec![0; usize::try_from(octets - from).unwrap_or(0)];
    file.read_exact_at(&mut tail, from)?;
    let whole = match tail.iter().rposition(|octet| *octet == b'\n') {
        Some(last) => from + last as u64 + 1,
        None => from,
    };
    if whole < octets {
        file.set_len(whole)?;
    }
    Ok((file, whole))
}
