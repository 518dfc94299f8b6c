//! One run: a load that goes on, servers that die under it, and the end in which everything is let finish.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use telvisor::fault::POINTS;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::audit;
use super::client::{Client, is_final};
use super::doors::{self, Door};
use super::draw::Draw;
use super::evidence::Evidence;
use super::load::{Books, Faults, Life, download};
use super::site::{Server, Site, Start};
use crate::notify::Ear;
use crate::process::Looks;

/// Customers who live at the same time.
const CUSTOMERS: usize = 6;
/// Answered POSTs between two seals.
const SEAL_EVERY: usize = 12;
/// Answered POSTs within which a fault point has to be passed.
const BOUND: usize = 60;
/// Time in which they have to be answered, or the point passed.
const STALL: Duration = Duration::from_secs(60);
/// Time in which the record of the last download has to come.
const JOURNAL: Duration = Duration::from_secs(15);
/// Where the listener registers.
const HUB: &str = "/tmf-api/serviceOrdering/v4/hub";
/// Time that everything open gets to end without kills.
const CALM: Duration = Duration::from_secs(180);

/// How one server ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Death {
    /// At a fault point.
    At(&'static str),
    /// By SIGKILL at a random moment.
    Killed,
    /// By SIGKILL, because the point was not passed in time.
    NotPassed(&'static str),
}

pub struct Run {
    site: Site,
    url: watch::Sender<String>,
    posted: watch::Sender<usize>,
    client: Client,
    books: Arc<Mutex<Books>>,
    stop: CancellationToken,
    load: JoinHandle<()>,
    sealer: JoinHandle<()>,
    server: Option<Server>,
    deaths: Vec<Death>,
    began: std::time::Instant,
    /// Who is told of the orders, and how it comes to be.
    ear: Ear,
    listens: JoinHandle<Value>,
}

impl Run {
    /// Starts the simulator and the load, which waits for a server.
    pub async fn begin(seed: u64) -> Self {
        let site = Site::open().await;
        let (url, posted) = (watch::Sender::new(String::new()), watch::Sender::new(0));
        let client = Client::new(url.subscribe(), posted.clone());
        let books = Arc::new(Mutex::new(Books::default()));
        let faults = Arc::new(Faults::new(&site.world()));
        let stop = CancellationToken::new();
        // Somebody listens, so that deliveries are among what is under way when a server dies.
        let ear = Ear::open().await;
        let register = json!({ "callback": ear.url });
        let listener = client.clone();
        let listens = tokio::spawn(async move { listener.post(HUB, &register).await.expect(201) });
        let load = tokio::spawn(live(seed, client.clone(), books.clone(), faults, doors::V4, stop.clone()));
        let sealer = tokio::spawn(seal(client.clone(), posted.subscribe(), stop.clone()));
        let began = std::time::Instant::now();
        Self {
            site,
            url,
            posted,
            client,
            books,
            stop,
            load,
            sealer,
            server: None,
            deaths: vec![],
            began,
            ear,
            listens,
        }
    }

    /// Points drawn from the seed, every fifth kill at a random moment.
    pub async fn some_points(&mut self, seed: u64, kills: usize) {
        let mut draw = Draw::new(seed, 1);
        let mut points = POINTS.to_vec();
        draw.shuffle(&mut points);
        let mut points = points.into_iter().cycle();
        while self.deaths.len() < kills {
            if self.deaths.len() % 5 == 4 {
                self.kill_after(draw.between(1, 25)).await;
            } else {
                let point = points.next().expect("it goes round");
                let passing = draw.between(1, usual(point));
                self.die_at(point, passing).await;
            }
        }
    }

    /// Until every point was hit and there were so many kills; a point that is not passed comes again.
    pub async fn all_points(&mut self, seed: u64, kills: usize) {
        let mut draw = Draw::new(seed, 1);
        for round in 0.. {
            let mut points = POINTS.to_vec();
            if round > 0 && self.deaths.len() >= kills {
                points.retain(|p| self.missed().contains(p));
            }
            draw.shuffle(&mut points);
            for point in points {
                // The later the round, the nearer the passing: what is rare is hit at last.
                let passing = draw.between(1, usual(point).div_ceil(round + 1));
                self.die_at(point, passing).await;
                if draw.one_in(4) {
                    self.kill_after(draw.between(1, 25)).await;
                }
            }
            if self.deaths.len() >= kills && self.missed().is_empty() {
                return;
            }
            assert!(round < 20, "points that are never passed: {:?}", self.missed());
        }
    }

    /// Points at which no server has died.
    fn missed(&self) -> BTreeSet<&'static str> {
        POINTS.iter().copied().filter(|p| !self.deaths.contains(&Death::At(p))).collect()
    }

    /// Starts a server that dies at the n-th passing of a point.
    async fn die_at(&mut self, point: &'static str, passing: usize) {
        let fault = format!("{point}:{passing}");
        let last_words = format!("fault point {point}: dying here");
        let mut server = match self.site.start(Some(&fault)).await {
            Start::Ready(server) => *server,
            Start::Ended(status, words) => {
                assert!(words.contains(&last_words), "a server ended by itself: {status}\n{words}");
                self.deaths.push(Death::At(point));
                return;
            }
        };
        self.url.send_replace(server.url.clone());
        let death = tokio::select! {
            status = server.ended() => {
                assert!(server.log().contains(&last_words), "a server ended by itself: {status}\n{}", server.log());
                Death::At(point)
            }
            ended = &mut self.load => panic!("the load ended: {ended:?}"),
            () = answered(&self.posted, BOUND) => Death::NotPassed(point),
        };
        if death != Death::At(point) {
            server.kill().await;
        }
        self.url.send_replace(String::new());
        self.deaths.push(death);
    }

    /// Starts a server and kills it after so many answered POSTs.
    async fn kill_after(&mut self, posts: usize) {
        self.answered(posts).await;
        self.server.take().expect("just started").kill().await;
        self.url.send_replace(String::new());
        self.deaths.push(Death::Killed);
    }

    /// Starts a server and lets it drain after so many answered POSTs.
    pub async fn drain_after(&mut self, posts: usize) {
        self.answered(posts).await;
        let mut server = self.server.take().expect("just started");
        let status = server.terminate().await;
        self.url.send_replace(String::new());
        assert!(status.success(), "{status}\n{}", server.log());
        assert!(!server.log().contains("did not end in time"), "{}", server.log());
    }

    /// Starts a server and waits until it has answered so many POSTs.
    pub async fn answered(&mut self, posts: usize) {
        let server = self.site.ready().await;
        self.url.send_replace(server.url.clone());
        self.server = Some(server);
        tokio::select! {
            ended = &mut self.load => panic!("the load ended: {ended:?}"),
            () = answered(&self.posted, posts) => {}
        }
    }

    /// What was reached, for people.
    pub fn report(&self) -> String {
        let count = |of: fn(&Death) -> bool| self.deaths.iter().filter(|d| of(d)).count();
        let in_vain: BTreeSet<_> = self
            .deaths
            .iter()
            .filter_map(|d| match d {
                Death::NotPassed(point) => Some(*point),
                _ => None,
            })
            .collect();
        format!(
            "{} kills in {:.1} minutes: {} at fault points, {} at random moments, {} because a point was not passed; \
             {} of {} points hit, not hit: {:?}; in vain: {in_vain:?}",
            self.deaths.len(),
            self.began.elapsed().as_secs_f64() / 60.0,
            count(|d| matches!(d, Death::At(_))),
            count(|d| *d == Death::Killed),
            count(|d| matches!(d, Death::NotPassed(_))),
            POINTS.len() - self.missed().len(),
            POINTS.len(),
            self.missed(),
        )
    }

    /// Waits until a file holds records, so that those which are written later come into another one.
    pub async fn a_file_is_sealed(&self) {
        let mut looks = Looks::until("a file holds records", CALM);
        while sealed(&self.client).await == 0 {
            looks.again().await;
        }
    }

    /// Lets everything end on a server that lives, gathers the evidence, and stops the server.
    pub async fn end(mut self) -> (Books, Evidence) {
        if self.server.is_none() {
            let server = self.site.ready().await;
            self.url.send_replace(server.url.clone());
            self.server = Some(server);
        }
        self.stop.cancel();
        self.load.await.expect("every life went as it had to");
        self.listens.await.expect("the listener was registered");
        assert!(!self.ear.taken().is_empty(), "the listener was told of the orders");
        self.sealer.await.expect("every seal went as it had to");
        let books = self.books.lock().unwrap().clone();
        let seen = settled(&self.client, &books, &self.site).await;
        let mut server = self.server.expect("started above");
        let status = server.terminate().await;
        assert!(status.success(), "{status}\n{}", server.log());
        (books, seen)
    }
}

