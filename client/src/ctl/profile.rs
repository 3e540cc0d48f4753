//! Profiles: clusters by name, in a file, so that nobody types URLs. A flag wins over the environment, and that over the
//! profile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use client::auth::{Credentials, TlsFiles};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::fail::CommandError;
use crate::screen::{Screen, Shown};

/// The file with the profiles.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profiles {
    /// The profile that is used where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) profiles: BTreeMap<String, Profile>,
}

/// One cluster, and how it is talked to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// URLs of nodes, nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) urls: Vec<String>,
    /// Where you are: nodes of this region are asked first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    /// The context that subjects without one are in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<String>,
    /// For instance `5s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<String>,
    /// The authorities whose certificates nodes show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
    /// The certificate by which nodes know you.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_cert: Option<PathBuf>,
    /// Its private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_key: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credentials: Option<StoredCredentials>,
}

/// Who you are. Secrets lie in files of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum StoredCredentials {
    Basic { user: String, password_file: PathBuf },
    Bearer { token_file: PathBuf },
    ApiKey { header: String, key_file: PathBuf },
}

impl StoredCredentials {
    pub(crate) fn read(&self) -> Result<Credentials, CommandError> {
        let secret = |path: &Path| {
            std::fs::read_to_string(path)
                .map(|text| text.trim().to_owned())
                .map_err(|error| CommandError::file(path, error))
        };
        Ok(match self {
            Self::Basic { user, password_file } => {
                Credentials::Basic { user: user.clone(), password: secret(password_file)? }
            }
            Self::Bearer { token_file } => Credentials::BearerFile(token_file.clone()),
            Self::ApiKey { header, key_file } => Credentials::ApiKey { header: header.clone(), key: secret(key_file)? },
        })
    }
}

/// Where the file is: as asked for, or where the XDG rules put it.
pub(crate) fn path(asked: Option<&Path>) -> PathBuf {
    if let Some(path) = asked {
        return path.to_owned();
    }
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = of("XDG_CONFIG_HOME").or_else(|| of("HOME").map(|home| home.join(".config")));
    config.unwrap_or_default().join("registryctl/config.toml")
}

impl Profiles {
    /// Reads the file; there may be none.
    pub(crate) fn read(path: &Path) -> Result<Self, CommandError> {
        match std::fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text)
                .map_err(|error| CommandError::Use(format!("{} is not a file of profiles: {error}", path.display()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(CommandError::file(path, error)),
        }
    }

    fn write(&self, path: &Path) -> Result<(), CommandError> {
        let text = toml::to_string(self).map_err(|error| CommandError::Use(error.to_string()))?;
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory).map_err(|error| CommandError::file(directory, error))?;
        }
        // Renamed into place, so that a crash leaves the old file or the new one.
        let new = path.with_extension("toml.new");
        std::fs::write(&new, text)
            .and_then(|()| std::fs::rename(&new, path))
            .map_err(|error| CommandError::file(path, error))
    }

    /// The profile that holds: the named one, or the current one, or none.
    pub(crate) fn chosen(&self, name: Option<&str>) -> Result<Profile, CommandError> {
        match name.or(self.current.as_deref()) {
            None => Ok(Profile::default()),
            Some(name) => self.profiles.get(name).cloned().ok_or_else(|| {
                let known: Vec<_> = self.profiles.keys().map(String::as_str).collect();
                let known = if known.is_empty() { "there are none".to_owned() } else { known.join(", ") };
                CommandError::Use(format!(
                    "there is no profile {name} ({known}); registryctl profile set {name} --url … makes it"
                ))
            }),
        }
    }
}

/// A time such as `500ms`, `5s`, `2m`, `1h`; a bare number is seconds.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text} is no time: write 500ms, 5s, 2m or 1h");
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..split].parse().map_err(|_| wrong())?;
    let factor_ms: u64 = match &text[split..] {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(factor_ms).map(Duration::from_millis).ok_or_else(wrong)
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ProfileCommand {
    /// Lists the profiles; the current one has a star.
    #[command(after_help = "Example:\n  registryctl profile list")]
    List,
    /// Makes or changes a profile.
    #[command(
        after_help = "Example:\n  registryctl profile set local --url http://127.0.0.1:18081,http://127.0.0.1:18082 --near eu-west"
    )]
    Set {
        /// Its name.
        name: String,
        /// The context that subjects without one are in.
        #[arg(long)]
        default_context: Option<String>,
    },
    /// Makes a profile the current one.
    #[command(after_help = "Example:\n  registryctl profile use local")]
    Use {
        /// Its name.
        name: String,
    },
    /// Removes a profile.
    #[command(after_help = "Example:\n  registryctl profile delete local")]
    Delete {
        /// Its name.
        name: String,
    },
}

