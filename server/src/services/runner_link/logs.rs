//! Lines of a job's log on their way into the database: in order, without gap, each once.

use flagstone_api::pb;
use flagstone_core::{Error as CoreError, Kind, Reason, Violations};
use flagstone_db::job_log::NewChunk;
use flagstone_db::{TxScope, job_log, lease};
use futures::try_join;
use prost::Message;

use super::{lease_ref, organization_of, stale};
use crate::cx::Cx;
use crate::error::Result;
use crate::ledger::log_topic;

/// Most bytes of a line's data.
const LINE_MAX: usize = 32 * 1024;

/// Most bytes of a call.
const CALL_MAX: usize = 1024 * 1024;

/// AppendJobLogs. No audit event and no change event: this is the hottest write there is, and the log is its own record.
pub(super) async fn append_job_logs(cx: Cx, req: pb::AppendJobLogsRequest) -> Result<pb::AppendJobLogsResponse> {
    let (job_id, fence) = lease_ref(req.job.as_ref())?;
    check(&req)?;
    let caller = cx.runner()?;
    let runner = cx.caller.principal();
    if caller.organization_id.is_some() {
        organization_of(&cx, caller, job_id).await?;
    }
    let tx = cx.app.db.begin(TxScope::Worker).await?;
    // One round trip: the lease is held, the log locked.
    let (held, log) = try_join!(lease::hold(&tx, &runner, job_id, fence), job_log::lock(&tx, job_id))?;
    let (Some(held), Some(log)) = (held, log) else { return Err(stale(job_id, fence)) };
    let known = req.lines.iter().take_while(|line| line.seq <= log.last_seq).count();
    let lines = &req.lines[known..];
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
        return Ok(pb::AppendJobLogsResponse { last_seq: log.last_seq });
    };
    if first.seq != log.last_seq + 1 {
        return Err(CoreError::new(
            Kind::OutOfRange,
            Reason::Conflict,
            format!("Lines are missing: the next one is number {}.", log.last_seq + 1),
        )
        .with("expected_seq", &(log.last_seq + 1))
        .into());
    }
    let lines = lines.iter().map(|line| pb::JobLogLine { attempt: held.attempt, ..line.clone() }).collect();
    let (first_seq, last_seq) = (first.seq, last.seq);
    let chunk = pb::JobLogChunk { cursor: String::new(), lines };
    let encoded = chunk.encode_to_vec();
    let data = chunk.lines.iter().map(|line| &*line.data);
    let new = NewChunk { first_seq, last_seq, lines: &encoded, dropped: req.dropped };
    job_log::append(&tx, held.organization_id, &log, new, data).await?;
    tx.commit().await?;
    cx.app.bells.ring(&log_topic(job_id));
    Ok(pb::AppendJobLogsResponse { last_seq })
}

/// What can be seen without the log: limits, and numbers that follow one another.
fn check(req: &pb::AppendJobLogsRequest) -> Result<(), CoreError> {
    let mut violations = Violations::new();
    violations.check(req.encoded_len() <= CALL_MAX, "lines", format!("have more than {CALL_MAX} bytes. Send fewer."));
    violations.check(req.dropped >= 0, "dropped", "cannot be negative.");
    if let Some(first) = req.lines.first() {
        violations.check(first.seq > 0, "lines[0].seq", "is not positive. Lines are numbered from 1.");
    }
    for (index, pair) in req.lines.windows(2).enumerate() {
        if pair[0].seq.checked_add(1) != Some(pair[1].seq) {
            violations.add(format!("lines[{}].seq", index + 1), "does not follow the number before it.");
            break;
        }
    }
    if let Some(index) = req.lines.iter().position(|line| line.data.len() > LINE_MAX) {
        violations.add(format!("lines[{index}].data"), format!("has more than {LINE_MAX} bytes. Cut it."));
    }
    violations.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(seqs: &[i64]) -> pb::AppendJobLogsRequest {
        let lines = seqs.iter().map(|seq| pb::JobLogLine { seq: *seq, ..pb::JobLogLine::default() }).collect();
        pb::AppendJobLogsRequest { lines, ..pb::AppendJobLogsRequest::default() }
    }

    #[test]
    fn numbers_must_follow_one_another() {
        check(&request(&[])).unwrap();
        check(&request(&[3, 4, 5])).unwrap();
        assert_eq!(check(&request(&[3, 5, 7])).unwrap_err().fields.len(), 1);
        assert_eq!(check(&request(&[0, 1])).unwrap_err().fields[0].field, "lines[0].seq");
        check(&request(&[i64::MAX, i64::MIN])).unwrap_err();
    }

    #[test]
    fn a_line_too_long_is_named() {
        let mut req = request(&[1, 2]);
        req.lines[1].data = vec![0; LINE_MAX + 1].into();
        assert_eq!(check(&req).unwrap_err().fields[0].field, "lines[1].data");
    }
}
