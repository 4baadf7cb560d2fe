//! Who may do what. Two reviewed texts, role × permission and role × method, both derived from the rules; and the second
//! one executed: every method is called as every role, and the server agrees with the text.

use std::fmt::Write;

use flagstone_api::options::RequestKindPolicy;
use flagstone_api::pb::ErrorReason;
use flagstone_core::access::{Permission, PermissionPattern, Restriction, RoleScope, RoleTemplate, role_templates};
use flagstone_core::tier::Tier;

use crate::support::contract::{Method, OF_ONESELF, methods, pool};
use crate::support::requests::{harmless, valid_request};
use crate::support::world::{Cast, World};
use crate::support::{ScriptedRunner, TestApp};

#[test]
fn roles_hold_the_permissions_that_were_reviewed() {
    let roles = role_templates();
    let mut text = header("permission", &roles);
    for permission in Permission::all() {
        let cells = roles.map(|role| if role.permissions().contains(permission) { "yes" } else { "-" });
        line(&mut text, permission.slug(), &cells);
    }
    insta::assert_snapshot!("roles_by_permission", text);
}

#[test]
fn roles_may_call_the_methods_that_were_reviewed() {
    let roles = role_templates();
    let mut text = header("method", &roles);
    for method in methods() {
        let name = format!("{}.{}", method.descriptor.parent_service().name(), method.name);
        let cells = roles.map(|role| match (may_call(role, &method, false), may_call(role, &method, true)) {
            (true, _) => "yes",
            (false, true) => "own",
            (false, false) => "-",
        });
        line(&mut text, &name, &cells);
    }
    insta::assert_snapshot!("roles_by_method", text);
}

fn header(first: &str, roles: &[&RoleTemplate]) -> String {
    let mut text = String::new();
    line(&mut text, first, &roles.iter().map(|role| role.id).collect::<Vec<_>>());
    text
}

fn line(text: &mut String, first: &str, cells: &[&str]) {
    let cells: String = cells.iter().map(|cell| format!(" {cell:<14}")).collect();
    writeln!(text, "{first:<50}{}", cells.trim_end()).unwrap();
}

/// Only its requester changes or submits a request, whatever else its caller holds.
const REQUESTERS: [&str; 2] = ["SubmitRequest", "UpdateRequest"];

/// Methods for everybody that judge their object themselves, by what lets one read it.
const BY_READING: [(&str, &str); 3] = [
    ("ExplainPending", "business_unit:requests:read"),
    ("ListRequestTimeline", "business_unit:requests:read"),
    ("SetActiveBusinessUnit", "business_unit:business_units:read"),
];

/// Whether a role lets into a method for an object in development, by the rules: `own` where the caller made the object.
/// What asks for a change also needs what a request of kind CREATE does.
fn may_call(role: &RoleTemplate, method: &Method, own: bool) -> bool {
    if let Some((_, slug)) = BY_READING.iter().find(|(name, _)| *name == method.name) {
        return holds(role, slug);
    }
    if method.is_public() || method.is_for_everybody() {
        return true;
    }
    if method.is_runners() || (REQUESTERS.contains(&method.name.as_str()) && !own) {
        return false;
    }
    let asks = matches!(method.name.as_str(), "CreateRequest" | "PreviewRequest");
    // The request that is retried changed a deployment.
    let kind = match method.name.as_str() {
        "RetryRequest" => "REQUEST_KIND_UPDATE",
        _ => "REQUEST_KIND_CREATE",
    };
    let also = asks || method.name == "RetryRequest";
    if also && !kind_permissions(kind).iter().all(|slug| holds(role, slug)) {
        return false;
    }
    // Of the audit such a role sees what concerns its teams, and the world's event concerns none.
    if method.name == "GetAuditEvent" && role.restriction == Restriction::OwnTeam && !own {
        return false;
    }
    method.policy.permissions.iter().any(|slug| {
        if slug.starts_with("user:") {
            return own || !slug.ends_with(":own");
        }
        let reads = PermissionPattern::parse(slug).unwrap().with_tier(Tier::Development).is_list_or_read();
        let restricted = role.restriction != Restriction::None && !reads;
        // What is made is the caller's own.
        holds(role, slug) && (own || asks || !restricted)
    })
}

fn holds(role: &RoleTemplate, slug: &str) -> bool {
    role.permissions().contains(PermissionPattern::parse(slug).unwrap().with_tier(Tier::Development))
}

/// What a kind of request needs beside the permission to make requests, as the contract says it.
fn kind_permissions(kind: &str) -> Vec<String> {
    let option = pool().get_extension_by_name("flagstone.options.v1.request_kind").unwrap();
    let value = pool().get_enum_by_name("flagstone.v1.RequestKind").unwrap().get_value_by_name(kind).unwrap();
    let options = value.options();
    let policy: RequestKindPolicy = options.get_extension(&option).as_message().unwrap().transcode_to().unwrap();
    policy.permissions
}

#[tokio::test]
async fn every_method_lets_in_the_roles_that_the_matrix_says() {
    let app = TestApp::start().await;
    let runner = ScriptedRunner::start(&app).await;
    let world = World::build(&app, &runner, Cast::of(&app).await).await;
    let mut wrong = Vec::new();
    for role in role_templates() {
        // The objects of the world are those of `dev`, who is a developer.
        let (caller, own) = match role.id {
            "developer" => (app.as_dev().await, true),
            id => {
                let unit = if role.scope == RoleScope::BusinessUnit { "sandbox" } else { "" };
                (app.user(&format!("a-{id}"), &[(id, unit)]).await, false)
            }
        };
        // No device waits in the world to be let in.
        let asked = |method: &&Method| !method.is_runners() && method.name != "GetDeviceLogin";
        for method in methods().iter().filter(asked) {
            let mut request = valid_request(&world, method);
            harmless(method, &mut request);
            let answer = caller.ask(method, &request).await.err();
            let reason = answer.as_ref().and_then(|error| error.reason);
            let let_in = !matches!(reason, Some(ErrorReason::AccessDenied | ErrorReason::NotFound));
            // Lists of own things are open to everybody and show just these; that of sessions is of one person.
            let own = own
                || (method.is_list() && method.name != "ListSessions")
                || OF_ONESELF.contains(&method.name.as_str());
            // The world's token is a person's, and nobody else's to end.
            let is_theirs = method.name == "RevokeApiToken" && !own;
            if let_in != (may_call(role, method, own) && !is_theirs) {
                wrong.push(format!("{} as {}: {answer:?}", method.name, role.id));
            }
        }
    }
    assert!(wrong.is_empty(), "the server and the matrix differ:\n{}", wrong.join("\n"));
    drop(runner);
    app.finish().await;
}
