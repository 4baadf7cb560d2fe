-- Who there is and what they may do; the record of what happened; what makes a mutation repeatable.
--
-- Conventions of every table: ids are UUIDv7 made by the server; times are set by the database; states are TEXT with a
-- CHECK; a reference carries the organization, so that the database itself refuses one across organizations.

-- The login role owns the tables and becomes one of three roles that own nothing:
--   flagstone_app     one call's transaction: sees the organization in `app.org` only, forced by row security
--   flagstone_worker  the server's own loops: all organizations
--   flagstone_read    the shared read connections: SELECT only, all organizations; every query names the organization
DO $$
DECLARE wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['flagstone_app', 'flagstone_worker', 'flagstone_read'] LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL; -- Roles are shared by all databases of a cluster: another one made it.
    END;
    IF NOT pg_has_role(current_user, wanted, 'MEMBER') THEN
      EXECUTE format('GRANT %I TO current_user', wanted);
    END IF;
  END LOOP;
END $$;

-- The installation itself: one row.
CREATE TABLE installation (
  id INT PRIMARY KEY CHECK (id = 1),
  -- Sealed with the master key: a start with another key is refused instead of failing later.
  master_key_check BYTEA NOT NULL,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE signing_keys (
  id TEXT PRIMARY KEY,
  alg TEXT NOT NULL,
  public_jwk JSONB NOT NULL,
  ciphertext BYTEA NOT NULL,
  activate_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  retire_time TIMESTAMPTZ,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE organizations (
  id UUID PRIMARY KEY,
  slug TEXT NOT NULL UNIQUE,
  display_name TEXT NOT NULL,
  active BOOL NOT NULL DEFAULT true,
  is_default BOOL NOT NULL DEFAULT false,
  settings JSONB NOT NULL DEFAULT '{}',
  -- Rises with every change of roles, bindings or members: compiled grants of an older epoch are dropped.
  grants_epoch INT8 NOT NULL DEFAULT 0,
  revision INT8 NOT NULL DEFAULT 1,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  update_time TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX organizations_one_default ON organizations (is_default) WHERE is_default;

-- Numbers that rise by one within an organization, such as the code of a request. Apart from `organizations`, so that
-- taking one does not wait for, or hold up, anything else.
CREATE TABLE counters (
  organization_id UUID NOT NULL REFERENCES organizations (id),
  counter TEXT NOT NULL,
  value INT8 NOT NULL DEFAULT 0,
  PRIMARY KEY (organization_id, counter)
);

CREATE TABLE users (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  username TEXT NOT NULL,
  email TEXT NOT NULL CHECK (email = lower(email)),
  full_name TEXT NOT NULL,
  active BOOL NOT NULL DEFAULT true,
  must_change_password BOOL NOT NULL DEFAULT false,
  password_hash TEXT,
  active_business_unit_id UUID,
  creator TEXT NOT NULL,
  revision INT8 NOT NULL DEFAULT 1,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  update_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT users_organization_key UNIQUE (organization_id, id),
  CONSTRAINT users_username_key UNIQUE (organization_id, username),
  CONSTRAINT users_email_key UNIQUE (organization_id, email)
);
-- Login looks an identifier up in every organization.
CREATE INDEX users_by_username ON users (username);
CREATE INDEX users_by_email ON users (email);

CREATE TABLE business_units (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  slug TEXT NOT NULL,
  code TEXT NOT NULL,
  display_name TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  owner_id UUID,
  active BOOL NOT NULL DEFAULT true,
  creator TEXT NOT NULL,
  revision INT8 NOT NULL DEFAULT 1,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  update_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT business_units_organization_key UNIQUE (organization_id, id),
  CONSTRAINT business_units_slug_key UNIQUE (organization_id, slug),
  CONSTRAINT business_units_owner_fkey FOREIGN KEY (organization_id, owner_id) REFERENCES users (organization_id, id)
);
CREATE INDEX business_units_by_time ON business_units (organization_id, create_time DESC, id DESC);
CREATE INDEX business_units_by_owner ON business_units (organization_id, owner_id);

ALTER TABLE users ADD CONSTRAINT users_active_business_unit_fkey
  FOREIGN KEY (organization_id, active_business_unit_id) REFERENCES business_units (organization_id, id);
CREATE INDEX users_by_active_business_unit ON users (organization_id, active_business_unit_id);

CREATE TABLE roles (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  slug TEXT NOT NULL,
  display_name TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  scope TEXT NOT NULL CHECK (scope IN ('INSTALLATION', 'PLATFORM', 'BUSINESS_UNIT')),
  permissions TEXT[] NOT NULL,
  restriction TEXT NOT NULL DEFAULT 'NONE' CHECK (restriction IN ('NONE', 'OWN_TEAM', 'OWN')),
  builtin BOOL NOT NULL DEFAULT false,
  creator TEXT NOT NULL,
  revision INT8 NOT NULL DEFAULT 1,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  update_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT roles_organization_key UNIQUE (organization_id, id),
  CONSTRAINT roles_slug_key UNIQUE (organization_id, slug)
);

-- A role given to somebody: in the organization where no business unit is named.
CREATE TABLE role_bindings (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  role_id UUID NOT NULL,
  subject_kind TEXT NOT NULL CHECK (subject_kind IN ('USER', 'GROUP', 'SERVICE_ACCOUNT')),
  subject_id UUID NOT NULL,
  business_unit_id UUID,
  effect TEXT NOT NULL DEFAULT 'ALLOW' CHECK (effect IN ('ALLOW', 'DENY')),
  condition TEXT,
  expire_time TIMESTAMPTZ,
  creator TEXT NOT NULL,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT role_bindings_organization_key UNIQUE (organization_id, id),
  CONSTRAINT role_bindings_role_fkey FOREIGN KEY (organization_id, role_id) REFERENCES roles (organization_id, id),
  CONSTRAINT role_bindings_business_unit_fkey FOREIGN KEY (organization_id, business_unit_id)
    REFERENCES business_units (organization_id, id)
);
CREATE INDEX role_bindings_by_subject ON role_bindings (organization_id, subject_id);
CREATE INDEX role_bindings_by_role ON role_bindings (organization_id, role_id);
CREATE INDEX role_bindings_by_business_unit ON role_bindings (organization_id, business_unit_id);

-- A person's one role in one business unit.
CREATE TABLE business_unit_members (
  organization_id UUID NOT NULL REFERENCES organizations (id),
  business_unit_id UUID NOT NULL,
  user_id UUID NOT NULL,
  role_id UUID NOT NULL,
  creator TEXT NOT NULL,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, business_unit_id, user_id),
  CONSTRAINT business_unit_members_business_unit_fkey FOREIGN KEY (organization_id, business_unit_id)
    REFERENCES business_units (organization_id, id),
  CONSTRAINT business_unit_members_user_fkey FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id),
  CONSTRAINT business_unit_members_role_fkey FOREIGN KEY (organization_id, role_id) REFERENCES roles (organization_id, id)
);
CREATE INDEX business_unit_members_by_user ON business_unit_members (organization_id, user_id);
CREATE INDEX business_unit_members_by_role ON business_unit_members (organization_id, role_id);

-- One login on one device. Its refresh tokens are one family.
CREATE TABLE sessions (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  user_id UUID NOT NULL,
  device TEXT NOT NULL,
  ip TEXT NOT NULL,
  last_use_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  expire_time TIMESTAMPTZ NOT NULL,
  revoke_time TIMESTAMPTZ,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT sessions_organization_key UNIQUE (organization_id, id),
  CONSTRAINT sessions_user_fkey FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id)
);
CREATE INDEX sessions_by_user ON sessions (organization_id, user_id);
CREATE INDEX sessions_by_expire_time ON sessions (expire_time);

