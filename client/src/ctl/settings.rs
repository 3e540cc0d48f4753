//! `registryctl config`, `mode` and `context`.

use clap::Subcommand;
use client::Settings;
use serde_json::json;

use crate::Session;
use crate::fail::CommandError;
use crate::screen::Shown;

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Shows what a scope sets: a subject, a context (:.name:), or all.
    #[command(after_help = "Example:\n  registryctl config get orders-value --inherited")]
    Get {
        /// The scope; otherwise all.
        scope: Option<String>,
        /// What holds, also where the scope sets nothing.
        #[arg(long)]
        inherited: bool,
    },
    /// Sets what is given; the rest stays.
    #[command(after_help = "Example:\n  registryctl config set orders-value --compatibility FULL")]
    Set {
        /// The scope; otherwise all.
        scope: Option<String>,
        /// NONE, BACKWARD, BACKWARD_TRANSITIVE, FORWARD, FORWARD_TRANSITIVE, FULL or FULL_TRANSITIVE.
        #[arg(long)]
        compatibility: Option<String>,
        /// Register schemas in their normalised form.
        #[arg(long)]
        normalize: Option<bool>,
        /// Check fields strictly.
        #[arg(long)]
        validate_fields: Option<bool>,
        /// STRICT or LENIENT.
        #[arg(long)]
        compatibility_policy: Option<String>,
        /// The metadata property that separates groups of versions.
        #[arg(long)]
        compatibility_group: Option<String>,
        /// Another name for the subject.
        #[arg(long)]
        alias: Option<String>,
    },
    /// Takes away what a scope sets.
    #[command(after_help = "Example:\n  registryctl config delete orders-value")]
    Delete {
        /// The scope; otherwise all.
        scope: Option<String>,
    },
}

