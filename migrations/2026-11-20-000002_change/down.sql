ALTER TABLE requests DROP CONSTRAINT requests_plan_fkey, DROP CONSTRAINT requests_approval_fkey;
ALTER TABLE jobs DROP CONSTRAINT jobs_plan_fkey;
DROP TABLE runners, workspace_states, workspaces, revisions, approval_decisions, approvals, plans, job_artifacts,
  job_log_chunks, job_logs, concurrency_holds, leases, ready_jobs, jobs, request_events, requests, deployments;
