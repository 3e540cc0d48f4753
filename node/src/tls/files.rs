//! The files of one section: what they hold, and what is wrong with them.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::provider;

/// Largest file that is read: some thousand certificates.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// What a section of the configuration names.
#[derive(Debug, Clone)]
pub(super) struct Files {
    section: &'static str,
    cert: PathBuf,
    key: PathBuf,
    ca: PathBuf,
}

/// By which a changed file is known: time of modification, length, number.
pub(super) type Stamp = Vec<Option<(i64, i64, u64, u64)>>;

impl Files {
    /// None where there is no TLS.
    pub(super) fn of(section: &'static str, cert: &Path, key: &Path, ca: &Path) -> Option<Self> {
        let is_there = !cert.as_os_str().is_empty() && !key.as_os_str().is_empty();
        is_there.then(|| Self { section, cert: cert.to_owned(), key: key.to_owned(), ca: ca.to_owned() })
    }

    pub(super) fn section(&self) -> &'static str {
        self.section
    }

    /// How the files are now. Links are followed: Kubernetes changes all files of a secret by one link.
    pub(super) fn stamp(&self) -> Stamp {
        [&self.cert, &self.key, &self.ca]
            .into_iter()
            .map(|path| {
                let found = std::fs::metadata(path).ok()?;
                Some((found.mtime(), found.mtime_nsec(), found.len(), found.ino()))
            })
            .collect()
    }
}

/// From when to when a certificate is valid, in seconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) not_before: i64,
    pub(super) not_after: i64,
}

/// What the files of a section hold, and that it fits together.
#[derive(Debug)]
pub(super) struct Material {
    pub(super) certified: Arc<CertifiedKey>,
    /// The authorities; none where no file is named.
    pub(super) roots: Option<Arc<RootCertStore>>,
    pub(super) validity: Validity,
}

impl Material {
    /// Reads the files.
    ///
    /// # Errors
    /// Everything that is wrong with them: key of the configuration and reason.
    pub(super) fn read(files: &Files) -> Result<Self, Vec<(String, String)>> {
        let Files { section, cert, key, ca } = files;
        let mut faults = Vec::new();
        let mut note = |name: &str, fault: Option<String>| {
            faults.extend(fault.map(|reason| (format!("{section}.{name}"), reason)));
        };
        let chain = certificates(cert);
        note("cert", chain.as_ref().err().cloned());
        let private = private_key(key);
        note("key", private.as_ref().err().cloned());
        let roots = if ca.as_os_str().is_empty() { Ok(None) } else { authorities(ca).map(Some) };
        note("ca", roots.as_ref().err().cloned());
        let (Ok(chain), Ok(private), Ok(roots)) = (chain, private, roots) else { return Err(faults) };
        let validity = match validity(&chain[0]) {
            Ok(validity) => validity,
            Err(reason) => return Err(vec![(format!("{section}.cert"), format!("{}: {reason}", cert.display()))]),
        };
        let certified = CertifiedKey::from_der(chain, private, &provider()).map_err(|error| {
            let reason = match error {
                rustls::Error::InconsistentKeys(_) => {
                    format!("{} is not the key of the certificate in {}", key.display(), cert.display())
                }
                other => format!("{}: {other}", key.display()),
            };
            vec![(format!("{section}.key"), reason)]
        })?;
        Ok(Self { certified: Arc::new(certified), roots, validity })
    }

    pub(super) fn leaf(&self) -> &CertificateDer<'static> {
        &self.certified.cert[0]
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let of = |error: std::io::Error| format!("read {}: {error}", path.display());
    if std::fs::metadata(path).map_err(of)?.len() > FILE_BYTES_MAX {
        return Err(format!("{} has more than {FILE_BYTES_MAX} bytes", path.display()));
    }
    std::fs::read(path).map_err(of)
}

/// At least one certificate, the holder's first.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(format!("{} holds no certificate (PEM)", path.display())),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    /// Read or write by everybody.
    const OTHERS: u32 = 0o006;
    let pem = read(path)?;
    if std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & OTHERS != 0) {
        tracing::warn!(path = %path.display(), "every user of this machine may read or write this private key: chmod 600");
    }
    PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|error| format!("{} holds no private key that can be read (PEM): {error}", path.display()))
}

fn authorities(path: &Path) -> Result<Arc<RootCertStore>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(Arc::new(roots))
}

fn validity(leaf: &CertificateDer<'_>) -> Result<Validity, String> {
    let (_, leaf) = x509_parser::parse_x509_certificate(leaf).map_err(|error| error.to_string())?;
    let validity = leaf.validity();
    Ok(Validity { not_before: validity.not_before.timestamp(), not_after: validity.not_after.timestamp() })
}
