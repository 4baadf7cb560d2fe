//! What the contract says about each method. Read once from the descriptor set, so that nothing is listed twice: a new
//! RPC is authenticated and retried as its options declare.

use std::collections::HashMap;
use std::sync::LazyLock;

use flagstone_api::options::{Idempotency, MethodPolicy};
use prost_reflect::{DescriptorPool, MethodDescriptor};

/// What the client has to know of one method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Method {
    /// Needs no credential; an expired one would only stand in its way.
    pub(crate) public: bool,
    /// Takes one message: what is sent is at hand if it has to be sent again.
    pub(crate) single_input: bool,
    /// Answers with one message too: only such calls are repeated. Streams are resumed by their cursor.
    pub(crate) unary: bool,
    /// May be repeated: it reads, carries a `request_id`, or has the same effect however often it is called.
    pub(crate) repeatable: bool,
    /// Number of the input's field `request_id`.
    pub(crate) request_id: Option<u32>,
}

impl Method {
    /// A method that the contract does not know, health for instance: authenticated, never repeated.
    const FOREIGN: Self =
        Self { public: false, single_input: false, unary: false, repeatable: false, request_id: None };

    /// The method at a path such as `/flagstone.v1.RequestService/GetRequest`.
    pub(crate) fn at(path: &str) -> Self {
        METHODS.get(path).copied().unwrap_or(Self::FOREIGN)
    }
}

static METHODS: LazyLock<HashMap<String, Method>> = LazyLock::new(|| {
    // The pool is dropped when the table stands: it is some megabytes large.
    let Ok(pool) = DescriptorPool::decode(flagstone_api::DESCRIPTORS) else {
        tracing::error!("The descriptor set of the contract cannot be read; no call will be repeated.");
        return HashMap::new();
    };
    pool.services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .map(|rpc| (format!("/{}/{}", rpc.parent_service().full_name(), rpc.name()), read(&pool, &rpc)))
        .collect()
});

fn read(pool: &DescriptorPool, rpc: &MethodDescriptor) -> Method {
    let policy = policy(pool, rpc).unwrap_or_default();
    let request_id = rpc.input().get_field_by_name("request_id").map(|field| field.number());
    let repeatable = match policy.idempotency() {
        Idempotency::NoSideEffects | Idempotency::Natural => true,
        Idempotency::RequestId => request_id.is_some(),
        Idempotency::Unspecified => false,
    };
    Method {
        public: policy.permissions.iter().any(|permission| permission == "public"),
        single_input: !rpc.is_client_streaming(),
        unary: !rpc.is_client_streaming() && !rpc.is_server_streaming(),
        repeatable,
        request_id,
    }
}

fn policy(pool: &DescriptorPool, rpc: &MethodDescriptor) -> Option<MethodPolicy> {
    let extension = pool.get_extension_by_name("flagstone.options.v1.method")?;
    rpc.options().get_extension(&extension).as_message()?.transcode_to().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_mutations_with_a_request_id_are_repeatable() {
        let read = Method::at("/flagstone.v1.RequestService/GetRequest");
        assert_eq!(read, Method { public: false, single_input: true, unary: true, repeatable: true, request_id: None });
        let create = Method::at("/flagstone.v1.RequestService/CreateRequest");
        assert_eq!(create, Method { request_id: Some(4), ..read });
    }

    #[test]
    fn login_needs_no_credential() {
        assert!(Method::at("/flagstone.v1.AuthService/Login").public);
        assert!(!Method::at("/flagstone.v1.AuthService/Logout").public);
    }

    #[test]
    fn streams_are_not_unary() {
        let tail = Method::at("/flagstone.v1.JobService/TailJobLogs");
        assert!(tail.single_input && !tail.unary);
        assert!(!Method::at("/flagstone.v1.RunnerLinkService/Work").single_input);
    }

    #[test]
    fn an_unknown_method_is_authenticated_and_never_repeated() {
        assert_eq!(Method::at("/grpc.health.v1.Health/Check"), Method::FOREIGN);
    }

    #[test]
    fn every_mutation_has_a_request_id() {
        // Reads METHODS through one path first, so that the table stands.
        assert!(Method::at("/flagstone.v1.UserService/GetMe").repeatable);
        let without: Vec<_> =
            METHODS.iter().filter(|(_, method)| !method.repeatable).map(|(path, _)| path.clone()).collect();
        assert!(without.is_empty(), "not repeatable: {without:?}");
    }
}
