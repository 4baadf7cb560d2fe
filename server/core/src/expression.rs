//! Expressions (CEL) over JSON: conditions that people write and the server evaluates. Pure and bounded: an expression is
//! short, calls only what is listed here, and what it can cost is known before it is evaluated. It has no clock, no
//! regular expressions and no way to loop but over the values it is given.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr};
use cel::parser::PrattParser;
use cel::{Context, Env, ExecutionError, IdedExpr, Value as CelValue};
use ipnet::IpNet;
use serde_json::Value;

/// Longest expression, in bytes.
pub const MAX_LENGTH: usize = 1000;

/// Deepest nesting, of brackets and of operators: parser and evaluator call themselves for each level.
const MAX_DEPTH: u16 = 24;

/// Macros inside of macros, such as `a.all(x, b.exists(y, …))`.
const MAX_LOOPS: u32 = 2;

/// Steps that evaluating may take at worst: well below a second.
const MAX_STEPS: u64 = 20_000_000;

/// What an expression may call: the operators, what looks into texts and lists, and networks.
const FUNCTIONS: &[&str] = &[
    "_?_:_",
    "_&&_",
    "_||_",
    "!_",
    "_==_",
    "_!=_",
    "_<_",
    "_<=_",
    "_>_",
    "_>=_",
    "_+_",
    "_-_",
    "_*_",
    "_/_",
    "_%_",
    "-_",
    "_[_]",
    "@in",
    "@not_strictly_false",
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "isCidr",
    "cidrContains",
    "cidrsOverlap",
];

/// The standard functions, built once: the environment does not depend on the expression.
static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A condition that was read and found to be in bounds.
#[derive(Clone, Debug)]
pub struct Expression {
    root: IdedExpr,
    nodes: u64,
    sums: u64,
    loops: u32,
    fields: BTreeSet<(String, String)>,
    variables: BTreeSet<String>,
    whole: BTreeSet<String>,
}

/// Why an expression gave no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The values are so large that evaluating could take too long.
    TooLarge,
    /// It asked for what is not there, or gave neither true nor false.
    Failed,
}

impl Expression {
    /// Reads a condition over the given variables. Fails with a sentence for its author.
    pub fn compile(source: &str, variables: &[&str]) -> Result<Self, String> {
        if source.len() > MAX_LENGTH {
            return Err(format!("An expression has at most {MAX_LENGTH} characters."));
        }
        let root = PrattParser::new().max_recursion_depth(MAX_DEPTH).parse(source).map_err(|errors| {
            let first = errors.errors.first().map_or_else(|| errors.to_string(), |error| error.msg.clone());
            format!("This is not an expression: {first}.")
        })?;
        let mut reader = Reader {
            known: variables.iter().map(|name| (*name).to_owned()).collect(),
            depth: 0,
            nodes: 0,
            sums: 0,
            loops: 0,
            fields: BTreeSet::new(),
            variables: BTreeSet::new(),
            whole: BTreeSet::new(),
        };
        reader.read(&root, 0)?;
        let Reader { nodes, sums, loops, fields, variables, whole, .. } = reader;
        Ok(Self { root, nodes, sums, loops, fields, variables, whole })
    }

    /// Whether it mentions a variable at all. What a macro calls by the same name counts, too.
    pub fn mentions(&self, variable: &str) -> bool {
        self.variables.contains(variable)
    }

    /// Whether all it reads of a variable are these fields, by name.
    pub fn reads_only(&self, variable: &str, fields: &[&str]) -> bool {
        !self.whole.contains(variable) && self.fields_of(variable).all(|field| fields.contains(&field))
    }

    /// What it reads of a variable by name: `a` and `b` for `inputs.a && has(inputs.b)`.
    pub fn fields_of<'a>(&'a self, variable: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(of, _)| of == variable).map(|(_, field)| field.as_str())
    }

    /// Whether it holds. `times` is how often the caller asks it of values like these: together they stay in bounds.
    pub fn holds(&self, variables: &[(&str, &Value)], times: usize) -> Result<bool, Fault> {
        // Every macro may look at all there is, and so may each step in it; a sum of lists is as long as all of them.
        let width = variables.iter().fold(1, |sum: u64, (_, value)| sum.saturating_add(weight(value)));
        let width = width.saturating_mul(self.sums + 1);
        let steps = self.nodes.saturating_mul(width.saturating_pow(self.loops + 1));
        if steps.saturating_mul(times as u64) > MAX_STEPS {
            return Err(Fault::TooLarge);
        }
        let mut context = Context::with_env(Arc::clone(&ENV));
        for (name, value) in variables {
            context.add_variable_from_value(*name, to_cel(value));
        }
        let added = context
            .add_function("isCidr", |text: Arc<String>| network(&text).is_some())
            .and_then(|()| context.add_function("cidrContains", contains))
            .and_then(|()| context.add_function("cidrsOverlap", overlap));
        added.map_err(|_| Fault::Failed)?;
        match CelValue::resolve(&self.root, &context) {
            Ok(CelValue::Bool(verdict)) => Ok(verdict),
            _ => Err(Fault::Failed),
        }
    }
}

