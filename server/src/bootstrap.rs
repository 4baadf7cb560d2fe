//! What a start puts in place: on an empty database the default organization with its administrator and first unit; every
//! time the roles and policies that ship, and the templates. Starting twice changes nothing.
//!
//! Everything is done by `system`, in transactions with their audit event, one process at a time.

mod organization;
mod template;

pub use organization::{ADMIN_PASSWORD_FILE, generate_password, write_private};

use std::sync::Arc;

use flagstone_core::Error as CoreError;
use flagstone_db::{Database, TxScope, installation};
use uuid::Uuid;

use crate::app::App;
use crate::call::{Call, Origin};
use crate::error::Result;
use crate::keys;
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
    match installation::master_key_check(&tx).await? {
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
    keys::create_first(&mut tx, vault).await?;
    if flagstone_db::organization::default(&tx).await?.is_none() {
        flagstone_db::organization::insert_default(&mut tx, ORGANIZATION, "Default").await?;
    }
    tx.commit().await?;
    Ok(())
}

/// With the app: people, units, roles and policies of the default organization, roles and templates of all.
pub async fn run(app: &Arc<App>) -> Result<(), Failure> {
    let packages = crate::templates::read(app.config.templates_dir.as_deref()).map_err(Failure::Sentences)?;
    let conn = app.db.reads.get().await?;
    let organizations = flagstone_db::organization::all(&conn).await?;
    drop(conn);
    for row in organizations {
        organization::set_up(app, &row).await?;
        for package in &packages {
            template::publish(app, row.id, package).await?;
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
