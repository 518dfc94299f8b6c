//! A customer with its subscriptions as the orders before this one will leave them.
//!
//! Acceptance starts from the inventory, applies every open order that is due before, and judges the new items one
//! after another, each against what the ones before it leave. The start of an item judges again, against the
//! inventory alone.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::action::{Action, CustomerState, Refusal, SubscriptionState, Verdict, decide};

/// What an item asks for, resolved at acceptance: ids, plan and version are fixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    pub action: Action,
    /// The subscription acted on, or made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Plan wanted (`provision`, `change`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Version wanted (`provision`, `change`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Backup to restore, or made by this item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<Uuid>,
    /// The application may be had more than once by one customer.
    #[serde(default)]
    pub multiple: bool,
}

/// One subscription in the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionView {
    pub id: Uuid,
    pub application: String,
    pub multiple: bool,
    pub plan: String,
    pub version: String,
    pub state: SubscriptionState,
    /// State that it had when its customer's own termination ended it.
    pub ended_with_customer: Option<SubscriptionState>,
}

/// One customer in the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerView {
    pub state: CustomerState,
    /// Whether a termination from now on leaves something to bring back (the retention time is not 0).
    pub keeps: bool,
    pub subscriptions: Vec<SubscriptionView>,
}

impl CustomerView {
    /// A subscription by its id.
    #[must_use]
    pub fn subscription(&self, id: Uuid) -> Option<&SubscriptionView> {
        self.subscriptions.iter().find(|s| s.id == id)
    }

    /// Judges one item against this view.
    #[must_use]
    pub fn judge(&self, intent: &Intent) -> Verdict {
        let named = intent.subscription.and_then(|id| self.subscription(id));
        let state = match intent.action {
            Action::Provision => self.live_twin(intent, None).map_or(SubscriptionState::Absent, |s| s.state),
            _ => named.map_or(SubscriptionState::Absent, |s| s.state),
        };
        if intent.action == Action::Change
            && self.state == CustomerState::Active
            && named.is_some_and(|s| s.state.is_live() && has_already(s, intent))
        {
            return Verdict::Holds;
        }
        let verdict = decide(intent.action, self.state, state);
        let brings_back =
            intent.action == Action::ReactivateSubscription && state == SubscriptionState::Terminated;
        if verdict == Verdict::Act && brings_back && named.is_some_and(|s| self.live_twin_of(s)) {
            return Verdict::Refuse(Refusal::Forbidden(
                "the customer has another live subscription of the same application",
            ));
        }
        verdict
    }

    /// Changes the view as the item will when it is completed.
    pub fn apply(&mut self, intent: &Intent) {
        let ended = if self.keeps { SubscriptionState::Terminated } else { SubscriptionState::Expired };
        match intent.action {
            Action::CreateCustomer => {
                self.state = CustomerState::Active;
                for s in self.subscriptions.iter_mut().filter(|s| s.state == SubscriptionState::Terminated) {
                    s.state = SubscriptionState::Expired;
                    s.ended_with_customer = None;
                }
            }
            Action::SuspendCustomer => self.state = CustomerState::Suspended,
            Action::ReactivateCustomer => self.reactivate(),
            Action::TerminateCustomer => {
                self.state = if self.keeps { CustomerState::Terminated } else { CustomerState::Expired };
                for s in self.subscriptions.iter_mut().filter(|s| s.state.is_live()) {
                    s.ended_with_customer = Some(s.state);
                    s.state = ended;
                }
            }
            Action::Provision => self.provide(intent),
            Action::Change => self.with(intent, |s| {
                s.plan = intent.plan.clone().unwrap_or_else(|| s.plan.clone());
                s.version = intent.version.clone().unwrap_or_else(|| s.version.clone());
            }),
            Action::SuspendSubscription => self.with(intent, |s| s.state = SubscriptionState::Suspended),
            Action::ReactivateSubscription => self.with(intent, |s| {
                s.state = SubscriptionState::Active;
                s.ended_with_customer = None;
            }),
            Action::TerminateSubscription => self.with(intent, |s| s.state = ended),
            Action::Backup | Action::Restore => {}
        }
    }

    fn reactivate(&mut self) {
        if self.state == CustomerState::Terminated {
            for s in &mut self.subscriptions {
                if let Some(was) = s.ended_with_customer.take() {
                    s.state = was;
                }
            }
        }
        self.state = CustomerState::Active;
    }

    fn provide(&mut self, intent: &Intent) {
        let (Some(id), Some(application)) = (intent.subscription, intent.application.clone()) else {
            return;
        };
        self.subscriptions.retain(|s| s.id != id);
        self.subscriptions.push(SubscriptionView {
            id,
            application,
            multiple: intent.multiple,
            plan: intent.plan.clone().unwrap_or_default(),
            version: intent.version.clone().unwrap_or_default(),
            state: SubscriptionState::Active,
            ended_with_customer: None,
        });
    }

    fn with(&mut self, intent: &Intent, change: impl FnOnce(&mut SubscriptionView)) {
        if let Some(s) = self.subscriptions.iter_mut().find(|s| Some(s.id) == intent.subscription) {
            change(s);
        }
    }

