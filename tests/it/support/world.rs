//! An organization in which everything exists at least once: for each pattern of a resource name an object that one can
//! read, and enough of each kind that a list has more than one page.

use std::collections::BTreeMap;

use flagstone_api::pb;
use prost_types::Struct;
use prost_types::value::Kind;

use super::app::TestApp;
use super::authority::Authority;
use super::caller::Caller;
use super::database::run;
use super::people::Organization;
use super::runner::ScriptedRunner;
use super::sso;
use super::wait::wait_for;

/// Who acts in a world, and where.
#[derive(Clone)]
pub struct Cast {
    pub admin: Caller,
    pub dev: Caller,
    pub approver: Caller,
    /// `businessUnits/sandbox`.
    pub unit: String,
    /// `templates/config-bundle`.
    pub template: String,
    /// `organizations/default`.
    pub organization: String,
}

impl Cast {
    /// What the organization's own names begin with: nothing in the default one.
    fn prefix(&self) -> &str {
        self.template.trim_start_matches("templates/").trim_end_matches("config-bundle")
    }

    /// The people of the default organization.
    pub async fn of(app: &TestApp) -> Self {
        Self {
            admin: app.as_admin().await,
            dev: app.as_dev().await,
            approver: app.as_approver().await,
            unit: "businessUnits/sandbox".into(),
            template: "templates/config-bundle".into(),
            organization: "organizations/default".into(),
        }
    }
}

impl From<Organization> for Cast {
    fn from(organization: Organization) -> Self {
        let Organization { admin, dev, approver, unit, template, name } = organization;
        Self { admin, dev, approver, unit, template, organization: name }
    }
}

/// What exists, by the pattern of its name.
pub struct World {
    pub cast: Cast,
    names: BTreeMap<&'static str, String>,
    /// A production request that waits for approval.
    pub pending: pb::Request,
    /// `users/{user}` of the administrator.
    administrator: String,
    /// The token of an open invitation.
    pub invitation_token: String,
    /// The token of a link to a first password.
    pub reset_token: String,
}

