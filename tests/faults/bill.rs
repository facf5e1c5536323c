//! Ten minutes without any server that writes the bill down: calls come, live and go as if nothing
//! were the matter, and every record is written down in its order afterwards.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use pns::aaa::accounting::{Accounting, RecordFate, Settings};
use pns::aaa::radius::{Demand, Service, SocketId};
use pns::clock::Timestamp;
use pns::operate::admin::Request;
use pns::operate::explain::Subject;
use pns::wire::radius::attribute::{ACCT_DELAY_TIME, ACCT_INPUT_PACKETS, ACCT_STATUS_TYPE};
use pns::wire::radius::{Attributes, Code, Packet, Reply};

use super::plane::{Rig, Servers, roomy};
use super::ppp_client::{Login, PppClient};
use super::radius::{SECRET, client_of};
use super::view::printed;

const CONFIG: &str = r#"
[ppp]
lcp_echo_interval_s = 30
[ppp.authentication]
methods = ["pap"]
[ppp.mppe]
policy = "off"
[explain]
history_max = 64
"#;
const USERS: &str = "[[user]]\nname = \"alice\"\npassword = \"wonderland-7\"\n";

const START: u32 = 1;
const STOP: u32 = 2;
/// Each with one socket while there is no rush.
const SERVERS: usize = 2;
/// Records of different calls that are out at once, and may overtake each other.
const AT_ONCE: usize = 64;
/// Calls that live at once.
const LIVE: usize = 100;

/// What a server was asked to write down.
struct Written {
    status: u32,
    packets: u32,
    late_s: u32,
}

/// Two servers, which live or die together.
#[derive(Default)]
struct Bookkeepers {
    dead: bool,
    /// They have another secret.
    disbelieved: bool,
    records: Vec<Written>,
    unheard: u64,
    answers: VecDeque<(SocketId, SocketAddr, Vec<u8>)>,
}

impl Servers for Bookkeepers {
    fn hear(&mut self, socket: SocketId, to: SocketAddr, bytes: &[u8]) {
        if self.dead {
            self.unheard += 1;
            return;
        }
        let request = Packet::parse(bytes).unwrap();
        let integer = |attribute| request.integer(attribute).unwrap_or_default();
        let mut code = Code::ACCESS_ACCEPT;
        if request.code == Code::ACCOUNTING_REQUEST {
            code = Code::ACCOUNTING_RESPONSE;
            self.records.push(Written {
                status: integer(&ACCT_STATUS_TYPE),
                packets: integer(&ACCT_INPUT_PACKETS),
                late_s: integer(&ACCT_DELAY_TIME),
            });
        }
        let reply = Reply {
            code,
            identifier: request.identifier,
            request_authenticator: &request.authenticator,
            secret: if self.disbelieved {
                b"another secret"
            } else {
                SECRET
            },
            attributes: &Attributes::new(),
            signed: true,
        };
        let reply = reply.to_packet().unwrap();
        self.answers.push_back((socket, to, reply));
    }

    fn next_answer(&mut self) -> Option<(SocketId, SocketAddr, Vec<u8>)> {
        self.answers.pop_front()
    }
}

fn server() -> Rig<Bookkeepers> {
    let now = Timestamp::ZERO + Duration::from_secs(100);
    let mut rig = Rig::new(&(roomy() + CONFIG), USERS, Bookkeepers::default(), now);
    let services = [
        ("first", Service::Accounting, "192.0.2.1:1813"),
        ("second", Service::Accounting, "192.0.2.2:1813"),
    ];
    let client = client_of(&services, Demand::Auto, 1000);
    rig.plane.ask_servers(client, true);
    let settings = Settings {
        writers: vec![None],
        interim: Some(Duration::from_secs(60)),
        unix_at_zero_ms: 0,
        recovered: None,
    };
    let accounting = Accounting::new(&settings, Box::new(|bytes| bytes.fill(0x5a)), now);
    rig.plane.keep_accounts(accounting, None);
    rig
}

fn dial(rig: &mut Rig<Bookkeepers>) {
    let mut client = PppClient::new("alice", "wonderland-7");
    client.login = Login::Pap;
    assert!(rig.dial(client));
    assert!(rig.clients.last().unwrap().network_up());
}

/// One call after the other begins, and the oldest but the very first ends.
fn come_and_go(rig: &mut Rig<Bookkeepers>, calls: usize, every: Duration) {
    for _ in 0..calls {
        dial(rig);
        let oldest = rig.clients.len() - LIVE;
        rig.hang_up(oldest);
        rig.pass(every);
    }
}

