//! What everything around a call costs: a read by name against a bare server with the same query, and a call without a
//! database against a hello-world.

use std::net::SocketAddr;
use std::time::Duration;

use flagstone_api::pb;
use flagstone_api::pb::environment_service_client::EnvironmentServiceClient;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::Uri;
use tonic::service::interceptor::InterceptedService;
use tonic_web::{GrpcWebCall, GrpcWebClientService};

use crate::Result;
use crate::client::{self, Bearer, Caller};
use crate::load::{CALLERS, CONNECTIONS, Contender, compete, drive};
use crate::machine::Others;
use crate::order;
use crate::peer::{self, Mode};
use crate::report::{Aim, Line, Section, percent, rate, time, times};
use crate::stack::{Options, Server, Stack};
use crate::stats::{Sample, median, median_of};

/// How long one round takes.
const ROUND: Duration = Duration::from_millis(1_500);

/// How long one round with a single caller takes.
const SHORT_ROUND: Duration = Duration::from_millis(700);

/// A read by name through all layers.
pub(crate) async fn get(stack: &Stack) -> Result<Section> {
    let server = Options::default().start(stack).await?;
    let bearer = client::login(server.address).await?;
    let name = order::development(&client::caller(server.address, &bearer).await?).await?;
    let shared = peer::start(stack, Mode::Shared, "flagstone").await?;
    let pool = peer::start(stack, Mode::Pool, "flagstone").await?;
    let others = Others::watch();
    let mut lines = Vec::new();

    let rounds = get_rounds(&[&server, &shared, &pool], &bearer, &name, CALLERS, ROUND).await?;
    let throughput = |index: usize| median(&rounds[index], Sample::rate);
    for (peer, index, aim) in [("shared connections", 1, true), ("a pool", 2, false)] {
        let share = throughput(0) / throughput(index);
        lines.push(Line {
            what: format!("GetEnvironment, {CALLERS} callers, against {peer}"),
            flagstone: rate(throughput(0)),
            peer: rate(throughput(index)),
            ratio: percent(share),
            aim: if aim { Aim::at_least(share, 0.85) } else { Aim::None },
        });
    }
    lines.extend(latencies("GetEnvironment, 64 callers", &rounds[0], &rounds[1]));
    lines.push(cpu("GetEnvironment, 64 callers", &rounds[0], &rounds[1]));

    let rounds = get_rounds(&[&server, &shared], &bearer, &name, 1, SHORT_ROUND).await?;
    lines.extend(latencies("GetEnvironment, 1 caller", &rounds[0], &rounds[1]));

    let others = others.cores();
    for server in [server, shared, pool] {
        server.stop().await;
    }
    Ok(Section {
        title: "A read by name through the whole edge".to_owned(),
        method: format!(
            "`serve` with token, permission, rate limit (raised, still counted), database and metrics, against a bare \
             tonic server in a process of its own that runs the same query by tokio-postgres: prepared, pipelined on \
             two shared connections, or on a pool of 16 without ping. Same messages, same load generator (a third \
             process), {CONNECTIONS} connections, medians of rounds in turns. The floor is 70 %."
        ),
        lines,
        others,
    })
}

/// A call without a database through all layers, and the price of gRPC-web.
pub(crate) async fn hello(stack: &Stack) -> Result<Section> {
    let server = Options::default().start(stack).await?;
    let bearer = client::login(server.address).await?;
    let bare = peer::start(stack, Mode::Shared, "flagstone").await?;
    let others = Others::watch();
    let contenders = [
        contender(&server, client::callers(server.address, &bearer, CONNECTIONS).await?, CALLERS, tiers),
        contender(&bare, client::callers(bare.address, &bearer, CONNECTIONS).await?, CALLERS, tiers),
        contender(&server, web_clients(server.address, &bearer, true)?, CALLERS, web_tiers),
        contender(&server, web_clients(server.address, &bearer, false)?, CALLERS, web_tiers),
    ];
    let rounds = compete(&contenders, ROUND).await?;
    drop(contenders);
    let throughput = |index: usize| median(&rounds[index], Sample::rate);
    let share = throughput(0) / throughput(1);
    let mut lines = vec![Line {
        what: format!("ListEnvironmentTiers, {CALLERS} callers, against hello-world"),
        flagstone: rate(throughput(0)),
        peer: rate(throughput(1)),
        ratio: percent(share),
        aim: Aim::at_least(share, 0.7),
    }];
    lines.extend(latencies("ListEnvironmentTiers, 64 callers", &rounds[0], &rounds[1]));
    lines.push(cpu("ListEnvironmentTiers, 64 callers", &rounds[0], &rounds[1]));
    for (index, transport, aim) in [(2, "HTTP/2", true), (3, "HTTP/1.1", false)] {
        let share = throughput(index) / throughput(0);
        lines.push(Line {
            what: format!("gRPC-web over {transport}, against gRPC"),
            flagstone: rate(throughput(index)),
            peer: rate(throughput(0)),
            ratio: percent(share),
            aim: if aim { Aim::at_least(share, 0.9) } else { Aim::None },
        });
    }
    let others = others.cores();
    server.stop().await;
    bare.stop().await;
    Ok(Section {
        title: "Hello through all layers".to_owned(),
        method:
            "The cheapest call that needs a token and no database, against a tonic hello-world that answers the same \
                 message; and gRPC-web, by tonic's own client, against gRPC of the same server."
                .to_owned(),
        lines,
        others,
    })
}

