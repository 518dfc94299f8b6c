//! What is saved of subscriptions and machines is told, here and nowhere else: `save_customer`, `save_subscription` and
//! `save_machine` hold the row that was against the row that is.

use serde::{Deserialize, Serialize};
use telvisor_model::shown::{self, Kept};
use telvisor_model::{EventKind, Resource};

use super::customers::CustomerRow;
use super::machines::MachineRow;
use super::subscriptions::SubscriptionRow;
use super::{StoreError, Tenant, Tx};

/// States at two doors. An event says what they were: a change at one of them is not always one at the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct States {
    /// TMF638, and TMF639 for a machine.
    pub service: String,
    /// TMF637; of a machine, the same as `service`.
    pub product: String,
}

/// What a subscription or machine shows of its customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub customer_id: String,
    pub state: String,
    pub removing: bool,
}

impl From<&CustomerRow> for Owner {
    fn from(c: &CustomerRow) -> Self {
        Self { customer_id: c.customer_id.clone(), state: c.state.clone(), removing: c.removing }
    }
}

impl Owner {
    /// What the state of its subscriptions hangs on.
    #[must_use]
    pub fn kept(&self) -> Kept<'_> {
        Kept { state: &self.state, removing: self.removing }
    }
}

/// The body of a subscription's event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SubscriptionBody {
    pub subscription: SubscriptionRow,
    pub owner: Owner,
    /// None for its first event.
    pub was: Option<States>,
}

/// The body of a machine's event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MachineBody {
    pub machine: MachineRow,
    pub owner: Owner,
    pub was: Option<States>,
}

fn of_subscription(s: &SubscriptionRow, customer: Kept<'_>) -> States {
    States {
        service: shown::subscription_service(s.kept(), customer).to_owned(),
        product: shown::subscription_product(s.kept(), customer).to_owned(),
    }
}

fn of_machine(m: &MachineRow) -> States {
    let service = shown::machine_service(&m.state, m.ended_at.is_some()).to_owned();
    States { product: service.clone(), service }
}

/// What kind of event it is, if any; `shows` whether anything else that the doors show is another.
fn kind(was: Option<&States>, is: &States, shows: bool) -> Option<EventKind> {
    match was {
        None => Some(EventKind::Create),
        Some(was) if was != is => Some(EventKind::StateChange),
        Some(_) if shows => Some(EventKind::AttributeValueChange),
        Some(_) => None,
    }
}

impl Tx<Tenant> {
    /// A customer's state is one of its subscriptions'; of the customer itself its orders tell.
    pub(super) async fn told_customer(
        &mut self,
        before: &CustomerRow,
        now: &CustomerRow,
    ) -> Result<(), StoreError> {
        if before.kept() == now.kept() {
            return Ok(());
        }
        for s in self.subscriptions_of(now.uid).await? {
            let was = of_subscription(&s, before.kept());
            if was != of_subscription(&s, now.kept()) {
                let body = SubscriptionBody { owner: now.into(), was: Some(was), subscription: s };
                let id = body.subscription.id;
                self.tell(Resource::Subscription, id, EventKind::StateChange, &body, None).await?;
            }
        }
        Ok(())
    }

    /// A subscription is there that was not, of this customer.
    pub(super) async fn told_new_subscription(
        &mut self,
        s: &SubscriptionRow,
        customer: &CustomerRow,
    ) -> Result<(), StoreError> {
        let body = SubscriptionBody { subscription: s.clone(), owner: customer.into(), was: None };
        self.tell_first(Resource::Subscription, s.id, EventKind::Create, &body, None).await
    }

    pub(super) async fn told_subscription(
        &mut self,
        before: Option<&SubscriptionRow>,
        now: &SubscriptionRow,
    ) -> Result<(), StoreError> {
        let owner = self.owner(now.customer).await?;
        let was = before.map(|b| of_subscription(b, owner.kept()));
        // How it can come back, and what it runs from, is shown nowhere.
        let as_shown = |s: &SubscriptionRow| SubscriptionRow {
            digest: String::new(),
            ended_with_customer: None,
            last_backup: None,
            restorable_until: None,
            // Shown as a state, if at all.
            removing: false,
            ..s.clone()
        };
        let shows = before.is_some_and(|b| as_shown(b) != as_shown(now));
        let Some(kind) = kind(was.as_ref(), &of_subscription(now, owner.kept()), shows) else {
            return Ok(());
        };
        let body = SubscriptionBody { subscription: now.clone(), owner, was };
        self.tell(Resource::Subscription, now.id, kind, &body, None).await
    }

    pub(super) async fn told_machine(
        &mut self,
        before: Option<&MachineRow>,
        now: &MachineRow,
    ) -> Result<(), StoreError> {
        let was = before.map(of_machine);
        let as_shown = |m: &MachineRow| MachineRow { fence: 0, ..m.clone() };
        let shows = before.is_some_and(|b| as_shown(b) != as_shown(now));
        let Some(kind) = kind(was.as_ref(), &of_machine(now), shows) else {
            return Ok(());
        };
        let owner = self.owner(now.customer).await?;
        let body = MachineBody { machine: now.clone(), owner, was };
        self.tell(Resource::Machine, now.id, kind, &body, None).await
    }

    /// What the subscriptions and machines of a customer show of it.
    pub async fn owner(&mut self, customer: uuid::Uuid) -> Result<Owner, StoreError> {
        let row = self.customer(customer).await?;
        let row = row.ok_or_else(|| StoreError::Missing { what: "customer", id: customer.to_string() })?;
        Ok(Owner::from(&row))
    }
}
