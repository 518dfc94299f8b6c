//! The scripts of an application package.

use crate::text::text_enum;

text_enum! {
    /// Which of an application's scripts is run in the guest.
    Role {
        Install = "install",
        Start = "start",
        Stop = "stop",
        /// A plan change at the same version.
        Configure = "configure",
        Upgrade = "upgrade",
        Downgrade = "downgrade",
        Remove = "remove",
        Health = "health",
        Backup = "backup",
        Restore = "restore",
    }
}
