//! The peer of writes: CreateGroup as lean as tonic and PostgreSQL allow, with nothing, something or all of what a mutation
//! of Flagstone leaves behind. No token, no permission, no row security; statements are prepared and sent without waiting
//! for the one before wherever they do not depend on its answer.

use std::time::SystemTime;

use flagstone_api::pb;
use flagstone_api::pb::group_service_server::GroupService;
use prost::Message;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Mode, Pool};
use crate::Result;

/// Whoever calls is this user.
const CREATOR: &str = "users/admin";

/// The statement of `flagstone_db::group::insert`.
const INSERT: &str = "INSERT INTO groups (id, organization_id, business_unit_id, slug, display_name, description, creator) \
    VALUES ($1, $2, NULL, $3, $4, $5, $6) RETURNING revision, create_time, update_time";

/// As in `flagstone_db::idempotency`: nobody else with this id, then whether it was answered before.
const CLAIM: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
const LOOK_UP: &str = "SELECT response FROM idempotency_keys \
    WHERE organization_id = $1 AND principal = $2 AND request_id = $3 LIMIT 1";
const STORE: &str = "INSERT INTO idempotency_keys (organization_id, principal, request_id, method, body_sha256, response, \
    sealed) VALUES ($1, $2, $3, $4, sha256($5), $6, false)";

const CHANGE: &str = "INSERT INTO change_events (organization_id, business_unit_id, object_type, object, object_id, action, \
    fields, principal, correlation_id) VALUES ($1, NULL, 'group', $2, $3, 'CREATED', $4, $5, $6)";

const AUDIT: &str = "INSERT INTO audit_events (id, organization_id, principal, action, object, object_type, outcome, effects, \
    details, ip, user_agent, correlation_id, origin, duration_ms) \
    VALUES ($1, $2, $3, 'group.create', $4, 'group', 'SUCCESS', $5::text::jsonb, '{}', '127.0.0.1', 'bench', $6, 'API', 1)";

const NOTIFY: &str = "SELECT pg_notify('bench', $1)";

/// Each event hashed with the one before: all writers of an organization come one after the other to one row.
const CHAIN: &str = "UPDATE bench_chain SET head = sha256(head || $1::text::bytea)";

/// A parameter of a statement.
type Value<'a> = &'a (dyn ToSql + Sync);

/// A connection with what is sent over it.
struct Prepared {
    client: Client,
    insert: Statement,
    claim: Statement,
    look_up: Statement,
    store: Statement,
    change: Statement,
    audit: Option<Statement>,
    /// What some put into the same transaction to make the audit tamper-evident, or to tell others.
    extra: Option<Statement>,
}

impl Prepared {
    async fn on(client: Client, mode: Mode) -> Result<Self> {
        let audit = !matches!(mode, Mode::Insert | Mode::Change);
        let extra = match mode {
            Mode::Notify => Some(NOTIFY),
            Mode::Chain => Some(CHAIN),
            _ => None,
        };
        Ok(Self {
            insert: client.prepare(INSERT).await?,
            claim: client.prepare(CLAIM).await?,
            look_up: client.prepare(LOOK_UP).await?,
            store: client.prepare(STORE).await?,
            change: client.prepare(CHANGE).await?,
            audit: if audit { Some(client.prepare(AUDIT).await?) } else { None },
            extra: if let Some(extra) = extra { Some(client.prepare(extra).await?) } else { None },
            client,
        })
    }
}

/// Groups of the default organization.
pub(super) struct Groups {
    pool: Pool<Prepared>,
    organization_id: Uuid,
    is_transaction: bool,
}

impl Groups {
    pub(super) async fn open(connections: Vec<Client>, mode: Mode) -> Result<Self> {
        let first = connections.first().ok_or("a pool has connections")?;
        let organization_id =
            first.query_one("SELECT id FROM organizations WHERE is_default", &[]).await?.try_get(0)?;
        first
            .batch_execute(
                "CREATE TABLE IF NOT EXISTS bench_chain (head BYTEA NOT NULL); \
                 INSERT INTO bench_chain SELECT '' WHERE NOT EXISTS (SELECT FROM bench_chain)",
            )
            .await?;
        let mut prepared = Vec::with_capacity(connections.len());
        for client in connections {
            prepared.push(Prepared::on(client, mode).await?);
        }
        Ok(Self { pool: Pool::of(prepared)?, organization_id, is_transaction: mode != Mode::Insert })
    }

    /// An error leaves the transaction open on the connection; the first one ends the benchmark.
    async fn create(&self, message: &pb::CreateGroupRequest) -> Result<pb::Group> {
        let prepared = self.pool.take().await?;
        let made = if self.is_transaction {
            self.in_transaction(&prepared, message).await
        } else {
            self.insert(&prepared, message).await.map(|(_, group)| group)
        };
        self.pool.give(prepared);
        made
    }

