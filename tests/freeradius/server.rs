//! A FreeRADIUS of our own: made by `start`, ended when dropped. And the sockets of a client.

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use pns::aaa::accounting::{self, Accounting};
use pns::aaa::radius::{
    Billed, Caller, Client, Demand, Event, Nas, Output, ServerConfig, Service, Settings, SocketId,
    Ticket, Timing,
};
use pns::aaa::{Access, Decision};
use pns::auth::Secret;
use pns::clock::MonotonicClock;
use pns::flow::FlowKey;
use pns::ppp::link::Credentials;
use pns::wire::call_id::CallId;

pub(crate) const SECRET: &str = "a secret of both ends";
const BINARY: &str = "/usr/sbin/freeradius";
/// A case that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

static STARTED: AtomicU32 = AtomicU32::new(0);

/// The server's process and folder.
pub(crate) struct FreeRadius {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl FreeRadius {
    /// As it is shipped; `None`: it is not installed.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(|text| text)
    }

    /// One that signs what it grants, as later releases do by themselves.
    pub(crate) fn start_signing() -> Option<Self> {
        Self::start_with(|text| {
            let signs = "    post-auth {\n        update reply {\n            \
                         Message-Authenticator := 0x00\n        }\n    }\n    accounting {\n";
            text.replace("    accounting {\n", signs)
        })
    }

    fn start_with(change: impl FnOnce(String) -> String) -> Option<Self> {
        if !fs::exists(BINARY).unwrap() {
            return None;
        }
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let folder = format!("pns-freeradius-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).unwrap();
        // Two ports that nobody has, as far as one can tell.
        let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port() & !1;
        drop(free);
        let text = include_str!("radiusd.conf")
            .replace("@FOLDER@", folder.to_str().unwrap())
            .replace("@ADDRESS@", "127.0.0.1")
            .replace("@CLIENT@", "127.0.0.1")
            .replace("@PORT@", &port.to_string())
            .replace("@ACCOUNTING_PORT@", &(port + 1).to_string())
            .replace("@SECRET@", SECRET);
        fs::write(folder.join("radiusd.conf"), change(text)).unwrap();
        fs::write(folder.join("users"), include_str!("users")).unwrap();
        fs::write(folder.join("dictionary"), "").unwrap();
        let mut server = Self {
            process: run(&folder),
            folder,
            port,
        };
        server.wait_until_ready();
        Some(server)
    }

    /// Ends it.
    pub(crate) fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Runs it again, where it was and with what it has written down.
    pub(crate) fn run_again(&mut self) {
        self.process = run(&self.folder);
        self.wait_until_ready();
    }

    /// It stands still: nothing listens, and nothing says so.
    pub(crate) fn freeze(&self) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-STOP", &pid]).status();
        assert!(sent.unwrap().success());
    }

