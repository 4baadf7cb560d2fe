use proptest::prelude::*;

use super::*;

const FIELDS: [Field; 9] = [
    Field { name: "kind", kind: FieldKind::Text },
    Field { name: "display_name", kind: FieldKind::TextSearch },
    Field { name: "state", kind: FieldKind::Enum(&["DRAFT", "PLANNING"]) },
    Field { name: "tier", kind: FieldKind::Tier },
    Field { name: "active", kind: FieldKind::Bool },
    Field { name: "count", kind: FieldKind::Int },
    Field { name: "create_time", kind: FieldKind::Time },
    Field { name: "deployment", kind: FieldKind::Name },
    Field { name: "tags", kind: FieldKind::Map },
];

fn parse(text: &str) -> Result<Option<Predicate>, Error> {
    Filter::parse(text, &FIELDS)
}

fn predicate(text: &str) -> Predicate {
    parse(text).unwrap().unwrap()
}

fn cmp(field: &'static str, op: Op, value: Value) -> Predicate {
    Predicate::Cmp { field, key: None, op, value }
}

fn count(n: i64) -> Predicate {
    cmp("count", Op::Equal, Value::Int(n))
}

fn time(op: Op, text: &str) -> Predicate {
    cmp("create_time", op, Value::Time(text.parse().unwrap()))
}

fn message(text: &str) -> String {
    let error = parse(text).unwrap_err();
    assert_eq!(error.reason, Reason::FilterInvalid, "{text}");
    let messages: Vec<_> = error.fields.into_iter().map(|violation| violation.message).collect();
    messages.join(" | ")
}

#[test]
fn nothing_filters_nothing() {
    assert_eq!(parse("").unwrap(), None);
    assert_eq!(parse(" \n ").unwrap(), None);
}

