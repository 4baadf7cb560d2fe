REVOKE ALL ON signing_keys FROM flagstone_app;
-- Fails where a program has asked for something: its requests would belong to nobody.
ALTER TABLE deployments ADD CONSTRAINT deployments_owner_fkey
  FOREIGN KEY (organization_id, owner_id) REFERENCES users (organization_id, id);
ALTER TABLE approvals ADD CONSTRAINT approvals_requester_fkey
  FOREIGN KEY (organization_id, requester_id) REFERENCES users (organization_id, id);
ALTER TABLE requests ADD CONSTRAINT requests_requester_fkey
  FOREIGN KEY (organization_id, requester_id) REFERENCES users (organization_id, id);
DROP TABLE rate_counts;
ALTER TABLE sessions DROP COLUMN sso_id_token, DROP COLUMN sso_provider_id;
DROP TABLE external_identities, sso_logins, sso_providers, device_logins, password_resets, invitations, api_tokens,
  service_accounts;
ALTER TABLE deployments DROP COLUMN team_id;
DROP TABLE team_members, teams, group_members, groups;
DROP INDEX business_unit_members_by_time;
ALTER TABLE business_unit_members DROP COLUMN update_time, DROP COLUMN revision;
ALTER TABLE business_units DROP COLUMN delete_time;
DROP INDEX role_bindings_of_organization, role_bindings_by_unit_and_time;
CREATE INDEX role_bindings_by_business_unit ON role_bindings (organization_id, business_unit_id);
DROP INDEX role_bindings_by_time, roles_by_time, roles_display_name_key, users_by_time, users_email_key;
ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (organization_id, email), DROP COLUMN delete_time, DROP COLUMN preferences;
DROP INDEX organizations_by_time, organizations_display_name_key;
ALTER TABLE organizations DROP COLUMN delete_time, DROP COLUMN creator, DROP COLUMN onboarding, DROP COLUMN logo_url, DROP COLUMN description;
