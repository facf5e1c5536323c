//! The name of a call everywhere behind the control connection.

use crate::wire::call_id::CallId;

/// A call: the local address that the client dialled (its position in `server.listen`) and our Call
/// ID there. Each local address has a Call-ID space of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(C)]
pub struct FlowKey {
    /// Position of the local address in `server.listen`.
    pub local: u16,
    /// The Call ID that we allocated; never zero.
    pub call_id: CallId,
}

impl FlowKey {
    /// Names a call.
    #[must_use]
    pub const fn new(local: u16, call_id: CallId) -> Self {
        Self { local, call_id }
    }

    /// One word for the address directory; never zero, because a Call ID of ours never is.
    #[must_use]
    pub const fn pack(self) -> u32 {
        ((self.local as u32) << 16) | self.call_id.get() as u32
    }

    /// The reverse of [`Self::pack`]; `None` for the empty word.
    #[must_use]
    pub const fn unpack(word: u32) -> Option<Self> {
        let [a, b, c, d] = word.to_be_bytes();
        let call_id = u16::from_be_bytes([c, d]);
        if call_id == 0 {
            return None;
        }
        Some(Self {
            local: u16::from_be_bytes([a, b]),
            call_id: CallId::new(call_id),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_key_comes_back_and_the_empty_word_names_nobody() {
        let key = FlowKey::new(7, CallId::new(0xfe01));
        assert_eq!(FlowKey::unpack(key.pack()), Some(key));
        assert_eq!(FlowKey::unpack(0), None);
        assert_eq!(FlowKey::unpack(0x0001_0000), None);
    }
}
