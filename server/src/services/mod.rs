//! The gRPC services: one file for each, with its handlers and conversions.

use std::sync::Arc;

use tonic::service::Routes;

use crate::app::App;

/// Every service of the contract.
pub fn routes(_app: &Arc<App>) -> Routes {
    Routes::default()
}
