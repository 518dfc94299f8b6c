-- Alarms, and the tasks by which several are acknowledged, cleared, commented or grouped at once.
INSERT INTO schema_releases (migration, lowest_release) VALUES (12, '0.1.0');

-- kind: which of our own it is; none: a client told it. open_for: the alarmed object of one of ours that is not cleared:
-- there is one such record of each kind and object. repeats: how often it was told. last_at: when it was told last.
-- seen_at: when it was last seen to hold. body: members of TMF642 that have no column.
CREATE TABLE alarms_personal (
  tenant TEXT NOT NULL,
  id UUID NOT NULL,
  version BIGINT NOT NULL,
  kind TEXT,
  open_for TEXT,
  alarm_type TEXT NOT NULL,
  severity TEXT NOT NULL,
  cause TEXT NOT NULL,
  state TEXT NOT NULL,
  ack_state TEXT NOT NULL,
  object_id TEXT,
  object_type TEXT,
  source TEXT NOT NULL,
  problem TEXT,
  external_id TEXT,
  details TEXT,
  repeats BIGINT NOT NULL,
  raised_at TIMESTAMPTZ NOT NULL,
  reported_at TIMESTAMPTZ NOT NULL,
  changed_at TIMESTAMPTZ NOT NULL,
  last_at TIMESTAMPTZ NOT NULL,
  seen_at TIMESTAMPTZ NOT NULL,
  cleared_at TIMESTAMPTZ,
  body JSONB NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX alarms_open ON alarms_personal (tenant, kind, open_for);
CREATE INDEX alarms_raised ON alarms_personal (tenant, raised_at, id);
CREATE INDEX alarms_state ON alarms_personal (tenant, state, raised_at);
CREATE INDEX alarms_severity ON alarms_personal (tenant, severity, raised_at);
CREATE INDEX alarms_object ON alarms_personal (tenant, object_id);
CREATE INDEX alarms_now ON alarms_personal (tenant, severity, kind) WHERE state <> 'cleared';
CREATE INDEX alarms_cleared ON alarms_personal (tenant, cleared_at) WHERE cleared_at IS NOT NULL;

-- kind: ackAlarms, unAckAlarms, clearAlarms, commentAlarms, groupAlarms or unGroupAlarms. body: the task as TMF642 has it.
CREATE TABLE alarm_tasks_personal (
  tenant TEXT NOT NULL,
  id UUID NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  body JSONB NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE INDEX alarm_tasks_created ON alarm_tasks_personal (tenant, kind, created_at, id);
