//! What outsiders rely on, faults, fences, quotas, capacity.

use std::fs;

use serde_json::{Value, json};

use super::super::REMEMBERED;
use super::super::operations::Twist;
use super::*;
use crate::hypervisor::MachineState;

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_one_readable_file_with_exactly_the_published_members() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = open(dir.path()).await;
    with_application(&*simulator, &guard(7)).await;
    let file = dir.path().join("machines/tv-7");
    let found: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let wanted = json!({
        "id": Uuid::from_u128(7), "tenant": "default", "customer": "C-1", "state": "running",
        "vcpu": 2, "memoryMiB": 1024, "diskGiB": 10,
        "applications": [{
            "subscription": SUBSCRIPTION, "application": "crm", "version": "1.0", "plan": "small",
            "state": "running",
        }],
    });
    assert_eq!(found, wanted);
    assert_eq!(fs::read_dir(dir.path().join("machines")).unwrap().count(), 1);
    let data = dir.path().join(format!("volumes/tv-7/{SUBSCRIPTION}"));
    assert_eq!(fs::read_to_string(data.join("counter")).unwrap(), "0\n");
    assert_eq!(fs::read_to_string(data.join("format")).unwrap(), "1.0\n");
    must(&*simulator, &guard(7), &Operation::DeleteMachine, "gone").await;
    assert!(!file.exists() && !data.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_effect_strikes_as_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = open(dir.path()).await;
    let arm = |effect| simulator.set_faults(faulty(Rule::nth("create_machine", 1, effect)));
    let count = || fs::read_dir(dir.path().join("machines")).unwrap().count();

    arm(Effect::Fail);
    let ended = act(&*simulator, &guard(1), &create(), "fail").await;
    assert!(matches!(ended, Observation::Fail { .. }), "{ended:?}");
    arm(Effect::Retry);
    let ended = act(&*simulator, &guard(1), &create(), "retry").await;
    assert!(matches!(ended, Observation::Retry { .. }), "{ended:?}");
    arm(Effect::Capacity);
    let refused = simulator.begin(&guard(1), &create(), "capacity").await.unwrap_err();
    assert!(matches!(refused, DriverError::Capacity(_)), "{refused:?}");
    arm(Effect::TimeoutBefore);
    let away = simulator.begin(&guard(1), &create(), "before").await.unwrap_err();
    assert!(matches!(away, DriverError::Unreachable(_)), "{away:?}");
    assert_eq!(count(), 0);

    arm(Effect::TimeoutAfterActing);
    let away = simulator.begin(&guard(1), &create(), "after").await.unwrap_err();
    assert!(matches!(away, DriverError::Unreachable(_)), "{away:?}");
    must(&*simulator, &guard(1), &create(), "after").await;
    assert_eq!(count(), 1);

    arm(Effect::Unknown);
    assert_eq!(act(&*simulator, &guard(2), &create(), "unknown").await, Observation::Unknown);
    assert_eq!(count(), 2);
    must(&*simulator, &guard(2), &create(), "unknown").await;
    let log = fs::read_to_string(dir.path().join("operations.log")).unwrap();
    let lines: Vec<Value> = log.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let made = lines.iter().filter(|l| l["operation"] == "create_machine" && l["changed"] == true).count();
    assert_eq!(made, 2, "{log}");

    let read = Rule { call: "read".into(), ..Rule::nth("*", 1, Effect::TimeoutBefore) };
    simulator.set_faults(faulty(read));
    simulator.write(&guard(1), "file", 0, b"x").await.unwrap();
    assert!(simulator.read(&guard(1), "file", 0, 1).await.is_err());
    assert_eq!(simulator.read(&guard(1), "file", 0, 1).await.unwrap(), b"x");
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_in_the_world_s_file_work_on_a_running_simulator() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = open(dir.path()).await;
    let rules = json!({"rules": [{"operation": "suspend_machine", "nth": 2, "effect": "fail"}]});
    must(&*simulator, &guard(1), &create(), "a").await;
    fs::write(dir.path().join("faults.json"), rules.to_string()).unwrap();
    must(&*simulator, &guard(1), &Operation::SuspendMachine, "b").await;
    let ended = act(&*simulator, &guard(1), &Operation::SuspendMachine, "c").await;
    assert!(matches!(ended, Observation::Fail { .. }), "{ended:?}");
    must(&*simulator, &guard(1), &Operation::SuspendMachine, "d").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_worker_stops_what_an_older_one_began_or_takes_it_over() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = open(dir.path()).await;
    must(&*simulator, &guard(1), &create(), "a").await;
    let newer = Guard { fence: 2, ..guard(1) };
    // What was begun reaches its effect when the test says so.
    let latency_ms = [("suspend_machine".to_owned(), Latency::Fixed(3_600_000))].into();
    simulator.set_faults(Settings { latency_ms, ..Settings::default() });
    let inner = &simulator.inner;
    let effect = |guard: &Guard, handle: &Handle, key: &str| {
        let running = inner.running()[&handle.0].clone();
        inner.finish(guard, &running, key, Twist::None, false)
    };
    let state = async || simulator.owned(Uuid::from_u128(1)).await.unwrap()[0].state;

    let older = simulator.begin(&guard(1), &Operation::SuspendMachine, "older").await.unwrap();
    must(&*simulator, &newer, &Operation::ResumeMachine, "newer").await;
    let ended = effect(&guard(1), &older, "older");
    assert!(matches!(&ended, Observation::Retry { reason } if reason.contains("newer worker")), "{ended:?}");
    assert_eq!(state().await, MachineState::Running);

    let began = simulator.begin(&newer, &Operation::SuspendMachine, "shared").await.unwrap();
    let newest = Guard { fence: 3, ..guard(1) };
    assert_eq!(simulator.begin(&newest, &Operation::SuspendMachine, "shared").await.unwrap(), began);
    let stale = simulator.begin(&newer, &Operation::SuspendMachine, "shared").await;
    assert_eq!(stale, Err(DriverError::Fenced { given: 2, seen: 3 }));
    let ended = effect(&newer, &began, "shared");
    assert!(matches!(ended, Observation::Done { .. }), "{ended:?}");
    assert_eq!(state().await, MachineState::Suspended);
}

