use proptest::prelude::*;

use super::*;

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

#[test]
fn router_os_rates_in_all_their_lengths() {
    let both = |bps| Rates {
        upstream: Rate::of_bps(bps),
        downstream: Rate::of_bps(bps),
        priority: None,
    };
    assert_eq!(mikrotik_rates("512k"), Some(both(512_000)));
    let two = mikrotik_rates("1M/2G").unwrap();
    assert_eq!(two.upstream.sustained_bps, 1_000_000);
    // accel-ppp made ten times too much of the suffix G.
    assert_eq!(two.downstream.sustained_bps, 2_000_000_000);
    let full = mikrotik_rates("128k/256k 256k/512k 192k/384k 16/8 6 64k/96k").unwrap();
    assert_eq!(full.priority, Some(6));
    assert_eq!(
        full.upstream,
        Rate {
            sustained_bps: 128_000,
            guaranteed_bps: 64_000,
            burst: Burst::Averaged {
                rate_bps: 256_000,
                threshold_bps: 192_000,
                time_s: 16,
            },
        }
    );
    assert_eq!(
        full.downstream,
        Rate {
            sustained_bps: 256_000,
            guaranteed_bps: 96_000,
            burst: Burst::Averaged {
                rate_bps: 512_000,
                threshold_bps: 384_000,
                time_s: 8,
            },
        }
    );
    // Without threshold and time they are the rate and a second.
    let short = mikrotik_rates("1M 2M").unwrap();
    let burst = Burst::Averaged {
        rate_bps: 2_000_000,
        threshold_bps: 1_000_000,
        time_s: 1,
    };
    assert_eq!(short.upstream.burst, burst);
    for wrong in [
        "",
        "fast",
        "1M/",
        "/1M",
        "1M/2M/3M",
        "-1",
        "+5",
        "1.5M",
        "1M 2M 3M 4 9",
        "1M 2M 3M 4 8 1M 1",
        "99999999999999999999G",
    ] {
        assert_eq!(mikrotik_rates(wrong), None, "{wrong:?}");
    }
}

#[test]
fn plain_rates_are_down_and_up_in_kilobits() {
    let rates = plain_rates("2048/512").unwrap();
    assert_eq!(rates.downstream, Rate::of_bps(2_048_000));
    assert_eq!(rates.upstream, Rate::of_bps(512_000));
    assert_eq!(plain_rates("64").unwrap().upstream, Rate::of_bps(64_000));
    assert_eq!(
        plain_rates("1M:64k").unwrap().upstream.sustained_bps,
        64_000
    );
    for name in ["guest", "guest.in", "10/guest", "", "/", "1/2/3"] {
        assert_eq!(plain_rates(name), None, "{name:?}");
    }
}

#[test]
fn limits_of_ios_and_mpd() {
    let rate = |sustained_bps, bytes| Rate {
        sustained_bps,
        guaranteed_bps: 0,
        burst: Burst::Bytes(bytes),
    };
    let text = "lcp:interface-config#1=rate-limit output 512000 96000 192000 conform-action transmit \
                exceed-action drop";
    let all = Limit::All(Direction::Downstream, rate(512_000, 96_000));
    assert_eq!(cisco_rate(text), Some(Some(all)));
    let all = Limit::All(Direction::Upstream, rate(64_000, 8_000));
    assert_eq!(
        cisco_rate("rate-limit input 64000 8000 8000"),
        Some(Some(all))
    );
    let part = cisco_rate("rate-limit input access-group 101 64000 8000 8000");
    assert_eq!(part, Some(Some(Limit::Part)));
    assert_eq!(cisco_rate("rate-limit sideways 1"), Some(None));
    assert_eq!(cisco_rate("rate-limit input"), Some(None));
    assert_eq!(cisco_rate("ip:vrf-id=red"), None);

    let all = Limit::All(Direction::Downstream, rate(1_024_000, 150_000));
    let text = "out#2=all rate-limit 1024000 150000 300000 pass";
    assert_eq!(mpd_limit(text), Some(all));
    let all = Limit::All(Direction::Upstream, rate(64_000, 4_000));
    assert_eq!(mpd_limit("in#1#0=all shape 64000 4000"), Some(all));
    assert_eq!(mpd_limit("in#1#Flt1=flt1 pass"), Some(Limit::Part));
    assert_eq!(mpd_limit("out#1=all pass"), Some(Limit::Part));
    for wrong in [
        "all rate-limit 1",
        "up#1=all pass",
        "in#1=",
        "in#1=all shape fast",
    ] {
        assert_eq!(mpd_limit(wrong), None, "{wrong:?}");
    }
}

#[test]
fn routes_with_and_without_length_gateway_and_metric() {
    let route = |destination: &str, gateway: Option<[u8; 4]>, metric| {
        Some(Route {
            destination: prefix(destination),
            gateway: gateway.map(Into::into),
            metric,
        })
    };
    let read = framed_route;
    assert_eq!(read("10.5.0.0/16"), route("10.5.0.0/16", None, 0));
    assert_eq!(
        read("192.168.1.0/24 192.168.1.1 1"),
        route("192.168.1.0/24", Some([192, 168, 1, 1]), 1)
    );
    assert_eq!(
        read("192.168.1.0 0.0.0.0 1 2 -1 3 400"),
        route("192.168.1.0/24", None, 1)
    );
    assert_eq!(read("10.0.0.0"), route("10.0.0.0/8", None, 0));
    assert_eq!(read("172.16.5.9"), route("172.16.0.0/16", None, 0));
    assert_eq!(
        cisco_route("10.8.0.0 255.255.252.0 10.0.0.1"),
        route("10.8.0.0/22", Some([10, 0, 0, 1]), 0)
    );
    for wrong in [
        "",
        "somewhere",
        "10.0.0.0/33",
        "0.0.0.0/0",
        "224.0.0.0/4",
        "127.0.0.0/8",
        "240.1.2.3",
        "10.0.0.0/8 gate",
        "10.0.0.0/8 10.0.0.1 far",
    ] {
        assert_eq!(read(wrong), None, "{wrong:?}");
    }
    assert_eq!(cisco_route("10.8.0.0 255.0.255.0"), None);
}

proptest! {
    #[test]
    fn any_text_is_read_or_not(text in "\\PC{0,80}") {
        let _ = (mikrotik_rates(&text), plain_rates(&text), cisco_rate(&text), mpd_limit(&text));
        let _ = (framed_route(&text), cisco_route(&text));
    }

    #[test]
    fn what_router_os_writes_is_read_back(rx in 0u64..1 << 40, tx in 0u64..1 << 40, priority in 1u8..=8) {
        let text = format!("{rx}/{tx} 0/0 0/0 0/0 {priority} 0/0");
        let rates = mikrotik_rates(&text).unwrap();
        prop_assert_eq!(rates.upstream, Rate::of_bps(rx));
        prop_assert_eq!(rates.downstream, Rate::of_bps(tx));
        prop_assert_eq!(rates.priority, Some(priority));
    }
}
