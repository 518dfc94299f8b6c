//! Whole processes that die while they seal and deliver: at each fault point by a replayable seed, and at random.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use telvisor::clock::SystemClock;
use telvisor::config::{Config, Overrides};
use telvisor::fault::POINTS;
use telvisor::store::{Db, DbOptions};

use super::write;
use crate::crash::draw::Draw;
use crate::crash::seed;
use crate::crash::site::{Server, Site, Start};
use crate::harness::{ORDERS, create, files_below, setting};
use crate::process::Looks;

/// Kills of a usual run, on PostgreSQL, where a start takes longer, and of a full one.
const KILLS: usize = 50;
const KILLS_POSTGRES: usize = 20;
const KILLS_FULL: usize = 1000;

/// Three layouts; small files; one recipient that says nothing of what it has got.
const RECIPIENTS: &str = r#"[
  {name="csv", format="csv", records=3},
  {name="headers", format="asn1", framing="ts32297", ack="file"},
  {name="batch", format="asn1", framing="batch", records=2}]"#;

struct Life {
    site: Site,
    http: reqwest::Client,
    db: Option<Db>,
    /// Names of the records that were journalled, live and test.
    written: [Vec<String>; 2],
}

impl Life {
    async fn begin() -> Self {
        let http = telvisor::http::client().timeout(Duration::from_secs(30)).build().unwrap();
        let mut life = Self { site: Site::open().await, http, db: None, written: [vec![], vec![]] };
        let Start::Ready(mut server) = life.start(None).await else { panic!("the first one starts") };
        let mut test = create("T1");
        let list = test["service"]["serviceCharacteristic"].as_array_mut().unwrap();
        list.push(json!({ "name": "test", "value": true }));
        for item in [create("C1"), test] {
            life.order(&server, item).await;
        }
        // Beside the server, on the same database.
        let mut config = Config::load(None, &Overrides::default()).unwrap();
        config.data = life.site.data();
        if let Some(url) = life.site.database() {
            config.database.url = url.to_owned();
        }
        life.db = Some(Db::open(&DbOptions::of(&config), Arc::new(SystemClock)).await.unwrap());
        server.kill().await;
        life
    }

    async fn start(&mut self, fault: Option<&str>) -> Start {
        let mut variables = vec![("TELVISOR_MEDIATION__RECIPIENT", RECIPIENTS.to_owned())];
        variables.extend(fault.map(|f| ("TELVISOR_TEST__FAULT", f.to_owned())));
        self.site.start_one(&variables).await
    }

    async fn order(&self, server: &Server, item: Value) {
        let url = format!("{}{ORDERS}", server.url);
        let body = json!({ "serviceOrderItem": [item] });
        let placed: Value = self.http.post(&url).json(&body).send().await.unwrap().json().await.unwrap();
        let id = placed["id"].as_str().unwrap();
        let mut looks = Looks::until("the customer is there", Duration::from_secs(60));
        loop {
            let order = self.http.get(format!("{url}/{id}")).send().await.unwrap();
            if order.json::<Value>().await.unwrap()["state"] == "completed" {
                return;
            }
            looks.again().await;
        }
    }

    /// Journals some records, each in a transaction of its own.
    async fn journal(&mut self, draw: &mut Draw) {
        let db = self.db.as_ref().expect("it is open");
        for _ in 0..draw.between(1, 4) {
            let test = draw.one_in(4);
            let names = &mut self.written[usize::from(test)];
            let name = format!("{}{:06}", if test { "t" } else { "l" }, names.len());
            let mut tx = db.tenant("default").await.unwrap();
            write(&mut tx, if test { "T1" } else { "C1" }, &name).await;
            tx.commit().await.unwrap();
            names.push(name);
        }
    }

    /// Whether the server has answered.
    async fn seals(&self, server: &Server) -> bool {
        let sent = self.http.post(format!("{}/api/v1/sdr/seal", server.url)).json(&json!({})).send().await;
        match sent {
            Ok(answer) => {
                let status = answer.status();
                let text = answer.text().await.unwrap_or_default();
                assert!(status.is_success() || text.is_empty(), "{status}: {text}");
                true
            }
            Err(_) => false,
        }
    }

    /// A server that dies at a fault point, or is killed when it does not pass it.
    async fn dies_at(&mut self, point: &str, passing: usize, draw: &mut Draw) -> bool {
        self.journal(draw).await;
        match self.start(Some(&format!("{point}:{passing}"))).await {
            // At its start it delivers what was left.
            Start::Ended(_, words) => {
                assert!(words.contains("dying here"), "a server ended by itself: {words}");
                true
            }
            Start::Ready(mut server) => {
                for _ in 0..10 {
                    if !self.seals(&server).await {
                        let status = server.ended().await;
                        assert!(server.log().contains("dying here"), "{status}\n{}", server.log());
                        return true;
                    }
                    self.journal(draw).await;
                }
                server.kill().await;
                false
            }
        }
    }

