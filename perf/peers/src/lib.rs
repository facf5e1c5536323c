//! What MPPE is compared with, both used one packet at a time: OpenSSL's low-level RC4 and SHA-1, and
//! RC4 in plain C as the Linux kernel has it.
#![expect(
    unsafe_code,
    reason = "a benchmark's peers are C; nothing of PNS uses this"
)]

/// Which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// `RC4_set_key`, `RC4`, `SHA1_Init` and so on of the system's libcrypto.
    OpenSsl,
    /// RC4 with a table of words, key set-up per packet; SHA-1 is OpenSSL's.
    KernelWay,
}

/// An RC4 state of either.
#[derive(Clone)]
#[repr(C)]
pub struct Rc4State([u32; 258]);

impl Default for Rc4State {
    fn default() -> Self {
        Self([0; 258])
    }
}

unsafe extern "C" {
    fn pns_peer_openssl_key(rc4: *mut Rc4State, key: *const u8);
    fn pns_peer_openssl_run(rc4: *mut Rc4State, data: *mut u8, length: usize);
    fn pns_peer_openssl_change(start: *const u8, session: *mut u8);
    fn pns_peer_plain_key(rc4: *mut Rc4State, key: *const u8);
    fn pns_peer_plain_run(rc4: *mut Rc4State, data: *mut u8, length: usize);
    fn pns_peer_plain_change(start: *const u8, session: *mut u8);
}

impl Library {
    /// Both.
    pub const ALL: [Self; 2] = [Self::OpenSsl, Self::KernelWay];

    /// Changes a session key (RFC 3078 §7.3).
    pub fn change_key(self, start_key: &[u8; 16], session_key: &mut [u8; 16]) {
        let (start, session) = (start_key.as_ptr(), session_key.as_mut_ptr());
        match self {
            // SAFETY: both have the 16 bytes that are read and written.
            Self::OpenSsl => unsafe { pns_peer_openssl_change(start, session) },
            // SAFETY: both have the 16 bytes that are read and written.
            Self::KernelWay => unsafe { pns_peer_plain_change(start, session) },
        }
    }

    /// Keys `rc4`.
    pub fn set_key(self, rc4: &mut Rc4State, key: &[u8; 16]) {
        match self {
            // SAFETY: the C side asserts the size of the state; the key has 16 bytes.
            Self::OpenSsl => unsafe { pns_peer_openssl_key(rc4, key.as_ptr()) },
            // SAFETY: the state has room for two indices and 256 words; the key has 16 bytes.
            Self::KernelWay => unsafe { pns_peer_plain_key(rc4, key.as_ptr()) },
        }
    }

    /// Encrypts or decrypts `data`.
    pub fn run(self, rc4: &mut Rc4State, data: &mut [u8]) {
        let (bytes, length) = (data.as_mut_ptr(), data.len());
        match self {
            // SAFETY: the state was keyed, or is all zero; `data` has so many bytes.
            Self::OpenSsl => unsafe { pns_peer_openssl_run(rc4, bytes, length) },
            // SAFETY: indices of a keyed or zero state are below 256; `data` has so many bytes.
            Self::KernelWay => unsafe { pns_peer_plain_run(rc4, bytes, length) },
        }
    }
}
