//! WorkloadIdentityService: the keys by which others verify what this installation signs.

use std::sync::Arc;

use flagstone_api::pb;
use flagstone_api::pb::workload_identity_service_server::WorkloadIdentityService;
use flagstone_core::names::SigningKeyName;
use flagstone_db::signing_key::{self, PublicKeyRow};
use serde_json::json;

use crate::app::App;
use crate::convert::{json_to_struct, timestamp};
use crate::cx::{Cx, Facts, Target};
use crate::error::Result;
use crate::keys;
use crate::ledger::ObjectRef;
use crate::rpc::unary;
use crate::tx::Tx;

/// The service.
pub struct WorkloadIdentities(pub Arc<App>);

#[tonic::async_trait]
impl WorkloadIdentityService for WorkloadIdentities {
    unary! {
        list_signing_keys: pb::ListSigningKeysRequest => pb::ListSigningKeysResponse,
        rotate_signing_key: pb::RotateSigningKeyRequest => pb::SigningKey,
    }
}

const COLLECTION: &str = "signingKeys";

const READABLE: &[&str] = &["platform:signing_keys:list"];

async fn list_signing_keys(cx: Cx, _: pb::ListSigningKeysRequest) -> Result<pb::ListSigningKeysResponse> {
    let read = cx.read(Target::organization(COLLECTION)).await?;
    let keys = signing_key::public_parts(read.conn()).await?;
    let signing_keys = keys.into_iter().map(to_proto).collect::<Result<_>>()?;
    Ok(pb::ListSigningKeysResponse { signing_keys })
}

async fn rotate_signing_key(cx: Cx, req: pb::RotateSigningKeyRequest) -> Result<pb::SigningKey> {
    let mut tx = cx.begin(&req, Target::organization(COLLECTION)).await?;
    tx.check(&Facts { name: COLLECTION, tier: None, team_id: None, creator_id: None, readable_by: READABLE }).await?;
    let key = keys::rotate(&mut tx, &cx.app.vault, &cx.app.config.tokens).await?;
    record(&mut tx, &key)?;
    let answer = tx.commit(to_proto(key)?).await?;
    if !req.validate_only {
        cx.app.keys.reload().await?;
    }
    Ok(answer)
}

/// Records a new key in the ledger.
pub fn record(tx: &mut Tx, key: &PublicKeyRow) -> Result<()> {
    let name = SigningKeyName::stored(&key.id)?;
    let object =
        ObjectRef { object_type: "signing_key", name: name.to_string(), id: *name.id(), business_unit_id: None };
    let after = json!({"algorithm": key.alg, "activate_time": key.activate_time});
    tx.about(name.to_string());
    tx.record(object, None, Some(&after));
    Ok(())
}

/// A signing key as people see it.
fn to_proto(key: PublicKeyRow) -> Result<pb::SigningKey> {
    Ok(pb::SigningKey {
        name: SigningKeyName::stored(&key.id)?.to_string(),
        algorithm: key.alg,
        public_jwk: Some(json_to_struct(&key.public_jwk)),
        activate_time: Some(timestamp(key.activate_time)),
        retire_time: key.retire_time.map(timestamp),
        create_time: Some(timestamp(key.create_time)),
        effects: None,
    })
}
