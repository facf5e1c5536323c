//! Every subset of the CCP bits that a client may offer, under every policy: the outcome of whole
//! negotiations is what `expected` says, which knows nothing of the machine, and what
//! `docs/mppe-policy.md` prints.
//!
//! `PNS_WRITE_DOCS=1 cargo test --test ppp_link mppe_table` writes the page anew.

use crate::dialogues::granted;
use crate::server::{Heard, Server, packets};
use pns::ppp::link::{EndReason, LinkConfig, MppePolicy, MppeRequirement, Output, Stateful};
use pns::wire::ccp::{Agreement, Strengths, SupportedBits};
use pns::wire::mppe::{Mode, Strength, Suite};
use pns::wire::ppp::{Protocol, code};
use std::collections::VecDeque;
use std::fmt::Write;
use std::path::Path;

const H: u32 = 0x0100_0000;
const M: u32 = 0x80;
const S: u32 = 0x40;
const L: u32 = 0x20;
const D: u32 = 0x10;
const C: u32 = 0x01;
/// In the order of the table's rows.
const BITS: [u32; 6] = [C, D, L, M, S, H];

/// How a client behaves that offers some bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// Takes whatever it is asked for that is part of its offer, and asks for no more than that.
    Follows,
    /// Repeats its offer, and demands of us exactly that.
    Insists,
    /// As pppd with `mppe-stateful`: takes a Nak down to one of its key lengths in either mode, and
    /// hangs up on anything else.
    Pppd,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Agreed {
        upstream: Agreement,
        downstream: Agreement,
    },
    Refused(EndReason),
    HungUp,
    NoCcp,
}

/// A client and its call.
struct Negotiation {
    habit: Habit,
    offer: u32,
    asks: u32,
    identifier: u8,
    requests: usize,
    acknowledged: bool,
    hung_up: bool,
    ccp_closed: bool,
    server: Server,
    incoming: VecDeque<Heard>,
}

fn option(bits: u32) -> Vec<u8> {
    [&[18, 6][..], &bits.to_be_bytes()].concat()
}

fn bits_in(data: &[u8]) -> u32 {
    let bits = data.strip_prefix(&[18, 6]).unwrap();
    u32::from_be_bytes(bits.try_into().unwrap())
}

fn lengths(bits: u32) -> u32 {
    bits & (M | S | L)
}

fn strongest(bits: u32) -> u32 {
    [S, M, L]
        .into_iter()
        .find(|bit| bits & bit != 0)
        .unwrap_or(0)
}

impl Negotiation {
    fn new(policy: MppePolicy, habit: Habit, offer: u32) -> Self {
        let config = LinkConfig {
            mppe: policy,
            ..LinkConfig::default()
        };
        let (server, heard) = granted(config);
        Self {
            habit,
            offer,
            asks: offer,
            identifier: 0,
            requests: 0,
            acknowledged: false,
            hung_up: false,
            ccp_closed: false,
            server,
            incoming: heard.into(),
        }
    }

    fn send(&mut self, code: u8, identifier: u8, data: &[u8]) {
        let heard = self.server.packet(Protocol::CCP, code, identifier, data);
        self.incoming.extend(heard);
    }

    fn ask(&mut self, options: &[u8]) {
        self.requests += 1;
        self.identifier += 1;
        self.send(code::CONFIGURE_REQUEST, self.identifier, options);
    }

    fn run(mut self, asks_first: bool) -> Self {
        if asks_first {
            self.ask(&option(self.asks));
        }
        let mut asked = asks_first;
        loop {
            while let Some(heard) = self.incoming.pop_front() {
                self.hear(&heard);
                assert!(self.requests <= 10, "{:?} {:#x}", self.habit, self.offer);
            }
            if asked {
                return self;
            }
            asked = true;
            self.ask(&option(self.asks));
        }
    }

    fn hear(&mut self, heard: &Heard) {
        let Some(sent) = packets(std::slice::from_ref(heard)).pop() else {
            return;
        };
        if self.hung_up || self.ccp_closed {
            return;
        }
        match (sent.protocol, sent.code) {
            (Protocol::CCP, code::CONFIGURE_REQUEST) => {
                let (code, bits) = self.judge(bits_in(&sent.data));
                self.send(code, sent.identifier, &option(bits));
            }
            (Protocol::CCP, code::CONFIGURE_ACK) => {
                assert_eq!(bits_in(&sent.data), self.asks);
                self.acknowledged = true;
            }
            (Protocol::CCP, code::CONFIGURE_NAK) => self.naked(bits_in(&sent.data)),
            (Protocol::CCP, code::CONFIGURE_REJECT) => {
                self.hung_up |= self.habit == Habit::Pppd;
                self.ask(&[]);
            }
            (Protocol::CCP, code::TERMINATE_REQUEST) | (Protocol::LCP, code::PROTOCOL_REJECT) => {
                self.ccp_closed = true;
            }
            _ => {}
        }
    }

