//! Every finding with its name, the errors that Windows shows for it (the likely one first), what
//! happened, and what to change on which side. Words in braces are filled in from the attempt.
//!
//! 734 and 742, as a router's administrator needs them apart: 734 is LCP ended over a difference of
//! *policy* (what the client is willing to do: its authentication, or that it will not encrypt), so
//! its settings are to be looked at; 742 is a client that wants to encrypt and finds that the
//! *server* cannot as it wants: no keys, CCP refused, or weaker keys than it demands. 741 is the
//! mirror of 742: the server demands more than the client has.

use crate::counted_enum;
use crate::session::verdict::Side::{self, Client, Path, Server};
use crate::session::verdict::WindowsError::{
    self, AccessDenied, AccountDisabled, GreBlocked, LcpTerminated, LogonHours, NoDialInPermission,
    NoLocalEncryption, NoRemoteEncryption, NoResponse, PasswordExpired, PasswordNotChanged,
    PortDisconnected, PppTimeout, RemoteEnded, Unreachable,
};

macro_rules! findings {
    ($($variant:ident => $name:literal, [$($error:ident),*], $words:literal,
        [$($side:ident: $change:literal),*];)+) => {
        counted_enum! {
            /// What the end of an attempt or a call means.
            pub enum Finding {
                $(#[doc = $words] $variant => $name,)+
            }
        }

        impl Finding {
            /// What Windows shows for it, the most likely first.
            #[must_use]
            pub const fn windows_errors(self) -> &'static [WindowsError] {
                match self {
                    $(Self::$variant => &[$($error),*],)+
                }
            }

            /// What happened, with places for what was seen.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self {
                    $(Self::$variant => $words,)+
                }
            }

            /// What to change, and where.
            #[must_use]
            pub const fn changes(self) -> &'static [(Side, &'static str)] {
                match self {
                    $(Self::$variant => &[$(($side, $change)),*],)+
                }
            }
        }
    };
}

