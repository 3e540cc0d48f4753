//! `registryctl llm`: schemas in the dialects of model providers, findings, and answers of models; all of it made here, so
//! that only what a schema refers to is asked for.

use std::path::PathBuf;

use ::llm::check::{Answer, Checker, Policy, Status};
use ::llm::envelope::{self, Described};
use ::llm::lint::{About, Severity, lint, sarif};
use ::llm::toolset::{Change, Pins, ToolSet};
use ::llm::{Dialect, Int64, Options, Projection, Source, dialects};
use client::NewSchema;
use serde_json::{Value, json};

use crate::Session;
use crate::fail::CommandError;
use crate::screen::{Shown, Tone};
use crate::source::{SchemaSource, read_text};

type Done = Result<(), CommandError>;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum LlmCommand {
    /// Lists the dialects of the model providers.
    #[command(after_help = "Example:\n  registryctl llm dialects")]
    Dialects,
    /// Writes a schema in a dialect, and says what that loses. Exit code 1 if the dialect has no words for it.
    #[command(
        after_help = "Example:\n  registryctl llm project --file orders.avsc --dialect openai --as tool --name order"
    )]
    Project {
        #[command(flatten)]
        source: SchemaSource,
        /// The id of a dialect, or a name of the newest of its kind.
        #[arg(long)]
        dialect: String,
        /// Only the part of a request.
        #[arg(long = "as", value_enum)]
        envelope: Option<Envelope>,
        /// The name of the tool or the format.
        #[arg(long, default_value = "schema")]
        name: String,
        /// What the tool is for.
        #[arg(long)]
        description: Option<String>,
        #[command(flatten)]
        options: ProjectionOptions,
    },
    /// Finds what providers refuse, lose or misread. Exit code 1 if a request would fail.
    #[command(after_help = "Example:\n  registryctl llm lint --file orders.avsc --dialect openai --dialect anthropic")]
    Lint {
        #[command(flatten)]
        source: SchemaSource,
        /// A dialect; may be repeated [default: all].
        #[arg(long)]
        dialect: Vec<String>,
        /// The name of the tool.
        #[arg(long)]
        name: Option<String>,
        /// Print SARIF 2.1.0.
        #[arg(long)]
        sarif: bool,
        #[command(flatten)]
        options: ProjectionOptions,
    },
    /// Judges the answer of a model, and mends it where that is certain. Exit code 1 if it is not valid.
    #[command(after_help = "Example:\n  registryctl llm check --file orders.avsc --dialect openai --answer order.json")]
    Check {
        #[command(flatten)]
        source: SchemaSource,
        /// The dialect in which the model was asked.
        #[arg(long)]
        dialect: String,
        /// The file with what the model wrote; - is the standard input.
        #[arg(long)]
        answer: PathBuf,
        /// The file holds the whole response of the provider.
        #[arg(long)]
        response: bool,
        /// How far it is mended: strict, safe or lenient.
        #[arg(long, default_value = "safe", value_parser = parse_policy)]
        policy: Policy,
        /// A repair that is not wanted; may be repeated.
        #[arg(long)]
        without: Vec<String>,
        #[command(flatten)]
        options: ProjectionOptions,
    },
    /// Writes the tools that an MCP server lists as a provider takes them. Exit code 1 if it would refuse them.
    #[command(after_help = "Example:\n  registryctl llm toolset --tools tools.json --dialect openai")]
    Toolset {
        /// The file with what tools/list answers, or a list of tools; - is the standard input.
        #[arg(long)]
        tools: PathBuf,
        /// The id of a dialect, or a name of the newest of its kind.
        #[arg(long)]
        dialect: String,
        #[command(flatten)]
        options: ProjectionOptions,
    },
    /// Prints the digests of tools, to pin them; with --against, says what changed since. Exit code 1 if anything.
    #[command(
        after_help = "Example:\n  registryctl llm pin --tools tools.json --output json > pins.json\n  registryctl llm pin --tools tools.json --against pins.json"
    )]
    Pin {
        /// The file with what tools/list answers, or a list of tools; - is the standard input.
        #[arg(long)]
        tools: PathBuf,
        /// The file with what was pinned.
        #[arg(long)]
        against: Option<PathBuf>,
    },
}

