//! The door's transaction: the database's guard, and the ledger of what the call does. Whatever is recorded in the
//! ledger becomes, in the same transaction, one audit event and one change event per object; a dry run answers with it
//! instead.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use flagstone_api::{Answer, Mutation};
use flagstone_core::access::PermissionPattern;
use flagstone_core::{Error as CoreError, Reason};
use flagstone_db::{Connection, idempotency, identity};
use futures::try_join;
use prost::Message;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::app::App;
use crate::audit::{self, Entry};
use crate::call::{Call, Origin};
use crate::contract::Method;
use crate::cx::{Admitted, Cx, Facts};
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::ledger::{Ledger, ObjectRef, changes_topic};

/// The principal of what is nobody's of the organization.
const SYSTEM: &str = "system";

/// How an answer is kept for a call that is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    /// As it is.
    Plain,
    /// Sealed with the master key: it carries a secret.
    Sealed,
}

/// What makes a call repeatable.
#[derive(Clone, Debug)]
pub struct Replay {
    pub id: Uuid,
    pub principal: String,
    method: String,
    body_sha256: Vec<u8>,
}

impl Replay {
    /// The replay of a call; `None` where it sent no `request_id` or is a dry run, which keeps nothing.
    pub fn of<M: Mutation>(method: &Method, message: &M, principal: &str) -> Result<Option<Self>> {
        if message.request_id().is_empty() {
            return Ok(None);
        }
        let id = Uuid::parse_str(message.request_id()).map_err(|_| {
            Error::field(
                "request_id",
                "is not a UUID. Make one per call and send it again with every retry of that call.",
            )
        })?;
        if message.validate_only() {
            return Ok(None);
        }
        let mut hash = Sha256::new();
        hash.update(method.path.as_bytes());
        hash.update([0]);
        hash.update(message.encode_to_vec());
        Ok(Some(Self {
            id,
            principal: principal.to_owned(),
            method: method.path.clone(),
            body_sha256: hash.finalize().to_vec(),
        }))
    }

    /// The stored answer, if it is an answer to the same call.
    pub fn answer(&self, app: &App, organization_id: Uuid, stored: idempotency::Stored) -> Error {
        self.answer_or(app, organization_id, stored, |_| false)
    }

    /// Like [`Self::answer`], for a method whose answer changes what its caller sends: another body is that of the same
    /// call, too, where `same` recognises the answer that it had.
    pub fn answer_or(
        &self,
        app: &App,
        organization_id: Uuid,
        stored: idempotency::Stored,
        same: impl FnOnce(&[u8]) -> bool,
    ) -> Error {
        let opened = if stored.sealed {
            app.vault.open(&self.sealed_as(organization_id), &stored.response)
        } else {
            Ok(stored.response)
        };
        let answer = match opened {
            Ok(answer) => answer,
            Err(error) => return error.into(),
        };
        if stored.body_sha256 != self.body_sha256 && !(stored.method == self.method && same(&answer)) {
            return CoreError::aborted(
                Reason::RequestIdReused,
                "This request_id was used for another call. Make a new one for every call; repeat one only with the same body.",
            )
            .with("stored_sha256", &hex::encode(stored.body_sha256))
            .with("sent_sha256", &hex::encode(&self.body_sha256))
            .into();
        }
        Error::Replay(answer)
    }

    fn sealed_as(&self, organization_id: Uuid) -> String {
        format!("{organization_id}/replay/{}/{}", self.principal, self.id)
    }
}

/// An open transaction with its ledger. Derefs to the connection. Dropped before `commit`, nothing happened.
pub struct Tx {
    db: flagstone_db::Tx,
    pub app: Arc<App>,
    pub organization_id: Uuid,
    /// Names of units for the ids in rows.
    pub directory: Arc<Directory>,
    /// Name of whoever acts.
    pub principal: String,
    pub call: Call,
    /// What is recorded.
    pub ledger: Ledger,
    /// What an operator of the installation does in another organization, which has an audit of its own.
    elsewhere: Option<(Uuid, Ledger)>,
    /// Organizations whose epoch it raised.
    raised: Vec<Uuid>,
    action: String,
    target: String,
    door: Door,
}

enum Door {
    /// A person's call. `checked` rises when the object was judged.
    Call { cx: Box<Cx>, admitted: Box<Admitted>, replay: Option<Replay>, validate_only: bool, checked: bool },
    /// A call of the authentication service: who calls is found out by the handler.
    Open { replay: Option<Replay> },
    /// A runner, or the server's own loops.
    Worker,
}

