//! The client: a connection with a session, and the generated clients over it.

use std::sync::Arc;
use std::time::Duration;

use flagstone_api::pb::{self, LoginRequest, LoginResponse, LogoutRequest};
use http::HeaderValue;
use tonic::Code;
use tonic::transport::{ClientTlsConfig, Endpoint};

use crate::connection::{Connection, Shared};
use crate::error::Error;
use crate::session::Session;
use crate::tokens::{MemoryStore, TokenStore, Tokens};

/// Largest answer that is read. Only plans come near: their text alone may have 1 MiB.
const LARGEST_ANSWER: usize = 16 << 20;

/// Calls a Flagstone server. Cheap to clone; clones share the connection and the session.
#[derive(Clone)]
pub struct Client {
    connection: Connection,
}

/// How to reach a server. Made by [`Client::builder`].
pub struct ClientBuilder {
    url: String,
    client: String,
    deadline: Duration,
    attempts: u32,
    tls: Option<ClientTlsConfig>,
    store: Box<dyn TokenStore>,
}

impl ClientBuilder {
    /// What is recorded as the calling program, for instance `cli/1.2.3`. Printable ASCII.
    #[must_use]
    pub fn client_name(mut self, name: impl Into<String>) -> Self {
        self.client = name.into();
        self
    }

    /// How long a unary call may take with all its attempts, where the call does not say so itself. Default 30 s.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Most attempts of a call that may be repeated, at least 1. Default 5.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// TLS settings for an `https` URL, for instance with an authority of one's own. Default: the system's roots.
    #[must_use]
    pub fn tls(mut self, tls: ClientTlsConfig) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Where the tokens are kept. Default: in memory.
    #[must_use]
    pub fn token_store(mut self, store: impl TokenStore) -> Self {
        self.store = Box::new(store);
        self
    }

    /// Reads the stored tokens and returns the client. The connection is made by the first call and again whenever it is
    /// lost.
    ///
    /// # Errors
    /// INVALID_ARGUMENT where the URL or the client's name is not one; FAILED_PRECONDITION where the tokens cannot be read.
    pub async fn build(self) -> Result<Client, Error> {
        let (endpoint, client) = self.endpoint()?;
        self.finish(endpoint.connect_lazy(), client).await
    }

    /// Like [`ClientBuilder::build`], but connects at once.
    ///
    /// # Errors
    /// Those of [`ClientBuilder::build`], and UNAVAILABLE where the server cannot be reached.
    pub async fn connect(self) -> Result<Client, Error> {
        let (endpoint, client) = self.endpoint()?;
        let channel = endpoint.connect().await.map_err(|error| crate::local::unreachable(&self.url, &error))?;
        self.finish(channel, client).await
    }

    async fn finish(self, channel: tonic::transport::Channel, client: HeaderValue) -> Result<Client, Error> {
        let session = Session::new(self.store);
        session.load().await?;
        let shared =
            Shared { url: self.url, channel, session, client, deadline: self.deadline, attempts: self.attempts };
        Ok(Client { connection: Connection(Arc::new(shared)) })
    }

    fn endpoint(&self) -> Result<(Endpoint, HeaderValue), Error> {
        let wrong = |what: &str| Error::local(Code::InvalidArgument, what.to_owned());
        let not_a_url = format!("`{}` is not the URL of a server, such as http://127.0.0.1:7400.", self.url);
        let client = HeaderValue::from_str(&self.client)
            .map_err(|_| wrong("The client's name has a character that a header cannot carry."))?;
        let mut endpoint = Endpoint::from_shared(self.url.clone()).map_err(|_| wrong(&not_a_url))?;
        match endpoint.uri().scheme_str() {
            Some("http") if endpoint.uri().authority().is_some() => {}
            Some("https") => {
                let tls = self.tls.clone().unwrap_or_else(|| ClientTlsConfig::new().with_native_roots());
                endpoint = endpoint
                    .tls_config(tls)
                    .map_err(|error| wrong(&format!("TLS cannot be set up for {}: {error}", self.url)))?;
            }
            _ => return Err(wrong(&not_a_url)),
        }
        endpoint = endpoint
            .user_agent(self.client.clone())
            .map_err(|_| wrong("The client's name has a character that a header cannot carry."))?
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true)
            // A stream may be quiet for long: this finds a peer that is gone without a word.
            .http2_keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(10));
        Ok((endpoint, client))
    }
}

