-- Performance counters of granularity periods, derived from the rows of what happened.
INSERT INTO schema_releases (migration, lowest_release) VALUES (13, '0.1.0');

-- labels: such as door=tmf641;kind=service. count: how many. sum and longest: milliseconds or octets, as the counter
-- says.
CREATE TABLE performance (
  tenant TEXT NOT NULL,
  minutes INTEGER NOT NULL,
  period_start TEXT NOT NULL,
  counter TEXT NOT NULL,
  labels TEXT NOT NULL,
  count INTEGER NOT NULL,
  sum INTEGER,
  longest INTEGER,
  PRIMARY KEY (tenant, minutes, period_start, counter, labels)
);
CREATE INDEX performance_start ON performance (tenant, period_start, minutes, counter, labels);

-- The periods that were closed, of the installation. settled_at: since when no transaction is open any more that could
-- add to it.
CREATE TABLE performance_periods (
  minutes INTEGER NOT NULL,
  period_start TEXT NOT NULL,
  closed_at TEXT NOT NULL,
  settled_at TEXT,
  PRIMARY KEY (minutes, period_start)
);

CREATE INDEX orders_ended ON orders (tenant, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX order_items_ended ON order_items (tenant, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX job_steps_ended ON job_steps (tenant, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX job_attempts_ended ON job_attempts (tenant, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sdr_files_closed ON sdr_files (tenant, closed_at);
