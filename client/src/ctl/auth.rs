//! `registryctl auth`: accounts and keys, roles, bindings, policies, and what they come to.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use client::access::{
    AccessPolicyRequest, AccountBody, AccountRequest, BindingBody, DecisionBody, ExplainRequest, KeyBody, KeyRequest,
    RoleRequest,
};
use proto::time::rfc3339;
use serde::Serialize;
use serde_json::json;

use crate::Session;
use crate::fail::CommandError;
use crate::profile::parse_duration;
use crate::screen::Shown;

#[derive(Debug, Subcommand)]
pub(crate) enum AuthCommand {
    /// Shows who you are, as the registry sees it.
    #[command(after_help = "Example:\n  registryctl auth whoami")]
    Whoami,
    /// Asks whether you may do something. Exit code 1 if not.
    #[command(after_help = "Example:\n  registryctl auth can-i subject.read --subject orders-value")]
    CanI {
        /// The permission, as `registryctl auth role list` shows them.
        permission: String,
        #[command(flatten)]
        on: On,
    },
    /// Tells whether somebody may do something, and which bindings and policies decide it.
    #[command(after_help = "Example:\n  registryctl auth explain subject.read --user ada --subject orders-value")]
    Explain {
        /// The permission.
        permission: String,
        /// A person.
        #[arg(long, conflicts_with = "account")]
        user: Option<String>,
        /// An account.
        #[arg(long)]
        account: Option<String>,
        /// A group that the person is in; may be repeated.
        #[arg(long)]
        group: Vec<String>,
        #[command(flatten)]
        on: On,
    },
    /// Accounts of programs.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Keys of accounts.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Roles: what may be done.
    #[command(subcommand)]
    Role(RoleCommand),
    /// Bindings: who has which role where.
    #[command(subcommand)]
    Binding(BindingCommand),
    /// Policies above roles, in Cedar.
    #[command(subcommand)]
    Policy(PolicyCommand),
}

/// What a question is about; the cluster if nothing is given.
#[derive(Debug, Args)]
pub(crate) struct On {
    /// A subject.
    #[arg(long)]
    subject: Option<String>,
    /// A context.
    #[arg(long)]
    in_context: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Lists accounts.
    #[command(after_help = "Example:\n  registryctl auth account list")]
    List,
    /// Makes an account, or changes it.
    #[command(after_help = "Example:\n  registryctl auth account set ci --owner platform --description 'the build'")]
    Set {
        /// Its name.
        name: String,
        /// What it is for.
        #[arg(long, default_value = "")]
        description: String,
        /// Who answers for it.
        #[arg(long, default_value = "")]
        owner: String,
        /// None of its keys may be used.
        #[arg(long)]
        disabled: bool,
    },
    /// Removes an account with its keys.
    #[command(after_help = "Example:\n  registryctl auth account set old && registryctl auth account delete old")]
    Delete {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Lists the keys of all accounts, or of one.
    #[command(after_help = "Example:\n  registryctl auth key list ci")]
    List {
        /// The account.
        account: Option<String>,
    },
    /// Makes a key and shows its secret, this once. An account has two keys at most: the one in use, and its successor.
    #[command(
        after_help = "Example:\n  registryctl auth key create ci --name laptop --expires-in 90d -o json > key.json"
    )]
    Create {
        /// The account.
        account: String,
        /// What it is for.
        #[arg(long, default_value = "")]
        name: String,
        /// When it ends, for instance 90d [default: never].
        #[arg(long)]
        expires_in: Option<String>,
    },
    /// Revokes a key: no node accepts it any more.
    #[command(
        after_help = "Example:\n  registryctl auth key revoke ci $(registryctl auth key list ci -o name | head -n 1)"
    )]
    Revoke {
        /// The account.
        account: String,
        /// The key's id.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum RoleCommand {
    /// Lists roles with what they allow.
    #[command(after_help = "Example:\n  registryctl auth role list")]
    List,
    /// Makes a role, or changes it.
    #[command(after_help = "Example:\n  registryctl auth role set checker --permission subject.read,subject.check")]
    Set {
        /// Its name.
        name: String,
        /// What it is for.
        #[arg(long, default_value = "")]
        description: String,
        /// What it allows; may be repeated.
        #[arg(long, required = true, value_delimiter = ',')]
        permission: Vec<String>,
    },
    /// Removes a role that nobody has.
    #[command(
        after_help = "Example:\n  registryctl auth role set gone --permission subject.read && registryctl auth role delete gone"
    )]
    Delete {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum BindingCommand {
    /// Lists who has which role where.
    #[command(after_help = "Example:\n  registryctl auth binding list")]
    List,
    /// Gives a role to somebody.
    #[command(
        after_help = "Example:\n  registryctl auth binding set ci-orders --role publisher --account ci --prefix orders-"
    )]
    Set(SetBinding),
    /// Takes a role away.
    #[command(after_help = "Example:\n  registryctl auth binding delete ci-orders")]
    Delete {
        /// The binding's name.
        name: String,
    },
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("who").required(true).args(["user", "group", "account", "anyone", "authenticated"]))]
#[command(group = clap::ArgGroup::new("which").args(["subject", "prefix", "pattern"]))]
pub(crate) struct SetBinding {
    /// The binding's name.
    name: String,
    /// The role.
    #[arg(long)]
    role: String,
    /// A person.
    #[arg(long)]
    user: Option<String>,
    /// A group of an identity provider.
    #[arg(long)]
    group: Option<String>,
    /// An account.
    #[arg(long)]
    account: Option<String>,
    /// Whoever asks, also without saying who.
    #[arg(long)]
    anyone: bool,
    /// Whoever says who asks.
    #[arg(long)]
    authenticated: bool,
    /// The context in which it holds; `.` is the default one.
    #[arg(long)]
    in_context: Option<String>,
    /// One subject.
    #[arg(long)]
    subject: Option<String>,
    /// How the names of subjects begin.
    #[arg(long)]
    prefix: Option<String>,
    /// What the names of subjects match; a star stands for any characters.
    #[arg(long)]
    pattern: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Lists policies with their texts.
    #[command(after_help = "Example:\n  registryctl auth policy list")]
    List,
    /// Sets a policy from a file in Cedar.
    #[command(
        after_help = "Example:\n  echo 'forbid(principal, action == Action::\"subject.purge\", resource);' > no-purge.cedar && registryctl auth policy set no-purge --file no-purge.cedar"
    )]
    Set {
        /// Its name.
        name: String,
        /// The file.
        #[arg(long)]
        file: PathBuf,
        /// What it is for.
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Removes a policy.
    #[command(after_help = "Example:\n  registryctl auth policy delete no-purge")]
    Delete {
        /// Its name.
        name: String,
    },
}

