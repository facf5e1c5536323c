//! Why a client is not let in, and what it learns of that.

use crate::counted_enum;
use crate::wire::chap::FailureCode;

counted_enum! {
    /// Why a peer was not let in.
    pub enum Rejection {
        /// No user of that name.
        UserUnknown => "user_unknown",
        /// The response does not fit the user's password.
        PasswordWrong => "password_wrong",
        /// The name is no valid UTF-8, empty, or too long to be anybody's.
        NameUnusable => "name_unusable",
        /// CHAP with MD5, of a user whose password is known as an NT hash only.
        PasswordNotInClear => "password_not_in_clear",
        /// An MS-CHAPv1 client sent the response of LAN Manager alone.
        LanManagerOnly => "lan_manager_only",
        /// The password is right, and was proved in a way that the user's group does not permit.
        MethodNotPermitted => "method_not_permitted",
        /// The password is right, and has expired.
        PasswordExpired => "password_expired",
        /// The password is right, and the user is disabled.
        UserDisabled => "user_disabled",
        /// The password is right, and the user's time is over.
        AccountExpired => "account_expired",
        /// The password is right, and the user has as many sessions as it may have.
        TooManySessions => "too_many_sessions",
        /// The password is right, and the user's group has as many sessions as it may have.
        GroupFull => "group_full",
        /// The realm of the name is none that is known.
        RealmUnknown => "realm_unknown",
        /// Log-ins under this name failed too often; nobody looked at the password.
        UserBackOff => "user_back_off",
        /// The new password does not fit the old one or its own proof, or is the old one.
        NewPasswordRefused => "new_password_refused",
        /// An EAP packet that does not belong to where the conversation stands.
        EapOutOfStep => "eap_out_of_step",
        /// The client has none of our EAP methods.
        EapMethodNotAgreed => "eap_method_not_agreed",
        /// The client does not believe that the server knows its password.
        ServerNotBelieved => "server_not_believed",
        /// A RADIUS server refused it.
        RadiusRefused => "radius_refused",
        /// No RADIUS server answered in time.
        RadiusNoAnswer => "radius_no_answer",
        /// So many questions wait for RADIUS servers that this one was not put.
        RadiusOverloaded => "radius_overloaded",
        /// What a RADIUS server answered cannot be carried out.
        RadiusAnswerUnusable => "radius_answer_unusable",
        /// A TACACS+ server refused it.
        TacacsRefused => "tacacs_refused",
        /// The name is proved, and a TACACS+ server does not grant it PPP.
        TacacsNotAuthorized => "tacacs_not_authorized",
        /// No TACACS+ server answered in time.
        TacacsNoAnswer => "tacacs_no_answer",
        /// So many questions wait for TACACS+ servers that this one was not put.
        TacacsOverloaded => "tacacs_overloaded",
        /// What a TACACS+ server answered cannot be carried out.
        TacacsAnswerUnusable => "tacacs_answer_unusable",
        /// TACACS+, or that server of it, has no such way to log in.
        TacacsMethodUnknown => "tacacs_method_unknown",
        /// Encryption is required, and TACACS+ carries no keys.
        TacacsNoKeys => "tacacs_no_keys",
        /// No server answers, and nothing is kept of the user for such a time.
        OutageUserUnknown => "outage_user_unknown",
        /// No server answers, and the password is not the one that a server has let in.
        OutagePasswordWrong => "outage_password_wrong",
        /// No server answers, and what the client has proved cannot be checked without one.
        OutageNotProvable => "outage_not_provable",
        /// No server answers, and so many passwords wait to be checked that this one was not.
        OutageOverloaded => "outage_overloaded",
    }
}

/// Whether a refusal is one that who guesses passwords would hear.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guess {
    /// It is not.
    No,
    /// It is, and another password may help.
    MayRetry,
    /// It is, and no other password helps.
    Final,
}

