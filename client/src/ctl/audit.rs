//! `registryctl audit`: asks nodes for exports, checkpoints and proofs, and verifies them offline.
//!
//! What is verified is decided in [`client::audit`]; here files are read and written.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use client::ClientError;
use client::audit::{self, ConsistencyProof, Export, Head, InclusionProof, Record, VerifierKey};
use client::{message_json, v1};

use crate::Session;
use crate::fail::CommandError;
use crate::screen::{Screen, Shown, time_text};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Jsonl,
    Csv,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Lists records, oldest first.
    #[command(after_help = "Example:\n  registryctl audit list --limit 10")]
    List {
        /// The first position.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// By this actor.
        #[arg(long, default_value = "")]
        actor: String,
        /// Of this action.
        #[arg(long, default_value = "")]
        action: String,
        /// Of resources that begin like this.
        #[arg(long, default_value = "")]
        resource: String,
        /// Most records to show.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Writes the records to a file, JSON lines or CSV.
    #[command(after_help = "Example:\n  registryctl audit export --file audit.jsonl")]
    Export {
        /// Where to; - is the standard output.
        #[arg(long, default_value = "-")]
        file: PathBuf,
        #[arg(long, value_enum, default_value_t = Format::Jsonl)]
        format: Format,
        /// The first position.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Before this position; otherwise all there are.
        #[arg(long)]
        to: Option<u64>,
    },
    /// Prints the tree head, signed by the node that answers (a C2SP checkpoint).
    #[command(
        after_help = "Example:\n  registryctl audit checkpoint --verifier-key > node.key\n  registryctl audit checkpoint > checkpoint"
    )]
    Checkpoint {
        /// Of this many records; otherwise of all.
        #[arg(long, default_value_t = 0)]
        size: u64,
        /// Print the node's verifier key instead. Get it once, over a way you trust, and keep it.
        #[arg(long)]
        verifier_key: bool,
    },
    /// Prints a record with the proof that it is in the tree.
    #[command(after_help = "Example:\n  registryctl audit prove 0 > record.proof")]
    Prove {
        /// Its position.
        position: u64,
        /// In the tree of this many records; otherwise of all.
        #[arg(long, default_value_t = 0)]
        size: u64,
    },
    /// Prints the proof that the tree of `from` records is the beginning of a later one.
    #[command(after_help = "Example:\n  registryctl audit prove-consistency 1")]
    ProveConsistency {
        /// Records of the older tree.
        from: u64,
        /// Records of the newer one; otherwise all.
        #[arg(long, default_value_t = 0)]
        to: u64,
    },
    /// Verifies offline: a whole export, one record, or that the log only grew, against a head that you trust.
    #[command(after_help = concat!(
        "Example:\n  registryctl audit checkpoint > now\n",
        "  registryctl audit prove 0 --size \"$(sed -n 2p now)\" > first.proof\n",
        "  registryctl audit verify --proof first.proof --checkpoint now --key node.key"
    ))]
    Verify(VerifyArguments),
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// Exports in JSON lines, oldest first: together they are the whole log from its first record on.
    #[arg(long)]
    export: Vec<PathBuf>,
    /// A proof made by `prove` or `prove-consistency`.
    #[arg(long)]
    proof: Option<PathBuf>,
    /// The signed checkpoint to verify against; with --key.
    #[arg(long, conflicts_with = "root")]
    checkpoint: Option<PathBuf>,
    /// An older signed checkpoint, for a proof of consistency.
    #[arg(long)]
    old_checkpoint: Option<PathBuf>,
    /// The verifier key of the node that signed, or a file with one.
    #[arg(long)]
    key: Option<String>,
    /// The root to verify against, base64, where you have it from elsewhere than a checkpoint.
    #[arg(long)]
    root: Option<String>,
}

impl AuditCommand {
    pub(crate) fn only_reads(&self) -> bool {
        !matches!(self, Self::Verify(_))
    }
}

type Done = Result<(), CommandError>;

