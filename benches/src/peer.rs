//! The peers: bare tonic servers with the same messages and nothing around them. No token is looked at, no permission,
//! no limit, no metric; the query is the server's own, prepared once and sent by tokio-postgres without an ORM.

mod write;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use flagstone_api::pb;
use flagstone_api::pb::environment_service_server::{EnvironmentService, EnvironmentServiceServer};
use flagstone_api::pb::group_service_server::GroupServiceServer;
use flagstone_core::tier::Tier;
use tokio::process::Command;
use tokio::sync::{Mutex, mpsc};
use tokio_postgres::{Client, Row, Statement};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use self::write::Groups;
use crate::Result;
use crate::stack::{self, Server, Stack};

/// What a peer does, and how it uses its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Mode {
    /// Two connections shared by all calls, whose queries are sent one behind the other without waiting.
    Shared,
    /// Sixteen connections, each of one call at a time, given back without a ping.
    Pool,
    /// Writes on such a pool: one INSERT, which is its own transaction.
    Insert,
    /// Writes: a transaction of the row, its change event, and the answer kept under its `request_id`.
    Change,
    /// Writes: the same with an audit event.
    Audit,
    /// Writes: the same with a NOTIFY before the commit.
    Notify,
    /// Writes: with the audit event, hashed with the one before it.
    Chain,
}

impl Mode {
    const fn connections(self) -> usize {
        if matches!(self, Self::Shared) { 2 } else { 16 }
    }
}

/// What a peer process is told.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    mode: Mode,
    /// Read from a file, since every process of the machine can read command lines.
    #[arg(long)]
    url_file: std::path::PathBuf,
}

/// Starts a peer as a process of its own, on the cluster's database with this name.
pub(crate) async fn start(stack: &Stack, mode: Mode, database: &str) -> Result<Server> {
    let address = stack::free_address()?;
    let dir = stack.dir("peer")?;
    let url_file = dir.join(format!("{database}.url"));
    std::fs::write(&url_file, stack.url_of(database)?)?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("peer").arg("--listen").arg(address.to_string());
    command.arg("--mode").arg(format!("{mode:?}").to_lowercase()).arg("--url-file").arg(&url_file);
    let mut server = Server::spawn(command, address, &dir.join(format!("{mode:?}.log")))?;
    server.answers().await?;
    Ok(server)
}

/// Serves until killed.
pub(crate) async fn serve(options: Options) -> Result<()> {
    let url = std::fs::read_to_string(&options.url_file)?;
    let mut connections = Vec::with_capacity(options.mode.connections());
    for _ in 0..options.mode.connections() {
        connections.push(stack::connect(&url).await?);
    }
    let mut server = tonic::transport::Server::builder().tcp_nodelay(true);
    let router = match options.mode {
        Mode::Shared | Mode::Pool => {
            let environments = Environments::open(connections, options.mode).await?;
            server.add_service(EnvironmentServiceServer::from_arc(Arc::new(environments)))
        }
        Mode::Insert | Mode::Change | Mode::Audit | Mode::Notify | Mode::Chain => {
            let groups = Groups::open(connections, options.mode).await?;
            server.add_service(GroupServiceServer::from_arc(Arc::new(groups)))
        }
    };
    router.serve(options.listen).await?;
    Ok(())
}

/// Connections, each of one call at a time.
struct Pool<T> {
    give: mpsc::UnboundedSender<T>,
    take: Mutex<mpsc::UnboundedReceiver<T>>,
}

impl<T> Pool<T> {
    fn of(connections: Vec<T>) -> Result<Self> {
        let (give, take) = mpsc::unbounded_channel();
        for connection in connections {
            give.send(connection).map_err(|_| "the pool is closed")?;
        }
        Ok(Self { give, take: Mutex::new(take) })
    }

    async fn take(&self) -> Result<T> {
        Ok(self.take.lock().await.recv().await.ok_or("the pool is closed")?)
    }

    fn give(&self, connection: T) {
        let _ = self.give.send(connection);
    }
}

/// The query of `flagstone_db::environment::find`.
const QUERY: &str = "SELECT id, organization_id, business_unit_id, slug, display_name, tier, rank, region, state, creator, \
    revision, create_time, update_time FROM environments \
    WHERE organization_id = $1 AND business_unit_id = $2 AND slug = $3 LIMIT $4";

type Prepared = (Client, Statement);

