//! Organizations: what they may be called, what they decide for all their units, and the steps of their first run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::FieldViolation;
use crate::error::Violations;
use crate::text;
use crate::tier::Tier;
use crate::words::words;

/// How long audit events may be kept, in days. 0 beside it: for ever.
pub const AUDIT_RETENTION_DAYS: std::ops::RangeInclusive<i32> = 30..=3650;

/// How many jobs of an organization may run at a time. 0 beside it: as many as there are runners for.
pub const MAX_CONCURRENT_JOBS: std::ops::RangeInclusive<i32> = 0..=1000;

/// Longest address of a logo, in characters.
const LOGO_URL_MAX: usize = 2000;

/// Longest region, in characters.
const REGION_MAX: usize = 64;

/// What people can write about an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationText {
    pub display_name: String,
    pub description: String,
    pub logo_url: String,
}

impl OrganizationText {
    /// Notes everything that is wrong with it, below `field`.
    pub fn check(&self, field: &str, wrong: &mut Violations) {
        let at = |name: &str| format!("{field}.{name}");
        wrong.check(text::is_title(&self.display_name, 255), at("display_name"), text::title_rule(255));
        wrong.check(text::is_prose(&self.description, 1000), at("description"), text::prose_rule(1000));
        wrong.check(
            self.logo_url.is_empty() || is_picture(&self.logo_url),
            at("logo_url"),
            format!("Give an https:// address of at most {LOGO_URL_MAX} characters without spaces, or leave it empty."),
        );
    }
}

/// Browsers load it: no other scheme than https, nothing that ends the attribute it is put into.
fn is_picture(url: &str) -> bool {
    let host = url.strip_prefix("https://").unwrap_or_default();
    host.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
        && url.len() <= LOGO_URL_MAX
        && url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'\\' | b'@'))
}

/// What an organization decides for all of its units, as its row holds it. What is not there has its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Region of the environments of new units; empty for the runner's own.
    pub default_region: String,
    /// Id of the unit in which somebody who comes in by SSO becomes a developer.
    pub default_business_unit: Option<String>,
    /// How long audit events are kept; 0 for ever.
    pub audit_retention_days: i32,
    /// Whether developers provision environments by themselves.
    pub self_service_environments: bool,
    /// Where an approval policy may let people decide on their own requests.
    pub allow_self_approval_tiers: Vec<Tier>,
    /// Whether passwords need several classes of characters.
    pub password_character_classes: bool,
    /// How many jobs run at a time; 0 for as many as there are runners for. The claim reads it in the database.
    pub max_concurrent_jobs: i32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            default_region: String::new(),
            default_business_unit: None,
            audit_retention_days: 0,
            self_service_environments: true,
            allow_self_approval_tiers: Vec::new(),
            password_character_classes: false,
            max_concurrent_jobs: 0,
        }
    }
}

impl Settings {
    /// Everything that is wrong with them, below `field`. Whether the unit exists is asked elsewhere.
    pub fn check(&self, field: &str) -> Vec<FieldViolation> {
        let mut wrong = Violations::new();
        let region = &self.default_region;
        wrong.check(
            region.len() <= REGION_MAX
                && region.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
                && !region.starts_with('-'),
            format!("{field}.default_region"),
            format!("Give at most {REGION_MAX} of a-z, 0-9 and `-`, for instance `eu-west-1`, or leave it empty."),
        );
        let days = self.audit_retention_days;
        wrong.check(
            days == 0 || AUDIT_RETENTION_DAYS.contains(&days),
            format!("{field}.audit_retention_days"),
            format!(
                "Give {} to {} days, or 0 to keep audit events for ever.",
                AUDIT_RETENTION_DAYS.start(),
                AUDIT_RETENTION_DAYS.end()
            ),
        );
        wrong.check(
            MAX_CONCURRENT_JOBS.contains(&self.max_concurrent_jobs),
            format!("{field}.max_concurrent_jobs"),
            format!("Give 1 to {} jobs, or 0 for no limit.", MAX_CONCURRENT_JOBS.end()),
        );
        for (index, tier) in self.allow_self_approval_tiers.iter().enumerate() {
            let repeated = self.allow_self_approval_tiers[..index].contains(tier);
            let place = format!("{field}.allow_self_approval_tiers[{index}]");
            wrong.check(!repeated, place, "Named before. Leave it out.");
        }
        wrong.finish().err().map(|error| error.fields).unwrap_or_default()
    }
}

words! {
    /// What is to be done in the first run of an organization, in the order in which it is best done.
    pub enum OnboardingStep: "onboarding step" {
        /// Name, description, logo, settings.
        Organization = "ORGANIZATION",
        /// A unit to work in.
        BusinessUnit = "BUSINESS_UNIT",
        /// Somebody beside the first administrator.
        Invitations = "INVITATIONS",
        /// Something that carries out what is ordered.
        Runner = "RUNNER",
        /// The first thing that was ordered and is there.
        Deployment = "DEPLOYMENT",
    }
}

words! {
    /// What somebody said of a step.
    pub enum OnboardingMark: "onboarding mark" {
        /// It is as it should be.
        Done = "DONE",
        /// It is left out.
        Skipped = "SKIPPED",
    }
}

words! {
    /// Where a step is.
    pub enum OnboardingState: "onboarding state" {
        Open = "OPEN",
        Done = "DONE",
        Skipped = "SKIPPED",
    }
}

/// What people said of the steps, as the organization's row holds it.
pub type OnboardingMarks = BTreeMap<OnboardingStep, OnboardingMark>;

