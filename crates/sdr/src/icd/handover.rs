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
        "## Acknowledgement and refusal\n\n\
         A file counts as taken, as is agreed: when it is delivered (`none`), when the recipient has renamed it by an \
         ending such as `.p` (`rename`), when the recipient has deleted it (`delete`), or when the recipient says so in a \
         file of answers (`file`). What is not acknowledged is never deleted by this node.\n\n\
         Answers are files in the folder `ack` of the recipient's folder, CSV in UTF-8 whose every line ends in a line \
         feed. Write them under a name that ends in `.tmp` or begins with a dot, and rename them. One file may hold any \
         number of lines; when one line is wrong none of the file is heeded, and an operator is told.\n\n\
         ```\n\
         A,41,telvisor_-_41.20261124_-_0000+0000.cdr,4be1...,accepted\n\
         R,42,FATAL,E-17,,,\"the count is wrong\"\n\
         R,43,SEVERE,E-20,1207,,\"unknown application\"\n\
         R,44,MISSING,,,,\n\
         ```\n\n\
         | line | cells |\n|---|---|\n\
         | `A` | file number; name (may be empty); SHA-256 in hexadecimal (may be empty, is compared where it is there); \
         `accepted` |\n\
         | `R` | file number; `FATAL`, `SEVERE` or `MISSING`; the recipient's own code (at most 32 of letters, digits, \
         `.`, `-`, `_`); record number; recordId; text, which is not kept |\n\n\
         Where several streams share a folder, two more cells follow: the tenant, and `LIVE` or `TEST`.\n\n\
         - **FATAL**: the whole file is of no use. It comes again as a revision: same number, same records under the same \
         numbers, written as agreed by then, with `_-_rN` in its name. The refused file stays where it is.\n\
         - **SEVERE**: one record is of no use, named by its number or its recordId. It is set aside until an operator has \
         put it right; then it comes as a new record with a recordId of its own, the old one in correctsRecordId, for this \
         recipient alone. The other records of the file stand.\n\
         - **MISSING**: the file has not arrived. It comes again, octet by octet alike."
    )
}
