//! The files: the only IO of this room.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::{ConfigError, ConfigErrors, Fault, Report};
use super::table::read_document;
use super::{Config, Draft, users};

/// What to do about a users file that others can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsersFileMode {
    /// Refuse it: for a server that is to run with it.
    Refuse,
    /// Warn: for a file that is only looked at, in a repository for instance.
    Warn,
}

impl Config {
    /// Reads the file at `path` and the users file that it names, to run with them.
    ///
    /// # Errors
    /// Everything wrong with either file, including a users file that others can read.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        Self::load_with(path, UsersFileMode::Refuse)
    }

    /// As [`Self::load`], with a choice about a users file that others can read.
    ///
    /// # Errors
    /// Everything wrong with either file.
    pub fn load_with(path: &Path, mode: UsersFileMode) -> Result<Self, ConfigErrors> {
        let file = path.display().to_string();
        let text = read_text(path).map_err(|fault| ConfigErrors(vec![whole(&file, fault)]))?;
        let mut mode_warnings = Vec::new();
        let mut config = Self::parse(&text, &file, |path| {
            let (text, fault) = read_secret_text(path)?;
            match (fault, mode) {
                (Some(fault), UsersFileMode::Refuse) => return Err(fault),
                (fault, _) => mode_warnings.extend(fault),
            }
            Ok(text)
        })?;
        path.clone_into(&mut config.file);
        config
            .warnings
            .extend(mode_warnings.into_iter().map(|fault| whole(&file, fault)));
        Ok(config)
    }
    /// The users file that the configuration names, whatever is in it.
    ///
    /// # Errors
    /// Everything wrong with the configuration itself.
    pub fn load_without_users(path: &Path) -> Result<Option<PathBuf>, ConfigErrors> {
        let file = path.display().to_string();
        let text = read_text(path).map_err(|fault| ConfigErrors(vec![whole(&file, fault)]))?;
        let mut report = Report::new(&*file, &text);
        let draft = read_document(&mut report, &text, |table| Draft::read(table, &file));
        let errors = report.finish().errors;
        match draft {
            Some(draft) if errors.is_empty() => Ok(draft.users.and_then(|users| users.file)),
            Some(_) | None => Err(ConfigErrors(errors)),
        }
    }

    /// Whether everything would be right if the file at `users_file` had `users_text`.
    ///
    /// # Errors
    /// Everything that would be wrong.
    pub fn check_with_users(
        path: &Path,
        users_file: &Path,
        users_text: &str,
    ) -> Result<(), ConfigErrors> {
        let file = path.display().to_string();
        let text = read_text(path).map_err(|fault| ConfigErrors(vec![whole(&file, fault)]))?;
        let read = |wanted: &Path| match wanted == users_file {
            true => Ok(Zeroizing::new(users_text.to_owned())),
            false => read_secret_text(wanted).map(|(text, _mode)| text),
        };
        Self::parse(&text, &file, read).map(drop)
    }
}

fn whole(file: &str, fault: Fault) -> ConfigError {
    ConfigError {
        file: file.to_owned(),
        line: 0,
        column: 0,
        key: String::new(),
        problem: fault.problem,
        cure: fault.cure,
    }
}

fn read_text(path: &Path) -> Result<String, Fault> {
    std::fs::read_to_string(path).map_err(|error| {
        Fault::new(
            format!("cannot be read: {error}"),
            "name a TOML file; see config/ for examples",
        )
    })
}

/// The text, and what is wrong with the file's mode. The mode is that of the file that was opened,
/// whatever happens to the path meanwhile.
fn read_secret_text(path: &Path) -> Result<(Zeroizing<String>, Option<Fault>), Fault> {
    let unreadable = |error: std::io::Error| {
        let problem = format!("{} cannot be read: {error}", path.display());
        Fault::new(
            problem,
            "write it (for users.file, copy config/users.example.toml) and chmod 0640 it",
        )
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    // Room for all of it at once: a buffer that grows leaves copies of passwords in freed memory.
    let length = usize::try_from(metadata.len()).unwrap_or(0);
    let mut text = Zeroizing::new(String::with_capacity(length.saturating_add(1)));
    file.read_to_string(&mut text).map_err(unreadable)?;
    Ok((text, users::mode_fault(path, metadata.permissions().mode())))
}
