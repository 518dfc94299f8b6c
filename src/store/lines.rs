//! The customers' lines: the open orders of a customer in the order in which they became due.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::orders::{ItemRow, OrderRow};
use super::{StoreError, System, Tenant, Tx, sql};

/// A customer's line, locked for an order that comes into it.
#[derive(Debug, Clone, Copy)]
pub struct Entered {
    /// Nobody ever ordered anything for this customer: there is no order and no customer.
    pub is_new: bool,
    /// The place of the order. One that is not used is left out.
    pub place: i64,
}

impl Tx<Tenant> {
    /// Locks a customer's line; makes it when it is new. Every order of the customer is decided under this lock.
    pub async fn lock_line(&mut self, customer_id: &str) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            execute,
            "INSERT INTO lines (tenant, customer_id, next_place) VALUES ($1, $2, 1)
             ON CONFLICT (tenant, customer_id) DO UPDATE SET next_place = lines.next_place",
            &tenant,
            customer_id
        )?;
        Ok(())
    }

    /// Locks a customer's line, as [`Tx::lock_line`], for an order that comes into it.
    pub async fn enter_line(&mut self, customer_id: &str) -> Result<Entered, StoreError> {
        let tenant = self.tenant();
        let made = sql!(
            self,
            execute,
            "INSERT INTO lines (tenant, customer_id, next_place) VALUES ($1, $2, 2)
             ON CONFLICT (tenant, customer_id) DO NOTHING",
            &tenant,
            customer_id
        )?;
        if made == 1 {
            return Ok(Entered { is_new: true, place: 1 });
        }
        Ok(Entered { is_new: false, place: self.next_place(customer_id).await? })
    }

    /// Draws the next place in a locked line.
    pub async fn next_place(&mut self, customer_id: &str) -> Result<i64, StoreError> {
        let tenant = self.tenant();
        let (next,) = sql!(
            self,
            one: (i64,),
            "UPDATE lines SET next_place = next_place + 1 WHERE tenant = $1 AND customer_id = $2 RETURNING next_place",
            &tenant,
            customer_id
        )?;
        Ok(next - 1)
    }

    /// The open orders of a customer that have a place in its line, in that order.
    pub async fn line(&mut self, customer_id: &str) -> Result<Vec<OrderRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: OrderRow,
            "SELECT * FROM orders WHERE tenant = $1 AND customer_id = $2 AND place IS NOT NULL AND state IN
             ('acknowledged','inProgress','pending','held','assessingCancellation','pendingCancellation')
             ORDER BY place",
            &tenant,
            customer_id
        )
    }

    /// The items of the open orders in a customer's line.
    ///
    /// CROSS JOIN makes SQLite begin with the orders; by itself it begins with all items of the tenant.
    pub async fn line_items(&mut self, customer_id: &str) -> Result<Vec<ItemRow>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: ItemRow,
            "SELECT i.* FROM orders o CROSS JOIN order_items i
             WHERE i.tenant = o.tenant AND i.order_id = o.id AND o.tenant = $1 AND o.customer_id = $2 AND o.place IS NOT NULL AND o.state IN
             ('acknowledged','inProgress','pending','held','assessingCancellation','pendingCancellation')
             ORDER BY o.place, i.number",
            &tenant,
            customer_id
        )
    }

    /// Whether a customer has an order that has not ended, a future one included.
    pub async fn has_open_order(&mut self, customer_id: &str) -> Result<bool, StoreError> {
        let tenant = self.tenant();
        let (n,) = sql!(
            self,
            one: (i64,),
            "SELECT COUNT(*) FROM orders WHERE tenant = $1 AND customer_id = $2 AND state IN
             ('acknowledged','inProgress','pending','held','assessingCancellation','pendingCancellation')",
            &tenant,
            customer_id
        )?;
        Ok(n > 0)
    }

    /// Whether a subscription has an order that has not ended and has its place.
    pub async fn has_open_order_on(&mut self, subscription: Uuid) -> Result<bool, StoreError> {
        let tenant = self.tenant();
        let (n,) = sql!(
            self,
            one: (i64,),
            "SELECT COUNT(*) FROM order_items i JOIN orders o ON o.tenant = i.tenant AND o.id = i.order_id
             WHERE i.tenant = $1 AND i.subscription = $2 AND o.place IS NOT NULL AND o.state IN
             ('acknowledged','inProgress','pending','held','assessingCancellation','pendingCancellation')",
            &tenant,
            subscription
        )?;
        Ok(n > 0)
    }

    /// Due orders of a customer that have no place yet, oldest date first.
    pub async fn due_without_place(&mut self, customer_id: &str) -> Result<Vec<OrderRow>, StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        sql!(
            self,
            all: OrderRow,
            "SELECT * FROM orders WHERE tenant = $1 AND customer_id = $2 AND (state = 'acknowledged' OR goes_on)
             AND kind = 'service' AND place IS NULL AND (requested_start IS NULL OR requested_start <= $3)
             ORDER BY requested_start, id",
            &tenant,
            customer_id,
            now
        )
    }
}

/// A customer's line named by tenant and customer id.
pub type LineKey = (String, String);

/// An order: tenant, customer id, id.
pub type OrderKey = (String, String, Uuid);

impl Tx<System> {
    /// Open service orders whose expected date lies before this, and of which that was not told yet.
    pub async fn late_orders(
        &mut self,
        before: DateTime<Utc>,
        limit: i64,
    ) -> Result<Vec<OrderKey>, StoreError> {
        sql!(
            self,
            all: OrderKey,
            "SELECT tenant, customer_id, id FROM orders
             WHERE NOT late AND state IN
             ('acknowledged','inProgress','pending','held','assessingCancellation','pendingCancellation')
               AND expected_completion < $1 AND kind = 'service' AND customer_id IS NOT NULL
             ORDER BY expected_completion LIMIT $2",
            before,
            limit
        )
    }

    /// Lines with an order that waits: has its place and is not started, or is due and has no place yet.
    pub async fn waiting_lines(&mut self, limit: i64) -> Result<Vec<LineKey>, StoreError> {
        let now = self.now();
        sql!(
            self,
            all: LineKey,
            "SELECT DISTINCT tenant, customer_id FROM orders
             WHERE customer_id IS NOT NULL AND kind = 'service' AND (state = 'acknowledged' OR goes_on)
               AND (place IS NOT NULL OR requested_start IS NULL OR requested_start <= $1)
             LIMIT $2",
            now,
            limit
        )
    }

    /// Orders about whose approval nobody decided in time.
    pub async fn overdue_approvals(&mut self, limit: i64) -> Result<Vec<OrderKey>, StoreError> {
        let now = self.now();
        sql!(
            self,
            all: OrderKey,
            "SELECT tenant, customer_id, id FROM orders
             WHERE approval_until IS NOT NULL AND approval_until <= $1 AND customer_id IS NOT NULL
             ORDER BY approval_until LIMIT $2",
            now,
            limit
        )
    }

    /// Number of orders that have not ended; a product order and its service order are one.
    pub async fn open_orders(&mut self) -> Result<i64, StoreError> {
        let (n,) = sql!(
            self,
            one: (i64,),
            "SELECT COUNT(*) FROM orders WHERE kind = 'service' AND state IN
             ('acknowledged','inProgress','pending','held','assessingCancellation','pendingCancellation')"
        )?;
        Ok(n)
    }
}