findings! {
    // The TCP connection and the control connection.
    ServerFull => "server_full", [Unreachable, PortDisconnected],
        "The server has as many control connections as it may have, or as many that are not \
         established yet.",
        [Server: "Raise server.control_connections_max, or look for a flood of connections in \
          `pns show sessions` and the firewall."];
    SourceFull => "source_full", [Unreachable, PortDisconnected],
        "{peer} has as many control connections as one address may have.",
        [Server: "Raise server.control_connections_per_source_max if many clients share that \
          address.",
         Client: "Look for a dialler there that tries again and again."];
    NotListening => "not_listening", [Unreachable],
        "{local} is not an address that clients may dial.",
        [Server: "Add it to server.listen.", Client: "Dial another address of the server."];
    ServerStopping => "server_stopping", [Unreachable, RemoteEnded],
        "The server was stopping and took no new connections.",
        [Client: "Dial again when the server is back."];
    SaidNothing => "said_nothing", [Unreachable, PortDisconnected],
        "{peer} opened a TCP connection to port 1723 and sent no \
         Start-Control-Connection-Request.",
        [Path: "A port scan and a monitor look like this. If it is a client, some box between \
          lets TCP open and swallows what follows."];
    NotPptp => "not_pptp", [PortDisconnected],
        "What {peer} sent to port 1723 is not PPTP ({malformed}).",
        [Client: "Another program than a PPTP client dials this port.",
         Path: "If it is a client, turn off the PPTP helper (ALG) of the boxes between: one of \
          them changes the messages."];
    VersionUnsupported => "version_unsupported", [PortDisconnected],
        "The client speaks another version of PPTP than 1.0.",
        [Client: "Use a client that speaks the protocol of RFC 2637."];
    LeftBeforeCall => "left_before_call", [PortDisconnected],
        "The control connection was ended by the client before it asked for a call.",
        [Client: "See the client's log: it gave up before it dialled."];
    NoCallAsked => "no_call_asked", [PortDisconnected],
        "The client established a control connection and asked for no call on it.",
        [Client: "See the client's log: it waits for something else.",
         Path: "A PPTP helper (ALG) in between may swallow Outgoing-Call-Request: turn it off."];
    ControlSilent => "control_silent", [PortDisconnected, RemoteEnded],
        "The client did not answer Echo-Request on the control connection within \
         server.echo_timeout_s.",
        [Path: "Look for a firewall or NAT box that forgets idle TCP connections, and set \
          server.echo_interval_s below its limit.",
         Client: "It may have lost power or its line."];
    NotReading => "not_reading", [PortDisconnected, RemoteEnded],
        "The client does not read what the server writes to the control connection.",
        [Client: "Start the client's PPTP software anew."];
    ControlEnded => "control_ended", [RemoteEnded, PortDisconnected],
        "The server ended the control connection.",
        [Client: "Dial again."];

    // The call.
    CallsFull => "calls_full", [PortDisconnected, Unreachable],
        "The server, or the worker that this call belongs to, has as many calls as it may have.",
        [Server: "Raise server.calls_max, or add workers."];
    CallsOfSourceFull => "calls_of_source_full", [PortDisconnected, Unreachable],
        "{peer} has as many calls as one address may have.",
        [Server: "Raise server.calls_max if many clients share that address.",
         Client: "Look for a dialler there that tries again and again."];
    CallsTooFast => "calls_too_fast", [PortDisconnected],
        "The client placed calls faster than ten a second on one control connection.",
        [Client: "Let it wait before it dials again."];
    StartsLimited => "starts_limited", [PortDisconnected],
        "More calls were asked for at once than sessions.starts_per_s.",
        [Server: "Raise sessions.starts_per_s if the server has time left.",
         Client: "Dial again in a moment."];
    StartsOfSourceLimited => "starts_of_source_limited", [PortDisconnected],
        "{peer} asked for more calls at once than sessions.starts_per_source_per_s.",
        [Server: "Raise it if many clients share that address.",
         Client: "Let it wait before it dials again; look for a dialler that tries again and again."];
    SourceBackOff => "source_back_off", [PortDisconnected],
        "Log-ins from {peer} failed too often: {decided_by}.",
        [Client: "Correct the names and passwords that are used there (`pns explain peer {peer}` has \
          them), and wait.",
         Server: "If many clients share that address, raise sessions.source_back_off.failures_max."];
    CallIdsResting => "call_ids_resting", [PortDisconnected],
        "Every Call ID of {local} is in use or was given back a moment ago.",
        [Server: "Add an address to server.listen: each has 65,279 Call IDs of its own.",
         Client: "Dial again in a minute."];
    ServerFault => "server_fault", [PortDisconnected, RemoteEnded],
        "Two parts of the server disagree about this call: this is an error of PNS.",
        [Server: "Report it with the server's log."];
    DataPathOverloaded => "data_path_overloaded", [RemoteEnded, PortDisconnected],
        "The worker of this call did not take its orders in time: it is overloaded or has stalled.",
        [Server: "See `pns show workers`; add workers, or give them cores of their own \
          (workers.cores)."];

    // Calls of the other kinds: a PAC offers one, or we place one.
    PeerUnreachable => "peer_unreachable", [],
        "No TCP connection could be opened to {peer}.",
        [Server: "Check peer.address and peer.port.",
         Path: "Look for a firewall between this server and {peer}."];
    PeerRefusedStart => "peer_refused_start", [],
        "{peer} refused the control connection that this server asked for.",
        [Client: "Allow this server's address there; see the log of the peer."];
    Collision => "collision", [],
        "Both ends opened a control connection at once, and the other one is used.", [];
    PeerRefusedCall => "peer_refused_call", [],
        "{peer} did not take the call that this server placed.",
        [Server: "Check peer.direction and peer.phone_number; `pns show peers` has the result.",
         Client: "See the log of the peer."];
    NotConnected => "not_connected", [],
        "{peer} did not connect the call within server.setup_timeout_s.",
        [Client: "See the log of the access concentrator: its line or its caller did not answer."];
    LineEnded => "line_ended", [],
        "The access concentrator at {peer} ended the call: its line or its caller went away.", [];

    // Calls that we place as a client.
    LoginMethodNotAllowed => "login_method_not_allowed", [],
        "{peer} demands a way to log in that its entry in our configuration does not allow.",
        [Server: "Add what it asks for to peer.methods, if that is strong enough.",
         Client: "Or let the peer offer MS-CHAPv2."];
    LoginRefused => "login_refused", [],
        "{peer} refused the name {user} or its password.",
        [Server: "Correct peer.user, or the password in peer.password_file.",
         Client: "Or correct the user at the peer; its own `explain` says which of the two is wrong."];
    LoginPasswordExpired => "login_password_expired", [],
        "The password of {user} at {peer} has expired.",
        [Client: "Set another password for the user there.",
         Server: "Then write it to peer.password_file."];
    LoginNotPermitted => "login_not_permitted", [],
        "{peer} knows {user} and does not let it in.",
        [Client: "Enable the user there; permit it to dial in, and at this time."];
    LoginUnanswered => "login_unanswered", [],
        "{peer} did not finish the log-in of {user} in time.",
        [Client: "See the log of the peer, and whether its authentication server answers.",
         Path: "Look for loss of GRE between {local} and {peer}."];
    PeerNotProven => "peer_not_proven", [],
        "{peer} let us in without proving that it knows the password of {user}: it is another machine \
         than it should be, or an old server.",
        [Server: "Check peer.address, and that both sides have the same password."];
    AddressNotAssigned => "address_not_assigned", [],
        "{peer} assigned us no address on the link.",
        [Client: "Let it assign one to {user}; see its pools.",
         Server: "Take peer.inner_address out if it will not have that one."];
    AddressChanged => "address_changed", [],
        "{peer} changed the addresses of the live link.",
        [Server: "Call it again: `pns call`."];
    AddressConflict => "address_conflict", [],
        "{peer} has, or assigned us, an address of our own pools or of this server.",
        [Server: "Choose other pool.ranges and pool.gateway here.",
         Client: "Or there: the two ends of a call need addresses that the other does not have."];

    // GRE and LCP.
    GreNeverHeard => "gre_never_heard", [NoResponse, GreBlocked, PortDisconnected],
        "TCP port 1723 works, but not one GRE packet of the client arrived.",
        [Path: "Let GRE (IP protocol 47) pass from {peer} to {local} and back, through every \
          firewall in between and in the client's own router; behind NAT turn on its PPTP \
          passthrough.",
         Server: "If GRE arrives at the port (`tcpdump proto 47` in front of it), see \
          `pns show drops` for gre_peer_address and gre_call_id_unknown; for the former, let \
          gre.source be \"learn\"."];
    GreOneWay => "gre_one_way", [GreBlocked, NoResponse, PortDisconnected],
        "GRE of the client arrives ({frames} PPP frames), but the client answers none of ours: GRE \
         does not pass from the server to the client.",
        [Path: "Let GRE (IP protocol 47) pass from {local} to {peer}: a firewall or NAT box near \
          the client drops it, often one without PPTP passthrough.",
         Server: "Look at the way back: routes and reverse-path filters for packets from {local}."];
    LcpTimeout => "lcp_timeout", [PppTimeout, NoResponse],
        "GRE passes both ways, but LCP was not agreed on within server.setup_timeout_s.",
        [Path: "Look for heavy loss of GRE between {peer} and {local}.",
         Client: "Set its PPP options back to their defaults."];
    LcpNotConverging => "lcp_not_converging", [LcpTerminated],
        "Client and server kept asking for different PPP options.",
        [Client: "Set its PPP options back to their defaults; update its PPP software."];
    LinkLooped => "link_looped", [LcpTerminated, PppTimeout],
        "The server heard its own PPP frames.",
        [Path: "Look for a box that reflects GRE to {local}."];
    LinkRestarting => "link_restarting", [LcpTerminated, RemoteEnded],
        "The client negotiated the same link anew again and again.",
        [Path: "Look for loss of GRE between {peer} and {local}.",
         Client: "Look for two clients with one configuration."];

    // Who it is.
    MethodNotAgreed => "method_not_agreed", [LcpTerminated],
        "Client and server have no way to authenticate in common: the server asked for \
         {methods_asked}, the client would take {methods_offered}.",
        [Client: "Allow {methods_asked} (Windows: \"Microsoft CHAP Version 2\" in the security \
          settings of the connection).",
         Server: "Or allow what the client has in {methods_key}."];
    AuthenticationTimeout => "authentication_timeout", [PppTimeout, RemoteEnded],
        "LCP was agreed on, but the client did not answer the authentication in time.",
        [Client: "Give it a name and a password.",
         Path: "Look for loss of GRE between {peer} and {local}."];
    PasswordWrong => "password_wrong", [AccessDenied],
        "The password of {user} is wrong.",
        [Client: "Type the password again.",
         Server: "Or correct the user's password in users.file."];
    UserUnknown => "user_unknown", [AccessDenied],
        "There is no user {user}.",
        [Client: "Correct the name; capitals count, unless users.ignore_case is set.",
         Server: "Or add the user to users.file."];
    NameUnusable => "name_unusable", [AccessDenied],
        "The name {user} cannot be anybody's: it is empty, too long, or not UTF-8.",
        [Client: "Correct the name."];
    CredentialsWrong => "credentials_wrong", [AccessDenied],
        "The name or the password of {user} is wrong.",
        [Client: "Correct the password.", Server: "Or the user in users.file."];
    PasswordNotInClear => "password_not_in_clear", [AccessDenied],
        "{user} logged in by CHAP or EAP with MD5, for which the server has to know the password in \
         clear; it knows an NT hash of it.",
        [Client: "Use MS-CHAPv2.", Server: "Or give the user a password in users.file."];
    LanManagerOnly => "lan_manager_only", [AccessDenied],
        "{user} logged in by MS-CHAPv1 with the response of LAN Manager alone, which is never \
         accepted.",
        [Client: "Let it send the NT response, or better use MS-CHAPv2."];
    EapMethodNotAgreed => "eap_method_not_agreed", [AccessDenied],
        "{user} has none of the methods that the server offers inside EAP.",
        [Client: "Use EAP-MSCHAPv2, or MS-CHAPv2 without EAP.",
         Server: "Or allow the method in {eap_methods_key}."];
    MethodNotPermitted => "method_not_permitted", [NoDialInPermission, AccessDenied],
        "{user} proved who it is, but not in a way that is permitted: {decided_by}, and the server \
         asked for {methods_asked}.",
        [Client: "Log in by a method that the user's group permits.",
         Server: "Or add the method to {user_methods_key} (the group is what user.group names); or \
          offer only what it permits at {local}."];
    TooManySessions => "too_many_sessions", [NoDialInPermission, AccessDenied],
        "{user} proved who it is, and has no room for another session: {decided_by}.",
        [Client: "End the other session, or let the name be used by fewer clients.",
         Server: "Or raise user.sessions_max or sessions.per_user_max, or let at_user_limit be \
          \"replace\"; see `pns show session`."];
    GroupFull => "group_full", [NoDialInPermission, AccessDenied],
        "{user} proved who it is, and its group has no room for another session: {decided_by}.",
        [Server: "Raise the group's sessions_max, or move users to another group (user.group)."];
    RealmUnknown => "realm_unknown", [AccessDenied],
        "{user} names a realm that is not known here: {decided_by}.",
        [Client: "Correct what stands behind the @, or before the backslash.",
         Server: "Or add a [[realm]] of that name; users.unknown_realm says what becomes of others."];
    UserBackOff => "user_back_off", [AccessDenied],
        "Nobody looked at the password of {user}: {decided_by} they are refused.",
        [Client: "Wait, then use the right password.",
         Server: "Or lift it at once: `pns user unlock`. How many may fail is \
          sessions.user_back_off.failures_max; where they came from: `pns explain user`."];
    EapBroken => "eap_broken", [AccessDenied],
        "What {user} answered inside EAP does not belong to where the log-in stood.",
        [Client: "Update its EAP software, or use MS-CHAPv2 without EAP."];
    ServerNotBelieved => "server_not_believed", [AccessDenied],
        "The client of {user} does not believe that the server knows its password.",
        [Server: "Look whether the user's nt_hash is that of the password."];
    AccountDisabled => "account_disabled", [AccountDisabled, AccessDenied],
        "{user} is disabled.",
        [Server: "Take disabled out of the user in users.file."];
    AccountExpired => "account_expired", [AccountDisabled, AccessDenied],
        "The time of {user} is over: its account has expired.",
        [Server: "Put the user's expires off in users.file, or take it out."];
    PasswordExpired => "password_expired", [PasswordExpired, AccessDenied],
        "The password of {user} has expired, and the client sent no new one.",
        [Client: "Change the password when the client asks for it; that needs MS-CHAP.",
         Server: "Or give the user another one in users.file."];
    PasswordNotChanged => "password_not_changed", [PasswordNotChanged, AccessDenied],
        "The new password of {user} was not taken: it is the old one, or did not come over whole.",
        [Client: "Choose another password.", Server: "Or set one in users.file."];
    RadiusRefused => "radius_refused", [AccessDenied],
        "{user} was not let in: {decided_by}.",
        [Client: "Correct the name or the password.",
         Server: "See the log of that RADIUS server."];
    RadiusNoAnswer => "radius_no_answer", [AccessDenied],
        "No RADIUS server answered about {user} in time; asked were: {decided_by}.",
        [Server: "See `pns show radius`. A server that drops every question in silence has another \
          secret (radius.server.secret_file), or does not know this machine for a client. Of answers \
          that were not believed, bad_authenticator is another secret too, and unsigned is a server \
          that does not sign where radius.server.require_message_authenticator demands it.",
         Path: "Or look for a firewall between this server and that one."];
    RadiusOverloaded => "radius_overloaded", [AccessDenied],
        "{user} was not asked about, because too many questions wait for the RADIUS servers.",
        [Server: "See `pns show radius` for servers that are slow or dead, and add servers."];
    RadiusAnswerUnusable => "radius_answer_unusable", [AccessDenied, RemoteEnded],
        "{user} was let in or refused in a way that cannot be carried out: {decided_by}.",
        [Server: "Correct what that RADIUS server sends."];
    TacacsRefused => "tacacs_refused", [AccessDenied],
        "TACACS+ did not let {user} in: {decided_by}.",
        [Client: "Correct the name or the password.",
         Server: "See the log of that TACACS+ server."];
    TacacsNotAuthorized => "tacacs_not_authorized", [NoDialInPermission, AccessDenied],
        "{user} has the right password, but may not use PPP: {decided_by}.",
        [Server: "Grant it there, or take the layer out of tacacs.authorization."];
    TacacsNoAnswer => "tacacs_no_answer", [AccessDenied],
        "No TACACS+ server answered about {user}: {decided_by}.",
        [Server: "See `pns show tacacs`, and whether that server knows this machine for a client.",
         Path: "Or look for a firewall between this server and that one."];
    TacacsOverloaded => "tacacs_overloaded", [AccessDenied],
        "{user} was not asked about, because too many questions wait for the TACACS+ servers.",
        [Server: "See `pns show tacacs` for servers that are slow or dead, and add servers."];
    TacacsAnswerUnusable => "tacacs_answer_unusable", [AccessDenied, RemoteEnded],
        "TACACS+ answered about {user} in a way that cannot be carried out: {decided_by}.",
        [Server: "Correct what that TACACS+ server sends; for MS-CHAPv2 ask RADIUS or a users file \
          instead."];
    TacacsMethodUnknown => "tacacs_method_unknown", [AccessDenied],
        "{user} logs in in a way that TACACS+ or that server of it does not have: {decided_by}.",
        [Server: "Offer PAP, CHAP or MS-CHAPv1 in {methods_key}, or put the user into a users file \
          (tacacs.local_users = \"first\")."];
    TacacsNoKeys => "tacacs_no_keys", [NoDialInPermission, NoRemoteEncryption, AccessDenied],
        "{user} was not asked about: the server demands encryption{mppe_of}, and keys for it can never \
         come from TACACS+ ({decided_by}).",
        [Server: "Set {mppe_policy_key} to \"optional\", ask RADIUS, or put the user into a users \
          file (tacacs.local_users = \"first\")."];
    OutageUserUnknown => "outage_user_unknown", [AccessDenied],
        "No server answered about {user}, and nothing is kept of {user} for such a time: {decided_by}.",
        [Server: "Bring a server back: see `pns show radius` and `pns show tacacs`. Who is to come in \
          without one has to have logged in by PAP within outage.cache_h before, or belongs into \
          users.file."];
    OutagePasswordWrong => "outage_password_wrong", [AccessDenied],
        "No server answered about {user}, and the password is not the one that a server let in last: \
         {decided_by}.",
        [Client: "Correct the password.",
         Server: "A password that was changed meanwhile is known to the servers alone: bring one back."];
    OutageNotProvable => "outage_not_provable", [AccessDenied],
        "No server answered about {user}, and what {user} proved cannot be checked without one: \
         {decided_by}.",
        [Client: "Log in by PAP, if the server offers it.",
         Server: "Bring a server back. For MS-CHAP in an outage set outage.keep = \"nt_hash\", which \
          keeps what is as good as the password of those who log in by PAP, or put the user into \
          users.file."];
    OutageOverloaded => "outage_overloaded", [AccessDenied],
        "No server answered about {user}, and too many passwords waited to be checked here.",
        [Client: "Dial again.", Server: "Bring a server back: see `pns show radius`."];
    LogonHoursRestricted => "logon_hours_restricted", [LogonHours, AccessDenied],
        "{user} may not log in at this time of day.",
        [Server: "Change the hours of the user on the authentication server."];
    DialInNotPermitted => "dial_in_not_permitted", [NoDialInPermission, AccessDenied],
        "{user} has no permission to dial in.",
        [Server: "Grant it on the authentication server."];
    ReauthenticationFailed => "reauthentication_failed", [RemoteEnded],
        "Asked again on the live call, the client did not prove that it is {user}.",
        [Client: "Dial again with the password of today.",
         Server: "Look whether it was changed during the call; \
          ppp.authentication.reauthentication_interval_s says how often is asked."];
    AuthenticationServerFault => "authentication_server_fault", [RemoteEnded, PppTimeout],
        "The authentication server sent an EAP packet that cannot be passed on to the client.",
        [Server: "See that server's log, and let it cut EAP messages smaller than the client's MRU."];
    DecisionTimeout => "decision_timeout", [PppTimeout, RemoteEnded],
        "Nobody decided about {user} in time.",
        [Server: "See whether the authentication servers answer, and the server's log."];
    PoolEmpty => "pool_empty", [RemoteEnded, LcpTerminated],
        "{user} is who it says it is, but every address of {pool} is leased.",
        [Server: "Add a range to pool.ranges, or a pool that follows it (pool.next); see `pns show \
          pools`."];
    PoolMissing => "pool_missing", [RemoteEnded, LcpTerminated],
        "{user} is who it says it is, but {pool} is not configured.",
        [Server: "Add a [[pool]] of that name, or correct user.pool, ppp.ipcp.pool, or the \
          Framed-Pool that the RADIUS server sends."];
    AddressInUse => "address_in_use", [RemoteEnded, LcpTerminated],
        "{user} is who it says it is, but its own address is held by another session of it.",
        [Server: "End the other session: `pns show session`.",
         Client: "Let the name be used by one client at a time."];

    // Encryption.
    EncryptionRefused => "encryption_refused", [LcpTerminated],
        "The server demands encryption{mppe_of} (it asked for {mppe_asked}), and the \
         client will not encrypt.",
        [Client: "Turn encryption on (Windows: \"Require encryption\"; pppd: require-mppe-128, and \
          its kernel needs the module ppp_mppe).",
         Server: "Or set {mppe_policy_key} to \"optional\": its data then crosses the network in \
          clear."];
    EncryptionTooWeak => "encryption_too_weak", [NoLocalEncryption, LcpTerminated],
        "The client offered {mppe_offered}; the server demands {mppe_asked}{mppe_of} \
         ({mppe_strength_key}).",
        [Client: "Turn on stronger keys; old Windows needs its High Encryption Pack.",
         Server: "Or allow the shorter keys in {mppe_strength_key}."];
    EncryptionTooStrong => "encryption_too_strong", [NoRemoteEncryption, LcpTerminated],
        "The client demands {mppe_offered}; the server does {mppe_asked}{mppe_of} \
         ({mppe_strength_key}) and \
         no more.",
        [Server: "Allow the longer keys in {mppe_strength_key}.",
         Client: "Or let it take weaker encryption (Windows: \"Optional encryption\")."];
    EncryptionNotAgreed => "encryption_not_agreed", [LcpTerminated],
        "Client and server want to encrypt in different ways: the client offered {mppe_offered}, \
         the server asked for {mppe_asked}.",
        [Client: "Allow {mppe_asked} (pppd: nomppe-stateful).",
         Server: "Or allow what the client has in {mppe_strength_key}."];
    EncryptionNoStrength => "encryption_no_strength", [LcpTerminated],
        "The client offers MPPE and names no key length; the server asked for {mppe_asked}.",
        [Client: "Choose a key length, or update its PPP software."];
    EncryptionStateful => "encryption_stateful", [LcpTerminated, NoRemoteEncryption],
        "The client insists on stateful MPPE (it offered {mppe_offered}); the server asked for \
         {mppe_asked}.",
        [Client: "Make it stateless (pppd: nomppe-stateful).",
         Server: "Or allow stateful MPPE in {mppe_stateful_key}."];
    CompressionOnly => "compression_only", [LcpTerminated],
        "The client offers compression (MPPC) and no encryption; the server asked for \
         {mppe_asked}.",
        [Client: "Turn encryption on.",
         Server: "Or set {mppe_policy_key} to \"optional\": its data then crosses the network in \
          clear."];
    CompressionFull => "compression_full", [LcpTerminated],
        "The client insists on compression (MPPC), and as many calls as may keep a history of it do \
         already.",
        [Server: "Raise ppp.mppe.mppc_calls_max.",
         Client: "Or turn software compression off."];
    EncryptionTimeout => "encryption_timeout", [PppTimeout, LcpTerminated],
        "{user} was let in, but the client did not finish negotiating encryption.",
        [Client: "Turn on MPPE; see the client's log.",
         Path: "Look for loss of GRE between {peer} and {local}."];
    KeysMissing => "keys_missing", [NoRemoteEncryption, LcpTerminated],
        "{user} was let in, but {keys_from} gave no keys, and the server demands \
         encryption{mppe_of}.",
        [Server: "Let the RADIUS server send MS-MPPE-Send-Key and MS-MPPE-Recv-Key; or allow only \
          methods that give keys in {methods_key}; or set {mppe_policy_key} to \
          \"optional\"."];
    EncryptionOff => "encryption_off", [NoRemoteEncryption, LcpTerminated],
        "The client demands encryption, and the server refused to negotiate it for this call.",
        [Server: "Set {mppe_policy_key} to \"optional\" or \"required\", and let the authentication \
          give keys: with MS-CHAPv2 it does, with RADIUS if that sends the MS-MPPE keys.",
         Client: "Or let it connect without encryption."];
    EncryptionClosed => "encryption_closed", [LcpTerminated],
        "The client ended encryption on a call that must be encrypted.",
        [Client: "See the client's log."];
    IdentityChanged => "identity_changed", [RemoteEnded],
        "The client logged in again on its live call under another name than {user}.",
        [Client: "Let it hang up before another user logs in."];
    RekeyImpossible => "rekey_impossible", [RemoteEnded],
        "The client negotiated a live call anew, but its keys may be used once only.",
        [Client: "Let it dial again."];
    KeysWrong => "keys_wrong", [],
        "Excessive decrypt failures: the client's keys are wrong. Not one of its encrypted packets \
         could be decrypted.",
        [Client: "It derives other keys than the server: start its PPP software anew, and look for \
          a known error of its MPPE (a wrong key length, stateful instead of stateless).",
         Server: "If RADIUS gave the keys, compare the shared secret: a wrong one yields wrong \
          MS-MPPE keys with a password that is right.",
         Path: "Or something in between changes GRE packets."];

    // The address.
    AddressRefused => "address_refused", [LcpTerminated, PppTimeout],
        "The client insists on the address {address_offered}; the server gives it {address_given}.",
        [Client: "Let it obtain its address from the server.",
         Server: "Or give the user that address (user.address)."];
    Ipv4Refused => "ipv4_refused", [LcpTerminated],
        "The client does not take IPv4 through the call.",
        [Client: "Turn on IPv4 (TCP/IP) for this connection."];
    Ipv4Closed => "ipv4_closed", [LcpTerminated, PppTimeout],
        "The client closed IPv4 on the link.",
        [Client: "See the client's log."];
    AddressTimeout => "address_timeout", [PppTimeout, LcpTerminated],
        "{user} was let in, but the client did not finish negotiating its address.",
        [Client: "Let it obtain its address from the server.",
         Path: "Look for loss of GRE between {peer} and {local}."];

    // The end of a call.
    ClientHungUp => "client_hung_up", [],
        "The client hung up.", [];
    ClientEndedLink => "client_ended_link", [LcpTerminated],
        "The client ended PPP in stage {stage}, {terminate_error}.",
        [Client: "See the client's log: it did not like what was negotiated."];
    ClientEndedCall => "client_ended_call", [PortDisconnected],
        "The client gave the call up in stage {stage}, or its TCP connection was cut.",
        [Client: "See the client's log: it was cancelled, or waited less than the server does.",
         Path: "Look for a firewall that cuts TCP connections to port 1723."];
    EchoTimeout => "echo_timeout", [RemoteEnded],
        "The client stopped answering LCP Echo-Request.",
        [Client: "It may have lost power or its line.",
         Path: "If calls end so again and again, look for GRE that is forgotten by a NAT box; or \
          raise ppp.lcp_echo_failures_max for lossy paths."];
    ControlConnectionLost => "control_connection_lost", [],
        "The TCP connection to port 1723 was closed under a call that was up: the client went away \
         without a goodbye, or something in between cut it.",
        [Path: "If it happens at regular intervals, look for a firewall or NAT box that drops \
          idle TCP connections, and set server.echo_interval_s below its limit."];
    Replaced => "replaced", [RemoteEnded],
        "{user} logged in again elsewhere, and the newer session took the place of this one.",
        [Client: "Let the name be used by one client at a time.",
         Server: "Or raise user.sessions_max or sessions.per_user_max, or let at_user_limit be \"deny\"."];
    EndedByOperator => "ended_by_operator", [RemoteEnded],
        "An operator, or the stop of the server, ended the call.",
        [Client: "Dial again."];
    SessionTimeUp => "session_time_up", [RemoteEnded],
        "The time granted to {user} is over.",
        [Server: "Raise the user's session limit if it is too short."];
    IdleTooLong => "idle_too_long", [RemoteEnded],
        "The call carried no traffic for the idle limit.",
        [Server: "Raise the idle limit.", Client: "Or let it send keep-alives."];
    QuotaUsed => "quota_used", [RemoteEnded],
        "The call of {user} has carried as much as it may.",
        [Server: "Raise the user's quota, in RADIUS or where it comes from, if it is too small."];
    DisconnectRequested => "disconnect_requested", [RemoteEnded],
        "A Disconnect-Request of RADIUS (RFC 5176) ended the call.",
        [Client: "Dial again, if the billing system lets it."];
}
