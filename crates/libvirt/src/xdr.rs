//! XDR (RFC 4506), the encoding of every libvirt message: big-endian, each item padded with zero bytes to a
//! multiple of four.
//!
//! Lengths have an upper bound on both sides, given by the caller: the protocol declares one for each
//! variable item, and a server drops the connection of a client that passes it.

/// Longest string of the protocol (`VIR_NET_MESSAGE_STRING_MAX`), in bytes.
pub const STRING_MAX: usize = 4 * 1024 * 1024;

/// Every item takes a multiple of this many bytes.
const UNIT: usize = 4;

/// Why bytes are not what was asked for, or a value cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum XdrError {
    /// The bytes end inside an item.
    #[error("the data ends {missing} bytes too soon")]
    Truncated {
        /// How many more are needed.
        missing: usize,
    },
    /// Bytes are left after the last item.
    #[error("{0} bytes are left over")]
    Trailing(usize),
    /// More bytes or items than the caller's bound.
    #[error("a length of {length} is over the bound of {max}")]
    TooLong {
        /// The length found or asked for.
        length: usize,
        /// The largest that is allowed.
        max: usize,
    },
    /// A boolean, or the mark of an optional item, that is neither 0 nor 1.
    #[error("{0} is no boolean")]
    Bool(u32),
    /// Padding with a byte that is not zero.
    #[error("padding that is not zero")]
    Padding,
    /// A string that is not UTF-8.
    #[error("a string that is not UTF-8")]
    Utf8,
    /// A zero byte in a string, where a C program would see its end.
    #[error("a zero byte in a string")]
    Nul,
}

/// Appends items to a buffer.
#[derive(Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// An encoder with an empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// `unsigned int`.
    pub fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// `int`, and every enum.
    pub fn i32(&mut self, value: i32) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// `unsigned hyper`.
    pub fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// `hyper`.
    pub fn i64(&mut self, value: i64) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    /// `bool`.
    pub fn bool(&mut self, value: bool) {
        self.u32(value.into());
    }

    /// `opaque[n]`: the length is part of the type and not written.
    pub fn opaque_fixed(&mut self, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.bytes.extend_from_slice(&[0; UNIT][..padding(value.len())]);
    }

    /// `opaque<max>`.
    ///
    /// # Errors
    /// [`XdrError::TooLong`]; nothing is written then.
    pub fn opaque(&mut self, value: &[u8], max: usize) -> Result<(), XdrError> {
        self.length(value.len(), max)?;
        self.opaque_fixed(value);
        Ok(())
    }

    /// `string<max>`; the bound counts bytes.
    ///
    /// # Errors
    /// [`XdrError::TooLong`] or [`XdrError::Nul`]; nothing is written then.
    pub fn string(&mut self, value: &str, max: usize) -> Result<(), XdrError> {
        if value.contains('\0') {
            return Err(XdrError::Nul);
        }
        self.opaque(value.as_bytes(), max)
    }

    /// An optional item (`*` in the protocol's description): a mark, then the item if there is one.
    ///
    /// # Errors
    /// Those of `item`.
    pub fn optional<T>(
        &mut self,
        value: Option<T>,
        item: impl FnOnce(&mut Self, T) -> Result<(), XdrError>,
    ) -> Result<(), XdrError> {
        self.bool(value.is_some());
        value.map_or(Ok(()), |value| item(self, value))
    }

    /// A variable array, `item<max>`.
    ///
    /// # Errors
    /// [`XdrError::TooLong`], with nothing written, or those of `item`.
    pub fn array<T>(
        &mut self,
        values: &[T],
        max: usize,
        mut item: impl FnMut(&mut Self, &T) -> Result<(), XdrError>,
    ) -> Result<(), XdrError> {
        self.length(values.len(), max)?;
        values.iter().try_for_each(|value| item(self, value))
    }

    fn length(&mut self, length: usize, max: usize) -> Result<(), XdrError> {
        let max = max.min(u32::MAX as usize);
        match u32::try_from(length) {
            Ok(written) if length <= max => {
                self.u32(written);
                Ok(())
            }
            _ => Err(XdrError::TooLong { length, max }),
        }
    }
}

