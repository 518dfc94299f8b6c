-- Listeners by SOAP: told of every order, or of those that named them.
INSERT INTO schema_releases (migration, lowest_release) VALUES (11, '0.1.0');

-- named: it is told of the orders that are listed in listener_orders, and of no others. Letters by SOAP are not signed:
-- secret is nil there.
ALTER TABLE listeners ADD COLUMN named BOOLEAN NOT NULL DEFAULT FALSE;

-- message_id: what a reply relates to; empty where each change of state is told. context: what the door needs to write
-- the reply; holds no personal values. ended_at: since when the order's end is delivered.
CREATE TABLE listener_orders (
  tenant TEXT NOT NULL,
  listener BLOB NOT NULL,
  order_id BLOB NOT NULL,
  message_id TEXT NOT NULL,
  context TEXT NOT NULL,
  ended_at TEXT,
  PRIMARY KEY (tenant, listener, order_id, message_id)
);
CREATE INDEX listener_orders_order ON listener_orders (tenant, order_id);
CREATE INDEX listener_orders_ended ON listener_orders (tenant, ended_at) WHERE ended_at IS NOT NULL;
