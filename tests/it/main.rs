//! The integration tests: a real server, a real Postgres, gRPC only. One module for each noun; what they share is in
//! `support`. They wait for conditions and never for a time.

#![expect(clippy::disallowed_methods, reason = "tests spawn, read their own environment and make statuses")]

mod support;

mod access;
mod approvals;
mod auth;
mod aws_plans;
mod connections;
mod contract;
mod edge;
mod faults;
mod isolation;
mod jobs;
mod journeys;
mod lists;
mod logs;
mod mainline;
mod matrix;
mod plans;
mod previews;
mod process;
mod requests;
mod s3;
mod session_cookie;
mod surface;
mod users;
mod walk_auth;
mod walk_mutations;
mod watch;
mod web_files;
mod whole;
mod workspaces;