    /// What the client says to a request of ours.
    fn judge(&mut self, bits: u32) -> (u8, u32) {
        let single = lengths(bits).count_ones() == 1 || bits == C;
        let possible = match lengths(bits & self.offer) {
            0 => self.offer,
            common => common,
        };
        let choice = match lengths(self.offer) {
            0 => self.offer,
            _ => strongest(possible) | self.offer & bits & H,
        };
        let (good, otherwise) = match self.habit {
            Habit::Insists => (bits == self.offer, self.offer),
            Habit::Follows => (single && bits & !self.offer == 0, choice),
            Habit::Pppd if single || bits & self.offer & (S | L) == 0 => {
                self.hung_up |= bits & !self.offer & !H != 0;
                (!self.hung_up, bits)
            }
            Habit::Pppd => (false, choice),
        };
        match (good, self.hung_up) {
            (true, _) => (code::CONFIGURE_ACK, bits),
            (false, true) => (code::CONFIGURE_REJECT, bits),
            (false, false) => (code::CONFIGURE_NAK, otherwise),
        }
    }

    /// What the client asks for next.
    fn naked(&mut self, bits: u32) {
        let common = bits & self.offer;
        match self.habit {
            Habit::Insists => {}
            Habit::Follows if lengths(common) == 0 && common != C => {}
            Habit::Follows => self.asks = common,
            Habit::Pppd => {
                self.hung_up = bits & !self.offer != 0;
                self.asks = bits;
            }
        }
        if !self.hung_up {
            self.ask(&option(self.asks));
        }
    }

    /// What came of it; all that can be seen of the link says the same.
    fn outcome(&self) -> Outcome {
        let link = &self.server.link;
        if let Some(agreed) = link.negotiated().mppe {
            assert!(self.acknowledged && link.mppe_refusal().is_none());
            let suites = [
                Output::ArmUpstream(agreed.upstream),
                Output::ArmDownstream(agreed.downstream),
            ];
            assert!(
                suites
                    .iter()
                    .all(|output| self.server.promises.was_told(output))
            );
            assert_eq!(agreed.downstream.bits().0, self.asks);
            return Outcome::Agreed {
                upstream: agreed.upstream,
                downstream: agreed.downstream,
            };
        }
        if self.hung_up {
            return Outcome::HungUp;
        }
        let refusal = link.mppe_refusal();
        assert!(link.end_reason().is_none() || link.end_reason() == refusal);
        refusal.map_or(Outcome::NoCcp, Outcome::Refused)
    }
}

/// The rules, written down a second time: from the issue and the RFC, not from the code.
fn expected(policy: MppePolicy, habit: Habit, offer: u32) -> Outcome {
    if policy.requirement == MppeRequirement::Off {
        return Outcome::NoCcp;
    }
    let allowed = [
        (S, Strength::Bits128),
        (M, Strength::Bits56),
        (L, Strength::Bits40),
    ];
    let allowed = allowed
        .into_iter()
        .filter(|(_, strength)| policy.strengths.contains(*strength));
    let best = allowed.clone().find(|(bit, _)| offer & bit != 0);
    let (has_h, has_c) = (offer & H != 0, offer & C != 0);
    let Some((_, strength)) = best else {
        // Compression alone is for who wants no more, where calls need not be encrypted.
        let alone = policy.compression && policy.requirement != MppeRequirement::Required;
        if alone && (offer == C || offer & !(D | H) == C && habit == Habit::Follows) {
            return Outcome::Agreed {
                upstream: Agreement::COMPRESSION,
                downstream: Agreement::COMPRESSION,
            };
        }
        return match (habit, lengths(offer), has_c) {
            (Habit::Pppd, ..) => Outcome::HungUp,
            (_, 0, true) => Outcome::Refused(EndReason::MppeCompressionOnly),
            (_, 0, false) => Outcome::Refused(EndReason::MppeNoStrength),
            _ => Outcome::Refused(EndReason::MppeStrengthNotAllowed),
        };
    };
    if !has_h && policy.stateful == Stateful::Refused {
        return Outcome::Refused(EndReason::MppeStatefulOnly);
    }
    // Who insists gets what it says, or nothing.
    let one_thing = lengths(offer).count_ones() == 1 && offer & D == 0;
    if habit == Habit::Insists && !(one_thing && (!has_c || policy.compression)) {
        return Outcome::Refused(EndReason::MppeNotAgreed);
    }
    let yields = habit != Habit::Insists && policy.stateful == Stateful::Preferred;
    let mode = if has_h && !yields {
        Mode::Stateless
    } else {
        Mode::Stateful
    };
    let agreement = Agreement {
        suite: Some(Suite { strength, mode }),
        compression: habit == Habit::Insists && has_c,
    };
    Outcome::Agreed {
        upstream: agreement,
        downstream: agreement,
    }
}

fn offers() -> impl Iterator<Item = u32> {
    (0..64_u32).map(|subset| {
        let set = BITS
            .iter()
            .enumerate()
            .filter(|(n, _)| subset >> n & 1 == 1);
        set.fold(0, |all, (_, bit)| all | bit)
    })
}

