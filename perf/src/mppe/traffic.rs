//! Which packets a sample is made of: whose, how long, and with which sequence numbers.

use pns::mppe::keys::Mode;

use super::{Kind, Sample, Setup, plain_payload};
use crate::load::Load;

/// The packets of a case.
pub(super) struct Traffic {
    setup: Setup,
    load: Load,
    /// By call: its last sequence number.
    sequences: Vec<u32>,
    next: u32,
    draw: Draw,
}

impl Traffic {
    pub(super) fn new(setup: Setup, load: Load) -> Self {
        Self {
            setup,
            load,
            sequences: vec![0; setup.flows as usize],
            next: 0,
            draw: Draw::new(setup.flows),
        }
    }

    /// What comes before the first sample of calls that are stateful: packets of different lengths, so that
    /// they do not all run dry in the same burst, and then as many of the case's own as use up twice
    /// what is made ahead for a call at once.
    pub(super) fn beginning(&mut self) -> Vec<Sample> {
        const AHEAD: usize = 3072;
        if self.setup.mode == Mode::Stateless {
            return Vec::new();
        }
        let lengths = |round: usize| move |flow: u32| 28 + (flow as usize * 389 * round) % 1000;
        let packets = |round| (0..self.setup.flows).map(move |flow| (flow, lengths(round)(flow)));
        let rounds: Vec<Vec<_>> = (1..4).map(|round| packets(round).collect()).collect();
        let mut samples: Vec<_> = rounds.into_iter().map(|round| self.sample(round)).collect();
        let own = self.setup.flows as usize * AHEAD / self.load.length(0);
        samples.extend((0..own.div_ceil(self.setup.packets() as usize)).map(|_| self.next()));
        samples
    }

    /// The next sample.
    pub(super) fn next(&mut self) -> Sample {
        let packets = (0..self.setup.packets() as usize).map(|place| {
            let in_turn = self.next % self.setup.flows;
            self.next = self.next.wrapping_add(1);
            match self.setup.kind {
                Kind::Zipf => (self.draw.flow(), self.load.length(self.draw.below(12))),
                Kind::Full | Kind::Portable | Kind::Scalar | Kind::Alone | Kind::Stocked => {
                    (in_turn, self.load.length(place))
                }
            }
        });
        let packets = packets.collect();
        self.sample(packets)
    }

    fn sample(&mut self, packets: Vec<(u32, usize)>) -> Sample {
        let mut sample = Sample {
            flows: Vec::new(),
            sequences: Vec::new(),
            payloads: Vec::new(),
        };
        for (flow, length) in packets {
            let sequence = &mut self.sequences[flow as usize];
            *sequence += 1;
            sample.flows.push(flow);
            sample.sequences.push(*sequence);
            sample.payloads.push(plain_payload(length));
        }
        sample
    }
}

/// Calls by chance: call number n as often as 1/n of the first (Zipf, s = 1). The same in every run.
struct Draw {
    /// Up to each call, how often one of them is drawn.
    sums: Vec<f64>,
    state: u64,
}

impl Draw {
    fn new(flows: u32) -> Self {
        let mut sum = 0.0;
        let sums = (1..=flows).map(|rank| {
            sum += 1.0 / f64::from(rank);
            sum
        });
        Self {
            sums: sums.collect(),
            state: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// xorshift64.
    fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.random() >> 33) as usize % limit
    }

    fn flow(&mut self) -> u32 {
        let all = self.sums.last().copied().unwrap_or(0.0);
        let chance = (self.random() >> 11) as f64 / (1u64 << 53) as f64;
        let flow = self.sums.partition_point(|sum| *sum < chance * all);
        u32::try_from(flow.min(self.sums.len() - 1)).unwrap_or(0)
    }
}
