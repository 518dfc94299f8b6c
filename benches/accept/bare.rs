//! The bare side of the jobs: messages published with confirms, consumed and acknowledged, on a durable quorum queue
//! like ours of the same broker, and nothing else done.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};

use crate::rate;

const QUEUE: &str = "bench-bare";
/// As many messages of a hint's size are on their way to the broker at once, as our relay has.
const BULK: usize = 64;
/// Length of the measurement.
const TIME: Duration = Duration::from_secs(3);

/// Messages per second from publish to ack, with `slots` taken at once.
pub async fn messages(url: &str, slots: u16) -> anyhow::Result<f64> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let publisher = connection.create_channel().await?;
    publisher.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    publisher.queue_declare(QUEUE.into(), QueueDeclareOptions::durable(), arguments).await?;
    let consumer = connection.create_channel().await?;
    consumer.basic_qos(slots, BasicQosOptions::default()).await?;
    let mut messages = consumer
        .basic_consume(QUEUE.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default())
        .await?;
    let began = Instant::now();
    let publish = async {
        let body = [b'x'; 96];
        let properties = BasicProperties::default().with_delivery_mode(2);
        while began.elapsed() < TIME {
            let mut sent = vec![];
            for _ in 0..BULK {
                let options = BasicPublishOptions::default();
                sent.push(
                    publisher
                        .basic_publish("".into(), QUEUE.into(), options, &body, properties.clone())
                        .await?,
                );
            }
            for confirm in sent {
                confirm.await?;
            }
        }
        anyhow::Ok(())
    };
    let consume = async {
        let mut count = 0;
        while began.elapsed() < TIME {
            let Ok(next) = tokio::time::timeout(Duration::from_millis(100), messages.next()).await else {
                continue;
            };
            next.context("the broker ended the consumer")??.ack(BasicAckOptions::default()).await?;
            count += 1;
        }
        anyhow::Ok(rate(count, began.elapsed()))
    };
    let (published, consumed) = tokio::join!(publish, consume);
    published?;
    publisher.queue_delete(QUEUE.into(), QueueDeleteOptions::default()).await?;
    connection.close(200, "done".into()).await?;
    consumed
}
