//! The business units and their members.

use clap::Subcommand;
use flagstone_api::pb::{
    AddBusinessUnitMemberRequest, BusinessUnit, BusinessUnitMember, CreateBusinessUnitRequest,
    DeleteBusinessUnitRequest, GetBusinessUnitRequest, ListBusinessUnitMembersRequest, ListBusinessUnitsRequest,
    RemoveBusinessUnitMemberRequest, UpdateBusinessUnitMemberRequest, UpdateBusinessUnitRequest,
};

use crate::change::{Change, Risk, mask};
use crate::cli::Listing;
use crate::context::Context;
use crate::failure::Failure;
use crate::names::alone;
use crate::output::Column;
use crate::text::{id, time, yes};

/// What to do with business units.
#[derive(Subcommand)]
pub(crate) enum Units {
    /// List the business units that you may read, the newest first
    List(Listing),
    /// Show a business unit
    Get {
        /// Id of the unit
        unit: String,
    },
    /// Make a business unit
    Create {
        /// Code, for instance ENG; the id is the same in lower case
        code: String,
        /// Title
        #[arg(long, value_name = "TITLE")]
        display_name: String,
        /// Who owns it and manages its members
        #[arg(long, value_name = "USER")]
        owner: String,
        /// What it is
        #[arg(long, default_value = "", value_name = "TEXT")]
        description: String,
        #[command(flatten)]
        change: Change,
    },
    /// Change a business unit
    Update {
        /// Id of the unit
        unit: String,
        /// New title
        #[arg(long, value_name = "TITLE")]
        display_name: Option<String>,
        /// New description
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// New owner
        #[arg(long, value_name = "USER")]
        owner: Option<String>,
        /// Whether new requests are taken
        #[arg(long, value_name = "TRUE|FALSE")]
        active: Option<bool>,
        #[command(flatten)]
        change: Change,
    },
    /// Delete a business unit without deployments
    Delete {
        /// Id of the unit
        unit: String,
        #[command(flatten)]
        risk: Risk,
    },
    /// List the members of a business unit
    Members {
        /// Id of the unit
        unit: String,
    },
    /// Add somebody to a business unit with one role
    AddMember {
        /// Id of the unit
        unit: String,
        /// E-mail address
        email: String,
        /// Id of the role
        #[arg(long, value_name = "ROLE")]
        role: String,
        #[command(flatten)]
        change: Change,
    },
    /// Give a member another role
    SetMember {
        /// Id of the unit
        unit: String,
        /// Username
        user: String,
        /// Id of the role
        #[arg(long, value_name = "ROLE")]
        role: String,
        #[command(flatten)]
        change: Change,
    },
    /// Remove a member, also from the groups of the unit
    RemoveMember {
        /// Id of the unit
        unit: String,
        /// Username
        user: String,
        #[command(flatten)]
        change: Change,
    },
}

const COLUMNS: &[Column<BusinessUnit>] = &[
    ("UNIT", |u| id(&u.name)),
    ("CODE", |u| u.code.clone()),
    ("TITLE", |u| u.display_name.clone()),
    ("OWNER", |u| id(&u.owner)),
    ("ACTIVE", |u| yes(u.active)),
];

const FIELDS: &[Column<BusinessUnit>] = &[
    ("Unit", |u| id(&u.name)),
    ("Code", |u| u.code.clone()),
    ("Title", |u| u.display_name.clone()),
    ("Description", |u| u.description.clone()),
    ("Owner", |u| id(&u.owner)),
    ("Active", |u| if u.active { "yes" } else { "no" }.to_owned()),
    ("Created", |u| time(u.create_time.as_ref())),
    ("By", |u| id(&u.creator)),
];

const MEMBERS: &[Column<BusinessUnitMember>] = &[
    ("USER", |m| id(&m.user)),
    ("NAME", |m| m.full_name.clone()),
    ("E-MAIL", |m| m.email.clone()),
    ("ROLE", |m| id(&m.role)),
    ("OWNER", |m| yes(m.is_owner)),
    ("ACTIVE", |m| yes(m.user_active)),
];

const MEMBER: &[Column<BusinessUnitMember>] = &[
    ("Member", |m| id(&m.user)),
    ("Name", |m| m.full_name.clone()),
    ("E-mail", |m| m.email.clone()),
    ("Role", |m| id(&m.role)),
];

