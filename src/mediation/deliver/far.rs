//! The far end of a delivery: where files lie that a recipient fetches, and what can go wrong there.

use std::path::Path;

use super::s3::S3;
use super::sftp::Sftp;
use crate::config::Delivery;

/// Why a far end did not take or give something. Texts name no secret.
#[derive(Debug, thiserror::Error)]
pub enum FarError {
    #[error("the server shows another host key than host_key says, {0}; nothing was sent")]
    HostKey(String),
    #[error("the server does not let {0} in")]
    Refused(String),
    /// A file of ours beside the configuration.
    #[error("{0}")]
    Setting(String),
    #[error("another file is under the name {0}; it was not touched")]
    Occupied(String),
    /// The server's own words.
    #[error("{path}: {problem}")]
    Path { path: String, problem: String },
    /// May be better with the next connection.
    #[error("the connection failed: {0}")]
    Lost(String),
}

impl FarError {
    /// Whether it may well pass by itself, as a network does.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Lost(_))
    }
}

/// How a file came to lie at the far end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    Sent,
    /// It was there already, octet for octet.
    WasThere,
}

/// A file that is to be put there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parcel<'a> {
    /// Where it lies here, whole.
    pub here: &'a Path,
    pub name: &'a str,
    pub size: u64,
    /// In hex.
    pub sha256: &'a str,
}

/// A connection to where a recipient's files go, for one round.
pub(super) enum Far {
    Sftp(Box<Sftp>),
    S3(Box<S3>),
}

impl Far {
    /// None for a folder of ours.
    pub async fn open(delivery: &Delivery) -> Result<Option<Self>, FarError> {
        Ok(match delivery {
            Delivery::Local => None,
            Delivery::Sftp(s) => Some(Self::Sftp(Box::new(Sftp::open(s).await?))),
            Delivery::S3(s) => Some(Self::S3(Box::new(S3::open(s)?))),
        })
    }

    /// Puts a file there under its name, whole or not at all, over no other.
    pub async fn put(&self, parcel: Parcel<'_>) -> Result<Put, FarError> {
        match self {
            Self::Sftp(s) => s.put(parcel).await,
            Self::S3(s) => s.put(parcel).await,
        }
    }
}
