//! What each attribute says of a call: a case for each row of the list.

use super::super::meaning::WORDS;
use super::*;
use crate::aaa::{Burst, QuotaChange};
use crate::wire::radius::attribute::{self as known, ALL, Places, Type};
use crate::wire::radius::{Attributes, Code, Reply};

fn read_with(attributes: &Attributes, map: &[Mapped]) -> Result<Wishes, Unreadable> {
    let reply = Reply {
        code: Code::ACCESS_ACCEPT,
        identifier: 1,
        request_authenticator: &[0; 16],
        secret: b"secret",
        attributes,
        signed: false,
    };
    let bytes = reply.to_packet().unwrap();
    wishes(&Packet::parse(&bytes).unwrap(), map)
}

fn read(attributes: &Attributes) -> Wishes {
    read_with(attributes, &[]).unwrap()
}

fn quota(change: impl FnOnce(&mut QuotaChange)) -> Wishes {
    let mut wishes = Wishes::default();
    change(&mut wishes.change.quota);
    wishes
}

fn changed(change: impl FnOnce(&mut PolicyChange)) -> Wishes {
    let mut wishes = Wishes::default();
    change(&mut wishes.change);
    wishes
}

fn wished(change: impl FnOnce(&mut Wishes)) -> Wishes {
    let mut wishes = Wishes::default();
    change(&mut wishes);
    wishes
}

