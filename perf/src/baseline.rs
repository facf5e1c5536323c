//! Whether the peer of the MPPE scenarios ran as fast as it can. A ratio to a peer that was built
//! badly, or starved, says nothing; so its cycles are held against those of a run of which much is known.

use pns::mppe::keys::Mode;
use serde::Serialize;

use crate::load::Load;
use crate::machine::Machine;

/// Where the reference figures come from.
const SOURCE: &str = "core cycles a packet, 1,024 tunnels in turn, medians (the slower end of several \
                      runs), on an Intel core of the Emerald Rapids class at 3.0 GHz";
/// How much slower than the reference a baseline may be on a core of that family.
const TOLERANCE: f64 = 1.10;
/// Packets between two changes of the key in stateful mode (RFC 3078 §7.3).
const KEY_CHANGE_PACKETS: f64 = 256.0;

/// What the two peers cost there.
#[derive(Clone, Copy)]
struct Reference {
    /// A packet with a key of its own, in the order of [`Load::ALL`].
    stateless: [f64; 4],
    /// A byte of a keyed RC4.
    keystream_octet: f64,
    /// One key schedule.
    key_schedule: f64,
}

/// SHA-1 of a key change, low level.
const HASH: f64 = 396.0;
const OPENSSL: Reference = Reference {
    stateless: [5370.0, 8940.0, 15_600.0, 7400.0],
    keystream_octet: 7.9,
    key_schedule: 2070.0,
};
const PLAIN_C: Reference = Reference {
    stateless: [5150.0, 7450.0, 12_200.0, 6700.0],
    keystream_octet: 5.3,
    key_schedule: 2040.0,
};

impl Reference {
    /// A packet of `load`, in core cycles.
    fn packet(self, mode: Mode, load: Load) -> f64 {
        let [short, medium, long, imix] = self.stateless;
        match (mode, load) {
            (Mode::Stateless, Load::Short) => short,
            (Mode::Stateless, Load::Medium) => medium,
            (Mode::Stateless, Load::Long) => long,
            (Mode::Stateless, Load::Imix) => imix,
            (Mode::Stateful, _) => {
                // The PPP protocol field is encrypted besides.
                let octets = load.mean_length() + 2.0;
                let change = HASH + 2.0 * self.key_schedule;
                octets * self.keystream_octet + change / KEY_CHANGE_PACKETS
            }
        }
    }
}

/// What the peer of a case would cost on the reference core, in cycles; `None` where nothing is known
/// of it.
pub(crate) fn reference(case: &str, flows: u32, mode: Mode, load: Load) -> Option<f64> {
    let reference = match case {
        "encrypt" | "decrypt" => OPENSSL,
        "encrypt, plain C" | "decrypt, plain C" => PLAIN_C,
        _ => return None,
    };
    (flows > 1).then(|| reference.packet(mode, load))
}

/// Whether a baseline is fair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is not slower than on the core that the reference is of, or hardly.
    Fair,
    /// It is slower there than it can be; no ratio is given.
    Unfair,
    /// This core is another one, of which nobody has said how fast the baseline can be.
    AnotherCpu,
}

/// Holds the baseline's cycles against the reference.
pub(crate) fn judge(machine: &Machine, measured: f64, reference: f64) -> Verdict {
    match (
        machine.is_of_the_reference_family(),
        measured <= reference * TOLERANCE,
    ) {
        (false, _) => Verdict::AnotherCpu,
        (true, true) => Verdict::Fair,
        (true, false) => Verdict::Unfair,
    }
}

/// What a scenario's line says of its baseline.
#[derive(Serialize)]
pub(crate) struct Baseline {
    verdict: &'static str,
    reference: &'static str,
    tolerance: f64,
}

impl Baseline {
    /// The worst of the verdicts on the cases.
    pub(crate) fn new(verdicts: &[Verdict]) -> Self {
        let verdict = if verdicts.contains(&Verdict::Unfair) {
            "unfair: slower than the reference by more than the tolerance; those ratios are withheld"
        } else if verdicts.contains(&Verdict::AnotherCpu) {
            "not judged: this CPU is of another family than the reference"
        } else {
            "fair: not slower than the reference by more than the tolerance"
        };
        Self {
            verdict,
            reference: SOURCE,
            tolerance: TOLERANCE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_of_stateful_packets_follows_their_length() {
        let of = |load| reference("decrypt", 1024, Mode::Stateful, load);
        let [short, long] = [Load::Short, Load::Long].map(|load| of(load).unwrap());
        assert!((530.0..560.0).contains(&short), "{short}");
        assert!((11_000.0..11_200.0).contains(&long), "{long}");
        let unknown = [("encrypt", 1), ("stocked", 1024)];
        let of = |(case, flows)| reference(case, flows, Mode::Stateless, Load::Short);
        assert_eq!(unknown.map(of), [None; 2]);
    }

    #[test]
    fn a_slow_baseline_is_refused_on_its_own_family_only() {
        let here = Machine::look();
        let there = here.clone().of_model("GenuineIntel", 6, 207);
        assert_eq!(judge(&there, 5800.0, 5370.0), Verdict::Fair);
        assert_eq!(judge(&there, 6000.0, 5370.0), Verdict::Unfair);
        let other = here.of_model("AuthenticAMD", 25, 17);
        assert_eq!(judge(&other, 6000.0, 5370.0), Verdict::AnotherCpu);
        let told = Baseline::new(&[Verdict::Fair, Verdict::Unfair]);
        assert!(told.verdict.starts_with("unfair"));
    }
}
