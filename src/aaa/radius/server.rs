//! One server as its client sees it: whether it lives, and what came from it.

use std::time::Duration;

use super::config::{ServerConfig, Timing};
use super::slots::Slots;
use crate::clock::Timestamp;
use crate::counted_enum;

counted_enum! {
    /// Why a datagram was not taken for an answer.
    pub enum ReplyRefusal {
        /// Not a packet.
        Malformed => "malformed",
        /// From an address that was not asked.
        Foreign => "foreign",
        /// Nothing was asked under its identifier.
        Unsolicited => "unsolicited",
        /// The question was given up, or answered by another server, before.
        Late => "late",
        /// The question has its answer.
        Duplicate => "duplicate",
        /// Its Response Authenticator is not made with the shared secret over this question.
        BadAuthenticator => "bad_authenticator",
        /// Its Message-Authenticator is wrong.
        BadMessageAuthenticator => "bad_message_authenticator",
        /// It has no Message-Authenticator, and has to.
        Unsigned => "unsigned",
        /// It has no Message-Authenticator, and a Proxy-State that was not sent: the mark of a forgery
        /// by collision of MD5.
        ProxyState => "proxy_state",
        /// It is no answer to such a question.
        UnexpectedCode => "unexpected_code",
    }
}

impl ReplyRefusal {
    /// Whether the answer may be the server's own, and lacks what would prove it.
    pub(super) const fn is_of_a_disbelief(self) -> bool {
        match self {
            Self::BadAuthenticator
            | Self::BadMessageAuthenticator
            | Self::Unsigned
            | Self::ProxyState
            | Self::UnexpectedCode => true,
            Self::Malformed | Self::Foreign | Self::Unsolicited | Self::Late | Self::Duplicate => {
                false
            }
        }
    }
}

/// Bounds of the round-trip histogram, in milliseconds; what is longer is in a class of its own.
pub const RTT_BOUNDS_MS: [u64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/// What was counted of a server.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Questions put to it, repetitions left out.
    pub questions: u64,
    /// Repetitions.
    pub retransmits: u64,
    /// Answers that were believed.
    pub replies: u64,
    /// Questions that it did not answer, and that went to another or were given up.
    pub timeouts: u64,
    /// Times that it was held dead.
    pub deaths: u64,
    /// Datagrams that were not believed, by [`ReplyRefusal`].
    pub refused: [u64; ReplyRefusal::COUNT],
    /// Round trips of questions that were not repeated, by [`RTT_BOUNDS_MS`].
    pub round_trips: [u64; RTT_BOUNDS_MS.len() + 1],
    /// The last one.
    pub last_round_trip: Option<Duration>,
}

impl Counters {
    pub(super) fn refuse(&mut self, refusal: ReplyRefusal) {
        if let Some(count) = self.refused.get_mut(refusal.index()) {
            *count += 1;
        }
    }

    fn round_trip(&mut self, time: Duration) {
        self.last_round_trip = Some(time);
        let class = RTT_BOUNDS_MS
            .iter()
            .position(|bound| time <= Duration::from_millis(*bound));
        let class = class.unwrap_or(RTT_BOUNDS_MS.len());
        if let Some(count) = self.round_trips.get_mut(class) {
            *count += 1;
        }
    }
}

/// Whether a server is to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It answers.
    Alive,
    /// It has not answered for a while; others are asked first.
    Suspect,
    /// It was dead for its time, and may be asked one question at once.
    OnTrial,
    /// It does not answer.
    Dead,
}

impl Health {
    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Suspect => "suspect",
            Self::OnTrial => "on_trial",
            Self::Dead => "dead",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Alive,
    OnTrial,
    Dead { since: Timestamp },
}

/// A server and what is outstanding there.
pub(super) struct Server {
    pub(super) config: ServerConfig,
    pub(super) slots: Slots,
    pub(super) counters: Counters,
    /// It has signed an answer that it need not have signed.
    pub(super) signs: bool,
    /// The operator was told that it does not.
    pub(super) warned: bool,
    /// The probe that is out.
    pub(super) probe: Option<super::slots::Place>,
    /// When the next probe is due.
    pub(super) probe_at: Option<Timestamp>,
    /// It has answered a probe once, so a silent probe means something.
    pub(super) answers_probes: bool,
    life: Life,
    /// Since when it owes us an answer.
    silent_since: Option<Timestamp>,
}