impl Client {
    /// Describes a client for the server at `url`: `http://` (HTTP/2 without TLS) or `https://`.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            url: url.into(),
            client: concat!("rust/", env!("CARGO_PKG_VERSION")).to_owned(),
            deadline: Duration::from_secs(30),
            attempts: 5,
            tls: None,
            store: Box::new(MemoryStore::default()),
        }
    }

    /// Connects to the server at `url` with all defaults.
    ///
    /// # Errors
    /// INVALID_ARGUMENT where the URL is not one; UNAVAILABLE where the server cannot be reached.
    pub async fn connect(url: impl Into<String>) -> Result<Self, Error> {
        Self::builder(url).connect().await
    }

    /// Opens a session and keeps its tokens. Where the answer says `password_change_required`, nothing but
    /// `auth().change_password` works before that was called.
    ///
    /// # Errors
    /// UNAUTHENTICATED `BAD_CREDENTIALS`; RESOURCE_EXHAUSTED `RATE_LIMITED` after too many failures; INVALID_ARGUMENT
    /// `ORGANIZATION_REQUIRED`; FAILED_PRECONDITION where the tokens cannot be stored.
    pub async fn login(&self, request: LoginRequest) -> Result<LoginResponse, Error> {
        let response = self.auth().login(request).await?.into_inner();
        let tokens = response.tokens.clone().unwrap_or_default();
        self.connection.0.session.replace(Some(Tokens::received(tokens))).await?;
        Ok(response)
    }

    /// Keeps the tokens of a session that was opened in another way than by [`Client::login`], for instance by
    /// `auth().poll_device_login`.
    ///
    /// # Errors
    /// FAILED_PRECONDITION where the tokens cannot be stored.
    pub async fn adopt(&self, tokens: Tokens) -> Result<(), Error> {
        Ok(self.connection.0.session.replace(Some(tokens)).await?)
    }

    /// Ends the session, at the server and here. Here it ends even if the server says that there is none or cannot be
    /// reached. An API token is only forgotten here: who wants it to end revokes it.
    ///
    /// # Errors
    /// What the server answers, unless it is UNAUTHENTICATED; FAILED_PRECONDITION where the tokens cannot be removed.
    pub async fn logout(&self) -> Result<(), Error> {
        if self.connection.0.session.current().is_some_and(|tokens| tokens.is_api_token()) {
            return Ok(self.connection.0.session.replace(None).await?);
        }
        let answer = self.auth().logout(LogoutRequest::default()).await;
        self.connection.0.session.replace(None).await?;
        match answer {
            Err(status) if status.code() != Code::Unauthenticated => Err(status.into()),
            _ => Ok(()),
        }
    }

    /// Whether there are tokens of a session. They may have ended since.
    pub fn is_logged_in(&self) -> bool {
        self.connection.0.session.current().is_some()
    }

    /// The authenticated channel, for a generated client that has no method here.
    pub fn connection(&self) -> Connection {
        self.connection.clone()
    }
}

/// A method for each gRPC service: the generated client over the authenticated channel.
macro_rules! services {
    ($($(#[$doc:meta])* $method:ident: $module:ident::$client:ident;)*) => {
        impl Client {
            $(
                $(#[$doc])*
                pub fn $method(&self) -> pb::$module::$client<Connection> {
                    pb::$module::$client::new(self.connection.clone()).max_decoding_message_size(LARGEST_ANSWER)
                }
            )*
        }
    };
}

services! {
    /// Sessions and passwords. [`Client::login`] and [`Client::logout`] also keep the tokens.
    auth: auth_service_client::AuthServiceClient;
    /// People and their profiles.
    users: user_service_client::UserServiceClient;
    /// What the caller may do.
    access: access_service_client::AccessServiceClient;
    /// Invitations by e-mail address.
    invitations: invitation_service_client::InvitationServiceClient;
    /// Programs that act under their own name.
    service_accounts: service_account_service_client::ServiceAccountServiceClient;
    /// Long-lived secrets of users and service accounts.
    api_tokens: api_token_service_client::ApiTokenServiceClient;
    /// Roles, who holds them, and the registry of permissions.
    roles: role_service_client::RoleServiceClient;
    /// Groups of the organization and of business units.
    groups: group_service_client::GroupServiceClient;
    /// Teams and their members.
    teams: team_service_client::TeamServiceClient;
    /// The organization, its settings and, for the operator of the installation, the others.
    organizations: organization_service_client::OrganizationServiceClient;
    /// Through whom one may log in.
    sso_providers: sso_provider_service_client::SsoProviderServiceClient;
    /// The keys that tokens are signed with.
    workload_identity: workload_identity_service_client::WorkloadIdentityServiceClient;
    /// Business units.
    business_units: business_unit_service_client::BusinessUnitServiceClient;
    /// Environments.
    environments: environment_service_client::EnvironmentServiceClient;
    /// Templates and their versions.
    templates: template_service_client::TemplateServiceClient;
    /// Requests. [`Client::watch_request`] resumes after a cut, `watch_request` of this does not.
    requests: request_service_client::RequestServiceClient;
    /// Approvals.
    approvals: approval_service_client::ApprovalServiceClient;
    /// Approval policies.
    approval_policies: approval_policy_service_client::ApprovalPolicyServiceClient;
    /// Deployments and their revisions.
    deployments: deployment_service_client::DeploymentServiceClient;
    /// What engines know of deployments.
    workspaces: workspace_service_client::WorkspaceServiceClient;
    /// Jobs and their logs. [`Client::tail_job_logs`] and [`Client::watch_job`] resume after a cut.
    jobs: job_service_client::JobServiceClient;
    /// The lines in which jobs wait, and what the servers do by themselves.
    queues: queue_service_client::QueueServiceClient;
    /// Changes of everything that the caller may read. A stream that was cut is opened again with its last cursor.
    changes: watch_service_client::WatchServiceClient;
    /// The audit.
    audit: audit_service_client::AuditServiceClient;
}
