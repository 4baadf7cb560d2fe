//! Organizations: the caller's own, its settings and first run. What operators do with all of them is in
//! `organization_operator`.

use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::organization_service_server::OrganizationService;
use flagstone_core::access::PermissionPattern;
use flagstone_core::etag::Etag;
use flagstone_core::names::{BusinessUnitName, OrganizationName, parse};
use flagstone_core::organization::{
    OnboardingFacts, OnboardingMark, OnboardingMarks, OnboardingStep, OrganizationText, Settings,
};
use flagstone_core::{Error as CoreError, Reason, Violations};
use flagstone_db::organization::{self, OrganizationChange, OrganizationRow};
use flagstone_db::{Connection, business_unit};
use serde_json::{Value, json};

use super::organization_operator::{
    create_organization, deactivate_organization, delete_organization, list_organizations,
};
use crate::app::App;
use crate::convert::{enum_name, enum_number, tier_from_proto, tier_to_proto, timestamp};
use crate::cx::{Cx, Facts, Target};
use crate::directory::Directory;
use crate::error::{Error, Result};
use crate::mask;
use crate::organization::{own_ref, settings_of};
use crate::rpc;
use crate::tx::Tx;

/// The service.
#[derive(Debug)]
pub struct Organizations(pub Arc<App>);

#[tonic::async_trait]
impl OrganizationService for Organizations {
    rpc::unary! {
        create_organization: pb::CreateOrganizationRequest => pb::CreateOrganizationResponse,
        list_organizations: pb::ListOrganizationsRequest => pb::ListOrganizationsResponse,
        get_organization: pb::GetOrganizationRequest => pb::Organization,
        update_organization: pb::UpdateOrganizationRequest => pb::Organization,
        deactivate_organization: pb::DeactivateOrganizationRequest => pb::Organization,
        delete_organization: pb::DeleteOrganizationRequest => pb::DeleteOrganizationResponse,
        get_current_organization: pb::GetCurrentOrganizationRequest => pb::Organization,
        get_organization_settings: pb::GetOrganizationSettingsRequest => pb::OrganizationSettings,
        update_organization_settings: pb::UpdateOrganizationSettingsRequest => pb::OrganizationSettings,
        get_onboarding: pb::GetOnboardingRequest => pb::Onboarding,
        complete_onboarding_step: pb::CompleteOnboardingStepRequest => pb::Onboarding,
    }
}

/// What allows to know of the own organization; everybody in it knows its name.
const READABLE: &[&str] = &["platform:organizations:read", "user:profile:read"];

/// What makes the difference between the own organization and all of them.
const LIST_ALL: &str = "platform:organizations:list";

/// The own organization, where a call does not name it.
const OWN: &str = "organization";

fn facts(name: &str) -> Facts<'_> {
    Facts { name, tier: None, team_id: None, creator_id: None, readable_by: READABLE }
}

/// A field of an organization that an update can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    DisplayName,
    Description,
    LogoUrl,
}

const PATHS: [(&str, Path); 3] =
    [("display_name", Path::DisplayName), ("description", Path::Description), ("logo_url", Path::LogoUrl)];

/// A setting that an update can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    DefaultRegion,
    DefaultBusinessUnit,
    AuditRetentionDays,
    SelfServiceEnvironments,
    AllowSelfApprovalTiers,
    PasswordCharacterClasses,
    MaxConcurrentJobs,
}

const SETTINGS: [(&str, Setting); 7] = [
    ("default_region", Setting::DefaultRegion),
    ("default_business_unit", Setting::DefaultBusinessUnit),
    ("audit_retention_days", Setting::AuditRetentionDays),
    ("self_service_environments", Setting::SelfServiceEnvironments),
    ("allow_self_approval_tiers", Setting::AllowSelfApprovalTiers),
    ("password_character_classes", Setting::PasswordCharacterClasses),
    ("max_concurrent_jobs", Setting::MaxConcurrentJobs),
];

async fn get_organization(cx: Cx, message: pb::GetOrganizationRequest) -> Result<pb::Organization> {
    let name: OrganizationName = parse(&message.name, "name")?;
    let read = cx.read(Target::organization(&name)).await?;
    read.check(&facts(&message.name)).await?;
    let found = organization::by_slug(read.conn(), name.id().as_str()).await?;
    let all = PermissionPattern::parse(LIST_ALL).map_err(Error::internal)?;
    let sees_all = read.allows(std::slice::from_ref(&all), &facts(&message.name));
    // Another organization is absent for everybody but an operator, who is of the default one.
    let sees_all = sees_all && organization::find(read.conn(), read.organization_id()).await?.is_default;
    let row = found.filter(|row| row.id == read.organization_id() || sees_all);
    to_proto(row.ok_or_else(|| CoreError::not_found(&name))?)
}

