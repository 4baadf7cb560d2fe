//! What uses a role.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures::try_join;
use serde_json::json;
use uuid::Uuid;

use super::RoleRow;
use crate::Connection;
use crate::error::Error;
use crate::role_binding::RoleBindingRow;
use crate::schema::{approval_policies, business_unit_members, invitations, role_bindings, users};

/// How often a role is used, and the first uses of each kind, oldest first.
#[derive(Clone, Debug)]
pub struct Uses {
    pub bindings: (i64, Vec<RoleBindingRow>),
    /// Memberships: the unit and the username.
    pub members: (i64, Vec<(Uuid, String)>),
    /// Pending ones: row id, e-mail address, unit.
    pub invitations: (i64, Vec<(Uuid, String, Option<Uuid>)>),
    /// By id.
    pub approval_policies: (i64, Vec<String>),
}

impl Uses {
    /// True where nothing uses the role.
    pub fn is_none(&self) -> bool {
        self.bindings.0 + self.members.0 + self.invitations.0 + self.approval_policies.0 == 0
    }
}

/// What uses a role, at most `first` of each kind in full.
pub async fn of(conn: &Connection, role: &RoleRow, first: i64) -> Result<Uses, Error> {
    let (organization_id, role_id) = (role.organization_id, role.id);
    let bound = || {
        role_bindings::table
            .filter(role_bindings::organization_id.eq(organization_id))
            .filter(role_bindings::role_id.eq(role_id))
    };
    let members = || {
        business_unit_members::table
            .inner_join(
                users::table
                    .on(business_unit_members::user_id.eq(users::id).and(users::organization_id.eq(organization_id))),
            )
            .filter(business_unit_members::organization_id.eq(organization_id))
            .filter(business_unit_members::role_id.eq(role_id))
    };
    let invited = || {
        invitations::table
            .filter(invitations::organization_id.eq(organization_id))
            .filter(invitations::role_id.eq(role_id))
            .filter(invitations::state.eq("PENDING"))
    };
    let stage = json!([{ "approvers": [format!("roles/{}", role.slug)] }]);
    let policies = || {
        approval_policies::table
            .filter(approval_policies::organization_id.eq(organization_id))
            .filter(approval_policies::stages.contains(stage.clone()))
    };
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = [conn; 8];
    let (bindings, member_rows, invitation_rows, policy_rows, counts) = try_join!(
        bound()
            .order((role_bindings::create_time, role_bindings::id))
            .limit(first)
            .select(RoleBindingRow::as_select())
            .load(&mut a),
        members()
            .order((business_unit_members::create_time, users::id))
            .limit(first)
            .select((business_unit_members::business_unit_id, users::username))
            .load(&mut b),
        invited()
            .order((invitations::create_time, invitations::id))
            .limit(first)
            .select((invitations::id, invitations::email, invitations::business_unit_id))
            .load(&mut c),
        policies().order(approval_policies::slug).limit(first).select(approval_policies::slug).load(&mut d),
        async {
            try_join!(
                bound().count().get_result(&mut e),
                members().count().get_result(&mut f),
                invited().count().get_result(&mut g),
                policies().count().get_result(&mut h),
            )
        },
    )?;
    let (bound, member_count, invited, named) = counts;
    Ok(Uses {
        bindings: (bound, bindings),
        members: (member_count, member_rows),
        invitations: (invited, invitation_rows),
        approval_policies: (named, policy_rows),
    })
}
