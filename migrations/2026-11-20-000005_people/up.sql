-- People and programs in full: groups, teams, invitations, service accounts, tokens, sign-in through others.

ALTER TABLE organizations
  ADD COLUMN description TEXT NOT NULL DEFAULT '',
  ADD COLUMN logo_url TEXT NOT NULL DEFAULT '',
  -- Steps of the first run that somebody did or skipped, by id.
  ADD COLUMN onboarding JSONB NOT NULL DEFAULT '{}',
  ADD COLUMN creator TEXT NOT NULL DEFAULT 'system',
  -- A deleted organization stays as a row, inactive: its audit refers to it. Its id is never used again, its name is.
  ADD COLUMN delete_time TIMESTAMPTZ;
CREATE UNIQUE INDEX organizations_display_name_key ON organizations (lower(display_name)) WHERE delete_time IS NULL;
CREATE INDEX organizations_by_time ON organizations (create_time DESC, id DESC);

ALTER TABLE users
  ADD COLUMN preferences JSONB NOT NULL DEFAULT '{}',
  -- A deleted user stays as a row, inactive: requests, deployments and audit name it. Its username is never used again,
  -- its address is.
  ADD COLUMN delete_time TIMESTAMPTZ,
  DROP CONSTRAINT users_email_key;
CREATE UNIQUE INDEX users_email_key ON users (organization_id, email) WHERE delete_time IS NULL;
CREATE INDEX users_by_time ON users (organization_id, create_time DESC, id DESC);

CREATE UNIQUE INDEX roles_display_name_key ON roles (organization_id, lower(display_name));
CREATE INDEX roles_by_time ON roles (organization_id, create_time DESC, id DESC);
CREATE INDEX role_bindings_by_time ON role_bindings (organization_id, create_time DESC, id DESC);
-- Of one unit, and of the organization itself: there may be a hundred thousand.
DROP INDEX role_bindings_by_business_unit;
CREATE INDEX role_bindings_by_unit_and_time ON role_bindings
  (organization_id, business_unit_id, create_time DESC, id DESC);
CREATE INDEX role_bindings_of_organization ON role_bindings (organization_id, create_time DESC, id DESC)
  WHERE business_unit_id IS NULL;

-- A deleted unit stays as a row: requests, revisions, jobs and audit name it. Its code is never used again.
ALTER TABLE business_units ADD COLUMN delete_time TIMESTAMPTZ;

ALTER TABLE business_unit_members
  ADD COLUMN revision INT8 NOT NULL DEFAULT 1,
  ADD COLUMN update_time TIMESTAMPTZ NOT NULL DEFAULT now();
CREATE INDEX business_unit_members_by_time ON business_unit_members
  (organization_id, business_unit_id, create_time DESC, user_id DESC);

-- Of the organization, or of one unit.
CREATE TABLE groups (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  business_unit_id UUID,
  slug TEXT NOT NULL,
  display_name TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  creator TEXT NOT NULL,
  revision INT8 NOT NULL DEFAULT 1,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  update_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT groups_organization_key UNIQUE (organization_id, id),
  CONSTRAINT groups_business_unit_fkey FOREIGN KEY (organization_id, business_unit_id)
    REFERENCES business_units (organization_id, id)
);
CREATE UNIQUE INDEX groups_slug_key ON groups
  (organization_id, coalesce(business_unit_id, '00000000-0000-0000-0000-000000000000'), slug);
CREATE UNIQUE INDEX groups_display_name_key ON groups
  (organization_id, coalesce(business_unit_id, '00000000-0000-0000-0000-000000000000'), lower(display_name));
CREATE INDEX groups_by_time ON groups (organization_id, create_time DESC, id DESC);
CREATE INDEX groups_by_unit_and_time ON groups (organization_id, business_unit_id, create_time DESC, id DESC);
CREATE INDEX groups_of_organization ON groups (organization_id, create_time DESC, id DESC) WHERE business_unit_id IS NULL;

