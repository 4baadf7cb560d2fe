DO $$
DECLARE found record;
BEGIN
  FOR found IN SELECT DISTINCT tablename FROM pg_policies WHERE schemaname = 'public' LOOP
    EXECUTE format('DROP POLICY own_organization ON %I', found.tablename);
    EXECUTE format('DROP POLICY worker ON %I', found.tablename);
    EXECUTE format('DROP POLICY read ON %I', found.tablename);
    EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', found.tablename);
    EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', found.tablename);
  END LOOP;
END $$;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM flagstone_app, flagstone_worker, flagstone_read;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM flagstone_app, flagstone_worker, flagstone_read;
REVOKE USAGE ON SCHEMA public FROM flagstone_app, flagstone_worker, flagstone_read;