impl Tx {
    /// A person's call, let in by the door.
    pub(crate) fn of_call(
        cx: Cx,
        db: flagstone_db::Tx,
        admitted: Admitted,
        target: String,
        replay: Option<Replay>,
        validate_only: bool,
    ) -> Self {
        let mut ledger = Ledger::default();
        if let Some(token) = admitted.user.token_name() {
            ledger.detail("came_in_by", token);
        }
        Self {
            db,
            app: cx.app.clone(),
            organization_id: admitted.organization_id(),
            directory: admitted.user.directory.clone(),
            principal: admitted.user.name.to_string(),
            call: cx.call.clone(),
            ledger,
            elsewhere: None,
            raised: Vec::new(),
            action: cx.method.audit_action.clone(),
            target,
            door: Door::Call { cx: Box::new(cx), admitted: Box::new(admitted), replay, validate_only, checked: false },
        }
    }

    /// A call without a session whose handler has found out who it is for.
    pub(crate) fn of_open_call(
        cx: &Cx,
        db: flagstone_db::Tx,
        directory: Arc<Directory>,
        principal: String,
        replay: Option<Replay>,
    ) -> Self {
        Self {
            db,
            app: cx.app.clone(),
            organization_id: directory.organization_id,
            directory,
            target: principal.clone(),
            principal,
            call: cx.call.clone(),
            ledger: Ledger::default(),
            elsewhere: None,
            raised: Vec::new(),
            action: cx.method.audit_action.clone(),
            door: Door::Open { replay },
        }
    }

    /// The server's own doing, or a runner's: all that matters is what it is called and on what it acts.
    pub(crate) fn of_worker(
        app: Arc<App>,
        db: flagstone_db::Tx,
        directory: Arc<Directory>,
        call: Call,
        principal: String,
        action: &str,
        target: String,
    ) -> Self {
        Self {
            db,
            app,
            organization_id: directory.organization_id,
            directory,
            principal,
            call,
            ledger: Ledger::default(),
            elsewhere: None,
            raised: Vec::new(),
            action: action.to_owned(),
            target,
            door: Door::Worker,
        }
    }

    /// Where the door let the person in. An internal error in a worker's transaction: there is no person.
    pub fn admitted(&self) -> Result<&Admitted> {
        self.person().map(|(_, admitted)| admitted)
    }

    /// The person's call, and where the door let the person in. An internal error where there is no person.
    pub(crate) fn person(&self) -> Result<(&Cx, &Admitted)> {
        match &self.door {
            Door::Call { cx, admitted, .. } => Ok((cx, admitted)),
            Door::Open { .. } | Door::Worker => Err(Error::internal("this transaction has no person")),
        }
    }

    /// Judges what only the object can tell. Every write of a person does this once it knows the object.
    pub async fn check(&mut self, facts: &Facts<'_>) -> Result<()> {
        match &mut self.door {
            Door::Call { cx, admitted, checked, .. } => {
                cx.check_object(admitted, facts).await?;
                *checked = true;
                self.ledger.in_team(facts.team_id);
                Ok(())
            }
            Door::Open { .. } | Door::Worker => Ok(()),
        }
    }

    /// Judges a permission that the content of the call asks for.
    pub async fn require(&self, pattern: &PermissionPattern, facts: &Facts<'_>) -> Result<()> {
        match &self.door {
            Door::Call { cx, admitted, .. } => cx.require(admitted, pattern, facts).await,
            Door::Open { .. } | Door::Worker => Ok(()),
        }
    }

    /// Name of the object that the call is about.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Names the object that the audit event is about, where the call's own name is not it.
    pub fn about(&mut self, name: impl Into<String>) {
        self.target = name.into();
    }

    /// Names what the audit event is called, where the method does not.
    pub fn action(&mut self, action: &str) {
        action.clone_into(&mut self.action);
    }

    /// Records one object's change, with the object as people see it before and after.
    pub fn record(&mut self, object: ObjectRef, before: Option<&Value>, after: Option<&Value>) {
        self.ledger.record(object, before, after);
    }

    /// True for a dry run: nothing of it stays.
    pub fn is_dry(&self) -> bool {
        matches!(self.door, Door::Call { validate_only: true, .. })
    }

    /// Raises the epoch of an organization: its units or what anybody may do there change. This process forgets what it
    /// knew of them once the change is permanent.
    pub async fn raise_epoch(&mut self, organization_id: Uuid) -> Result<()> {
        identity::raise_epoch(&mut self.db, organization_id).await?;
        self.raised.push(organization_id);
        Ok(())
    }

    /// Records what an operator did in another organization. Its people read of it in their own audit, as done by
    /// `system`: who the operator is, and of which organization, is told in the operator's audit alone. Both events carry
    /// the same correlation id.
    pub fn record_elsewhere(&mut self, organization_id: Uuid, mut ledger: Ledger) {
        ledger.detail("by", "an operator of the installation");
        self.elsewhere = Some((organization_id, ledger));
    }

