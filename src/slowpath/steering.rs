//! Which worker's queue the GRE of a call comes in by. A device that can is told to look at the Call
//! ID; of one that spreads by outer addresses we compute the queue and place the call there; with any
//! other, workers hand over what is not theirs. Probed at the start in this order, shown, and never
//! required: whatever a device does not do, handing over does.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dpdk::{CallIdField, CallIdRule, Port, Rss, Rule, RuleRefusal};

use super::ports::OpenPort;
use crate::config::{self, Config};
use crate::flow::BucketTable;
use crate::operate::rows::SteeringRefusal;
use crate::session::NearestWorker;
use crate::wire::call_id::CallId;

/// The bits of a Call ID that name its bucket.
const BUCKET_BITS: u16 = 0x00ff;
/// Rules made or taken back in a turn of the loop: some devices take a millisecond for one.
const RULES_PER_TURN: usize = 4;

/// How frames come to the queues of a port.
pub(super) enum Steering {
    /// By Call ID: the device has a rule for each bucket.
    Buckets(CallIdField, Vec<Rule>),
    /// By Call ID: the device gets a rule with each call.
    Calls(CallIdField),
    /// By the outer addresses: calls are placed where their GRE comes in.
    Addresses(Rss),
    /// By something that cannot be computed.
    Unknown,
    /// There is one queue.
    SingleQueue,
}

impl Steering {
    /// Rules that the device has from the start.
    pub(super) fn rules(&self) -> usize {
        match self {
            Self::Buckets(_, rules) => rules.len(),
            Self::Calls(_) | Self::Addresses(_) | Self::Unknown | Self::SingleQueue => 0,
        }
    }
}

impl fmt::Display for Steering {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Buckets(field, _) => write!(formatter, "call-id-buckets ({field})"),
            Self::Calls(field) => write!(formatter, "rule-per-call ({field})"),
            Self::Addresses(_) => formatter.write_str("outer-addresses"),
            Self::Unknown => formatter.write_str("unknown"),
            Self::SingleQueue => formatter.write_str("single-queue"),
        }
    }
}

/// Finds out what a started port can do, and why it cannot do what would be better.
pub(super) fn probe(
    open: &OpenPort,
    config: &config::Port,
    buckets: &BucketTable,
) -> (Steering, Vec<SteeringRefusal>) {
    let mut refused = Vec::new();
    let steering = best(open, config, buckets, &mut refused);
    for refusal in &refused {
        let SteeringRefusal { method, reason } = refusal;
        tracing::debug!(port = config.name, method, reason, "steering refused");
    }
    tracing::info!(port = config.name, steering = %steering, "steering of received frames");
    (steering, refused)
}

fn best(
    open: &OpenPort,
    config: &config::Port,
    buckets: &BucketTable,
    refused: &mut Vec<SteeringRefusal>,
) -> Steering {
    if open.queue_workers.len() < 2 {
        return Steering::SingleQueue;
    }
    let mut refuse = |method: String, reason: &dyn fmt::Display| {
        let reason = reason.to_string();
        refused.push(SteeringRefusal { method, reason });
    };
    // Calls come in on the clients' side only.
    if config.side.has_access() {
        for field in CallIdField::ALL {
            match bucket_rules(open, field, buckets) {
                Ok(rules) => return Steering::Buckets(field, rules),
                Err(refusal) => refuse(format!("call-id-buckets ({field})"), &refusal),
            }
        }
        for field in CallIdField::ALL {
            match open.port.validate(&rule_of_call(field, CallId::new(1), 0)) {
                Ok(()) => return Steering::Calls(field),
                Err(refusal) => refuse(format!("rule-per-call ({field})"), &refusal),
            }
        }
    }
    match open.port.rss() {
        Some(rss) => Steering::Addresses(rss),
        None => {
            refuse(
                "outer-addresses".to_owned(),
                &"the device does not tell its key and its table",
            );
            Steering::Unknown
        }
    }
}

/// Gives the device a rule for each bucket whose owner polls a queue of this port; one that takes a
/// part of them keeps none.
fn bucket_rules(
    open: &OpenPort,
    field: CallIdField,
    buckets: &BucketTable,
) -> Result<Vec<Rule>, RuleRefusal> {
    let mut rules = Vec::new();
    for bucket in 0..=u8::MAX {
        let Some(queue) = queue_of(&open.queue_workers, buckets.owner(bucket)) else {
            continue;
        };
        rules.push(open.port.install(&CallIdRule {
            field,
            call_id: bucket.into(),
            mask: BUCKET_BITS,
            queue,
        })?);
    }
    Ok(rules)
}

const fn rule_of_call(field: CallIdField, call_id: CallId, queue: u16) -> CallIdRule {
    CallIdRule {
        field,
        call_id: call_id.get(),
        mask: u16::MAX,
        queue,
    }
}

/// The queue that `worker` polls.
fn queue_of(queue_workers: &[u8], worker: u8) -> Option<u16> {
    let queue = queue_workers.iter().position(|poller| *poller == worker)?;
    u16::try_from(queue).ok()
}

/// The worker whose queue GRE between two addresses comes in by, where that can be computed: at the
/// port that has our address, or at the only one where clients come in.
pub(super) fn nearest_worker(config: &Config, ports: &[OpenPort]) -> NearestWorker {
    let access = |(port, _): &(&config::Port, &OpenPort)| port.side.has_access();
    let ports = config.ports.iter().zip(ports).filter(access);
    let sides: Vec<Side> = ports
        .map(|(port, open)| Side {
            addresses: port.addresses.iter().map(|own| own.address).collect(),
            rss: match &open.steering {
                Steering::Addresses(rss) => Some(rss.clone()),
                Steering::Buckets(..)
                | Steering::Calls(_)
                | Steering::Unknown
                | Steering::SingleQueue => None,
            },
            queue_workers: open.queue_workers.clone(),
        })
        .collect();
    Box::new(move |local, peer| nearest_of(&sides, local, peer))
}

