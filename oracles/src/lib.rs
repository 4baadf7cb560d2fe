//! Flagstone's evaluator beside those of others.
//!
//! [`case`] makes random grants and questions, [`cedar`] says them in Cedar's words, and the test `agrees_with_cedar` holds
//! both evaluators to one verdict: two programs that were written apart seldom err alike. The program `peers` measures what
//! a decision costs in Flagstone, in Cedar and in Casbin.
//!
//! Out of scope: conditions of bindings. They are CEL, and what CEL computes is no question of access. Nor is the switch
//! `self_service_environments`: it takes a permission out of a role before anything is decided.

pub mod case;
pub mod cedar;
pub mod dice;
