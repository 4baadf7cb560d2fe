//! The people of the organization, their invitations and their sessions.

use clap::Subcommand;
use flagstone_api::pb::{
    CreateInvitationRequest, CreateUserRequest, DeleteUserRequest, GetUserRequest, Invitation, ListInvitationsRequest,
    ListSessionsRequest, ListUsersRequest, ResetUserPasswordRequest, RevokeInvitationRequest, RevokeSessionRequest,
    Session, UpdateUserRequest, User,
};

use crate::change::{Change, Risk, mask};
use crate::cli::Listing;
use crate::context::Context;
use crate::failure::Failure;
use crate::names::alone;
use crate::output::{Column, note, print};
use crate::text::{id, names, short, time, word, yes};

/// What to do with users.
#[derive(Subcommand)]
pub(crate) enum Users {
    /// List the people of the organization, the newest first
    List(Listing),
    /// Show somebody: roles, groups, teams and memberships
    Get {
        /// Username, or users/USERNAME
        user: String,
    },
    /// Make an account; prints the link with which its owner sets the password
    Create {
        /// E-mail address
        email: String,
        /// Full name
        #[arg(long, value_name = "NAME")]
        full_name: String,
        /// Username [default: from the e-mail address]
        #[arg(long, value_name = "NAME")]
        username: Option<String>,
        #[command(flatten)]
        change: Change,
    },
    /// Change somebody's e-mail address or name
    Update {
        /// Username
        user: String,
        /// New e-mail address
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        /// New full name
        #[arg(long, value_name = "NAME")]
        full_name: Option<String>,
        #[command(flatten)]
        change: Change,
    },
    /// Let somebody in again
    Activate {
        /// Username
        user: String,
        #[command(flatten)]
        change: Change,
    },
    /// Refuse every credential of somebody, and end what is open
    Deactivate {
        /// Username
        user: String,
        #[command(flatten)]
        risk: Risk,
    },
    /// Make a single-use link with which somebody sets a new password; it is printed once
    ResetPassword {
        /// Username
        user: String,
        #[command(flatten)]
        risk: Risk,
    },
    /// Delete somebody's account; what they did stays on record
    Delete {
        /// Username
        user: String,
        #[command(flatten)]
        risk: Risk,
    },
}

/// What to do with invitations.
#[derive(Subcommand)]
pub(crate) enum Invitations {
    /// List the invitations, the newest first
    List(Listing),
    /// Invite somebody; prints the single-use link
    Create {
        /// E-mail address
        email: String,
        /// Role they will have
        #[arg(long, value_name = "ROLE")]
        role: String,
        #[command(flatten)]
        change: Change,
    },
    /// Take an invitation back
    Revoke {
        /// Id of the invitation
        invitation: String,
        #[command(flatten)]
        change: Change,
    },
}

/// What to do with sessions.
#[derive(Subcommand)]
pub(crate) enum Sessions {
    /// List the open sessions of yourself, or of somebody
    List {
        /// Username
        #[arg(long, default_value = "me", value_name = "USER")]
        user: String,
    },
    /// End a session
    Revoke {
        /// Id of the session, or its whole name; `all` for every one
        session: String,
        /// Whose it is
        #[arg(long, default_value = "me", value_name = "USER")]
        user: String,
    },
}

const COLUMNS: &[Column<User>] = &[
    ("USER", |u| id(&u.name)),
    ("NAME", |u| u.full_name.clone()),
    ("E-MAIL", |u| u.email.clone()),
    ("ROLES", |u| names(&u.organization_roles)),
    ("ACTIVE", |u| yes(u.active)),
    ("CREATED", |u| time(u.create_time.as_ref())),
];

