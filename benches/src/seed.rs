//! Fills a database with requests as a few years of use leave them. Written by SQL, since a million calls would take
//! longer than all of the benchmarks.

use tokio_postgres::Client;

use crate::Result;

/// Adds `count` requests of the first business unit, and a deployment for every ten of them. One in ten failed, one in
/// a thousand was cancelled, the rest is completed; a second lies between each and the next.
pub(crate) async fn requests(client: &Client, count: u32) -> Result<()> {
    // Trigger functions of foreign keys would take most of the time; the rows are right by construction.
    client.batch_execute("SET session_replication_role = replica").await?;
    client.batch_execute(&statements(count)).await?;
    client.batch_execute("VACUUM ANALYZE deployments").await?;
    client.batch_execute("VACUUM ANALYZE requests").await?;
    Ok(())
}

/// Adds `count` role bindings: ten for each of so many new users, in the first business unit and in the organization.
pub(crate) async fn bindings(client: &Client, count: u32) -> Result<()> {
    client.batch_execute("SET session_replication_role = replica").await?;
    let users = count.div_ceil(10);
    client
        .batch_execute(&format!(
            "INSERT INTO users (id, organization_id, username, email, full_name, creator)
               SELECT gen_random_uuid(), o.id, 'seeded-' || n, 'seeded-' || n || '@example.org', 'Seeded', 'system'
               FROM organizations o, generate_series(1, {users}) n WHERE o.is_default;
             INSERT INTO role_bindings (id, organization_id, role_id, subject_kind, subject_id, business_unit_id, creator)
               SELECT gen_random_uuid(), u.organization_id, r.id, 'USER', u.id,
                 CASE WHEN r.scope = 'BUSINESS_UNIT' THEN b.id END, 'system'
               FROM users u
               JOIN (SELECT *, row_number() OVER (PARTITION BY organization_id ORDER BY slug) AS n FROM roles) r
                 ON r.organization_id = u.organization_id AND r.n <= 10
               JOIN business_units b ON b.organization_id = u.organization_id AND b.slug = 'sandbox'
               WHERE u.username LIKE 'seeded-%';"
        ))
        .await?;
    client.batch_execute("VACUUM ANALYZE users").await?;
    client.batch_execute("VACUUM ANALYZE role_bindings").await?;
    Ok(())
}

/// Ids are like UUIDv7: they rise with time.
fn statements(count: u32) -> String {
    let deployments = count.div_ceil(10);
    format!(
        r#"
CREATE TEMPORARY TABLE place AS
  SELECT b.organization_id, b.id AS unit_id, e.id AS environment_id, e.tier, u.id AS user_id, 'users/' || u.username AS name,
    v.id AS version_id, v.template_id
  FROM business_units b
  JOIN environments e ON e.business_unit_id = b.id AND e.tier = 'DEVELOPMENT'
  JOIN users u ON u.organization_id = b.organization_id AND u.username = 'admin'
  JOIN template_versions v ON v.organization_id = b.organization_id
  JOIN templates t ON t.id = v.template_id AND t.slug = 'config-bundle'
  LIMIT 1;

INSERT INTO deployments (id, organization_id, business_unit_id, slug, display_name, state, provisioned, environment_id, tier,
  template_id, template_version_id, provider, owner_id, owner, inputs, inputs_ciphertext, tags, current_revision,
  last_revision, resource_count, creator, create_time)
SELECT ('018f0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, organization_id, unit_id, 'seeded-' || n,
  'Seeded ' || n, 'ACTIVE', true, environment_id, tier, template_id, version_id, 'NONE', user_id, name,
  '{{"name": "seeded"}}', '\x00', '{{"team": "bench"}}', 1, 1, 2, name,
  now() - interval '1 second' * ({count} - n * 10)
FROM place, generate_series(1, {deployments}) n;

INSERT INTO requests (id, organization_id, business_unit_id, number, kind, title, requester_id, requester, environment_id,
  tier, deployment_id, template_version_id, payload, tags, inputs_ciphertext, content_hash, state, failed_phase, error,
  creator, create_time)
SELECT ('018f0000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, organization_id, unit_id, 1000000 + n, 'UPDATE',
  'Seeded request ' || n, user_id, name, environment_id, tier,
  ('018f0000-0000-7000-8000-' || lpad(to_hex(1 + (n - 1) / 10), 12, '0'))::uuid, version_id,
  '{{"inputs": {{"name": "seeded", "label": "blue", "entries": {{"color": "green"}}}}}}', '{{"team": "bench"}}', '\x00',
  encode(sha256(n::text::bytea), 'hex'),
  CASE WHEN n % 1000 = 7 THEN 'CANCELLED' WHEN n % 10 = 3 THEN 'FAILED' ELSE 'COMPLETED' END,
  CASE WHEN n % 10 = 3 THEN 'APPLY' END,
  CASE WHEN n % 10 = 3 THEN '{{"error_class": "ENGINE", "message": "It failed.", "suggestion": "Try again."}}'::jsonb END,
  name, now() - interval '1 second' * ({count} - n)
FROM place, generate_series(1, {count}) n;
"#
    )
}
