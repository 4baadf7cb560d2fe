//! The new enemy, many times over: somebody loses a right and uses it at once, on the server that took it, on another one,
//! and on a stream that is open. No write counts that was sent after the answer of whoever took the right; reads and
//! streams go on for a second at most.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flagstone_api::pb::{self, ErrorReason};
use tokio::task::JoinHandle;

use crate::api_tokens;
use crate::support::app::Replica;
use crate::support::authority::{add_to_group, bind, make_group};
use crate::support::wait::in_time;
use crate::support::world::Cast;
use crate::support::{Caller, Code, Error, TestApp, wait_for};

/// How often a right is taken. `make revocations` takes it a thousand times.
const ROUNDS: usize = 200;

/// People whose rights come and go side by side.
const LANES: usize = 12;

/// What is promised of 99 of 100.
const PROMISED: Duration = Duration::from_secs(1);

/// What is asked of a run beside other tests, on cores that these share. That rights end is seen there as well; how soon, by
/// `make revocations`.
const BESIDE_OTHERS: Duration = Duration::from_secs(5);

/// What somebody needs to write, to read and to watch.
const RIGHTS: [&str; 6] = [
    "business_unit:requests:create",
    "business_unit:templates:provision",
    "business_unit:deployments:create:development",
    "business_unit:deployments:read",
    "business_unit:environments:read",
    "business_unit:requests:read",
];

const ROLE: &str = "roles/bu-owner";

/// What is done with a right after it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    WriteWhereTaken,
    ReadWhereTaken,
    WriteElsewhere,
    ReadElsewhere,
    WatchWhereTaken,
    WatchElsewhere,
}

/// Two servers, and what the rounds found.
struct Ground {
    app: TestApp,
    replica: Replica,
    cast: Cast,
    /// A request to watch.
    watched: String,
    next: AtomicUsize,
}

/// What somebody has a right by, and how that is taken. Each way raises the epoch of the grants by itself.
#[derive(Clone, Copy, Debug)]
enum Way {
    Binding,
    Group,
    Member,
}

/// What the rounds of one lane found.
#[derive(Default)]
struct Found {
    /// From the answer of whoever took the right to the end of the first use that was refused.
    took: BTreeMap<Use, Vec<Duration>>,
    /// Writes that counted although they were sent after that answer.
    stale: Vec<String>,
}

impl Ground {
    /// Somebody with this token, at one server or the other.
    fn at(&self, server: usize, token: &str) -> Caller {
        match server {
            0 => self.app.anonymous().with_token(token),
            _ => self.replica.with_token(token),
        }
    }

    fn admin(&self, server: usize) -> Caller {
        self.at(server, self.cast.admin.token())
    }

    /// Gives the right at a server. The answer takes it again.
    async fn give(&self, server: usize, way: Way, lane: usize) -> String {
        let (admin, user) = (self.admin(server), format!("users/lane-{lane}"));
        match way {
            Way::Binding => bind(&admin, &self.cast.unit, ROLE, &user).await,
            Way::Group => {
                let group = format!("groups/lane-{lane}");
                add_to_group(&admin, &group, &user).await.expect("a member is added");
                group
            }
            Way::Member => {
                let request = pb::AddBusinessUnitMemberRequest {
                    parent: self.cast.unit.clone(),
                    email: format!("lane-{lane}@flagstone.localhost"),
                    role: ROLE.into(),
                    ..Default::default()
                };
                let made = admin.business_units().add_business_unit_member(request).await;
                made.expect("a member is added").into_inner().name
            }
        }
    }

    /// Takes the right at a server.
    async fn take(&self, server: usize, way: Way, lane: usize, given: &str) {
        let (admin, name) = (self.admin(server), given.to_owned());
        let taken = match way {
            Way::Binding => {
                let request = pb::DeleteRoleBindingRequest { name, ..Default::default() };
                admin.roles().delete_role_binding(request).await.map(drop)
            }
            Way::Group => {
                let user = format!("users/lane-{lane}");
                let request = pb::RemoveGroupMemberRequest { name, user, ..Default::default() };
                admin.groups().remove_group_member(request).await.map(drop)
            }
            Way::Member => {
                let request = pb::RemoveBusinessUnitMemberRequest { name, ..Default::default() };
                admin.business_units().remove_business_unit_member(request).await.map(drop)
            }
        };
        taken.expect("the right is taken");
    }

