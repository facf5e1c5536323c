//! Thousands of clients on the sockets of this machine's kernel: TCP for their control connections,
//! one raw socket for their GRE. The server may be any PPTP server that takes MS-CHAPv2 and MPPE.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use pns::wire::gre::Header;
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::net::{self, RecvFlags, SendFlags, ipproto, sockopt};
use serde::{Deserialize, Serialize};

use super::client::{Client, Say, User};
use super::shares;
use crate::Outcome;
use crate::measure::percentile;
use crate::report::rounded;

/// Nothing is heard of clients for so long: those that are not up say again what is not answered.
const PATIENCE: Duration = Duration::from_secs(1);
/// Then the others have failed.
const GIVE_UP: Duration = Duration::from_secs(20);
/// The raw socket; clients have the tokens from 0 on.
const GRE: Token = Token(usize::MAX - 1);

/// How many clients, and how fast.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) server: SocketAddrV4,
    pub(crate) clients: usize,
    /// Clients that may be on their way at once; as many as there are is a storm.
    pub(crate) at_once: usize,
}

/// What the clients saw.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Dialled {
    pub(crate) clients: usize,
    pub(crate) up: usize,
    pub(crate) wall_s: f64,
    pub(crate) calls_per_wall_s: f64,
    pub(crate) setup_p50_ms: f64,
    pub(crate) setup_p99_ms: f64,
    pub(crate) frames_repeated: u64,
    /// When equal shares of the clients were up.
    pub(crate) up_after_s: Vec<f64>,
}

struct Line {
    client: Client,
    user: User,
    stream: TcpStream,
    /// Not written yet.
    pending: Vec<u8>,
    is_connected: bool,
    sequence: u32,
    heard: Option<u32>,
    began: Instant,
    said: Instant,
    up: Option<Duration>,
    /// The server has closed it, or refused it.
    is_over: bool,
    /// It is among the finished.
    is_counted: bool,
}

struct Dialler {
    plan: Plan,
    poll: Poll,
    gre: OwnedFd,
    /// By number; `None` has not dialled.
    lines: Vec<Option<Line>>,
    say: Vec<Say>,
    dialled: usize,
    finished: usize,
    progress: Instant,
    repeated: u64,
}

/// Dials, and returns when every client is up or has failed. The calls stay up until what is
/// returned is dropped.
pub(crate) fn dial(plan: Plan) -> Outcome<(Dialled, impl Sized)> {
    pns::slowpath::descriptors::raise_to(plan.clients as u64 + 64)?;
    let began = Instant::now();
    let mut dialler = Dialler::new(plan)?;
    dialler.run()?;
    let wall_s = began.elapsed().as_secs_f64();
    let lines = || dialler.lines.iter().flatten();
    let times = lines().filter_map(|line| line.up);
    let times: Vec<_> = times.map(|time| time.as_secs_f64() * 1e3).collect();
    let up_after = lines().filter_map(|line| Some(line.began.duration_since(began) + line.up?));
    let up_after_s = shares(up_after.map(|time| time.as_secs_f64()).collect());
    let dialled = Dialled {
        clients: plan.clients,
        up: times.len(),
        wall_s: rounded(wall_s, 3),
        calls_per_wall_s: rounded(times.len() as f64 / wall_s, 0),
        setup_p50_ms: rounded(percentile(&times, 50), 2),
        setup_p99_ms: rounded(percentile(&times, 99), 2),
        frames_repeated: dialler.repeated,
        up_after_s,
    };
    Ok((dialled, dialler))
}

impl Dialler {
    fn new(plan: Plan) -> Outcome<Self> {
        let flags = net::SocketFlags::NONBLOCK | net::SocketFlags::CLOEXEC;
        let (family, kind) = (net::AddressFamily::INET, net::SocketType::RAW);
        let gre = net::socket_with(family, kind, flags, Some(ipproto::GRE))?;
        // The kernel gives less to who may not ask for more; then frames are said again.
        let _as_much_as_there_is = sockopt::set_socket_recv_buffer_size_force(&gre, 64 << 20)
            .or_else(|_| sockopt::set_socket_recv_buffer_size(&gre, 8 << 20));
        net::connect(&gre, &SocketAddrV4::new(*plan.server.ip(), 0))?;
        let poll = Poll::new()?;
        let mut source = SourceFd(&gre.as_raw_fd());
        poll.registry()
            .register(&mut source, GRE, Interest::READABLE)?;
        Ok(Self {
            plan,
            poll,
            gre,
            lines: (0..plan.clients).map(|_| None).collect(),
            say: Vec::new(),
            dialled: 0,
            finished: 0,
            progress: Instant::now(),
            repeated: 0,
        })
    }

    fn run(&mut self) -> Outcome<()> {
        let mut events = Events::with_capacity(1024);
        let mut patience = Instant::now();
        while self.finished < self.plan.clients && self.progress.elapsed() < GIVE_UP {
            while self.dialled < self.plan.clients
                && self.dialled - self.finished < self.plan.at_once
            {
                self.connect()?;
            }
            self.poll.poll(&mut events, Some(PATIENCE / 10))?;
            for event in &events {
                if event.token() == GRE {
                    self.read_gre();
                } else {
                    self.serve(event.token().0)?;
                }
            }
            if patience.elapsed() > PATIENCE / 2 {
                patience = Instant::now();
                self.repeat();
            }
        }
        Ok(())
    }

