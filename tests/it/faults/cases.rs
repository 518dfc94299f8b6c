//! The kinds of orders, each with what must be there before it.

use serde_json::Value;

use crate::harness::{CRM, TestApp, modify, provision, restore, set_state, take_backup, terminate};

const FILES: &str = "filenook";
const YARD: &str = "yardmaster";

/// A kind of order, with what must be there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    NewMachine,
    ExistingMachine,
    Dedicated,
    PlanUp,
    PlanDown,
    VersionUp,
    VersionDown,
    BothUp,
    BothDown,
    SuspendSubscription,
    ReactivateSubscription,
    ReactivateTerminated,
    TerminateOneOfTwo,
    TerminateLast,
    TerminateOneUnderSuspended,
    TerminateLastUnderSuspended,
    Backup,
    Restore,
    SuspendCustomer,
    ReactivateCustomer,
    TerminateCustomer,
    ReactivateTerminatedCustomer,
}

/// Makes a customer that is ready for the order, and the order's item.
pub(super) async fn prepare(app: &TestApp, case: Case, c: &str) -> Value {
    app.customer(c).await;
    let crm = |plan: &'static str, version: &'static str| app.provision(c, CRM, plan, Some(version));
    match case {
        Case::NewMachine => provision(c, CRM, "solo", None),
        Case::ExistingMachine => {
            app.provision(c, FILES, "home", None).await;
            provision(c, CRM, "solo", None)
        }
        Case::Dedicated => {
            app.provision(c, FILES, "home", None).await;
            provision(c, YARD, "siding", None)
        }
        Case::PlanUp => modify(&crm("solo", "2.0").await, &[("plan", "company")]),
        Case::PlanDown => modify(&crm("company", "2.0").await, &[("plan", "solo")]),
        Case::VersionUp => modify(&crm("solo", "1.1").await, &[("version", "2.0")]),
        Case::VersionDown => modify(&crm("solo", "2.0").await, &[("version", "1.1")]),
        Case::BothUp => modify(&crm("solo", "1.0").await, &[("version", "2.0"), ("plan", "company")]),
        Case::BothDown => modify(&crm("company", "2.0").await, &[("version", "1.1"), ("plan", "team")]),
        Case::SuspendSubscription => set_state(&crm("solo", "2.0").await, "inactive"),
        Case::ReactivateSubscription => {
            let s = crm("solo", "2.0").await;
            app.done(set_state(&s, "inactive")).await;
            set_state(&s, "active")
        }
        Case::ReactivateTerminated => {
            app.provision(c, FILES, "home", None).await;
            let s = crm("solo", "2.0").await;
            app.done(terminate(&s)).await;
            set_state(&s, "active")
        }
        Case::TerminateOneOfTwo => {
            app.provision(c, FILES, "home", None).await;
            terminate(&crm("solo", "2.0").await)
        }
        Case::TerminateLast => terminate(&crm("solo", "2.0").await),
        Case::TerminateOneUnderSuspended => {
            app.provision(c, FILES, "home", None).await;
            let s = crm("solo", "2.0").await;
            app.done(set_state(c, "inactive")).await;
            terminate(&s)
        }
        Case::TerminateLastUnderSuspended => {
            let s = crm("solo", "2.0").await;
            app.done(set_state(c, "inactive")).await;
            terminate(&s)
        }
        Case::Backup => take_backup(&crm("solo", "2.0").await),
        Case::Restore => {
            let s = crm("solo", "2.0").await;
            std::fs::write(app.volume(&s).join("contact"), "Ada").unwrap();
            let id = app.back_up(&s).await;
            std::fs::write(app.volume(&s).join("contact"), "Grace").unwrap();
            restore(&s, &id)
        }
        Case::SuspendCustomer | Case::TerminateCustomer => {
            two_machines(app, c).await;
            if case == Case::SuspendCustomer { set_state(c, "inactive") } else { terminate(c) }
        }
        Case::ReactivateCustomer => {
            two_machines(app, c).await;
            app.done(set_state(c, "inactive")).await;
            set_state(c, "active")
        }
        Case::ReactivateTerminatedCustomer => {
            two_machines(app, c).await;
            app.done(terminate(c)).await;
            set_state(c, "active")
        }
    }
}

/// Three applications on two machines, one of them suspended.
async fn two_machines(app: &TestApp, c: &str) {
    app.provision(c, CRM, "solo", None).await;
    let files = app.provision(c, FILES, "home", None).await;
    app.provision(c, YARD, "siding", None).await;
    app.done(set_state(&files, "inactive")).await;
}