impl AuthCommand {
    pub(crate) fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::Whoami
                | Self::CanI { .. }
                | Self::Explain { .. }
                | Self::Account(AccountCommand::List)
                | Self::Key(KeyCommand::List { .. })
                | Self::Role(RoleCommand::List)
                | Self::Binding(BindingCommand::List)
                | Self::Policy(PolicyCommand::List)
        )
    }
}

type Done = Result<(), CommandError>;

pub(crate) async fn run_auth(session: &Session, command: &AuthCommand) -> Done {
    match command {
        AuthCommand::Whoami => {
            let who = session.client.whoami().await?;
            let fields = [
                ("principal", who.principal.clone()),
                ("kind", who.kind.clone()),
                ("groups", who.groups.join(", ")),
                ("authentication", who.authentication.clone()),
            ];
            session.screen.show(&Shown::fields(json_of(&who), &fields, who.principal.clone()))
        }
        AuthCommand::CanI { permission, on } => {
            let subject = on.subject.as_deref().map(|name| session.subject(name));
            let decision = session.client.can_i(permission, subject.as_deref(), on.in_context.as_deref()).await?;
            show_decision(session, &decision)?;
            if decision.allowed { Ok(()) } else { Err(CommandError::Negative(format!("you may not: {permission}"))) }
        }
        AuthCommand::Explain { permission, user, account, group, on } => {
            let question = ExplainRequest {
                user: user.clone(),
                account: account.clone(),
                groups: group.clone(),
                permission: permission.clone(),
                subject: on.subject.as_deref().map(|name| session.subject(name)),
                context: on.in_context.clone(),
            };
            show_decision(session, &session.client.explain(&question).await?)
        }
        AuthCommand::Account(command) => run_account(session, command).await,
        AuthCommand::Key(command) => run_key(session, command).await,
        AuthCommand::Role(command) => run_role(session, command).await,
        AuthCommand::Binding(command) => run_binding(session, command).await,
        AuthCommand::Policy(command) => run_policy(session, command).await,
    }
}

fn json_of(body: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(body).unwrap_or_default()
}

fn show_decision(session: &Session, decision: &DecisionBody) -> Done {
    let verdict = if decision.allowed { "yes" } else { "no" };
    session.screen.show(&Shown {
        head: vec![verdict.to_owned()],
        tail: decision.policies.iter().map(|policy| format!("decided by {policy}")).collect(),
        json: json_of(decision),
        names: vec![verdict.to_owned()],
        ..Shown::default()
    })
}

