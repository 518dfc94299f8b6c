//! Exchange and queues, declared alike by every process at each connection. Limits of length and of deliveries are
//! policies of the broker (docs/operations.md), so that they can be changed without declaring anything anew.

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Connection, ExchangeKind};

use super::{BrokerError, Process};
use crate::queue::MACHINE_JOBS;

/// The names of what was declared.
#[derive(Debug, Clone)]
pub struct Topology {
    pub exchange: ShortString,
    pub lines: ShortString,
    pub jobs: ShortString,
    /// Where messages that cannot be read go.
    pub dead: ShortString,
    /// This process's own; none where it does not work.
    pub news: Option<ShortString>,
}

/// Name of the queue for messages that cannot be read.
#[must_use]
pub fn dead(prefix: &str) -> String {
    format!("{prefix}.dead")
}

/// Declares everything, idempotently.
///
/// # Errors
/// When the broker refuses, or what is there under a name is of another kind.
pub async fn declare(
    connection: &Connection,
    prefix: &str,
    process: &Process,
) -> Result<Topology, BrokerError> {
    let channel = connection.create_channel().await?;
    let topology = Topology {
        exchange: prefix.into(),
        lines: format!("{prefix}.lines").into(),
        jobs: format!("{prefix}.jobs.{MACHINE_JOBS}").into(),
        dead: dead(prefix).into(),
        news: process.slots.map(|_| format!("{prefix}.news.{}", process.name).into()),
    };
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let exchange = topology.exchange.clone();
    channel.exchange_declare(exchange.clone(), ExchangeKind::Direct, durable, FieldTable::default()).await?;
    quorum(&channel, &topology.dead, None).await?;
    for (queue, key) in
        [(&topology.lines, "lines".to_owned()), (&topology.jobs, format!("jobs.{MACHINE_JOBS}"))]
    {
        quorum(&channel, queue, Some(&topology.dead)).await?;
        bind(&channel, queue, &exchange, &key).await?;
    }
    if let Some(news) = &topology.news {
        // What is new is told to every process that works, and to nobody when it is gone.
        let own =
            QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(news.clone(), own, FieldTable::default()).await?;
        bind(&channel, news, &exchange, "news").await?;
    }
    channel.close(200, "declared".into()).await?;
    Ok(topology)
}

/// A queue that the broker keeps on several nodes.
async fn quorum(
    channel: &Channel,
    name: &ShortString,
    dead: Option<&ShortString>,
) -> Result<(), BrokerError> {
    let mut arguments = FieldTable::default();
    let text = |value: &str| AMQPValue::LongString(value.into());
    arguments.insert("x-queue-type".into(), text("quorum"));
    if let Some(dead) = dead {
        arguments.insert("x-dead-letter-exchange".into(), text(""));
        arguments.insert("x-dead-letter-routing-key".into(), text(dead.as_str()));
    }
    channel.queue_declare(name.clone(), QueueDeclareOptions::durable(), arguments).await?;
    Ok(())
}

async fn bind(
    channel: &Channel,
    queue: &ShortString,
    exchange: &ShortString,
    key: &str,
) -> Result<(), BrokerError> {
    let options = QueueBindOptions::default();
    Ok(channel
        .queue_bind(queue.clone(), exchange.clone(), key.into(), options, FieldTable::default())
        .await?)
}
