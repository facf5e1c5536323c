//! One record of the bill, complete in itself: of a crash, the last record of a call is all that is left
//! of it. As JSON it is what the spool holds and what a line of the local bill is.

use std::net::Ipv4Addr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::TerminateCause;
use crate::aaa::radius::Caller;
use crate::flow::{FlowKey, FlowTotals};

/// What a record tells (RFC 2866 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A client can use its network.
    Start,
    /// What a call has carried so far.
    Interim,
    /// A call is over.
    Stop,
    /// The server begins: calls that were not ended before are over.
    On,
    /// The server ends.
    Off,
}

/// Who has let a client in (RFC 2866 §5.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// A RADIUS server.
    Radius,
    /// We.
    #[default]
    Local,
    /// A server of another protocol.
    Remote,
    /// We, in an outage, since a server had let it in before.
    Cached,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What it tells.
    pub kind: Kind,
    /// Acct-Session-Id: what the records of one call have in common.
    pub session_id: Box<str>,
    /// When it happened, in milliseconds since 1970.
    pub happened_ms: u64,
    /// The group of the servers that write it down; of a call, that which let it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub servers: Option<Box<str>>,
    /// The call; `None`: the server itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<BilledCall>,
    /// What the call has carried, but for a Start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Why the call is over, of a Stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminate_cause: Option<TerminateCause>,
}

impl Record {
    /// Whether it is about the server, so that all before it have to be written down before it, and
    /// all after it after it.
    #[must_use]
    pub const fn is_of_server(&self) -> bool {
        self.call.is_none()
    }

    /// The Stop of a call of which this is the last that is known: the server has crashed, and what
    /// the call carried after it nobody knows.
    #[must_use]
    pub(super) fn ended_by_crash(self) -> Self {
        Self {
            kind: Kind::Stop,
            usage: Some(self.usage.unwrap_or_default()),
            terminate_cause: Some(TerminateCause::NasReboot),
            ..self
        }
    }

    /// As one line of JSON, without the end of the line.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Text and numbers: there is nothing that JSON cannot say.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The reverse of [`Self::to_json`].
    #[must_use]
    pub fn from_json(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }
}

/// Whose call it is, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BilledCall {
    /// The name in the bill.
    pub user: Octets,
    /// The client's address, unless it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Ipv4Addr>,
    /// Who let it in.
    pub decided_by: DecidedBy,
    /// Who called, and where.
    pub caller: Caller,
    /// What the server that let it in says of the user's domain (RFC 2548 §2.1.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Octets>,
    /// What the server that let it in wants to see in its bill (RFC 2865 §5.25).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class: Vec<Octets>,
}

/// What a call has carried; upstream is from the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Since its Start, in seconds.
    pub session_time_s: u64,
    /// IP packets from the client.
    pub upstream_packets: u64,
    /// Octets of them.
    pub upstream_octets: u64,
    /// IP packets to the client.
    pub downstream_packets: u64,
    /// Octets of them.
    pub downstream_octets: u64,
}

impl Usage {
    /// What a worker has counted.
    #[must_use]
    pub const fn new(totals: &FlowTotals, session_time_s: u64) -> Self {
        Self {
            session_time_s,
            upstream_packets: totals.upstream_packets,
            upstream_octets: totals.upstream_bytes,
            downstream_packets: totals.downstream_packets,
            downstream_octets: totals.downstream_bytes,
        }
    }
}

/// Octets that mostly are text: in JSON a string where they are UTF-8, and `{"hex":"…"}` otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Octets(pub Box<[u8]>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Spelled {
    Text(String),
    Binary { hex: String },
}

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let spelled = match std::str::from_utf8(&self.0) {
            Ok(text) => Spelled::Text(text.to_owned()),
            Err(_) => Spelled::Binary {
                hex: self.0.iter().map(|octet| format!("{octet:02x}")).collect(),
            },
        };
        spelled.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Spelled::deserialize(deserializer)? {
            Spelled::Text(text) => Ok(Self(text.into_bytes().into())),
            Spelled::Binary { hex } => {
                let octets = hex.as_bytes().chunks(2).map(|pair| {
                    let pair = std::str::from_utf8(pair).ok()?;
                    u8::from_str_radix(pair, 16).ok()
                });
                let octets: Option<Vec<u8>> = octets.collect();
                let wrong = || serde::de::Error::custom("not hexadecimal");
                octets.map(|octets| Self(octets.into())).ok_or_else(wrong)
            }
        }
    }
}

