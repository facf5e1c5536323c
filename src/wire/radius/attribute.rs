//! The attributes that PNS knows: number, name as in the RFCs, and type.

/// What a value may look like (RFC 2865 §5). The length of every known attribute is checked against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// UTF-8 for people, one byte at the least.
    Text,
    /// Bytes, of a length within these bounds.
    Octets(usize, usize),
    /// A 32-bit number.
    Integer,
    /// An IPv4 address.
    Address,
    /// An IPv6 address.
    Ipv6Address,
    /// Reserved byte, prefix length, and as much of the prefix as is needed (RFC 3162 §2.3).
    Ipv6Prefix,
    /// An interface identifier of IPv6.
    InterfaceId,
    /// Seconds since 1970.
    Time,
    /// A tag and a number of 24 bits (RFC 2868 §3.1).
    TaggedInteger,
    /// Perhaps a tag, and text (RFC 2868 §3.3).
    TaggedText,
}

impl Type {
    /// Whether a value of this type can have so many bytes.
    #[must_use]
    pub const fn admits(self, bytes: usize) -> bool {
        match self {
            Self::Text | Self::TaggedText => bytes >= 1,
            Self::Octets(least, most) => bytes >= least && bytes <= most,
            Self::Integer | Self::Address | Self::Time | Self::TaggedInteger => bytes == 4,
            Self::Ipv6Address => bytes == 16,
            Self::Ipv6Prefix => bytes >= 2 && bytes <= 18,
            Self::InterfaceId => bytes == 8,
        }
    }

    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Octets(..) => "octets",
            Self::Integer => "integer",
            Self::Address => "IPv4 address",
            Self::Ipv6Address => "IPv6 address",
            Self::Ipv6Prefix => "IPv6 prefix",
            Self::InterfaceId => "interface identifier",
            Self::Time => "time",
            Self::TaggedInteger => "tagged integer",
            Self::TaggedText => "tagged text",
        }
    }
}

/// One attribute.
#[derive(Debug, PartialEq, Eq)]
pub struct Attribute {
    /// As the RFCs and dictionaries have it.
    pub name: &'static str,
    /// The vendor's number; 0 for standard attributes.
    pub vendor: u32,
    /// The attribute's number.
    pub number: u8,
    /// What its values look like.
    pub kind: Type,
}

/// The vendor of RFC 2548.
pub const MICROSOFT: u32 = 311;

impl Attribute {
    /// The attribute with this number.
    #[must_use]
    pub fn find(vendor: u32, number: u8) -> Option<&'static Self> {
        let mut all = ALL.iter().copied();
        all.find(|it| it.vendor == vendor && it.number == number)
    }

    /// Whether some attribute of this vendor is known.
    #[must_use]
    pub fn knows_vendor(vendor: u32) -> bool {
        ALL.iter().any(|it| it.vendor == vendor)
    }
}

/// Any bytes.
const ANY: Type = Type::Octets(1, super::VALUE_BYTES_MAX);

macro_rules! attributes {
    ($($vendor:expr => { $($number:literal $constant:ident $name:literal $kind:expr;)+ })+) => {
        $($(
            #[doc = concat!("`", $name, "`.")]
            pub static $constant: Attribute = Attribute {
                name: $name,
                vendor: $vendor,
                number: $number,
                kind: $kind,
            };
        )+)+

        /// Every attribute that is known.
        pub static ALL: &[&Attribute] = &[$($(&$constant,)+)+];
    };
}

