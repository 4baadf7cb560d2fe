//! Verdicts, bounds and noise.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn inputs() -> Value {
    json!({
        "cidr": "10.0.0.0/16", "zones": ["a", "b"], "subnets": ["10.0.0.0/24", "10.0.1.0/24"], "size": 8, "ratio": 0.5,
        "name": "web", "on": true, "none": null,
    })
}

fn verdict(source: &str) -> Result<bool, Fault> {
    let inputs = inputs();
    Expression::compile(source, &["inputs"])
        .unwrap_or_else(|fault| panic!("{source}: {fault}"))
        .holds(&[("inputs", &inputs)], 1)
}

#[test]
fn conditions_are_judged() {
    for (source, expected) in [
        ("size(inputs.zones) == size(inputs.subnets)", true),
        ("inputs.zones.size() > 2", false),
        ("inputs.size >= 8 && inputs.size <= 1000", true),
        ("inputs.size < 8.5 && inputs.ratio * 2.0 == 1.0", true),
        ("inputs.size + 1 == 9", true),
        ("has(inputs.absent)", false),
        ("!has(inputs.absent) || inputs.absent == 1", true),
        ("has(inputs.none) && inputs.none == null", true),
        ("inputs.name in ['web', 'api']", true),
        ("inputs.name.startsWith('w') && inputs.name.endsWith('b') && inputs.name.contains('e')", true),
        ("inputs.on ? inputs.size == 8 : inputs.size == 9", true),
        ("inputs.subnets.all(subnet, cidrContains(inputs.cidr, subnet))", true),
        ("inputs.subnets.exists(one, inputs.subnets.exists(other, one != other && cidrsOverlap(one, other)))", false),
        ("inputs.subnets.map(subnet, size(subnet)).all(length, length == 11)", true),
        ("(inputs.subnets + [inputs.cidr]).filter(one, cidrsOverlap(one, '10.0.1.0/24')).size() == 2", true),
        ("inputs.subnets[0] == '10.0.0.0/24'", true),
        ("inputs['name'] == 'web'", true),
    ] {
        assert_eq!(verdict(source), Ok(expected), "{source}");
    }
}

#[test]
fn networks_are_compared_as_networks() {
    for (text, valid) in [
        ("10.0.0.0/16", true),
        ("2001:db8::/32", true),
        ("10.0.0.5/16", false),
        ("10.0.0.0", false),
        ("10.0.0.0/33", false),
        ("010.0.0.0/16", false),
        (" 10.0.0.0/16", false),
        ("banana", false),
        ("", false),
    ] {
        assert_eq!(verdict(&format!("isCidr('{text}')")), Ok(valid), "{text}");
    }
    for (outer, inner, inside, common) in [
        ("10.0.0.0/16", "10.0.255.0/24", true, true),
        ("10.0.0.0/16", "10.0.0.0/16", true, true),
        ("10.0.0.0/24", "10.0.0.0/16", false, true),
        ("10.0.0.0/16", "10.1.0.0/24", false, false),
        ("10.0.0.0/16", "2001:db8::/32", false, false),
    ] {
        assert_eq!(verdict(&format!("cidrContains('{outer}', '{inner}')")), Ok(inside), "{outer} {inner}");
        assert_eq!(verdict(&format!("cidrsOverlap('{outer}', '{inner}')")), Ok(common), "{outer} {inner}");
        assert_eq!(verdict(&format!("cidrsOverlap('{inner}', '{outer}')")), Ok(common), "{inner} {outer}");
    }
    assert_eq!(verdict("cidrContains('10.0.0.0/8', 'banana')"), Err(Fault::Failed));
}

#[test]
fn what_gives_no_verdict_is_told_apart_from_false() {
    for source in
        ["inputs.absent == 1", "inputs.size", "'yes'", "inputs.zones < 3", "1 / 0 == 1", "inputs.zones[7] == 'a'"]
    {
        assert_eq!(verdict(source), Err(Fault::Failed), "{source}");
    }
}

#[test]
fn faults_are_told_to_the_author() {
    let deep = format!("1{} == 1", " + 1".repeat(30));
    let nested = format!("{}1{} == 1", "size(".repeat(30), ")".repeat(30));
    let long = format!("'{}' == ''", "x".repeat(MAX_LENGTH));
    for (source, part) in [
        ("", "not an expression"),
        ("inputs.", "not an expression"),
        ("inputs.a ==", "not an expression"),
        ("size(zones) == 1", "no `zones`"),
        ("inputs.zones.all(zone, zones == zone)", "no `zones`"),
        ("now() > 1", "no function `now`"),
        ("inputs.name.matches('(a+)+')", "no function `matches`"),
        ("timestamp('2026-01-01T00:00:00Z') == null", "no function `timestamp`"),
        ("Thing{a: 1} == null", "Only values"),
        ("[1].all(a, [1].all(b, [1].all(c, a == b && b == c)))", "inside of each other"),
        (deep.as_str(), "too deep"),
        (nested.as_str(), "not an expression"),
        (long.as_str(), "at most 1000"),
    ] {
        let fault = Expression::compile(source, &["inputs"]).expect_err(source);
        assert!(fault.contains(part), "{source}: {fault}");
    }
}

