//! The table: a row is an attribute, its type, the packets that we send it in, the packets in which we
//! honour it, and its effect.
//!
//! Letters: `R` Access-Request, `A` Access-Accept, `J` Access-Reject, `H` Access-Challenge, `C`
//! Accounting-Request, `X` changes a live call by CoA-Request, `I` finds calls for CoA-Request and
//! Disconnect-Request or proves them, `K` answers to these, `S` Status-Server, `P`
//! Accounting-Response; `N`: of an Access-Accept, it has no effect, and the log of the call says so.

use super::super::VALUE_BYTES_MAX;
use super::Type::{
    Address, Integer, InterfaceId, Ipv6Address, Ipv6Prefix, Octets, TaggedInteger, TaggedText,
    Text, Time,
};
use super::{Attribute, Places, Type};

/// The vendor of RFC 2548.
pub const MICROSOFT: u32 = 311;
/// The vendor of Cisco-AVPair.
pub const CISCO: u32 = 9;
/// The vendor of Ascend's attributes, which others took over.
pub const ASCEND: u32 = 529;
/// The vendor of `RouterOS`.
pub const MIKROTIK: u32 = 14_988;
/// The vendor of WISPr's attributes.
pub const WISPR: u32 = 14_122;
/// The vendor of `ChilliSpot`'s attributes.
pub const CHILLISPOT: u32 = 14_559;
/// The vendor of Roaring Penguin's attributes.
pub const ROARING_PENGUIN: u32 = 10_055;
/// The vendor of mpd's attributes.
pub const MPD: u32 = 12_341;
/// The vendor of the attributes of DSL lines (RFC 4679).
pub const DSL_FORUM: u32 = 3_561;
/// The vendor of accel-ppp's attributes.
pub const ACCEL_PPP: u32 = 55_999;

/// Any bytes.
const ANY: Type = Octets(1, VALUE_BYTES_MAX);
/// Any bytes that fit a Vendor-Specific.
const ANY_INSIDE: Type = Octets(1, VALUE_BYTES_MAX - 6);

macro_rules! places {
    () => { Places::NONE };
    ($($letter:ident)+) => { Places::NONE$(.and(place!($letter)))+ };
}

macro_rules! place {
    (R) => {
        Places::REQUEST
    };
    (A) => {
        Places::ACCEPT
    };
    (J) => {
        Places::REJECT
    };
    (H) => {
        Places::CHALLENGE
    };
    (C) => {
        Places::ACCOUNTING
    };
    (X) => {
        Places::CHANGE
    };
    (I) => {
        Places::IDENTIFY
    };
    (K) => {
        Places::ANSWER
    };
    (S) => {
        Places::STATUS
    };
    (P) => {
        Places::RESPONSE
    };
    (N) => {
        Places::NOTED
    };
}

macro_rules! attributes {
    ($($vendor:expr => {
        $($number:literal $constant:ident $name:literal $kind:expr,
            [$($sent:ident)*] [$($honoured:ident)*] $effect:literal;)+
    })+) => {
        $($(
            #[doc = concat!("`", $name, "`: ", $effect, ".")]
            pub static $constant: Attribute = Attribute {
                name: $name,
                vendor: $vendor,
                number: $number,
                kind: $kind,
                sent: places!($($sent)*),
                honoured: places!($($honoured)*),
                effect: $effect,
            };
        )+)+

        /// Every attribute that is known.
        pub static ALL: &[&Attribute] = &[$($(&$constant,)+)+];
    };
}

