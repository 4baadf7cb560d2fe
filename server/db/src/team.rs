//! Teams and their members.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::{deployments, team_members, teams};

/// A team.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = teams)]
pub struct TeamRow {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub slug: String,
    pub display_name: String,
    pub description: String,
    pub linked_group_id: Option<Uuid>,
    pub creator: String,
    pub revision: i64,
    pub create_time: DateTime<Utc>,
    pub update_time: DateTime<Utc>,
}

/// A team to store.
#[derive(Debug, Insertable)]
#[diesel(table_name = teams)]
pub struct NewTeam<'a> {
    pub id: Uuid,
    pub organization_id: Uuid,
    pub slug: &'a str,
    pub display_name: &'a str,
    pub description: &'a str,
    pub linked_group_id: Option<Uuid>,
    pub creator: &'a str,
}

/// The new content of a team, whole: `None` empties a column.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = teams, treat_none_as_null = true)]
pub struct TeamContent<'a> {
    pub display_name: &'a str,
    pub description: &'a str,
    pub linked_group_id: Option<Uuid>,
}

/// A member of a team.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = team_members)]
pub struct TeamMemberRow {
    pub organization_id: Uuid,
    pub team_id: Uuid,
    pub user_id: Uuid,
    pub is_lead: bool,
    pub creator: String,
    pub create_time: DateTime<Utc>,
}

/// The team of an id.
pub async fn find(mut conn: &Connection, organization_id: Uuid, slug: &str) -> Result<Option<TeamRow>, Error> {
    Ok(teams::table
        .filter(teams::organization_id.eq(organization_id))
        .filter(teams::slug.eq(slug))
        .select(TeamRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Locks the team of an id.
pub async fn lock(conn: &mut Connection, organization_id: Uuid, slug: &str) -> Result<Option<TeamRow>, Error> {
    Ok(teams::table
        .filter(teams::organization_id.eq(organization_id))
        .filter(teams::slug.eq(slug))
        .select(TeamRow::as_select())
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// Makes a team.
pub async fn insert(conn: &mut Connection, team: &NewTeam<'_>) -> Result<TeamRow, Error> {
    Ok(diesel::insert_into(teams::table).values(team).returning(TeamRow::as_returning()).get_result(conn).await?)
}

/// Gives a locked team new content. The row's revision rises, and with it its etag.
pub async fn update(conn: &mut Connection, team: &TeamRow, content: &TeamContent<'_>) -> Result<TeamRow, Error> {
    Ok(diesel::update(teams::table.find(team.id))
        .filter(teams::organization_id.eq(team.organization_id))
        .set((content, teams::revision.eq(teams::revision + 1), teams::update_time.eq(now)))
        .returning(TeamRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Deletes a locked team with its memberships. Deployments that are DELETED lose it.
pub async fn delete(conn: &mut Connection, team: &TeamRow) -> Result<(), Error> {
    diesel::update(deployments::table)
        .filter(deployments::organization_id.eq(team.organization_id))
        .filter(deployments::team_id.eq(team.id))
        .filter(deployments::state.eq("DELETED"))
        .set(deployments::team_id.eq(None::<Uuid>))
        .execute(conn)
        .await?;
    diesel::delete(teams::table.find(team.id))
        .filter(teams::organization_id.eq(team.organization_id))
        .execute(conn)
        .await?;
    Ok(())
}

/// How many deployments that are not DELETED a team owns.
pub async fn deployment_count(mut conn: &Connection, team: &TeamRow) -> Result<i64, Error> {
    Ok(deployments::table
        .filter(deployments::organization_id.eq(team.organization_id))
        .filter(deployments::team_id.eq(team.id))
        .filter(deployments::state.ne("DELETED"))
        .count()
        .get_result(&mut conn)
        .await?)
}

/// How many members teams have, by the teams' row ids. A team without members is not among them.
pub async fn member_counts(
    mut conn: &Connection,
    organization_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, i64)>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(team_members::table
        .filter(team_members::organization_id.eq(organization_id))
        .filter(team_members::team_id.eq_any(ids))
        .group_by(team_members::team_id)
        .select((team_members::team_id, diesel::dsl::count_star()))
        .load(&mut conn)
        .await?)
}

/// A member of a team.
pub async fn member(mut conn: &Connection, team: &TeamRow, user_id: Uuid) -> Result<Option<TeamMemberRow>, Error> {
    Ok(team_members::table
        .find((team.organization_id, team.id, user_id))
        .select(TeamMemberRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Makes a user a member of a team, or a member a lead or no lead.
pub async fn put_member(
    conn: &mut Connection,
    team: &TeamRow,
    user_id: Uuid,
    is_lead: bool,
    creator: &str,
) -> Result<TeamMemberRow, Error> {
    Ok(diesel::insert_into(team_members::table)
        .values((
            team_members::organization_id.eq(team.organization_id),
            team_members::team_id.eq(team.id),
            team_members::user_id.eq(user_id),
            team_members::is_lead.eq(is_lead),
            team_members::creator.eq(creator),
        ))
        .on_conflict((team_members::organization_id, team_members::team_id, team_members::user_id))
        .do_update()
        .set(team_members::is_lead.eq(excluded(team_members::is_lead)))
        .returning(TeamMemberRow::as_returning())
        .get_result(conn)
        .await?)
}

/// Takes a user out of a team.
pub async fn remove_member(conn: &mut Connection, team: &TeamRow, user_id: Uuid) -> Result<(), Error> {
    diesel::delete(team_members::table.find((team.organization_id, team.id, user_id))).execute(conn).await?;
    Ok(())
}