    async fn read(&self, caller: &Caller) -> Result<(), Error> {
        let request = pb::GetEnvironmentRequest { name: format!("{}/environments/development", self.cast.unit) };
        Ok(caller.environments().get_environment(request).await.map(drop)?)
    }

    async fn write(&self, caller: &Caller, id: &str) -> Result<(), Error> {
        let mut draft = self.cast.request(self.cast.create_payload("development", id));
        draft.draft = true;
        Ok(caller.requests().create_request(draft).await.map(drop)?)
    }

    async fn watch(&self, caller: &Caller) -> tonic::Streaming<pb::WatchRequestResponse> {
        let request = pb::WatchRequestRequest { name: self.watched.clone(), ..Default::default() };
        caller.requests().watch_request(request).await.expect("the right lets watch").into_inner()
    }

    /// Reads until it is refused, so that the server looks at the caller's rights while they are taken.
    fn hammer(&self, caller: &Caller) -> JoinHandle<()> {
        let name = format!("{}/environments/development", self.cast.unit);
        let caller = caller.clone();
        tokio::spawn(async move {
            let read = || async {
                let request = pb::GetEnvironmentRequest { name: name.clone() };
                caller.environments().get_environment(request).await
            };
            while read().await.is_ok() {}
        })
    }

    /// Takes turns until all rounds are done.
    async fn lane(&self, lane: usize, rounds: usize) -> Found {
        let person = self.app.session(&format!("lane-{lane}")).await.access_token;
        let mut found = Found::default();
        loop {
            let round = self.next.fetch_add(1, Ordering::Relaxed);
            if round >= rounds {
                return found;
            }
            self.round(lane, &person, round, &mut found).await;
        }
    }

    /// Gives a right, sees it hold, takes it, and uses it.
    async fn round(&self, lane: usize, person: &str, round: usize, found: &mut Found) {
        let used =
            [Use::WriteWhereTaken, Use::ReadElsewhere, Use::WriteElsewhere, Use::WatchElsewhere, Use::WatchWhereTaken]
                [round % 5];
        let way = [Way::Binding, Way::Group, Way::Member][round / 5 % 3];
        // Either server takes rights.
        let taker = round / 15 % 2;
        let user = match used {
            Use::WriteWhereTaken | Use::ReadWhereTaken | Use::WatchWhereTaken => taker,
            Use::WriteElsewhere | Use::ReadElsewhere | Use::WatchElsewhere => 1 - taker,
        };
        let given = self.give(taker, way, lane).await;
        // A credential of its own for each round: both servers learn of it with the rights of now.
        let token = api_tokens::token(&format!("Round {round}"), &RIGHTS);
        let token = api_tokens::create(&self.at(taker, person), "users/me", token).await.expect("the right is there");
        let caller = self.at(user, &token.secret);
        self.read(&caller).await.expect("the right holds");

        let mut record = |used: Use, since: Instant| found.took.entry(used).or_default().push(since.elapsed());
        match used {
            Use::WriteWhereTaken | Use::ReadWhereTaken | Use::WriteElsewhere => {
                self.write(&caller, &format!("held-{round}")).await.expect("the right lets write");
                let hammer = self.hammer(&caller);
                self.take(taker, way, lane, &given).await;
                let taken = Instant::now();
                loop {
                    match self.write(&caller, &format!("stale-{round}")).await {
                        Ok(()) => found.stale.push(format!("round {round}, {used:?} by {way:?}")),
                        Err(error) => {
                            assert!(is_denied(&error), "{error:?}");
                            break;
                        }
                    }
                }
                record(used, taken);
                in_time("reads are refused", hammer).await.expect("the reads do not panic");
                if used == Use::WriteWhereTaken {
                    record(Use::ReadWhereTaken, taken);
                }
            }
            Use::ReadElsewhere => {
                self.take(taker, way, lane, &given).await;
                let taken = Instant::now();
                let error = wait_for("reads are refused", async || self.read(&caller).await.err()).await;
                record(used, taken);
                assert!(is_denied(&error), "{error:?}");
            }
            Use::WatchWhereTaken | Use::WatchElsewhere => {
                let mut stream = self.watch(&caller).await;
                self.take(taker, way, lane, &given).await;
                let taken = Instant::now();
                let end = in_time("the stream ends", last_of(&mut stream)).await;
                record(used, taken);
                assert_eq!(end.reason(), pb::StreamEndReason::Error, "{end:?}");
            }
        }
    }
}

