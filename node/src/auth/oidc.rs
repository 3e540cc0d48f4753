//! Tokens of identity providers: JWTs, verified with the keys that their issuer publishes (OpenID Connect Discovery 1.0).
//!
//! Nothing that a token says chooses what is fetched: keys come from the configured issuers only, and its `jku`, `x5u`,
//! `jwk` and `x5c` are never looked at. The algorithm must be one that the configuration lists and one of the key's own kind.
//! Claims are checked here, not by the library: `exp`, `iss`, `aud` and `sub` must be there, and times must be numbers
//! (CVE-2026-25537 took a text for absent). A key that is not known is asked for, at most every [`FETCH_INTERVAL_MIN`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use parking_lot::RwLock;
use registry::limits::{GROUPS_MAX, PRINCIPAL_BYTES_MAX};
use registry::{Authentication, Principal};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::clock;
use crate::config::{IssuerConfig, is_safe_url};

/// Between two attempts to fetch the keys of an issuer: whoever sends tokens with invented key ids causes no more.
const FETCH_INTERVAL_MIN: Duration = Duration::from_secs(10);
/// After this long, keys are fetched again although all tokens found theirs: one that was withdrawn must not stay good.
const KEYS_AGE_MAX: Duration = Duration::from_secs(10 * 60);
/// Longest that an issuer may take to answer.
const FETCH_TIME_MAX: Duration = Duration::from_secs(5);
/// Longest document of an issuer, in bytes: some publish dozens of keys with certificates.
const DOCUMENT_BYTES_MAX: usize = 1024 * 1024;
/// Keys of one issuer, at most.
const KEYS_MAX: usize = 100;

/// What can be verified.
pub(super) struct Oidc {
    issuers: Vec<Issuer>,
    /// None where there is nobody to ask.
    http: Option<reqwest::Client>,
}

struct Issuer {
    config: IssuerConfig,
    algorithms: Vec<Algorithm>,
    keys: RwLock<Arc<Keys>>,
    /// When keys were asked for last; held while they are.
    asked: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Keys {
    known: Vec<(Jwk, DecodingKey)>,
    fetched: Option<Instant>,
}

/// What came of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verified {
    /// It is good until then, in milliseconds since the epoch.
    Good(Principal, u64),
    /// It is not, for this reason: for the log of the node, never for the client.
    Bad(&'static str),
    /// It is of this issuer, whose keys are to be fetched first.
    NeedsKeys(usize),
}

/// A token that is good.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claims {
    name: String,
    groups: Vec<String>,
    expires_s: u64,
}

impl Oidc {
    /// Verifies tokens of these issuers.
    pub(super) fn new(issuers: &[IssuerConfig]) -> Self {
        let issuer = |config: &IssuerConfig| Issuer {
            algorithms: config.algorithms.iter().filter_map(|name| name.parse().ok()).collect(),
            config: config.clone(),
            keys: RwLock::default(),
            asked: Mutex::default(),
        };
        let http = if issuers.is_empty() { None } else { http_client() };
        Self { issuers: issuers.iter().map(issuer).collect(), http }
    }

    /// Looks at a token with what is known of its issuer.
    pub(super) fn verify_token(&self, token: &str, now_ms: u64) -> Verified {
        let Some(claimed) = issuer_claim(token) else { return Verified::Bad("it is no token") };
        let found = self.issuers.iter().position(|issuer| issuer.config.issuer == claimed);
        let Some(number) = found else { return Verified::Bad("its issuer is not configured") };
        let issuer = &self.issuers[number];
        let Ok(header) = decode_header(token) else { return Verified::Bad("its header cannot be read") };
        if !issuer.algorithms.contains(&header.alg) {
            return Verified::Bad("its algorithm is not one of those that are configured");
        }
        // An extension that must be understood is none of ours (RFC 7515, section 4.1.11).
        if header.crit.is_some() {
            return Verified::Bad("it has critical extensions");
        }
        let keys = issuer.keys.read().clone();
        let is_old = keys.fetched.is_none_or(|fetched| clock::now().duration_since(fetched) > KEYS_AGE_MAX);
        let key = keys.for_token(header.kid.as_deref(), header.alg);
        let Some(key) = key.filter(|_| !is_old) else { return Verified::NeedsKeys(number) };
        match verified_claims(token, key, header.alg, &issuer.config, now_ms / 1000) {
            Ok(claims) => {
                let Claims { name, groups, expires_s } = claims;
                let principal = Principal { groups, ..Principal::user(&name, Authentication::Oidc) };
                Verified::Good(principal, (expires_s + issuer.config.leeway_seconds) * 1000)
            }
            Err(reason) => Verified::Bad(reason),
        }
    }

