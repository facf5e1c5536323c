//! Keys of frames that were overtaken by later ones, kept so that a late frame decrypts at once.

use zeroize::Zeroize;

use crate::mppe::chain::Link;

/// How many frames behind the newest a late frame may be and still be decrypted, if nothing else is
/// said.
pub const KEPT_BACK: u16 = 64;

/// Names the keys of one direction of one call. A worker never gives the same name to two sets of
/// keys, so what was kept for a call that ended can never be found by another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct KeyId(u64);

impl KeyId {
    /// A name; 0 is taken and means nobody.
    #[must_use]
    pub const fn new(name: std::num::NonZeroU64) -> Self {
        Self(name.get())
    }

    /// The name; 0 means nobody.
    pub(crate) const fn name(self) -> u64 {
        self.0
    }

    /// Spreads consecutive names over a table of `length` places.
    pub(crate) fn place(self, length: usize) -> usize {
        let spread = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
        usize::try_from(spread % (length.max(1) as u64)).unwrap_or(0)
    }
}

#[repr(C)]
struct Slot {
    owner: KeyId,
    link: Link,
}

impl Slot {
    const fn empty() -> Self {
        Self {
            owner: KeyId(0),
            link: Link {
                session_key: [0; 16],
                position: 0,
            },
        }
    }

    fn wipe(&mut self) {
        self.owner = KeyId(0);
        self.link.zeroize();
    }
}

/// A worker's pool of such keys. Its size is fixed.
///
/// The pool is cut in regions of as many slots as frames may be late; a flow has one region, and a
/// position has one slot in it. So finding a key is one look, a key that is too old is overwritten by
/// its successor, and a flow that loses many frames can only take the place of the few that share
/// its region.
pub struct SkippedKeys {
    slots: Box<[Slot]>,
    regions: usize,
    back: u16,
}

impl SkippedKeys {
    /// A pool of `regions` times `back` keys, at least one.
    #[must_use]
    pub fn new(regions: usize, back: u16) -> Self {
        let (regions, back) = (regions.max(1), back.max(1));
        let slots = regions.saturating_mul(usize::from(back));
        Self {
            slots: (0..slots).map(|_| Slot::empty()).collect(),
            regions,
            back,
        }
    }

    /// How many frames behind the newest a key is kept.
    pub(crate) fn back(&self) -> u64 {
        u64::from(self.back)
    }

    /// Keeps the key of a frame that was not seen yet.
    pub(crate) fn keep(&mut self, owner: KeyId, link: &Link) {
        if let Some(slot) = self.slot(owner, link.position) {
            slot.owner = owner;
            slot.link = link.duplicate();
        }
    }

    /// The key of a late frame, if it is still here.
    pub(crate) fn find(&mut self, owner: KeyId, position: u64) -> Option<[u8; 16]> {
        let slot = self.slot(owner, position)?;
        (slot.owner == owner && slot.link.position == position).then_some(slot.link.session_key)
    }

    /// Wipes the key of a late frame, which was used.
    pub(crate) fn wipe(&mut self, owner: KeyId, position: u64) {
        if let Some(slot) = self.slot(owner, position)
            && slot.owner == owner
            && slot.link.position == position
        {
            slot.wipe();
        }
    }

    /// Wipes every key of a flow.
    pub fn forget(&mut self, owner: KeyId) {
        let (region, back) = (owner.place(self.regions), usize::from(self.back));
        for slot in self.slots.iter_mut().skip(region * back).take(back) {
            if slot.owner == owner {
                slot.wipe();
            }
        }
    }

    /// How many keys are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots
            .iter()
            .filter(|slot| slot.owner != KeyId(0))
            .count()
    }

    /// Whether no key is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn slot(&mut self, owner: KeyId, position: u64) -> Option<&mut Slot> {
        let place = usize::try_from(position % self.back()).ok()?;
        let region = owner.place(self.regions) * usize::from(self.back);
        self.slots.get_mut(region + place)
    }
}