const FIELDS: &[Column<User>] = &[
    ("User", |u| id(&u.name)),
    ("Name", |u| u.full_name.clone()),
    ("E-mail", |u| u.email.clone()),
    ("Active", |u| if u.active { "yes" } else { "no" }.to_owned()),
    ("Roles", |u| {
        let one = |g: &flagstone_api::pb::UserGrant| {
            let place = if g.scope.is_empty() { String::new() } else { format!(" in {}", id(&g.scope)) };
            let group = if g.group.is_empty() { String::new() } else { format!(" through {}", short(&g.group)) };
            let deny = if g.deny { " (taken away)" } else { "" };
            format!("{}{place}{group}{deny}", id(&g.role))
        };
        u.grants.iter().map(one).collect::<Vec<_>>().join("\n")
    }),
    ("Business units", |u| {
        let one = |m: &flagstone_api::pb::Membership| format!("{} ({})", id(&m.business_unit), id(&m.role));
        u.memberships.iter().map(one).collect::<Vec<_>>().join(", ")
    }),
    ("Groups", |u| names(&u.groups)),
    ("Teams", |u| names(&u.teams)),
    ("Created", |u| time(u.create_time.as_ref())),
    ("By", |u| id(&u.creator)),
];

pub(crate) async fn run(context: &Context, users: Users) -> Result<(), Failure> {
    match users {
        Users::List(listing) => {
            let request = ListUsersRequest {
                page_size: listing.page_size(),
                filter: listing.filter.unwrap_or_default(),
                order_by: listing.order_by.unwrap_or_default(),
                ..Default::default()
            };
            context.print_list(context.client.list_users(request), listing.limit, COLUMNS).await
        }
        Users::Get { user } => context.format.one(&get(context, &user).await?, FIELDS),
        Users::Create { email, full_name, username, change } => {
            let user = User { email, full_name, username: username.unwrap_or_default(), ..Default::default() };
            let request = CreateUserRequest { user: Some(user), validate_only: change.dry_run, ..Default::default() };
            let answer = context.client.users().create_user(request).await?.into_inner();
            if let Some(link) = Some(&answer.link).filter(|link| !link.is_empty()) {
                note("Hand this link over; it works once and sets the password:");
                if context.format == crate::output::Format::Table {
                    return print(&format!("{link}\n"));
                }
            }
            context.gone(&answer, answer.effects.as_ref(), "")
        }
        Users::Update { user, email, full_name, change } => {
            let update_mask = mask(&[("email", email.is_some()), ("full_name", full_name.is_some())])?;
            let mut user = get(context, &user).await?;
            user.email = email.unwrap_or(user.email);
            user.full_name = full_name.unwrap_or(user.full_name);
            update(context, user, update_mask, change).await
        }
        Users::Activate { user, change } => {
            let user = User { active: true, ..get(context, &user).await? };
            update(context, user, mask(&[("active", true)])?, change).await
        }
        Users::Deactivate { user, risk } => {
            risk.consent(&format!("Refuse every credential of {user}, and end what is open?"))?;
            let user = User { active: false, ..get(context, &user).await? };
            update(context, user, mask(&[("active", true)])?, risk.change).await
        }
        Users::ResetPassword { user, risk } => {
            let name = alone(&user, "users")?;
            risk.consent(&format!("Make a link with which whoever has it sets the password of {}?", id(&name)))?;
            let request = ResetUserPasswordRequest { name, validate_only: risk.change.dry_run, ..Default::default() };
            let answer = context.client.users().reset_user_password(request).await?.into_inner();
            if answer.effects.is_none() && context.format == crate::output::Format::Table {
                note(&format!("Hand this link over; it works once, until {}:", time(answer.expire_time.as_ref())));
                return print(&format!("{}\n", answer.link));
            }
            context.gone(&answer, answer.effects.as_ref(), "")
        }
        Users::Delete { user, risk } => {
            let user = get(context, &user).await?;
            let short = id(&user.name);
            risk.typed(&format!("Delete the account of {} ({})?", user.full_name, user.email), &short)?;
            let request = DeleteUserRequest {
                name: user.name,
                etag: user.etag,
                validate_only: risk.change.dry_run,
                ..Default::default()
            };
            let answer = context.client.users().delete_user(request).await?.into_inner();
            context.gone(&answer, answer.effects.as_ref(), &format!("Deleted {short}."))
        }
    }
}

async fn get(context: &Context, user: &str) -> Result<User, Failure> {
    let request = GetUserRequest { name: alone(user, "users")? };
    Ok(context.client.users().get_user(request).await?.into_inner())
}

