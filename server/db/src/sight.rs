//! What a caller may see of the change feed. An event is shown where its object may be read, so that every kind of object
//! has its own rule; all of them together are one condition, which the feed's index serves in order.

use diesel::dsl::{exists, not};
use diesel::expression::BoxableExpression;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use uuid::Uuid;

use crate::list::Branch;
use crate::list::scope::Units;
use crate::schema::{approvals, change_events, deployments, jobs, requests};

/// What a caller may see of the events of one kind of object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    pub object_type: &'static str,
    pub creator: Creator,
    /// Each of them has to show the object, and does where one of its branches does. None at all shows nothing.
    pub gates: Vec<Vec<Branch>>,
}

/// Where it stands whose own an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creator {
    /// It belongs to nobody.
    Nobody,
    /// It is a person: the caller's own account.
    Itself,
    /// The requester of the request.
    Request,
    /// The requester of what is to be approved.
    Approval,
    /// The owner of the deployment.
    Deployment,
    /// The requester of the request that the job works on.
    Job,
}

/// A condition on events.
pub(crate) type Shown<'a> = Box<dyn BoxableExpression<change_events::table, Pg, SqlType = Bool> + 'a>;

/// The condition of everything that is seen: nothing where there is no sight.
pub(crate) fn shown(sights: &[Sight], caller_id: Uuid) -> Shown<'_> {
    let kinds = sights.iter().map(|sight| {
        let of_kind: Shown<'_> = Box::new(change_events::object_type.eq(sight.object_type));
        let open = if sight.gates.is_empty() { Some(never()) } else { None };
        sight
            .gates
            .iter()
            .map(|gate| any(gate.iter().map(|branch| within(branch, sight.creator, caller_id))))
            .chain(open)
            .fold(of_kind, |both, gate| Box::new(both.and(gate)))
    });
    any(kinds)
}

fn never<'a>() -> Shown<'a> {
    Box::new(false.into_sql::<Bool>())
}

fn any<'a>(mut conditions: impl Iterator<Item = Shown<'a>>) -> Shown<'a> {
    let Some(first) = conditions.next() else { return never() };
    conditions.fold(first, |either, next| Box::new(either.or(next)))
}

/// Whether an object lies in a branch.
fn within(branch: &Branch, creator: Creator, caller_id: Uuid) -> Shown<'_> {
    let unit = change_events::business_unit_id;
    let units: Shown<'_> = match &branch.units {
        Units::Any => Box::new(true.into_sql::<Bool>()),
        Units::One(one) => Box::new(unit.eq(*one).assume_not_null()),
        Units::In(units) => Box::new(unit.eq_any(units).assume_not_null()),
        Units::NotIn(units) => Box::new(unit.is_null().or(unit.ne_all(units).assume_not_null())),
        Units::Outside => Box::new(unit.is_null()),
    };
    match branch.own {
        None => units,
        Some(true) => Box::new(units.and(own(creator, caller_id))),
        Some(false) => Box::new(units.and(not(own(creator, caller_id)))),
    }
}

/// Whether an object is the caller's own.
fn own<'a>(creator: Creator, caller_id: Uuid) -> Shown<'a> {
    let (organization, object) = (change_events::organization_id, change_events::object_id);
    match creator {
        Creator::Nobody => never(),
        Creator::Itself => Box::new(object.eq(caller_id)),
        Creator::Request => Box::new(exists(
            requests::table
                .filter(requests::organization_id.eq(organization))
                .filter(requests::id.eq(object))
                .filter(requests::requester_id.eq(caller_id)),
        )),
        Creator::Approval => Box::new(exists(
            approvals::table
                .filter(approvals::organization_id.eq(organization))
                .filter(approvals::id.eq(object))
                .filter(approvals::requester_id.eq(caller_id)),
        )),
        Creator::Deployment => Box::new(exists(
            deployments::table
                .filter(deployments::organization_id.eq(organization))
                .filter(deployments::id.eq(object))
                .filter(deployments::owner_id.eq(caller_id)),
        )),
        Creator::Job => Box::new(exists(
            jobs::table.filter(jobs::organization_id.eq(organization)).filter(jobs::id.eq(object)).filter(exists(
                requests::table
                    .filter(requests::organization_id.eq(jobs::organization_id))
                    .filter(requests::id.eq(jobs::request_id))
                    .filter(requests::requester_id.eq(caller_id)),
            )),
        )),
    }
}
