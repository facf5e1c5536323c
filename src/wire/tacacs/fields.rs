//! The parts of a body whose lengths stand before them: cut by those lengths, all of them, and nothing
//! left over.

use zeroize::Zeroizing;

use super::Malformed;
use crate::wire::field::u16_at;

/// What is not cut yet.
pub(super) struct Fields<'a>(Option<&'a [u8]>);

impl<'a> Fields<'a> {
    /// Everything behind the first `fixed` octets of a body.
    pub(super) fn behind(body: &'a [u8], fixed: usize) -> Self {
        Self(body.get(fixed..))
    }

    /// The next part; empty once something did not fit, which [`Self::end`] tells.
    pub(super) fn take(&mut self, length: usize) -> &'a [u8] {
        let cut = self.0.and_then(|rest| rest.split_at_checked(length));
        self.0 = cut.map(|(_, rest)| rest);
        cut.map_or(&[], |(part, _)| part)
    }

    /// One part for each of `lengths`.
    pub(super) fn take_all(&mut self, lengths: &[u8]) -> Vec<&'a [u8]> {
        let lengths = lengths.iter();
        lengths
            .map(|length| self.take(usize::from(*length)))
            .collect()
    }

    /// Whether all of it was taken.
    pub(super) fn end(self) -> Result<(), Malformed> {
        match self.0 {
            Some([]) => Ok(()),
            Some(_) | None => Err(Malformed::Body),
        }
    }
}

/// A body as it is written; `None` from the first part that its length field cannot say.
pub(super) struct Body(Option<Zeroizing<Vec<u8>>>);

impl Body {
    /// `capacity` octets at most, so that no copy of a password is left where it grew.
    pub(super) fn new(fixed: &[u8], parts: &[&[u8]]) -> Self {
        let parts: usize = parts.iter().map(|part| part.len()).sum();
        // Room for lengths, too: of arguments one octet each.
        let mut body = Zeroizing::new(Vec::with_capacity(fixed.len() + parts + 512));
        body.extend_from_slice(fixed);
        Self(Some(body))
    }

    fn push(mut self, bytes: Option<&[u8]>) -> Self {
        match (&mut self.0, bytes) {
            (Some(body), Some(bytes)) => body.extend_from_slice(bytes),
            (_, None) | (None, _) => self.0 = None,
        }
        self
    }

    /// The length of `part` in one octet.
    pub(super) fn length8(self, part: &[u8]) -> Self {
        let length = u8::try_from(part.len()).ok();
        self.push(
            length
                .map(|length| [length])
                .as_ref()
                .map(<[u8; 1]>::as_slice),
        )
    }

    /// The length of `part` in two octets.
    pub(super) fn length16(self, part: &[u8]) -> Self {
        let length = u16::try_from(part.len()).ok().map(u16::to_be_bytes);
        self.push(length.as_ref().map(<[u8; 2]>::as_slice))
    }

    /// Octets as they are.
    pub(super) fn octets(self, octets: &[u8]) -> Self {
        self.push(Some(octets))
    }

    /// How many `parts` there are, and the length of each.
    pub(super) fn lengths(self, parts: &[&[u8]]) -> Self {
        let count = u8::try_from(parts.len()).ok().map(|count| [count]);
        let counted = self.push(count.as_ref().map(<[u8; 1]>::as_slice));
        parts.iter().fold(counted, |body, part| body.length8(part))
    }

    /// `parts` one behind the other.
    pub(super) fn parts(self, parts: &[&[u8]]) -> Self {
        parts.iter().fold(self, |body, part| body.octets(part))
    }

    pub(super) fn finish(self) -> Option<Zeroizing<Vec<u8>>> {
        self.0.filter(|body| body.len() <= super::BODY_BYTES_MAX)
    }
}

/// A body of two parts (RFC 8907 §5.2, §5.3, §7.2): `front`, their lengths, `back`, and the parts.
pub(super) struct Pair<'a> {
    pub(super) message: &'a [u8],
    pub(super) data: &'a [u8],
}

impl<'a> Pair<'a> {
    pub(super) fn encode(&self, front: &[u8], back: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let parts = [self.message, self.data];
        Body::new(front, &parts)
            .length16(self.message)
            .length16(self.data)
            .octets(back)
            .parts(&parts)
            .finish()
    }

    /// Behind `front` octets are the lengths, and behind those `back` more.
    pub(super) fn parse(body: &'a [u8], front: usize, back: usize) -> Result<Self, Malformed> {
        let length = |at| u16_at(body, at).map(usize::from).ok_or(Malformed::Body);
        let mut fields = Fields::behind(body, front + 4 + back);
        let pair = Self {
            message: fields.take(length(front)?),
            data: fields.take(length(front + 2)?),
        };
        fields.end()?;
        Ok(pair)
    }
}

/// The number at `place` as one of `known`.
pub(super) fn value_at<T: Copy>(
    body: &[u8],
    place: usize,
    known: &[(u8, T)],
) -> Result<T, Malformed> {
    let number = body.get(place).ok_or(Malformed::Body)?;
    let found = known.iter().find(|(known, _)| known == number);
    found.map(|(_, value)| *value).ok_or(Malformed::Value)
}

/// The reverse of [`value_at`].
pub(super) fn number_of<T: Copy + PartialEq>(value: T, known: &[(u8, T)]) -> u8 {
    let found = known.iter().find(|(_, known)| *known == value);
    found.map_or(0, |(number, _)| *number)
}
