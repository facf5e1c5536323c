//! What devices tell of their steering, and how they refuse what they cannot do.

use crate::{eal, pool, unique};
use dpdk::{CallIdField, CallIdRule, Port, PortConfig};

fn two_queues() -> PortConfig {
    PortConfig {
        rx_queues: 2,
        tx_queues: 2,
        ..PortConfig::default()
    }
}

#[test]
fn a_device_that_spreads_tells_its_key_and_its_table() {
    let pool = pool(2047);
    let port = Port::probe(eal(), &unique("net_null")).unwrap();
    let mut port = port.configure(&two_queues(), &pool).unwrap();
    port.start().unwrap();
    let rss = port.rss().expect("net_null has RSS");
    assert!(rss.table().len() >= 64, "{rss:?}");
    assert!(rss.table().iter().all(|queue| *queue < 2), "{rss:?}");
    let queue = rss.queue([192, 0, 2, 1].into(), [198, 51, 100, 1].into());
    assert!(queue < 2);
}

#[test]
fn a_device_without_rules_says_so_and_keeps_none() {
    let pool = pool(2047);
    let (a, _b) = dpdk::ring_pair(eal(), &unique("rules"), 2, 64).unwrap();
    let mut port = a.configure(&two_queues(), &pool).unwrap();
    port.start().unwrap();
    for field in CallIdField::ALL {
        let rule = CallIdRule {
            field,
            call_id: 7,
            mask: 0xff,
            queue: 1,
        };
        let refusal = port.validate(&rule).unwrap_err();
        assert!(refusal.errno.0 > 0 && !refusal.to_string().is_empty());
        assert_eq!(port.install(&rule).unwrap_err(), refusal);
    }
    assert_eq!(port.rss(), None);
}
