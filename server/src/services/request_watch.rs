//! WatchRequest: the whole request after every change of it, of its approval or of the job under way.

use async_stream::try_stream;
use flagstone_api::pb;
use flagstone_api::pb::watch_request_response::Event;
use flagstone_core::Error as CoreError;
use flagstone_core::names::{RequestName, parse};
use flagstone_db::{job, request};
use futures::{FutureExt, Stream};

use super::job::progress_to_proto;
use super::request::readable;
use super::request_view::{timeline_to_proto, to_proto};
use crate::cx::{Cx, Target};
use crate::error::{Error, Result};
use crate::flow::request::state_of;
use crate::watch::{Objects, Signal, Watch, in_band};

/// Timeline entries sent with one update.
const ENTRIES: i64 = 200;

/// Opens the stream. A fresh one begins with the request as it is, a resumed one with what changed since its cursor.
pub async fn watch_request(
    cx: Cx,
    req: pb::WatchRequestRequest,
) -> Result<impl Stream<Item = Result<pb::WatchRequestResponse>> + Send + 'static> {
    let name: RequestName = parse(&req.name, "name")?;
    let target = Target::in_unit(&name, name.business_unit());
    let read = cx.read(target.clone()).await?;
    let row = readable(&read, &name).await?;
    let (organization_id, id) = (row.organization_id, row.id);
    let judge = {
        let (name, target) = (name.clone(), target.clone());
        Box::new(move |cx: Cx| {
            let (name, target) = (name.clone(), target.clone());
            async move { readable(&cx.read(target).await?, &name).await.map(drop) }.boxed()
        })
    };
    let mut watch = Watch::open(&cx, organization_id, Objects(vec![id]), &req.cursor, judge).await?;
    for job in &row.job_ids {
        watch.follow(*job);
    }
    let message = |event| pb::WatchRequestResponse { event: Some(event) };
    let opened = cx.clone();
    let items = try_stream! {
        yield message(Event::Open(pb::StreamOpen { cursor: watch.cursor() }));
        let mut told = 0;
        let mut news = req.cursor.is_empty() || watch.advance().await?.is_some();
        loop {
            // The door again: what the caller may see is judged anew for every update.
            let read = cx.read(target.clone()).await?;
            let row = request::get(read.conn(), organization_id, id).await?.ok_or_else(|| CoreError::not_found(&name))?;
            for job in &row.job_ids {
                watch.follow(*job);
            }
            let over = state_of(&row)?.is_terminal();
            if news {
                let timeline = request::events(read.conn(), organization_id, id, told, ENTRIES).await?;
                told = timeline.last().map_or(told, |entry| entry.number);
                let progress = match row.job_ids.last() {
                    Some(last) => job::get(read.conn(), organization_id, *last).await?.map(|job| progress_to_proto(&job.progress)),
                    None => None,
                };
                let request = to_proto(read.conn(), &read, std::slice::from_ref(&row)).await?.pop();
                let request = request.ok_or_else(|| Error::internal("one row made no message"))?;
                yield message(Event::Update(pb::RequestUpdate {
                    cursor: watch.cursor(),
                    request: Some(request),
                    timeline: timeline_to_proto(timeline)?,
                    progress,
                }));
            }
            drop(read);
            if over {
                yield message(Event::End(watch.end(pb::StreamEndReason::Complete)));
                return;
            }
            news = loop {
                match watch.next().await {
                    Signal::Changed(()) => break true,
                    Signal::Heartbeat => {
                        yield message(Event::Heartbeat(pb::StreamHeartbeat { cursor: watch.cursor() }));
                    }
                    Signal::End(end) => {
                        yield message(Event::End(end));
                        return;
                    }
                }
            };
        }
    };
    Ok(in_band(&opened, items, told, |end| pb::WatchRequestResponse { event: Some(Event::End(end)) }))
}

/// The cursor that a message carries.
fn told(message: &pb::WatchRequestResponse) -> Option<&str> {
    match message.event.as_ref()? {
        Event::Open(open) => Some(&open.cursor),
        Event::Update(update) => Some(&update.cursor),
        Event::Heartbeat(heartbeat) => Some(&heartbeat.cursor),
        Event::End(_) => None,
    }
}
