-- The first schema. Rules: tenant is the first column of every key of a table that belongs to a tenant; personal
-- values stand only in customers, order_personal, event_personal and sdr_subjects; enums are text.

-- Which releases can run on this schema: a binary refuses a schema whose lowest release lies above its own.
CREATE TABLE schema_releases (
  migration INTEGER NOT NULL PRIMARY KEY,
  lowest_release TEXT NOT NULL
);
INSERT INTO schema_releases (migration, lowest_release) VALUES (1, '0.1.0');

-- This installation: one row, made at first start. world: what the hypervisor showed at first use.
CREATE TABLE installation (
  one INTEGER NOT NULL PRIMARY KEY,
  id BLOB NOT NULL,
  world BLOB,
  created_at TEXT NOT NULL
);

CREATE TABLE tenants (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL
);
INSERT INTO tenants (id, name) VALUES ('default', 'default');

-- Named leases of singletons (sweeps, schedules, sealing).
CREATE TABLE leases (
  name TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,
  lease_until TEXT NOT NULL
);

-- Secrets at rest: AEAD under the key file named by key_id.
CREATE TABLE sealed_secrets (
  id BLOB NOT NULL PRIMARY KEY,
  tenant TEXT,
  name TEXT NOT NULL,
  key_id TEXT NOT NULL,
  nonce TEXT NOT NULL,
  body TEXT NOT NULL
);

CREATE TABLE audit (
  tenant TEXT NOT NULL,
  id BLOB NOT NULL,
  at TEXT NOT NULL,
  principal TEXT NOT NULL,
  door TEXT NOT NULL,
  source TEXT,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  detail TEXT,
  PRIMARY KEY (tenant, id)
);

-- Applications and the immutable contents of their versions. tenant is null for what all tenants see.
CREATE TABLE applications (
  id TEXT NOT NULL PRIMARY KEY,
  tenant TEXT,
  position INTEGER NOT NULL,
  body TEXT NOT NULL,
  pictures TEXT NOT NULL,
  updated_at TEXT NOT NULL
);
CREATE TABLE package_versions (
  application TEXT NOT NULL,
  version TEXT NOT NULL,
  tenant TEXT,
  digest TEXT NOT NULL,
  content TEXT NOT NULL,
  published_at TEXT NOT NULL,
  withdrawn_at TEXT,
  PRIMARY KEY (application, version)
);
CREATE UNIQUE INDEX package_versions_digest ON package_versions (digest);

CREATE TABLE hypervisors (
  name TEXT NOT NULL PRIMARY KEY,
  url TEXT NOT NULL,
  weight INTEGER NOT NULL
);
CREATE TABLE hosts (
  hypervisor TEXT NOT NULL,
  name TEXT NOT NULL,
  vcpu INTEGER NOT NULL,
  memory_mib INTEGER NOT NULL,
  disk_gib INTEGER NOT NULL,
  seen_at TEXT NOT NULL,
  PRIMARY KEY (hypervisor, name)
);

-- customer_id is the BSS's number, uid ours; machine names and lock keys derive from uid.
CREATE TABLE customers (
  tenant TEXT NOT NULL,
  uid BLOB NOT NULL,
  customer_id TEXT NOT NULL,
  state TEXT NOT NULL,
  test BOOLEAN NOT NULL,
  name TEXT NOT NULL,
  email TEXT,
  phone TEXT,
  language TEXT,
  characteristics TEXT NOT NULL,
  created_at TEXT NOT NULL,
  started_at TEXT,
  ended_at TEXT,
  restorable_until TEXT,
  PRIMARY KEY (tenant, uid)
);
CREATE UNIQUE INDEX customers_id ON customers (tenant, customer_id);

-- The line of one customer's orders; its row is the lock, and exists before the customer does.
CREATE TABLE lines (
  tenant TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  next_place INTEGER NOT NULL,
  PRIMARY KEY (tenant, customer_id)
);

