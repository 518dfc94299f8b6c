//! The other side on PostgreSQL: `pgbench -M prepared` with a script that writes the rows of one order, taken from what
//! the server itself wrote.
//!
//! One transaction for each order, in it one INSERT for each row. What is the same in two orders stands in the script;
//! what differs is made (ids, names, times) or sent as a value (JSON and other text), as any client has to send it.
//! It depends on nothing else of the benchmark: `tests/it/baseline.rs` checks it, too.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail, ensure};
use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, query_as, query_scalar};

/// A script for pgbench, with the values that it sends.
#[derive(Debug, Clone)]
pub struct Script {
    pub text: String,
    values: Vec<String>,
}

/// A row as PostgreSQL writes its values as text.
type Row = Vec<Option<String>>;

impl Script {
    /// From tables whose last rows are those of two orders, the older one's first: `rows` of each order by table, and
    /// the names that the orders were placed under.
    pub async fn of(pool: &PgPool, rows: &BTreeMap<String, u64>, names: [&str; 2]) -> anyhow::Result<Self> {
        let mut script = Maker { names, ids: BTreeMap::new(), values: vec![] };
        let mut text = String::from("\\set n :n + 1\nBEGIN;\n");
        for (table, count) in rows {
            let columns: Vec<(String, String)> = query_as(
                "SELECT column_name::text, udt_name::text FROM information_schema.columns
                 WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position",
            )
            .bind(table)
            .fetch_all(pool)
            .await?;
            let as_text: Vec<String> = columns.iter().map(|(name, _)| format!("{name}::text")).collect();
            let all = format!("SELECT ARRAY[{}] FROM {table} ORDER BY ctid", as_text.join(", "));
            let all: Vec<Row> = query_scalar(AssertSqlSafe(all)).fetch_all(pool).await?;
            let count = usize::try_from(*count)?;
            ensure!(all.len() >= 2 * count, "{table} holds too few rows");
            let (first, second) = all[all.len() - 2 * count..].split_at(count);
            for (first, second) in first.iter().zip(second) {
                let (mut names, mut values) = (vec![], vec![]);
                for (((name, kind), a), b) in columns.iter().zip(first).zip(second) {
                    if let Some(value) = b {
                        names.push(name.as_str());
                        values.push(script.value(kind, a.as_deref(), value)?);
                    }
                }
                writeln!(text, "INSERT INTO {table} ({}) VALUES ({});", names.join(", "), values.join(", "))?;
            }
        }
        text += "COMMIT;\n";
        Ok(Self { text, values: script.values })
    }

    /// How many rows it writes for an order.
    pub fn rows(&self) -> usize {
        self.text.matches("INSERT INTO").count()
    }

    /// Runs it with so many clients, each for `-T SECONDS` or `-t TIMES`, and returns transactions per second without
    /// the time to connect. `begin` differs in each run, so that no two orders are the same.
    pub async fn run(
        &self,
        url: &str,
        folder: &Path,
        clients: usize,
        length: [&str; 2],
        begin: u64,
    ) -> anyhow::Result<f64> {
        let file = folder.join("order.pgbench");
        std::fs::write(&file, &self.text)?;
        let mut command = tokio::process::Command::new(program());
        command.args(["--no-vacuum", "--protocol=prepared", "--jobs=2", "--client", &clients.to_string()]);
        command.args(length).arg("--file").arg(&file).arg(format!("--define=n={begin}"));
        for (n, value) in self.values.iter().enumerate() {
            command.arg(OsString::from(format!("--define=p{n}={value}")));
        }
        let done = command.arg(url).stdin(Stdio::null()).output().await.context("pgbench does not start")?;
        let (out, trouble) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        ensure!(done.status.success(), "pgbench: {trouble}");
        ensure!(out.contains("number of failed transactions: 0 "), "pgbench: {out}");
        let tps = out.lines().find_map(|line| line.strip_prefix("tps = "));
        let tps = tps.and_then(|line| line.split(' ').next()).context("pgbench told no tps")?;
        Ok(tps.parse()?)
    }
}

/// `pgbench` of the newest PostgreSQL: Debian keeps it out of PATH for others than the default one.
fn program() -> PathBuf {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|all| all.flatten().map(|v| v.path().join("bin/pgbench")).collect())
        .unwrap_or_default();
    versions.retain(|p| p.exists());
    versions.sort();
    versions.pop().unwrap_or_else(|| "pgbench".into())
}

struct Maker<'a> {
    names: [&'a str; 2],
    /// Ids of the second order, and their numbers in the script.
    ids: BTreeMap<String, usize>,
    values: Vec<String>,
}

impl Maker<'_> {
    /// SQL for a value of the second order, held against that of the first.
    fn value(&mut self, kind: &str, first: Option<&str>, second: &str) -> anyhow::Result<String> {
        if first == Some(second) {
            let literal = quoted(second);
            return Ok(if literal.starts_with('\'') {
                literal
            } else {
                format!("CAST({literal} AS {kind})")
            });
        }
        Ok(match kind {
            "uuid" => self.id(second),
            "timestamptz" => "now()".to_owned(),
            "text" if second.contains(self.names[1]) => {
                let parts: Vec<String> = second.split(self.names[1]).map(quoted).collect();
                format!(
                    "({})",
                    parts.join(" || 'b-' || CAST(:client_id AS text) || '-' || CAST(:n AS text) || ")
                )
            }
            "text" if self.ids.contains_key(second) || is_id(second) => {
                format!("CAST({} AS text)", self.id(second))
            }
            "text" | "jsonb" => {
                self.values.push(second.to_owned());
                format!(":p{}", self.values.len() - 1)
            }
            other => bail!("a column of type {other} differs from order to order"),
        })
    }

    /// An id that is new in each transaction, rising as the server's do, and the same wherever it stands in one.
    fn id(&mut self, id: &str) -> String {
        let next = self.ids.len();
        let number = *self.ids.entry(id.to_owned()).or_insert(next);
        format!(
            "CAST(lpad(to_hex(CAST(:n AS bigint)), 12, '0') || '7' || lpad(to_hex(CAST(:client_id AS int)), 3, '0') || \
             '8{number:015x}' AS uuid)"
        )
    }
}

fn is_id(text: &str) -> bool {
    text.parse::<uuid::Uuid>().is_ok()
}

/// As a literal. pgbench takes a colon before a word for a variable: the literal is parted there.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\'', "''");
    let mut out = String::from("'");
    let mut rest = escaped.as_str();
    while let Some(at) = rest.find(':') {
        let (before, after) = rest.split_at(at + 1);
        out += before;
        if after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
            out += "' || '";
        }
        rest = after;
    }
    out += rest;
    out.push('\'');
    if out.contains("' || '") { format!("({out})") } else { out }
}
