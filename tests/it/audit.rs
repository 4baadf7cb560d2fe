//! The audit: found, counted, sealed, exported, proved; and what happens when somebody changes it behind our back.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use flagstone_api::pb;
use flagstone_api::pb::ErrorReason;
use flagstone_proof::tree::{leaf_hash, verify_consistency, verify_inclusion};
use flagstone_proof::{Checkpoint, Hash, Keys};
use futures::StreamExt;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::database::{one, run};
use crate::support::line::cli::Cli;
use crate::support::line::program::Program;
use crate::support::skip::built_program;
use crate::support::world::Cast;
use crate::support::{Caller, Code, Error, PASSWORD, ScriptedRunner, TestApp, wait_for};

/// Waits until nothing waits for the sealer.
async fn sealed(sql: &Client) -> i64 {
    wait_for("everything is sealed", async || {
        let open =
            "SELECT count(*) FROM audit_events e WHERE NOT EXISTS (SELECT FROM audit_leaves l WHERE l.event_id = e.id)";
        (one::<i64>(sql, open).await == 0).then_some(())
    })
    .await;
    one(sql, "SELECT count(*) FROM audit_leaves").await
}

/// Adds events as somebody would by many calls, and seals them.
async fn with_events(app: &TestApp, count: i64) -> i64 {
    run(
        &app.sql,
        &format!(
            "INSERT INTO audit_events (id, organization_id, principal, action, object, object_type, outcome, effects, details,
               ip, user_agent, correlation_id, origin, duration_ms)
             SELECT gen_random_uuid(), o.id, 'users/ada', 'thing.create', 'things/' || n, 'thing', 'SUCCESS',
               jsonb_build_object('n', n, 'text', 'a \"b\", c'), '{{}}', '192.0.2.1', 'test', 'bulk-' || n, 'API', 1
             FROM organizations o, generate_series(1, {count}) n WHERE o.is_default"
        ),
    )
    .await;
    sealed(&app.sql).await
}

async fn events(caller: &Caller, filter: &str) -> Vec<pb::AuditEvent> {
    let request = pb::ListAuditEventsRequest { filter: filter.into(), page_size: 200, ..Default::default() };
    caller.audit().list_audit_events(request).await.unwrap().into_inner().audit_events
}

/// Takes a whole export.
async fn export(caller: &Caller, request: pb::ExportAuditEventsRequest) -> (Vec<u8>, pb::AuditExportEnd, Vec<String>) {
    use pb::export_audit_events_response::Event;
    let mut stream = caller.audit().export_audit_events(request).await.unwrap().into_inner();
    let (mut file, mut cursors) = (Vec::new(), Vec::new());
    while let Some(message) = stream.next().await {
        match message.unwrap().event.unwrap() {
            Event::Open(open) => cursors.push(open.cursor),
            Event::Chunk(chunk) => {
                file.extend(chunk.data);
                cursors.push(chunk.cursor);
            }
            Event::Heartbeat(_) => {}
            Event::End(end) => return (file, end, cursors),
        }
    }
    panic!("the export has no end");
}

/// A place for files, with the server's public keys.
struct Bench {
    directory: TempDir,
}

