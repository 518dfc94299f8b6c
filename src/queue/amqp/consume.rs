//! From the broker to the tasks of this process: as many messages at once as there are slots, each given back by an
//! ack when its task has done what it told of.

use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions,
    BasicQosOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Acker, BasicProperties, Channel, Connection, Consumer};
use tokio_util::sync::CancellationToken;

use super::topology::Topology;
use super::{BrokerError, message};
use crate::queue::Queue;
use crate::store::Hint;

/// A message that is not given back yet. One that is dropped comes again when the connection ends.
#[derive(Debug)]
pub struct Ticket(Acker);

impl Ticket {
    /// What it told of has been done.
    pub async fn done(self) {
        // An ack that does not arrive brings the message again, which costs a look.
        if let Err(e) = self.0.ack(BasicAckOptions::default()).await {
            tracing::debug!(error = %e, "a message comes again");
        }
    }

    /// It could not be done now.
    pub async fn again(self) {
        let options = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        self.0.nack(options).await.ok();
    }
}

/// Takes messages until the connection is lost; none any more once the process is to end.
///
/// # Errors
/// Why it is of no use any more.
pub async fn run(
    hints: &Queue,
    connection: &Connection,
    topology: &Topology,
    slots: u16,
    shutdown: &CancellationToken,
) -> Result<(), BrokerError> {
    let take = |queue, prefetch| take(hints, connection, queue, prefetch, &topology.dead, shutdown);
    let jobs = take(&topology.jobs, slots);
    let lines = take(&topology.lines, 64);
    let Some(news) = &topology.news else { return tokio::try_join!(jobs, lines).map(drop) };
    let news = take(news, 1);
    tokio::try_join!(jobs, lines, news).map(drop)
}

async fn take(
    hints: &Queue,
    connection: &Connection,
    queue: &ShortString,
    prefetch: u16,
    dead: &ShortString,
    shutdown: &CancellationToken,
) -> Result<(), BrokerError> {
    let channel = connection.create_channel().await?;
    channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    let mut messages =
        channel.basic_consume(queue.clone(), "".into(), options, FieldTable::default()).await?;
    loop {
        let next = tokio::select! {
            next = messages.next() => next,
            () = shutdown.cancelled() => return rest(&channel, messages).await,
        };
        let delivery = next.ok_or(BrokerError::Silent)??;
        match message::read(&delivery.data, delivery.properties.headers().as_ref()) {
            Ok(Hint::News) => {
                hints.bells().ring(Hint::News, None);
                Ticket(delivery.acker).done().await;
            }
            Ok(hint) => hints.bells().ring(hint, Some(Ticket(delivery.acker))),
            Err(why) => bury(&channel, queue, dead, delivery, &why).await?,
        }
    }
}

/// Leaves to others what this process will not do any more, and keeps the channel for what it still does.
async fn rest(channel: &Channel, mut messages: Consumer) -> Result<(), BrokerError> {
    channel.basic_cancel(messages.tag(), BasicCancelOptions::default()).await?;
    while let Some(delivery) = messages.next().await {
        Ticket(delivery?.acker).again().await;
    }
    std::future::pending().await
}

/// Puts a message that cannot be read where an operator finds it, with the reason.
async fn bury(
    channel: &Channel,
    queue: &ShortString,
    dead: &ShortString,
    delivery: Delivery,
    why: &str,
) -> Result<(), BrokerError> {
    tracing::error!(queue = queue.as_str(), why, "a message cannot be read; it goes to {dead}");
    metrics::counter!("telvisor_amqp_dead_total").increment(1);
    let mut headers = FieldTable::default();
    for (name, value) in [("x-telvisor-reason", why), ("x-telvisor-queue", queue.as_str())] {
        headers.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    let properties = BasicProperties::default().with_delivery_mode(2).with_headers(headers);
    let options = BasicPublishOptions::default();
    channel.basic_publish("".into(), dead.clone(), options, &delivery.data, properties).await?.await?;
    Ticket(delivery.acker).done().await;
    Ok(())
}