CREATE TABLE machines (
  tenant TEXT NOT NULL,
  id BLOB NOT NULL,
  customer BLOB NOT NULL,
  name TEXT NOT NULL,
  hypervisor TEXT NOT NULL,
  host TEXT NOT NULL,
  vcpu INTEGER NOT NULL,
  memory_mib INTEGER NOT NULL,
  disk_gib INTEGER NOT NULL,
  state TEXT NOT NULL,
  fence INTEGER NOT NULL,
  dedicated_for BLOB,
  created_at TEXT NOT NULL,
  ended_at TEXT,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX machines_customer ON machines (tenant, customer);

CREATE TABLE reservations (
  tenant TEXT NOT NULL,
  machine BLOB NOT NULL,
  hypervisor TEXT NOT NULL,
  host TEXT NOT NULL,
  vcpu INTEGER NOT NULL,
  memory_mib INTEGER NOT NULL,
  disk_gib INTEGER NOT NULL,
  PRIMARY KEY (tenant, machine)
);
CREATE INDEX reservations_host ON reservations (hypervisor, host);

CREATE TABLE subscriptions (
  tenant TEXT NOT NULL,
  id BLOB NOT NULL,
  customer BLOB NOT NULL,
  application TEXT NOT NULL,
  plan TEXT NOT NULL,
  version TEXT NOT NULL,
  digest TEXT NOT NULL,
  multiple BOOLEAN NOT NULL,
  state TEXT NOT NULL,
  machine BLOB,
  access_url TEXT,
  characteristics TEXT NOT NULL,
  ended_with_customer TEXT,
  last_backup BLOB,
  created_at TEXT NOT NULL,
  started_at TEXT,
  ended_at TEXT,
  restorable_until TEXT,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX subscriptions_customer ON subscriptions (tenant, customer, created_at, id);
CREATE INDEX subscriptions_created ON subscriptions (tenant, created_at, id);

CREATE TABLE orders (
  tenant TEXT NOT NULL,
  id BLOB NOT NULL,
  kind TEXT NOT NULL,
  parent BLOB,
  customer_id TEXT,
  customer BLOB,
  door TEXT NOT NULL,
  channel TEXT NOT NULL,
  client TEXT NOT NULL,
  external_id TEXT,
  category TEXT,
  priority TEXT,
  urgency INTEGER NOT NULL,
  state TEXT NOT NULL,
  order_date TEXT NOT NULL,
  requested_start TEXT,
  requested_completion TEXT,
  expected_completion TEXT,
  started_at TEXT,
  ended_at TEXT,
  cancelled_at TEXT,
  cancel_reason TEXT,
  place INTEGER,
  waits_for TEXT,
  goes_on BOOLEAN NOT NULL,
  version INTEGER NOT NULL,
  event_number INTEGER NOT NULL,
  history_number INTEGER NOT NULL,
  errors TEXT NOT NULL,
  trace_parent TEXT,
  request_id TEXT,
  hidden_at TEXT,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX orders_newest ON orders (tenant, order_date DESC, id DESC);
CREATE INDEX orders_state ON orders (tenant, state, order_date DESC, id DESC);
CREATE INDEX orders_external ON orders (tenant, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX orders_category ON orders (tenant, category) WHERE category IS NOT NULL;
CREATE INDEX orders_customer ON orders (tenant, customer_id, order_date);
-- The open part of a line, and orders that wait for their date.
CREATE INDEX orders_line ON orders (tenant, customer_id, place)
  WHERE state IN ('acknowledged','inProgress','pending','held','assessingCancellation','pendingCancellation');
CREATE INDEX orders_waiting ON orders (tenant, customer_id)
  WHERE state = 'acknowledged' OR goes_on;

-- Personal values of an order: parties, characteristics and the request as given; notes.
CREATE TABLE order_personal (
  tenant TEXT NOT NULL,
  order_id BLOB NOT NULL,
  request TEXT NOT NULL,
  notes TEXT NOT NULL,
  PRIMARY KEY (tenant, order_id)
);

CREATE TABLE order_items (
  tenant TEXT NOT NULL,
  order_id BLOB NOT NULL,
  item_id TEXT NOT NULL,
  uid BLOB NOT NULL,
  number INTEGER NOT NULL,
  state TEXT NOT NULL,
  action TEXT NOT NULL,
  intent TEXT NOT NULL,
  relies_on TEXT NOT NULL,
  subscription BLOB,
  before TEXT,
  started_at TEXT,
  ended_at TEXT,
  error_code TEXT,
  error TEXT,
  PRIMARY KEY (tenant, order_id, item_id)
);
CREATE INDEX order_items_subscription ON order_items (tenant, subscription);

CREATE TABLE order_history (
  tenant TEXT NOT NULL,
  order_id BLOB NOT NULL,
  number INTEGER NOT NULL,
  at TEXT NOT NULL,
  item_id TEXT,
  state TEXT NOT NULL,
  reason TEXT,
  caused_by TEXT NOT NULL,
  PRIMARY KEY (tenant, order_id, number)
);

CREATE TABLE cancel_orders (
  tenant TEXT NOT NULL,
  id BLOB NOT NULL,
  order_id BLOB NOT NULL,
  state TEXT NOT NULL,
  back_to TEXT NOT NULL,
  reason TEXT,
  message TEXT,
  requested_at TEXT NOT NULL,
  requested_for TEXT,
  ended_at TEXT,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX cancel_orders_order ON cancel_orders (tenant, order_id);

CREATE TABLE idempotency (
  tenant TEXT NOT NULL,
  client TEXT NOT NULL,
  door TEXT NOT NULL,
  key TEXT NOT NULL,
  digest TEXT NOT NULL,
  order_id BLOB NOT NULL,
  created_at TEXT NOT NULL,
  PRIMARY KEY (tenant, client, door, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);

-- Number is gapless per resource; position is given after commit by a leased sequencer.
CREATE TABLE events (
  tenant TEXT NOT NULL,
  id BLOB NOT NULL,
  resource TEXT NOT NULL,
  resource_id BLOB NOT NULL,
  number INTEGER NOT NULL,
  type TEXT NOT NULL,
  at TEXT NOT NULL,
  body TEXT NOT NULL,
  trace_parent TEXT,
  position INTEGER,
  PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX events_number ON events (tenant, resource_id, number);
CREATE INDEX events_unplaced ON events (tenant, at) WHERE position IS NULL;
CREATE UNIQUE INDEX events_position ON events (tenant, position) WHERE position IS NOT NULL;
CREATE TABLE event_personal (
  tenant TEXT NOT NULL,
  event_id BLOB NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (tenant, event_id)
);

-- turn: run_after, later for what is less urgent; the earliest is claimed first.
CREATE TABLE jobs (
  tenant TEXT NOT NULL,
  id BLOB NOT NULL,
  order_id BLOB,
  item_id TEXT,
  customer BLOB NOT NULL,
  class TEXT NOT NULL,
  title TEXT NOT NULL,
  state TEXT NOT NULL,
  phase TEXT NOT NULL,
  urgency INTEGER NOT NULL,
  run_after TEXT NOT NULL,
  turn TEXT NOT NULL,
  lease_until TEXT,
  worker TEXT,
  attempt INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  machine BLOB,
  hypervisor TEXT,
  host TEXT,
  fence INTEGER NOT NULL,
  error TEXT,
  trace_parent TEXT,
  request_id TEXT,
  created_at TEXT NOT NULL,
  ended_at TEXT,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX jobs_due ON jobs (class, turn) WHERE state IN ('ready', 'running');
CREATE INDEX jobs_customer ON jobs (tenant, customer) WHERE state = 'running';
CREATE INDEX jobs_machine ON jobs (tenant, machine) WHERE state = 'running';
CREATE INDEX jobs_order ON jobs (tenant, order_id, item_id);
CREATE INDEX jobs_fallout ON jobs (tenant, ended_at) WHERE state = 'fallout';

CREATE TABLE job_steps (
  tenant TEXT NOT NULL,
  job_id BLOB NOT NULL,
  number INTEGER NOT NULL,
  title TEXT NOT NULL,
  act TEXT NOT NULL,
  undo TEXT NOT NULL,
  last_chance BOOLEAN NOT NULL,
  state TEXT NOT NULL,
  key TEXT,
  handle TEXT,
  undone INTEGER NOT NULL,
  result TEXT,
  started_at TEXT,
  ended_at TEXT,
  PRIMARY KEY (tenant, job_id, number)
);

CREATE TABLE job_attempts (
  tenant TEXT NOT NULL,
  job_id BLOB NOT NULL,
  attempt INTEGER NOT NULL,
  phase TEXT NOT NULL,
  worker TEXT NOT NULL,
  started_at TEXT NOT NULL,
  ended_at TEXT,
  outcome TEXT,
  cause TEXT,
  output TEXT,
  PRIMARY KEY (tenant, job_id, attempt)
);

CREATE TABLE backups (
  tenant TEXT NOT NULL,
  id BLOB NOT NULL,
  kind TEXT NOT NULL,
  subscription BLOB NOT NULL,
  customer BLOB NOT NULL,
  purpose TEXT NOT NULL,
  application TEXT NOT NULL,
  version TEXT NOT NULL,
  plan TEXT NOT NULL,
  digest TEXT NOT NULL,
  state TEXT NOT NULL,
  size INTEGER,
  sha256 TEXT,
  store_url TEXT NOT NULL,
  object_key TEXT NOT NULL,
  format TEXT NOT NULL,
  encryption_key_id TEXT,
  parent BLOB,
  order_id BLOB,
  created_at TEXT NOT NULL,
  expires_at TEXT,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX backups_subscription ON backups (tenant, subscription, created_at);
CREATE INDEX backups_expiry ON backups (expires_at) WHERE expires_at IS NOT NULL;

-- The next time that a plan's backup schedule orders a backup.
CREATE TABLE backup_schedules (
  tenant TEXT NOT NULL,
  subscription BLOB NOT NULL,
  next_at TEXT NOT NULL,
  PRIMARY KEY (tenant, subscription)
);
CREATE INDEX backup_schedules_next ON backup_schedules (next_at);

-- sent: the union of the octet ranges that were delivered under this link.
CREATE TABLE download_links (
  tenant TEXT NOT NULL,
  id BLOB NOT NULL,
  backup BLOB NOT NULL,
  customer BLOB NOT NULL,
  expires_at TEXT NOT NULL,
  sent TEXT NOT NULL,
  first_sent_at TEXT,
  completed_at TEXT,
  created_at TEXT NOT NULL,
  PRIMARY KEY (tenant, id)
);

-- The journal. cause is the key that makes a record exactly once: item, subscription, type, change; or the link.
CREATE TABLE sdr (
  tenant TEXT NOT NULL,
  record_id BLOB NOT NULL,
  cause TEXT NOT NULL,
  subject BLOB NOT NULL,
  test BOOLEAN NOT NULL,
  only_recipient TEXT,
  type TEXT NOT NULL,
  body TEXT NOT NULL,
  event_time TEXT NOT NULL,
  record_time TEXT NOT NULL,
  PRIMARY KEY (tenant, record_id)
);
CREATE UNIQUE INDEX sdr_cause ON sdr (tenant, cause);
CREATE INDEX sdr_recorded ON sdr (tenant, record_time, record_id);
CREATE TABLE sdr_subjects (
  tenant TEXT NOT NULL,
  subject BLOB NOT NULL,
  customer BLOB NOT NULL,
  customer_id TEXT NOT NULL,
  phone TEXT,
  PRIMARY KEY (tenant, subject)
);
CREATE UNIQUE INDEX sdr_subjects_customer ON sdr_subjects (tenant, customer);

-- Recipients by version: a change applies from the next file. since: records journalled after it are theirs.
CREATE TABLE sdr_recipients (
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  config TEXT NOT NULL,
  since TEXT NOT NULL,
  created_at TEXT NOT NULL,
  retired_at TEXT,
  PRIMARY KEY (name, version)
);
CREATE TABLE sdr_streams (
  tenant TEXT NOT NULL,
  recipient TEXT NOT NULL,
  test BOOLEAN NOT NULL,
  next_file INTEGER NOT NULL,
  next_number INTEGER NOT NULL,
  cut_time TEXT NOT NULL,
  PRIMARY KEY (tenant, recipient, test)
);
CREATE TABLE sdr_numbers (
  tenant TEXT NOT NULL,
  recipient TEXT NOT NULL,
  test BOOLEAN NOT NULL,
  number INTEGER NOT NULL,
  record_id BLOB NOT NULL,
  file_seq INTEGER NOT NULL,
  PRIMARY KEY (tenant, recipient, test, number)
);
CREATE UNIQUE INDEX sdr_numbers_record ON sdr_numbers (tenant, recipient, record_id);
CREATE TABLE sdr_files (
  tenant TEXT NOT NULL,
  recipient TEXT NOT NULL,
  test BOOLEAN NOT NULL,
  file_seq INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  config_version INTEGER NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  records INTEGER NOT NULL,
  first_number INTEGER NOT NULL,
  last_number INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  manifest TEXT NOT NULL,
  node_id TEXT NOT NULL,
  node_address TEXT,
  utc_offset_s INTEGER NOT NULL,
  period_start TEXT NOT NULL,
  period_end TEXT NOT NULL,
  opened_at TEXT NOT NULL,
  closed_at TEXT NOT NULL,
  close_reason INTEGER NOT NULL,
  codec_version TEXT NOT NULL,
  rejected_reference INTEGER,
  delivered_at TEXT,
  acknowledged_at TEXT,
  PRIMARY KEY (tenant, recipient, test, file_seq, revision)
);
CREATE INDEX sdr_files_state ON sdr_files (state) WHERE state = 'sealed';

-- Counters are folded from delta rows, so that no transaction waits for another's count.
CREATE TABLE counters (
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (tenant, name)
);
CREATE TABLE counter_deltas (
  tenant TEXT NOT NULL,
  id BLOB NOT NULL,
  name TEXT NOT NULL,
  delta INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
);