    fn wait_until_ready(&mut self) {
        let began = Instant::now();
        while !self.output().contains("Ready to process requests") {
            let ended = self.process.try_wait().unwrap();
            assert!(
                ended.is_none() && began.elapsed() < PATIENCE,
                "freeradius does not start:\n{}",
                self.output()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it says of its work.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(self.folder.join("output")).unwrap_or_default()
    }

    /// The bill, as it wrote it down.
    pub(crate) fn detail(&self) -> String {
        fs::read_to_string(self.folder.join("detail")).unwrap_or_default()
    }

    /// A client of this server.
    pub(crate) fn client(&self) -> Dialler {
        self.client_with(SECRET, Demand::Auto)
    }

    pub(crate) fn client_with(&self, secret: &str, demand: Demand) -> Dialler {
        let service = |service, port: u16| ServerConfig {
            name: "freeradius".into(),
            service,
            address: (Ipv4Addr::LOCALHOST, port).into(),
            secret: Secret::from(secret.to_owned()),
            priority: 1,
            weight: 1,
            group: None,
            dead_time: None,
            demand,
        };
        Dialler::new(
            vec![
                service(Service::Authentication, self.port),
                service(Service::Accounting, self.port + 1),
            ],
            Duration::from_secs(4),
        )
    }

    /// A client that asks this server first, and `other` if it does not answer.
    pub(crate) fn client_with_second(&self, other: &Self) -> Dialler {
        let service = |service, port: u16, priority| ServerConfig {
            name: "freeradius".into(),
            service,
            address: (Ipv4Addr::LOCALHOST, port).into(),
            secret: Secret::from(SECRET.to_owned()),
            priority,
            weight: 1,
            group: None,
            dead_time: None,
            demand: Demand::Auto,
        };
        Dialler::new(
            vec![
                service(Service::Authentication, self.port, 1),
                service(Service::Accounting, self.port + 1, 1),
                service(Service::Authentication, other.port, 2),
                service(Service::Accounting, other.port + 1, 2),
            ],
            Timing::default().give_up,
        )
    }
}

fn run(folder: &Path) -> Child {
    let log = fs::File::create(folder.join("output")).unwrap();
    Command::new(BINARY)
        .args(["-f", "-X", "-d"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

impl Drop for FreeRadius {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _code = self.process.wait();
        let _removed = fs::remove_dir_all(&self.folder);
    }
}

/// Our client, with real sockets and the real clock.
pub(crate) struct Dialler {
    pub(crate) client: Client,
    pub(crate) accounting: Accounting,
    pub(crate) clock: MonotonicClock,
    pub(crate) events: Vec<Event>,
    sockets: HashMap<SocketId, UdpSocket>,
}

/// The call that logs in.
pub(crate) fn caller() -> Caller {
    Caller {
        flow: FlowKey::new(0, CallId::new(4711)),
        peer_address: Ipv4Addr::new(198, 51, 100, 7),
        local_address: Ipv4Addr::new(198, 51, 100, 1),
        calling_number: None,
        called_number: None,
        state: None,
    }
}

impl Dialler {
    fn new(servers: Vec<ServerConfig>, give_up: Duration) -> Self {
        let clock = MonotonicClock::new();
        let settings = Settings {
            servers,
            timing: Timing {
                give_up,
                ..Timing::default()
            },
            nas: Nas {
                identifier: "vpn1".into(),
                address: None,
                eap_mtu: 1400,
            },
            pool: "default".into(),
            map: Vec::new(),
            unix_at_zero_s: 1_700_000_000,
        };
        let bill = accounting::Settings {
            on: true,
            interim: None,
            unix_at_zero_ms: 1_700_000_000_000,
            recovered: None,
        };
        let entropy = || Box::new(|buffer: &mut [u8]| getrandom::fill(buffer).unwrap());
        Self {
            client: Client::new(settings, entropy()),
            accounting: Accounting::new(&bill, entropy(), clock.now()),
            clock,
            events: Vec::new(),
            sockets: HashMap::new(),
        }
    }

    /// Logs in, and waits for the decision.
    pub(crate) fn log_in(&mut self, credentials: &Credentials) -> Decision {
        self.log_in_with(credentials, Access::default())
    }

    pub(crate) fn log_in_with(&mut self, credentials: &Credentials, access: Access) -> Decision {
        let now = self.clock.now();
        let id = self.accounting.session_id(&caller());
        let asked = self
            .client
            .ask(&caller(), &id, credentials, &Arc::new(access), None, now);
        let ticket = asked.expect("a question");
        let mut decided = None;
        self.run_until(|_, decisions| {
            decided = decisions.into_iter().find(|(of, _)| *of == ticket);
            decided.is_some()
        });
        let (_, mut decision) = decided.expect("a decision in time");
        if let Decision::Accept(grant) = &mut decision {
            let billing = std::mem::take(&mut *grant.billing);
            self.accounting.granted(caller().flow, billing);
        }
        decision
    }

    /// Waits until every record is written down.
    pub(crate) fn settle_records(&mut self) {
        self.run_until(|accounting, _| accounting.outstanding() == 0);
    }

    fn send_bill(&mut self) {
        let now = self.clock.now();
        while let Some((number, record)) = self.accounting.poll_record(now) {
            let age = self.accounting.age(&record, now);
            self.client.bill(number, &record, age, now);
        }
    }

    fn run_until(&mut self, mut done: impl FnMut(&Accounting, Vec<(Ticket, Decision)>) -> bool) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let decided = self.turn();
            if done(&self.accounting, decided) {
                return;
            }
        }
        panic!("nothing came of it in time");
    }

    /// Does what is due, and a millisecond of nothing if nothing was.
    pub(crate) fn turn(&mut self) -> Vec<(Ticket, Decision)> {
        self.client.handle_timeout(self.clock.now());
        let mut decided = Vec::new();
        loop {
            self.send_bill();
            let Some(output) = self.client.poll_output() else {
                break;
            };
            match output {
                Output::Open { socket, to } => {
                    let opened = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
                    opened.connect(to).unwrap();
                    opened.set_nonblocking(true).unwrap();
                    self.sockets.insert(socket, opened);
                }
                Output::Transmit { socket, bytes } => {
                    let _lost = self.sockets[&socket].send(&bytes);
                }
                Output::Billed(number, Billed::Written) => self.accounting.written(number),
                Output::Billed(number, _) => {
                    self.accounting.unanswered(number, self.clock.now());
                }
                Output::Event(event) => self.events.push(event),
                Output::Decided(ticket, decision) => decided.push((ticket, decision)),
            }
        }
        if !self.receive() && decided.is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
        decided
    }

    /// `true`: something came.
    fn receive(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let mut any = false;
        for (id, socket) in &self.sockets {
            while let Ok(length) = socket.recv(&mut buffer) {
                any = true;
                let from = socket.peer_addr().unwrap();
                let now = self.clock.now();
                self.client.receive(*id, from, &buffer[..length], now);
            }
        }
        any
    }
}
