//! The contract as the server reads it: every method with its options, found by its path. Read once at start from the
//! descriptor set; a method that does not say who may call it stops the start, and nothing else is ever allowed.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use flagstone_api::options::{Idempotency, MethodPolicy, RequestKindPolicy, Risk};
use flagstone_api::{DESCRIPTORS, pb};
use flagstone_core::access::{PermissionPattern, PermissionScope};
use flagstone_core::request::RequestKind;
use flagstone_core::tier::Tier;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, MethodDescriptor};

/// Who may call a method.
#[derive(Clone, Debug)]
pub enum Admission {
    /// Anybody, without credential.
    Public,
    /// Any active principal of the organization.
    Authenticated,
    /// A runner with its own credential.
    Runner,
    /// Whoever holds one of these.
    Permissions(Vec<PermissionPattern>),
}

/// One method and what it declares of itself.
#[derive(Clone, Debug)]
pub struct Method {
    /// `/flagstone.v1.RequestService/CreateRequest`.
    pub path: String,
    /// `CreateRequest`.
    pub name: String,
    pub admission: Admission,
    /// Path of the field that holds the resource name; empty for none.
    pub scope_field: String,
    pub risk: Risk,
    /// What the audit calls it; empty where the call leaves no audit event of its own.
    pub audit_action: String,
    pub idempotency: Idempotency,
    pub server_streaming: bool,
    /// It answers with a request, which its approval decides.
    pub creates_request: bool,
}

impl Method {
    /// True for a call that changes nothing.
    pub fn is_read(&self) -> bool {
        self.idempotency == Idempotency::NoSideEffects
    }

    /// True where only what everybody may do with what is their own admits: a service account can never hold that (rule
    /// 10).
    pub fn is_for_people(&self) -> bool {
        let of_users = |pattern: &PermissionPattern| {
            pattern.permissions().iter().all(|permission| permission.scope() == PermissionScope::User)
        };
        !self.permissions().is_empty() && self.permissions().iter().all(of_users)
    }

    /// Any one of these is enough; empty where no permission is needed.
    pub fn permissions(&self) -> &[PermissionPattern] {
        match &self.admission {
            Admission::Permissions(patterns) => patterns,
            Admission::Public | Admission::Authenticated | Admission::Runner => &[],
        }
    }
}

/// What a kind of request needs beside the permission to make requests.
#[derive(Clone, Debug)]
pub struct KindPolicy {
    /// All of these.
    pub permissions: Vec<PermissionPattern>,
    pub audit_action: String,
    risks: [Risk; 3],
}

impl KindPolicy {
    /// How much harm it can do in a tier.
    pub const fn risk(&self, tier: Tier) -> Risk {
        let [development, staging, production] = self.risks;
        match tier {
            Tier::Development => development,
            Tier::Staging => staging,
            Tier::Production => production,
        }
    }
}

/// All methods and request kinds.
#[derive(Debug)]
pub struct Contract {
    methods: HashMap<String, Arc<Method>>,
    kinds: HashMap<RequestKind, KindPolicy>,
}

impl Contract {
    /// Reads the contract of this build. Fails with a sentence per method that is not fully declared.
    pub fn load() -> Result<Self, String> {
        let pool = DescriptorPool::decode(DESCRIPTORS).map_err(|error| format!("the descriptor set: {error}"))?;
        let mut problems = Vec::new();
        let mut methods = HashMap::new();
        for service in pool.services().filter(|service| service.package_name() == "flagstone.v1") {
            for method in service.methods() {
                let path = format!("/{}/{}", service.full_name(), method.name());
                match read_method(&pool, &method, path.clone()) {
                    Ok(read) => drop(methods.insert(path, Arc::new(read))),
                    Err(problem) => problems.push(format!("{path}: {problem}")),
                }
            }
        }
        let kinds = read_kinds(&pool, &mut problems);
        // The pool is dropped here: kept, it would cost 5 MB for nothing.
        if problems.is_empty() { Ok(Self { methods, kinds }) } else { Err(problems.join("\n")) }
    }

    /// The method of a URI path.
    pub fn method(&self, path: &str) -> Option<&Arc<Method>> {
        self.methods.get(path)
    }

    /// Every method, in no order.
    pub fn methods(&self) -> impl Iterator<Item = &Arc<Method>> {
        self.methods.values()
    }

    /// What a kind of request needs.
    pub fn kind(&self, kind: RequestKind) -> &KindPolicy {
        // `load` fails when a kind is missing; an empty list would allow, so it is never made.
        &self.kinds[&kind]
    }
}

