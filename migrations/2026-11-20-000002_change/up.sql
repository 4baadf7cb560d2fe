-- The main line: requests, plans, approvals, deployments, jobs, logs, workspaces. Then the walls around all tables.

CREATE TABLE deployments (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  business_unit_id UUID NOT NULL,
  slug TEXT NOT NULL,
  display_name TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN
    ('PENDING', 'PROVISIONING', 'ACTIVE', 'UPDATING', 'FAILED', 'DELETING', 'DELETE_FAILED', 'DELETED')),
  -- True from the first apply on: from then its id is never free again.
  provisioned BOOL NOT NULL DEFAULT false,
  environment_id UUID NOT NULL,
  tier TEXT NOT NULL CHECK (tier IN ('DEVELOPMENT', 'STAGING', 'PRODUCTION')),
  template_id UUID NOT NULL,
  template_version_id UUID NOT NULL,
  provider TEXT NOT NULL,
  region TEXT NOT NULL DEFAULT '',
  owner_id UUID NOT NULL,
  owner TEXT NOT NULL,
  -- Secrets masked; whole and sealed in `inputs_ciphertext`.
  inputs JSONB NOT NULL,
  inputs_ciphertext BYTEA NOT NULL,
  -- [{output, value, sensitive}], sensitive values masked; whole and sealed in `outputs_ciphertext`.
  outputs JSONB NOT NULL DEFAULT '[]',
  outputs_ciphertext BYTEA,
  tags JSONB NOT NULL,
  cost_center TEXT NOT NULL DEFAULT '',
  project_code TEXT NOT NULL DEFAULT '',
  -- 0 until a revision has succeeded.
  current_revision INT4 NOT NULL DEFAULT 0,
  last_revision INT4 NOT NULL DEFAULT 0,
  last_request_id UUID,
  resource_count INT4 NOT NULL DEFAULT 0,
  creator TEXT NOT NULL,
  revision INT8 NOT NULL DEFAULT 1,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  update_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT deployments_organization_key UNIQUE (organization_id, id),
  CONSTRAINT deployments_business_unit_fkey FOREIGN KEY (organization_id, business_unit_id)
    REFERENCES business_units (organization_id, id),
  CONSTRAINT deployments_environment_fkey FOREIGN KEY (organization_id, environment_id)
    REFERENCES environments (organization_id, id),
  CONSTRAINT deployments_template_fkey FOREIGN KEY (organization_id, template_id) REFERENCES templates (organization_id, id),
  CONSTRAINT deployments_template_version_fkey FOREIGN KEY (organization_id, template_version_id)
    REFERENCES template_versions (organization_id, id),
  CONSTRAINT deployments_owner_fkey FOREIGN KEY (organization_id, owner_id) REFERENCES users (organization_id, id)
);
-- An id is taken for ever, except by a deployment that never left PENDING.
CREATE UNIQUE INDEX deployments_slug_key ON deployments (organization_id, business_unit_id, slug)
  WHERE provisioned OR state <> 'DELETED';
CREATE INDEX deployments_by_time ON deployments (organization_id, create_time DESC, id DESC);
CREATE INDEX deployments_by_unit_and_time ON deployments (organization_id, business_unit_id, create_time DESC, id DESC);
CREATE INDEX deployments_by_environment ON deployments (organization_id, environment_id);
CREATE INDEX deployments_by_template ON deployments (organization_id, template_id);
CREATE INDEX deployments_by_template_version ON deployments (organization_id, template_version_id);
CREATE INDEX deployments_by_owner ON deployments (organization_id, owner_id, create_time DESC, id DESC);
CREATE INDEX deployments_by_tags ON deployments USING gin (tags jsonb_path_ops);

