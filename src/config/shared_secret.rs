//! Servers with which a secret is shared: their addresses, and the secret in a file of its own.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::{Fault, Report};
use crate::auth::Secret;

/// Secrets shorter than this are warned about: who hears one answer can guess offline.
const LENGTH_ADVISED: usize = 16;
/// Longest secret, in bytes.
const LENGTH_MAX: usize = 256;

/// A server as far as its secret goes.
pub(super) struct Sharer<'s> {
    /// Its name, which no other of its kind has.
    pub(super) name: &'s str,
    /// Where the secret is.
    pub(super) file: &'s PathBuf,
    /// Where it goes.
    pub(super) secret: &'s mut Secret,
}

/// An address of either version.
pub(super) fn ip_address(text: &str) -> Result<IpAddr, Fault> {
    text.parse().map_err(|_| {
        let problem = format!("{text:?} is not an IP address");
        Fault::new(
            problem,
            "write for example \"10.0.0.5\"; names are not looked up",
        )
    })
}

/// Fetches the secret of every server of `list` (`radius.server`), and checks names against each other.
pub(super) fn read_secrets<'s>(
    list: &str,
    servers: impl Iterator<Item = Sharer<'s>>,
    report: &mut Report<'_>,
    read: &mut impl FnMut(&Path) -> Result<Zeroizing<String>, Fault>,
) {
    let mut names: Vec<&str> = Vec::new();
    for (index, server) in servers.enumerate() {
        let place = |key: &str| format!("{list}[{index}].{key}");
        if names.contains(&server.name) {
            let problem = format!("{:?} already is a server", server.name);
            report.error(&place("name"), Fault::new(problem, "choose another name"));
        }
        names.push(server.name);
        if let Some(secret) = read_secret(server.file, &place("secret_file"), report, read) {
            *server.secret = secret;
        }
    }
}

/// The secret in a file; a short one is warned about.
pub(super) fn read_secret(
    file: &Path,
    place: &str,
    report: &mut Report<'_>,
    read: &mut impl FnMut(&Path) -> Result<Zeroizing<String>, Fault>,
) -> Option<Secret> {
    match read(file).and_then(|text| secret(&text)) {
        Err(fault) => {
            report.error(place, fault);
            None
        }
        Ok(secret) => {
            if secret.expose().len() < LENGTH_ADVISED {
                let problem = format!("has fewer than {LENGTH_ADVISED} bytes");
                let cure = "who hears an answer can guess offline: better use 32 random ones";
                report.warn(place, Fault::new(problem, cure));
            }
            Some(secret)
        }
    }
}

/// The first line of the file.
fn secret(text: &str) -> Result<Secret, Fault> {
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() || line.len() > LENGTH_MAX {
        let cure = format!("write 1 to {LENGTH_MAX} bytes in its first line");
        return Err(Fault::new("holds no secret", cure));
    }
    Ok(Secret::new(line.as_bytes().to_vec()))
}
