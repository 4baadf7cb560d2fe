//! Logins that a device began and a browser confirms. Of no organization until they are confirmed; times are the
//! database's.

use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::dsl::{IntervalDsl, now};
use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Connection;
use crate::error::Error;
use crate::schema::device_logins;

/// A device login.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = device_logins)]
pub struct DeviceLoginRow {
    pub device_code_sha256: Vec<u8>,
    pub user_code: String,
    pub device: String,
    pub ip: String,
    pub organization_id: Option<Uuid>,
    /// Who confirmed it.
    pub user_id: Option<Uuid>,
    /// `PENDING`, `CONFIRMED`, `REFUSED` or `USED`.
    pub state: String,
    pub last_poll_time: Option<DateTime<Utc>>,
    pub expire_time: DateTime<Utc>,
    pub create_time: DateTime<Utc>,
}

/// A device login to store.
#[derive(Clone, Copy, Debug)]
pub struct NewDeviceLogin<'a> {
    pub device_code_sha256: &'a [u8],
    pub user_code: &'a str,
    pub device: &'a str,
    pub ip: &'a str,
    pub lifetime: Duration,
}

fn seconds(span: Duration) -> diesel::pg::data_types::PgInterval {
    i32::try_from(span.as_secs()).unwrap_or(i32::MAX).seconds()
}

/// Stores a login. `None` where its user code is taken.
pub async fn insert(conn: &mut Connection, login: &NewDeviceLogin<'_>) -> Result<Option<DeviceLoginRow>, Error> {
    Ok(diesel::insert_into(device_logins::table)
        .values((
            device_logins::device_code_sha256.eq(login.device_code_sha256),
            device_logins::user_code.eq(login.user_code),
            device_logins::device.eq(login.device),
            device_logins::ip.eq(login.ip),
            device_logins::expire_time.eq(now.into_sql::<Timestamptz>() + seconds(login.lifetime)),
        ))
        .on_conflict(device_logins::user_code)
        .do_nothing()
        .returning(DeviceLoginRow::as_returning())
        .get_result(conn)
        .await
        .optional()?)
}

/// The login of a device code, locked, and the database's time.
pub async fn lock(conn: &mut Connection, sha256: &[u8]) -> Result<Option<(DeviceLoginRow, DateTime<Utc>)>, Error> {
    Ok(device_logins::table
        .find(sha256)
        .select((DeviceLoginRow::as_select(), now.into_sql::<Timestamptz>()))
        .for_update()
        .first(conn)
        .await
        .optional()?)
}

/// The login of a user code that somebody may still decide on.
pub async fn pending(mut conn: &Connection, user_code: &str) -> Result<Option<DeviceLoginRow>, Error> {
    Ok(device_logins::table
        .filter(device_logins::user_code.eq(user_code))
        .filter(device_logins::state.eq("PENDING"))
        .filter(device_logins::expire_time.gt(now.into_sql::<Timestamptz>()))
        .select(DeviceLoginRow::as_select())
        .first(&mut conn)
        .await
        .optional()?)
}

/// Confirms or refuses a login that is pending. `None` where it is not, any more.
pub async fn decide(
    conn: &mut Connection,
    user_code: &str,
    organization_id: Uuid,
    user_id: Uuid,
    confirmed: bool,
) -> Result<Option<DeviceLoginRow>, Error> {
    Ok(diesel::update(device_logins::table)
        .filter(device_logins::user_code.eq(user_code))
        .filter(device_logins::state.eq("PENDING"))
        .filter(device_logins::expire_time.gt(now.into_sql::<Timestamptz>()))
        .set((
            device_logins::state.eq(if confirmed { "CONFIRMED" } else { "REFUSED" }),
            device_logins::organization_id.eq(organization_id),
            device_logins::user_id.eq(user_id),
        ))
        .returning(DeviceLoginRow::as_returning())
        .get_result(conn)
        .await
        .optional()?)
}

/// Notes that a device asked.
pub async fn polled(conn: &mut Connection, sha256: &[u8]) -> Result<(), Error> {
    diesel::update(device_logins::table.find(sha256))
        .set(device_logins::last_poll_time.eq(now.into_sql::<Timestamptz>().nullable()))
        .execute(conn)
        .await?;
    Ok(())
}

/// Uses up a confirmed login. False where another call was faster.
pub async fn use_up(conn: &mut Connection, sha256: &[u8]) -> Result<bool, Error> {
    let used = diesel::update(device_logins::table.find(sha256))
        .filter(device_logins::state.eq("CONFIRMED"))
        .set(device_logins::state.eq("USED"))
        .execute(conn)
        .await?;
    Ok(used == 1)
}

/// Forgets logins that ended an hour ago, at most `limit`. Returns how many.
pub async fn purge(conn: &mut Connection, limit: i64) -> Result<usize, Error> {
    let old: Vec<Vec<u8>> = device_logins::table
        .filter(device_logins::expire_time.lt(now.into_sql::<Timestamptz>() - 1.hour()))
        .select(device_logins::device_code_sha256)
        .limit(limit)
        .load(conn)
        .await?;
    let old = device_logins::table.filter(device_logins::device_code_sha256.eq_any(old));
    Ok(diesel::delete(old).execute(conn).await?)
}
