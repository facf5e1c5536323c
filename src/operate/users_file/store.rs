//! The file itself. A reader sees the old one or the new one, whole; after a crash, too.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use zeroize::Zeroizing;

use super::{Kept, UsersFile};
use crate::config::secret_mode_fault;

/// What a new file may: its owner reads and writes it.
const MODE: u32 = 0o600;

/// Replaces the text of the file by what `edit` makes of it. Whoever else changes it in this way waits
/// for its turn. A file that is not there is made.
///
/// # Errors
/// What the system or `edit` says, or that others can read the file; it is as it was then.
pub fn change(
    path: &Path,
    edit: impl FnOnce(&str) -> Result<Zeroizing<String>, String>,
) -> Result<(), String> {
    let failed = |what: &'static str| {
        move |error: std::io::Error| format!("{}: cannot {what}: {error}", path.display())
    };
    // A link is followed, so that it stays one.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let lock = File::open(folder).map_err(failed("open its directory"))?;
    flock(&lock, FlockOperation::LockExclusive)
        .map_err(|error| failed("lock its directory")(error.into()))?;
    let (text, metadata) = read(&path)?;
    let text = edit(&text)?;
    let next = Next::create(&path, metadata.as_ref()).map_err(failed("write a new one"))?;
    next.write(&text).map_err(failed("write a new one"))?;
    fs::rename(&next.0, &path).map_err(failed("put the new one in its place"))?;
    next.keep();
    lock.sync_all().map_err(failed("write its directory"))
}

/// Gives a user of the file another password.
///
/// # Errors
/// As [`change`], and if there is no such user.
pub fn keep_password(path: &Path, user: &str, kept: &Kept<'_>) -> Result<(), String> {
    change(path, |text| {
        let mut file = UsersFile::parse(text).map_err(|error| error.to_string())?;
        file.set_password(user, kept)
            .map_err(|error| error.to_string())?;
        Ok(file.text())
    })
}

/// The text and what is known of the file; of one that is not there, nothing.
pub(super) fn read(path: &Path) -> Result<(Zeroizing<String>, Option<fs::Metadata>), String> {
    let failed = |error: std::io::Error| format!("{}: cannot be read: {error}", path.display());
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok((Zeroizing::new(String::new()), None));
        }
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    if let Some(fault) = secret_mode_fault(path, metadata.mode()) {
        return Err(format!("{}; {}", fault.problem, fault.cure));
    }
    let length = usize::try_from(metadata.len()).unwrap_or(0);
    let mut text = Zeroizing::new(String::with_capacity(length.saturating_add(1)));
    file.read_to_string(&mut text).map_err(failed)?;
    Ok((text, Some(metadata)))
}

/// Reads the file to look at it only.
///
/// # Errors
/// What the system says, or that others can read it.
pub fn load(path: &Path) -> Result<UsersFile, String> {
    let (text, metadata) = read(path)?;
    if metadata.is_none() {
        return Err(format!("{}: there is no such file", path.display()));
    }
    UsersFile::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// The file that takes the place of the old one; gone again if it does not.
struct Next(PathBuf, File);

impl Next {
    /// With owner, group and mode of the old one, so that the server can read it as before.
    fn create(path: &Path, old: Option<&fs::Metadata>) -> std::io::Result<Self> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let path = path.with_file_name(name);
        let _left_behind = fs::remove_file(&path);
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(MODE)
            .open(&path)?;
        let next = Self(path, file);
        if let Some(old) = old {
            let own = next.1.metadata()?;
            if (own.uid(), own.gid()) != (old.uid(), old.gid()) {
                std::os::unix::fs::fchown(&next.1, Some(old.uid()), Some(old.gid()))?;
            }
            let mode = fs::Permissions::from_mode(old.mode() & 0o660);
            next.1.set_permissions(mode)?;
        }
        Ok(next)
    }

    fn write(&self, text: &str) -> std::io::Result<()> {
        let mut file = &self.1;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    /// It has its place.
    fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Next {
    fn drop(&mut self) {
        let _removed = fs::remove_file(&self.0);
    }
}
