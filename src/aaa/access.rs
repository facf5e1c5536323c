//! What a listening address or a group of users permits, and what holds for one call of it.

use std::sync::Arc;

use super::{AtOutage, EapMethod, Servers, SessionLimits};
use crate::flow::{Encryption, FlowPolicy};
use crate::ppp::link::{Method, MppeChange, MppePolicy, MppeRequirement};

/// What the calls of a listening address, or the users of a group, are permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The group's name; `None`: what holds where no group is named.
    pub group: Option<Box<str>>,
    /// Ways to log in, best first.
    pub methods: Vec<Method>,
    /// Ways to log in inside EAP, best first.
    pub eap_methods: Vec<EapMethod>,
    /// Encryption.
    pub mppe: MppePolicy,
    /// Whether clients may reach each other.
    pub client_to_client: bool,
    /// Largest TCP MSS let through, in bytes; 0 leaves MSS alone.
    pub mss_max: u16,
    /// How many sessions users may have.
    pub limits: SessionLimits,
    /// What happens while no server answers.
    pub outage: AtOutage,
    /// The servers that are asked.
    pub servers: Servers,
}

/// The secure default, and nothing between clients.
impl Default for Access {
    fn default() -> Self {
        Self {
            group: None,
            methods: vec![Method::MsChapV2, Method::Eap],
            eap_methods: vec![EapMethod::MsChapV2],
            mppe: MppePolicy::REQUIRED,
            client_to_client: false,
            mss_max: 0,
            limits: SessionLimits::default(),
            outage: AtOutage::Refuse,
            servers: Servers::Any,
        }
    }
}

/// How a client proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginMethod {
    /// By a protocol of PPP itself.
    Ppp(Method),
    /// By a method inside EAP.
    Eap(EapMethod),
}

impl Access {
    /// Whether this is a way to log in here.
    #[must_use]
    pub fn permits(&self, method: LoginMethod) -> bool {
        match method {
            LoginMethod::Ppp(method) => self.methods.contains(&method),
            LoginMethod::Eap(method) => {
                self.methods.contains(&Method::Eap) && self.eap_methods.contains(&method)
            }
        }
    }
}

/// What holds for one call: of the listening address until the client is known, of the user from then
/// on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    access: Arc<Access>,
    own: MppeChange,
}

impl Terms {
    /// Those of `access`, but for `own`: what the user has of its own, or what an authentication
    /// server says of it.
    #[must_use]
    pub const fn new(access: Arc<Access>, own: MppeChange) -> Self {
        Self { access, own }
    }

    /// What they come from.
    #[must_use]
    pub fn access(&self) -> Arc<Access> {
        Arc::clone(&self.access)
    }

    /// The group that they are of.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        self.access.group.as_deref()
    }

    /// Whether the call is encrypted, and how.
    #[must_use]
    pub fn mppe(&self) -> MppePolicy {
        self.access.mppe.changed(self.own)
    }

    /// What the user has of its own.
    #[must_use]
    pub const fn own(&self) -> MppeChange {
        self.own
    }

    /// How many sessions the user and its group may have.
    #[must_use]
    pub fn session_limits(&self) -> SessionLimits {
        self.access.limits
    }

    /// What the data plane enforces.
    #[must_use]
    pub fn flow_policy(&self) -> FlowPolicy {
        FlowPolicy {
            encryption: match self.mppe().requirement {
                MppeRequirement::Required => Encryption::Required,
                MppeRequirement::Optional | MppeRequirement::Passive => Encryption::Optional,
                MppeRequirement::Off => Encryption::Off,
            },
            client_to_client: self.access.client_to_client,
            mss_max: self.access.mss_max,
        }
    }
}
