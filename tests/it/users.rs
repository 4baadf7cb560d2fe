//! Accounts: what people choose for themselves, and what administrators do with them.

use std::collections::BTreeSet;

use flagstone_api::pb::{self, ErrorReason};
use prost_types::FieldMask;
use prost_types::value::Kind;

use crate::support::accounts::{ANOTHER, change, told};
use crate::support::wait::in_time;
use crate::support::world::Cast;
use crate::support::{Caller, Code, Error, PASSWORD, TestApp, database, wait_for};

async fn choose(caller: &Caller, unit: &str) -> Result<pb::User, Error> {
    let request = pb::SetActiveBusinessUnitRequest { business_unit: unit.to_owned(), ..Default::default() };
    Ok(caller.users().set_active_business_unit(request).await?.into_inner())
}

async fn chosen(caller: &Caller) -> String {
    caller.me().await.unwrap().active_business_unit
}

async fn list(caller: &Caller, filter: &str) -> Result<Vec<String>, Error> {
    let request = pb::ListUsersRequest {
        filter: filter.into(),
        order_by: "username".into(),
        page_size: 200,
        ..Default::default()
    };
    let users = caller.users().list_users(request).await?.into_inner().users;
    Ok(users.into_iter().map(|user| user.username).collect())
}

#[tokio::test]
async fn the_active_unit_survives_a_new_login_and_is_gone_with_the_right_to_it() {
    let app = TestApp::start().await;
    let who = app.user("mover", &[("viewer", "sandbox")]).await;
    assert_eq!(chosen(&who).await, "");
    let told = choose(&who, "businessUnits/sandbox").await.unwrap();
    assert_eq!(told.active_business_unit, "businessUnits/sandbox");
    assert_eq!(chosen(&app.login("mover").await).await, "businessUnits/sandbox");
    // The same again changes nothing.
    assert_eq!(choose(&who, "businessUnits/sandbox").await.unwrap().etag, told.etag);

    app.unbind("mover").await;
    assert_eq!(chosen(&app.login("mover").await).await, "", "a unit out of reach is not filled in");
    app.bind("mover", "viewer", "sandbox").await;
    assert_eq!(choose(&app.login("mover").await, "").await.unwrap().active_business_unit, "");
    assert_eq!(chosen(&app.login("mover").await).await, "");
    app.finish().await;
}

#[tokio::test]
async fn a_unit_out_of_reach_answers_like_one_that_never_existed() {
    let app = TestApp::start().await;
    app.unit("payments").await;
    let who = app.user("mover", &[("viewer", "sandbox")]).await;
    for unit in ["businessUnits/payments", "businessUnits/qqqqqqqq"] {
        let refused = choose(&who, unit).await.unwrap_err();
        assert_eq!((refused.code, refused.reason), (Code::NotFound, Some(ErrorReason::NotFound)), "{refused:?}");
        assert_eq!(
            refused.message.replace(unit, ""),
            choose(&who, "businessUnits/x").await.unwrap_err().message.replace("businessUnits/x", "")
        );
    }
    assert_eq!(chosen(&who).await, "");
    // Whoever may read every unit may choose any, member or not.
    assert!(choose(&app.as_admin().await, "businessUnits/payments").await.is_ok());
    let wrong = choose(&who, "sandbox").await.unwrap_err();
    assert_eq!(wrong.violations.fields[0].field, "business_unit");
    app.finish().await;
}

#[tokio::test]
async fn the_own_units_are_those_one_is_a_member_of_or_may_read() {
    let app = TestApp::start().await;
    for unit in ["payments", "logistics"] {
        app.unit(unit).await;
    }
    let who = app.user("mover", &[("viewer", "payments")]).await;
    app.member("mover", "developer", "sandbox").await;
    wait_for("the membership counts", async || choose(&who, "businessUnits/sandbox").await.ok()).await;
    let units = async |caller: &Caller| {
        let request = pb::ListMyBusinessUnitsRequest { order_by: "create_time".into(), ..Default::default() };
        let answer = caller.users().list_my_business_units(request).await.unwrap().into_inner();
        let shown = |unit: pb::MyBusinessUnit| (unit.business_unit.unwrap().name, unit.role, unit.active);
        answer.business_units.into_iter().map(shown).collect::<Vec<_>>()
    };
    let expected = [
        ("businessUnits/sandbox".to_owned(), "roles/developer".to_owned(), true),
        ("businessUnits/payments".to_owned(), String::new(), false),
    ];
    assert_eq!(units(&who).await, expected);
    assert_eq!(units(&app.as_admin().await).await.len(), 3);
    assert!(units(&app.user("nobody", &[]).await).await.is_empty());
    app.finish().await;
}

