//! The integration tests: a real server, a real Postgres, gRPC only. One module for each noun; what they share is in
//! `support`. They wait for conditions and never for a time.

#![expect(clippy::disallowed_methods, reason = "tests spawn, read their own environment and make statuses")]

mod support;

mod access;
mod access_agreement;
mod access_why;
mod api_tokens;
mod approvals;
mod audit;
mod auth;
mod aws_plans;
mod business_units;
mod connections;
mod contract;
mod device_login;
mod edge;
mod escalation;
mod faults;
mod groups;
mod invitations;
mod isolation;
mod job_ops;
mod jobs;
mod journeys;
mod lists;
mod logs;
mod mainline;
mod matrix;
mod organizations;
mod plans;
mod previews;
mod process;
mod queues;
mod rates;
mod requests;
mod role_bindings;
mod roles;
mod s3;
mod schedules;
mod service_accounts;
mod session_cookie;
mod sessions;
mod signing_keys;
mod sso;
mod sso_providers;
mod surface;
mod teams;
mod users;
mod walk_auth;
mod walk_mutations;
mod watch;
mod web_files;
mod whole;
mod workspaces;