CREATE TABLE refresh_tokens (
  sha256 BYTEA PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  session_id UUID NOT NULL,
  expire_time TIMESTAMPTZ NOT NULL,
  retire_time TIMESTAMPTZ,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT refresh_tokens_session_fkey FOREIGN KEY (organization_id, session_id)
    REFERENCES sessions (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (organization_id, session_id);
CREATE INDEX refresh_tokens_by_expire_time ON refresh_tokens (expire_time);

-- Failed authentications, counted over all replicas. Of no organization: the identifier may exist in none.
CREATE TABLE auth_failures (
  id INT8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  address TEXT NOT NULL,
  identifier_sha256 BYTEA NOT NULL,
  time TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX auth_failures_by_pair ON auth_failures (address, identifier_sha256, time);
CREATE INDEX auth_failures_by_time ON auth_failures (time);

-- What a mutation answered, so that a repeated call gets the same bytes.
CREATE TABLE idempotency_keys (
  organization_id UUID NOT NULL REFERENCES organizations (id),
  principal TEXT NOT NULL,
  request_id UUID NOT NULL,
  method TEXT NOT NULL,
  body_sha256 BYTEA NOT NULL,
  response BYTEA NOT NULL,
  -- The response carries a secret and is sealed with the master key.
  sealed BOOL NOT NULL DEFAULT false,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, principal, request_id)
);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (create_time);

-- Append-only. The sealer's numbers are in a table of its own.
CREATE TABLE audit_events (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  time TIMESTAMPTZ NOT NULL DEFAULT now(),
  principal TEXT NOT NULL,
  on_behalf_of TEXT,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  object_type TEXT NOT NULL,
  business_unit_id UUID,
  outcome TEXT NOT NULL CHECK (outcome IN ('SUCCESS', 'FAILURE', 'DENIED')),
  effects JSONB NOT NULL DEFAULT '{}',
  details JSONB NOT NULL DEFAULT '{}',
  ip TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  correlation_id TEXT NOT NULL,
  origin TEXT NOT NULL CHECK (origin IN ('UI', 'API', 'CLI', 'MCP', 'RUNNER', 'SYSTEM')),
  duration_ms INT8 NOT NULL,
  CONSTRAINT audit_events_business_unit_fkey FOREIGN KEY (organization_id, business_unit_id)
    REFERENCES business_units (organization_id, id)
);
CREATE INDEX audit_events_by_time ON audit_events (organization_id, time DESC, id DESC);
CREATE INDEX audit_events_by_business_unit ON audit_events (organization_id, business_unit_id, time DESC, id DESC);
CREATE INDEX audit_events_by_object ON audit_events (organization_id, object, time DESC, id DESC);

-- Committed changes as watchers receive them. `xid` is the writing transaction: a reader hands out only what is below
-- the oldest transaction still running, since positions are taken in another order than commits become visible.
CREATE TABLE change_events (
  position INT8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  xid INT8 NOT NULL DEFAULT (pg_current_xact_id()::text::int8),
  organization_id UUID NOT NULL REFERENCES organizations (id),
  business_unit_id UUID,
  object_type TEXT NOT NULL,
  object TEXT NOT NULL,
  object_id UUID NOT NULL,
  action TEXT NOT NULL CHECK (action IN ('CREATED', 'UPDATED', 'DELETED')),
  fields TEXT[] NOT NULL DEFAULT '{}',
  principal TEXT NOT NULL,
  correlation_id TEXT NOT NULL,
  time TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX change_events_by_organization ON change_events (organization_id, xid, position);
CREATE INDEX change_events_by_object ON change_events (object_id, xid, position);
CREATE INDEX change_events_by_time ON change_events (time);

-- Where things run.
CREATE TABLE environments (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  business_unit_id UUID NOT NULL,
  slug TEXT NOT NULL,
  display_name TEXT NOT NULL,
  tier TEXT NOT NULL CHECK (tier IN ('DEVELOPMENT', 'STAGING', 'PRODUCTION')),
  rank INT4 NOT NULL,
  region TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL CHECK (state IN ('READY')),
  creator TEXT NOT NULL,
  revision INT8 NOT NULL DEFAULT 1,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  update_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT environments_organization_key UNIQUE (organization_id, id),
  CONSTRAINT environments_slug_key UNIQUE (organization_id, business_unit_id, slug),
  CONSTRAINT environments_business_unit_fkey FOREIGN KEY (organization_id, business_unit_id)
    REFERENCES business_units (organization_id, id)
);
CREATE INDEX environments_by_rank ON environments (organization_id, rank, id);
CREATE INDEX environments_by_time ON environments (organization_id, create_time DESC, id DESC);

-- Files by content: packed templates. In Postgres until object storage arrives with the log archive; readers ask by
-- digest, so the place can move.
CREATE TABLE artifacts (
  organization_id UUID NOT NULL REFERENCES organizations (id),
  sha256 BYTEA NOT NULL,
  content BYTEA NOT NULL,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, sha256)
);

CREATE TABLE templates (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  slug TEXT NOT NULL,
  display_name TEXT NOT NULL,
  description TEXT NOT NULL,
  author TEXT NOT NULL,
  category TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('INFRASTRUCTURE')),
  provider TEXT NOT NULL CHECK (provider IN ('AWS', 'GCP', 'AZURE', 'KUBERNETES', 'NONE')),
  icon TEXT NOT NULL,
  recommended BOOL NOT NULL,
  guide TEXT NOT NULL,
  locked BOOL NOT NULL DEFAULT false,
  latest_version_id UUID,
  estimated_duration_seconds INT4 NOT NULL,
  creator TEXT NOT NULL,
  revision INT8 NOT NULL DEFAULT 1,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  update_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT templates_organization_key UNIQUE (organization_id, id),
  CONSTRAINT templates_slug_key UNIQUE (organization_id, slug)
);
CREATE INDEX templates_by_time ON templates (organization_id, create_time DESC, id DESC);

-- Immutable once published.
CREATE TABLE template_versions (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  template_id UUID NOT NULL,
  version TEXT NOT NULL,
  -- The semver as a text whose byte order is semver order.
  sort_key TEXT COLLATE "C" NOT NULL,
  engine TEXT NOT NULL CHECK (engine IN ('TERRAFORM')),
  manifest JSONB NOT NULL,
  input_schema JSONB NOT NULL,
  output_schema JSONB NOT NULL,
  entrypoint TEXT NOT NULL,
  artifact_sha256 BYTEA NOT NULL,
  artifact_size INT8 NOT NULL,
  soft_timeout_seconds INT4 NOT NULL,
  hard_timeout_seconds INT4 NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('PUBLISHED')),
  creator TEXT NOT NULL,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT template_versions_organization_key UNIQUE (organization_id, id),
  CONSTRAINT template_versions_version_key UNIQUE (organization_id, template_id, version),
  CONSTRAINT template_versions_template_fkey FOREIGN KEY (organization_id, template_id)
    REFERENCES templates (organization_id, id),
  CONSTRAINT template_versions_artifact_fkey FOREIGN KEY (organization_id, artifact_sha256)
    REFERENCES artifacts (organization_id, sha256)
);
CREATE INDEX template_versions_by_sort_key ON template_versions (organization_id, template_id, sort_key DESC);
CREATE INDEX template_versions_by_artifact ON template_versions (organization_id, artifact_sha256);