enum Source {
    Shared { connections: Vec<Prepared>, next: AtomicUsize },
    Pool(Pool<Prepared>),
}

struct Environments {
    source: Source,
    organization_id: Uuid,
    unit_id: Uuid,
    unit: String,
}

impl Environments {
    async fn open(clients: Vec<Client>, mode: Mode) -> Result<Self> {
        let mut connections = Vec::with_capacity(clients.len());
        for client in clients {
            let statement = client.prepare(QUERY).await?;
            connections.push((client, statement));
        }
        let (client, _) = &connections[0];
        let unit = client.query_one("SELECT organization_id, id, slug FROM business_units LIMIT 1", &[]).await?;
        let source = if mode == Mode::Shared {
            Source::Shared { connections, next: AtomicUsize::new(0) }
        } else {
            Source::Pool(Pool::of(connections)?)
        };
        Ok(Self { source, organization_id: unit.try_get(0)?, unit_id: unit.try_get(1)?, unit: unit.try_get(2)? })
    }

    async fn find(&self, slug: &str) -> Result<Option<Row>> {
        match &self.source {
            Source::Shared { connections, next } => {
                let (client, statement) = &connections[next.fetch_add(1, Ordering::Relaxed) % connections.len()];
                self.ask(client, statement, slug).await
            }
            Source::Pool(pool) => {
                let (client, statement) = pool.take().await?;
                let found = self.ask(&client, &statement, slug).await;
                pool.give((client, statement));
                found
            }
        }
    }

    async fn ask(&self, client: &Client, statement: &Statement, slug: &str) -> Result<Option<Row>> {
        Ok(client.query_opt(statement, &[&self.organization_id, &self.unit_id, &slug, &1_i64]).await?)
    }

    fn to_proto(&self, row: &Row) -> Result<pb::Environment> {
        let slug: &str = row.try_get(3)?;
        let (tier, state): (&str, &str) = (row.try_get(5)?, row.try_get(8)?);
        let revision: i64 = row.try_get(10)?;
        let (create, update): (SystemTime, SystemTime) = (row.try_get(11)?, row.try_get(12)?);
        Ok(pb::Environment {
            name: format!("businessUnits/{}/environments/{slug}", self.unit),
            display_name: row.try_get(4)?,
            tier: pb::Tier::from_str_name(&format!("TIER_{tier}")).unwrap_or_default().into(),
            rank: row.try_get(6)?,
            region: row.try_get(7)?,
            state: pb::EnvironmentState::from_str_name(&format!("ENVIRONMENT_STATE_{state}"))
                .unwrap_or_default()
                .into(),
            create_time: Some(create.into()),
            update_time: Some(update.into()),
            creator: row.try_get(9)?,
            etag: format!("\"{revision}\""),
        })
    }
}

#[tonic::async_trait]
impl EnvironmentService for Environments {
    async fn get_environment(
        &self,
        request: Request<pb::GetEnvironmentRequest>,
    ) -> Result<Response<pb::Environment>, Status> {
        let name = request.into_inner().name;
        let slug = name.rsplit_once('/').map_or("", |(_, slug)| slug);
        let row = self.find(slug).await.map_err(Status::from_error)?;
        let row = row.ok_or_else(|| Status::from_error("there is no such environment".into()))?;
        self.to_proto(&row).map(Response::new).map_err(Status::from_error)
    }

    async fn list_environment_tiers(
        &self,
        _: Request<pb::ListEnvironmentTiersRequest>,
    ) -> Result<Response<pb::ListEnvironmentTiersResponse>, Status> {
        Ok(Response::new(pb::ListEnvironmentTiersResponse { tiers: tiers() }))
    }

    async fn list_environments(
        &self,
        _: Request<pb::ListEnvironmentsRequest>,
    ) -> Result<Response<pb::ListEnvironmentsResponse>, Status> {
        Err(Status::from_error("the peer does not list".into()))
    }
}

/// The server's answer, word for word.
fn tiers() -> Vec<pb::EnvironmentTier> {
    let tier = |tier: Tier| pb::EnvironmentTier {
        tier: pb::Tier::from_str_name(&format!("TIER_{}", tier.as_str())).unwrap_or_default().into(),
        display_name: tier.display_name().to_owned(),
        description: tier.description().to_owned(),
        rank: tier.rank(),
        aliases: tier.aliases().iter().map(|alias| (*alias).to_owned()).collect(),
    };
    Tier::ALL.into_iter().map(tier).collect()
}
