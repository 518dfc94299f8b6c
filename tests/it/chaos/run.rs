//! One run: five processes of ours on servers that are killed, under a load by all doors.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use telvisor_sdr::record::Record;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::proxy::Proxy;
use super::servers::Private;
use super::strikes::{Deck, Line, ROLES, Strike};
use super::told::{self, Kind};
use crate::crash::audit::audit;
use crate::crash::client::Client;
use crate::crash::doors::ALL;
use crate::crash::evidence::Evidence;
use crate::crash::load::{Books, Faults, Placed};
use crate::crash::run::{answered, live, seal, settled};
use crate::crash::site::{Server, Site, Start};
use crate::harness::{ORDERS, PRODUCT_ORDERS, setting};
use crate::notify::{Ear, HUB, PRODUCT_HUB};

/// By how many seconds the second worker's clock is wrong.
const OFF: i64 = 300;
/// Longer than the leases of one second, and than what a lease is renewed in.
const STANDSTILL: Duration = Duration::from_millis(2500);
/// Starts of one process until it must be ready: some die of the database that is still coming up.
const STARTS: usize = 20;

pub struct Run {
    site: Site,
    database: Private,
    broker: Private,
    to_database: Proxy,
    to_broker: Proxy,
    /// In front of the processes with doors, as a load balancer.
    front: Proxy,
    /// By their place in [`ROLES`]; none while it is dead.
    members: Vec<Option<Member>>,
    client: Client,
    /// Where the front is, which never changes; clients wait on it.
    _url: watch::Sender<String>,
    posted: watch::Sender<usize>,
    books: Arc<Mutex<Books>>,
    stop: CancellationToken,
    load: JoinHandle<()>,
    sealer: JoinHandle<()>,
    ears: [(Kind, Ear, String); 2],
    struck: BTreeMap<String, usize>,
    deaths: usize,
    began: Instant,
}

struct Member {
    server: Server,
    /// The fault point that it dies at, with the passing.
    fault: Option<(&'static str, usize)>,
}

impl Run {
    /// Starts everything, listeners first, then the load. None where the test run has no servers to kill.
    pub async fn begin(seed: u64) -> Option<Self> {
        setting("TEST_CHAOS")?;
        let (database, broker) =
            (Private::open("TEST_POSTGRES").await?, Private::open("TEST_RABBITMQ").await?);
        let to_database = Proxy::to(&[database.address()]).await;
        let to_broker = Proxy::to(&[broker.address()]).await;
        let front = Proxy::to(&[]).await;
        let site = Site::open_on(Some(database.url_at(to_database.address))).await;
        let url = watch::Sender::new(format!("http://{}", front.address));
        let posted = watch::Sender::new(0);
        let client = Client::new(url.subscribe(), posted.clone());
        let books = Arc::new(Mutex::new(Books::default()));
        let stop = CancellationToken::new();
        let nobody = [
            (Kind { member: "serviceOrder", path: ORDERS }, Ear::open().await, String::new()),
            (
                Kind { member: "productOrder", path: PRODUCT_ORDERS },
                Ear::open().await.of("tmf622", 4),
                String::new(),
            ),
        ];
        let mut run = Self {
            site,
            database,
            broker,
            to_database,
            to_broker,
            front,
            members: ROLES.iter().map(|_| None).collect(),
            client,
            _url: url,
            posted,
            books,
            stop,
            load: tokio::spawn(async {}),
            sealer: tokio::spawn(async {}),
            ears: nobody,
            struck: BTreeMap::new(),
            deaths: 0,
            began: Instant::now(),
        };
        for member in 0..ROLES.len() {
            run.start(member, None).await;
        }
        for (n, hub) in [HUB, PRODUCT_HUB].into_iter().enumerate() {
            let body = json!({ "callback": run.ears[n].1.url });
            let made = run.client.post(hub, &body).await.expect(201);
            run.ears[n].2 = made["id"].as_str().unwrap().to_owned();
        }
        let faults = Arc::new(Faults::new(&run.site.world()));
        let client = run.client.clone();
        run.load = tokio::spawn(live(seed, client.clone(), run.books.clone(), faults, ALL, run.stop.clone()));
        run.sealer = tokio::spawn(seal(client, run.posted.subscribe(), run.stop.clone()));
        Some(run)
    }

