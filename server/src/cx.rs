//! The context of a call, and the only door to a connection: `read` and `begin`, which both authorize. A handler that
//! forgets the check does not exist, because it would have no connection.
//!
//! The scope is judged before anything is looked up, so that a name one may not use answers alike whether or not it
//! exists. What only the object can tell (its tier, its creator) is judged after the look-up, by `check` on what the
//! door gave; a write that was not judged does not commit.

mod denial;

use std::ops::Deref;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use flagstone_api::Mutation;
use flagstone_api::options::Risk;
use flagstone_core::access::{
    Details, Moment, Object, Permission, PermissionPattern, Scope, Visible, could_match, decide, visible,
};
use flagstone_core::names::{BusinessUnitName, BusinessUnitParent, ScopeParent};
use flagstone_core::tier::Tier;
use flagstone_core::{Error as CoreError, Kind, Reason};
use flagstone_db::{Connection, ReadConn, TxScope, approval, deployment, idempotency, invitation, job, organization};
use futures::try_join;
use uuid::Uuid;

use crate::app::App;
use crate::call::{Call, Caller, RunnerCaller, UserCaller};
use crate::contract::{Admission, Method};
use crate::directory::Unit;
use crate::error::{Error, Result};
use crate::identities::standing;
use crate::tx::{Replay, Tx};

/// What works until the first password is changed.
const BEFORE_PASSWORD_CHANGE: [&str; 3] = ["ChangePassword", "GetMe", "Logout"];

/// The context of one call.
#[derive(Clone)]
pub struct Cx {
    pub app: Arc<App>,
    pub method: Arc<Method>,
    pub caller: Caller,
    pub call: Call,
}

/// What a call is about, for authorization and audit.
#[derive(Clone, Debug)]
pub struct Target {
    /// Resource name, or a collection's.
    pub name: String,
    pub place: Place,
}

/// Where a call's object lives, or how that is found out.
#[derive(Clone, Debug)]
pub enum Place {
    /// In the organization, without a unit.
    Organization,
    /// In the unit that its name names.
    Unit(BusinessUnitName),
    /// A list over one unit or all that the caller may see.
    Units(BusinessUnitParent),
    /// A job: its name does not say.
    Job(Uuid),
    /// An approval: its name does not say.
    Approval(Uuid),
    /// An invitation: its name does not say, and it may be of no unit.
    Invitation(Uuid),
}

impl Target {
    /// Something of the organization: a template, an approval policy, a list without parent.
    pub fn organization(name: impl ToString) -> Self {
        Self { name: name.to_string(), place: Place::Organization }
    }

    /// Something in the unit that its name names.
    pub fn in_unit(name: &impl ToString, unit: BusinessUnitName) -> Self {
        Self { name: name.to_string(), place: Place::Unit(unit) }
    }

    /// Something of the organization, or of the unit that its name names.
    pub fn scoped(name: &impl ToString, unit: Option<BusinessUnitName>) -> Self {
        match unit {
            Some(unit) => Self::in_unit(name, unit),
            None => Self::organization(name.to_string()),
        }
    }

    /// A list of what is of the organization, of its units or of both. `collection` is what the audit calls it.
    pub fn scoped_list(parent: &ScopeParent, collection: &str) -> Self {
        match parent {
            ScopeParent::Organization => Self::organization(collection),
            ScopeParent::Any => Self::everywhere(),
            ScopeParent::One(unit) => Self::list(&BusinessUnitParent::One(unit.clone())),
        }
    }

    /// A list of one unit, or of all that the caller may see.
    pub fn list(parent: &BusinessUnitParent) -> Self {
        Self { name: parent.to_string(), place: Place::Units(parent.clone()) }
    }

    /// A list over all units that the caller may see, where the call has no parent.
    pub fn everywhere() -> Self {
        Self::list(&BusinessUnitParent::Any)
    }

    pub fn job(id: Uuid) -> Self {
        Self { name: format!("jobs/{id}"), place: Place::Job(id) }
    }

    pub fn invitation(id: Uuid) -> Self {
        Self { name: format!("invitations/{id}"), place: Place::Invitation(id) }
    }

    pub fn approval(id: Uuid) -> Self {
        Self { name: format!("approvals/{id}"), place: Place::Approval(id) }
    }
}

/// What only the object can tell.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Resource name, for the answer.
    pub name: &'a str,
    /// Tier of the object, where it has one.
    pub tier: Option<Tier>,
    /// Who created it: its owner or requester. `None` where nobody can say.
    pub creator_id: Option<Uuid>,
    /// The team it belongs to, itself or by what it is about; `None` where it has none.
    pub team_id: Option<Uuid>,
    /// What allows to know that the object exists: any one of these.
    pub readable_by: &'static [&'static str],
}