/// What is written, and what it says.
enum Said {
    Number(u32),
    Text(&'static str),
}

const HIGH: u64 = 1 << 32;

/// Everything about addresses, and the bill.
fn plain_cases() -> Vec<(&'static Attribute, Said, Wishes)> {
    use Said::{Number, Text};
    let address = Ipv4Addr::new(10, 9, 8, 7);
    let number = u32::from(address);
    let dns = |index: usize| wished(|it| it.name_servers.dns[index] = Some(address));
    let nbns = |index: usize| wished(|it| it.name_servers.nbns[index] = Some(address));
    let route = Route {
        destination: "10.5.0.0/16".parse().unwrap(),
        gateway: None,
        metric: 0,
    };
    vec![
        (
            &known::FRAMED_IP_ADDRESS,
            Number(number),
            wished(|it| it.address = Some(address)),
        ),
        (
            &known::FRAMED_IP_NETMASK,
            Number(0xffff_fff8),
            wished(|it| it.length = Some(29)),
        ),
        (
            &known::FRAMED_MTU,
            Number(1400),
            wished(|it| it.mtu_max = Some(1400)),
        ),
        (
            &known::FRAMED_ROUTE,
            Text("10.5.0.0/16"),
            wished(|it| it.routes = vec![route]),
        ),
        (
            &known::FRAMED_POOL,
            Text("staff"),
            wished(|it| it.pool = Some("staff".into())),
        ),
        (
            &known::CLASS,
            Text("gold"),
            wished(|it| it.class = vec![b"gold".as_slice().into()]),
        ),
        (
            &known::PORT_LIMIT,
            Number(2),
            wished(|it| it.sessions_max = Some(2)),
        ),
        (
            &known::RP_MAX_SESSIONS_PER_USER,
            Number(2),
            wished(|it| it.sessions_max = Some(2)),
        ),
        (&known::MS_PRIMARY_DNS_SERVER, Number(number), dns(0)),
        (&known::MS_SECONDARY_DNS_SERVER, Number(number), dns(1)),
        (&known::MS_PRIMARY_NBNS_SERVER, Number(number), nbns(0)),
        (&known::MS_SECONDARY_NBNS_SERVER, Number(number), nbns(1)),
        (&known::ASCEND_CLIENT_PRIMARY_DNS, Number(number), dns(0)),
        (&known::ASCEND_CLIENT_SECONDARY_DNS, Number(number), dns(1)),
    ]
}

/// Times.
fn time_cases() -> Vec<(&'static Attribute, Said, Wishes)> {
    use Said::{Number, Text};
    let time = |seconds| Some(Duration::from_secs(seconds));
    vec![
        (
            &known::ACCT_INTERIM_INTERVAL,
            Number(5),
            wished(|it| it.interim = time(60)),
        ),
        (
            &known::SESSION_TIMEOUT,
            Number(9),
            changed(|it| it.session_limit = time(9)),
        ),
        (
            &known::ASCEND_MAXIMUM_TIME,
            Number(9),
            changed(|it| it.session_limit = time(9)),
        ),
        (
            &known::IDLE_TIMEOUT,
            Number(9),
            changed(|it| it.idle_limit = time(9)),
        ),
        (
            &known::ASCEND_IDLE_LIMIT,
            Number(9),
            changed(|it| it.idle_limit = time(9)),
        ),
        (
            &known::CISCO_IDLE_LIMIT,
            Number(9),
            changed(|it| it.idle_limit = time(9)),
        ),
        (
            &known::TERMINATION_ACTION,
            Number(1),
            changed(|it| it.at_session_limit = Some(AtSessionLimit::Reauthenticate)),
        ),
        (
            &known::WISPR_SESSION_TERMINATE_TIME,
            Text("2000-03-01T00:00:00"),
            wished(|it| it.ends_at_s = Some(951_868_800)),
        ),
    ]
}

/// Rates and filters.
fn rate_cases() -> Vec<(&'static Attribute, Said, Wishes)> {
    use Said::{Number, Text};
    let up = |bps| changed(|it| it.upstream = Some(Rate::of_bps(bps)));
    let down = |bps| changed(|it| it.downstream = Some(Rate::of_bps(bps)));
    let bucket = Rate {
        burst: Burst::Bytes(8000),
        ..Rate::of_bps(64_000)
    };
    let least = Rate {
        guaranteed_bps: 7,
        ..Rate::default()
    };
    vec![
        (
            &known::FILTER_ID,
            Text("guest.in"),
            changed(|it| it.filters.upstream = Some("guest".into())),
        ),
        (&known::PPPD_UPSTREAM_SPEED_LIMIT, Number(64), up(64_000)),
        (
            &known::PPPD_DOWNSTREAM_SPEED_LIMIT,
            Number(64),
            down(64_000),
        ),
        (&known::RP_UPSTREAM_SPEED_LIMIT, Number(64), up(64_000)),
        (&known::RP_DOWNSTREAM_SPEED_LIMIT, Number(64), down(64_000)),
        (&known::CHILLISPOT_BANDWIDTH_MAX_UP, Number(64), up(64_000)),
        (
            &known::CHILLISPOT_BANDWIDTH_MAX_DOWN,
            Number(64),
            down(64_000),
        ),
        (&known::WISPR_BANDWIDTH_MAX_UP, Number(64_000), up(64_000)),
        (
            &known::WISPR_BANDWIDTH_MAX_DOWN,
            Number(64_000),
            down(64_000),
        ),
        (
            &known::WISPR_BANDWIDTH_MIN_UP,
            Number(7),
            changed(|it| it.upstream = Some(least)),
        ),
        (
            &known::WISPR_BANDWIDTH_MIN_DOWN,
            Number(7),
            changed(|it| it.downstream = Some(least)),
        ),
        (&known::ASCEND_DATA_RATE, Number(64_000), down(64_000)),
        (&known::ASCEND_XMIT_RATE, Number(64_000), down(64_000)),
        (
            &known::CISCO_AVPAIR,
            Text("lcp:interface-config#1=rate-limit input 64000 8000 8000"),
            changed(|it| it.upstream = Some(bucket)),
        ),
        (
            &known::MPD_LIMIT,
            Text("out#1=all shape 64000 8000"),
            changed(|it| it.downstream = Some(bucket)),
        ),
        (
            &known::MIKROTIK_RATE_LIMIT,
            Text("64k/1M 0/0 0/0 0/0 3"),
            changed(|it| {
                it.upstream = Some(Rate::of_bps(64_000));
                it.downstream = Some(Rate::of_bps(1_000_000));
                it.priority = Some(3);
            }),
        ),
    ]
}

fn quota_cases() -> Vec<(&'static Attribute, Said, Wishes)> {
    use Said::{Number, Text};
    let up = |bytes| quota(|it| it.upstream_bytes = Some(bytes));
    let down = |bytes| quota(|it| it.downstream_bytes = Some(bytes));
    let total = |bytes| quota(|it| it.total_bytes = Some(bytes));
    vec![
        (&known::MIKROTIK_RECV_LIMIT, Number(5), up(5)),
        (&known::MIKROTIK_XMIT_LIMIT, Number(5), down(5)),
        (&known::MIKROTIK_TOTAL_LIMIT, Number(5), total(5)),
        (
            &known::MIKROTIK_RECV_LIMIT_GIGAWORDS,
            Number(2),
            up(2 * HIGH),
        ),
        (
            &known::MIKROTIK_XMIT_LIMIT_GIGAWORDS,
            Number(2),
            down(2 * HIGH),
        ),
        (
            &known::MIKROTIK_TOTAL_LIMIT_GIGAWORDS,
            Number(2),
            total(2 * HIGH),
        ),
        (&known::CHILLISPOT_MAX_INPUT_OCTETS, Number(5), up(5)),
        (&known::CHILLISPOT_MAX_OUTPUT_OCTETS, Number(5), down(5)),
        (&known::CHILLISPOT_MAX_TOTAL_OCTETS, Number(5), total(5)),
        (
            &known::CHILLISPOT_MAX_INPUT_GIGAWORDS,
            Number(2),
            up(2 * HIGH),
        ),
        (
            &known::CHILLISPOT_MAX_OUTPUT_GIGAWORDS,
            Number(2),
            down(2 * HIGH),
        ),
        (
            &known::CHILLISPOT_MAX_TOTAL_GIGAWORDS,
            Number(2),
            total(2 * HIGH),
        ),
        (&known::SESSION_OCTETS_LIMIT, Number(5), total(5)),
        (&known::OCTETS_DIRECTION, Number(1), Wishes::default()),
        (
            &known::CISCO_CONTROL_INFO,
            Text("QV5000000000"),
            total(5_000_000_000),
        ),
    ]
}

fn write(attributes: &mut Attributes, attribute: &Attribute, said: &Said) {
    match said {
        Said::Number(number) => attributes.integer(attribute, *number),
        Said::Text(text) => attributes.text(attribute, text),
    };
}

#[test]
fn each_attribute_does_what_its_row_says() {
    let cases = [plain_cases(), time_cases(), rate_cases(), quota_cases()].concat_cases();
    for (attribute, said, expected) in &cases {
        let mut attributes = Attributes::new();
        write(&mut attributes, attribute, said);
        assert_eq!(&read(&attributes), expected, "{}", attribute.name);
    }
    // Every attribute with an effect on a call has a case, and only those have one.
    let field = |attribute: &'static Attribute| Field {
        vendor: attribute.vendor,
        number: attribute.number,
        value: &[],
    };
    for attribute in ALL.iter().copied() {
        let has_case = cases.iter().any(|(of, ..)| *of == attribute);
        let has_meaning = Meaning::of(&field(attribute));
        assert_eq!(has_meaning.is_some(), has_case, "{}", attribute.name);
        if let Some((_, meaning)) = has_meaning {
            assert!(
                attribute.honoured.meets(Places::ACCEPT),
                "{}",
                attribute.name
            );
            let changes = attribute.honoured.meets(Places::CHANGE);
            assert_eq!(changes, meaning.changes_live_calls(), "{}", attribute.name);
        }
    }
}

