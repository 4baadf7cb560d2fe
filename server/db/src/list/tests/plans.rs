//! How the database runs lists over 20,000 rows: it reads as much of an index as a page is long.

use chrono::{DateTime, TimeZone, Utc};
use flagstone_core::page::{KeyPart, PageKey};

use super::*;
use crate::list::scope::Units;
use crate::list::{
    approval, approval_policy, audit, business_unit, business_unit_member, change_event, deployment, environment,
    group, group_member, job, organization, request, revision, role, role_binding, team, team_member, template,
    template_version, workspace_state,
};
use crate::sight::{Creator, Sight};

/// 20,000 rows of a table, one a minute, each fourth of one unit.
fn rows(table: &str, columns: &str, values: &str) -> String {
    format!(
        "INSERT INTO {table} (organization_id, {columns}) SELECT '{ORGANIZATION}', {values}
         FROM generate_series(1, 20000) AS n,
           LATERAL (SELECT lpad(to_hex(n), 32, '0')::uuid AS id, lpad(to_hex(256 + n % 4), 32, '0')::uuid AS unit,
             timestamptz '2026-01-01' + n * interval '1 minute' AS time) AS made;
         ANALYZE {table};"
    )
}

/// The time of the n-th row.
fn minute(number: i64) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap() + chrono::TimeDelta::minutes(number)
}

/// Fails unless the plan reads an index in order: no other way to find rows, no sorting, and nothing read in vain.
fn assert_served(plan: &[String], index: &str) {
    let text = plan.join("\n");
    let uses = plan.iter().any(|line| {
        line.contains(&format!("Index Scan using {index}"))
            || line.contains(&format!("Index Scan Backward using {index}"))
    });
    assert!(uses, "not by {index}:\n{text}");
    for way in ["Seq Scan", "Sort", "Bitmap", "Removed"] {
        assert!(!text.contains(way), "{way}:\n{text}");
    }
    assert!(text.contains("actual rows=51"), "more rows than the page needs:\n{text}");
}

/// Checks one list in both directions, from the start and from the middle.
macro_rules! served {
    ($database:expr, $list:ident, $base:expr, $branch:expr, $middle:expr, $index:literal) => {{
        let conn = $database.owner().await;
        let key = PageKey { values: $middle };
        for descending in [true, false] {
            for after in [None, Some(&key)] {
                let order = Order { descending, ..$base.order };
                let query = ListQuery { order, after, ..$base.clone() };
                assert_served(&$list::explain(&conn, &query, &$branch).await, $index);
            }
        }
    }};
}

fn of_unit() -> Branch {
    Branch { units: Units::One(unit(0)), own: None }
}

fn middle() -> Vec<KeyPart> {
    vec![KeyPart::Time(minute(10_000)), KeyPart::Uuid(Uuid::from_u128(10_000))]
}

#[tokio::test]
async fn of_requests() {
    let database = TestDatabase::create().await;
    fill(&database, &requests(1, 20_000, 3)).await;
    let names = Names::default();
    let base = query(NEWEST, &names, &[]);
    let middle = || vec![KeyPart::Time(minute(1_000)), KeyPart::Uuid(Uuid::from_u128(10_000))];
    served!(database, request, base, Branch::ALL, middle(), "requests_by_time");
    served!(database, request, base, of_unit(), middle(), "requests_by_unit_and_time");
    let own = Branch { units: Units::Any, own: Some(true) };
    served!(database, request, base, own, middle(), "requests_by_requester");
}

#[tokio::test]
async fn of_business_unit_members() {
    let database = TestDatabase::create().await;
    let columns = "business_unit_id, user_id, role_id, creator, create_time";
    fill(&database, &rows("business_unit_members", columns, "unit, id, unit, 'users/x', time")).await;
    let names = Names::default();
    let base = ListQuery { parent_id: Some(unit(0)), ..query(NEWEST, &names, &[]) };
    served!(database, business_unit_member, base, Branch::ALL, middle(), "business_unit_members_by_time");
}

