//! Sets up an organization: roles and policies that ship, and, where there is nobody yet, the first people and unit.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use flagstone_core::access::{Permission, role_templates};
use flagstone_core::approval_policy::default_approval_policies;
use flagstone_core::environment::EnvironmentState;
use flagstone_core::names::{BusinessUnitName, EnvironmentName, UserName};
use flagstone_core::password;
use flagstone_core::policy::default_policies;
use flagstone_core::tier::Tier;
use flagstone_db::approval_policy::{self, NewApprovalPolicy};
use flagstone_db::identity;
use flagstone_db::organization::OrganizationRow;
use flagstone_db::policy::{self, NewPolicy};
use flagstone_db::role::{self, BuiltinRole, RoleRow};
use flagstone_db::seed::{self, NewEnvironment, NewUnit};
use flagstone_db::user::{self, NewUser};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Failure, SYSTEM, begin, sentences};
use crate::app::App;
use crate::config::{Account, Mode, Secret};
use crate::error::{Error, Result};
use crate::ledger::ObjectRef;
use crate::tx::Tx;

/// Id and code of the first business unit.
const SANDBOX: (&str, &str) = ("sandbox", "SANDBOX");

/// Where a generated password of the administrator is left, in the data directory.
pub const ADMIN_PASSWORD_FILE: &str = "admin-password";

/// Somebody to make, with the password hashed before the transaction.
struct Person<'a> {
    account: &'a Account,
    full_name: &'a str,
    password_hash: String,
    must_change_password: bool,
}

/// Brings the organization up to date, in one transaction. One that finds nothing to do leaves no trace.
pub(super) async fn set_up(app: &Arc<App>, organization: &OrganizationRow) -> Result<(), Failure> {
    let organization_id = organization.id;
    let (empty, unit_is_missing) = {
        let conn = app.db.reads.get().await?;
        (seed::is_empty(&conn, organization_id).await?, seed::unit(&conn, organization_id, SANDBOX.0).await?.is_none())
    };
    let people = if empty { Some(people(app).await?) } else { None };
    let name = format!("organizations/{}", organization.slug);
    let mut tx = begin(app, organization_id, "organization.set_up", &name).await?;
    let roles = put_roles(&mut tx).await?;
    put_policies(&mut tx).await?;
    // Asked again under the lock: another process may have been faster.
    if let Some(people) = people
        && seed::is_empty(&tx, organization_id).await?
    {
        let admin = add_person(&mut tx, &people[0]).await?;
        let platform_admin = role_id(&roles, "platform-admin")?;
        role::bind_user(&mut tx, organization_id, platform_admin, admin, SYSTEM).await?;
        if unit_is_missing {
            let unit = add_unit(&mut tx, admin).await?;
            let developer = if app.config.trial { "senior-engineer" } else { "developer" };
            for (person, role) in people[1..].iter().zip([developer, "it-engineer"]) {
                let user = add_person(&mut tx, person).await?;
                role::add_member(&mut tx, organization_id, unit, user, role_id(&roles, role)?, SYSTEM).await?;
            }
        }
        tracing::info!(organization = name, "Set up an empty organization.");
    }
    if tx.ledger.is_empty() {
        return Ok(());
    }
    identity::raise_epoch(&mut tx, organization_id).await?;
    tx.commit_worker().await?;
    Ok(())
}

