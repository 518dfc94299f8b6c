//! Servers that die at fault points while clients go on ordering, so that each point is passed for certain, however
//! fast or slow the machine is.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::site::{Server, Site, Start};

/// Longest time until a server under load passes a point.
const PATIENCE: Duration = Duration::from_secs(600);

/// Clients that order side by side.
pub struct Load {
    clients: JoinSet<usize>,
    enough: watch::Sender<bool>,
}

impl Load {
    /// Each of `clients` orders its share of at least `least` numbers, and goes on until [`Self::end`].
    pub fn start<F, O>(clients: usize, least: usize, order: F) -> Self
    where
        F: Fn(usize) -> O + Clone + Send + 'static,
        O: Future<Output = ()> + Send,
    {
        let enough = watch::Sender::new(false);
        let mut tasks = JoinSet::new();
        for first in 0..clients {
            let (order, enough) = (order.clone(), enough.subscribe());
            tasks.spawn(async move {
                let mut n = first;
                while n < least || !*enough.borrow() {
                    order(n).await;
                    n += clients;
                }
                n / clients
            });
        }
        Self { clients: tasks, enough }
    }

    /// Lets every client come to the end of its share. Returns how many numbers were ordered.
    pub async fn end(mut self) -> usize {
        self.enough.send_replace(true);
        let mut ordered = 0;
        while let Some(client) = self.clients.join_next().await {
            ordered += client.expect("every order was answered");
        }
        ordered
    }
}

/// A server that dies at a fault; `url` tells the clients of it.
pub async fn dies(site: &mut Site, url: &watch::Sender<String>, fault: &str) {
    let mut server = match site.start(Some(fault)).await {
        Start::Ready(server) => *server,
        Start::Ended(_, words) => {
            assert!(words.contains("dying here"), "{words}");
            return;
        }
    };
    url.send_replace(server.url.clone());
    let ended = tokio::time::timeout(PATIENCE, server.ended()).await;
    ended.unwrap_or_else(|_| panic!("{fault} was not passed; the server wrote\n{}", server.log()));
    assert!(server.log().contains("dying here"), "{}", server.log());
    url.send_replace(String::new());
}

/// A server that dies at none.
pub async fn lives(site: &mut Site, url: &watch::Sender<String>) -> Server {
    let server = site.ready().await;
    url.send_replace(server.url.clone());
    server
}
