//! Rules over several inputs, which JSON Schema cannot say: `x-rules` at the top of a schema. Each is a condition
//! ([`Expression`]) that must hold, and what to tell whoever gives inputs for which it does not.
//!
//! ```yaml
//! x-rules:
//!   - field: zones
//!     expression: size(inputs.zones) == size(inputs.subnets)
//!     message: Give one subnet for each zone.
//!   - each: subnets
//!     expression: cidrContains(inputs.cidr_block, item)
//!     message: Choose a range inside of the network.
//! ```

use serde::Deserialize;
use serde_json::Value;

use super::messages::member_path;
use crate::error::{Error, FieldViolation, Violations};
use crate::expression::{Expression, Fault};

const KEYWORD: &str = "x-rules";

/// Most rules of one schema.
const MAX_RULES: usize = 50;

/// Longest message, in characters.
const MAX_MESSAGE: usize = 500;

/// A rule as its author writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// The input that a violation names.
    field: Option<String>,
    /// In its place a list of which each item is judged, as `item`; a violation names the item.
    each: Option<String>,
    expression: String,
    message: String,
}

/// A rule that can be judged.
#[derive(Debug)]
pub(super) struct Rule {
    field: String,
    is_each: bool,
    expression: Expression,
    message: String,
}

/// Reads the rules of a schema, all faults at once. `field` is the path of the schema.
pub(super) fn read(schema: &Value, field: &str) -> Result<Vec<Rule>, Error> {
    let Some(written) = schema.get(KEYWORD) else { return Ok(Vec::new()) };
    let path = format!("{field}.{KEYWORD}");
    let Some(written) = written.as_array().filter(|rules| rules.len() <= MAX_RULES) else {
        return Err(Error::field(path, format!("Give a list of at most {MAX_RULES} rules.")));
    };
    let mut violations = Violations::new();
    let rules = written.iter().enumerate();
    let rules = rules.filter_map(|(index, rule)| read_one(schema, rule, &format!("{path}[{index}]"), &mut violations));
    let rules: Vec<Rule> = rules.collect();
    violations.finish().map(|()| rules)
}

fn read_one(schema: &Value, rule: &Value, path: &str, violations: &mut Violations) -> Option<Rule> {
    let written = match Written::deserialize(rule) {
        Ok(written) => written,
        Err(error) => {
            violations.add(path, format!("This is not a rule: {error}."));
            return None;
        }
    };
    let (field, is_each) = match (written.field, written.each) {
        (Some(field), None) => (field, false),
        (None, Some(each)) => (each, true),
        _ => {
            violations.add(path, "Give either `field` or `each`: the input that a violation names.");
            return None;
        }
    };
    let about = property(schema, &field);
    violations.check(about.is_some(), format!("{path}.{}", if is_each { "each" } else { "field" }), UNKNOWN);
    if let (true, Some(about)) = (is_each, about) {
        let is_list = about.get("type") == Some(&Value::from("array"));
        violations.check(is_list, format!("{path}.each"), "Only the items of a list can be judged one by one.");
    }
    let message = written.message.trim().to_owned();
    violations.check(
        !message.is_empty() && message.chars().count() <= MAX_MESSAGE,
        format!("{path}.message"),
        format!("Say what to change, in at most {MAX_MESSAGE} characters."),
    );
    let variables: &[&str] = if is_each { &["inputs", "item"] } else { &["inputs"] };
    match Expression::compile(&written.expression, variables) {
        Ok(expression) => {
            for name in expression.fields_of("inputs").filter(|name| property(schema, name).is_none()) {
                violations.add(format!("{path}.expression"), format!("There is no input `{name}`."));
            }
            Some(Rule { field, is_each, expression, message })
        }
        Err(fault) => {
            violations.add(format!("{path}.expression"), fault);
            None
        }
    }
}

const UNKNOWN: &str = "There is no such input.";

/// The schema of an input, by its path: `website.index_document`.
fn property<'a>(schema: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(schema, |schema, name| schema.get("properties")?.get(name))
}

impl Rule {
    /// Where the inputs break it. Inputs of the wrong form are told by the schema: then a rule that cannot be judged is
    /// silent. For well-formed inputs it is broken, since nothing is accepted that was not judged.
    pub(super) fn violations(&self, inputs: &Value, prefix: &str, well_formed: bool) -> Vec<FieldViolation> {
        let path = self.field.split('.').fold(prefix.to_owned(), |path, name| member_path(&path, name));
        if !self.is_each {
            return self.verdict(path, &[("inputs", inputs)], 1, well_formed).into_iter().collect();
        }
        let list = self.field.split('.').try_fold(inputs, |value, name| value.get(name));
        let items = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let judge = |(index, item)| {
            let variables = [("inputs", inputs), ("item", item)];
            self.verdict(format!("{path}[{index}]"), &variables, items.len(), well_formed)
        };
        items.iter().enumerate().filter_map(judge).collect()
    }

    fn verdict(
        &self,
        path: String,
        variables: &[(&str, &Value)],
        times: usize,
        well_formed: bool,
    ) -> Option<FieldViolation> {
        let message = match self.expression.holds(variables, times) {
            Ok(true) => return None,
            Ok(false) => self.message.clone(),
            Err(_) if !well_formed => return None,
            Err(Fault::TooLarge) => format!("Too large to be checked. Give less. {}", self.message),
            Err(Fault::Failed) => {
                format!("A rule of the template cannot be checked with these inputs. {}", self.message)
            }
        };
        Some(FieldViolation::new(path, message))
    }
}
