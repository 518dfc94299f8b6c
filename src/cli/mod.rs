//! The command line. Commands that ask a running server go through [`http`]; the others work on files or on the
//! database.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::config::{self, Config, Overrides, Role, UrlOnly, describe};

mod alarms;
mod app;
mod client;
mod config_command;
mod conformance;
mod demo;
mod doctor;
mod health;
pub mod http;
mod icd;
mod jobs;
mod listeners;
mod migrate;
mod openapi;
mod order;
pub mod out;
mod performance;
mod place;
mod recipient;
mod sdr;
mod sdr_files;
mod serve;
mod simulator;
mod watch;

pub use out::{Out, Stop, complain};

use http::Http;

/// A cloud of virtual machines as a network element of a telco: orders in, applications out, service detail records
/// to mediation. Without a command it serves.
#[derive(Debug, Parser)]
#[command(name = "telvisor", version, max_term_width = 110, arg_required_else_help = false)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Configuration file; only the keys it changes.
    #[arg(long, global = true, env = "TELVISOR_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of everything that is kept (default ./var).
    #[arg(long, global = true, env = "TELVISOR_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Address to listen on; may be given more than once (default 127.0.0.1:8080).
    #[arg(long, global = true, env = "TELVISOR_LISTEN", value_name = "ADDRESS", value_delimiter = ',')]
    pub listen: Vec<SocketAddr>,
    /// sqlite:PATH or postgres://… (default: a file in the data folder).
    #[arg(long, global = true, env = "TELVISOR_DATABASE", value_name = "URL", hide_env_values = true)]
    pub database: Option<String>,
    /// amqp://… or amqps://…, several nodes with commas between (default: none).
    #[arg(long, global = true, env = "TELVISOR_AMQP", value_name = "URL", hide_env_values = true)]
    pub amqp: Option<String>,
    /// sim, or sim+unix:PATH.
    #[arg(long, global = true, env = "TELVISOR_HYPERVISOR", value_name = "URL")]
    pub hypervisor: Option<String>,
    /// api, worker, mediation or all.
    #[arg(long, global = true, env = "TELVISOR_ROLE", value_parser = role)]
    pub role: Option<Role>,
    /// Server that is asked (default: the first address to listen on).
    #[arg(long, global = true, env = "TELVISOR_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// Answer in JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// Whether a value came from a flag or from the environment, by its key.
    #[arg(skip)]
    pub came_from: BTreeMap<&'static str, String>,
}

fn role(text: &str) -> Result<Role, String> {
    serde_json::from_value(text.into()).map_err(|_| "api, worker, mediation or all".to_owned())
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server (also without any command).
    Serve,
    /// Run the server and play a subscriber's whole life through its HTTP door.
    Demo(demo::Arguments),
    /// Run the simulated hypervisor as a process of its own.
    Simulator(simulator::Arguments),
    /// Place orders and follow them.
    #[command(subcommand)]
    Order(order::Command),
    /// List the jobs that are open.
    Jobs,
    /// Jobs that wait for an operator.
    #[command(subcommand)]
    Fallout(jobs::Fallout),
    /// What an operator must know: see it, acknowledge it, clear it.
    #[command(subcommand)]
    Alarms(alarms::Command),
    /// Counters of orders, steps, machines, records and files, per 5, 15 and 60 minutes.
    Performance(performance::Arguments),
    /// Who is told of events.
    #[command(subcommand)]
    Listeners(listeners::Command),
    /// Who may call, with which secret.
    #[command(subcommand)]
    Client(client::Command),
    /// Service detail records and their files.
    #[command(subcommand)]
    Sdr(sdr::Command),
    /// Application packages.
    #[command(subcommand)]
    App(app::Command),
    /// The configuration in force.
    #[command(subcommand)]
    Config(config_command::Command),
    /// Check TM Forum APIs by their specifications, on this or any other server.
    #[command(subcommand)]
    Conformance(conformance::Command),
    /// Say whether a server or a simulator is ready; the status tells.
    Health(health::Arguments),
    /// Look for what would keep a server from running, and say how to mend it.
    Doctor,
    /// The OpenAPI documents of the interfaces.
    Openapi(openapi::Arguments),
    /// Bring the database's schema up to date.
    Migrate,
    /// Print a completion script for a shell.
    Completions { shell: clap_complete::Shell },
}

impl Cli {
    /// Parses the process's arguments; prints help or the mistake and ends the process where there is one.
    #[must_use]
    pub fn from_process() -> Self {
        let matches = Self::command().try_get_matches();
        let matches = matches.map_err(|e| name_variable(e, std::env::args_os().skip(1)));
        matches.and_then(|m| Self::from_matches(&m)).unwrap_or_else(|e| e.exit())
    }

