//! What holds for every list, walked over the contract: pages are whole and without repetition, tokens belong to one call
//! of one organization, and what is wrong with the arguments is told by name.

use std::collections::BTreeSet;

use flagstone_api::pb::ErrorReason;
use prost_reflect::{DynamicMessage, Value};

use crate::support::contract::{Method, methods, page_of, set, text};
use crate::support::requests::valid_request;
use crate::support::world::{Cast, World};
use crate::support::{Caller, Code, Error, ScriptedRunner, TestApp};

fn lists() -> Vec<Method> {
    // The one list that is of no organization is walked in `organizations.rs`.
    let is_ours = |method: &Method| method.is_list() && method.name != "ListOrganizations";
    let lists: Vec<Method> = methods().into_iter().filter(is_ours).collect();
    assert!(lists.len() > 8, "the contract has lists");
    lists
}

struct Shelf {
    app: TestApp,
    runner: ScriptedRunner,
    world: World,
}

impl Shelf {
    async fn start() -> Self {
        let app = TestApp::start().await;
        app.unit("payments").await;
        let runner = ScriptedRunner::start(&app).await;
        let world = World::build(&app, &runner, Cast::of(&app).await).await;
        Self { app, runner, world }
    }

    fn admin(&self) -> &Caller {
        &self.world.cast.admin
    }

    async fn finish(self) {
        drop(self.runner);
        self.app.finish_with_jobs().await;
    }
}

fn with(request: &DynamicMessage, field: &str, value: Value) -> DynamicMessage {
    let mut request = request.clone();
    set(&mut request, field, value);
    request
}

fn page(request: &DynamicMessage, size: i32, token: &str) -> DynamicMessage {
    with(&with(request, "page_size", Value::I32(size)), "page_token", Value::String(token.to_owned()))
}

async fn good(caller: &Caller, method: &Method, request: &DynamicMessage) -> DynamicMessage {
    caller.ask(method, request).await.unwrap_or_else(|error| panic!("{} {request}: {error:?}", method.name))
}

async fn bad(caller: &Caller, method: &Method, request: &DynamicMessage) -> Error {
    match caller.ask(method, request).await {
        Ok(answer) => panic!("{} took {request} and answered {answer}", method.name),
        Err(error) => error,
    }
}

#[tokio::test]
async fn pages_of_one_hold_together_what_one_large_page_holds() {
    let shelf = Shelf::start().await;
    for method in lists() {
        let request = valid_request(&shelf.world, &method);
        let whole = page_of(&good(shelf.admin(), &method, &page(&request, 200, "")).await).1;
        assert!(whole.len() > 1, "{} has {} items: too few for two pages", method.name, whole.len());
        let mut walked = Vec::new();
        let mut token = String::new();
        loop {
            let answer = good(shelf.admin(), &method, &page(&request, 1, &token)).await;
            let (_, items) = page_of(&answer);
            assert_eq!(items.len(), 1, "{} keeps to the size of a page: {answer}", method.name);
            walked.extend(items);
            token = text(&answer, "next_page_token");
            if token.is_empty() {
                break;
            }
            assert!(walked.len() <= whole.len(), "{} never ends", method.name);
        }
        assert_eq!(walked, whole, "{} by ones", method.name);
        let distinct: BTreeSet<String> = walked.iter().map(|item| format!("{item:?}")).collect();
        assert_eq!(distinct.len(), walked.len(), "{} repeats itself", method.name);
        if method.takes("include_total") {
            let answer =
                good(shelf.admin(), &method, &with(&page(&request, 1, ""), "include_total", Value::Bool(true))).await;
            let total = answer.get_field_by_name("total_size").and_then(|total| total.as_i32());
            assert_eq!(total, i32::try_from(whole.len()).ok(), "{} counts", method.name);
        }
    }
    shelf.finish().await;
}

#[tokio::test]
async fn a_page_token_is_good_for_its_own_call_only() {
    let shelf = Shelf::start().await;
    let globex: Cast = shelf.app.organization("globex").await.into();
    let theirs = World::build(&shelf.app, &shelf.runner, globex).await;
    for method in lists() {
        let request = valid_request(&shelf.world, &method);
        let token = text(&good(shelf.admin(), &method, &page(&request, 1, "")).await, "next_page_token");
        assert!(!token.is_empty(), "{} has a second page", method.name);
        let foreign = valid_request(&theirs, &method);
        let foreign = page(&foreign, 1, "");
        // The units of globex are one page.
        let foreign = text(&good(&theirs.cast.admin, &method, &foreign).await, "next_page_token");

        let mut altered = token.clone().into_bytes();
        let middle = altered.len() / 2;
        altered[middle] = if altered[middle] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        for wrong in ["garbage", "AAAA", &altered, &foreign].into_iter().filter(|wrong| !wrong.is_empty()) {
            let error = bad(shelf.admin(), &method, &page(&request, 1, wrong)).await;
            assert_eq!(error.reason, Some(ErrorReason::PageTokenInvalid), "{} with {wrong}: {error:?}", method.name);
        }
        for changed in changed_arguments(&shelf, &method, &request).await {
            let error = bad(shelf.admin(), &method, &page(&changed, 1, &token)).await;
            assert_eq!(error.reason, Some(ErrorReason::PageTokenInvalid), "{} {changed}: {error:?}", method.name);
        }
    }
    shelf.finish().await;
}

