//! The list of a template's versions.

use diesel::pg::Pg;
use diesel::prelude::*;

use super::condition::{self, Comparison};
use super::keyset::pages;
use super::{Branch, ListQuery};
use crate::error::Error;
use crate::schema::template_versions;
use crate::template::TemplateVersionRow;

pages! {
    /// One page of the versions of a template, which is the query's parent. The branch is always [`Branch::ALL`].
    template_versions => TemplateVersionRow, orders { "sort_key" => [sort_key: String] }
}

fn matching<'q>(query: &'q ListQuery<'q>, _: &'q Branch) -> Result<template_versions::BoxedQuery<'q, Pg>, Error> {
    let select = template_versions::table
        .filter(template_versions::organization_id.eq(query.organization_id))
        .filter(template_versions::template_id.eq(query.parent()?))
        .into_boxed();
    Ok(match condition::of(query, comparison)? {
        Some(condition) => select.filter(condition),
        None => select,
    })
}

fn comparison(comparison: Comparison<'_>) -> condition::Result<'_, template_versions::table> {
    match comparison.field {
        "state" => comparison.text(template_versions::state),
        "create_time" => comparison.time(template_versions::create_time),
        _ => comparison.unknown(),
    }
}