async fn run_account(session: &Session, command: &AccountCommand) -> Done {
    let client = &session.client;
    match command {
        AccountCommand::List => {
            let accounts = client.accounts().await?;
            let row = |account: &AccountBody| {
                let state = if account.disabled { "disabled" } else { "enabled" };
                let AccountBody { name, owner, description, keys, .. } = account;
                vec![name.clone(), state.to_owned(), keys.len().to_string(), owner.clone(), description.clone()]
            };
            session.screen.show(&Shown {
                columns: vec!["ACCOUNT", "STATE", "KEYS", "OWNER", "DESCRIPTION"],
                rows: accounts.iter().map(row).collect(),
                names: accounts.iter().map(|account| account.name.clone()).collect(),
                json: json_of(&accounts),
                ..Shown::default()
            })
        }
        AccountCommand::Set { name, description, owner, disabled } => {
            if session.only_says(&format!("make or change the account {name}"))? {
                return Ok(());
            }
            let account =
                AccountRequest { description: description.clone(), owner: owner.clone(), disabled: *disabled };
            let account = client.put_account(name, &account).await?;
            session.done(format!("the account {name} is there"), json_of(&account), name)
        }
        AccountCommand::Delete { name } => {
            if session.only_says(&format!("remove the account {name} with its keys"))? {
                return Ok(());
            }
            client.delete_account(name).await?;
            session.done(format!("the account {name} is gone"), json!({"deleted": name}), name)
        }
    }
}

/// A time as a date, or a dash.
fn day_text(ms: Option<u64>) -> String {
    ms.map_or_else(|| "-".to_owned(), |ms| rfc3339(ms).split('T').next().unwrap_or_default().to_owned())
}

async fn run_key(session: &Session, command: &KeyCommand) -> Done {
    let client = &session.client;
    match command {
        KeyCommand::List { account } => {
            let accounts = client.accounts().await?.into_iter();
            let accounts: Vec<_> =
                accounts.filter(|found| account.as_ref().is_none_or(|wanted| found.name == *wanted)).collect();
            let keys: Vec<(&str, &KeyBody)> = accounts
                .iter()
                .flat_map(|account| account.keys.iter().map(|key| (account.name.as_str(), key)))
                .collect();
            let row = |(account, key): &(&str, &KeyBody)| {
                let KeyBody { id, name, created_ms, expires_ms, used_ms } = key;
                let days = [day_text(Some(*created_ms)), day_text(*expires_ms), day_text(*used_ms)];
                [id.clone(), (*account).to_owned(), name.clone()].into_iter().chain(days).collect()
            };
            session.screen.show(&Shown {
                columns: vec!["KEY", "ACCOUNT", "NAME", "MADE", "EXPIRES", "LAST USED"],
                rows: keys.iter().map(row).collect(),
                names: keys.iter().map(|(_, key)| key.id.clone()).collect(),
                json: json_of(&keys.iter().map(|(_, key)| key).collect::<Vec<_>>()),
                ..Shown::default()
            })
        }
        KeyCommand::Create { account, name, expires_in } => {
            let lasts = expires_in.as_deref().map(parse_duration).transpose().map_err(CommandError::Use)?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let expires_ms = lasts.map(|lasts| u64::try_from((now + lasts).as_millis()).unwrap_or(u64::MAX));
            if session.only_says(&format!("make a key of the account {account}"))? {
                return Ok(());
            }
            let new = client.create_key(account, &KeyRequest { name: name.clone(), expires_ms }).await?;
            let fields = [
                ("key", new.id.clone()),
                ("secret", new.secret.clone()),
                ("token", new.token.clone()),
                ("", "This is the only time that the secret is shown.".to_owned()),
            ];
            session.screen.show(&Shown::fields(json_of(&new), &fields, new.id.clone()))
        }
        KeyCommand::Revoke { account, id } => {
            if session.only_says(&format!("revoke the key {id}"))? {
                return Ok(());
            }
            client.revoke_key(account, id).await?;
            session.done(format!("the key {id} is revoked"), json!({"revoked": id}), id)
        }
    }
}

async fn run_role(session: &Session, command: &RoleCommand) -> Done {
    let client = &session.client;
    match command {
        RoleCommand::List => {
            let roles = client.roles().await?;
            let row = |role: &client::access::RoleBody| {
                let own = role.on_own.iter().map(|permission| format!("{permission} (own)"));
                let permissions: Vec<_> = role.permissions.iter().cloned().chain(own).collect();
                let kind = if role.built_in { "built-in" } else { "own" };
                vec![role.name.clone(), kind.to_owned(), role.description.clone(), permissions.join(" ")]
            };
            session.screen.show(&Shown {
                columns: vec!["ROLE", "KIND", "DESCRIPTION", "PERMISSIONS"],
                rows: roles.iter().map(row).collect(),
                names: roles.iter().map(|role| role.name.clone()).collect(),
                json: json_of(&roles),
                ..Shown::default()
            })
        }
        RoleCommand::Set { name, description, permission } => {
            if session.only_says(&format!("make or change the role {name}"))? {
                return Ok(());
            }
            let role = RoleRequest { description: description.clone(), permissions: permission.clone() };
            let role = client.put_role(name, &role).await?;
            session.done(format!("the role {name} is there"), json_of(&role), name)
        }
        RoleCommand::Delete { name } => {
            if session.only_says(&format!("remove the role {name}"))? {
                return Ok(());
            }
            client.delete_role(name).await?;
            session.done(format!("the role {name} is gone"), json!({"deleted": name}), name)
        }
    }
}

