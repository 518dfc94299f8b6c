//! Alarms in the words of ITU-T X.733, and the table of all that Telvisor can raise.

use crate::text::text_enum;

text_enum! {
    /// Perceived severity (X.733, 8.1.2.3). What is cleared has the severity `cleared` and keeps it.
    Severity {
        Cleared = "cleared",
        Indeterminate = "indeterminate",
        Warning = "warning",
        Minor = "minor",
        Major = "major",
        Critical = "critical",
    }
}

text_enum! {
    /// Event type (X.733, 8.1.1; X.736 for those of security), as TMF642 writes it.
    AlarmType {
        Communications = "communicationsAlarm",
        ProcessingError = "processingErrorAlarm",
        Environmental = "environmentalAlarm",
        QualityOfService = "qualityOfServiceAlarm",
        Equipment = "equipmentAlarm",
        Integrity = "integrityViolation",
        Operational = "operationalViolation",
        Physical = "physicalViolation",
        Security = "securityServiceOrMechanismViolation",
        TimeDomain = "timeDomainViolation",
    }
}

text_enum! {
    /// Where an alarm stands in its life (TMF642).
    AlarmState {
        Raised = "raised",
        /// It was repeated or changed since.
        Updated = "updated",
        Cleared = "cleared",
    }
}

text_enum! {
    /// Whether somebody has taken notice of it.
    AckState {
        Unacknowledged = "unacknowledged",
        Acknowledged = "acknowledged",
    }
}

text_enum! {
    /// Every alarm that Telvisor raises itself; [`Alarm::about`] says what each one means.
    Alarm {
        DatabaseUnreachable = "databaseUnreachable",
        BrokerUnreachable = "brokerUnreachable",
        DeadLetters = "deadLetters",
        HypervisorUnreachable = "hypervisorUnreachable",
        HostMissing = "hostMissing",
        MachineMissing = "machineMissing",
        MachineOrphaned = "machineOrphaned",
        OrderHeld = "orderHeld",
        OrderStuck = "orderStuck",
        JobGivenUp = "jobGivenUp",
        JobInFallout = "jobInFallout",
        ListenerPaused = "listenerPaused",
        SdrSealingFailing = "sdrSealingFailing",
        SdrDeliveryFailing = "sdrDeliveryFailing",
        SdrOverdue = "sdrOverdue",
        SdrAudit = "sdrAudit",
        SdrUnbalanced = "sdrUnbalanced",
        SdrResynced = "sdrResynced",
        StorageFull = "storageFull",
        ClockOffset = "clockOffset",
    }
}

/// What an alarm means.
#[derive(Debug, Clone, Copy)]
pub struct About {
    pub alarm_type: AlarmType,
    /// Probable cause, in the words of X.733 and X.736.
    pub cause: &'static str,
    /// The severity that it is raised with, unless whoever raises it says otherwise.
    pub severity: Severity,
    /// What the alarmed object is, and what its id is.
    pub object: &'static str,
    pub object_id: &'static str,
    /// Whether what customers ordered is touched.
    pub service_affecting: bool,
    /// Whether it is told again and again while it holds; it is cleared when nobody has told it for a while.
    pub told_while_it_holds: bool,
    pub meaning: &'static str,
    pub cleared: &'static str,
    pub remedy: &'static str,
}

const fn about(
    alarm_type: AlarmType,
    cause: &'static str,
    severity: Severity,
    (object, object_id): (&'static str, &'static str),
) -> About {
    About {
        alarm_type,
        cause,
        severity,
        object,
        object_id,
        service_affecting: false,
        told_while_it_holds: false,
        meaning: "",
        cleared: "",
        remedy: "",
    }
}

/// What most of those that are watched are cleared by.
const SEEN_GONE: &str = "when no process has seen it for a minute";

