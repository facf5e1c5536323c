//! The lab of the interop suite, for scenarios that need a network of their own.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::report::package;

/// Why there can be none here, if so.
pub(crate) fn obstacle() -> Option<String> {
    let is_root = rustix::process::geteuid().is_root();
    (!is_root).then(|| "it makes network namespaces, which only root may".to_owned())
}

/// A lab; it goes with this value.
pub(crate) struct Lab {
    id: String,
    /// Where it keeps what it has.
    pub(crate) state: PathBuf,
}

impl Lab {
    /// A lab with nobody in it.
    pub(crate) fn start() -> Outcome<Self> {
        let owner = std::process::id().to_string();
        let id = run_lab("", &["up", &owner], "")?.trim().to_owned();
        let mut lab = Self {
            id,
            state: PathBuf::new(),
        };
        lab.state = PathBuf::from(lab.command(&["state"])?.trim());
        Ok(lab)
    }

    /// What one of its commands says (`tests/interop/lab/README.md`).
    pub(crate) fn command(&self, words: &[&str]) -> Outcome<String> {
        run_lab(&self.id, words, "")
    }

    /// Boots a guest whose kernel has what guests of that kind have; where it keeps what it shares with
    /// this machine.
    pub(crate) fn boot(&self, name: &str, kind: &str) -> Outcome<PathBuf> {
        run_lab(&self.id, &["client-start", name, "2"], kind)?;
        Ok(self.state.join(format!("guest-{name}")))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _removed = run_lab(&self.id, &["down"], "");
    }
}

fn run_lab(id: &str, words: &[&str], guest_kind: &str) -> Outcome<String> {
    let script = package().join("../tests/interop/lab/lab");
    let mut command = Command::new(script);
    command
        .args(words)
        .env("PNS_LAB_ID", id)
        .stdin(Stdio::null());
    if !guest_kind.is_empty() {
        command.env("GUEST_KIND", guest_kind);
    }
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{words:?} in the lab: {} {said}", output.status).into())
}
