//! Checks the comparisons of a filter against the fields that a list declares.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

use super::parser::{Expression, Term};
use super::{Field, FieldKind, MAX_TEXT, Op, Predicate, Problem, Value};
use crate::Reason;
use crate::tags;
use crate::tier::Tier;
use crate::words::Excerpt;

/// Longest resource name to compare with, in characters. Real ones are shorter.
const MAX_NAME: usize = 256;

/// The filter with every literal read as the type of its field, or everything that is wrong with it.
pub(super) fn check(expression: &Expression, fields: &[Field]) -> Result<Predicate, Vec<Problem>> {
    match expression {
        Expression::And(parts) => all(parts, fields).map(Predicate::And),
        Expression::Or(parts) => all(parts, fields).map(Predicate::Or),
        Expression::Not(part) => check(part, fields).map(|predicate| Predicate::Not(Box::new(predicate))),
        Expression::Term(term) => comparison(term, fields).map_err(|problem| vec![problem]),
    }
}

fn all(parts: &[Expression], fields: &[Field]) -> Result<Vec<Predicate>, Vec<Problem>> {
    let mut predicates = Vec::with_capacity(parts.len());
    let mut problems = Vec::new();
    for part in parts {
        match check(part, fields) {
            Ok(predicate) => predicates.push(predicate),
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() { Ok(predicates) } else { Err(problems) }
}

fn comparison(term: &Term, fields: &[Field]) -> Result<Predicate, Problem> {
    if let Some(field) = fields.iter().find(|field| field.name == term.field) {
        return match field.kind {
            FieldKind::Map => presence(term, field),
            kind => plain(term, field, kind),
        };
    }
    // What follows the name of a map is a key of it.
    let entry = fields.iter().filter(|field| matches!(field.kind, FieldKind::Map)).find_map(|field| {
        let key = term.field.strip_prefix(field.name)?.strip_prefix('.')?;
        Some((field, key))
    });
    match entry {
        Some((field, key)) => map_entry(term, field, key),
        None => {
            let known: Vec<_> = fields.iter().map(|field| field.name).collect();
            Err(Problem::at(
                term.place,
                format_args!("`{}` is not a field of this list. Known are {}.", Excerpt(&term.field), known.join(", ")),
            ))
        }
    }
}

/// `tags:team`
fn presence(term: &Term, field: &Field) -> Result<Predicate, Problem> {
    if term.op != Op::Has {
        return Err(Problem::at(
            term.place,
            format_args!("`{0}` has entries: write `{0}.key {1} value`, or `{0}:key`.", field.name, term.op.symbol()),
        ));
    }
    let key = Some(checked_key(&term.literal, term.literal_place)?);
    Ok(Predicate::Cmp { field: field.name, key, op: Op::Has, value: Value::Present })
}

/// `tags.team = "a"`
fn map_entry(term: &Term, field: &Field, key: &str) -> Result<Predicate, Problem> {
    allow(term, &[Op::Equal, Op::NotEqual])?;
    let key = Some(checked_key(key, term.place)?);
    let value = Value::Text(text(term, tags::VALUE_MAX)?);
    Ok(Predicate::Cmp { field: field.name, key, op: term.op, value })
}

fn checked_key(key: &str, place: usize) -> Result<String, Problem> {
    if tags::is_key(key) {
        return Ok(key.to_owned());
    }
    let key = Excerpt(key);
    Err(Problem::at(
        place,
        format_args!("`{key}` cannot be a key: it begins with a-z and holds a-z, 0-9, `_` and `-`."),
    ))
}

fn plain(term: &Term, field: &Field, kind: FieldKind) -> Result<Predicate, Problem> {
    const ORDERED: [Op; 6] = [Op::Equal, Op::NotEqual, Op::Less, Op::LessOrEqual, Op::Greater, Op::GreaterOrEqual];
    allow(
        term,
        match kind {
            FieldKind::Int | FieldKind::Time => &ORDERED,
            FieldKind::TextSearch => &[Op::Has, Op::Equal, Op::NotEqual],
            _ => &[Op::Equal, Op::NotEqual],
        },
    )?;
    let value = match kind {
        FieldKind::Text | FieldKind::TextSearch | FieldKind::Map => Value::Text(text(term, MAX_TEXT)?),
        FieldKind::Name => Value::Text(text(term, MAX_NAME)?),
        FieldKind::Enum(words) => Value::Word(word(term, words)?),
        FieldKind::Tier => Value::Word(tier(term)?),
        FieldKind::Bool => Value::Bool(read(term, "true or false")?),
        FieldKind::Int => Value::Int(read(term, "a whole number")?),
        FieldKind::Time => return time(term, field.name),
    };
    Ok(Predicate::Cmp { field: field.name, key: None, op: term.op, value })
}

fn allow(term: &Term, ops: &[Op]) -> Result<(), Problem> {
    if ops.contains(&term.op) {
        return Ok(());
    }
    let ops: Vec<_> = ops.iter().map(|op| op.symbol()).collect();
    Err(Problem::at(
        term.place,
        format_args!("`{}` is compared with {}, not with {}.", Excerpt(&term.field), ops.join(" "), term.op.symbol()),
    ))
}

fn text(term: &Term, longest: usize) -> Result<String, Problem> {
    if term.literal.contains('\0') {
        // The database has no such character, not even to compare with.
        return Err(Problem::at(term.literal_place, "The character NUL is in no text. Leave it out."));
    }
    let length = term.literal.chars().count();
    if length <= longest {
        return Ok(term.literal.clone());
    }
    let message = format!("The text has {length} characters; at most {longest} can be looked for.");
    Err(Problem { reason: Reason::SearchTooLong, ..Problem::at(term.literal_place, message) })
}

fn read<T: std::str::FromStr>(term: &Term, wanted: &str) -> Result<T, Problem> {
    term.literal.parse().map_err(|_| unfit(term, wanted))
}

fn word(term: &Term, words: &'static [&'static str]) -> Result<&'static str, Problem> {
    words
        .iter()
        .copied()
        .find(|word| word.eq_ignore_ascii_case(&term.literal))
        .ok_or_else(|| unfit(term, &format!("one of {}", words.join(", "))))
}