    fn from_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut cli = Self::from_arg_matches(matches)?;
        for (arg, key) in [
            ("data", "data"),
            ("listen", "listen"),
            ("role", "role"),
            ("hypervisor", "hypervisor"),
            ("database", "database.url"),
            ("amqp", "amqp.url"),
        ] {
            let from = match matches.value_source(arg) {
                Some(ValueSource::CommandLine) => format!("--{arg}"),
                Some(ValueSource::EnvVariable) => describe::variable(key),
                _ => continue,
            };
            cli.global.came_from.insert(key, from);
        }
        Ok(cli)
    }
}

/// The parser names a flag for what is wrong with a variable that stands for one; this names the variable.
fn name_variable(mut error: clap::Error, given: impl Iterator<Item = OsString>) -> clap::Error {
    let Some(ContextValue::String(named)) = error.get(ContextKind::InvalidArg) else { return error };
    let flag = named.split_whitespace().next().unwrap_or_default().to_owned();
    let is_flag = |word: OsString| word.to_string_lossy().split('=').next() == Some(&flag);
    if given.into_iter().any(is_flag) {
        return error;
    }
    let command = Cli::command();
    let variable = command.get_arguments().find(|a| a.get_long() == flag.strip_prefix("--"));
    if let Some(name) = variable.and_then(clap::Arg::get_env) {
        let name = name.to_string_lossy().into_owned();
        error.insert(ContextKind::InvalidArg, ContextValue::String(name));
    }
    error
}

impl Global {
    fn overrides(&self) -> Overrides {
        Overrides {
            listen: (!self.listen.is_empty()).then(|| self.listen.clone()),
            data: self.data.clone(),
            role: self.role,
            hypervisor: self.hypervisor.clone(),
            database: self.database.clone().map(|url| UrlOnly { url }),
            amqp: self.amqp.clone().map(|url| UrlOnly { url }),
            came_from: self.came_from.clone(),
        }
    }

    fn load(&self) -> anyhow::Result<Config> {
        Ok(Config::load(self.config.as_ref(), &self.overrides())?)
    }

    /// A client of the server that is meant: `--server`, else the one that this configuration would start.
    fn http(&self) -> anyhow::Result<Http> {
        let base = match &self.server {
            Some(server) => server.clone(),
            None => match self.load()?.listen.first() {
                Some(address) if address.port() != 0 => format!("http://{address}"),
                _ => {
                    let message = "the configuration names no address to ask; name one with --server or TELVISOR_SERVER";
                    return Err(Stop::Usage(message.into()).into());
                }
            },
        };
        Ok(Http::new(&base, config::token())?)
    }
}

/// Runs the command, and gives the status to end with: 0 well, 1 what was asked for did not come true.
///
/// # Errors
/// What went wrong, for the reader; [`Stop`] where it was no failure of the work.
pub async fn run(cli: Cli, out: &mut Out<'_>) -> anyhow::Result<u8> {
    let global = &cli.global;
    if let Some(Command::Completions { shell }) = &cli.command {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut Cli::command(), "telvisor", &mut script);
        out.bytes(&script)?;
        return Ok(0);
    }
    config::check_environment()?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => Box::pin(serve::run(global, out)).await,
        Command::Demo(arguments) => Box::pin(demo::run(global, &arguments, out)).await,
        Command::Simulator(arguments) => Box::pin(simulator::run(global, &arguments, out)).await,
        Command::Order(command) => Box::pin(order::run(&global.http()?, command, out)).await,
        Command::Jobs => jobs::list(&global.http()?, out).await,
        Command::Fallout(command) => jobs::fallout(&global.http()?, &command, out).await,
        Command::Alarms(command) => alarms::run(|| global.http(), &command, out).await,
        Command::Performance(arguments) => performance::run(&global.http()?, &arguments, out).await,
        Command::Listeners(command) => listeners::run(&global.http()?, &command, out).await,
        Command::Client(command) => Box::pin(client::run(global, &command, out)).await,
        Command::Sdr(command) => sdr::run(global, &command, out).await,
        Command::App(command) => app::run(&command, out),
        Command::Config(command) => config_command::run(global, &command, out),
        Command::Conformance(command) => {
            let server = || Ok(global.http()?.base().to_owned());
            Box::pin(conformance::run(server, config::token(), command, out)).await
        }
        Command::Health(arguments) => health::run(global, &arguments, out).await,
        Command::Doctor => Box::pin(doctor::run(global, out)).await,
        Command::Openapi(arguments) => openapi::run(&arguments, out),
        Command::Migrate => migrate::run(global, out).await,
        Command::Completions { .. } => unreachable!("answered above"),
    }
}

/// How the reader called this program, so that the commands we suggest can be copied.
fn program() -> String {
    std::env::args_os().next().and_then(|name| name.into_string().ok()).unwrap_or_else(|| "telvisor".into())
}

#[cfg(test)]
mod tests;