/// A port where clients come in.
struct Side {
    addresses: Vec<Ipv4Addr>,
    rss: Option<Rss>,
    queue_workers: Vec<u8>,
}

fn nearest_of(sides: &[Side], local: Ipv4Addr, peer: Ipv4Addr) -> Option<u8> {
    let side = match sides {
        [only] => only,
        several => several
            .iter()
            .find(|side| side.addresses.contains(&local))?,
    };
    let queue = side.rss.as_ref()?.queue(peer, local);
    side.queue_workers.get(usize::from(queue)).copied()
}

/// The rules of calls, at every port that wants one with each.
pub(super) struct CallRules {
    buckets: BucketTable,
    ports: Vec<RuledPort>,
    /// Calls that came and went, not obeyed yet.
    pending: VecDeque<(CallId, Change)>,
    /// With the number of calls that have the Call ID, since each local address has its own.
    calls: HashMap<CallId, (usize, Vec<Counted>)>,
}

/// A rule, and the count of those that its port has.
type Counted = (Rule, Arc<AtomicUsize>);

struct RuledPort {
    port: Arc<Port>,
    field: CallIdField,
    queue_workers: Vec<u8>,
    count: Arc<AtomicUsize>,
}

#[derive(Clone, Copy)]
enum Change {
    Opened,
    Closed,
}

impl CallRules {
    pub(super) fn new(buckets: BucketTable) -> Self {
        Self {
            buckets,
            ports: Vec::new(),
            pending: VecDeque::new(),
            calls: HashMap::new(),
        }
    }

    /// A port whose device gets a rule with each call; `count` is how many it has.
    pub(super) fn add(
        &mut self,
        port: &Arc<Port>,
        field: CallIdField,
        queue_workers: Vec<u8>,
        count: &Arc<AtomicUsize>,
    ) {
        self.ports.push(RuledPort {
            port: Arc::clone(port),
            field,
            queue_workers,
            count: Arc::clone(count),
        });
    }

    pub(super) fn opened(&mut self, call_id: CallId) {
        self.remember(call_id, Change::Opened);
    }

    pub(super) fn closed(&mut self, call_id: CallId) {
        self.remember(call_id, Change::Closed);
    }

    fn remember(&mut self, call_id: CallId, change: Change) {
        if !self.ports.is_empty() {
            self.pending.push_back((call_id, change));
        }
    }

    /// Whether a turn would do something.
    pub(super) fn has_work(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Makes and takes back a few rules. A call without one is handed over like any other.
    pub(super) fn turn(&mut self) {
        for _ in 0..RULES_PER_TURN {
            match self.pending.pop_front() {
                Some((call_id, Change::Opened)) => self.make(call_id),
                Some((call_id, Change::Closed)) => self.take_back(call_id),
                None => break,
            }
        }
    }

    fn make(&mut self, call_id: CallId) {
        let (calls, rules) = self.calls.entry(call_id).or_default();
        *calls += 1;
        if *calls > 1 {
            return;
        }
        let owner = self.buckets.worker(call_id);
        for port in &self.ports {
            let Some(queue) = queue_of(&port.queue_workers, owner) else {
                continue;
            };
            match port.port.install(&rule_of_call(port.field, call_id, queue)) {
                Ok(rule) => {
                    rules.push((rule, Arc::clone(&port.count)));
                    port.count.fetch_add(1, Ordering::Relaxed);
                }
                Err(refusal) => tracing::debug!(%call_id, %refusal, "no rule for this call"),
            }
        }
    }

    fn take_back(&mut self, call_id: CallId) {
        let Some((calls, rules)) = self.calls.get_mut(&call_id) else {
            return;
        };
        *calls -= 1;
        if *calls == 0 {
            for (_, count) in rules {
                count.fetch_sub(1, Ordering::Relaxed);
            }
            self.calls.remove(&call_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(address: [u8; 4], queue_workers: &[u8]) -> Side {
        // Every bit of the key set: the hash of addresses is all ones or nothing.
        let table = (0..128).map(|entry| entry % 2).collect();
        Side {
            addresses: vec![address.into()],
            rss: Rss::new(vec![0xff; 40], table),
            queue_workers: queue_workers.to_vec(),
        }
    }

    #[test]
    fn a_call_is_near_the_worker_that_polls_the_queue_of_its_addresses() {
        let local = Ipv4Addr::new(0, 0, 0, 1);
        let (even, odd) = (Ipv4Addr::new(0, 0, 0, 1), Ipv4Addr::new(0, 0, 0, 3));
        let one = [side([9, 9, 9, 9], &[4, 7])];
        assert_eq!(nearest_of(&one, local, even), Some(4));
        assert_eq!(nearest_of(&one, local, odd), Some(7));
        let two = [side([9, 9, 9, 9], &[4, 7]), side([0, 0, 0, 1], &[5, 6])];
        assert_eq!(
            nearest_of(&two, local, odd),
            Some(6),
            "the port of the address"
        );
        let elsewhere = Ipv4Addr::new(0, 0, 0, 2);
        assert_eq!(nearest_of(&two, elsewhere, odd), None, "by either port");
        let silent = [Side {
            rss: None,
            ..side([0, 0, 0, 1], &[4, 7])
        }];
        assert_eq!(nearest_of(&silent, local, odd), None);
    }
}