#[test]
fn what_is_read_of_a_variable_is_known() {
    let expression = Expression::compile("inputs.a == 1 || has(inputs.b) && item.c == 2", &["inputs", "item"]).unwrap();
    assert_eq!(expression.fields_of("inputs").collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(expression.fields_of("item").collect::<Vec<_>>(), ["c"]);
}

#[test]
fn the_largest_work_that_is_accepted_ends_soon_and_more_is_refused() {
    let source = "inputs.l.all(a, inputs.l.all(b, !(a in [b + 1])))";
    let expression = Expression::compile(source, &["inputs"]).unwrap();
    let mut refused = false;
    for length in [10, 30, 60, 100, 1000, 100_000] {
        let inputs = json!({"l": vec![0; length]});
        let started = Instant::now();
        let verdict = expression.holds(&[("inputs", &inputs)], 1);
        // Generous: tests are not optimised, and the machine may be busy.
        assert!(started.elapsed() < Duration::from_secs(10), "{length}: {:?}", started.elapsed());
        refused |= verdict == Err(Fault::TooLarge);
    }
    assert!(refused);
    let one = json!([1]);
    assert_eq!(expression.holds(&[("inputs", &one)], usize::MAX), Err(Fault::TooLarge));
}

/// The deepest of each kind fits on half of the stack of a thread, in a build without optimisation.
#[test]
fn the_deepest_expressions_fit_on_the_stack() {
    let row = |part: &str, times: usize| part.repeat(times);
    let mut sources = vec![
        format!("[{}]", row("1,", 490)),
        format!("true{}", row("&&true", 160)),
        format!("[1].all(a,{}[1].all(b,{}true{}){})", row("(", 6), row("(", 6), row(")", 6), row(")", 6)),
        format!("{}true", row("true?true:", 99)),
    ];
    for times in [20, 23, 24, 400] {
        sources.extend([
            format!("{}true{}", row("(", times), row(")", times)),
            format!("{}{}", row("[", times), row("]", times)),
            format!("{}1{}", row("[1].exists(x,", times.min(60)), row(")", times.min(60))),
            format!("inputs{}", row(".a", times)),
            format!("inputs{}", row("[0]", times.min(300))),
            format!("1{}", row("+1", times)),
            format!("1{}", row(" in [1]", times.min(140))),
            format!("{}true", row("!", times)),
            format!("{}1", row("-", times)),
            format!("{}true", row("true?true:", times.min(99))),
            format!("{}1{}", row("size(", times.min(160)), row(")", times.min(160))),
        ]);
    }
    std::thread::Builder::new()
        .stack_size(1024 * 1024)
        .spawn(move || {
            for source in sources {
                assert!(source.len() <= MAX_LENGTH, "{source}");
                if let Ok(expression) = Expression::compile(&source, &["inputs"]) {
                    let _ = expression.holds(&[("inputs", &json!({}))], 1);
                }
            }
        })
        .unwrap()
        .join()
        .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn noise_never_panics(source in "\\PC{0,80}") {
        let _ = Expression::compile(&source, &["inputs"]);
    }

    #[test]
    fn scraps_of_expressions_never_panic(
        parts in prop::collection::vec(prop::sample::select(vec![
            "inputs", ".", "size", "(", ")", "[", "]", "{", "}", "'a'", "1", "-", "!", "&&", "||", "==", "in", "?", ":",
            ",", "all", "exists", "map", "has", "x", "null", "1.5", "9223372036854775807", "/", "%", "*", "+", "zones",
            "cidrContains", "isCidr", " ", "\"", "\\", "r'", "b'", "0x", "1u", "//",
        ]), 0..24)
    ) {
        let source = parts.concat();
        if let Ok(expression) = Expression::compile(&source, &["inputs"]) {
            let _ = expression.holds(&[("inputs", &inputs())], 1);
        }
    }

    #[test]
    fn overlap_is_shared_addresses(a in any::<u32>(), b in any::<u32>(), la in 8_u8..=32, lb in 8_u8..=32) {
        let text = |address: u32, length: u8| {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            (address & mask, mask, format!("{}/{length}", std::net::Ipv4Addr::from(address & mask)))
        };
        // Half of the pairs lie close to each other.
        let near = if b % 2 == 0 { b } else { a ^ (b & 0xffff) };
        let ((start, mask, one), (begin, other_mask, other)) = (text(a, la), text(near, lb));
        let shared = start & other_mask == begin || begin & mask == start;
        prop_assert_eq!(verdict(&format!("cidrsOverlap('{one}', '{other}')")), Ok(shared));
        prop_assert_eq!(verdict(&format!("cidrContains('{one}', '{other}')")), Ok(begin & mask == start && lb >= la));
    }
}