impl Bench {
    async fn of(sql: &Client) -> Self {
        let bench = Self { directory: tempfile::tempdir().unwrap() };
        bench.write("jwks.json", public_keys(sql).await.as_bytes());
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// The real program.
    fn verify(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(built_program("flagstone-verify"));
        let Output { status, stdout, stderr } =
            command.current_dir(&self.directory).args(arguments).args(["--key", "jwks.json"]).output().unwrap();
        (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
    }
}

/// The server's public keys, as its JWKS has them.
async fn public_keys(sql: &Client) -> String {
    one(sql, "SELECT jsonb_build_object('keys', jsonb_agg(public_jwk))::text FROM signing_keys").await
}

fn hash(bytes: &[u8]) -> Hash {
    bytes.try_into().unwrap()
}

async fn verified(caller: &Caller) -> Vec<pb::AuditFinding> {
    let mut findings = Vec::new();
    let mut from_seq = 1;
    loop {
        let request = pb::VerifyAuditRequest { from_seq, to_seq: 0 };
        let found = caller.audit().verify_audit(request).await.unwrap().into_inner();
        assert_eq!(found.ok, found.finding_count == 0);
        findings.extend(found.findings);
        if found.next_seq == 0 {
            return findings;
        }
        from_seq = found.next_seq;
    }
}

#[tokio::test]
async fn every_event_has_its_number_within_two_seconds() {
    let app = TestApp::start().await;
    let cast = Cast::of(&app).await;
    let start = Instant::now();
    for number in 0..30 {
        let mut draft = cast.request(cast.create_payload("development", &format!("sealed-{number}")));
        draft.draft = true;
        cast.dev.requests().create_request(draft).await.unwrap();
    }
    let written = start.elapsed();
    let count = sealed(&app.sql).await;
    assert!(start.elapsed() - written < Duration::from_secs(2), "sealed after {:?}", start.elapsed() - written);
    let dense =
        "SELECT count(*) FROM (SELECT seq, row_number() OVER (ORDER BY seq) n FROM audit_leaves) s WHERE seq = n";
    assert_eq!(one::<i64>(&app.sql, dense).await, count);
    let shown = events(&cast.admin, "seq >= 1").await;
    assert!(shown.iter().all(|event| event.seq > 0 && event.leaf_hash.len() == 32));
    assert_eq!(events(&cast.admin, &format!("seq = {}", shown[0].seq)).await.len(), 1);
    app.finish_with_jobs().await;
}

#[tokio::test]
async fn an_event_is_read_by_its_name_and_a_denial_by_its_decision_id() {
    let app = TestApp::start().await;
    let cast = Cast::of(&app).await;
    let production = cast.request(cast.create_payload("production", "too-high"));
    let error = Error::from(cast.dev.requests().create_request(production).await.unwrap_err());
    let name = format!("auditEvents/{}", error.metadata["decision_id"]);
    let get = pb::GetAuditEventRequest { name: name.clone() };
    let event = cast.admin.audit().get_audit_event(get.clone()).await.unwrap().into_inner();
    assert_eq!((event.name.as_str(), event.outcome()), (name.as_str(), pb::AuditOutcome::Denied));
    // Who reads no audit is denied alike for what exists and what does not; who reads another part is not told.
    app.unit("payments").await;
    let payer = app.user("payer", &[("it-engineer", "payments")]).await;
    let absent = pb::GetAuditEventRequest { name: format!("auditEvents/{}", Uuid::now_v7()) };
    for request in [get, absent] {
        let refused = Error::from(cast.dev.audit().get_audit_event(request.clone()).await.unwrap_err());
        assert_eq!(refused.code, Code::PermissionDenied);
        let refused = Error::from(payer.audit().get_audit_event(request).await.unwrap_err());
        assert_eq!((refused.code, refused.reason), (Code::NotFound, Some(ErrorReason::NotFound)));
    }
    app.finish_with_jobs().await;
}

#[tokio::test]
async fn texts_are_searched_as_they_are_and_not_for_ever() {
    let app = TestApp::start().await;
    with_events(&app, 3).await;
    let admin = app.as_admin().await;
    assert_eq!(events(&admin, "text : \"things/2\"").await.len(), 1);
    for nothing in ["%", "_", "\u{202e}", "thing_/1"] {
        assert_eq!(events(&admin, &format!("object_type = \"thing\" AND text : \"{nothing}\"")).await, [], "{nothing}");
    }
    assert_eq!(events(&admin, "object_type = \"thing\" AND NOT text : \"things/2\"").await.len(), 2);
    let long = pb::ListAuditEventsRequest { filter: format!("text : \"{}\"", "x".repeat(101)), ..Default::default() };
    let refused = Error::from(admin.audit().list_audit_events(long).await.unwrap_err());
    assert_eq!((refused.code, refused.reason), (Code::InvalidArgument, Some(ErrorReason::SearchTooLong)));
    app.finish().await;
}

#[tokio::test]
async fn counts_are_those_of_the_table_and_of_what_one_may_read() {
    let app = TestApp::start().await;
    with_events(&app, 7).await;
    let cast = Cast::of(&app).await;
    let mut draft = cast.request(cast.create_payload("development", "counted"));
    draft.draft = true;
    cast.dev.requests().create_request(draft).await.unwrap();
    let stats = cast.admin.audit().get_audit_stats(pb::GetAuditStatsRequest::default()).await.unwrap().into_inner();
    let map = |counts: &[pb::AuditCount]| counts.iter().map(|c| (c.key.clone(), c.count)).collect::<BTreeMap<_, _>>();
    for (counts, column) in [
        (&stats.by_object_type, "object_type"),
        (&stats.by_action, "action"),
        (&stats.by_outcome, "outcome"),
        (&stats.by_day, "to_char(time AT TIME ZONE 'UTC', 'YYYY-MM-DD')"),
    ] {
        let query = format!("SELECT {column}, count(*) FROM audit_events GROUP BY 1");
        let rows = app.sql.query(&query, &[]).await.unwrap();
        let expected: BTreeMap<String, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(map(counts), expected, "{column}");
    }
    assert_eq!(stats.total, one::<i64>(&app.sql, "SELECT count(*) FROM audit_events").await);
    let of_unit =
        cast.approver.audit().get_audit_stats(pb::GetAuditStatsRequest::default()).await.unwrap().into_inner();
    let own = "SELECT count(*) FROM audit_events WHERE business_unit_id IS NOT NULL";
    assert_eq!(of_unit.total, one::<i64>(&app.sql, own).await);
    let later = prost_types::Timestamp { seconds: 4_000_000_000, nanos: 0 };
    let wrong = pb::GetAuditStatsRequest { start_time: Some(later), end_time: None };
    let refused = Error::from(cast.admin.audit().get_audit_stats(wrong).await.unwrap_err());
    assert_eq!((refused.code, refused.violations.fields[0].field.as_str()), (Code::InvalidArgument, "start_time"));
    app.finish_with_jobs().await;
}

#[tokio::test]
async fn secrets_do_not_get_into_the_audit() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let planted = "hunter2-canary-7f3a";
    let request = pb::LoginRequest { identifier: "admin".into(), password: planted.into(), ..Default::default() };
    app.anonymous().auth().login(request).await.unwrap_err();
    let change = pb::ChangePasswordRequest {
        current_password: planted.into(),
        new_password: planted.into(),
        ..Default::default()
    };
    admin.auth().change_password(change).await.unwrap_err();
    let found = "SELECT count(*) FROM audit_events e WHERE e::text LIKE '%hunter2-canary%'";
    assert_eq!(one::<i64>(&app.sql, found).await, 0);
    let failed = events(&admin, "action = \"session.login\" AND outcome = \"FAILURE\"").await;
    assert_eq!(failed.len(), 1, "{failed:?}");
    app.finish().await;
}

#[tokio::test]
async fn an_export_passes_the_real_program_and_grows_only_at_its_end() {
    let app = TestApp::start().await;
    let size = with_events(&app, 700).await;
    let admin = app.as_admin().await;
    let bench = Bench::of(&app.sql).await;
    let (old, end, _) = export(&admin, pb::ExportAuditEventsRequest::default()).await;
    let checkpoint = end.checkpoint.unwrap();
    assert!(checkpoint.size >= size && end.entries == checkpoint.size);
    assert_eq!(end.sha256, hex::encode(Sha256::digest(&old)));
    bench.write("old.ndjson", &old);
    bench.write("checkpoint", checkpoint.note.as_bytes());
    with_events(&app, 300).await;
    for (format, name) in [(pb::AuditExportFormat::Ndjson, "new.ndjson"), (pb::AuditExportFormat::Csv, "new.csv")] {
        let request = pb::ExportAuditEventsRequest { format: format.into(), ..Default::default() };
        let (new, end, _) = export(&admin, request).await;
        assert_eq!(end.end.unwrap().reason(), pb::StreamEndReason::Complete);
        bench.write(name, &new);
        for arguments in [&[name][..], &[name, "--previous", "old.ndjson"], &[name, "--previous", "checkpoint"]] {
            let (code, said) = bench.verify(arguments);
            assert_eq!(code, Some(0), "{arguments:?}: {said}");
        }
    }
    let (code, said) = bench.verify(&["old.ndjson", "--previous", "new.csv"]);
    assert_eq!(code, Some(1), "the older one lacks the end: {said}");
    // A part, and one that was cut and resumed.
    let part = pb::ExportAuditEventsRequest { from_seq: 100, to_seq: 600, ..Default::default() };
    let (whole, _, cursors) = export(&admin, part.clone()).await;
    bench.write("part.ndjson", &whole);
    assert_eq!(bench.verify(&["part.ndjson"]).0, Some(0));
    let resumed = pb::ExportAuditEventsRequest { cursor: cursors[0].clone(), ..part };
    assert_eq!(export(&admin, resumed).await.0, whole, "from its beginning on");
    let changed = String::from_utf8(whole).unwrap().replacen("\"things/", "\"thinks/", 1);
    bench.write("changed.ndjson", changed.as_bytes());
    let (code, said) = bench.verify(&["changed.ndjson"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with("CHANGED "), "{said}");
    app.finish().await;
}

#[tokio::test]
async fn proofs_hold_by_the_checkpoint_alone() {
    let app = TestApp::start().await;
    with_events(&app, 600).await;
    let admin = app.as_admin().await;
    let keys = Keys::read(&public_keys(&app.sql).await).unwrap();
    let request = pb::GetAuditCheckpointRequest::default();
    let told = admin.audit().get_audit_checkpoint(request).await.unwrap().into_inner();
    let checkpoint = Checkpoint::open(&told.note, &keys).unwrap();
    let size = told.size;
    assert_eq!((checkpoint.size, checkpoint.root.to_vec()), (size.unsigned_abs(), told.root_hash));
    let proof = async |of| {
        let request = pb::GetAuditProofRequest { size, of: Some(of) };
        admin.audit().get_audit_proof(request).await.unwrap().into_inner()
    };
    use pb::get_audit_proof_request::Of;
    for seq in [1, 2, 255, 256, 257, 512, size] {
        let proof = proof(Of::Seq(seq)).await;
        let hashes: Vec<Hash> = proof.hashes.iter().map(|bytes| hash(bytes)).collect();
        assert_eq!(leaf_hash(&proof.leaf).to_vec(), proof.leaf_hash);
        let index = seq.unsigned_abs() - 1;
        assert!(verify_inclusion(index, checkpoint.size, &hash(&proof.leaf_hash), &hashes, &checkpoint.root), "{seq}");
    }
    for old in [1, 255, 256, 300, 512, size] {
        let proof = proof(Of::OldSize(old)).await;
        let hashes: Vec<Hash> = proof.hashes.iter().map(|bytes| hash(bytes)).collect();
        let old_root = hash(&proof.old_root_hash);
        assert!(verify_consistency(old.unsigned_abs(), checkpoint.size, &hashes, &old_root, &checkpoint.root), "{old}");
    }
    let event = events(&admin, "seq = 300").await.remove(0);
    assert_eq!(proof(Of::AuditEvent(event.name)).await.seq, 300);
    for (of, field) in [(Some(Of::Seq(0)), "seq"), (Some(Of::OldSize(size + 1)), "old_size"), (None, "seq")] {
        let request = pb::GetAuditProofRequest { size, of };
        let refused = Error::from(admin.audit().get_audit_proof(request).await.unwrap_err());
        assert_eq!((refused.code, refused.violations.fields[0].field.as_str()), (Code::InvalidArgument, field));
    }
    app.finish().await;
}

/// F15: a thousand random changes of sealed rows by the owner of the tables, each found by the server and by the offline
/// program's check.
#[tokio::test]
async fn a_thousand_tamperings_with_sealed_rows_are_found() {
    let app = TestApp::start().await;
    let size = with_events(&app, 300).await;
    let admin = app.as_admin().await;
    let keys = Keys::read(&public_keys(&app.sql).await).unwrap();
    // The login, too: nothing more is sealed from here on.
    sealed(&app.sql).await;
    assert_eq!(verified(&admin).await, []);
    app.sql.batch_execute("SET session_replication_role = replica").await.unwrap();
    run(&app.sql, "CREATE TABLE kept_events AS TABLE audit_events; CREATE TABLE kept_leaves AS TABLE audit_leaves")
        .await;
    let mut random = 88_172_645_463_325_252_u64;
    let mut next = |below: i64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        i64::try_from(random % below.unsigned_abs()).unwrap()
    };
    for round in 0..1_000 {
        let (seq, other) = (1 + next(size - 1), 1 + next(size - 1));
        let event = |seq: i64| format!("(SELECT event_id FROM audit_leaves WHERE seq = {seq})");
        let column =
            ["principal", "action", "object", "correlation_id", "ip", "user_agent"][usize::try_from(next(6)).unwrap()];
        let (what, statement) = match round % 6 {
            0 => ("update", format!("UPDATE audit_events SET {column} = {column} || 'x' WHERE id = {}", event(seq))),
            1 => ("delete", format!("DELETE FROM audit_events WHERE id = {}", event(seq))),
            2 => (
                "insert",
                format!(
                    "INSERT INTO audit_events SELECT (jsonb_populate_record(e, jsonb_build_object('id', gen_random_uuid()))).*
                     FROM audit_events e WHERE id = {}",
                    event(seq)
                ),
            ),
            3 => {
                // The same twice would change nothing.
                let other = if other == seq { seq + 1 } else { other };
                (
                    "reorder",
                    format!(
                        "UPDATE audit_leaves l SET event_id = o.event_id, hash = o.hash FROM audit_leaves o
                         WHERE (l.seq, o.seq) IN (({seq}, {other}), ({other}, {seq}))"
                    ),
                )
            }
            4 => ("cut tail", format!("DELETE FROM audit_leaves WHERE seq > {seq}")),
            _ => ("renumber", format!("UPDATE audit_leaves SET seq = {size} + 1000 WHERE seq = {seq}")),
        };
        // The unique key would be in the way of an exchange within one statement.
        if what == "reorder" {
            run(&app.sql, "ALTER TABLE audit_leaves DROP CONSTRAINT audit_leaves_event_key").await;
        }
        run(&app.sql, &statement).await;
        let found = verified(&admin).await;
        assert!(!found.is_empty(), "{what} of {seq} ({other}): nothing was found by the server");
        if what != "insert" && round % 50 < 6 {
            let (file, _, _) = export(&admin, pb::ExportAuditEventsRequest::default()).await;
            let report = flagstone_verify::verify(file.as_slice(), &keys, None).unwrap();
            assert!(!report.is_good(), "{what} of {seq} ({other}): nothing was found in the export");
        }
        if matches!(what, "update" | "delete") {
            assert!(found.iter().any(|finding| finding.seq == seq), "{what} of {seq}: {found:?}");
        }
        run(
            &app.sql,
            "DELETE FROM audit_events e WHERE NOT EXISTS (SELECT FROM kept_events k WHERE k = e);
             INSERT INTO audit_events SELECT k.* FROM kept_events k WHERE NOT EXISTS (SELECT FROM audit_events e WHERE e.id = k.id);
             DELETE FROM audit_leaves l WHERE NOT EXISTS (SELECT FROM kept_leaves k WHERE k = l);
             INSERT INTO audit_leaves SELECT k.* FROM kept_leaves k WHERE NOT EXISTS (SELECT FROM audit_leaves l WHERE l.seq = k.seq)",
        )
        .await;
        if what == "reorder" {
            run(
                &app.sql,
                "ALTER TABLE audit_leaves ADD CONSTRAINT audit_leaves_event_key UNIQUE (organization_id, event_id)",
            )
            .await;
        }
    }
    assert_eq!(verified(&admin).await, []);
    app.finish().await;
}

#[tokio::test]
async fn the_sealer_does_not_sign_what_does_not_continue_its_last_head() {
    let app = TestApp::start().await;
    with_events(&app, 20).await;
    run(&app.sql, "UPDATE audit_trees SET frontier = set_byte(frontier, 3, (get_byte(frontier, 3) + 1) % 256)").await;
    let before: i64 = one(&app.sql, "SELECT count(*) FROM audit_checkpoints").await;
    app.login("dev").await;
    // The trouble of one organization is logged, and keeps nobody else waiting: the round itself is well.
    flagstone_server::worker::sealer::round(app.server()).await.unwrap();
    assert_eq!(one::<i64>(&app.sql, "SELECT count(*) FROM audit_checkpoints").await, before);
    app.finish().await;
}

#[tokio::test]
async fn what_had_its_time_is_purged_and_the_rest_still_proves_itself() {
    let mut app = TestApp::start().await;
    with_events(&app, 400).await;
    let admin = app.as_admin().await;
    let bench = Bench::of(&app.sql).await;
    let (old, _, _) = export(&admin, pb::ExportAuditEventsRequest::default()).await;
    bench.write("old.ndjson", &old);
    // Nothing is purged before its time, not even by the function itself.
    run(&app.sql, "UPDATE organizations SET settings = settings || '{\"audit_retention_days\": 30}'").await;
    flagstone_server::worker::sealer::purge(app.server()).await.unwrap();
    let count = "SELECT count(*) FROM audit_events";
    let all: i64 = one(&app.sql, count).await;
    let forced = "SELECT audit_purge(id, 1000000) FROM organizations WHERE is_default";
    assert_eq!(one::<i64>(&app.sql, forced).await, 0);
    assert_eq!(one::<i64>(&app.sql, count).await, all);

    // Thirty days and more go by for everything that is sealed: as if each had been written then.
    let size: i64 = one(&app.sql, "SELECT size FROM audit_trees").await;
    run(&app.sql, "UPDATE audit_events SET time = time - interval '31 days'").await;
    app.login("dev").await;
    sealed(&app.sql).await;
    flagstone_server::worker::sealer::purge(app.server()).await.unwrap();
    let left: i64 = one(&app.sql, count).await;
    assert!(left < 10, "{left} events are left");
    let (new, end, _) = export(&admin, pb::ExportAuditEventsRequest::default()).await;
    let checkpoint = end.checkpoint.unwrap();
    assert!(checkpoint.purged >= size && checkpoint.purged < checkpoint.size, "{checkpoint:?}");
    bench.write("new.ndjson", &new);
    for arguments in [&["new.ndjson"][..], &["new.ndjson", "--previous", "old.ndjson"]] {
        let (code, said) = bench.verify(arguments);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(&format!("{} purged", checkpoint.purged)), "{said}");
    }
    assert_eq!(verified(&admin).await, []);
    // The audit no longer has an event of every call: that is what was asked for.
    app.stop().await;
}