/// The call with one argument changed to another good one, for each argument that a token is bound to.
async fn changed_arguments(shelf: &Shelf, method: &Method, request: &DynamicMessage) -> Vec<DynamicMessage> {
    let mut changed = Vec::new();
    if method.takes("permission") {
        let other = Value::String("business_unit:deployments:list".to_owned());
        changed.push(with(request, "permission", other));
    }
    if method.takes("order_by") {
        for order in words_after(method, "Orders:") {
            let order = with(request, "order_by", Value::String(order));
            good(shelf.admin(), method, &order).await;
            changed.push(order);
        }
        // The first order is the default: written out, it is the same call.
        changed.remove(0);
    }
    if method.takes("parent") {
        let (_, pattern) = method.resource_fields().into_iter().find(|(path, _)| path == "parent").unwrap();
        let other = match pattern.as_str() {
            // Members are of one unit.
            "businessUnits/*" if method.name == "ListBusinessUnitMembers" => Some("businessUnits/payments"),
            "businessUnits/*" => Some("businessUnits/-"),
            pattern => shelf.world.other(pattern),
        };
        changed.extend(other.map(|other| with(request, "parent", Value::String(other.to_owned()))));
    }
    if method.takes("contains") {
        changed.push(with(request, "contains", Value::String("plan".into())));
    }
    assert!(!changed.is_empty(), "{} has nothing that could change", method.name);
    changed
}

/// The words in backticks after a heading in the comment of a method, up to the end of the sentence.
pub fn words_after(method: &Method, heading: &str) -> Vec<String> {
    let file = method.descriptor.parent_file();
    let info = file.file_descriptor_proto().source_code_info.as_ref().expect("the descriptors have comments");
    let location = info.location.iter().find(|location| location.path == method.descriptor.path());
    let comment =
        location.and_then(|location| location.leading_comments.clone()).unwrap_or_default().replace('\n', " ");
    let Some((_, list)) = comment.split_once(heading) else { return Vec::new() };
    let list = list.split(". ").next().unwrap_or_default();
    let words = list.split('`').skip(1).step_by(2).map(str::to_owned);
    words.filter(|word| word.chars().next().is_some_and(char::is_alphabetic)).collect()
}

#[tokio::test]
async fn an_unknown_field_of_a_filter_or_order_is_told_with_the_known_ones() {
    let shelf = Shelf::start().await;
    for method in lists().iter().filter(|method| method.takes("filter")) {
        let request = valid_request(&shelf.world, method);
        for (argument, heading, value) in
            [("filter", "Filter fields:", "no_such_field = \"x\""), ("order_by", "Orders:", "no_such_field")]
        {
            let known = words_after(method, heading);
            assert!(!known.is_empty(), "the comment of {} lists no {heading}", method.name);
            let error = bad(shelf.admin(), method, &with(&request, argument, Value::String(value.into()))).await;
            let told = format!("{} {:?}", error.message, error.violations.fields);
            assert_eq!((error.code, error.reason), (Code::InvalidArgument, Some(ErrorReason::FilterInvalid)), "{told}");
            assert!(told.contains("no_such_field"), "{} {argument}: {told}", method.name);
            for known in known {
                assert!(
                    told.contains(known.trim_end_matches(".<key>")),
                    "{} {argument} does not name {known}: {told}",
                    method.name
                );
            }
        }
    }
    shelf.finish().await;
}

#[tokio::test]
async fn sizes_of_pages_have_limits() {
    let shelf = Shelf::start().await;
    for method in lists() {
        let request = valid_request(&shelf.world, &method);
        let error = bad(shelf.admin(), &method, &page(&request, -1, "")).await;
        assert_eq!(error.reason, Some(ErrorReason::FieldInvalid), "{}: {error:?}", method.name);
        assert_eq!(error.violations.fields[0].field, "page_size", "{}: {error:?}", method.name);
        // Too large is cut, not refused.
        good(shelf.admin(), &method, &page(&request, i32::MAX, "")).await;
    }
    shelf.finish().await;
}

#[tokio::test]
async fn a_text_to_search_for_has_at_most_100_characters() {
    let shelf = Shelf::start().await;
    let mut searches = 0;
    let long = "ä".repeat(101);
    for method in lists() {
        let request = valid_request(&shelf.world, &method);
        let mut calls = Vec::new();
        for field in ["contains", "excludes"].into_iter().filter(|field| method.takes(field)) {
            calls.push((field, long.clone(), "ä".repeat(100)));
        }
        for field in words_after(&method, "Filter fields:")
            .iter()
            .filter(|field| ["title", "display_name"].contains(&field.as_str()))
        {
            calls.push(("filter", format!("{field}:\"{long}\""), format!("{field}:\"{}\"", "ä".repeat(100))));
        }
        for (field, long, short) in calls {
            let error = bad(shelf.admin(), &method, &with(&request, field, Value::String(long))).await;
            assert_eq!(error.reason, Some(ErrorReason::SearchTooLong), "{} {field}: {error:?}", method.name);
            good(shelf.admin(), &method, &with(&request, field, Value::String(short))).await;
            searches += 1;
        }
    }
    assert!(searches > 3, "only {searches} searches were tried");
    shelf.finish().await;
}