#[tokio::test]
async fn of_organizations() {
    let database = TestDatabase::create().await;
    let made = "INSERT INTO organizations (id, slug, display_name, create_time)
        SELECT lpad(to_hex(n), 32, '0')::uuid, 'o' || n, 'O' || n, timestamptz '2026-01-01' + n * interval '1 minute'
        FROM generate_series(1, 20000) AS n; ANALYZE organizations;";
    fill(&database, made).await;
    let names = Names::default();
    served!(database, organization, query(NEWEST, &names, &[]), Branch::ALL, middle(), "organizations_by_time");
}

#[tokio::test]
async fn of_deployments() {
    let database = TestDatabase::create().await;
    let columns = "id, business_unit_id, slug, display_name, state, environment_id, tier, template_id,
        template_version_id, provider, owner_id, owner, inputs, inputs_ciphertext, tags, creator, create_time";
    let values =
        "id, unit, 'd' || n, 'D', 'ACTIVE', unit, 'STAGING', unit, unit, 'AWS', unit, 'users/x', '{}', '', '{}',
        'users/x', time";
    fill(&database, &rows("deployments", columns, values)).await;
    let names = Names::default();
    let base = query(NEWEST, &names, &[]);
    served!(database, deployment, base, Branch::ALL, middle(), "deployments_by_time");
    served!(database, deployment, base, of_unit(), middle(), "deployments_by_unit_and_time");
}

#[tokio::test]
async fn of_revisions() {
    let database = TestDatabase::create().await;
    let columns =
        "deployment_id, number, kind, template_version_id, inputs, inputs_ciphertext, request_id, plan_digest,
        initiator, description, state";
    let values = "unit, n, 'UPDATE', unit, '{}', '', unit, '', 'users/x', '', 'SUPERSEDED'";
    fill(&database, &rows("revisions", columns, values)).await;
    let names = Names::default();
    let order = Order { name: "number", key: "number", descending: true };
    let base = ListQuery { parent_id: Some(unit(0)), ..query(order, &names, &[]) };
    served!(database, revision, base, Branch::ALL, vec![KeyPart::Int(10_000)], "revisions_pkey");
}

#[tokio::test]
async fn of_approvals() {
    let database = TestDatabase::create().await;
    let columns = "id, business_unit_id, request_id, requester_id, tier, approval_policy_id, content_hash, plan_digest,
        plan_id, stages, allow_self, distinct_across_stages, method, state, expire_time, create_time";
    let values =
        "id, unit, id, unit, 'STAGING', unit, '', '', unit, '[]', false, true, 'HUMAN', 'APPROVED', time, time";
    fill(&database, &rows("approvals", columns, values)).await;
    let names = Names::default();
    let base = query(NEWEST, &names, &[]);
    served!(database, approval, base, Branch::ALL, middle(), "approvals_by_time");
    served!(database, approval, base, of_unit(), middle(), "approvals_by_unit_and_time");
}

#[tokio::test]
async fn of_jobs() {
    let database = TestDatabase::create().await;
    let columns = "id, business_unit_id, kind, operation, request_id, deployment_id, content_revision, template_version_id,
        queue, concurrency_key, idempotency_key, max_attempts, soft_timeout_seconds, hard_timeout_seconds, trigger, state,
        correlation_id, create_time";
    let values =
        "id, unit, 'PLAN', 'CREATE', unit, unit, 1, unit, 'DEFAULT', 'k', n, 3, 60, 60, 'users/x', 'SUCCEEDED', '',
        time";
    fill(&database, &rows("jobs", columns, values)).await;
    let names = Names::default();
    let base = query(NEWEST, &names, &[]);
    served!(database, job, base, Branch::ALL, middle(), "jobs_by_time");
    served!(database, job, base, of_unit(), middle(), "jobs_by_unit_and_time");
}

#[tokio::test]
async fn of_audit_events() {
    let database = TestDatabase::create().await;
    let columns = "id, time, principal, action, object, object_type, business_unit_id, outcome, ip, user_agent,
        correlation_id, origin, duration_ms";
    let values = "id, time, 'users/x', 'request.create', 'o', 'request', unit, 'SUCCESS', '', '', '', 'API', 1";
    fill(&database, &rows("audit_events", columns, values)).await;
    let names = Names::default();
    let order = Order { name: "time", key: "time", descending: true };
    let base = query(order, &names, &[]);
    served!(database, audit, base, Branch::ALL, middle(), "audit_events_by_time");
    served!(database, audit, base, of_unit(), middle(), "audit_events_by_business_unit");
}

