//! Who asks for a call, and what is said of it in every request to a server.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::flow::FlowKey;
use crate::wire::radius::Attributes;
use crate::wire::radius::attribute::{
    ACCT_SESSION_ID, CALLED_STATION_ID, CALLING_STATION_ID, CONNECT_INFO, FRAMED_PROTOCOL,
    MPD_BUNDLE, MPD_IFACE, MPD_IFACE_INDEX, MPD_LINK, MPD_PEER_IDENT, MS_RAS_CLIENT_NAME,
    MS_RAS_CLIENT_VERSION, MS_RAS_VERSION, NAS_IDENTIFIER, NAS_IP_ADDRESS, NAS_PORT, NAS_PORT_ID,
    NAS_PORT_TYPE, SERVICE_TYPE, TUNNEL_CLIENT_AUTH_ID, TUNNEL_CLIENT_ENDPOINT, TUNNEL_MEDIUM_TYPE,
    TUNNEL_SERVER_AUTH_ID, TUNNEL_SERVER_ENDPOINT, TUNNEL_TYPE,
};

/// Framed, in Service-Type (RFC 2865 §5.6).
pub(super) const SERVICE_FRAMED: u32 = 2;
/// Authorize-Only, in Service-Type (RFC 5176 §3.2).
pub(super) const SERVICE_AUTHORIZE_ONLY: u32 = 17;
/// PPP, in Framed-Protocol (RFC 2865 §5.7).
const PROTOCOL_PPP: u32 = 1;
/// Virtual, in NAS-Port-Type (RFC 2865 §5.41).
const PORT_VIRTUAL: u32 = 5;
/// PPTP, in Tunnel-Type (RFC 2868 §3.1).
const TUNNEL_PPTP: u32 = 1;
/// IPv4, in Tunnel-Medium-Type (RFC 2868 §3.2).
const MEDIUM_IPV4: u32 = 1;
/// What MS-RAS-Version says.
const RAS_VERSION: &str = concat!("PNS ", env!("CARGO_PKG_VERSION"));
/// Who asks for a call, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The call.
    #[serde(rename = "nas_port", with = "crate::aaa::accounting::record::nas_port")]
    pub flow: FlowKey,
    /// Where the client is.
    pub peer_address: Ipv4Addr,
    /// The address that it dialled.
    pub local_address: Ipv4Addr,
    /// The number of the caller, where an access concentrator tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calling_number: Option<Box<str>>,
    /// The number that was dialled, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called_number: Option<Box<str>>,
    /// What the client said of itself.
    #[serde(default, skip_serializing_if = "ClientSaid::is_nothing")]
    pub client: ClientSaid,
    /// What whoever let it in wants to see again (RFC 2865 §5.24).
    #[serde(skip)]
    pub state: Option<Box<[u8]>>,
}

/// What a client said of itself before it logged in: nobody has proved any of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSaid {
    /// The host name of its control connection (RFC 2637 §2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<Box<str>>,
    /// The speed of the call, in bit/s (RFC 2637 §2.7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_bps: Option<u32>,
    /// Its Identifications of LCP, earliest first (RFC 1570 §1.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identifications: Vec<Box<str>>,
}

impl ClientSaid {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// The last Identification that begins so.
    fn identification(&self, front: &str) -> Option<&str> {
        let mut all = self.identifications.iter().rev();
        all.find(|text| text.starts_with(front)).map(|text| &**text)
    }
}

/// What we call ourselves.
#[derive(Clone, Debug)]
pub struct Nas {
    /// NAS-Identifier.
    pub identifier: Box<str>,
    /// NAS-IP-Address; `None`: the address that was dialled.
    pub address: Option<Ipv4Addr>,
    /// What control connections are told: Tunnel-Server-Auth-ID.
    pub host_name: Box<str>,
    /// Largest EAP packet that a client takes for sure (RFC 3579 §3.4): Framed-MTU with EAP.
    pub eap_mtu: u16,
}

