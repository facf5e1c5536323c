//! From a request to what it asks for, or the Error-Cause that says why it cannot be asked.

use super::{Change, ErrorCause, Selector, Settings, Wanted};
use crate::aaa::radius::caller::{SERVICE_AUTHORIZE_ONLY, SERVICE_FRAMED};
use crate::aaa::radius::wishes::wishes;
use crate::aaa::{NameServers, PolicyChange};
use crate::wire::ipv6::InterfaceIdentifier;
use crate::wire::radius::attribute::{
    ACCT_MULTI_SESSION_ID, ACCT_SESSION_ID, CALLED_STATION_ID, CALLING_STATION_ID,
    FRAMED_INTERFACE_ID, FRAMED_IP_ADDRESS, MPD_BUNDLE, MPD_IFACE, MPD_IFACE_INDEX, MPD_LINK,
    NAS_IDENTIFIER, NAS_IP_ADDRESS, NAS_IPV6_ADDRESS, NAS_PORT, NAS_PORT_ID, Places, SERVICE_TYPE,
    STATE, USER_NAME, VENDOR_SPECIFIC,
};
use crate::wire::radius::{Attribute, Code, Field, Packet};

/// A request that is not carried out.
pub(super) struct Refusal {
    pub(super) cause: ErrorCause,
    /// The attribute that it is for, or the calls that it is about.
    pub(super) about: String,
}

impl Refusal {
    pub(super) fn of(cause: ErrorCause) -> Self {
        Self {
            cause,
            about: String::new(),
        }
    }

    fn for_attribute(cause: ErrorCause, name: &str) -> Self {
        Self {
            cause,
            about: name.to_owned(),
        }
    }
}

/// What a request asks for.
///
/// # Errors
/// Why it cannot be asked, before any call is looked at.
pub(super) fn read(
    packet: &Packet<'_>,
    settings: &Settings,
) -> Result<(Selector, Wanted), Refusal> {
    if let Some(fault) = packet.fault() {
        let cause = ErrorCause::InvalidAttributeValue;
        return Err(Refusal::for_attribute(cause, fault.name));
    }
    is_for_us(packet, settings)?;
    let kind = Kind::of(packet).ok_or_else(|| Refusal::of(ErrorCause::UnsupportedService))?;
    let mut fields = packet.fields();
    if let Some(field) = fields.find(|field| !is_supported(field, kind, settings)) {
        let name = Attribute::find(field.vendor, field.number).map_or_else(
            || format!("attribute {} of vendor {}", field.number, field.vendor),
            |known| known.name.to_owned(),
        );
        let cause = ErrorCause::UnsupportedAttribute;
        return Err(Refusal::for_attribute(cause, &name));
    }
    if packet.has_opaque_vendor() {
        let cause = ErrorCause::UnsupportedAttribute;
        return Err(Refusal::for_attribute(cause, VENDOR_SPECIFIC.name));
    }
    let selector = selector(packet)?;
    if selector.is_empty() {
        return Err(Refusal::of(ErrorCause::MissingAttribute));
    }
    let wanted = match kind {
        Kind::End => Wanted::End,
        Kind::Authorize => {
            let state = packet.octets(&STATE);
            let missing = || Refusal::of(ErrorCause::MissingAttribute);
            Wanted::Authorize(state.ok_or_else(missing)?.into())
        }
        Kind::Change => {
            let change = change(packet, settings)?;
            if change == Change::default() {
                return Err(Refusal::of(ErrorCause::InvalidRequest));
            }
            Wanted::Change(Box::new(change))
        }
    };
    Ok((selector, wanted))
}

/// What a request is for, before its attributes are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    End,
    Change,
    Authorize,
}

impl Kind {
    /// `None`: for another service than ours.
    fn of(packet: &Packet<'_>) -> Option<Self> {
        let changes = packet.code == Code::COA_REQUEST;
        match packet.integer(&SERVICE_TYPE) {
            None | Some(SERVICE_FRAMED) if changes => Some(Self::Change),
            None | Some(SERVICE_FRAMED) => Some(Self::End),
            Some(SERVICE_AUTHORIZE_ONLY) if changes => Some(Self::Authorize),
            Some(_) => None,
        }
    }
}