CREATE TABLE group_members (
  organization_id UUID NOT NULL REFERENCES organizations (id),
  group_id UUID NOT NULL,
  user_id UUID NOT NULL,
  creator TEXT NOT NULL,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, group_id, user_id),
  CONSTRAINT group_members_group_fkey FOREIGN KEY (organization_id, group_id)
    REFERENCES groups (organization_id, id) ON DELETE CASCADE,
  CONSTRAINT group_members_user_fkey FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id)
);
CREATE INDEX group_members_by_time ON group_members (organization_id, group_id, create_time DESC, user_id DESC);
CREATE INDEX group_members_by_user ON group_members (organization_id, user_id);

-- Who owns things together. A team gives no right by itself; roles restricted to own teams look at it.
CREATE TABLE teams (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  slug TEXT NOT NULL,
  display_name TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  linked_group_id UUID,
  creator TEXT NOT NULL,
  revision INT8 NOT NULL DEFAULT 1,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  update_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT teams_organization_key UNIQUE (organization_id, id),
  CONSTRAINT teams_slug_key UNIQUE (organization_id, slug),
  CONSTRAINT teams_linked_group_fkey FOREIGN KEY (organization_id, linked_group_id) REFERENCES groups (organization_id, id)
);
CREATE UNIQUE INDEX teams_display_name_key ON teams (organization_id, lower(display_name));
CREATE INDEX teams_by_time ON teams (organization_id, create_time DESC, id DESC);
CREATE INDEX teams_by_linked_group ON teams (organization_id, linked_group_id);

CREATE TABLE team_members (
  organization_id UUID NOT NULL REFERENCES organizations (id),
  team_id UUID NOT NULL,
  user_id UUID NOT NULL,
  is_lead BOOL NOT NULL DEFAULT false,
  creator TEXT NOT NULL,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, team_id, user_id),
  CONSTRAINT team_members_team_fkey FOREIGN KEY (organization_id, team_id)
    REFERENCES teams (organization_id, id) ON DELETE CASCADE,
  CONSTRAINT team_members_user_fkey FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id)
);
CREATE INDEX team_members_by_time ON team_members (organization_id, team_id, create_time DESC, user_id DESC);
CREATE INDEX team_members_by_user ON team_members (organization_id, user_id);

-- A deployment may belong to a team; without one it is its owner's.
ALTER TABLE deployments
  ADD COLUMN team_id UUID,
  ADD CONSTRAINT deployments_team_fkey FOREIGN KEY (organization_id, team_id) REFERENCES teams (organization_id, id);
CREATE INDEX deployments_by_team ON deployments (organization_id, team_id) WHERE team_id IS NOT NULL;

-- Programs that act under their own name.
CREATE TABLE service_accounts (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  slug TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('MACHINE', 'CI', 'AGENT')),
  description TEXT NOT NULL DEFAULT '',
  active BOOL NOT NULL DEFAULT true,
  -- Which tokens of CI providers may be exchanged: issuer and conditions on claims.
  ci_trust_rules JSONB NOT NULL DEFAULT '[]',
  -- A deleted account stays as a row, inactive, so that history can name it.
  delete_time TIMESTAMPTZ,
  last_use_time TIMESTAMPTZ,
  creator TEXT NOT NULL,
  revision INT8 NOT NULL DEFAULT 1,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  update_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT service_accounts_organization_key UNIQUE (organization_id, id),
  CONSTRAINT service_accounts_slug_key UNIQUE (organization_id, slug)
);
CREATE INDEX service_accounts_by_time ON service_accounts (organization_id, create_time DESC, id DESC);

-- Of a user or of a service account. The secret is shown once; its hash is kept.
CREATE TABLE api_tokens (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  user_id UUID,
  service_account_id UUID,
  display_name TEXT NOT NULL,
  prefix TEXT NOT NULL,
  sha256 BYTEA NOT NULL UNIQUE,
  permissions TEXT[] NOT NULL,
  -- NULL: every unit that the holder reaches.
  business_unit_ids UUID[],
  expire_time TIMESTAMPTZ NOT NULL,
  last_use_time TIMESTAMPTZ,
  last_use_ip TEXT NOT NULL DEFAULT '',
  revoke_time TIMESTAMPTZ,
  creator TEXT NOT NULL,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT api_tokens_organization_key UNIQUE (organization_id, id),
  CONSTRAINT api_tokens_one_holder CHECK (num_nonnulls(user_id, service_account_id) = 1),
  CONSTRAINT api_tokens_user_fkey FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id),
  CONSTRAINT api_tokens_service_account_fkey FOREIGN KEY (organization_id, service_account_id)
    REFERENCES service_accounts (organization_id, id)
);
CREATE INDEX api_tokens_by_user ON api_tokens (organization_id, user_id, create_time DESC, id DESC);
CREATE INDEX api_tokens_by_service_account ON api_tokens (organization_id, service_account_id, create_time DESC, id DESC);