/// A part of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Envelope {
    /// What stands in the list of tools.
    Tool,
    /// What asks for an answer of this form.
    Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ProjectionOptions {
    /// Write out every reference.
    #[arg(long)]
    inline: bool,
    /// Ask for a text that holds JSON where the schema says nothing about a value.
    #[arg(long)]
    json_string: bool,
    /// How often a schema that refers to itself is written out.
    #[arg(long)]
    unroll: Option<u32>,
    /// Whole numbers of 64 bits as integer or as string.
    #[arg(long, value_parser = parse_int64)]
    int64: Option<Int64>,
}

impl ProjectionOptions {
    fn read(&self) -> Options {
        let Self { inline, json_string, unroll, int64 } = *self;
        let default = Options::default();
        Options { inline, json_string, unroll: unroll.unwrap_or(default.unroll), int64 }
    }
}

fn parse_policy(name: &str) -> Result<Policy, String> {
    Policy::from_name(name).ok_or_else(|| format!("{name} is no policy: write strict, safe or lenient"))
}

fn parse_int64(name: &str) -> Result<Int64, String> {
    match name {
        "integer" => Ok(Int64::Integer),
        "string" => Ok(Int64::String),
        _ => Err(format!("{name}: write integer or string")),
    }
}

fn dialect_named(name: &str) -> Result<&'static Dialect, CommandError> {
    dialects::find(name)
        .ok_or_else(|| CommandError::Use(format!("there is no dialect {name}: registryctl llm dialects lists them")))
}

pub(crate) async fn run_llm(session: &Session, command: &LlmCommand) -> Done {
    match command {
        LlmCommand::Dialects => list_dialects(session),
        LlmCommand::Project { source, dialect, envelope, name, description, options } => {
            let dialect = dialect_named(dialect)?;
            let source = read_source(session, &source.read(session)?).await?;
            let projection = project_source(&source, dialect, &options.read())?;
            let described = Described { name, description: description.as_deref() };
            show_projection(session, dialect, *envelope, described, &projection)
        }
        LlmCommand::Toolset { tools, dialect, options } => {
            let listed = tool_set(tools)?.listed(dialect_named(dialect)?, &options.read());
            let listed = listed.map_err(|refusal| CommandError::Negative(refusal.to_string()))?;
            let tail = vec![format!("{listed:#}")];
            session.screen.show(&Shown { tail, json: listed, ..Shown::default() })
        }
        LlmCommand::Pin { tools, against } => run_pin(session, &tool_set(tools)?, against.as_deref()),
        LlmCommand::Lint { source, dialect, name, sarif, options } => {
            let wanted = if dialect.is_empty() {
                dialects::all().iter().collect()
            } else {
                dialect.iter().map(|name| dialect_named(name)).collect::<Result<Vec<_>, _>>()?
            };
            let about = About { name: name.clone(), description: None };
            let source = read_source(session, &source.read(session)?).await?;
            show_findings(session, &source, &wanted, &options.read(), &about, *sarif)
        }
        LlmCommand::Check { source, dialect, answer, response, policy, without, options } => {
            let dialect = dialect_named(dialect)?;
            let source = read_source(session, &source.read(session)?).await?;
            let projection = project_source(&source, dialect, &options.read())?;
            let registered = source.validator().map_err(|error| CommandError::Negative(error.to_string()))?;
            let checker =
                Checker { source: &source, projection: &projection, registered: &registered, policy: *policy, without };
            judge_answer(session, checker, &read_text(answer)?, *response)
        }
    }
}