fn is_denied(error: &Error) -> bool {
    (error.code, error.reason) == (Code::PermissionDenied, Some(ErrorReason::AccessDenied))
}

/// The last message of a watch: why it ended.
pub async fn last_of(stream: &mut tonic::Streaming<pb::WatchRequestResponse>) -> pb::StreamEnd {
    loop {
        let message = stream.message().await.expect("the stream ends in order");
        let message = message.expect("the last message says why the stream ended");
        if let Some(pb::watch_request_response::Event::End(end)) = message.event {
            return end;
        }
    }
}

/// Of sorted times, the one that so many of a hundred do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_was_taken_lets_write_nothing_anywhere_and_read_and_watch_a_second_at_most() {
    let asked = std::env::var("FLAGSTONE_REVOCATIONS").ok();
    let asked: Option<usize> = asked.map(|rounds| rounds.parse().expect("FLAGSTONE_REVOCATIONS is a number"));
    let (rounds, bound) = asked.map_or((ROUNDS, BESIDE_OTHERS), |rounds| (rounds, PROMISED));
    let app = TestApp::start().await;
    let replica = app.replica(|_| {}).await;
    let cast = Cast::of(&app).await;
    let mut draft = cast.request(cast.create_payload("development", "watched"));
    draft.draft = true;
    let watched = cast.dev.requests().create_request(draft).await.unwrap().into_inner().name;
    for lane in 0..LANES {
        app.user(&format!("lane-{lane}"), &[]).await;
        let group = make_group(&cast.admin, "", &format!("lane-{lane}")).await;
        bind(&cast.admin, &cast.unit, ROLE, &group).await;
    }
    let ground = Ground { app, replica, cast, watched, next: AtomicUsize::new(0) };
    let began = Instant::now();
    let lanes = futures::future::join_all((0..LANES).map(|lane| ground.lane(lane, rounds))).await;

    let (mut took, mut stale) = (BTreeMap::<Use, Vec<Duration>>::new(), Vec::new());
    for found in lanes {
        stale.extend(found.stale);
        for (used, times) in found.took {
            took.entry(used).or_default().extend(times);
        }
    }
    println!("{rounds} rights taken in {:.1?}; {} writes counted too late", began.elapsed(), stale.len());
    for (used, times) in &mut took {
        times.sort_unstable();
        let [median, p90, p99] = [50, 90, 99].map(|percent| percentile(times, percent));
        let longest = times[times.len() - 1];
        println!(
            "{:<16} {:>4} times, refused after: median {median:.1?}, p90 {p90:.1?}, p99 {p99:.1?}, longest {longest:.1?}",
            format!("{used:?}"),
            times.len()
        );
    }
    assert_eq!(stale, [""; 0], "writes with a right that was taken before they were sent");
    assert_eq!(took.len(), 6, "every use was tried: {:?}", took.keys());
    for (used, times) in &took {
        let p99 = percentile(times, 99);
        assert!(p99 <= bound, "{used:?}: 99 of 100 refused within {p99:?} only: {times:?}");
    }
    let Ground { app, replica, .. } = ground;
    replica.stop().await;
    app.finish().await;
}