CREATE TABLE invitations (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  email TEXT NOT NULL CHECK (email = lower(email)),
  role_id UUID NOT NULL,
  business_unit_id UUID,
  token_sha256 BYTEA NOT NULL UNIQUE,
  state TEXT NOT NULL CHECK (state IN ('PENDING', 'ACCEPTED', 'EXPIRED', 'REVOKED')),
  expire_time TIMESTAMPTZ NOT NULL,
  accept_time TIMESTAMPTZ,
  -- Who accepted.
  user_id UUID,
  creator TEXT NOT NULL,
  revision INT8 NOT NULL DEFAULT 1,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  update_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT invitations_organization_key UNIQUE (organization_id, id),
  CONSTRAINT invitations_role_fkey FOREIGN KEY (organization_id, role_id) REFERENCES roles (organization_id, id),
  CONSTRAINT invitations_business_unit_fkey FOREIGN KEY (organization_id, business_unit_id)
    REFERENCES business_units (organization_id, id),
  CONSTRAINT invitations_user_fkey FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id)
);
CREATE UNIQUE INDEX invitations_one_pending ON invitations (organization_id, email) WHERE state = 'PENDING';
CREATE INDEX invitations_by_time ON invitations (organization_id, create_time DESC, id DESC);
CREATE INDEX invitations_by_expire_time ON invitations (expire_time) WHERE state = 'PENDING';

-- Single-use links that an administrator hands over. `end_time`: used, replaced or revoked.
CREATE TABLE password_resets (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  user_id UUID NOT NULL,
  token_sha256 BYTEA NOT NULL UNIQUE,
  expire_time TIMESTAMPTZ NOT NULL,
  end_time TIMESTAMPTZ,
  creator TEXT NOT NULL,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT password_resets_user_fkey FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id)
);
CREATE UNIQUE INDEX password_resets_one_live ON password_resets (organization_id, user_id) WHERE end_time IS NULL;
CREATE INDEX password_resets_by_expire_time ON password_resets (expire_time);

-- A login that a program began and a browser confirms. Of no organization until it is confirmed.
CREATE TABLE device_logins (
  device_code_sha256 BYTEA PRIMARY KEY,
  user_code TEXT NOT NULL UNIQUE,
  device TEXT NOT NULL,
  ip TEXT NOT NULL,
  organization_id UUID REFERENCES organizations (id),
  user_id UUID,
  state TEXT NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'CONFIRMED', 'REFUSED', 'USED')),
  last_poll_time TIMESTAMPTZ,
  expire_time TIMESTAMPTZ NOT NULL,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT device_logins_user_fkey FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id)
);
CREATE INDEX device_logins_by_expire_time ON device_logins (expire_time);

-- Who may vouch for the people of an organization.
CREATE TABLE sso_providers (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  slug TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('ENTRA', 'GOOGLE', 'GITHUB', 'OIDC')),
  display_name TEXT NOT NULL,
  issuer TEXT NOT NULL,
  client_id TEXT NOT NULL,
  -- Sealed; NULL for a public client.
  client_secret BYTEA,
  scopes TEXT[] NOT NULL,
  -- Whose addresses get an account at their first login.
  email_domains TEXT[] NOT NULL DEFAULT '{}',
  active BOOL NOT NULL DEFAULT true,
  creator TEXT NOT NULL,
  revision INT8 NOT NULL DEFAULT 1,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  update_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT sso_providers_organization_key UNIQUE (organization_id, id),
  CONSTRAINT sso_providers_slug_key UNIQUE (organization_id, slug)
);
CREATE INDEX sso_providers_by_time ON sso_providers (organization_id, create_time DESC, id DESC);

