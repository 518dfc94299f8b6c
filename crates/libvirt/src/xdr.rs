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
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(XdrError::Trailing(self.rest.len()))
        }
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
        if value.contains('\0') {
            Err(XdrError::Nul)
        } else {
            Ok(value)
        }
    }

    /// An optional item.
    ///
    /// # Errors
    /// [`XdrError::Bool`] for the mark, or those of `item`.
    pub fn optional<T>(
        &mut self,
        item: impl FnOnce(&mut Self) -> Result<T, XdrError>,
    ) -> Result<Option<T>, XdrError> {
        if self.bool()? {
            item(self).map(Some)
        } else {
            Ok(None)
        }
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
            return Err(XdrError::Truncated {
                missing: least - self.rest.len(),
            });
        }
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(item(self)?);
        }
        Ok(values)
    }

    fn length(&mut self, max: usize) -> Result<usize, XdrError> {
        let length = self.u32()? as usize;
        if length > max {
            Err(XdrError::TooLong { length, max })
        } else {
            Ok(length)
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], XdrError> {
        let missing = length.saturating_sub(self.rest.len());
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(XdrError::Truncated { missing })?;
        self.rest = rest;
        Ok(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], XdrError> {
        let missing = N.saturating_sub(self.rest.len());
        let (taken, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(XdrError::Truncated { missing })?;
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_on_the_wire() {
        let mut out = Encoder::new();
        out.u32(1);
        out.i32(-2);
        out.u64(3);
        out.i64(-1);
        out.bool(true);
        out.string("abcde", 5).unwrap();
        out.opaque(&[9; 4], 4).unwrap();
        out.opaque_fixed(&[7; 3]);
        out.optional(None, |out, text: &str| out.string(text, 9)).unwrap();
        out.array(&[5, 6], 2, |out, &n| {
            out.u32(n);
            Ok(())
        })
        .unwrap();
        #[rustfmt::skip]
        let expected = [
            0, 0, 0, 1,  0xFF, 0xFF, 0xFF, 0xFE,  0, 0, 0, 0, 0, 0, 0, 3,
            0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,  0, 0, 0, 1,
            0, 0, 0, 5, b'a', b'b', b'c', b'd', b'e', 0, 0, 0,  0, 0, 0, 4, 9, 9, 9, 9,
            7, 7, 7, 0,  0, 0, 0, 0,  0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 6,
        ];
        assert_eq!(out.into_bytes(), expected);
    }

    #[test]
    fn what_a_decoder_refuses() {
        fn on(bytes: &[u8]) -> Decoder<'_> {
            Decoder::new(bytes)
        }
        assert_eq!(on(&[0, 0, 0]).u32(), Err(XdrError::Truncated { missing: 1 }));
        assert_eq!(on(&[0; 7]).u64(), Err(XdrError::Truncated { missing: 1 }));
        assert_eq!(on(&[0, 0, 0, 2]).bool(), Err(XdrError::Bool(2)));
        assert_eq!(on(&[0, 0, 0, 2]).optional(Decoder::u32), Err(XdrError::Bool(2)));
        assert_eq!(
            on(&[1, 2, 3]).opaque_fixed::<3>(),
            Err(XdrError::Truncated { missing: 1 })
        );
        assert_eq!(on(&[1, 2, 3, 4]).opaque_fixed::<3>(), Err(XdrError::Padding));
        assert_eq!(on(&[0, 0, 0, 1, 7, 0, 0, 1]).opaque(9), Err(XdrError::Padding));
        assert_eq!(
            on(&[0, 0, 0, 2, 7]).opaque(9),
            Err(XdrError::Truncated { missing: 1 })
        );
        assert_eq!(
            on(&[0, 0, 0, 2, 7, 7, 0, 0]).opaque(1),
            Err(XdrError::TooLong { length: 2, max: 1 })
        );
        assert_eq!(on(&[0, 0, 0, 1, 0xFF, 0, 0, 0]).string(9), Err(XdrError::Utf8));
        assert_eq!(on(&[0, 0, 0, 2, b'a', 0, 0, 0]).string(9), Err(XdrError::Nul));
        assert_eq!(
            on(&[0, 0, 0, 3]).array(2, Decoder::u32),
            Err(XdrError::TooLong { length: 3, max: 2 })
        );
        assert_eq!(
            on(&[0xFF; 4]).array(usize::MAX, Decoder::u32),
            Err(XdrError::Truncated {
                missing: u32::MAX as usize * 4
            })
        );
        assert_eq!(on(&[0; 3]).finish(), Err(XdrError::Trailing(3)));
    }

    #[test]
    fn what_an_encoder_refuses_it_does_not_write() {
        let mut out = Encoder::new();
        assert_eq!(out.string("abc", 2), Err(XdrError::TooLong { length: 3, max: 2 }));
        assert_eq!(out.string("a\0b", 9), Err(XdrError::Nul));
        assert_eq!(
            out.opaque(&[1, 2], 1),
            Err(XdrError::TooLong { length: 2, max: 1 })
        );
        assert_eq!(
            out.array(&[1, 2], 1, |_, _| Ok(())),
            Err(XdrError::TooLong { length: 2, max: 1 })
        );
        assert!(out.into_bytes().is_empty());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            numbers in any::<(u32, i32, u64, i64, bool, [u8; 16], [u8; 5])>(),
            bytes in proptest::collection::vec(any::<u8>(), 0..20),
            text in "[^\0]{0,12}",
            optional in proptest::option::of("[^\0]{0,5}"),
            array in proptest::collection::vec(any::<u64>(), 0..5),
        ) {
            let mut out = Encoder::new();
            out.u32(numbers.0);
            out.i32(numbers.1);
            out.u64(numbers.2);
            out.i64(numbers.3);
            out.bool(numbers.4);
            out.opaque_fixed(&numbers.5);
            out.opaque_fixed(&numbers.6);
            out.opaque(&bytes, bytes.len())?;
            out.string(&text, text.len())?;
            out.optional(optional.as_deref(), |out, text| out.string(text, STRING_MAX))?;
            out.array(&array, array.len(), |out, &n| { out.u64(n); Ok(()) })?;
            let written = out.into_bytes();
            prop_assert_eq!(written.len() % UNIT, 0);

            let mut input = Decoder::new(&written);
            let read = (input.u32()?, input.i32()?, input.u64()?, input.i64()?, input.bool()?,
                input.opaque_fixed()?, input.opaque_fixed()?);
            prop_assert_eq!(read, numbers);
            prop_assert_eq!(input.opaque(bytes.len())?, &bytes);
            prop_assert_eq!(input.string(text.len())?, text);
            prop_assert_eq!(input.optional(|input| input.string(STRING_MAX))?, optional.as_deref());
            prop_assert_eq!(input.array(array.len(), Decoder::u64)?, array);
            input.finish()?;
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..64)) {
            let read = |mut input: Decoder<'_>| -> Result<(), XdrError> {
                loop {
                    input.array(8, |input| input.optional(|input| input.string(16)))?;
                    input.opaque_fixed::<3>()?;
                    input.array(usize::MAX, |input| input.opaque(usize::MAX))?;
                    input.bool()?;
                    input.u64()?;
                }
            };
            prop_assert!(read(Decoder::new(&bytes)).is_err());
        }
    }
}
