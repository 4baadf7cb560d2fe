//! The change feed as its watchers see it: in order, without gap or repetition over a cut, and nothing of what one may not
//! read.

use std::time::{Duration, Instant, SystemTime};

use flagstone_api::pb::watch_changes_response::Event;
use flagstone_api::pb::{self, ErrorReason, StreamEndReason};
use tonic::Streaming;

use crate::support::authority::{self, add_to_group, bind, make_group, make_role};
use crate::support::database::run;
use crate::support::wait::in_time;
use crate::support::world::Cast;
use crate::support::{Caller, Code, Error, TestApp, wait_for};

const EVERYWHERE: &str = "businessUnits/-";

/// An open watch.
struct Feed {
    stream: Streaming<pb::WatchChangesResponse>,
    /// Behind everything that was received.
    cursor: String,
    /// What the caller may do, as it was told last and not looked at yet.
    access: Option<String>,
}

impl Feed {
    async fn open(caller: &Caller, request: pb::WatchChangesRequest) -> Self {
        let mut stream = caller.changes().watch_changes(request).await.unwrap().into_inner();
        let first = in_time("a stream opens", stream.message()).await.unwrap();
        let Some(Event::Open(open)) = first.and_then(|first| first.event) else {
            panic!("a stream begins with `open`")
        };
        Self { stream, cursor: open.cursor, access: None }
    }

    async fn of(caller: &Caller, parent: &str, cursor: &str) -> Self {
        Self::open(caller, watch(parent, cursor)).await
    }

    /// The next changes, or why there will be none.
    async fn next(&mut self) -> Result<Vec<pb::ChangeEvent>, pb::StreamEnd> {
        loop {
            let message = in_time("a stream says something", self.stream.message()).await.unwrap();
            match message.and_then(|message| message.event).expect("a stream ends with `end`") {
                Event::Changes(batch) => {
                    self.cursor = batch.cursor;
                    return Ok(batch.changes);
                }
                Event::Heartbeat(heartbeat) => self.cursor = heartbeat.cursor,
                Event::Access(access) => self.access = Some(access.etag),
                Event::End(end) => return Err(end),
                Event::Open(open) => panic!("a second {open:?}"),
            }
        }
    }

    /// What the caller may do, once it is told: at the begin of the stream, or anew. Changes that come before are dropped.
    async fn access(&mut self) -> String {
        in_time("access is told", async {
            loop {
                if let Some(etag) = self.access.take() {
                    return etag;
                }
                let message = self.stream.message().await.unwrap();
                match message.and_then(|message| message.event).expect("the stream goes on") {
                    Event::Access(access) => self.access = Some(access.etag),
                    Event::End(end) => panic!("{end:?}"),
                    Event::Open(_) | Event::Changes(_) | Event::Heartbeat(_) => {}
                }
            }
        })
        .await
    }

    /// What comes up to a change of this object.
    async fn until(&mut self, object: &str) -> Vec<pb::ChangeEvent> {
        in_time("a change comes", async {
            let mut seen = Vec::new();
            while !seen.iter().any(|event: &pb::ChangeEvent| event.object == object) {
                seen.extend(self.next().await.expect("the stream goes on"));
            }
            seen
        })
        .await
    }
}

fn watch(parent: &str, cursor: &str) -> pb::WatchChangesRequest {
    pb::WatchChangesRequest { parent: parent.to_owned(), cursor: cursor.to_owned(), ..Default::default() }
}

async fn poll(caller: &Caller, request: pb::PollChangesRequest) -> Result<pb::PollChangesResponse, Error> {
    Ok(caller.changes().poll_changes(request).await?.into_inner())
}

/// Everything after a cursor.
async fn since(caller: &Caller, parent: &str, cursor: &str) -> Vec<pb::ChangeEvent> {
    let mut request =
        pb::PollChangesRequest { parent: parent.to_owned(), cursor: cursor.to_owned(), ..Default::default() };
    let mut all = Vec::new();
    loop {
        let answer = poll(caller, request.clone()).await.unwrap();
        if answer.changes.is_empty() {
            return all;
        }
        all.extend(answer.changes);
        request.cursor = answer.cursor;
    }
}

/// Everything after a cursor, once a change of this object is among it: older transactions may hold it back for a moment.
async fn since_with(caller: &Caller, parent: &str, cursor: &str, object: &str) -> Vec<pb::ChangeEvent> {
    wait_for("a change is told", async || {
        let all = since(caller, parent, cursor).await;
        all.iter().any(|event| event.object == object).then_some(all)
    })
    .await
}

