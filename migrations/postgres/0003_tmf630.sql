-- Lists of orders by kind, without the hidden ones; counters of them by kind and state.
DROP INDEX orders_newest;
DROP INDEX orders_state;
CREATE INDEX orders_list ON orders (tenant, kind, order_date DESC, id DESC) WHERE hidden_at IS NULL;
CREATE INDEX orders_list_state ON orders (tenant, kind, state, order_date DESC, id DESC) WHERE hidden_at IS NULL;
-- The kind is in each of them, so that a value is found by it and not by going through a list in order.
DROP INDEX orders_external;
DROP INDEX orders_category;
DROP INDEX orders_customer;
CREATE INDEX orders_external ON orders (tenant, kind, external_id, order_date DESC, id DESC) WHERE external_id IS NOT NULL;
CREATE INDEX orders_category ON orders (tenant, kind, category, order_date DESC, id DESC) WHERE category IS NOT NULL;
CREATE INDEX orders_customer ON orders (tenant, kind, customer_id, order_date DESC, id DESC);
CREATE INDEX counter_deltas_name ON counter_deltas (tenant, name);

INSERT INTO counters (tenant, name, value)
  SELECT tenant, 'orders.' || kind || '.' || state, COUNT(*) FROM orders
  WHERE hidden_at IS NULL GROUP BY tenant, kind, state;

INSERT INTO schema_releases (migration, lowest_release) VALUES (3, '0.1.0');