-- A login on its way through a provider. Single use.
CREATE TABLE sso_logins (
  state_sha256 BYTEA PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  provider_id UUID NOT NULL,
  -- What only the browser that began it has.
  browser_sha256 BYTEA NOT NULL,
  -- Nonce and PKCE verifier, sealed.
  secrets BYTEA NOT NULL,
  -- A path of ours to go back to.
  return_path TEXT NOT NULL,
  -- Set where a signed-in user links an account.
  link_user_id UUID,
  invitation_id UUID,
  expire_time TIMESTAMPTZ NOT NULL,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT sso_logins_provider_fkey FOREIGN KEY (organization_id, provider_id)
    REFERENCES sso_providers (organization_id, id) ON DELETE CASCADE,
  CONSTRAINT sso_logins_user_fkey FOREIGN KEY (organization_id, link_user_id) REFERENCES users (organization_id, id),
  CONSTRAINT sso_logins_invitation_fkey FOREIGN KEY (organization_id, invitation_id)
    REFERENCES invitations (organization_id, id)
);
CREATE INDEX sso_logins_by_expire_time ON sso_logins (expire_time);
CREATE INDEX sso_logins_by_provider ON sso_logins (organization_id, provider_id);

CREATE TABLE external_identities (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  user_id UUID NOT NULL,
  provider TEXT NOT NULL CHECK (provider IN ('ENTRA', 'GOOGLE', 'GITHUB', 'GITLAB', 'OIDC')),
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  email TEXT NOT NULL DEFAULT '',
  profile_url TEXT NOT NULL DEFAULT '',
  last_use_time TIMESTAMPTZ,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT external_identities_subject_key UNIQUE (organization_id, provider, issuer, subject),
  CONSTRAINT external_identities_user_key UNIQUE (organization_id, user_id, provider, issuer),
  CONSTRAINT external_identities_user_fkey FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id)
);

ALTER TABLE sessions
  -- Who vouched for it, and what the provider wants to see at the logout (sealed).
  ADD COLUMN sso_provider_id UUID,
  ADD COLUMN sso_id_token BYTEA,
  ADD CONSTRAINT sessions_sso_provider_fkey FOREIGN KEY (organization_id, sso_provider_id)
    REFERENCES sso_providers (organization_id, id) ON DELETE SET NULL (sso_provider_id);
CREATE INDEX sessions_by_sso_provider ON sessions (organization_id, sso_provider_id) WHERE sso_provider_id IS NOT NULL;

-- Calls of a principal in a minute, as each replica counted them. Worth nothing after a crash, hence UNLOGGED.
CREATE UNLOGGED TABLE rate_counts (
  principal_id UUID NOT NULL,
  minute TIMESTAMPTZ NOT NULL,
  replica UUID NOT NULL,
  calls INT8 NOT NULL,
  PRIMARY KEY (minute, principal_id, replica)
);

DO $$
DECLARE fresh text;
BEGIN
  FOREACH fresh IN ARRAY ARRAY['groups', 'group_members', 'teams', 'team_members', 'service_accounts', 'api_tokens',
      'invitations', 'password_resets', 'device_logins', 'sso_providers', 'sso_logins', 'external_identities'] LOOP
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
-- Before somebody confirms it, a device login is of no organization: whoever knows its code may find it.
DROP POLICY own_organization ON device_logins;
CREATE POLICY own_organization ON device_logins TO flagstone_app
  USING (organization_id IS NULL OR organization_id = nullif(current_setting('app.org', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_counts TO flagstone_worker;
GRANT SELECT ON rate_counts TO flagstone_read;

-- Programs ask for changes too: whose a request or a deployment is, is a user or a service account of its organization.
-- Who decides is still a user.
ALTER TABLE requests DROP CONSTRAINT requests_requester_fkey;
ALTER TABLE approvals DROP CONSTRAINT approvals_requester_fkey;
ALTER TABLE deployments DROP CONSTRAINT deployments_owner_fkey;

-- An operator's call makes the next signing key and retires the one before. The private parts stay out of its reach.
GRANT INSERT (id, alg, public_jwk, ciphertext, activate_time) ON signing_keys TO flagstone_app;
GRANT SELECT (id, alg, public_jwk, activate_time, retire_time, create_time) ON signing_keys TO flagstone_app;
GRANT UPDATE (retire_time) ON signing_keys TO flagstone_app;
