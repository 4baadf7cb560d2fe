//! Who did what, and the proof that nobody changed it.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use flagstone_api::pb;
use flagstone_api::pb::{AuditEvent, ListAuditEventsRequest};
use flagstone_client::Event;
use flagstone_verify::{Keys, Older, verify};
use futures::{TryStreamExt, pin_mut};

use crate::cli::Listing;
use crate::context::Context;
use crate::failure::Failure;
use crate::names;
use crate::output::{Column, Format, note, print};
use crate::render::effects::effects;
use crate::text::{id, short, time, word};

/// What to do with the audit.
#[derive(Subcommand)]
pub(crate) enum Audit {
    /// List audit events, the newest first
    List(Listing),
    /// Show one audit event, for instance the decision id of a denial
    Get {
        /// Id of the event
        event: String,
    },
    /// Write sealed events to a file that flagstone-verify checks
    Export(Export),
    /// Count the events of the last 30 days
    Stats,
    /// Check what the server has stored, or an exported file; exit with 5 if something was changed
    Verify(Verify),
}

/// What to export.
#[derive(Args)]
pub(crate) struct Export {
    /// File to write; `-` for stdout
    #[arg(long, default_value = "-", value_name = "FILE")]
    to: PathBuf,
    /// Form of the file
    #[arg(long, value_enum, default_value_t)]
    format: FileFormat,
    /// First entry
    #[arg(long, default_value_t = 1, value_name = "SEQ")]
    from_seq: i64,
    /// Last entry; 0 for the last one
    #[arg(long, default_value_t = 0, value_name = "SEQ")]
    to_seq: i64,
}

/// The form of an exported file.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum FileFormat {
    /// A line of JSON for each entry
    #[default]
    Ndjson,
    /// A table
    Csv,
}

/// What to verify.
#[derive(Args)]
pub(crate) struct Verify {
    /// An exported file; without one, what the server has stored
    #[arg(requires = "key")]
    file: Option<PathBuf>,
    /// The server's public keys, for a file: a JWKS, one JWK or PEM file
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// An older export or checkpoint that the file has to continue
    #[arg(long, value_name = "FILE", requires = "file")]
    previous: Option<PathBuf>,
}

const COLUMNS: &[Column<AuditEvent>] = &[
    ("SEQ", |e| if e.seq == 0 { String::new() } else { e.seq.to_string() }),
    ("TIME", |e| time(e.time.as_ref())),
    ("BY", |e| id(&e.principal)),
    ("ACTION", |e| e.action.clone()),
    ("OBJECT", |e| short(&e.object)),
    ("OUTCOME", |e| word(e.outcome().as_str_name(), "AUDIT_OUTCOME")),
    ("ORIGIN", |e| word(e.origin().as_str_name(), "AUDIT_ORIGIN")),
    ("CORRELATION ID", |e| e.correlation_id.clone()),
];

const FIELDS: &[Column<AuditEvent>] = &[
    ("Event", |e| id(&e.name)),
    ("Number", |e| if e.seq == 0 { "not sealed yet".to_owned() } else { e.seq.to_string() }),
    ("Time", |e| time(e.time.as_ref())),
    ("By", |e| id(&e.principal)),
    ("On behalf of", |e| id(&e.on_behalf_of)),
    ("Action", |e| e.action.clone()),
    ("Object", |e| e.object.clone()),
    ("Business unit", |e| id(&e.business_unit)),
    ("Team", |e| id(&e.team)),
    ("Outcome", |e| word(e.outcome().as_str_name(), "AUDIT_OUTCOME")),
    ("Address", |e| e.ip.clone()),
    ("Program", |e| e.user_agent.clone()),
    ("Correlation id", |e| e.correlation_id.clone()),
    ("Details", |e| {
        let details = e.details.as_ref().filter(|details| !details.fields.is_empty());
        details.map(|details| crate::text::object(details).to_string()).unwrap_or_default()
    }),
];