fn tool_set(path: &std::path::Path) -> Result<ToolSet, CommandError> {
    let listed: Value = serde_json::from_str(&read_text(path)?)
        .map_err(|error| CommandError::Use(format!("{} is no JSON: {error}", path.display())))?;
    ToolSet::read(&listed).map_err(|refusal| CommandError::Negative(refusal.to_string()))
}

fn run_pin(session: &Session, set: &ToolSet, against: Option<&std::path::Path>) -> Done {
    let pins = set.pins();
    let Some(against) = against else {
        let rows = pins.tools.iter().map(|(name, digest)| vec![name.clone(), digest.clone()]);
        return session.screen.show(&Shown {
            head: vec![format!("{:<16} {}", "set", pins.digest)],
            columns: vec!["TOOL", "DIGEST"],
            rows: rows.collect(),
            json: json!(pins),
            names: vec![pins.digest.clone()],
            ..Shown::default()
        });
    };
    let pinned: Pins = serde_json::from_str(&read_text(against)?)
        .map_err(|error| CommandError::Use(format!("{} holds no pins: {error}", against.display())))?;
    let changes = set.changes(&pinned);
    let row = |change: &Change| match change {
        Change::Added(name) => vec!["TOOL_ADDED".to_owned(), name.clone()],
        Change::Removed(name) => vec!["TOOL_REMOVED".to_owned(), name.clone()],
        Change::Changed(name) => vec!["TOOL_CHANGED".to_owned(), name.clone()],
    };
    let (head, columns) = if changes.is_empty() {
        (vec!["the tools are those that were pinned".to_owned()], Vec::new())
    } else {
        (Vec::new(), vec!["CHANGE", "TOOL"])
    };
    session.screen.show(&Shown {
        head,
        columns,
        rows: changes.iter().map(row).collect(),
        json: json!({"changes": changes, "digest": pins.digest}),
        names: changes.iter().map(|change| row(change)[1].clone()).collect(),
        ..Shown::default()
    })?;
    match changes.len() {
        0 => Ok(()),
        count => Err(CommandError::Negative(format!("{count} tools are not those that were pinned"))),
    }
}

async fn read_source(session: &Session, schema: &NewSchema) -> Result<Source, CommandError> {
    let closure = session.client.closure(&schema.references, None).await?;
    Source::parse(schema.format, &schema.text, &closure).map_err(|error| CommandError::Negative(error.to_string()))
}

fn project_source(source: &Source, dialect: &Dialect, options: &Options) -> Result<Projection, CommandError> {
    source.project(dialect, options).map_err(|refusal| CommandError::Negative(refusal.to_string()))
}

fn list_dialects(session: &Session) -> Done {
    let row = |dialect: &Dialect| {
        let offers = [(dialect.tool.is_some(), "tools"), (dialect.answer.is_some(), "answers")];
        let offers: Vec<&str> = offers.into_iter().filter(|(is, _)| *is).map(|(_, what)| what).collect();
        vec![
            dialect.id.clone(),
            dialect.aliases.join(", "),
            offers.join(", "),
            dialect.title.clone(),
            dialect.sources.clone(),
        ]
    };
    session.screen.show(&Shown {
        columns: vec!["DIALECT", "ALSO", "FOR", "WHAT IT IS", "+SOURCES"],
        rows: dialects::all().iter().map(row).collect(),
        json: json!(dialects::all()),
        names: dialects::all().iter().map(|dialect| dialect.id.clone()).collect(),
        ..Shown::default()
    })
}