impl World {
    /// Builds it: a deployment that was created and then changed, both by the developer in development and approved by
    /// policy, and a request of the administrator in production that waits for approval.
    pub async fn build(app: &TestApp, runner: &ScriptedRunner, cast: Cast) -> Self {
        // Ids that no other organization uses.
        let [one, two] = ["one", "two"].map(|id| format!("{}-{id}", cast.template.trim_start_matches("templates/")));
        let created = cast.create(&cast.dev, "development", &one).await;
        let created = finish_request(runner, &cast.dev, &created).await;
        let update = pb::request::Payload::Update(pb::UpdatePayload {
            deployment: created.deployment.clone(),
            inputs: Some(inputs(&one, "second")),
            ..Default::default()
        });
        let changed = cast.submit(&cast.dev, update).await;
        let changed = finish_request(runner, &cast.dev, &changed).await;
        let pending = cast.create(&cast.admin, "production", &two).await;
        let pending = plan_request(runner, &cast.admin, &pending).await;
        assert_eq!(pending.state(), pb::RequestState::PendingApproval, "{pending:?}");
        more_pages(app).await;
        let me = cast.dev.users().get_me(pb::GetMeRequest {}).await.expect("one reads oneself").into_inner();
        // A list of sessions has more than one.
        app.session(&me.username).await;
        let sessions = pb::ListSessionsRequest { parent: me.name.clone(), ..Default::default() };
        let sessions =
            cast.dev.auth().list_sessions(sessions).await.expect("sessions are listed").into_inner().sessions;
        let invitation = cast.invite(&format!("first@{}.example", me.username), &cast.unit).await;
        cast.invite(&format!("second@{}.example", me.username), "").await;
        for id in ["first", "second"] {
            sso::create(&cast.admin, &format!("{}{id}", cast.prefix()), sso::nobody()).await;
        }
        // The newest event of the unit: one that its owner reads, too.
        let filter = format!("business_unit = \"{}\" AND outcome = \"SUCCESS\"", cast.unit);
        let newest = pb::ListAuditEventsRequest { page_size: 1, filter, ..Default::default() };
        let newest = cast.admin.audit().list_audit_events(newest).await.expect("the audit can be listed").into_inner();
        let account = programs(&cast, &one).await;
        own_tokens(&cast.admin).await;
        let own_token = own_tokens(&cast.dev).await;
        let authority = Authority::build(&cast).await;
        let names = BTreeMap::from([
            ("auditEvents/*", newest.audit_events[0].name.clone()),
            ("organizations/*", cast.organization.clone()),
            ("roles/*", authority.role),
            ("users/*", authority.user),
            ("groups/*", authority.group),
            ("businessUnits/*/groups/*", authority.unit_group),
            ("roleBindings/*", authority.binding),
            ("businessUnits/*/roleBindings/*", authority.unit_binding),
            ("teams/*", authority.team),
            ("users/*/apiTokens/*", own_token),
            ("serviceAccounts/*", account),
            ("businessUnits/*", cast.unit.clone()),
            ("businessUnits/*/members/*", format!("{}/members/{}dev", cast.unit, cast.prefix())),
            ("businessUnits/*/environments/*", format!("{}/environments/development", cast.unit)),
            ("businessUnits/*/requests/*", changed.name.clone()),
            ("businessUnits/*/deployments/*", changed.deployment.clone()),
            ("businessUnits/*/deployments/*/workspace", format!("{}/workspace", changed.deployment)),
            ("businessUnits/*/deployments/*/revisions/*", format!("{}/revisions/1", changed.deployment)),
            ("approvals/*", changed.approval.clone()),
            ("jobs/*", changed.jobs.last().expect("a completed request has jobs").clone()),
            ("schedules/*", "schedules/tidy".to_owned()),
            ("templates/*", cast.template.clone()),
            ("templates/*/versions/*", format!("{}/versions/1.0.0", cast.template)),
            ("approvalPolicies/*", approval_policy(&cast.admin).await.name),
            ("users/*", me.name),
            // The one that calls is not ended by a walk.
            ("users/*/sessions/*", sessions.iter().find(|session| !session.current).expect("two").name.clone()),
            ("ssoProviders/*", format!("ssoProviders/{}first", cast.prefix())),
            ("invitations/*", invitation.invitation.expect("an invitation is answered").name),
        ]);
        let email = format!("newcomer@{}.example", me.username);
        let user = pb::User { email, full_name: "New Comer".into(), ..Default::default() };
        let created = pb::CreateUserRequest { user: Some(user), ..Default::default() };
        let created = cast.admin.users().create_user(created).await.expect("an account is made").into_inner();
        let administrator =
            cast.admin.users().get_me(pb::GetMeRequest {}).await.expect("one reads oneself").into_inner();
        Self {
            names,
            pending,
            administrator: administrator.name,
            invitation_token: token_of(&invitation.link),
            reset_token: token_of(&created.link),
            cast,
        }
    }

    /// Another object than [`Self::name`], where there is one.
    pub fn other(&self, pattern: &str) -> Option<&str> {
        match pattern {
            "businessUnits/*/requests/*" => Some(&self.pending.name),
            "approvals/*" => Some(&self.pending.approval),
            "users/*" => Some(&self.administrator),
            "jobs/*" => self.pending.jobs.first().map(String::as_str),
            _ => None,
        }
    }

    /// The object that a pattern of names has here.
    pub fn name(&self, pattern: &str) -> &str {
        let found = self.names.get(pattern);
        found.unwrap_or_else(|| panic!("no object has a name like {pattern}: add one to tests/it/support/world.rs"))
    }
}

/// What stands behind `#` in a link.
pub fn token_of(link: &str) -> String {
    link.split_once('#').unwrap_or_else(|| panic!("{link} has a token")).1.to_owned()
}

impl Cast {
    /// Invites somebody as viewer of a unit, or of the organization.
    pub async fn invite(&self, email: &str, unit: &str) -> pb::CreateInvitationResponse {
        let invitation = pb::Invitation {
            email: email.to_owned(),
            role: "roles/viewer".into(),
            business_unit: unit.to_owned(),
            ..Default::default()
        };
        let request = pb::CreateInvitationRequest { invitation: Some(invitation), ..Default::default() };
        let answer = self.admin.invitations().create_invitation(request).await;
        answer.unwrap_or_else(|status| panic!("{email} is invited: {:?}", super::Error::from(status))).into_inner()
    }

