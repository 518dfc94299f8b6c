//! What a configuration must be to be used, over all its keys.

use figment::Figment;
use ipnet::IpNet;

use super::{AccessMode, Config, ConfigError, Overrides, Role, describe, recipient};

/// Namespaces of the managed objects and of contract A.
const MO: &str = "urn:telvisor:mo:v1";
const ORDERS: &str = "urn:telvisor:orders:v1";
/// Where orders come from: the channels that an order shows.
pub const CHANNELS: [&str; 8] =
    ["tmf622", "tmf641", "soap", "soap-ne", "cli", "storefront", "api", "schedule"];
/// Days that an idempotency key is kept (contract, Idempotency): the order is, too.
pub const KEY_DAYS: i64 = 90;
/// Most days that anything is kept: a hundred years.
const DAYS_MOST: i64 = 36_500;

/// # Errors
/// Naming the key, its source and the fix.
pub fn check(config: &Config, figment: &Figment, flags: &Overrides) -> Result<(), ConfigError> {
    let wrong = |key: &'static str, problem: String, fix: &'static str| {
        let source_of = describe::source_of(figment, flags, key);
        Err(ConfigError::Wrong { key, source_of, problem, fix })
    };
    let open = config.access.mode == AccessMode::Open;
    if let Some(address) = config.listen.iter().find(|a| open && !a.ip().is_loopback()) {
        return wrong(
            "listen",
            format!(
                "{address} is not a loopback address, and without credentials anybody could place orders there"
            ),
            "listen on 127.0.0.1 or [::1]; other addresses need access.mode = \"required\"",
        );
    }
    if config.listen.is_empty() && config.role.has_api() {
        return wrong("listen", "no address".into(), "give at least one, such as 127.0.0.1:8080");
    }
    if config.time_zone.parse::<chrono_tz::Tz>().is_err() {
        return wrong(
            "time_zone",
            format!("{:?} is no IANA time zone", config.time_zone),
            "use a name such as Europe/Athens or UTC",
        );
    }
    if config.node_id.is_empty()
        || config.node_id.len() > 20
        || !config.node_id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    {
        return wrong(
            "node_id",
            format!("{:?} cannot stand in file names and records", config.node_id),
            "use 1 to 20 letters, digits, - or _",
        );
    }
    if config.role != Role::All && config.database_url().starts_with("sqlite:") && config.role != Role::Api {
        return wrong("role", "SQLite allows one server process".into(), "use role = \"all\", or PostgreSQL");
    }
    if config.role != Role::All && !config.database_url().starts_with("sqlite:") && !config.store.shared {
        return wrong(
            "store.shared",
            format!(
                "with role = {:?} other processes, maybe on other hosts, work on the same backups and SDR files, which lie in {}",
                config.role,
                config.data.display()
            ),
            "put data on storage that all of them see, then set store.shared = true",
        );
    }
    for (key, url) in [
        ("database.system_url", &config.database.system_url),
        ("database.owner_url", &config.database.owner_url),
    ] {
        if !url.is_empty() && config.database_url().starts_with("sqlite:") {
            return wrong(
                key,
                "SQLite knows no roles".into(),
                "leave it empty, or name PostgreSQL as database.url",
            );
        }
    }
    if !config.health.listen.is_empty() && config.health_listen().is_none() {
        let problem = format!("{:?} is no address with a port", config.health.listen);
        return wrong("health.listen", problem, "use one such as 127.0.0.1:9100, or leave it empty");
    }
    for url in config.amqp.url.split(',').map(str::trim).filter(|_| !config.amqp.url.is_empty()) {
        if !(url.starts_with("amqp://") || url.starts_with("amqps://")) {
            let problem = format!("{:?} is no amqp or amqps URL", describe::masked_url(url));
            return wrong(
                "amqp.url",
                problem,
                "use amqp://USER@HOST:5672/VHOST, several with commas between",
            );
        }
    }
    if config.amqp.prefix.is_empty() || config.amqp.prefix.len() > 100 {
        return wrong("amqp.prefix", "must be 1 to 100 octets".into(), "leave it at telvisor");
    }
    let has_host = |scheme| config.base_url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty());
    if !(config.base_url.is_empty() || has_host("http://") || has_host("https://")) {
        let problem = format!("{:?} is no http or https URL", config.base_url);
        return wrong("base_url", problem, "use one such as https://orders.example.com, or leave it empty");
    }
    for (key, value) in [
        ("database.connections", i64::from(config.database.connections)),
        ("database.wait_s", whole(config.database.wait_s)),
        ("api.body_limit_kib", whole(config.api.body_limit_kib)),
        ("api.page", config.api.page),
        ("api.page_most", config.api.page_most),
        ("api.catalogue_most", config.api.catalogue_most),
        ("api.list_seconds", i64::try_from(config.api.list_seconds).unwrap_or(i64::MAX)),
        ("jobs.workers", whole(config.jobs.workers)),
        ("jobs.attempts", config.jobs.attempts),
        ("jobs.lease_s", whole(config.jobs.lease_s)),
        ("jobs.sweep_ms", whole(config.jobs.sweep_ms)),
        ("flow.retry_after_s", whole(config.flow.retry_after_s)),
        ("flow.stuck_minutes", config.flow.stuck_minutes),
        ("notify.concurrency", whole(config.notify.concurrency)),
        ("notify.timeout_s", whole(config.notify.timeout_s)),
        ("notify.retry_base_ms", whole(config.notify.retry_base_ms)),
        ("notify.keep_days", config.notify.keep_days),
        ("soap.session_idle_s", config.soap.session_idle_s),
        ("soap.session_max_s", config.soap.session_max_s),
        ("soap.sessions_per_user", config.soap.sessions_per_user),
        ("alarms.watch_seconds", whole(config.alarms.watch_seconds)),
        ("alarms.delivery_minutes", config.alarms.delivery_minutes),
        ("backup.link_seconds", config.backup.link_seconds),
        ("backup.link_seconds_most", config.backup.link_seconds_most),
    ] {
        if value < 1 {
            return wrong(key, format!("{value} is too little"), "use 1 or more");
        }
    }
    for (key, seconds) in [
        ("database.wait_s", config.database.wait_s),
        ("database.statement_timeout_s", config.database.statement_timeout_s),
        ("database.idle_timeout_s", config.database.idle_timeout_s),
    ] {
        if seconds > 86_400 {
            return wrong(key, "more than a day".into(), "lower it");
        }
    }
    let days = config.archive.days;
    if days != 0 && !(KEY_DAYS..=DAYS_MOST).contains(&days) {
        let problem = format!("{days}; a repeat of an order finds it by its key for {KEY_DAYS} days");
        return wrong("archive.days", problem, "use 0 (for ever), or 90 to 36500");
    }
    for (key, value) in [
        ("jobs.per_host", config.jobs.per_host),
        ("jobs.per_customer", config.jobs.per_customer),
        ("flow.orders_most", config.flow.orders_most),
        ("flow.wait_most_s", config.flow.wait_most_s),
    ] {
        if value < 0 {
            return wrong(key, format!("{value} is too little"), "use 0 for no limit, or more");
        }
    }
    if config.flow.stuck_minutes > 60 * 24 * 366 {
        return wrong("flow.stuck_minutes", "more than a year".into(), "lower it");
    }
    if config.test.clock_offset_s.unsigned_abs() > 86_400 {
        let got = config.test.clock_offset_s.to_string();
        return wrong("test.clock_offset_s", got, "use -86400 to 86400");
    }
    for (key, days) in [
        ("terminate.retention_days", config.terminate.retention_days),
        ("backup.keep_days", config.backup.keep_days),
        ("notify.keep_days", config.notify.keep_days),
        ("alarms.keep_days", config.alarms.keep_days),
        ("performance.keep_days", config.performance.keep_days),
    ] {
        if !(0..=DAYS_MOST).contains(&days) {
            return wrong(key, format!("{days} is no such number of days"), "use 0 to 36500");
        }
    }
    if let Some(channel) = config.approval.channels.iter().find(|c| !CHANNELS.contains(&c.as_str())) {
        let problem = format!("{channel:?} is no channel");
        return wrong(
            "approval.channels",
            problem,
            "use tmf622, tmf641, soap, soap-ne, cli, storefront, api or schedule",
        );
    }
    if !(0..=DAYS_MOST * 24).contains(&config.approval.hours) {
        let problem = format!("{} is no such number of hours", config.approval.hours);
        return wrong("approval.hours", problem, "use 0 to 876000");
    }
    if config.api.list_seconds > 86_400 {
        return wrong("api.list_seconds", "more than a day".into(), "lower it");
    }
    if let Some(net) = config.api.trusted_proxies.iter().find(|net| net.parse::<IpNet>().is_err()) {
        let problem = format!("{net:?} is no range of addresses");
        return wrong("api.trusted_proxies", problem, "write them as CIDR, such as 10.0.0.0/8 or ::1/128");
    }
    if config.api.page > config.api.page_most {
        let problem = format!("{} is more than api.page_most, {}", config.api.page, config.api.page_most);
        return wrong("api.page", problem, "lower it, or raise api.page_most");
    }
    if config.notify.retry_base_ms > 1000 {
        let problem =
            format!("{} would delay the first retry by more than a second", config.notify.retry_base_ms);
        return wrong("notify.retry_base_ms", problem, "use 1 to 1000");
    }
    for (key, value, most) in [
        ("alarms.watch_seconds", whole(config.alarms.watch_seconds), 3600),
        ("alarms.compare_minutes", config.alarms.compare_minutes, DAYS_MOST * 1440),
        ("alarms.delivery_minutes", config.alarms.delivery_minutes, DAYS_MOST * 1440),
        ("alarms.storage_free_percent", whole(config.alarms.storage_free_percent), 100),
        ("mediation.stop_free_mib", whole(config.mediation.stop_free_mib), 1 << 30),
        ("alarms.clock_offset_ms", config.alarms.clock_offset_ms, 86_400_000),
    ] {
        if !(0..=most).contains(&value) {
            return wrong(key, format!("{value} is not from 0 to {most}"), "use a number from that range");
        }
    }
    if config.alarms.tenant.is_empty() {
        return wrong("alarms.tenant", "no tenant".into(), "name one, such as default");
    }
    let minutes = &config.performance.minutes;
    if let Some(m) = minutes.iter().find(|m| !(1..=60).contains(*m) || 60 % **m != 0) {
        return wrong("performance.minutes", format!("{m} does not divide an hour"), "use 5, 15, 60");
    }
    if minutes.iter().any(|m| minutes.iter().filter(|o| *o == m).count() > 1) {
        return wrong("performance.minutes", "one of them is there twice".into(), "name each once");
    }
    if !(1..=600).contains(&config.soap.ne_wait_seconds) {
        let got = config.soap.ne_wait_seconds.to_string();
        return wrong("soap.ne_wait_seconds", got, "use 1 to 600");
    }
    let namespace = &config.soap.ne_namespace;
    if namespace.is_empty() || namespace.len() > 200 || namespace.chars().any(char::is_whitespace) {
        return wrong("soap.ne_namespace", format!("{namespace:?} is no namespace name"), "use a URI");
    }
    if [MO, ORDERS].contains(&namespace.as_str()) {
        return wrong(
            "soap.ne_namespace",
            format!("{namespace} has another meaning here"),
            "use another URI",
        );
    }
    if config.soap.session_max_s > 86_400 * 366 {
        return wrong("soap.session_max_s", "more than a year".into(), "lower it");
    }
    if config.soap.session_idle_s > config.soap.session_max_s {
        let problem = format!(
            "{} is more than soap.session_max_s, {}",
            config.soap.session_idle_s, config.soap.session_max_s
        );
        return wrong("soap.session_idle_s", problem, "lower it, or raise soap.session_max_s");
    }
    if config.backup.link_seconds_most > DAYS_MOST * 86_400 {
        return wrong("backup.link_seconds_most", "more than 100 years".into(), "lower it");
    }
    if config.backup.link_seconds > config.backup.link_seconds_most {
        return wrong(
            "backup.link_seconds",
            format!(
                "{} is more than backup.link_seconds_most, {}",
                config.backup.link_seconds, config.backup.link_seconds_most
            ),
            "lower it, or raise backup.link_seconds_most",
        );
    }
    if !matches!(config.log.format.as_str(), "text" | "json") {
        return wrong("log.format", format!("{:?} is not known", config.log.format), "use text or json");
    }
    if !(config.hypervisor == "sim" || config.hypervisor.starts_with("sim+unix:")) {
        return wrong(
            "hypervisor",
            format!("no driver for {:?}", config.hypervisor),
            "use sim or sim+unix:PATH",
        );
    }
    for (key, text, needs) in [
        ("mediation.file_mode", &config.mediation.file_mode, 0o600),
        ("mediation.folder_mode", &config.mediation.folder_mode, 0o700),
    ] {
        if super::mode(text).is_none_or(|mode| mode & needs != needs) {
            return wrong(
                key,
                format!("{text:?} is no mode that lets the owner in"),
                "use one such as 0640 or 0750",
            );
        }
    }
    if let Err((problem, fix)) = recipient::check(config) {
        return wrong("mediation.recipient", problem, fix);
    }
    Ok(())
}

/// A count as a number that can be compared.
fn whole(n: impl TryInto<i64>) -> i64 {
    n.try_into().unwrap_or(i64::MAX)
}