    /// Strikes until so many have died and every kind of blow has fallen; after each blow the load goes on for a while, then all that is down returns.
    pub async fn strike(&mut self, seed: u64, deaths: usize) {
        let mut deck = Deck::new(seed);
        while self.deaths < deaths || !deck.all_came() {
            // At times two at once.
            for _ in 0..deck.between(1, 2) {
                let strike = deck.next();
                println!("{:6.1} s: {strike:?}", self.began.elapsed().as_secs_f64());
                let name = format!("{strike:?}");
                let name = name.split(['(', ',']).next().unwrap_or_default().to_owned();
                *self.struck.entry(name).or_default() += 1;
                self.one(strike).await;
            }
            self.goes_on(deck.between(1, 6)).await;
            self.all_return().await;
            self.goes_on(deck.between(1, 6)).await;
            self.bury();
        }
    }

    async fn one(&mut self, strike: Strike) {
        match strike {
            Strike::Kill(member) => self.kill(member).await,
            Strike::Fault(member, point, passing) => {
                self.kill(member).await;
                self.start(member, Some((point, passing))).await;
            }
            Strike::Stop(member) => {
                if let Some(member) = &self.members[member] {
                    member.server.signal("STOP").await;
                    tokio::time::timeout(STANDSTILL, std::future::pending::<()>()).await.ok();
                    member.server.signal("CONT").await;
                }
            }
            Strike::Database => self.deaths += usize::from(self.database.kill().await),
            Strike::Broker => self.deaths += usize::from(self.broker.kill().await),
            Strike::Cut(line) => self.line(line).cut(),
            Strike::Shut(line) => self.line(line).shut(),
        }
    }

    fn line(&self, line: Line) -> &Proxy {
        match line {
            Line::Database => &self.to_database,
            Line::Broker => &self.to_broker,
            Line::Doors => &self.front,
        }
    }

    async fn kill(&mut self, member: usize) {
        if let Some(mut dead) = self.members[member].take() {
            dead.server.kill().await;
            self.deaths += 1;
        }
        self.lead();
    }

    /// Waits until so many requests more are answered; where nobody answers, a few seconds.
    async fn goes_on(&mut self, posts: usize) {
        let enough = answered(&self.posted, posts);
        tokio::select! {
            ended = &mut self.load => panic!("the load ended: {ended:?}"),
            ended = &mut self.sealer => panic!("the sealer ended: {ended:?}"),
            _ = tokio::time::timeout(Duration::from_secs(3), enough) => {}
        }
    }

    async fn all_return(&mut self) {
        self.bury();
        self.database.begin_again().await;
        self.broker.begin_again().await;
        for line in [Line::Database, Line::Broker, Line::Doors] {
            self.line(line).open();
        }
        for member in 0..ROLES.len() {
            if self.members[member].is_none() {
                self.start(member, None).await;
            }
        }
    }

    /// Notes who has died, which only those may who were told to.
    fn bury(&mut self) {
        for (place, role) in ROLES.iter().enumerate() {
            let Some(living) = &mut self.members[place] else { continue };
            let Some(status) = living.server.has_ended() else { continue };
            let log = living.server.log();
            let told = living.fault.is_some_and(|(point, _)| log.contains(&last_words(point)));
            assert!(told, "{role} {place} ended by itself: {status}\n{}", end_of(&log));
            self.deaths += 1;
            *self.struck.entry("at a fault point".into()).or_default() += 1;
            self.members[place] = None;
        }
        self.lead();
    }

