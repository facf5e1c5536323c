//! What can go wrong, and what the reader of the message can do about it.

use std::fmt;

/// A failure of DPDK or of what was asked of it. The message says what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A process can have one environment in its life; DPDK cannot start a second one, not even
    /// after the first has ended.
    AlreadyInitialized,
    /// The environment did not start. What it wrote to standard error says more.
    Initialization(Errno),
    /// Huge pages were asked for and none are free.
    NoHugePages,
    /// A value that cannot be passed on.
    InvalidArgument {
        /// Which one.
        name: &'static str,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// A pool of mbufs could not be made.
    Mempool {
        /// The pool's name.
        name: String,
        /// How many mbufs it was to have.
        mbufs: u32,
        /// Why.
        errno: Errno,
    },
    /// No port has this name and none could be probed.
    NoSuchDevice {
        /// The name asked for.
        name: String,
        /// Why.
        errno: Errno,
    },
    /// The device has an owner already.
    DeviceInUse {
        /// The name asked for.
        name: String,
    },
    /// More queues than the device has.
    TooManyQueues {
        /// The port.
        port: String,
        /// The larger of what was asked.
        asked: u16,
        /// What the device has.
        available: u16,
    },
    /// Queues of the port are held by someone, and the operation must not run beside them.
    QueuesInUse {
        /// The port.
        port: String,
    },
    /// A device refused an operation.
    Port {
        /// The port.
        port: String,
        /// What was tried.
        operation: &'static str,
        /// Why.
        errno: Errno,
    },
    /// The rings of an in-memory cable could not be made.
    Ring {
        /// The cable's name.
        name: String,
        /// Why.
        errno: Errno,
    },
    /// The thread could not be registered.
    Thread(Errno),
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadyInitialized => out.write_str(
                "DPDK was initialized in this process before, and that can be done only once: \
                 share the one `Eal`, or start a new process",
            ),
            Self::Initialization(errno) => {
                write!(out, "DPDK did not start: {errno}")?;
                out.write_str(initialization_hint(*errno))
            }
            Self::NoHugePages => out.write_str(
                "no huge pages are free: reserve some (`sysctl vm.nr_hugepages=512`), or run \
                 without them (`--no-huge`), which is slower and suits virtual devices only",
            ),
            Self::InvalidArgument { name, reason } => write!(out, "{name}: {reason}"),
            Self::Mempool { name, mbufs, errno } => {
                write!(out, "cannot make the pool {name} of {mbufs} mbufs: {errno}")?;
                out.write_str(pool_hint(*errno))
            }
            Self::NoSuchDevice { name, errno } => write!(
                out,
                "no DPDK device {name}: {errno}; a PCI device must be bound to vfio-pci and \
                 allowed, a virtual device must be spelt as its driver wants it and be of this \
                 network namespace",
            ),
            Self::DeviceInUse { name } => {
                write!(
                    out,
                    "the device {name} has an owner in this process already"
                )
            }
            Self::TooManyQueues {
                port,
                asked,
                available,
            } => write!(
                out,
                "{port} has {available} queues each way and {asked} were asked for: use fewer \
                 workers on it",
            ),
            Self::QueuesInUse { port } => {
                write!(out, "queues of {port} are still held: drop them first")
            }
            Self::Port {
                port,
                operation,
                errno,
            } => {
                write!(out, "{port}: cannot {operation}: {errno}")
            }
            Self::Ring { name, errno } => {
                write!(out, "cannot make the in-memory cable {name}: {errno}")
            }
            Self::Thread(errno) => write!(
                out,
                "cannot register the thread with DPDK: {errno}; at most 128 can be, and none \
                 while a secondary process is attached",
            ),
        }
    }
}

fn initialization_hint(errno: Errno) -> &'static str {
    match errno.0 {
        libc::ENODEV => "; a device is spelt wrongly or its driver's package is not installed",
        libc::EACCES | libc::EPERM => "; run as root, or give access to huge pages and devices",
        libc::ENOMEM => "; the memory asked for is not free",
        libc::EAGAIN => "; another process uses the same file prefix",
        _ => "; the lines starting with EAL: above say why",
    }
}

fn pool_hint(errno: Errno) -> &'static str {
    match errno.0 {
        libc::EINVAL => {
            "; is the driver librte_mempool_ring installed, and the cache at most 512 and two \
             thirds of the mbufs?"
        }
        libc::ENOMEM | libc::ENOBUFS => {
            "; give DPDK more memory (more huge pages, or more megabytes with --no-huge), or ask \
             for fewer mbufs"
        }
        libc::EEXIST => "; another pool has this name",
        _ => "",
    }
}

impl std::error::Error for Error {}

/// A system error number as DPDK gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

impl Errno {
    /// What the last failing call on this thread left.
    pub(crate) fn last() -> Self {
        // SAFETY: reads a thread-local integer.
        Self(unsafe { dpdk_sys::shim_errno() })
    }

    /// From a call that returns zero or a negated error number.
    pub(crate) fn check(code: i32) -> Result<(), Self> {
        if code < 0 {
            Err(Self(code.saturating_neg()))
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", std::io::Error::from_raw_os_error(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_to_do() {
        let told = |error: Error, hint: &str| {
            let text = error.to_string();
            assert!(text.contains(hint), "{text}");
        };
        told(Error::NoHugePages, "--no-huge");
        told(
            Error::NoSuchDevice {
                name: "x".into(),
                errno: Errno(libc::ENODEV),
            },
            "vfio-pci",
        );
        let pool = |errno| Error::Mempool {
            name: "p".into(),
            mbufs: 1,
            errno: Errno(errno),
        };
        told(pool(libc::EINVAL), "librte_mempool_ring");
        told(pool(libc::ENOMEM), "more memory");
        told(Error::AlreadyInitialized, "only once");
        told(Error::Initialization(Errno(libc::ENODEV)), "spelt wrongly");
    }

    #[test]
    fn a_negative_code_becomes_its_error_number() {
        assert_eq!(Errno::check(-22), Err(Errno(22)));
        assert_eq!(Errno::check(0), Ok(()));
        assert_eq!(Errno::check(i32::MIN), Err(Errno(i32::MAX)));
    }
}
