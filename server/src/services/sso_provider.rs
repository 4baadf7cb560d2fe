//! SsoProviderService: who may vouch for the people of an organization.
//!
//! Whoever decides on that can let anybody in as anybody, administrators included. It therefore takes all that an
//! administrator holds (rule 11), not only the permission of the method.

mod content;

use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::sso_provider_service_server::SsoProviderService;
use flagstone_core::Error as CoreError;
use flagstone_core::access::{Scope, role_template};
use flagstone_core::error::Violations;
use flagstone_core::etag::Etag;
use flagstone_core::filter::{Field, FieldKind};
use flagstone_core::names::{Slug, SsoProviderName, parse};
use flagstone_core::sso_provider::{SsoProvider, SsoProviderKind};
use flagstone_db::list::{self, Branch};
use flagstone_db::sso_provider::{self, NewSsoProvider, SsoProviderContent, SsoProviderRow};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::config::{Config, Mode};
use crate::convert::timestamp;
use crate::cx::{Cx, Facts, Target};
use crate::error::{Error, Result};
use crate::guards::may_grant;
use crate::ledger::ObjectRef;
use crate::list::{BY_CREATION, List, arguments};
use crate::rpc;
use crate::sso::{Provider, callback_url, sealed_as};
use crate::tx::Tx;
use content::Secret;

/// The service.
#[derive(Debug)]
pub struct SsoProviders(pub Arc<App>);

#[tonic::async_trait]
impl SsoProviderService for SsoProviders {
    rpc::unary! {
        create_sso_provider: pb::CreateSsoProviderRequest => pb::SsoProvider,
        get_sso_provider: pb::GetSsoProviderRequest => pb::SsoProvider,
        list_sso_providers: pb::ListSsoProvidersRequest => pb::ListSsoProvidersResponse,
        update_sso_provider: pb::UpdateSsoProviderRequest => pb::SsoProvider,
        delete_sso_provider: pb::DeleteSsoProviderRequest => pb::DeleteSsoProviderResponse,
        test_sso_provider: pb::TestSsoProviderRequest => pb::TestSsoProviderResponse,
    }
}

const READABLE: &[&str] = &["platform:organizations:manage_settings"];

/// Who may let anybody in.
const ADMIN: &str = "platform-admin";

const LIST: List = List {
    fields: &[
        Field { name: "display_name", kind: FieldKind::TextSearch },
        Field { name: "kind", kind: FieldKind::Enum(SsoProviderKind::WORDS) },
        Field { name: "active", kind: FieldKind::Bool },
        Field { name: "create_time", kind: FieldKind::Time },
    ],
    names: &[],
    orders: BY_CREATION,
};

/// The content of a row, by the rules' types.
pub fn stored(row: &SsoProviderRow) -> Result<SsoProvider> {
    Ok(SsoProvider {
        kind: row.kind.parse().map_err(Error::internal)?,
        display_name: row.display_name.clone(),
        issuer: row.issuer.clone(),
        client_id: row.client_id.clone(),
        scopes: row.scopes.clone(),
        email_domains: row.email_domains.clone(),
        active: row.active,
    })
}

/// The kind of a row, as the contract has it.
pub fn kind_to_proto(row: &SsoProviderRow) -> Result<pb::SsoProviderKind> {
    Ok(content::kind_to_proto(row.kind.parse().map_err(Error::internal)?))
}

async fn get_sso_provider(cx: Cx, message: pb::GetSsoProviderRequest) -> Result<pb::SsoProvider> {
    let name: SsoProviderName = parse(&message.name, "name")?;
    let read = cx.read(Target::organization(&name)).await?;
    let found = sso_provider::find(read.conn(), read.organization_id(), name.id().as_str()).await?;
    to_proto(&found.ok_or_else(|| CoreError::not_found(&name))?, &cx.app.config)
}

async fn list_sso_providers(cx: Cx, message: pb::ListSsoProvidersRequest) -> Result<pb::ListSsoProvidersResponse> {
    let call = LIST.call(&cx, arguments!(message))?;
    let read = cx.read(Target::organization("ssoProviders")).await?;
    let names = call.names(&read).await?;
    let page = list::sso_provider::list(read.conn(), &call.query(&read, &names, None, &[Branch::ALL])).await?;
    Ok(pb::ListSsoProvidersResponse {
        next_page_token: call.next_token(page.next.as_ref())?,
        total_size: page.total.unwrap_or_default(),
        sso_providers: page.rows.iter().map(|row| to_proto(row, &cx.app.config)).collect::<Result<_>>()?,
    })
}