    /// A server that is killed some time after it was asked to seal.
    async fn dies_at_random(&mut self, draw: &mut Draw) {
        self.journal(draw).await;
        let Start::Ready(mut server) = self.start(None).await else { panic!("it starts") };
        for _ in 0..draw.below(3) {
            self.seals(&server).await;
            self.journal(draw).await;
        }
        let moment = Duration::from_micros(draw.below(60_000) as u64);
        // The kill comes wherever it is then.
        let _ = tokio::time::timeout(moment, self.seals(&server)).await;
        server.kill().await;
    }

    /// Nothing lost, nothing twice, no gap, and every octet as it is rebuilt.
    async fn audit(mut self, seed: u64) {
        let Start::Ready(mut server) = self.start(None).await else { panic!("it starts") };
        assert!(self.seals(&server).await);
        let get = async |path: &str| {
            let answer = self.http.get(format!("{}{path}", server.url)).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            answer.bytes().await.unwrap().to_vec()
        };
        let list: Vec<Value> = serde_json::from_slice(&get("/api/v1/sdr/files").await).unwrap();
        let mut there = files_below(&self.site.data().join("sdr"));
        there.retain(|path, _| !path.starts_with(".work/"));
        let mut streams: BTreeMap<(String, bool), Vec<&Value>> = BTreeMap::new();
        for f in &list {
            let stream = (f["recipient"].as_str().unwrap().to_owned(), f["test"].as_bool().unwrap());
            streams.entry(stream).or_default().push(f);
        }
        assert_eq!(streams.len(), 6, "seed {seed}");
        for ((recipient, test), mut files) in streams {
            files.sort_by_key(|f| f["fileSeq"].as_u64());
            let state = if recipient == "headers" { "delivered" } else { "acknowledged" };
            let (mut next, mut names) = (1, vec![]);
            for (n, f) in files.iter().enumerate() {
                let about = format!("seed {seed}, {recipient}, test {test}: {f}");
                assert_eq!((&f["fileSeq"], &f["state"]), (&json!(n + 1), &json!(state)), "{about}");
                assert_eq!(f["firstNumber"], next, "{about}");
                next += f["records"].as_u64().unwrap();
                let folder = if test { format!("{recipient}/test") } else { recipient.clone() };
                let path = format!("{folder}/{}", f["name"].as_str().unwrap());
                let octets = there.remove(&path).unwrap_or_else(|| panic!("{about} is not there"));
                let rebuilt = get(&format!("/api/v1/sdr/files/{recipient}/{}?test={test}", n + 1)).await;
                assert!(octets == rebuilt, "{about} is rebuilt otherwise");
                let decoded = telvisor_sdr::decode::decode(&octets).expect("whole");
                names.extend(decoded.records.into_iter().map(|r| r.external_order_id.unwrap()));
            }
            names.sort();
            assert!(names == self.written[usize::from(test)], "seed {seed}, {recipient}: lost or doubled");
        }
        assert!(there.is_empty(), "seed {seed}: nobody knows of {:?}", there.keys());
        assert!(server.terminate().await.success(), "{}", server.log());
    }
}

#[tokio::test]
async fn kills_while_files_are_sealed_and_delivered_lose_and_double_nothing() {
    let kills = match (setting("TELVISOR_TEST_FULL"), setting("TEST_DATABASE_URL")) {
        (Some(_), _) => KILLS_FULL,
        (None, Some(_)) => KILLS_POSTGRES,
        (None, None) => KILLS,
    };
    let seed = seed();
    println!("seed {seed} (TELVISOR_TEST_SEED={seed} draws the same again)");
    let mut draw = Draw::new(seed, 8);
    let points: Vec<_> = POINTS.iter().filter(|p| p.starts_with("seal.")).collect();
    let mut life = Life::begin().await;
    let mut hit: BTreeMap<&str, usize> = BTreeMap::new();
    for n in 0..kills {
        if n % 4 == 3 {
            life.dies_at_random(&mut draw).await;
            continue;
        }
        // Each in its turn, so that a short run has them all.
        let point = points[n % points.len()];
        let passing = draw.between(1, 8);
        if life.dies_at(point, passing, &mut draw).await {
            *hit.entry(point).or_default() += 1;
        }
    }
    println!("{kills} kills, at fault points: {hit:?}");
    assert_eq!(hit.len(), points.len(), "seed {seed}: every point was passed: {hit:?}");
    life.audit(seed).await;
}
