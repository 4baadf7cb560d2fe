//! The gRPC services: one file for each, with its handlers and conversions.

use std::sync::Arc;

use tonic::service::Routes;

use crate::app::App;

pub mod access;
mod approval_list;
pub mod auth;
pub mod user;
pub mod approval_policy;
pub mod audit;
pub mod deployment;
mod job_list;
mod request_list;
pub mod business_unit;
pub mod environment;
pub mod request_watch;
pub mod request_view;
pub mod request;
pub mod job;
pub mod tfstate;
pub mod runner_link;
pub mod job_log;
pub mod approval;
pub mod template;

/// Every service of the contract.
pub fn routes(_app: &Arc<App>) -> Routes {
    Routes::default()
}
