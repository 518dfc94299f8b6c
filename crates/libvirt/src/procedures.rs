//! Numbers of the procedures that a driver of virtual machines uses. libvirt only ever adds numbers; one
//! never changes its meaning.

/// Makes a module of constants, and a function from number to name for logs.
macro_rules! procedures {
    ($(#[$module_doc:meta])* $module:ident { $($(#[$doc:meta])* $name:ident = $number:literal;)* }) => {
        $(#[$module_doc])*
        pub mod $module {
            $($(#[$doc])* pub const $name: i32 = $number;)*

            /// The name of a procedure's number, if it is one of these.
            pub fn name(number: i32) -> Option<&'static str> {
                match number { $($name => Some(stringify!($name)),)* _ => None }
            }

            #[cfg(test)]
            pub(super) const ALL: &[(&str, i32)] = &[$((stringify!($name), $number)),*];
        }
    };
}

procedures! {
    /// Procedures of [`REMOTE_PROGRAM`](crate::packet::REMOTE_PROGRAM).
    remote {
        /// Opens a hypervisor by URI, such as `qemu:///system`; after the authentication.
        CONNECT_OPEN = 1;
        /// Ends the session in good order.
        CONNECT_CLOSE = 2;
        /// Lists the kinds of authentication that the server wants; the first call of a connection.
        AUTH_LIST = 66;

        /// Finds a domain by its UUID.
        DOMAIN_LOOKUP_BY_UUID = 24;
        /// Lists domains, filtered by flags.
        CONNECT_LIST_ALL_DOMAINS = 273;
        /// Defines a persistent domain from XML, or replaces the definition of the same name and UUID.
        DOMAIN_DEFINE_XML_FLAGS = 350;
        /// Removes the definition of a domain; a running one becomes transient.
        DOMAIN_UNDEFINE_FLAGS = 231;

        /// Starts a defined domain.
        DOMAIN_CREATE_WITH_FLAGS = 196;
        /// Pauses a running domain.
        DOMAIN_SUSPEND = 34;
        /// Lets a paused domain go on.
        DOMAIN_RESUME = 28;
        /// Asks the guest to restart.
        DOMAIN_REBOOT = 27;
        /// Asks the guest to shut down, by ACPI or by its agent.
        DOMAIN_SHUTDOWN_FLAGS = 258;
        /// Ends the domain at once.
        DOMAIN_DESTROY_FLAGS = 234;
        /// Saves the domain's memory to disk and ends it; the next start goes on from there.
        DOMAIN_MANAGED_SAVE = 182;

        /// State and its reason.
        DOMAIN_GET_STATE = 212;
        /// The definition as XML.
        DOMAIN_GET_XML_DESC = 14;
        /// Reads title, description or an element of ours from the definition.
        DOMAIN_GET_METADATA = 265;
        /// Writes title, description or an element of ours into the definition.
        DOMAIN_SET_METADATA = 264;

        /// Freezes the guest's file systems through its agent.
        DOMAIN_FSFREEZE = 335;
        /// Thaws them.
        DOMAIN_FSTHAW = 336;
        /// Starts a backup job, push or pull.
        DOMAIN_BACKUP_BEGIN = 421;
        /// The XML of the backup job that runs, with its target files.
        DOMAIN_BACKUP_GET_XML_DESC = 422;
        /// Progress of the job that runs.
        DOMAIN_GET_JOB_INFO = 163;
        /// Statistics of the job that runs, or of the one that was completed last.
        DOMAIN_GET_JOB_STATS = 298;
        /// Aborts the job that runs; libvirt deletes a backup's partial files.
        DOMAIN_ABORT_JOB = 164;

        /// Finds a storage pool by name.
        STORAGE_POOL_LOOKUP_BY_NAME = 84;
        /// Finds a volume of a pool by name.
        STORAGE_VOL_LOOKUP_BY_NAME = 95;
        /// Makes a volume from XML, with a backing volume if it names one.
        STORAGE_VOL_CREATE_XML = 93;
        /// Makes a volume from XML with the content of another one.
        STORAGE_VOL_CREATE_XML_FROM = 125;
        /// Deletes a volume.
        STORAGE_VOL_DELETE = 94;

        /// Asks for one kind of domain events; the answer is the id of the subscription.
        CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY = 316;
        /// Event: a domain was defined, started, suspended, stopped and so on.
        DOMAIN_EVENT_CALLBACK_LIFECYCLE = 318;
        /// Event: the guest agent came or went.
        DOMAIN_EVENT_CALLBACK_AGENT_LIFECYCLE = 348;
        /// Event: a job ended, with its statistics.
        DOMAIN_EVENT_CALLBACK_JOB_COMPLETED = 363;
    }
}

procedures! {
    /// Procedures of [`QEMU_PROGRAM`](crate::packet::QEMU_PROGRAM). libvirt does not promise to keep them
    /// for ever.
    qemu {
        /// Sends one JSON command to the guest agent and waits for its answer.
        DOMAIN_AGENT_COMMAND = 3;
    }
}

procedures! {
    /// Procedures of [`KEEPALIVE_PROGRAM`](crate::packet::KEEPALIVE_PROGRAM); both go as events, without
    /// payload, in either direction.
    keepalive {
        /// Asks the other side for a sign of life.
        PING = 1;
        /// The sign of life.
        PONG = 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_one_name() {
        for all in [remote::ALL, qemu::ALL, keepalive::ALL] {
            for (n, (name, number)) in all.iter().enumerate() {
                assert!(all[n + 1..].iter().all(|(_, other)| other != number), "{name} repeats {number}");
            }
        }
    }

    #[test]
    fn numbers_give_their_names() {
        assert_eq!(remote::name(421), Some("DOMAIN_BACKUP_BEGIN"));
        assert_eq!(remote::name(66), Some("AUTH_LIST"));
        assert_eq!(remote::name(3), None);
        assert_eq!(qemu::name(3), Some("DOMAIN_AGENT_COMMAND"));
        assert_eq!(keepalive::name(2), Some("PONG"));
    }
}
