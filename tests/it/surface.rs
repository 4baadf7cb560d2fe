//! The surface of the API as one reviewed text: what clients may rely on. A change of it is a decision, made by accepting
//! the snapshot.

use std::fmt::Write;

use flagstone_api::options::{Idempotency, Risk};
use prost_reflect::{Cardinality, EnumDescriptor, Kind, MessageDescriptor};

use crate::support::contract::{methods, pool};

#[test]
fn methods_and_their_options_are_as_reviewed() {
    let mut text = String::new();
    let http = pool().get_extension_by_name("google.api.http").unwrap();
    let mut service = String::new();
    for method in methods() {
        let parent = method.descriptor.parent_service().name().to_owned();
        if parent != service {
            writeln!(text, "{parent}").unwrap();
            service = parent;
        }
        let stream = |is| if is { "stream " } else { "" };
        writeln!(
            text,
            "  {}({}{}) returns ({}{})",
            method.name,
            stream(method.descriptor.is_client_streaming()),
            method.input().name(),
            stream(method.descriptor.is_server_streaming()),
            method.output().name()
        )
        .unwrap();
        let policy = &method.policy;
        writeln!(text, "    for {}", policy.permissions.join(" or ")).unwrap();
        if !policy.scope_field.is_empty() {
            writeln!(text, "    in {}", policy.scope_field).unwrap();
        }
        let risk = Risk::as_str_name(&policy.risk()).trim_start_matches("RISK_").to_lowercase();
        let repeat = Idempotency::as_str_name(&policy.idempotency()).trim_start_matches("IDEMPOTENCY_").to_lowercase();
        let action = match policy.audit_action.as_str() {
            "" => String::new(),
            action => format!(", audited as {action}"),
        };
        writeln!(text, "    risk {risk}, {repeat}{action}").unwrap();
        let options = method.descriptor.options();
        if options.has_extension(&http) {
            let rule = options.get_extension(&http);
            let rule: flagstone_api::google::api::HttpRule = rule.as_message().unwrap().transcode_to().unwrap();
            for rule in std::iter::once(&rule).chain(&rule.additional_bindings) {
                writeln!(text, "    {}", http_line(rule)).unwrap();
            }
        }
    }
    insta::assert_snapshot!("methods", text);
}

fn http_line(rule: &flagstone_api::google::api::HttpRule) -> String {
    use flagstone_api::google::api::http_rule::Pattern;
    let (verb, path) = match rule.pattern.as_ref().expect("a rule has a pattern") {
        Pattern::Get(path) => ("GET", path),
        Pattern::Put(path) => ("PUT", path),
        Pattern::Post(path) => ("POST", path),
        Pattern::Delete(path) => ("DELETE", path),
        Pattern::Patch(path) => ("PATCH", path),
        Pattern::Custom(custom) => ("CUSTOM", &custom.path),
    };
    match rule.body.as_str() {
        "" => format!("{verb} {path}"),
        body => format!("{verb} {path} body {body}"),
    }
}

#[test]
fn fields_and_values_are_as_reviewed() {
    let mut text = String::new();
    let mut messages: Vec<MessageDescriptor> =
        pool().all_messages().filter(|message| is_ours(message.package_name()) && !message.is_map_entry()).collect();
    messages.sort_by(|a, b| a.full_name().cmp(b.full_name()));
    let resource = pool().get_extension_by_name("flagstone.options.v1.resource").unwrap();
    for message in messages {
        writeln!(text, "message {}", short(message.full_name())).unwrap();
        for field in message.fields() {
            let repeated = match (field.is_map(), field.cardinality()) {
                (false, Cardinality::Repeated) => "repeated ",
                _ => "",
            };
            let oneof = field.containing_oneof().map(|oneof| format!(" oneof {}", oneof.name())).unwrap_or_default();
            let options = field.options();
            let names = match options.has_extension(&resource) {
                true => format!(" names {}", options.get_extension(&resource).as_str().unwrap()),
                false => String::new(),
            };
            writeln!(text, "  {} = {}: {repeated}{}{oneof}{names}", field.name(), field.number(), kind(&field.kind()))
                .unwrap();
        }
    }
    let mut enums: Vec<EnumDescriptor> = pool().all_enums().filter(|found| is_ours(found.package_name())).collect();
    enums.sort_by(|a, b| a.full_name().cmp(b.full_name()));
    for found in enums {
        writeln!(text, "enum {}", short(found.full_name())).unwrap();
        for value in found.values() {
            writeln!(text, "  {} = {}", value.name(), value.number()).unwrap();
        }
    }
    insta::assert_snapshot!("messages", text);
}

fn is_ours(package: &str) -> bool {
    package.starts_with("flagstone.")
}

fn short(name: &str) -> &str {
    name.strip_prefix("flagstone.v1.").unwrap_or(name)
}

fn kind(kind: &Kind) -> String {
    match kind {
        Kind::Message(message) if message.is_map_entry() => {
            let value = message.map_entry_value_field().kind();
            format!("map<string, {}>", self::kind(&value))
        }
        Kind::Message(message) => short(message.full_name()).to_owned(),
        Kind::Enum(named) => short(named.full_name()).to_owned(),
        scalar => format!("{scalar:?}").to_lowercase(),
    }
}
