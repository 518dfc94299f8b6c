-- The first schema. Rules: tenant is the first column of every key of a table that belongs to a tenant; personal
-- values stand only in customers, order_personal, event_personal and sdr_subjects; enums are text.

-- Which releases can run on this schema: a binary refuses a schema whose lowest release lies above its own.
CREATE TABLE schema_releases (
  migration BIGINT NOT NULL PRIMARY KEY,
  lowest_release TEXT NOT NULL
);
INSERT INTO schema_releases (migration, lowest_release) VALUES (1, '0.1.0');

-- This installation: one row, made at first start. world: what the hypervisor showed at first use.
CREATE TABLE installation (
  one BIGINT NOT NULL PRIMARY KEY,
  id UUID NOT NULL,
  world UUID,
  created_at TIMESTAMPTZ NOT NULL
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
  lease_until TIMESTAMPTZ NOT NULL
);

-- Secrets at rest: AEAD under the key file named by key_id.
CREATE TABLE sealed_secrets (
  id UUID NOT NULL PRIMARY KEY,
  tenant TEXT,
  name TEXT NOT NULL,
  key_id TEXT NOT NULL,
  nonce TEXT NOT NULL,
  body TEXT NOT NULL
);

CREATE TABLE audit (
  tenant TEXT NOT NULL,
  id UUID NOT NULL,
  at TIMESTAMPTZ NOT NULL,
  principal TEXT NOT NULL,
  door TEXT NOT NULL,
  source TEXT,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  detail JSONB,
  PRIMARY KEY (tenant, id)
);