/// Where the feed stands now.
async fn now(caller: &Caller) -> String {
    let request = pb::PollChangesRequest { parent: EVERYWHERE.into(), ..Default::default() };
    let answer = poll(caller, request).await.unwrap();
    assert!(answer.changes.is_empty(), "without a cursor there is only a cursor: {answer:?}");
    answer.cursor
}

/// A new draft, by name.
async fn draft(cast: &Cast, by: &Caller, id: &str) -> String {
    let mut draft = cast.request(cast.create_payload("development", id));
    draft.draft = true;
    by.requests().create_request(draft).await.expect("a draft is stored").into_inner().name
}

fn objects(events: &[pb::ChangeEvent]) -> Vec<&str> {
    events.iter().map(|event| event.object.as_str()).collect()
}

#[tokio::test]
async fn changes_come_in_order_and_a_cut_leaves_no_gap() {
    let app = TestApp::start().await;
    let cast = Cast::of(&app).await;
    let begin = now(&cast.admin).await;
    let mut made = Vec::new();
    let mut feed = Feed::of(&cast.admin, &cast.unit, &begin).await;
    let mut received = Vec::new();
    for number in 0..6 {
        made.push(draft(&cast, &cast.dev, &format!("watched-{number}")).await);
        if number % 2 == 0 {
            // The cut: what changes meanwhile is not missed, what was received does not come again.
            let cursor = feed.cursor.clone();
            drop(feed);
            made.push(draft(&cast, &cast.admin, &format!("unwatched-{number}")).await);
            feed = Feed::of(&cast.admin, &cast.unit, &cursor).await;
        }
        received.extend(feed.until(made.last().unwrap()).await);
    }
    let requests: Vec<&str> = objects(&received).into_iter().filter(|name| name.contains("/requests/")).collect();
    assert_eq!(requests, made);
    assert_eq!(received, since(&cast.admin, &cast.unit, &begin).await, "streams and polls tell the same");
    for event in &received {
        assert_eq!(event.business_unit, cast.unit, "{event:?}");
        assert!(event.time.is_some() && !event.principal.is_empty(), "{event:?}");
    }

    let list = pb::ListChangeEventsRequest { parent: cast.unit.clone(), page_size: 200, ..Default::default() };
    let mut listed = cast.admin.changes().list_change_events(list).await.unwrap().into_inner().change_events;
    listed.truncate(received.len());
    listed.reverse();
    assert_eq!(listed, received, "the list tells the same, newest first");
    drop(feed);
    app.finish().await;
}

#[tokio::test]
async fn units_and_organizations_see_their_own_changes_only() {
    let app = TestApp::start().await;
    app.unit("payments").await;
    let cast = Cast::of(&app).await;
    let payments = Cast { unit: "businessUnits/payments".into(), ..cast.clone() };
    let globex: Cast = app.organization("globex").await.into();
    let payer = app.user("payer", &[("viewer", "payments")]).await;
    let begin = now(&cast.admin).await;

    let mut feed = Feed::of(&payer, EVERYWHERE, &begin).await;
    let mut foreign = Feed::of(&globex.admin, EVERYWHERE, &begin).await;
    let hidden = draft(&cast, &cast.dev, "hidden").await;
    let shown = draft(&payments, &cast.admin, "shown").await;
    let theirs = draft(&globex, &globex.dev, "theirs").await;
    let seen = feed.until(&shown).await;
    assert!(seen.iter().all(|event| event.business_unit == "businessUnits/payments"), "{seen:?}");
    let seen = foreign.until(&theirs).await;
    assert!(seen.iter().all(|event| event.business_unit == globex.unit), "{seen:?}");

    let by_unit = since(&payer, &cast.unit, &begin).await;
    assert!(by_unit.is_empty(), "by the name of a unit that one may not read: {by_unit:?}");
    let named = pb::PollChangesRequest {
        parent: EVERYWHERE.into(),
        objects: vec![hidden, theirs],
        cursor: begin,
        ..Default::default()
    };
    assert_eq!(poll(&payer, named).await.unwrap().changes, [], "by the names of hidden objects");
    let list = pb::ListChangeEventsRequest { parent: EVERYWHERE.into(), page_size: 200, ..Default::default() };
    let listed = payer.changes().list_change_events(list).await.unwrap().into_inner().change_events;
    let known = |event: &pb::ChangeEvent| {
        event.business_unit == "businessUnits/payments" || event.object_type.starts_with("template")
    };
    assert!(!listed.is_empty() && listed.iter().all(known), "{listed:?}");
    let unknown =
        poll(&payer, pb::PollChangesRequest { parent: "businessUnits/qqqq".into(), ..Default::default() }).await;
    assert_eq!(unknown.unwrap_err().reason, Some(ErrorReason::NotFound));
    drop((feed, foreign));
    app.finish().await;
}

