//! libvirt's RPC protocol, as far as bytes go: XDR, packets and their framing, errors and procedure numbers.
//!
//! libvirt calls this protocol a long-term stable ABI and supports clients of their own making. With it a
//! program talks to a `libvirtd` without the C library. The crate only turns values into bytes and bytes
//! into values: it opens no connection, starts no task and needs no runtime. Bytes from the other side are
//! not trusted: no input panics, and none makes it allocate more than a small multiple of what was received.

pub mod error;
pub mod packet;
pub mod procedures;
pub mod xdr;