fn show_projection(
    session: &Session,
    dialect: &Dialect,
    envelope: Option<Envelope>,
    described: Described<'_>,
    projection: &Projection,
) -> Done {
    let wrapped = match envelope {
        Some(Envelope::Tool) => envelope::tool(dialect, described, &projection.schema),
        Some(Envelope::Format) => envelope::answer(dialect, described, &projection.schema),
        None => Ok(projection.schema.clone()),
    };
    let wrapped = wrapped.map_err(|refusal| CommandError::Negative(refusal.to_string()))?;
    let rows = projection.losses.iter();
    let rows: Vec<_> = rows.map(|loss| vec![loss.code.clone(), root_or(&loss.pointer), loss.message.clone()]).collect();
    let columns = if rows.is_empty() { Vec::new() } else { vec!["LOSS", "WHERE", "WHAT"] };
    let json = match envelope {
        Some(_) => wrapped.clone(),
        None => json!({"dialect": dialect.id, "schema": wrapped, "losses": projection.losses,
            "stats": projection.stats, "digest": projection.digest}),
    };
    let tail = vec![format!("{wrapped:#}")];
    session.screen.show(&Shown {
        columns,
        rows,
        tail,
        json,
        names: vec![projection.digest.clone()],
        ..Shown::default()
    })
}

fn root_or(pointer: &str) -> String {
    if pointer.is_empty() { "/".to_owned() } else { pointer.to_owned() }
}

fn show_findings(
    session: &Session,
    source: &Source,
    wanted: &[&Dialect],
    options: &Options,
    about: &About,
    as_sarif: bool,
) -> Done {
    let found = lint(source, wanted, options, about);
    let word = |severity: Severity| match severity {
        Severity::Error => session.screen.tone(Tone::Bad, "error"),
        Severity::Warning => session.screen.tone(Tone::Doubtful, "warning"),
        Severity::Note => "note".to_owned(),
    };
    if as_sarif {
        session.screen.write(&format!("{:#}\n", sarif(&found, env!("CARGO_PKG_VERSION"))))?;
    } else {
        let rows = found.iter().map(|finding| {
            vec![
                word(finding.severity),
                finding.code.clone(),
                root_or(&finding.pointer),
                finding.message.clone(),
                if finding.dialects.len() == wanted.len() { "all".to_owned() } else { finding.dialects.join(", ") },
            ]
        });
        let head = if found.is_empty() { vec!["nothing was found".to_owned()] } else { Vec::new() };
        let columns = if found.is_empty() { Vec::new() } else { vec!["HOW BAD", "CODE", "WHERE", "WHAT", "DIALECTS"] };
        session.screen.show(&Shown {
            head,
            columns,
            rows: rows.collect(),
            json: json!({"findings": found}),
            names: found.iter().map(|finding| finding.code.clone()).collect(),
            ..Shown::default()
        })?;
    }
    match found.iter().filter(|finding| finding.severity == Severity::Error).count() {
        0 => Ok(()),
        count => Err(CommandError::Negative(format!("{count} findings make a request fail"))),
    }
}

fn judge_answer(session: &Session, checker: Checker<'_>, answer: &str, is_response: bool) -> Done {
    let unusable = |error: schema::SchemaError| CommandError::Negative(error.to_string());
    let report = if is_response {
        let response: Value = serde_json::from_str(answer)
            .map_err(|error| CommandError::Use(format!("the response is no JSON: {error}")))?;
        checker.check(Answer::Response(&response)).map_err(unusable)?
    } else {
        checker.check(Answer::Text(answer)).map_err(unusable)?
    };
    let word = json!(report.status).as_str().unwrap_or_default().to_owned();
    let repairs = report.repairs.iter().map(|repair| vec![repair.code.to_owned(), root_or(&repair.pointer)]);
    let errors = report.errors.iter().map(|fault| vec![fault.message.clone(), root_or(&fault.pointer)]);
    let rows: Vec<_> = repairs.chain(errors).collect();
    let columns = if rows.is_empty() { Vec::new() } else { vec!["WHAT", "WHERE"] };
    let tail = report.value.iter().map(|value| format!("{value:#}")).collect();
    session.screen.show(&Shown {
        head: vec![word.clone()],
        columns,
        rows,
        tail,
        json: json!(report),
        names: vec![word.clone()],
    })?;
    match report.status {
        Status::Valid | Status::Repaired => Ok(()),
        Status::Invalid | Status::Refused | Status::Truncated => {
            Err(CommandError::Negative(format!("the answer is {word}")))
        }
    }
}
