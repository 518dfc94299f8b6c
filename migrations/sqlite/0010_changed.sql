-- When the state of an order last changed: who polls asks for what changed since.
INSERT INTO schema_releases (migration, lowest_release) VALUES (10, '0.1.0');

ALTER TABLE orders ADD COLUMN changed_at TEXT;
UPDATE orders SET changed_at = COALESCE(ended_at, started_at, order_date);
CREATE INDEX orders_changed ON orders (tenant, kind, changed_at);