    /// Makes everything permanent and answers; a dry run undoes everything and answers with what would have happened.
    pub async fn commit<R: Answer>(self, response: R) -> Result<R> {
        self.settle(response, Keep::Plain).await
    }

    /// Like [`Self::commit`], for an answer that carries a secret: it is kept sealed.
    pub async fn commit_sealed<R: Answer>(self, response: R) -> Result<R> {
        self.settle(response, Keep::Sealed).await
    }

    async fn settle<R: Answer>(self, mut response: R, keep: Keep) -> Result<R> {
        match &self.door {
            Door::Call { checked: false, .. } => {
                Err(Error::internal(format!("{} was about to commit without judging its object", self.action)))
            }
            Door::Call { validate_only: true, .. } => {
                response.set_effects(self.ledger.effects());
                self.db.rollback().await?;
                Ok(response)
            }
            _ => self.store(response, keep).await,
        }
    }

    /// Makes everything permanent and answers with something that carries a secret: it is kept sealed.
    pub async fn commit_secret<R: Message>(mut self, response: R) -> Result<R> {
        if let Door::Call { checked, .. } = &mut self.door {
            *checked = true; // These calls act on the caller's own session.
        }
        self.store(response, Keep::Sealed).await
    }

    /// Makes a worker's doing permanent.
    pub async fn commit_worker(self) -> Result<()> {
        self.store((), Keep::Plain).await
    }

    async fn store<R: Message>(self, response: R, keep: Keep) -> Result<R> {
        let Self { db, app, organization_id, principal, call, ledger, elsewhere, raised, action, target, door, .. } =
            self;
        let replay = match &door {
            Door::Call { replay, .. } | Door::Open { replay } => replay.as_ref(),
            Door::Worker => None,
        };
        let entry = Entry::success(organization_id, &principal, &action, &target, &call, &ledger);
        let events = ledger.events(&principal, &call.correlation_id);
        let there = elsewhere.as_ref().map(|(organization_id, ledger)| {
            let by_system = Call::internal(&call.correlation_id, Origin::System);
            let entry = Entry::success(*organization_id, SYSTEM, &action, &target, &by_system, ledger);
            (*organization_id, entry, ledger.events(SYSTEM, &call.correlation_id))
        });
        {
            // Pipelined: one round trip. These statements also make a failed transaction fail before its COMMIT.
            let conn: &Connection = &db;
            let stored = async {
                let Some(replay) = replay else { return Ok(()) };
                let bytes = response.encode_to_vec();
                let (response, sealed) = match keep {
                    Keep::Plain => (bytes, false),
                    Keep::Sealed => (app.vault.seal(&replay.sealed_as(organization_id), &bytes)?, true),
                };
                idempotency::store(
                    conn,
                    idempotency::NewKey {
                        organization_id,
                        principal: &replay.principal,
                        request_id: replay.id,
                        method: &replay.method,
                        body_sha256: &replay.body_sha256,
                        response: &response,
                        sealed,
                    },
                )
                .await
                .map_err(Error::from)
            };
            let recorded = async {
                let entry = entry.in_team(team(conn, organization_id, &ledger).await?);
                audit::insert(conn, &entry).await
            };
            try_join!(stored, recorded, async {
                flagstone_db::change_event::insert(conn, organization_id, &events).await.map_err(Error::from)
            })?;
            if let Some((organization_id, entry, events)) = &there {
                audit::insert(conn, entry).await?;
                flagstone_db::change_event::insert(conn, *organization_id, events).await?;
            }
        }
        db.commit().await?;
        for organization_id in raised {
            app.identities.forget_organization(organization_id);
        }
        if !events.is_empty() {
            app.bells.ring(&changes_topic(organization_id));
        }
        for topic in ledger.topics() {
            app.bells.ring(&topic);
        }
        if let Some((organization_id, ..)) = there {
            app.bells.ring(&changes_topic(organization_id));
        }
        Ok(response)
    }
}

/// The team that a change concerns: as its handler said, or that of its deployment.
async fn team(conn: &Connection, organization_id: Uuid, ledger: &Ledger) -> Result<Option<Uuid>> {
    let (deployment, request) = (ledger.first("deployment"), ledger.first("request"));
    let known = ledger.team_id().or_else(|| ledger.first("team"));
    if known.is_some() || deployment.is_none() && request.is_none() {
        return Ok(known);
    }
    Ok(flagstone_db::audit::team_of(conn, organization_id, deployment, request).await?)
}

impl Deref for Tx {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.db
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.db
    }
}
