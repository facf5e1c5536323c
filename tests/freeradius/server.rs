//! A FreeRADIUS of our own: made by `start`, ended when dropped. And the sockets of a client.

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pns::aaa::accounting::{self, Accounting};
use pns::aaa::radius::{
    Billed, Client, Demand, Entropy, Event, Output, ServerConfig, Service, Settings, SocketId,
    Ticket, Timing,
};
use pns::aaa::{Access, Decision};
use pns::clock::{MonotonicClock, Timestamp};
use pns::ppp::link::Credentials;

use crate::plane::Servers;
use crate::radius_settings::{UNIX_AT_ZERO_S, server as radius_server, settings};
pub(crate) use crate::server_process::caller;
use crate::server_process::{PATIENCE, ServerProcess};

pub(crate) const SECRET: &str = "a secret of both ends";
const BINARY: &str = "/usr/sbin/freeradius";
/// The server's process and folder.
pub(crate) struct FreeRadius {
    process: ServerProcess,
    port: u16,
}

impl FreeRadius {
    /// As it is shipped; `None`: it is not installed.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(|text| text)
    }

    /// One that signs what it grants, as later releases do by themselves.
    pub(crate) fn start_signing() -> Option<Self> {
        let signs = concat!(include_str!("signs.conf"), "    accounting {\n");
        Self::start_with(|text| text.replace("    accounting {\n", signs))
    }

    fn start_with(change: impl FnOnce(String) -> String) -> Option<Self> {
        if !fs::exists(BINARY).unwrap() {
            return None;
        }
        let process = ServerProcess::new("freeradius");
        // Two ports that nobody has, as far as one can tell.
        let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port() & !1;
        drop(free);
        let text = include_str!("radiusd.conf")
            .replace("@FOLDER@", process.folder.to_str().unwrap())
            .replace("@ADDRESS@", "127.0.0.1")
            .replace("@CLIENT@", "127.0.0.1")
            .replace("@PORT@", &port.to_string())
            .replace("@ACCOUNTING_PORT@", &(port + 1).to_string())
            .replace("@SECRET@", SECRET);
        process.write("radiusd.conf", &change(text));
        process.write("users", include_str!("users"));
        process.write("dictionary", "");
        let mut server = Self { process, port };
        server.run_again();
        Some(server)
    }

    /// Ends it.
    pub(crate) fn stop(&mut self) {
        self.process.end();
    }

    /// Runs it, where it was and with what it has written down.
    pub(crate) fn run_again(&mut self) {
        let folder = &self.process.folder;
        let log = fs::File::create(folder.join("output")).unwrap();
        let mut command = Command::new(BINARY);
        command.args(["-f", "-X", "-d"]).arg(folder);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.process
            .run(&mut command, "output", "Ready to process requests");
    }

    /// It stands still: nothing listens, and nothing says so.
    pub(crate) fn freeze(&self) {
        let pid = self.process.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-STOP", &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// What it says of its work.
    pub(crate) fn output(&self) -> String {
        self.process.read("output")
    }

    /// The bill, as it wrote it down.
    pub(crate) fn detail(&self) -> String {
        self.process.read("detail")
    }

    /// A client of this server.
    pub(crate) fn client(&self) -> Dialler {
        self.client_with(SECRET, Demand::Auto)
    }

    pub(crate) fn client_with(&self, secret: &str, demand: Demand) -> Dialler {
        let services = self.services(secret, demand, 1);
        Dialler::new(client(services.into(), Duration::from_secs(4)))
    }

    /// A client of several servers, the first of which is asked as long as it answers.
    pub(crate) fn client_of(servers: &[&Self]) -> Client {
        let servers = servers.iter().zip(1..);
        let services =
            servers.flat_map(|(server, place)| server.services(SECRET, Demand::Auto, place));
        client(services.collect(), Timing::default().give_up)
    }

    fn services(&self, secret: &str, demand: Demand, priority: u8) -> [ServerConfig; 2] {
        let service = |service, port: u16| ServerConfig {
            priority,
            demand,
            ..radius_server(
                "freeradius",
                service,
                (Ipv4Addr::LOCALHOST, port).into(),
                secret.as_bytes(),
            )
        };
        [
            service(Service::Authentication, self.port),
            service(Service::Accounting, self.port + 1),
        ]
    }
}

fn client(servers: Vec<ServerConfig>, give_up: Duration) -> Client {
    let settings = Settings {
        timing: Timing {
            give_up,
            ..Timing::default()
        },
        ..settings(servers)
    };
    Client::new(settings, entropy())
}

/// A bill that servers write down.
pub(crate) fn bill(now: Timestamp) -> Accounting {
    let settings = accounting::Settings {
        writers: vec![None],
        interim: None,
        unix_at_zero_ms: UNIX_AT_ZERO_S * 1000,
        recovered: None,
    };
    Accounting::new(&settings, entropy(), now)
}

fn entropy() -> Entropy {
    Box::new(|buffer| getrandom::fill(buffer).unwrap())
}

/// Sockets of this machine, by the names that the client gives them.
#[derive(Default)]
pub(crate) struct Sockets(HashMap<SocketId, UdpSocket>);

impl Servers for Sockets {
    fn hear(&mut self, id: SocketId, to: SocketAddr, bytes: &[u8]) {
        let socket = self.0.entry(id).or_insert_with(|| {
            let opened = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
            opened.connect(to).unwrap();
            opened.set_nonblocking(true).unwrap();
            opened
        });
        let _lost = socket.send(bytes);
    }

    fn close(&mut self, id: SocketId) {
        self.0.remove(&id);
    }

    fn next_answer(&mut self) -> Option<(SocketId, SocketAddr, Vec<u8>)> {
        let mut buffer = [0; 4096];
        self.0.iter().find_map(|(id, socket)| {
            let length = socket.recv(&mut buffer).ok()?;
            Some((*id, socket.peer_addr().unwrap(), buffer[..length].to_vec()))
        })
    }
}

/// Our client, with real sockets and the real clock.
pub(crate) struct Dialler {
    pub(crate) client: Client,
    pub(crate) accounting: Accounting,
    pub(crate) clock: MonotonicClock,
    pub(crate) events: Vec<Event>,
    sockets: Sockets,
    addresses: HashMap<SocketId, SocketAddr>,
}

impl Dialler {
    fn new(client: Client) -> Self {
        let clock = MonotonicClock::new();
        Self {
            client,
            accounting: bill(clock.now()),
            clock,
            events: Vec::new(),
            sockets: Sockets::default(),
            addresses: HashMap::new(),
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
    fn turn(&mut self) -> Vec<(Ticket, Decision)> {
        self.client.handle_timeout(self.clock.now());
        let mut decided = Vec::new();
        loop {
            self.send_bill();
            let Some(output) = self.client.poll_output() else {
                break;
            };
            match output {
                Output::Open { socket, to } => drop(self.addresses.insert(socket, to)),
                Output::Close(socket) => self.sockets.close(socket),
                Output::Transmit { socket, bytes } => {
                    self.sockets.hear(socket, self.addresses[&socket], &bytes);
                }
                Output::Unwanted(number) => panic!("{number} is to end"),
                Output::Billed(number, Billed::Written) => self.accounting.written(number),
                Output::Billed(number, Billed::Unanswered(why)) => {
                    self.accounting.unanswered(number, why, self.clock.now());
                }
                Output::Billed(number, Billed::TooLong) => panic!("{number} is too long"),
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
        let mut any = false;
        while let Some((id, from, bytes)) = self.sockets.next_answer() {
            any = true;
            self.client.receive(id, from, &bytes, self.clock.now());
        }
        any
    }
}
