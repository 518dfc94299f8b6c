use super::*;

fn target(n: u128, version: &str, plan: &str, vcpu: u32) -> Target {
    Target {
        subscription: Uuid::from_u128(n),
        application: "crm".into(),
        version: version.into(),
        plan: plan.into(),
        digest: "d".into(),
        size: Size { vcpu, memory_mib: 512 * u64::from(vcpu), disk_gib: 10 * u64::from(vcpu) },
    }
}

fn base() -> Size {
    Size { vcpu: 1, memory_mib: 512, disk_gib: 4 }
}

fn machine(installed: Vec<(Target, bool)>) -> MachineView {
    let size = installed.iter().fold(base(), |s, (t, _)| s.plus(t.size));
    MachineView { id: Uuid::from_u128(99), size, suspended: false, installed, base: base() }
}

fn last_chance(job: &JobPlan) -> Option<usize> {
    job.steps.iter().position(|s| s.last_chance)
}

#[test]
fn after_the_point_of_no_return_every_step_is_marked() {
    let t = target(1, "1.0", "small", 1);
    let m = machine(vec![(t.clone(), true), (target(2, "1.0", "small", 1), true)]);
    let stored = StoredBackup { id: Uuid::from_u128(7), version: "1.0".into() };
    let jobs = [
        terminate(&m, &t, Some(Uuid::from_u128(8)), false),
        terminate_machine(&m, &[]),
        change(&m, &t, &target(1, "2.0", "large", 2), true, Uuid::from_u128(9)),
        restore(&m, &t, &stored, Uuid::from_u128(9)),
    ];
    for job in jobs {
        let at = last_chance(&job).expect(&job.title);
        assert!(job.steps[at..].iter().all(|s| s.last_chance), "{}", job.title);
        assert!(at > 0, "{}", job.title);
    }
}

#[test]
fn the_machine_follows_the_plans_and_its_disk_only_grows() {
    let small = target(1, "1.0", "small", 1);
    let large = target(1, "1.0", "large", 4);
    let m = machine(vec![(large.clone(), true)]);
    let job = change(&m, &large, &small, false, Uuid::from_u128(9));
    let sizes: Vec<_> = job
        .steps
        .iter()
        .filter_map(|s| if let Act::ResizeMachine { size } = s.act { Some(size) } else { None })
        .collect();
    assert_eq!(sizes, [Size { vcpu: 2, memory_mib: 1024, disk_gib: 44 }]);
    let up = change(&machine(vec![(small.clone(), true)]), &small, &large, true, Uuid::from_u128(9));
    assert!(matches!(up.steps[0].act, Act::ResizeMachine { size } if size.vcpu == 5), "room first");
}

#[test]
fn a_suspended_customers_subscription_is_terminated_and_the_rest_sleeps_again() {
    let t = target(1, "1.0", "small", 1);
    let mut m = machine(vec![(t.clone(), true), (target(2, "1.0", "small", 1), true)]);
    m.suspended = true;
    let job = terminate(&m, &t, Some(Uuid::from_u128(8)), false);
    assert_eq!(job.steps[0].act, Act::ResumeMachine);
    assert_eq!(job.steps.last().unwrap().act, Act::SuspendMachine);
}

#[test]
fn an_undone_upgrade_has_the_old_version_with_the_old_data() {
    let (from, to) = (target(1, "1.0", "small", 1), target(1, "2.0", "small", 1));
    let job = change(&machine(vec![(from.clone(), true)]), &from, &to, true, Uuid::from_u128(9));
    let upgrade = job
        .steps
        .iter()
        .find(|s| matches!(&s.act, Act::Script { role: Role::Upgrade, .. }))
        .expect("there is an upgrade");
    let Undo::By(acts) = &upgrade.undo else { panic!("an upgrade is undone") };
    let roles: Vec<_> =
        acts.iter().map(|a| if let Act::Script { role, .. } = a { *role } else { Role::Health }).collect();
    assert_eq!(roles, [Role::Remove, Role::Install, Role::Restore]);
}
