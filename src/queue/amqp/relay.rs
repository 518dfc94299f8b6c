//! From what waits to the broker: in bulk, each message confirmed, none that no queue takes.

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use tokio_util::sync::CancellationToken;

use super::{Broker, BrokerError, message};
use crate::store::Hint;

/// Messages under way at once.
const BULK: usize = 512;

/// Publishes until the connection is lost, or nothing is hinted any more (`quiet`) and nothing waits.
///
/// # Errors
/// Why the connection is of no use any more; what was not confirmed waits again.
pub async fn run(
    broker: &Broker,
    connection: &Connection,
    exchange: &ShortString,
    quiet: &CancellationToken,
) -> Result<(), BrokerError> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut beat = tokio::time::interval(std::time::Duration::from_secs(1));
    loop {
        let hints = broker.take(BULK);
        if hints.is_empty() {
            if quiet.is_cancelled() {
                return Ok(());
            }
            if !connection.status().connected() {
                return Err(BrokerError::Silent);
            }
            tokio::select! {
                () = broker.bell.notified() => {}
                // A connection that is lost while nothing is to be said is seen by looking.
                _ = beat.tick() => {}
                () = quiet.cancelled() => {}
            }
            continue;
        }
        if let Err((e, left)) = bulk(&channel, exchange, hints).await {
            broker.publish(left);
            return Err(e);
        }
    }
}

/// Publishes some messages and waits for all confirms; those without one are in the error.
async fn bulk(
    channel: &Channel,
    exchange: &ShortString,
    hints: Vec<Hint>,
) -> Result<(), (BrokerError, Vec<Hint>)> {
    let (mut sent, mut left, mut lost) = (vec![], vec![], None);
    for hint in hints {
        if lost.is_some() {
            left.push(hint);
            continue;
        }
        // Nobody hears the news where nobody works, and nothing is lost by it.
        let mandatory = !matches!(hint, Hint::News);
        let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_content_type("application/json".into())
            .with_message_id(crate::clock::new_id().to_string().into())
            .with_app_id("telvisor".into())
            .with_headers(message::headers(&hint));
        let (key, body) = (message::key(&hint), message::write(&hint));
        match channel.basic_publish(exchange.clone(), key.into(), options, &body, properties).await {
            Ok(confirm) => sent.push((hint, confirm)),
            Err(e) => {
                lost = Some(BrokerError::from(e));
                left.push(hint);
            }
        }
    }
    let mut confirmed = 0;
    for (hint, confirm) in sent {
        let refused = match confirm.await {
            Ok(Confirmation::Ack(None) | Confirmation::NotRequested) => {
                confirmed += 1;
                continue;
            }
            Ok(Confirmation::Ack(Some(returned))) => BrokerError::Refused(returned.reply_text.to_string()),
            Ok(Confirmation::Nack(_)) => BrokerError::Refused("nack".to_owned()),
            Err(e) => BrokerError::from(e),
        };
        left.push(hint);
        lost.get_or_insert(refused);
    }
    metrics::counter!("telvisor_amqp_published_total").increment(confirmed);
    match lost {
        None => Ok(()),
        Some(e) => Err((e, left)),
    }
}
