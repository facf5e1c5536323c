//! What the attributes of a packet say of a call: of an Access-Accept and a CoA-Request alike.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::dialect::{
    Direction, Limit, Rates, Route, cisco_rate, cisco_route, framed_route, mask_length,
    mikrotik_rates, mpd_limit, plain_rates,
};
use super::meaning::{Counted, Half, Mapped, Meaning, Value};
use crate::aaa::calendar::iso_time;
use crate::aaa::{AtSessionLimit, NameServers, PolicyChange, Rate};
use crate::clock::Timestamp;
use crate::wire::radius::{Attribute, Field, Packet};

/// Values of Class that are kept.
const CLASSES_MAX: usize = 16;
/// Networks behind one client.
const ROUTES_MAX: usize = 64;
/// Shortest and longest time between two interim records: RFC 2869 §2.1 forbids less than a minute.
const INTERIM_S: std::ops::RangeInclusive<u64> = 60..=86_400;
/// Smallest Framed-MTU that is honoured (RFC 2865 §5.12), in bytes.
const MTU_MIN: u64 = 64;
/// RADIUS-Request, in Termination-Action (RFC 2865 §5.29).
const REAUTHENTICATE: u64 = 1;

/// All of it; nothing, unless somebody says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    pub(super) change: PolicyChange,
    /// Seconds since 1970 at which the call ends.
    pub(super) ends_at_s: Option<u64>,
    pub(super) address: Option<Ipv4Addr>,
    /// The length of the network around the address.
    pub(super) length: Option<u8>,
    pub(super) pool: Option<Box<str>>,
    pub(super) routes: Vec<Route>,
    pub(super) mtu_max: Option<u16>,
    pub(super) name_servers: NameServers,
    pub(super) sessions_max: Option<u32>,
    pub(super) class: Vec<Box<[u8]>>,
    pub(super) interim: Option<Duration>,
}

impl Wishes {
    /// When the call ends, by our clock.
    pub(super) fn ends_at(&self, unix_at_zero_s: u64) -> Option<Timestamp> {
        let ends_at_s = self.ends_at_s?.saturating_sub(unix_at_zero_s);
        Some(Timestamp::ZERO + Duration::from_secs(ends_at_s))
    }
}

/// An attribute whose value cannot be what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// Its name, or its numbers.
    pub(super) name: Box<str>,
    /// Its value, if that is text.
    pub(super) value: Option<Box<str>>,
}

/// Reads every attribute that says something of a call.
///
/// # Errors
/// The first that says it in a way that cannot be understood: to leave a limit out because it was
/// misspelled would be a gift.
pub(super) fn wishes(packet: &Packet<'_>, map: &[Mapped]) -> Result<Wishes, Unreadable> {
    let mut reader = Reader::default();
    for field in packet.fields() {
        let mapped = map.iter().find(|mapped| mapped.is_of(&field));
        let mapped = mapped.map(|mapped| (mapped.kind, mapped.meaning));
        let Some((kind, meaning)) = mapped.or_else(|| Meaning::of(&field)) else {
            continue;
        };
        let value = Value::read(kind, field.value);
        if value
            .and_then(|value| reader.take(meaning, value))
            .is_none()
        {
            return Err(unreadable(&field, value.and_then(Value::text)));
        }
    }
    Ok(reader.finish())
}

fn unreadable(field: &Field<'_>, text: Option<&str>) -> Unreadable {
    let name = Attribute::find(field.vendor, field.number).map_or_else(
        || format!("attribute {} of vendor {}", field.number, field.vendor),
        |known| known.name.to_owned(),
    );
    Unreadable {
        name: name.into(),
        value: text.map(Into::into),
    }
}

/// One half after the other.
#[derive(Clone, Copy, Default)]
struct Halves {
    low: Option<u64>,
    high: Option<u64>,
}

impl Halves {
    fn set(&mut self, half: Half, value: u64) -> Option<()> {
        match half {
            Half::Low => self.low = Some(value),
            Half::High => self.high = Some(value.checked_mul(1 << 32)?),
        }
        Some(())
    }

    fn whole(self) -> Option<u64> {
        match (self.low, self.high) {
            (None, None) => None,
            (low, high) => Some(low.unwrap_or(0).saturating_add(high.unwrap_or(0))),
        }
    }
}

#[derive(Default)]
struct Reader {
    wishes: Wishes,
    /// Of those who say it all in one text: goes before what others say in numbers.
    rates: Option<Rates>,
    guaranteed: (Option<u64>, Option<u64>),
    data_rates: Vec<u64>,
    quotas: [Halves; 3],
    octets_limit: Option<u64>,
    octets_direction: u64,
}

