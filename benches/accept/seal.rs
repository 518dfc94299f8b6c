//! What closing an SDR file costs, against the bare read of the same rows, and the memory that it takes, with a hundred
//! thousand records in a file and with a million.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use sqlx::query_as;
use uuid::Uuid;

use crate::database::{Database, ID_BASE, Pool};
use crate::process::memory;
use crate::round2;
use crate::server::Server;

const SIZES: [u64; 2] = [100_000, 1_000_000];
/// Rounds of the bare read; the median counts.
const READS: usize = 3;
/// Most memory that sealing and delivery may take, beside that of an idle server.
const GOAL_MIB: f64 = 64.0;
/// Customers of all records.
const CUSTOMERS: u64 = 1000;

/// One recipient, whose file takes all.
const CONFIGURATION: &str = "[[mediation.recipient]]\nname = \"bench\"\nformat = \"csv\"\nschedule = \"month\"\n\
                             records = 10000000\nbytes = 1073741824\n";

pub async fn measure(kind: &str, folder: &Path) -> anyhow::Result<Vec<Value>> {
    let mut figures = vec![];
    for size in SIZES {
        let data = folder.join(format!("{kind}-seal-{size}"));
        let Some(database) = Database::fresh(kind, &data, &format!("seal_{size}")).await? else {
            return Ok(vec![]);
        };
        figures.push(one(&database, &data, size).await?);
        database.discard().await?;
        std::fs::remove_dir_all(&data)?;
    }
    Ok(figures)
}

async fn one(database: &Database, data: &Path, size: u64) -> anyhow::Result<Value> {
    let configuration = data.join("bench.toml");
    std::fs::write(&configuration, CONFIGURATION)?;
    let configuration = configuration.to_string_lossy().into_owned();
    let settings = [("TELVISOR_CONFIG", configuration.as_str())];
    let server = Server::start_with(database.url(), data, "api", "api", &settings).await?;
    database.execute(journal(database.kind(), size)).await?;
    let mut reads = vec![];
    for _ in 0..READS {
        let began = Instant::now();
        ensure!(read(database).await? == size, "the journal has other rows");
        reads.push(began.elapsed().as_secs_f64());
    }
    let read = crate::median(&mut reads);
    let pid = server.pid()?;
    // The most so far is forgotten.
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5")?;
    let [before, _] = memory(pid)?;
    let mut client = server.connect().await?;
    let began = Instant::now();
    let (status, answer) = client.post("/api/v1/sdr/seal", "{}").await?;
    let took = began.elapsed().as_secs_f64();
    ensure!(status == 200, "sealing was answered with {status}: {}", String::from_utf8_lossy(&answer));
    let [_, most] = memory(pid)?;
    let answer: Value = serde_json::from_slice(&answer)?;
    let file = &answer["files"][0];
    ensure!(file["records"] == json!(size), "not one file of all records: {answer}");
    let path = file["path"].as_str().context("the file has a path")?;
    let octets = std::fs::metadata(path)?.len();
    ensure!(file["bytes"] == json!(octets), "{path} has {octets} octets");
    drop(client);
    server.stop().await?;
    let ratio = round2(took / read);
    let more = round2(most - before);
    println!(
        "\n{size} records sealed into one CSV file of {} MiB and delivered, on {}: {took:.1} s, the bare read of the \
         same rows {read:.1} s, ratio {ratio}; {more} MiB more memory than before at most (goal {GOAL_MIB} MiB), \
         {most:.1} MiB in all",
        octets >> 20,
        database.kind()
    );
    Ok(json!({
        "bench": "seal", "database": database.kind(), "records": size, "octets": octets, "seconds": round2(took),
        "readSeconds": round2(read), "ratio": ratio, "memoryMoreMiB": more, "memoryMostMiB": round2(most),
        "goalMiB": GOAL_MIB,
    }))
}

/// Statements that journal so many records, a second from now on, a hundred in each millisecond.
fn journal(kind: &str, size: u64) -> Vec<String> {
    let sqlite = kind == "sqlite";
    let id = |base: u64, n: &str| {
        if sqlite {
            format!("unhex(printf('%012x7000%016x', {base} + {n}, {n}))")
        } else {
            format!("(lpad(to_hex({base} + {n}), 12, '0') || '7000' || lpad(to_hex({n}), 16, '0'))::uuid")
        }
    };
    let numbers = |most: u64| {
        if sqlite {
            format!("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {most})")
        } else {
            format!("WITH c AS (SELECT generate_series(1::bigint, {most}) AS n)")
        }
    };
    let (at, number, body) = if sqlite {
        (
            "strftime('%Y-%m-%dT%H:%M:%S+00:00', 'now', (1 + n / 100000) || ' seconds')",
            "printf('%07d', n)",
            "",
        )
    } else {
        (
            "date_trunc('second', now()) + (1 + n / 100000) * interval '1 second'",
            "lpad(n::text, 7, '0')",
            "::jsonb",
        )
    };
    let fixed = Uuid::from_u64_pair(ID_BASE, ID_BASE);
    let body = format!(
        "('{{\"application\":\"kinfolk\",\"version\":\"2.0\",\"instance\":\"{fixed}\",\"durationS\":12,\"success\":true,\
         \"plan\":\"team\",\"order\":\"{fixed}\",\"externalOrder\":\"PO-' || {number} || '\"}}'){body}"
    );
    let subject = id(ID_BASE, &format!("(n % {CUSTOMERS} + 1)"));
    let mut statements = vec![
        format!(
            "{} INSERT INTO sdr_subjects (tenant, subject, customer, customer_id) SELECT 'default', {}, {}, 'c-' || n FROM c",
            numbers(CUSTOMERS),
            id(ID_BASE, "n"),
            id(ID_BASE, "n")
        ),
        format!(
            "{} INSERT INTO sdr (tenant, record_id, cause, subject, test, type, body, event_time, record_time)
             SELECT 'default', {}, 'bench ' || n, {subject}, {}, 'installed', {body}, {at}, {at} FROM c",
            numbers(size),
            id(ID_BASE, "n"),
            if sqlite { "0" } else { "false" }
        ),
    ];
    if !sqlite {
        // As the server would have it by itself after a while.
        statements.push("VACUUM ANALYZE sdr, sdr_subjects".to_owned());
    }
    statements
}

/// A row as a record needs it, its body as it stands there.
type Row = (String, Uuid, String, Option<String>, bool, String, String, DateTime<Utc>, DateTime<Utc>);

/// Reads all rows in one sweep, in their order; how many there are.
async fn read(database: &Database) -> anyhow::Result<u64> {
    let text = "SELECT s.tenant, s.record_id, j.customer_id, j.phone, s.test, s.type, CAST(s.body AS TEXT), s.event_time,
          s.record_time
        FROM sdr s JOIN sdr_subjects j ON j.tenant = s.tenant AND j.subject = s.subject
        WHERE s.tenant = 'default' ORDER BY s.record_time, s.record_id";
    let mut count = 0;
    macro_rules! sweep {
        ($pool:expr) => {{
            let mut rows = query_as::<_, Row>(text).fetch($pool);
            while let Some(row) = rows.try_next().await? {
                std::hint::black_box(row);
                count += 1;
            }
        }};
    }
    match &database.pool {
        Pool::Sqlite(p) => sweep!(p),
        Pool::Postgres(p) => sweep!(p),
    }
    Ok(count)
}
