//! One order from CreateRequest to COMPLETED: what Terraform takes of it, what the platform adds, and where.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flagstone_api::pb;
use flagstone_api::pb::job_service_client::JobServiceClient;
use flagstone_api::pb::request_service_client::RequestServiceClient;
use flagstone_api::pb::watch_request_response::Event;
use tokio::process::Command;
use tokio::time::timeout;

use crate::client::{self, Caller};
use crate::machine::Others;
use crate::order;
use crate::report::{Aim, Line, Section, time, times};
use crate::stack::{Options, Stack, find};
use crate::stats::median_of;
use crate::{Error, Result};

/// Orders of which medians are taken, after one that warms up.
const ORDERS: usize = 7;

/// How long one order may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Orders through the platform, in turns with the same Terraform commands by hand.
pub(crate) async fn request(stack: &Stack) -> Result<Section> {
    let Some(terraform) = find("terraform") else {
        return Ok(section(Vec::new(), 0.0, "Skipped: terraform is not in PATH."));
    };
    let dir = stack.dir("terraform")?;
    let (program, log) = (dir.join("terraform"), dir.join("times"));
    write_wrapper(&program, &terraform, &log)?;
    let server = Options::default().runner_capacity(2).variable("FLAGSTONE_TERRAFORM", &program).start(stack).await?;
    let caller = client::caller(server.address, &client::login(server.address).await?).await?;
    let environment = order::development(&caller).await?;
    let others = Others::watch();
    let (mut orders, mut bare) = (Vec::new(), Vec::new());
    for round in 0..=ORDERS {
        fs::write(&log, "")?;
        let order = follow(&caller, &environment, &log).await?;
        let by_hand = by_hand(&dir.join(format!("bare-{round}")), &terraform).await?;
        if round > 0 {
            orders.push(order);
            bare.push(by_hand);
        }
    }
    let others = others.cores();
    server.stop().await;
    Ok(section(lines(&orders, &bare), others, ""))
}

fn section(lines: Vec<Line>, others: f64, note: &str) -> Section {
    let method = "CreateRequest, plan, approval by policy, apply, COMPLETED as WatchRequest tells it, with the embedded \
                  runner and real Terraform. Terraform's time is the time during which one of its processes ran, taken by a \
                  wrapper around it; the platform's time is the rest. By hand: init, plan, show, apply and output with a \
                  local state, as a script would run them.";
    let method = if note.is_empty() { method.to_owned() } else { format!("{method} {note}") };
    Section { title: "An order of config-bundle, from request to deployment".to_owned(), method, lines, others }
}

fn lines(orders: &[Order], bare: &[Duration]) -> Vec<Line> {
    let alone = |what: &str, quantity: fn(&Order) -> Duration| Line {
        what: what.to_owned(),
        flagstone: time(median_of(orders, quantity)),
        peer: String::new(),
        ratio: String::new(),
        aim: Aim::None,
    };
    let total = median_of(orders, |order| order.total);
    let by_hand = median_of(bare, |bare| *bare);
    let platform = median_of(orders, Order::platform);
    vec![
        Line {
            peer: time(by_hand),
            ratio: times(total.as_secs_f64() / by_hand.as_secs_f64()),
            ..alone("CreateRequest to COMPLETED, against Terraform by hand", |order| order.total)
        },
        alone("of it Terraform's processes", |order| order.terraform),
        Line { aim: Aim::below(platform, Duration::from_millis(150)), ..alone("of it the platform", Order::platform) },
        alone("– CreateRequest until it is stored", |order| order.phases[0]),
        alone("– until a runner has the plan job", |order| order.phases[1]),
        alone("– around Terraform in the plan job", |order| order.phases[2]),
        alone("– until a runner has the apply job", |order| order.phases[3]),
        alone("– around Terraform in the apply job", |order| order.phases[4]),
        alone("– until the watcher is told", |order| order.phases[5]),
    ]
}

/// One order: how long it took, and where the time went.
struct Order {
    total: Duration,
    terraform: Duration,
    /// The platform's part of each phase.
    phases: [Duration; 6],
}

impl Order {
    fn platform(&self) -> Duration {
        self.total.saturating_sub(self.terraform)
    }
}

/// Orders, and waits until it is carried out.
async fn follow(caller: &Caller, environment: &str, log: &Path) -> Result<Order> {
    let (began, started) = (SystemTime::now(), Instant::now());
    let request = order::create(caller, environment, "templates/config-bundle", order::bundle()).await?;
    let request = timeout(PATIENCE, completed(caller, request.name)).await??;
    let (total, ended) = (started.elapsed(), SystemTime::now());
    let mut marks = vec![began, at(request.create_time)?];
    for job in &request.jobs {
        let job = pb::GetJobRequest { name: job.clone() };
        let job = JobServiceClient::new(caller.clone()).get_job(job).await?.into_inner();
        marks.extend([at(job.start_time)?, at(job.end_time)?]);
    }
    marks.push(ended);
    let runs = runs(&fs::read_to_string(log)?);
    let phase = |from: usize| -> Duration {
        let span = marks[from + 1].duration_since(marks[from]).unwrap_or_default();
        span.saturating_sub(covered(&runs, marks[from], marks[from + 1]))
    };
    if marks.len() != 7 {
        return Err(format!("{} has {} jobs instead of two", request.name, request.jobs.len()).into());
    }
    Ok(Order { total, terraform: covered(&runs, began, ended), phases: std::array::from_fn(phase) })
}

