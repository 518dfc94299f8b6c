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
    assert_eq!(on(&[1, 2, 3]).opaque_fixed::<3>(), Err(XdrError::Truncated { missing: 1 }));
    assert_eq!(on(&[1, 2, 3, 4]).opaque_fixed::<3>(), Err(XdrError::Padding));
    assert_eq!(on(&[0, 0, 0, 1, 7, 0, 0, 1]).opaque(9), Err(XdrError::Padding));
    assert_eq!(on(&[0, 0, 0, 2, 7]).opaque(9), Err(XdrError::Truncated { missing: 1 }));
    assert_eq!(on(&[0, 0, 0, 2, 7, 7, 0, 0]).opaque(1), Err(XdrError::TooLong { length: 2, max: 1 }));
    assert_eq!(on(&[0, 0, 0, 1, 0xFF, 0, 0, 0]).string(9), Err(XdrError::Utf8));
    assert_eq!(on(&[0, 0, 0, 2, b'a', 0, 0, 0]).string(9), Err(XdrError::Nul));
    assert_eq!(on(&[0, 0, 0, 3]).array(2, Decoder::u32), Err(XdrError::TooLong { length: 3, max: 2 }));
    assert_eq!(
        on(&[0xFF; 4]).array(usize::MAX, Decoder::u32),
        Err(XdrError::Truncated { missing: u32::MAX as usize * 4 })
    );
    assert_eq!(on(&[0; 3]).finish(), Err(XdrError::Trailing(3)));
}

#[test]
fn what_an_encoder_refuses_it_does_not_write() {
    let mut out = Encoder::new();
    assert_eq!(out.string("abc", 2), Err(XdrError::TooLong { length: 3, max: 2 }));
    assert_eq!(out.string("a\0b", 9), Err(XdrError::Nul));
    assert_eq!(out.opaque(&[1, 2], 1), Err(XdrError::TooLong { length: 2, max: 1 }));
    assert_eq!(out.array(&[1, 2], 1, |_, _| Ok(())), Err(XdrError::TooLong { length: 2, max: 1 }));
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
