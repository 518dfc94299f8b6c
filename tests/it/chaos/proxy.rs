//! A TCP proxy whose connections can be cut, and which leads to whichever of its targets takes the next one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

#[derive(Default)]
struct Ways {
    targets: Vec<String>,
    /// Where the last connection led.
    last: usize,
    links: JoinSet<()>,
    /// Takes connections only to end them.
    shut: bool,
}

pub struct Proxy {
    pub address: SocketAddr,
    ways: Arc<Mutex<Ways>>,
    server: JoinHandle<()>,
}

impl Proxy {
    pub async fn to(targets: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ways = Arc::new(Mutex::new(Ways::default()));
        let proxy = Self { address, ways: ways.clone(), server: tokio::spawn(serve(listener, ways)) };
        proxy.leads_to(targets);
        proxy
    }

    /// Where new connections lead, in turn.
    pub fn leads_to(&self, targets: &[&str]) {
        self.ways.lock().unwrap().targets = targets.iter().map(|&t| t.to_owned()).collect();
    }

    /// Ends every connection that is open now.
    pub fn cut(&self) {
        // Those that are dropped are aborted, and their sockets closed.
        self.ways.lock().unwrap().links = JoinSet::new();
    }

    /// Ends every connection, and lets none through until it is opened.
    pub fn shut(&self) {
        self.ways.lock().unwrap().shut = true;
        self.cut();
    }

    pub fn open(&self) {
        self.ways.lock().unwrap().shut = false;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, ways: Arc<Mutex<Ways>>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let mut now = ways.lock().unwrap();
        while now.links.try_join_next().is_some() {}
        if now.shut || now.targets.is_empty() {
            continue;
        }
        now.last += 1;
        let at = now.last % now.targets.len();
        let (before, from) = now.targets.split_at(at);
        let in_turn: Vec<String> = from.iter().chain(before).cloned().collect();
        now.links.spawn(link(client, in_turn));
    }
}

/// Connects with the first target that answers, and carries what is said.
async fn link(mut client: TcpStream, targets: Vec<String>) {
    for target in targets {
        if let Ok(mut server) = TcpStream::connect(target).await {
            client.set_nodelay(true).ok();
            server.set_nodelay(true).ok();
            tokio::io::copy_bidirectional(&mut client, &mut server).await.ok();
            return;
        }
    }
}
