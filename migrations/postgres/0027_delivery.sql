-- Delivery to recipients elsewhere: tries and their trouble.
INSERT INTO schema_releases (migration, lowest_release) VALUES (27, '0.1.0');

ALTER TABLE sdr_files ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sdr_files ADD COLUMN next_try TIMESTAMPTZ;
ALTER TABLE sdr_files ADD COLUMN last_error TEXT;
-- Version of the recipient by which the file was delivered.
ALTER TABLE sdr_files ADD COLUMN delivered_version BIGINT;
CREATE INDEX sdr_files_delivered ON sdr_files (recipient) WHERE state = 'delivered';
