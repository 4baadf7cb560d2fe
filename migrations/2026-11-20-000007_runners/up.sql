-- Runners that join from outside: one-time tokens, adoption, labels.

ALTER TABLE runners
  -- What people call it: the name of its machine, usually.
  ADD COLUMN display_name TEXT NOT NULL DEFAULT '',
  -- The version of the link that was agreed on when it last registered; 0 before.
  ADD COLUMN protocol_version INT4 NOT NULL DEFAULT 0,
  -- Who made the token by which it joined.
  ADD COLUMN creator TEXT NOT NULL DEFAULT 'system',
  ADD COLUMN revision INT8 NOT NULL DEFAULT 1,
  ADD CONSTRAINT runners_organization_key UNIQUE (organization_id, id);
UPDATE runners SET display_name = slug;
DROP INDEX runners_by_organization;
CREATE INDEX runners_by_time ON runners (organization_id, create_time DESC, id DESC);

-- What lets one runner in, once. The labels are the server's word: the runner gets those and no others.
CREATE TABLE runner_tokens (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  token_sha256 BYTEA NOT NULL UNIQUE,
  labels JSONB NOT NULL,
  needs_adoption BOOL NOT NULL,
  expire_time TIMESTAMPTZ NOT NULL,
  -- Who came in by it.
  runner_id UUID,
  creator TEXT NOT NULL,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT runner_tokens_runner_fkey FOREIGN KEY (organization_id, runner_id) REFERENCES runners (organization_id, id)
);
CREATE INDEX runner_tokens_by_expire_time ON runner_tokens (expire_time);
CREATE INDEX runner_tokens_by_runner ON runner_tokens (organization_id, runner_id);

-- Which labels a runner needs for a job: a claim asks for no more than this row.
ALTER TABLE ready_jobs ADD COLUMN runner_labels JSONB NOT NULL DEFAULT '{}';

GRANT SELECT, INSERT, UPDATE, DELETE ON runner_tokens TO flagstone_app, flagstone_worker;
GRANT SELECT ON runner_tokens TO flagstone_read;
ALTER TABLE runner_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE runner_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON runner_tokens TO flagstone_app
  USING (organization_id = nullif(current_setting('app.org', true), '')::uuid);
CREATE POLICY worker ON runner_tokens TO flagstone_worker USING (true);
CREATE POLICY read ON runner_tokens FOR SELECT TO flagstone_read USING (true);

-- A call lets runners of its organization in and says where they stand. What a runner says of itself stays the worker's.
GRANT INSERT (id, organization_id, slug, display_name, labels, adoption, embedded, token_sha256, creator)
  ON runners TO flagstone_app;
GRANT UPDATE (adoption, revision, update_time) ON runners TO flagstone_app;