#[tokio::test]
async fn the_servers_roles_cannot_touch_what_is_sealed() {
    let app = TestApp::start().await;
    with_events(&app, 3).await;
    for role in ["flagstone_app", "flagstone_worker", "flagstone_read"] {
        for table in ["audit_events", "audit_leaves", "audit_nodes", "audit_checkpoints"] {
            for statement in [
                format!("UPDATE {table} SET organization_id = organization_id"),
                format!("DELETE FROM {table}"),
                format!("TRUNCATE {table}"),
            ] {
                run(&app.sql, &format!("SET ROLE {role}")).await;
                let refused = app.sql.batch_execute(&statement).await.expect_err(&statement);
                assert_eq!(refused.code().map(|code| code.code()), Some("42501"), "{role}: {statement}");
                run(&app.sql, "RESET ROLE").await;
            }
        }
        // The time and the transaction of an event are the database's.
        let forged = "INSERT INTO audit_events (id, time, xid) VALUES (gen_random_uuid(), now(), 1)";
        run(&app.sql, &format!("SET ROLE {role}")).await;
        assert!(app.sql.batch_execute(forged).await.is_err());
        run(&app.sql, "RESET ROLE").await;
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_seals_each_event_has_one_number() {
    let mut program = Program::start(None).await;
    let sql = program.sql().await;
    let mut said = 0_i64;
    for _ in 0..5 {
        let inserted = sql
            .run(
                "INSERT INTO audit_events (id, organization_id, principal, action, object, object_type, outcome, ip,
                   user_agent, correlation_id, origin, duration_ms)
                 SELECT gen_random_uuid(), o.id, 'users/ada', 'thing.create', 'things/' || n, 'thing', 'SUCCESS', '', '', '',
                   'API', 1 FROM organizations o, generate_series(1, 6000) n WHERE o.is_default",
                &[],
            )
            .await;
        said += i64::try_from(inserted).unwrap();
        let before: i64 = sql.one("SELECT count(*) FROM audit_leaves", &[]).await;
        let started = "SELECT count(*) FROM audit_leaves";
        crate::support::line::until("the sealer has begun", || async { sql.one::<i64>(started, &[]).await > before })
            .await;
        program.kill().await;
        program.start_again().await;
    }
    let open =
        "SELECT count(*) FROM audit_events e WHERE NOT EXISTS (SELECT FROM audit_leaves l WHERE l.event_id = e.id)";
    crate::support::line::until("everything is sealed", || async { sql.one::<i64>(open, &[]).await == 0 }).await;
    let things =
        "SELECT count(*) FROM audit_leaves l JOIN audit_events e ON e.id = l.event_id WHERE e.object_type = 'thing'";
    assert_eq!(sql.one::<i64>(things, &[]).await, said);
    let dense = "SELECT max(seq) - count(*) FROM audit_leaves";
    assert_eq!(sql.one::<i64>(dense, &[]).await, 0);
    let people = program.people().await;
    let request = pb::VerifyAuditRequest::default();
    let found = people.admin.0.audit().verify_audit(request).await.unwrap().into_inner();
    assert!(found.ok, "{found:?}");
    program.stop().await;
}

#[tokio::test]
async fn the_command_line_lists_exports_and_verifies() {
    let app = TestApp::start().await;
    with_events(&app, 50).await;
    let bench = Bench::of(&app.sql).await;
    let cli = Cli::log_in(&app.url(), "admin", PASSWORD).await;
    let listed = cli.json(&["audit", "list", "--filter", "seq <= 5"]).await;
    assert_eq!(listed.as_array().unwrap().len(), 5);
    let event = listed[0]["name"].as_str().unwrap();
    assert_eq!(cli.json(&["audit", "get", event]).await["name"], event);
    assert!(cli.json(&["audit", "stats"]).await["total"].as_str().unwrap().parse::<i64>().unwrap() >= 50);
    let said = cli.run(&["audit", "verify"]).await;
    assert!(said.is_well() && said.out.starts_with("OK"), "{said:?}");
    let [file, key] = ["out.csv", "jwks.json"].map(|name| bench.path(name).display().to_string());
    let said = cli.run(&["audit", "export", "--format", "csv", "--to", &file]).await;
    assert!(said.is_well(), "{said:?}");
    let said = cli.run(&["audit", "verify", &file, "--key", &key]).await;
    assert!(said.is_well() && said.out.starts_with("OK"), "{said:?}");
    let changed = std::fs::read_to_string(&file).unwrap().replacen("things/7,", "things/8,", 1);
    std::fs::write(&file, changed).unwrap();
    let said = cli.run(&["audit", "verify", &file, "--key", &key]).await;
    assert_eq!(said.code, Some(5), "{said:?}");
    assert!(said.out.starts_with("CHANGED"), "{said:?}");
    app.finish().await;
}

#[tokio::test]
async fn only_those_who_may_export_and_verify_do() {
    let app = TestApp::start().await;
    let runner = ScriptedRunner::start(&app).await;
    let cast = Cast::of(&app).await;
    for caller in [&cast.dev, &cast.approver] {
        let refused = Error::from(caller.audit().verify_audit(pb::VerifyAuditRequest::default()).await.unwrap_err());
        assert_eq!(refused.code, Code::PermissionDenied);
        let request = pb::ExportAuditEventsRequest::default();
        let refused = Error::from(caller.audit().export_audit_events(request).await.unwrap_err());
        assert_eq!(refused.code, Code::PermissionDenied);
    }
    for (request, field) in [
        (pb::ExportAuditEventsRequest { from_seq: -1, ..Default::default() }, "from_seq"),
        (pb::ExportAuditEventsRequest { to_seq: 1_000_000, ..Default::default() }, "to_seq"),
        (pb::ExportAuditEventsRequest { cursor: "x".repeat(10), ..Default::default() }, "cursor"),
        (pb::ExportAuditEventsRequest { cursor: "999999-0".into(), ..Default::default() }, "cursor"),
    ] {
        sealed(&app.sql).await;
        let refused = Error::from(cast.admin.audit().export_audit_events(request).await.unwrap_err());
        assert_eq!((refused.code, refused.violations.fields[0].field.as_str()), (Code::InvalidArgument, field));
    }
    drop(runner);
    app.finish().await;
}