impl<'a> Facts<'a> {
    /// An object without tier, creator and team.
    pub const fn of(name: &'a str, readable_by: &'static [&'static str]) -> Self {
        Self { name, tier: None, creator_id: None, team_id: None, readable_by }
    }
}

/// Where the door has let a caller in.
#[derive(Clone, Debug)]
pub struct Admitted {
    pub user: Arc<UserCaller>,
    /// The unit, where the call is about one.
    pub unit: Option<Unit>,
    /// What a list may show.
    pub visible: Visible,
    pub now: DateTime<Utc>,
    /// Address of the caller.
    ip: Arc<str>,
}

impl Admitted {
    /// The caller's organization: every query names it.
    pub fn organization_id(&self) -> Uuid {
        self.user.organization_id
    }

    /// The unit that the call names. An internal error where the call names none: then the handler is wrong.
    pub fn unit(&self) -> Result<&Unit> {
        self.unit.as_ref().ok_or_else(|| Error::internal("the handler asks for a unit that its target does not have"))
    }

    /// When and from where the caller asks.
    pub fn moment(&self) -> Moment<'_> {
        Moment { now: self.now, ip: Some(&self.ip) }
    }

    /// Asks something of the object as the evaluator sees it.
    pub fn with_object<T>(&self, facts: &Facts<'_>, ask: impl FnOnce(Object<'_>) -> T) -> T {
        self.with_object_in(self.unit.as_ref(), facts, ask)
    }

    /// The same of an object in a unit that the call does not name.
    pub fn with_object_in<T>(&self, unit: Option<&Unit>, facts: &Facts<'_>, ask: impl FnOnce(Object<'_>) -> T) -> T {
        let grants = &self.user.grants;
        // Only conditions ask for more than what restricts roles: without one, nothing is written out here.
        let unit_name = unit.filter(|_| grants.look_at_details()).map(|unit| unit.name.to_string());
        let details = grants.look_at_details().then(|| Details {
            name: facts.name,
            tier: facts.tier,
            business_unit: unit_name.as_deref(),
            team: facts.team_id.and_then(|id| self.user.directory.team(id)),
        });
        ask(Object {
            scope: unit.map_or(Scope::Organization, |unit| Scope::Unit(unit.id)),
            creator_is_caller: facts.creator_id.map(|creator| creator == self.user.id),
            team_is_callers: facts.team_id.map(|team| grants.is_in_team(team)),
            details,
        })
    }

    /// The team of what is about a deployment. Not looked up where no decision about the caller depends on it.
    pub async fn team_of(&self, conn: &Connection, deployment_id: Option<Uuid>) -> Result<Option<Uuid>> {
        match deployment_id {
            Some(id) if self.user.grants.look_at_teams() => {
                Ok(deployment::team(conn, self.organization_id(), id).await?)
            }
            _ => Ok(None),
        }
    }

    /// Whether any of these permissions holds for the object.
    pub fn allows(&self, patterns: &[PermissionPattern], facts: &Facts<'_>) -> bool {
        self.with_object(facts, |object| patterns.iter().any(|pattern| self.holds(pattern, facts.tier, object)))
    }

    /// Whether a permission holds for an object. Where the object has no tier, a tier-qualified permission can only be
    /// meant whole.
    pub fn holds(&self, pattern: &PermissionPattern, tier: Option<Tier>, object: Object<'_>) -> bool {
        let holds = |permission: Permission| decide(&self.user.grants, self.moment(), permission, object).is_allow();
        match (pattern, tier) {
            (PermissionPattern::Exact(permission), _) => holds(*permission),
            (tiered, Some(tier)) => holds(tiered.with_tier(tier)),
            (tiered, None) => tiered.permissions().iter().all(|permission| holds(*permission)),
        }
    }

    /// Whether the caller may know that the object exists.
    pub fn may_read(&self, facts: &Facts<'_>) -> bool {
        facts.readable_by.iter().any(|slug| {
            PermissionPattern::parse(slug).is_ok_and(|pattern| self.allows(std::slice::from_ref(&pattern), facts))
        })
    }
}

/// A shared connection for reading, and where the door let the caller in. Queries take it as `&*read`.
pub struct Read {
    conn: ReadConn,
    admitted: Admitted,
    cx: Cx,
}

impl Read {
    /// The shared connection.
    pub fn conn(&self) -> &Connection {
        &self.conn
    }

    /// Judges what only the object can tell. A caller who may not know of the object gets the answer of an absent one.
    pub async fn check(&self, facts: &Facts<'_>) -> Result<()> {
        self.cx.check_object(&self.admitted, facts).await
    }
}