pub(crate) async fn run_audit(session: &Session, command: &AuditCommand) -> Done {
    let (client, screen) = (&session.client, session.screen);
    match command {
        AuditCommand::List { from, actor, action, resource, limit } => {
            let question = v1::QueryAuditRequest {
                from: *from,
                actor: actor.clone(),
                action: action.clone(),
                resource: resource.clone(),
                limit: *limit,
                ..v1::QueryAuditRequest::default()
            };
            let found = client.audit_records(&question).await?;
            let row = |record: &v1::AuditRecord| {
                let v1::AuditRecord {
                    position, index, time_ms, principal, action, resource, outcome, request_id, ..
                } = record;
                let (position, index) = (position.to_string(), index.to_string());
                let texts = [principal, action, resource, outcome].map(Clone::clone);
                let mut row = vec![position, time_text(*time_ms)];
                row.extend(texts);
                row.extend([index, request_id.clone()]);
                row
            };
            screen.show(&Shown {
                columns: vec!["POSITION", "TIME", "PRINCIPAL", "ACTION", "RESOURCE", "OUTCOME", "+INDEX", "+REQUEST"],
                rows: found.records.iter().map(row).collect(),
                names: found.records.iter().map(|record| record.position.to_string()).collect(),
                json: message_json(&found)["records"].clone(),
                ..Shown::default()
            })
        }
        AuditCommand::Export { file, format, from, to } => {
            let format = match format {
                Format::Jsonl => "jsonl",
                Format::Csv => "csv",
            };
            let to = to.map(|to| format!("&to={to}")).unwrap_or_default();
            let path = format!("/api/v1/audit/export?format={format}&from={from}{to}");
            if file == Path::new("-") {
                return client.download(&path, &mut ToScreen(screen)).await.map_err(|error| match error {
                    ClientError::Broken { reason, .. } if reason.contains(OUTPUT_CLOSED) => CommandError::OutputClosed,
                    error => error.into(),
                });
            }
            let failed = |source| CommandError::file(file, source);
            let mut output = File::create(file).map_err(failed)?;
            client.download(&path, &mut output).await?;
            output.sync_all().map_err(failed)
        }
        AuditCommand::Checkpoint { size, verifier_key } => {
            let checkpoint = client.checkpoint(*size).await?;
            if *verifier_key {
                screen.write(&format!("{}\n", checkpoint.verifier_key))
            } else {
                screen.write(&checkpoint.note)
            }
        }
        AuditCommand::Prove { position, size } => {
            let proof = client.prove_inclusion(*position, *size).await?;
            let mut line = Vec::new();
            let to = position.saturating_add(1);
            client.download(&format!("/api/v1/audit/export?from={position}&to={to}"), &mut line).await?;
            let line = String::from_utf8_lossy(&line).into_owned();
            let record = Record::parse(1, &line).map_err(|_| {
                CommandError::NotFound(format!(
                    "record {position} is archived: it is in the export of then, not in the node"
                ))
            })?;
            let proof = InclusionProof { record, size: proof.size, hashes: proof.hashes };
            screen.write(&format!("{}\n", serde_json::to_string_pretty(&proof).unwrap_or_default()))
        }
        AuditCommand::ProveConsistency { from, to } => {
            let proof = client.prove_consistency(*from, *to).await?;
            let proof = ConsistencyProof { from: *from, to: proof.size, hashes: proof.hashes };
            screen.write(&format!("{}\n", serde_json::to_string_pretty(&proof).unwrap_or_default()))
        }
        AuditCommand::Verify(arguments) => verify_files(screen, arguments),
    }
}

/// What stands in the error of a download whose reader went away.
const OUTPUT_CLOSED: &str = "nobody reads the output";

/// The standard output as something to write to.
struct ToScreen(Screen);

impl std::io::Write for ToScreen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write_bytes(bytes).map_err(|_| std::io::Error::other(OUTPUT_CLOSED))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(crate) fn verify_files(screen: Screen, arguments: &VerifyArguments) -> Done {
    let key = arguments.key.as_deref().map(node_key).transpose()?;
    let head = |path: &Path| -> Result<Head, CommandError> {
        let key = key.as_ref().ok_or_else(|| {
            CommandError::Use("--checkpoint needs --key: without the node's key nobody can say who signed".to_owned())
        })?;
        key.open(&read_file(path)?).map_err(|source| CommandError::Proof { file: path.display().to_string(), source })
    };
    let trusted = arguments.checkpoint.as_deref().map(head).transpose()?;
    let root = match arguments.root.as_deref() {
        None => None,
        Some(text) => Some(
            audit::parse_root(text)
                .ok_or_else(|| CommandError::Use("--root is not the base64 of 32 bytes".to_owned()))?,
        ),
    };
    let trusted_for = |size: u64| {
        let of_root = root.map(|root| Head { size, root });
        trusted.or(of_root).ok_or_else(|| CommandError::Use("--checkpoint with --key, or --root, is needed".to_owned()))
    };
    if !arguments.export.is_empty() {
        let mut export = Export::default();
        for path in &arguments.export {
            let named = |source| CommandError::Proof { file: path.display().to_string(), source };
            let failed = |source| CommandError::file(path, source);
            for line in BufReader::new(File::open(path).map_err(failed)?).lines() {
                export.line(&line.map_err(failed)?).map_err(named)?;
            }
        }
        let size = export.tree().size();
        let named = |source| CommandError::Proof { file: "the export".to_owned(), source };
        export.check(&trusted_for(size)?).map_err(named)?;
        screen.write(&(format!("good: the export is the whole log of {size} records with that root") + "\n"))?;
    }
    if let Some(path) = &arguments.proof {
        let text = read_file(path)?;
        let named = |source| CommandError::Proof { file: path.display().to_string(), source };
        if let Ok(proof) = serde_json::from_str::<InclusionProof>(&text) {
            proof.check(&trusted_for(proof.size)?).map_err(named)?;
            screen.write(
                &(format!("good: record {} is in the log of {} records", proof.record.position, proof.size) + "\n"),
            )?;
        } else if let Ok(proof) = serde_json::from_str::<ConsistencyProof>(&text) {
            let old = arguments.old_checkpoint.as_deref().map(head).transpose()?;
            let old =
                old.ok_or_else(|| CommandError::Use("a proof of consistency needs --old-checkpoint".to_owned()))?;
            proof.check(&old, &trusted_for(proof.to)?).map_err(named)?;
            screen.write(
                &(format!("good: the log of {} records begins with the log of {}", proof.to, proof.from) + "\n"),
            )?;
        } else {
            return Err(CommandError::Use(format!("{} is no proof", path.display())));
        }
    }
    if arguments.export.is_empty() && arguments.proof.is_none() {
        return Err(CommandError::Use("--export or --proof says what to verify".to_owned()));
    }
    Ok(())
}

/// A key as such, or the file that has it.
fn node_key(text: &str) -> Result<VerifierKey, CommandError> {
    let text = if Path::new(text).is_file() { read_file(Path::new(text))? } else { text.to_owned() };
    VerifierKey::parse(&text).map_err(|source| CommandError::Proof { file: "--key".to_owned(), source })
}

fn read_file(path: &Path) -> Result<String, CommandError> {
    std::fs::read_to_string(path).map_err(|source| CommandError::file(path, source))
}
