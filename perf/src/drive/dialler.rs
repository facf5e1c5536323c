//! Thousands of clients at once: TCP for their control connections from this machine's kernel, and GRE
//! by a [`Carrier`]. The server may be any PPTP server that takes MS-CHAPv2 and MPPE-128.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, SocketAddrV4};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use pns::clock::Timestamp;
use pns::wire::gre::Header;
use pns::wire::ppp::{Frame, Protocol};
use serde::{Deserialize, Serialize};

use super::Drive;
use super::carrier::Carrier;
use super::client::{Client, Say, User};
use super::traffic::{Ciphers, Flow, Tally, Traffic};
use crate::Outcome;
use crate::measure::{Random, percentile};
use crate::report::rounded;
use crate::setup::shares;

/// Nothing is heard of clients for so long: those that are not up say again what is not answered.
const PATIENCE: Duration = Duration::from_secs(1);
/// Then the others have failed.
const GIVE_UP: Duration = Duration::from_secs(20);
/// Packets on their way when the last was sent have so long to arrive.
const DRAIN: Duration = Duration::from_secs(1);
/// Packets that are sent between two looks at what has come.
const PACKETS_A_LOOK: u64 = 32;
/// Frames that are read between two looks at the clock.
const FRAMES_A_LOOK: usize = 256;
/// The raw socket; clients have the tokens from 0 on.
const GRE: Token = Token(usize::MAX - 1);

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
    stream: TcpStream,
    /// Not written yet.
    pending: Vec<u8>,
    is_connected: bool,
    sequence: u32,
    /// Not acknowledged yet.
    heard: Option<u32>,
    newest: Option<u32>,
    began: Instant,
    said: Instant,
    up: Option<Duration>,
    /// The server has closed it, or refused it.
    is_over: bool,
    /// It is among the finished.
    is_counted: bool,
    /// Its packets, once it is up.
    flow: Option<Flow>,
}

/// All clients of a drive.
pub(super) struct Dialler<'a> {
    plan: &'a Drive,
    users: Vec<User>,
    poll: Poll,
    carrier: Carrier,
    /// By number; `None` has not dialled.
    lines: Vec<Option<Line>>,
    say: Vec<Say>,
    dialled: usize,
    finished: usize,
    progress: Instant,
    repeated: u64,
    epoch: Instant,
    ciphers: Ciphers,
    tally: Tally,
    random: Random,
}

impl<'a> Dialler<'a> {
    /// Clients that have not dialled, one for each of `users`.
    pub(super) fn new(plan: &'a Drive, users: Vec<User>, carrier: Carrier) -> Outcome<Self> {
        pns::slowpath::descriptors::raise_to(plan.clients as u64 + 64)?;
        let poll = Poll::new()?;
        if let Some(descriptor) = carrier.pollable() {
            let mut source = SourceFd(&descriptor);
            poll.registry()
                .register(&mut source, GRE, Interest::READABLE)?;
        }
        Ok(Self {
            plan,
            users,
            poll,
            carrier,
            lines: (0..plan.clients).map(|_| None).collect(),
            say: Vec::new(),
            dialled: 0,
            finished: 0,
            progress: Instant::now(),
            repeated: 0,
            epoch: Instant::now(),
            ciphers: Ciphers::new(),
            tally: Tally::new()?,
            random: Random::new(),
        })
    }

    /// Dials, and returns when every client is up or has failed. The calls stay up as long as this
    /// value.
    pub(super) fn dial(&mut self) -> Outcome<Dialled> {
        let began = Instant::now();
        self.progress = began;
        let mut patience = began;
        while self.finished < self.plan.clients && self.progress.elapsed() < GIVE_UP {
            let may_begin = began.elapsed().as_secs_f64() * self.plan.calls_per_s + 1.0;
            while self.dialled < self.plan.clients
                && self.dialled - self.finished < self.plan.at_once
                && (self.dialled as f64) < may_begin
            {
                self.connect()?;
            }
            self.look(PATIENCE / 100)?;
            if patience.elapsed() > PATIENCE / 2 {
                patience = Instant::now();
                self.repeat();
            }
        }
        let wall_s = began.elapsed().as_secs_f64();
        let lines = || self.lines.iter().flatten();
        let times = lines().filter_map(|line| line.up);
        let times: Vec<_> = times.map(|time| time.as_secs_f64() * 1e3).collect();
        let up_after = lines().filter_map(|line| Some(line.began.duration_since(began) + line.up?));
        Ok(Dialled {
            clients: self.plan.clients,
            up: times.len(),
            wall_s: rounded(wall_s, 3),
            calls_per_wall_s: rounded(times.len() as f64 / wall_s, 0),
            setup_p50_ms: rounded(percentile(&times, 50), 2),
            setup_p99_ms: rounded(percentile(&times, 99), 2),
            frames_repeated: self.repeated,
            up_after_s: shares(up_after.map(|time| time.as_secs_f64()).collect()),
        })
    }