trait Concat<T> {
    fn concat_cases(self) -> Vec<T>;
}

impl<T, const N: usize> Concat<T> for [Vec<T>; N] {
    fn concat_cases(self) -> Vec<T> {
        self.into_iter().flatten().collect()
    }
}

#[test]
fn halves_and_directions_join() {
    let mut attributes = Attributes::new();
    attributes
        .integer(&known::MIKROTIK_TOTAL_LIMIT, 7)
        .integer(&known::MIKROTIK_TOTAL_LIMIT_GIGAWORDS, 3);
    assert_eq!(
        read(&attributes),
        quota(|it| it.total_bytes = Some(3 * HIGH + 7))
    );
    for direction in 0..=3 {
        let mut attributes = Attributes::new();
        attributes
            .integer(&known::OCTETS_DIRECTION, direction)
            .integer(&known::SESSION_OCTETS_LIMIT, 9);
        let expected = quota(|it| match direction {
            0 => it.total_bytes = Some(9),
            1 => it.upstream_bytes = Some(9),
            2 => it.downstream_bytes = Some(9),
            _ => it.larger_bytes = Some(9),
        });
        assert_eq!(read(&attributes), expected, "{direction}");
    }
}

#[test]
fn router_os_goes_before_the_others_and_ascend_counts() {
    let mut attributes = Attributes::new();
    attributes
        .integer(&known::WISPR_BANDWIDTH_MAX_UP, 1)
        .text(&known::MIKROTIK_RATE_LIMIT, "64k")
        .integer(&known::ASCEND_XMIT_RATE, 2);
    let change = read(&attributes).change;
    assert_eq!(change.upstream, Some(Rate::of_bps(64_000)));
    assert_eq!(change.downstream, Some(Rate::of_bps(64_000)));

    let rates = |attributes: &Attributes| {
        let change = read(attributes).change;
        (
            change.upstream.unwrap().sustained_bps,
            change.downstream.unwrap().sustained_bps,
        )
    };
    let mut two = Attributes::new();
    two.integer(&known::ASCEND_DATA_RATE, 8)
        .integer(&known::ASCEND_DATA_RATE, 9);
    assert_eq!(rates(&two), (9, 8));
    let mut both = Attributes::new();
    both.integer(&known::ASCEND_DATA_RATE, 8)
        .integer(&known::ASCEND_XMIT_RATE, 9);
    assert_eq!(rates(&both), (8, 9));
}

