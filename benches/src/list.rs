//! Whether a page costs the same in a table of any size, at any depth.

use std::sync::Arc;
use std::time::Duration;

use flagstone_api::pb;
use flagstone_api::pb::request_service_client::RequestServiceClient;
use tonic::Status;

use crate::client::{self, Bearer, Caller};
use crate::load::{Contender, compete, drive};
use crate::machine::Others;
use crate::report::{Aim, Line, Section, time, times};
use crate::stack::{self, Options, Server, Stack};
use crate::stats::{Sample, median_of};
use crate::{Result, seed};

/// Rows of the tables that are compared.
const SIZES: [(&str, u32); 2] = [("requests_small", 1_000), ("requests_large", 1_000_000)];

/// Callers at a time: enough to keep the server busy, too few to measure queues.
const CALLERS: usize = 4;

/// How long one round takes.
const ROUND: Duration = Duration::from_millis(600);

/// How deep the deep page lies, in pages of [`DEEP_PAGE`] rows: in the middle of the small table, 100,000 rows down in
/// the large one.
const DEEP: [usize; 2] = [2, 500];
const DEEP_PAGE: i32 = 200;

/// One kind of page: its name, filter and order, and whether it lies deep.
type Case = (&'static str, &'static str, &'static str, bool);

const CASES: [Case; 6] = [
    ("first page", "", "", false),
    ("deep page", "", "", true),
    ("oldest first", "", "create_time", false),
    ("state = FAILED (one in ten)", "state = FAILED", "", false),
    ("state = CANCELLED (one in a thousand)", "state = CANCELLED", "", false),
    ("requester = users/admin (all)", "requester = users/admin", "", false),
];

/// Pages of 50 from a small and from a large table.
pub(crate) async fn list(stack: &Stack) -> Result<Section> {
    let mut servers = Vec::with_capacity(SIZES.len());
    let admin = stack::connect(&stack.url_of("postgres")?).await?;
    for (name, rows) in SIZES {
        admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE flagstone")).await?;
        seed::requests(&stack::connect(&stack.url_of(name)?).await?, rows).await?;
        servers.push(Options::default().database(name).start(stack).await?);
    }
    // What the inserts left to be written would otherwise be written meanwhile.
    admin.batch_execute("CHECKPOINT").await?;
    let others = Others::watch();
    let mut lines = Vec::new();
    for case in CASES {
        lines.extend(compare(&servers, case).await?);
    }
    let others = others.cores();
    for server in servers {
        server.stop().await;
    }
    Ok(Section {
        title: "Pages of 50 from 1,000 and from 1,000,000 requests".to_owned(),
        method: format!(
            "ListRequests through the whole edge on two databases that differ in size only, {CALLERS} callers each, \
             medians of rounds in turns. The deep page begins after {} and {} rows.",
            DEEP[0] * DEEP_PAGE as usize,
            DEEP[1] * DEEP_PAGE as usize
        ),
        lines,
        others,
    })
}

async fn compare(servers: &[Server], (what, filter, order_by, deep): Case) -> Result<Vec<Line>> {
    let mut contenders = Vec::with_capacity(servers.len());
    for (server, depth) in servers.iter().zip(DEEP) {
        let bearer = client::login(server.address).await?;
        let request = pb::ListRequestsRequest {
            parent: "businessUnits/-".to_owned(),
            page_size: 50,
            page_token: if deep { token_at(server, &bearer, depth).await? } else { String::new() },
            filter: filter.to_owned(),
            order_by: order_by.to_owned(),
            include_total: false,
        };
        let clients = Arc::new(client::callers(server.address, &bearer, CALLERS).await?);
        contenders.push(Contender::new(server.pid(), move |time| {
            let (clients, request) = (clients.clone(), request.clone());
            async move {
                let call = move |caller: Caller| page(caller, request.clone());
                drive(&clients, CALLERS, time, call).await
            }
        }));
    }
    let rounds = compete(&contenders, ROUND).await?;
    let line = |word: &str, share: f64, aimed: bool| {
        let of = |rounds: &[Sample]| median_of(rounds, |sample| sample.quantile(share));
        let (small, large) = (of(&rounds[0]), of(&rounds[1]));
        let ratio = large.as_secs_f64() / small.as_secs_f64();
        Line {
            what: format!("{what}, {word}: 1,000,000 rows against 1,000"),
            flagstone: time(large),
            peer: time(small),
            ratio: times(ratio),
            aim: if aimed { Aim::at_most(ratio, 1.5) } else { Aim::None },
        }
    };
    Ok(vec![line("p50", 0.5, false), line("p99", 0.99, true)])
}

async fn page(caller: Caller, request: pb::ListRequestsRequest) -> Result<(), Status> {
    let answer = RequestServiceClient::new(caller).list_requests(request).await?.into_inner();
    // An empty page would be a fast one.
    if answer.requests.is_empty() { Err(Status::from_error("a page is empty".into())) } else { Ok(()) }
}

/// The token of the page that comes after `pages` others.
async fn token_at(server: &Server, bearer: &Bearer, pages: usize) -> Result<String> {
    let mut client = RequestServiceClient::new(client::caller(server.address, bearer).await?);
    let mut request = pb::ListRequestsRequest {
        parent: "businessUnits/-".to_owned(),
        page_size: DEEP_PAGE,
        ..pb::ListRequestsRequest::default()
    };
    for _ in 0..pages {
        request.page_token = client.list_requests(request.clone()).await?.into_inner().next_page_token;
    }
    Ok(request.page_token)
}