/// NAS-Port-Id of a call.
#[must_use]
pub fn nas_port_id(flow: FlowKey) -> String {
    format!("pptp-{}", flow.call_id.get())
}

/// Attributes that name a call, in requests of either kind.
pub(super) fn describe(caller: &Caller, nas: &Nas, session_id: &str, service: u32) -> Attributes {
    let peer = caller.peer_address.to_string();
    let local = caller.local_address.to_string();
    let mut attributes = Attributes::new();
    attributes
        .text(&NAS_IDENTIFIER, &nas.identifier)
        .address(&NAS_IP_ADDRESS, nas.address.unwrap_or(caller.local_address))
        .integer(&NAS_PORT, caller.flow.pack())
        .text(&NAS_PORT_ID, &nas_port_id(caller.flow))
        .integer(&NAS_PORT_TYPE, PORT_VIRTUAL)
        .integer(&SERVICE_TYPE, service)
        .integer(&FRAMED_PROTOCOL, PROTOCOL_PPP)
        .text(
            &CALLED_STATION_ID,
            caller.called_number.as_deref().unwrap_or(&local),
        )
        .text(
            &CALLING_STATION_ID,
            caller.calling_number.as_deref().unwrap_or(&peer),
        )
        .integer(&TUNNEL_TYPE, TUNNEL_PPTP)
        .integer(&TUNNEL_MEDIUM_TYPE, MEDIUM_IPV4)
        .text(&TUNNEL_CLIENT_ENDPOINT, &peer)
        .text(&TUNNEL_SERVER_ENDPOINT, &local)
        .text(&ACCT_SESSION_ID, session_id)
        .text(&TUNNEL_SERVER_AUTH_ID, &nas.host_name)
        .text(&MS_RAS_VERSION, RAS_VERSION);
    describe_client(&mut attributes, &caller.client);
    describe_as_mpd(&mut attributes, caller.flow);
    attributes
}

/// What nobody has proved.
fn describe_client(attributes: &mut Attributes, client: &ClientSaid) {
    if let Some(bps) = client.connect_bps {
        attributes.text(&CONNECT_INFO, &format!("{bps} PPTP"));
    }
    let texts = [
        (&TUNNEL_CLIENT_AUTH_ID, client.host_name.as_deref()),
        (&MS_RAS_CLIENT_NAME, client.identification("MSRAS-")),
        (&MS_RAS_CLIENT_VERSION, client.identification("MSRASV")),
        (&MPD_PEER_IDENT, client.identification("")),
    ];
    for (attribute, text) in texts {
        attributes.text(attribute, text.unwrap_or_default());
    }
}

/// What the billing systems of mpd look for.
fn describe_as_mpd(attributes: &mut Attributes, flow: FlowKey) {
    let name = nas_port_id(flow);
    for attribute in [&MPD_LINK, &MPD_BUNDLE, &MPD_IFACE] {
        attributes.text(attribute, &name);
    }
    attributes.integer(&MPD_IFACE_INDEX, flow.pack());
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::wire::call_id::CallId;

    /// One who says everything.
    pub(in crate::aaa::radius) fn talkative() -> Caller {
        Caller {
            flow: FlowKey::new(0, CallId::new(7)),
            peer_address: Ipv4Addr::new(198, 51, 100, 7),
            local_address: Ipv4Addr::new(198, 51, 100, 1),
            calling_number: None,
            called_number: None,
            client: ClientSaid {
                host_name: Some("branch".into()),
                connect_bps: Some(100_000_000),
                identifications: ["MSRASV5.20", "MSRAS-0-BRANCH"].map(Into::into).into(),
            },
            state: Some(b"again".as_slice().into()),
        }
    }

    pub(in crate::aaa) fn nas() -> Nas {
        Nas {
            identifier: "vpn1".into(),
            address: None,
            host_name: "pns".into(),
            eap_mtu: 1400,
        }
    }
}
