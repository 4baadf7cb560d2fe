//! How fast the audit is sealed behind the writers, exported, and checked by a program that knows nothing of the server.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use flagstone_api::pb;
use flagstone_api::pb::audit_service_client::AuditServiceClient;
use flagstone_api::pb::export_audit_events_response::Event;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::sleep;
use tokio_postgres::Client;
use tonic::Code;

use crate::Result;
use crate::client::{self, Caller};
use crate::load::{CONNECTIONS, drive};
use crate::machine::Others;
use crate::report::{Aim, Line, Section, bytes, percent, rate, time};
use crate::stack::{self, Options, Stack};
use crate::write::create_group;

/// Writers at a time: as many as connections for writes.
const WRITERS: usize = 16;

/// How long they write while the sealer works beside them.
const STORM: Duration = Duration::from_secs(5);

/// What is sealed, exported and verified: so many entries, or what could be written in [`FILL_LIMIT`].
const ENTRIES: i64 = 100_000;
const FILL_LIMIT: Duration = Duration::from_secs(90);

/// Between two looks at how far the sealer is.
const LOOK: Duration = Duration::from_millis(5);

/// A sealer that is not done by then has stopped.
const PATIENCE: Duration = Duration::from_secs(120);

/// Sealing beside the writers and of a backlog; an export and its verification.
pub(crate) async fn seal(stack: &Stack) -> Result<Section> {
    let verify = stack.program.with_file_name("flagstone-verify");
    if !verify.is_file() {
        return Err(format!("{} is not there: run `make bench`, which builds it.", verify.display()).into());
    }
    let admin = stack::connect(&stack.url_of("postgres")?).await?;
    admin.batch_execute("CREATE DATABASE sealing TEMPLATE flagstone").await?;
    let server = Options::default().database("sealing").start(stack).await?;
    let bearer = client::login(server.address).await?;
    let writers = client::callers(server.address, &bearer, CONNECTIONS).await?;
    let caller = &writers[0];
    let database = stack::connect(&stack.url_of("sealing")?).await?;
    let others = Others::watch();
    let mut lines = Vec::new();

    drive(&writers, WRITERS, STORM / 5, create_group).await?;
    let beside = drive(&writers, WRITERS, STORM, create_group).await?;
    let lag = sealed(caller, written(&database).await?, |_, _| {}).await?;
    lines.push(line(
        "last write of a storm until all of it is sealed",
        time(lag),
        Aim::below(lag, Duration::from_secs(2)),
    ));

    // The sealer takes only what lies below the oldest transaction that still runs: one that does nothing holds it back.
    let holder = stack::connect(&stack.url_of("sealing")?).await?;
    holder.batch_execute("BEGIN; SELECT pg_current_xact_id()").await?;
    let alone = drive(&writers, WRITERS, STORM, create_group).await?;
    lines.push(Line {
        what: format!("CreateGroup, {WRITERS} writers, the sealer at work against held back"),
        flagstone: rate(beside.rate()),
        peer: rate(alone.rate()),
        ratio: percent(beside.rate() / alone.rate()),
        aim: Aim::None,
    });
    let filling = Instant::now();
    while written(&database).await? < ENTRIES && filling.elapsed() < FILL_LIMIT {
        drive(&writers, WRITERS, STORM / 5, create_group).await?;
    }
    let total = written(&database).await?;
    let before = size(caller).await?;
    let (mut first, mut last) = (None, None);
    holder.batch_execute("COMMIT").await?;
    let taken = sealed(caller, total, |size, at| {
        if size > before {
            first.get_or_insert((size, at));
        }
        last = Some((size, at));
    })
    .await?;
    let what = format!("a backlog of {} events, until all of it is sealed", total - before);
    lines.push(line(&what, time(taken), Aim::None));
    // From the first batch to the last: the sealer may have slept for most of a second before the first.
    if let (Some((from, began)), Some((to, ended))) = (first, last) {
        let speed = (to - from) as f64 / ended.saturating_sub(began).as_secs_f64();
        lines.push(line("events sealed, nobody writing", rate(speed), Aim::None));
    }

    let dir = stack.dir("seal")?;
    let (file, keys) = (dir.join("audit.ndjson"), dir.join("keys.json"));
    std::fs::write(&keys, public_keys(server.address).await?)?;
    let (entries, size, exporting) = export(caller, &file).await?;
    let what = format!("ExportAuditEvents, {entries} entries, {}", bytes(size));
    lines.push(line(&what, format!("{}; {}", time(exporting), per_second(entries, exporting)), Aim::None));
    let verifying = run(&verify, &file, &keys).await?;
    let what = format!("flagstone-verify, the same {entries} entries");
    lines.push(line(&what, format!("{}; {}", time(verifying), per_second(entries, verifying)), Aim::None));

    let others = others.cores();
    server.stop().await;
    Ok(Section {
        title: "Sealing, exporting and verifying the audit".to_owned(),
        method: format!(
            "{WRITERS} writers call CreateGroup for {} seconds, and GetAuditCheckpoint is asked until the signed head covers \
             all that they left in the audit (the sealer looks every 0.7 seconds). Then a transaction that stays open holds \
             the sealer back while they write on, and ends: what has gathered is sealed with nobody writing. All of it is \
             exported as NDJSON into a file, and `flagstone-verify` checks that with the server's public keys.",
            STORM.as_secs()
        ),
        lines,
        others,
    })
}

