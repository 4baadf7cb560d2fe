//! What operators of the installation do with organizations. They see what one is called and whether it is active; nothing
//! here gives a right inside. Each change is in two audits: the operator's own, and that of the organization.

use flagstone_api::pb;
use flagstone_core::etag::Etag;
use flagstone_core::filter::{Field, FieldKind};
use flagstone_core::names::{OrganizationName, Slug, parse};
use flagstone_core::organization::OrganizationText;
use flagstone_core::{Error as CoreError, Reason, Violations, email};
use flagstone_db::list::{self, Branch};
use flagstone_db::organization::{self, FirstInvitation, NewOrganization, OrganizationChange, OrganizationRow};
use serde_json::{Value, json};
use uuid::Uuid;

use super::organization::{to_json, to_proto};
use crate::bootstrap::{Furnishing, packages, role_id};
use crate::convert::timestamp;
use crate::cx::{Cx, Facts, Target};
use crate::error::{Error, Result};
use crate::ledger::{Ledger, ObjectRef};
use crate::list::{BY_CREATION, List, arguments};
use crate::organization::own_ref;
use crate::token::{self, TokenKind};
use crate::tx::Tx;

/// What allows to know of all organizations.
const READABLE: &[&str] = &["platform:organizations:list"];

/// Whoever acts in an organization in which the operator is nobody.
const SYSTEM: &str = "system";

/// The role of the first administrator.
const ADMIN_ROLE: &str = "platform-admin";

const LIST: List = List {
    fields: &[
        Field { name: "display_name", kind: FieldKind::TextSearch },
        Field { name: "active", kind: FieldKind::Bool },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[],
    orders: BY_CREATION,
};

fn facts(name: &str) -> Facts<'_> {
    Facts { name, tier: None, team_id: None, creator_id: None, readable_by: READABLE }
}

pub(super) async fn list_organizations(
    cx: Cx,
    message: pb::ListOrganizationsRequest,
) -> Result<pb::ListOrganizationsResponse> {
    let call = LIST.call(&cx, arguments!(message))?;
    let read = cx.read(Target::organization("organizations")).await?;
    read.check(&facts("organizations")).await?;
    let names = call.names(&read).await?;
    let page = list::organization::list(read.conn(), &call.query(&read, &names, None, &[Branch::ALL])).await?;
    Ok(pb::ListOrganizationsResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        organizations: page.rows.into_iter().map(to_proto).collect::<Result<_>>()?,
    })
}

pub(super) async fn create_organization(
    cx: Cx,
    message: pb::CreateOrganizationRequest,
) -> Result<pb::CreateOrganizationResponse> {
    let sent = message.organization.clone().unwrap_or_default();
    let mut wrong = Violations::new();
    let id = wrong.take(Slug::parse(&message.organization_id, "organization_id"));
    let text =
        OrganizationText { display_name: sent.display_name, description: sent.description, logo_url: sent.logo_url };
    text.check("organization", &mut wrong);
    let address = email::normalised(&message.admin_email);
    wrong.check(address.is_some(), "admin_email", "Give the e-mail address of the first administrator.");
    let target =
        id.as_ref().map_or_else(|| "organizations".to_owned(), |id| OrganizationName::new(id.clone()).to_string());
    // Read and packed before the transaction, for those only who may ask for it.
    drop(cx.read(Target::organization(&target)).await?);
    let directory = cx.app.config.templates_dir.clone();
    let packages = tokio::task::spawn_blocking(move || packages(directory.as_deref())).await;
    let packages = packages.map_err(Error::internal)?.map_err(|faults| Error::internal(faults.join(" ")))?;
    let mut tx = cx.begin_installation(&message, Target::organization(&target)).await?;
    tx.check(&facts(&target)).await?;
    wrong.finish()?;
    let (Some(id), Some(address)) = (id, address) else { return Err(Error::internal("an organization without id")) };

    let row_id = Uuid::now_v7();
    if organization::is_called(&tx, &text.display_name, row_id).await? {
        return Err(CoreError::already_exists(&format!("An organization of the name {:?}", text.display_name)).into());
    }
    let new = NewOrganization {
        id: row_id,
        slug: id.as_str(),
        display_name: &text.display_name,
        description: &text.description,
        logo_url: &text.logo_url,
        creator: SYSTEM,
    };
    let row = organization::insert(&mut tx, &new).await.map_err(|error| error.about(&target))?;
    let mut there = Ledger::default();
    there.record(own_ref(&row)?, None, Some(&to_json(&row)));
    let trial = cx.app.config.trial;
    let mut furnishing = Furnishing { conn: &mut tx, organization: &row, trial, ledger: &mut there };
    let roles = furnishing.furnish().await?;
    furnishing.publish(&packages).await?;

    let (token, sha256) = token::mint(TokenKind::Invitation)?;
    let invitation = FirstInvitation {
        id: Uuid::now_v7(),
        organization_id: row.id,
        email: &address,
        role_id: role_id(&roles, ADMIN_ROLE)?,
        token_sha256: &sha256,
        creator: SYSTEM,
    };
    let expire_time = organization::invite_first(&mut tx, &invitation).await?;
    let name = format!("invitations/{}", invitation.id);
    let object = ObjectRef { object_type: "invitation", name: name.clone(), id: invitation.id, business_unit_id: None };
    let after = json!({"email": address, "role": format!("roles/{ADMIN_ROLE}"), "state": "PENDING"});
    there.record(object, None, Some(&after));
    tx.record(managed_ref(&row)?, None, Some(&told(&row, &json!({"admin_email": address}))));
    tx.record_elsewhere(row.id, there);
    let link = match message.validate_only {
        true => String::new(),
        false => format!("{}/invitations/{token}", cx.app.config.public_url.trim_end_matches('/')),
    };
    let answer = pb::CreateOrganizationResponse {
        organization: Some(to_proto(row)?),
        invitation: name,
        invitation_link: link,
        invitation_expire_time: Some(timestamp(expire_time)),
        effects: None,
    };
    tx.commit_sealed(answer).await
}

