//! What a decision costs: Flagstone's evaluator, Cedar and Casbin on the same bindings, in turns. Prints Markdown;
//! `peers FILE` also puts it into a file of results, in the place of its older self.
//!
//! Each is asked in the form that suits it best. Cedar gets one policy and only the entities of the question. Casbin has no
//! slices: its matcher goes through all rules, but compares the principal first.

#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

#[path = "../../../benches/src/results.rs"]
mod results;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};
use cedar_policy::{Authorizer, Context, Decision, Entities, Entity, PolicySet, Request, RestrictedExpression};
use chrono::{DateTime, Utc};
use flagstone_core::access::{
    Binding, Effect, Grants, Object, Permission, PermissionScope, PrincipalFacts, Restriction, RoleTemplate, Scope,
    Who, decide, role_templates,
};
use flagstone_oracles::cedar::{Failure, uid};
use flagstone_oracles::dice::Dice;
use uuid::Uuid;

type Result<T, E = Failure> = std::result::Result<T, E>;

/// Rules of the organizations. The others are measured with the first.
const RULES: [usize; 3] = [10_000, 100_000, 1_000_000];

/// Bindings of one principal.
const EACH: usize = 10;

/// Principals whose grants are compiled, as in `benches/src/access.rs`: those of the others are rows that nobody loads.
const AT_WORK: usize = 5_000;

const UNITS: usize = 20;

const ROUNDS: usize = 5;

/// Questions to which all must give the same answer before anything is measured.
const COMPARED: usize = 300;

const POLICY: &str = "
    permit (principal, action, resource)
    when { principal.hasTag(resource.allowed) && principal.getTag(resource.allowed).contains(action) }
    unless { principal.hasTag(resource.denied) && principal.getTag(resource.denied).contains(action) };";

const MODEL: &str = "
[request_definition]
r = sub, unit, act

[policy_definition]
p = sub, unit, role, eft

[role_definition]
g = _, _

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = r.sub == p.sub && r.unit == p.unit && g(p.role, r.act)
";

/// May this principal do that in this unit?
#[derive(Clone, Copy)]
struct Question {
    principal: usize,
    permission: Permission,
    unit: usize,
}

/// A role in a unit.
struct Bound {
    role: &'static RoleTemplate,
    unit: usize,
    effect: Effect,
}

type Ask = Box<dyn FnMut(Question) -> Result<(bool, Duration)>>;

/// One of those that are measured.
struct Contender {
    name: String,
    /// Decisions of a round: enough for a p99, few enough for the slowest to end.
    decisions: usize,
    /// Principals that can be asked about.
    principals: usize,
    /// Answers one question and says how long that took.
    ask: Ask,
    taken: Vec<Duration>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let permissions: Vec<Permission> =
        Permission::all().filter(|permission| permission.scope() == PermissionScope::BusinessUnit).collect();
    let mut contenders: Vec<Contender> = RULES.into_iter().map(flagstone).collect();
    contenders.push(cedar(false)?);
    contenders.push(cedar(true)?);
    contenders.push(casbin(&permissions)?);
    compare(&mut contenders, &permissions)?;
    let (started, before) = (Instant::now(), Busy::now());
    for round in 0..ROUNDS {
        for contender in &mut contenders {
            let mut dice = Dice::new(round as u64);
            for _ in 0..contender.decisions {
                let question = random(&mut dice, contender.principals, &permissions);
                let (allowed, taken) = (contender.ask)(question)?;
                black_box(allowed);
                contender.taken.push(taken);
            }
        }
    }
    let text = render(contenders, before.others_since(started));
    print!("{text}");
    if let Some(path) = std::env::args().nth(1) {
        let known = fs::read_to_string(&path).unwrap_or_default();
        fs::write(path, results::put(&known, &text))?;
    }
    Ok(())
}

fn random(dice: &mut Dice, principals: usize, permissions: &[Permission]) -> Question {
    Question { principal: dice.below(principals), permission: dice.pick(permissions), unit: dice.below(UNITS) }
}

/// What answers differently is not measured against each other.
fn compare(contenders: &mut [Contender], permissions: &[Permission]) -> Result<()> {
    let mut dice = Dice::new(7);
    let mut allowed = 0;
    for _ in 0..COMPARED {
        let question = random(&mut dice, principals_of(RULES[0]), permissions);
        let answers: Vec<bool> =
            contenders.iter_mut().map(|it| (it.ask)(question).map(|(answer, _)| answer)).collect::<Result<_>>()?;
        if answers.iter().any(|answer| *answer != answers[0]) {
            let names: Vec<&str> = contenders.iter().map(|it| it.name.as_str()).collect();
            let Question { principal, permission, unit } = question;
            return Err(format!("{names:?} answer {answers:?} to {permission} of {principal} in {unit}").into());
        }
        allowed += usize::from(answers[0]);
    }
    if allowed < COMPARED / 20 || allowed > COMPARED - COMPARED / 20 {
        return Err(format!("{allowed} of {COMPARED} answers are yes: the questions ask too little").into());
    }
    Ok(())
}