#[tokio::test]
async fn without_any_right_one_sees_what_one_made_and_no_one_sees_sessions() {
    let app = TestApp::start().await;
    let cast = Cast::of(&app).await;
    let begin = now(&cast.admin).await;
    let leaver = app.user("leaver", &[("bu-owner", "sandbox")]).await;
    let own = draft(&cast, &leaver, "own").await;
    let others = draft(&cast, &cast.dev, "of-others").await;
    let all = since_with(&leaver, EVERYWHERE, &begin, &others).await;
    assert!(objects(&all).contains(&own.as_str()), "{all:?}");

    app.unbind("leaver").await;
    let leaver = app.login("leaver").await;
    for parent in [EVERYWHERE, &cast.unit] {
        let left = since(&leaver, parent, &begin).await;
        assert_eq!(objects(&left), [own.as_str()], "in {parent}: {left:?}");
    }
    // Everybody has logged in since then.
    let list = pb::ListChangeEventsRequest { parent: EVERYWHERE.into(), page_size: 200, ..Default::default() };
    let listed = cast.admin.changes().list_change_events(list).await.unwrap().into_inner().change_events;
    for kind in ["session", "policy", "password_reset"] {
        assert!(listed.iter().all(|event| event.object_type != kind), "{kind}: {listed:?}");
    }
    // Who may read people sees their changes; everybody else sees those of oneself.
    for user in ["users/admin", "users/dev"] {
        assert!(listed.iter().any(|event| event.object_type == "user" && event.object == user), "{user}: {listed:?}");
    }
    let list = pb::ListChangeEventsRequest { parent: EVERYWHERE.into(), page_size: 200, ..Default::default() };
    let listed = cast.dev.changes().list_change_events(list).await.unwrap().into_inner().change_events;
    assert!(listed.iter().any(|event| event.object == "users/dev"), "{listed:?}");
    assert!(listed.iter().all(|event| event.object_type != "user" || event.object == "users/dev"), "{listed:?}");
    app.finish().await;
}

#[tokio::test]
async fn a_unit_that_is_lost_falls_silent_in_an_open_stream() {
    let app = TestApp::start().await;
    app.unit("payments").await;
    let cast = Cast::of(&app).await;
    let payments = Cast { unit: "businessUnits/payments".into(), ..cast.clone() };
    let late = app.user("late", &[("viewer", "sandbox"), ("viewer", "payments")]).await;
    let mut feed = Feed::of(&late, EVERYWHERE, "").await;
    let first = draft(&cast, &cast.admin, "before").await;
    feed.until(&first).await;

    run(
        &app.sql,
        "DELETE FROM role_bindings WHERE subject_id = (SELECT id FROM users WHERE username = 'late')
           AND business_unit_id = (SELECT id FROM business_units WHERE slug = 'sandbox')",
    )
    .await;
    app.grants_changed().await;
    let taken = Instant::now();
    // The stream trusts what it knows for a second; it is asked until that is over.
    let mut silent = 0;
    for number in 0.. {
        draft(&cast, &cast.admin, &format!("lost-{number}")).await;
        let shown = draft(&payments, &cast.admin, &format!("kept-{number}")).await;
        let seen = feed.until(&shown).await;
        let leaks = seen.iter().any(|event| event.business_unit == cast.unit);
        assert!(!leaks || taken.elapsed() < Duration::from_secs(3), "still shown: {seen:?}");
        silent = if leaks { 0 } else { silent + 1 };
        if silent == 3 {
            break;
        }
    }
    drop(feed);
    app.finish().await;
}

