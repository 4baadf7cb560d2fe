//! Where a runner stands: each change of it, whoever causes it.

use flagstone_core::machine::StateMachine;
use flagstone_core::names::RunnerName;
use flagstone_core::runner::{RunnerEvent, RunnerState};
use flagstone_db::runner::{self, RunnerRow};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::ledger::ObjectRef;
use crate::tx::Tx;

/// The state of a row.
pub fn state(row: &RunnerRow) -> Result<RunnerState> {
    row.adoption.parse().map_err(Error::internal)
}

/// Has something happen to a locked runner. FAILED_PRECONDITION `WRONG_STATE` where its state does not allow it. Its work
/// stream, on whatever replica, hears of it by a bell and looks by itself within half a second.
pub async fn step(tx: &mut Tx, row: &RunnerRow, event: RunnerEvent) -> Result<RunnerRow> {
    let name = RunnerName::stored(&row.slug)?;
    let next = state(row)?.next(event, &name)?;
    let after = runner::set_state(tx, row, next.as_str()).await?;
    record(tx, Some(row), Some(&after).filter(|_| next != RunnerState::Removed))?;
    Ok(after)
}

/// Records the change of a runner: one that joins has no `before`, one that goes no `after`.
pub fn record(tx: &mut Tx, before: Option<&RunnerRow>, after: Option<&RunnerRow>) -> Result<()> {
    let Some(row) = after.or(before) else { return Ok(()) };
    let name = RunnerName::stored(&row.slug)?.to_string();
    let about = ObjectRef { object_type: "runner", name, id: row.id, business_unit_id: None };
    tx.record(about, before.map(view).as_ref(), after.map(view).as_ref());
    Ok(())
}

/// A runner as the ledger tells it. What it says of itself is no decision.
fn view(row: &RunnerRow) -> Value {
    json!({"display_name": row.display_name, "labels": row.labels, "state": row.adoption, "revision": row.revision})
}