fn principals_of(rules: usize) -> usize {
    (rules / EACH).min(AT_WORK)
}

/// Somebody with roles that ship in several units, one of them denied.
fn bound(principal: usize) -> impl Iterator<Item = Bound> {
    let roles = role_templates();
    (0..EACH).map(move |index| Bound {
        // The first is for the installation and holds nothing in a unit.
        role: roles[1 + (principal + index) % (roles.len() - 1)],
        unit: (principal * 7 + index * 3) % UNITS,
        effect: if index == EACH - 1 { Effect::Deny } else { Effect::Allow },
    })
}

fn flagstone(rules: usize) -> Contender {
    let principals: Vec<Grants> = (0..principals_of(rules)).map(grants).collect();
    let now: DateTime<Utc> = Utc::now();
    Contender {
        name: format!("Flagstone, {} rules", thousands(rules)),
        decisions: 100_000,
        principals: principals.len(),
        ask: Box::new(move |question| {
            let grants = &principals[question.principal];
            let object = Object::new_in(Scope::Unit(Uuid::from_u128(question.unit as u128)));
            let asked = Instant::now();
            let allowed = decide(grants, now, question.permission, object).is_allow();
            Ok((allowed, asked.elapsed()))
        }),
        taken: Vec::new(),
    }
}

fn grants(principal: usize) -> Grants {
    let bindings = bound(principal).map(|bound| Binding {
        role: bound.role.id.to_owned(),
        permissions: bound.role.permissions().iter().map(|permission| permission.slug().to_owned()).collect(),
        restriction: Restriction::None,
        scope: Scope::Unit(Uuid::from_u128(bound.unit as u128)),
        effect: bound.effect,
        condition: None,
        expire_time: None,
    });
    let facts = PrincipalFacts {
        who: Who::default(),
        active: true,
        organization_active: true,
        is_user: true,
        token: None,
        self_service_environments: true,
    };
    Grants::compile(facts, bindings.collect())
}

/// The principal carries, as tags, what it holds in each unit. `assembled` counts the making of request and entities, too.
fn cedar(assembled: bool) -> Result<Contender> {
    let policies: PolicySet = POLICY.parse()?;
    let principals: Vec<Entity> = (0..principals_of(RULES[0])).map(holder).collect::<Result<_>>()?;
    let authorizer = Authorizer::new();
    let what = if assembled { "request and entities made for it" } else { "request and entities at hand" };
    Ok(Contender {
        name: format!("Cedar, one policy, {what}"),
        decisions: 5_000,
        principals: principals.len(),
        ask: Box::new(move |question| {
            let principal = &principals[question.principal];
            let mut asked = Instant::now();
            let action = uid("Action", question.permission.slug())?;
            let object = uid("Object", "it")?;
            let tag = |effect| RestrictedExpression::new_string(tag(effect, question.unit));
            let attributes =
                [("allowed".to_owned(), tag(Effect::Allow)), ("denied".to_owned(), tag(Effect::Deny))].into();
            let entity = Entity::new(object.clone(), attributes, [].into())?;
            let entities = Entities::from_entities([principal.clone(), entity], None)?;
            let request = Request::new(principal.uid(), action, object, Context::empty(), None)?;
            if !assembled {
                asked = Instant::now();
            }
            let response = authorizer.is_authorized(&request, &policies, &entities);
            let taken = asked.elapsed();
            if let Some(error) = response.diagnostics().errors().next() {
                return Err(error.to_string().into());
            }
            Ok((response.decision() == Decision::Allow, taken))
        }),
        taken: Vec::new(),
    })
}

fn tag(effect: Effect, unit: usize) -> String {
    format!("{} {unit}", effect.as_str())
}

fn holder(principal: usize) -> Result<Entity> {
    let mut held: BTreeMap<String, Vec<RestrictedExpression>> = BTreeMap::new();
    for bound in bound(principal) {
        let actions = held.entry(tag(bound.effect, bound.unit)).or_default();
        for permission in bound.role.permissions().iter() {
            actions.push(RestrictedExpression::new_entity_uid(uid("Action", permission.slug())?));
        }
    }
    let tags = held.into_iter().map(|(tag, actions)| (tag, RestrictedExpression::new_set(actions)));
    Ok(Entity::new_with_tags(uid("User", &principal.to_string())?, [], [], tags)?)
}

