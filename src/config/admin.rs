//! `[admin]`: the socket that `pns show` talks to.

use std::path::PathBuf;

use super::error::Fault;
use super::table::Table;
use super::words::name;

/// Where the admin socket is when nothing else is said.
pub const DEFAULT_SOCKET: &str = "/run/pns/admin.sock";

/// Longest path of a Unix socket on Linux, in bytes.
const SOCKET_PATH_LENGTH_MAX: usize = 107;

/// The admin socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Its path; mode 0660.
    pub socket: PathBuf,
    /// The group that may use it beside the server's own user.
    pub group: Option<String>,
}

pub(super) fn read(table: &mut Table<'_, '_>) -> Admin {
    Admin {
        socket: table
            .parsed("socket", socket)
            .unwrap_or_else(|| PathBuf::from(DEFAULT_SOCKET)),
        group: table.parsed("group", name(32)),
    }
}

fn socket(text: &str) -> Result<PathBuf, Fault> {
    if !text.starts_with('/') || text.ends_with('/') {
        let problem = format!("{text:?} is not the full path of a socket");
        return Err(Fault::new(
            problem,
            format!("write one like {DEFAULT_SOCKET:?}"),
        ));
    }
    if text.len() > SOCKET_PATH_LENGTH_MAX || text.contains('\0') {
        let problem = format!("{} bytes are too long for a socket", text.len());
        return Err(Fault::new(
            problem,
            format!("write at most {SOCKET_PATH_LENGTH_MAX}"),
        ));
    }
    Ok(PathBuf::from(text))
}