CREATE TABLE requests (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  business_unit_id UUID NOT NULL,
  -- The n of its code R-n.
  number INT8 NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('CREATE', 'UPDATE', 'DESTROY')),
  title TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  requester_id UUID NOT NULL,
  requester TEXT NOT NULL,
  environment_id UUID NOT NULL,
  tier TEXT NOT NULL CHECK (tier IN ('DEVELOPMENT', 'STAGING', 'PRODUCTION')),
  -- Null in a draft of kind CREATE: the id is reserved at submit.
  deployment_id UUID,
  template_version_id UUID NOT NULL,
  -- As sent, secrets masked.
  payload JSONB NOT NULL,
  tags JSONB NOT NULL DEFAULT '{}',
  -- The inputs the engine gets, whole and sealed.
  inputs_ciphertext BYTEA NOT NULL,
  content_hash TEXT NOT NULL,
  content_revision INT4 NOT NULL DEFAULT 1,
  state TEXT NOT NULL CHECK (state IN ('DRAFT', 'PLANNING', 'PENDING_APPROVAL', 'APPROVED', 'APPLYING', 'COMPLETED',
    'REJECTED', 'CANCELLED', 'EXPIRED', 'FAILED')),
  failed_phase TEXT CHECK (failed_phase IN ('PLAN', 'POLICY', 'APPLY')),
  -- True once an apply of it has started: then it can no longer be withdrawn.
  apply_started BOOL NOT NULL DEFAULT false,
  -- {error_class, message, suggestion}
  error JSONB,
  policy_results JSONB NOT NULL DEFAULT '[]',
  plan_id UUID,
  approval_id UUID,
  job_ids UUID[] NOT NULL DEFAULT '{}',
  revision_number INT4,
  last_event INT4 NOT NULL DEFAULT 0,
  creator TEXT NOT NULL,
  revision INT8 NOT NULL DEFAULT 1,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  update_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT requests_organization_key UNIQUE (organization_id, id),
  CONSTRAINT requests_number_key UNIQUE (organization_id, number),
  CONSTRAINT requests_business_unit_fkey FOREIGN KEY (organization_id, business_unit_id)
    REFERENCES business_units (organization_id, id),
  CONSTRAINT requests_requester_fkey FOREIGN KEY (organization_id, requester_id) REFERENCES users (organization_id, id),
  CONSTRAINT requests_environment_fkey FOREIGN KEY (organization_id, environment_id)
    REFERENCES environments (organization_id, id),
  CONSTRAINT requests_deployment_fkey FOREIGN KEY (organization_id, deployment_id)
    REFERENCES deployments (organization_id, id),
  CONSTRAINT requests_template_version_fkey FOREIGN KEY (organization_id, template_version_id)
    REFERENCES template_versions (organization_id, id)
);
-- At most one mutating request per deployment is under way.
CREATE UNIQUE INDEX requests_one_under_way ON requests (organization_id, deployment_id)
  WHERE state IN ('PLANNING', 'PENDING_APPROVAL', 'APPROVED', 'APPLYING');
CREATE INDEX requests_by_time ON requests (organization_id, create_time DESC, id DESC);
CREATE INDEX requests_by_unit_and_time ON requests (organization_id, business_unit_id, create_time DESC, id DESC);
CREATE INDEX requests_by_requester ON requests (organization_id, requester_id, create_time DESC, id DESC);
CREATE INDEX requests_by_deployment ON requests (organization_id, deployment_id);
CREATE INDEX requests_by_environment ON requests (organization_id, environment_id);
CREATE INDEX requests_by_template_version ON requests (organization_id, template_version_id);

-- The timeline. Append-only.
CREATE TABLE request_events (
  organization_id UUID NOT NULL REFERENCES organizations (id),
  request_id UUID NOT NULL,
  number INT4 NOT NULL,
  event TEXT NOT NULL,
  state TEXT NOT NULL,
  principal TEXT NOT NULL,
  comment TEXT NOT NULL DEFAULT '',
  object TEXT NOT NULL DEFAULT '',
  time TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, request_id, number),
  CONSTRAINT request_events_request_fkey FOREIGN KEY (organization_id, request_id) REFERENCES requests (organization_id, id)
);

