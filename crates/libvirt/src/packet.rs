//! Packets: a length word, a header of six words, and a payload that depends on the procedure.

use crate::xdr::{Decoder, Encoder, XdrError};

/// Program of the connection, domains, storage and their events.
pub const REMOTE_PROGRAM: u32 = 0x2000_8086;
/// Program of the calls that only QEMU domains have, such as agent commands.
pub const QEMU_PROGRAM: u32 = 0x2000_8087;
/// Program of the pings that keep a connection alive.
pub const KEEPALIVE_PROGRAM: u32 = 0x6b65_6570;
/// Version of each of these programs.
pub const PROTOCOL_VERSION: u32 = 1;

/// Largest packet without its length word (`VIR_NET_MESSAGE_MAX`): 32 MiB of header and payload.
pub const PACKET_MAX: usize = 32 * 1024 * 1024;
/// Bytes of the length word, which counts itself.
const LENGTH_BYTES: usize = 4;
/// Bytes of the header.
pub const HEADER_BYTES: usize = 24;

/// Bytes that are no packet, or a packet that cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// A length word that does not even cover length word and header.
    #[error("a packet of {0} bytes is too short for its header")]
    TooShort(usize),
    /// Header and payload are over [`PACKET_MAX`].
    #[error("a packet of {0} bytes is over libvirt's limit of {PACKET_MAX}")]
    TooLong(usize),
    /// A message type that the protocol does not have.
    #[error("{0} is no message type")]
    MessageType(i32),
    /// A status that the protocol does not have.
    #[error("{0} is no message status")]
    Status(i32),
    /// The header is not six words; cannot happen with bytes from a [`Splitter`].
    #[error("the header cannot be read: {0}")]
    Header(#[from] XdrError),
}

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageType {
    /// Client to server: the arguments of a call.
    Call,
    /// Server to client: the result of the call with the same serial.
    Reply,
    /// Either direction: an event; the serial is 0.
    Event,
    /// Either direction: data of the stream that the call with the same serial opened.
    Stream,
    /// A call with file descriptors beside it.
    CallWithFds,
    /// A reply with file descriptors beside it.
    ReplyWithFds,
    /// Either direction: a hole in a sparse stream.
    StreamHole,
}

impl MessageType {
    fn number(self) -> i32 {
        match self {
            Self::Call => 0,
            Self::Reply => 1,
            Self::Event => 2,
            Self::Stream => 3,
            Self::CallWithFds => 4,
            Self::ReplyWithFds => 5,
            Self::StreamHole => 6,
        }
    }

    fn of(number: i32) -> Result<Self, PacketError> {
        Ok(match number {
            0 => Self::Call,
            1 => Self::Reply,
            2 => Self::Event,
            3 => Self::Stream,
            4 => Self::CallWithFds,
            5 => Self::ReplyWithFds,
            6 => Self::StreamHole,
            other => return Err(PacketError::MessageType(other)),
        })
    }
}

/// How a call went, or how a stream goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Every call and event, a reply with a result, the orderly end of a stream.
    Ok,
    /// A reply whose payload is a [`RemoteError`](crate::error::RemoteError), or a broken stream.
    Error,
    /// More data of a stream follows.
    Continue,
}

impl Status {
    fn number(self) -> i32 {
        match self {
            Self::Ok => 0,
            Self::Error => 1,
            Self::Continue => 2,
        }
    }

    fn of(number: i32) -> Result<Self, PacketError> {
        Ok(match number {
            0 => Self::Ok,
            1 => Self::Error,
            2 => Self::Continue,
            other => return Err(PacketError::Status(other)),
        })
    }
}

/// The header of a packet. Program, version and procedure stand as received: whether they are known is for
/// the reader to judge, since newer servers may send newer events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Such as [`REMOTE_PROGRAM`].
    pub program: u32,
    /// Such as [`PROTOCOL_VERSION`].
    pub version: u32,
    /// Number of the procedure in the program; see [`procedures`](crate::procedures).
    pub procedure: i32,
    /// What the packet is.
    pub message_type: MessageType,
    /// Chosen by the caller, and repeated in everything that belongs to the call.
    pub serial: u32,
    /// How it went.
    pub status: Status,
}