impl Deref for Read {
    type Target = Admitted;

    fn deref(&self) -> &Admitted {
        &self.admitted
    }
}

impl Cx {
    /// The person or service account that calls. Methods for runners or for anybody have doors of their own.
    pub fn user(&self) -> Result<&Arc<UserCaller>> {
        match &self.caller {
            Caller::User(user) => Ok(user),
            Caller::Anonymous | Caller::Runner(_) => Err(CoreError::new(
                Kind::Unauthenticated,
                Reason::BadCredentials,
                "This call needs a signed-in user. Log in and send the access token.",
            )
            .into()),
        }
    }

    /// The session of the signed-in person: for what no program may do with a token that somebody gave it.
    pub fn session(&self) -> Result<Uuid> {
        let user = self.user()?;
        user.person()?;
        user.session_id().ok_or_else(|| {
            CoreError::new(
                Kind::Denied,
                Reason::SessionRequired,
                "Only a signed-in person may do this, not an API token. Log in.",
            )
            .into()
        })
    }

    /// The runner that calls.
    pub fn runner(&self) -> Result<&Arc<RunnerCaller>> {
        match &self.caller {
            Caller::Runner(runner) => Ok(runner),
            Caller::Anonymous | Caller::User(_) => Err(CoreError::new(
                Kind::Unauthenticated,
                Reason::BadCredentials,
                "This call is for runners. Send a runner's token.",
            )
            .into()),
        }
    }

    /// The door for reading.
    pub async fn read(&self, target: impl Into<Target>) -> Result<Read> {
        let admitted = self.admit(self.user()?.clone(), &target.into()).await?;
        Ok(Read { conn: self.app.db.reads.get().await?, admitted, cx: self.clone() })
    }

    /// The door for writing. Opens the transaction, makes sure that session and grants still stand in it, and answers
    /// a call that was answered before from its stored response.
    pub async fn begin<M: Mutation>(&self, message: &M, target: impl Into<Target>) -> Result<Tx> {
        let scope = TxScope::Organization(self.user()?.organization_id);
        self.begin_in(message, target.into(), scope).await
    }

    /// The door for an operator of the installation, who acts on organizations other than the own. Row security does not
    /// hold here: every statement names the organization that it is about. The operator's own is the default one;
    /// nobody of another comes in, whatever a role there may hold.
    pub async fn begin_installation<M: Mutation>(&self, message: &M, target: impl Into<Target>) -> Result<Tx> {
        let tx = self.begin_in(message, target.into(), TxScope::Worker).await?;
        match organization::default(&tx).await? {
            Some(default) if default.id == tx.organization_id => Ok(tx),
            _ => {
                let admitted = tx.admitted()?;
                let target = Target::organization(tx.target());
                self.deny_scope(&admitted.user, &target, Scope::Organization, admitted.moment()).await
            }
        }
    }

    async fn begin_in<M: Mutation>(&self, message: &M, target: Target, scope: TxScope) -> Result<Tx> {
        let cached = self.user()?.clone();
        let replay = Replay::of(&self.method, message, &cached.name.to_string())?;
        let mut admitted = self.admit(cached.clone(), &target).await?;
        if cached.is_agent()
            && self.method.risk == Risk::High
            && !self.method.creates_request
            && !message.validate_only()
        {
            return self.leave_to_people(&admitted, &target).await;
        }
        let mut db = self.app.db.begin(scope).await?;
        // One round trip: what the caller's rights rest on, and whether this call was made before.
        let (standing, stored) = {
            let conn = &*db;
            try_join!(standing(conn, &cached), async {
                match &replay {
                    Some(replay) => {
                        Ok(idempotency::claim(conn, cached.organization_id, &replay.principal, replay.id).await?)
                    }
                    None => Ok(None),
                }
            })?
        };
        match standing {
            Some(standing) if !standing.live => return Err(self.app.identities.inactive(&cached).into()),
            None => return Err(self.app.identities.inactive(&cached).into()),
            Some(standing) if standing.epoch != cached.directory.epoch => {
                // Rights changed since they were compiled: judge again by those of now.
                let fresh = self.app.identities.reload(&mut db, &cached).await?;
                admitted = self.admit(fresh, &target).await?;
            }
            Some(_) => {}
        }
        if let (Some(replay), Some(stored)) = (&replay, stored) {
            return Err(replay.answer(&self.app, cached.organization_id, stored));
        }
        if admitted.unit.as_ref().is_some_and(|unit| unit.deleted) {
            // What happened in it can be read. Nothing more happens in it.
            return Err(CoreError::not_found(&target.name).into());
        }
        let validate_only = message.validate_only();
        Ok(Tx::of_call(self.clone(), db, admitted, target.name, replay, validate_only))
    }

