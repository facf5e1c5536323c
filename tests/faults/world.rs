//! The control plane with a configuration that has something of everything, and who may be asked.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use pns::aaa::radius::{Demand, SocketId};
use pns::clock::Timestamp;
use pns::operate::{account, explain};
use pns::session::Account;
use pns::session::verdict::Key;

use super::plane::{CLIENT, Rig, Servers};
use super::ppp_client::PppClient;
use super::radius::{self, Script};

const CONFIG: &str = r#"
[server]
listen = ["198.51.100.1"]
[[port]]
name = "both"
device = "net_af_xdp0,iface=wan_s"
side = "both"
addresses = ["198.51.100.1/24"]
[[pool]]
name = "default"
ranges = ["10.77.0.100-10.77.0.199"]
gateway = "10.77.0.1"
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
[users]
file = "users.toml"
unknown_realm = "refuse"
"#;

type Answers = Scripted<Box<dyn FnMut(&[u8]) -> Option<Vec<u8>>>>;

pub(crate) struct World(pub(crate) Rig<Answers>);

impl World {
    /// A server with these users, and with `more` in its configuration.
    pub(crate) fn new(users: &str, more: &str) -> Self {
        let nobody =
            Scripted::new(
                Box::new(|_: &[u8]| -> Option<Vec<u8>> { panic!("nobody else is asked") })
                    as Box<dyn FnMut(&[u8]) -> _>,
            );
        let now = Timestamp::ZERO + Duration::from_secs(100);
        Self(Rig::new(&format!("{CONFIG}{more}"), users, nobody, now))
    }

    /// Asks a RADIUS server about whoever is no local user.
    pub(crate) fn ask_radius(&mut self, script: Script, demand: Demand, questions_max: usize) {
        let answer = move |datagram: &[u8]| radius::answer(script, datagram);
        self.0.servers = Scripted::new(Box::new(answer));
        let client = radius::client(demand, questions_max);
        self.0.plane.ask_servers(client, true);
    }

    /// Asks a RADIUS server that answers so about everybody.
    pub(crate) fn ask_server(&mut self, answer: impl FnMut(&[u8]) -> Option<Vec<u8>> + 'static) {
        self.0.servers = Scripted::new(Box::new(answer));
        self.0
            .plane
            .ask_servers(radius::client(Demand::Auto, 100), false);
    }

    /// A client dials in; `false` if it is not even given a call.
    pub(crate) fn dial(&mut self, client: PppClient) -> bool {
        self.0.dial(client)
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.0.pass(Duration::from_secs(seconds));
    }

    /// What `pns explain peer` prints of the latest attempt that ended with this finding, and the names
    /// of all findings.
    pub(crate) fn explain(&self, finding: &str) -> (String, Vec<&'static str>) {
        let accounts = self.0.plane.sessions.explain(&Key::Peer(CLIENT), 100);
        let name = |account: &Account| match account {
            Account::Ended(verdict) => verdict.finding.name(),
            Account::Live { .. } => "live",
        };
        let found = accounts.iter().find(|account| name(account) == finding);
        let rows: Vec<_> = found
            .map(|account| account::row(account, self.0.now, SystemTime::now()))
            .into_iter()
            .collect();
        (explain::text(&rows), accounts.iter().map(name).collect())
    }
}

/// Answers at once, by a function.
pub(crate) struct Scripted<F> {
    script: F,
    answers: VecDeque<(SocketId, SocketAddr, Vec<u8>)>,
}

impl<F> Scripted<F> {
    const fn new(script: F) -> Self {
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