#[tokio::test]
async fn the_own_profile_is_changed_and_nothing_beyond_it() {
    let app = TestApp::start().await;
    let dev = app.as_dev().await;
    let text = |text: &str| prost_types::Value { kind: Some(Kind::StringValue(text.into())) };
    let preferences = prost_types::Struct { fields: [("theme".to_owned(), text("dark"))].into() };
    let user = pb::User {
        full_name: " Ada 100 %_ Lovelace ".into(),
        preferences: Some(preferences.clone()),
        ..Default::default()
    };
    let update = async |user: pb::User, paths: &[&str]| -> Result<pb::User, Error> {
        let update_mask = Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() });
        let request = pb::UpdateMeRequest { user: Some(user), update_mask, ..Default::default() };
        Ok(dev.users().update_me(request).await?.into_inner())
    };
    let changed = update(user, &[]).await.unwrap();
    assert_eq!((changed.full_name.as_str(), changed.preferences), ("Ada 100 %_ Lovelace", Some(preferences)));
    assert_eq!(dev.me().await.unwrap().full_name, "Ada 100 %_ Lovelace");
    assert!(
        app.as_admin().await.get_user("users/dev").await.unwrap().preferences.is_none(),
        "they are the person's own"
    );

    for path in ["email", "active", "organization_roles", "memberships", "organization", "username", "grants", "*"] {
        let user = pb::User { email: "x@example.org".into(), organization: "globex".into(), ..Default::default() };
        let refused = update(user, &[path]).await.unwrap_err();
        assert_eq!(refused.violations.fields[0].field, "update_mask", "{path}");
    }
    let other = pb::User { name: "users/admin".into(), full_name: "Somebody".into(), ..Default::default() };
    assert_eq!(update(other, &[]).await.unwrap_err().violations.fields[0].field, "user.name");
    for name in ["", " ", "a\0b", "a\nb", "pay\u{202e}stnem", &"x".repeat(256)] {
        let refused = update(pb::User { full_name: name.into(), ..Default::default() }, &["full_name"]).await;
        assert_eq!(refused.unwrap_err().violations.fields[0].field, "user.full_name", "{name:?}");
    }
    let huge = prost_types::Struct { fields: [("x".to_owned(), text(&"y".repeat(17 * 1024)))].into() };
    let refused = update(pb::User { preferences: Some(huge), ..Default::default() }, &[]).await.unwrap_err();
    assert_eq!(refused.violations.fields[0].field, "user.preferences");
    let stale = pb::User { full_name: "Late".into(), etag: "\"1\"".into(), ..Default::default() };
    assert_eq!(told(update(stale, &[]).await), (Code::Aborted, Some(ErrorReason::EtagMismatch)));
    app.finish().await;
}

