//! Streams that survive a cut: opened again with the last cursor, each item once, and never over without an `end`.

use std::time::Duration;

use flagstone_api::pb::{StreamEnd, StreamEndReason};
use futures::Stream;
use futures::future::BoxFuture;
use tokio::time::{Instant, sleep, timeout};
use tonic::{Code, Status, Streaming};

use crate::backoff::backoff;
use crate::client::Client;
use crate::error::Error;

/// The server sends something at least every 15 s. After three times that the connection is taken for dead.
const SILENCE: Duration = Duration::from_secs(45);

/// For so long without a single message a stream is opened again, then its error is handed on.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a resumed stream yields.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<T, E = StreamEnd> {
    /// The next item, exactly once.
    Item(T),
    /// The server's word that nothing will follow. The stream is over after it, and never without it.
    End(E),
}

/// One kind of stream: how to open it and how to read it.
pub(crate) trait Feed: Send + 'static {
    type Message: Send + 'static;
    type Item: Send + 'static;
    type End: Send + 'static;

    /// Opens the stream after `cursor`; an empty one is the beginning.
    fn open(&self, client: Client, cursor: String) -> BoxFuture<'static, Result<Streaming<Self::Message>, Status>>;

    /// Reads one message. An error ends the stream.
    fn read(&mut self, message: Self::Message) -> Result<Step<Self::Item, Self::End>, Error>;
}

/// What one message means.
pub(crate) enum Step<T, E> {
    /// The subscription stands.
    Open(String),
    /// Nothing happened for a while.
    Heartbeat(String),
    /// An item; `None` where it had arrived before.
    Item(String, Option<T>),
    /// The last message.
    End(StreamEnd, E),
    /// A kind of message that this client does not know.
    Unknown,
}

/// Reads the feed from `cursor` to its end, over as many connections as that takes.
pub(crate) fn resumed<F: Feed>(
    client: Client,
    mut feed: F,
    mut cursor: String,
) -> impl Stream<Item = Result<Event<F::Item, F::End>, Error>> + Send {
    async_stream::try_stream! {
        let mut trouble = Trouble::default();
        'open: loop {
            let mut messages = match feed.open(client.clone(), cursor.clone()).await {
                Ok(messages) => messages,
                Err(status) => {
                    trouble.wait(status.into()).await?;
                    continue 'open;
                }
            };
            loop {
                let message = match next(&mut messages).await {
                    Ok(message) => message,
                    Err(error) => {
                        trouble.wait(error).await?;
                        continue 'open;
                    }
                };
                match feed.read(message)? {
                    // Not the end of trouble: a server could open and fail for ever.
                    Step::Open(next) => cursor = next,
                    Step::Heartbeat(next) => {
                        cursor = next;
                        trouble = Trouble::default();
                    }
                    Step::Item(next, item) => {
                        cursor = next;
                        trouble = Trouble::default();
                        if let Some(item) = item {
                            yield Event::Item(item);
                        }
                    }
                    Step::End(end, whole) => {
                        if end.reason() == StreamEndReason::Complete {
                            yield Event::End(whole);
                            break 'open;
                        }
                        trouble.wait(ended(&end)).await?;
                        if !end.last_cursor.is_empty() {
                            cursor = end.last_cursor;
                        }
                        continue 'open;
                    }
                    Step::Unknown => {}
                }
            }
        }
    }
}

async fn next<M>(messages: &mut Streaming<M>) -> Result<M, Error> {
    match timeout(SILENCE, messages.message()).await {
        Ok(Ok(Some(message))) => Ok(message),
        Ok(Ok(None)) => Err(Error::local(Code::Unavailable, "The stream was cut short.")),
        Ok(Err(status)) => Err(status.into()),
        Err(_) => Err(Error::local(Code::Unavailable, "The stream fell silent.")),
    }
}

/// The error for an end that is not the object's own. The passing ones are those after which a stream is opened again.
fn ended(end: &StreamEnd) -> Error {
    match end.reason() {
        StreamEndReason::Shutdown => Error::local(Code::Unavailable, "The server shuts down."),
        StreamEndReason::SlowReader => Error::local(Code::Unavailable, "The reader was too slow."),
        // Opening it again renews the session first; one that was revoked fails there.
        StreamEndReason::CredentialExpired => Error::local(Code::Unavailable, "The credential expired."),
        StreamEndReason::ResyncRequired => Error {
            reason: Some(flagstone_api::pb::ErrorReason::ResyncRequired),
            metadata: [("oldest_cursor".to_owned(), end.oldest_cursor.clone())].into(),
            ..Error::local(Code::OutOfRange, "The cursor is older than what is kept. Read the object anew.")
        },
        StreamEndReason::Complete | StreamEndReason::Error | StreamEndReason::Unspecified => match &end.status {
            Some(status) => Error::in_band(status),
            None => Error::local(Code::Unknown, "The stream ended without saying why."),
        },
    }
}

/// Failures in a row.
#[derive(Default)]
struct Trouble {
    since: Option<Instant>,
    count: u32,
}

impl Trouble {
    /// Waits before the stream is opened again, or hands the error on: it does not pass by itself, or has not for long.
    async fn wait(&mut self, error: Error) -> Result<(), Error> {
        let since = *self.since.get_or_insert_with(Instant::now);
        self.count += 1;
        if !is_cut(&error) || since.elapsed() >= PATIENCE {
            return Err(error);
        }
        tracing::debug!(%error, failures = self.count, "A stream is opened again.");
        sleep(backoff(self.count).max(error.retry_delay.unwrap_or_default())).await;
        Ok(())
    }
}

/// Whether the stream was cut: a passing error, or one that no server made. A connection that breaks in the middle of a
/// stream shows as one of several codes, and always without a reason.
fn is_cut(error: &Error) -> bool {
    let broken = matches!(error.code, Code::Unknown | Code::Internal | Code::Cancelled);
    error.is_passing() || error.reason.is_none() && broken
}
