//! The segments of the spool as files of one folder, readable by nobody else.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::aaa::accounting::spool::{Store, StoreError};

/// The folder.
pub struct SpoolFiles {
    folder: PathBuf,
    /// The segment that is written.
    open: Option<(u32, File)>,
    /// Segments that were left since the last sync.
    left: Vec<File>,
}

impl SpoolFiles {
    /// The folder is made when something is to be written.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            open: None,
            left: Vec::new(),
        }
    }

    fn path(&self, segment: u32) -> PathBuf {
        self.folder.join(format!("{segment:010}.bill"))
    }

    /// The file of a segment, to be read and written.
    fn file(&mut self, segment: u32) -> io::Result<&File> {
        let other = self.open.as_ref().is_none_or(|(open, _)| *open != segment);
        if other {
            DirBuilder::new()
                .recursive(true)
                .mode(0o750)
                .create(&self.folder)?;
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(self.path(segment))?;
            self.left.extend(self.open.take().map(|(_, file)| file));
            self.open = Some((segment, file));
        }
        let open = self.open.as_ref().map(|(_, file)| file);
        open.ok_or_else(|| io::Error::from(ErrorKind::NotFound))
    }

    fn explain(&self, what: &str, error: &io::Error) -> StoreError {
        StoreError(format!("{what} {}: {error}", self.folder.display()).into())
    }
}

impl Store for SpoolFiles {
    fn list(&mut self) -> Result<Vec<u32>, StoreError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.explain("cannot list", &error)),
        };
        let number = |entry: io::Result<fs::DirEntry>| {
            let name = entry.ok()?.file_name();
            name.to_str()?.strip_suffix(".bill")?.parse().ok()
        };
        let mut segments: Vec<u32> = entries.filter_map(number).collect();
        segments.sort_unstable();
        Ok(segments)
    }

    fn load(&mut self, segment: u32) -> Result<Vec<u8>, StoreError> {
        fs::read(self.path(segment)).map_err(|error| self.explain("cannot read", &error))
    }

    fn read(&mut self, segment: u32, at: u32, octets: u32) -> Result<Vec<u8>, StoreError> {
        let length = usize::try_from(octets).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length];
        let read = match &self.open {
            Some((open, file)) if *open == segment => file.read_exact_at(&mut bytes, at.into()),
            _ => File::open(self.path(segment))
                .and_then(|file| file.read_exact_at(&mut bytes, at.into())),
        };
        match read {
            Ok(()) => Ok(bytes),
            Err(error) => Err(self.explain("cannot read", &error)),
        }
    }

    fn append(&mut self, segment: u32, at: u32, octets: &[u8]) -> Result<(), StoreError> {
        let appended = self.file(segment).and_then(|file| {
            // What a failed write left behind is cut off first.
            file.set_len(at.into())?;
            file.write_all_at(octets, at.into())
        });
        appended.map_err(|error| self.explain("cannot write to", &error))
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        let open = self.open.iter().map(|(_, file)| file);
        let synced: io::Result<()> = self.left.iter().chain(open).try_for_each(File::sync_data);
        let folder = File::open(&self.folder).and_then(|folder| folder.sync_all());
        self.left.clear();
        match synced.and(folder) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.explain("cannot sync", &error)),
        }
    }

    fn remove(&mut self, segment: u32) -> Result<(), StoreError> {
        match fs::remove_file(self.path(segment)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(self.explain("cannot remove from", &error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}