    /// A new request for a deployment of the cast's template.
    pub async fn create(&self, requester: &Caller, environment: &str, deployment: &str) -> pb::Request {
        self.submit(requester, self.create_payload(environment, deployment)).await
    }

    /// What asks for a deployment of the cast's template.
    pub fn create_payload(&self, environment: &str, deployment: &str) -> pb::request::Payload {
        pb::request::Payload::Create(pb::CreatePayload {
            template_version: format!("{}/versions/1.0.0", self.template),
            environment: format!("{}/environments/{environment}", self.unit),
            deployment_id: deployment.to_owned(),
            inputs: Some(inputs(deployment, "first")),
            cost_center: "CC-1".into(),
            ..Default::default()
        })
    }

    /// What asks for a request with this payload.
    pub fn request(&self, payload: pb::request::Payload) -> pb::CreateRequestRequest {
        let tags = ["owner", "team", "purpose"].map(|tag| (tag.to_owned(), "tests".to_owned())).into();
        let request = pb::Request { payload: Some(payload), tags, ..Default::default() };
        pb::CreateRequestRequest { parent: self.unit.clone(), request: Some(request), ..Default::default() }
    }

    /// A new request with this payload.
    pub async fn submit(&self, requester: &Caller, payload: pb::request::Payload) -> pb::Request {
        let answer = requester.requests().create_request(self.request(payload)).await;
        answer.unwrap_or_else(|status| panic!("a request is created: {:?}", super::Error::from(status))).into_inner()
    }

    /// A request whose plan waits for the approver.
    pub async fn pending(&self, runner: &ScriptedRunner, deployment: &str) -> pb::Request {
        let request = self.create(&self.admin, "production", deployment).await;
        let request = plan_request(runner, &self.admin, &request).await;
        assert_eq!(request.state(), pb::RequestState::PendingApproval, "{request:?}");
        request
    }
}

/// Inputs of `config-bundle`.
pub fn inputs(name: &str, note: &str) -> Struct {
    let text = |text: &str| prost_types::Value { kind: Some(Kind::StringValue(text.to_owned())) };
    let entries = Struct { fields: BTreeMap::from([("GREETING".to_owned(), text("hello"))]) };
    Struct {
        fields: BTreeMap::from([
            ("name".to_owned(), text(name)),
            ("label".to_owned(), text("blue")),
            ("revision_note".to_owned(), text(note)),
            ("entries".to_owned(), prost_types::Value { kind: Some(Kind::StructValue(entries)) }),
        ]),
    }
}

/// The request as it is now.
pub async fn get_request(caller: &Caller, name: &str) -> pb::Request {
    let request = pb::GetRequestRequest { name: name.to_owned() };
    caller.requests().get_request(request).await.expect("the request can be read").into_inner()
}

/// Makes the plan that a request waits for.
pub async fn plan_request(runner: &ScriptedRunner, caller: &Caller, request: &pb::Request) -> pb::Request {
    let request = get_request(caller, &request.name).await;
    let job = request.jobs.last().unwrap_or_else(|| panic!("a request in planning has a job: {request:?}"));
    let assignment = runner.take_job(job).await;
    runner.run(&assignment).await.expect("the plan is taken");
    get_request(caller, &request.name).await
}

/// Brings a request that is approved by policy to its end.
pub async fn finish_request(runner: &ScriptedRunner, caller: &Caller, request: &pb::Request) -> pb::Request {
    let planned = plan_request(runner, caller, request).await;
    apply_request(runner, caller, &planned).await
}

