-- The life of an order: when it is expected to be done, what puts it in jeopardy, approval and an operator's hold.
INSERT INTO schema_releases (migration, lowest_release) VALUES (7, '0.1.0');

-- How long steps took: the newest of each kind and application are kept, and folded into step_estimates.
CREATE TABLE step_durations (
  tenant TEXT NOT NULL,
  id BLOB NOT NULL,
  application TEXT NOT NULL,
  kind TEXT NOT NULL,
  ms INTEGER NOT NULL,
  folded BOOLEAN NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX step_durations_kind ON step_durations (tenant, application, kind, id);
CREATE INDEX step_durations_new ON step_durations (tenant, application, kind) WHERE NOT folded;

-- The 90th percentile of the recent durations of a step, in milliseconds. application is empty for a machine's steps.
CREATE TABLE step_estimates (
  tenant TEXT NOT NULL,
  application TEXT NOT NULL,
  kind TEXT NOT NULL,
  p90_ms INTEGER NOT NULL,
  PRIMARY KEY (tenant, application, kind)
);

-- What an item is expected to take, in milliseconds, until its plan is made.
ALTER TABLE order_items ADD COLUMN takes_ms INTEGER NOT NULL DEFAULT 0;

-- late: it has been told that the expected date passed. approval: asked, approved or none needed (null).
-- hold: why an operator keeps the order from going on.
ALTER TABLE orders ADD COLUMN alerts TEXT NOT NULL DEFAULT '[]';
ALTER TABLE orders ADD COLUMN late BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE orders ADD COLUMN approval TEXT;
ALTER TABLE orders ADD COLUMN approval_until TEXT;
ALTER TABLE orders ADD COLUMN hold TEXT;
CREATE INDEX orders_expected ON orders (expected_completion)
  WHERE NOT late AND state IN ('acknowledged','inProgress','pending','held','assessingCancellation','pendingCancellation');
CREATE INDEX orders_approval ON orders (approval_until) WHERE approval_until IS NOT NULL;

-- Cancels that wait for their date.
CREATE INDEX cancel_orders_due ON cancel_orders (requested_for) WHERE state = 'accepted';