/// Watches a request until it is over.
async fn completed(caller: &Caller, name: String) -> Result<pb::Request> {
    let watch = pb::WatchRequestRequest { name, cursor: String::new() };
    let mut stream = RequestServiceClient::new(caller.clone()).watch_request(watch).await?.into_inner();
    while let Some(message) = stream.message().await? {
        let Some(Event::Update(pb::RequestUpdate { request: Some(request), .. })) = message.event else { continue };
        match request.state() {
            pb::RequestState::Completed => return Ok(request),
            pb::RequestState::Planning | pb::RequestState::Approved | pb::RequestState::Applying => {}
            state => return Err(format!("{} is {}: {:?}", request.name, state.as_str_name(), request.error).into()),
        }
    }
    Err(Error::from("the watch ended before the request did"))
}

fn at(time: Option<prost_types::Timestamp>) -> Result<SystemTime> {
    Ok(time.ok_or("a time is missing")?.try_into()?)
}

/// Notes when each run of Terraform began and ended. bash reads the clock without starting a process for it.
fn write_wrapper(program: &Path, terraform: &Path, log: &Path) -> Result<()> {
    let script = format!(
        "#!/bin/bash\nbegan=$EPOCHREALTIME\n'{}' \"$@\"\ncode=$?\nprintf '%s %s\\n' \"$began\" \"$EPOCHREALTIME\" >> '{}'\n\
         exit $code\n",
        terraform.display(),
        log.display()
    );
    fs::write(program, script)?;
    fs::set_permissions(program, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Begin and end of each run that the wrapper noted.
fn runs(log: &str) -> Vec<(SystemTime, SystemTime)> {
    let instant = |text: &str| Some(UNIX_EPOCH + Duration::try_from_secs_f64(text.parse().ok()?).ok()?);
    let mut runs: Vec<_> = log
        .lines()
        .filter_map(|line| {
            let (began, ended) = line.split_once(' ')?;
            Some((instant(began)?, instant(ended)?))
        })
        .collect();
    runs.sort_unstable();
    runs
}

/// How long at least one of the runs, which are sorted, lasted between two moments.
fn covered(runs: &[(SystemTime, SystemTime)], from: SystemTime, to: SystemTime) -> Duration {
    let (mut total, mut reached) = (Duration::ZERO, from);
    for (began, ended) in runs {
        let (began, ended) = ((*began).max(reached), (*ended).min(to));
        if let Ok(more) = ended.duration_since(began) {
            total += more;
            reached = ended;
        }
    }
    total
}

/// The same by a script: the template, its inputs and nothing else.
async fn by_hand(dir: &Path, terraform: &Path) -> Result<Duration> {
    fs::create_dir_all(dir)?;
    let template = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../templates/config-bundle"));
    for entry in fs::read_dir(template)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tf") {
            fs::copy(&path, dir.join(path.file_name().unwrap_or_default()))?;
        }
    }
    let inputs = r#"{"name": "bench-bundle", "label": "blue", "entries": {"color": "green"}}"#;
    fs::write(dir.join("inputs.tfvars.json"), inputs)?;
    let started = Instant::now();
    for arguments in [
        &["init", "-input=false", "-no-color"][..],
        &["plan", "-input=false", "-no-color", "-out=tfplan", "-var-file=inputs.tfvars.json"],
        &["show", "-json", "tfplan"],
        &["apply", "-input=false", "-no-color", "tfplan"],
        &["output", "-json"],
    ] {
        let status = Command::new(terraform)
            .args(arguments)
            .current_dir(dir)
            // As the runner starts it: without what people have configured for themselves.
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", dir)
            .env("CHECKPOINT_DISABLE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .status()
            .await?;
        if !status.success() {
            return Err(format!("terraform {} failed", arguments[0]).into());
        }
    }
    Ok(started.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_at_the_same_time_count_once() {
        let second = |seconds: f64| UNIX_EPOCH + Duration::from_secs_f64(seconds);
        let runs = runs("1.0 2.0\n4.5 9.0\n4.0 6.0\n");
        assert_eq!(covered(&runs, second(0.0), second(10.0)), Duration::from_secs(6));
        assert_eq!(covered(&runs, second(1.5), second(5.0)), Duration::from_millis(1_500));
        assert_eq!(covered(&runs, second(2.0), second(4.0)), Duration::ZERO);
        assert_eq!(covered(&[], second(0.0), second(1.0)), Duration::ZERO);
    }
}
