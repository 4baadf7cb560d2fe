//! Sets up an organization at a start: roles and policies that ship, and, where there is nobody yet, the first people and
//! unit of the default one.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use flagstone_core::names::UserName;
use flagstone_core::password;
use flagstone_db::business_unit::NewBusinessUnit;
use flagstone_db::organization::OrganizationRow;
use flagstone_db::user::{self, NewUser};
use flagstone_db::{identity, role, seed};
use serde_json::json;
use uuid::Uuid;

use super::furnish::{Furnishing, object, role_id};
use super::{Failure, SYSTEM, begin, sentences};
use crate::app::App;
use crate::business_unit;
use crate::config::{Account, Mode, Secret};
use crate::error::{Error, Result};
use crate::ledger::Ledger;
use crate::tx::Tx;

/// The role of those who run the installation.
const OPERATOR: &str = "installation-operator";

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
    // The first people of any other organization come by invitation.
    let people = if empty && organization.is_default { Some(people(app).await?) } else { None };
    let name = format!("organizations/{}", organization.slug);
    let mut tx = begin(app, organization_id, "organization.set_up", &name).await?;
    // An organization that is older than the role has nobody who holds it.
    let is_new = role::find(&tx, organization_id, OPERATOR).await?.is_none();
    let trial = app.config.trial;
    let mut ledger = Ledger::default();
    let roles = Furnishing { conn: &mut tx, organization, trial, ledger: &mut ledger }.furnish().await?;
    tx.ledger = ledger;
    // Asked again under the lock: another process may have been faster.
    if let Some(people) = people
        && seed::is_empty(&tx, organization_id).await?
    {
        let admin = add_person(&mut tx, &people[0]).await?;
        let platform_admin = role_id(&roles, "platform-admin")?;
        role::bind_user(&mut tx, organization_id, platform_admin, admin, SYSTEM).await?;
        if organization.is_default {
            // Whoever sets Flagstone up runs the installation, too (R012).
            let operator = role_id(&roles, OPERATOR)?;
            role::bind_user(&mut tx, organization_id, operator, admin, SYSTEM).await?;
        }
        if unit_is_missing {
            let unit = add_unit(&mut tx, admin).await?;
            let developer = if app.config.trial { "senior-engineer" } else { "developer" };
            for (person, role) in people[1..].iter().zip([developer, "it-engineer"]) {
                let user = add_person(&mut tx, person).await?;
                role::add_member(&mut tx, organization_id, unit, user, role_id(&roles, role)?, SYSTEM).await?;
            }
        }
        tracing::info!(organization = name, "Set up an empty organization.");
    } else if is_new && organization.is_default {
        let (admin, operator) = (role_id(&roles, "platform-admin")?, role_id(&roles, OPERATOR)?);
        for user in role::users_bound_to(&tx, organization_id, admin).await? {
            let binding = role::bind_user(&mut tx, organization_id, operator, user, SYSTEM).await?;
            let after = json!({"role": format!("roles/{OPERATOR}"), "effect": "ALLOW"});
            tx.record(object("role_binding", format!("roleBindings/{binding}"), binding), None, Some(&after));
        }
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
    let unit = NewBusinessUnit {
        id: Uuid::now_v7(),
        organization_id: tx.organization_id,
        slug,
        code,
        display_name: "Sandbox",
        description: "For trying Flagstone out.",
        owner_id: Some(owner),
        creator: SYSTEM,
    };
    Ok(business_unit::open(tx, &unit, "").await?.id)
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
