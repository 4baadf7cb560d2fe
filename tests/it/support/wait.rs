//! Waiting for a condition. No test sleeps for a time that it hopes is enough.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long a condition may need before the test says that it never came. Generous: nothing is measured by it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks until there is an answer. Panics with `what` where none comes within [`PATIENCE`].
pub async fn wait_for<T, F, Fut>(what: &str, ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    wait_for_within(PATIENCE, what, ask).await
}

/// Asks until there is an answer. Panics with `what` where none comes within `patience`.
pub async fn wait_for_within<T, F, Fut>(patience: Duration, what: &str, mut ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {patience:?} in vain: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Waits for something that comes once. Panics with `what` where it does not come within [`PATIENCE`].
pub async fn in_time<T>(what: &str, coming: impl Future<Output = T>) -> T {
    let came = tokio::time::timeout(PATIENCE, coming).await;
    came.unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain: {what}"))
}