    /// Fetches the keys of an issuer, unless somebody did a moment ago.
    pub(super) async fn fetch_keys(&self, number: usize) {
        let Some(issuer) = self.issuers.get(number) else { return };
        let mut asked = issuer.asked.lock().await;
        if asked.is_some_and(|asked| clock::now().duration_since(asked) < FETCH_INTERVAL_MIN) {
            return;
        }
        *asked = Some(clock::now());
        match self.keys_of(&issuer.config).await {
            Ok(known) => {
                tracing::info!(issuer = issuer.config.issuer, keys = known.len(), "keys of an identity provider");
                *issuer.keys.write() = Arc::new(Keys { known, fetched: Some(clock::now()) });
            }
            // What was known stays good: a provider that is down for a while must not lock everybody out.
            Err(error) => {
                tracing::warn!(issuer = issuer.config.issuer, %error, "fetch the keys of an identity provider");
                let mut keys = issuer.keys.write();
                if keys.fetched.is_some() {
                    *keys = Arc::new(Keys { known: keys.known.clone(), fetched: Some(clock::now()) });
                }
            }
        }
    }

    async fn keys_of(&self, config: &IssuerConfig) -> Result<Vec<(Jwk, DecodingKey)>, String> {
        #[derive(Deserialize)]
        struct Discovery {
            issuer: String,
            jwks_uri: String,
        }
        let url = if config.jwks_url.is_empty() {
            let base = config.issuer.trim_end_matches('/');
            let found: Discovery = self.fetch_document(&format!("{base}/.well-known/openid-configuration")).await?;
            if found.issuer != config.issuer {
                return Err(format!("its discovery document is of the issuer {}", found.issuer));
            }
            if !is_safe_url(&found.jwks_uri) {
                return Err(format!("its keys are at {}, which is not https", found.jwks_uri));
            }
            found.jwks_uri
        } else {
            config.jwks_url.clone()
        };
        // A key that cannot be read is of no use to anybody, and no reason to drop the others.
        let set: Value = self.fetch_document(&url).await?;
        let keys = set["keys"].as_array().cloned().unwrap_or_default();
        let keys = keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok()).take(KEYS_MAX);
        let set = JwkSet { keys: keys.collect() };
        let readable = set.keys.into_iter().filter(is_public).filter_map(|jwk| {
            let key = DecodingKey::from_jwk(&jwk).ok()?;
            Some((jwk, key))
        });
        Ok(readable.collect())
    }

    async fn fetch_document<T: serde::de::DeserializeOwned>(&self, url: &str) -> Result<T, String> {
        let http = self.http.as_ref().ok_or("there is no client to ask with")?;
        let mut answer = http.get(url).send().await.map_err(|error| format!("{url}: {error}"))?;
        if !answer.status().is_success() {
            return Err(format!("{url}: status {}", answer.status().as_u16()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| format!("{url}: {error}"))? {
            if bytes.len() + chunk.len() > DOCUMENT_BYTES_MAX {
                return Err(format!("{url}: it is longer than {DOCUMENT_BYTES_MAX} bytes"));
            }
            bytes.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&bytes).map_err(|error| format!("{url}: {error}"))
    }
}

/// Asks identity providers. Redirects are not followed: what is configured is what is asked.
fn http_client() -> Option<reqwest::Client> {
    // Somebody in this process may have chosen already: then that holds.
    drop(rustls::crypto::ring::default_provider().install_default());
    let http = reqwest::Client::builder().timeout(FETCH_TIME_MAX).redirect(reqwest::redirect::Policy::none()).build();
    http.inspect_err(|error| tracing::error!(%error, "set up the client for identity providers")).ok()
}

/// Never a secret that others may have: a public key for signatures.
fn is_public(jwk: &Jwk) -> bool {
    let is_for_signatures = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    is_for_signatures
        && matches!(
            jwk.algorithm,
            AlgorithmParameters::RSA(_) | AlgorithmParameters::EllipticCurve(_) | AlgorithmParameters::OctetKeyPair(_)
        )
}

impl Keys {
    /// The key with this id that can have made signatures of this algorithm; without an id, the only such key.
    fn for_token(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&DecodingKey> {
        let fits = |jwk: &Jwk, key: &DecodingKey| {
            let is_pinned = jwk.common.key_algorithm.is_none_or(|of| format!("{of:?}") == format!("{algorithm:?}"));
            is_pinned && key.family().algorithms().contains(&algorithm)
        };
        let mut fitting = self.known.iter().filter(|(jwk, key)| fits(jwk, key));
        match kid {
            Some(kid) => fitting.find(|(jwk, _)| jwk.common.key_id.as_deref() == Some(kid)).map(|(_, key)| key),
            None => fitting.next().map(|(_, key)| key).filter(|_| fitting.next().is_none()),
        }
    }
}

/// Whose token it says it is, before anything is known of it.
fn issuer_claim(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Issued {
        iss: String,
    }
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Issued>(&payload).ok().map(|claims| claims.iss)
}

fn verified_claims(
    token: &str,
    key: &DecodingKey,
    algorithm: Algorithm,
    config: &IssuerConfig,
    now_s: u64,
) -> Result<Claims, &'static str> {
    // The signature alone; all claims are looked at below.
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let decoded = decode::<Map<String, Value>>(token, key, &validation).map_err(|_| "its signature is not good")?;
    claims_of(&decoded.claims, config, now_s)
}

/// What a token with a good signature says, if it is for us and of now.
fn claims_of(claims: &Map<String, Value>, config: &IssuerConfig, now_s: u64) -> Result<Claims, &'static str> {
    let leeway = config.leeway_seconds;
    // A time is a number, perhaps with a fraction (RFC 7519, section 2).
    let time = |value: &Value| match value.as_u64() {
        Some(seconds) => Some(seconds),
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded just before")]
        None => value.as_f64().filter(|seconds| (0.0..9e15).contains(seconds)).map(|seconds| seconds as u64),
    };
    let expires_s = claims.get("exp").and_then(time).ok_or("exp is missing, or no number")?;
    if expires_s.saturating_add(leeway) < now_s {
        return Err("it has expired");
    }
    if let Some(not_before) = claims.get("nbf") {
        let not_before = time(not_before).ok_or("nbf is no number")?;
        if not_before > now_s.saturating_add(leeway) {
            return Err("it is not yet good");
        }
    }
    if claims.get("iss").and_then(Value::as_str) != Some(&config.issuer) {
        return Err("iss is another one");
    }
    let is_ours =
        |value: &Value| value.as_str().is_some_and(|audience| config.audiences.iter().any(|own| own == audience));
    let is_for_us = match claims.get("aud") {
        Some(Value::Array(audiences)) => audiences.iter().any(is_ours),
        Some(audience) => is_ours(audience),
        None => false,
    };
    if !is_for_us {
        return Err("aud is missing, or of somebody else");
    }
    if claims.get("sub").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err("sub is missing");
    }
    let prefixed = |text: &str| format!("{}{text}", config.prefix);
    let is_name = |text: &str| {
        !text.is_empty()
            && text.len() + config.prefix.len() <= PRINCIPAL_BYTES_MAX
            && !text.chars().any(char::is_control)
    };
    let name = claims.get(&config.principal_claim).and_then(Value::as_str).filter(|name| is_name(name));
    let name = name.ok_or("the claim that names the principal is missing, or no name")?;
    let mut groups = Vec::new();
    for claim in &config.group_claims {
        let values = match claims.get(claim) {
            Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
            // Scopes, and the like, are one text with spaces.
            Some(Value::String(text)) => text.split(' ').collect(),
            Some(_) | None => Vec::new(),
        };
        // Groups of the claim of that name are called as they are; others say which claim they are from.
        let from = if claim == "groups" { String::new() } else { format!("{claim}:") };
        groups.extend(values.into_iter().filter(|text| is_name(text)).map(|text| prefixed(&format!("{from}{text}"))));
    }
    groups.retain(|group| group.len() <= PRINCIPAL_BYTES_MAX);
    // Half of somebody's groups would be other rights than theirs.
    if groups.len() > GROUPS_MAX {
        return Err("it names more groups than a principal may have");
    }
    Ok(Claims { name: prefixed(name), groups, expires_s })
}

