//! `telvisor migrate`: the database's schema, brought up to date without starting a server.

use std::sync::Arc;

use anyhow::Context as _;
use serde_json::json;

use super::Global;
use super::out::Out;
use crate::clock::SystemClock;
use crate::config::{Config, describe};
use crate::store::{Db, DbOptions, migrate};

pub async fn run(global: &Global, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let config = global.load()?;
    let url = describe::masked_url(&config.database_url());
    std::fs::create_dir_all(&config.data).with_context(|| {
        format!("data folder {} cannot be made; choose another with --data", config.data.display())
    })?;
    let db = open(&config).await?;
    let missing = migrate::missing(&db).await?;
    migrate::run(&db).await.with_context(|| format!("database {url}"))?;
    db.close().await;
    if out.json {
        out.json(&json!({ "database": url, "applied": missing }))?;
    } else if missing.is_empty() {
        out.line(format!("{url}: the schema is up to date, nothing to do"))?;
    } else {
        for name in &missing {
            out.line(format!("{url}: applied {name}"))?;
        }
    }
    Ok(0)
}

/// Opens the configured database; an SQLite file is made when missing.
pub async fn open(config: &Config) -> anyhow::Result<Db> {
    let url = config.database_url();
    let options = DbOptions::of(config).with_connections(2);
    Db::open(&options, Arc::new(SystemClock)).await.with_context(|| {
        let url = describe::masked_url(&url);
        format!("database {url} cannot be opened; set --database or TELVISOR_DATABASE to one that can")
    })
}