#[tokio::test]
async fn usernames_come_from_addresses_and_are_never_used_again() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let create = async |email: &str| admin.create_user(email).await.unwrap().user.unwrap();
    assert_eq!(create("a@example.org").await.username, "a");
    let second = create("A@example.com").await;
    assert_eq!((second.username.as_str(), second.email.as_str()), ("a1", "a@example.com"));
    assert_eq!(create("O'Neil+news@example.org").await.username, "oneil");
    assert_eq!(create("%_@example.org").await.username, "user");
    let taken = admin.create_user("A@EXAMPLE.org").await;
    assert_eq!(told(taken), (Code::AlreadyExists, Some(ErrorReason::AlreadyExists)));

    admin.delete_user("users/a1").await.unwrap();
    assert_eq!(create("a@example.com").await.username, "a2", "the address is free, the name is not");
    // Many at once get a name each.
    let made = futures::future::join_all((0..10).map(|n| {
        let (admin, email) = (admin.clone(), format!("many@{n}.example"));
        async move { admin.create_user(&email).await.unwrap().user.unwrap().username }
    }))
    .await;
    let expected: BTreeSet<String> =
        std::iter::once("many".to_owned()).chain((1..10).map(|n| format!("many{n}"))).collect();
    assert_eq!(made.into_iter().collect::<BTreeSet<_>>(), expected);
    app.finish().await;
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_new_account_is_told_at_once() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let user = pb::User { email: "not-an-address".into(), full_name: "a\0b".into(), ..Default::default() };
    let request = pb::CreateUserRequest { user: Some(user), password: "short".into(), ..Default::default() };
    let refused = Error::from(admin.users().create_user(request).await.unwrap_err());
    let fields: BTreeSet<&str> = refused.violations.fields.iter().map(|wrong| wrong.field.as_str()).collect();
    assert_eq!(fields, BTreeSet::from(["user.email", "user.full_name", "password"]));
    for email in ["", "a", "a@", "@b", "a b@c.org", "a\0@b.org", "\u{202e}a@b.org", "ü@example.org", "a@b@c.org"] {
        let refused = admin.create_user(email).await.unwrap_err();
        assert_eq!(refused.violations.fields[0].field, "user.email", "{email:?}");
    }
    let user = pb::User { email: "a@b.org".into(), full_name: "x".repeat(10 << 20), ..Default::default() };
    let request = pb::CreateUserRequest { user: Some(user), ..Default::default() };
    assert!(admin.users().create_user(request).await.is_err(), "ten megabytes are no name");
    assert_eq!(told(app.as_dev().await.create_user("x@example.org").await).1, Some(ErrorReason::AccessDenied));
    app.finish().await;
}

#[tokio::test]
async fn the_list_is_searched_as_one_writes_and_filtered_by_what_people_hold() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    for (username, name) in [("per.cent", "Hundred %"), ("under_score", "Under Score"), ("plain", "Plain Hundred")] {
        app.user(username, &[]).await;
        let user = pb::User { full_name: name.into(), ..Default::default() };
        admin.users().update_user(change(&format!("users/{username}"), user, &["full_name"])).await.unwrap();
    }
    assert_eq!(list(&admin, "search:\"%\"").await.unwrap(), ["per.cent"]);
    assert_eq!(list(&admin, "search:\"r_s\"").await.unwrap(), ["under_score"]);
    assert_eq!(list(&admin, "search:HUNDRED").await.unwrap(), ["per.cent", "plain"]);
    assert_eq!(list(&admin, "search:\"dev@\"").await.unwrap(), ["dev"]);
    assert_eq!(list(&admin, "NOT search:\"flagstone\"").await.unwrap(), [""; 0]);
    let long = "x".repeat(101);
    assert_eq!(told(list(&admin, &format!("search:\"{long}\"")).await).1, Some(ErrorReason::SearchTooLong));

    admin.set_active("users/plain", false).await.unwrap();
    assert_eq!(list(&admin, "active = false").await.unwrap(), ["plain"]);
    assert_eq!(list(&admin, "role = \"roles/platform-admin\"").await.unwrap(), ["admin"]);
    assert_eq!(list(&admin, "role = \"roles/it-engineer\"").await.unwrap(), ["approver"], "as a member of a unit");
    assert!(!list(&admin, "role != \"roles/platform-admin\"").await.unwrap().contains(&"admin".to_owned()));
    let group = "INSERT INTO groups (id, organization_id, slug, display_name, creator)
                   SELECT '00000000-0000-0000-0000-0000000000aa', id, 'crew', 'Crew', 'system' FROM organizations WHERE is_default;
                 INSERT INTO group_members (organization_id, group_id, user_id, creator)
                   SELECT organization_id, '00000000-0000-0000-0000-0000000000aa', id, 'system' FROM users WHERE username = 'per.cent';
                 INSERT INTO role_bindings (id, organization_id, role_id, subject_kind, subject_id, creator)
                   SELECT gen_random_uuid(), organization_id, id, 'GROUP', '00000000-0000-0000-0000-0000000000aa', 'system'
                   FROM roles WHERE slug = 'viewer'";
    database::run(&app.sql, group).await;
    assert_eq!(list(&admin, "group = \"groups/crew\"").await.unwrap(), ["per.cent"]);
    assert_eq!(list(&admin, "role = \"roles/viewer\"").await.unwrap(), ["per.cent"], "by a group");
    assert_eq!(list(&admin, "group = \"groups/none\"").await.unwrap(), [""; 0]);
    assert_eq!(told(list(&admin, "group = \"crew\"").await).1, Some(ErrorReason::FilterInvalid));
    let shown = admin.get_user("users/per.cent").await.unwrap();
    assert_eq!((shown.groups, shown.grants.len()), (vec!["groups/crew".to_owned()], 1));
    assert_eq!((shown.grants[0].role.as_str(), shown.grants[0].group.as_str()), ("roles/viewer", "groups/crew"));

    // Pages hold together while people join.
    let mut seen = Vec::new();
    let mut page_token = String::new();
    loop {
        let request =
            pb::ListUsersRequest { page_size: 2, page_token, order_by: "username".into(), ..Default::default() };
        let page = admin.users().list_users(request).await.unwrap().into_inner();
        seen.extend(page.users.into_iter().map(|user| user.username));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
        admin.create_user(&format!("aaa{}@example.org", seen.len())).await.unwrap();
    }
    assert_eq!(seen, ["admin", "approver", "dev", "per.cent", "plain", "under_score"]);
    assert_eq!(told(list(&app.as_dev().await, "").await).1, Some(ErrorReason::AccessDenied));
    app.finish().await;
}