attributes! {
    0 => {
        1 USER_NAME "User-Name" ANY, [R C] [A I]
            "the user; of an acceptance, the name for the bill";
        2 USER_PASSWORD "User-Password" Octets(16, 128), [R] [] "the password of PAP, hidden";
        3 CHAP_PASSWORD "CHAP-Password" Octets(17, 17), [R] [] "identifier and response of CHAP";
        4 NAS_IP_ADDRESS "NAS-IP-Address" Address, [R C] [I]
            "`radius.nas_address`, or the address that was dialled; has to be one of ours";
        5 NAS_PORT "NAS-Port" Integer, [R C] [I]
            "the call: number of the listening address, and our Call ID";
        6 SERVICE_TYPE "Service-Type" Integer, [R C K] [I]
            "Framed; Authorize-Only in a CoA-Request: what the call may is asked anew, with the State \
             of the request (Error-Cause 507)";
        7 FRAMED_PROTOCOL "Framed-Protocol" Integer, [R C] [] "PPP";
        8 FRAMED_IP_ADDRESS "Framed-IP-Address" Address, [C] [A I]
            "the client's address; 255.255.255.254: from the pool; 255.255.255.255: the client \
             may name a free one";
        9 FRAMED_IP_NETMASK "Framed-IP-Netmask" Address, [] [A]
            "with an address of the user's own: the network around it lies behind the call; \
             255.255.255.255: nothing does";
        11 FILTER_ID "Filter-Id" Text, [] [A X]
            "`DOWN/UP` or `RATE` in kbit/s: rates; `NAME.in`, `NAME.out`, `NAME`: the filter of \
             what comes from the client, goes to it, or both";
        12 FRAMED_MTU "Framed-MTU" Integer, [R] [A X]
            "longest packet to the client; sent with EAP: longest EAP packet";
        13 FRAMED_COMPRESSION "Framed-Compression" Integer, [] [A]
            "0 (none), and 1 (Van Jacobson) as the hint that it is: no header is compressed here";
        18 REPLY_MESSAGE "Reply-Message" ANY, [] [A J I]
            "shown to the user; beside a request to us, left alone";
        22 FRAMED_ROUTE "Framed-Route" Text, [] [A X]
            "`NETWORK [GATEWAY [METRIC]]`: the network lies behind the call; in a CoA-Request, these \
             do and no others";
        24 STATE "State" ANY, [R] [A H I]
            "goes back with the answer of EAP, with a re-authentication, and with the question that a \
             CoA-Request wants to be asked";
        25 CLASS "Class" ANY, [C] [A X] "goes into the bill, all values in their order";
        26 VENDOR_SPECIFIC "Vendor-Specific" Octets(5, 253), [R] [A J X]
            "holds the attributes of vendors";
        27 SESSION_TIMEOUT "Session-Timeout" Integer, [] [A X]
            "seconds that the call may last, from the log-in; 0: any";
        28 IDLE_TIMEOUT "Idle-Timeout" Integer, [] [A X]
            "seconds without a packet after which the call ends; 0: none";
        29 TERMINATION_ACTION "Termination-Action" Integer, [] [A X]
            "1 (RADIUS-Request): at the end of Session-Timeout the client has to prove once more \
             who it is, and the call goes on; PAP clients cannot be asked, and their calls end";
        30 CALLED_STATION_ID "Called-Station-Id" Text, [R C] [I]
            "the number that was dialled, or our address";
        31 CALLING_STATION_ID "Calling-Station-Id" Text, [R C] [I]
            "the number of the caller, or its address";
        32 NAS_IDENTIFIER "NAS-Identifier" ANY, [R C] [I] "`radius.nas_identifier`; has to be ours";
        33 PROXY_STATE "Proxy-State" ANY, [K] [I]
            "comes back in the answer; an unsigned answer of a server with one is not believed";
        40 ACCT_STATUS_TYPE "Acct-Status-Type" Integer, [C] []
            "Start, Stop, Interim-Update, Accounting-On, Accounting-Off";
        41 ACCT_DELAY_TIME "Acct-Delay-Time" Integer, [C] [] "how late the record is";
        42 ACCT_INPUT_OCTETS "Acct-Input-Octets" Integer, [C] [] "from the client, low word";
        43 ACCT_OUTPUT_OCTETS "Acct-Output-Octets" Integer, [C] [] "to the client, low word";
        44 ACCT_SESSION_ID "Acct-Session-Id" Text, [R C] [I] "names the call, over restarts";
        45 ACCT_AUTHENTIC "Acct-Authentic" Integer, [C] [] "RADIUS or Local";
        46 ACCT_SESSION_TIME "Acct-Session-Time" Integer, [C] []
            "seconds since the client could use its network";
        47 ACCT_INPUT_PACKETS "Acct-Input-Packets" Integer, [C] [] "from the client";
        48 ACCT_OUTPUT_PACKETS "Acct-Output-Packets" Integer, [C] [] "to the client";
        49 ACCT_TERMINATE_CAUSE "Acct-Terminate-Cause" Integer, [C K] [] "why the call ended";
        50 ACCT_MULTI_SESSION_ID "Acct-Multi-Session-Id" Text, [C] [I]
            "of a call, which is its own bundle, the Acct-Session-Id";
        51 ACCT_LINK_COUNT "Acct-Link-Count" Integer, [C] [] "1: a call is one link";
        52 ACCT_INPUT_GIGAWORDS "Acct-Input-Gigawords" Integer, [C] [] "from the client, high word";
        53 ACCT_OUTPUT_GIGAWORDS "Acct-Output-Gigawords" Integer, [C] [] "to the client, high word";
        55 EVENT_TIMESTAMP "Event-Timestamp" Time, [C] [I]
            "when it happened; of a request to us, has to be near our clock";
        60 CHAP_CHALLENGE "CHAP-Challenge" Octets(5, 253), [R] [] "the challenge of CHAP";
        61 NAS_PORT_TYPE "NAS-Port-Type" Integer, [R C] [] "Virtual";
        62 PORT_LIMIT "Port-Limit" Integer, [] [A] "how many calls the user may have at once";
        64 TUNNEL_TYPE "Tunnel-Type" TaggedInteger, [R C] [] "PPTP";
        65 TUNNEL_MEDIUM_TYPE "Tunnel-Medium-Type" TaggedInteger, [R C] [] "IPv4";
        66 TUNNEL_CLIENT_ENDPOINT "Tunnel-Client-Endpoint" TaggedText, [R C] []
            "the client's address";
        67 TUNNEL_SERVER_ENDPOINT "Tunnel-Server-Endpoint" TaggedText, [R C] []
            "the address that was dialled";
        77 CONNECT_INFO "Connect-Info" Text, [R C] []
            "`BPS PPTP`: the speed that the client named with its call";
        79 EAP_MESSAGE "EAP-Message" ANY, [R] [A J H] "EAP, passed through";
        80 MESSAGE_AUTHENTICATOR "Message-Authenticator" Octets(16, 16), [R S K] [A J H I]
            "proves the packet; first in all that we send";
        85 ACCT_INTERIM_INTERVAL "Acct-Interim-Interval" Integer, [] [A X]
            "seconds between interim records, 60 to 86400";
        87 NAS_PORT_ID "NAS-Port-Id" Text, [R C] [I] "`pptp-` and our Call ID";
        88 FRAMED_POOL "Framed-Pool" Text, [] [A] "the pool that the address is leased from";
        90 TUNNEL_CLIENT_AUTH_ID "Tunnel-Client-Auth-ID" TaggedText, [R C] []
            "the host name that the client gave its control connection";
        91 TUNNEL_SERVER_AUTH_ID "Tunnel-Server-Auth-ID" TaggedText, [R C] []
            "`server.host_name`";
        95 NAS_IPV6_ADDRESS "NAS-IPv6-Address" Ipv6Address, [] [I]
            "of a request to us: we have none, so it is not for us (Error-Cause 403)";
        96 FRAMED_INTERFACE_ID "Framed-Interface-Id" InterfaceId, [] [I]
            "the client's interface identifier";
        97 FRAMED_IPV6_PREFIX "Framed-IPv6-Prefix" Ipv6Prefix, [] [N]
            "IPv6 of calls is link-local: no prefix is announced";
        99 FRAMED_IPV6_ROUTE "Framed-IPv6-Route" Text, [] [N]
            "IPv6 of calls is link-local: nothing lies behind them";
        101 ERROR_CAUSE "Error-Cause" Integer, [K] []
            "why a request to us was not carried out (RFC 5176 §3.5)";
        123 DELEGATED_IPV6_PREFIX "Delegated-IPv6-Prefix" Ipv6Prefix, [] [N]
            "IPv6 of calls is link-local: no prefix is delegated";
        169 DNS_SERVER_IPV6_ADDRESS "DNS-Server-IPv6-Address" Ipv6Address, [] [N]
            "IPv6CP has no name servers, and IPv6 of calls is link-local";
        227 SESSION_OCTETS_LIMIT "Session-Octets-Limit" Integer, [] [A X]
            "pppd: bytes that the call may carry, the way that Octets-Direction says; 0: any";
        228 OCTETS_DIRECTION "Octets-Direction" Integer, [] [A X]
            "pppd: 0 both together, 1 from the client, 2 to the client, 3 the larger of them";
        230 PPPD_UPSTREAM_SPEED_LIMIT "PPPD-Upstream-Speed-Limit" Integer, [] [A X]
            "kbit/s from the client; 0: any";
        231 PPPD_DOWNSTREAM_SPEED_LIMIT "PPPD-Downstream-Speed-Limit" Integer, [] [A X]
            "kbit/s to the client; 0: any";
    }
    CISCO => {
        1 CISCO_AVPAIR "Cisco-AVPair" Text, [] [A X]
            "`…rate-limit input|output BPS BURST EXCESS`: a rate; `ip:addr-pool=`, `ip:route=`, \
             `ip:dns-servers=`, `ip:inacl=`, `ip:outacl=`: pool, route, name servers, filters; \
             others are left alone";
        244 CISCO_IDLE_LIMIT "Cisco-Idle-Limit" Integer, [] [A X] "as Idle-Timeout";
        253 CISCO_CONTROL_INFO "Cisco-Control-Info" Text, [] [A X]
            "`QV…`: bytes that the call may carry; `QT…`: as Session-Timeout; others are left \
             alone";
    }
    MICROSOFT => {
        1 MS_CHAP_RESPONSE "MS-CHAP-Response" Octets(50, 50), [R] [] "the response of MS-CHAPv1";
        2 MS_CHAP_ERROR "MS-CHAP-Error" Octets(2, 247), [] [J] "what an MS-CHAP client is told";
        4 MS_CHAP_CPW_2 "MS-CHAP-CPW-2" Octets(84, 84), [R] []
            "proof of the old password, by MS-CHAPv1";
        6 MS_CHAP_NT_ENC_PW "MS-CHAP-NT-Enc-PW" Octets(4, 247), [R] [] "a new password, encrypted";
        7 MS_MPPE_ENCRYPTION_POLICY "MS-MPPE-Encryption-Policy" Integer, [] [A]
            "2: encryption is required";
        8 MS_MPPE_ENCRYPTION_TYPES "MS-MPPE-Encryption-Types" Integer, [] [A]
            "the key lengths that are allowed";
        10 MS_CHAP_DOMAIN "MS-CHAP-Domain" ANY_INSIDE, [R C] [A]
            "of MS-CHAP, the domain before the user's name; what a server says of it goes into the bill";
        11 MS_CHAP_CHALLENGE "MS-CHAP-Challenge" ANY_INSIDE, [R] [] "the challenge of MS-CHAP";
        12 MS_CHAP_MPPE_KEYS "MS-CHAP-MPPE-Keys" Octets(32, 32), [] [A] "keys of MS-CHAPv1";
        16 MS_MPPE_SEND_KEY "MS-MPPE-Send-Key" Octets(18, 247), [] [A]
            "key of what goes to the client";
        17 MS_MPPE_RECV_KEY "MS-MPPE-Recv-Key" Octets(18, 247), [] [A]
            "key of what comes from the client";
        18 MS_RAS_VERSION "MS-RAS-Version" Text, [R C] [] "`PNS` and its version";
        22 MS_FILTER "MS-Filter" ANY_INSIDE, [] [N]
            "packet filters in the coding of Windows; filters are named here (Filter-Id)";
        25 MS_CHAP2_RESPONSE "MS-CHAP2-Response" Octets(50, 50), [R] [] "the response of MS-CHAPv2";
        26 MS_CHAP2_SUCCESS "MS-CHAP2-Success" Octets(43, 43), [] [A]
            "proves to the client that the server knows its password";
        27 MS_CHAP2_CPW "MS-CHAP2-CPW" Octets(68, 68), [R] [] "proof of the old password";
        28 MS_PRIMARY_DNS_SERVER "MS-Primary-DNS-Server" Address, [] [A] "told to the client";
        29 MS_SECONDARY_DNS_SERVER "MS-Secondary-DNS-Server" Address, [] [A] "told to the client";
        30 MS_PRIMARY_NBNS_SERVER "MS-Primary-NBNS-Server" Address, [] [A] "told to the client";
        31 MS_SECONDARY_NBNS_SERVER "MS-Secondary-NBNS-Server" Address, [] [A] "told to the client";
        34 MS_RAS_CLIENT_NAME "MS-RAS-Client-Name" Text, [R C] []
            "what a Windows client calls its machine in LCP: `MSRAS-0-NAME`";
        35 MS_RAS_CLIENT_VERSION "MS-RAS-Client-Version" Text, [R C] []
            "what a Windows client calls its version in LCP: `MSRASV5.20`";
        51 MS_IPV6_FILTER "MS-IPv6-Filter" ANY_INSIDE, [] [N]
            "as MS-Filter, of IPv6, which is link-local here";
        56 MS_RAS_CORRELATION "MS-RAS-Correlation-ID" ANY_INSIDE, [] []
            "known by its length only: finds a client's attempts in the logs of Windows servers, by a \
             number that only they make";
    }
    ASCEND => {
        135 ASCEND_CLIENT_PRIMARY_DNS "Ascend-Client-Primary-DNS" Address, [] [A]
            "as MS-Primary-DNS-Server";
        136 ASCEND_CLIENT_SECONDARY_DNS "Ascend-Client-Secondary-DNS" Address, [] [A]
            "as MS-Secondary-DNS-Server";
        194 ASCEND_MAXIMUM_TIME "Ascend-Maximum-Time" Integer, [] [A X] "as Session-Timeout";
        197 ASCEND_DATA_RATE "Ascend-Data-Rate" Integer, [] [A X]
            "bit/s: the first one to the client, the second one from it; beside Ascend-Xmit-Rate, \
             from it; 0: any";
        244 ASCEND_IDLE_LIMIT "Ascend-Idle-Limit" Integer, [] [A X] "as Idle-Timeout";
        255 ASCEND_XMIT_RATE "Ascend-Xmit-Rate" Integer, [] [A X] "bit/s to the client; 0: any";
    }
    ROARING_PENGUIN => {
        1 RP_UPSTREAM_SPEED_LIMIT "RP-Upstream-Speed-Limit" Integer, [] [A X]
            "kbit/s from the client; 0: any";
        2 RP_DOWNSTREAM_SPEED_LIMIT "RP-Downstream-Speed-Limit" Integer, [] [A X]
            "kbit/s to the client; 0: any";
        5 RP_MAX_SESSIONS_PER_USER "RP-Max-Sessions-Per-User" Integer, [] [A] "as Port-Limit";
    }
    MPD => {
        1 MPD_RULE "mpd-rule" Text, [] [N] "a rule of FreeBSD's ipfw, which is not here";
        2 MPD_PIPE "mpd-pipe" Text, [] [N] "a pipe of ipfw; rates: mpd-limit";
        3 MPD_QUEUE "mpd-queue" Text, [] [N] "a queue of ipfw";
        4 MPD_TABLE "mpd-table" Text, [] [N] "an entry of a table of ipfw";
        5 MPD_TABLE_STATIC "mpd-table-static" Text, [] [N] "an entry of a table of ipfw";
        6 MPD_FILTER "mpd-filter" Text, [] [N]
            "a filter in pcap's language; filters are named here (Filter-Id)";
        7 MPD_LIMIT "mpd-limit" Text, [] [A X]
            "`in|out#N[#CLASS]=all rate-limit|shape BPS [BURST [EXCESS]] …`: a rate from or to \
             the client; limits of other filters than `all` are left alone";
        8 MPD_INPUT_OCTETS "mpd-input-octets" Text, [] []
            "known by its length only: no class of packets is counted apart";
        9 MPD_INPUT_PACKETS "mpd-input-packets" Text, [] []
            "known by its length only: as mpd-input-octets";
        10 MPD_OUTPUT_OCTETS "mpd-output-octets" Text, [] []
            "known by its length only: as mpd-input-octets";
        11 MPD_OUTPUT_PACKETS "mpd-output-packets" Text, [] []
            "known by its length only: as mpd-input-octets";
        12 MPD_LINK "mpd-link" Text, [R C] [I] "as NAS-Port-Id";
        13 MPD_BUNDLE "mpd-bundle" Text, [R C] [I] "as NAS-Port-Id: a call is its own bundle";
        14 MPD_IFACE "mpd-iface" Text, [R C] [I] "as NAS-Port-Id: a call has no interface of its own";
        15 MPD_IFACE_INDEX "mpd-iface-index" Integer, [R C] [I] "as NAS-Port";
        16 MPD_INPUT_ACCT "mpd-input-acct" Text, [] [N] "no class of packets is counted apart";
        17 MPD_OUTPUT_ACCT "mpd-output-acct" Text, [] [N] "no class of packets is counted apart";
        18 MPD_ACTION "mpd-action" Text, [] [A]
            "`drop…`: the client is refused; `forward…`: nothing that can be done here, so it is, too; \
             others: nothing more than to let it in";
        19 MPD_PEER_IDENT "mpd-peer-ident" Text, [R C] []
            "what the client called itself in LCP last (RFC 1570 §1.1)";
        20 MPD_IFACE_NAME "mpd-iface-name" Text, [] [N] "a call has no interface of its own";
        21 MPD_IFACE_DESCR "mpd-iface-descr" Text, [] [N] "a call has no interface of its own";
        22 MPD_IFACE_GROUP "mpd-iface-group" Text, [] [N] "a call has no interface of its own";
        154 MPD_DROP_USER "mpd-drop-user" Integer, [] [P] "but for 0: the call of the record ends";
    }
    DSL_FORUM => {
        1 DSL_AGENT_CIRCUIT_ID "ADSL-Agent-Circuit-Id" ANY_INSIDE, [] []
            "known by its length only: no call here comes by a DSL line";
        2 DSL_AGENT_REMOTE_ID "ADSL-Agent-Remote-Id" ANY_INSIDE, [] []
            "known by its length only: no call here comes by a DSL line";
    }
    ACCEL_PPP => {
        1 ACCEL_VRF_NAME "Accel-VRF-Name" Text, [] [N] "there is one table of routes here";
    }
    WISPR => {
        5 WISPR_BANDWIDTH_MIN_UP "WISPr-Bandwidth-Min-Up" Integer, [] [A X]
            "bit/s that are guaranteed from the client";
        6 WISPR_BANDWIDTH_MIN_DOWN "WISPr-Bandwidth-Min-Down" Integer, [] [A X]
            "bit/s that are guaranteed to the client";
        7 WISPR_BANDWIDTH_MAX_UP "WISPr-Bandwidth-Max-Up" Integer, [] [A X]
            "bit/s from the client; 0: any";
        8 WISPR_BANDWIDTH_MAX_DOWN "WISPr-Bandwidth-Max-Down" Integer, [] [A X]
            "bit/s to the client; 0: any";
        9 WISPR_SESSION_TERMINATE_TIME "WISPr-Session-Terminate-Time" Text, [] [A X]
            "`YYYY-MM-DDThh:mm:ss+hh:mm`: when the call ends, if Session-Timeout does not end it \
             before";
    }
    CHILLISPOT => {
        1 CHILLISPOT_MAX_INPUT_OCTETS "ChilliSpot-Max-Input-Octets" Integer, [] [A X]
            "bytes that the client may send; 0: any";
        2 CHILLISPOT_MAX_OUTPUT_OCTETS "ChilliSpot-Max-Output-Octets" Integer, [] [A X]
            "bytes that the client may be sent; 0: any";
        3 CHILLISPOT_MAX_TOTAL_OCTETS "ChilliSpot-Max-Total-Octets" Integer, [] [A X]
            "bytes that the call may carry; 0: any";
        4 CHILLISPOT_BANDWIDTH_MAX_UP "ChilliSpot-Bandwidth-Max-Up" Integer, [] [A X]
            "kbit/s from the client; 0: any";
        5 CHILLISPOT_BANDWIDTH_MAX_DOWN "ChilliSpot-Bandwidth-Max-Down" Integer, [] [A X]
            "kbit/s to the client; 0: any";
        21 CHILLISPOT_MAX_INPUT_GIGAWORDS "ChilliSpot-Max-Input-Gigawords" Integer, [] [A X]
            "the high word of Max-Input-Octets";
        22 CHILLISPOT_MAX_OUTPUT_GIGAWORDS "ChilliSpot-Max-Output-Gigawords" Integer, [] [A X]
            "the high word of Max-Output-Octets";
        23 CHILLISPOT_MAX_TOTAL_GIGAWORDS "ChilliSpot-Max-Total-Gigawords" Integer, [] [A X]
            "the high word of Max-Total-Octets";
    }
    MIKROTIK => {
        1 MIKROTIK_RECV_LIMIT "Mikrotik-Recv-Limit" Integer, [] [A X]
            "bytes that the client may send; 0: any";
        2 MIKROTIK_XMIT_LIMIT "Mikrotik-Xmit-Limit" Integer, [] [A X]
            "bytes that the client may be sent; 0: any";
        3 MIKROTIK_GROUP "Mikrotik-Group" Text, [] [N]
            "a profile of RouterOS; groups here are of users, realms and addresses";
        8 MIKROTIK_RATE_LIMIT "Mikrotik-Rate-Limit" Text, [] [A X]
            "`RX/TX [burst RX/TX [threshold RX/TX [seconds RX/TX [priority [minimum RX/TX]]]]]`, \
             RX from the client; goes before all other rates";
        9 MIKROTIK_REALM "Mikrotik-Realm" Text, [R] [] "the `[[realm]]` that the user's name is of";
        11 MIKROTIK_MARK_ID "Mikrotik-Mark-Id" Text, [] [N] "packets are not marked here";
        14 MIKROTIK_RECV_LIMIT_GIGAWORDS "Mikrotik-Recv-Limit-Gigawords" Integer, [] [A X]
            "the high word of Recv-Limit";
        15 MIKROTIK_XMIT_LIMIT_GIGAWORDS "Mikrotik-Xmit-Limit-Gigawords" Integer, [] [A X]
            "the high word of Xmit-Limit";
        17 MIKROTIK_TOTAL_LIMIT "Mikrotik-Total-Limit" Integer, [] [A X]
            "bytes that the call may carry; 0: any";
        18 MIKROTIK_TOTAL_LIMIT_GIGAWORDS "Mikrotik-Total-Limit-Gigawords" Integer, [] [A X]
            "the high word of Total-Limit";
        19 MIKROTIK_ADDRESS_LIST "Mikrotik-Address-List" Text, [] [N]
            "a list of the firewall of RouterOS";
    }
}
