-- Product orders: the service order of one is found by it, and cancel tasks are of one kind or the other.
INSERT INTO schema_releases (migration, lowest_release) VALUES (2, '0.1.0');

CREATE UNIQUE INDEX orders_parent ON orders (tenant, parent) WHERE parent IS NOT NULL;
ALTER TABLE cancel_orders ADD COLUMN kind TEXT NOT NULL DEFAULT 'service';
CREATE INDEX cancel_orders_newest ON cancel_orders (tenant, kind, requested_at DESC, id DESC);