async fn create_sso_provider(cx: Cx, message: pb::CreateSsoProviderRequest) -> Result<pb::SsoProvider> {
    let sent = message.sso_provider.clone().unwrap_or_default();
    let mut wrong = Violations::new();
    let slug = wrong.take(Slug::parse(&message.sso_provider_id, "sso_provider_id"));
    let content = content::read(&sent, is_dev(&cx), &mut wrong);
    let (Some(slug), Some(provider)) = (slug, content) else {
        wrong.finish()?;
        return Err(Error::internal("a content was refused without a reason"));
    };
    let name = SsoProviderName::stored(&slug)?;
    let mut tx = cx.begin(&comparable(&cx, message)?, Target::organization(&name)).await?;
    wrong.finish()?;
    judge(&mut tx, &name).await?;
    let id = Uuid::now_v7();
    let organization_id = tx.organization_id;
    let secret = match sent.client_secret.as_str() {
        "" => None,
        secret => Some(cx.app.vault.seal(&sealed_as(organization_id, id), secret.as_bytes())?),
    };
    let creator = tx.principal.clone();
    let new = NewSsoProvider {
        id,
        organization_id,
        slug: slug.as_str(),
        kind: provider.kind.as_str(),
        content: content_of(&provider, secret.as_deref()),
        creator: &creator,
    };
    let row = sso_provider::insert(&mut tx, new).await?.ok_or_else(|| CoreError::already_exists(&name))?;
    tx.record(object(&name, &row), None, Some(&to_json(&row, Secret::Kept)));
    tx.commit(to_proto(&row, &cx.app.config)?).await
}

async fn update_sso_provider(cx: Cx, message: pb::UpdateSsoProviderRequest) -> Result<pb::SsoProvider> {
    let sent = message.sso_provider.clone().unwrap_or_default();
    let mut wrong = Violations::new();
    let name = wrong.take(parse::<SsoProviderName>(&sent.name, "sso_provider.name"));
    let mask = content::mask(&sent, message.update_mask.as_ref(), &mut wrong);
    let Some(name) = name else {
        wrong.finish()?;
        return Err(Error::internal("a name was refused without a reason"));
    };
    let comparable = comparable_update(&cx, message)?;
    let mut tx = cx.begin(&comparable, Target::organization(&name)).await?;
    let row = lock(&mut tx, &name).await?;
    judge(&mut tx, &name).await?;
    Etag::check(&sent.etag, row.revision)?;

    let before = stored(&row)?;
    let mut provider = before.clone();
    let secret = content::merge(&mut provider, &sent, &mask, &mut wrong);
    provider.complete();
    wrong.extend(provider.check("sso_provider", is_dev(&cx)));
    wrong.finish()?;
    if provider == before && secret == Secret::Kept {
        return tx.commit(to_proto(&row, &cx.app.config)?).await;
    }
    let sealed = match &secret {
        Secret::Kept => row.client_secret.clone(),
        Secret::Removed => None,
        Secret::Replaced(secret) => {
            Some(cx.app.vault.seal(&sealed_as(row.organization_id, row.id), secret.expose().as_bytes())?)
        }
    };
    let after = sso_provider::update(&mut tx, &row, &content_of(&provider, sealed.as_deref())).await?;
    tx.record(object(&name, &row), Some(&to_json(&row, Secret::Kept)), Some(&to_json(&after, secret)));
    tx.commit(to_proto(&after, &cx.app.config)?).await
}

async fn delete_sso_provider(cx: Cx, message: pb::DeleteSsoProviderRequest) -> Result<pb::DeleteSsoProviderResponse> {
    let name: SsoProviderName = parse(&message.name, "name")?;
    let mut tx = cx.begin(&message, Target::organization(&name)).await?;
    let row = lock(&mut tx, &name).await?;
    judge(&mut tx, &name).await?;
    Etag::check(&message.etag, row.revision)?;
    sso_provider::delete(&mut tx, &row).await?;
    tx.record(object(&name, &row), Some(&to_json(&row, Secret::Kept)), None);
    tx.commit(pb::DeleteSsoProviderResponse::default()).await
}

