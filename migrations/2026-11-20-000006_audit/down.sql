DROP FUNCTION audit_purge(UUID, INT8);
DROP POLICY retention_reads ON organizations;
DROP POLICY retention_deletes ON audit_events;
DROP POLICY retention_reads ON audit_events;
DROP TABLE audit_checkpoints, audit_nodes, audit_leaves, audit_trees;
REVOKE INSERT (id, organization_id, principal, on_behalf_of, action, object, object_type, business_unit_id, team_id,
  outcome, effects, details, ip, user_agent, correlation_id, origin, duration_ms)
  ON audit_events FROM flagstone_app, flagstone_worker;
GRANT INSERT ON audit_events TO flagstone_app, flagstone_worker;
DROP INDEX audit_events_by_principal, audit_events_by_team, audit_events_by_xid;
ALTER TABLE audit_events DROP COLUMN xid, DROP COLUMN team_id;