#[tokio::test]
async fn of_business_units() {
    let database = TestDatabase::create().await;
    let values = "id, 'u' || n, 'U' || n, 'U', 'users/x', time";
    fill(&database, &rows("business_units", "id, slug, code, display_name, creator, create_time", values)).await;
    let names = Names::default();
    let base = query(NEWEST, &names, &[]);
    served!(database, business_unit, base, Branch::ALL, middle(), "business_units_by_time");
}

#[tokio::test]
async fn of_environments() {
    let database = TestDatabase::create().await;
    let columns = "id, business_unit_id, slug, display_name, tier, rank, state, creator, create_time";
    let values = "id, unit, 'e' || n, 'E', 'STAGING', n % 300, 'READY', 'users/x', time";
    fill(&database, &rows("environments", columns, values)).await;
    let names = Names::default();
    served!(database, environment, query(NEWEST, &names, &[]), Branch::ALL, middle(), "environments_by_time");
    let by_rank = query(Order { name: "rank", key: "rank", descending: false }, &names, &[]);
    let middle = || vec![KeyPart::Int(150), KeyPart::Uuid(Uuid::from_u128(10_000))];
    served!(database, environment, by_rank, Branch::ALL, middle(), "environments_by_rank");
}

#[tokio::test]
async fn of_templates() {
    let database = TestDatabase::create().await;
    let columns = "id, slug, display_name, description, author, category, kind, provider, icon, recommended, guide,
        estimated_duration_seconds, creator, create_time";
    let values = "id, 't' || n, 'T', '', '', '', 'INFRASTRUCTURE', 'AWS', '', false, '', 1, 'users/x', time";
    fill(&database, &rows("templates", columns, values)).await;
    let names = Names::default();
    served!(database, template, query(NEWEST, &names, &[]), Branch::ALL, middle(), "templates_by_time");
}

#[tokio::test]
async fn of_template_versions() {
    let database = TestDatabase::create().await;
    let columns = "id, template_id, version, sort_key, engine, manifest, input_schema, output_schema, entrypoint,
        artifact_sha256, artifact_size, soft_timeout_seconds, hard_timeout_seconds, state, creator";
    let values =
        "id, unit, '1.0.' || n, lpad(n::text, 8, '0'), 'TERRAFORM', '{}', '{}', '{}', '', '', 1, 1, 1, 'PUBLISHED',
        'users/x'";
    fill(&database, &rows("template_versions", columns, values)).await;
    let names = Names::default();
    let order = Order { name: "version", key: "sort_key", descending: true };
    let base = ListQuery { parent_id: Some(unit(0)), ..query(order, &names, &[]) };
    let middle = || vec![KeyPart::Text("00010000".to_owned())];
    served!(database, template_version, base, Branch::ALL, middle(), "template_versions_by_sort_key");
}

#[tokio::test]
async fn of_approval_policies() {
    let database = TestDatabase::create().await;
    let columns = "id, slug, display_name, priority, stages, ttl_seconds, creator, create_time";
    fill(&database, &rows("approval_policies", columns, "id, 'p' || n, 'P', n % 300, '[]', 60, 'users/x', time")).await;
    let names = Names::default();
    served!(database, approval_policy, query(NEWEST, &names, &[]), Branch::ALL, middle(), "approval_policies_by_time");
    let by_priority = query(Order { name: "priority", key: "priority", descending: false }, &names, &[]);
    let middle = || vec![KeyPart::Int(150), KeyPart::Uuid(Uuid::from_u128(10_000))];
    served!(database, approval_policy, by_priority, Branch::ALL, middle(), "approval_policies_by_priority");
}

#[tokio::test]
async fn of_workspace_states() {
    let database = TestDatabase::create().await;
    let columns = "deployment_id, serial, fence, lineage, ciphertext, sha256, resource_count, job_id, state, time";
    let values = "unit, n, 1, 'l', '', '', 1, unit, 'STORED', time";
    fill(&database, &rows("workspace_states", columns, values)).await;
    let names = Names::default();
    let order = Order { name: "time", key: "time", descending: true };
    let base = ListQuery { parent_id: Some(unit(0)), ..query(order, &names, &[]) };
    let middle = || vec![KeyPart::Time(minute(10_000)), KeyPart::Int(10_000), KeyPart::Int(1)];
    served!(database, workspace_state, base, Branch::ALL, middle(), "workspace_states_by_time");
}

