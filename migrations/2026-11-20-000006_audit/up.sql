-- The audit sealed: numbers, a Merkle tree (RFC 6962) and signed checkpoints for each organization.

ALTER TABLE audit_events
  ADD COLUMN team_id UUID,
  -- The writing transaction: the sealer takes only what lies below the oldest transaction still running, since events
  -- become visible in another order than they are written.
  ADD COLUMN xid INT8 NOT NULL DEFAULT (pg_current_xact_id()::text::int8);
CREATE INDEX audit_events_by_xid ON audit_events (organization_id, xid, id);
CREATE INDEX audit_events_by_team ON audit_events (organization_id, team_id, time DESC, id DESC) WHERE team_id IS NOT NULL;
CREATE INDEX audit_events_by_principal ON audit_events (organization_id, principal, time DESC, id DESC);

-- Where each tree stands. Its row is the sealer's lock: one replica at a time seals an organization.
CREATE TABLE audit_trees (
  organization_id UUID PRIMARY KEY REFERENCES organizations (id),
  size INT8 NOT NULL DEFAULT 0,
  -- The hashes of its largest whole subtrees, side by side: what the next leaves are added to.
  frontier BYTEA NOT NULL DEFAULT '',
  -- Everything up to this event, in the order (xid, id), has its number.
  xid INT8 NOT NULL DEFAULT 0,
  event_id UUID NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  -- The events of so many entries from the beginning were purged.
  purged INT8 NOT NULL DEFAULT 0
);

CREATE TABLE audit_leaves (
  organization_id UUID NOT NULL REFERENCES organizations (id),
  -- From 1, without gap.
  seq INT8 NOT NULL,
  event_id UUID NOT NULL,
  hash BYTEA NOT NULL,
  PRIMARY KEY (organization_id, seq),
  CONSTRAINT audit_leaves_event_key UNIQUE (organization_id, event_id)
);

-- Hashes of whole subtrees of 256, 65536 ... leaves; what lies between is computed.
CREATE TABLE audit_nodes (
  organization_id UUID NOT NULL REFERENCES organizations (id),
  -- 8, 16 ...: a subtree of 2^level leaves.
  level INT2 NOT NULL,
  position INT8 NOT NULL,
  hash BYTEA NOT NULL,
  PRIMARY KEY (organization_id, level, position)
);

CREATE TABLE audit_checkpoints (
  id INT8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  size INT8 NOT NULL,
  root BYTEA NOT NULL,
  purged INT8 NOT NULL,
  key_id TEXT NOT NULL,
  -- The signed text.
  note TEXT NOT NULL,
  time TIMESTAMPTZ NOT NULL
);
CREATE INDEX audit_checkpoints_by_size ON audit_checkpoints (organization_id, size DESC, id DESC);

-- What a call may write of an event. Its time and its transaction are the database's.
REVOKE INSERT ON audit_events FROM flagstone_app, flagstone_worker;
GRANT INSERT (id, organization_id, principal, on_behalf_of, action, object, object_type, business_unit_id, team_id,
  outcome, effects, details, ip, user_agent, correlation_id, origin, duration_ms)
  ON audit_events TO flagstone_app, flagstone_worker;

DO $$
DECLARE fresh text;
BEGIN
  FOREACH fresh IN ARRAY ARRAY['audit_trees', 'audit_leaves', 'audit_nodes', 'audit_checkpoints'] LOOP
    EXECUTE format('GRANT SELECT, INSERT ON %I TO flagstone_worker', fresh);
    EXECUTE format('GRANT SELECT ON %I TO flagstone_read', fresh);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', fresh);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', fresh);
    EXECUTE format('CREATE POLICY worker ON %I TO flagstone_worker USING (true)', fresh);
    EXECUTE format('CREATE POLICY read ON %I FOR SELECT TO flagstone_read USING (true)', fresh);
  END LOOP;
  -- Forced row security binds the owner too, as whom the function below runs.
  FOREACH fresh IN ARRAY ARRAY['organizations', 'audit_trees', 'audit_leaves', 'audit_events', 'audit_checkpoints'] LOOP
    EXECUTE format('CREATE POLICY retention_reads ON %I FOR SELECT TO CURRENT_USER USING (true)', fresh);
  END LOOP;
END $$;
GRANT UPDATE ON audit_trees TO flagstone_worker;
CREATE POLICY retention_deletes ON audit_events FOR DELETE TO CURRENT_USER USING (true);
CREATE POLICY retention_deletes ON audit_checkpoints FOR DELETE TO CURRENT_USER USING (true);

-- The only way in which an event is deleted: it is sealed, a checkpoint says that it is purged, and it is older than its
-- organization keeps events. Of the checkpoints of that time the last of each day stays. Returns how many events went.
CREATE FUNCTION audit_purge(organization UUID, up_to INT8) RETURNS INT8
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  days INT4 := (SELECT (o.settings ->> 'audit_retention_days')::int4 FROM public.organizations o WHERE o.id = organization);
  signed INT8 := (SELECT c.purged FROM public.audit_checkpoints c WHERE c.organization_id = organization
    ORDER BY c.size DESC, c.id DESC LIMIT 1);
  gone INT8;
BEGIN
  IF days IS NULL OR days < 1 OR signed IS NULL THEN
    RETURN 0;
  END IF;
  DELETE FROM public.audit_events e USING public.audit_leaves l
  WHERE l.organization_id = organization AND l.seq <= least(up_to, signed)
    AND e.organization_id = organization AND e.id = l.event_id AND e.time < now() - make_interval(days => days);
  GET DIAGNOSTICS gone = ROW_COUNT;
  DELETE FROM public.audit_checkpoints c
  WHERE c.organization_id = organization AND c.time < now() - make_interval(days => days)
    AND EXISTS (SELECT FROM public.audit_checkpoints later WHERE later.organization_id = organization
      AND later.id > c.id AND date_trunc('day', later.time) = date_trunc('day', c.time));
  RETURN gone;
END $$;
REVOKE ALL ON FUNCTION audit_purge(UUID, INT8) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_purge(UUID, INT8) TO flagstone_worker;
