//! Who may do what, and how often.

use serde::{Deserialize, Serialize};

/// How often one client may ask this node. A client is a principal, and where nobody said who asks, an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RatesConfig {
    /// Reads by name in a second; 0 is no limit, as below.
    pub read: u32,
    /// Lists and searches in a second.
    pub search: u32,
    /// Comparisons, verdicts on data and projections in a second.
    pub validate: u32,
    /// Changes in a second.
    pub write: u32,
    /// Requests about the cluster and access in a second.
    pub admin: u32,
    /// Failed attempts to say who one is, from one address, in a minute.
    pub failed_logins: u32,
    /// Other figures for single principals.
    pub overrides: Vec<RateOverride>,
}

/// Other figures for one principal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "named as those of everybody")]
pub struct RateOverride {
    /// As audit records name it, such as `service-account:ci`.
    pub principal: String,
    pub read: Option<u32>,
    pub search: Option<u32>,
    pub validate: Option<u32>,
    pub write: Option<u32>,
    pub admin: Option<u32>,
}

/// The figures that hold for one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as those of the configuration")]
pub struct Rates {
    pub read: u32,
    pub search: u32,
    pub validate: u32,
    pub write: u32,
    pub admin: u32,
    pub failed_logins: u32,
}

impl Default for RatesConfig {
    fn default() -> Self {
        let (read, search, validate, write, admin) = (0, 0, 0, 0, 0);
        Self { read, search, validate, write, admin, failed_logins: 600, overrides: Vec::new() }
    }
}

impl RatesConfig {
    /// For whoever has no figures of their own.
    pub fn usual_rates(&self) -> Rates {
        let Self { read, search, validate, write, admin, failed_logins, overrides: _ } = *self;
        Rates { read, search, validate, write, admin, failed_logins }
    }
}

impl RateOverride {
    /// These figures, and for the others the usual ones.
    pub fn applied_to(&self, usual: Rates) -> Rates {
        Rates {
            read: self.read.unwrap_or(usual.read),
            search: self.search.unwrap_or(usual.search),
            validate: self.validate.unwrap_or(usual.validate),
            write: self.write.unwrap_or(usual.write),
            admin: self.admin.unwrap_or(usual.admin),
            failed_logins: usual.failed_logins,
        }
    }
}

/// Who may do what.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// Is everything forbidden that no role and no policy allows? Otherwise everybody may do everything.
    pub enabled: bool,
    /// Identity providers whose tokens are taken.
    pub issuers: Vec<IssuerConfig>,
}

/// An identity provider (OpenID Connect) whose tokens are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IssuerConfig {
    /// Its name, as `iss` of its tokens and its discovery document have it, to the letter: an https URL.
    pub issuer: String,
    /// What `aud` of a token must name, one of these.
    pub audiences: Vec<String>,
    /// Where its keys are, if it has no discovery document.
    pub jwks_url: String,
    /// The algorithms of its signatures.
    pub algorithms: Vec<String>,
    /// The claim that names the principal.
    pub principal_claim: String,
    /// The claims that name groups.
    pub group_claims: Vec<String>,
    /// Stands before the names of its principals and groups, so that two issuers never speak of the same one.
    pub prefix: String,
    /// How far its clock and ours may be apart.
    pub leeway_seconds: u64,
}

impl Default for IssuerConfig {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            audiences: Vec::new(),
            jwks_url: String::new(),
            algorithms: vec!["RS256".to_owned(), "ES256".to_owned()],
            principal_claim: "sub".to_owned(),
            group_claims: vec!["groups".to_owned()],
            prefix: String::new(),
            leeway_seconds: 60,
        }
    }
}

impl AuthConfig {
    /// What is wrong with it, if anything is.
    pub(super) fn first_fault(&self) -> Option<(&'static str, String)> {
        const ALGORITHMS: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
        /// A clock that is further away than this is wrong.
        const LEEWAY_SECONDS_MAX: u64 = 300;
        let mut prefixes = std::collections::BTreeSet::new();
        for IssuerConfig { issuer, audiences, jwks_url, algorithms, prefix, leeway_seconds, .. } in &self.issuers {
            if !is_safe_url(issuer) {
                return Some(("auth.issuers.issuer", format!("must be an https URL, not \"{issuer}\"")));
            }
            if audiences.is_empty() || audiences.iter().any(String::is_empty) {
                return Some(("auth.issuers.audiences", format!("must name what the tokens of {issuer} are for")));
            }
            if !jwks_url.is_empty() && !is_safe_url(jwks_url) {
                return Some(("auth.issuers.jwks_url", format!("must be an https URL, not \"{jwks_url}\"")));
            }
            if let Some(unknown) = algorithms.iter().find(|name| !ALGORITHMS.contains(&name.as_str())) {
                let known = ALGORITHMS.join(", ");
                return Some(("auth.issuers.algorithms", format!("are some of {known}, not \"{unknown}\"")));
            }
            if algorithms.is_empty() {
                return Some(("auth.issuers.algorithms", "must name at least one".to_owned()));
            }
            if !prefixes.insert(prefix) {
                return Some((
                    "auth.issuers.prefix",
                    "must differ between issuers: each could name the other's".to_owned(),
                ));
            }
            if *leeway_seconds > LEEWAY_SECONDS_MAX {
                return Some(("auth.issuers.leeway_seconds", format!("must be at most {LEEWAY_SECONDS_MAX}")));
            }
        }
        None
    }
}

/// May documents be fetched from there? In clear text from this machine only.
pub(crate) fn is_safe_url(url: &str) -> bool {
    let of_this_machine =
        ["http://127.0.0.1:", "http://127.0.0.1/", "http://localhost:", "http://localhost/", "http://[::1]"];
    url.starts_with("https://") || of_this_machine.iter().any(|prefix| url.starts_with(prefix))
}
