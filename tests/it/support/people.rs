//! People, business units and organizations that have no RPC yet. They are made behind the server's back, as copies of
//! what `dev` made, and are as real to the server as those.

use super::app::TestApp;
use super::caller::Caller;
use super::database::{one, run};

/// An organization beside the default one, with the same roles, templates and policies under names of its own.
pub struct Organization {
    pub admin: Caller,
    pub dev: Caller,
    pub approver: Caller,
    /// `businessUnits/globex-sandbox`.
    pub unit: String,
    /// `templates/globex-config-bundle`.
    pub template: String,
    /// `organizations/globex`.
    pub name: String,
}

/// Tables that make an organization work, those that others refer to first.
const CATALOGUE: [&str; 10] = [
    "roles",
    "users",
    "business_units",
    "role_bindings",
    "business_unit_members",
    "environments",
    "artifacts",
    "templates",
    "template_versions",
    "approval_policies",
];

impl TestApp {
    /// A new user with roles, each in the business unit of this slug or, where that is empty, in the organization.
    pub async fn user(&self, username: &str, roles: &[(&str, &str)]) -> Caller {
        run(
            &self.sql,
            &format!(
                "INSERT INTO users (id, organization_id, username, email, full_name, password_hash, creator)
                 SELECT gen_random_uuid(), organization_id, '{username}', '{username}@flagstone.localhost',
                        '{username}', password_hash, 'system'
                 FROM users WHERE username = 'admin'"
            ),
        )
        .await;
        for (role, unit) in roles {
            self.bind(username, role, unit).await;
        }
        self.login(username).await
    }

    /// An operator of the installation, who is nothing else.
    pub async fn operator(&self, username: &str) -> Caller {
        self.user(username, &[("installation-operator", "")]).await
    }

