//! Certificates for those who have no authority of their own: one authority for nodes, one for what clients see.
//!
//! The two are apart on purpose: whoever can make a certificate for a client must not be able to make a node.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use serde_json::{Value, json};
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;

use crate::fail::CommandError;
use crate::screen::{Screen, Shown};

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Clocks differ: a new certificate is good for one that is this late.
const CLOCK_SKEW: Duration = Duration::from_secs(3_600);
/// Nodes vouch for each other by certificates of this authority, and by no others.
const NODE_CA: &str = "node-ca";
/// What clients see and show is of this one.
const CLIENT_CA: &str = "client-ca";

#[derive(Debug, clap::Subcommand)]
pub(crate) enum CertsCommand {
    /// Makes the two authorities: one for nodes, one for what clients see and show.
    #[command(after_help = "Example:\n  registryctl certs init --dir certs-dir")]
    Init {
        #[command(flatten)]
        place: Place,
        /// For how many days they are good.
        #[arg(long, default_value_t = 3_650)]
        days: u32,
    },
    /// Makes certificates.
    #[command(subcommand)]
    Issue(IssueCommand),
    /// Shows whom certificates name, who vouches for them, and how long they are good.
    #[command(after_help = "Example:\n  registryctl certs show certs-dir/node-1.peer.crt certs-dir/node-1.server.crt")]
    Show {
        /// Files with certificates (PEM).
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum IssueCommand {
    /// Makes the two certificates of a node: for the other nodes (peer), and for clients (server).
    #[command(
        after_help = "Example:\n  registryctl certs issue node 1 --cluster production --host node-1.example.org --host 127.0.0.1 --dir certs-dir"
    )]
    Node {
        /// Its node id.
        id: u64,
        /// The cluster's id, as in the nodes' configuration.
        #[arg(long)]
        cluster: String,
        /// A name or address by which clients reach it; may be repeated.
        #[arg(long, required = true)]
        host: Vec<String>,
        #[command(flatten)]
        place: Place,
        /// For how many days they are good.
        #[arg(long, default_value_t = 365)]
        days: u32,
    },
    /// Makes the certificate of a client.
    #[command(after_help = "Example:\n  registryctl certs issue client ada --dir certs-dir")]
    Client {
        /// Its name.
        name: String,
        #[command(flatten)]
        place: Place,
        /// For how many days it is good.
        #[arg(long, default_value_t = 365)]
        days: u32,
    },
}

/// Where the files are.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// The directory of the authorities and of what they vouch for.
    #[arg(long, default_value = "certs")]
    dir: PathBuf,
}

pub(crate) fn run(screen: Screen, is_dry_run: bool, command: &CertsCommand) -> Result<(), CommandError> {
    let made = match command {
        CertsCommand::Show { files } => return show(screen, files),
        CertsCommand::Init { place, days } => [
            Made::authority(NODE_CA, "schema registry nodes", *days)?,
            Made::authority(CLIENT_CA, "schema registry clients", *days)?,
        ]
        .into_iter()
        .map(|made| (place, made))
        .collect::<Vec<_>>(),
        CertsCommand::Issue(IssueCommand::Node { id, cluster, host, place, days }) => {
            use ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
            let name = format!("node-{id}");
            let hosts = host.iter().map(|host| of_host(host)).collect::<Result<Vec<_>, _>>()?;
            let spiffe = format!("spiffe://{cluster}/node/{id}");
            let uri = spiffe.try_into().map_err(|_| CommandError::Use(format!("{cluster:?} is no id of a cluster")))?;
            let peer_names = [vec![SanType::URI(uri)], hosts.clone()].concat();
            let (nodes, clients) = (Authority::read(place, NODE_CA)?, Authority::read(place, CLIENT_CA)?);
            vec![
                (place, nodes.issue(&format!("{name}.peer"), &name, peer_names, &[ServerAuth, ClientAuth], *days)?),
                (place, clients.issue(&format!("{name}.server"), &name, hosts, &[ServerAuth], *days)?),
            ]
        }
        CertsCommand::Issue(IssueCommand::Client { name, place, days }) => {
            if name.is_empty()
                || name.starts_with('.')
                || name.contains(['/', '\\'])
                || name.chars().any(char::is_control)
            {
                return Err(CommandError::Use(format!("{name:?} is no name of a client")));
            }
            let authority = Authority::read(place, CLIENT_CA)?;
            let usage = [ExtendedKeyUsagePurpose::ClientAuth];
            vec![(place, authority.issue(&format!("{name}.client"), name, Vec::new(), &usage, *days)?)]
        }
    };
    let is_new = matches!(command, CertsCommand::Init { .. });
    let mut written = Vec::new();
    for (place, made) in &made {
        if !is_dry_run {
            made.write(&place.dir, is_new)?;
        }
        written.push(place.dir.join(format!("{}.crt", made.file)).display().to_string());
        written.push(place.dir.join(format!("{}.key", made.file)).display().to_string());
    }
    let (said, key) = if is_dry_run { ("would write", "would write") } else { ("wrote", "written") };
    let mut shown = Shown::done(format!("{said} {}", written.join(", ")), json!({ key: written.clone() }), "");
    shown.names = written;
    screen.show(&shown)
}

fn failed(error: rcgen::Error) -> CommandError {
    CommandError::Negative(format!("make a certificate: {error}"))
}

