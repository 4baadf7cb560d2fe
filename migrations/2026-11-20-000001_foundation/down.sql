ALTER TABLE templates DROP CONSTRAINT templates_latest_version_fkey;
ALTER TABLE users DROP CONSTRAINT users_active_business_unit_fkey;
DROP TABLE approval_policies, policies, template_versions, templates, artifacts, environments, change_events,
  audit_events, idempotency_keys, auth_failures, refresh_tokens, sessions, business_unit_members, role_bindings, roles,
  business_units, users, counters, organizations, signing_keys, installation;
-- The three roles stay: they are shared with the other databases of the cluster.
