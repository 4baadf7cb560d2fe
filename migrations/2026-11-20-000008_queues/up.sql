-- The queue as people run it: fair turns, pauses, dead letters, deleted jobs; and what the server does now and then.

-- A claim goes from organization to organization and from queue to queue by this index, however long each line is.
DROP INDEX ready_jobs_in_order;
CREATE INDEX ready_jobs_in_line ON ready_jobs (organization_id, priority, run_after_time, job_id);

-- When an organization last had its turn: of those that run as many jobs the one that waited longest is next.
CREATE TABLE queue_turns (
  organization_id UUID PRIMARY KEY REFERENCES organizations (id),
  time TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 50);

-- A queue that an organization has paused. Without a row it runs.
CREATE TABLE queue_pauses (
  organization_id UUID NOT NULL REFERENCES organizations (id),
  queue TEXT NOT NULL CHECK (queue IN ('HIGH', 'DEFAULT', 'LOW')),
  id UUID NOT NULL UNIQUE,
  -- As in ready_jobs: what the claim compares.
  priority INT2 NOT NULL,
  reason TEXT NOT NULL,
  principal TEXT NOT NULL,
  time TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, queue)
);

-- Beside `jobs`, whose state has no index so that a completion stays one update within the page.
CREATE TABLE dead_letters (
  job_id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  queue TEXT NOT NULL CHECK (queue IN ('HIGH', 'DEFAULT', 'LOW')),
  time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT dead_letters_job_fkey FOREIGN KEY (organization_id, job_id) REFERENCES jobs (organization_id, id)
);
CREATE INDEX dead_letters_by_queue ON dead_letters (organization_id, queue);
CREATE INDEX dead_letters_by_job ON dead_letters (organization_id, job_id);
INSERT INTO dead_letters (job_id, organization_id, queue, time)
  SELECT id, organization_id, queue, coalesce(end_time, update_time) FROM jobs WHERE state = 'DEAD_LETTERED';

-- A deleted job stays as a row: plans, revisions and states name it. Its log goes.
ALTER TABLE jobs ADD COLUMN delete_time TIMESTAMPTZ;

-- What the server does now and then, once over all replicas. Of the installation, hence without organization.
CREATE TABLE schedules (
  slug TEXT PRIMARY KEY,
  id UUID NOT NULL UNIQUE DEFAULT gen_random_uuid(),
  interval_seconds INT4 NOT NULL,
  next_tick_time TIMESTAMPTZ NOT NULL,
  -- Counts the ticks; what a replica writes of its tick counts only while no later one has begun.
  tick INT8 NOT NULL DEFAULT 0,
  last_tick_time TIMESTAMPTZ,
  -- While a tick runs no other begins; after a replica was killed in one, not before this time.
  runs_until_time TIMESTAMPTZ,
  last_end_time TIMESTAMPTZ,
  last_outcome TEXT CHECK (last_outcome IN ('SUCCEEDED', 'FAILED')),
  last_error TEXT NOT NULL DEFAULT ''
) WITH (fillfactor = 50);

DO $$
DECLARE fresh text;
BEGIN
  FOREACH fresh IN ARRAY ARRAY['queue_turns', 'queue_pauses', 'dead_letters'] LOOP
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO flagstone_app, flagstone_worker', fresh);
    EXECUTE format('GRANT SELECT ON %I TO flagstone_read', fresh);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', fresh);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', fresh);
    EXECUTE format(
      'CREATE POLICY own_organization ON %I TO flagstone_app USING (organization_id = nullif(current_setting(''app.org'', true), '''')::uuid)',
      fresh);
    EXECUTE format('CREATE POLICY worker ON %I TO flagstone_worker USING (true)', fresh);
    EXECUTE format('CREATE POLICY read ON %I FOR SELECT TO flagstone_read USING (true)', fresh);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON schedules TO flagstone_worker;
GRANT SELECT ON schedules TO flagstone_read;

-- The only way in which lines of a log are deleted: their job was. Forced row security binds the owner too, as whom the
-- function runs. Returns how many chunks went.
CREATE POLICY deleting_reads ON jobs FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY deleting_reads ON job_log_chunks FOR SELECT TO CURRENT_USER USING (true);
CREATE POLICY deleting ON job_log_chunks FOR DELETE TO CURRENT_USER USING (true);
CREATE FUNCTION job_log_delete(organization UUID, job UUID) RETURNS INT8
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE gone INT8;
BEGIN
  DELETE FROM public.job_log_chunks c
  USING public.jobs j
  WHERE j.organization_id = organization AND j.id = job AND j.delete_time IS NOT NULL
    AND c.organization_id = organization AND c.job_id = job;
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END $$;
REVOKE ALL ON FUNCTION job_log_delete(UUID, UUID) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION job_log_delete(UUID, UUID) TO flagstone_app, flagstone_worker;
