//! Changes as they are committed: followed, polled and listed. What a caller sees of them is in [`crate::watch`].

use std::sync::Arc;
use std::time::Duration;

use async_stream::stream;
use flagstone_api::pb;
use flagstone_api::pb::watch_service_server::WatchService;
use flagstone_core::error::Violations;
use flagstone_core::filter::{Field, FieldKind, Order};
use flagstone_core::names::{BusinessUnitParent, RequestId, RequestName, UserName, parse};
use flagstone_core::{Error as CoreError, Kind, Reason};
use flagstone_db::list::scope::Units;
use flagstone_db::list::{self, Branch, ListQuery, names};
use futures::{FutureExt, Stream};
use tokio::time::{Instant, timeout_at};
use tonic::{Request, Response, Status};

use crate::app::App;
use crate::cx::{Cx, Read, Target};
use crate::error::Result;
use crate::list::{List, arguments};
use crate::rpc::{self, Answers};
use crate::watch::{
    Access, Changes, KINDS, News, ObjectKind, Signal, Wake, Watch, answer_by, decode, sights, to_proto,
};

/// The service.
#[derive(Debug)]
pub struct Watches(pub Arc<App>);

#[tonic::async_trait]
impl WatchService for Watches {
    type WatchChangesStream = Answers<pb::WatchChangesResponse>;

    rpc::unary! {
        list_change_events: pb::ListChangeEventsRequest => pb::ListChangeEventsResponse,
    }

    async fn watch_changes(
        &self,
        request: Request<pb::WatchChangesRequest>,
    ) -> Result<Response<Self::WatchChangesStream>, Status> {
        rpc::stream(&self.0, request, watch_changes).await
    }

    async fn poll_changes(
        &self,
        request: Request<pb::PollChangesRequest>,
    ) -> Result<Response<pb::PollChangesResponse>, Status> {
        rpc::waiting(&self.0, request, poll_changes).await
    }
}

/// Most kinds and most objects of one call.
const KINDS_MAX: usize = 20;
const OBJECTS_MAX: usize = 200;

/// Longest wait for a change.
const WAIT_MAX: Duration = Duration::from_secs(30);

const LIST: List = List {
    fields: &[
        // Names here are what was written at the time: their objects need not exist any more.
        Field { name: "object", kind: FieldKind::Name },
        Field { name: "object_type", kind: FieldKind::Text },
        Field { name: "principal", kind: FieldKind::Name },
        Field { name: "time", kind: FieldKind::Time },
    ],
    names: &[],
    orders: &[Order { name: "time", key: "time", descending: true }],
};

/// WatchChanges: from a cursor, then live.
async fn watch_changes(
    cx: Cx,
    req: pb::WatchChangesRequest,
) -> Result<impl Stream<Item = Result<pb::WatchChangesResponse>> + Send + 'static> {
    use pb::watch_changes_response::Event;
    let mut wrong = Violations::new();
    let wanted = Wanted::of(&req.parent, &req.object_types, &req.objects, &req.cursor, &mut wrong);
    wrong.finish()?;
    let mut watch = wanted.open(&cx, &req.cursor, Some(Access::default())).await?;
    let message = |event| Ok(pb::WatchChangesResponse { event: Some(event) });
    Ok(stream! {
        yield message(Event::Open(pb::StreamOpen { cursor: watch.cursor() }));
        loop {
            match watch.next().await {
                Signal::Changed(News { access, changes }) => {
                    // First: what changed is read anew by the rights of now.
                    if let Some(etag) = access {
                        yield message(Event::Access(pb::CallerAccess { etag }));
                    }
                    if !changes.is_empty() {
                        yield message(Event::Changes(pb::ChangeBatch { cursor: watch.cursor(), changes }));
                    }
                }
                Signal::Heartbeat => {
                    yield message(Event::Heartbeat(pb::StreamHeartbeat { cursor: watch.cursor() }));
                }
                Signal::End(end) => {
                    yield message(Event::End(end));
                    return;
                }
            }
        }
    })
}

/// PollChanges: what there is after a cursor, after a wait for it where there is nothing yet. A change of what the caller
/// may do ends the wait like any other.
async fn poll_changes(cx: Cx, req: pb::PollChangesRequest) -> Result<pb::PollChangesResponse> {
    let mut wrong = Violations::new();
    let wanted = Wanted::of(&req.parent, &req.object_types, &req.objects, &req.cursor, &mut wrong);
    let wait = match req.wait {
        None => Ok(Duration::ZERO),
        Some(wait) => Duration::try_from(wait),
    };
    let wait = wait.ok().filter(|wait| *wait <= WAIT_MAX);
    wrong.check(wait.is_some(), "wait", "is not between 0 and 30 seconds.");
    wrong.finish()?;
    // Without a cursor there is nothing to wait for: the answer is where to begin.
    let wait = wait.filter(|_| !req.cursor.is_empty()).unwrap_or_default();
    let deadline = answer_by(&cx, wait);
    let access = (!req.access_etag.is_empty()).then(|| Access::told(req.access_etag.clone()));
    let mut watch = wanted.open(&cx, &req.cursor, access).await?;
    if let Some(oldest) = watch.resync() {
        let message = "The cursor is older than what is kept. Read the objects anew, then poll without a cursor.";
        let error = CoreError::new(Kind::OutOfRange, Reason::ResyncRequired, message);
        return Err(error.with("oldest_cursor", &oldest).into());
    }
    loop {
        if let Some(News { changes, .. }) = watch.advance().await? {
            return polled(&watch, changes);
        }
        let waited = if Instant::now() < deadline { timeout_at(deadline, watch.wait()).await.ok() } else { None };
        match waited {
            Some(Wake::Look | Wake::Heartbeat) => {}
            // Why it ended is told to the next call.
            Some(Wake::End(..)) | None => {
                return polled(&watch, Vec::new());
            }
        }
    }
}

