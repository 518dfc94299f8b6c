use proptest::prelude::*;

use super::*;

fn packets(splitter: &mut Splitter) -> Result<Vec<Packet>, PacketError> {
    let mut packets = Vec::new();
    while let Some(packet) = splitter.next_packet()? {
        packets.push(packet);
    }
    Ok(packets)
}

/// The bytes of a call with `patch` written over word `word`.
fn patched(word: usize, patch: u32) -> Vec<u8> {
    let packet = Packet { header: Header::call(REMOTE_PROGRAM, 66, 1), payload: vec![] };
    let mut bytes = packet.encode().unwrap();
    bytes[word * 4..][..4].copy_from_slice(&patch.to_be_bytes());
    bytes
}

#[test]
fn a_call_on_the_wire() {
    let packet = Packet { header: Header::call(QEMU_PROGRAM, 3, 7), payload: vec![1, 2, 3, 4] };
    #[rustfmt::skip]
    let expected = [
        0, 0, 0, 32,  0x20, 0, 0x80, 0x87,  0, 0, 0, 1,  0, 0, 0, 3,  0, 0, 0, 0,  0, 0, 0, 7,  0, 0, 0, 0,
        1, 2, 3, 4,
    ];
    assert_eq!(packet.encode().unwrap(), expected);
}

#[test]
fn what_is_no_packet_breaks_the_stream() {
    for (bytes, error) in [
        (patched(0, 27), PacketError::TooShort(27)),
        (patched(0, 0), PacketError::TooShort(0)),
        (patched(0, u32::MAX), PacketError::TooLong(u32::MAX as usize - 4)),
        (patched(4, 7), PacketError::MessageType(7)),
        (patched(4, u32::MAX), PacketError::MessageType(-1)),
        (patched(6, 3), PacketError::Status(3)),
    ] {
        let mut splitter = Splitter::new();
        splitter.push(&bytes);
        assert_eq!(splitter.next_packet(), Err(error));
        splitter.push(&patched(0, 28));
        assert_eq!(splitter.next_packet(), Err(error));
        assert!(!splitter.is_at_boundary());
        assert_eq!(splitter.buffer.capacity(), 0);
    }
}

#[test]
fn the_limit_is_32_mib_without_the_length_word() {
    let largest = u32::try_from(PACKET_MAX + LENGTH_BYTES).unwrap();
    let mut splitter = Splitter::new();
    splitter.push(&largest.to_be_bytes());
    assert_eq!(splitter.next_packet(), Ok(None));
    let mut splitter = Splitter::new();
    splitter.push(&(largest + 1).to_be_bytes());
    assert_eq!(splitter.next_packet(), Err(PacketError::TooLong(PACKET_MAX + 1)));

    let mut packet =
        Packet { header: Header::call(REMOTE_PROGRAM, 1, 1), payload: vec![0; PACKET_MAX - HEADER_BYTES] };
    let bytes = packet.encode().unwrap();
    let mut splitter = Splitter::new();
    splitter.push(&bytes);
    assert_eq!(packets(&mut splitter), Ok(vec![packet.clone()]));
    packet.payload.push(0);
    assert_eq!(packet.encode(), Err(PacketError::TooLong(PACKET_MAX + 1)));
}

#[test]
fn an_announced_length_takes_no_memory() {
    let mut splitter = Splitter::new();
    splitter.push(&patched(0, 32 * 1024 * 1024));
    assert_eq!(splitter.next_packet(), Ok(None));
    assert!(splitter.buffer.capacity() < 1024);
    assert!(!splitter.is_at_boundary());
}

fn any_packet() -> impl Strategy<Value = Packet> {
    let numbers = any::<(u32, u32, i32, u32)>();
    let payload = proptest::collection::vec(any::<u8>(), 0..40);
    (numbers, 0..7, 0..3, payload).prop_map(
        |((program, version, procedure, serial), kind, status, payload)| {
            let message_type = MessageType::of(kind).expect("seven message types");
            let status = Status::of(status).expect("three statuses");
            Packet { header: Header { program, version, procedure, message_type, serial, status }, payload }
        },
    )
}

proptest! {
    #[test]
    fn packets_survive_any_cut(
        sent in proptest::collection::vec(any_packet(), 0..6),
        cuts in proptest::collection::vec(1usize..50, 1..20),
    ) {
        let mut bytes = Vec::new();
        for packet in &sent {
            bytes.extend(packet.encode()?);
        }
        let mut splitter = Splitter::new();
        let mut received = Vec::new();
        let mut rest = &bytes[..];
        for cut in cuts.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            splitter.push(piece);
            received.extend(packets(&mut splitter)?);
            rest = after;
        }
        prop_assert_eq!(received, sent);
        prop_assert!(splitter.is_at_boundary());
    }

    #[test]
    fn no_bytes_panic(pieces in proptest::collection::vec(
        proptest::collection::vec(prop_oneof![4 => Just(0u8), 1 => 0u8..40, 1 => any::<u8>()], 0..40), 0..8)
    ) {
        let mut splitter = Splitter::new();
        for piece in pieces {
            splitter.push(&piece);
            while let Ok(Some(packet)) = splitter.next_packet() {
                prop_assert!(packet.payload.len() <= 320);
            }
        }
    }
}
