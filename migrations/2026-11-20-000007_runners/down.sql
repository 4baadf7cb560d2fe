REVOKE UPDATE (adoption, revision, update_time) ON runners FROM flagstone_app;
REVOKE INSERT (id, organization_id, slug, display_name, labels, adoption, embedded, token_sha256, creator)
  ON runners FROM flagstone_app;
ALTER TABLE ready_jobs DROP COLUMN runner_labels;
DROP TABLE runner_tokens;
DROP INDEX runners_by_time;
CREATE INDEX runners_by_organization ON runners (organization_id);
ALTER TABLE runners DROP CONSTRAINT runners_organization_key, DROP COLUMN revision, DROP COLUMN creator, DROP COLUMN protocol_version, DROP COLUMN display_name;