/// The answer to a poll.
fn polled(watch: &Watch<Changes>, changes: Vec<pb::ChangeEvent>) -> Result<pb::PollChangesResponse> {
    let etag = Access::default().now(watch.caller()?).to_owned();
    Ok(pb::PollChangesResponse { changes, cursor: watch.cursor(), access: Some(pb::CallerAccess { etag }) })
}

async fn list_change_events(cx: Cx, message: pb::ListChangeEventsRequest) -> Result<pb::ListChangeEventsResponse> {
    let (parent, call) = LIST.call_in::<BusinessUnitParent>(&cx, &message.parent, arguments!(message))?;
    let read = cx.read(Target::list(&parent)).await?;
    let names = call.names(&read).await?;
    let unit_id = read.unit.as_ref().map(|unit| unit.id);
    let sights = sights(&cx, unit_id, &all_kinds())?;
    let branch = Branch { units: unit_id.map_or(Units::Any, Units::One), own: None };
    let branches = [branch];
    let query = ListQuery { sights: &sights, ..call.query(&read, &names, None, &branches) };
    let page = list::change_event::list(read.conn(), &query).await?;
    Ok(pb::ListChangeEventsResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        change_events: to_proto(&read.user.directory, page.rows),
    })
}

fn all_kinds() -> Vec<&'static ObjectKind> {
    KINDS.iter().collect()
}

/// What a call wants to follow, checked.
struct Wanted {
    parent: BusinessUnitParent,
    kinds: Vec<&'static ObjectKind>,
    objects: Vec<String>,
}

impl Wanted {
    /// Checks what was sent. The value means nothing where something is wrong.
    fn of(parent: &str, types: &[String], objects: &[String], cursor: &str, wrong: &mut Violations) -> Self {
        let parent = wrong.take(parse::<BusinessUnitParent>(parent, "parent"));
        wrong.check(types.len() <= KINDS_MAX, "object_types", "has more than 20 entries. Leave it empty for all.");
        wrong.check(
            objects.len() <= OBJECTS_MAX,
            "objects",
            "has more than 200 entries. Watch a business unit instead.",
        );
        let mut kinds = Vec::new();
        for (index, sent) in types.iter().take(KINDS_MAX).enumerate() {
            match KINDS.iter().find(|kind| kind.object_type == sent) {
                Some(kind) => kinds.push(kind),
                None => {
                    let known = KINDS.each_ref().map(|kind| kind.object_type).join(", ");
                    let message = format!("is no kind of object that can be watched. Known are {known}.");
                    wrong.add(format!("object_types[{index}]"), message);
                }
            }
        }
        for (index, sent) in objects.iter().take(OBJECTS_MAX).enumerate() {
            let is_name = KINDS.iter().any(|kind| (kind.is_name)(sent));
            let message =
                "is not the name of an object that can be watched, such as `businessUnits/{bu}/requests/R-42`.";
            wrong.check(is_name, format!("objects[{index}]"), message);
        }
        wrong.take(decode(cursor));
        Self {
            parent: parent.unwrap_or(BusinessUnitParent::Any),
            kinds: if types.is_empty() { all_kinds() } else { kinds },
            objects: objects.to_vec(),
        }
    }

    /// Lets the caller in and subscribes.
    async fn open(self, cx: &Cx, cursor: &str, access: Option<Access>) -> Result<Watch<Changes>> {
        let target = Target::list(&self.parent);
        let read = cx.read(target.clone()).await?;
        let (organization_id, unit_id) = (read.organization_id(), read.unit.as_ref().map(|unit| unit.id));
        let objects = as_recorded(&read, self.objects).await?;
        drop(read);
        let judge = Box::new(move |cx: Cx| {
            let target = target.clone();
            async move { cx.read(target).await.map(drop) }.boxed()
        });
        let source = Changes { unit_id, kinds: self.kinds, objects, access };
        Watch::open(cx, organization_id, source, cursor, judge).await
    }
}

/// The names as events carry them: requests by id instead of code, the caller by username instead of `me`. Whether
/// somebody may see what is looked up here is not asked: it only selects from what is seen anyway.
async fn as_recorded(read: &Read, mut objects: Vec<String>) -> Result<Vec<String>> {
    let code = |text: &String| match text.parse::<RequestName>() {
        Ok(name) if matches!(name.id(), RequestId::Code(_)) => Some(name),
        _ => None,
    };
    let coded: Vec<RequestName> = objects.iter().filter_map(code).collect();
    let ids: Vec<RequestId> = coded.iter().map(|name| *name.id()).collect();
    let found = names::requests(read.conn(), read.organization_id(), &ids).await?;
    for object in &mut objects {
        if let Some(name) = code(object) {
            let unit = read.user.directory.unit(&name.business_unit());
            let meant = found.iter().find(|(unit_id, _, number)| {
                *name.id() == RequestId::Code(*number) && unit.is_some_and(|unit| unit.id == *unit_id)
            });
            if let (Some((_, id, _)), Some(unit)) = (meant, unit) {
                *object = format!("{}/requests/{id}", unit.name);
            }
        } else if object.parse::<UserName>().is_ok_and(|name| name.is_me()) {
            *object = read.user.name.to_string();
        }
    }
    Ok(objects)
}