/// Tokens that this thread has verified, so that each is verified once. They end with the thread's table.
#[derive(Default)]
pub(super) struct Remembered {
    tokens: HashMap<[u8; 32], (Principal, u64, Instant)>,
}

/// Tokens that a thread remembers at most; then it begins again.
const REMEMBERED_MAX: usize = 1_024;
/// How long a verified token is taken for good without its key being looked for: so long may a withdrawn key live on.
const REMEMBERED_TIME: Duration = Duration::from_secs(30);

thread_local! {
    static REMEMBERED: std::cell::RefCell<Remembered> = std::cell::RefCell::default();
}

impl Oidc {
    /// As [`Oidc::verify_token`], but each thread verifies a token once in a while only.
    pub(super) fn verify_once(&self, instance: u64, token: &str, now_ms: u64) -> Verified {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&instance.to_le_bytes());
        hasher.update(token.as_bytes());
        let hash = *hasher.finalize().as_bytes();
        let known = REMEMBERED.with_borrow(|remembered| {
            let (principal, expires_ms, since) = remembered.tokens.get(&hash)?;
            let is_good = now_ms < *expires_ms && clock::now().duration_since(*since) < REMEMBERED_TIME;
            is_good.then(|| Verified::Good(principal.clone(), *expires_ms))
        });
        if let Some(known) = known {
            return known;
        }
        let verified = self.verify_token(token, now_ms);
        if let Verified::Good(principal, expires_ms) = &verified {
            REMEMBERED.with_borrow_mut(|remembered| {
                if remembered.tokens.len() >= REMEMBERED_MAX {
                    remembered.tokens.clear();
                }
                remembered.tokens.insert(hash, (principal.clone(), *expires_ms, clock::now()));
            });
        }
        verified
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW_S: u64 = 1_700_000_000;