fn tier(term: &Term) -> Result<&'static str, Problem> {
    match term.literal.parse::<Tier>() {
        Ok(tier) => Ok(tier.as_str()),
        Err(_) => Err(unfit(term, &format!("one of {}", Tier::WORDS.join(", ")))),
    }
}

fn unfit(term: &Term, wanted: &str) -> Problem {
    Problem::at(
        term.literal_place,
        format_args!("`{}` is compared with {wanted}, not `{}`.", Excerpt(&term.field), Excerpt(&term.literal)),
    )
}

/// A day is the span from its midnight to the next, in UTC: `<= 2026-11-20` includes all of that day.
fn time(term: &Term, field: &'static str) -> Result<Predicate, Problem> {
    let cmp = |op, time| Predicate::Cmp { field, key: None, op, value: Value::Time(time) };
    if let Ok(exact) = DateTime::parse_from_rfc3339(&term.literal) {
        return Ok(cmp(term.op, exact.with_timezone(&Utc)));
    }
    let Some((begin, end)) = day(&term.literal) else {
        return Err(unfit(term, "a time such as 2026-11-20T09:30:00Z or a day such as 2026-11-20"));
    };
    let within = || Predicate::And(vec![cmp(Op::GreaterOrEqual, begin), cmp(Op::Less, end)]);
    Ok(match term.op {
        Op::Less => cmp(Op::Less, begin),
        Op::LessOrEqual => cmp(Op::Less, end),
        Op::Greater => cmp(Op::GreaterOrEqual, end),
        Op::GreaterOrEqual => cmp(Op::GreaterOrEqual, begin),
        Op::NotEqual => Predicate::Not(Box::new(within())),
        Op::Equal | Op::Has => within(),
    })
}

fn day(text: &str) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    // Ten characters: chrono also reads 2026-1-2.
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10)?;
    let next = date.checked_add_days(Days::new(1))?;
    Some((date.and_time(NaiveTime::MIN).and_utc(), next.and_time(NaiveTime::MIN).and_utc()))
}
