//! The error that a Windows user reads out on the telephone.

use super::{Facts, Finding, Stage};

/// An error of Windows' remote access service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
pub enum WindowsError {
    /// ERROR_PORT_DISCONNECTED: the server closed before there was an answer.
    PortDisconnected = 619,
    /// ERROR_DISCONNECTION: the server ended an attempt that was on its way.
    RemoteEnded = 628,
    /// ERROR_RESTRICTED_LOGON_HOURS.
    LogonHours = 646,
    /// ERROR_ACCT_DISABLED.
    AccountDisabled = 647,
    /// ERROR_PASSWD_EXPIRED.
    PasswordExpired = 648,
    /// ERROR_NO_DIALIN_PERMISSION.
    NoDialInPermission = 649,
    /// ERROR_AUTHENTICATION_FAILURE.
    AccessDenied = 691,
    /// ERROR_CHANGING_PASSWORD.
    PasswordNotChanged = 709,
    /// ERROR_PPP_TIMEOUT: PPP had begun, and then an answer did not come.
    PppTimeout = 718,
    /// ERROR_PPP_NO_RESPONSE: PPP never began.
    NoResponse = 721,
    /// ERROR_PPP_LCP_TERMINATED: LCP was ended over a difference of policy.
    LcpTerminated = 734,
    /// ERROR_NO_LOCAL_ENCRYPTION: the client cannot do what the server demands.
    NoLocalEncryption = 741,
    /// ERROR_NO_REMOTE_ENCRYPTION: the server does not do what the client demands.
    NoRemoteEncryption = 742,
    /// The server cannot be reached on TCP port 1723, or closes at once.
    Unreachable = 800,
    /// TCP passes and GRE does not.
    GreBlocked = 806,
}

impl WindowsError {
    /// Every one of them.
    pub const ALL: [Self; 15] = [
        Self::PortDisconnected,
        Self::RemoteEnded,
        Self::LogonHours,
        Self::AccountDisabled,
        Self::PasswordExpired,
        Self::NoDialInPermission,
        Self::AccessDenied,
        Self::PasswordNotChanged,
        Self::PppTimeout,
        Self::NoResponse,
        Self::LcpTerminated,
        Self::NoLocalEncryption,
        Self::NoRemoteEncryption,
        Self::Unreachable,
        Self::GreBlocked,
    ];

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// What Windows means by it.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::PortDisconnected => "the port was disconnected",
            Self::RemoteEnded => "the remote computer ended the connection before it was complete",
            Self::LogonHours => "the account may not log on at this time of day",
            Self::AccountDisabled => "the account is disabled",
            Self::PasswordExpired => "the password has expired",
            Self::NoDialInPermission => "the account may not dial in",
            Self::AccessDenied => "the name or the password is wrong",
            Self::PasswordNotChanged => "the password could not be changed",
            Self::PppTimeout => "the remote computer did not answer in time",
            Self::NoResponse => "the remote computer does not respond",
            Self::LcpTerminated => "the PPP link control protocol was terminated",
            Self::NoLocalEncryption => "this computer does not support the required encryption",
            Self::NoRemoteEncryption => {
                "the remote computer does not support the required encryption"
            }
            Self::Unreachable => "the server cannot be reached",
            Self::GreBlocked => "the connection was made, but GRE does not pass",
        }
    }

    /// The error with this number.
    #[must_use]
    pub fn of_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|error| error.number() == number)
    }
}

/// What a Windows user sees for one cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowsErrors {
    /// The most likely number.
    pub number: u32,
    /// Whether the client itself told it, in its Terminate-Request.
    pub told: bool,
    /// What other versions of Windows show for the same cause.
    pub also: &'static [WindowsError],
}

impl WindowsErrors {
    /// The errors for `finding`; `None` if the call was up, or if it is nobody's error.
    #[must_use]
    pub fn of(finding: Finding, facts: &Facts) -> Option<Self> {
        if facts.stage == Stage::Network {
            return None;
        }
        let (&likely, also) = finding.windows_errors().split_first()?;
        let told = facts.observed.terminate_error.filter(|number| *number != 0);
        Some(Self {
            number: told.unwrap_or(likely.number()),
            told: told.is_some(),
            also: if told.is_some() { &[] } else { also },
        })
    }

    /// What Windows means by the number, if it is one of those that PPTP users see.
    #[must_use]
    pub fn meaning(&self) -> Option<&'static str> {
        WindowsError::of_number(self.number).map(WindowsError::meaning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_again_and_each_means_something_else() {
        for error in WindowsError::ALL {
            assert_eq!(WindowsError::of_number(error.number()), Some(error));
            let twins = WindowsError::ALL
                .iter()
                .filter(|other| other.meaning() == error.meaning());
            assert_eq!(twins.count(), 1);
        }
        assert_eq!(WindowsError::of_number(0), None);
    }

    #[test]
    fn every_error_that_users_quote_is_the_likely_one_of_some_finding() {
        for error in WindowsError::ALL {
            let found = Finding::ALL
                .iter()
                .any(|finding| finding.windows_errors().first() == Some(&error));
            assert!(found, "{error:?}");
        }
    }
}
