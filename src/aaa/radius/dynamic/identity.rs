//! Which calls a request is about: everything that it says of them has to be so (RFC 5176 §3).

use std::fmt;
use std::net::Ipv4Addr;

use crate::wire::ipv6::InterfaceIdentifier;

/// What a request says of its calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// User-Name.
    pub user: Option<Box<[u8]>>,
    /// NAS-Port.
    pub nas_port: Option<u32>,
    /// NAS-Port-Id.
    pub nas_port_id: Option<Box<[u8]>>,
    /// Framed-IP-Address.
    pub lease: Option<Ipv4Addr>,
    /// Called-Station-Id.
    pub called: Option<Box<[u8]>>,
    /// Calling-Station-Id.
    pub calling: Option<Box<[u8]>>,
    /// Acct-Session-Id.
    pub session_id: Option<Box<[u8]>>,
    /// Acct-Multi-Session-Id.
    pub multi_session_id: Option<Box<[u8]>>,
    /// Framed-Interface-Id.
    pub interface: Option<InterfaceIdentifier>,
}

/// What is known of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Who it is, by the names that servers may have heard.
    pub users: Vec<Box<str>>,
    /// As in NAS-Port.
    pub nas_port: u32,
    /// As in NAS-Port-Id.
    pub nas_port_id: String,
    /// The client's address.
    pub lease: Option<Ipv4Addr>,
    /// As in Called-Station-Id.
    pub called: String,
    /// As in Calling-Station-Id.
    pub calling: String,
    /// As in Acct-Session-Id.
    pub session_id: Box<str>,
    /// The client's interface identifier.
    pub interface: Option<InterfaceIdentifier>,
}

impl Selector {
    /// Whether it says anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a call is meant.
    #[must_use]
    pub fn selects(&self, call: &Identity) -> bool {
        let is = |said: &Option<Box<[u8]>>, known: &str| {
            said.as_ref().is_none_or(|said| **said == *known.as_bytes())
        };
        let user = self.user.as_ref().is_none_or(|said| {
            let mut users = call.users.iter();
            users.any(|user| user.as_bytes() == &**said)
        });
        user && self.nas_port.is_none_or(|port| port == call.nas_port)
            && is(&self.nas_port_id, &call.nas_port_id)
            && self.lease.is_none_or(|lease| Some(lease) == call.lease)
            && is(&self.called, &call.called)
            && is(&self.calling, &call.calling)
            && is(&self.session_id, &call.session_id)
            && is(&self.multi_session_id, &call.session_id)
            && (self.interface.is_none() || self.interface == call.interface)
    }
}

/// For the audit.
impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = [
            ("user", &self.user),
            ("nas_port_id", &self.nas_port_id),
            ("called", &self.called),
            ("calling", &self.calling),
            ("session_id", &self.session_id),
            ("multi_session_id", &self.multi_session_id),
        ];
        let mut first = "";
        for (name, value) in texts {
            if let Some(value) = value {
                write!(formatter, "{first}{name}={}", value.escape_ascii())?;
                first = " ";
            }
        }
        if let Some(port) = self.nas_port {
            write!(formatter, "{first}nas_port={port}")?;
            first = " ";
        }
        if let Some(lease) = self.lease {
            write!(formatter, "{first}address={lease}")?;
            first = " ";
        }
        if let Some(interface) = self.interface {
            write!(formatter, "{first}interface={interface:?}")?;
        }
        Ok(())
    }
}
