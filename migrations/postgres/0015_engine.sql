-- What runs on a host, for its limit; and ended orders by their end, for the archive.
INSERT INTO schema_releases (migration, lowest_release) VALUES (15, '0.1.0');

CREATE INDEX jobs_host ON jobs (hypervisor, host) WHERE state = 'running';
CREATE INDEX orders_ended ON orders (tenant, ended_at, id) WHERE ended_at IS NOT NULL;
