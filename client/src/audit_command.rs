//! `registryctl audit`: asks nodes for exports, checkpoints and proofs, and verifies them offline.
//!
//! What is verified is decided in [`client::audit`]; here files are read and written.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use client::audit::{self, AuditError, ConsistencyProof, Export, Head, InclusionProof, Record, VerifierKey};
use client::{Client, ClientError};
use serde_json::Value;

/// Why a command of this part did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("{file}: {source}")]
    Proof { file: String, source: AuditError },
    #[error("{path}: {source}")]
    File { path: String, source: std::io::Error },
    #[error("{0}")]
    Use(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Jsonl,
    Csv,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Writes the records to a file, JSON lines or CSV.
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
    Checkpoint {
        /// Of this many records; otherwise of all.
        #[arg(long, default_value_t = 0)]
        size: u64,
        /// Print the node's verifier key instead. Get it once, over a way you trust, and keep it.
        #[arg(long)]
        verifier_key: bool,
    },
    /// Prints a record with the proof that it is in the tree.
    Prove {
        /// Its position.
        position: u64,
        /// In the tree of this many records; otherwise of all.
        #[arg(long, default_value_t = 0)]
        size: u64,
    },
    /// Prints the proof that the tree of `from` records is the beginning of a later one.
    ProveConsistency {
        /// Records of the older tree.
        from: u64,
        /// Records of the newer one; otherwise all.
        #[arg(long, default_value_t = 0)]
        to: u64,
    },
    /// Verifies offline: a whole export, one record, or that the log only grew, against a head that you trust.
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

type Done = Result<(), CommandError>;

pub(crate) async fn run(client: &Client, command: AuditCommand) -> Done {
    match command {
        AuditCommand::Export { file, format, from, to } => {
            let format = match format {
                Format::Jsonl => "jsonl",
                Format::Csv => "csv",
            };
            let to = to.map(|to| format!("&to={to}")).unwrap_or_default();
            let path = format!("/api/v1/audit/export?format={format}&from={from}{to}");
            let failed = |source| CommandError::File { path: file.display().to_string(), source };
            if file == Path::new("-") {
                client.download(&path, &mut std::io::stdout().lock()).await?;
            } else {
                let mut output = File::create(&file).map_err(failed)?;
                client.download(&path, &mut output).await?;
                output.sync_all().map_err(failed)?;
            }
        }
        AuditCommand::Checkpoint { size, verifier_key } => {
            let answer = client.get(&format!("/api/v1/audit/checkpoint?size={size}")).await?;
            if verifier_key {
                println!("{}", text(&answer, "verifierKey")?);
            } else {
                print!("{}", text(&answer, "note")?);
            }
        }
        AuditCommand::Prove { position, size } => {
            let proof = client.get(&format!("/api/v1/audit/proofs/inclusion?position={position}&size={size}")).await?;
            let mut line = Vec::new();
            let to = position.saturating_add(1);
            client.download(&format!("/api/v1/audit/export?from={position}&to={to}"), &mut line).await?;
            let line = String::from_utf8_lossy(&line).into_owned();
            let record = Record::parse(1, &line).map_err(|_| {
                CommandError::Use(format!(
                    "record {position} is archived: it is in the export of then, not in the node"
                ))
            })?;
            let proof = InclusionProof { record, size: number(&proof, "size")?, hashes: hashes(&proof) };
            println!("{}", serde_json::to_string_pretty(&proof).unwrap_or_default());
        }
        AuditCommand::ProveConsistency { from, to } => {
            let proof = client.get(&format!("/api/v1/audit/proofs/consistency?from={from}&to={to}")).await?;
            let proof = ConsistencyProof { from, to: number(&proof, "size")?, hashes: hashes(&proof) };
            println!("{}", serde_json::to_string_pretty(&proof).unwrap_or_default());
        }
        AuditCommand::Verify(arguments) => verify(&arguments)?,
    }
    Ok(())
}

fn verify(arguments: &VerifyArguments) -> Done {
    let key = arguments.key.as_deref().map(key).transpose()?;
    let head = |path: &Path| -> Result<Head, CommandError> {
        let key = key.as_ref().ok_or_else(|| {
            CommandError::Use("--checkpoint needs --key: without the node's key nobody can say who signed".to_owned())
        })?;
        key.open(&read(path)?).map_err(|source| CommandError::Proof { file: path.display().to_string(), source })
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
            let failed = |source| CommandError::File { path: path.display().to_string(), source };
            for line in BufReader::new(File::open(path).map_err(failed)?).lines() {
                export.line(&line.map_err(failed)?).map_err(named)?;
            }
        }
        let size = export.tree().size();
        let named = |source| CommandError::Proof { file: "the export".to_owned(), source };
        export.check(&trusted_for(size)?).map_err(named)?;
        println!("good: the export is the whole log of {size} records with that root");
    }
    if let Some(path) = &arguments.proof {
        let text = read(path)?;
        let named = |source| CommandError::Proof { file: path.display().to_string(), source };
        if let Ok(proof) = serde_json::from_str::<InclusionProof>(&text) {
            proof.check(&trusted_for(proof.size)?).map_err(named)?;
            println!("good: record {} is in the log of {} records", proof.record.position, proof.size);
        } else if let Ok(proof) = serde_json::from_str::<ConsistencyProof>(&text) {
            let old = arguments.old_checkpoint.as_deref().map(head).transpose()?;
            let old =
                old.ok_or_else(|| CommandError::Use("a proof of consistency needs --old-checkpoint".to_owned()))?;
            proof.check(&old, &trusted_for(proof.to)?).map_err(named)?;
            println!("good: the log of {} records begins with the log of {}", proof.to, proof.from);
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
fn key(text: &str) -> Result<VerifierKey, CommandError> {
    let text = if Path::new(text).is_file() { read(Path::new(text))? } else { text.to_owned() };
    VerifierKey::parse(&text).map_err(|source| CommandError::Proof { file: "--key".to_owned(), source })
}

fn read(path: &Path) -> Result<String, CommandError> {
    std::fs::read_to_string(path).map_err(|source| CommandError::File { path: path.display().to_string(), source })
}

fn text<'a>(answer: &'a Value, name: &str) -> Result<&'a str, CommandError> {
    answer[name].as_str().ok_or_else(|| CommandError::Use(format!("the node's answer has no {name}")))
}

fn number(answer: &Value, name: &str) -> Result<u64, CommandError> {
    answer[name].as_u64().ok_or_else(|| CommandError::Use(format!("the node's answer has no {name}")))
}

fn hashes(answer: &Value) -> Vec<String> {
    let hashes = answer["hashes"].as_array().into_iter().flatten();
    hashes.filter_map(Value::as_str).map(ToOwned::to_owned).collect()
}
