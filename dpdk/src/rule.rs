//! Rules that a device carries out itself: GRE frames of PPTP go to a queue by their Call ID. Few
//! devices can, each in its own way, so a rule is asked for before it is made.

use std::ffi::{CStr, c_char};
use std::fmt;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use crate::eal::control;
use crate::error::Errno;
use crate::port::{Inner, Port};

/// How a rule finds the Call ID of an enhanced GRE header (RFC 2637 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallIdField {
    /// In the GRE key, whose lower half it is: for devices whose parser takes version 1 of GRE.
    GreKey,
    /// As two octets behind the IPv4 header: for devices that match any octets.
    Octets,
}

impl CallIdField {
    /// All ways, the one that more devices know first.
    pub const ALL: [Self; 2] = [Self::GreKey, Self::Octets];

    fn code(self) -> u32 {
        match self {
            Self::GreKey => dpdk_sys::SHIM_RULE_GRE_KEY,
            Self::Octets => dpdk_sys::SHIM_RULE_OCTETS,
        }
    }
}

impl fmt::Display for CallIdField {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::GreKey => "gre-key",
            Self::Octets => "octets",
        })
    }
}

/// Which frames go where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallIdRule {
    /// How the Call ID is found.
    pub field: CallIdField,
    /// The Call ID.
    pub call_id: u16,
    /// Which bits of it count.
    pub mask: u16,
    /// The receive queue that gets the frames.
    pub queue: u16,
}

/// Why a device does not take a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRefusal {
    /// The error number.
    pub errno: Errno,
    /// What its driver says, if it says anything.
    pub message: String,
}

impl fmt::Display for RuleRefusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (message, errno) = (self.message.as_str(), self.errno.to_string());
        // Where a driver has no rules at all, DPDK says for it what the number says.
        if message.is_empty() || errno.starts_with(message) {
            return out.write_str(&errno);
        }
        write!(out, "{message} ({errno})")
    }
}

impl std::error::Error for RuleRefusal {}

/// A rule that the device has; gone from there when dropped.
#[derive(Debug)]
pub struct Rule {
    port: Arc<Inner>,
    raw: NonNull<dpdk_sys::rte_flow>,
}

// SAFETY: a handle that DPDK is given back under the lock of `control`, from any thread.
unsafe impl Send for Rule {}

impl Port {
    /// Whether the device would take this rule now; it stays as it is.
    ///
    /// # Errors
    /// Why not.
    pub fn validate(&self, rule: &CallIdRule) -> Result<(), RuleRefusal> {
        // SAFETY: no place for a handle is given, so nothing is made.
        unsafe { call(self.inner(), rule, ptr::null_mut()) }
    }

    /// Gives the device this rule.
    ///
    /// # Errors
    /// Why it does not take it: it cannot, or has no room for more.
    pub fn install(&self, rule: &CallIdRule) -> Result<Rule, RuleRefusal> {
        let mut made = ptr::null_mut();
        // SAFETY: the place for the handle is valid.
        unsafe { call(self.inner(), rule, &raw mut made) }?;
        let refused = || RuleRefusal {
            errno: Errno(libc::ENOTSUP),
            message: String::new(),
        };
        Ok(Rule {
            raw: NonNull::new(made).ok_or_else(refused)?,
            port: Arc::clone(self.inner()),
        })
    }
}

/// Validates the rule where `made` is null, and makes it otherwise.
///
/// # Safety
/// `made` is null or valid for a write.
unsafe fn call(
    port: &Inner,
    rule: &CallIdRule,
    made: *mut *mut dpdk_sys::rte_flow,
) -> Result<(), RuleRefusal> {
    let mut message: *const c_char = ptr::null();
    let guard = control();
    // SAFETY: the port is ours, `made` as promised, and the message a valid place.
    let code = unsafe {
        dpdk_sys::shim_call_id_rule(
            port.id(),
            rule.field.code(),
            rule.call_id,
            rule.mask,
            rule.queue,
            made,
            &raw mut message,
        )
    };
    drop(guard);
    Errno::check(code).map_err(|errno| RuleRefusal {
        errno,
        message: text(message),
    })
}

fn text(message: *const c_char) -> String {
    if message.is_null() {
        return String::new();
    }
    // SAFETY: not null, so a NUL-terminated string constant of the driver, which is never unloaded.
    let message = unsafe { CStr::from_ptr(message) };
    message.to_string_lossy().into_owned()
}

impl Drop for Rule {
    fn drop(&mut self) {
        let guard = control();
        // SAFETY: the handle is of this port, which is still open, and is used no more.
        unsafe { dpdk_sys::shim_rule_destroy(self.port.id(), self.raw.as_ptr()) };
        drop(guard);
    }
}