fn line(what: &str, flagstone: String, aim: Aim) -> Line {
    Line { what: what.to_owned(), flagstone, peer: String::new(), ratio: String::new(), aim }
}

fn per_second(entries: i64, time: Duration) -> String {
    rate(entries as f64 / time.as_secs_f64())
}

/// Events of the organization, sealed or not.
async fn written(database: &Client) -> Result<i64> {
    let count =
        "SELECT count(*) FROM audit_events e JOIN organizations o ON o.id = e.organization_id WHERE o.is_default";
    Ok(database.query_one(count, &[]).await?.try_get(0)?)
}

/// Events under the newest signed head.
async fn size(caller: &Caller) -> Result<i64> {
    let request = pb::GetAuditCheckpointRequest::default();
    match AuditServiceClient::new(caller.clone()).get_audit_checkpoint(request).await {
        Ok(answer) => Ok(answer.into_inner().size),
        Err(status) if status.code() == Code::FailedPrecondition => Ok(0),
        Err(status) => Err(status.into()),
    }
}

/// Waits until so many events are sealed and returns how long that took. `seen` is told each size, and when.
async fn sealed(caller: &Caller, total: i64, mut seen: impl FnMut(i64, Duration)) -> Result<Duration> {
    let started = Instant::now();
    loop {
        let size = size(caller).await?;
        let passed = started.elapsed();
        seen(size, passed);
        if size >= total {
            return Ok(passed);
        }
        if passed > PATIENCE {
            return Err(format!("{size} of {total} events were sealed after {}", time(passed)).into());
        }
        sleep(LOOK).await;
    }
}

/// Writes an export of everything that is sealed to a file; how many entries and bytes it has, and how long it took.
async fn export(caller: &Caller, path: &Path) -> Result<(i64, u64, Duration)> {
    let started = Instant::now();
    let mut file = std::fs::File::create(path)?;
    let request = pb::ExportAuditEventsRequest::default();
    let mut stream = AuditServiceClient::new(caller.clone()).export_audit_events(request).await?.into_inner();
    let mut size = 0;
    while let Some(message) = stream.message().await? {
        match message.event {
            Some(Event::Chunk(chunk)) => {
                file.write_all(&chunk.data)?;
                size += chunk.data.len() as u64;
            }
            // An export that was cut has no hash of the whole.
            Some(Event::End(end)) if !end.sha256.is_empty() => return Ok((end.entries, size, started.elapsed())),
            Some(Event::End(_)) => break,
            Some(Event::Open(_) | Event::Heartbeat(_)) | None => {}
        }
    }
    Err("the export ended before its end".into())
}

/// Checks an export; an error where it is not good.
async fn run(verify: &Path, file: &Path, keys: &Path) -> Result<Duration> {
    let started = Instant::now();
    let mut command = Command::new(verify);
    let output = command.arg(file).arg("--key").arg(keys).stdin(Stdio::null()).kill_on_drop(true).output().await?;
    let taken = started.elapsed();
    if output.status.success() {
        Ok(taken)
    } else {
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Err(format!("flagstone-verify refuses the export: {out}{err}").into())
    }
}

/// What the server publishes of its signing keys. HTTP/1.0, whose answer ends with the connection.
async fn public_keys(address: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /.well-known/jwks.json HTTP/1.0\r\nhost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the server does not tell its public keys")?;
    if head.split(' ').nth(1) != Some("200") {
        return Err(format!("the server does not tell its public keys: {head}").into());
    }
    Ok(body.to_owned())
}
