//! Ports that collide, and sides that nobody has.

use super::{Report, Tables};
use crate::config::address::Ipv4Prefix;
use crate::config::error::Fault;
use crate::config::port::Port;
use crate::config::workers::not_workers;

pub(super) fn check(tables: &Tables<'_>, report: &mut Report<'_>) {
    check_sides(tables, report);
    check_ports_differ(tables, report);
    check_queues(tables, report);
}

fn check_queues(tables: &Tables<'_>, report: &mut Report<'_>) {
    for (index, port) in tables.ports {
        let Some(pollers) = &port.rx_workers else {
            continue;
        };
        let path = |key: &str| format!("port[{index}].{key}");
        if let Some(fault) = not_workers(pollers, tables.workers.count()) {
            report.error(&path("rx_workers"), fault);
        }
        if port.rx_queues.is_some() {
            let fault = Fault::new("is said by rx_workers", "take one of the two out");
            report.error(&path("rx_queues"), fault);
        }
    }
}

fn check_sides(tables: &Tables<'_>, report: &mut Report<'_>) {
    let has = |wanted: fn(&Port) -> bool| tables.ports.iter().any(|(_, port)| wanted(port));
    if !has(|port| port.side.has_access()) {
        let cure = "give one [[port]] side = \"access\", or \"both\"";
        report.error("port", Fault::new("no port is where clients come in", cure));
    } else if !has(|port| port.side.has_network()) {
        let cure = "give one [[port]] side = \"network\", or \"both\"";
        report.error(
            "port",
            Fault::new("no port is where clients want to go", cure),
        );
    }
}

fn check_ports_differ(tables: &Tables<'_>, report: &mut Report<'_>) {
    for (position, (index, port)) in tables.ports.iter().enumerate() {
        for (_, earlier) in tables.ports.iter().take(position) {
            for (key, what) in in_common(port, earlier) {
                let problem = format!("{what} is also that of port {:?}", earlier.name);
                report.error(
                    &format!("port[{index}].{key}"),
                    Fault::new(problem, "choose another"),
                );
            }
        }
        if port.device.name().starts_with("net_af_packet") {
            let cure = "use net_af_xdp; af_packet joins IP fragments and then cuts them off";
            let fault = Fault::new("is fit for experiments only", cure);
            report.warn(&format!("port[{index}].device"), fault);
        }
    }
}

/// What two ports have in common and must not: the key, and what it is.
fn in_common(port: &Port, earlier: &Port) -> Vec<(&'static str, String)> {
    let mut common = Vec::new();
    if port.name == earlier.name {
        common.push(("name", "this name".to_owned()));
    }
    if port.device.name() == earlier.device.name() {
        common.push(("device", format!("{:?}", port.device.name())));
    }
    if port.tap == earlier.tap {
        common.push(("tap", format!("{:?}", port.tap)));
    }
    for own in &port.addresses {
        let same = |other: &Ipv4Prefix| own.contains(other.address) || other.contains(own.address);
        if earlier.addresses.iter().any(same) {
            common.push(("addresses", format!("the network of {own}")));
        }
    }
    common
}
