//! Sans-IO PPTP machines (RFC 2637): the control connection and the call.