pub(crate) async fn run(context: &Context, units: Units) -> Result<(), Failure> {
    let mut client = context.client.business_units();
    match units {
        Units::List(listing) => {
            let request = ListBusinessUnitsRequest {
                page_size: listing.page_size(),
                filter: listing.filter.unwrap_or_default(),
                order_by: listing.order_by.unwrap_or_default(),
                ..Default::default()
            };
            context.print_list(context.client.list_business_units(request), listing.limit, COLUMNS).await
        }
        Units::Get { unit } => context.format.one(&get(context, &unit).await?, FIELDS),
        Units::Create { code, display_name, owner, description, change } => {
            let business_unit = BusinessUnit {
                code,
                display_name,
                description,
                owner: alone(&owner, "users")?,
                active: true,
                ..Default::default()
            };
            let request = CreateBusinessUnitRequest {
                business_unit: Some(business_unit),
                validate_only: change.dry_run,
                ..Default::default()
            };
            let unit = client.create_business_unit(request).await?.into_inner();
            context.changed(&unit, unit.effects.as_ref(), FIELDS)
        }
        Units::Update { unit, display_name, description, owner, active, change } => {
            let update_mask = mask(&[
                ("display_name", display_name.is_some()),
                ("description", description.is_some()),
                ("owner", owner.is_some()),
                ("active", active.is_some()),
            ])?;
            let mut unit = get(context, &unit).await?;
            unit.display_name = display_name.unwrap_or(unit.display_name);
            unit.description = description.unwrap_or(unit.description);
            unit.active = active.unwrap_or(unit.active);
            if let Some(owner) = owner {
                unit.owner = alone(&owner, "users")?;
            }
            let request = UpdateBusinessUnitRequest {
                business_unit: Some(unit),
                update_mask,
                validate_only: change.dry_run,
                ..Default::default()
            };
            let unit = client.update_business_unit(request).await?.into_inner();
            context.changed(&unit, unit.effects.as_ref(), FIELDS)
        }
        Units::Delete { unit, risk } => {
            let unit = get(context, &unit).await?;
            risk.typed(&format!("Delete the business unit {}?", unit.display_name), &id(&unit.name))?;
            let remark = format!("Deleted {}.", id(&unit.name));
            let request = DeleteBusinessUnitRequest {
                name: unit.name,
                etag: unit.etag,
                validate_only: risk.change.dry_run,
                ..Default::default()
            };
            let answer = client.delete_business_unit(request).await?.into_inner();
            context.gone(&answer, answer.effects.as_ref(), &remark)
        }
        Units::Members { unit } => {
            let parent = alone(&unit, "businessUnits")?;
            let request = ListBusinessUnitMembersRequest { parent, page_size: 200, ..Default::default() };
            context.print_list(context.client.list_business_unit_members(request), 0, MEMBERS).await
        }
        Units::AddMember { unit, email, role, change } => {
            let request = AddBusinessUnitMemberRequest {
                parent: alone(&unit, "businessUnits")?,
                email,
                role: alone(&role, "roles")?,
                validate_only: change.dry_run,
                ..Default::default()
            };
            let member = client.add_business_unit_member(request).await?.into_inner();
            context.changed(&member, member.effects.as_ref(), MEMBER)
        }
        Units::SetMember { unit, user, role, change } => {
            let member = BusinessUnitMember {
                name: member_name(&unit, &user)?,
                role: alone(&role, "roles")?,
                ..Default::default()
            };
            let request = UpdateBusinessUnitMemberRequest {
                business_unit_member: Some(member),
                update_mask: mask(&[("role", true)])?,
                validate_only: change.dry_run,
                ..Default::default()
            };
            let member = client.update_business_unit_member(request).await?.into_inner();
            context.changed(&member, member.effects.as_ref(), MEMBER)
        }
        Units::RemoveMember { unit, user, change } => {
            let request = RemoveBusinessUnitMemberRequest {
                name: member_name(&unit, &user)?,
                validate_only: change.dry_run,
                ..Default::default()
            };
            let answer = client.remove_business_unit_member(request).await?.into_inner();
            context.gone(&answer, answer.effects.as_ref(), &format!("{user} is no member of {unit} any more."))
        }
    }
}

async fn get(context: &Context, unit: &str) -> Result<BusinessUnit, Failure> {
    let request = GetBusinessUnitRequest { name: alone(unit, "businessUnits")? };
    Ok(context.client.business_units().get_business_unit(request).await?.into_inner())
}

fn member_name(unit: &str, user: &str) -> Result<String, Failure> {
    let (unit, user) = (alone(unit, "businessUnits")?, alone(user, "users")?);
    Ok(format!("{unit}/members/{}", id(&user)))
}
