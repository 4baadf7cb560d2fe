//! The list of a user's sessions.

use chrono::{DateTime, Utc};
use diesel::dsl::now;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use uuid::Uuid;

use super::keyset::pages;

use super::{Branch, ListQuery};
use crate::error::Error;
use crate::schema::sessions;
use crate::session::SessionRow;

pages! {
    /// One page of the live sessions of the user that is the parent. The branch is always [`Branch::ALL`].
    sessions => SessionRow, orders { "last_use_time" => [last_use_time: DateTime<Utc>, id: Uuid] }
}

fn matching<'q>(query: &'q ListQuery<'q>, _: &'q Branch) -> Result<sessions::BoxedQuery<'q, Pg>, Error> {
    Ok(sessions::table
        .filter(sessions::organization_id.eq(query.organization_id))
        .filter(sessions::user_id.eq(query.parent()?))
        .filter(sessions::revoke_time.is_null())
        .filter(sessions::expire_time.gt(now.into_sql::<Timestamptz>()))
        .into_boxed())
}
