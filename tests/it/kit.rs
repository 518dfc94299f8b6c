//! The conformance kit against our server behind a proxy that breaks one rule: exactly the check of that rule fails.

use std::collections::BTreeSet;

use telvisor::conformance::check::{Outcome, Stop};
use telvisor::conformance::official::Api;
use telvisor::conformance::{self, Options};
use tempfile::TempDir;
use tokio::io::BufReader;

use crate::harness::database;
use crate::process::{PATIENCE, announced, telvisor};

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
        if let Some(url) = database().await {
            command.arg("--database").arg(url);
        }
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().expect("it is piped"));
        let started = tokio::time::timeout(PATIENCE, announced(out)).await.expect("it starts in time");
        let url = started.expect("it is ready")["urls"][0].as_str().unwrap().to_owned();
        Self { child, url, _folder: folder }
    }
}

/// The checks of these sections that fail.
async fn failures(target: &str, api: &'static Api, sections: &[&str]) -> BTreeSet<String> {
    let options = Options {
        target: target.to_owned(),
        api,
        token: None,
        any_implementation: false,
        catalogue: None,
        application: None,
        listener: "127.0.0.1:0".parse().unwrap(),
        callback: None,
        only: sections.iter().map(|s| (*s).to_owned()).collect(),
    };
    let outcomes = conformance::run(&options, &mut |_| {}).await.expect("it begins");
    assert!(outcomes.len() >= sections.len(), "{sections:?}");
    let failed = |o: &Outcome| matches!(o.end, Err(Stop::Failed(_)));
    outcomes.iter().filter(|o| failed(o)).map(|o| o.title.clone()).collect()
}

#[tokio::test]
async fn a_planted_fault_makes_exactly_its_check_fail() {
    let mut server = Server::start().await;
    let proxy = Proxy::start(&server.url).await;
    let api = Api::named("tmf641", 4).unwrap();
    let sections: BTreeSet<_> = PLANTS.iter().map(|plant| plant.section).collect();
    let sections: Vec<_> = sections.into_iter().collect();
    let before = failures(&proxy.url, api, &sections).await;
    for plant in PLANTS {
        proxy.plant(Some(plant));
        let failed = failures(&proxy.url, api, &[plant.section]).await;
        let by_it: Vec<_> = failed.difference(&before).collect();
        assert_eq!(by_it, [plant.fails], "in section {}", plant.section);
    }
    server.child.kill().await.unwrap();
}