CREATE TABLE jobs (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  business_unit_id UUID NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('PLAN', 'APPLY')),
  operation TEXT NOT NULL CHECK (operation IN ('CREATE', 'UPDATE', 'DESTROY')),
  request_id UUID NOT NULL,
  deployment_id UUID NOT NULL,
  -- The request's content this job works on: a job of older content is obsolete.
  content_revision INT4 NOT NULL,
  template_version_id UUID NOT NULL,
  plan_id UUID,
  queue TEXT NOT NULL CHECK (queue IN ('HIGH', 'DEFAULT', 'LOW')),
  concurrency_key TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  attempt INT4 NOT NULL DEFAULT 0,
  max_attempts INT4 NOT NULL,
  run_after_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  soft_timeout_seconds INT4 NOT NULL,
  hard_timeout_seconds INT4 NOT NULL,
  -- The lease under which it runs now; null where none.
  lease_id UUID,
  runner TEXT,
  -- Rises with every lease, never reset.
  fence INT8 NOT NULL DEFAULT 0,
  apply_started BOOL NOT NULL DEFAULT false,
  progress JSONB NOT NULL DEFAULT '{}',
  -- {error_class, message, suggestion}
  error JSONB,
  trigger TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('QUEUED', 'RUNNING', 'RETRY_WAIT', 'CANCELLING', 'SUCCEEDED', 'FAILED',
    'DEAD_LETTERED', 'CANCELLED')),
  attempt_start_time TIMESTAMPTZ,
  start_time TIMESTAMPTZ,
  end_time TIMESTAMPTZ,
  cancel_time TIMESTAMPTZ,
  correlation_id TEXT NOT NULL,
  revision INT8 NOT NULL DEFAULT 1,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  update_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT jobs_organization_key UNIQUE (organization_id, id),
  CONSTRAINT jobs_idempotency_key UNIQUE (organization_id, idempotency_key),
  CONSTRAINT jobs_business_unit_fkey FOREIGN KEY (organization_id, business_unit_id)
    REFERENCES business_units (organization_id, id),
  CONSTRAINT jobs_request_fkey FOREIGN KEY (organization_id, request_id) REFERENCES requests (organization_id, id),
  CONSTRAINT jobs_deployment_fkey FOREIGN KEY (organization_id, deployment_id) REFERENCES deployments (organization_id, id),
  CONSTRAINT jobs_template_version_fkey FOREIGN KEY (organization_id, template_version_id)
    REFERENCES template_versions (organization_id, id)
) WITH (fillfactor = 80); -- The state is not indexed: a completion is one update within the page.
CREATE INDEX jobs_by_time ON jobs (organization_id, create_time DESC, id DESC);
CREATE INDEX jobs_by_unit_and_time ON jobs (organization_id, business_unit_id, create_time DESC, id DESC);
CREATE INDEX jobs_by_request ON jobs (organization_id, request_id);
CREATE INDEX jobs_by_deployment ON jobs (organization_id, deployment_id);
CREATE INDEX jobs_by_template_version ON jobs (organization_id, template_version_id);

-- Jobs that may be claimed: narrow, and emptied by the claim, so that it scans no history.
CREATE TABLE ready_jobs (
  job_id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  -- 0 before 1 before 2: HIGH, DEFAULT, LOW.
  priority INT2 NOT NULL,
  run_after_time TIMESTAMPTZ NOT NULL,
  concurrency_key TEXT NOT NULL,
  engine TEXT NOT NULL,
  CONSTRAINT ready_jobs_job_fkey FOREIGN KEY (organization_id, job_id) REFERENCES jobs (organization_id, id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX ready_jobs_in_order ON ready_jobs (priority, run_after_time, job_id);
CREATE INDEX ready_jobs_by_job ON ready_jobs (organization_id, job_id);

-- One row per claimed batch: a heartbeat renews rows per batch, not per job.
CREATE TABLE leases (
  id UUID PRIMARY KEY,
  runner TEXT NOT NULL,
  job_ids UUID[] NOT NULL,
  expire_time TIMESTAMPTZ NOT NULL,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX leases_by_expire_time ON leases (expire_time);
CREATE INDEX leases_by_runner ON leases (runner);

-- One job per concurrency key: taken by the claim, given back by the job's end.
CREATE TABLE concurrency_holds (
  organization_id UUID NOT NULL REFERENCES organizations (id),
  concurrency_key TEXT NOT NULL,
  job_id UUID NOT NULL,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, concurrency_key),
  CONSTRAINT concurrency_holds_job_fkey FOREIGN KEY (organization_id, job_id) REFERENCES jobs (organization_id, id)
);
CREATE INDEX concurrency_holds_by_job ON concurrency_holds (organization_id, job_id);

-- Head of a job's log; apart from `jobs`, which appending lines must not touch.
CREATE TABLE job_logs (
  job_id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  last_seq INT8 NOT NULL DEFAULT 0,
  bytes INT8 NOT NULL DEFAULT 0,
  dropped INT8 NOT NULL DEFAULT 0,
  -- Running SHA-256 over the data of all lines: its state, and the digest so far.
  hash_state BYTEA NOT NULL,
  sha256 BYTEA NOT NULL,
  CONSTRAINT job_logs_job_fkey FOREIGN KEY (organization_id, job_id) REFERENCES jobs (organization_id, id)
);
CREATE INDEX job_logs_by_job ON job_logs (organization_id, job_id);

-- Lines without gap, many to a chunk. Append-only.
CREATE TABLE job_log_chunks (
  job_id UUID NOT NULL,
  first_seq INT8 NOT NULL,
  last_seq INT8 NOT NULL,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  -- Encoded flagstone.v1.JobLogChunk without a cursor: it is sent as it is stored.
  lines BYTEA NOT NULL,
  time TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (job_id, first_seq),
  CONSTRAINT job_log_chunks_job_fkey FOREIGN KEY (organization_id, job_id) REFERENCES jobs (organization_id, id)
);
CREATE INDEX job_log_chunks_by_job ON job_log_chunks (organization_id, job_id);

-- Files that a runner handed in for the outcome of its job. Sealed: a plan holds sensitive values in the clear.
CREATE TABLE job_artifacts (
  organization_id UUID NOT NULL REFERENCES organizations (id),
  job_id UUID NOT NULL,
  fence INT8 NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('PLAN_FILE', 'PLAN_JSON', 'PLAN_TEXT')),
  sha256 BYTEA NOT NULL,
  ciphertext BYTEA NOT NULL,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, job_id, fence, kind),
  CONSTRAINT job_artifacts_job_fkey FOREIGN KEY (organization_id, job_id) REFERENCES jobs (organization_id, id)
);

