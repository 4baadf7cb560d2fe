//! What a server costs that does nothing: its start, its memory, its CPU time, its size on disk.

use std::process::Stdio;
use std::time::{Duration, Instant};

use flagstone_api::pb;
use flagstone_api::pb::environment_service_client::EnvironmentServiceClient;
use tokio::process::Command;
use tokio::time::sleep;

use crate::Result;
use crate::client::{self, Bearer};
use crate::machine::{self, Others};
use crate::order;
use crate::report::{Aim, Line, Section, bytes, time};
use crate::stack::{Options, Server, Stack};
use crate::stats::median_of;

/// Starts of which the median is taken.
const STARTS: usize = 7;

/// How long a server is watched doing nothing.
const IDLE: Duration = Duration::from_secs(10);

/// Start, idle memory, idle CPU, size.
pub(crate) async fn start(stack: &Stack) -> Result<Section> {
    let options = Options::default().runner_capacity(2);
    let server = options.start(stack).await?;
    let bearer = client::login(server.address).await?;
    let name = order::development(&client::caller(server.address, &bearer).await?).await?;
    server.stop().await;

    let others = Others::watch();
    let mut starts = Vec::with_capacity(STARTS);
    let mut last = None;
    for _ in 0..STARTS {
        if let Some(server) = last.take() {
            Server::stop(server).await;
        }
        let began = Instant::now();
        let server = options.spawn(stack)?;
        first_answer(&server, &bearer, &name).await?;
        starts.push(began.elapsed());
        last = Some(server);
    }
    let server = last.ok_or("no server was started")?;
    // Whatever a start leaves to be done is done after this.
    sleep(Duration::from_secs(2)).await;
    let before = machine::cpu_of(server.pid());
    sleep(IDLE).await;
    let idle = (machine::cpu_of(server.pid()) - before).as_secs_f64() / IDLE.as_secs_f64();
    let memory = machine::resident(server.pid());
    let (size, stripped) = sizes(stack).await?;
    let others = others.cores();
    server.stop().await;

    let first = median_of(&starts, |start| *start);
    let line = |what: &str, flagstone: String, aim: Aim| Line {
        what: what.to_owned(),
        flagstone,
        peer: String::new(),
        ratio: String::new(),
        aim,
    };
    Ok(Section {
        title: "Start, and doing nothing".to_owned(),
        method: format!(
            "`serve` on an existing database with an embedded runner: from the start of the process to the first good \
             GetEnvironment, the schema checked; then memory and CPU time of the process, without PostgreSQL, over {} \
             seconds.",
            IDLE.as_secs()
        ),
        lines: vec![
            line("Start to first good call", time(first), Aim::below(first, Duration::from_millis(150))),
            line("Resident memory, idle", bytes(memory), Aim::below_bytes(memory, 25_000_000)),
            line("CPU, idle", format!("{:.2} % of a core", idle * 100.0), Aim::Of("~0".to_owned(), idle < 0.01)),
            line("Binary, without symbols", bytes(stripped), Aim::below_bytes(stripped, 30_000_000)),
            line("Binary, as built, with line tables", bytes(size), Aim::None),
        ],
        others,
    })
}

/// Calls until there is a good answer.
async fn first_answer(server: &Server, bearer: &Bearer, name: &str) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Ok(caller) = client::caller(server.address, bearer).await {
            let request = pb::GetEnvironmentRequest { name: name.to_owned() };
            match EnvironmentServiceClient::new(caller).get_environment(request).await {
                Ok(_) => return Ok(()),
                Err(status) if Instant::now() > deadline => return Err(status.into()),
                Err(_) => {}
            }
        } else if Instant::now() > deadline {
            return Err("the server did not start".into());
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// Size of the program as built, and without symbols where `strip` can be had.
async fn sizes(stack: &Stack) -> Result<(u64, u64)> {
    let size = std::fs::metadata(&stack.program)?.len();
    let copy = stack.dir("strip")?.join("flagstone-server");
    let strip = Command::new("strip").arg("-o").arg(&copy).arg(&stack.program).stdin(Stdio::null()).status().await;
    match strip {
        Ok(status) if status.success() => Ok((size, std::fs::metadata(copy)?.len())),
        _ => Ok((size, size)),
    }
}