-- Applications and the immutable contents of their versions. tenant is null for what all tenants see.
CREATE TABLE applications (
  id TEXT NOT NULL PRIMARY KEY,
  tenant TEXT,
  position BIGINT NOT NULL,
  body JSONB NOT NULL,
  pictures JSONB NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE package_versions (
  application TEXT NOT NULL,
  version TEXT NOT NULL,
  tenant TEXT,
  digest TEXT NOT NULL,
  content JSONB NOT NULL,
  published_at TIMESTAMPTZ NOT NULL,
  withdrawn_at TIMESTAMPTZ,
  PRIMARY KEY (application, version)
);
CREATE UNIQUE INDEX package_versions_digest ON package_versions (digest);

CREATE TABLE hypervisors (
  name TEXT NOT NULL PRIMARY KEY,
  url TEXT NOT NULL,
  weight BIGINT NOT NULL
);
CREATE TABLE hosts (
  hypervisor TEXT NOT NULL,
  name TEXT NOT NULL,
  vcpu BIGINT NOT NULL,
  memory_mib BIGINT NOT NULL,
  disk_gib BIGINT NOT NULL,
  seen_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (hypervisor, name)
);

-- customer_id is the BSS's number, uid ours; machine names and lock keys derive from uid.
CREATE TABLE customers (
  tenant TEXT NOT NULL,
  uid UUID NOT NULL,
  customer_id TEXT NOT NULL,
  state TEXT NOT NULL,
  test BOOLEAN NOT NULL,
  name TEXT NOT NULL,
  email TEXT,
  phone TEXT,
  language TEXT,
  characteristics JSONB NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  started_at TIMESTAMPTZ,
  ended_at TIMESTAMPTZ,
  restorable_until TIMESTAMPTZ,
  PRIMARY KEY (tenant, uid)
);
CREATE UNIQUE INDEX customers_id ON customers (tenant, customer_id);

-- The line of one customer's orders; its row is the lock, and exists before the customer does.
CREATE TABLE lines (
  tenant TEXT NOT NULL,
  customer_id TEXT NOT NULL,
  next_place BIGINT NOT NULL,
  PRIMARY KEY (tenant, customer_id)
);

CREATE TABLE machines (
  tenant TEXT NOT NULL,
  id UUID NOT NULL,
  customer UUID NOT NULL,
  name TEXT NOT NULL,
  hypervisor TEXT NOT NULL,
  host TEXT NOT NULL,
  vcpu BIGINT NOT NULL,
  memory_mib BIGINT NOT NULL,
  disk_gib BIGINT NOT NULL,
  state TEXT NOT NULL,
  fence BIGINT NOT NULL,
  dedicated_for UUID,
  created_at TIMESTAMPTZ NOT NULL,
  ended_at TIMESTAMPTZ,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX machines_customer ON machines (tenant, customer);

CREATE TABLE reservations (
  tenant TEXT NOT NULL,
  machine UUID NOT NULL,
  hypervisor TEXT NOT NULL,
  host TEXT NOT NULL,
  vcpu BIGINT NOT NULL,
  memory_mib BIGINT NOT NULL,
  disk_gib BIGINT NOT NULL,
  PRIMARY KEY (tenant, machine)
);
CREATE INDEX reservations_host ON reservations (hypervisor, host);

CREATE TABLE subscriptions (
  tenant TEXT NOT NULL,
  id UUID NOT NULL,
  customer UUID NOT NULL,
  application TEXT NOT NULL,
  plan TEXT NOT NULL,
  version TEXT NOT NULL,
  digest TEXT NOT NULL,
  multiple BOOLEAN NOT NULL,
  state TEXT NOT NULL,
  machine UUID,
  access_url TEXT,
  characteristics JSONB NOT NULL,
  ended_with_customer TEXT,
  last_backup UUID,
  created_at TIMESTAMPTZ NOT NULL,
  started_at TIMESTAMPTZ,
  ended_at TIMESTAMPTZ,
  restorable_until TIMESTAMPTZ,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX subscriptions_customer ON subscriptions (tenant, customer, created_at, id);
CREATE INDEX subscriptions_created ON subscriptions (tenant, created_at, id);

CREATE TABLE orders (
  tenant TEXT NOT NULL,
  id UUID NOT NULL,
  kind TEXT NOT NULL,
  parent UUID,
  customer_id TEXT,
  customer UUID,
  door TEXT NOT NULL,
  channel TEXT NOT NULL,
  client TEXT NOT NULL,
  external_id TEXT,
  category TEXT,
  priority TEXT,
  urgency BIGINT NOT NULL,
  state TEXT NOT NULL,
  order_date TIMESTAMPTZ NOT NULL,
  requested_start TIMESTAMPTZ,
  requested_completion TIMESTAMPTZ,
  expected_completion TIMESTAMPTZ,
  started_at TIMESTAMPTZ,
  ended_at TIMESTAMPTZ,
  cancelled_at TIMESTAMPTZ,
  cancel_reason TEXT,
  place BIGINT,
  waits_for TEXT,
  goes_on BOOLEAN NOT NULL,
  version BIGINT NOT NULL,
  event_number BIGINT NOT NULL,
  history_number BIGINT NOT NULL,
  errors JSONB NOT NULL,
  trace_parent TEXT,
  request_id TEXT,
  hidden_at TIMESTAMPTZ,
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
  order_id UUID NOT NULL,
  request JSONB NOT NULL,
  notes JSONB NOT NULL,
  PRIMARY KEY (tenant, order_id)
);

CREATE TABLE order_items (
  tenant TEXT NOT NULL,
  order_id UUID NOT NULL,
  item_id TEXT NOT NULL,
  uid UUID NOT NULL,
  number BIGINT NOT NULL,
  state TEXT NOT NULL,
  action TEXT NOT NULL,
  intent JSONB NOT NULL,
  relies_on JSONB NOT NULL,
  subscription UUID,
  before JSONB,
  started_at TIMESTAMPTZ,
  ended_at TIMESTAMPTZ,
  error_code TEXT,
  error TEXT,
  PRIMARY KEY (tenant, order_id, item_id)
);
CREATE INDEX order_items_subscription ON order_items (tenant, subscription);

CREATE TABLE order_history (
  tenant TEXT NOT NULL,
  order_id UUID NOT NULL,
  number BIGINT NOT NULL,
  at TIMESTAMPTZ NOT NULL,
  item_id TEXT,
  state TEXT NOT NULL,
  reason TEXT,
  caused_by TEXT NOT NULL,
  PRIMARY KEY (tenant, order_id, number)
);

CREATE TABLE cancel_orders (
  tenant TEXT NOT NULL,
  id UUID NOT NULL,
  order_id UUID NOT NULL,
  state TEXT NOT NULL,
  back_to TEXT NOT NULL,
  reason TEXT,
  message TEXT,
  requested_at TIMESTAMPTZ NOT NULL,
  requested_for TIMESTAMPTZ,
  ended_at TIMESTAMPTZ,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX cancel_orders_order ON cancel_orders (tenant, order_id);

CREATE TABLE idempotency (
  tenant TEXT NOT NULL,
  client TEXT NOT NULL,
  door TEXT NOT NULL,
  key TEXT NOT NULL,
  digest TEXT NOT NULL,
  order_id UUID NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (tenant, client, door, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);

-- Number is gapless per resource; position is given after commit by a leased sequencer.
CREATE TABLE events (
  tenant TEXT NOT NULL,
  id UUID NOT NULL,
  resource TEXT NOT NULL,
  resource_id UUID NOT NULL,
  number BIGINT NOT NULL,
  type TEXT NOT NULL,
  at TIMESTAMPTZ NOT NULL,
  body JSONB NOT NULL,
  trace_parent TEXT,
  position BIGINT,
  PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX events_number ON events (tenant, resource_id, number);
CREATE INDEX events_unplaced ON events (tenant, at) WHERE position IS NULL;
CREATE UNIQUE INDEX events_position ON events (tenant, position) WHERE position IS NOT NULL;
CREATE TABLE event_personal (
  tenant TEXT NOT NULL,
  event_id UUID NOT NULL,
  body JSONB NOT NULL,
  PRIMARY KEY (tenant, event_id)
);

-- turn: run_after, later for what is less urgent; the earliest is claimed first.
CREATE TABLE jobs (
  tenant TEXT NOT NULL,
  id UUID NOT NULL,
  order_id UUID,
  item_id TEXT,
  customer UUID NOT NULL,
  class TEXT NOT NULL,
  title TEXT NOT NULL,
  state TEXT NOT NULL,
  phase TEXT NOT NULL,
  urgency BIGINT NOT NULL,
  run_after TIMESTAMPTZ NOT NULL,
  turn TIMESTAMPTZ NOT NULL,
  lease_until TIMESTAMPTZ,
  worker TEXT,
  attempt BIGINT NOT NULL,
  tries BIGINT NOT NULL,
  machine UUID,
  hypervisor TEXT,
  host TEXT,
  fence BIGINT NOT NULL,
  error TEXT,
  trace_parent TEXT,
  request_id TEXT,
  created_at TIMESTAMPTZ NOT NULL,
  ended_at TIMESTAMPTZ,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX jobs_due ON jobs (class, turn) WHERE state IN ('ready', 'running');
CREATE INDEX jobs_customer ON jobs (tenant, customer) WHERE state = 'running';
CREATE INDEX jobs_machine ON jobs (tenant, machine) WHERE state = 'running';
CREATE INDEX jobs_order ON jobs (tenant, order_id, item_id);
CREATE INDEX jobs_fallout ON jobs (tenant, ended_at) WHERE state = 'fallout';

CREATE TABLE job_steps (
  tenant TEXT NOT NULL,
  job_id UUID NOT NULL,
  number BIGINT NOT NULL,
  title TEXT NOT NULL,
  act JSONB NOT NULL,
  undo JSONB NOT NULL,
  last_chance BOOLEAN NOT NULL,
  state TEXT NOT NULL,
  key TEXT,
  handle TEXT,
  undone BIGINT NOT NULL,
  result JSONB,
  started_at TIMESTAMPTZ,
  ended_at TIMESTAMPTZ,
  PRIMARY KEY (tenant, job_id, number)
);

CREATE TABLE job_attempts (
  tenant TEXT NOT NULL,
  job_id UUID NOT NULL,
  attempt BIGINT NOT NULL,
  phase TEXT NOT NULL,
  worker TEXT NOT NULL,
  started_at TIMESTAMPTZ NOT NULL,
  ended_at TIMESTAMPTZ,
  outcome TEXT,
  cause TEXT,
  output TEXT,
  PRIMARY KEY (tenant, job_id, attempt)
);

CREATE TABLE backups (
  tenant TEXT NOT NULL,
  id UUID NOT NULL,
  kind TEXT NOT NULL,
  subscription UUID NOT NULL,
  customer UUID NOT NULL,
  purpose TEXT NOT NULL,
  application TEXT NOT NULL,
  version TEXT NOT NULL,
  plan TEXT NOT NULL,
  digest TEXT NOT NULL,
  state TEXT NOT NULL,
  size BIGINT,
  sha256 TEXT,
  store_url TEXT NOT NULL,
  object_key TEXT NOT NULL,
  format TEXT NOT NULL,
  encryption_key_id TEXT,
  parent UUID,
  order_id UUID,
  created_at TIMESTAMPTZ NOT NULL,
  expires_at TIMESTAMPTZ,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX backups_subscription ON backups (tenant, subscription, created_at);
CREATE INDEX backups_expiry ON backups (expires_at) WHERE expires_at IS NOT NULL;

-- The next time that a plan's backup schedule orders a backup.
CREATE TABLE backup_schedules (
  tenant TEXT NOT NULL,
  subscription UUID NOT NULL,
  next_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (tenant, subscription)
);
CREATE INDEX backup_schedules_next ON backup_schedules (next_at);

-- sent: the union of the octet ranges that were delivered under this link.
CREATE TABLE download_links (
  tenant TEXT NOT NULL,
  id UUID NOT NULL,
  backup UUID NOT NULL,
  customer UUID NOT NULL,
  expires_at TIMESTAMPTZ NOT NULL,
  sent JSONB NOT NULL,
  first_sent_at TIMESTAMPTZ,
  completed_at TIMESTAMPTZ,
  created_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (tenant, id)
);

-- The journal. cause is the key that makes a record exactly once: item, subscription, type, change; or the link.
CREATE TABLE sdr (
  tenant TEXT NOT NULL,
  record_id UUID NOT NULL,
  cause TEXT NOT NULL,
  subject UUID NOT NULL,
  test BOOLEAN NOT NULL,
  only_recipient TEXT,
  type TEXT NOT NULL,
  body JSONB NOT NULL,
  event_time TIMESTAMPTZ NOT NULL,
  record_time TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (tenant, record_id)
);
CREATE UNIQUE INDEX sdr_cause ON sdr (tenant, cause);
CREATE INDEX sdr_recorded ON sdr (tenant, record_time, record_id);
CREATE TABLE sdr_subjects (
  tenant TEXT NOT NULL,
  subject UUID NOT NULL,
  customer UUID NOT NULL,
  customer_id TEXT NOT NULL,
  phone TEXT,
  PRIMARY KEY (tenant, subject)
);
CREATE UNIQUE INDEX sdr_subjects_customer ON sdr_subjects (tenant, customer);

-- Recipients by version: a change applies from the next file. since: records journalled after it are theirs.
CREATE TABLE sdr_recipients (
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  config JSONB NOT NULL,
  since TIMESTAMPTZ NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  retired_at TIMESTAMPTZ,
  PRIMARY KEY (name, version)
);
CREATE TABLE sdr_streams (
  tenant TEXT NOT NULL,
  recipient TEXT NOT NULL,
  test BOOLEAN NOT NULL,
  next_file BIGINT NOT NULL,
  next_number BIGINT NOT NULL,
  cut_time TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (tenant, recipient, test)
);
CREATE TABLE sdr_numbers (
  tenant TEXT NOT NULL,
  recipient TEXT NOT NULL,
  test BOOLEAN NOT NULL,
  number BIGINT NOT NULL,
  record_id UUID NOT NULL,
  file_seq BIGINT NOT NULL,
  PRIMARY KEY (tenant, recipient, test, number)
);
CREATE UNIQUE INDEX sdr_numbers_record ON sdr_numbers (tenant, recipient, record_id);
CREATE TABLE sdr_files (
  tenant TEXT NOT NULL,
  recipient TEXT NOT NULL,
  test BOOLEAN NOT NULL,
  file_seq BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  config_version BIGINT NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  records BIGINT NOT NULL,
  first_number BIGINT NOT NULL,
  last_number BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  sha256 TEXT NOT NULL,
  manifest JSONB NOT NULL,
  node_id TEXT NOT NULL,
  node_address TEXT,
  utc_offset_s BIGINT NOT NULL,
  period_start TIMESTAMPTZ NOT NULL,
  period_end TIMESTAMPTZ NOT NULL,
  opened_at TIMESTAMPTZ NOT NULL,
  closed_at TIMESTAMPTZ NOT NULL,
  close_reason BIGINT NOT NULL,
  codec_version TEXT NOT NULL,
  rejected_reference BIGINT,
  delivered_at TIMESTAMPTZ,
  acknowledged_at TIMESTAMPTZ,
  PRIMARY KEY (tenant, recipient, test, file_seq, revision)
);
CREATE INDEX sdr_files_state ON sdr_files (state) WHERE state = 'sealed';

-- Counters are folded from delta rows, so that no transaction waits for another's count.
CREATE TABLE counters (
  tenant TEXT NOT NULL,
  name TEXT NOT NULL,
  value BIGINT NOT NULL,
  PRIMARY KEY (tenant, name)
);
CREATE TABLE counter_deltas (
  tenant TEXT NOT NULL,
  id UUID NOT NULL,
  name TEXT NOT NULL,
  delta BIGINT NOT NULL,
  PRIMARY KEY (tenant, id)
);