async fn get_current_organization(cx: Cx, _: pb::GetCurrentOrganizationRequest) -> Result<pb::Organization> {
    let read = cx.read(Target::organization(OWN)).await?;
    to_proto(organization::find(read.conn(), read.organization_id()).await?)
}

async fn update_organization(cx: Cx, message: pb::UpdateOrganizationRequest) -> Result<pb::Organization> {
    let sent = message.organization.clone().unwrap_or_default();
    let name: OrganizationName = parse(&sent.name, "organization.name")?;
    let mut wrong = Violations::new();
    let is_set = |path| match path {
        Path::DisplayName => !sent.display_name.is_empty(),
        Path::Description => !sent.description.is_empty(),
        Path::LogoUrl => !sent.logo_url.is_empty(),
    };
    let mask = mask::paths(message.update_mask.as_ref(), &PATHS, is_set, &mut wrong);
    let mut tx = cx.begin(&message, Target::organization(&name)).await?;
    let organization_id = tx.organization_id;
    let before = organization::lock_own(&mut tx, organization_id).await?;
    if before.slug != name.id().as_str() {
        return Err(CoreError::not_found(&name).into());
    }
    tx.check(&facts(&sent.name)).await?;
    Etag::check(&sent.etag, before.revision)?;
    let mut text = OrganizationText {
        display_name: before.display_name.clone(),
        description: before.description.clone(),
        logo_url: before.logo_url.clone(),
    };
    for path in mask {
        match path {
            Path::DisplayName => sent.display_name.clone_into(&mut text.display_name),
            Path::Description => sent.description.clone_into(&mut text.description),
            Path::LogoUrl => sent.logo_url.clone_into(&mut text.logo_url),
        }
    }
    text.check("organization", &mut wrong);
    wrong.finish()?;
    let change = OrganizationChange {
        display_name: Some(&text.display_name),
        description: Some(&text.description),
        logo_url: Some(&text.logo_url),
        ..OrganizationChange::default()
    };
    if (&before.display_name, &before.description, &before.logo_url)
        == (&text.display_name, &text.description, &text.logo_url)
    {
        return tx.commit(to_proto(before)?).await;
    }
    let after = organization::update(&mut tx, organization_id, &change)
        .await
        .map_err(|error| error.about(&format!("An organization of the name {:?}", text.display_name)))?;
    tx.record(own_ref(&after)?, Some(&to_json(&before)), Some(&to_json(&after)));
    tx.commit(to_proto(after)?).await
}

async fn get_organization_settings(cx: Cx, _: pb::GetOrganizationSettingsRequest) -> Result<pb::OrganizationSettings> {
    let read = cx.read(Target::organization(OWN)).await?;
    let row = organization::find(read.conn(), read.organization_id()).await?;
    settings_to_proto(&read.user.directory, &row)
}

async fn update_organization_settings(
    cx: Cx,
    message: pb::UpdateOrganizationSettingsRequest,
) -> Result<pb::OrganizationSettings> {
    let sent = message.organization_settings.clone().unwrap_or_default();
    let mut wrong = Violations::new();
    let is_set = |setting| match setting {
        Setting::DefaultRegion => !sent.default_region.is_empty(),
        Setting::DefaultBusinessUnit => !sent.default_business_unit.is_empty(),
        Setting::AuditRetentionDays => sent.audit_retention_days != 0,
        Setting::SelfServiceEnvironments => sent.self_service_environments,
        Setting::AllowSelfApprovalTiers => !sent.allow_self_approval_tiers.is_empty(),
        Setting::PasswordCharacterClasses => sent.password_character_classes,
        Setting::MaxConcurrentJobs => sent.max_concurrent_jobs != 0,
    };
    let mask = mask::paths(message.update_mask.as_ref(), &SETTINGS, is_set, &mut wrong);
    let mut tx = cx.begin(&message, Target::organization(OWN)).await?;
    let organization_id = tx.organization_id;
    let before = organization::lock_own(&mut tx, organization_id).await?;
    tx.check(&facts(OWN)).await?;
    Etag::check(&sent.etag, before.revision)?;
    let known = settings_of(&before)?;
    let mut settings = known.clone();
    for setting in mask {
        merge(&mut tx, setting, &sent, &mut settings, &mut wrong).await?;
    }
    wrong.extend(settings.check("organization_settings"));
    wrong.finish()?;
    let own = own_ref(&before)?;
    tx.about(own.name.clone());
    if settings == known {
        let answer = settings_to_proto(&tx.directory, &before)?;
        return tx.commit(answer).await;
    }
    let stored = json!(settings);
    let change = OrganizationChange { settings: Some(&stored), ..OrganizationChange::default() };
    let after = organization::update(&mut tx, organization_id, &change).await?;
    if settings.self_service_environments != known.self_service_environments {
        // Grants are compiled with it.
        tx.raise_epoch(organization_id).await?;
    }
    let (was, is) = (json!({"settings": known}), json!({"settings": settings}));
    tx.record(own, Some(&was), Some(&is));
    let answer = settings_to_proto(&tx.directory, &after)?;
    tx.commit(answer).await
}