/// A rule for each binding; what a role holds is in Casbin's own graph of roles.
fn casbin(permissions: &[Permission]) -> Result<Contender> {
    let count = principals_of(RULES[0]);
    let rules = (0..count).flat_map(|principal| {
        bound(principal).map(move |bound| {
            let effect = if bound.effect == Effect::Allow { "allow" } else { "deny" };
            vec![principal.to_string(), bound.unit.to_string(), bound.role.id.to_owned(), effect.to_owned()]
        })
    });
    let held = role_templates().into_iter().flat_map(|role| {
        let set = role.permissions();
        permissions
            .iter()
            .filter(move |permission| set.contains(**permission))
            .map(|permission| vec![role.id.to_owned(), permission.slug().to_owned()])
    });
    let (rules, held) = (rules.collect(), held.collect());
    let enforcer = futures::executor::block_on(async {
        let model = DefaultModel::from_str(MODEL).await?;
        let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await?;
        enforcer.add_policies(rules).await?;
        enforcer.add_grouping_policies(held).await?;
        enforcer.build_role_links()?;
        Ok::<_, casbin::Error>(enforcer)
    })?;
    let loaded = enforcer.get_policy().len();
    if loaded != RULES[0] {
        return Err(format!("Casbin holds {loaded} rules and not {}", RULES[0]).into());
    }
    Ok(Contender {
        name: format!("Casbin, its matcher over {} rules", thousands(RULES[0])),
        decisions: 60,
        principals: count,
        ask: Box::new(move |question| {
            let (principal, unit) = (question.principal.to_string(), question.unit.to_string());
            let asked = Instant::now();
            let allowed = enforcer.enforce((principal, unit, question.permission.slug().to_owned()))?;
            Ok((allowed, asked.elapsed()))
        }),
        taken: Vec::new(),
    })
}

/// The table, in the style of `benches/src/report.rs`.
fn render(contenders: Vec<Contender>, others: f64) -> String {
    let mut first = None;
    let mut rows = vec![["", "Decisions", "p50", "p99", "p50, ratio", "p99, ratio"].map(str::to_owned)];
    for mut contender in contenders {
        contender.taken.sort_unstable();
        let quantile = |share: f64| {
            let last = contender.taken.len().saturating_sub(1);
            let index = (last as f64 * share).round() as usize;
            contender.taken.get(index).copied().unwrap_or_default().as_secs_f64() * 1e6
        };
        let (median, slow) = (quantile(0.5), quantile(0.99));
        let (base_median, base_slow) = *first.get_or_insert((median, slow));
        rows.push([
            contender.name.clone(),
            thousands(contender.taken.len()),
            micros(median),
            micros(slow),
            times(median / base_median),
            times(slow / base_slow),
        ]);
    }
    let widths: [usize; 6] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default());
    let mut text = format!(
        "### A decision, against Cedar and Casbin\n\nThe evaluators alone, Cedar {} and Casbin {}, without their \
         default features, in {ROUNDS} rounds in turns, each decision timed by itself (the clock takes some 20 to 40 ns of \
         each); {EACH} bindings of roles that ship per principal, {UNITS} units. \
         Of the larger organizations the grants of {AT_WORK} principals are compiled: the rules of others are never loaded. \
         Cedar is given the two entities of the question, Casbin all rules; neither is asked for expiry, restrictions or \
         tokens, which Flagstone's evaluator looks at as well. All gave the same answers to {COMPARED} questions. Ratios are \
         to the first line.\n\n",
        version_of("cedar-policy"),
        version_of("casbin"),
    );
    for (index, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(text, "| {cell:width$} ");
        }
        text.push_str("|\n");
        if index == 0 {
            for width in widths {
                let _ = write!(text, "|{}", "-".repeat(width + 2));
            }
            text.push_str("|\n");
        }
    }
    let today = Utc::now().format("%-d %B %Y");
    let _ = writeln!(text, "\nTaken on {today}; other processes used {others:.2} cores meanwhile.");
    text
}

/// The version of a package that this program was built with.
fn version_of(package: &str) -> &'static str {
    let lock = include_str!("../../Cargo.lock");
    let entry = lock.split("[[package]]").find(|entry| entry.contains(&format!("\nname = \"{package}\"\n")));
    let version = entry.and_then(|entry| entry.split_once("\nversion = \"")).and_then(|(_, rest)| rest.split_once('"'));
    version.map_or("of unknown version", |(version, _)| version)
}

fn micros(micros: f64) -> String {
    if micros < 100.0 { format!("{micros:.2} µs") } else { format!("{} µs", thousands(micros.round() as usize)) }
}

fn times(factor: f64) -> String {
    if factor < 100.0 { format!("{factor:.2}×") } else { format!("{}×", thousands(factor.round() as usize)) }
}

fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// CPU time so far, in ticks of a hundredth of a second: of the machine and of this process.
struct Busy {
    machine: u64,
    ours: u64,
}

impl Busy {
    fn now() -> Self {
        let number = |text: &str| text.parse::<u64>().unwrap_or_default();
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = stat.lines().next().unwrap_or_default();
        // user, nice, system; then idle and iowait, which are no work; then irq, softirq and steal.
        let machine = line.split_whitespace().skip(1).take(8).enumerate().filter(|(index, _)| !matches!(index, 3 | 4));
        let own = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The name, in parentheses, may hold anything. User and system time are the 12th and 13th fields after it.
        let own = own.rsplit_once(')').unwrap_or_default().1;
        Self {
            machine: machine.map(|(_, text)| number(text)).sum(),
            ours: own.split_whitespace().skip(11).take(2).map(number).sum(),
        }
    }

    /// Cores that others used since, on average.
    fn others_since(&self, started: Instant) -> f64 {
        let now = Self::now();
        let others = (now.machine - self.machine).saturating_sub(now.ours - self.ours);
        others as f64 / 100.0 / started.elapsed().as_secs_f64()
    }
}