/// Waits until all that was placed has ended and lies in files, and gathers the evidence.
pub async fn settled(client: &Client, books: &Books, site: &Site) -> Evidence {
    let mut looks = Looks::until("nothing is open", CALM);
    while client.get("/api/v1/jobs").await.expect(200) != json!([])
        || !client.orders().await.0.iter().all(is_final)
    {
        looks.again().await;
    }
    // A customer whose download broke off, or whose server died just then, comes again; the record stays one.
    for link in &books.links {
        download(client, link).await;
    }
    let (orders, _) = client.orders().await;
    let wanted = audit::expected(books, &orders).len();
    let mut looks = Looks::until("every record is in a file", JOURNAL);
    // Should one never come, the auditor says which.
    while sealed(client).await < wanted && !looks.time_is_up() {
        looks.again().await;
    }
    Evidence::gather(client, site).await
}

/// Seals what is open; how many records the files of one recipient hold.
async fn sealed(client: &Client) -> usize {
    let answer = client.post("/api/v1/sdr/seal", &json!({})).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    let files = client.get("/api/v1/sdr/files").await.expect(200);
    let of_csv = files.as_array().unwrap().iter().filter(|f| f["recipient"] == "mediation-csv");
    of_csv.map(|f| usize::try_from(f["records"].as_u64().unwrap()).unwrap()).sum()
}

