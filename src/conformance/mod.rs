//! The conformance kit: a black box's tests of TM Forum APIs over HTTP, for any implementation.
//!
//! A run is a list of checks in sections. Each names the clause that it proves: a part of TMF630 (the design
//! guidelines), of the API's own specification, of an RFC, or a promise that only Telvisor makes. Every answer that a
//! check reads is held against the official file as well ([`official`]).

use std::net::SocketAddr;

use reqwest::Url;

mod changes;
pub mod check;
pub mod client;
pub mod listener;
mod lists;
pub mod official;
pub mod orders;
mod reads;
pub mod report;
pub mod seed;

use check::{Checks, Outcome};
use client::Client;
use listener::Listener;
use official::Api;

/// What to check, and where.
pub struct Options {
    /// A server, or the base URL of the API where it does not stand at the usual path.
    pub target: String,
    pub api: &'static Api,
    pub token: Option<String>,
    /// Leave out what only Telvisor promises, and accept members that the official file does not know.
    pub any_implementation: bool,
    /// Base URL of TMF633 v4, where it is not on the same server.
    pub catalogue: Option<String>,
    /// The service specification to provision; none: the first with two plans.
    pub application: Option<String>,
    /// Where our listener is bound, and how the server under test calls it; none: by that address.
    pub listener: SocketAddr,
    pub callback: Option<String>,
    /// Sections; empty: all.
    pub only: Vec<String>,
}

/// A run that could not begin.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("--target cannot be used: {0}")]
    Target(String),
    #[error("--only {section}: the sections of {api} are {known}")]
    Section { section: String, api: String, known: String },
    #[error("the listener for events cannot be bound to {0}: {1}; name another address with --listener")]
    Listener(SocketAddr, std::io::Error),
}

/// Runs all checks; `tell` is called with each outcome as it comes.
///
/// # Errors
/// When the run cannot begin; what fails later is an outcome.
pub async fn run(options: &Options, tell: &mut dyn FnMut(&Outcome)) -> Result<Vec<Outcome>, RunError> {
    let api = options.api;
    let known: &[&str] = if is_ordering(api) { &orders::SECTIONS } else { &reads::SECTIONS };
    if let Some(section) = options.only.iter().find(|o| !known.contains(&o.as_str())) {
        let (section, known) = (section.clone(), known.join(", "));
        return Err(RunError::Section { section, api: api.title(), known });
    }
    let base = base_of(&options.target, api).map_err(RunError::Target)?;
    let client = Client::new(api, &base, options.token.clone(), options.any_implementation);
    let client = client.map_err(RunError::Target)?;
    let failed = |e| RunError::Listener(options.listener, e);
    let listener = Listener::start(options.listener).await.map_err(failed)?;
    let url = match &options.callback {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{}", listener.address()),
    };
    let any = options.any_implementation;
    let wanted = |section: &str| options.only.is_empty() || options.only.iter().any(|o| o == section);
    let mut checks = Checks::new(any, tell);
    if is_ordering(api) {
        let catalogue = catalogue_of(options, &client);
        let bench = orders::Bench::new(client, api, any);
        let ear = orders::Ear { listener, url };
        let application = options.application.as_deref();
        Box::pin(orders::run(&mut checks, &bench, &catalogue, application, &ear, wanted)).await;
    } else {
        Box::pin(reads::run(&mut checks, &client, any, &url, wanted)).await;
    }
    Ok(checks.outcomes())
}

fn is_ordering(api: &Api) -> bool {
    matches!(api.name, "tmf641" | "tmf622")
}

/// The API's base URL: a target without a path is a server, on which the API stands at its usual path.
///
/// # Errors
/// Why the target is no URL.
pub fn base_of(target: &str, api: &Api) -> Result<String, String> {
    let url = Url::parse(target).map_err(|e| format!("{target}: {e}"))?;
    let target = target.trim_end_matches('/');
    Ok(if url.path() == "/" { format!("{target}{}", api.base) } else { target.to_owned() })
}

/// TMF633 beside the API under test, unless it was named.
fn catalogue_of(options: &Options, client: &Client) -> Client {
    let api = Api::named("tmf633", 4).unwrap_or(options.api);
    let beside = match client.base.strip_suffix(options.api.base) {
        Some(server) => format!("{server}{}", api.base),
        None => client.base.clone(),
    };
    client.of(api, options.catalogue.as_deref().unwrap_or(&beside))
}
