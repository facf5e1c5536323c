//! Kernel settings of the network namespace that PNS needs. Each change is logged with what was
//! there before, since it outlives us.

use std::fs;
use std::io;
use std::path::PathBuf;

use tracing::{debug, info, warn};

/// What [`ensure`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ensured {
    /// The setting was right already.
    AsFound,
    /// It was changed; this was there before.
    Changed {
        /// The former value.
        before: String,
    },
}

/// Gives setting `key` (such as `net/ipv4/ip_forward`) the value `value`.
///
/// # Errors
///
/// When the setting does not exist or may not be written.
pub fn ensure(key: &str, value: &str) -> io::Result<Ensured> {
    let path = PathBuf::from("/proc/sys").join(key);
    let before = fs::read_to_string(&path)?.trim().to_owned();
    if before == value {
        return Ok(Ensured::AsFound);
    }
    fs::write(&path, value)?;
    Ok(Ensured::Changed { before })
}

/// Lets the kernel forward IPv4 in this namespace: it forwards what the fast path punts.
///
/// # Errors
///
/// When the setting cannot be written.
pub fn enable_forwarding() -> io::Result<()> {
    if let Ensured::Changed { before } = ensure("net/ipv4/ip_forward", "1")? {
        info!(
            before,
            "switched on net.ipv4.ip_forward in this network namespace"
        );
    }
    Ok(())
}

/// Whether the kernel forwards IPv4 in this namespace.
#[must_use]
pub fn is_forwarding() -> bool {
    fs::read_to_string("/proc/sys/net/ipv4/ip_forward").is_ok_and(|value| value.trim() == "1")
}

/// Fits a new TAP or TUN to its task. What cannot be set is logged, not fatal: the interface works
/// without, only less well.
pub(super) fn settle_interface(name: &str) {
    // Loose (2) and not off (0), because the larger of this and of `conf/all` counts: what comes by a
    // port may have its way back by another, which strict filtering (1) would drop.
    let settings = [
        (format!("net/ipv4/conf/{name}/rp_filter"), "2"),
        // IPv6 by itself only makes noise here: no link-local address, so no solicitations.
        (format!("net/ipv6/conf/{name}/accept_ra"), "0"),
        (format!("net/ipv6/conf/{name}/addr_gen_mode"), "1"),
    ];
    for (key, value) in settings {
        match ensure(&key, value) {
            Ok(ensured) => debug!(key, value, ?ensured, "interface setting"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                debug!(key, "no such setting");
            }
            Err(error) => warn!(key, value, %error, "interface setting cannot be written"),
        }
    }
}