/// The servers live again, and everything is written down.
fn drain(rig: &mut Rig<Bookkeepers>) {
    rig.servers.dead = false;
    for _ in 0..120 {
        rig.pass(Duration::from_secs(1));
        if rig.plane.accounting().unwrap().outstanding() == 0 {
            return;
        }
    }
    let left = rig.plane.accounting().unwrap().outstanding();
    panic!("{left} records are left after two minutes");
}

/// X1: 10,000 stops in ten minutes that no server hears of.
#[test]
fn ten_minutes_without_a_server_end_no_call_lose_no_stop_and_leave_no_memory_behind() {
    let mut rig = server();
    (0..LIVE).for_each(|_| dial(&mut rig));
    // Everything has had the size by then that it needs in an outage.
    rig.servers.dead = true;
    come_and_go(&mut rig, 1500, Duration::from_millis(60));
    drain(&mut rig);
    // As many answers at once as a drained outage brings needed more sockets, and now nobody does.
    rig.pass(Duration::from_secs(60));
    assert_eq!(rig.sockets(), SERVERS);
    rig.servers.records = Vec::with_capacity(25_000);
    let first = rig.clients.len() - LIVE + 1;

    let counted = allocation_counter::measure(|| {
        rig.servers.dead = true;
        come_and_go(&mut rig, 10_000, Duration::from_millis(60));
        assert!(rig.servers.records.is_empty() && rig.servers.unheard > 100);
        assert!(rig.plane.accounting().unwrap().outstanding() >= 20_000);
        // Whoever asks for addresses or dies in it was told so.
        assert_eq!((rig.flows(), rig.sockets()), (LIVE, SERVERS));
        assert!(!rig.clients.iter().any(|client| client.terminated));
        drain(&mut rig);
        rig.pass(Duration::from_secs(60));
        // The clients are the test's.
        rig.clients.drain(..rig.clients.len() - LIVE);
        rig.clients.shrink_to_fit();
    });

    let records = &rig.servers.records;
    let of = |status| records.iter().filter(move |it| it.status == status);
    assert_eq!((of(START).count(), of(STOP).count()), (10_000, 10_000));
    for (place, stop) in of(STOP).enumerate() {
        let off = (first + place).abs_diff(stop.packets as usize);
        assert!(
            off <= AT_ONCE,
            "the Stop of call {} at {place}",
            stop.packets
        );
    }
    let distinct: BTreeSet<_> = of(STOP).map(|stop| stop.packets).collect();
    assert_eq!(distinct.len(), 10_000);
    let latest = of(STOP).map(|stop| stop.late_s).max().unwrap();
    assert!((595..=620).contains(&latest), "{latest} s late");
    let fates = rig.plane.accounting().unwrap().fates();
    for fate in [RecordFate::Lost, RecordFate::InterimDropped] {
        assert_eq!(fates[fate.index()], 0, "{fate}");
    }
    assert_eq!(rig.sockets(), SERVERS);
    let left = counted.bytes_current;
    assert!(left < 256 * 1024, "{left} bytes are left of 20,000 records");
}

/// What `pns explain` and `pns show accounting` print of a call that is up, once for all accounts.
fn told(rig: &mut Rig<Bookkeepers>) -> [String; 2] {
    let explain = Request::Explain {
        which: Subject::User("alice".into()),
        last: 5,
    };
    [explain, Request::Accounting {}].map(|request| printed(rig, &request))
}

#[test]
fn explain_names_a_bill_that_nobody_writes_with_its_cause_and_its_cure() {
    let mut rig = server();
    (0..2).for_each(|_| dial(&mut rig));
    rig.pass(Duration::from_secs(30));
    for text in told(&mut rig) {
        assert!(!text.contains("bill:"), "{text}");
    }
    rig.servers.dead = true;
    (0..2).for_each(|_| dial(&mut rig));
    rig.pass(Duration::from_secs(30));
    let words = [
        "No server writes the bill down",
        "\"first\" (192.0.2.1:1813), RADIUS server \"second\" (192.0.2.2:1813).",
        "records wait; calls go on. (accounting_no_answer)",
        "server: See `pns show radius`",
        "path: Or look for a firewall",
    ];
    for text in told(&mut rig) {
        for words in words {
            assert!(text.contains(words), "{words:?} is not in\n{text}");
        }
        assert_eq!(text.matches("bill:").count(), 1, "{text}");
    }
    (rig.servers.dead, rig.servers.disbelieved) = (false, true);
    rig.pass(Duration::from_secs(30));
    for text in told(&mut rig) {
        assert!(text.contains("bad_authenticator"), "{text}");
    }
    rig.servers.disbelieved = false;
    drain(&mut rig);
    for text in told(&mut rig) {
        assert!(!text.contains("bill:"), "{text}");
    }
}