/// Carries out an approved request.
pub async fn apply_request(runner: &ScriptedRunner, caller: &Caller, request: &pb::Request) -> pb::Request {
    let approved = wait_for("the request is approved", async || {
        let now = get_request(caller, &request.name).await;
        (now.state() == pb::RequestState::Approved).then_some(now)
    })
    .await;
    let assignment = runner.take_job(approved.jobs.last().expect("an approved request has a job")).await;
    runner.run(&assignment).await.expect("the apply is taken");
    let completed = get_request(caller, &request.name).await;
    assert_eq!(completed.state(), pb::RequestState::Completed, "{completed:?}");
    completed
}

/// The first approval policy.
pub async fn approval_policy(caller: &Caller) -> pb::ApprovalPolicy {
    let policies = caller.approval_policies().list_approval_policies(pb::ListApprovalPoliciesRequest::default()).await;
    let policies = policies.expect("approval policies can be listed").into_inner().approval_policies;
    policies.into_iter().next().expect("approval policies ship")
}

/// Two service accounts. The name of one.
async fn programs(cast: &Cast, word: &str) -> String {
    let mut made = Vec::new();
    for id in [format!("{word}-build"), format!("{word}-idle")] {
        let account = pb::ServiceAccount { kind: pb::ServiceAccountKind::Machine.into(), ..Default::default() };
        let request = pb::CreateServiceAccountRequest {
            service_account_id: id,
            service_account: Some(account),
            ..Default::default()
        };
        let account = cast.admin.service_accounts().create_service_account(request).await;
        made.push(account.expect("a service account is made").into_inner().name);
    }
    made.swap_remove(0)
}

/// Two tokens of a caller. The name of one.
async fn own_tokens(caller: &Caller) -> String {
    let mut name = String::new();
    for display_name in ["One", "Another"] {
        let token = pb::ApiToken {
            display_name: display_name.into(),
            permissions: vec!["user:profile:read".into()],
            ..Default::default()
        };
        let request =
            pb::CreateApiTokenRequest { parent: "users/me".into(), api_token: Some(token), ..Default::default() };
        let made = caller.api_tokens().create_api_token(request).await.expect("a token is made").into_inner();
        name = made.api_token.expect("an answer has its token").name;
    }
    name
}

/// What a world has two of only so that its lists have pages, and a role of each organization's own: an older version of
/// each template, and two states of each
/// deployment, whose engine the scripted runner does not run.
async fn more_pages(app: &TestApp) {
    run(
        &app.sql,
        "INSERT INTO roles (id, organization_id, slug, display_name, scope, permissions, creator)
         SELECT gen_random_uuid(), id, slug || '-reader', 'Reader', 'BUSINESS_UNIT',
           ARRAY['business_unit:business_units:read'], 'system'
         FROM organizations ON CONFLICT DO NOTHING;
         INSERT INTO template_versions (id, organization_id, template_id, version, sort_key, engine, manifest, input_schema,
           output_schema, entrypoint, artifact_sha256, artifact_size, soft_timeout_seconds, hard_timeout_seconds, state, creator)
         SELECT gen_random_uuid(), organization_id, template_id, '0.9.0', '0' || sort_key, engine, manifest, input_schema,
           output_schema, entrypoint, artifact_sha256, artifact_size, soft_timeout_seconds, hard_timeout_seconds, state, creator
         FROM template_versions WHERE version = '1.0.0' ON CONFLICT DO NOTHING;
         INSERT INTO workspaces (deployment_id, organization_id, business_unit_id, engine, lineage, serial)
         SELECT id, organization_id, business_unit_id, 'TERRAFORM', 'scripted', 2 FROM deployments WHERE provisioned
         ON CONFLICT DO NOTHING;
         INSERT INTO workspace_states (organization_id, deployment_id, serial, fence, lineage, ciphertext, sha256,
           resource_count, job_id, state, time)
         SELECT DISTINCT ON (d.id, n) d.organization_id, d.id, n, 1, 'scripted', '', sha256(n::text::bytea), n, j.id,
           'STORED', d.create_time + n * interval '1 second'
         FROM deployments d JOIN jobs j ON j.deployment_id = d.id CROSS JOIN generate_series(1, 2) AS n
         WHERE d.provisioned ORDER BY d.id, n, j.create_time ON CONFLICT DO NOTHING",
    )
    .await;
}
