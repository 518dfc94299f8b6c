//! Which order is allowed in which state: one pure table, from which `docs/actions.md` is generated.

use std::fmt::Write as _;

use crate::text::text_enum;

text_enum! {
    /// What one order item asks for.
    Action {
        CreateCustomer = "create-customer",
        SuspendCustomer = "suspend-customer",
        ReactivateCustomer = "reactivate-customer",
        TerminateCustomer = "terminate-customer",
        Provision = "provision",
        Change = "change",
        SuspendSubscription = "suspend-subscription",
        ReactivateSubscription = "reactivate-subscription",
        TerminateSubscription = "terminate-subscription",
        Backup = "backup",
        Restore = "restore",
    }
}

text_enum! {
    /// A customer as the table sees it.
    CustomerState {
        /// Never created, or its creation never took effect.
        Absent = "absent",
        Active = "active",
        Suspended = "suspended",
        /// Terminated, and its retention time still runs.
        Terminated = "terminated",
        /// Terminated, and its retention time is over.
        Expired = "expired",
    }
}

text_enum! {
    /// A subscription as the table sees it. For `provision` it is the one of the same application.
    SubscriptionState {
        /// There is none.
        Absent = "absent",
        /// Active, or on its way there by an order before this one.
        Active = "active",
        Suspended = "suspended",
        /// Terminated, and its last backup is still kept.
        Terminated = "terminated",
        /// Terminated, and nothing is left to bring back.
        Expired = "expired",
        /// Never installed: its order failed or was cancelled.
        Cancelled = "cancelled",
    }
}

impl Action {
    /// Whether the order is about the customer itself, not about one of its subscriptions.
    #[must_use]
    pub const fn on_customer(self) -> bool {
        matches!(
            self,
            Self::CreateCustomer | Self::SuspendCustomer | Self::ReactivateCustomer | Self::TerminateCustomer
        )
    }
}

impl SubscriptionState {
    /// Installed, running or not.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Active | Self::Suspended)
    }
}

/// Why an order is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The body names a customer that does not exist: 400.
    UnknownCustomer,
    /// The body names a subscription that does not exist: 400.
    UnknownSubscription,
    /// The customer or subscription to make exists already: 409, SOAP 3008.
    AlreadyExists(&'static str),
    /// The state forbids it: 409, SOAP 3005.
    Forbidden(&'static str),
}

/// What becomes of an order item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// There is work to do.
    Act,
    /// What is wanted holds already: completes without a job and without an SDR.
    Holds,
    Refuse(Refusal),
}

const CUSTOMER_SUSPENDED: &str = "the customer is suspended: only re-activate customer, terminate customer and terminate subscription are possible";
const CUSTOMER_TERMINATED: &str = "the customer is terminated";
const RETENTION_OVER: &str = "the retention time is over, nothing is kept that could be brought back";
const NEVER_INSTALLED: &str = "the subscription was never installed";
const SUB_TERMINATED: &str = "the subscription is terminated";
const SUB_SUSPENDED: &str = "the subscription is suspended: re-activate it first";

/// The table. For `Change`, what is judged is a change to something else; a change to what the subscription already
/// has is [`Verdict::Holds`] for a live subscription of an active customer ([`crate::view`] looks at that first).
#[must_use]
pub fn decide(action: Action, customer: CustomerState, subscription: SubscriptionState) -> Verdict {
    use Action as A;
    use CustomerState as C;
    use SubscriptionState as S;
    use Verdict::{Act, Holds, Refuse};
    let forbidden = |why| Refuse(Refusal::Forbidden(why));

    if action == A::CreateCustomer {
        return match customer {
            C::Absent | C::Expired => Act,
            C::Active | C::Suspended => Refuse(Refusal::AlreadyExists("the customer exists already")),
            C::Terminated => Refuse(Refusal::AlreadyExists(
                "the customer is terminated and its retention time still runs: re-activate it instead",
            )),
        };
    }
    if customer == C::Absent {
        return Refuse(Refusal::UnknownCustomer);
    }
    if !action.on_customer() && action != A::Provision && subscription == S::Absent {
        return Refuse(Refusal::UnknownSubscription);
    }
    match action {
        A::CreateCustomer => Refuse(Refusal::UnknownCustomer),
        A::SuspendCustomer => match customer {
            C::Active => Act,
            C::Suspended => Holds,
            C::Absent | C::Terminated | C::Expired => forbidden(CUSTOMER_TERMINATED),
        },
        A::ReactivateCustomer => match customer {
            C::Active => Holds,
            C::Suspended | C::Terminated => Act,
            C::Absent | C::Expired => forbidden(RETENTION_OVER),
        },
        A::TerminateCustomer => match customer {
            C::Active | C::Suspended => Act,
            C::Absent | C::Terminated | C::Expired => Holds,
        },
        A::TerminateSubscription => match subscription {
            S::Active | S::Suspended => match customer {
                C::Active | C::Suspended => Act,
                C::Absent | C::Terminated | C::Expired => forbidden(CUSTOMER_TERMINATED),
            },
            S::Absent | S::Terminated | S::Expired | S::Cancelled => Holds,
        },
        A::Provision
        | A::Change
        | A::SuspendSubscription
        | A::ReactivateSubscription
        | A::Backup
        | A::Restore => match customer {
            C::Suspended => forbidden(CUSTOMER_SUSPENDED),
            C::Absent | C::Terminated | C::Expired => forbidden(CUSTOMER_TERMINATED),
            C::Active => of_active_customer(action, subscription),
        },
    }
}

