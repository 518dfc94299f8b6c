//! What orders leave behind, by the contract: kept by hand, used to choose legal orders and to judge the outcome.

use serde_json::{Value, json};

/// An application of the demo catalogue: plans and versions, smallest and oldest first. A plan with a backup schedule
/// is left out, so that no order comes from elsewhere.
#[derive(Debug)]
pub struct App {
    pub id: &'static str,
    pub plans: &'static [&'static str],
    pub versions: &'static [&'static str],
    /// On a machine of its own.
    pub dedicated: bool,
}

pub const APPS: [App; 4] = [
    App { id: "kinfolk", plans: &["solo", "team"], versions: &["1.0", "1.1", "2.0"], dedicated: false },
    App {
        id: "ledgerwell",
        plans: &["basic", "business"],
        versions: &["2024.2", "2025.1"],
        dedicated: false,
    },
    App {
        id: "stallfront",
        plans: &["stall", "shop", "market"],
        versions: &["3.4", "4.0"],
        dedicated: false,
    },
    App { id: "yardmaster", plans: &["siding", "yard"], versions: &["1.0"], dedicated: true },
];

/// What one order item asks for. Subscriptions and backups by their ids.
#[derive(Debug, Clone)]
pub enum Ask {
    Create,
    Provision { app: usize, plan: usize, version: usize },
    Change { subscription: String, plan: Option<usize>, version: Option<usize> },
    Suspend(String),
    Reactivate(String),
    Terminate(String),
    Backup(String),
    Restore { subscription: String, backup: String },
    SuspendCustomer,
    ReactivateCustomer,
    TerminateCustomer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Active,
    Suspended,
    Terminated,
}

#[derive(Debug, Clone)]
pub struct Subscription {
    pub id: String,
    pub app: usize,
    pub plan: usize,
    pub version: usize,
    pub state: State,
    /// The state in which its customer's termination found it.
    pub ended_with_customer: Option<State>,
}

impl Subscription {
    pub fn app(&self) -> &'static App {
        &APPS[self.app]
    }

    pub fn is_live(&self) -> bool {
        self.state != State::Terminated
    }
}

/// One customer with everything that it has or had.
#[derive(Debug, Clone)]
pub struct Account {
    pub id: String,
    /// None: not created.
    pub state: Option<State>,
    pub subscriptions: Vec<Subscription>,
}

/// A service detail record that has to be there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Expected {
    pub kind: &'static str,
    pub customer: String,
    pub subscription: String,
    pub application: String,
    pub version: String,
    pub previous_version: Option<String>,
    pub plan: String,
    pub previous_plan: Option<String>,
    pub backup: Option<String>,
    pub order: Option<String>,
    pub external: Option<String>,
}

