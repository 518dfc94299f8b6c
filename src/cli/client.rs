//! `telvisor client`: who may call, with which secret. It asks a running server, but for the first operator, who must
//! be made on the database: without one nobody could make another.

use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value, json};
use telvisor_model::{ClientState, Scope};

use super::Global;
use super::http::{Http, HttpError, segment};
use super::out::{Out, clean};
use crate::access::clients::{self, NewClient};
use crate::access::{Caller, DEFAULT_TENANT, Door};
use crate::api::own::clients::shown_once;
use crate::app;
use crate::clock::SystemClock;
use crate::secrets::Secrets;
use crate::store::{Db, DbOptions, migrate};

const CLIENTS: &str = "/api/v1/clients";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a client, and print its secret, once.
    Add(Add),
    /// List the clients.
    List,
    /// Give a client a new secret, and print it, once; the old one is void at once.
    Rotate(Which),
    /// Do not let a client in any more.
    Disable(Which),
    /// Let a disabled client in again.
    Enable(Which),
}

#[derive(Debug, Args)]
pub struct Add {
    name: String,
    /// Tenant whose orders it places and sees (default: yours).
    #[arg(long)]
    tenant: Option<String>,
    /// What it may do; may be given more than once (default: all that a BSS does, nothing of an operator).
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<Scope>,
    /// Give it a second secret, for PasswordDigest of WS-Security.
    #[arg(long)]
    digest: bool,
}

#[derive(Debug, Args)]
pub struct Which {
    /// Name of the client.
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Client {
    name: String,
    tenant: String,
    scopes: Vec<String>,
    state: String,
    digest: bool,
    changed_at: String,
    secret: Option<String>,
    digest_secret: Option<String>,
}

pub async fn run(global: &Global, command: &Command, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let http = global.http()?;
    let path = |which: &Which, word: &str| format!("{CLIENTS}/{}/{word}", segment(&which.name));
    let body = match command {
        Command::Add(add) => self::add(global, &http, add).await?,
        Command::List => return list(&http, out).await,
        Command::Rotate(which) => http.post(&path(which, "rotate"), &json!({})).await?.body,
        Command::Disable(which) => http.post(&path(which, "disable"), &json!({})).await?.body,
        Command::Enable(which) => http.post(&path(which, "enable"), &json!({})).await?.body,
    };
    show(&body, out)
}

async fn add(global: &Global, http: &Http, add: &Add) -> anyhow::Result<Value> {
    let mut body = json!({ "name": add.name, "digest": add.digest });
    if let Some(tenant) = &add.tenant {
        body["tenant"] = json!(tenant);
    }
    if !add.scopes.is_empty() {
        body["scopes"] = json!(add.scopes);
    }
    match http.post(CLIENTS, &body).await {
        Ok(reply) => Ok(reply.body),
        // Where a server was named, that one was meant.
        Err(e @ HttpError::Unreachable { .. }) if global.server.is_none() => {
            on_database(global, add).await?.ok_or_else(|| {
                anyhow!(e).context(
                    "there is a client with the scope admin already, so others are made through a server",
                )
            })
        }
        Err(e) => Err(e.into()),
    }
}

/// Makes the client on the database while nobody may make clients; none where somebody may.
async fn on_database(global: &Global, add: &Add) -> anyhow::Result<Option<Value>> {
    let config = global.load()?;
    std::fs::create_dir_all(&config.data)
        .with_context(|| format!("data: the folder {} cannot be made", config.data.display()))?;
    let _lock = app::hold(&config)?;
    let secrets = Secrets::open(&config.key_file())?;
    let options = DbOptions::of(&config).with_connections(2);
    let db = Db::open(&options, Arc::new(SystemClock)).await.context("database.url")?;
    migrate::at_start(&db).await?;
    let caller = Caller::local(Door::Cli);
    let made = if nobody_rules(&db, &caller).await? {
        let new = NewClient {
            name: add.name.clone(),
            tenant: add.tenant.clone().unwrap_or_else(|| DEFAULT_TENANT.to_owned()),
            scopes: if add.scopes.is_empty() { Scope::OF_A_BSS.to_vec() } else { add.scopes.clone() },
            digest: add.digest,
        };
        Some(shown_once(&clients::add(&db, &secrets, &caller, &new).await?))
    } else {
        None
    };
    db.close().await;
    Ok(made)
}

async fn nobody_rules(db: &Db, caller: &Caller) -> anyhow::Result<bool> {
    let known = clients::list(db, caller).await?;
    Ok(!known.iter().any(|c| c.state == ClientState::Active && c.scopes.contains(&Scope::Admin)))
}

async fn list(http: &Http, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let found: Value = http.get(CLIENTS).await?;
    if out.json {
        out.json(&found)?;
        return Ok(0);
    }
    let clients: Vec<Client> = serde_json::from_value(found)?;
    let digest = |c: &Client| if c.digest { "yes" } else { "no" }.to_owned();
    let rows: Vec<_> = clients
        .into_iter()
        .map(|c| {
            vec![
                c.name.clone(),
                c.tenant.clone(),
                c.state.clone(),
                digest(&c),
                c.changed_at,
                c.scopes.join(" "),
            ]
        })
        .collect();
    out.table(&["client", "tenant", "state", "digest", "changed", "scopes"], &rows, "there are no clients")?;
    Ok(0)
}

fn show(found: &Value, out: &mut Out<'_>) -> anyhow::Result<u8> {
    if out.json {
        out.json(found)?;
        return Ok(0);
    }
    let c: Client = serde_json::from_value(found.clone())?;
    let token = c.secret.as_ref().map(|secret| format!("TELVISOR_TOKEN={}:{secret}", c.name));
    let lines = [
        ("client", Some(c.name)),
        ("tenant", Some(c.tenant)),
        ("state", Some(c.state)),
        ("scopes", Some(c.scopes.join(" "))),
        ("secret", c.secret),
        ("digest secret", c.digest_secret),
    ];
    for (name, value) in lines {
        if let Some(value) = value {
            out.line(format!("{name:13} {}", clean(&value)))?;
        }
    }
    if let Some(token) = token {
        out.line(format!("keep it now, it is not shown again; for this command line: {token}"))?;
    }
    Ok(0)
}