fn strengths(bits: &[Strength]) -> Strengths {
    let first = Strengths::only(bits[0]);
    bits[1..].iter().copied().fold(first, Strengths::and)
}

fn every_strengths() -> Vec<Strengths> {
    use Strength::{Bits40, Bits56, Bits128};
    vec![
        strengths(&[Bits128]),
        strengths(&[Bits56]),
        strengths(&[Bits40]),
        strengths(&[Bits128, Bits56]),
        strengths(&[Bits128, Bits40]),
        strengths(&[Bits56, Bits40]),
        Strengths::ALL,
    ]
}

fn policies() -> Vec<MppePolicy> {
    let mut policies = Vec::new();
    for requirement in [
        MppeRequirement::Required,
        MppeRequirement::Optional,
        MppeRequirement::Passive,
        MppeRequirement::Off,
    ] {
        for strengths in every_strengths() {
            for stateful in [Stateful::Refused, Stateful::Allowed, Stateful::Preferred] {
                for compression in [false, true] {
                    policies.push(MppePolicy {
                        requirement,
                        strengths,
                        stateful,
                        compression,
                    });
                }
            }
        }
    }
    policies
}

fn check(policy: MppePolicy, habit: Habit, offer: u32) -> Outcome {
    let expected = expected(policy, habit, offer);
    for asks_first in [true, false] {
        let run = Negotiation::new(policy, habit, offer).run(asks_first);
        let context = format!("{policy:?} {habit:?} {} {asks_first}", SupportedBits(offer));
        assert_eq!(run.outcome(), expected, "{context}");
        let ended = run.server.link.end_reason();
        match (expected, policy.requirement) {
            (Outcome::Refused(reason), MppeRequirement::Required) => {
                assert_eq!(ended, Some(reason), "{context}");
            }
            // It goes with a Reject, or with an LCP Terminate-Request that nobody waits for here.
            (Outcome::HungUp, _) => {}
            _ => assert_eq!(ended, None, "{context}"),
        }
    }
    expected
}

#[test]
fn every_offer_has_one_outcome_under_every_policy() {
    let mut agreed = 0;
    for policy in policies() {
        for offer in offers() {
            for habit in [Habit::Follows, Habit::Insists] {
                let outcome = check(policy, habit, offer);
                agreed += usize::from(matches!(outcome, Outcome::Agreed { .. }));
            }
        }
    }
    assert!(agreed > 2500, "{agreed}");
}

#[test]
fn pppd_gets_one_of_its_key_lengths_or_hangs_up() {
    for policy in policies() {
        for offer in [H | S, H | L, H | S | L] {
            check(policy, Habit::Pppd, offer);
        }
    }
}

fn cell(outcome: Outcome) -> String {
    match outcome {
        Outcome::Agreed { downstream, .. } => {
            let shown = downstream.to_string();
            shown.trim_start_matches("mppe-").replace('-', " ")
        }
        Outcome::Refused(reason) => format!("`{}`", reason.name().trim_start_matches("mppe_")),
        Outcome::HungUp | Outcome::NoCcp => unreachable!("not in the table"),
    }
}

fn table(habit: Habit) -> String {
    use Strength::{Bits40, Bits56, Bits128};
    let mut text = String::from(
        "| offer | 128 | 128, stateful | 56 | 56, stateful | 40 | 40, stateful | auto | auto, stateful |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for offer in offers() {
        write!(text, "| {} |", SupportedBits(offer)).unwrap();
        let columns = [
            &[Bits128][..],
            &[Bits56],
            &[Bits40],
            &[Bits128, Bits56, Bits40],
        ];
        for bits in columns {
            for stateful in [Stateful::Refused, Stateful::Allowed] {
                let policy = MppePolicy {
                    strengths: strengths(bits),
                    stateful,
                    ..MppePolicy::REQUIRED
                };
                write!(text, " {} |", cell(check(policy, habit, offer))).unwrap();
            }
        }
        text.push('\n');
    }
    text
}

fn page() -> String {
    let reasons = [
        EndReason::MppeNoStrength,
        EndReason::MppeCompressionOnly,
        EndReason::MppeStrengthNotAllowed,
        EndReason::MppeStatefulOnly,
        EndReason::MppeNotAgreed,
        EndReason::MppeRefusedByPeer,
        EndReason::MppeProtocolRejected,
        EndReason::MppeNotOffered,
        EndReason::MppeKeysMissing,
    ];
    let reasons = reasons.map(|reason| format!("- `{}`: {}\n", reason.name(), reason.describe()));
    format!(
        include_str!("mppe_table.md"),
        reasons = reasons.concat(),
        follows = table(Habit::Follows),
        insists = table(Habit::Insists),
    )
}

#[test]
fn the_printed_table_is_what_happens() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/mppe-policy.md");
    let page = page();
    if std::env::var_os("PNS_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let printed = std::fs::read_to_string(&path).unwrap();
    let same = printed == page;
    assert!(
        same,
        "write docs/mppe-policy.md anew: PNS_WRITE_DOCS=1 cargo test --test ppp_link"
    );
}
