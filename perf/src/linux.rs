//! The Linux kernel's own way of the same work: PPTP and MPPE in a kernel that runs as a process here
//! (user-mode Linux), beside a worker. Both are timed in turns of a second or so, and the least time
//! of each counts, since nothing that disturbs a machine makes it faster.

use std::path::Path;
use std::process::Command;

use pns::flow::Encryption;
use serde::Serialize;

use crate::Outcome;
use crate::lab::{self, Lab};
use crate::load::Load;
use crate::measure::{Effort, Meter, percentile};
use crate::pipeline::{self, Kind, Ports, Way};
use crate::report::{Measured, package, rounded};

const PEER: &str = "Linux's ppp_generic, pptp and ppp_mppe in user-mode Linux: from a veth, through ppp0, \
                    to a veth, less what the same frame costs that is dropped on arrival";
const GUEST: &str = "bench";
/// Bursts that one of our samples is the mean of: as many packets as one of the guest's.
const BURSTS: usize = 2;
/// Calls of ours; the kernel has one, which flatters it.
const FLOWS: u32 = 64;

/// The figures of scenario `linux`.
#[derive(Serialize)]
pub(crate) struct Linux {
    scenario: &'static str,
    direction: &'static str,
    peer: &'static str,
    #[serde(flatten)]
    measured: Measured,
    quick: bool,
    ports: &'static str,
    core_clock_ghz: f64,
    /// Why there are no figures, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_measured: Option<String>,
    guest_system: String,
    ratio_64: f64,
    ratio_512: f64,
    ratio_1400: f64,
    ratio_plain_64: f64,
    cases: Vec<Case>,
}

/// One direction with one length.
#[derive(Serialize)]
struct Case {
    cipher: &'static str,
    direction: &'static str,
    packet_octets: u32,
    ours_ns: f64,
    linux_ns: f64,
    /// What a frame costs the kernel that is dropped on arrival; `linux_ns` is beyond that.
    linux_dropped_ns: f64,
    ratio: f64,
}

/// What is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Subject {
    way: Way,
    encryption: Encryption,
    load: Load,
}

/// Least times so far, in nanoseconds.
struct Least {
    subject: Subject,
    ours: f64,
    way: f64,
    dropped: f64,
}

impl Subject {
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for encryption in [Encryption::Off, Encryption::Required] {
            for load in [Load::Short, Load::Medium, Load::Long] {
                all.extend([Way::Upstream, Way::Downstream].map(|way| Self {
                    way,
                    encryption,
                    load,
                }));
            }
        }
        all
    }

    /// What the guest's program calls it.
    fn words(self) -> [&'static str; 3] {
        let way = match self.way {
            Way::Upstream | Way::Turnaround => "decrypt",
            Way::Downstream => "encrypt",
        };
        let cipher = match self.encryption {
            Encryption::Off => "clear",
            Encryption::Optional | Encryption::Required => "stateless",
        };
        [way, cipher, self.load.name()]
    }

    const fn direction(self) -> &'static str {
        match self.way {
            Way::Upstream | Way::Turnaround => "upstream",
            Way::Downstream => "downstream",
        }
    }
}

impl Least {
    fn ratio(&self) -> f64 {
        (self.way - self.dropped) / self.ours
    }

    fn case(&self) -> Case {
        let [_, cipher, length] = self.subject.words();
        Case {
            cipher,
            direction: self.subject.direction(),
            packet_octets: length.parse().unwrap_or(0),
            ours_ns: rounded(self.ours, 1),
            linux_ns: rounded(self.way - self.dropped, 1),
            linux_dropped_ns: rounded(self.dropped, 1),
            ratio: rounded(self.ratio(), 2),
        }
    }
}

/// Scenario `linux`.
pub(crate) fn run(ports: &mut Ports, effort: Effort) -> Outcome<Linux> {
    let mut meter = Meter::of_the_wall();
    let mut least = Vec::new();
    let mut guest_system = String::new();
    let not_measured = obstacle();
    if let Some(why) = &not_measured {
        println!("not measured: the Linux kernel's PPTP; {why}");
    } else {
        let lab = Lab::start()?;
        let guest = lab.boot(GUEST, "bench")?;
        compile(&guest.join("linux-way"))?;
        let uname = lab.command(&["exec", GUEST, "uname -sr"])?;
        uname.trim().clone_into(&mut guest_system);
        least = rounds(&lab, ports, effort, &mut meter)?;
    }
    let worse = |encryption, load| {
        let fits = |it: &&Least| it.subject.encryption == encryption && it.subject.load == load;
        let ratios: Vec<_> = least.iter().filter(fits).map(Least::ratio).collect();
        rounded(percentile(&ratios, 0), 2)
    };
    let cases: Vec<_> = least.iter().map(Least::case).collect();
    cases.iter().for_each(Case::print);
    Ok(Linux {
        scenario: "linux",
        direction: "upstream (decrypt) and downstream (encrypt), the worse of both in each ratio",
        peer: PEER,
        measured: Measured::new(effort).with_kernel(),
        quick: effort != Effort::Normal,
        ports: ports.name(),
        core_clock_ghz: rounded(meter.core_ghz(), 3),
        not_measured,
        guest_system,
        ratio_64: worse(Encryption::Required, Load::Short),
        ratio_512: worse(Encryption::Required, Load::Medium),
        ratio_1400: worse(Encryption::Required, Load::Long),
        ratio_plain_64: worse(Encryption::Off, Load::Short),
        cases,
    })
}

