//! Sans-IO PPP machines (RFC 1661 and its network control protocols).
