-- Lists of orders by kind, without the hidden ones; counters of them by kind and state.
DROP INDEX orders_newest;
DROP INDEX orders_state;
CREATE INDEX orders_list ON orders (tenant, kind, order_date DESC, id DESC) WHERE hidden_at IS NULL;
CREATE INDEX orders_list_state ON orders (tenant, kind, state, order_date DESC, id DESC) WHERE hidden_at IS NULL;
CREATE INDEX cancel_orders_newest ON cancel_orders (tenant, requested_at DESC, id DESC);
CREATE INDEX counter_deltas_name ON counter_deltas (tenant, name);

INSERT INTO counters (tenant, name, value)
  SELECT tenant, 'orders.' || kind || '.' || state, COUNT(*) FROM orders
  WHERE hidden_at IS NULL GROUP BY tenant, kind, state;

INSERT INTO schema_releases (migration, lowest_release) VALUES (3, '0.1.0');
