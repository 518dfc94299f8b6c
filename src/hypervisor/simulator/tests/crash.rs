//! A kill at any point of any operation is healed by beginning the operation again.

use std::fs;

use super::*;

/// Every file below the folders that matter, with its octets.
fn snapshot(world: &Path) -> BTreeMap<String, Vec<u8>> {
    fn collect(folder: &Path, prefix: &str, into: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().unwrap().is_dir() {
                collect(&entry.path(), &name, into);
                into.insert(name, Vec::new());
            } else {
                into.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    let mut files = BTreeMap::new();
    for folder in ["machines", "tags", "volumes", "spool", "swap"] {
        collect(&world.join(folder), folder, &mut files);
    }
    files
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, place) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            copy(&path, &place);
        } else {
            fs::copy(&path, &place).unwrap();
        }
    }
}

/// A life that uses every operation.
fn whole_life() -> Vec<Operation> {
    let newer = |role| Script { version: "2.0".into(), from_version: Some("1.0".into()), ..script(role) };
    vec![
        create(),
        volume(),
        run(script(Role::Install)),
        run(script(Role::Start)),
        run(script(Role::Backup)),
        run(newer(Role::Upgrade)),
        run(Script { plan: "large".into(), version: "2.0".into(), ..script(Role::Configure) }),
        run(newer(Role::Restore)),
        run(Script { from_version: Some("2.0".into()), ..script(Role::Downgrade) }),
        Operation::ResizeMachine { size: Size { vcpu: 4, memory_mib: 2048, disk_gib: 20 } },
        Operation::SuspendMachine,
        Operation::ResumeMachine,
        run(script(Role::Stop)),
        run(script(Role::Remove)),
        Operation::DeleteSpool { path: "backup.tar.zst".into() },
        Operation::DeleteVolume { subscription: SUBSCRIPTION },
        volume(),
        run(script(Role::Install)),
        Operation::DeleteMachine,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_after_any_change_is_healed_by_repeating_the_operation() {
    let dir = tempfile::tempdir().unwrap();
    let before = dir.path().join("0");
    open(&before).await.close().await;
    let mut points = 0;
    let mut before = before;
    for (i, operation) in whole_life().iter().enumerate() {
        let key = format!("key-{i}");
        let after = dir.path().join((i + 1).to_string());
        copy(&before, &after);
        let simulator = open(&after).await;
        must(&*simulator, &guard(7), operation, &key).await;
        simulator.close().await;
        let wanted = snapshot(&after);
        for changes in 0.. {
            let world = dir.path().join("killed");
            copy(&before, &world);
            let simulator = open(&world).await;
            simulator.inner.world.die_after(changes);
            let survived = match simulator.begin(&guard(7), operation, &key).await {
                Ok(handle) => matches!(end(&*simulator, &handle).await, Observation::Done { .. }),
                Err(e) => panic_unless_away(&e),
            };
            simulator.close().await;
            let simulator = open(&world).await;
            must(&*simulator, &guard(7), operation, &key).await;
            simulator.close().await;
            let found = snapshot(&world);
            assert!(found == wanted, "{} killed after {changes}: {:?}", operation.name(), found.keys());
            let log = fs::read_to_string(world.join("operations.log")).unwrap();
            let changed =
                log.lines().filter(|l| l.contains(&format!("\"{key}\"")) && l.contains("\"changed\":true"));
            let most = if matches!(operation.name(), "backup" | "restore") { 2 } else { 1 };
            assert!(changed.count() <= most, "{log}");
            fs::remove_dir_all(&world).unwrap();
            if survived {
                break;
            }
            points += 1;
        }
        before = after;
    }
    // Fewer would mean that operations change the world past the one place that counts changes.
    assert!(points > 100, "{points}");
}

fn panic_unless_away(e: &DriverError) -> bool {
    assert!(matches!(e, DriverError::Unreachable(_)), "{e:?}");
    false
}

/// A reader, and whoever repairs, sees every volume that has data, whenever the process was killed.
#[tokio::test(flavor = "multi_thread")]
async fn no_data_is_left_that_no_tag_names() {
    let dir = tempfile::tempdir().unwrap();
    for operation in
        [volume(), Operation::DeleteVolume { subscription: SUBSCRIPTION }, Operation::DeleteMachine]
    {
        for changes in 0..12 {
            let world = dir.path().join(format!("{}-{changes}", operation.name()));
            let simulator = open(&world).await;
            must(&*simulator, &guard(7), &create(), "a").await;
            if operation != volume() {
                must(&*simulator, &guard(7), &volume(), "b").await;
            }
            simulator.inner.world.die_after(changes);
            if let Ok(handle) = simulator.begin(&guard(7), &operation, "c").await {
                end(&*simulator, &handle).await;
            }
            simulator.close().await;
            let simulator = open(&world).await;
            let owned = simulator.owned(Uuid::from_u128(1)).await.unwrap();
            if simulator.inner.world.volume("tv-7", SUBSCRIPTION).exists() {
                assert_eq!(owned[0].volumes, [SUBSCRIPTION], "{} killed after {changes}", operation.name());
            }
            simulator.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_cut_off_is_unknown_and_a_finished_one_is_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = open(dir.path()).await;
    let first = simulator.begin(&guard(7), &create(), "first").await.unwrap();
    let done = end(&*simulator, &first).await;
    simulator.set_faults(slow());
    let second = simulator.begin(&guard(7), &Operation::SuspendMachine, "second").await.unwrap();
    let seen = simulator.observe(&second, Duration::ZERO).await.unwrap();
    assert_eq!(seen, Observation::Running { percent: 0 });
    simulator.close().await;
    let closed = simulator.observe(&second, Duration::ZERO).await.unwrap_err();
    assert!(matches!(closed, DriverError::Unreachable(_)), "{closed:?}");

    let simulator = open(dir.path()).await;
    assert_eq!(end(&*simulator, &first).await, done);
    assert_eq!(end(&*simulator, &second).await, Observation::Unknown);
    assert_eq!(simulator.begin(&guard(7), &Operation::SuspendMachine, "second").await.unwrap(), second);
    assert_eq!(end(&*simulator, &second).await, done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_opener_is_refused_until_the_first_has_gone() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = open(dir.path()).await;
    let world = simulator.world_id().await.unwrap();
    let refused = Simulator::open(dir.path(), Options::default()).await.unwrap_err().to_string();
    assert!(refused.contains("in use by another process"), "{refused}");
    assert!(refused.contains(&*dir.path().to_string_lossy()), "{refused}");
    simulator.close().await;
    let options = Options { new_world_id: Uuid::from_u128(0x88), ..Options::default() };
    let simulator = Simulator::open(dir.path(), options).await.unwrap();
    assert_eq!(simulator.world_id().await.unwrap(), world);
}
