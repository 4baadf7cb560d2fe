//! Roles, and who holds them.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use flagstone_api::pb::{
    CreateRoleBindingRequest, CreateRoleRequest, DeleteRoleBindingRequest, DeleteRoleRequest, GetRoleRequest,
    ListRoleBindingsRequest, ListRolesRequest, Role, RoleBinding, RoleBindingEffect, RoleRestriction, RoleScope,
    UpdateRoleRequest,
};

use crate::change::{Change, Risk, mask};
use crate::cli::Listing;
use crate::commands::access;
use crate::context::Context;
use crate::failure::Failure;
use crate::names::alone;
use crate::output::Column;
use crate::text::{id, time, word, yes};

/// What to do with roles.
#[derive(Subcommand)]
pub(crate) enum Roles {
    /// List the roles, the newest first
    List(Listing),
    /// Show a role: what it allows and who holds it
    Get {
        /// Id of the role
        role: String,
    },
    /// Make a role
    Create(Box<Create>),
    /// Change a role of your own making
    Update(Box<Update>),
    /// Delete a role that nobody holds
    Delete {
        /// Id of the role
        role: String,
        #[command(flatten)]
        risk: Risk,
    },
    /// List every permission there is, or those in which a word occurs
    Permissions {
        /// Part of the name, the description or the category
        search: Option<String>,
    },
}

/// A new role.
#[derive(Args)]
pub(crate) struct Create {
    /// Id of the new role
    role: String,
    /// Title
    #[arg(long, value_name = "TITLE")]
    display_name: String,
    /// What it is for
    #[arg(long, default_value = "", value_name = "TEXT")]
    description: String,
    /// Where it may be bound
    #[arg(long, value_enum, default_value = "business-unit")]
    scope: Scope,
    /// A permission; may be repeated
    #[arg(short, long = "permission", value_name = "PERMISSION")]
    permissions: Vec<String>,
    /// Start from the permissions and the restriction of another role
    #[arg(long, value_name = "ROLE")]
    copy: Option<String>,
    /// What narrows it
    #[arg(long, value_enum)]
    restriction: Option<Restriction>,
    #[command(flatten)]
    change: Change,
}

/// What is to be different.
#[derive(Args)]
pub(crate) struct Update {
    /// Id of the role
    role: String,
    /// New title
    #[arg(long, value_name = "TITLE")]
    display_name: Option<String>,
    /// New description
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A permission to add; may be repeated
    #[arg(long = "add", value_name = "PERMISSION")]
    add: Vec<String>,
    /// A permission to take out; may be repeated
    #[arg(long = "remove", value_name = "PERMISSION")]
    remove: Vec<String>,
    /// What narrows it
    #[arg(long, value_enum)]
    restriction: Option<Restriction>,
    #[command(flatten)]
    change: Change,
}

/// Where a role may be bound.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Scope {
    /// In the organization only; may hold every kind of permission
    Platform,
    /// In a business unit too; holds permissions of business units only
    BusinessUnit,
}

/// What narrows a role.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Restriction {
    /// Nothing
    None,
    /// Except for list and read: objects of one's own teams
    OwnTeam,
    /// Objects that one made
    Own,
}

impl Restriction {
    fn to_proto(self) -> i32 {
        match self {
            Self::None => RoleRestriction::None,
            Self::OwnTeam => RoleRestriction::OwnTeam,
            Self::Own => RoleRestriction::Own,
        }
        .into()
    }
}

/// What to do with role bindings.
#[derive(Subcommand)]
pub(crate) enum Bindings {
    /// List who holds which role: in --unit, else in the organization; `-u -` for everywhere
    List(Listing),
    /// Give a role to a user, a group or a service account: in --unit, else in the whole organization
    Create(Box<Bind>),
    /// Take a role back
    Delete {
        /// Name of the binding
        binding: String,
        #[command(flatten)]
        risk: Risk,
    },
}

/// A role for somebody.
#[derive(Args)]
pub(crate) struct Bind {
    /// Id of the role
    role: String,
    /// users/USER, groups/GROUP, businessUnits/UNIT/groups/GROUP or serviceAccounts/ACCOUNT
    #[arg(value_name = "SUBJECT")]
    subject: String,
    /// Take away instead of giving: wins over everything that gives
    #[arg(long)]
    deny: bool,
    /// CEL expression under which it holds, for instance 'network.ip.startsWith("10.")'
    #[arg(long, default_value = "", value_name = "EXPRESSION")]
    condition: String,
    /// When it ends: a time such as 2027-01-31T18:00:00Z, or a length such as 8h
    #[arg(long, value_name = "WHEN", value_parser = when)]
    until: Option<DateTime<Utc>>,
    #[command(flatten)]
    change: Change,
}