impl Case {
    fn print(&self) {
        println!(
            "{:>10} {:>10} {:>5} B {:>7.0} ns, Linux {:>7.0} ns (and {:.0} to arrive), ratio {:.2}",
            self.cipher,
            self.direction,
            self.packet_octets,
            self.ours_ns,
            self.linux_ns,
            self.linux_dropped_ns,
            self.ratio
        );
    }
}

/// Why it cannot be had here, if so.
fn obstacle() -> Option<String> {
    lab::obstacle().or_else(|| {
        let missing = ["/usr/bin/linux.uml", "/usr/bin/gcc"].into_iter();
        let mut missing = missing.filter(|path| !Path::new(path).exists());
        let hint = "packaging/install-dependencies.sh test";
        missing
            .next()
            .map(|path| format!("there is no {path}: {hint}"))
    })
}

fn compile(program: &Path) -> Outcome<()> {
    let source = package().join("src/linux/guest.c");
    let mut compiler = Command::new("gcc");
    compiler
        .args(["-O2", "-Wall", "-o"])
        .arg(program)
        .arg(source);
    let status = compiler.status()?;
    status
        .success()
        .then_some(())
        .ok_or("the guest's program does not compile".into())
}

/// The guest and ours in turn.
fn rounds(lab: &Lab, ports: &mut Ports, effort: Effort, meter: &mut Meter) -> Outcome<Vec<Least>> {
    let repeats = match effort {
        Effort::Smoke => 1,
        Effort::Quick => 8,
        Effort::Normal => 16,
    };
    let unknown = |subject| Least {
        subject,
        ours: f64::INFINITY,
        way: f64::INFINITY,
        dropped: f64::INFINITY,
    };
    let mut least: Vec<_> = Subject::all().into_iter().map(unknown).collect();
    for _ in 0..effort.passes() {
        let script = format!("$SHARE/linux-way {repeats}");
        let told = lab.command(&["exec", GUEST, "-t", "100", &script])?;
        for least in &mut least {
            let (way, dropped) = told
                .lines()
                .find_map(|line| times(line, least.subject))
                .ok_or_else(|| format!("the guest says nothing of a case: {told}"))?;
            least.way = least.way.min(way);
            least.dropped = least.dropped.min(dropped);
        }
        for least in &mut least {
            let ours = ours(ports, least.subject, effort, meter)?;
            least.ours = least.ours.min(ours);
        }
    }
    Ok(least)
}

/// What a line of the guest says of a case: on the way, and dropped on arrival, in nanoseconds.
fn times(line: &str, subject: Subject) -> Option<(f64, f64)> {
    let mut words = line.split(' ');
    for expected in subject.words() {
        if words.next() != Some(expected) {
            return None;
        }
    }
    let mut number = || words.next()?.parse::<f64>().ok();
    Some((number()?, number()?))
}

/// The least time of a packet in a worker, over as many packets as the guest sends at once.
fn ours(ports: &mut Ports, subject: Subject, effort: Effort, meter: &mut Meter) -> Outcome<f64> {
    let kind = Kind {
        way: subject.way,
        encryption: subject.encryption,
        flows: FLOWS,
        load: subject.load,
    };
    let pairs = pipeline::sample(ports, kind, effort.rig_rounds() / 2, meter)?;
    let means = pairs.ours().chunks_exact(BURSTS);
    let means = means.map(|bursts| bursts.iter().sum::<f64>() / BURSTS as f64);
    Ok(means.fold(f64::INFINITY, f64::min))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_guest_are_told_apart() {
        let subject = Subject {
            way: Way::Downstream,
            encryption: Encryption::Required,
            load: Load::Short,
        };
        assert_eq!(
            times("encrypt stateless 64 3990.0 836.5", subject),
            Some((3990.0, 836.5))
        );
        assert_eq!(times("decrypt stateless 64 3990.0 836.5", subject), None);
        assert_eq!(times("encrypt stateless 64 3990.0", subject), None);
        let least = Least {
            subject,
            ours: 500.0,
            way: 4000.0,
            dropped: 1000.0,
        };
        assert!((least.ratio() - 6.0).abs() < 1e-9);
        assert_eq!(least.case().packet_octets, 64);
    }
}
