//! What it costs that a write leaves everything behind that a mutation leaves: its audit event, its change event, and the
//! answer that a repeated call gets.

use std::sync::Arc;
use std::time::Duration;

use flagstone_api::pb;
use flagstone_api::pb::group_service_client::GroupServiceClient;
use tonic::Status;
use uuid::Uuid;

use crate::Result;
use crate::client::{self, Bearer, Caller};
use crate::load::{CONNECTIONS, Contender, compete, drive};
use crate::machine::Others;
use crate::peer::{self, Mode};
use crate::report::{Aim, Line, Section, percent, rate};
use crate::stack::{self, Options, Server, Stack};
use crate::stats::{Sample, median};
use crate::unary::{cpu, latencies};

/// How long one round takes.
const ROUND: Duration = Duration::from_secs(1);

/// Writers at a time: as many as connections for writes, and one.
const WRITERS: [usize; 2] = [16, 1];

/// The peers, and what their lines call them.
const PEERS: [Mode; 5] = [Mode::Insert, Mode::Audit, Mode::Change, Mode::Notify, Mode::Chain];

/// Ours and those of its peers write into databases of their own, which only the peers' lack of a sealer tells apart.
const DATABASES: [&str; 2] = ["writes", "writes_by_hand"];

/// CreateGroup against a bare INSERT of the same row, and against transactions that leave more behind.
pub(crate) async fn write(stack: &Stack) -> Result<Section> {
    let admin = stack::connect(&stack.url_of("postgres")?).await?;
    for name in DATABASES {
        admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE flagstone")).await?;
    }
    admin.batch_execute("CHECKPOINT").await?;
    let [ours, by_hand] = DATABASES;
    let mut servers = vec![Options::default().database(ours).start(stack).await?];
    let bearer = client::login(servers[0].address).await?;
    for mode in PEERS {
        servers.push(peer::start(stack, mode, by_hand).await?);
    }
    let others = Others::watch();
    let mut lines = Vec::new();
    for writers in WRITERS {
        let rounds = rounds(&servers, &bearer, writers).await?;
        lines.extend(compared(&rounds, writers));
    }
    let others = others.cores();
    for server in servers {
        server.stop().await;
    }
    Ok(Section {
        title: "A write with everything it leaves behind".to_owned(),
        method: format!(
            "CreateGroup with a `request_id`, which leaves a row, an audit event, a change event and the kept answer in one \
             transaction of several statements, through the whole edge, the sealer at work; the database is as durable as \
             PostgreSQL's own settings make it. Beside it bare tonic servers that write the same rows into a database of \
             their own, as its superuser on a pool of 16, statements prepared and pipelined: the row alone; the row, the \
             change event and the answer; the same and the audit event; and, to see what sealing behind the writers \
             saves, that with a NOTIFY before the commit, or hashed with the event before. {CONNECTIONS} connections at \
             most, medians of rounds in turns. `bare:` compares bare servers with each other."
        ),
        lines,
        others,
    })
}

async fn rounds(servers: &[Server], bearer: &Bearer, writers: usize) -> Result<Vec<Vec<Sample>>> {
    let mut contenders = Vec::with_capacity(servers.len());
    for server in servers {
        let clients = Arc::new(client::callers(server.address, bearer, CONNECTIONS.min(writers)).await?);
        contenders.push(Contender::new(server.pid(), move |time| {
            let clients = clients.clone();
            async move { drive(&clients, writers, time, create_group).await }
        }));
    }
    compete(&contenders, ROUND).await
}

fn compared(rounds: &[Vec<Sample>], writers: usize) -> Vec<Line> {
    let [ours, insert, audit, change, notify, chain] = rounds else { return Vec::new() };
    let rate_of = |rounds: &[Sample]| median(rounds, Sample::rate);
    let who = if writers == 1 { "1 writer".to_owned() } else { format!("{writers} writers") };
    let mut lines = Vec::new();
    for (peer, beside, aim) in [("a bare INSERT", insert, writers > 1), ("the same transaction by hand", audit, false)]
    {
        let share = rate_of(ours) / rate_of(beside);
        lines.push(Line {
            what: format!("CreateGroup, {who}, against {peer}"),
            flagstone: rate(rate_of(ours)),
            peer: rate(rate_of(beside)),
            ratio: percent(share),
            aim: if aim { Aim::at_least(share, 0.35) } else { Aim::None },
        });
    }
    let what = format!("CreateGroup, {who}, against the same transaction by hand");
    lines.extend(latencies(&what, ours, audit));
    lines.push(cpu(&what, ours, audit));
    for (what, with, without) in [
        ("row, change event and answer against the row alone", change, insert),
        ("with its audit event against without", audit, change),
        ("audited, with a NOTIFY against without", notify, audit),
        ("audited, chained in the transaction against not", chain, audit),
    ] {
        lines.push(Line {
            what: format!("bare: {who}, {what}"),
            flagstone: String::new(),
            peer: format!("{} to {}", rate(rate_of(with)), rate(rate_of(without))),
            ratio: percent(rate_of(with) / rate_of(without)),
            aim: Aim::None,
        });
    }
    lines
}

/// Makes a group of the organization under a name that nobody has.
pub(crate) async fn create_group(caller: Caller) -> Result<(), Status> {
    let id = format!("bench-{}", Uuid::now_v7().simple());
    let group =
        pb::Group { display_name: id.clone(), description: "Made by a benchmark.".to_owned(), ..pb::Group::default() };
    let request = pb::CreateGroupRequest {
        group_id: id,
        group: Some(group),
        request_id: Uuid::new_v4().to_string(),
        ..pb::CreateGroupRequest::default()
    };
    GroupServiceClient::new(caller).create_group(request).await.map(drop)
}
