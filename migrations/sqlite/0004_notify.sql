-- Listeners of the hubs, and what each of them is to be sent.
INSERT INTO schema_releases (migration, lowest_release) VALUES (4, '0.1.0');

-- Nobody was told of the events so far, and they were written in another form.
DELETE FROM events;

-- api: which API and version, such as tmf641.v4. base: what hrefs begin with, as the client saw it. since: the
-- position of the last event before its registration. failing_since: none while something is delivered.
CREATE TABLE listeners (
  tenant TEXT NOT NULL,
  id BLOB NOT NULL,
  api TEXT NOT NULL,
  callback TEXT NOT NULL,
  query TEXT NOT NULL,
  base TEXT NOT NULL,
  client TEXT NOT NULL,
  state TEXT NOT NULL,
  listener_path BOOLEAN NOT NULL,
  secret BLOB NOT NULL,
  since INTEGER NOT NULL,
  failing_since TEXT,
  paused_at TEXT,
  paused_why TEXT,
  created_at TEXT NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX listeners_callback ON listeners (tenant, api, callback, query);

-- One event for one listener. run_after: when it is tried again; none before the first try.
CREATE TABLE deliveries (
  tenant TEXT NOT NULL,
  listener BLOB NOT NULL,
  position INTEGER NOT NULL,
  event BLOB NOT NULL,
  resource_id BLOB NOT NULL,
  tries INTEGER NOT NULL,
  run_after TEXT,
  error TEXT,
  delivered_at TEXT,
  PRIMARY KEY (tenant, listener, position)
);
CREATE INDEX deliveries_resource ON deliveries (tenant, listener, resource_id, position) WHERE delivered_at IS NULL;
CREATE INDEX deliveries_fresh ON deliveries (tenant, listener, position)
  WHERE delivered_at IS NULL AND run_after IS NULL;
CREATE INDEX deliveries_failing ON deliveries (tenant, listener, run_after)
  WHERE delivered_at IS NULL AND run_after IS NOT NULL;
CREATE INDEX deliveries_done ON deliveries (tenant, delivered_at) WHERE delivered_at IS NOT NULL;
