//! A process that ends tells first what it still has to tell.

use std::sync::Arc;

use telvisor::config::{Config, Overrides};
use telvisor::queue::Queue;
use telvisor::queue::amqp::{self, Ending, Process};
use telvisor::store::{Hint, Trace};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::*;

/// The relay of a process that is told to end before it has told anything: how long it takes to end.
async fn ends_with_something_to_tell(url: &str) -> Duration {
    let mut config = Config::load(None, &Overrides::default()).unwrap();
    url.clone_into(&mut config.amqp.url);
    let broker = amqp::Broker::configured(&config.amqp).unwrap();
    let queue = Arc::new(Queue::new(false, broker.map(Arc::new)));
    queue.publish(vec![Hint::Line {
        tenant: "default".into(),
        customer_id: "C-1".into(),
        trace: Trace(None),
    }]);
    let ending = Ending { shutdown: CancellationToken::new(), quiet: CancellationToken::new() };
    ending.shutdown.cancel();
    ending.quiet.cancel();
    let began = tokio::time::Instant::now();
    let mut tasks = JoinSet::new();
    amqp::start(&queue, Process { name: "ending".into(), slots: None }, &mut tasks, ending);
    tokio::time::timeout(PATIENCE, tasks.join_all()).await.expect("it ends");
    began.elapsed()
}

#[tokio::test]
async fn what_waits_is_told_before_the_end() {
    let Some(broker) = Broker::open().await else { return };
    ends_with_something_to_tell(&broker.url).await;
    let connection = Connection::connect(&broker.url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let got = channel.basic_get("telvisor.lines".into(), BasicGetOptions { no_ack: true }).await.unwrap();
    let told: Value = serde_json::from_slice(&got.expect("the hint").delivery.data).unwrap();
    assert!(told.to_string().contains("C-1"), "{told}");
}

#[tokio::test]
async fn a_broker_that_is_away_holds_up_no_end() {
    let took = ends_with_something_to_tell("amqp://guest:guest@127.0.0.1:1/%2f").await;
    assert!(took < Duration::from_secs(30), "{took:?}");
}