    /// Gives a user one more role.
    pub async fn bind(&self, username: &str, role: &str, unit: &str) {
        let made: i64 = one(
            &self.sql,
            &format!(
                "WITH made AS (
                   INSERT INTO role_bindings (id, organization_id, role_id, subject_kind, subject_id, business_unit_id, creator)
                   SELECT gen_random_uuid(), u.organization_id, r.id, 'USER', u.id, b.id, 'system'
                   FROM users u JOIN roles r USING (organization_id)
                   LEFT JOIN business_units b ON b.organization_id = u.organization_id AND b.slug = '{unit}'
                   WHERE u.username = '{username}' AND r.slug = '{role}' AND (b.id IS NOT NULL OR '{unit}' = '')
                   RETURNING 1)
                 SELECT count(*) FROM made"
            ),
        )
        .await;
        assert_eq!(made, 1, "{role} cannot be given to {username} in `{unit}`");
        self.grants_changed().await;
    }

    /// Gives a service account a role, in the business unit of this slug or, where that is empty, in the organization.
    pub async fn bind_account(&self, account: &str, role: &str, unit: &str) {
        let made: i64 = one(
            &self.sql,
            &format!(
                "WITH made AS (
                   INSERT INTO role_bindings (id, organization_id, role_id, subject_kind, subject_id, business_unit_id, creator)
                   SELECT gen_random_uuid(), a.organization_id, r.id, 'SERVICE_ACCOUNT', a.id, b.id, 'system'
                   FROM service_accounts a JOIN roles r USING (organization_id)
                   LEFT JOIN business_units b ON b.organization_id = a.organization_id AND b.slug = '{unit}'
                   WHERE a.slug = '{account}' AND r.slug = '{role}' AND (b.id IS NOT NULL OR '{unit}' = '')
                   RETURNING 1)
                 SELECT count(*) FROM made"
            ),
        )
        .await;
        assert_eq!(made, 1, "{role} cannot be given to {account} in `{unit}`");
        self.grants_changed().await;
    }

    /// Takes all roles from a user.
    pub async fn unbind(&self, username: &str) {
        let whom = format!("(SELECT id FROM users WHERE username = '{username}')");
        run(&self.sql, &format!("DELETE FROM role_bindings WHERE subject_id = {whom}")).await;
        run(&self.sql, &format!("DELETE FROM business_unit_members WHERE user_id = {whom}")).await;
        self.grants_changed().await;
    }

    /// What every change of roles, bindings, members and units does.
    pub async fn grants_changed(&self) {
        run(&self.sql, "UPDATE organizations SET grants_epoch = grants_epoch + 1").await;
    }

    /// A new business unit with the environments of `sandbox`.
    pub async fn unit(&self, slug: &str) {
        run(
            &self.sql,
            &format!(
                "WITH unit AS (
                   INSERT INTO business_units (id, organization_id, slug, code, display_name, creator)
                   SELECT gen_random_uuid(), organization_id, '{slug}', upper('{slug}'), '{slug}', 'system'
                   FROM business_units WHERE slug = 'sandbox'
                   RETURNING id)
                 INSERT INTO environments (id, organization_id, business_unit_id, slug, display_name, tier, rank, region, state, creator)
                 SELECT gen_random_uuid(), e.organization_id, unit.id, e.slug, e.display_name, e.tier, e.rank, e.region, e.state, 'system'
                 FROM unit, environments e JOIN business_units s ON s.id = e.business_unit_id WHERE s.slug = 'sandbox'"
            ),
        )
        .await;
        self.grants_changed().await;
    }

    /// A second organization, made as a copy of the default one. Its users are called `{slug}-admin` and so on; its
    /// unit, templates and approval policies have the slug before their names, its environments do not.
    pub async fn organization(&self, slug: &str) -> Organization {
        let tables = CATALOGUE.map(|table| format!("'{table}'")).join(", ");
        run(
            &self.sql,
            &format!(
                "BEGIN;
                 -- Rows refer to each other in circles; they are whole when the transaction ends.
                 SET LOCAL session_replication_role = replica;
                 INSERT INTO organizations (id, slug, display_name, settings)
                   SELECT gen_random_uuid(), '{slug}', '{slug}', settings FROM organizations WHERE is_default;
                 DO $$
                 DECLARE
                   target uuid := (SELECT id FROM organizations WHERE slug = '{slug}');
                   source uuid := (SELECT id FROM organizations WHERE is_default);
                   copied text; columns text; copies text;
                 BEGIN
                   FOREACH copied IN ARRAY ARRAY[{tables}, 'policies'] LOOP
                     SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position),
                            string_agg(CASE
                              WHEN column_name = 'organization_id' THEN quote_literal(target) || '::uuid'
                              -- The same id always becomes the same other id: references stay what they are.
                              WHEN data_type = 'uuid' THEN format('md5(%I::text || %L)::uuid', column_name, '{slug}')
                              WHEN column_name IN ('username', 'email')
                                OR (column_name = 'slug' AND copied IN ('business_units', 'templates', 'approval_policies'))
                                THEN format('%L || %I', '{slug}-', column_name)
                              WHEN column_name = 'code' THEN format('upper(%L) || %I', '{slug}-', column_name)
                              ELSE quote_ident(column_name) END, ', ' ORDER BY ordinal_position)
                     INTO columns, copies FROM information_schema.columns
                     WHERE table_schema = 'public' AND table_name = copied;
                     EXECUTE format('INSERT INTO %I (%s) SELECT %s FROM %I WHERE organization_id = %L',
                       copied, columns, copies, copied, source);
                   END LOOP;
                   -- Whoever runs the installation is of the default organization only.
                   DELETE FROM role_bindings b USING roles r
                     WHERE b.role_id = r.id AND r.organization_id = target AND r.scope = 'INSTALLATION';
                   DELETE FROM roles WHERE organization_id = target AND scope = 'INSTALLATION';
                 END $$;
                 COMMIT;"
            ),
        )
        .await;
        Organization {
            admin: self.login(&format!("{slug}-admin")).await,
            dev: self.login(&format!("{slug}-dev")).await,
            approver: self.login(&format!("{slug}-approver")).await,
            unit: format!("businessUnits/{slug}-sandbox"),
            template: format!("templates/{slug}-config-bundle"),
            name: format!("organizations/{slug}"),
        }
    }
}