/// The administrator, then those of `dev`.
async fn people(app: &App) -> Result<Vec<Person<'_>>, Failure> {
    let config = &app.config;
    let production = config.mode == Mode::Production;
    let mut accounts = vec![(&config.admin, "Administrator")];
    if let Some(dev) = &config.dev_accounts {
        accounts.extend([(&dev.developer, "Developer"), (&dev.approver, "Approver")]);
    }
    let turn = app.passwords.turn().await?;
    let mut people = Vec::new();
    for (account, full_name) in accounts {
        let password = match &account.password {
            Some(password) => {
                let Account { username, email, .. } = account;
                let faults = password::check(password.expose(), username, email, false, "FLAGSTONE_ADMIN_PASSWORD");
                if !faults.is_empty() {
                    return Err(Failure::Sentences(sentences(&flagstone_core::Error::invalid(faults))));
                }
                password.clone()
            }
            None => {
                let password = generate_password()?;
                let path = config.data_dir.join(ADMIN_PASSWORD_FILE);
                write_private(&path, password.expose())
                    .map_err(|error| Failure::sentence(format!("{} cannot be written: {error}.", path.display())))?;
                tracing::info!(file = %path.display(), "Generated the password of the first administrator.");
                password
            }
        };
        let password_hash = app.passwords.hash(&turn, password.expose()).await?;
        people.push(Person { account, full_name, password_hash, must_change_password: production });
    }
    Ok(people)
}

/// A password that nobody has to think of: 120 random bits in groups.
pub fn generate_password() -> Result<Secret> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = [0; 24];
    getrandom::fill(&mut random).map_err(Error::internal)?;
    let letters: Vec<u8> = random.iter().map(|byte| LETTERS[usize::from(byte % 32)]).collect();
    let groups: Vec<_> = letters.chunks(6).map(String::from_utf8_lossy).collect();
    Ok(Secret::new(groups.join("-")))
}

