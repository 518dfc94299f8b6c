//! Crash recovery with whole processes: servers that die at every fault point and at random moments under a running
//! load, and an auditor who looks at what is left.
//!
//! `TELVISOR_TEST_SEED` replays a run's draws, `TELVISOR_TEST_FULL` asks for every point and at least 100 kills.

pub mod audit;
pub mod client;
pub mod doors;
pub mod draw;
pub mod evidence;
pub mod load;
pub mod model;
mod planted;
pub mod run;
pub mod site;
pub mod under_load;

use run::Run;
use site::{Site, Start};

use crate::harness::setting;

/// Kills of a usual run, and the least of a full one.
const KILLS: usize = 20;
const KILLS_FULL: usize = 100;

/// The seed of this run: given, or new.
pub fn seed() -> u64 {
    let given =
        setting("TELVISOR_TEST_SEED").map(|text| text.parse().expect("TELVISOR_TEST_SEED is a number"));
    given
        .unwrap_or_else(|| u64::try_from(telvisor::clock::new_id().as_u128() & 0xffff_ffff).expect("32 bits"))
}

#[tokio::test]
async fn kills_lose_nothing_and_double_nothing() {
    let full = setting("TELVISOR_TEST_FULL").is_some();
    let seed = seed();
    println!("seed {seed} (TELVISOR_TEST_SEED={seed} draws the same again)");
    let mut run = Run::begin(seed).await;
    if full {
        run.all_points(seed, KILLS_FULL).await;
    } else {
        run.some_points(seed, KILLS).await;
    }
    println!("{}", run.report());
    let (books, seen) = run.end().await;
    let wrong = audit::audit(&books, &seen);
    println!(
        "{} orders, {} links, {} SDR files audited",
        books.placed.len(),
        books.links.len(),
        seen.files.len()
    );
    assert!(wrong.is_empty(), "seed {seed}:\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_auditor_finds_whatever_is_planted() {
    let mut run = Run::begin(1).await;
    run.answered(40).await;
    run.a_file_is_sealed().await;
    let (books, seen) = run.end().await;
    assert_eq!(audit::audit(&books, &seen), Vec::<String>::new());
    for (what, words, plant) in planted::BREACHES {
        let (mut books, mut seen) = (books.clone(), seen.clone());
        plant(&mut books, &mut seen);
        let wrong = audit::audit(&books, &seen);
        assert!(wrong.iter().any(|w| w.contains(words)), "the auditor does not see {what}: {wrong:?}");
    }
}

#[tokio::test]
async fn a_server_that_drains_loses_nothing_and_ends_well() {
    let mut run = Run::begin(2).await;
    for _ in 0..3 {
        run.drain_after(15).await;
    }
    let (books, seen) = run.end().await;
    assert_eq!(audit::audit(&books, &seen), Vec::<String>::new());
}

#[tokio::test]
async fn a_second_server_on_the_same_data_refuses_to_start() {
    let mut site = Site::open().await;
    // With its own simulator, and with one beside it where the database is a file in the data folder.
    let beside = format!("sim+unix:{}", site.world().with_file_name("simulator.sock").display());
    let hypervisors =
        if site.on_postgres() { vec!["sim".to_owned()] } else { vec!["sim".to_owned(), beside] };
    for (n, hypervisor) in hypervisors.iter().enumerate() {
        site.use_folder(&format!("data-{n}"));
        let Start::Ready(mut first) = site.start_with(hypervisor, None).await else {
            panic!("the first one starts")
        };
        match site.start_with(hypervisor, None).await {
            Start::Ready(_) => {
                panic!("a second server started on the data folder of the first ({hypervisor})")
            }
            Start::Ended(status, words) => {
                assert_eq!(status.code(), Some(1), "{words}");
                // The key, the folder, and the way out.
                let folder = site.data().display().to_string();
                let clear = words.contains("data:") && words.contains(&folder) && words.contains("stop");
                assert!(clear, "{words}");
            }
        }
        assert!(first.terminate().await.success(), "{}", first.log());
        let Start::Ready(mut next) = site.start_with(hypervisor, None).await else {
            panic!("it is free again")
        };
        assert!(next.terminate().await.success(), "{}", next.log());
    }
}