CREATE TABLE plans (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  request_id UUID NOT NULL,
  job_id UUID NOT NULL,
  content_hash TEXT NOT NULL,
  content_revision INT4 NOT NULL,
  -- What people see: resource and output changes with sensitive values masked.
  changes JSONB NOT NULL,
  text TEXT NOT NULL,
  truncated BOOL NOT NULL DEFAULT false,
  -- Against the plan that was approved before: [{path, approved, current}].
  differences JSONB NOT NULL DEFAULT '[]',
  digest TEXT NOT NULL,
  changes_digest TEXT NOT NULL,
  inputs_sha256 TEXT NOT NULL,
  template_sha256 TEXT NOT NULL,
  add_count INT4 NOT NULL,
  change_count INT4 NOT NULL,
  destroy_count INT4 NOT NULL,
  provider_lock_hash TEXT NOT NULL,
  state_lineage TEXT NOT NULL,
  state_serial INT8 NOT NULL,
  -- [[name, version]] of the policies that applied.
  policies JSONB NOT NULL,
  file_sha256 TEXT NOT NULL,
  -- Emptied once the plan can no longer be applied.
  file_ciphertext BYTEA,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  expire_time TIMESTAMPTZ NOT NULL,
  CONSTRAINT plans_organization_key UNIQUE (organization_id, id),
  CONSTRAINT plans_request_fkey FOREIGN KEY (organization_id, request_id) REFERENCES requests (organization_id, id),
  CONSTRAINT plans_job_fkey FOREIGN KEY (organization_id, job_id) REFERENCES jobs (organization_id, id)
);
CREATE INDEX plans_by_request ON plans (organization_id, request_id);
CREATE INDEX plans_by_job ON plans (organization_id, job_id);

ALTER TABLE requests ADD CONSTRAINT requests_plan_fkey
  FOREIGN KEY (organization_id, plan_id) REFERENCES plans (organization_id, id);
CREATE INDEX requests_by_plan ON requests (organization_id, plan_id);
ALTER TABLE jobs ADD CONSTRAINT jobs_plan_fkey
  FOREIGN KEY (organization_id, plan_id) REFERENCES plans (organization_id, id);
CREATE INDEX jobs_by_plan ON jobs (organization_id, plan_id);

