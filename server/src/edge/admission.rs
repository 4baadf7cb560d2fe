//! What the method's options say about who may come in at all. What its permissions mean for the object of the call is
//! judged by the door (`cx`), which alone hands out connections.

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use flagstone_core::{Error as CoreError, Kind, Reason};

use super::{Wire, errors, request_id};
use crate::call::Caller;
use crate::contract::{Admission, Method};
use crate::{keys, status};

/// Services beside the contract, which anybody may ask.
const BESIDE: [&str; 3] = ["/grpc.health.v1.", "/grpc.reflection.v1.", "/grpc.reflection.v1alpha."];

/// Lets the call in if its caller is of the kind that the method is for.
pub(super) async fn admit(request: Request, next: Next) -> Response {
    let extensions = request.extensions();
    let method = extensions.get::<Arc<Method>>();
    let refused = match (method, extensions.get::<Caller>()) {
        (Some(method), Some(caller)) => check(&method.admission, caller, extensions.get()),
        (None, _) if BESIDE.iter().any(|service| request.uri().path().starts_with(service)) => Ok(()),
        (None, _) => Err(status::unknown_method()),
        (Some(_), None) => Err(CoreError::internal("a call came in without a caller")),
    };
    match refused {
        Ok(()) => next.run(request).await,
        Err(error) => errors::answer(status::from_core(&error, &request_id::of(request.extensions()))),
    }
}

fn check(admission: &Admission, caller: &Caller, wire: Option<&Wire>) -> Result<(), CoreError> {
    match (admission, caller) {
        (Admission::Public, _) => Ok(()),
        (Admission::Runner, Caller::Runner(_)) if wire == Some(&Wire::GrpcWeb) => {
            let message = "The runner link is for native gRPC, not for gRPC-web.";
            Err(CoreError::new(Kind::Unimplemented, Reason::ProtocolUnsupported, message))
        }
        (Admission::Runner, Caller::Runner(_))
        | (Admission::Authenticated | Admission::Permissions(_), Caller::User(_)) => Ok(()),
        (Admission::Authenticated | Admission::Permissions(_) | Admission::Runner, _) => Err(keys::unusable()),
    }
}

#[cfg(test)]
mod tests {
    use flagstone_core::access::PermissionPattern;
    use flagstone_core::names::RunnerName;
    use uuid::Uuid;

    use super::*;
    use crate::call::RunnerCaller;

    #[test]
    fn each_kind_of_method_takes_its_kind_of_caller() {
        let name = RunnerName::stored("embedded").unwrap();
        let runner = Caller::Runner(Arc::new(RunnerCaller { id: Uuid::nil(), name, organization_id: None }));
        let permissions = Admission::Permissions(vec![PermissionPattern::parse("user:profile:read").unwrap()]);
        let reason = |admission: &Admission, caller: &Caller, wire| {
            check(admission, caller, Some(&wire)).map_err(|error| error.reason)
        };
        assert_eq!(reason(&Admission::Public, &Caller::Anonymous, Wire::Grpc), Ok(()));
        assert_eq!(reason(&Admission::Runner, &runner, Wire::Grpc), Ok(()));
        assert_eq!(reason(&Admission::Runner, &runner, Wire::GrpcWeb), Err(Reason::ProtocolUnsupported));
        for (admission, caller) in [
            (&Admission::Runner, &Caller::Anonymous),
            (&Admission::Authenticated, &Caller::Anonymous),
            (&Admission::Authenticated, &runner),
            (&permissions, &Caller::Anonymous),
            (&permissions, &runner),
        ] {
            assert_eq!(reason(admission, caller, Wire::Grpc), Err(Reason::BadCredentials), "{admission:?}");
        }
    }
}
