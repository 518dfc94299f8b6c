//! The inventories as lists: what was ordered and what was only written down, in one. Each part of a union comes by an
//! index in the list's own order, so that a page costs what it shows. `TEXT_OF(x)` is an id as clients see it
//! (`lists/text.rs`). And the orders behind a service.

use uuid::Uuid;

use super::lists::{Listed, Page, listed};
use super::{StoreError, Tenant, Tx, sql};

/// An entry of a list: where to look for the rest.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct EntryRow {
    /// `customer`, `subscription`, `machine`, `sdr` or `record`.
    pub entry: String,
    pub uid: Uuid,
}

/// An item of a service order that made or changed something.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OrderLink {
    pub order_id: Uuid,
    /// The product order that the service order is of.
    pub parent: Option<Uuid>,
    pub item_id: String,
    /// As `telvisor_model::Action` writes it.
    pub action: String,
}

const SERVICES: &str = "(
  SELECT c.tenant AS tenant, 'customer' AS entry, c.uid AS uid, c.customer_id AS id,
    c.customer_id AS customer_id, 'CFS' AS category,
    'customer-account' AS specification, 'customer-account' AS of_type,
    CASE c.state WHEN 'pending' THEN 'reserved' WHEN 'active' THEN 'active' WHEN 'suspended' THEN 'inactive'
      ELSE 'terminated' END AS shown,
    c.created_at AS created_at, c.created_at AS dated_at, c.started_at AS started_at, c.ended_at AS ended_at,
    'Service' AS type_name
  FROM customers c
  UNION ALL
  SELECT s.tenant, 'subscription', s.id, TEXT_OF(s.id), c.customer_id, 'CFS', s.application, s.application,
    CASE WHEN s.state = 'reserved' THEN 'reserved'
      WHEN s.state = 'suspended' OR (s.state = 'active' AND c.state = 'suspended') THEN 'inactive'
      WHEN s.state = 'active' THEN 'active' ELSE 'terminated' END,
    s.created_at, s.created_at, s.started_at, s.ended_at, 'Service'
  FROM subscriptions s JOIN customers c ON c.tenant = s.tenant AND c.uid = s.customer
  UNION ALL
  SELECT m.tenant, 'machine', m.id, TEXT_OF(m.id), c.customer_id, 'RFS', 'machine', 'machine',
    CASE WHEN m.ended_at IS NOT NULL THEN 'terminated' WHEN m.state = 'planned' THEN 'reserved'
      WHEN m.state = 'suspended' THEN 'inactive' ELSE 'active' END,
    m.created_at, m.created_at, m.created_at, m.ended_at, 'Service'
  FROM machines m JOIN customers c ON c.tenant = m.tenant AND c.uid = m.customer
  UNION ALL
  SELECT r.tenant, 'record', r.uid, r.id, r.customer_id, r.category, r.specification, r.of_type, r.state,
    r.created_at, r.dated_at, r.started_at, r.ended_at, r.type_name
  FROM records_personal r WHERE r.kind = 'service'
) v WHERE v.tenant = $1";

const PRODUCTS: &str = "(
  SELECT c.tenant AS tenant, 'customer' AS entry, c.uid AS uid, c.customer_id AS id,
    c.customer_id AS customer_id,
    'customer-account' AS specification, 'customer-account' AS of_type,
    CASE WHEN c.state = 'pending' THEN 'pendingActive'
      WHEN c.removing AND c.state IN ('active', 'suspended') THEN 'pendingTerminate'
      WHEN c.state IN ('active', 'suspended', 'terminated') THEN c.state ELSE 'cancelled' END AS shown,
    c.created_at AS created_at, c.created_at AS dated_at, c.started_at AS started_at, c.ended_at AS ended_at,
    'Product' AS type_name
  FROM customers c
  UNION ALL
  SELECT s.tenant, 'subscription', s.id, TEXT_OF(s.id), c.customer_id, s.application, s.application || '.' || s.plan,
    CASE WHEN s.state = 'reserved' THEN 'pendingActive'
      WHEN s.state IN ('active', 'suspended') AND (s.removing OR c.removing) THEN 'pendingTerminate'
      WHEN s.state = 'suspended' OR (s.state = 'active' AND c.state = 'suspended') THEN 'suspended'
      WHEN s.state IN ('active', 'terminated') THEN s.state ELSE 'cancelled' END,
    s.created_at, s.created_at, s.started_at, s.ended_at, 'Product'
  FROM subscriptions s JOIN customers c ON c.tenant = s.tenant AND c.uid = s.customer
  UNION ALL
  SELECT r.tenant, 'record', r.uid, r.id, r.customer_id, r.specification, r.of_type, r.state, r.created_at,
    r.dated_at, r.started_at, r.ended_at, r.type_name
  FROM records_personal r WHERE r.kind = 'product'
) v WHERE v.tenant = $1";

