//! A server of somebody else: a process with a folder of its own, both gone when dropped.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use pns::aaa::radius::Caller;
use pns::flow::FlowKey;
use pns::wire::call_id::CallId;

/// A case that takes longer has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

static STARTED: AtomicU32 = AtomicU32::new(0);

/// The process, while it runs, and its folder.
pub(crate) struct ServerProcess {
    pub(crate) folder: PathBuf,
    child: Option<Child>,
}

impl ServerProcess {
    /// A folder for files of a server that does not run yet.
    pub(crate) fn new(name: &str) -> Self {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = format!("pns-{name}-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).unwrap();
        Self {
            folder,
            child: None,
        }
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.join(file), text).unwrap();
    }

    /// What a file of the folder says.
    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap_or_default()
    }

    /// Runs it, until a file of the folder says `text`; what it says then.
    pub(crate) fn run(&mut self, command: &mut Command, file: &str, text: &str) -> String {
        let mut child = command.stdin(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        loop {
            let said = self.read(file);
            if !said.is_empty() && said.contains(text) {
                self.child = Some(child);
                return said;
            }
            let ended = child.try_wait().unwrap();
            let goes_on = ended.is_none() && began.elapsed() < PATIENCE;
            assert!(goes_on, "it does not start:\n{said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its process id, while it runs.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Ends it without a word.
    pub(crate) fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.end();
        let _removed = fs::remove_dir_all(&self.folder);
    }
}

/// The call that logs in.
pub(crate) fn caller() -> Caller {
    Caller {
        client: pns::aaa::radius::ClientSaid::default(),
        flow: FlowKey::new(0, CallId::new(4711)),
        peer_address: Ipv4Addr::new(198, 51, 100, 7),
        local_address: Ipv4Addr::new(198, 51, 100, 1),
        calling_number: None,
        called_number: None,
        state: None,
    }
}