/// Puts one setting of a call into the settings.
async fn merge(
    tx: &mut Tx,
    setting: Setting,
    sent: &pb::OrganizationSettings,
    settings: &mut Settings,
    wrong: &mut Violations,
) -> Result<()> {
    let at = |name: &str| format!("organization_settings.{name}");
    match setting {
        Setting::DefaultRegion => sent.default_region.clone_into(&mut settings.default_region),
        Setting::AuditRetentionDays => settings.audit_retention_days = sent.audit_retention_days,
        Setting::SelfServiceEnvironments => settings.self_service_environments = sent.self_service_environments,
        Setting::PasswordCharacterClasses => settings.password_character_classes = sent.password_character_classes,
        Setting::MaxConcurrentJobs => settings.max_concurrent_jobs = sent.max_concurrent_jobs,
        Setting::AllowSelfApprovalTiers => {
            settings.allow_self_approval_tiers.clear();
            for (index, number) in sent.allow_self_approval_tiers.iter().enumerate() {
                match tier_from_proto(*number) {
                    Some(tier) => settings.allow_self_approval_tiers.push(tier),
                    None => {
                        let place = at(&format!("allow_self_approval_tiers[{index}]"));
                        wrong.add(place, "Give a tier: DEVELOPMENT, STAGING or PRODUCTION.");
                    }
                }
            }
        }
        Setting::DefaultBusinessUnit if sent.default_business_unit.is_empty() => settings.default_business_unit = None,
        Setting::DefaultBusinessUnit => {
            let field = at("default_business_unit");
            let Some(name) = wrong.take(parse::<BusinessUnitName>(&sent.default_business_unit, &field)) else {
                return Ok(());
            };
            // Held: a unit that is deleted at the same moment takes itself out of the settings.
            let organization_id = tx.organization_id;
            let unit_id = tx.directory.unit(&name).map(|unit| unit.id);
            let active = match unit_id {
                Some(id) => business_unit::hold(tx, organization_id, id).await?,
                None => None,
            };
            wrong.check(active.is_some(), field, format!("{name} was not found."));
            settings.default_business_unit = Some(name.id().to_string());
        }
    }
    Ok(())
}

async fn get_onboarding(cx: Cx, _: pb::GetOnboardingRequest) -> Result<pb::Onboarding> {
    let read = cx.read(Target::organization(OWN)).await?;
    let row = organization::find(read.conn(), read.organization_id()).await?;
    onboarding(&row, first_run(read.conn(), &row).await?)
}

