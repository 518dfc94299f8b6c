//! Names on the hypervisor, derived from our ids so that a repeated create finds what it made.

use uuid::Uuid;

/// Name of a machine: from our id, never from the customer's number.
#[must_use]
pub fn machine(id: Uuid) -> String {
    format!("tv-{}", id.simple())
}

/// Key of a backup's object.
#[must_use]
pub fn object(tenant: &str, backup: Uuid) -> String {
    format!("{tenant}/{}.tar.zst", backup.simple())
}
