-- The operators' own catalogue entries, and what a BSS said of a customer beside what Telvisor works with.
INSERT INTO schema_releases (migration, lowest_release) VALUES (5, '0.1.0');

-- Entries of TMF620 and TMF633 that no application package makes. uid is what their events are about.
CREATE TABLE catalogue_entries (
  tenant TEXT NOT NULL,
  api TEXT NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  uid UUID NOT NULL,
  body JSONB NOT NULL,
  version BIGINT NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  updated_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (tenant, api, kind, id)
);
CREATE INDEX catalogue_entries_newest ON catalogue_entries (tenant, api, kind, created_at, id);

-- The TMF629 resource as it was given: engaged party, contact media, accounts and so on.
CREATE TABLE customers_personal (
  tenant TEXT NOT NULL,
  customer UUID NOT NULL,
  party_id TEXT,
  body JSONB NOT NULL,
  PRIMARY KEY (tenant, customer)
);

CREATE INDEX customers_newest ON customers (tenant, created_at, uid);
CREATE INDEX customers_name ON customers (tenant, name);