fn grantee_text(binding: &BindingBody) -> String {
    let BindingBody { user, group, account, anyone, .. } = binding;
    let named = [("user", user), ("group", group), ("account", account)];
    let named = named.into_iter().find_map(|(kind, name)| name.as_ref().map(|name| format!("{kind} {name}")));
    named.unwrap_or_else(|| if *anyone { "anyone" } else { "authenticated" }.to_owned())
}

fn reach_text(binding: &BindingBody) -> String {
    let BindingBody { context, subject, prefix, pattern, .. } = binding;
    let star = |prefix: &String| format!("{prefix}*");
    let name = subject.clone().or_else(|| prefix.as_ref().map(star)).or_else(|| pattern.clone());
    match (context, name) {
        (None, None) => "everywhere".to_owned(),
        (Some(context), None) => format!("context {context}"),
        (context, Some(name)) => format!("{name} in {}", context.as_deref().unwrap_or(".")),
    }
}

async fn run_binding(session: &Session, command: &BindingCommand) -> Done {
    let client = &session.client;
    match command {
        BindingCommand::List => {
            let bindings = client.bindings().await?;
            let row = |binding: &BindingBody| {
                vec![binding.name.clone(), binding.role.clone(), grantee_text(binding), reach_text(binding)]
            };
            session.screen.show(&Shown {
                columns: vec!["BINDING", "ROLE", "WHO", "WHERE"],
                rows: bindings.iter().map(row).collect(),
                names: bindings.iter().map(|binding| binding.name.clone()).collect(),
                json: json_of(&bindings),
                ..Shown::default()
            })
        }
        BindingCommand::Set(set) => {
            let SetBinding { name, role, user, group, account, anyone, authenticated, .. } = set;
            let body = BindingBody {
                role: role.clone(),
                user: user.clone(),
                group: group.clone(),
                account: account.clone(),
                anyone: *anyone,
                authenticated: *authenticated,
                context: set.in_context.clone(),
                subject: set.subject.clone(),
                prefix: set.prefix.clone(),
                pattern: set.pattern.clone(),
                ..BindingBody::default()
            };
            let sentence = format!("{} has the role {role}: {}", grantee_text(&body), reach_text(&body));
            if session.only_says(&format!("bind: {sentence}"))? {
                return Ok(());
            }
            let body = client.put_binding(name, &body).await?;
            session.done(sentence, json_of(&body), name)
        }
        BindingCommand::Delete { name } => {
            if session.only_says(&format!("remove the binding {name}"))? {
                return Ok(());
            }
            client.delete_binding(name).await?;
            session.done(format!("the binding {name} is gone"), json!({"deleted": name}), name)
        }
    }
}

async fn run_policy(session: &Session, command: &PolicyCommand) -> Done {
    let client = &session.client;
    match command {
        PolicyCommand::List => {
            let policies = client.access_policies().await?;
            let lines = policies.iter().flat_map(|policy| {
                std::iter::once(format!("// {} {}", policy.name, policy.description))
                    .chain(policy.text.lines().map(ToOwned::to_owned))
            });
            session.screen.show(&Shown {
                tail: lines.collect(),
                names: policies.iter().map(|policy| policy.name.clone()).collect(),
                json: json_of(&policies),
                ..Shown::default()
            })
        }
        PolicyCommand::Set { name, file, description } => {
            let text = std::fs::read_to_string(file).map_err(|error| CommandError::file(file, error))?;
            if session.only_says(&format!("set the policy {name}"))? {
                return Ok(());
            }
            let policy = AccessPolicyRequest { description: description.clone(), text };
            let policy = client.put_access_policy(name, &policy).await?;
            session.done(format!("the policy {name} is in force"), json_of(&policy), name)
        }
        PolicyCommand::Delete { name } => {
            if session.only_says(&format!("remove the policy {name}"))? {
                return Ok(());
            }
            client.delete_access_policy(name).await?;
            session.done(format!("the policy {name} is gone"), json!({"deleted": name}), name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (ms, text) in [
            (0, "1970-01-01"),
            (951_782_400_000, "2000-02-29"),
            (951_868_799_999, "2000-02-29"),
            (951_868_800_000, "2000-03-01"),
            (1_735_689_599_999, "2024-12-31"),
            (4_107_542_400_000, "2100-03-01"),
        ] {
            assert_eq!(day_text(Some(ms)), text);
        }
        assert_eq!(day_text(None), "-");
    }
}
