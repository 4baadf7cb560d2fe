//! Environments: where something runs.

use crate::words::words;

words! {
    /// Where an environment is in its life. Environments made with a business unit are ready at once.
    pub enum EnvironmentState: "environment state" {
        /// Deployments may be made.
        Ready = "READY",
    }
}