    async fn insert(&self, prepared: &Prepared, message: &pb::CreateGroupRequest) -> Result<(Uuid, pb::Group)> {
        let sent = message.group.clone().unwrap_or_default();
        let id = Uuid::now_v7();
        let values: [Value<'_>; 6] =
            [&id, &self.organization_id, &message.group_id, &sent.display_name, &sent.description, &CREATOR];
        let row = prepared.client.query_one(&prepared.insert, &values).await?;
        let revision: i64 = row.try_get(0)?;
        let (create, update): (SystemTime, SystemTime) = (row.try_get(1)?, row.try_get(2)?);
        let group = pb::Group {
            name: format!("groups/{}", message.group_id),
            display_name: sent.display_name,
            description: sent.description,
            create_time: Some(create.into()),
            update_time: Some(update.into()),
            creator: CREATOR.to_owned(),
            etag: format!("\"{revision}\""),
            ..pb::Group::default()
        };
        Ok((id, group))
    }

    /// Three round trips: BEGIN and the claim; the row; all that goes with it, and COMMIT.
    async fn in_transaction(&self, prepared: &Prepared, message: &pb::CreateGroupRequest) -> Result<pb::Group> {
        let (client, organization_id) = (&prepared.client, &self.organization_id);
        let request_id = Uuid::parse_str(&message.request_id)?;
        let key = format!("{organization_id}/{CREATOR}/{request_id}");
        let claim: [Value<'_>; 1] = [&key];
        let look_up: [Value<'_>; 3] = [organization_id, &CREATOR, &request_id];
        let ((), _, known) = tokio::try_join!(
            client.batch_execute("BEGIN"),
            client.execute(&prepared.claim, &claim),
            client.query_opt(&prepared.look_up, &look_up),
        )?;
        if known.is_some() {
            return Err("the load generator repeated a call".into());
        }
        let (id, group) = self.insert(prepared, message).await?;
        let (body, answer) = (message.encode_to_vec(), group.encode_to_vec());
        let correlation_id = Uuid::now_v7().to_string();
        let (event_id, effects) = (Uuid::now_v7(), effects(&group));
        let fields = ["description", "display_name"].as_slice();
        let method = "/flagstone.v1.GroupService/CreateGroup";
        let store: [Value<'_>; 6] = [organization_id, &CREATOR, &request_id, &method, &body, &answer];
        let change: [Value<'_>; 6] = [organization_id, &group.name, &id, &fields, &CREATOR, &correlation_id];
        let audit: [Value<'_>; 6] = [&event_id, organization_id, &CREATOR, &group.name, &effects, &correlation_id];
        tokio::try_join!(
            client.execute(&prepared.store, &store),
            client.execute(&prepared.change, &change),
            async {
                match &prepared.audit {
                    Some(statement) => client.execute(statement, &audit).await,
                    None => Ok(0),
                }
            },
            async {
                match &prepared.extra {
                    Some(statement) => client.execute(statement, &[&correlation_id]).await,
                    None => Ok(0),
                }
            },
            client.batch_execute("COMMIT"),
        )?;
        Ok(group)
    }
}

/// What the server writes of a new group. Ids of the load generator need no escapes.
fn effects(group: &pb::Group) -> String {
    let field = |field: &str, after: &str| format!(r#"{{"field": "{field}", "before": null, "after": "{after}"}}"#);
    format!(
        r#"{{"changes": [{{"object": "{}", "object_type": "group", "action": "CREATED", "fields": [{}, {}]}}], "approvals": [], "policy_results": [], "jobs": []}}"#,
        group.name,
        field("description", &group.description),
        field("display_name", &group.display_name),
    )
}

#[tonic::async_trait]
impl GroupService for Groups {
    async fn create_group(&self, request: Request<pb::CreateGroupRequest>) -> Result<Response<pb::Group>, Status> {
        self.create(&request.into_inner()).await.map(Response::new).map_err(Status::from_error)
    }

    async fn get_group(&self, _: Request<pb::GetGroupRequest>) -> Result<Response<pb::Group>, Status> {
        Err(only_creates())
    }

    async fn list_groups(&self, _: Request<pb::ListGroupsRequest>) -> Result<Response<pb::ListGroupsResponse>, Status> {
        Err(only_creates())
    }

    async fn update_group(&self, _: Request<pb::UpdateGroupRequest>) -> Result<Response<pb::Group>, Status> {
        Err(only_creates())
    }

    async fn delete_group(
        &self,
        _: Request<pb::DeleteGroupRequest>,
    ) -> Result<Response<pb::DeleteGroupResponse>, Status> {
        Err(only_creates())
    }

    async fn list_group_members(
        &self,
        _: Request<pb::ListGroupMembersRequest>,
    ) -> Result<Response<pb::ListGroupMembersResponse>, Status> {
        Err(only_creates())
    }

    async fn add_group_member(
        &self,
        _: Request<pb::AddGroupMemberRequest>,
    ) -> Result<Response<pb::GroupMember>, Status> {
        Err(only_creates())
    }

    async fn remove_group_member(
        &self,
        _: Request<pb::RemoveGroupMemberRequest>,
    ) -> Result<Response<pb::RemoveGroupMemberResponse>, Status> {
        Err(only_creates())
    }
}

fn only_creates() -> Status {
    Status::from_error("the peer only creates groups".into())
}