    /// Calls that were up and are no more.
    pub(super) fn calls_lost(&self) -> usize {
        let lines = self.lines.iter().flatten();
        lines
            .filter(|line| line.up.is_some() && line.is_over)
            .count()
    }

    /// Sends packets through all calls that are up, in turn, by a schedule, and checks what comes.
    pub(super) fn send_packets(&mut self, time: Duration) -> Outcome<Traffic> {
        let mut up: Vec<_> = (0..self.lines.len())
            .filter(|number| self.is_up(*number))
            .collect();
        if self.plan.to.is_none() {
            // In pairs.
            up.truncate(up.len() & !1);
        }
        if up.is_empty() {
            return Err("too few calls are up to send anything".into());
        }
        let began = self.epoch.elapsed();
        let per_s = self.plan.packets_per_s;
        let packets = (per_s * time.as_secs_f64()) as u64;
        let mut sent = 0;
        while sent < packets {
            let passed = (self.epoch.elapsed() - began).as_secs_f64();
            let due = ((passed * per_s) as u64).min(packets);
            let now = sent..due.min(sent + PACKETS_A_LOOK);
            sent = now.end;
            for number in now {
                let turn = usize::try_from(number)? % up.len();
                let (from, to) = (up.get(turn), up.get(turn ^ 1).or(up.first()));
                let due_ns = began.as_nanos() as u64 + (number as f64 * 1e9 / per_s) as u64;
                if let (Some(from), Some(to)) = (from, to) {
                    self.send_packet(*from, *to, due_ns);
                }
            }
            self.carrier.flush();
            let behind = due > sent;
            self.look(if behind {
                Duration::ZERO
            } else {
                Duration::from_millis(1)
            })?;
        }
        self.let_go();
        let seconds = (self.epoch.elapsed() - began).as_secs_f64();
        let drained = Instant::now();
        while drained.elapsed() < DRAIN {
            self.look(Duration::from_millis(1))?;
        }
        let flows = self
            .lines
            .iter()
            .flatten()
            .filter_map(|line| line.flow.as_ref());
        let reflects = self.plan.to.is_some();
        Ok(Traffic::new(
            flows,
            &self.tally,
            self.plan.size,
            seconds,
            reflects,
        ))
    }

    fn is_up(&self, number: usize) -> bool {
        let line = self.lines.get(number).and_then(Option::as_ref);
        line.is_some_and(|line| line.flow.is_some() && !line.is_over)
    }

    fn send_packet(&mut self, from: usize, to: usize, due_ns: u64) {
        let lease = |number: usize| Some(self.lines.get(number)?.as_ref()?.client.lease);
        let pair = lease(to).map(|lease| SocketAddrV4::new(lease, Flow::port()));
        let Some((to, own)) = self.plan.to.or(pair).zip(lease(from)) else {
            return;
        };
        let Some(line) = self.lines.get_mut(from).and_then(Option::as_mut) else {
            return;
        };
        let Some(flow) = &mut line.flow else {
            return;
        };
        let frame = flow.next_frame(own, to, self.plan.size, due_ns, &mut self.ciphers);
        let Some(packet) = frame.and_then(|frame| line.in_gre(&frame)) else {
            return;
        };
        if self.random.per_mille(self.plan.lose) {
            self.tally.lost_on_request += 1;
            return;
        }
        let held = line.flow.as_mut().and_then(|flow| flow.held.take());
        if held.is_none() && self.random.per_mille(self.plan.reorder) {
            self.tally.reordered_on_request += 1;
            if let Some(flow) = &mut line.flow {
                flow.held = Some(packet);
            }
            return;
        }
        self.carrier.send(&packet);
        if let Some(held) = held {
            self.carrier.send(&held);
        }
    }