/// Reads a time, or a length of time from now.
pub(crate) fn when(typed: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(typed) {
        return Ok(time.with_timezone(&Utc));
    }
    let wrong = || format!("`{typed}` is neither a time such as 2027-01-31T18:00:00Z nor a length such as 8h or 30d");
    let length = humantime::parse_duration(typed).map_err(|_| wrong())?;
    let length = chrono::TimeDelta::from_std(length).map_err(|_| wrong())?;
    Utc::now().checked_add_signed(length).ok_or_else(wrong)
}

/// A time as the contract has it.
pub(crate) fn stamp(time: DateTime<Utc>) -> prost_types::Timestamp {
    // What is below a second means nothing here.
    prost_types::Timestamp { seconds: time.timestamp(), nanos: 0 }
}

const COLUMNS: &[Column<Role>] = &[
    ("ROLE", |r| id(&r.name)),
    ("TITLE", |r| r.display_name.clone()),
    ("SCOPE", |r| word(r.scope().as_str_name(), "ROLE_SCOPE")),
    ("RESTRICTION", |r| restriction(r)),
    ("PERMISSIONS", |r| r.permissions.len().to_string()),
    ("BUILT IN", |r| yes(r.builtin)),
];

const FIELDS: &[Column<Role>] = &[
    ("Role", |r| id(&r.name)),
    ("Title", |r| r.display_name.clone()),
    ("Description", |r| r.description.clone()),
    ("Scope", |r| word(r.scope().as_str_name(), "ROLE_SCOPE")),
    ("Restriction", restriction),
    ("Built in", |r| yes(r.builtin)),
    ("Permissions", |r| r.permissions.join("\n")),
    ("Held by", |r| {
        let uses = r.uses.clone().unwrap_or_default();
        let one = |u: &flagstone_api::pb::RoleUse| {
            let place = if u.scope.is_empty() { String::new() } else { format!(" in {}", id(&u.scope)) };
            format!("{}{place}", u.subject)
        };
        uses.first.iter().map(one).collect::<Vec<_>>().join("\n")
    }),
];

fn restriction(role: &Role) -> String {
    match role.restriction() {
        RoleRestriction::Unspecified | RoleRestriction::None => String::new(),
        restriction => word(restriction.as_str_name(), "ROLE_RESTRICTION"),
    }
}

pub(crate) async fn run(context: &Context, roles: Roles) -> Result<(), Failure> {
    match roles {
        Roles::List(listing) => {
            let request = ListRolesRequest {
                page_size: listing.page_size(),
                filter: listing.filter.unwrap_or_default(),
                order_by: listing.order_by.unwrap_or_default(),
                ..Default::default()
            };
            context.print_list(context.client.list_roles(request), listing.limit, COLUMNS).await
        }
        Roles::Get { role } => context.format.one(&get(context, &role).await?, FIELDS),
        Roles::Create(create) => make(context, *create).await,
        Roles::Update(update) => change(context, *update).await,
        Roles::Delete { role, risk } => {
            let role = get(context, &role).await?;
            let short = id(&role.name);
            risk.typed(&format!("Delete the role {}?", role.display_name), &short)?;
            let request = DeleteRoleRequest {
                name: role.name,
                etag: role.etag,
                validate_only: risk.change.dry_run,
                ..Default::default()
            };
            let answer = context.client.roles().delete_role(request).await?.into_inner();
            context.gone(&answer, answer.effects.as_ref(), &format!("Deleted {short}."))
        }
        Roles::Permissions { search } => access::permissions(context, search).await,
    }
}

async fn get(context: &Context, role: &str) -> Result<Role, Failure> {
    let request = GetRoleRequest { name: alone(role, "roles")? };
    Ok(context.client.roles().get_role(request).await?.into_inner())
}

async fn make(context: &Context, create: Create) -> Result<(), Failure> {
    let mut role = match &create.copy {
        Some(source) => {
            let source = get(context, source).await?;
            Role {
                permissions: source.permissions,
                restriction: source.restriction,
                scope: source.scope,
                ..Default::default()
            }
        }
        None => Role {
            scope: match create.scope {
                Scope::Platform => RoleScope::Platform,
                Scope::BusinessUnit => RoleScope::BusinessUnit,
            }
            .into(),
            ..Default::default()
        },
    };
    role.display_name = create.display_name;
    role.description = create.description;
    role.permissions.extend(create.permissions);
    if let Some(restriction) = create.restriction {
        role.restriction = restriction.to_proto();
    }
    let request = CreateRoleRequest {
        role_id: create.role,
        role: Some(role),
        validate_only: create.change.dry_run,
        ..Default::default()
    };
    let role = context.client.roles().create_role(request).await?.into_inner();
    context.changed(&role, role.effects.as_ref(), FIELDS)
}