/// The name of a call, as the number of NAS-Port: `#[serde(with = "nas_port")]`.
pub(in crate::aaa) mod nas_port {
    use super::{Deserialize, Deserializer, FlowKey, Serialize, Serializer};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes by reference"
    )]
    pub(in crate::aaa) fn serialize<S: Serializer>(
        flow: &FlowKey,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        flow.pack().serialize(serializer)
    }

    pub(in crate::aaa) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<FlowKey, D::Error> {
        let nobody = || serde::de::Error::custom("0 is no call");
        FlowKey::unpack(u32::deserialize(deserializer)?).ok_or_else(nobody)
    }
}

#[cfg(test)]
pub(in crate::aaa) mod tests {
    use super::*;
    use crate::aaa::radius::ClientSaid;
    use crate::wire::call_id::CallId;

    /// A record of the call with this number.
    pub(in crate::aaa) fn record(kind: Kind, number: u16) -> Record {
        let caller = Caller {
            flow: FlowKey::new(3, CallId::new(number)),
            peer_address: Ipv4Addr::new(198, 51, 100, 7),
            local_address: Ipv4Addr::new(198, 51, 100, 1),
            calling_number: None,
            called_number: Some("555".into()),
            client: ClientSaid {
                host_name: Some("branch".into()),
                connect_bps: Some(100_000_000),
                identifications: vec!["MSRASV5.20".into(), "MSRAS-0-BRANCH".into()],
            },
            state: None,
        };
        let octets = |octets: &[u8]| Octets(octets.into());
        let call = BilledCall {
            user: octets(b"al\"ice"),
            lease: Some(Ipv4Addr::new(10, 0, 0, 1)),
            decided_by: DecidedBy::Radius,
            caller,
            domain: Some(octets(b"\0OFFICE")),
            class: vec![octets(b"gold"), octets(&[0, 0xff, 7])],
        };
        Record {
            kind,
            session_id: format!("S{number}").into(),
            happened_ms: 1_700_000_000_123,
            servers: None,
            call: (!matches!(kind, Kind::On | Kind::Off)).then_some(call),
            usage: matches!(kind, Kind::Interim | Kind::Stop).then(|| Usage {
                session_time_s: u64::from(number),
                upstream_octets: u64::MAX,
                ..Usage::default()
            }),
            terminate_cause: (kind == Kind::Stop).then_some(TerminateCause::UserRequest),
        }
    }

    #[test]
    fn a_record_comes_back_from_its_json_as_it_was() {
        for kind in [Kind::Start, Kind::Interim, Kind::Stop, Kind::On, Kind::Off] {
            let record = record(kind, 0xfffe);
            let json = record.to_json();
            assert_eq!(Record::from_json(&json), Some(record), "{kind:?}");
            assert!(!json.contains(&b'\n'));
        }
        assert_eq!(Record::from_json(b"{\"kind\":\"start\"}"), None);
    }

    #[test]
    fn octets_that_are_no_text_are_spelled_in_hexadecimal() {
        let json = |octets: &[u8]| serde_json::to_string(&Octets(octets.into())).unwrap();
        assert_eq!(json(b"gold"), "\"gold\"");
        assert_eq!(json(&[0xff, 1]), "{\"hex\":\"ff01\"}");
        for wrong in ["{\"hex\":\"f\\u00e4\"}", "{\"hex\":\"xx\"}", "7"] {
            assert!(serde_json::from_str::<Octets>(wrong).is_err(), "{wrong}");
        }
    }
}