#[tokio::test]
async fn of_changes() {
    let database = TestDatabase::create().await;
    let columns = "xid, business_unit_id, object_type, object, object_id, action, principal, correlation_id, time";
    let values = "n, unit, 'request', 'o', id, 'UPDATED', 'users/x', '', time";
    fill(&database, &rows("change_events", columns, values)).await;
    let names = Names::default();
    let order = Order { name: "time", key: "time", descending: true };
    let sights = [Sight { object_type: "request", creator: Creator::Request, gates: vec![vec![Branch::ALL]] }];
    let base = ListQuery { sights: &sights, ..query(order, &names, &[]) };
    let middle = || vec![KeyPart::Int(10_000), KeyPart::Int(10_000)];
    served!(database, change_event, base, Branch::ALL, middle(), "change_events_by_organization");
    served!(database, change_event, base, of_unit(), middle(), "change_events_by_unit");
}

#[tokio::test]
async fn of_role_bindings() {
    let database = TestDatabase::create().await;
    let columns = "id, role_id, subject_kind, subject_id, business_unit_id, creator, create_time";
    // Every second one is of the organization itself.
    let values = "id, id, 'USER', id, CASE WHEN n % 2 = 0 THEN unit END, 'users/x', time";
    fill(&database, &rows("role_bindings", columns, values)).await;
    let names = Names::default();
    let base = query(NEWEST, &names, &[]);
    served!(database, role_binding, base, Branch::ALL, middle(), "role_bindings_by_time");
    served!(database, role_binding, base, of_unit(), middle(), "role_bindings_by_unit_and_time");
    served!(database, role_binding, base, Branch::OUTSIDE, middle(), "role_bindings_of_organization");
}

#[tokio::test]
async fn of_roles_and_teams() {
    let database = TestDatabase::create().await;
    let columns = "id, slug, display_name, scope, permissions, creator, create_time";
    fill(&database, &rows("roles", columns, "id, 'r' || n, 'r' || n, 'PLATFORM', '{}', 'users/x', time")).await;
    let columns = "id, slug, display_name, creator, create_time";
    fill(&database, &rows("teams", columns, "id, 't' || n, 't' || n, 'users/x', time")).await;
    let names = Names::default();
    let base = query(NEWEST, &names, &[]);
    served!(database, role, base, Branch::ALL, middle(), "roles_by_time");
    served!(database, team, base, Branch::ALL, middle(), "teams_by_time");
}

#[tokio::test]
async fn of_groups() {
    let database = TestDatabase::create().await;
    let columns = "id, business_unit_id, slug, display_name, creator, create_time";
    // Every second one is of the organization itself.
    let values = "id, CASE WHEN n % 2 = 0 THEN unit END, 'g' || n, 'g' || n, 'users/x', time";
    fill(&database, &rows("groups", columns, values)).await;
    let names = Names::default();
    let base = query(NEWEST, &names, &[]);
    served!(database, group, base, Branch::ALL, middle(), "groups_by_time");
    served!(database, group, base, of_unit(), middle(), "groups_by_unit_and_time");
    served!(database, group, base, Branch::OUTSIDE, middle(), "groups_of_organization");
}

#[tokio::test]
async fn of_members_of_groups_and_teams() {
    let database = TestDatabase::create().await;
    for (table, column) in [("group_members", "group_id"), ("team_members", "team_id")] {
        let columns = format!("{column}, user_id, creator, create_time");
        fill(&database, &rows(table, &columns, "unit, id, 'users/x', time")).await;
    }
    let names = Names::default();
    let base = ListQuery { parent_id: Some(unit(0)), ..query(NEWEST, &names, &[]) };
    served!(database, group_member, base, Branch::ALL, middle(), "group_members_by_time");
    served!(database, team_member, base, Branch::ALL, middle(), "team_members_by_time");
}
