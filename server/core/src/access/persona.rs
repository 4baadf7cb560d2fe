//! Personas: for whom a start page is made (R052). Every persona has a role that ships and leads to it.

use crate::words::words;

words! {
    /// For whom a start page is made.
    pub enum Persona: "persona" {
        /// Builds software and runs it.
        Developer = "DEVELOPER",
        /// Builds the platform.
        PlatformEngineer = "PLATFORM_ENGINEER",
        /// Keeps things running.
        Sre = "SRE",
        /// Answers for people, time and money.
        EngineeringManager = "ENGINEERING_MANAGER",
        /// Answers for what is allowed and what happened.
        Security = "SECURITY",
    }
}

impl Persona {
    /// The persona of a role that ships, by its id. The viewer and the operator of the installation have none.
    pub fn of_role(id: &str) -> Option<Self> {
        Some(match id {
            "developer" | "senior-engineer" => Self::Developer,
            "platform-admin" | "platform-engineer" => Self::PlatformEngineer,
            "sre" | "it-engineer" => Self::Sre,
            "project-manager" | "bu-owner" | "team-admin" => Self::EngineeringManager,
            "security-auditor" => Self::Security,
            _ => return None,
        })
    }
}