/// Writes a file that only its owner can read, in a directory that is made if absent.
pub fn write_private(path: &Path, content: &str) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(content.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// The roles that ship, with the permissions that exist now.
async fn put_roles(tx: &mut Tx) -> Result<Vec<RoleRow>> {
    let mut rows = role::builtin(tx, tx.organization_id).await?;
    for template in role_templates() {
        let permissions: Vec<String> = template.permissions().iter().map(Permission::slug).map(str::to_owned).collect();
        let content = BuiltinRole {
            slug: template.id,
            display_name: template.display_name,
            description: template.description,
            scope: template.scope.as_str(),
            permissions: &permissions,
            restriction: template.restriction.as_str(),
            creator: SYSTEM,
        };
        let known = rows.iter().position(|row| row.slug == template.id);
        let as_json = |row: &RoleRow| {
            json!({
                "display_name": row.display_name, "description": row.description, "scope": row.scope,
                "permissions": row.permissions, "restriction": row.restriction,
            })
        };
        let up_to_date = known.is_some_and(|index| {
            let row = &rows[index];
            (row.display_name.as_str(), row.description.as_str(), row.scope.as_str(), row.restriction.as_str())
                == (content.display_name, content.description, content.scope, content.restriction)
                && row.permissions == permissions
        });
        if up_to_date {
            continue;
        }
        let organization_id = tx.organization_id;
        let row = role::put_builtin(tx, organization_id, &content).await?;
        let before = known.map(|index| as_json(&rows[index]));
        tx.record(object("role", format!("roles/{}", row.slug), row.id), before.as_ref(), Some(&as_json(&row)));
        match known {
            Some(index) => rows[index] = row,
            None => rows.push(row),
        }
    }
    Ok(rows)
}

fn role_id(roles: &[RoleRow], slug: &str) -> Result<Uuid> {
    let row = roles.iter().find(|row| row.slug == slug);
    row.map(|row| row.id).ok_or_else(|| Error::internal(format!("the role {slug} does not ship")))
}

/// Guardrails and approval policies, each unless there is one of its id: people may have changed them.
async fn put_policies(tx: &mut Tx) -> Result<()> {
    let organization_id = tx.organization_id;
    for policy in default_policies() {
        let row = NewPolicy {
            id: Uuid::now_v7(),
            organization_id,
            slug: &policy.id,
            description: &policy.description,
            kind: policy.kind.as_str(),
            target: policy.target.as_str(),
            scope: &json!(policy.scope),
            config: &policy.config,
            enforced: policy.enforced,
            violation_class: policy.class.as_str(),
            message: &policy.message,
            fix: &policy.fix,
            creator: SYSTEM,
        };
        if policy::insert_missing(tx, &row).await? {
            let after = json!({"kind": row.kind, "config": row.config, "enforced": row.enforced});
            tx.record(object("policy", format!("policies/{}", policy.id), row.id), None, Some(&after));
        }
    }
    for mut policy in default_approval_policies() {
        if tx.app.config.trial && policy.id == "staging" {
            policy.auto_approve = None;
        }
        let auto_approve = policy.auto_approve.as_ref().map(|auto| json!(auto));
        let row = NewApprovalPolicy {
            id: Uuid::now_v7(),
            organization_id,
            slug: &policy.id,
            display_name: &policy.display_name,
            description: &policy.description,
            priority: policy.priority,
            match_rule: &json!(policy.matches),
            stages: &json!(policy.stages),
            allow_self: policy.allow_self,
            distinct_across_stages: policy.distinct_across_stages,
            ttl_seconds: policy.ttl_seconds,
            auto_approve: auto_approve.as_ref(),
            active: policy.active,
            creator: SYSTEM,
        };
        if approval_policy::insert_missing(tx, &row).await? {
            let after = json!({"priority": row.priority, "stages": row.stages, "auto_approve": row.auto_approve});
            let name = format!("approvalPolicies/{}", policy.id);
            tx.record(object("approval_policy", name, row.id), None, Some(&after));
        }
    }
    Ok(())
}

async fn add_person(tx: &mut Tx, person: &Person<'_>) -> Result<Uuid> {
    let Account { username, email, .. } = person.account;
    let name = UserName::stored(username)?.to_string();
    let row = NewUser {
        id: Uuid::now_v7(),
        organization_id: tx.organization_id,
        username,
        email,
        full_name: person.full_name,
        must_change_password: person.must_change_password,
        password_hash: Some(&person.password_hash),
        creator: SYSTEM,
    };
    user::insert(tx, &row).await?;
    tx.record(object("user", name, row.id), None, Some(&json!({"email": email, "full_name": person.full_name})));
    Ok(row.id)
}

/// The first unit, with one environment of each tier.
async fn add_unit(tx: &mut Tx, owner: Uuid) -> Result<Uuid> {
    let (slug, code) = SANDBOX;
    let unit = NewUnit {
        id: Uuid::now_v7(),
        organization_id: tx.organization_id,
        slug,
        code,
        display_name: "Sandbox",
        description: "For trying Flagstone out.",
        owner_id: Some(owner),
        creator: SYSTEM,
    };
    seed::insert_unit(tx, &unit).await?;
    let name = BusinessUnitName::stored(slug)?.to_string();
    record_in(tx, unit.id, "business_unit", name, unit.id, &json!({"code": code}));
    for tier in Tier::ALL {
        let slug = tier.permission_segment();
        let environment = NewEnvironment {
            id: Uuid::now_v7(),
            organization_id: tx.organization_id,
            business_unit_id: unit.id,
            slug,
            display_name: tier.display_name(),
            tier: tier.as_str(),
            rank: tier.rank(),
            state: EnvironmentState::Ready.as_str(),
            creator: SYSTEM,
        };
        seed::insert_environment(tx, &environment).await?;
        let name = EnvironmentName::stored(unit.slug, slug)?.to_string();
        record_in(tx, unit.id, "environment", name, environment.id, &json!({"tier": environment.tier}));
    }
    Ok(unit.id)
}

fn record_in(tx: &mut Tx, unit: Uuid, object_type: &'static str, name: String, id: Uuid, after: &Value) {
    tx.record(ObjectRef { business_unit_id: Some(unit), ..object(object_type, name, id) }, None, Some(after));
}

fn object(object_type: &'static str, name: String, id: Uuid) -> ObjectRef {
    ObjectRef { object_type, name, id, business_unit_id: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_passwords_keep_the_rules_and_differ() {
        let [one, other] = [(); 2].map(|()| generate_password().unwrap());
        assert_ne!(one.expose(), other.expose());
        assert_eq!(password::check(one.expose(), "admin", "admin@example.org", false, "password"), []);
    }

    #[test]
    fn private_files_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/secret");
        write_private(&path, "x").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
