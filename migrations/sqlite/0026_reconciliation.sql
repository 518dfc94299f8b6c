-- What recipients are told of each period that is closed: its files and counts, to compare with what they have got.
INSERT INTO schema_releases (migration, lowest_release) VALUES (26, '0.1.0');

CREATE TABLE sdr_reconciliations (
  tenant TEXT NOT NULL,
  recipient TEXT NOT NULL,
  test BOOLEAN NOT NULL,
  period_start TEXT NOT NULL,
  period_end TEXT NOT NULL,
  name TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at TEXT NOT NULL,
  delivered_at TEXT,
  PRIMARY KEY (tenant, recipient, test, period_start)
);
CREATE INDEX sdr_reconciliations_due ON sdr_reconciliations (recipient) WHERE delivered_at IS NULL;