    /// Starts a process of ours, which dies at a fault point or at none.
    async fn start(&mut self, member: usize, fault: Option<(&'static str, usize)>) {
        let url = self.broker.url_at(self.to_broker.address);
        let mut variables = vec![("TELVISOR_ROLE", ROLES[member].to_owned()), ("TELVISOR_AMQP", url)];
        if member == 3 {
            variables.push(("TELVISOR_TEST__CLOCK_OFFSET_S", OFF.to_string()));
        }
        if let Some((point, passing)) = fault {
            variables.push(("TELVISOR_TEST__FAULT", format!("{point}:{passing}")));
        }
        for _ in 0..STARTS {
            match Box::pin(self.site.start_one(&variables)).await {
                Start::Ready(server) => {
                    self.members[member] = Some(Member { server: *server, fault });
                    return self.lead();
                }
                Start::Ended(_, words) if fault.is_some_and(|(p, _)| words.contains(&last_words(p))) => {
                    self.deaths += 1;
                    *self.struck.entry("at a fault point".into()).or_default() += 1;
                    return;
                }
                // As a service manager does.
                Start::Ended(status, words) => {
                    assert!(words.contains("database"), "{status}\n{}", end_of(&words));
                    if fault.is_some() {
                        return;
                    }
                }
            }
        }
        panic!("{} {member} does not start", ROLES[member]);
    }

    /// Where the load balancer takes requests.
    pub fn doors(&self) -> String {
        format!("http://{}", self.front.address)
    }

    /// Orders that somebody else placed.
    pub fn also_placed(&self, placed: Vec<Placed>) {
        self.books.lock().unwrap().placed.extend(placed);
    }

    /// Replaces every process by a new one, as an upgrade does: no request is led to it any more, it drains and ends,
    /// another one is started.
    pub async fn roll(&mut self) {
        for place in 0..ROLES.len() {
            let mut old = self.members[place].take().expect("nobody has died");
            self.lead();
            let status = old.server.terminate().await;
            assert!(status.success(), "{status}\n{}", end_of(&old.server.log()));
            self.start(place, None).await;
            self.goes_on(5).await;
        }
    }

    /// Leads clients to the doors that are there.
    fn lead(&self) {
        let urls = self.members.iter().flatten().map(|m| m.server.url.trim_start_matches("http://"));
        let doors: Vec<&str> = urls.filter(|url| !url.is_empty()).collect();
        self.front.leads_to(&doors);
    }

    /// What was done, for people.
    pub fn report(&self) -> String {
        let minutes = self.began.elapsed().as_secs_f64() / 60.0;
        format!("{} deaths in {minutes:.1} minutes: {:?}", self.deaths, self.struck)
    }

    /// Lets everything end in calm; the evidence, and what is wrong with it.
    pub async fn end(mut self) -> (Books, Evidence, Vec<String>) {
        self.all_return().await;
        // Those that were to die and have not yet, do so no more.
        for member in 0..ROLES.len() {
            if self.members[member].as_ref().is_some_and(|m| m.fault.is_some()) {
                self.kill(member).await;
                self.start(member, None).await;
            }
        }
        self.stop.cancel();
        (&mut self.load).await.expect("every life went as it had to");
        (&mut self.sealer).await.expect("every seal went as it had to");
        let books = self.books.lock().unwrap().clone();
        let seen = Box::pin(settled(&self.client, &books, &self.site)).await;
        let mut wrong = audit(&books, &seen);
        wrong.extend(one_time(&seen));
        for (kind, ear, listener) in &self.ears {
            let stops = self.struck.get("Stop").copied().unwrap_or(0);
            wrong.extend(told::judge(&self.client, *kind, listener, ear, stops).await);
        }
        self.bury();
        for member in self.members.iter_mut().flatten() {
            let status = member.server.terminate().await;
            assert!(status.success(), "{status}\n{}", end_of(&member.server.log()));
        }
        (books, seen, wrong)
    }
}

/// Whoever did the work, and whatever that machine's clock showed: nothing was recorded before it happened.
fn one_time(seen: &Evidence) -> Vec<String> {
    let decoded = seen.delivered.values().filter_map(|octets| telvisor_sdr::decode::decode(octets).ok());
    let off = |r: &Record| r.event_time.signed_duration_since(r.record_time).num_seconds();
    let records = decoded.flat_map(|d| d.records).filter(|r| off(r) > 2);
    records
        .map(|r| format!("record {} was written {} s before what it tells", r.record_id, off(&r)))
        .collect()
}

fn last_words(point: &str) -> String {
    format!("fault point {point}: dying here")
}

/// The last lines of a log.
fn end_of(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
