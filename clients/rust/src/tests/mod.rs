//! The client against a server that does what each test says.

mod calls;
mod fake;
mod streams;