/// Takes items off received bytes. After an error its place in the bytes means nothing any more.
#[derive(Debug, Clone)]
pub struct Decoder<'a> {
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// A decoder at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// [`XdrError::Trailing`].
    pub fn finish(self) -> Result<(), XdrError> {
        if self.rest.is_empty() { Ok(()) } else { Err(XdrError::Trailing(self.rest.len())) }
    }

    /// `unsigned int`.
    ///
    /// # Errors
    /// [`XdrError::Truncated`].
    pub fn u32(&mut self) -> Result<u32, XdrError> {
        self.chunk().map(u32::from_be_bytes)
    }

    /// `int`, and every enum.
    ///
    /// # Errors
    /// [`XdrError::Truncated`].
    pub fn i32(&mut self) -> Result<i32, XdrError> {
        self.chunk().map(i32::from_be_bytes)
    }

    /// `unsigned hyper`.
    ///
    /// # Errors
    /// [`XdrError::Truncated`].
    pub fn u64(&mut self) -> Result<u64, XdrError> {
        self.chunk().map(u64::from_be_bytes)
    }

    /// `hyper`.
    ///
    /// # Errors
    /// [`XdrError::Truncated`].
    pub fn i64(&mut self) -> Result<i64, XdrError> {
        self.chunk().map(i64::from_be_bytes)
    }

    /// `bool`.
    ///
    /// # Errors
    /// [`XdrError::Truncated`] or [`XdrError::Bool`].
    pub fn bool(&mut self) -> Result<bool, XdrError> {
        match self.u32()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(XdrError::Bool(other)),
        }
    }

    /// `opaque[N]`, such as a UUID.
    ///
    /// # Errors
    /// [`XdrError::Truncated`] or [`XdrError::Padding`].
    pub fn opaque_fixed<const N: usize>(&mut self) -> Result<[u8; N], XdrError> {
        let value = self.chunk()?;
        self.skip_padding(N)?;
        Ok(value)
    }

    /// `opaque<max>`, without a copy.
    ///
    /// # Errors
    /// [`XdrError::TooLong`], [`XdrError::Truncated`] or [`XdrError::Padding`].
    pub fn opaque(&mut self, max: usize) -> Result<&'a [u8], XdrError> {
        let length = self.length(max)?;
        let value = self.take(length)?;
        self.skip_padding(length)?;
        Ok(value)
    }

    /// `string<max>`, without a copy; the bound counts bytes.
    ///
    /// # Errors
    /// As [`opaque`](Self::opaque), [`XdrError::Utf8`] or [`XdrError::Nul`].
    pub fn string(&mut self, max: usize) -> Result<&'a str, XdrError> {
        let value = std::str::from_utf8(self.opaque(max)?).map_err(|_| XdrError::Utf8)?;
        if value.contains('\0') { Err(XdrError::Nul) } else { Ok(value) }
    }

    /// An optional item.
    ///
    /// # Errors
    /// [`XdrError::Bool`] for the mark, or those of `item`.
    pub fn optional<T>(
        &mut self,
        item: impl FnOnce(&mut Self) -> Result<T, XdrError>,
    ) -> Result<Option<T>, XdrError> {
        if self.bool()? { item(self).map(Some) } else { Ok(None) }
    }

    /// A variable array, `item<max>`. The announced count reserves no memory, and a count for which too few
    /// bytes are left is refused before the first item: one takes at least four bytes.
    ///
    /// # Errors
    /// [`XdrError::TooLong`], [`XdrError::Truncated`] or those of `item`.
    pub fn array<T>(
        &mut self,
        max: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, XdrError>,
    ) -> Result<Vec<T>, XdrError> {
        let count = self.length(max)?;
        let least = count.saturating_mul(UNIT);
        if least > self.rest.len() {
            return Err(XdrError::Truncated { missing: least - self.rest.len() });
        }
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(item(self)?);
        }
        Ok(values)
    }

    fn length(&mut self, max: usize) -> Result<usize, XdrError> {
        let length = self.u32()? as usize;
        if length > max { Err(XdrError::TooLong { length, max }) } else { Ok(length) }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], XdrError> {
        let missing = length.saturating_sub(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(XdrError::Truncated { missing })?;
        self.rest = rest;
        Ok(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], XdrError> {
        let missing = N.saturating_sub(self.rest.len());
        let (taken, rest) = self.rest.split_first_chunk().ok_or(XdrError::Truncated { missing })?;
        self.rest = rest;
        Ok(*taken)
    }

    fn skip_padding(&mut self, length: usize) -> Result<(), XdrError> {
        let zero = self.take(padding(length))?.iter().all(|&byte| byte == 0);
        if zero { Ok(()) } else { Err(XdrError::Padding) }
    }
}

/// Bytes that fill `length` up to a multiple of four.
fn padding(length: usize) -> usize {
    (UNIT - length % UNIT) % UNIT
}

#[cfg(test)]
mod tests;