#[tokio::test]
async fn a_cursor_that_is_too_old_asks_for_a_fresh_start() {
    let app = TestApp::start().await;
    let cast = Cast::of(&app).await;
    let old = now(&cast.admin).await;
    draft(&cast, &cast.dev, "forgotten").await;
    run(&app.sql, "DELETE FROM change_events").await;
    let kept = draft(&cast, &cast.dev, "kept").await;

    let mut feed = Feed::of(&cast.admin, &cast.unit, &old).await;
    let end = feed.next().await.unwrap_err();
    assert_eq!(end.reason(), StreamEndReason::ResyncRequired, "{end:?}");
    let ask = |cursor: &str| pb::PollChangesRequest {
        parent: cast.unit.clone(),
        cursor: cursor.to_owned(),
        ..Default::default()
    };
    let refused = poll(&cast.admin, ask(&old)).await.unwrap_err();
    assert_eq!((refused.code, refused.reason), (Code::OutOfRange, Some(ErrorReason::ResyncRequired)), "{refused:?}");
    assert_eq!(refused.metadata.get("oldest_cursor"), Some(&end.oldest_cursor));
    since_with(&cast.admin, &cast.unit, &end.oldest_cursor, &kept).await;
    app.finish().await;
}

#[tokio::test]
async fn a_poll_waits_for_a_change_and_says_what_is_wrong_with_it() {
    let app = TestApp::start().await;
    let cast = Cast::of(&app).await;
    let cursor = now(&cast.admin).await;
    let wait = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let request = pb::PollChangesRequest { parent: cast.unit.clone(), cursor, wait: wait(20), ..Default::default() };
    let waiting = poll(&cast.admin, request.clone());
    let (answer, made) = tokio::join!(waiting, async {
        tokio::task::yield_now().await;
        draft(&cast, &cast.dev, "waited-for").await
    });
    let answer = answer.unwrap();
    assert!(objects(&answer.changes).contains(&made.as_str()), "{answer:?}");
    // Nothing changes: the wait ends, and the answer says where to go on.
    let quiet = pb::PollChangesRequest { cursor: answer.cursor, wait: wait(1), ..request.clone() };
    let quiet = poll(&cast.admin, quiet).await.unwrap();
    assert!(quiet.changes.is_empty() && !quiet.cursor.is_empty(), "{quiet:?}");

    let wrong = pb::PollChangesRequest {
        parent: "sandbox".into(),
        object_types: vec!["request".into(), "session".into()],
        objects: vec![made, "policies/tags".into()],
        cursor: "x".into(),
        wait: wait(31),
        ..Default::default()
    };
    let refused = poll(&cast.admin, wrong).await.unwrap_err();
    let mut fields: Vec<&str> = refused.violations.fields.iter().map(|wrong| wrong.field.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["cursor", "object_types[1]", "objects[1]", "parent", "wait"], "{refused:?}");
    app.finish().await;
}

#[tokio::test]
async fn objects_are_followed_by_name_or_code_and_kinds_by_word() {
    let app = TestApp::start().await;
    let cast = Cast::of(&app).await;
    let begin = now(&cast.admin).await;
    let first = draft(&cast, &cast.dev, "first").await;
    let second = draft(&cast, &cast.dev, "second").await;
    let coded = cast.dev.requests().get_request(pb::GetRequestRequest { name: first.clone() }).await.unwrap();
    let coded = format!("{}/requests/{}", cast.unit, coded.into_inner().code);
    for (named, expected) in [(coded, &first), (second.clone(), &second)] {
        let request = pb::WatchChangesRequest { objects: vec![named.clone()], ..watch(EVERYWHERE, &begin) };
        let mut feed = Feed::open(&cast.admin, request).await;
        let seen = feed.until(expected).await;
        assert!(objects(&seen).iter().all(|object| object == expected), "{named}: {seen:?}");
    }
    let unknown = vec![format!("{}/requests/R-4711", cast.unit)];
    let request = pb::PollChangesRequest {
        parent: EVERYWHERE.into(),
        objects: unknown,
        cursor: begin.clone(),
        ..Default::default()
    };
    assert_eq!(poll(&cast.admin, request).await.unwrap().changes, []);
    let request = pb::PollChangesRequest {
        parent: EVERYWHERE.into(),
        object_types: vec!["request".into()],
        cursor: begin,
        ..Default::default()
    };
    let requests = poll(&cast.admin, request).await.unwrap().changes;
    assert_eq!(objects(&requests), [first.as_str(), second.as_str()]);
    app.finish().await;
}