/// The part of the table for what only an active customer can order.
fn of_active_customer(action: Action, subscription: SubscriptionState) -> Verdict {
    use Action as A;
    use SubscriptionState as S;
    use Verdict::{Act, Holds, Refuse};
    let forbidden = |why| Refuse(Refusal::Forbidden(why));
    match (action, subscription) {
        (A::Provision, S::Active | S::Suspended) => {
            Refuse(Refusal::AlreadyExists("the customer has a live subscription of this application"))
        }
        (A::Provision, _) => Act,
        (A::SuspendSubscription, S::Active) => Act,
        (A::SuspendSubscription, S::Suspended) => Holds,
        (A::ReactivateSubscription, S::Active) => Holds,
        (A::ReactivateSubscription, S::Suspended | S::Terminated) => Act,
        (A::ReactivateSubscription, S::Expired) => forbidden(RETENTION_OVER),
        (A::Change | A::Backup | A::Restore, S::Active) => Act,
        (A::Change | A::Backup | A::Restore, S::Suspended) => forbidden(SUB_SUSPENDED),
        (_, S::Cancelled | S::Absent) => forbidden(NEVER_INSTALLED),
        (_, S::Active | S::Suspended | S::Terminated | S::Expired) => forbidden(SUB_TERMINATED),
    }
}

/// The states of a subscription that make a difference to an action.
fn columns(action: Action) -> &'static [SubscriptionState] {
    if action.on_customer() { &[SubscriptionState::Absent] } else { SubscriptionState::ALL }
}

/// `docs/actions.md`, generated; a test compares the file with this.
#[must_use]
pub fn table_as_markdown() -> String {
    let mut out = String::from(
        "# Which order in which state\n\n\
         Generated from `decide` in `crates/model/src/action.rs`; do not edit.\n\n\
         **do**: accepted and carried out. **holds**: accepted, completes with no job and no SDR. A number is the \
         HTTP status of the refusal, with its reason. *expired*: terminated, and the retention time is over. \
         *cancelled*: never installed. For `provision` the column is the subscription of the same application \
         (an application with `multiple = true` always counts as absent). A change to the plan and version that \
         an active customer's live subscription has already *holds*. A restore of a backup that the subscription \
         does not have is 400 in every state.\n",
    );
    for &action in Action::ALL {
        let columns = columns(action);
        let _ = write!(out, "\n## {action}\n\n| customer |");
        if action.on_customer() {
            out.push_str(" answer |\n|---|---|\n");
        } else {
            for s in columns {
                let _ = write!(out, " {s} |");
            }
            let _ = writeln!(out, "\n|---|{}", "---|".repeat(columns.len()));
        }
        for &customer in CustomerState::ALL {
            let _ = write!(out, "| {customer} |");
            for &s in columns {
                let cell = match decide(action, customer, s) {
                    Verdict::Act => "do".to_owned(),
                    Verdict::Holds => "holds".to_owned(),
                    Verdict::Refuse(Refusal::UnknownCustomer) => "400 unknown customer".to_owned(),
                    Verdict::Refuse(Refusal::UnknownSubscription) => "400 unknown subscription".to_owned(),
                    Verdict::Refuse(Refusal::AlreadyExists(why) | Refusal::Forbidden(why)) => {
                        format!("409 {why}")
                    }
                };
                let _ = write!(out, " {cell} |");
            }
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_a_suspended_customer_only_three_orders_act() {
        for &action in Action::ALL {
            for &s in SubscriptionState::ALL {
                if decide(action, CustomerState::Suspended, s) == Verdict::Act {
                    assert!(matches!(
                        action,
                        Action::ReactivateCustomer
                            | Action::TerminateCustomer
                            | Action::TerminateSubscription
                    ));
                }
            }
        }
    }

    #[test]
    fn nothing_but_create_acts_on_an_absent_customer() {
        for &action in Action::ALL {
            for &s in SubscriptionState::ALL {
                let verdict = decide(action, CustomerState::Absent, s);
                let expected = if action == Action::CreateCustomer {
                    Verdict::Act
                } else {
                    Verdict::Refuse(Refusal::UnknownCustomer)
                };
                assert_eq!(verdict, expected);
            }
        }
    }
}