    fn live_twin(&self, intent: &Intent, except: Option<Uuid>) -> Option<&SubscriptionView> {
        if intent.multiple {
            return None;
        }
        self.subscriptions.iter().find(|s| {
            s.state.is_live() && Some(&s.application) == intent.application.as_ref() && Some(s.id) != except
        })
    }

    fn live_twin_of(&self, of: &SubscriptionView) -> bool {
        !of.multiple
            && self
                .subscriptions
                .iter()
                .any(|s| s.id != of.id && s.state.is_live() && s.application == of.application)
    }
}

/// Whether a change asks for nothing that the subscription does not have.
fn has_already(s: &SubscriptionView, intent: &Intent) -> bool {
    intent.plan.as_ref().is_none_or(|p| *p == s.plan)
        && intent.version.as_ref().is_none_or(|v| *v == s.version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn intent(action: Action, n: u128, plan: &str) -> Intent {
        Intent {
            action,
            subscription: (!action.on_customer()).then(|| Uuid::from_u128(n)),
            application: Some(format!("app-{}", n % 2)),
            plan: matches!(action, Action::Provision | Action::Change).then(|| plan.to_owned()),
            version: matches!(action, Action::Provision).then(|| "1.0".to_owned()),
            backup: None,
            multiple: false,
        }
    }

    fn run(view: &mut CustomerView, i: &Intent) -> Verdict {
        let verdict = view.judge(i);
        if verdict == Verdict::Act {
            view.apply(i);
        }
        verdict
    }

    fn empty(keeps: bool) -> CustomerView {
        CustomerView { state: CustomerState::Absent, keeps, subscriptions: vec![] }
    }

    #[test]
    fn a_whole_life_can_be_judged_ahead() {
        let mut v = empty(true);
        let life = [
            (Action::CreateCustomer, "", Verdict::Act),
            (Action::Provision, "small", Verdict::Act),
            (Action::Change, "large", Verdict::Act),
            (Action::Change, "large", Verdict::Holds),
            (Action::SuspendSubscription, "", Verdict::Act),
            (Action::SuspendCustomer, "", Verdict::Act),
            (Action::ReactivateCustomer, "", Verdict::Act),
        ];
        for (action, plan, expected) in life {
            assert_eq!(run(&mut v, &intent(action, 2, plan)), expected, "{action}");
        }
        assert_eq!(
            v.subscriptions[0].state,
            SubscriptionState::Suspended,
            "its own suspension outlives the customer's"
        );
    }

    #[test]
    fn termination_and_return_bring_back_exactly_what_it_ended() {
        let mut v = empty(true);
        for (a, n) in [(Action::CreateCustomer, 0), (Action::Provision, 1), (Action::Provision, 2)] {
            run(&mut v, &intent(a, n, "small"));
        }
        run(&mut v, &intent(Action::TerminateSubscription, 1, ""));
        run(&mut v, &intent(Action::SuspendSubscription, 2, ""));
        run(&mut v, &intent(Action::TerminateCustomer, 0, ""));
        assert_eq!(run(&mut v, &intent(Action::ReactivateCustomer, 0, "")), Verdict::Act);
        assert_eq!(v.subscription(Uuid::from_u128(1)).unwrap().state, SubscriptionState::Terminated);
        assert_eq!(v.subscription(Uuid::from_u128(2)).unwrap().state, SubscriptionState::Suspended);
    }

    #[test]
    fn a_terminated_subscription_does_not_come_back_beside_a_live_twin() {
        let mut v = empty(true);
        for (a, n) in [
            (Action::CreateCustomer, 0),
            (Action::Provision, 1),
            (Action::TerminateSubscription, 1),
            (Action::Provision, 3),
        ] {
            assert_eq!(run(&mut v, &intent(a, n, "small")), Verdict::Act);
        }
        assert!(matches!(
            v.judge(&intent(Action::ReactivateSubscription, 1, "")),
            Verdict::Refuse(Refusal::Forbidden(_))
        ));
    }

    proptest! {
        /// Whatever is ordered, one customer never has two live subscriptions of one application, and what `Holds`
        /// would change nothing.
        #[test]
        fn one_live_subscription_per_application(keeps: bool, orders in prop::collection::vec((0..11usize, 0..4u128, 0..2usize), 0..60)) {
            let mut v = empty(keeps);
            for (a, n, p) in orders {
                let i = intent(Action::ALL[a], n, ["small", "large"][p]);
                match v.judge(&i) {
                    Verdict::Act => v.apply(&i),
                    Verdict::Holds => {
                        let mut after = v.clone();
                        if i.action != Action::TerminateSubscription && i.action != Action::TerminateCustomer {
                            after.apply(&i);
                            prop_assert_eq!(&after, &v);
                        }
                    }
                    Verdict::Refuse(_) => {}
                }
                for app in ["app-0", "app-1"] {
                    let live = v.subscriptions.iter().filter(|s| s.application == app && s.state.is_live()).count();
                    prop_assert!(live <= 1);
                }
            }
        }
    }
}