fn read_method(pool: &DescriptorPool, method: &MethodDescriptor, path: String) -> Result<Method, String> {
    let extension =
        pool.get_extension_by_name("flagstone.options.v1.method").ok_or("the contract has no method options")?;
    let options = method.options();
    if !options.has_extension(&extension) {
        return Err("has no (flagstone.options.v1.method) option".into());
    }
    let policy: MethodPolicy = options
        .get_extension(&extension)
        .as_message()
        .map(DynamicMessage::transcode_to)
        .ok_or("its option is not a message")?
        .map_err(|error| format!("its option does not decode: {error}"))?;
    let admission = match policy.permissions.as_slice() {
        [] => return Err("names no permission".into()),
        [word] if word == "public" => Admission::Public,
        [word] if word == "authenticated" => Admission::Authenticated,
        [word] if word == "runner" => Admission::Runner,
        slugs => Admission::Permissions(patterns(slugs)?),
    };
    if policy.risk() == Risk::Unspecified || policy.idempotency() == Idempotency::Unspecified {
        return Err("does not say its risk and idempotency".into());
    }
    if !policy.scope_field.is_empty() && !has_field(&method.input(), &policy.scope_field) {
        return Err(format!("{} has no field {}", method.input().name(), policy.scope_field));
    }
    let is_read = policy.idempotency() == Idempotency::NoSideEffects;
    if is_read && !policy.audit_action.is_empty() {
        return Err("reads, yet names an audit action".into());
    }
    if policy.idempotency() == Idempotency::RequestId && policy.audit_action.is_empty() {
        return Err("changes something, yet names no audit action".into());
    }
    Ok(Method {
        path,
        name: method.name().to_owned(),
        admission,
        risk: policy.risk(),
        idempotency: policy.idempotency(),
        scope_field: policy.scope_field,
        audit_action: policy.audit_action,
        server_streaming: method.is_server_streaming(),
        creates_request: method.output().full_name() == "flagstone.v1.Request",
    })
}

fn read_kinds(pool: &DescriptorPool, problems: &mut Vec<String>) -> HashMap<RequestKind, KindPolicy> {
    let mut kinds = HashMap::new();
    let extension = pool.get_extension_by_name("flagstone.options.v1.request_kind");
    let described = pool.get_enum_by_name("flagstone.v1.RequestKind");
    let (Some(extension), Some(described)) = (extension, described) else {
        problems.push("the contract has no request kinds".into());
        return kinds;
    };
    for kind in RequestKind::ALL {
        let name = format!("REQUEST_KIND_{}", kind.as_str());
        let policy = described
            .get_value_by_name(&name)
            .map(|value| value.options())
            .filter(|options| options.has_extension(&extension))
            .and_then(|options| {
                options.get_extension(&extension).as_message()?.transcode_to::<RequestKindPolicy>().ok()
            });
        let policy = policy.map(|policy| {
            let risks = [policy.risk_development(), policy.risk_staging(), policy.risk_production()];
            (patterns(&policy.permissions), policy.audit_action, risks)
        });
        match policy {
            Some((Ok(permissions), audit_action, risks)) if !permissions.is_empty() => {
                kinds.insert(*kind, KindPolicy { permissions, audit_action, risks });
            }
            Some((Err(problem), ..)) => problems.push(format!("{name}: {problem}")),
            _ => problems.push(format!("{name} does not say what it needs")),
        }
    }
    kinds
}

fn patterns(slugs: &[String]) -> Result<Vec<PermissionPattern>, String> {
    slugs.iter().map(|slug| PermissionPattern::parse(slug).map_err(|error| error.to_string())).collect()
}

/// Whether a dotted path leads to a text field.
fn has_field(message: &MessageDescriptor, path: &str) -> bool {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let Some(field) = message.get_field_by_name(first) else { return false };
    match rest {
        None => matches!(field.kind(), prost_reflect::Kind::String),
        Some(rest) => field.kind().as_message().is_some_and(|inner| has_field(inner, rest)),
    }
}

/// The name of an error reason on the wire, as the contract spells it.
pub fn reason_names() -> &'static [&'static str] {
    static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
        (1..)
            .map_while(|number| pb::ErrorReason::try_from(number).ok())
            .map(|reason| reason.as_str_name().trim_start_matches("ERROR_REASON_"))
            .collect()
    });
    &NAMES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_and_kind_is_declared() {
        let contract = Contract::load().unwrap();
        assert!(contract.methods().count() > 40);
        for kind in RequestKind::ALL {
            assert!(!contract.kind(*kind).permissions.is_empty());
        }
    }

    #[test]
    fn the_reasons_of_core_are_those_of_the_contract() {
        let core: Vec<_> = flagstone_core::Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(core, reason_names());
    }
}
