//! What every RPC has in common, once: the context, the detachment from the client's disconnect, the limit of what runs
//! at a time, errors and panics.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use flagstone_core::{Error as CoreError, Kind, Reason};
use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt};
use prost::Message;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};
use tracing::Instrument;

use crate::app::App;
use crate::audit;
use crate::call::{Call, Caller};
use crate::contract::Method;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::status;

/// A stream of answers as tonic takes it.
pub type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Runs one unary call.
pub async fn unary<Req, Resp, F, Fut>(
    app: &Arc<App>,
    request: Request<Req>,
    handler: F,
) -> Result<Response<Resp>, Status>
where
    Req: Send + 'static,
    Resp: Message + Default + Send + 'static,
    F: FnOnce(Cx, Req) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Resp>> + Send + 'static,
{
    within(&app.calls, app, request, handler).await
}

/// Runs one unary call that mostly waits. It takes the place of a stream: those who wait must not keep out those who work.
pub async fn waiting<Req, Resp, F, Fut>(
    app: &Arc<App>,
    request: Request<Req>,
    handler: F,
) -> Result<Response<Resp>, Status>
where
    Req: Send + 'static,
    Resp: Message + Default + Send + 'static,
    F: FnOnce(Cx, Req) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Resp>> + Send + 'static,
{
    within(&app.streams, app, request, handler).await
}

/// Runs one unary call with a permit of a quota.
///
/// The handler runs in a task of its own: a client that goes away or a deadline that passes neither stops it half way
/// nor leaves a connection in an unknown state, and `request_id` tells the outcome. The permit moves into the task, so
/// that what runs is limited even when its clients are gone; the shutdown waits for it.
async fn within<Req, Resp, F, Fut>(
    quota: &Arc<Semaphore>,
    app: &Arc<App>,
    request: Request<Req>,
    handler: F,
) -> Result<Response<Resp>, Status>
where
    Req: Send + 'static,
    Resp: Message + Default + Send + 'static,
    F: FnOnce(Cx, Req) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Resp>> + Send + 'static,
{
    let (cx, body) = context(app, request)?;
    let correlation_id = cx.call.correlation_id.clone();
    let permit = quota.clone().try_acquire_owned().map_err(|_| overloaded(&correlation_id))?;
    // On the heap from here on: the state of a handler has kilobytes, and on its way into a task and out of it a future is
    // copied a dozen times. One type for all handlers with the same answer, too.
    let task: BoxFuture<'static, Result<Resp>> = Box::pin(async move {
        let answer = handler(cx.clone(), body).await;
        let answer = settle(&cx, answer).await;
        drop(permit);
        answer
    });
    let task = app.tasks.spawn(task.in_current_span());
    match task.await {
        Ok(answer) => answer.map(Response::new).map_err(|error| status::from_error(&error, &correlation_id)),
        Err(panic) => Err(status::from_core(&CoreError::internal(panic), &correlation_id)),
    }
}

/// A stored answer becomes the answer; a failed attempt to change something is recorded.
async fn settle<Resp: Message + Default>(cx: &Cx, answer: Result<Resp>) -> Result<Resp> {
    match answer {
        Err(Error::Replay(bytes)) => Resp::decode(bytes.as_slice()).map_err(Error::internal),
        // A refusal by another rule than permissions is a decision, too, and can be explained (rule 17).
        Err(Error::Core(mut error)) if error.kind == Kind::Denied => {
            if let Caller::User(user) = &cx.caller {
                match audit::refusal(cx, user, &error).await {
                    Ok(decision_id) => error = error.with("decision_id", &decision_id),
                    Err(unwritten) => {
                        tracing::warn!(error = %unwritten, "The audit event of a denial could not be written.");
                    }
                }
            }
            error.metadata.remove(audit::UNIT_KEY);
            Err(Error::Audited(error))
        }
        Err(Error::Core(mut error)) => {
            if let Caller::User(user) = &cx.caller
                && !cx.method.is_read()
                && is_the_callers(error.kind)
                && let Err(unwritten) = audit::failure(cx, user, &error).await
            {
                tracing::warn!(error = %unwritten, "The audit event of a failed attempt could not be written.");
            }
            error.metadata.remove(audit::UNIT_KEY);
            Err(Error::Core(error))
        }
        other => other,
    }
}

