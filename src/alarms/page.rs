//! `docs/alarms.md`, from the table of alarms.

use telvisor_model::Alarm;

/// The page as it must stand in `docs/`; a test compares it.
#[must_use]
pub fn as_markdown() -> String {
    let mut out = String::from(
        "# Alarms\n\nGenerated from `crates/model/src/alarm.rs` (`telvisor alarms document`); do not edit.\n\n\
         Every alarm that Telvisor raises. One record is open for each alarm and object: what happens again repeats it. \
         They are read and acknowledged by [TMF642](tmf642.md) and `telvisor alarms`, and counted on `/metrics` \
         (`telvisor_alarms_open`). Alarms about something of a tenant are that tenant's; those about the installation \
         belong to the tenant that `alarms.tenant` names. Cleared alarms are kept for `alarms.keep_days`.\n\n\
         Severities are those of ITU-T X.733: critical, major, minor, warning. In TMF642 the name of an alarm is its \
         `specificProblem`.\n",
    );
    for alarm in Alarm::ALL {
        let a = alarm.about();
        out.push_str(&format!(
            "\n## {alarm}\n| | |\n|---|---|\n| what is the matter | {} |\n| what to do | {} |\n| cleared | {} |\n\
             | severity | {}{} |\n| `alarmType` | `{}` |\n| `probableCause` | `{}` |\n| `alarmedObject` | `{}`: {} |\n",
            a.meaning,
            a.remedy,
            a.cleared,
            a.severity,
            if a.service_affecting { ", affects services" } else { "" },
            a.alarm_type,
            a.cause,
            a.object,
            a.object_id,
        ));
    }
    out
}