ALTER TABLE templates ADD CONSTRAINT templates_latest_version_fkey
  FOREIGN KEY (organization_id, latest_version_id) REFERENCES template_versions (organization_id, id);
CREATE INDEX templates_by_latest_version ON templates (organization_id, latest_version_id);

-- Guardrails. A change makes a new version; what was decided under an older one says so.
CREATE TABLE policies (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  slug TEXT NOT NULL,
  description TEXT NOT NULL,
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  scope JSONB NOT NULL DEFAULT '{}',
  config JSONB NOT NULL,
  enforced BOOL NOT NULL,
  violation_class TEXT NOT NULL CHECK (violation_class IN ('INPUT', 'STATE', 'QUOTA')),
  message TEXT NOT NULL,
  fix TEXT NOT NULL,
  version INT4 NOT NULL DEFAULT 1,
  active BOOL NOT NULL DEFAULT true,
  creator TEXT NOT NULL,
  revision INT8 NOT NULL DEFAULT 1,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  update_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT policies_organization_key UNIQUE (organization_id, id),
  CONSTRAINT policies_slug_key UNIQUE (organization_id, slug)
);

CREATE TABLE approval_policies (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  slug TEXT NOT NULL,
  display_name TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  priority INT4 NOT NULL,
  match_rule JSONB NOT NULL DEFAULT '{}',
  stages JSONB NOT NULL,
  allow_self BOOL NOT NULL DEFAULT false,
  distinct_across_stages BOOL NOT NULL DEFAULT true,
  ttl_seconds INT8 NOT NULL,
  auto_approve JSONB,
  active BOOL NOT NULL DEFAULT true,
  creator TEXT NOT NULL,
  revision INT8 NOT NULL DEFAULT 1,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  update_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT approval_policies_organization_key UNIQUE (organization_id, id),
  CONSTRAINT approval_policies_slug_key UNIQUE (organization_id, slug)
);
CREATE INDEX approval_policies_by_priority ON approval_policies (organization_id, priority, id);
CREATE INDEX approval_policies_by_time ON approval_policies (organization_id, create_time DESC, id DESC);
