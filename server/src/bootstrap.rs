//! What a start puts in place: on an empty database the default organization with its administrator and first unit; every
//! time the roles and policies that ship, and the templates. Starting twice changes nothing.
//!
//! Everything is done by `system`, in transactions with their audit event, one process at a time.

mod furnish;
mod organization;
mod template;

pub use furnish::{Furnishing, packages, role_id};
pub use organization::{ADMIN_PASSWORD_FILE, generate_password, write_private};

use std::sync::Arc;

use flagstone_core::Error as CoreError;
use flagstone_db::{Connection, Database, TxScope, installation, signing_key};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::audit::{self, Entry};
use crate::call::{Call, Origin};
use crate::error::Result;
use crate::keys;
use crate::ledger::{Ledger, ObjectRef};
use crate::tx::Tx;
use crate::vault::Vault;

/// Whoever acts here.
const SYSTEM: &str = "system";

/// Id of the first organization.
const ORGANIZATION: &str = "default";

/// What is sealed to tell one master key from another.
const CHECK: &[u8] = b"flagstone";

/// What `CHECK` is sealed as.
const CHECK_AAD: &str = "installation/master key";

/// Why a start could not put things in place: a sentence for each reason.
#[derive(Debug)]
pub enum Failure {
    /// What an operator can put right.
    Sentences(Vec<String>),
    Error(crate::Error),
}

impl<E: Into<crate::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl Failure {
    fn sentence(sentence: impl Into<String>) -> Self {
        Self::Sentences(vec![sentence.into()])
    }
}

/// Before there is an app: sees that the master key is the one everything was sealed with, makes the first signing key and
/// the default organization.
pub async fn prepare(database: &Database, vault: &Vault) -> Result<(), Failure> {
    let mut tx = database.begin(TxScope::Worker).await?;
    installation::lock(&mut tx).await?;
    let known = installation::master_key_check(&tx).await?;
    let is_new = known.is_none();
    match known {
        Some(sealed) => {
            if vault.open(CHECK_AAD, &sealed).ok().as_deref() != Some(CHECK) {
                return Err(Failure::sentence(
                    "FLAGSTONE_MASTER_KEY is not the key that this database was set up with: nothing that is stored \
                     encrypted could be read. Give that key, or another database.",
                ));
            }
        }
        None => installation::insert(&mut tx, &vault.seal(CHECK_AAD, CHECK)?).await?,
    }
    let has_key = !signing_key::public_parts(&tx).await?.is_empty();
    keys::create_first(&mut tx, vault).await?;
    let organization = match flagstone_db::organization::default(&tx).await? {
        Some(known) => known,
        None => {
            let made = flagstone_db::organization::insert_default(&mut tx, ORGANIZATION, "Default").await?;
            let name = format!("organizations/{ORGANIZATION}");
            record(
                &tx,
                made.id,
                "organization.create",
                "organization",
                &name,
                made.id,
                &json!({
                    "display_name": made.display_name, "active": made.active,
                }),
            )
            .await?;
            made
        }
    };
    if is_new {
        let id = Uuid::now_v7();
        record(&tx, organization.id, "installation.set_up", "installation", "installation", id, &json!({})).await?;
    }
    if !has_key && let Some(key) = signing_key::public_parts(&tx).await?.first() {
        let (name, id) =
            (format!("signingKeys/{}", key.id), Uuid::parse_str(&key.id).unwrap_or_else(|_| Uuid::now_v7()));
        record(&tx, organization.id, "signing_key.create", "signing_key", &name, id, &json!({"alg": key.alg})).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Tells the audit of the first organization what is made before there is an app.
async fn record(
    conn: &Connection,
    organization_id: Uuid,
    action: &str,
    object_type: &'static str,
    name: &str,
    id: Uuid,
    after: &Value,
) -> Result<()> {
    let call = Call::internal(&format!("start-{}", Uuid::new_v4().simple()), Origin::System);
    let mut ledger = Ledger::default();
    ledger.record(ObjectRef { object_type, name: name.to_owned(), id, business_unit_id: None }, None, Some(after));
    audit::insert(conn, &Entry::success(organization_id, SYSTEM, action, name, &call, &ledger)).await
}

/// With the app: people, units, roles and policies of the default organization, roles and templates of all.
pub async fn run(app: &Arc<App>) -> Result<(), Failure> {
    let packages = packages(app.config.templates_dir.as_deref()).map_err(Failure::Sentences)?;
    let conn = app.db.reads.get().await?;
    let organizations = flagstone_db::organization::all(&conn).await?;
    drop(conn);
    for row in organizations {
        organization::set_up(app, &row).await?;
        for package in &packages {
            template::publish(app, &row, package).await?;
        }
    }
    Ok(())
}

/// Opens a transaction of the start, while no other process starts.
async fn begin(app: &Arc<App>, organization_id: Uuid, action: &str, target: &str) -> Result<Tx> {
    let call = Call::internal(&format!("start-{}", Uuid::new_v4().simple()), Origin::System);
    let mut tx = app.begin_worker(organization_id, call, SYSTEM, action, target).await?;
    installation::lock(&mut tx).await?;
    Ok(tx)
}

/// An error of the rules about something that an operator wrote, as sentences.
fn sentences(error: &CoreError) -> Vec<String> {
    if error.fields.is_empty() {
        return vec![error.message.clone()];
    }
    error.fields.iter().map(|fault| format!("{}: {}", fault.field, fault.message)).collect()
}