/// The highest passing that is drawn for a point: what is passed seldom has to be hit early.
fn usual(point: &str) -> usize {
    match point.split('.').next() {
        // A plan's change is one of several orders.
        _ if point.ends_with("handle_commit") => 2,
        Some("accept" | "line" | "claim" | "step" | "driver" | "job" | "sweep") => 15,
        _ => 2,
    }
}

pub async fn answered(posted: &watch::Sender<usize>, posts: usize) {
    let mut posted = posted.subscribe();
    let target = *posted.borrow() + posts;
    // When the time is up the kill comes all the same.
    tokio::time::timeout(STALL, posted.wait_for(|n| *n >= target)).await.ok();
}

/// Customers side by side, each followed by another until `stop`.
pub async fn live(
    seed: u64,
    client: Client,
    books: Arc<Mutex<Books>>,
    faults: Arc<Faults>,
    doors: &'static [Door],
    stop: CancellationToken,
) {
    let mut lives = JoinSet::new();
    for number in 0.. {
        while lives.len() >= CUSTOMERS || stop.is_cancelled() {
            match lives.join_next().await {
                Some(ended) => ended.expect("a life went as it had to"),
                None => return,
            }
        }
        lives.spawn(Life::new(seed, number, client.clone(), books.clone(), faults.clone(), doors).run());
    }
}

/// Closes SDR files again and again while the load runs.
pub async fn seal(client: Client, mut posted: watch::Receiver<usize>, stop: CancellationToken) {
    let mut next = SEAL_EVERY;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            reached = posted.wait_for(|n| *n >= next) => drop(reached.expect("the run holds the other end")),
        }
        sealed(&client).await;
        next = *posted.borrow() + SEAL_EVERY;
    }
}