async fn complete_onboarding_step(cx: Cx, message: pb::CompleteOnboardingStepRequest) -> Result<pb::Onboarding> {
    let kind = pb::OnboardingStepKind::try_from(message.step).unwrap_or_default();
    let step: Result<OnboardingStep, _> = enum_name(kind.as_str_name(), "ONBOARDING_STEP_KIND_").parse();
    let step = step.map_err(|_| Error::field("step", format!("Name a step: {}.", OnboardingStep::WORDS.join(", "))))?;
    let mut tx = cx.begin(&message, Target::organization(OWN)).await?;
    let organization_id = tx.organization_id;
    let before = organization::lock_own(&mut tx, organization_id).await?;
    tx.check(&facts(OWN)).await?;
    let own = own_ref(&before)?;
    tx.about(own.name.clone());
    let facts = first_run(&tx, &before).await?;
    if !message.skip && !facts.may_be_marked(step) {
        let message = format!("The step {step} is not done: what it asks for is not there yet. Do it, or skip it.");
        return Err(CoreError::precondition(Reason::WrongState, message).into());
    }
    let mut marks = marks_of(&before)?;
    let mark = if message.skip { OnboardingMark::Skipped } else { OnboardingMark::Done };
    if marks.insert(step, mark) == Some(mark) {
        return tx.commit(onboarding(&before, facts)?).await;
    }
    let stored = json!(marks);
    let change = OrganizationChange { onboarding: Some(&stored), ..OrganizationChange::default() };
    let after = organization::update(&mut tx, organization_id, &change).await?;
    let view = |row: &OrganizationRow| json!({"onboarding": row.onboarding});
    tx.record(own, Some(&view(&before)), Some(&view(&after)));
    tx.commit(onboarding(&after, facts)?).await
}

/// What of the first run is there.
async fn first_run(conn: &Connection, row: &OrganizationRow) -> Result<OnboardingFacts> {
    let found = organization::first_run(conn, row.id).await?;
    let settings = settings_of(row)?;
    Ok(OnboardingFacts {
        organization_changed: !row.description.is_empty()
            || !row.logo_url.is_empty()
            || settings != Settings::default(),
        has_business_unit: found.has_business_unit,
        has_company: found.has_company,
        has_runner: found.has_runner,
        has_deployment: found.has_deployment,
    })
}

fn marks_of(row: &OrganizationRow) -> Result<OnboardingMarks> {
    serde_json::from_value(row.onboarding.clone()).map_err(Error::internal)
}

/// The first run as people see it.
fn onboarding(row: &OrganizationRow, facts: OnboardingFacts) -> Result<pb::Onboarding> {
    let marks = marks_of(row)?;
    let steps: Vec<_> = OnboardingStep::ALL
        .iter()
        .map(|step| pb::OnboardingStep {
            kind: enum_number(pb::OnboardingStepKind::from_str_name, "ONBOARDING_STEP_KIND_", step.as_str()),
            state: enum_number(
                pb::OnboardingStepState::from_str_name,
                "ONBOARDING_STEP_STATE_",
                facts.state(*step, &marks).as_str(),
            ),
        })
        .collect();
    let complete = steps.iter().all(|step| step.state() != pb::OnboardingStepState::Open);
    Ok(pb::Onboarding { steps, complete, effects: None })
}

/// An organization as the ledger tells it.
pub(super) fn to_json(row: &OrganizationRow) -> Value {
    json!({
        "display_name": row.display_name,
        "description": row.description,
        "logo_url": row.logo_url,
        "active": row.active,
    })
}

/// An organization as people see it.
pub(super) fn to_proto(row: OrganizationRow) -> Result<pb::Organization> {
    Ok(pb::Organization {
        name: OrganizationName::stored(&row.slug)?.to_string(),
        display_name: row.display_name,
        description: row.description,
        logo_url: row.logo_url,
        active: row.active,
        is_default: row.is_default,
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        creator: row.creator,
        etag: Etag::of(row.revision),
        effects: None,
    })
}

/// The settings as people see them.
fn settings_to_proto(directory: &Directory, row: &OrganizationRow) -> Result<pb::OrganizationSettings> {
    let settings = settings_of(row)?;
    let unit = settings.default_business_unit.map(BusinessUnitName::stored).transpose()?;
    // A unit that was deleted a moment ago is not shown.
    let unit = unit.filter(|name| directory.past_unit(name).is_none_or(|unit| !unit.deleted));
    Ok(pb::OrganizationSettings {
        organization: OrganizationName::stored(&row.slug)?.to_string(),
        default_region: settings.default_region,
        default_business_unit: unit.map(|name| name.to_string()).unwrap_or_default(),
        audit_retention_days: settings.audit_retention_days,
        self_service_environments: settings.self_service_environments,
        allow_self_approval_tiers: settings
            .allow_self_approval_tiers
            .into_iter()
            .map(|tier| tier_to_proto(tier).into())
            .collect(),
        password_character_classes: settings.password_character_classes,
        max_concurrent_jobs: settings.max_concurrent_jobs,
        update_time: Some(timestamp(row.update_time)),
        etag: Etag::of(row.revision),
        effects: None,
    })
}
