//! How a database is opened.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

use crate::config::Config;

/// How a database is opened.
#[derive(Debug, Clone)]
pub struct DbOptions {
    /// `sqlite:PATH`, or `postgres://USER@HOST,HOST/NAME`.
    pub url: String,
    /// Whose connections do what crosses tenants (claims, sweeps, sequencers); none: the URL's.
    pub system_url: Option<String>,
    /// Whose connection changes the schema; none: the URL's.
    pub owner_url: Option<String>,
    /// Connections to PostgreSQL; SQLite has one writer and a few readers.
    pub connections: u32,
    /// How long work waits for one of them.
    pub wait: Duration,
    /// How long PostgreSQL lets a statement run; zero: any time.
    pub statement_timeout: Duration,
    /// How long PostgreSQL keeps a transaction that does nothing, and its locks; zero: any time.
    pub idle_timeout: Duration,
}

impl DbOptions {
    /// As the configuration says.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let d = &config.database;
        Self {
            url: config.database_url(),
            system_url: Some(d.system_url.clone()).filter(|url| !url.is_empty()),
            owner_url: Some(d.owner_url.clone()).filter(|url| !url.is_empty()),
            connections: d.connections,
            wait: Duration::from_secs(d.wait_s),
            statement_timeout: Duration::from_secs(d.statement_timeout_s),
            idle_timeout: Duration::from_secs(d.idle_timeout_s),
        }
    }

    /// The same with so many connections.
    #[must_use]
    pub fn with_connections(self, connections: u32) -> Self {
        Self { connections, ..self }
    }

    /// A server's options with the limits of a session that does work.
    pub(super) fn limited(&self, server: PgConnectOptions) -> PgConnectOptions {
        server.application_name("telvisor").options([
            ("statement_timeout", self.statement_timeout.as_millis().to_string()),
            ("idle_in_transaction_session_timeout", self.idle_timeout.as_millis().to_string()),
            // A process whose host is gone, or whose network was cut, keeps no lock for hours.
            ("tcp_keepalives_idle", "10".to_owned()),
            ("tcp_keepalives_interval", "5".to_owned()),
            ("tcp_keepalives_count", "3".to_owned()),
            ("tcp_user_timeout", "30000".to_owned()),
        ])
    }
}