impl Rejection {
    /// Only who knows the password learns more than that it was refused.
    const fn nature(self) -> (FailureCode, Guess) {
        match self {
            Self::UserUnknown
            | Self::PasswordWrong
            | Self::NameUnusable
            | Self::RadiusRefused
            | Self::TacacsRefused
            | Self::OutageUserUnknown
            | Self::OutagePasswordWrong => (FailureCode::AuthenticationFailure, Guess::MayRetry),
            Self::PasswordNotInClear => (FailureCode::AuthenticationFailure, Guess::Final),
            Self::NewPasswordRefused => (FailureCode::ChangingPassword, Guess::Final),
            Self::LanManagerOnly
            | Self::EapOutOfStep
            | Self::EapMethodNotAgreed
            | Self::RadiusNoAnswer
            | Self::RadiusOverloaded
            | Self::RadiusAnswerUnusable
            | Self::TacacsNoAnswer
            | Self::TacacsOverloaded
            | Self::TacacsAnswerUnusable
            | Self::TacacsMethodUnknown
            | Self::OutageNotProvable
            | Self::OutageOverloaded
            | Self::UserBackOff
            | Self::RealmUnknown
            | Self::ServerNotBelieved => (FailureCode::AuthenticationFailure, Guess::No),
            Self::PasswordExpired => (FailureCode::PasswordExpired, Guess::No),
            Self::UserDisabled | Self::AccountExpired => (FailureCode::AccountDisabled, Guess::No),
            Self::MethodNotPermitted
            | Self::TooManySessions
            | Self::GroupFull
            | Self::TacacsNotAuthorized
            | Self::TacacsNoKeys => (FailureCode::NoDialInPermission, Guess::No),
        }
    }

    /// What an MS-CHAP client is told.
    #[must_use]
    pub const fn failure_code(self) -> FailureCode {
        self.nature().0
    }

    /// What the user is told.
    #[must_use]
    pub const fn text(self) -> &'static str {
        if matches!(self, Self::UserBackOff) {
            return "Too many failed attempts: try again later";
        }
        if matches!(self, Self::TooManySessions | Self::GroupFull) {
            return "Too many sessions";
        }
        if matches!(self, Self::AccountExpired) {
            return "Account expired";
        }
        match self.failure_code() {
            FailureCode::AuthenticationFailure => "Access denied",
            FailureCode::PasswordExpired => "Password expired",
            FailureCode::AccountDisabled => "Account disabled",
            FailureCode::ChangingPassword => "The new password was not accepted",
            FailureCode::RestrictedLogonHours => "Not at this time",
            FailureCode::NoDialInPermission => "No permission to dial in",
        }
    }

    /// Whether another password may help.
    #[must_use]
    pub const fn permits_retry(self) -> bool {
        matches!(self.nature().1, Guess::MayRetry)
    }

    /// Whether who guesses passwords hears it, and is slowed down for it.
    #[must_use]
    pub const fn is_of_a_guess(self) -> bool {
        !matches!(self.nature().1, Guess::No)
    }

    /// Whether no server was there to say anything.
    #[must_use]
    pub const fn is_of_an_outage(self) -> bool {
        matches!(self, Self::RadiusNoAnswer | Self::TacacsNoAnswer)
    }

    /// Whether a server has said so itself: an Access-Reject, for instance.
    #[must_use]
    pub const fn is_of_the_server(self) -> bool {
        matches!(
            self,
            Self::RadiusRefused
                | Self::TacacsRefused
                | Self::TacacsNotAuthorized
                | Self::PasswordExpired
                | Self::UserDisabled
                | Self::NewPasswordRefused
        )
    }

    /// Whether what a server has said is of the account, whatever password came with the question.
    #[must_use]
    pub const fn is_of_the_account(self) -> bool {
        matches!(
            self,
            Self::TacacsNotAuthorized | Self::PasswordExpired | Self::UserDisabled
        )
    }
}
