//! Why a command did not do what it should, and the exit code that says so.

use std::process::ExitCode;

use client::ClientError;
use client::audit::AuditError;
use proto::error_code as code;

/// Something went wrong.
const ERROR: u8 = 1;
/// The command was used wrongly; of `plan`: something would change.
pub(crate) const USE: u8 = 2;
/// A schema is incompatible.
const INCOMPATIBLE: u8 = 3;
/// What was named is not there.
const NOT_FOUND: u8 = 4;
/// The registry does not know or does not allow who asks.
const NOT_ALLOWED: u8 = 5;
/// No node answered, or no quorum does.
const UNREACHABLE: u8 = 6;
/// It is unknown whether a change happened.
const UNKNOWN: u8 = 7;

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("{file}: {source}")]
    Proof { file: String, source: AuditError },
    #[error("{file}: {source}")]
    Backup { file: String, source: backup::BackupError },
    #[error("{path}: {source}")]
    File { path: String, source: std::io::Error },
    #[error("{0}")]
    Use(String),
    /// What the command is for says no: data that is invalid, a check that failed. It was printed already.
    #[error("{0}")]
    Negative(String),
    #[error("{0}")]
    Incompatible(String),
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    NoQuorum(String),
    /// The plan has changes; they were printed.
    #[error("{0}")]
    Changes(String),
    /// The reader of the output has gone, as `head` does when it has seen enough.
    #[error("nobody reads the output")]
    OutputClosed,
}

impl CommandError {
    pub(crate) fn file(path: impl AsRef<std::path::Path>, source: std::io::Error) -> Self {
        Self::File { path: path.as_ref().display().to_string(), source }
    }

    /// The exit code; `docs/registryctl.md` lists them.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::OutputClosed => return ExitCode::SUCCESS,
            Self::Use(_) | Self::Changes(_) => USE,
            Self::Incompatible(_) => INCOMPATIBLE,
            Self::NotFound(_) => NOT_FOUND,
            Self::NoQuorum(_) => UNREACHABLE,
            Self::Proof { .. } | Self::Backup { .. } | Self::File { .. } | Self::Negative(_) => ERROR,
            Self::Client(error) => of_client(error),
        })
    }

    /// What to type next, where that is known.
    pub(crate) fn hint(&self) -> Option<String> {
        let Self::Client(error) = self else { return None };
        match error {
            ClientError::Unreachable(_) => Some(
                "name running nodes with --url, REGISTRY_URL or a profile; registryctl profile list shows yours"
                    .to_owned(),
            ),
            ClientError::OutcomeUnknown { .. } => Some(
                "look at what is there now before you repeat it; registryctl audit list shows what was done".to_owned(),
            ),
            ClientError::Refused(refusal) => hint_of(refusal.code).map(ToOwned::to_owned),
            ClientError::Answer { .. } | ClientError::Broken { .. } | ClientError::Setup(_) | ClientError::Data(_) => {
                None
            }
        }
    }
}

fn of_client(error: &ClientError) -> u8 {
    match error {
        ClientError::Refused(refusal) => match refusal.status {
            401 | 403 => NOT_ALLOWED,
            404 => NOT_FOUND,
            409 if refusal.code == code::INCOMPATIBLE.0 => INCOMPATIBLE,
            500..=599 if refusal.code == code::NO_LEADER.0 || refusal.status == 503 => UNREACHABLE,
            _ => ERROR,
        },
        ClientError::Unreachable(_) => UNREACHABLE,
        ClientError::OutcomeUnknown { .. } => UNKNOWN,
        ClientError::Setup(_) => USE,
        ClientError::Answer { .. } | ClientError::Broken { .. } | ClientError::Data(_) => ERROR,
    }
}

fn hint_of(code: u32) -> Option<&'static str> {
    const HINTS: &[(code::ErrorCode, &str)] = &[
        (code::SUBJECT_NOT_FOUND, "registryctl subject list shows what is there; --deleted adds what is hidden"),
        (code::VERSION_NOT_FOUND, "registryctl schema versions SUBJECT shows what is there"),
        (code::INCOMPATIBLE, "registryctl schema check shows every difference; registryctl config get the level"),
        (code::SUBJECT_NOT_SOFT_DELETED, "delete it without --permanent first"),
        (code::VERSION_NOT_SOFT_DELETED, "delete it without --permanent first"),
        (code::REFERENCE_EXISTS, "registryctl schema referenced-by shows who refers to it"),
        (code::REVIEW_REQUIRED, "begin a draft: registryctl draft create"),
        (code::REVISION_DIFFERS, "somebody else changed it: look again, then repeat with the new revision"),
        (code::NO_LEADER, "registryctl cluster status shows which voters are missing"),
        (code::CONFIG_NOT_FOUND, "--inherited shows what holds"),
        (code::MODE_NOT_FOUND, "--inherited shows what holds"),
    ];
    HINTS.iter().find(|(known, _)| known.0 == code).map(|(_, hint)| *hint)
}
