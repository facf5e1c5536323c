//! The control plane with a configuration that has something of everything, and who may be asked.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use pns::aaa::radius::{Demand, SocketId};
use pns::clock::Timestamp;
use pns::operate::{account, explain};
use pns::session::Account;
use pns::session::verdict::Key;
use pns::slowpath::tacacs_settings;

use super::plane::{CLIENT, Rig, SMALLEST, Servers};
use super::ppp_client::PppClient;
use super::radius::{self, Script};

const CONFIG: &str = r#"unknown_realm = "refuse"
[[pool]]
name = "tiny"
ranges = ["10.78.0.2"]
gateway = "10.77.0.1"
next = "spare"
[[pool]]
name = "spare"
ranges = ["10.78.0.3"]
gateway = "10.77.0.1"
[[realm]]
name = "example.com"
[group.office]
authentication = ["mschapv2"]
sessions_max = 1
[group.narrow]
authentication = ["eap"]
[ppp.authentication]
methods = ["mschapv2", "eap", "chap-md5", "pap"]
"#;

type Answers = Scripted<Box<dyn FnMut(&[u8]) -> Option<Vec<u8>>>>;

pub(crate) struct World(pub(crate) Rig<Answers>);

impl World {
    /// A server with these users, and with `more` in its configuration.
    pub(crate) fn new(users: &str, more: &str) -> Self {
        let nobody: Box<dyn FnMut(&[u8]) -> _> = Box::new(nobody);
        let now = Timestamp::ZERO + Duration::from_secs(100);
        Self(Rig::new(
            &format!("{SMALLEST}{CONFIG}{more}"),
            users,
            Scripted::new(nobody),
            now,
        ))
    }

    /// Asks a RADIUS server about whoever is no local user.
    pub(crate) fn ask_radius(&mut self, script: Script, demand: Demand, questions_max: usize) {
        self.radius_does(script);
        let client = radius::client(demand, questions_max);
        self.0.plane.ask_servers(client, true);
    }

    /// From here on the RADIUS server does this.
    pub(crate) fn radius_does(&mut self, script: Script) {
        let answer = move |datagram: &[u8]| radius::answer(script, datagram);
        self.0.servers = Scripted::new(Box::new(answer));
    }

    /// Asks TACACS+ servers as the configuration says: no connection to one can be had.
    pub(crate) fn ask_tacacs(&mut self) {
        let log_ins = tacacs_settings::log_ins(self.0.config.as_ref().unwrap()).unwrap();
        self.0.plane.ask_tacacs(log_ins);
    }

    /// A client dials in; `false` if it is not even given a call.
    pub(crate) fn dial(&mut self, client: PppClient) -> bool {
        self.0.dial(client)
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.0.pass(Duration::from_secs(seconds));
    }

    /// What `pns explain peer` prints of the attempts that ended with this finding, and the names
    /// of all findings.
    pub(crate) fn explain(&self, finding: &str) -> (String, Vec<&'static str>) {
        let accounts = self.0.plane.sessions.explain(&Key::Peer(CLIENT), 100);
        let name = |account: &Account| match account {
            Account::Ended(verdict) => verdict.finding.name(),
            Account::Live { .. } => "live",
        };
        let found = accounts.iter().filter(|account| name(account) == finding);
        let rows: Vec<_> = found
            .map(|account| account::row(account, self.0.now, SystemTime::now()))
            .collect();
        (explain::text(&rows), accounts.iter().map(name).collect())
    }
}

/// No server is asked.
pub(crate) fn nobody(_: &[u8]) -> Option<Vec<u8>> {
    panic!("nobody else is asked")
}

/// Answers at once, by a function.
pub(crate) struct Scripted<F> {
    script: F,
    answers: VecDeque<(SocketId, SocketAddr, Vec<u8>)>,
}

impl<F> Scripted<F> {
    pub(crate) const fn new(script: F) -> Self {
        Self {
            script,
            answers: VecDeque::new(),
        }
    }
}

impl<F: FnMut(&[u8]) -> Option<Vec<u8>>> Servers for Scripted<F> {
    fn hear(&mut self, socket: SocketId, to: SocketAddr, bytes: &[u8]) {
        let answer = (self.script)(bytes);
        self.answers
            .extend(answer.map(|answer| (socket, to, answer)));
    }

    fn next_answer(&mut self) -> Option<(SocketId, SocketAddr, Vec<u8>)> {
        self.answers.pop_front()
    }
}
