//! Rules of the contract that no compiler checks: everything is described, mutations can be repeated and tried, lists have
//! the same arguments, names that isolation depends on are marked.

use std::collections::BTreeSet;

use prost_reflect::{Kind, MessageDescriptor};

use crate::support::contract::{Method, methods, pool};

/// Fields of requests that name no object although they look like it, and why.
const NO_RESOURCE: [&str; 0] = [];

#[test]
fn everything_in_the_contract_has_a_comment() {
    let mut silent = BTreeSet::new();
    for file in pool().files().filter(|file| file.package_name() == "flagstone.v1") {
        let info = file.file_descriptor_proto().source_code_info.clone().unwrap();
        let commented: BTreeSet<Vec<i32>> = info
            .location
            .into_iter()
            .filter(|location| location.leading_comments.as_ref().is_some_and(|comment| !comment.trim().is_empty()))
            .map(|location| location.path)
            .collect();
        let mut judge = |path: &[i32], name: &str| {
            if !commented.contains(path) {
                silent.insert(name.to_owned());
            }
        };
        for service in file.services() {
            judge(service.path(), service.full_name());
            service.methods().for_each(|method| judge(method.path(), method.full_name()));
        }
        for found in file.enums() {
            judge(found.path(), found.full_name());
            found.values().for_each(|value| judge(value.path(), value.full_name()));
        }
        for message in file.messages().filter(|message| !is_envelope(message)) {
            judge(message.path(), message.full_name());
        }
        for message in file.messages() {
            message.fields().for_each(|field| judge(field.path(), field.full_name()));
        }
    }
    assert!(silent.is_empty(), "without a comment: {silent:#?}");
}

/// Requests and answers are described by their method.
fn is_envelope(message: &MessageDescriptor) -> bool {
    message.name().ends_with("Request") || message.name().ends_with("Response")
}

#[test]
fn mutations_take_a_request_id_and_say_what_they_are_called() {
    for method in methods() {
        assert_eq!(method.takes("request_id"), method.is_mutation(), "{}", method.path);
        assert!(!method.takes("validate_only") || method.is_mutation(), "{} reads, yet runs dry", method.path);
        let silent = method.policy.audit_action.is_empty();
        assert!(!silent || !method.is_mutation(), "{} changes something without a name for the audit", method.path);
    }
}

#[test]
fn lists_take_the_same_arguments_and_answer_alike() {
    for method in methods().iter().filter(|method| method.is_list()) {
        assert!(method.takes("page_size"), "{}", method.path);
        assert_eq!(method.takes("filter"), method.takes("order_by"), "{}", method.path);
        assert!(method.output().get_field_by_name("next_page_token").is_some(), "{}", method.path);
        assert!(method.output().fields().any(|field| field.is_list()), "{}", method.path);
    }
}

#[test]
fn methods_for_people_have_an_address_for_rest() {
    let http = pool().get_extension_by_name("google.api.http").unwrap();
    for method in methods() {
        let described = method.descriptor.options().has_extension(&http);
        // What runners speak is native gRPC alone, the call by which they come in included.
        assert_eq!(described, !method.path.contains("RunnerLinkService"), "{}", method.path);
    }
}

#[test]
fn every_field_that_can_name_an_object_is_marked() {
    let mut unmarked = BTreeSet::new();
    for method in methods().iter().filter(|method| !method.is_runners()) {
        let marked: BTreeSet<String> = method.resource_fields().into_iter().map(|(path, _)| path).collect();
        unmarked.extend(
            suspects(method)
                .into_iter()
                .filter(|path| !marked.contains(path.split_once(' ').map_or(path.as_str(), |(_, field)| field))),
        );
    }
    let unmarked: Vec<String> = unmarked.into_iter().filter(|path| !NO_RESOURCE.contains(&path.as_str())).collect();
    assert!(unmarked.is_empty(), "without (flagstone.options.v1.resource): {unmarked:#?}");
}

/// Fields of a request whose comment shows a resource name: `GetRequestRequest name`.
fn suspects(method: &Method) -> Vec<String> {
    let mut found = Vec::new();
    for field in method.input().fields().filter(|field| matches!(field.kind(), Kind::String) && !field.is_list()) {
        let info = field.parent_file().file_descriptor_proto().source_code_info.clone().unwrap();
        let location = info.location.into_iter().find(|location| location.path == field.path());
        let comment = location.and_then(|location| location.leading_comments).unwrap_or_default();
        let names = ["`businessUnits/", "`approvals/", "`jobs/", "`templates/", "`approvalPolicies/"];
        if names.iter().any(|name| comment.contains(name)) {
            found.push(format!("{} {}", method.input().name(), field.name()));
        }
    }
    found
}