#[tokio::test]
async fn a_change_reaches_its_watchers_at_once() {
    let app = TestApp::start().await;
    let cast = Cast::of(&app).await;
    let mut feed = Feed::of(&cast.admin, &cast.unit, "").await;
    let mut took = Vec::new();
    for number in 0..20 {
        let made = draft(&cast, &cast.dev, &format!("timed-{number}")).await;
        let answered = Instant::now();
        feed.until(&made).await;
        took.push(answered.elapsed());
    }
    took.sort_unstable();
    println!("from the answer to the watcher: median {:?}, slowest {:?}", took[10], took[19]);
    drop(feed);
    app.finish().await;
}

/// A change of what somebody may do, by whatever way, reaches the streams of that person and no other.
#[tokio::test]
async fn whose_access_changes_is_told_and_nobody_else() {
    let app = TestApp::start().await;
    let cast = Cast::of(&app).await;
    let admin = &cast.admin;
    let role = make_role(admin, "jobs").await;
    let group = make_group(admin, "", "crew").await;
    bind(admin, &cast.unit, "roles/viewer", &group).await;
    let late = app.user("late", &[]).await;
    let mut bystander = Feed::of(&cast.dev, EVERYWHERE, "").await;
    bystander.access().await;
    let mut feed = Feed::of(&late, EVERYWHERE, "").await;
    let nothing = feed.access().await;

    // A binding, what its role holds, and its end.
    let binding = bind(admin, &cast.unit, &role, "users/late").await;
    let given = feed.access().await;
    assert_ne!(given, nothing);
    let permissions = vec!["business_unit:jobs:read".into(), "business_unit:jobs:list".into()];
    let wider = pb::Role { name: role.clone(), permissions, ..Default::default() };
    let update = pb::UpdateRoleRequest { role: Some(wider), ..Default::default() };
    admin.roles().update_role(update).await.unwrap();
    let wider = feed.access().await;
    assert!(wider != given && wider != nothing);
    let take = pb::DeleteRoleBindingRequest { name: binding, ..Default::default() };
    admin.roles().delete_role_binding(take).await.unwrap();
    assert_eq!(feed.access().await, nothing, "what was given was taken: nothing is as before");

    // One that ends by itself: nobody does anything then.
    let mut ends = authority::binding(&cast.unit, &role, "users/late");
    let end = SystemTime::now() + Duration::from_secs(3);
    ends.role_binding.as_mut().unwrap().expire_time = Some(end.into());
    admin.roles().create_role_binding(ends).await.unwrap();
    assert_eq!(feed.access().await, wider, "the same, for as long as it holds");
    assert_eq!(feed.access().await, nothing);
    assert!(SystemTime::now() >= end);

    // A group, a unit, a switch of the organization that one of its roles is about.
    add_to_group(admin, &group, "users/late").await.unwrap();
    let member = feed.access().await;
    assert_ne!(member, nothing);
    let out = pb::RemoveGroupMemberRequest { name: group, user: "users/late".into(), ..Default::default() };
    admin.groups().remove_group_member(out).await.unwrap();
    assert_eq!(feed.access().await, nothing);
    app.member("late", "developer", "sandbox").await;
    let developer = feed.access().await;
    assert_ne!(developer, nothing);

    // A stream that was cut meanwhile, and a poll, tell by the same text.
    let mut again = Feed::of(&late, EVERYWHERE, &feed.cursor).await;
    assert_eq!(again.access().await, developer);
    let ask = |etag: &str| pb::PollChangesRequest {
        parent: EVERYWHERE.into(),
        cursor: feed.cursor.clone(),
        object_types: vec!["job".into()],
        wait: Some(prost_types::Duration { seconds: 20, nanos: 0 }),
        access_etag: etag.into(),
        ..Default::default()
    };
    let at_once = in_time("a poll ends at once", poll(&late, ask(&nothing))).await.unwrap();
    assert_eq!(at_once.access.unwrap().etag, developer);
    let (answer, ()) = tokio::join!(poll(&late, ask(&developer)), async {
        tokio::task::yield_now().await;
        app.unbind("late").await;
    });
    let answer = answer.unwrap();
    assert_eq!(answer.access.map(|access| access.etag), Some(nothing), "{:?}", answer.changes);

    // All of that was nothing to others.
    let last = draft(&cast, &cast.dev, "last").await;
    bystander.until(&last).await;
    assert_eq!(bystander.access, None);
    drop((feed, again, bystander));
    app.finish().await;
}
