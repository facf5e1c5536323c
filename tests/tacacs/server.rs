//! The server of `server.py`: made by `start`, ended when dropped. And the sockets of a client.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pns::aaa::Servers;
use pns::aaa::accounting::Record;
use pns::aaa::radius::{Billed, Ticket};
use pns::aaa::tacacs::{Client, ConnectionId, Layer, Output, ServerConfig, Settings, Timing};
use pns::aaa::{Access, Decision, Denial};
use pns::auth::Secret;
use pns::clock::MonotonicClock;
use pns::ppp::link::{Credentials, MppePolicy};

pub(crate) use crate::server_process::caller;
use crate::server_process::{PATIENCE, ServerProcess};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tacacs/server.py");
pub(crate) const SECRET: &str = "a secret of both ends";
const SETTINGS: &str = r#"{
    "secret": "a secret of both ends",
    "users": {
        "alice": {
            "password": "wonderland-7",
            "lcp": ["timeout=60"],
            "ip": ["addr=10.9.8.7", "addr-pool=staff", "route*10.1.0.0 255.255.0.0", "dns-servers=9.9.9.9"]
        },
        "bob": {"password": "builder-3", "lcp": []},
        "carol": {"password": "caroline", "lcp": [], "ip": ["autocmd=hangup"]}
    }
}"#;
/// The server's process and folder.
pub(crate) struct Server {
    process: ServerProcess,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// `None`: Debian's Python has no scapy.
    pub(crate) fn start(words: &[&str]) -> Option<Self> {
        let has = Command::new("/usr/bin/python3")
            .args(["-c", "import scapy.contrib.tacacs"])
            .stderr(Stdio::null())
            .status();
        if !has.is_ok_and(|code| code.success()) {
            return None;
        }
        let mut process = ServerProcess::new("tacacs");
        process.write("settings.json", SETTINGS);
        let mut command = Command::new("/usr/bin/python3");
        command
            .args([SCRIPT, "127.0.0.1", "0"])
            .arg(&process.folder);
        command.args(words).stderr(Stdio::null());
        let port = process.run(&mut command, "port", "");
        let address = (Ipv4Addr::LOCALHOST, port.parse().unwrap()).into();
        Some(Self { process, address })
    }

    /// The records that it wrote down, one a line.
    pub(crate) fn records(&self) -> Vec<serde_json::Value> {
        let text = self.process.read("records");
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub(crate) fn client(&self) -> Dialler {
        Dialler::new(self.address, SECRET)
    }
}

/// Our client, with real sockets and the real clock.
pub(crate) struct Dialler {
    pub(crate) client: Client,
    pub(crate) clock: MonotonicClock,
    /// Connections that were opened.
    pub(crate) opened: usize,
    streams: HashMap<ConnectionId, TcpStream>,
    decided: HashMap<Ticket, Decision>,
    billed: Vec<(u64, Billed)>,
}

impl Dialler {
    pub(crate) fn new(address: SocketAddr, secret: &str) -> Self {
        let server = ServerConfig {
            name: "scapy".into(),
            address,
            secret: Secret::from(secret.to_owned()),
            group: None,
            timeout: Duration::from_secs(4),
        };
        let settings = Settings {
            servers: vec![server],
            timing: Timing::default(),
            layers: vec![Layer::Lcp, Layer::Ip],
            pool: "default".into(),
        };
        let entropy = |buffer: &mut [u8]| getrandom::fill(buffer).unwrap();
        Self {
            client: Client::new(settings, Box::new(entropy)),
            clock: MonotonicClock::new(),
            opened: 0,
            streams: HashMap::new(),
            decided: HashMap::new(),
            billed: Vec::new(),
        }
    }

    /// Logs in without encryption, and waits for the decision.
    pub(crate) fn log_in(&mut self, credentials: &Credentials) -> Decision {
        let access = Access {
            mppe: MppePolicy::OPTIONAL,
            ..Access::default()
        };
        let now = self.clock.now();
        let asked = self.client.ask(
            &caller(),
            credentials,
            &Arc::new(access),
            &Servers::Any,
            now,
        );
        let Ok(ticket) = asked else {
            panic!("not asked")
        };
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            self.turn();
            if let Some(decision) = self.decided.remove(&ticket) {
                return decision;
            }
        }
        panic!("nothing came of it in time");
    }

    /// Does what the client asks for, and reads what came for it.
    fn turn(&mut self) {
        self.client.handle_timeout(self.clock.now());
        while let Some(output) = self.client.poll_output() {
            self.carry_out(output);
        }
        self.read();
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Connect(id, to) => {
                self.opened += 1;
                let Ok(stream) = TcpStream::connect(to) else {
                    return self.client.closed(id, self.clock.now());
                };
                let patience = Some(Duration::from_millis(5));
                stream.set_read_timeout(patience).unwrap();
                self.streams.insert(id, stream);
                self.client.connected(id, self.clock.now());
            }
            Output::Transmit(id, bytes) => (&self.streams[&id]).write_all(&bytes).unwrap(),
            Output::Close(id) => drop(self.streams.remove(&id)),
            Output::Decided(ticket, decision) => {
                self.decided.insert(ticket, decision);
            }
            Output::Billed(number, billed) => self.billed.push((number, billed)),
            Output::Event(_) => {}
        }
    }

    fn read(&mut self) {
        let mut buffer = [0; 1500];
        for (id, mut stream) in &self.streams {
            let now = self.clock.now();
            match stream.read(&mut buffer) {
                Ok(0) => self.client.closed(*id, now),
                Ok(length) => self.client.receive(*id, &buffer[..length], now),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
    }

    /// Hands in a record, and waits until it is written down.
    pub(crate) fn bill(&mut self, record: &Record) {
        self.client.bill(1, record, self.clock.now());
        let began = Instant::now();
        while began.elapsed() < PATIENCE && self.billed.is_empty() {
            self.turn();
        }
        assert_eq!(std::mem::take(&mut self.billed), [(1, Billed::Written)]);
    }

    /// Logs in and is refused.
    pub(crate) fn denied(&mut self, credentials: &Credentials) -> Denial {
        match self.log_in(credentials) {
            Decision::Deny(denial) => *denial,
            Decision::Accept(_) => panic!("let in"),
            Decision::Reject(_) | Decision::Challenge { .. } => panic!("no denial"),
        }
    }
}
