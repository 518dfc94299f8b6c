//! Which of several PostgreSQL servers is written to: of those that the URL names, tried in turn, the first that is not
//! in recovery. When it is lost, the pool is turned to the one that took over.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::time::Instant;

use super::StoreError;

/// Longest time that one server gets to take a connection, or to say what it is.
const ANSWER: Duration = Duration::from_secs(2);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(500);
/// Longest time that a server gets to come up when this process starts before it.
const START: Duration = Duration::from_secs(30);

/// The servers that a URL names, as libpq writes it: `postgres://USER@HOST1:PORT1,HOST2:PORT2/NAME`.
///
/// # Errors
/// When the URL is malformed.
pub fn servers(url: &str) -> Result<Vec<PgConnectOptions>, StoreError> {
    let parse = |one: String| {
        PgConnectOptions::from_str(&one).map_err(|e| StoreError::Url { url: one, reason: e.to_string() })
    };
    each_host(url).into_iter().map(parse).collect()
}

/// One URL for each host of a URL.
fn each_host(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return vec![url.to_owned()] };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    hosts.split(',').map(|host| format!("{scheme}://{user}{}{path}", host.trim())).collect()
}

/// The server to write to, waited for while it is starting.
///
/// # Errors
/// Why none of them can be used.
pub async fn find(servers: &[PgConnectOptions]) -> Result<PgConnectOptions, StoreError> {
    let deadline = Instant::now() + START;
    loop {
        match first(servers).await {
            // A certificate that is not trusted will not be in a moment either.
            Err(e @ StoreError::Sql(sqlx::Error::Tls(_))) => return Err(e),
            Err(e) if e.is_transient() && Instant::now() < deadline => tokio::time::sleep(LOOK).await,
            other => return other,
        }
    }
}

/// The first server in turn that is not in recovery; the first server's trouble where there is none.
async fn first(servers: &[PgConnectOptions]) -> Result<PgConnectOptions, StoreError> {
    let mut trouble = None;
    for server in servers {
        match primary(server).await {
            Ok(connection) => {
                connection.close().await.ok();
                return Ok(server.clone());
            }
            Err(e) => trouble = trouble.or(Some(e)),
        }
    }
    Err(trouble.unwrap_or_else(|| StoreError::Url { url: String::new(), reason: "no host".into() }))
}

/// A connection to a server that is not in recovery.
async fn primary(server: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let connect = async {
        let mut connection = server.connect().await?;
        refuse_standby(&mut connection).await?;
        Ok(connection)
    };
    tokio::time::timeout(ANSWER, connect).await.unwrap_or_else(|_| {
        let silent = std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            format!("{}:{} does not answer", server.get_host(), server.get_port()),
        );
        Err(StoreError::Sql(silent.into()))
    })
}

/// Refuses a server that is in recovery: what is written must not be asked of it.
///
/// # Errors
/// [`sqlx::Error::Io`], so that it counts as one that is not there now.
pub async fn refuse_standby(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let standby: bool =
        sqlx::query_scalar("SELECT pg_catalog.pg_is_in_recovery()").fetch_one(connection).await?;
    if standby { Err(std::io::Error::other("the server is a standby").into()) } else { Ok(()) }
}

/// Turns the pool to the server to write to whenever the present one is lost, until the pool is closed.
pub async fn follow(pool: PgPool, servers: Vec<PgConnectOptions>) {
    let closed = pool.close_event();
    let look = async {
        loop {
            lost(&pool.connect_options()).await;
            if let Ok(server) = first(&servers).await {
                let used = pool.connect_options();
                if (server.get_host(), server.get_port()) != (used.get_host(), used.get_port()) {
                    let (host, port) = (server.get_host(), server.get_port());
                    tracing::warn!(host, port, "another server of the database took over");
                    pool.set_connect_options(server);
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        () = closed => {}
        () = look => {}
    }
}

/// Resolves when the server does not answer any more, or is in recovery.
async fn lost(server: &PgConnectOptions) {
    let Ok(mut connection) = primary(server).await else { return };
    loop {
        tokio::time::sleep(LOOK).await;
        match tokio::time::timeout(ANSWER, refuse_standby(&mut connection)).await {
            Ok(Ok(())) => {}
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::each_host;

    #[test]
    fn each_host_of_a_url_has_a_url() {
        assert_eq!(
            each_host("postgres://u:p%40@a:1,[::1]:2,c/db?sslmode=disable"),
            [
                "postgres://u:p%40@a:1/db?sslmode=disable",
                "postgres://u:p%40@[::1]:2/db?sslmode=disable",
                "postgres://u:p%40@c/db?sslmode=disable",
            ]
        );
        assert_eq!(each_host("postgres://a/db"), ["postgres://a/db"]);
        assert_eq!(each_host("sqlite:x"), ["sqlite:x"]);
    }
}