async fn change(context: &Context, update: Update) -> Result<(), Failure> {
    let update_mask = mask(&[
        ("display_name", update.display_name.is_some()),
        ("description", update.description.is_some()),
        ("permissions", !update.add.is_empty() || !update.remove.is_empty()),
        ("restriction", update.restriction.is_some()),
    ])?;
    // The etag travels inside: a role that somebody else has changed meanwhile stays theirs.
    let mut role = get(context, &update.role).await?;
    role.display_name = update.display_name.unwrap_or(role.display_name);
    role.description = update.description.unwrap_or(role.description);
    role.permissions.retain(|permission| !update.remove.contains(permission));
    role.permissions.extend(update.add);
    if let Some(restriction) = update.restriction {
        role.restriction = restriction.to_proto();
    }
    let request =
        UpdateRoleRequest { role: Some(role), update_mask, validate_only: update.change.dry_run, ..Default::default() };
    let role = context.client.roles().update_role(request).await?.into_inner();
    context.changed(&role, role.effects.as_ref(), FIELDS)
}

const BINDINGS: &[Column<RoleBinding>] = &[
    ("SUBJECT", |b| b.subject.clone()),
    ("ROLE", |b| id(&b.role)),
    ("UNIT", |b| crate::names::unit_of(&b.name).map(|unit| id(&unit)).unwrap_or_default()),
    ("EFFECT", effect),
    ("CONDITION", |b| b.condition.clone()),
    ("ENDS", |b| time(b.expire_time.as_ref())),
    ("BINDING", |b| b.name.clone()),
];

const BINDING: &[Column<RoleBinding>] = &[
    ("Binding", |b| b.name.clone()),
    ("Subject", |b| b.subject.clone()),
    ("Role", |b| id(&b.role)),
    ("Effect", effect),
    ("Condition", |b| b.condition.clone()),
    ("Ends", |b| time(b.expire_time.as_ref())),
    ("Created", |b| time(b.create_time.as_ref())),
    ("By", |b| id(&b.creator)),
];

fn effect(binding: &RoleBinding) -> String {
    word(binding.effect().as_str_name(), "ROLE_BINDING_EFFECT")
}

pub(crate) async fn bindings(context: &Context, bindings: Bindings) -> Result<(), Failure> {
    match bindings {
        Bindings::List(listing) => {
            let request = ListRoleBindingsRequest {
                parent: context.given_unit().unwrap_or_default(),
                page_size: listing.page_size(),
                filter: listing.filter.unwrap_or_default(),
                order_by: listing.order_by.unwrap_or_default(),
                ..Default::default()
            };
            context.print_list(context.client.list_role_bindings(request), listing.limit, BINDINGS).await
        }
        Bindings::Create(bind) => {
            let effect = if bind.deny { RoleBindingEffect::Deny } else { RoleBindingEffect::Allow };
            let role_binding = RoleBinding {
                role: alone(&bind.role, "roles")?,
                subject: bind.subject,
                effect: effect.into(),
                condition: bind.condition,
                expire_time: bind.until.map(stamp),
                ..Default::default()
            };
            let request = CreateRoleBindingRequest {
                parent: context.given_unit().unwrap_or_default(),
                role_binding: Some(role_binding),
                validate_only: bind.change.dry_run,
                ..Default::default()
            };
            let binding = context.client.roles().create_role_binding(request).await?.into_inner();
            context.changed(&binding, binding.effects.as_ref(), BINDING)
        }
        Bindings::Delete { binding, risk } => {
            let name = if binding.contains('/') { binding } else { format!("roleBindings/{binding}") };
            risk.consent(&format!("Take back what {name} gives?"))?;
            let request = DeleteRoleBindingRequest { name, validate_only: risk.change.dry_run, ..Default::default() };
            let answer = context.client.roles().delete_role_binding(request).await?.into_inner();
            context.gone(&answer, answer.effects.as_ref(), "The role was taken back.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_time_or_a_length() {
        assert_eq!(when("2027-01-31T18:00:00Z").unwrap().timestamp(), 1_801_418_400);
        let in_eight_hours = when("8h").unwrap() - Utc::now();
        assert!((in_eight_hours.num_seconds() - 28_800).abs() < 5);
        assert!(when("tomorrow").is_err());
        assert!(when("99999999999999y").is_err());
    }
}
