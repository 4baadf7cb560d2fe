-- The walls: what each role may do, and row security on every table that has an organization.

GRANT USAGE ON SCHEMA public TO flagstone_app, flagstone_worker, flagstone_read;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO flagstone_read;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO flagstone_app, flagstone_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO flagstone_app, flagstone_worker;

-- Append-only for everybody but the owner.
REVOKE UPDATE, DELETE ON audit_events, change_events, request_events, approval_decisions, workspace_states,
  job_log_chunks FROM flagstone_app, flagstone_worker;
-- Kept for 24 hours and for the feed's retention; the maintenance of the worker removes what is older.
GRANT DELETE ON change_events TO flagstone_worker;
-- A call has no business with these.
REVOKE ALL ON installation, signing_keys FROM flagstone_app;
REVOKE INSERT, UPDATE, DELETE ON runners, leases FROM flagstone_app;

DO $$
DECLARE found record;
BEGIN
  FOR found IN
    SELECT c.table_name FROM information_schema.columns c
    JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE c.table_schema = 'public' AND c.column_name = 'organization_id' AND t.table_type = 'BASE TABLE'
    UNION SELECT 'organizations'
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', found.table_name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', found.table_name);
    EXECUTE format(
      'CREATE POLICY own_organization ON %I TO flagstone_app USING (%I = nullif(current_setting(''app.org'', true), '''')::uuid)',
      found.table_name, CASE found.table_name WHEN 'organizations' THEN 'id' ELSE 'organization_id' END);
    EXECUTE format('CREATE POLICY worker ON %I TO flagstone_worker USING (true)', found.table_name);
    EXECUTE format('CREATE POLICY read ON %I FOR SELECT TO flagstone_read USING (true)', found.table_name);
  END LOOP;
END $$;