CREATE TABLE approvals (
  id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  business_unit_id UUID NOT NULL,
  request_id UUID NOT NULL,
  requester_id UUID NOT NULL,
  tier TEXT NOT NULL CHECK (tier IN ('DEVELOPMENT', 'STAGING', 'PRODUCTION')),
  approval_policy_id UUID NOT NULL,
  content_hash TEXT NOT NULL,
  plan_digest TEXT NOT NULL,
  plan_id UUID NOT NULL,
  -- The policy's stages as they were when this was opened.
  stages JSONB NOT NULL,
  current_stage INT4 NOT NULL DEFAULT 0,
  allow_self BOOL NOT NULL,
  distinct_across_stages BOOL NOT NULL,
  method TEXT NOT NULL CHECK (method IN ('HUMAN', 'POLICY')),
  policy_reason TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL CHECK (state IN ('PENDING', 'APPROVED', 'REJECTED', 'EXPIRED', 'WITHDRAWN', 'SUPERSEDED')),
  expire_time TIMESTAMPTZ NOT NULL,
  revision INT8 NOT NULL DEFAULT 1,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  update_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT approvals_organization_key UNIQUE (organization_id, id),
  CONSTRAINT approvals_business_unit_fkey FOREIGN KEY (organization_id, business_unit_id)
    REFERENCES business_units (organization_id, id),
  CONSTRAINT approvals_request_fkey FOREIGN KEY (organization_id, request_id) REFERENCES requests (organization_id, id),
  CONSTRAINT approvals_requester_fkey FOREIGN KEY (organization_id, requester_id) REFERENCES users (organization_id, id),
  CONSTRAINT approvals_policy_fkey FOREIGN KEY (organization_id, approval_policy_id)
    REFERENCES approval_policies (organization_id, id),
  CONSTRAINT approvals_plan_fkey FOREIGN KEY (organization_id, plan_id) REFERENCES plans (organization_id, id)
);
CREATE UNIQUE INDEX approvals_one_open ON approvals (organization_id, request_id) WHERE state = 'PENDING';
CREATE INDEX approvals_by_time ON approvals (organization_id, create_time DESC, id DESC);
CREATE INDEX approvals_by_unit_and_time ON approvals (organization_id, business_unit_id, create_time DESC, id DESC);
CREATE INDEX approvals_by_request ON approvals (organization_id, request_id);
CREATE INDEX approvals_by_requester ON approvals (organization_id, requester_id);
CREATE INDEX approvals_by_policy ON approvals (organization_id, approval_policy_id);
CREATE INDEX approvals_by_plan ON approvals (organization_id, plan_id);
CREATE INDEX approvals_to_expire ON approvals (expire_time) WHERE state = 'PENDING';

ALTER TABLE requests ADD CONSTRAINT requests_approval_fkey
  FOREIGN KEY (organization_id, approval_id) REFERENCES approvals (organization_id, id);
CREATE INDEX requests_by_approval ON requests (organization_id, approval_id);

-- Append-only.
CREATE TABLE approval_decisions (
  organization_id UUID NOT NULL REFERENCES organizations (id),
  approval_id UUID NOT NULL,
  number INT4 NOT NULL,
  stage INT4 NOT NULL,
  user_id UUID NOT NULL,
  principal TEXT NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('APPROVE', 'REJECT')),
  comment TEXT NOT NULL,
  content_hash TEXT NOT NULL,
  plan_digest TEXT NOT NULL,
  time TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, approval_id, number),
  CONSTRAINT approval_decisions_approval_fkey FOREIGN KEY (organization_id, approval_id)
    REFERENCES approvals (organization_id, id),
  CONSTRAINT approval_decisions_user_fkey FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id)
);
CREATE INDEX approval_decisions_by_user ON approval_decisions (organization_id, user_id);

