//! The conformance kit against our server behind a proxy that breaks one rule: exactly the check of that rule fails.

use telvisor::conformance::check::{Outcome, Stop};
use telvisor::conformance::official::Api;
use telvisor::conformance::{self, Options};
use tempfile::TempDir;
use tokio::io::BufReader;

use crate::harness::database;
use crate::process::{PATIENCE, announced, on_database, telvisor};

mod plants;
mod proxy;

use plants::PLANTS;
use proxy::Proxy;

/// A server as it is started by its users.
struct Server {
    child: tokio::process::Child,
    url: String,
    _folder: TempDir,
}

impl Server {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let mut command = telvisor(&folder.path().join("server.log"));
        command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path().join("var"));
        on_database(&mut command, database().await.as_deref());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        let started = tokio::time::timeout(PATIENCE, announced(out)).await.expect("it starts in time");
        let url = started.expect("it is ready")["urls"][0].as_str().unwrap().to_owned();
        Self { child, url, _folder: folder }
    }
}

/// The checks of a section that fail.
async fn failures(target: &str, api: &'static Api, section: &str) -> Vec<String> {
    let options = Options {
        target: target.to_owned(),
        api,
        token: None,
        any_implementation: false,
        catalogue: None,
        application: None,
        listener: "127.0.0.1:0".parse().unwrap(),
        callback: None,
        only: vec![section.to_owned()],
    };
    let outcomes = conformance::run(&options, &mut |_| {}).await.expect("it begins");
    assert!(outcomes.iter().any(|o| o.end.is_ok()), "{section} proves nothing");
    let failed = |o: &Outcome| match &o.end {
        Err(Stop::Failed(why)) => Some((o.title.clone(), why.clone())),
        _ => None,
    };
    let failed: Vec<_> = outcomes.iter().filter_map(failed).collect();
    for (title, why) in &failed {
        println!("{title}: {why}");
    }
    failed.into_iter().map(|(title, _)| title).collect()
}

#[tokio::test]
async fn a_planted_fault_makes_exactly_its_check_fail() {
    let mut server = Server::start().await;
    let proxy = Proxy::start(&server.url).await;
    conformance::seed::run(&server.url, None).await.expect("it is seeded");
    let mut kinds: Vec<_> = PLANTS.iter().map(|plant| (plant.api, plant.section)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for (name, section) in kinds {
        let api = Api::named(name.0, name.1).unwrap();
        proxy.plant(None);
        assert_eq!(failures(&proxy.url, api, section).await, [""; 0], "{}, section {section}", api.title());
        for plant in PLANTS.iter().filter(|plant| plant.api == name && plant.section == section) {
            proxy.plant(Some(plant));
            let failed = failures(&proxy.url, api, section).await;
            assert_eq!(failed, [plant.fails], "{}, section {section}", api.title());
        }
    }
    server.child.kill().await.unwrap();
}
