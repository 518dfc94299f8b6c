//! Why a worker stops with a job before its end.

use crate::hypervisor::DriverError;
use crate::inventory::objects::ObjectError;
use crate::store::{Again, StoreError};

/// Why a worker stops with a job.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// Another worker has claimed it, or it was turned around: nothing more may be written.
    #[error("the job is another worker's")]
    Lost,
    /// Trying again may help.
    #[error("{0}")]
    Retry(String),
    /// Trying again cannot help.
    #[error("{0}")]
    Fail(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Again for Stop {
    fn worth_again(&self) -> bool {
        matches!(self, Self::Store(e) if e.worth_again())
    }
}

impl From<DriverError> for Stop {
    fn from(e: DriverError) -> Self {
        match e {
            DriverError::Fenced { .. } => Self::Lost,
            DriverError::Foreign(_) | DriverError::Refused(_) => Self::Fail(e.to_string()),
            DriverError::Capacity(_) | DriverError::Absent(_) | DriverError::Unreachable(_) => {
                Self::Retry(e.to_string())
            }
        }
    }
}

impl From<ObjectError> for Stop {
    fn from(e: ObjectError) -> Self {
        Self::Retry(e.to_string())
    }
}
