-- Recipients that operators set, beside those of the configuration. place: the disk that a file lies on which its
-- recipient has not acknowledged; another host's disk does not have it.
INSERT INTO schema_releases (migration, lowest_release) VALUES (25, '0.1.0');

ALTER TABLE sdr_recipients ADD COLUMN origin TEXT NOT NULL DEFAULT 'configuration';
ALTER TABLE sdr_files ADD COLUMN place TEXT;
