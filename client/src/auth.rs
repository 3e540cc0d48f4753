//! How a client says who it is. The kinds that the field uses are here; anything else implements [`Authenticate`].

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::ClientError;

/// Makes the headers of a request, each time anew, so that a token may be fetched again when it runs out.
pub trait Authenticate: Send + Sync + fmt::Debug {
    /// Names and values of headers.
    ///
    /// # Errors
    /// [`ClientError::Setup`] if there is nothing to show, for instance because a token cannot be had.
    fn headers(&self) -> Result<Vec<(String, String)>, ClientError>;
}

/// Who the client is.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Nobody in particular.
    #[default]
    Anonymous,
    /// A name and a password (RFC 7617).
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// A bearer token (RFC 6750), as OAuth servers give them.
    Bearer(String),
    /// A bearer token in a file, read for each request: another process renews it.
    BearerFile(PathBuf),
    /// A key under a header of its own.
    ApiKey {
        /// The header.
        header: String,
        /// The key.
        key: String,
    },
    /// Anything else.
    Custom(Arc<dyn Authenticate>),
}

/// Secrets stay out of logs.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::Basic { user, .. } => write!(f, "Basic({user})"),
            Self::Bearer(_) => f.write_str("Bearer"),
            Self::BearerFile(path) => write!(f, "BearerFile({})", path.display()),
            Self::ApiKey { header, .. } => write!(f, "ApiKey({header})"),
            Self::Custom(custom) => custom.fmt(f),
        }
    }
}

impl Credentials {
    pub(crate) fn headers(&self) -> Result<Vec<(String, String)>, ClientError> {
        let authorization = |value: String| Ok(vec![("authorization".to_owned(), value)]);
        match self {
            Self::Anonymous => Ok(Vec::new()),
            Self::Basic { user, password } => {
                authorization(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
            }
            Self::Bearer(token) => authorization(format!("Bearer {token}")),
            Self::BearerFile(path) => {
                let token = std::fs::read_to_string(path)
                    .map_err(|error| ClientError::Setup(format!("read the token from {}: {error}", path.display())))?;
                authorization(format!("Bearer {}", token.trim()))
            }
            Self::ApiKey { header, key } => Ok(vec![(header.to_lowercase(), key.clone())]),
            Self::Custom(custom) => custom.headers(),
        }
    }
}

/// Files for TLS: whom to trust, and the certificate by which a server knows this client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsFiles {
    /// Certificates of the authorities to trust, and no others (PEM). None: those that the system trusts.
    pub authorities: Option<PathBuf>,
    /// This client's certificate chain (PEM).
    pub certificate: Option<PathBuf>,
    /// Its private key (PEM).
    pub private_key: Option<PathBuf>,
}

impl TlsFiles {
    /// A client of HTTP with these files.
    ///
    /// # Errors
    /// [`ClientError::Setup`] names the file that cannot be used.
    pub(crate) fn set_up(&self, builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, ClientError> {
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|error| ClientError::Setup(format!("read {}: {error}", path.display())))
        };
        let wrong = |path: &PathBuf, reason: &dyn fmt::Display| {
            ClientError::Setup(format!("{} cannot be used (PEM is expected): {reason}", path.display()))
        };
        let mut builder = builder;
        if let Some(path) = &self.authorities {
            let authorities = reqwest::Certificate::from_pem_bundle(&read(path)?);
            let authorities = authorities.map_err(|error| wrong(path, &error))?;
            if authorities.is_empty() {
                return Err(wrong(path, &"it holds no certificate"));
            }
            builder = builder.tls_certs_only(authorities);
        }
        match (&self.certificate, &self.private_key) {
            (Some(certificate), Some(key)) => {
                let pem = [read(certificate)?, b"\n".to_vec(), read(key)?].concat();
                let identity = reqwest::Identity::from_pem(&pem).map_err(|error| wrong(certificate, &error))?;
                Ok(builder.identity(identity))
            }
            (None, None) => Ok(builder),
            (Some(_), None) | (None, Some(_)) => {
                Err(ClientError::Setup("a client's certificate and its private key are given together".to_owned()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_makes_its_header_and_shows_no_secret() {
        let basic = Credentials::Basic { user: "ada".to_owned(), password: "s3cret".to_owned() };
        let key = Credentials::ApiKey { header: "X-Api-Key".to_owned(), key: "s3cret".to_owned() };
        let header = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        assert_eq!(basic.headers().unwrap(), header("authorization", "Basic YWRhOnMzY3JldA=="));
        assert_eq!(key.headers().unwrap(), header("x-api-key", "s3cret"));
        assert_eq!(Credentials::Bearer("t".to_owned()).headers().unwrap(), header("authorization", "Bearer t"));
        for credentials in [basic, key, Credentials::Bearer("s3cret".to_owned())] {
            assert!(!format!("{credentials:?}").contains("s3cret"));
        }
        let missing = Credentials::BearerFile("/nowhere/token".into()).headers().unwrap_err().to_string();
        assert!(missing.starts_with("read the token from /nowhere/token: "), "{missing}");
    }
}