#[tokio::test(flavor = "multi_thread")]
async fn data_above_the_quota_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = open(dir.path()).await;
    let machine = guard(1);
    with_application(&*simulator, &machine).await;
    must(&*simulator, &machine, &run(script(Role::Backup)), "backup").await;
    let large = dir.path().join(format!("volumes/tv-1/{SUBSCRIPTION}/large"));
    fs::File::create(&large).unwrap().set_len((1 << 30) + 1).unwrap();
    let before = fs::read(dir.path().join("machines/tv-1")).unwrap();
    let to = |role, version: &str| Script {
        version: version.into(),
        plan: "tiny".into(),
        from_version: Some("1.0".into()),
        ..script(role)
    };
    for (i, refused) in [to(Role::Configure, "1.0"), to(Role::Downgrade, "0.9"), to(Role::Upgrade, "2.0")]
        .into_iter()
        .enumerate()
    {
        let ended = act(&*simulator, &machine, &run(refused.clone()), &format!("refused-{i}")).await;
        assert!(
            matches!(&ended, Observation::Fail { reason } if reason.contains("quota of 1 GiB")),
            "{ended:?}"
        );
        assert_eq!(fs::read(dir.path().join("machines/tv-1")).unwrap(), before);
        let fits = Script { quota_gib: 2, plan: "small".into(), version: "1.0".into(), ..refused };
        must(&*simulator, &machine, &run(fits), &format!("fits-{i}")).await;
    }
    // A restore counts what is in the archive, not what is there now.
    must(&*simulator, &machine, &run(script(Role::Restore)), "restore").await;
    assert!(!large.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_larger_than_the_quota_keeps_the_old_data() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = open(dir.path()).await;
    let machine = guard(1);
    with_application(&*simulator, &machine).await;
    let mut header = tar::Header::new_gnu();
    header.set_path("large").unwrap();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(2 << 30);
    header.set_mode(0o644);
    header.set_cksum();
    let archive = zstd::encode_all(&header.as_bytes()[..], 1).unwrap();
    simulator.write(&machine, "backup.tar.zst", 0, &archive).await.unwrap();
    let ended = act(&*simulator, &machine, &run(script(Role::Restore)), "restore").await;
    assert!(matches!(&ended, Observation::Fail { reason } if reason.contains("quota")), "{ended:?}");
    assert!(dir.path().join(format!("volumes/tv-1/{SUBSCRIPTION}/counter")).exists());
    assert_eq!(fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn reinstalling_keeps_the_data_and_an_archive_of_another_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = open(dir.path()).await;
    let machine = guard(1);
    with_application(&*simulator, &machine).await;
    let counter = dir.path().join(format!("volumes/tv-1/{SUBSCRIPTION}/counter"));
    fs::write(&counter, "41\n").unwrap();
    must(&*simulator, &machine, &run(script(Role::Backup)), "backup").await;
    must(&*simulator, &machine, &run(script(Role::Remove)), "remove").await;
    must(&*simulator, &machine, &run(script(Role::Install)), "again").await;
    assert_eq!(fs::read_to_string(&counter).unwrap(), "41\n");
    let said = Script { from_version: Some("3.0".into()), ..script(Role::Restore) };
    let ended = act(&*simulator, &machine, &run(said), "wrong").await;
    assert!(
        matches!(&ended, Observation::Fail { reason } if reason.contains("version 1.0, not 3.0")),
        "{ended:?}"
    );
    let other = Script { application: "shop".into(), ..script(Role::Start) };
    let ended = act(&*simulator, &machine, &run(other), "other").await;
    assert!(
        matches!(&ended, Observation::Fail { reason } if reason.contains("is crm, not shop")),
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn capacity_is_known_again_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let small = super::super::HostSize { vcpu: 3, ..super::super::HostSize::default() };
    let options = Options { hosts: Some(vec![small]), ..Options::default() };
    let simulator = Simulator::open(dir.path(), options).await.unwrap();
    must(&*simulator, &guard(1), &create(), "a").await;
    let before = simulator.hosts().await.unwrap();
    assert_eq!((before[0].vcpu_total, before[0].vcpu_free), (3, 1));
    simulator.close().await;
    let simulator = Simulator::open(dir.path(), Options::default()).await.unwrap();
    assert_eq!(simulator.hosts().await.unwrap(), before);
    let refused = simulator.begin(&guard(2), &create(), "b").await.unwrap_err();
    assert!(matches!(refused, DriverError::Capacity(_)), "{refused:?}");
    must(&*simulator, &guard(1), &Operation::DeleteMachine, "c").await;
    must(&*simulator, &guard(2), &create(), "d").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_want_the_last_room_do_not_both_get_it() {
    let dir = tempfile::tempdir().unwrap();
    let small = super::super::HostSize { vcpu: 9, ..super::super::HostSize::default() };
    let options = Options { hosts: Some(vec![small]), faults: slow(), ..Options::default() };
    let simulator = Simulator::open(dir.path(), options).await.unwrap();
    let mut begun = 0;
    for machine in 1..=8 {
        match simulator.begin(&guard(machine), &create(), "k").await {
            Ok(_) => begun += 1,
            Err(e) => assert!(matches!(e, DriverError::Capacity(_)), "{e:?}"),
        }
    }
    assert_eq!(begun, 4);
    simulator.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_finished_operations_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = open(dir.path()).await;
    let first = simulator.begin(&guard(1), &create(), "first").await.unwrap();
    end(&*simulator, &first).await;
    for i in 0..REMEMBERED {
        assert_ne!(end(&*simulator, &first).await, Observation::Unknown, "{i}");
        must(&*simulator, &guard(1), &Operation::ResumeMachine, &format!("k-{i}")).await;
    }
    assert_eq!(end(&*simulator, &first).await, Observation::Unknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_paths_that_lead_out_of_the_world_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let simulator = open(&dir.path().join("world")).await;
    for name in ["", "..", "../x", "a/b", "/etc", ".hidden", "a\0b"] {
        let guard = Guard { name: name.into(), ..guard(1) };
        let refused = simulator.begin(&guard, &create(), "k").await.unwrap_err();
        assert!(matches!(refused, DriverError::Refused(_)), "{name:?}: {refused:?}");
    }
    must(&*simulator, &guard(1), &create(), "k").await;
    for path in ["", "/", "a/../../b", ".."] {
        let refused = simulator.write(&guard(1), path, 0, b"x").await.unwrap_err();
        assert!(matches!(refused, DriverError::Refused(_)), "{path:?}: {refused:?}");
    }
    let hole = simulator.write(&guard(1), "file", 5, b"x").await.unwrap_err();
    assert!(matches!(hole, DriverError::Refused(_)), "{hole:?}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
