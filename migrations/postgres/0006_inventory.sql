-- Record-only entries of the inventories and of usage (TMF637, TMF638, TMF639, TMF635): what a client wrote down there
-- and nobody ordered. No job, machine, journal or file ever comes of one. kind: the resource's name in its API.
INSERT INTO schema_releases (migration, lowest_release) VALUES (6, '0.1.0');

-- body: the resource as it was given; the columns beside it are what lists filter and sort by. of_type:
-- productOffering.id, serviceType, usageType. dated_at: orderDate, serviceDate, usageDate.
-- type_name: @type.
CREATE TABLE records_personal (
  tenant TEXT NOT NULL,
  uid UUID NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  version BIGINT NOT NULL,
  body JSONB NOT NULL,
  type_name TEXT NOT NULL,
  name TEXT,
  category TEXT,
  state TEXT,
  specification TEXT,
  of_type TEXT,
  customer_id TEXT,
  created_at TIMESTAMPTZ NOT NULL,
  changed_at TIMESTAMPTZ NOT NULL,
  dated_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ,
  ended_at TIMESTAMPTZ,
  PRIMARY KEY (tenant, uid)
);
CREATE UNIQUE INDEX records_id ON records_personal (tenant, kind, id);
CREATE INDEX records_newest ON records_personal (tenant, kind, created_at, uid);
CREATE INDEX records_customer ON records_personal (tenant, kind, customer_id);

-- An order that removes it has begun and not ended: TMF637 shows pendingTerminate.
ALTER TABLE customers ADD COLUMN removing BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE subscriptions ADD COLUMN removing BOOLEAN NOT NULL DEFAULT FALSE;

-- The inventories are listed newest first, and usage by the journal's record time.
CREATE INDEX customers_created ON customers (tenant, created_at, uid);
CREATE INDEX machines_created ON machines (tenant, created_at, id);
CREATE INDEX sdr_occurred ON sdr (tenant, event_time, record_id);
CREATE INDEX sdr_subject ON sdr (tenant, subject, record_time);