#[test]
fn every_kind_of_field_is_read_as_its_type() {
    let text = |text: &str| Value::Text(text.to_owned());
    for (filter, field, op, value) in [
        ("kind=a", "kind", Op::Equal, text("a")),
        ("kind != \"\"", "kind", Op::NotEqual, text("")),
        (r#"kind = "a \"b\" 'c' \\ AND )""#, "kind", Op::Equal, text(r#"a "b" 'c' \ AND )"#)),
        ("kind = 'it\\'s'", "kind", Op::Equal, text("it's")),
        ("kind = AND", "kind", Op::Equal, text("AND")),
        ("display_name:größe", "display_name", Op::Has, text("größe")),
        ("state = planning", "state", Op::Equal, Value::Word("PLANNING")),
        ("tier != prod", "tier", Op::NotEqual, Value::Word("PRODUCTION")),
        ("active = true", "active", Op::Equal, Value::Bool(true)),
        ("count<=-3", "count", Op::LessOrEqual, Value::Int(-3)),
        ("count >= \"7\"", "count", Op::GreaterOrEqual, Value::Int(7)),
        (
            "deployment = businessUnits/b/deployments/web",
            "deployment",
            Op::Equal,
            text("businessUnits/b/deployments/web"),
        ),
    ] {
        assert_eq!(predicate(filter), cmp(field, op, value), "{filter}");
    }
}

#[test]
fn maps_are_read_by_key() {
    let entry = |key: &str, op, value| Predicate::Cmp { field: "tags", key: Some(key.to_owned()), op, value };
    assert_eq!(predicate("tags.cost-center = 4711"), entry("cost-center", Op::Equal, Value::Text("4711".to_owned())));
    assert_eq!(predicate("tags:team"), entry("team", Op::Has, Value::Present));
    assert!(parse(&format!("tags.team = {}", "a".repeat(255))).is_ok());
    assert!(message("tags = a").contains("`tags.key = value`"));
    assert!(message("tags.Team = a").contains("cannot be a key"));
    assert!(message("tags.a.b = a").contains("cannot be a key"));
    assert!(message("tags.team : a").contains("is compared with = !="));
    assert!(message("kind.team = a").contains("not a field"));
}

#[test]
fn a_day_is_all_of_it() {
    let (begin, end) = ("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z");
    let within = Predicate::And(vec![time(Op::GreaterOrEqual, begin), time(Op::Less, end)]);
    assert_eq!(predicate("create_time <= 2026-11-20"), time(Op::Less, end));
    assert_eq!(predicate("create_time < 2026-11-20"), time(Op::Less, begin));
    assert_eq!(predicate("create_time >= 2026-11-20"), time(Op::GreaterOrEqual, begin));
    assert_eq!(predicate("create_time > 2026-11-20"), time(Op::GreaterOrEqual, end));
    assert_eq!(predicate("create_time = 2026-11-20"), within);
    assert_eq!(predicate("create_time != 2026-11-20"), Predicate::Not(Box::new(within)));
    assert_eq!(predicate("create_time > 2026-11-20T01:00:00+01:00"), time(Op::Greater, begin));
    for bad in ["2026-02-30", "2026-1-2", "20261120", "yesterday", "2026-11-20T09:30", "+262142-12-31"] {
        assert!(message(&format!("create_time < {bad}")).contains("or a day such as"), "{bad}");
    }
}

#[test]
fn or_binds_tighter_than_and() {
    let expected = Predicate::And(vec![count(1), Predicate::Or(vec![count(2), Predicate::Not(Box::new(count(3)))])]);
    assert_eq!(predicate("count=1 AND count=2 OR NOT count=3"), expected);
    assert_eq!(predicate("count=1 AND (count=2 OR (NOT count=3))"), expected);
    assert_eq!(
        predicate("(count=1 AND count=2)OR count=3"),
        Predicate::Or(vec![Predicate::And(vec![count(1), count(2)]), count(3)])
    );
}

#[test]
fn syntax_errors_tell_the_place_and_the_way_out() {
    for (filter, expected) in [
        (
            "count=1 count=2",
            "At character 9: AND or OR is missing before `count`. White space does not join two terms.",
        ),
        ("count", "At character 6: One of = != < <= > >= : is wanted after `count`, not the end."),
        (
            "count=1 and count=2",
            "At character 9: AND or OR is missing before `and`. White space does not join two terms.",
        ),
        (
            "not count=1",
            "At character 5: One of = != < <= > >= : is wanted after `not`, not `count`. Write NOT in upper case.",
        ),
        ("count=", "At character 7: A value is missing after the operator. An empty text is written \"\"."),
        ("kind=\"ä\\n\"", "At character 8: After `\\` only a quote or another `\\` can stand."),
        ("kind = \"abc", "At character 8: The quote is not closed."),
        ("kind = a=b", "At character 8: A value with `=` in it stands in quotes."),
        ("(count=1", "At character 9: AND, OR or `)` is wanted here, not the end. The `(` of character 1 is open."),
        ("count=1)", "At character 8: This `)` closes nothing."),
        ("-count=1", "At character 1: `-` does not begin a field. A comparison is written `field op value`."),
        ("count=1 AND", "At character 12: A comparison is wanted here, not the end. It is written `field op value`."),
        ("()", "At character 2: A comparison is wanted here, not `)`. It is written `field op value`."),
    ] {
        assert_eq!(message(filter), expected, "{filter}");
    }
}

#[test]
fn every_wrong_comparison_is_told_at_once() {
    let found = message("nope=1 AND (count=x OR state=done) AND NOT kind<3 AND active=yes AND tier=live AND count:1");
    let expected = [
        "`nope` is not a field of this list. Known are kind, display_name, state, tier, active, count, create_time, \
         deployment, tags.",
        "`count` is compared with a whole number, not `x`.",
        "`state` is compared with one of DRAFT, PLANNING, not `done`.",
        "`kind` is compared with = !=, not with <.",
        "`active` is compared with true or false, not `yes`.",
        "`tier` is compared with one of DEVELOPMENT, STAGING, PRODUCTION, not `live`.",
        "`count` is compared with = != < <= > >=, not with :.",
    ];
    assert_eq!(found.split(" | ").count(), expected.len());
    for one in expected {
        assert!(found.contains(one), "{one}\nin {found}");
    }
}

#[test]
fn a_long_text_is_a_reason_of_its_own() {
    assert!(parse(&format!("display_name:{}", "ü".repeat(100))).is_ok());
    let long = format!("display_name:{}", "ü".repeat(101));
    assert_eq!(parse(&long).unwrap_err().reason, Reason::SearchTooLong);
    assert_eq!(parse(&format!("{long} AND nope=1")).unwrap_err().reason, Reason::FilterInvalid);
}

#[test]
fn size_terms_and_depth_are_bounded() {
    let terms = |n: usize| vec!["count=1"; n].join(" OR ");
    assert!(parse(&terms(50)).is_ok());
    assert!(message(&terms(51)).contains("more than 50 comparisons"));
    let nested = |n: usize| format!("{}count=1{}", "(".repeat(n), ")".repeat(n));
    assert!(parse(&nested(10)).is_ok());
    assert!(message(&nested(11)).contains("more than 10 deep"));
    assert!(message(&format!("{}count=1", "NOT ".repeat(11))).contains("more than 10 deep"));
    assert!(message(&"(".repeat(4096)).contains("more than 10 deep"));
    assert!(message(&"(".repeat(4097)).contains("4097 bytes"));
}

/// A filter in words, and what it must be read as.
fn filters() -> impl Strategy<Value = (String, Predicate)> {
    let leaf = (-99..99_i64).prop_map(|n| (format!("count = {n}"), count(n)));
    leaf.prop_recursive(3, 24, 4, |inner| {
        let many = prop::collection::vec(inner.clone(), 2..4);
        let joined = |parts: Vec<(String, Predicate)>, word: &str| {
            let (texts, predicates): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
            let texts: Vec<_> = texts.into_iter().map(|text| format!("({text})")).collect();
            (texts.join(word), predicates)
        };
        prop_oneof![
            many.clone().prop_map(move |parts| {
                let (text, predicates) = joined(parts, " AND ");
                (text, Predicate::And(predicates))
            }),
            many.prop_map(move |parts| {
                let (text, predicates) = joined(parts, " OR ");
                (text, Predicate::Or(predicates))
            }),
            inner.prop_map(|(text, predicate)| (format!("NOT ({text})"), Predicate::Not(Box::new(predicate)))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read((text, expected) in filters()) {
        prop_assume!(text.matches("count").count() <= MAX_TERMS);
        prop_assert_eq!(predicate(&text), expected);
    }

    #[test]
    fn any_text_survives_quoting(value in "\\PC{0,100}") {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        let expected = cmp("kind", Op::Equal, Value::Text(value));
        prop_assert_eq!(predicate(&format!("kind = \"{quoted}\"")), expected);
    }

    #[test]
    fn random_text_never_panics_and_refusals_stay_small(text in "(?s).{0,300}") {
        if let Err(error) = parse(&text) { prop_assert!(error.message.len() < 1000); }
    }

    #[test]
    fn random_tokens_never_panic(parts in prop::collection::vec(
        prop::sample::select(vec!["(", ")", "AND", "OR", "NOT", "count", "tags.a", "=", ":", "<", "1", "\"", "\\", "é", " "]), 0..200,
    )) {
        let _ = parse(&parts.join(" "));
        let _ = parse(&parts.concat());
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        let _ = parse(&String::from_utf8_lossy(&bytes));
    }
}