impl Account {
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), state: None, subscriptions: vec![] }
    }

    pub fn find(&self, id: &str) -> &Subscription {
        self.subscriptions
            .iter()
            .find(|s| s.id == id)
            .unwrap_or_else(|| panic!("{} has no subscription {id}", self.id))
    }

    fn get(&mut self, id: &str) -> &mut Subscription {
        self.subscriptions
            .iter_mut()
            .find(|s| s.id == id)
            .unwrap_or_else(|| panic!("there is no subscription {id}"))
    }

    /// Whether the subscription that is acted on is this customer's.
    pub fn knows(&self, ask: &Ask) -> bool {
        match ask {
            Ask::Suspend(id) | Ask::Reactivate(id) | Ask::Terminate(id) | Ask::Backup(id) => self.has(id),
            Ask::Change { subscription, .. } | Ask::Restore { subscription, .. } => self.has(subscription),
            _ => true,
        }
    }

    fn has(&self, id: &str) -> bool {
        self.subscriptions.iter().any(|s| s.id == id)
    }

    /// The item of an ask, as TMF641 has it.
    pub fn item(&self, number: usize, ask: &Ask) -> Value {
        let customer = self.id.as_str();
        let given = |list: &[(&str, &str)]| -> Vec<Value> {
            list.iter().map(|(n, v)| json!({ "name": n, "value": v })).collect()
        };
        let add = |specification: &str, list: &[(&str, &str)]| {
            let specification = json!({ "id": specification });
            ("add", json!({ "serviceSpecification": specification, "serviceCharacteristic": given(list) }))
        };
        let modify = |id: &str, list: &[(&str, &str)]| {
            ("modify", json!({ "id": id, "serviceCharacteristic": given(list) }))
        };
        let state = |id: &str, state: &str| ("modify", json!({ "id": id, "state": state }));
        let (action, mut service) = match ask {
            Ask::Create => add("customer-account", &[("name", &format!("Customer {customer}"))]),
            Ask::Provision { app, plan, version } => {
                let app = &APPS[*app];
                add(app.id, &[("plan", app.plans[*plan]), ("version", app.versions[*version])])
            }
            Ask::Change { subscription, plan, version } => {
                let app = self.find(subscription).app();
                let mut list = vec![];
                list.extend(plan.map(|p| ("plan", app.plans[p])));
                list.extend(version.map(|v| ("version", app.versions[v])));
                modify(subscription, &list)
            }
            Ask::Suspend(id) => state(id, "inactive"),
            Ask::Reactivate(id) => state(id, "active"),
            Ask::Terminate(id) => ("delete", json!({ "id": id })),
            Ask::Backup(id) => modify(id, &[("operation", "backup")]),
            Ask::Restore { subscription, backup } => {
                modify(subscription, &[("operation", "restore"), ("backupId", backup)])
            }
            Ask::SuspendCustomer => state(customer, "inactive"),
            Ask::ReactivateCustomer => state(customer, "active"),
            Ask::TerminateCustomer => ("delete", json!({ "id": customer })),
        };
        service["relatedParty"] = json!([{ "id": customer, "role": "customer" }]);
        json!({ "id": number.to_string(), "action": action, "service": service })
    }

    /// The item of an ask, as TMF622 has it; none for what is no product.
    pub fn product_item(&self, number: usize, ask: &Ask) -> Option<Value> {
        if matches!(ask, Ask::Backup(_) | Ask::Restore { .. }) {
            return None;
        }
        let item = self.item(number, ask);
        let service = &item["service"];
        let mut product = json!({ "relatedParty": service["relatedParty"] });
        for (name, of_service) in [("id", "id"), ("productCharacteristic", "serviceCharacteristic")] {
            if !service[of_service].is_null() {
                product[name] = service[of_service].clone();
            }
        }
        if let Some(state) = service["state"].as_str() {
            product["status"] = json!(if state == "inactive" { "suspended" } else { state });
        }
        let mut out = json!({ "id": item["id"], "action": item["action"], "product": product });
        if let Some(id) = service["serviceSpecification"]["id"].as_str() {
            out["productOffering"] = json!({ "id": id });
        }
        Some(out)
    }

    /// What a completed item leaves; the records that it has to have written. `made`: the subscription or backup that
    /// the item made.
    pub fn complete(&mut self, ask: &Ask, made: Option<&str>) -> Vec<Expected> {
        let owner = self.id.clone();
        let record = |kind: &'static str, s: &Subscription| Expected {
            kind,
            customer: owner.clone(),
            subscription: s.id.clone(),
            application: s.app().id.to_owned(),
            version: s.app().versions[s.version].to_owned(),
            plan: s.app().plans[s.plan].to_owned(),
            ..Expected::default()
        };
        match ask {
            Ask::Create => self.state = Some(State::Active),
            Ask::Provision { app, plan, version } => {
                let s = Subscription {
                    id: made.expect("a provision names its subscription").to_owned(),
                    app: *app,
                    plan: *plan,
                    version: *version,
                    state: State::Active,
                    ended_with_customer: None,
                };
                let out = vec![record("installed", &s)];
                self.subscriptions.push(s);
                return out;
            }
            Ask::Change { subscription, plan, version } => {
                let s = self.get(subscription);
                let mut out = vec![];
                let way = |from: usize, to: usize| if to > from { "upgraded" } else { "downgraded" };
                if let Some(to) = version.filter(|v| *v != s.version) {
                    let from = std::mem::replace(&mut s.version, to);
                    let previous_version = Some(s.app().versions[from].to_owned());
                    out.push(Expected { previous_version, ..record(way(from, to), s) });
                }
                if let Some(to) = plan.filter(|p| *p != s.plan) {
                    let from = std::mem::replace(&mut s.plan, to);
                    let previous_plan = Some(s.app().plans[from].to_owned());
                    out.push(Expected { previous_plan, ..record(way(from, to), s) });
                }
                return out;
            }
            Ask::Suspend(id) => self.get(id).state = State::Suspended,
            Ask::Reactivate(id) => {
                let s = self.get(id);
                s.ended_with_customer = None;
                if std::mem::replace(&mut s.state, State::Active) == State::Terminated {
                    return vec![record("installed", s)];
                }
            }
            Ask::Terminate(id) => self.get(id).state = State::Terminated,
            Ask::Backup(id) => {
                let backup = Some(made.expect("a completed backup names its id").to_owned());
                return vec![Expected { backup, ..record("backup-taken", self.find(id)) }];
            }
            Ask::Restore { subscription, backup } => {
                let backup = Some(backup.clone());
                return vec![Expected { backup, ..record("backup-restored", self.find(subscription)) }];
            }
            Ask::SuspendCustomer => self.state = Some(State::Suspended),
            Ask::TerminateCustomer => {
                for s in self.subscriptions.iter_mut().filter(|s| s.is_live()) {
                    s.ended_with_customer = Some(std::mem::replace(&mut s.state, State::Terminated));
                }
                self.state = Some(State::Terminated);
            }
            Ask::ReactivateCustomer => {
                let mut out = vec![];
                if self.state.replace(State::Active) == Some(State::Terminated) {
                    for s in &mut self.subscriptions {
                        if let Some(was) = s.ended_with_customer.take() {
                            s.state = was;
                            out.push(record("installed", s));
                        }
                    }
                }
                return out;
            }
        }
        vec![]
    }
}