/// Walks an expression once: counts what it can cost and refuses what it may not use.
struct Reader {
    known: Vec<String>,
    depth: u16,
    nodes: u64,
    sums: u64,
    loops: u32,
    fields: BTreeSet<(String, String)>,
    variables: BTreeSet<String>,
    /// Those used otherwise than by a field.
    whole: BTreeSet<String>,
}

impl Reader {
    fn read(&mut self, part: &IdedExpr, loops: u32) -> Result<(), String> {
        self.nodes += 1;
        self.loops = self.loops.max(loops);
        if self.depth == MAX_DEPTH {
            return Err("This expression is too deep. Write several rules in its place.".to_owned());
        }
        self.depth += 1;
        let read = self.read_parts(part, loops);
        self.depth -= 1;
        read
    }

    fn read_parts(&mut self, part: &IdedExpr, loops: u32) -> Result<(), String> {
        match &part.expr {
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) if self.known.contains(name) => {
                self.variables.insert(name.clone());
                self.whole.insert(name.clone());
                Ok(())
            }
            Expr::Ident(name) => Err(format!("There is no `{name}` here.")),
            Expr::Select(select) => {
                if let Expr::Ident(variable) = &select.operand.expr
                    && self.known.contains(variable)
                {
                    self.nodes += 1;
                    self.variables.insert(variable.clone());
                    self.fields.insert((variable.clone(), select.field.clone()));
                    return Ok(());
                }
                self.read(&select.operand, loops)
            }
            Expr::Call(call) if !FUNCTIONS.contains(&call.func_name.as_str()) => {
                Err(format!("There is no function `{}` here.", call.func_name))
            }
            Expr::Call(call) => {
                self.sums += u64::from(call.func_name == "_+_");
                call.target.iter().map(AsRef::as_ref).chain(&call.args).try_for_each(|part| self.read(part, loops))
            }
            Expr::List(list) => list.elements.iter().try_for_each(|part| self.read(part, loops)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.read(&entry.key, loops)?;
                    self.read(&entry.value, loops)
                }
                EntryExpr::StructField(field) => self.read(&field.value, loops),
            }),
            Expr::Comprehension(_) if loops == MAX_LOOPS => {
                Err(format!("At most {MAX_LOOPS} of `all`, `exists`, `filter` and `map` inside of each other."))
            }
            Expr::Comprehension(each) => {
                self.read(&each.iter_range, loops)?;
                self.read(&each.accu_init, loops)?;
                let outside = self.known.len();
                self.known.extend([each.iter_var.clone(), each.accu_var.clone()]);
                self.known.extend(each.iter_var2.clone());
                for part in [&each.loop_cond, &each.loop_step, &each.result] {
                    self.read(part, loops + 1)?;
                }
                self.known.truncate(outside);
                Ok(())
            }
            Expr::Struct(_) | Expr::Unspecified => Err("Only values, lists and maps can be written here.".to_owned()),
        }
    }
}

/// How much there is to look at: values, and texts by their length.
fn weight(value: &Value) -> u64 {
    let text = |text: &str| 1 + text.len() as u64 / 64;
    match value {
        Value::Array(items) => items.iter().fold(1, |sum, item| sum + weight(item)),
        Value::Object(members) => members.iter().fold(1, |sum, (name, member)| sum + text(name) + weight(member)),
        Value::String(content) => text(content),
        _ => 1,
    }
}

/// JSON as CEL: whole numbers are `int`, as people write them in expressions, however they were sent.
fn to_cel(value: &Value) -> CelValue {
    match value {
        Value::Null => CelValue::Null,
        Value::Bool(value) => CelValue::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => CelValue::Int(whole),
            None => CelValue::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => CelValue::String(Arc::new(text.clone())),
        Value::Array(items) => CelValue::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(members) => {
            let members: HashMap<String, CelValue> =
                members.iter().map(|(name, member)| (name.clone(), to_cel(member))).collect();
            CelValue::Map(members.into())
        }
    }
}

/// A network as AWS writes it: an address with the bits of its hosts at zero, and a length.
fn network(text: &str) -> Option<IpNet> {
    let network: IpNet = text.parse().ok()?;
    (network.trunc() == network && network.to_string() == text).then_some(network)
}

fn contains(outer: Arc<String>, inner: Arc<String>) -> Result<bool, ExecutionError> {
    match (network(&outer), network(&inner)) {
        (Some(outer), Some(inner)) => Ok(outer.contains(&inner)),
        _ => Err(ExecutionError::function_error("cidrContains", "not a network")),
    }
}

fn overlap(one: Arc<String>, other: Arc<String>) -> Result<bool, ExecutionError> {
    match (network(&one), network(&other)) {
        (Some(one), Some(other)) => Ok(one.contains(&other) || other.contains(&one)),
        _ => Err(ExecutionError::function_error("cidrsOverlap", "not a network")),
    }
}

#[cfg(test)]
mod tests;
