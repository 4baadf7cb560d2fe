-- Fails where versions of the engine COMMAND are stored: what deployments were made with cannot be taken away.
ALTER TABLE template_versions DROP CONSTRAINT template_versions_engine_check;
ALTER TABLE template_versions ADD CONSTRAINT template_versions_engine_check CHECK (engine IN ('TERRAFORM'));
