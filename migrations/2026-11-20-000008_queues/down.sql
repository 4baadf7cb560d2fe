DROP FUNCTION job_log_delete(UUID, UUID);
DROP POLICY deleting ON job_log_chunks;
DROP POLICY deleting_reads ON job_log_chunks;
DROP POLICY deleting_reads ON jobs;
DROP TABLE schedules, dead_letters, queue_pauses, queue_turns;
ALTER TABLE jobs DROP COLUMN delete_time;
DROP INDEX ready_jobs_in_line;
CREATE INDEX ready_jobs_in_order ON ready_jobs (priority, run_after_time, job_id);