#[test]
fn filter_id_is_rates_or_names() {
    let filter = |text: &str| {
        let mut attributes = Attributes::new();
        attributes.text(&known::FILTER_ID, text);
        read(&attributes).change
    };
    let rates = filter("2048/512");
    assert_eq!(rates.downstream, Some(Rate::of_bps(2_048_000)));
    assert_eq!(rates.upstream, Some(Rate::of_bps(512_000)));
    assert_eq!(
        filter("guest.out").filters.downstream.as_deref(),
        Some("guest")
    );
    let both = filter("guest").filters;
    assert_eq!(
        (both.upstream, both.downstream),
        (Some("guest".into()), Some("guest".into()))
    );
}

#[test]
fn pairs_of_cisco_name_pools_routes_servers_and_filters() {
    let mut attributes = Attributes::new();
    for pair in [
        "ip:addr-pool=staff",
        "ip:route#1=10.8.0.0 255.255.252.0",
        "ip:dns-servers=9.9.9.9 8.8.8.8",
        "ip:inacl#1=guest-in",
        "ip:outacl*guest-out",
        "shell:priv-lvl=15",
        "no pair at all",
    ] {
        attributes.text(&known::CISCO_AVPAIR, pair);
    }
    let wishes = read(&attributes);
    assert_eq!(wishes.pool.as_deref(), Some("staff"));
    assert_eq!(wishes.routes[0].destination, "10.8.0.0/22".parse().unwrap());
    assert_eq!(wishes.name_servers.dns[1], Some(Ipv4Addr::new(8, 8, 8, 8)));
    assert_eq!(wishes.change.filters.upstream.as_deref(), Some("guest-in"));
    assert_eq!(
        wishes.change.filters.downstream.as_deref(),
        Some("guest-out")
    );
}

#[test]
fn what_cannot_be_read_is_named_with_its_value() {
    for (attribute, text) in [
        (&known::MIKROTIK_RATE_LIMIT, "fast"),
        (&known::FRAMED_ROUTE, "somewhere"),
        (&known::MPD_LIMIT, "fast"),
        (&known::CISCO_AVPAIR, "ip:route=somewhere"),
        (&known::CISCO_AVPAIR, "rate-limit sideways"),
        (&known::CISCO_CONTROL_INFO, "QVmuch"),
        (&known::WISPR_SESSION_TERMINATE_TIME, "tomorrow"),
    ] {
        let mut attributes = Attributes::new();
        attributes.text(attribute, text);
        let unreadable = Unreadable {
            name: attribute.name.into(),
            value: Some(text.into()),
        };
        assert_eq!(read_with(&attributes, &[]), Err(unreadable));
    }
    let mut attributes = Attributes::new();
    attributes.integer(&known::FRAMED_IP_NETMASK, 0xff00_ff00);
    assert!(read_with(&attributes, &[]).is_err());
    let mut attributes = Attributes::new();
    attributes.integer(&known::OCTETS_DIRECTION, 4);
    assert!(read_with(&attributes, &[]).is_err());
}

#[test]
fn a_mapped_attribute_does_what_the_operator_says() {
    static HUAWEI_INPUT_RATE: Attribute = Attribute {
        name: "Huawei-Input-Average-Rate",
        vendor: 2011,
        number: 2,
        kind: Type::Integer,
        sent: Places::NONE,
        honoured: Places::NONE,
        effect: "",
    };
    let mapped = |kind, meaning| Mapped {
        vendor: 2011,
        number: 2,
        kind,
        meaning,
    };
    let mut attributes = Attributes::new();
    attributes.integer(&HUAWEI_INPUT_RATE, 64_000);
    assert_eq!(
        read(&attributes),
        Wishes::default(),
        "nobody says what it means"
    );
    let rate = mapped(Type::Integer, Meaning::RateUpstream(1));
    let wishes = read_with(&attributes, &[rate]).unwrap();
    assert_eq!(wishes.change.upstream, Some(Rate::of_bps(64_000)));
    // With the length of another type, it is refused.
    assert!(read_with(&attributes, &[mapped(Type::Integer64, rate.meaning)]).is_err());
    let mut attributes = Attributes::new();
    attributes.text(&HUAWEI_INPUT_RATE, "64000");
    let wishes = read_with(&attributes, &[mapped(Type::Text, rate.meaning)]).unwrap();
    assert_eq!(wishes.change.upstream, Some(Rate::of_bps(64_000)));
    let mut words: Vec<_> = WORDS.iter().map(|(word, _)| *word).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), WORDS.len());
}