    fn config() -> IssuerConfig {
        IssuerConfig {
            issuer: "https://idp.example".to_owned(),
            audiences: vec!["registry".to_owned()],
            group_claims: vec!["groups".to_owned(), "scope".to_owned(), "amr".to_owned()],
            ..IssuerConfig::default()
        }
    }

    fn claims() -> Value {
        json!({"iss": "https://idp.example", "aud": "registry", "sub": "ada", "exp": NOW_S + 60})
    }

    fn checked(claims: &Value) -> Result<Claims, &'static str> {
        claims_of(claims.as_object().unwrap(), &config(), NOW_S)
    }

    /// Rows 21 to 23.
    #[test]
    fn claims_are_required_and_of_their_kind() {
        assert_eq!(checked(&claims()).unwrap().name, "ada");
        for name in ["exp", "iss", "aud", "sub"] {
            let mut without = claims();
            without.as_object_mut().unwrap().remove(name);
            assert!(checked(&without).is_err(), "without {name}");
            for bad in [json!(null), json!(true), json!({}), json!([]), json!(""), json!(-1)] {
                let mut with = claims();
                with[name] = bad.clone();
                assert!(checked(&with).is_err(), "{name}: {bad}");
            }
        }
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            checked(&claims).is_ok()
        };
        assert!(!with("exp", json!("9999999999")), "a text is no time");
        assert!(!with("nbf", json!("0")) && !with("nbf", json!(NOW_S + 61)) && with("nbf", json!(NOW_S + 60)));
        assert!(with("exp", json!(NOW_S - 1)) && with("exp", json!(NOW_S - 60)) && !with("exp", json!(NOW_S - 61)));
        assert!(with("exp", json!(NOW_S as f64 + 0.5)) && with("exp", json!(u64::MAX)));
        assert!(
            with("aud", json!(["other", "registry"])) && !with("aud", json!(["other"])) && !with("aud", json!([7]))
        );
        assert!(!with("aud", json!("registry ")) && !with("iss", json!("https://idp.example/")));
        assert!(!with("sub", json!("a\nb")) && !with("sub", json!("x".repeat(257))));
    }

    #[test]
    fn claims_become_groups() {
        let mut all = claims();
        all["groups"] = json!(["team", 7, ""]);
        all["scope"] = json!("read write");
        all["amr"] = json!(["mfa"]);
        all["roles"] = json!(["admin"]);
        assert_eq!(checked(&all).unwrap().groups, ["team", "scope:read", "scope:write", "amr:mfa"]);
        let prefixed = IssuerConfig { prefix: "corp:".to_owned(), ..config() };
        let found = claims_of(all.as_object().unwrap(), &prefixed, NOW_S).unwrap();
        assert_eq!((found.name.as_str(), found.groups[0].as_str()), ("corp:ada", "corp:team"));
        all["groups"] = (0..65).map(|number| json!(format!("g{number}"))).collect();
        assert!(checked(&all).is_err(), "some of the groups would be other rights");
    }

    #[test]
    fn documents_come_over_tls_or_from_this_machine() {
        for good in ["https://idp.example/x", "http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:1/x"] {
            assert!(is_safe_url(good), "{good}");
        }
        for bad in ["http://idp.example", "http://localhost.evil.example/", "http://127.0.0.1.evil/", "file:///x", ""] {
            assert!(!is_safe_url(bad), "{bad}");
        }
    }
}