async fn update(
    context: &Context,
    user: User,
    update_mask: Option<prost_types::FieldMask>,
    change: Change,
) -> Result<(), Failure> {
    let request =
        UpdateUserRequest { user: Some(user), update_mask, validate_only: change.dry_run, ..Default::default() };
    let user = context.client.users().update_user(request).await?.into_inner();
    context.changed(&user, user.effects.as_ref(), FIELDS)
}

const INVITATIONS: &[Column<Invitation>] = &[
    ("INVITATION", |i| id(&i.name)),
    ("E-MAIL", |i| i.email.clone()),
    ("ROLE", |i| id(&i.role)),
    ("UNIT", |i| id(&i.business_unit)),
    ("STATE", |i| word(i.state().as_str_name(), "INVITATION_STATE")),
    ("ENDS", |i| time(i.expire_time.as_ref())),
    ("BY", |i| id(&i.creator)),
];

pub(crate) async fn invitations(context: &Context, invitations: Invitations) -> Result<(), Failure> {
    match invitations {
        Invitations::List(listing) => {
            let request = ListInvitationsRequest {
                page_size: listing.page_size(),
                filter: listing.filter.unwrap_or_default(),
                order_by: listing.order_by.unwrap_or_default(),
                ..Default::default()
            };
            context.print_list(context.client.list_invitations(request), listing.limit, INVITATIONS).await
        }
        Invitations::Create { email, role, change } => {
            let invitation = Invitation {
                email,
                role: alone(&role, "roles")?,
                business_unit: context.given_unit().unwrap_or_default(),
                ..Default::default()
            };
            let request = CreateInvitationRequest {
                invitation: Some(invitation),
                validate_only: change.dry_run,
                ..Default::default()
            };
            let answer = context.client.invitations().create_invitation(request).await?.into_inner();
            if answer.effects.is_none() && context.format == crate::output::Format::Table {
                let ends = answer.invitation.as_ref().and_then(|invitation| invitation.expire_time);
                note(&format!("Hand this link over; it works once, until {}:", time(ends.as_ref())));
                return print(&format!("{}\n", answer.link));
            }
            context.gone(&answer, answer.effects.as_ref(), "")
        }
        Invitations::Revoke { invitation, change } => {
            let request = RevokeInvitationRequest {
                name: alone(&invitation, "invitations")?,
                validate_only: change.dry_run,
                ..Default::default()
            };
            let invitation = context.client.invitations().revoke_invitation(request).await?.into_inner();
            let remark = format!("The link for {} does not work any more.", invitation.email);
            context.gone(&invitation, invitation.effects.as_ref(), &remark)
        }
    }
}

const SESSIONS: &[Column<Session>] = &[
    ("SESSION", |s| id(&s.name)),
    ("DEVICE", |s| s.device.clone()),
    ("ADDRESS", |s| s.ip.clone()),
    ("OPENED", |s| time(s.create_time.as_ref())),
    ("LAST USE", |s| time(s.last_use_time.as_ref())),
    ("THIS ONE", |s| yes(s.current)),
];

pub(crate) async fn sessions(context: &Context, sessions: Sessions) -> Result<(), Failure> {
    match sessions {
        Sessions::List { user } => {
            let request = ListSessionsRequest { parent: alone(&user, "users")?, ..Default::default() };
            context.print_list(context.client.list_sessions(request), 0, SESSIONS).await
        }
        Sessions::Revoke { session, user } => {
            let name = match session.as_str() {
                whole if whole.starts_with("users/") => whole.to_owned(),
                "all" => format!("{}/sessions/-", alone(&user, "users")?),
                session => format!("{}/sessions/{session}", alone(&user, "users")?),
            };
            let request = RevokeSessionRequest { name, ..Default::default() };
            let answer = context.client.auth().revoke_session(request).await?.into_inner();
            let sessions = if answer.revoked_sessions == 1 { "session" } else { "sessions" };
            context.gone(&answer, None, &format!("Ended {} {sessions}.", answer.revoked_sessions))
        }
    }
}