impl Header {
    /// The header of a call.
    pub fn call(program: u32, procedure: i32, serial: u32) -> Self {
        Self {
            program,
            version: PROTOCOL_VERSION,
            procedure,
            message_type: MessageType::Call,
            serial,
            status: Status::Ok,
        }
    }

    fn decode(bytes: &[u8]) -> Result<Self, PacketError> {
        let mut input = Decoder::new(bytes);
        let header = Self {
            program: input.u32()?,
            version: input.u32()?,
            procedure: input.i32()?,
            message_type: MessageType::of(input.i32()?)?,
            serial: input.u32()?,
            status: Status::of(input.i32()?)?,
        };
        input.finish()?;
        Ok(header)
    }
}

/// One packet. The payload of a [`MessageType::Stream`] is plain bytes, every other one is XDR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// What it is.
    pub header: Header,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Packet {
    /// The bytes to send: length word, header, payload.
    ///
    /// # Errors
    /// [`PacketError::TooLong`].
    pub fn encode(&self) -> Result<Vec<u8>, PacketError> {
        let size = HEADER_BYTES + self.payload.len();
        let length = match u32::try_from(size + LENGTH_BYTES) {
            Ok(length) if size <= PACKET_MAX => length,
            _ => return Err(PacketError::TooLong(size)),
        };
        let mut out = Encoder::new();
        out.u32(length);
        out.u32(self.header.program);
        out.u32(self.header.version);
        out.i32(self.header.procedure);
        out.i32(self.header.message_type.number());
        out.u32(self.header.serial);
        out.i32(self.header.status.number());
        let mut bytes = out.into_bytes();
        bytes.extend_from_slice(&self.payload);
        Ok(bytes)
    }
}

/// Cuts received bytes into packets, however the transport cut them. It holds no more than was pushed and
/// not yet returned; a wrong length is refused from the length word, before its bytes are waited for.
///
/// After an error the stream has lost its frames: every further call gives the same error, and the
/// connection must be closed.
#[derive(Debug, Default)]
pub struct Splitter {
    buffer: Vec<u8>,
    /// Bytes at the front of the buffer that were returned as packets.
    used: usize,
    broken: Option<PacketError>,
}

impl Splitter {
    /// A splitter at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds received bytes. Take out all packets with [`next_packet`](Self::next_packet) before the next
    /// push, so that no more than one incomplete packet is held.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.buffer.drain(..self.used);
            self.used = 0;
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next whole packet; `None` until more bytes are pushed.
    ///
    /// # Errors
    /// The first packet that is none, for ever.
    pub fn next_packet(&mut self) -> Result<Option<Packet>, PacketError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        self.split().inspect_err(|&error| {
            self.broken = Some(error);
            self.buffer = Vec::new();
            self.used = 0;
        })
    }

    /// Whether the bytes end between two packets, as they must when the other side closes in good order.
    pub fn is_at_boundary(&self) -> bool {
        self.broken.is_none() && self.used == self.buffer.len()
    }

    fn split(&mut self) -> Result<Option<Packet>, PacketError> {
        let unread = &self.buffer[self.used..];
        let Some((length, _)) = unread.split_first_chunk() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length) as usize;
        if length < LENGTH_BYTES + HEADER_BYTES {
            return Err(PacketError::TooShort(length));
        }
        if length - LENGTH_BYTES > PACKET_MAX {
            return Err(PacketError::TooLong(length - LENGTH_BYTES));
        }
        let Some(packet) = unread.get(LENGTH_BYTES..length) else {
            return Ok(None);
        };
        let (header, payload) = packet.split_at(HEADER_BYTES);
        let packet = Packet { header: Header::decode(header)?, payload: payload.to_vec() };
        self.used += length;
        Ok(Some(packet))
    }
}

#[cfg(test)]
mod tests;