const RESOURCES: &str = "(
  SELECT m.tenant AS tenant, 'machine' AS entry, m.id AS uid, TEXT_OF(m.id) AS id, c.customer_id AS customer_id, m.name AS name,
    'machine' AS category, NULL AS specification,
    CASE WHEN m.ended_at IS NOT NULL THEN 'unknown' WHEN m.state = 'planned' THEN 'reserved'
      WHEN m.state = 'suspended' THEN 'suspended' ELSE 'available' END AS shown,
    m.created_at AS created_at, m.created_at AS started_at, m.ended_at AS ended_at,
    'LogicalResource' AS type_name
  FROM machines m JOIN customers c ON c.tenant = m.tenant AND c.uid = m.customer
  UNION ALL
  SELECT r.tenant, 'record', r.uid, r.id, r.customer_id, r.name, r.category, r.specification, r.state, r.created_at,
    r.started_at, r.ended_at, r.type_name
  FROM records_personal r WHERE r.kind = 'resource'
) v WHERE v.tenant = $1";

const USAGES: &str = "(
  SELECT s.tenant AS tenant, 'sdr' AS entry, s.record_id AS uid, TEXT_OF(s.record_id) AS id,
    j.customer_id AS customer_id,
    s.type AS specification, s.type AS of_type, 'received' AS shown, s.record_time AS created_at,
    s.event_time AS dated_at, 'Usage' AS type_name
  FROM sdr s JOIN sdr_subjects j ON j.tenant = s.tenant AND j.subject = s.subject
  UNION ALL
  SELECT r.tenant, 'record', r.uid, r.id, r.customer_id, r.specification, r.of_type, r.state, r.created_at,
    r.dated_at, r.type_name
  FROM records_personal r WHERE r.kind = 'usage'
) v WHERE v.tenant = $1";

impl Tx<Tenant> {
    /// TMF638: customers, subscriptions, machines and records.
    pub async fn list_services(&mut self, page: &Page) -> Result<Listed<EntryRow>, StoreError> {
        listed(self, "entry, uid", SERVICES, page).await
    }

    /// TMF637: customers, subscriptions and records.
    pub async fn list_products(&mut self, page: &Page) -> Result<Listed<EntryRow>, StoreError> {
        listed(self, "entry, uid", PRODUCTS, page).await
    }

    /// TMF639: machines and records.
    pub async fn list_resources(&mut self, page: &Page) -> Result<Listed<EntryRow>, StoreError> {
        listed(self, "entry, uid", RESOURCES, page).await
    }

    /// TMF635: the journal and records.
    pub async fn list_usages(&mut self, page: &Page) -> Result<Listed<EntryRow>, StoreError> {
        listed(self, "entry, uid", USAGES, page).await
    }

    /// The items of service orders that made or changed a subscription, oldest first.
    pub async fn orders_of_subscription(&mut self, id: Uuid) -> Result<Vec<OrderLink>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: OrderLink,
            "SELECT i.order_id, o.parent, i.item_id, i.action
             FROM order_items i JOIN orders o ON o.tenant = i.tenant AND o.id = i.order_id
             WHERE i.tenant = $1 AND i.subscription = $2 AND i.action NOT IN ('backup', 'restore')
               AND o.kind = 'service' AND o.hidden_at IS NULL
             ORDER BY o.order_date, o.id, i.number",
            &tenant,
            id
        )
    }

    /// The items of service orders that made or changed a customer account, oldest first.
    pub async fn orders_of_customer(&mut self, customer_id: &str) -> Result<Vec<OrderLink>, StoreError> {
        let tenant = self.tenant();
        sql!(
            self,
            all: OrderLink,
            "SELECT i.order_id, o.parent, i.item_id, i.action
             FROM orders o JOIN order_items i ON i.tenant = o.tenant AND i.order_id = o.id
             WHERE o.tenant = $1 AND o.customer_id = $2 AND o.kind = 'service' AND o.hidden_at IS NULL
               AND i.action IN ('create-customer', 'suspend-customer', 'reactivate-customer', 'terminate-customer')
             ORDER BY o.order_date, o.id, i.number",
            &tenant,
            customer_id
        )
    }
}