/// RFC 5176 §3: what names the server has to name this one.
fn is_for_us(packet: &Packet<'_>, settings: &Settings) -> Result<(), Refusal> {
    let address = packet.address(&NAS_IP_ADDRESS);
    let identifier = packet.octets(&NAS_IDENTIFIER);
    let ours = address.is_none_or(|address| settings.addresses.contains(&address))
        && identifier.is_none_or(|identifier| identifier == settings.identifier.as_bytes())
        && packet.octets(&NAS_IPV6_ADDRESS).is_none();
    match ours {
        true => Ok(()),
        false => Err(Refusal::of(ErrorCause::NasIdentificationMismatch)),
    }
}

/// Whether an attribute has a place in such a request: what changes a call has none in one that ends
/// it (RFC 5176 §2.1), nor in one that leaves it to a server what changes; State has one there alone
/// (RFC 5176 §3.2).
fn is_supported(field: &Field<'_>, kind: Kind, settings: &Settings) -> bool {
    let changes = kind == Kind::Change;
    let places = match changes {
        true => Places::IDENTIFY.and(Places::CHANGE),
        false => Places::IDENTIFY,
    };
    if field.is(&STATE) {
        return kind == Kind::Authorize;
    }
    let mut map = settings.map.iter();
    let mapped = map.find(|mapped| mapped.is_of(field));
    match mapped {
        Some(mapped) => changes && mapped.meaning.changes_live_calls(),
        None => Attribute::find(field.vendor, field.number)
            .is_some_and(|known| known.honoured.meets(places)),
    }
}

/// What several attributes say alike, if they do.
fn agreed<T: PartialEq>(values: impl Iterator<Item = T>) -> Result<Option<T>, Refusal> {
    let mut values = values;
    let first = values.next();
    let same = values.all(|value| Some(&value) == first.as_ref());
    match same {
        true => Ok(first),
        false => Err(Refusal::of(ErrorCause::InvalidRequest)),
    }
}

fn selector(packet: &Packet<'_>) -> Result<Selector, Refusal> {
    let names = [&NAS_PORT_ID, &MPD_LINK, &MPD_BUNDLE, &MPD_IFACE];
    let name = agreed(names.into_iter().filter_map(|it| packet.octets(it)))?;
    let ports = [&NAS_PORT, &MPD_IFACE_INDEX];
    let port = agreed(ports.into_iter().filter_map(|it| packet.integer(it)))?;
    let octets = |attribute| packet.octets(attribute).map(Into::into);
    let interface = packet.octets(&FRAMED_INTERFACE_ID);
    let interface = interface.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    Ok(Selector {
        user: octets(&USER_NAME),
        nas_port: port,
        nas_port_id: name.map(Into::into),
        lease: packet.address(&FRAMED_IP_ADDRESS),
        called: octets(&CALLED_STATION_ID),
        calling: octets(&CALLING_STATION_ID),
        session_id: octets(&ACCT_SESSION_ID),
        multi_session_id: octets(&ACCT_MULTI_SESSION_ID),
        interface: interface.map(InterfaceIdentifier),
    })
}

fn change(packet: &Packet<'_>, settings: &Settings) -> Result<Change, Refusal> {
    let wishes = wishes(packet, &settings.map).map_err(|unreadable| {
        let cause = ErrorCause::InvalidAttributeValue;
        Refusal::for_attribute(cause, &unreadable.name)
    })?;
    // A pair of Cisco's can say what only a log-in can settle.
    let settled = wishes.pool.is_some() || wishes.name_servers != NameServers::default();
    if settled {
        return Err(Refusal::of(ErrorCause::UnsupportedAttribute));
    }
    let networks: Option<Vec<_>> = (!wishes.routes.is_empty())
        .then(|| wishes.routes.iter().map(|it| it.destination).collect());
    let ends_at = wishes.ends_at(settings.unix_at_zero_s);
    let policy = PolicyChange {
        ends_at,
        ..wishes.change
    };
    Ok(Change {
        policy,
        class: wishes.class,
        interim: wishes.interim,
        networks: networks.map(Into::into),
        mtu_max: wishes.mtu_max,
    })
}
