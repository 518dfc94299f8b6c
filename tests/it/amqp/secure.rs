//! TLS with an authority of one's own, a password from a file, the rights and the policy that docs/operations.md names.

use super::*;

/// Words of the command in docs/operations.md that begins so.
fn documented(begin: &str) -> Vec<String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md")).unwrap();
    let line = page.lines().find(|l| l.starts_with(begin)).unwrap_or_else(|| panic!("{begin} …"));
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.strip_prefix("rabbitmqctl ").expect("it is a command of the broker's").chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words
}

#[tokio::test]
async fn tls_passwords_from_files_and_the_documented_policy() {
    let Some(broker) = Broker::open().await else { return };
    let mut site = Box::pin(Site::open()).await;
    broker.ctl(&["add_user", "telvisor", "pass:word@1"]).await;
    for command in ["rabbitmqctl set_permissions telvisor", "rabbitmqctl set_policy telvisor"] {
        let words = documented(command);
        broker.ctl(&words.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    let password = site.data().with_file_name("password");
    std::fs::write(&password, "pass:word@1\n").unwrap();
    let url = run(&broker.script, "amqps", &broker.node(), &[]).await.replace("guest:guest", "telvisor");
    let files = [
        ("TELVISOR_AMQP__PASSWORD_FILE", password.display().to_string()),
        ("TELVISOR_AMQP__CA_FILE", broker.node().join("tls/ca.pem").display().to_string()),
    ];
    let api = process_with(&mut site, "api", &url, &files).await;
    let _worker = process_with(&mut site, "worker", &url, &files).await;
    let orders = client(&api);
    completed(&orders, &place(&orders, &create("C-1")).await).await;
    assert!(metric(&api, "telvisor_amqp_published_total").await >= 1.0);

    let listed = broker.ctl(&["list_connections", "user", "ssl", "--formatter", "json"]).await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let connections = listed.as_array().unwrap();
    assert!(connections.len() >= 2, "{listed}");
    assert!(connections.iter().all(|c| c["ssl"] == true && c["user"] == "telvisor"), "{listed}");
    let listed = broker.ctl(&["list_queues", "name", "policy", "--formatter", "json"]).await;
    let queues: Value = serde_json::from_str(&listed).unwrap();
    for name in ["telvisor.lines", "telvisor.jobs.machine"] {
        let queue = queues.as_array().unwrap().iter().find(|q| q["name"] == name).unwrap();
        assert_eq!(queue["policy"], "telvisor", "{listed}");
    }

    // Whom the authority does not vouch for gets nothing: the connection is refused, orders go on.
    let stranger = process_with(&mut site, "api", &url, &files[..1]).await;
    let orders = client(&stranger);
    place(&orders, &create("C-2")).await;
    let mut looks = Looks::until("the broker is said to be away", PATIENCE);
    while !stranger.log().contains("the broker is away") {
        looks.again().await;
    }
    assert!(metric(&stranger, "telvisor_amqp_connected").await < 1.0);
}