#[tokio::test]
async fn people_of_another_organization_do_not_exist() {
    let app = TestApp::start().await;
    let globex = app.organization("globex").await;
    let admin = app.as_admin().await;
    for name in ["users/globex-dev", "users/never"] {
        let refused = admin.get_user(name).await.unwrap_err();
        assert_eq!((refused.code, refused.reason), (Code::NotFound, Some(ErrorReason::NotFound)));
        assert_eq!(told(admin.reset(name).await).0, Code::NotFound);
        assert_eq!(told(admin.delete_user(name).await).0, Code::NotFound);
        assert_eq!(told(admin.set_active(name, false).await).0, Code::NotFound);
    }
    let lookup = pb::LookupUsersRequest { query: "globex".into() };
    assert!(admin.users().lookup_users(lookup).await.unwrap().into_inner().users.is_empty());
    assert!(list(&admin, "search:globex").await.unwrap().is_empty());
    // The same address in both is two people.
    admin.create_user("both@example.org").await.unwrap();
    globex.admin.create_user("both@example.org").await.unwrap();
    for name in ["users/admin", "users/never"] {
        assert_eq!(told(app.as_dev().await.get_user(name).await).1, Some(ErrorReason::AccessDenied), "{name}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_change_is_in_the_audit_with_what_was_before_and_after() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    app.user("someone", &[]).await;
    let user = pb::User { email: "New@Example.org".into(), full_name: "New Name".into(), ..Default::default() };
    let request = change("users/someone", user, &["email", "full_name"]);
    let changed = admin.with_request_id("the-change").users().update_user(request).await.unwrap().into_inner();
    assert_eq!((changed.email.as_str(), changed.full_name.as_str()), ("new@example.org", "New Name"));
    let filter = "correlation_id = \"the-change\"".to_owned();
    let request = pb::ListAuditEventsRequest { filter, ..Default::default() };
    let events = admin.audit().list_audit_events(request).await.unwrap().into_inner().audit_events;
    let effects = events[0].effects.clone().unwrap();
    let fields: Vec<&str> = effects.changes[0].fields.iter().map(|field| field.field.as_str()).collect();
    assert_eq!(fields, ["email", "full_name", "revision"]);
    let taken =
        change("users/someone", pb::User { email: "dev@flagstone.localhost".into(), ..Default::default() }, &["email"]);
    let taken = admin.users().update_user(taken).await.map_err(Error::from);
    assert_eq!(told(taken), (Code::AlreadyExists, Some(ErrorReason::AlreadyExists)));
    app.finish().await;
}

#[tokio::test]
async fn a_deactivated_account_is_out_everywhere_and_its_streams_end() {
    let app = TestApp::start().await;
    let (admin, dev) = (app.as_admin().await, app.as_dev().await);
    let refresh = app.session("dev").await.refresh_token;
    let draft = Cast::of(&app).await;
    let mut request = draft.request(draft.create_payload("development", "watched"));
    request.draft = true;
    let name = dev.requests().create_request(request).await.unwrap().into_inner().name;
    let watch = pb::WatchRequestRequest { name, ..Default::default() };
    let mut stream = dev.requests().watch_request(watch).await.unwrap().into_inner();
    let link = admin.reset("users/dev").await.unwrap();

    assert!(!admin.set_active("users/dev", false).await.unwrap().active);
    assert_eq!(told(dev.me().await), (Code::Unauthenticated, Some(ErrorReason::PrincipalInactive)), "at once");
    in_time("the stream ends", async {
        while let Some(message) = stream.message().await.expect("the stream ends in order") {
            if let Some(pb::watch_request_response::Event::End(end)) = message.event {
                assert_eq!(end.reason(), pb::StreamEndReason::CredentialExpired);
                return;
            }
        }
    })
    .await;
    assert_eq!(told(app.log_in("dev", PASSWORD).await).1, Some(ErrorReason::BadCredentials));
    let request = pb::RefreshSessionRequest { refresh_token: refresh, ..Default::default() };
    assert!(app.anonymous().auth().refresh_session(request).await.is_err());
    assert_eq!(told(app.accept_reset(&link, ANOTHER).await).0, Code::NotFound, "nor by a link");
    assert_eq!(told(admin.reset("users/dev").await).1, Some(ErrorReason::WrongState));

    admin.set_active("users/dev", true).await.unwrap();
    assert!(dev.me().await.is_err(), "what ended stays ended");
    app.login("dev").await.me().await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn nobody_removes_themself_or_the_last_administrator() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    let target = (Code::FailedPrecondition, Some(ErrorReason::SelfTarget));
    assert_eq!(told(admin.set_active("users/admin", false).await), target);
    assert_eq!(told(admin.delete_user("users/admin").await), target);
    app.role("people", "PLATFORM", &["platform:users:update", "platform:users:delete", "platform:users:read"]).await;
    let helper = app.user("helper", &[("people", "")]).await;
    let last = (Code::FailedPrecondition, Some(ErrorReason::LastAdmin));
    assert_eq!(told(helper.set_active("users/admin", false).await), last);
    database::run(&app.sql, "UPDATE business_units SET owner_id = NULL").await;
    assert_eq!(told(helper.delete_user("users/admin").await), last);
    admin.me().await.unwrap();
    app.user("second", &[("platform-admin", "")]).await;
    helper.set_active("users/second", false).await.unwrap();
    assert_eq!(told(helper.set_active("users/admin", false).await), last, "an inactive one does not count");
    app.finish().await;
}

#[tokio::test]
async fn a_deleted_account_leaves_its_history() {
    let app = TestApp::start().await;
    let (admin, dev) = (app.as_admin().await, app.as_dev().await);
    let cast = Cast::of(&app).await;
    let mut request = cast.request(cast.create_payload("development", "kept"));
    request.draft = true;
    let request = dev.requests().create_request(request).await.unwrap().into_inner();
    let answer = admin.delete_user("users/dev").await.unwrap();
    assert!(answer.revoked_sessions >= 1);
    assert_eq!(told(dev.me().await), (Code::Unauthenticated, Some(ErrorReason::PrincipalInactive)));
    let kept = pb::GetRequestRequest { name: request.name };
    let kept = admin.requests().get_request(kept).await.unwrap().into_inner();
    assert_eq!(kept.requester, "users/dev");
    assert_eq!(told(admin.get_user("users/dev").await).0, Code::NotFound);
    assert!(!list(&admin, "").await.unwrap().contains(&"dev".to_owned()));
    assert_eq!(told(app.log_in("dev", PASSWORD).await).1, Some(ErrorReason::BadCredentials));
    let left: i64 = database::one(
        &app.sql,
        "SELECT (SELECT count(*) FROM role_bindings b JOIN users u ON u.id = b.subject_id WHERE u.username = 'dev')
              + (SELECT count(*) FROM business_unit_members m JOIN users u ON u.id = m.user_id WHERE u.username = 'dev')",
    )
    .await;
    assert_eq!(left, 0);

    app.user("owner", &[]).await;
    database::run(&app.sql, "UPDATE business_units SET owner_id = (SELECT id FROM users WHERE username = 'owner')")
        .await;
    let refused = admin.delete_user("users/owner").await.unwrap_err();
    assert_eq!(refused.reason, Some(ErrorReason::InUse));
    assert!(refused.message.contains("businessUnits/sandbox"), "{refused:?}");
    app.finish().await;
}

#[tokio::test]
async fn colleagues_are_found_by_a_few_letters_of_the_own_organization() {
    let app = TestApp::start().await;
    app.organization("globex").await;
    let who = app.user("seeker", &[]).await;
    for (username, name) in
        [("ada", "Ada Lovelace"), ("adam", "Adam Riese"), ("bob", "Bob Adams"), ("carla", "Carla 50 %")]
    {
        app.user(username, &[]).await;
        database::run(&app.sql, &format!("UPDATE users SET full_name = '{name}' WHERE username = '{username}'")).await;
    }
    let find = async |query: &str| -> Result<Vec<String>, Error> {
        let answer = who.users().lookup_users(pb::LookupUsersRequest { query: query.into() }).await?.into_inner();
        Ok(answer.users.into_iter().map(|user| user.name).collect())
    };
    assert_eq!(find("ada").await.unwrap(), ["users/ada", "users/adam", "users/bob"]);
    assert_eq!(find("LOVELCE").await.unwrap(), ["users/ada"], "a letter is missing");
    assert_eq!(find("50 %").await.unwrap(), ["users/carla"]);
    assert_eq!(find("%%%").await.unwrap(), [""; 0], "no pattern");
    assert_eq!(find("flagstone").await.unwrap().len(), 5, "at most five");
    assert!(!find("seeker").await.unwrap().contains(&"users/seeker".to_owned()), "without the caller");
    assert!(find("globex").await.unwrap().is_empty());
    app.as_admin().await.set_active("users/bob", false).await.unwrap();
    assert_eq!(find("ada").await.unwrap(), ["users/ada", "users/adam"], "only active people");
    for query in ["", "  ", "a\0"] {
        assert_eq!(find(query).await.unwrap_err().violations.fields[0].field, "query");
    }
    assert_eq!(told(find(&"x".repeat(101)).await).1, Some(ErrorReason::SearchTooLong));
    app.finish().await;
}

#[tokio::test]
async fn the_statistics_are_what_the_tables_hold() {
    let app = TestApp::start().await;
    let admin = app.as_admin().await;
    app.organization("globex").await;
    app.user("one", &[("viewer", "sandbox"), ("viewer", "")]).await;
    app.user("two", &[("viewer", "")]).await;
    app.user("gone", &[("viewer", "")]).await;
    app.member("two", "viewer", "sandbox").await;
    admin.set_active("users/two", false).await.unwrap();
    admin.delete_user("users/gone").await.unwrap();
    let stats = admin.users().get_user_stats(pb::GetUserStatsRequest {}).await.unwrap().into_inner();
    assert_eq!((stats.total, stats.active, stats.inactive, stats.groups), (5, 4, 1, 0));
    let roles: i64 = database::one(
        &app.sql,
        "SELECT count(*) FROM roles JOIN organizations o ON o.id = organization_id WHERE is_default",
    )
    .await;
    assert_eq!(i64::from(stats.roles), roles);
    let viewers = stats.role_distribution.iter().find(|count| count.role == "roles/viewer").unwrap();
    assert_eq!((viewers.users, viewers.display_name.as_str()), (2, "Viewer"));
    let admins = stats.role_distribution.iter().find(|count| count.role == "roles/platform-admin").unwrap();
    assert_eq!(admins.users, 1);
    let denied = app.as_dev().await.users().get_user_stats(pb::GetUserStatsRequest {}).await.map_err(Error::from);
    assert_eq!(told(denied).1, Some(ErrorReason::AccessDenied));
    app.finish().await;
}
