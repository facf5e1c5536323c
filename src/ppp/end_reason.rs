//! Why a link ended: one reason, the same in logs, metrics, accounting and `pns explain`.

use crate::counted_enum;

/// A counted enum whose variants also say what to change on which side.
macro_rules! end_reasons {
    ($($(#[$meta:meta])* $variant:ident => $name:literal, $sentence:literal;)+) => {
        counted_enum! {
            /// The one cause of a link's end.
            pub enum EndReason {
                $($(#[$meta])* $variant => $name,)+
            }
        }

        impl EndReason {
            /// What happened and what to change on which side, in one sentence.
            #[must_use]
            pub const fn describe(self) -> &'static str {
                match self {
                    $(Self::$variant => $sentence,)+
                }
            }
        }
    };
}

end_reasons! {
    /// The client sent an LCP Terminate-Request.
    PeerTerminated => "peer_terminated",
        "The client hung up; nothing to change.";
    /// The call was closed by an operator.
    AdministrativeStop => "administrative_stop",
        "An operator closed the call; the client may dial again.";
    /// The server is shutting down.
    Shutdown => "shutdown",
        "The server was stopped; the client may dial again once it is back.";
    /// The time granted to the user is over.
    SessionTimeout => "session_timeout",
        "The time granted to the user is over; raise the user's session limit if it is too short.";
    /// The call carried no traffic for too long.
    IdleTimeout => "idle_timeout",
        "The call carried no traffic for the idle limit; raise the limit on the server or let the \
         client send keep-alives.";
    /// The control connection ended under the call.
    ControlConnectionClosed => "control_connection_closed",
        "The client's TCP connection to port 1723 ended and took the call with it; look for a \
         firewall or NAT box in between that drops idle connections.";
    /// The client cleared the call on the control connection.
    CallCleared => "call_cleared",
        "The client cleared the call; nothing to change.";
    /// The server could not do its part.
    InternalFailure => "internal_failure",
        "The server could not carry the call; see the server's log for the cause.";
    /// LCP did not open in time.
    NegotiationTimeoutLcp => "negotiation_timeout_lcp",
        "No PPP frame of the client arrived or none of ours reached it; let GRE (IP protocol 47) \
         pass both ways through every firewall and NAT box in between.";
    /// CCP did not open in time.
    NegotiationTimeoutCcp => "negotiation_timeout_ccp",
        "The client did not finish negotiating encryption; enable MPPE with 128 bits on the \
         client, or make MPPE optional on the server.";
    /// IPCP did not open in time.
    NegotiationTimeoutIpcp => "negotiation_timeout_ipcp",
        "The client did not finish negotiating its address; let the client obtain an address from \
         the server.";
    /// Both sides kept asking for different things.
    NegotiationDidNotConverge => "negotiation_did_not_converge",
        "Client and server kept asking for different options; set the client's PPP options back \
         to their defaults.";
    /// The client negotiated again and again.
    RenegotiationLimit => "renegotiation_limit",
        "The client kept negotiating an established link anew; look for packet loss on the path \
         or two clients that use one configuration.";
    /// The client rejected a packet without which PPP does not work.
    ProtocolFailure => "protocol_failure",
        "The client rejected a packet without which PPP cannot work; update the client's PPP \
         software.";
    /// The client will not authenticate in any way that the server offers.
    AuthenticationNotAgreed => "authentication_not_agreed",
        "The client refuses every way to authenticate that the server offers; allow MS-CHAPv2 on the \
         client, or add what the client does to ppp.authentication.methods on the server.";
    /// The client did not answer the challenge in time.
    AuthenticationTimeout => "authentication_timeout",
        "The client did not answer the challenge in time; check that it has a name and a \
         password, and look for loss on the path.";
    /// Nobody decided on the client's credentials in time.
    DecisionTimeout => "decision_timeout",
        "No decision on the client's password came in time; check that the server's RADIUS \
         servers answer.";
    /// The client's name or password is wrong.
    AuthenticationFailed => "authentication_failed",
        "Name or password is wrong; correct the password on the client or the user on the server.";
    /// A client that was let in could not prove it again.
    ReauthenticationFailed => "reauthentication_failed",
        "Asked again who it is, the client gave another answer than the server expects; look whether \
         the password was changed on the server during the call.";
    /// The user may not log in at this time (646).
    LogonHoursRestricted => "logon_hours_restricted",
        "The user may not log in at this time of day; change the user's hours on the server.";
    /// The user may not log in at all (647).
    AccountDisabled => "account_disabled",
        "The user is disabled; enable it on the server.";
    /// The user's password has expired, and the client has sent no other (648).
    PasswordExpired => "password_expired",
        "The user's password has expired and the client did not change it; change it on the client, \
         or on the server.";
    /// The user may not dial in (649).
    DialInNotPermitted => "dial_in_not_permitted",
        "The user has no permission to dial in; grant it on the server.";
    /// The client's new password was not taken (709).
    PasswordChangeFailed => "password_change_failed",
        "The new password was not taken; choose another one that differs from the old one, or let \
         the server's operator set it.";
    /// The peer that we called wants us to log in by a method that we may not use there.
    LoginMethodNotAllowed => "login_method_not_allowed",
        "The peer demands a way to log in that `methods` of this [[peer]] does not allow; let the \
         peer offer MS-CHAPv2, or add its method here if it is strong enough.";
    /// The peer that we called does not know our name or password.
    LoginRefused => "login_refused",
        "The peer refused our name or password; correct `user` or `password_file` of this \
         [[peer]], or the user at the peer.";
    /// Our password at the peer that we called has expired (648).
    LoginPasswordExpired => "login_password_expired",
        "Our password at the peer has expired; set another one there, and write it to \
         `password_file` of this [[peer]].";
    /// The peer that we called does not let this user in now (646, 647, 649).
    LoginNotPermitted => "login_not_permitted",
        "The peer knows us and does not let us in: our user there is disabled, may not dial in, or \
         not at this time; change that at the peer.";
    /// The peer that we called did not finish the log-in.
    LoginUnanswered => "login_unanswered",
        "The peer did not finish our log-in; see its log, and whether its authentication server \
         answers.";
    /// The peer that we called did not prove that it knows our password.
    PeerNotProven => "peer_not_proven",
        "The peer let us in without proving that it knows our password, so it is another machine \
         than it should be, or has another password for us; check `address` of this [[peer]] and \
         the user at the peer.";
    /// What the authentication server sent cannot be passed on to the client.
    AuthenticationServerFault => "authentication_server_fault",
        "The authentication server sent an EAP packet that cannot be passed on to the client; see \
         the log of the RADIUS server, and lower its EAP fragment size.";
    /// The client knows CCP, but rejects MPPE.
    MppeRefusedByPeer => "mppe_refused_by_peer",
        "The client refuses to encrypt; enable MPPE on the client, or make it optional on the \
         server.";
    /// The client does not know CCP at all.
    MppeProtocolRejected => "mppe_protocol_rejected",
        "The client has encryption switched off and rejects CCP; require or allow encryption on \
         the client, or make MPPE optional on the server.";
    /// The client asked for nothing in CCP, even after it was told what we have.
    MppeNotOffered => "mppe_not_offered",
        "The client negotiates compression but offers no encryption; enable MPPE on the client, \
         or make it optional on the server.";
    /// The client offers MPPE without any key length.
    MppeNoStrength => "mppe_no_strength",
        "The client offers MPPE but no key length; choose a key length on the client, or update \
         it.";
    /// The client has key lengths, but none that is allowed.
    MppeStrengthNotAllowed => "mppe_strength_not_allowed",
        "The client offers only key lengths that the server does not allow; choose a longer key \
         on the client, or add its length to the server's MPPE strengths.";
    /// The client insists on stateful mode.
    MppeStatefulOnly => "mppe_stateful_only",
        "The client insists on stateful MPPE; make it stateless on the client, or allow stateful \
         MPPE on the server.";
    /// The client offers MPPC, and no encryption.
    MppeCompressionOnly => "mppe_compression_only",
        "The client offers compression but no encryption; enable encryption on the client, or \
         make it optional on the server.";
    /// As many calls as may keep a history of MPPC do.
    MppcCallsFull => "mppc_calls_full",
        "The client insists on compression that keeps a history, and as many calls as may do so \
         already; switch compression off on the client, or raise ppp.mppe.mppc_calls_max on the \
         server.";
    /// The client insists on another kind of encryption.
    MppeNotAgreed => "mppe_not_agreed",
        "The client insists on a combination of MPPE options that the server does not have; set \
         the client's encryption back to its defaults.";
    /// Encryption is required, but the authentication gave no keys.
    MppeKeysMissing => "mppe_keys_missing",
        "Encryption is required but the login gave no keys, which only MS-CHAP and some kinds of \
         EAP do; allow MS-CHAPv2 on the client, make the RADIUS server send the MS-MPPE keys, or \
         make MPPE optional on the server.";
    /// The client ended encryption on a call that has to be encrypted.
    MppeClosedByPeer => "mppe_closed_by_peer",
        "The client ended encryption on a call that must be encrypted; see the client's log.";
    /// The client negotiated anew after keys had been used.
    RekeyNotPossible => "rekey_not_possible",
        "The client negotiated a live call anew, but its keys may be used once only; let the \
         client dial again.";
    /// A live call was authenticated anew as somebody else.
    IdentityChanged => "identity_changed",
        "The client logged in again on its live call under another name; let it hang up first.";
    /// The client does not take the address that it was given.
    AddressNotAgreed => "address_not_agreed",
        "The client insists on an address of its own; let it obtain one from the server, or grant \
         the user that address.";
    /// The peer that we called assigned us no address.
    AddressNotAssigned => "address_not_assigned",
        "The peer gave us no address on the link; let it assign one to our user, or take `inner_address` \
         out of this [[peer]] if it will not have that one.";
    /// The peer that we called changed the addresses of a live link.
    AddressChanged => "address_changed",
        "The peer changed the addresses of a live link, which routes depend on; call it again.";
    /// The client does not speak IPv4.
    NetworkRefusedByPeer => "network_refused_by_peer",
        "The client refused IPv4; enable IPv4 on the client.";
    /// The client closed IPv4.
    NetworkClosedByPeer => "network_closed_by_peer",
        "The client closed IPv4 on the link; see the client's log.";
    /// The client did not answer Echo-Requests.
    EchoTimeout => "echo_timeout",
        "The client stopped answering keep-alives; check its connection, or raise the echo limits \
         on the server if its path is lossy.";
    /// The link hears itself.
    LoopDetected => "loop_detected",
        "The server heard its own PPP frames; look for a box that reflects GRE.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_one_sentence_of_its_own() {
        for &reason in EndReason::ALL {
            let sentence = reason.describe();
            assert!(
                sentence.ends_with('.') && !sentence.contains("  "),
                "{sentence}"
            );
            let twins = EndReason::ALL
                .iter()
                .filter(|other| other.describe() == sentence)
                .count();
            assert_eq!(twins, 1, "{sentence}");
        }
    }
}
