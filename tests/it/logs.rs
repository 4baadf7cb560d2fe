//! Logs over the wire: resumed wherever they are cut, over gRPC-web too, and whole whatever an engine prints.

use flagstone_client::pb::{JobState, LogStream, RequestState};
use serde_json::json;

use crate::support::line::engine::stand_in;
use crate::support::line::log::{Cut, cut_tail, sha256, web_tail};
use crate::support::line::{Line, Order, bundle, probe};

/// Largest data of one line, in bytes.
const LINE_MAX: usize = 32 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_cut_anywhere_goes_on_without_gap_and_without_duplicate() {
    let Some(line) = Line::start("a_log_that_is_cut_anywhere").await else { return };
    let script = "for i in $(seq 40); do echo line $i; sleep 0.02; done";
    let request = line.dev.order(Order::new("probe", "chatty", probe(script))).await;
    let request = line.dev.until_that(&request.name, "it has an apply", |request| request.jobs.len() == 2).await;
    let job = request.jobs.last().unwrap();

    // While it runs and afterwards, with a cut after every few messages.
    for messages in [1, 2, 3, 5] {
        let (mut lines, mut cursor, mut end) = (Vec::new(), String::new(), None);
        while end.is_none() {
            // The first message only says that the stream stands.
            let cut: Cut = cut_tail(&line.dev, job, &cursor, messages + 1).await.unwrap();
            lines.extend(cut.lines);
            (cursor, end) = (cut.cursor, cut.end);
        }
        let end = end.unwrap();
        let numbers: Vec<i64> = lines.iter().map(|line| line.seq).collect();
        assert_eq!(numbers, (1..=end.last_seq).collect::<Vec<_>>(), "cut after {messages} messages");
        assert_eq!(end.sha256, sha256(&lines));
    }

    // After every single line of the finished log, also in the middle of a stored chunk.
    let whole = line.dev.log(job).await;
    for cut in &whole.lines {
        let rest = cut_tail(&line.dev, job, &cut.seq.to_string(), usize::MAX).await.unwrap();
        let numbers: Vec<i64> = rest.lines.iter().map(|line| line.seq).collect();
        assert_eq!(numbers, (cut.seq + 1..=whole.end.last_seq).collect::<Vec<_>>());
        assert_eq!(rest.end.unwrap().sha256, whole.end.sha256);
    }
    line.dev.until(&request.name, RequestState::Completed).await;
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_line_is_there_while_init_still_runs() {
    let script =
        r#"if [ "$1" = init ]; then echo fetching; while ! [ -e "$GATE" ]; do sleep 0.05; done; fi; exec "$REAL" "$@""#;
    let dir = tempfile::tempdir().unwrap();
    let gate = dir.path().join("gate");
    let script = script.replace("$GATE", &gate.display().to_string());
    let path = dir.path().to_owned();
    let started = Line::start_with("the_first_line_is_there", move |config, real| {
        config.runner.terraform = Some(stand_in(&path, real, &script));
    });
    let Some(line) = started.await else { return };
    let request = line.dev.order(Order::new("config-bundle", "limits", bundle("1"))).await;
    let job = &request.jobs[0];
    line.dev.until_printed(job, "fetching").await;
    assert_eq!(line.dev.job(job).await.state(), JobState::Running);
    std::fs::write(&gate, "").unwrap();
    line.dev.until(&request.name, RequestState::Completed).await;
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lines_and_bytes_that_are_no_text_come_through_unchanged() {
    // Past Terraform, on both of its outputs: as a provider or a wrapper would.
    let script = r#"
        if [ "$1" = plan ]; then
            head -c 10000000 /dev/zero | tr '\0' 'x'; echo
            printf 'bad \377\376 utf-8\n'
            printf '\033[31mred\033[0m\n'
            printf 'nul\000nul\n' >&2
            printf 'no end of line' >&2
        fi
        exec "$REAL" "$@""#;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_owned();
    let started = Line::start_with("long_lines_and_bytes", move |config, real| {
        config.runner.terraform = Some(stand_in(&path, real, script));
    });
    let Some(line) = started.await else { return };
    let request = line.dev.order_and_wait(Order::new("config-bundle", "limits", bundle("1"))).await;
    let log = line.dev.log(&request.jobs[0]).await;
    assert!(log.lines.iter().all(|line| line.data.len() <= LINE_MAX));
    let long: Vec<_> = log.lines.iter().filter(|line| line.data.starts_with(b"xxxx")).collect();
    assert!(long.len() > 1 && long[..long.len() - 1].iter().all(|line| line.continued));
    assert!(!long.last().unwrap().continued);
    let bytes: usize = long.iter().map(|line| line.data.len()).sum();
    // What is too much is dropped in the middle, and counted.
    assert!(bytes == 10_000_001 || log.end.dropped > 0, "{bytes} bytes came, {} lines dropped", log.end.dropped);
    for wanted in [&b"bad \xff\xfe utf-8\n"[..], b"\x1b[31mred\x1b[0m\n", b"nul\0nul\n"] {
        assert!(log.lines.iter().any(|line| line.data == wanted), "{:?} is missing", String::from_utf8_lossy(wanted));
    }
    let last = log.lines.iter().find(|line| line.data.starts_with(b"no end of line")).unwrap();
    assert_eq!(last.stream(), LogStream::Stderr);
    assert_eq!(log.end.sha256, sha256(&log.lines));
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_over_grpc_web_is_the_same_log() {
    let Some(line) = Line::start("a_log_over_grpc_web").await else { return };
    let request = line.dev.order_and_wait(Order::new("config-bundle", "limits", bundle("1"))).await;
    let job = &request.jobs[1];
    let native = line.dev.log(job).await;
    let web = web_tail(&line.app, job).await;
    assert_eq!(web.lines, native.lines);
    assert_eq!((web.end.sha256, web.end.complete), (native.end.sha256, true));
    line.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_log_are_filtered_and_wait_for_the_next_line() {
    use flagstone_client::pb;
    let Some(line) = Line::start("pages_of_a_log").await else { return };
    let mut inputs = bundle("1");
    inputs["rollout_seconds"] = json!(2);
    let request = line.dev.order(Order::new("config-bundle", "limits", inputs)).await;
    let request = line.dev.until_that(&request.name, "it has an apply", |request| request.jobs.len() == 2).await;
    let ask = |after: i64, contains: &str| pb::ListJobLogsRequest {
        parent: request.jobs[1].clone(),
        after,
        contains: contains.to_owned(),
        wait: Some(prost_types::Duration { seconds: 20, nanos: 0 }),
        ..Default::default()
    };
    // Long polls, each from where the last one ended.
    let (mut lines, mut complete) = (Vec::new(), false);
    while !complete {
        let after = lines.last().map_or(0, |line: &pb::JobLogLine| line.seq);
        let page = line.dev.jobs().list_job_logs(ask(after, "")).await.unwrap().into_inner();
        assert!(!page.lines.is_empty() || page.complete, "a wait that is not over brings something");
        lines.extend(page.lines);
        complete = page.complete && lines.last().is_some_and(|line| line.seq == page.last_seq);
    }
    let whole = line.dev.log(&request.jobs[1]).await;
    assert_eq!(lines, whole.lines);
    let page = line.dev.jobs().list_job_logs(ask(0, "): ROLLOUT: second")).await.unwrap().into_inner();
    assert_eq!(page.lines.len(), 2, "{page:?}");
    line.dev.until(&request.name, RequestState::Completed).await;
    line.finish().await;
}