attributes! {
    0 => {
        1 USER_NAME "User-Name" ANY;
        2 USER_PASSWORD "User-Password" Type::Octets(16, 128);
        3 CHAP_PASSWORD "CHAP-Password" Type::Octets(17, 17);
        4 NAS_IP_ADDRESS "NAS-IP-Address" Type::Address;
        5 NAS_PORT "NAS-Port" Type::Integer;
        6 SERVICE_TYPE "Service-Type" Type::Integer;
        7 FRAMED_PROTOCOL "Framed-Protocol" Type::Integer;
        8 FRAMED_IP_ADDRESS "Framed-IP-Address" Type::Address;
        9 FRAMED_IP_NETMASK "Framed-IP-Netmask" Type::Address;
        11 FILTER_ID "Filter-Id" Type::Text;
        12 FRAMED_MTU "Framed-MTU" Type::Integer;
        13 FRAMED_COMPRESSION "Framed-Compression" Type::Integer;
        18 REPLY_MESSAGE "Reply-Message" ANY;
        22 FRAMED_ROUTE "Framed-Route" Type::Text;
        24 STATE "State" ANY;
        25 CLASS "Class" ANY;
        26 VENDOR_SPECIFIC "Vendor-Specific" Type::Octets(5, 253);
        27 SESSION_TIMEOUT "Session-Timeout" Type::Integer;
        28 IDLE_TIMEOUT "Idle-Timeout" Type::Integer;
        29 TERMINATION_ACTION "Termination-Action" Type::Integer;
        30 CALLED_STATION_ID "Called-Station-Id" Type::Text;
        31 CALLING_STATION_ID "Calling-Station-Id" Type::Text;
        32 NAS_IDENTIFIER "NAS-Identifier" ANY;
        33 PROXY_STATE "Proxy-State" ANY;
        40 ACCT_STATUS_TYPE "Acct-Status-Type" Type::Integer;
        41 ACCT_DELAY_TIME "Acct-Delay-Time" Type::Integer;
        42 ACCT_INPUT_OCTETS "Acct-Input-Octets" Type::Integer;
        43 ACCT_OUTPUT_OCTETS "Acct-Output-Octets" Type::Integer;
        44 ACCT_SESSION_ID "Acct-Session-Id" Type::Text;
        45 ACCT_AUTHENTIC "Acct-Authentic" Type::Integer;
        46 ACCT_SESSION_TIME "Acct-Session-Time" Type::Integer;
        47 ACCT_INPUT_PACKETS "Acct-Input-Packets" Type::Integer;
        48 ACCT_OUTPUT_PACKETS "Acct-Output-Packets" Type::Integer;
        49 ACCT_TERMINATE_CAUSE "Acct-Terminate-Cause" Type::Integer;
        50 ACCT_MULTI_SESSION_ID "Acct-Multi-Session-Id" Type::Text;
        51 ACCT_LINK_COUNT "Acct-Link-Count" Type::Integer;
        52 ACCT_INPUT_GIGAWORDS "Acct-Input-Gigawords" Type::Integer;
        53 ACCT_OUTPUT_GIGAWORDS "Acct-Output-Gigawords" Type::Integer;
        55 EVENT_TIMESTAMP "Event-Timestamp" Type::Time;
        60 CHAP_CHALLENGE "CHAP-Challenge" Type::Octets(5, 253);
        61 NAS_PORT_TYPE "NAS-Port-Type" Type::Integer;
        62 PORT_LIMIT "Port-Limit" Type::Integer;
        64 TUNNEL_TYPE "Tunnel-Type" Type::TaggedInteger;
        65 TUNNEL_MEDIUM_TYPE "Tunnel-Medium-Type" Type::TaggedInteger;
        66 TUNNEL_CLIENT_ENDPOINT "Tunnel-Client-Endpoint" Type::TaggedText;
        67 TUNNEL_SERVER_ENDPOINT "Tunnel-Server-Endpoint" Type::TaggedText;
        77 CONNECT_INFO "Connect-Info" Type::Text;
        79 EAP_MESSAGE "EAP-Message" ANY;
        80 MESSAGE_AUTHENTICATOR "Message-Authenticator" Type::Octets(16, 16);
        85 ACCT_INTERIM_INTERVAL "Acct-Interim-Interval" Type::Integer;
        87 NAS_PORT_ID "NAS-Port-Id" Type::Text;
        88 FRAMED_POOL "Framed-Pool" Type::Text;
        90 TUNNEL_CLIENT_AUTH_ID "Tunnel-Client-Auth-ID" Type::TaggedText;
        91 TUNNEL_SERVER_AUTH_ID "Tunnel-Server-Auth-ID" Type::TaggedText;
        95 NAS_IPV6_ADDRESS "NAS-IPv6-Address" Type::Ipv6Address;
        96 FRAMED_INTERFACE_ID "Framed-Interface-Id" Type::InterfaceId;
        97 FRAMED_IPV6_PREFIX "Framed-IPv6-Prefix" Type::Ipv6Prefix;
        99 FRAMED_IPV6_ROUTE "Framed-IPv6-Route" Type::Text;
        101 ERROR_CAUSE "Error-Cause" Type::Integer;
        123 DELEGATED_IPV6_PREFIX "Delegated-IPv6-Prefix" Type::Ipv6Prefix;
        169 DNS_SERVER_IPV6_ADDRESS "DNS-Server-IPv6-Address" Type::Ipv6Address;
    }
    MICROSOFT => {
        1 MS_CHAP_RESPONSE "MS-CHAP-Response" Type::Octets(50, 50);
        2 MS_CHAP_ERROR "MS-CHAP-Error" Type::Octets(2, 247);
        4 MS_CHAP_CPW_2 "MS-CHAP-CPW-2" Type::Octets(84, 84);
        6 MS_CHAP_NT_ENC_PW "MS-CHAP-NT-Enc-PW" Type::Octets(4, 247);
        7 MS_MPPE_ENCRYPTION_POLICY "MS-MPPE-Encryption-Policy" Type::Integer;
        8 MS_MPPE_ENCRYPTION_TYPES "MS-MPPE-Encryption-Types" Type::Integer;
        10 MS_CHAP_DOMAIN "MS-CHAP-Domain" Type::Octets(1, 247);
        11 MS_CHAP_CHALLENGE "MS-CHAP-Challenge" Type::Octets(1, 247);
        12 MS_CHAP_MPPE_KEYS "MS-CHAP-MPPE-Keys" Type::Octets(32, 32);
        16 MS_MPPE_SEND_KEY "MS-MPPE-Send-Key" Type::Octets(18, 247);
        17 MS_MPPE_RECV_KEY "MS-MPPE-Recv-Key" Type::Octets(18, 247);
        25 MS_CHAP2_RESPONSE "MS-CHAP2-Response" Type::Octets(50, 50);
        26 MS_CHAP2_SUCCESS "MS-CHAP2-Success" Type::Octets(43, 43);
        27 MS_CHAP2_CPW "MS-CHAP2-CPW" Type::Octets(68, 68);
        28 MS_PRIMARY_DNS_SERVER "MS-Primary-DNS-Server" Type::Address;
        29 MS_SECONDARY_DNS_SERVER "MS-Secondary-DNS-Server" Type::Address;
        30 MS_PRIMARY_NBNS_SERVER "MS-Primary-NBNS-Server" Type::Address;
        31 MS_SECONDARY_NBNS_SERVER "MS-Secondary-NBNS-Server" Type::Address;
    }
}
