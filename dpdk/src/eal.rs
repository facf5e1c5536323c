//! The environment: one per process, started once, ended when its last user goes.

use std::ffi::{CStr, c_char};
use std::mem;
use std::path::PathBuf;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::arguments::{EalConfig, Memory};
use crate::error::{Errno, Error};
use crate::hugepages::huge_pages_available;

/// DPDK's environment. Clones share it; pools and ports hold one each, and the last to go ends it.
#[derive(Clone, Debug)]
pub struct Eal {
    environment: Arc<Environment>,
}

#[derive(Debug)]
struct Environment {
    runtime_directory: Option<PathBuf>,
}

/// DPDK cannot start twice in a process, not even after it ended.
static STARTED: AtomicBool = AtomicBool::new(false);

/// Device control (probe, configure, start, close) is not safe from two threads at once in DPDK.
static CONTROL: Mutex<()> = Mutex::new(());

/// Held around every call that controls devices.
pub(crate) fn control() -> MutexGuard<'static, ()> {
    CONTROL.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Eal {
    /// Starts DPDK in this process. The calling thread keeps the CPU affinity it had.
    ///
    /// # Errors
    /// [`Error::AlreadyInitialized`] the second time, [`Error::NoHugePages`] and
    /// [`Error::InvalidArgument`] before anything was started (the call may be repeated then), and
    /// [`Error::Initialization`] if DPDK itself refuses (it may not).
    pub fn init(config: &EalConfig) -> Result<Self, Error> {
        if STARTED.load(Ordering::SeqCst) {
            return Err(Error::AlreadyInitialized);
        }
        let affinity = Affinity::of_this_thread()?;
        let main_cpu = affinity.choose(config.main_lcore)?;
        let arguments = config.arguments(main_cpu)?;
        if matches!(config.memory, Memory::Huge { .. }) && huge_pages_available() == 0 {
            return Err(Error::NoHugePages);
        }
        if STARTED.swap(true, Ordering::SeqCst) {
            return Err(Error::AlreadyInitialized);
        }
        // DPDK permutes the list and may keep pointers into it, so it is never freed.
        let mut list: Vec<*mut c_char> =
            arguments.into_iter().map(|text| text.into_raw()).collect();
        list.push(ptr::null_mut());
        let list = list.leak();
        let count = i32::try_from(list.len() - 1).unwrap_or(i32::MAX);
        // SAFETY: `list` holds `count` NUL-terminated strings and a final null, all of them valid
        // for the rest of the process; the flag above makes this the only call ever.
        let code = unsafe { dpdk_sys::rte_eal_init(count, list.as_mut_ptr()) };
        let errno = Errno::last();
        affinity.restore();
        if code < 0 {
            return Err(Error::Initialization(errno));
        }
        // A name that nobody chose is a directory that nobody would miss. It is empty already if
        // no files or sockets are needed, and goes at the end otherwise.
        let chosen = config.file_prefix.is_some();
        let directory = Some(runtime_directory(config)).filter(|_| !chosen);
        let runtime_directory = directory.filter(|path| std::fs::remove_dir(path).is_err());
        Ok(Self {
            environment: Arc::new(Environment { runtime_directory }),
        })
    }

    /// The version of DPDK that runs, such as `DPDK 22.11.11`.
    #[must_use]
    pub fn version(&self) -> String {
        // SAFETY: returns a pointer to a static buffer that the first call has filled.
        let text = unsafe { dpdk_sys::rte_version() };
        // SAFETY: it is a NUL-terminated string that is never freed.
        unsafe { CStr::from_ptr(text) }
            .to_string_lossy()
            .into_owned()
    }

    /// Keeps the environment up for the rest of the process, because something in it can no
    /// longer be taken apart safely.
    pub(crate) fn leak(&self) {
        mem::forget(Arc::clone(&self.environment));
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        let guard = control();
        // SAFETY: every pool, port and registered thread holds a clone, so none is left.
        unsafe { dpdk_sys::rte_eal_cleanup() };
        drop(guard);
        if let Some(directory) = &self.runtime_directory {
            // Best effort: a directory in a temporary file system.
            drop(std::fs::remove_dir_all(directory));
        }
    }
}

/// Where DPDK keeps its sockets: for root under `/var/run`, otherwise where the session says.
fn runtime_directory(config: &EalConfig) -> PathBuf {
    // SAFETY: always succeeds.
    let root = unsafe { libc::getuid() } == 0;
    let base = if root {
        PathBuf::from("/var/run")
    } else {
        std::env::var_os("XDG_RUNTIME_DIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from)
    };
    base.join("dpdk").join(config.prefix())
}

/// On which CPUs the calling thread may run. DPDK binds it to one, and every thread that is
/// spawned later would inherit that.
struct Affinity(libc::cpu_set_t);

impl Affinity {
    fn of_this_thread() -> Result<Self, Error> {
        // SAFETY: a set of bits, for which zero is valid: the empty set.
        let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
        let size = size_of::<libc::cpu_set_t>();
        // SAFETY: writes at most `size` bytes to the set.
        let code = unsafe { libc::sched_getaffinity(0, size, &raw mut set) };
        if code == 0 {
            return Ok(Self(set));
        }
        let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        Err(Error::Initialization(Errno(errno)))
    }

    fn contains(&self, cpu: usize) -> bool {
        let size = 8 * size_of::<libc::cpu_set_t>();
        // SAFETY: reads one bit, which the check before has found to be within the set.
        cpu < size && unsafe { libc::CPU_ISSET(cpu, &self.0) }
    }

    fn choose(&self, wanted: Option<usize>) -> Result<usize, Error> {
        let first = (0..8 * size_of::<libc::cpu_set_t>()).find(|&cpu| self.contains(cpu));
        match wanted {
            None => Ok(first.unwrap_or(0)),
            Some(cpu) if self.contains(cpu) => Ok(cpu),
            Some(cpu) => Err(Error::InvalidArgument {
                name: "main_lcore",
                reason: format!(
                    "this process may not run on CPU {cpu}; the first that it may is {}",
                    first.unwrap_or(0)
                ),
            }),
        }
    }

    fn restore(&self) {
        let size = size_of::<libc::cpu_set_t>();
        // SAFETY: reads the set. That it was valid before makes a failure impossible.
        unsafe { libc::sched_setaffinity(0, size, &raw const self.0) };
    }
}
