//! The two schemas say the same, and hold what the design lays out from the first migration.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::harness::files_below;

/// Tables of the installation, or whose rows may belong to all tenants.
const SHARED: [&str; 14] = [
    "schema_releases",
    "installation",
    "tenants",
    "leases",
    "sealed_secrets",
    "clients",
    "nonces",
    "sessions",
    "applications",
    "package_versions",
    "hypervisors",
    "hosts",
    "sdr_recipients",
    "performance_periods",
];

/// What later parts rely on: tables with some of their columns.
const LAID_OUT: [(&str, &str); 24] = [
    ("schema_releases", "lowest_release"),
    ("customers", "uid customer_id test"),
    ("order_personal", "request notes"),
    ("event_personal", "body"),
    ("sdr_subjects", "subject customer_id"),
    ("sealed_secrets", "key_id nonce body"),
    ("audit", "at principal action object"),
    ("package_versions", "digest content published_at withdrawn_at tenant"),
    ("subscriptions", "digest"),
    ("hypervisors", "name url"),
    ("hosts", "hypervisor name vcpu memory_mib disk_gib"),
    ("reservations", "machine hypervisor host vcpu memory_mib disk_gib"),
    ("machines", "customer hypervisor host fence"),
    ("jobs", "class host urgency trace_parent item_id lease_until worker attempt fence run_after"),
    ("job_steps", "act undo key handle"),
    ("job_attempts", "worker started_at ended_at outcome cause output"),
    ("backups", "kind store_url object_key format encryption_key_id parent subscription digest"),
    ("events", "number position trace_parent body"),
    ("idempotency", "client door key digest order_id"),
    ("sdr", "subject test only_recipient cause record_time"),
    ("sdr_numbers", "recipient number record_id"),
    (
        "sdr_files",
        "config_version node_id node_address utc_offset_s period_start period_end test revision \
         rejected_reference codec_version manifest",
    ),
    ("sdr_recipients", "name version config"),
    ("counters", "name value"),
];

/// Indexes over all tenants, for the loops that look for due work of any of them.
const ACROSS_TENANTS: [&str; 12] = [
    "orders_expected",
    "orders_approval",
    "cancel_orders_due",
    "jobs_due",
    "jobs_host",
    "idempotency_age",
    "reservations_host",
    "backups_expiry",
    "backup_schedules_next",
    "sdr_files_state",
    "sdr_reconciliations_due",
    "sdr_files_delivered",
];

#[derive(Debug, Default, PartialEq)]
struct Schema {
    tables: BTreeMap<String, Table>,
    /// Every other statement, in order.
    others: Vec<String>,
}

#[derive(Debug, PartialEq)]
struct Table {
    /// Name, and type with constraints as SQLite has them.
    columns: Vec<(String, String)>,
    key: Vec<String>,
}

#[test]
fn both_databases_have_the_same_tables_columns_keys_and_indexes() {
    let sqlite = parse(&migrations("sqlite"));
    let postgres = parse(&as_sqlite(&migrations("postgres")));
    assert!(sqlite.tables.len() > 30, "{}", sqlite.tables.len());
    for (name, table) in &sqlite.tables {
        assert_eq!(Some(table), postgres.tables.get(name), "{name}");
    }
    assert_eq!(sqlite, postgres);
    assert_eq!(files("sqlite"), files("postgres"));
}

#[test]
fn the_tenant_comes_first() {
    let schema = parse(&migrations("sqlite"));
    for (name, table) in &schema.tables {
        if SHARED.contains(&name.as_str()) {
            assert!(table.key.iter().all(|column| column != "tenant"), "{name}");
            continue;
        }
        assert_eq!(table.columns[0], ("tenant".into(), "TEXT NOT NULL".into()), "{name}");
        assert_eq!(table.key[0], "tenant", "{name}");
    }
    let mut across = vec![];
    for statement in schema.others.iter().filter(|s| s.contains("INDEX ") && !s.starts_with("DROP ")) {
        let (name, on) = statement.split_once("INDEX ").unwrap().1.split_once(" ON ").unwrap();
        let (table, columns) = on.split_once(" (").unwrap();
        if !SHARED.contains(&table) && !columns.starts_with("tenant,") {
            assert!(!statement.contains("UNIQUE"), "{statement}");
            across.push(name);
        }
    }
    across.sort_unstable();
    let mut known = ACROSS_TENANTS;
    known.sort_unstable();
    assert_eq!(across, known);
}

#[test]
fn what_the_design_lays_out_is_there() {
    let schema = parse(&migrations("sqlite"));
    for (name, columns) in LAID_OUT {
        let table = schema.tables.get(name).unwrap_or_else(|| panic!("there is no table {name}"));
        for column in columns.split_whitespace() {
            assert!(table.columns.iter().any(|c| c.0 == column), "{name} has no column {column}");
        }
    }
    for name in SHARED {
        assert!(schema.tables.contains_key(name), "{name}");
    }
}