impl Reader {
    /// `None`: the value cannot be that.
    fn take(&mut self, meaning: Meaning, value: Value<'_>) -> Option<()> {
        let seconds = || value.number().map(Duration::from_secs);
        let bps = |unit: u32| value.number()?.checked_mul(u64::from(unit));
        let change = &mut self.wishes.change;
        match meaning {
            Meaning::SessionLimit => change.session_limit = Some(seconds()?),
            Meaning::IdleLimit => change.idle_limit = Some(seconds()?),
            Meaning::TerminationAction => {
                change.at_session_limit = Some(match value.number()? {
                    REAUTHENTICATE => AtSessionLimit::Reauthenticate,
                    _ => AtSessionLimit::End,
                });
            }
            Meaning::EndTime => self.wishes.ends_at_s = Some(iso_time(value.text()?)?),
            Meaning::RateUpstream(unit) => change.upstream = Some(Rate::of_bps(bps(unit)?)),
            Meaning::RateDownstream(unit) => change.downstream = Some(Rate::of_bps(bps(unit)?)),
            Meaning::GuaranteedUpstream(unit) => self.guaranteed.0 = Some(bps(unit)?),
            Meaning::GuaranteedDownstream(unit) => self.guaranteed.1 = Some(bps(unit)?),
            Meaning::MikrotikRate => self.rates = Some(mikrotik_rates(value.text()?)?),
            Meaning::MpdLimit => self.limit(mpd_limit(value.text()?)?),
            Meaning::AscendDataRate => self.data_rates.push(value.number()?),
            Meaning::CiscoPair => return self.cisco(value.text()?),
            Meaning::CiscoControl => return self.cisco_control(value.text()?),
            Meaning::FilterId => self.filter_id(value.text()?),
            Meaning::FilterUpstream => change.filters.upstream = Some(value.text()?.into()),
            Meaning::FilterDownstream => change.filters.downstream = Some(value.text()?.into()),
            Meaning::Quota(counted, half) => {
                let [upstream, downstream, total] = &mut self.quotas;
                let halves = match counted {
                    Counted::Upstream => upstream,
                    Counted::Downstream => downstream,
                    Counted::Total => total,
                };
                halves.set(half, value.number()?)?;
            }
            Meaning::OctetsLimit => self.octets_limit = Some(value.number()?),
            Meaning::OctetsDirection => {
                self.octets_direction = value.number().filter(|it| *it <= 3)?;
            }
            Meaning::Address
            | Meaning::Netmask
            | Meaning::Pool
            | Meaning::Route
            | Meaning::Mtu
            | Meaning::Dns(_)
            | Meaning::Nbns(_)
            | Meaning::InterimInterval
            | Meaning::SessionsMax
            | Meaning::Class => return self.of_the_log_in(meaning, value),
        }
        Some(())
    }

    /// What is settled with the log-in, or is for the bill.
    fn of_the_log_in(&mut self, meaning: Meaning, value: Value<'_>) -> Option<()> {
        let wishes = &mut self.wishes;
        let server = |address: Ipv4Addr| (!address.is_unspecified()).then_some(address);
        match meaning {
            Meaning::Address => wishes.address = Some(value.address()?),
            Meaning::Netmask => wishes.length = Some(mask_length(value.address()?)?),
            Meaning::Pool => wishes.pool = Some(value.text()?.into()),
            Meaning::Route => return self.route(framed_route(value.text()?)?),
            Meaning::Mtu => {
                let mtu = value.number()?;
                let mtu_max = u16::try_from(mtu).unwrap_or(u16::MAX);
                wishes.mtu_max = (mtu >= MTU_MIN).then_some(mtu_max);
            }
            Meaning::Dns(index) => {
                let address = server(value.address()?);
                *wishes.name_servers.dns.get_mut(usize::from(index))? = address;
            }
            Meaning::Nbns(index) => {
                let address = server(value.address()?);
                *wishes.name_servers.nbns.get_mut(usize::from(index))? = address;
            }
            Meaning::InterimInterval => {
                let interval_s = value.number()?.clamp(*INTERIM_S.start(), *INTERIM_S.end());
                wishes.interim = Some(Duration::from_secs(interval_s));
            }
            Meaning::SessionsMax => {
                let most = u32::try_from(value.number()?).unwrap_or(u32::MAX);
                wishes.sessions_max = (most > 0).then_some(most);
            }
            Meaning::Class => {
                let bytes = match value {
                    Value::Bytes(bytes) => bytes,
                    Value::Text(text) => text.as_bytes(),
                    Value::Number(_) | Value::Address(_) => return None,
                };
                if wishes.class.len() < CLASSES_MAX {
                    wishes.class.push(bytes.into());
                }
            }
            Meaning::SessionLimit
            | Meaning::EndTime
            | Meaning::TerminationAction
            | Meaning::IdleLimit
            | Meaning::FilterId
            | Meaning::FilterUpstream
            | Meaning::FilterDownstream
            | Meaning::RateUpstream(_)
            | Meaning::RateDownstream(_)
            | Meaning::GuaranteedUpstream(_)
            | Meaning::GuaranteedDownstream(_)
            | Meaning::MikrotikRate
            | Meaning::MpdLimit
            | Meaning::AscendDataRate
            | Meaning::CiscoPair
            | Meaning::CiscoControl
            | Meaning::Quota(..)
            | Meaning::OctetsLimit
            | Meaning::OctetsDirection => return None,
        }
        Some(())
    }