async fn test_sso_provider(cx: Cx, message: pb::TestSsoProviderRequest) -> Result<pb::TestSsoProviderResponse> {
    let name: SsoProviderName = parse(&message.name, "name")?;
    let row = {
        let read = cx.read(Target::organization(&name)).await?;
        let found = sso_provider::find(read.conn(), read.organization_id(), name.id().as_str()).await?;
        found.ok_or_else(|| CoreError::not_found(&name))?
    };
    let provider = Provider::of(&row, &cx.app.vault, &cx.app.config)?;
    let found = cx.app.sso.examine(&provider).await;
    Ok(pb::TestSsoProviderResponse {
        problems: found.problems,
        authorization_endpoint: found.authorization_endpoint,
        signing_keys: i32::try_from(found.signing_keys).unwrap_or(i32::MAX),
    })
}

async fn lock(tx: &mut Tx, name: &SsoProviderName) -> Result<SsoProviderRow> {
    let organization_id = tx.organization_id;
    let found = sso_provider::lock(tx, organization_id, name.id().as_str()).await?;
    Ok(found.ok_or_else(|| CoreError::not_found(name))?)
}

/// Whether the caller may decide on who comes in as whom.
async fn judge(tx: &mut Tx, name: &SsoProviderName) -> Result<()> {
    let name = name.to_string();
    tx.check(&Facts::of(&name, READABLE)).await?;
    let admin = role_template(ADMIN).ok_or_else(|| Error::internal("the role of administrators is gone"))?;
    may_grant(tx, &admin.permissions(), Scope::Organization).await
}

fn is_dev(cx: &Cx) -> bool {
    cx.app.config.mode == Mode::Development
}

/// The call as it is compared with one that was made before: without the secret, of which not even a plain hash is kept.
fn comparable(cx: &Cx, mut message: pb::CreateSsoProviderRequest) -> Result<pb::CreateSsoProviderRequest> {
    if let Some(provider) = &mut message.sso_provider {
        provider.client_secret = content::digest(&cx.app, &provider.client_secret)?;
    }
    Ok(message)
}

fn comparable_update(cx: &Cx, mut message: pb::UpdateSsoProviderRequest) -> Result<pb::UpdateSsoProviderRequest> {
    if let Some(provider) = &mut message.sso_provider {
        provider.client_secret = content::digest(&cx.app, &provider.client_secret)?;
    }
    Ok(message)
}

fn content_of<'a>(provider: &'a SsoProvider, client_secret: Option<&'a [u8]>) -> SsoProviderContent<'a> {
    SsoProviderContent {
        display_name: &provider.display_name,
        issuer: &provider.issuer,
        client_id: &provider.client_id,
        client_secret,
        scopes: &provider.scopes,
        email_domains: &provider.email_domains,
        active: provider.active,
    }
}

fn object(name: &SsoProviderName, row: &SsoProviderRow) -> ObjectRef {
    ObjectRef { object_type: "sso_provider", name: name.to_string(), id: row.id, business_unit_id: None }
}

/// The content as the ledger tells it, before and after a change. Of the secret only whether there is one, and whether it is
/// another one than before.
fn to_json(row: &SsoProviderRow, secret: Secret) -> Value {
    let replaced = matches!(secret, Secret::Replaced(_));
    json!({
        "display_name": row.display_name,
        "kind": row.kind,
        "issuer": row.issuer,
        "client_id": row.client_id,
        "has_client_secret": row.client_secret.is_some(),
        "replaced_client_secret": replaced,
        "scopes": row.scopes,
        "email_domains": row.email_domains,
        "active": row.active,
    })
}

/// A provider as people see it: without its secret.
fn to_proto(row: &SsoProviderRow, config: &Config) -> Result<pb::SsoProvider> {
    Ok(pb::SsoProvider {
        name: SsoProviderName::stored(&row.slug)?.to_string(),
        display_name: row.display_name.clone(),
        kind: kind_to_proto(row)?.into(),
        issuer: row.issuer.clone(),
        client_id: row.client_id.clone(),
        client_secret: String::new(),
        has_client_secret: row.client_secret.is_some(),
        scopes: row.scopes.clone(),
        email_domains: row.email_domains.clone(),
        active: row.active,
        callback_url: callback_url(config),
        create_time: Some(timestamp(row.create_time)),
        update_time: Some(timestamp(row.update_time)),
        creator: row.creator.clone(),
        etag: Etag::of(row.revision),
        effects: None,
    })
}