    /// Sends what still waits for a next packet of its call.
    fn let_go(&mut self) {
        let flows = self.lines.iter_mut().flatten();
        for flow in flows.filter_map(|line| line.flow.as_mut()) {
            if let Some(packet) = flow.held.take() {
                self.carrier.send(&packet);
            }
        }
        self.carrier.flush();
    }

    /// Hears whatever there is, and waits for it no longer than `patience`.
    fn look(&mut self, patience: Duration) -> Outcome<()> {
        let mut events = Events::with_capacity(1024);
        let is_pollable = self.carrier.pollable().is_some();
        let patience = if is_pollable {
            patience
        } else {
            Duration::ZERO
        };
        if let Err(error) = self.poll.poll(&mut events, Some(patience))
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error.into());
        }
        for event in &events {
            if event.token() == GRE {
                self.read_gre(usize::MAX);
            } else {
                self.serve(event.token().0)?;
            }
        }
        if !is_pollable {
            self.read_gre(FRAMES_A_LOOK);
            self.carrier.flush();
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
                stream,
                pending: Vec::new(),
                is_connected: false,
                sequence: 0,
                heard: None,
                newest: None,
                began: now,
                said: now,
                up: None,
                is_over: false,
                is_counted: false,
                flow: None,
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

    fn read_gre(&mut self, frames: usize) {
        let mut buffer = [0; 2048];
        for _ in 0..frames {
            let Some(length) = self.carrier.receive(&mut buffer) else {
                return;
            };
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
        line.newest = line.heard.or(line.newest);
        let start = header.length();
        let frame = packet.get(start..start + usize::from(header.payload_length));
        let Some(bytes) = frame.filter(|frame| !frame.is_empty()) else {
            return;
        };
        if let (Some(flow), Some(sequence), Ok(frame)) =
            (&mut line.flow, header.sequence, Frame::parse(bytes))
            && frame.protocol == Protocol::COMPRESSED
        {
            let now = Timestamp::ZERO + self.epoch.elapsed();
            let payload = flow.open(&frame, sequence, now, &mut self.ciphers);
            return self.hear_packet(number, payload);
        }
        if let Some(user) = self.users.get(number) {
            line.client.hear_ppp(bytes, user, &mut self.say);
            self.speak(number);
        }
    }

    /// A packet of a call has come; `None` is one that is not as it was sent.
    fn hear_packet(&mut self, number: usize, payload: Option<super::payload::Payload>) {
        let Some(payload) = payload else {
            self.tally.corrupted += 1;
            return;
        };
        let sender = usize::try_from(payload.from).unwrap_or(usize::MAX);
        let reflects = self.plan.to.is_some();
        // Reflected packets come back to who sent them; others go to anyone but him.
        if reflects != (sender == number) {
            self.tally.for_others += 1;
            return;
        }
        let now_ns = self.epoch.elapsed().as_nanos() as u64;
        let way_ns = now_ns.saturating_sub(payload.due_ns).max(1);
        self.tally.way.saturating_record(way_ns);
        let line = self.lines.get_mut(sender).and_then(Option::as_mut);
        if let Some(flow) = line.and_then(|line| line.flow.as_mut()) {
            flow.seen.note(payload.number);
            flow.reflected(payload.reflected);
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
                Say::Ppp(frame) => {
                    if let Some(packet) = line.in_gre(&frame) {
                        self.carrier.send(&packet);
                    }
                }
            }
        }
        self.carrier.flush();
        if let Ok(written) = line.stream.write(&line.pending) {
            line.pending.drain(..written);
        }
        if line.client.is_up() && line.up.is_none() {
            line.up = Some(line.began.elapsed());
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            let keys = line.client.keys.take();
            line.flow = keys.map(|keys| Flow::new(number, keys, line.newest));
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

impl Line {
    /// A frame of the client in GRE, with the next number.
    fn in_gre(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        let header = Header {
            payload_length: u16::try_from(frame.len()).ok()?,
            call_id: self.client.peer_call_id?,
            sequence: Some(self.sequence),
            acknowledgment: self.heard.take(),
        };
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = vec![0; header.length() + frame.len()];
        let start = header.emit(&mut packet)?;
        packet.get_mut(start..)?.copy_from_slice(frame);
        Some(packet)
    }
}