/// What is there, as far as the steps ask for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnboardingFacts {
    /// Somebody changed the organization or its settings.
    pub organization_changed: bool,
    pub has_business_unit: bool,
    /// Somebody was invited, or there is more than one user.
    pub has_company: bool,
    pub has_runner: bool,
    pub has_deployment: bool,
}

impl OnboardingFacts {
    /// Whether what the step asks for is there.
    const fn shows(self, step: OnboardingStep) -> bool {
        match step {
            OnboardingStep::Organization => self.organization_changed,
            OnboardingStep::BusinessUnit => self.has_business_unit,
            OnboardingStep::Invitations => self.has_company,
            OnboardingStep::Runner => self.has_runner,
            OnboardingStep::Deployment => self.has_deployment,
        }
    }

    /// Where a step is: what is there wins over what was said, so that a step that was skipped and then done is done.
    pub fn state(self, step: OnboardingStep, marks: &OnboardingMarks) -> OnboardingState {
        match marks.get(&step) {
            _ if self.shows(step) => OnboardingState::Done,
            Some(OnboardingMark::Done) => OnboardingState::Done,
            Some(OnboardingMark::Skipped) => OnboardingState::Skipped,
            None => OnboardingState::Open,
        }
    }

    /// Whether somebody may say that the step is done. The name of the organization can be right as it is; for anything
    /// else there is something to see.
    pub fn may_be_marked(self, step: OnboardingStep) -> bool {
        step == OnboardingStep::Organization || self.shows(step)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(text: &OrganizationText) -> Vec<String> {
        let mut wrong = Violations::new();
        text.check("organization", &mut wrong);
        wrong
            .finish()
            .err()
            .map(|error| error.fields)
            .unwrap_or_default()
            .into_iter()
            .map(|fault| fault.field)
            .collect()
    }

    fn named(logo_url: &str) -> OrganizationText {
        OrganizationText { display_name: "Acme".into(), description: String::new(), logo_url: logo_url.into() }
    }

    #[test]
    fn a_logo_is_a_safe_https_address() {
        for url in ["", "https://cdn.example.org/logo.svg?v=2#x", "https://[::1]/a.png"] {
            assert_eq!(faults(&named(url)), [""; 0], "{url}");
        }
        let long = format!("https://a/{}", "x".repeat(2000));
        for url in [
            "http://example.org/a.png",
            "javascript:alert(1)",
            "data:image/png;base64,AA",
            "https://",
            "https:///etc",
            "https://a/\" onerror=x",
            "https://a b",
            "https://user@host/a",
            "https://ä/",
            &long,
        ] {
            assert_eq!(faults(&named(url)), ["organization.logo_url"], "{url}");
        }
    }

    #[test]
    fn everything_wrong_with_an_organization_is_told_at_once() {
        let text =
            OrganizationText { display_name: " ".into(), description: "x".repeat(1001), logo_url: "ftp://x".into() };
        assert_eq!(faults(&text), ["organization.display_name", "organization.description", "organization.logo_url"]);
    }

    #[test]
    fn settings_that_are_not_there_have_their_defaults() {
        let settings: Settings = serde_json::from_value(json!({"password_character_classes": true, "sso": 1})).unwrap();
        assert_eq!(settings, Settings { password_character_classes: true, ..Settings::default() });
        assert!(settings.self_service_environments);
        assert_eq!(settings.check("s"), []);
        let stored = serde_json::to_value(&settings).unwrap();
        assert_eq!(serde_json::from_value::<Settings>(stored).unwrap(), settings);
    }

    #[test]
    fn everything_wrong_with_settings_is_told_at_once() {
        let settings = Settings {
            default_region: "EU West".into(),
            audit_retention_days: 29,
            allow_self_approval_tiers: vec![Tier::Staging, Tier::Staging],
            ..Settings::default()
        };
        let fields: Vec<_> = settings.check("s").into_iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["s.default_region", "s.audit_retention_days", "s.allow_self_approval_tiers[1]"]);
        for days in [0, 30, 3650] {
            assert_eq!(Settings { audit_retention_days: days, ..Settings::default() }.check("s"), []);
        }
        for days in [-1, 1, 3651, i32::MAX] {
            assert_eq!(Settings { audit_retention_days: days, ..Settings::default() }.check("s").len(), 1);
        }
    }

    #[test]
    fn a_step_is_done_when_it_is_there_whatever_was_said() {
        let marks = OnboardingMarks::from([
            (OnboardingStep::Runner, OnboardingMark::Skipped),
            (OnboardingStep::Organization, OnboardingMark::Done),
        ]);
        let nothing = OnboardingFacts::default();
        assert_eq!(nothing.state(OnboardingStep::Runner, &marks), OnboardingState::Skipped);
        assert_eq!(nothing.state(OnboardingStep::Organization, &marks), OnboardingState::Done);
        assert_eq!(nothing.state(OnboardingStep::BusinessUnit, &marks), OnboardingState::Open);
        let runner = OnboardingFacts { has_runner: true, ..nothing };
        assert_eq!(runner.state(OnboardingStep::Runner, &marks), OnboardingState::Done);
        for step in OnboardingStep::ALL {
            assert_eq!(nothing.may_be_marked(*step), *step == OnboardingStep::Organization);
        }
        assert!(runner.may_be_marked(OnboardingStep::Runner));
    }

    #[test]
    fn marks_are_stored_by_their_words() {
        let marks = OnboardingMarks::from([(OnboardingStep::Runner, OnboardingMark::Skipped)]);
        assert_eq!(serde_json::to_value(&marks).unwrap(), json!({"RUNNER": "SKIPPED"}));
        assert_eq!(serde_json::from_value::<OnboardingMarks>(json!({"RUNNER": "SKIPPED"})).unwrap(), marks);
    }
}