    fn connect(&mut self) -> Outcome<()> {
        let number = self.dialled;
        let mut stream = TcpStream::connect(SocketAddr::V4(self.plan.server))?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll
            .registry()
            .register(&mut stream, Token(number), interest)?;
        let now = Instant::now();
        if let Some(place) = self.lines.get_mut(number) {
            *place = Some(Line {
                // A client's Call ID is its number, so that GRE finds it.
                client: Client::new(number, u16::try_from(number + 1)?),
                user: User::numbered(number),
                stream,
                pending: Vec::new(),
                is_connected: false,
                sequence: 0,
                heard: None,
                began: now,
                said: now,
                up: None,
                is_over: false,
                is_counted: false,
            });
        }
        self.dialled += 1;
        Ok(())
    }

    /// A control connection can be read or written.
    fn serve(&mut self, number: usize) -> Outcome<()> {
        let Some(line) = self.lines.get_mut(number).and_then(Option::as_mut) else {
            return Ok(());
        };
        if !line.is_connected {
            if line.stream.take_error()?.is_some() {
                line.is_over = true;
            } else if line.stream.peer_addr().is_ok() {
                line.is_connected = true;
                line.stream.set_nodelay(true)?;
                line.client.connected(&mut self.say);
            } else {
                return Ok(());
            }
        }
        let mut buffer = [0; 2048];
        while !line.is_over {
            match line.stream.read(&mut buffer) {
                Ok(0) => line.is_over = true,
                Ok(length) => {
                    let bytes = buffer.get(..length).unwrap_or_default();
                    line.client.hear_control(bytes, &mut self.say);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => line.is_over = true,
            }
        }
        self.speak(number);
        Ok(())
    }

    fn read_gre(&mut self) {
        let mut buffer = [0; 2048];
        while let Ok((length, _)) = net::recv(&self.gre, &mut buffer, RecvFlags::empty()) {
            let packet = buffer.get(..length).unwrap_or_default();
            self.hear_gre(packet);
        }
    }

    /// One IP packet with GRE in it.
    fn hear_gre(&mut self, packet: &[u8]) {
        let header_bytes = usize::from(packet.first().copied().unwrap_or_default() & 0x0f) * 4;
        let packet = packet.get(header_bytes..).unwrap_or_default();
        let Ok(header) = Header::parse(packet) else {
            return;
        };
        let number = usize::from(header.call_id.get()).wrapping_sub(1);
        let Some(line) = self.lines.get_mut(number).and_then(Option::as_mut) else {
            return;
        };
        line.heard = header.sequence.or(line.heard);
        let start = header.length();
        let frame = packet.get(start..start + usize::from(header.payload_length));
        if let Some(frame) = frame.filter(|frame| !frame.is_empty()) {
            line.client.hear_ppp(frame, &line.user, &mut self.say);
            self.speak(number);
        }
    }

    /// Sends what a client has just said, and looks how far it is.
    fn speak(&mut self, number: usize) {
        let Some(line) = self.lines.get_mut(number).and_then(Option::as_mut) else {
            return;
        };
        for say in self.say.drain(..) {
            line.said = Instant::now();
            match say {
                Say::Control(bytes) => line.pending.extend(bytes),
                Say::Ppp(frame) => send(&self.gre, line, &frame),
            }
        }
        if let Ok(written) = line.stream.write(&line.pending) {
            line.pending.drain(..written);
        }
        if line.client.is_up() && line.up.is_none() {
            line.up = Some(line.began.elapsed());
        }
        line.is_over |= line.client.is_refused;
        if !line.is_counted && (line.up.is_some() || line.is_over) {
            line.is_counted = true;
            self.finished += 1;
            self.progress = Instant::now();
        }
    }

    fn repeat(&mut self) {
        for number in 0..self.dialled {
            let Some(line) = self.lines.get_mut(number).and_then(Option::as_mut) else {
                continue;
            };
            if line.up.is_none() && line.said.elapsed() > PATIENCE {
                line.client.repeat(&mut self.say);
                self.repeated += self.say.len() as u64;
                self.speak(number);
            }
        }
    }
}

/// Sends a frame of a client in GRE; one that the kernel does not take is said again later.
fn send(gre: &OwnedFd, line: &mut Line, frame: &[u8]) {
    let Some(call_id) = line.client.peer_call_id else {
        return;
    };
    let header = Header {
        payload_length: u16::try_from(frame.len()).unwrap_or_default(),
        call_id,
        sequence: Some(line.sequence),
        acknowledgment: line.heard.take(),
    };
    let mut packet = [0; 1600];
    let Some(start) = header.emit(&mut packet) else {
        return;
    };
    let Some(place) = packet.get_mut(start..start + frame.len()) else {
        return;
    };
    place.copy_from_slice(frame);
    line.sequence += 1;
    let packet = packet.get(..start + frame.len()).unwrap_or_default();
    let _sent = net::send(gre, packet, SendFlags::empty());
}