impl Alarm {
    /// What it means, and what to do about it.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a table, with a row for each alarm")]
    pub const fn about(self) -> About {
        use AlarmType as T;
        use Severity as S;
        match self {
            Self::DatabaseUnreachable => About {
                service_affecting: true,
                told_while_it_holds: true,
                meaning: "a process did not reach the database; no order was accepted or carried out by it. While it \
                          lasts the log and /metrics tell it, and the alarm is written when the database is back",
                cleared: SEEN_GONE,
                remedy: "start the database, or mend the network to it; nothing that was accepted is lost",
                ..about(
                    T::Communications,
                    "communicationsSubsystemFailure",
                    S::Critical,
                    ("database", "`node_id`"),
                )
            },
            Self::BrokerUnreachable => About {
                told_while_it_holds: true,
                meaning: "a process is not connected to RabbitMQ; orders go on, at the pace of the sweep",
                cleared: SEEN_GONE,
                remedy: "start the broker, or mend network, certificate or password; nothing has to be repeated",
                ..about(
                    T::Communications,
                    "communicationsSubsystemFailure",
                    S::Major,
                    ("broker", "its hosts"),
                )
            },
            Self::DeadLetters => About {
                told_while_it_holds: true,
                meaning: "the broker holds messages that no process could read, or that were given back too often; \
                          orders go on, as the database is looked at too",
                cleared: SEEN_GONE,
                remedy: "look at the messages (header x-telvisor-reason, or x-death) and at who else publishes there, \
                         or runs another release; then purge the queue",
                ..about(T::ProcessingError, "corruptData", S::Minor, ("queue of the broker", "its name"))
            },
            Self::HypervisorUnreachable => About {
                service_affecting: true,
                told_while_it_holds: true,
                meaning: "the hypervisor does not answer; jobs on machines are tried again until their tries are used up",
                cleared: SEEN_GONE,
                remedy: "start the hypervisor or its management, or mend the network to it; then retry what fell out \
                         meanwhile (`telvisor fallout list`)",
                ..about(
                    T::Communications,
                    "underlyingResourceUnavailable",
                    S::Critical,
                    ("hypervisor", "its name"),
                )
            },
            Self::HostMissing => About {
                service_affecting: true,
                told_while_it_holds: true,
                meaning: "the hypervisor does not list a host on which machines of ours stand",
                cleared: SEEN_GONE,
                remedy: "bring the host back into the pool",
                ..about(T::Equipment, "equipmentMalfunction", S::Critical, ("host", "its name"))
            },
            Self::MachineMissing => About {
                service_affecting: true,
                told_while_it_holds: true,
                meaning: "a machine that a customer has is not on the hypervisor, and no job is at work on it",
                cleared: "at the next look at which it is there, or has ended by an order",
                remedy: "find out who removed it; restore the host's image, or terminate and provision the subscriptions \
                         again from their backups",
                ..about(T::Integrity, "informationMissing", S::Critical, ("machine", "its id"))
            },
            Self::MachineOrphaned => About {
                told_while_it_holds: true,
                meaning: "a machine on the hypervisor carries our tag, and no customer has it",
                cleared: "at the next look at which it is gone",
                remedy: "look at what is in it, then delete it on the hypervisor",
                ..about(T::Integrity, "duplicateInformation", S::Minor, ("machine", "its name"))
            },
            Self::OrderHeld => About {
                service_affecting: true,
                meaning: "an order is held: by an operator, or because a job of it needs one",
                cleared: "when the order goes on or ends",
                remedy: "`telvisor order release` what an operator held; else decide about its job (`telvisor fallout list`)",
                ..about(T::QualityOfService, "performanceDegraded", S::Minor, ("serviceOrder", "its id"))
            },
            Self::OrderStuck => About {
                service_affecting: true,
                told_while_it_holds: true,
                meaning: "an order has not moved for longer than it may",
                cleared: "when it moves or ends",
                remedy: "`telvisor order show` it: what does it wait for? Look for workers that run, for a hypervisor that \
                         answers, and for an order before it in its customer's line",
                ..about(T::QualityOfService, "responseTimeExcessive", S::Major, ("serviceOrder", "its id"))
            },
            Self::JobGivenUp => About {
                service_affecting: true,
                meaning: "the tries of a job are used up, or another try cannot help; what it did is being undone",
                cleared: "when it is undone, or needs an operator (`jobInFallout`)",
                remedy: "mend the cause that the text names, then order again",
                ..about(T::ProcessingError, "applicationSubsystemFailure", S::Warning, ("job", "its id"))
            },
            Self::JobInFallout => About {
                service_affecting: true,
                meaning: "a job cannot go on and cannot be undone; it waits for an operator",
                cleared: "when an operator has decided",
                remedy: "mend the cause that the text names, then `telvisor fallout retry`, `abandon` or `skip`",
                ..about(T::ProcessingError, "applicationSubsystemFailure", S::Major, ("job", "its id"))
            },
            Self::ListenerPaused => About {
                meaning: "a listener gets no events any more: nothing could be delivered for `notify.pause_after` hours, or \
                          an operator paused it (severity warning); its events are kept",
                cleared: "when the listener is resumed or removed",
                remedy: "have its owner mend it, then `telvisor listeners resume`",
                ..about(T::Communications, "transmitFailure", S::Major, ("listener", "its id"))
            },
            Self::SdrSealingFailing => About {
                told_while_it_holds: true,
                meaning: "records cannot be put into a file; they stay in the journal",
                cleared: SEEN_GONE,
                remedy: "mend what the text names; the next try seals all that waits",
                ..about(
                    T::ProcessingError,
                    "applicationSubsystemFailure",
                    S::Major,
                    ("sdrStream", "`RECIPIENT`, with `/test` for test files"),
                )
            },
            Self::SdrDeliveryFailing => About {
                told_while_it_holds: true,
                meaning: "a sealed file cannot be put where its recipient has it; it keeps back those behind it in its stream",
                cleared: "when a file of the stream is delivered, or no process has seen it for a minute",
                remedy: "mend what the text names: disk, rights, login, network, or what else lies under the name; delivery goes on by itself, in order. Another host key: ask the recipient before you change host_key",
                ..about(
                    T::ProcessingError,
                    "outputDeviceError",
                    S::Major,
                    ("sdrStream", "`RECIPIENT`, with `/test` for test files"),
                )
            },
            Self::SdrOverdue => About {
                told_while_it_holds: true,
                meaning: "a sealed file has waited for its delivery for longer than `alarms.delivery_minutes`",
                cleared: SEEN_GONE,
                remedy: "see that a process with the role mediation runs, and that `sdrDeliveryFailing` is not raised",
                ..about(
                    T::TimeDomain,
                    "delayedInformation",
                    S::Major,
                    ("sdrStream", "`RECIPIENT`, with `/test` for test files"),
                )
            },
            Self::SdrAudit => About {
                told_while_it_holds: true,
                meaning: "the files of a stream do not join: a file number or record number is missing or there twice",
                cleared: "at the next look at which they join",
                remedy: "stop mediation from billing the stream, and compare database and files; this is never mended by itself",
                ..about(
                    T::Integrity,
                    "informationMissing",
                    S::Critical,
                    ("sdrStream", "`RECIPIENT`, with `/test` for test files"),
                )
            },
            Self::SdrUnbalanced => About {
                told_while_it_holds: true,
                meaning: "of a period that is closed, the records that were journalled and those that lie in files are not the same; \
                          the eight last periods are looked at, whenever one ends and once an hour",
                cleared: SEEN_GONE,
                remedy: "see `telvisor sdr audit` for period and type, and `telvisor sdr verify` for the files; a record that is \
                         missing is still in the journal: TMF635 shows it",
                ..about(
                    T::Integrity,
                    "informationMissing",
                    S::Critical,
                    ("sdrStream", "`RECIPIENT`, with `/test` for test files"),
                )
            },
            Self::SdrResynced => About {
                meaning: "after a take-over or a restore of the database, `telvisor sdr resync` jumped over numbers that had been \
                          given before",
                cleared: "by an operator",
                remedy: "tell the recipient of the numbers that it will miss and of the records that it has twice, as \
                         `telvisor sdr resync` printed them; then clear it",
                ..about(
                    T::Integrity,
                    "informationMissing",
                    S::Major,
                    ("sdrStream", "`RECIPIENT`, with `/test` for test files"),
                )
            },
            Self::StorageFull => About {
                told_while_it_holds: true,
                meaning: "a folder has less free than `alarms.storage_free_percent`; critical below a third of that",
                cleared: SEEN_GONE,
                remedy: "make room or add disk: a full one fails backups, keeps back SDR files, and with SQLite stops orders",
                ..about(
                    T::Equipment,
                    "storageCapacityProblem",
                    S::Major,
                    ("storage", "`data`, `backups` or `sdr`"),
                )
            },
            Self::ClockOffset => About {
                told_while_it_holds: true,
                meaning: "the clock of a process and that of the database differ by more than `alarms.clock_offset_ms`",
                cleared: SEEN_GONE,
                remedy: "see to NTP on both hosts; leases go by the database's clock, times in orders and records by the \
                         process's",
                ..about(T::TimeDomain, "timingProblem", S::Minor, ("node", "`node_id`"))
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alarm_is_told_whole() {
        for alarm in Alarm::ALL {
            let a = alarm.about();
            for text in [a.cause, a.object, a.object_id, a.meaning, a.cleared, a.remedy] {
                assert!(!text.is_empty(), "{alarm}");
            }
            assert!(a.severity > Severity::Indeterminate, "{alarm}");
        }
    }
}
