//! What goes over the simulator's socket: one JSON document per line, requests numbered by the client, answers in
//! any order. Octets are base64.

use std::io;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};
use uuid::Uuid;

use super::CHUNK_MAX;
use crate::hypervisor::{Driver, DriverError, Guard, Handle, Operation};

/// Longest line that either side takes: the largest chunk in base64, and room for the rest.
pub const LINE_MAX: usize = CHUNK_MAX / 3 * 4 + (1 << 20);

#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub id: u64,
    #[serde(flatten)]
    pub call: Call,
}

/// A method of the driver with its parameters.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "method", content = "params", rename_all = "snake_case")]
pub enum Call {
    Capabilities {},
    WorldId {},
    Hosts {},
    Owned { installation: Uuid },
    Usage { guard: Guard },
    Begin { guard: Guard, operation: Box<Operation>, key: String },
    Observe { handle: Handle, wait_ms: u64 },
    Abort { handle: Handle },
    Read { guard: Guard, path: String, offset: u64, len: u32 },
    Write { guard: Guard, path: String, offset: u64, data: Octets },
    Endpoint { guard: Guard, subscription: Uuid },
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Response {
    /// Absent when the line could not be read as a request.
    pub id: Option<u64>,
    #[serde(flatten)]
    pub answer: Answer,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    Ok(Value),
    Err(DriverError),
}

/// Octets that travel as base64.
#[derive(Debug, PartialEq, Eq)]
pub struct Octets(pub Vec<u8>);

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Makes the call on a driver.
pub async fn carry_out(driver: &dyn Driver, call: Call) -> Answer {
    match call {
        Call::Capabilities {} => answer(Ok(driver.capabilities())),
        Call::WorldId {} => answer(driver.world_id().await),
        Call::Hosts {} => answer(driver.hosts().await),
        Call::Owned { installation } => answer(driver.owned(installation).await),
        Call::Usage { guard } => answer(driver.usage(&guard).await),
        Call::Begin { guard, operation, key } => answer(driver.begin(&guard, &operation, &key).await),
        Call::Observe { handle, wait_ms } => {
            answer(driver.observe(&handle, Duration::from_millis(wait_ms)).await)
        }
        Call::Abort { handle } => answer(driver.abort(&handle).await),
        Call::Read { guard, path, offset, len } => {
            answer(driver.read(&guard, &path, offset, len).await.map(Octets))
        }
        Call::Write { guard, path, offset, data } => {
            answer(driver.write(&guard, &path, offset, &data.0).await)
        }
        Call::Endpoint { guard, subscription } => answer(driver.endpoint(&guard, subscription).await),
    }
}

fn answer<T: Serialize>(result: Result<T, DriverError>) -> Answer {
    match result.map(serde_json::to_value) {
        Ok(Ok(value)) => Answer::Ok(value),
        Ok(Err(e)) => Answer::Err(DriverError::Unreachable(format!("the answer cannot be sent: {e}"))),
        Err(e) => Answer::Err(e),
    }
}

/// A document as one line.
pub fn line<T: Serialize>(document: &T) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(document).map_err(io::Error::other)?;
    line.push(b'\n');
    Ok(line)
}

/// The next line without its end; `None` where the stream ends. A line longer than [`LINE_MAX`] is an error of
/// kind `InvalidData`, found before it is held in memory.
pub async fn next_line<R: AsyncBufRead + Unpin>(from: &mut R) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    loop {
        let part = from.fill_buf().await?;
        if part.is_empty() {
            return Ok(None);
        }
        let end = part.iter().position(|octet| *octet == b'\n');
        let taken = end.unwrap_or(part.len());
        if line.len() + taken > LINE_MAX {
            let text = format!("a line of more than {LINE_MAX} octets");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        line.extend_from_slice(&part[..taken]);
        from.consume(taken + usize::from(end.is_some()));
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_cut_at_their_ends_and_an_endless_one_is_refused() {
        let mut text = tokio::io::BufReader::with_capacity(3, &b"first\n\nthird\nno end"[..]);
        assert_eq!(next_line(&mut text).await.unwrap().unwrap(), b"first");
        assert_eq!(next_line(&mut text).await.unwrap().unwrap(), b"");
        assert_eq!(next_line(&mut text).await.unwrap().unwrap(), b"third");
        assert_eq!(next_line(&mut text).await.unwrap(), None);
        let mut endless = tokio::io::BufReader::new(tokio::io::repeat(b'x'));
        let refused = next_line(&mut endless).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn the_largest_chunk_fits_into_a_line() {
        let guard = Guard {
            tag: crate::hypervisor::Tag { installation: Uuid::nil(), machine: Uuid::nil() },
            name: "n".repeat(128),
            fence: i64::MIN,
        };
        let data = Octets(vec![0xff; CHUNK_MAX]);
        let call = Call::Write { guard, path: "p".repeat(4096), offset: u64::MAX, data };
        let line = line(&Request { id: u64::MAX, call }).unwrap();
        assert!(line.len() <= LINE_MAX, "{}", line.len());
        let back: Request = serde_json::from_slice(&line).unwrap();
        assert!(matches!(back.call, Call::Write { data, .. } if data.0 == vec![0xff; CHUNK_MAX]));
    }
}