    /// Judges the scope of a call. A denial is audited here.
    async fn admit(&self, user: Arc<UserCaller>, target: &Target) -> Result<Admitted> {
        if user.password_change_required && !BEFORE_PASSWORD_CHANGE.contains(&self.method.name.as_str()) {
            return Err(CoreError::precondition(
                Reason::PasswordChangeRequired,
                "The first password must be changed before anything else. Call ChangePassword.",
            )
            .into());
        }
        if user.account_kind.is_some() && self.method.is_for_people() {
            // Not a denial: nobody could grant it.
            user.person()?;
        }
        let now = Utc::now();
        let at = Moment { now, ip: Some(&self.call.ip) };
        let patterns = match &self.method.admission {
            Admission::Permissions(patterns) => patterns.as_slice(),
            Admission::Authenticated => &[],
            Admission::Public | Admission::Runner => {
                return Err(Error::internal("a method without a caller used the door of users"));
            }
        };
        let open = patterns.is_empty();
        let could = |scope: Scope| open || patterns.iter().any(|pattern| could_match(&user.grants, at, pattern, scope));
        let visible = if open { Visible::EVERYTHING } else { visible(&user.grants, at, patterns) };
        let unit = match &target.place {
            Place::Organization if could(Scope::Organization) => None,
            Place::Organization => return self.deny_scope(&user, target, Scope::Organization, at).await,
            Place::Unit(name) | Place::Units(BusinessUnitParent::One(name)) => {
                let unit = user.directory.past_unit(name).cloned();
                // A unit that does not exist is judged like one in which nothing is bound.
                let scope = Scope::Unit(unit.as_ref().map_or(Uuid::nil(), |unit| unit.id));
                match unit {
                    _ if !could(scope) => return self.deny_scope(&user, target, scope, at).await,
                    None => return Err(CoreError::not_found(&target.name).into()),
                    Some(unit) => Some(unit),
                }
            }
            Place::Units(BusinessUnitParent::Any) if open || !visible.is_nothing() => None,
            Place::Units(BusinessUnitParent::Any) => {
                // What would do in any unit is what would do in one.
                return self.deny_scope(&user, target, Scope::Unit(Uuid::nil()), at).await;
            }
            Place::Invitation(id) => {
                let conn = self.app.db.reads.get().await?;
                match invitation::business_unit(&conn, user.organization_id, *id).await? {
                    Some(None) if could(Scope::Organization) => None,
                    Some(Some(unit)) if could(Scope::Unit(unit)) => user.directory.unit_by_id(unit).cloned(),
                    // Invisible and absent answer alike.
                    _ => return Err(CoreError::not_found(&target.name).into()),
                }
            }
            Place::Job(_) | Place::Approval(_) => {
                let found = self.resolve(&user, &target.place).await?;
                match found.and_then(|id| user.directory.unit_by_id(id).cloned()) {
                    Some(unit) if could(Scope::Unit(unit.id)) => Some(unit),
                    // Invisible and absent answer alike.
                    _ => return Err(CoreError::not_found(&target.name).into()),
                }
            }
        };
        Ok(Admitted { user, unit, visible, now, ip: self.call.ip.clone() })
    }

    /// The unit of an object whose name does not say it.
    async fn resolve(&self, user: &UserCaller, place: &Place) -> Result<Option<Uuid>> {
        let conn = self.app.db.reads.get().await?;
        Ok(match place {
            Place::Job(id) => job::business_unit(&conn, user.organization_id, *id).await?,
            Place::Approval(id) => approval::business_unit(&conn, user.organization_id, *id).await?,
            Place::Organization | Place::Unit(_) | Place::Units(_) | Place::Invitation(_) => None,
        })
    }

    /// Judges what only the object can tell, by the method's own permissions.
    pub(crate) async fn check_object(&self, admitted: &Admitted, facts: &Facts<'_>) -> Result<()> {
        let patterns = self.method.permissions();
        if patterns.is_empty() || admitted.allows(patterns, facts) {
            return Ok(());
        }
        self.refuse(admitted, facts, patterns).await
    }

    /// Judges a permission that depends on the content of the call.
    pub(crate) async fn require(
        &self,
        admitted: &Admitted,
        pattern: &PermissionPattern,
        facts: &Facts<'_>,
    ) -> Result<()> {
        if admitted.allows(std::slice::from_ref(pattern), facts) {
            return Ok(());
        }
        self.refuse(admitted, facts, std::slice::from_ref(pattern)).await
    }
}
