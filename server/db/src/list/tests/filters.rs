//! What filters find.

use flagstone_core::filter::{Field, FieldKind, Filter};

use super::*;
use crate::list::{deployment, request};

const REQUEST_FIELDS: [Field; 5] = [
    Field { name: "state", kind: FieldKind::Enum(&["DRAFT", "COMPLETED"]) },
    Field { name: "code", kind: FieldKind::Text },
    Field { name: "deployment", kind: FieldKind::Name },
    Field { name: "title", kind: FieldKind::TextSearch },
    Field { name: "create_time", kind: FieldKind::Time },
];

#[tokio::test]
async fn requests_are_found_by_what_they_are() {
    let database = TestDatabase::create().await;
    fill(&database, &requests(1, 20, 1)).await;
    let conn = database.owner().await;
    let mut names = Names::default();
    names.add("businessUnits/a/deployments/there", CALLER);
    let every = |step: i64| (1..=20).filter(|n| n % step == 0).collect::<Vec<_>>();
    let rest = || (1..=20).filter(|n| n % 5 != 0).collect::<Vec<i64>>();
    for (filter, expected) in [
        ("state = draft", every(5)),
        ("NOT state = draft", rest()),
        ("state != draft", rest()),
        ("code = R-7", vec![7]),
        ("code = R-7 OR code = R-9", vec![7, 9]),
        ("NOT (code != R-7 AND code != R-9)", vec![7, 9]),
        ("state = completed AND NOT (create_time >= 2026-01-01T00:01:00Z)", vec![1, 2, 3, 4, 6, 7, 8, 9]),
        ("create_time < 2026-01-01T00:01:00Z AND create_time > 2025-12-31", (1..=9).collect()),
        ("create_time = 2026-01-01T00:02:00Z", vec![20]),
        ("NOT create_time != 2026-01-01T00:02:00Z", vec![20]),
        ("create_time = 2026-01-02", vec![]),
        ("title : \"TITLE 1\"", vec![1, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]),
        ("title : \"1%_\"", vec![1, 11]),
        ("title : \"1__\"", vec![]),
        ("NOT title : title", vec![]),
        // A draft has no deployment: it is not of this one, and not of one that is not there.
        ("deployment = \"businessUnits/a/deployments/there\"", rest()),
        ("deployment != \"businessUnits/a/deployments/there\"", every(5)),
        ("NOT deployment = \"businessUnits/a/deployments/there\"", every(5)),
        ("deployment = \"businessUnits/a/deployments/gone\"", vec![]),
        ("deployment != \"businessUnits/a/deployments/gone\"", (1..=20).collect()),
        ("NOT (deployment = \"businessUnits/a/deployments/there\" OR code = R-5)", vec![10, 15, 20]),
    ] {
        let predicate = Filter::parse(filter, &REQUEST_FIELDS).unwrap();
        let query = ListQuery { filter: predicate.as_ref(), ..query(OLDEST, &names, &[Branch::ALL]) };
        let found = request::list(&conn, &query).await.unwrap();
        let mut numbers: Vec<i64> = found.rows.iter().map(|row| row.number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, expected, "{filter}");
    }
}

#[tokio::test]
async fn deployments_are_found_by_their_tags_and_given_up_ones_never() {
    let database = TestDatabase::create().await;
    let statement = format!(
        "INSERT INTO deployments (id, organization_id, business_unit_id, slug, display_name, state, provisioned,
           environment_id, tier, template_id, template_version_id, provider, owner_id, owner, inputs, inputs_ciphertext,
           tags, creator)
         SELECT gen_random_uuid(), '{ORGANIZATION}', '{CALLER}', 'd' || n, 'D', state, provisioned, '{CALLER}', 'STAGING',
           '{CALLER}', '{CALLER}', 'AWS', '{CALLER}', 'users/x', '{{}}', '', tags::jsonb, 'users/x'
         FROM (VALUES (1, 'ACTIVE', true, '{{\"team\": \"a\"}}'), (2, 'PENDING', false, '{{\"team\": \"b\", \"x\": \"\"}}'),
           (3, 'DELETED', true, '{{}}'), (4, 'DELETED', false, '{{\"team\": \"a\"}}')) AS given (n, state, provisioned, tags)"
    );
    fill(&database, &statement).await;
    let (conn, names) = (database.owner().await, Names::default());
    let fields = [
        Field { name: "tags", kind: FieldKind::Map },
        Field { name: "tier", kind: FieldKind::Tier },
        Field { name: "owner", kind: FieldKind::Name },
    ];
    for (filter, expected) in [
        ("", vec!["d1", "d2", "d3"]),
        ("tags.team = a", vec!["d1"]),
        ("tags.team != a", vec!["d2", "d3"]),
        ("tags:team", vec!["d1", "d2"]),
        ("NOT tags:x", vec!["d1", "d3"]),
        ("tags.x = \"\"", vec!["d2"]),
        ("tier = stage", vec!["d1", "d2", "d3"]),
        ("owner = \"users/nobody\"", vec![]),
    ] {
        let predicate = Filter::parse(filter, &fields).unwrap();
        let query = ListQuery { filter: predicate.as_ref(), ..query(OLDEST, &names, &[Branch::ALL]) };
        let mut found: Vec<_> =
            deployment::list(&conn, &query).await.unwrap().rows.into_iter().map(|row| row.slug).collect();
        found.sort();
        assert_eq!(found, expected, "{filter}");
    }
}

#[tokio::test]
async fn a_field_that_the_list_does_not_know_is_our_fault() {
    let database = TestDatabase::create().await;
    let (conn, names) = (database.owner().await, Names::default());
    let fields = [Field { name: "colour", kind: FieldKind::Text }];
    let predicate = Filter::parse("colour = red", &fields).unwrap();
    let query = ListQuery { filter: predicate.as_ref(), ..query(OLDEST, &names, &[Branch::ALL]) };
    assert!(request::list(&conn, &query).await.is_err());
}