/// What the flags of the whole program say, for `profile set`.
pub(crate) struct Given {
    pub(crate) urls: Vec<String>,
    pub(crate) region: Option<String>,
    pub(crate) timeout: Option<String>,
    pub(crate) tls: TlsFiles,
}

pub(crate) fn run_profile(
    screen: Screen,
    path: &Path,
    given: Given,
    command: ProfileCommand,
) -> Result<(), CommandError> {
    let mut known = Profiles::read(path)?;
    match command {
        ProfileCommand::List => {
            let rows = known.profiles.iter().map(|(name, profile)| {
                let star = if known.current.as_ref() == Some(name) { "*" } else { "" };
                let region = profile.region.clone().unwrap_or_default();
                vec![star.to_owned(), name.clone(), region, profile.urls.join(",")]
            });
            let json = serde_json::to_value(&known).unwrap_or_default();
            let names = known.profiles.keys().cloned().collect();
            let columns = vec!["", "NAME", "REGION", "URLS"];
            screen.show(&Shown { columns, rows: rows.collect(), json, names, ..Shown::default() })
        }
        ProfileCommand::Set { name, default_context } => {
            let Given { urls, region, timeout, tls } = given;
            for url in &urls {
                client::base_url(url)?;
            }
            let profile = known.profiles.entry(name.clone()).or_default();
            if !urls.is_empty() {
                profile.urls = urls;
            }
            profile.region = region.or(profile.region.take());
            profile.timeout = timeout.or(profile.timeout.take());
            profile.ca = tls.authorities.or(profile.ca.take());
            profile.client_cert = tls.certificate.or(profile.client_cert.take());
            profile.client_key = tls.private_key.or(profile.client_key.take());
            profile.context = default_context.or(profile.context.take());
            if profile.urls.is_empty() {
                return Err(CommandError::Use(format!(
                    "a profile needs nodes: registryctl profile set {name} --url http://…"
                )));
            }
            known.current.get_or_insert_with(|| name.clone());
            known.write(path)?;
            screen.show(&Shown::done(
                format!("profile {name} is in {}", path.display()),
                json!({"profile": name}),
                name,
            ))
        }
        ProfileCommand::Use { name } => {
            known.chosen(Some(&name))?;
            known.current = Some(name.clone());
            known.write(path)?;
            screen.show(&Shown::done(format!("profile {name} is the current one"), json!({"current": name}), name))
        }
        ProfileCommand::Delete { name } => {
            known.chosen(Some(&name))?;
            known.profiles.remove(&name);
            known.current = known.current.filter(|current| *current != name);
            known.write(path)?;
            screen.show(&Shown::done(format!("profile {name} is gone"), json!({"deleted": name}), name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("5"), Ok(Duration::from_secs(5)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "s", "5 s", "-1s", "5x", "99999999999999999h"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_of_profiles_is_read_as_it_is_written() {
        let text = "current = \"prod\"\n\n[profiles.prod]\nurls = [\"http://a:1\"]\nregion = \"eu\"\n\n\
                    [profiles.prod.credentials]\nkind = \"basic\"\nuser = \"ada\"\npassword_file = \"/run/secret\"\n";
        let profiles: Profiles = toml::from_str(text).unwrap();
        assert_eq!(toml::to_string(&profiles).unwrap(), text);
        assert_eq!(profiles.chosen(None).unwrap().urls, ["http://a:1"]);
        let message = profiles.chosen(Some("test")).unwrap_err().to_string();
        assert!(message.contains("there is no profile test (prod)"), "{message}");
        assert!(toml::from_str::<Profiles>("unknown = 1").is_err());
    }
}
