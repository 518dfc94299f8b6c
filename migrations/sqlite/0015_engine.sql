-- What runs on a host, for its limit.
INSERT INTO schema_releases (migration, lowest_release) VALUES (15, '0.1.0');

CREATE INDEX jobs_host ON jobs (hypervisor, host) WHERE state = 'running';
