-- A second engine: templates that bring programs of their own.

ALTER TABLE template_versions DROP CONSTRAINT template_versions_engine_check;
ALTER TABLE template_versions ADD CONSTRAINT template_versions_engine_check CHECK (engine IN ('TERRAFORM', 'COMMAND'));
