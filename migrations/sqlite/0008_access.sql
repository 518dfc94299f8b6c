-- Who may call: clients with their credentials, the nonces that they used, and the sessions that they opened. These
-- tables belong to the installation: a client is looked up before its tenant is known.
INSERT INTO schema_releases (migration, lowest_release) VALUES (8, '0.1.0');

-- secret_hash: argon2id. digest_secret: a sealed secret, for PasswordDigest alone; none: the client has no digest.
-- version: counts each new secret and change of state, so that what was checked before is checked again.
CREATE TABLE clients (
  name TEXT NOT NULL PRIMARY KEY,
  tenant TEXT NOT NULL,
  scopes TEXT NOT NULL,
  state TEXT NOT NULL,
  secret_hash TEXT NOT NULL,
  digest_secret BLOB,
  version INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  changed_at TEXT NOT NULL
);
CREATE INDEX clients_tenant ON clients (tenant, name);

-- What was used once and may not be used again. nonce: its octets in hex; created: as it was sent.
CREATE TABLE nonces (
  client TEXT NOT NULL,
  nonce TEXT NOT NULL,
  created TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  PRIMARY KEY (client, nonce, created)
);
CREATE INDEX nonces_expiry ON nonces (expires_at);

-- id: SHA-256 of the session's id, in hex. client_version: the client's, as it was at login.
CREATE TABLE sessions (
  id TEXT NOT NULL PRIMARY KEY,
  client TEXT NOT NULL,
  client_version INTEGER NOT NULL,
  tenant TEXT NOT NULL,
  scopes TEXT NOT NULL,
  base_sequence_id INTEGER NOT NULL,
  created_at TEXT NOT NULL,
  idle_until TEXT NOT NULL,
  expires_at TEXT NOT NULL
);
CREATE INDEX sessions_client ON sessions (client);
CREATE INDEX sessions_idle ON sessions (idle_until);