async fn get_rounds(
    servers: &[&Server],
    bearer: &Bearer,
    name: &str,
    callers: usize,
    round: Duration,
) -> Result<Vec<Vec<Sample>>> {
    let mut contenders = Vec::with_capacity(servers.len());
    for server in servers {
        let clients = client::callers(server.address, bearer, CONNECTIONS.min(callers)).await?;
        let name = name.to_owned();
        contenders.push(contender(server, clients, callers, move |caller: Caller| {
            let request = pb::GetEnvironmentRequest { name: name.clone() };
            async move { EnvironmentServiceClient::new(caller).get_environment(request).await.map(drop) }
        }));
    }
    compete(&contenders, round).await
}

pub(crate) fn contender<'a, C, F, Fut>(server: &Server, clients: Vec<C>, callers: usize, call: F) -> Contender<'a>
where
    C: Clone + Send + 'static,
    F: Fn(C) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<(), Status>> + Send + 'static,
{
    let clients = std::sync::Arc::new(clients);
    Contender::new(server.pid(), move |time| {
        let (clients, call) = (clients.clone(), call.clone());
        async move { drive(&clients, callers, time, call).await }
    })
}

async fn tiers(caller: Caller) -> Result<(), Status> {
    EnvironmentServiceClient::new(caller).list_environment_tiers(pb::ListEnvironmentTiersRequest {}).await.map(drop)
}

/// A client that speaks gRPC-web.
type WebClient = EnvironmentServiceClient<
    InterceptedService<GrpcWebClientService<HttpClient<HttpConnector, GrpcWebCall<Body>>>, Bearer>,
>;

/// Over HTTP/2 as many connections as the callers of gRPC have; over HTTP/1.1 each caller comes to one of its own.
fn web_clients(address: SocketAddr, bearer: &Bearer, http2: bool) -> Result<Vec<WebClient>> {
    let origin: Uri = format!("http://{address}").parse()?;
    let client = |_| {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut http = HttpClient::builder(TokioExecutor::new());
        http.pool_timer(TokioTimer::new()).http2_only(http2);
        let web = GrpcWebClientService::new(http.build(connector));
        EnvironmentServiceClient::with_origin(InterceptedService::new(web, bearer.clone()), origin.clone())
    };
    Ok((0..CONNECTIONS).map(client).collect())
}

async fn web_tiers(mut client: WebClient) -> Result<(), Status> {
    client.list_environment_tiers(pb::ListEnvironmentTiersRequest {}).await.map(drop)
}

pub(crate) fn latencies(what: &str, ours: &[Sample], theirs: &[Sample]) -> Vec<Line> {
    [("p50", 0.5), ("p99", 0.99)]
        .into_iter()
        .map(|(word, share)| {
            let of = |rounds: &[Sample]| median_of(rounds, |sample| sample.quantile(share));
            Line {
                what: format!("{what}, {word}"),
                flagstone: time(of(ours)),
                peer: time(of(theirs)),
                ratio: times(of(ours).as_secs_f64() / of(theirs).as_secs_f64()),
                aim: Aim::None,
            }
        })
        .collect()
}

pub(crate) fn cpu(what: &str, ours: &[Sample], theirs: &[Sample]) -> Line {
    let of = |rounds: &[Sample]| median_of(rounds, Sample::cpu_per_call);
    Line {
        what: format!("{what}, CPU of the server per call"),
        flagstone: time(of(ours)),
        peer: time(of(theirs)),
        ratio: times(of(ours).as_secs_f64() / of(theirs).as_secs_f64()),
        aim: Aim::None,
    }
}