CREATE TABLE revisions (
  organization_id UUID NOT NULL REFERENCES organizations (id),
  deployment_id UUID NOT NULL,
  number INT4 NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('CREATE', 'UPDATE', 'DESTROY')),
  template_version_id UUID NOT NULL,
  inputs JSONB NOT NULL,
  inputs_ciphertext BYTEA NOT NULL,
  outputs JSONB NOT NULL DEFAULT '[]',
  outputs_ciphertext BYTEA,
  request_id UUID NOT NULL,
  job_id UUID,
  plan_digest TEXT NOT NULL,
  approval_id UUID,
  initiator TEXT NOT NULL,
  description TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'SUPERSEDED')),
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  start_time TIMESTAMPTZ,
  end_time TIMESTAMPTZ,
  PRIMARY KEY (organization_id, deployment_id, number),
  CONSTRAINT revisions_deployment_fkey FOREIGN KEY (organization_id, deployment_id)
    REFERENCES deployments (organization_id, id),
  CONSTRAINT revisions_template_version_fkey FOREIGN KEY (organization_id, template_version_id)
    REFERENCES template_versions (organization_id, id),
  CONSTRAINT revisions_request_fkey FOREIGN KEY (organization_id, request_id) REFERENCES requests (organization_id, id),
  CONSTRAINT revisions_job_fkey FOREIGN KEY (organization_id, job_id) REFERENCES jobs (organization_id, id),
  CONSTRAINT revisions_approval_fkey FOREIGN KEY (organization_id, approval_id) REFERENCES approvals (organization_id, id)
);
CREATE INDEX revisions_by_request ON revisions (organization_id, request_id);
CREATE INDEX revisions_by_job ON revisions (organization_id, job_id);
CREATE INDEX revisions_by_approval ON revisions (organization_id, approval_id);
CREATE INDEX revisions_by_template_version ON revisions (organization_id, template_version_id);

-- IaC state of one deployment. Its lock belongs to a job's lease and ends with it.
CREATE TABLE workspaces (
  deployment_id UUID PRIMARY KEY,
  organization_id UUID NOT NULL REFERENCES organizations (id),
  business_unit_id UUID NOT NULL,
  engine TEXT NOT NULL,
  lineage TEXT NOT NULL DEFAULT '',
  serial INT8 NOT NULL DEFAULT 0,
  lock_job_id UUID,
  lock_fence INT8,
  lock_time TIMESTAMPTZ,
  -- After the loss of its runner a lock is kept until then, so that the supervisor can save the last state.
  lock_until_time TIMESTAMPTZ,
  -- What the engine said of the lock.
  lock_info JSONB,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  update_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  CONSTRAINT workspaces_deployment_fkey FOREIGN KEY (organization_id, deployment_id)
    REFERENCES deployments (organization_id, id),
  CONSTRAINT workspaces_job_fkey FOREIGN KEY (organization_id, lock_job_id) REFERENCES jobs (organization_id, id)
);
CREATE INDEX workspaces_by_deployment ON workspaces (organization_id, deployment_id);
CREATE INDEX workspaces_by_lock ON workspaces (organization_id, lock_job_id);

-- Append-only.
CREATE TABLE workspace_states (
  organization_id UUID NOT NULL REFERENCES organizations (id),
  deployment_id UUID NOT NULL,
  serial INT8 NOT NULL,
  fence INT8 NOT NULL,
  lineage TEXT NOT NULL,
  ciphertext BYTEA NOT NULL,
  sha256 BYTEA NOT NULL,
  resource_count INT4 NOT NULL,
  job_id UUID NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('STORED', 'ORPHANED')),
  time TIMESTAMPTZ NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, deployment_id, serial, fence, sha256),
  CONSTRAINT workspace_states_deployment_fkey FOREIGN KEY (organization_id, deployment_id)
    REFERENCES deployments (organization_id, id),
  CONSTRAINT workspace_states_job_fkey FOREIGN KEY (organization_id, job_id) REFERENCES jobs (organization_id, id)
);
CREATE INDEX workspace_states_by_job ON workspace_states (organization_id, job_id);

-- What executes jobs. Without organization: it serves the whole installation, as the embedded one does.
CREATE TABLE runners (
  id UUID PRIMARY KEY,
  organization_id UUID REFERENCES organizations (id),
  slug TEXT NOT NULL UNIQUE,
  labels JSONB NOT NULL DEFAULT '{}',
  adoption TEXT NOT NULL CHECK (adoption IN ('PENDING', 'ADOPTED', 'REJECTED', 'DRAINING', 'REMOVED')),
  version TEXT NOT NULL DEFAULT '',
  -- [{engine, version}]
  engines JSONB NOT NULL DEFAULT '[]',
  capacity INT4 NOT NULL DEFAULT 0,
  embedded BOOL NOT NULL,
  token_sha256 BYTEA NOT NULL UNIQUE,
  last_seen_time TIMESTAMPTZ,
  create_time TIMESTAMPTZ NOT NULL DEFAULT now(),
  update_time TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX runners_by_organization ON runners (organization_id);