    fn route(&mut self, route: Route) -> Option<()> {
        let routes = &mut self.wishes.routes;
        (routes.len() < ROUTES_MAX).then(|| routes.push(route))
    }

    fn limit(&mut self, limit: Limit) {
        let change = &mut self.wishes.change;
        match limit {
            Limit::All(Direction::Upstream, rate) => change.upstream = Some(rate),
            Limit::All(Direction::Downstream, rate) => change.downstream = Some(rate),
            Limit::Part => {}
        }
    }

    /// `2048/512`, `guest.in`, `guest.out`, `guest`.
    fn filter_id(&mut self, text: &str) {
        let filters = &mut self.wishes.change.filters;
        if let Some(rates) = plain_rates(text) {
            self.wishes.change.upstream = Some(rates.upstream);
            self.wishes.change.downstream = Some(rates.downstream);
        } else if let Some(name) = text.strip_suffix(".in") {
            filters.upstream = Some(name.into());
        } else if let Some(name) = text.strip_suffix(".out") {
            filters.downstream = Some(name.into());
        } else {
            filters.upstream = Some(text.into());
            filters.downstream = Some(text.into());
        }
    }

    /// `protocol:attribute#1=value`, or `*` for `=` where it need not be understood.
    fn cisco(&mut self, text: &str) -> Option<()> {
        if let Some(limit) = cisco_rate(text) {
            self.limit(limit?);
            return Some(());
        }
        let Some((name, value)) = text.split_once(['=', '*']) else {
            return Some(());
        };
        let name = name.split('#').next().unwrap_or(name);
        match name.trim() {
            "ip:addr-pool" => self.wishes.pool = Some(value.into()),
            "ip:inacl" => self.wishes.change.filters.upstream = Some(value.into()),
            "ip:outacl" => self.wishes.change.filters.downstream = Some(value.into()),
            "ip:route" => return self.route(cisco_route(value)?),
            "ip:dns-servers" => {
                let addresses = value.split_ascii_whitespace().map(str::parse);
                for (server, address) in self.wishes.name_servers.dns.iter_mut().zip(addresses) {
                    *server = Some(address.ok()?);
                }
            }
            _ => {}
        }
        Some(())
    }

    /// `QV` and bytes, `QT` and seconds.
    fn cisco_control(&mut self, text: &str) -> Option<()> {
        if let Some(bytes) = text.strip_prefix("QV") {
            self.wishes.change.quota.total_bytes = Some(bytes.parse().ok()?);
        } else if let Some(seconds) = text.strip_prefix("QT") {
            let limit = Duration::from_secs(seconds.parse().ok()?);
            self.wishes.change.session_limit = Some(limit);
        }
        Some(())
    }

    fn finish(mut self) -> Wishes {
        let change = &mut self.wishes.change;
        let [upstream, downstream, total] = self.quotas.map(Halves::whole);
        let quota = &mut change.quota;
        quota.upstream_bytes = upstream;
        quota.downstream_bytes = downstream;
        quota.total_bytes = total.or(quota.total_bytes);
        match (self.octets_limit, self.octets_direction) {
            (None, _) => {}
            (limit, 0) => quota.total_bytes = limit,
            (limit, 1) => quota.upstream_bytes = limit,
            (limit, 2) => quota.downstream_bytes = limit,
            (limit, _) => quota.larger_bytes = limit,
        }
        let mut data_rates = self.data_rates.into_iter().map(Rate::of_bps);
        if change.downstream.is_none() {
            change.downstream = data_rates.next();
        }
        change.upstream = change.upstream.or_else(|| data_rates.next());
        let least = [
            (&mut change.upstream, self.guaranteed.0),
            (&mut change.downstream, self.guaranteed.1),
        ];
        for (rate, guaranteed) in least {
            if let Some(guaranteed_bps) = guaranteed {
                let rate = rate.get_or_insert_with(Rate::default);
                rate.guaranteed_bps = guaranteed_bps;
            }
        }
        if let Some(rates) = self.rates {
            change.upstream = Some(rates.upstream);
            change.downstream = Some(rates.downstream);
            change.priority = rates.priority;
        }
        self.wishes
    }
}

#[cfg(test)]
mod tests;