impl Server {
    pub(super) fn new(config: ServerConfig, timing: &Timing) -> Self {
        Self {
            slots: Slots::new(timing.sockets_max),
            counters: Counters::default(),
            signs: false,
            warned: false,
            probe: None,
            probe_at: None,
            answers_probes: false,
            life: Life::Alive,
            silent_since: None,
            config,
        }
    }

    /// Questions that it has not answered; a probe is none.
    pub(super) fn outstanding(&self) -> usize {
        let probe = usize::from(self.probe.is_some());
        self.slots.busy().saturating_sub(probe)
    }

    /// Something was sent that it has to answer.
    pub(super) fn asked(&mut self, now: Timestamp) {
        self.silent_since.get_or_insert(now);
    }

    /// It has answered and been believed; `true` if it was held dead, or on trial.
    pub(super) fn answered(&mut self, round_trip: Option<Duration>) -> bool {
        self.counters.replies += 1;
        if let Some(time) = round_trip {
            self.counters.round_trip(time);
        }
        self.silent_since = None;
        self.probe_at = None;
        std::mem::replace(&mut self.life, Life::Alive) != Life::Alive
    }

    pub(super) fn health(&self, timing: &Timing, now: Timestamp) -> Health {
        match (self.life, self.silent_since) {
            (Life::Dead { .. }, _) => Health::Dead,
            (Life::OnTrial, _) => Health::OnTrial,
            (Life::Alive, Some(since)) if now.since(since) * 2 >= timing.dead_after => {
                Health::Suspect
            }
            (Life::Alive, _) => Health::Alive,
        }
    }

    /// When [`Self::tick`] may have something to say.
    pub(super) fn poll_timeout(&self, timing: &Timing) -> Option<Timestamp> {
        let silent = self.silent_since;
        let life = match self.life {
            Life::Alive | Life::OnTrial => silent.map(|since| since + timing.dead_after),
            Life::Dead { since } if self.revives(timing) => Some(since + self.dead_time(timing)),
            Life::Dead { .. } => None,
        };
        let due = [life, self.probe_due(timing), self.slots.idle_at()];
        due.into_iter().flatten().min()
    }

    /// When Status-Server is due: a server that is silent is asked before it is given up.
    pub(super) fn probe_due(&self, timing: &Timing) -> Option<Timestamp> {
        let interval = timing.probe_interval?;
        match (self.life, self.silent_since) {
            (Life::Dead { since }, _) => Some(self.probe_at.unwrap_or(since + interval)),
            (Life::Alive | Life::OnTrial, Some(since)) => {
                let half = since + timing.dead_after / 2;
                Some(self.probe_at.map_or(half, |at| at.max(half)))
            }
            (Life::Alive | Life::OnTrial, None) => None,
        }
    }

    fn dead_time(&self, timing: &Timing) -> Duration {
        self.config.dead_time.unwrap_or(timing.dead_time)
    }

    /// Whether it is tried again without having answered a probe.
    const fn revives(&self, timing: &Timing) -> bool {
        !(self.answers_probes && timing.probe_interval.is_some())
    }

    /// `true` if it is dead from now on.
    pub(super) fn tick(&mut self, timing: &Timing, now: Timestamp) -> bool {
        match (self.life, self.silent_since) {
            (Life::Alive | Life::OnTrial, Some(since)) if now.since(since) >= timing.dead_after => {
                self.die(now);
                true
            }
            (Life::Dead { since }, _)
                if self.revives(timing) && now.since(since) >= self.dead_time(timing) =>
            {
                self.life = Life::OnTrial;
                self.silent_since = None;
                false
            }
            (Life::Alive | Life::OnTrial | Life::Dead { .. }, _) => false,
        }
    }

    /// It is held dead; `false` if it was before.
    pub(super) fn die(&mut self, now: Timestamp) -> bool {
        if matches!(self.life, Life::Dead { .. }) {
            return false;
        }
        self.life = Life::Dead { since: now };
        self.silent_since = None;
        self.probe_at = None;
        self.counters.deaths += 1;
        true
    }
}
