//! gRPC health: serving while the database answers and no shutdown has begun.

use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, HealthService};

use crate::app::App;
use crate::edge::{is_ready, metrics as metrics_page};

/// How often the database is asked.
const PAUSE: Duration = Duration::from_secs(2);

/// Rounds between two clean-ups of the counters of calls: a minute.
const TIDY: u32 = 30;

/// The service.
pub type Server = tonic_health::pb::health_server::HealthServer<HealthService>;

/// Tells clients how the server is.
#[derive(Clone)]
pub struct Health(HealthReporter);

/// The service, and what tells it the state. Not serving until told.
pub fn service() -> (Health, Server) {
    let reporter = HealthReporter::new();
    let server = Server::new(HealthService::from_health_reporter(reporter.clone()));
    (Health(reporter), server)
}

impl Health {
    /// Sets the state of the server as a whole.
    pub async fn set(&self, serving: bool) {
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.0.set_service_status("", status).await;
    }

    /// Keeps the state true until the shutdown begins, and looks after what belongs to the process alone: counters of
    /// calls that are not needed any more, gauges of connections.
    pub async fn keep(self, app: Arc<App>) {
        let mut round = 0_u32;
        loop {
            self.set(is_ready(&app).await).await;
            for (name, pool) in [("calls", &app.db.app), ("workers", &app.db.worker)] {
                #[expect(clippy::cast_precision_loss, reason = "a number of connections")]
                gauge!("flagstone_database_connections_free", "pool" => name).set(pool.free() as f64);
            }
            metrics_page::tidy();
            round = round.wrapping_add(1);
            if round.is_multiple_of(TIDY) {
                app.limits.tidy();
            }
            tokio::select! {
                () = app.shutdown.cancelled() => break,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        self.set(false).await;
    }
}
