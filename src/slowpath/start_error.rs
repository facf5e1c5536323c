//! Why the server could not start.

use std::fmt;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};

use super::descriptors::TooFew;

/// Why the server could not start, or could not go on.
#[derive(Debug)]
pub enum StartError {
    /// DPDK refused.
    Dpdk(dpdk::Error),
    /// More control connections than the process may have open files.
    Descriptors(TooFew),
    /// The control port cannot be listened on.
    Listen(SocketAddrV4, io::Error),
    /// Requests about live calls cannot be listened for.
    Requests(SocketAddr, io::Error),
    /// The system refused something.
    System(&'static str, io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dpdk(error) => write!(formatter, "{error}"),
            Self::Descriptors(too_few) => write!(formatter, "{too_few}"),
            Self::Listen(address, error) => {
                write!(formatter, "cannot listen on {address}: {error}")
            }
            Self::Requests(address, error) => {
                write!(
                    formatter,
                    "radius.dynamic: cannot listen on {address}: {error}"
                )
            }
            Self::System(what, error) => write!(formatter, "{what}: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<TooFew> for StartError {
    fn from(too_few: TooFew) -> Self {
        Self::Descriptors(too_few)
    }
}

impl From<dpdk::Error> for StartError {
    fn from(error: dpdk::Error) -> Self {
        Self::Dpdk(error)
    }
}

/// Names what was being done when the system refused.
pub(super) fn during(what: &'static str) -> impl Fn(io::Error) -> StartError {
    move |error| StartError::System(what, error)
}
