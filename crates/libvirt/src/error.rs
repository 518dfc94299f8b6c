//! The error that a server answers a call with.

use std::fmt;

use crate::xdr::{Decoder, STRING_MAX, XdrError};

/// Lists the known codes once, and makes the enum, both conversions and the names of them.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal;)*) => {
        /// What went wrong, by libvirt's number (`virErrorNumber`). Those that a driver decides by are
        /// named; every other one is kept as its number. libvirt may replace a code by a more specific one
        /// over time, so an unknown code means "look at the state", not a verdict.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
            /// A code without a name here.
            Other(i32),
        }

        impl ErrorCode {
            /// The code of a number.
            pub fn from_number(number: i32) -> Self {
                match number { $($number => Self::$variant,)* other => Self::Other(other) }
            }

            /// The number of the code.
            pub fn number(self) -> i32 {
                match self { $(Self::$variant => $number,)* Self::Other(number) => number }
            }

            /// libvirt's name without its prefix, if the code has one here.
            pub fn name(self) -> Option<&'static str> {
                match self { $(Self::$variant => Some($name),)* Self::Other(_) => None }
            }
        }
    };
}

codes! {
    /// Something that libvirt has no better code for.
    InternalError = 1, "INTERNAL_ERROR";
    /// The host is out of memory.
    NoMemory = 2, "NO_MEMORY";
    /// The hypervisor driver has no such function.
    NoSupport = 3, "NO_SUPPORT";
    /// An argument is wrong; also a backup while one runs.
    InvalidArg = 8, "INVALID_ARG";
    /// A command failed; also a define whose name or UUID another domain has.
    OperationFailed = 9, "OPERATION_FAILED";
    /// The XML is not well-formed or not understood.
    XmlError = 27, "XML_ERROR";
    /// The connection is read-only.
    OperationDenied = 29, "OPERATION_DENIED";
    /// A system call failed on the host.
    SystemError = 38, "SYSTEM_ERROR";
    /// The protocol was not kept.
    Rpc = 39, "RPC";
    /// There is no such domain (any more).
    NoDomain = 42, "NO_DOMAIN";
    /// Authentication failed.
    AuthFailed = 45, "AUTH_FAILED";
    /// There is no such storage pool.
    NoStoragePool = 49, "NO_STORAGE_POOL";
    /// There is no such storage volume.
    NoStorageVol = 50, "NO_STORAGE_VOL";
    /// Not possible in the present state, such as to start a domain that runs.
    OperationInvalid = 55, "OPERATION_INVALID";
    /// The host cannot do what the XML asks for.
    ConfigUnsupported = 67, "CONFIG_UNSUPPORTED";
    /// It took too long, such as the wait for another job on the domain.
    OperationTimeout = 68, "OPERATION_TIMEOUT";
    /// The job was aborted.
    OperationAborted = 78, "OPERATION_ABORTED";
    /// The domain has no metadata of that kind.
    NoDomainMetadata = 80, "NO_DOMAIN_METADATA";
    /// Not supported with this configuration.
    OperationUnsupported = 84, "OPERATION_UNSUPPORTED";
    /// The guest agent does not answer, or is not there yet.
    AgentUnresponsive = 86, "AGENT_UNRESPONSIVE";
    /// Something else uses the resource.
    ResourceBusy = 87, "RESOURCE_BUSY";
    /// Access control denied it.
    AccessDenied = 88, "ACCESS_DENIED";
    /// There is such a storage volume already.
    StorageVolExist = 90, "STORAGE_VOL_EXIST";
    /// There is no such backup job.
    NoDomainBackup = 104, "NO_DOMAIN_BACKUP";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name}", self.number()),
            None => write!(f, "{}", self.number()),
        }
    }
}

/// The payload of a packet with [`Status::Error`](crate::packet::Status::Error).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("libvirt error {code}: {}", message.as_deref().unwrap_or("no message"))]
pub struct RemoteError {
    /// What went wrong.
    pub code: ErrorCode,
    /// The part of libvirt that says so (`virErrorDomain`), such as 10 for the QEMU driver.
    pub domain: i32,
    /// 1 for a warning, 2 for an error.
    pub level: i32,
    /// Text for a person, in the server's language. Bytes that are not UTF-8 are replaced: the message
    /// must not hide the code.
    pub message: Option<String>,
    /// Details, mostly the format and the arguments of the message.
    pub details: [Option<String>; 3],
    /// Details as numbers, such as a system call's `errno`.
    pub numbers: [i32; 2],
}

impl RemoteError {
    /// Reads the whole payload. The domain and the network that the error may name are checked and dropped,
    /// as libvirt says that they are unused.
    ///
    /// # Errors
    /// [`XdrError`] if it is no error payload, or more than one.
    pub fn decode(payload: &[u8]) -> Result<Self, XdrError> {
        let mut input = Decoder::new(payload);
        let code = ErrorCode::from_number(input.i32()?);
        let domain = input.i32()?;
        let message = input.optional(text)?;
        let level = input.i32()?;
        input.optional(|input| {
            named_object(input)?;
            input.i32()
        })?;
        let details = [input.optional(text)?, input.optional(text)?, input.optional(text)?];
        let numbers = [input.i32()?, input.i32()?];
        input.optional(named_object)?;
        input.finish()?;
        Ok(Self { code, domain, level, message, details, numbers })
    }
}