/// Whether an error is about what the caller did, not about us.
const fn is_the_callers(kind: Kind) -> bool {
    matches!(kind, Kind::Invalid | Kind::NotFound | Kind::AlreadyExists | Kind::Precondition | Kind::Aborted)
}

/// Opens one stream. The handler authorizes and returns the stream; a panic of its producer ends it with an error
/// instead of cutting it.
pub async fn stream<Req, Resp, F, Fut, S>(
    app: &Arc<App>,
    request: Request<Req>,
    handler: F,
) -> Result<Response<Answers<Resp>>, Status>
where
    Req: Send + 'static,
    Resp: Send + 'static,
    F: FnOnce(Cx, Req) -> Fut + Send + 'static,
    Fut: Future<Output = Result<S>> + Send + 'static,
    S: Stream<Item = Result<Resp>> + Send + 'static,
{
    let (cx, body) = context(app, request)?;
    let correlation_id = cx.call.correlation_id.clone();
    // Streams have a quota of their own: the limit of calls is given back at their headers.
    let permit = app.streams.clone().try_acquire_owned().map_err(|_| overloaded(&correlation_id))?;
    let opened = AssertUnwindSafe(handler(cx, body)).catch_unwind().await;
    let items = match opened {
        Ok(Ok(items)) => items,
        Ok(Err(error)) => return Err(status::from_error(&error, &correlation_id)),
        Err(_) => return Err(status::from_core(&CoreError::internal("a stream's handler panicked"), &correlation_id)),
    };
    let held = (permit, app.tasks.token());
    let items = AssertUnwindSafe(items).catch_unwind().map(move |item| {
        let _held = &held;
        match item {
            Ok(Ok(item)) => Ok(item),
            Ok(Err(error)) => Err(status::from_error(&error, &correlation_id)),
            Err(_) => Err(status::from_core(&CoreError::internal("a stream's producer panicked"), &correlation_id)),
        }
    });
    Ok(Response::new(Box::pin(items)))
}

/// The context that the edge left in the request.
pub fn context<Req>(app: &Arc<App>, request: Request<Req>) -> Result<(Cx, Req), Status> {
    let (_, mut extensions, body) = request.into_parts();
    match (extensions.remove::<Call>(), extensions.remove::<Caller>(), extensions.remove::<Arc<Method>>()) {
        (Some(call), Some(caller), Some(method)) => Ok((Cx { app: app.clone(), method, caller, call }, body)),
        // Only a server whose edge was left out gets here; it must not answer anything.
        _ => Err(status::from_core(&CoreError::internal("a call came in beside the edge"), "")),
    }
}

fn overloaded(correlation_id: &str) -> Status {
    let error = CoreError::new(
        Kind::Exhausted,
        Reason::Overloaded,
        "The server has as much to do as it takes. Try again in a moment.",
    )
    .retry_after(std::time::Duration::from_millis(500));
    status::from_core(&error, correlation_id)
}

/// Implements a service's unary methods by handlers of the same name in scope. The signatures are those that
/// `async_trait` gives to the trait: it does not see into a macro inside of the implementation.
macro_rules! unary_methods {
    ($($method:ident: $request:ty => $response:ty),+ $(,)?) => {
        $(
            fn $method<'life0, 'async_trait>(
                &'life0 self,
                request: tonic::Request<$request>,
            ) -> std::pin::Pin<
                Box<dyn Future<Output = Result<tonic::Response<$response>, tonic::Status>> + Send + 'async_trait>,
            >
            where
                'life0: 'async_trait,
                Self: 'async_trait,
            {
                Box::pin(crate::rpc::unary(&self.0, request, $method))
            }
        )+
    };
}
pub(crate) use unary_methods as unary;