/// What no statement of the store writes is what the page of the architecture says of it.
#[test]
fn what_nothing_writes_yet_is_told() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    for (file, octets) in files_below(&root.join("src/store")) {
        code += &String::from_utf8(octets).unwrap_or_else(|e| panic!("{file}: {e}"));
    }
    let page = std::fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let (_, told) = page.split_once("## Laid out, not used yet").unwrap();
    let (told, _) = told.split_once("\n## ").unwrap();
    let told: BTreeSet<&str> = told.split('`').skip(1).step_by(2).filter(|name| is_name(name)).collect();
    let mut unwritten = BTreeSet::new();
    for (name, table) in parse(&migrations("sqlite")).tables {
        let written = written(&code, &name);
        if written.is_empty() {
            unwritten.insert(name);
        } else {
            let columns = table.columns.iter().map(|c| &c.0).filter(|c| !written.contains(c.as_str()));
            unwritten.extend(columns.map(|column| format!("{name}.{column}")));
        }
    }
    assert_eq!(told, unwritten.iter().map(String::as_str).collect());

    let sql = "INSERT INTO a (x,\n y) VALUES ($1,$2) ON CONFLICT (x) DO NOTHING; UPDATE b SET y = $1, z = 2 WHERE x = 1";
    assert_eq!(written(sql, "a"), BTreeSet::from(["x", "y"]));
    assert_eq!(written(sql, "b"), BTreeSet::from(["y", "z"]));
    assert_eq!(written(sql, "c"), BTreeSet::new());
}

/// Whether this is the name of a table or of a column of one (`events.position`), and no value or path.
fn is_name(text: &str) -> bool {
    text != "default" && text.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == '.')
}

/// Columns that the statements in this code write into a table.
fn written<'a>(code: &'a str, table: &str) -> BTreeSet<&'a str> {
    let words = |list: &'a str| {
        list.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|w| !w.is_empty())
    };
    let mut out = BTreeSet::new();
    for rest in code.split(&format!("INTO {table} (")).skip(1) {
        out.extend(words(rest.split(')').next().unwrap_or(rest)));
    }
    for rest in code.split(&format!("UPDATE {table} SET ")).skip(1) {
        let set = rest.split(" WHERE ").next().unwrap_or(rest);
        out.extend(set.split(',').filter_map(|s| words(s.split('=').next()?).next()));
    }
    out
}

#[test]
fn a_difference_is_seen() {
    let sqlite =
        "CREATE TABLE a (\n  tenant TEXT NOT NULL,\n  id BLOB, -- ours, \n  PRIMARY KEY (tenant, id)\n);";
    let same = "CREATE TABLE a (tenant TEXT NOT NULL, id UUID, PRIMARY KEY (tenant, id));";
    assert_eq!(parse(sqlite), parse(&as_sqlite(same)));
    for other in [
        "CREATE TABLE a (id UUID, tenant TEXT NOT NULL, PRIMARY KEY (tenant, id));",
        "CREATE TABLE a (tenant TEXT NOT NULL, id UUID, PRIMARY KEY (id, tenant));",
        "CREATE TABLE a (tenant TEXT NOT NULL, id BIGINT, PRIMARY KEY (tenant, id));",
        "CREATE TABLE a (tenant TEXT NOT NULL, id UUID, more TEXT, PRIMARY KEY (tenant, id));",
        "CREATE TABLE a (tenant TEXT NOT NULL, id UUID NOT NULL, PRIMARY KEY (tenant, id));",
        "CREATE TABLE a (tenant TEXT NOT NULL, id UUID, PRIMARY KEY (tenant, id)); CREATE INDEX i ON a (id);",
    ] {
        assert_ne!(parse(sqlite), parse(&as_sqlite(other)), "{other}");
    }
}

fn folder(database: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database)
}

fn files(database: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder(database)).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn migrations(database: &str) -> String {
    let read = |name: &String| std::fs::read_to_string(folder(database).join(name)).unwrap();
    files(database).iter().map(read).collect()
}

/// PostgreSQL's types in the words of SQLite: UUIDs are 16 octets there, times and JSON text.
fn as_sqlite(sql: &str) -> String {
    let word = |word: &str| {
        let end = word.find(|c: char| !c.is_ascii_uppercase()).unwrap_or(word.len());
        let name = match &word[..end] {
            "UUID" => "BLOB",
            "TIMESTAMPTZ" | "JSONB" => "TEXT",
            "BIGINT" => "INTEGER",
            other => other,
        };
        format!("{name}{}", &word[end..])
    };
    without_comments(sql).split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

fn without_comments(sql: &str) -> String {
    let code = |line| str::split_once(line, "--").map_or(line, |(code, _)| code);
    sql.lines().map(code).collect::<Vec<_>>().join("\n")
}

fn parse(sql: &str) -> Schema {
    let mut schema = Schema::default();
    for statement in without_comments(sql).split(';') {
        let statement = statement.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(table) = statement.strip_prefix("CREATE TABLE ") {
            let (name, body) = table.split_once(" (").expect("a table has columns");
            let body = body.strip_suffix(')').expect("a table ends with a parenthesis");
            assert!(schema.tables.insert(name.to_owned(), columns(body)).is_none(), "{name} twice");
        } else if !statement.is_empty() {
            schema.others.push(statement);
        }
    }
    schema
}

fn columns(body: &str) -> Table {
    let mut table = Table { columns: vec![], key: vec![] };
    let mut depth = 0;
    let parts = body.split(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    });
    for part in parts.map(str::trim) {
        let (name, rest) = part.split_once(' ').expect("a column has a name and a type");
        if name == "PRIMARY" {
            let (_, list) = part.trim_end_matches(')').split_once('(').expect("a key has columns");
            table.key = list.split(',').map(|column| column.trim().to_owned()).collect();
            continue;
        }
        if rest.contains("PRIMARY KEY") {
            table.key = vec![name.to_owned()];
        }
        table.columns.push((name.to_owned(), rest.to_owned()));
    }
    table
}