pub(super) async fn deactivate_organization(
    cx: Cx,
    message: pb::DeactivateOrganizationRequest,
) -> Result<pb::Organization> {
    let name: OrganizationName = parse(&message.name, "name")?;
    let mut tx = cx.begin_installation(&message, Target::organization(&name)).await?;
    let before = locked(&mut tx, &name, &message.etag).await?;
    if before.active == message.reactivate {
        return tx.commit(to_proto(before)?).await;
    }
    if message.reactivate {
        tx.action("organization.deactivate");
    }
    let change = OrganizationChange { active: Some(message.reactivate), ..OrganizationChange::default() };
    let after = organization::update(&mut tx, before.id, &change).await?;
    // Whoever is in memory anywhere is judged anew.
    tx.raise_epoch(after.id).await?;
    record(&mut tx, &before, &after)?;
    tx.commit(to_proto(after)?).await
}

pub(super) async fn delete_organization(
    cx: Cx,
    message: pb::DeleteOrganizationRequest,
) -> Result<pb::DeleteOrganizationResponse> {
    let name: OrganizationName = parse(&message.name, "name")?;
    let mut tx = cx.begin_installation(&message, Target::organization(&name)).await?;
    let row = locked(&mut tx, &name, &message.etag).await?;
    let users = organization::users(&tx, row.id).await?;
    if users > 0 {
        let message = format!(
            "{name} has {users} users. Only an organization without users can be deleted; this one can be deactivated."
        );
        return Err(CoreError::precondition(Reason::InUse, message).with("users", &users).into());
    }
    let invitations = organization::delete(&mut tx, row.id).await?;
    tx.raise_epoch(row.id).await?;
    let mut there = Ledger::default();
    there.record(own_ref(&row)?, Some(&to_json(&row)), None);
    there.detail("revoked_invitations", invitations);
    tx.record(managed_ref(&row)?, Some(&to_json(&row)), None);
    tx.record_elsewhere(row.id, there);
    tx.commit(pb::DeleteOrganizationResponse::default()).await
}

/// The organization of a name, to be changed as a whole: any but the default one, in which the operators themselves are.
async fn locked(tx: &mut Tx, name: &OrganizationName, etag: &str) -> Result<OrganizationRow> {
    let found = organization::lock(tx, name.id().as_str()).await?;
    let row = found.ok_or_else(|| CoreError::not_found(name))?;
    tx.check(&facts(&name.to_string())).await?;
    Etag::check(etag, row.revision)?;
    if row.is_default {
        let message = format!(
            "{name} is the organization of the installation's operators. It can be neither deactivated nor deleted."
        );
        return Err(CoreError::precondition(Reason::InUse, message).into());
    }
    Ok(row)
}

/// Notes a change in both audits.
fn record(tx: &mut Tx, before: &OrganizationRow, after: &OrganizationRow) -> Result<()> {
    let mut there = Ledger::default();
    there.record(own_ref(after)?, Some(&to_json(before)), Some(&to_json(after)));
    tx.record(managed_ref(after)?, Some(&to_json(before)), Some(&to_json(after)));
    tx.record_elsewhere(after.id, there);
    Ok(())
}

/// An organization in the operator's ledger. Of a kind that nobody watches: the operator's organization has people, too,
/// who know nothing of the others.
fn managed_ref(row: &OrganizationRow) -> Result<ObjectRef> {
    Ok(ObjectRef { object_type: "managed_organization", ..own_ref(row)? })
}

/// A new organization as the operator's ledger tells it.
fn told(row: &OrganizationRow, more: &Value) -> Value {
    let mut told = to_json(row);
    if let (Some(told), Some(more)) = (told.as_object_mut(), more.as_object()) {
        told.extend(more.clone());
    }
    told
}
