//! Callers: connections and the credential that goes with each call.

use std::net::SocketAddr;
use std::time::Duration;

use flagstone_api::pb;
use flagstone_api::pb::auth_service_client::AuthServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::Result;
use crate::stack::{ADMIN, ADMIN_PASSWORD};

/// A connection whose calls carry a credential.
pub(crate) type Caller = InterceptedService<Channel, Bearer>;

/// Adds `authorization: Bearer …`.
#[derive(Clone, Debug)]
pub(crate) struct Bearer(MetadataValue<Ascii>);

impl Bearer {
    pub(crate) fn new(token: &str) -> Result<Self> {
        let mut value: MetadataValue<Ascii> = format!("Bearer {token}").parse()?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// One connection, made now.
pub(crate) async fn connect(address: SocketAddr) -> Result<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
    Ok(endpoint.connect_timeout(Duration::from_secs(5)).connect().await?)
}

/// A connection with a credential.
pub(crate) async fn caller(address: SocketAddr, bearer: &Bearer) -> Result<Caller> {
    Ok(InterceptedService::new(connect(address).await?, bearer.clone()))
}

/// Several connections with the same credential.
pub(crate) async fn callers(address: SocketAddr, bearer: &Bearer, count: usize) -> Result<Vec<Caller>> {
    let mut callers = Vec::with_capacity(count);
    for _ in 0..count {
        callers.push(caller(address, bearer).await?);
    }
    Ok(callers)
}

/// Logs the administrator in.
pub(crate) async fn login(address: SocketAddr) -> Result<Bearer> {
    let request = pb::LoginRequest {
        identifier: ADMIN.to_owned(),
        password: ADMIN_PASSWORD.to_owned(),
        ..pb::LoginRequest::default()
    };
    let answer = AuthServiceClient::new(connect(address).await?).login(request).await?.into_inner();
    if answer.password_change_required {
        return Err("the administrator has to change the password before anything can be measured".into());
    }
    Bearer::new(&answer.tokens.ok_or("the login gave no tokens")?.access_token)
}