fn text(input: &mut Decoder<'_>) -> Result<String, XdrError> {
    input.opaque(STRING_MAX).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// A name and a UUID.
fn named_object(input: &mut Decoder<'_>) -> Result<[u8; 16], XdrError> {
    input.opaque(STRING_MAX)?;
    input.opaque_fixed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::xdr::Encoder;

    /// The payload as a server writes it; `objects` adds the unused domain and network.
    fn encode(error: &RemoteError, objects: bool) -> Result<Vec<u8>, XdrError> {
        let string = |out: &mut Encoder, text: &String| out.opaque(text.as_bytes(), STRING_MAX);
        let object = |out: &mut Encoder| {
            out.string("vm", STRING_MAX)?;
            out.opaque_fixed(&[1; 16]);
            Ok(())
        };
        let mut out = Encoder::new();
        out.i32(error.code.number());
        out.i32(error.domain);
        out.optional(error.message.as_ref(), string)?;
        out.i32(error.level);
        out.optional(objects.then_some(-1), |out, id| {
            object(out)?;
            out.i32(id);
            Ok(())
        })?;
        for detail in &error.details {
            out.optional(detail.as_ref(), string)?;
        }
        error.numbers.iter().for_each(|&number| out.i32(number));
        out.optional(objects.then_some(()), |out, ()| object(out))?;
        Ok(out.into_bytes())
    }

    fn example() -> RemoteError {
        RemoteError {
            code: ErrorCode::NoDomain,
            domain: 10,
            level: 2,
            message: Some("Domain not found".into()),
            details: [Some("%s".into()), None, None],
            numbers: [-1, 0],
        }
    }

    #[test]
    fn a_payload_byte_for_byte() {
        #[rustfmt::skip]
        let payload = [
            0, 0, 0, 55,  0, 0, 0, 10,  0, 0, 0, 1, 0, 0, 0, 2, b'n', b'o', 0, 0,  0, 0, 0, 2,  0, 0, 0, 0,
            0, 0, 0, 0,  0, 0, 0, 0,  0, 0, 0, 0,  0, 0, 0, 0,  0xFF, 0xFF, 0xFF, 0xFF,  0, 0, 0, 0,
        ];
        let error = RemoteError::decode(&payload).unwrap();
        assert_eq!(error.code, ErrorCode::OperationInvalid);
        assert_eq!((error.domain, error.level, error.numbers), (10, 2, [0, -1]));
        assert_eq!(error.to_string(), "libvirt error 55 OPERATION_INVALID: no");
    }

    #[test]
    fn codes_have_libvirts_numbers() {
        for (number, name) in [
            (1, "INTERNAL_ERROR"),
            (8, "INVALID_ARG"),
            (9, "OPERATION_FAILED"),
            (38, "SYSTEM_ERROR"),
            (42, "NO_DOMAIN"),
            (55, "OPERATION_INVALID"),
            (86, "AGENT_UNRESPONSIVE"),
        ] {
            assert_eq!(ErrorCode::from_number(number).name(), Some(name));
        }
        assert_eq!(ErrorCode::from_number(4711), ErrorCode::Other(4711));
        assert_eq!(ErrorCode::from_number(4711).to_string(), "4711");
    }

    #[test]
    fn the_message_may_be_in_any_encoding_or_absent() {
        let mut error = example();
        let mut payload = encode(&error, false).unwrap();
        payload[16] = 0xFF;
        assert_eq!(RemoteError::decode(&payload).unwrap().message.unwrap(), "\u{FFFD}omain not found");
        error.message = None;
        let read = RemoteError::decode(&encode(&error, true).unwrap()).unwrap();
        assert_eq!(read.to_string(), "libvirt error 42 NO_DOMAIN: no message");
    }

    #[test]
    fn a_payload_must_be_whole() {
        let payload = encode(&example(), true).unwrap();
        for length in 0..payload.len() {
            assert!(
                matches!(RemoteError::decode(&payload[..length]), Err(XdrError::Truncated { .. })),
                "{length} bytes"
            );
        }
        let longer = [&payload[..], &[0; 4]].concat();
        assert_eq!(RemoteError::decode(&longer), Err(XdrError::Trailing(4)));
    }

    proptest! {
        #[test]
        fn any_number_is_kept(number: i32) {
            prop_assert_eq!(ErrorCode::from_number(number).number(), number);
        }

        #[test]
        fn errors_are_read_back(
            numbers in any::<(i32, i32, i32, [i32; 2])>(),
            texts in any::<[Option<String>; 4]>(),
            objects: bool,
        ) {
            let [message, a, b, c] = texts;
            let (code, domain, level, details) = (numbers.0, numbers.1, numbers.2, [a, b, c]);
            let code = ErrorCode::from_number(code);
            let error = RemoteError { code, domain, level, message, details, numbers: numbers.3 };
            prop_assert_eq!(RemoteError::decode(&encode(&error, objects)?), Ok(error));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(prop_oneof![4 => Just(0u8), 1 => 0u8..9, 1 => any::<u8>()], 0..120)) {
            if let Ok(error) = RemoteError::decode(&bytes) {
                prop_assert!(error.to_string().starts_with("libvirt error"));
            }
        }
    }
}