impl ConfigCommand {
    pub(crate) fn only_reads(&self) -> bool {
        matches!(self, Self::Get { .. })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModeCommand {
    /// Shows the mode of a scope.
    #[command(after_help = "Example:\n  registryctl mode get orders-value --inherited")]
    Get {
        /// The scope; otherwise all.
        scope: Option<String>,
        /// What holds, also where the scope sets nothing.
        #[arg(long)]
        inherited: bool,
    },
    /// Sets the mode of a scope.
    #[command(after_help = "Example:\n  registryctl mode set orders-value READONLY")]
    Set {
        /// [SCOPE] MODE, where MODE is READWRITE, READONLY, IMPORT or FORWARD.
        #[arg(num_args = 1..=2, required = true, value_names = ["SCOPE", "MODE"])]
        scope_and_mode: Vec<String>,
        /// Let IMPORT begin where schemas are.
        #[arg(long)]
        force: bool,
    },
    /// Takes the mode of a scope away.
    #[command(after_help = "Example:\n  registryctl mode delete orders-value")]
    Delete {
        /// The scope; otherwise all.
        scope: Option<String>,
    },
}

impl ModeCommand {
    pub(crate) fn only_reads(&self) -> bool {
        matches!(self, Self::Get { .. })
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContextCommand {
    /// Lists the contexts that have something in them.
    #[command(after_help = "Example:\n  registryctl context list")]
    List,
    /// Removes an empty context.
    #[command(after_help = "Example:\n  registryctl context delete .nowhere --dry-run")]
    Delete {
        /// The context.
        name: String,
    },
}

impl ContextCommand {
    pub(crate) fn only_reads(&self) -> bool {
        matches!(self, Self::List)
    }
}

type Done = Result<(), CommandError>;

/// The scope that is asked for: a subject or a context; without one, the context of the session, or all.
fn scope(session: &Session, asked: Option<&String>) -> Option<String> {
    let context = session.subject("");
    match asked {
        Some(asked) => Some(session.subject(asked)),
        None if context.is_empty() => None,
        None => Some(context),
    }
}

fn named(scope: Option<&str>) -> String {
    scope.unwrap_or("(all)").to_owned()
}

fn shown(settings: &Settings, scope: Option<&str>) -> Result<Shown, CommandError> {
    let json = serde_json::to_value(settings).map_err(|error| CommandError::Use(error.to_string()))?;
    let rows =
        json.as_object().into_iter().flatten().map(|(name, value)| {
            vec![name.clone(), value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)]
        });
    let rows = rows.collect();
    let names = vec![named(scope)];
    Ok(Shown { columns: vec!["SETTING", "VALUE"], rows, json, names, ..Shown::default() })
}

pub(crate) async fn run_config(session: &Session, command: &ConfigCommand) -> Done {
    let client = &session.client;
    match command {
        ConfigCommand::Get { scope: asked, inherited } => {
            let scope = scope(session, asked.as_ref());
            let found = client.config(scope.as_deref(), *inherited).await?;
            session.screen.show(&shown(&found, scope.as_deref())?)
        }
        ConfigCommand::Set {
            scope: asked,
            compatibility,
            normalize,
            validate_fields,
            compatibility_policy,
            compatibility_group,
            alias,
        } => {
            let scope = scope(session, asked.as_ref());
            let settings = Settings {
                compatibility: compatibility.as_ref().map(|level| level.to_uppercase()),
                normalize: *normalize,
                validate_fields: *validate_fields,
                compatibility_policy: compatibility_policy.clone(),
                compatibility_group: compatibility_group.clone(),
                alias: alias.clone(),
                ..Settings::default()
            };
            if settings == Settings::default() {
                return Err(CommandError::Use("say what to set, for instance --compatibility FULL".to_owned()));
            }
            let what = serde_json::to_string(&settings).unwrap_or_default();
            if session.only_says(&format!("set the configuration of {} to {what}", named(scope.as_deref())))? {
                return Ok(());
            }
            let now = client.set_config(scope.as_deref(), &settings).await?;
            session.screen.show(&shown(&now, scope.as_deref())?)
        }
        ConfigCommand::Delete { scope: asked } => {
            let scope = scope(session, asked.as_ref());
            let name = named(scope.as_deref());
            if session.only_says(&format!("take the configuration of {name} away"))? {
                return Ok(());
            }
            client.delete_config(scope.as_deref()).await?;
            session.done(format!("{name} sets nothing any more"), json!({"deleted": name}), name.clone())
        }
    }
}

pub(crate) async fn run_mode(session: &Session, command: &ModeCommand) -> Done {
    let client = &session.client;
    match command {
        ModeCommand::Get { scope: asked, inherited } => {
            let scope = scope(session, asked.as_ref());
            let mode = client.mode(scope.as_deref(), *inherited).await?;
            session.done(mode.clone(), json!({"mode": mode}), mode)
        }
        ModeCommand::Set { scope_and_mode, force } => {
            let (asked, mode) = match scope_and_mode.as_slice() {
                [mode] => (None, mode.to_uppercase()),
                [scope, mode] => (Some(scope), mode.to_uppercase()),
                _ => return Err(CommandError::Use("mode set takes [SCOPE] MODE".to_owned())),
            };
            let scope = scope(session, asked);
            let name = named(scope.as_deref());
            if session.only_says(&format!("set the mode of {name} to {mode}"))? {
                return Ok(());
            }
            client.set_mode(scope.as_deref(), &mode, *force).await?;
            session.done(format!("{name} is {mode}"), json!({"scope": scope, "mode": mode}), mode.clone())
        }
        ModeCommand::Delete { scope: asked } => {
            let scope = scope(session, asked.as_ref());
            let name = named(scope.as_deref());
            if session.only_says(&format!("take the mode of {name} away"))? {
                return Ok(());
            }
            client.delete_mode(scope.as_deref()).await?;
            session.done(format!("{name} sets no mode any more"), json!({"deleted": name}), name.clone())
        }
    }
}

pub(crate) async fn run_context(session: &Session, command: &ContextCommand) -> Done {
    match command {
        ContextCommand::List => {
            let names = session.client.contexts().await?;
            let rows = names.iter().map(|name| vec![name.clone()]).collect();
            session.screen.show(&Shown {
                columns: vec!["CONTEXT"],
                rows,
                json: json!(names),
                names,
                ..Shown::default()
            })
        }
        ContextCommand::Delete { name } => {
            if session.only_says(&format!("delete the context {name}"))? {
                return Ok(());
            }
            session.client.delete_context(name).await?;
            session.done(format!("the context {name} is gone"), json!({"deleted": name}), name.clone())
        }
    }
}
