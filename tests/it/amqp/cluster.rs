//! Three nodes: one is killed, and the work goes on by the others.

use super::*;

/// A private cluster.
struct Cluster {
    script: PathBuf,
    folder: TempDir,
    urls: String,
}

impl Cluster {
    async fn open() -> Option<Self> {
        let script = PathBuf::from(setting("TEST_RABBITMQ")?);
        setting("TEST_DATABASE_URL")?;
        let folder = TempDir::new().unwrap();
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711)).unwrap();
        let mut cluster = Self { script, folder, urls: String::new() };
        cluster.urls = run(&cluster.script, "cluster", &cluster.nodes(), &[]).await;
        Some(cluster)
    }

    fn nodes(&self) -> PathBuf {
        self.folder.path().join("nodes")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut command = std::process::Command::new(&self.script);
        command.arg("stop").arg(self.nodes()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok();
    }
}

#[tokio::test]
async fn a_cluster_that_loses_a_node_goes_on() {
    let Some(cluster) = Cluster::open().await else { return };
    let mut site = Box::pin(Site::open()).await;
    let api = process(&mut site, "api", &cluster.urls).await;
    let _worker = process(&mut site, "worker", &cluster.urls).await;
    let client = client(&api);
    completed(&client, &place(&client, &create("C-0")).await).await;

    // All are connected to the first node, and it led the queues.
    run(&cluster.script, "kill", &cluster.nodes().join("1"), &[]).await;
    let mut placed = vec![];
    for n in 1..=20 {
        placed.push(place(&client, &create(&format!("C-{n}"))).await);
    }
    for order in &placed {
        completed(&client, order).await;
    }
    let members = run(
        &cluster.script,
        "run",
        &cluster.nodes().join("2"),
        &["rabbitmqctl", "--quiet", "list_queues", "name", "members", "--formatter", "json"],
    )
    .await;
    let queues: Value = serde_json::from_str(&members).unwrap();
    let lines = queues.as_array().unwrap().iter().find(|q| q["name"] == "telvisor.lines").unwrap();
    assert_eq!(lines["members"].as_array().unwrap().len(), 3, "{lines}");
}
