//! Who is logged in and what they may do.

use clap::Args;
use flagstone_api::pb::{GetMeRequest, GetMyPermissionsRequest, GetMyPermissionsResponse, User};

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;
use crate::text::{id, names, one_line, short, yes};

/// What to show.
#[derive(Args)]
pub(crate) struct Whoami {
    /// Show what you may do, and by which role
    #[arg(long)]
    permissions: bool,
}

const FIELDS: &[Column<User>] = &[
    ("Name", |u| u.full_name.clone()),
    ("Username", |u| u.username.clone()),
    ("E-mail", |u| u.email.clone()),
    ("Organization", |u| u.organization.clone()),
    ("Roles", |u| names(&u.organization_roles)),
    ("Business units", |u| {
        let one = |m: &flagstone_api::pb::Membership| format!("{} ({})", id(&m.business_unit), id(&m.role));
        u.memberships.iter().map(one).collect::<Vec<_>>().join(", ")
    }),
    ("Active unit", |u| short(&u.active_business_unit)),
    ("Password must be changed", |u| yes(u.password_change_required)),
];

pub(crate) async fn run(context: &Context, whoami: &Whoami) -> Result<(), Failure> {
    if whoami.permissions {
        let held = context.client.access().get_my_permissions(GetMyPermissionsRequest {}).await?.into_inner();
        return context.format.text_or(&held, permissions);
    }
    let me = context.client.users().get_me(GetMeRequest {}).await?.into_inner();
    context.format.one(&me, FIELDS)
}

/// A block for each scope, a line for each permission.
fn permissions(held: &GetMyPermissionsResponse) -> String {
    let mut text = String::new();
    for scope in &held.scopes {
        let title = if scope.scope.is_empty() { "The organization" } else { &scope.scope };
        text.push_str(&format!("{title}\n"));
        let width = scope.permissions.iter().map(|held| held.permission.len()).max().unwrap_or_default();
        for held in &scope.permissions {
            let mut notes: Vec<String> = held.roles.iter().map(|role| id(role)).collect();
            if held.own_team_only {
                notes.push("own only".to_owned());
            }
            let notes = if notes.is_empty() { notes.concat() } else { format!(" ({})", notes.join(", ")) };
            let (permission, description) = (&held.permission, one_line(&held.description));
            text.push_str(&format!("  {permission:width$}  {description}{notes}\n"));
        }
    }
    text
}