fn of_host(host: &str) -> Result<SanType, CommandError> {
    if let Ok(address) = host.parse() {
        return Ok(SanType::IpAddress(address));
    }
    let wrong = || CommandError::Use(format!("{host:?} is neither a name nor an address of a host, without a port"));
    if host.is_empty() || host.contains([':', '/', ' ']) {
        return Err(wrong());
    }
    Ok(SanType::DnsName(host.try_into().map_err(|_| wrong())?))
}

fn params(name: &str, days: u32) -> CertificateParams {
    let mut params = CertificateParams::default();
    let now = SystemTime::now();
    params.not_before = (now - CLOCK_SKEW).into();
    params.not_after = (now + DAY * days).into();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.use_authority_key_identifier_extension = true;
    params
}

/// A certificate and its key, before they are written.
struct Made {
    file: String,
    certificate: String,
    key: String,
}

impl Made {
    fn authority(file: &str, name: &str, days: u32) -> Result<Self, CommandError> {
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = params(name, days);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).map_err(failed)?;
        Ok(Self { file: file.to_owned(), certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// Writes both files, for their owner alone. What is there already is replaced, but for authorities.
    fn write(&self, directory: &Path, is_new: bool) -> Result<(), CommandError> {
        fs::create_dir_all(directory).map_err(|error| CommandError::file(directory, error))?;
        let key = directory.join(format!("{}.key", self.file));
        if is_new && key.exists() {
            return Err(CommandError::Use(format!(
                "{} is there already: another authority would make every certificate of the first one worthless",
                key.display()
            )));
        }
        for (path, text) in [(key, &self.key), (directory.join(format!("{}.crt", self.file)), &self.certificate)] {
            // Renamed into place: a node that looks at this moment sees the old file or the new one.
            let new = path.with_extension("new");
            let write = || -> std::io::Result<()> {
                let mut options = OpenOptions::new();
                let mut file: File = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
                file.set_permissions(Permissions::from_mode(0o600))?;
                file.write_all(text.as_bytes())?;
                file.sync_all()?;
                fs::rename(&new, &path)
            };
            write().map_err(|error| CommandError::file(&path, error))?;
        }
        Ok(())
    }
}

/// An authority that was made before.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn read(place: &Place, file: &str) -> Result<Self, CommandError> {
        let read = |ending: &str| {
            let path = place.dir.join(format!("{file}.{ending}"));
            let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => CommandError::Use(format!(
                    "{} is not there: registryctl certs init --dir {} makes it",
                    path.display(),
                    place.dir.display()
                )),
                _ => CommandError::file(&path, error),
            });
            text.map(|text| (path, text))
        };
        let ((path, certificate), (key_path, key)) = (read("crt")?, read("key")?);
        let wrong = |path: &Path, error: rcgen::Error| CommandError::Use(format!("{}: {error}", path.display()));
        let key = KeyPair::from_pem(&key).map_err(|error| wrong(&key_path, error))?;
        let issuer = Issuer::from_ca_cert_pem(&certificate, key).map_err(|error| wrong(&path, error))?;
        Ok(Self { issuer })
    }

    fn issue(
        &self,
        file: &str,
        name: &str,
        names: Vec<SanType>,
        usage: &[ExtendedKeyUsagePurpose],
        days: u32,
    ) -> Result<Made, CommandError> {
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = params(name, days);
        params.subject_alt_names = names;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = usage.to_vec();
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok(Made { file: file.to_owned(), certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

fn show(screen: Screen, files: &[PathBuf]) -> Result<(), CommandError> {
    let (mut rows, mut json, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for path in files {
        let bytes = fs::read(path).map_err(|error| CommandError::file(path, error))?;
        let wrong = |reason: String| CommandError::Use(format!("{}: {reason}", path.display()));
        let before = rows.len();
        for pem in Pem::iter_from_buffer(&bytes) {
            let pem = pem.map_err(|error| wrong(error.to_string()))?;
            if pem.label != "CERTIFICATE" {
                continue;
            }
            let certificate = pem.parse_x509().map_err(|error| wrong(error.to_string()))?;
            let named = certificate.subject_alternative_name().map_err(|error| wrong(error.to_string()))?;
            let named: Vec<String> =
                named.map(|named| named.value.general_names.iter().map(printed).collect()).unwrap_or_default();
            let expires_at = certificate.validity().not_after;
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
            let left = expires_at.timestamp().saturating_sub(i64::try_from(now).unwrap_or(i64::MAX));
            let days = left.div_euclid(24 * 3_600);
            let (subject, issuer) = (certificate.subject().to_string(), certificate.issuer().to_string());
            json.push(json!({
                "file": path.display().to_string(), "subject": subject, "names": named, "issuer": issuer,
                "expires_at": expires_at.timestamp(), "days_left": days,
            }));
            names.push(subject.clone());
            rows.push(vec![path.display().to_string(), subject, named.join(","), issuer, days.to_string()]);
        }
        if rows.len() == before {
            return Err(wrong("there is no certificate (PEM) in it".to_owned()));
        }
    }
    let columns = vec!["FILE", "SUBJECT", "NAMES", "ISSUER", "DAYS LEFT"];
    screen.show(&Shown { columns, rows, json: Value::Array(json), names, ..Shown::default() })
}

fn printed(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::URI(name) | GeneralName::DNSName(name) => (*name).to_owned(),
        GeneralName::IPAddress(bytes) => match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
            (Ok(four), _) => std::net::IpAddr::from(four).to_string(),
            (_, Ok(sixteen)) => std::net::IpAddr::from(sixteen).to_string(),
            (Err(_), Err(_)) => name.to_string(),
        },
        other => other.to_string(),
    }
}
