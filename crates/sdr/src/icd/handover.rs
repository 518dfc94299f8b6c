//! How files are handed over, and what a recipient may answer.

use std::fmt::Write as _;

use super::IcdSettings;

pub(super) fn delivery(_: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "## Delivery\n\n\
         - **Fetched from this node** (local): finished files lie in the recipient's folder.\n\
         - **Sent by SFTP**: this node is the client; it knows the server's host key beforehand. `tmp_rename`: written as \
         `NAME.tmp`, renamed when whole; `tmp_dir`: written into `.scratch/`, renamed; `marker`: written under its name, \
         whole when the empty `NAME.FIN` is there; `direct`: written under its name.\n\
         - **Put into S3**: an object appears when it is whole.\n\n\
         Files of a stream arrive in the order of their numbers: one that cannot be delivered keeps back those behind it. \
         No file is ever written over another: a name that is taken by other content stops the stream with an alarm. What \
         was interrupted is tried again, so the same file may come twice, octet by octet alike."
    )
}

pub(super) fn answers(_: &IcdSettings, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "## Acknowledgement\n\n\
         A file counts as taken when it is delivered. A recipient that misses one, or cannot use it, says so to the \
         operator, who gives it again octet by octet alike."
    )
}