pub(crate) async fn run(context: &Context, audit: Audit) -> Result<(), Failure> {
    match audit {
        Audit::List(listing) => {
            let request = ListAuditEventsRequest {
                page_size: listing.page_size(),
                filter: listing.filter.unwrap_or_default(),
                order_by: listing.order_by.unwrap_or_default(),
                ..Default::default()
            };
            context.print_list(context.client.list_audit_events(request), listing.limit, COLUMNS).await
        }
        Audit::Get { event } => {
            let name = names::alone(&event, "auditEvents")?;
            let event = context.client.audit().get_audit_event(pb::GetAuditEventRequest { name }).await?.into_inner();
            context.format.one(&event, FIELDS)?;
            match &event.effects {
                Some(done) if context.format == Format::Table && !done.changes.is_empty() => print(&effects(done)),
                _ => Ok(()),
            }
        }
        Audit::Export(export) => write(context, &export).await,
        Audit::Stats => {
            let stats = context.client.audit().get_audit_stats(pb::GetAuditStatsRequest::default()).await?.into_inner();
            context.format.text_or(&stats, counted)
        }
        Audit::Verify(Verify { file: Some(file), key: Some(key), previous }) => {
            check_file(&file, &key, previous.as_deref())
        }
        Audit::Verify(_) => check_server(context).await,
    }
}

/// Counts as people read them.
fn counted(stats: &pb::AuditStats) -> String {
    let mut text = format!("{} events\n", stats.total);
    let groups = [
        ("By outcome", &stats.by_outcome),
        ("By kind of object", &stats.by_object_type),
        ("By action", &stats.by_action),
        ("By day", &stats.by_day),
    ];
    for (title, counts) in groups.into_iter().filter(|(_, counts)| !counts.is_empty()) {
        text.push_str(&format!("\n{title}\n"));
        for count in counts {
            text.push_str(&format!("  {:>8}  {}\n", count.count, crate::text::one_line(&count.key)));
        }
    }
    text
}

async fn write(context: &Context, export: &Export) -> Result<(), Failure> {
    let format = match export.format {
        FileFormat::Ndjson => pb::AuditExportFormat::Ndjson,
        FileFormat::Csv => pb::AuditExportFormat::Csv,
    };
    let request = pb::ExportAuditEventsRequest {
        format: format.into(),
        from_seq: export.from_seq,
        to_seq: export.to_seq,
        cursor: String::new(),
    };
    let mut file: Box<dyn Write + Send> = if export.to == Path::new("-") {
        Box::new(io::stdout())
    } else {
        Box::new(BufWriter::new(File::create(&export.to)?))
    };
    let events = context.client.export_audit_events(request);
    pin_mut!(events);
    while let Some(event) = events.try_next().await? {
        match event {
            Event::Item(chunk) => file.write_all(&chunk.data)?,
            Event::End(end) => {
                file.flush()?;
                let size = end.checkpoint.map(|checkpoint| checkpoint.size).unwrap_or_default();
                note(&format!("{} entries of {size} exported.", end.entries));
            }
        }
    }
    Ok(())
}

fn check_file(file: &Path, key: &Path, previous: Option<&Path>) -> Result<(), Failure> {
    let wrong = |error: flagstone_verify::Error| Failure::Usage(error.to_string());
    let keys = Keys::read(&std::fs::read_to_string(key)?);
    let keys = keys.ok_or_else(|| Failure::Usage(format!("{} has no Ed25519 key.", key.display())))?;
    let older = previous.map(|path| Older::open(path, &keys)).transpose().map_err(wrong)?;
    let report = verify(BufReader::new(File::open(file)?), &keys, older).map_err(wrong)?;
    print(&report.lines().into_iter().map(|line| line + "\n").collect::<String>())?;
    if report.is_good() { Ok(()) } else { Err(tampered(report.finding_count)) }
}

fn tampered(findings: u64) -> Failure {
    Failure::Awaited(format!("The audit was changed: {findings} findings."))
}

/// Goes through everything that the server has stored, a range at a time.
async fn check_server(context: &Context) -> Result<(), Failure> {
    let mut from_seq = 1;
    let mut findings = 0;
    loop {
        let request = pb::VerifyAuditRequest { from_seq, to_seq: 0 };
        let found = context.client.audit().verify_audit(request).await?.into_inner();
        findings += u64::try_from(found.finding_count).unwrap_or_default();
        if context.format == Format::Table {
            for finding in &found.findings {
                let kind = word(finding.kind().as_str_name(), "AUDIT_FINDING_KIND");
                print(&format!("{kind}  {}\n", crate::text::one_line(&finding.message)))?;
            }
            let verdict = if found.ok { "OK" } else { "TAMPERED" };
            print(&format!("{verdict}  entries {} to {}\n", found.from_seq, found.to_seq))?;
        } else {
            context.format.item(&found)?;
        }
        if found.next_seq == 0 {
            return if findings == 0 { Ok(()) } else { Err(tampered(findings)) };
        }
        from_seq = found.next_seq;
    }
}
