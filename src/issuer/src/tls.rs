//! TLS: the certificate that was given, or one that the issuer makes itself, and the pin that claims and bundles carry.
//!
//! A pin is SHA-256 of the certificate's public key (SPKI), lower hex: it stays while the key does, whatever the
//! certificate around it. An own certificate is made once and kept; kiosks know it by its pin and nothing else.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why TLS cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("the TLS file {}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("the TLS file {}: {cause}; it must be PEM", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// Certificate and key do not serve together.
    #[error("the TLS certificate {} and its key cannot be used: {cause}", path.display())]
    Pair {
        /// The certificate.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The certificate could not be made.
    #[error("the issuer's own TLS certificate could not be made: {0}")]
    Made(String),
}

/// What TLS is served with.
#[derive(Clone, Debug)]
pub struct Identity {
    /// For the server.
    pub config: Arc<ServerConfig>,
    /// The pin of its public key.
    pub pin: String,
}

fn file(path: &Path) -> impl Fn(std::io::Error) -> TlsError {
    move |cause| TlsError::File {
        path: path.to_owned(),
        cause,
    }
}

fn content(path: &Path, cause: &dyn std::fmt::Display) -> TlsError {
    TlsError::Content {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}

/// Reads a certificate chain and its private key, both PEM.
///
/// # Errors
/// See [`TlsError`].
pub fn load(certificate: &Path, key: &Path) -> Result<Identity, TlsError> {
    let pem = fs::read(certificate).map_err(file(certificate))?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| content(certificate, &error))?;
    let leaf = chain
        .first()
        .ok_or_else(|| content(certificate, &"there is no certificate in it"))?;
    let pin = pin_of(leaf).map_err(|error| content(certificate, &error))?;
    let key_pem = zeroize::Zeroizing::new(fs::read(key).map_err(file(key))?);
    let private = PrivateKeyDer::from_pem_slice(&key_pem).map_err(|error| content(key, &error))?;
    let pair = |error: rustls::Error| TlsError::Pair {
        path: certificate.to_owned(),
        cause: error.to_string(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Identity {
        config: Arc::new(config),
        pin,
    })
}

/// The pin of the first certificate in a file.
///
/// # Errors
/// Where the file cannot be read or holds no certificate.
pub fn pin_of_file(certificate: &Path) -> Result<String, TlsError> {
    let pem = fs::read(certificate).map_err(file(certificate))?;
    let leaf =
        CertificateDer::from_pem_slice(&pem).map_err(|error| content(certificate, &error))?;
    pin_of(&leaf).map_err(|error| content(certificate, &error))
}

fn pin_of(certificate: &CertificateDer<'_>) -> Result<String, String> {
    let (_, parsed) =
        x509_parser::parse_x509_certificate(certificate).map_err(|error| error.to_string())?;
    Ok(evidence::sha256(parsed.public_key().raw).to_hex())
}

/// Makes the issuer's own certificate for these host names and addresses, unless there is one.
///
/// # Errors
/// Where it cannot be made or written.
pub fn make_own(certificate: &Path, key: &Path, names: &[String]) -> Result<(), TlsError> {
    if certificate.exists() {
        return Ok(());
    }
    let made = |error: rcgen::Error| TlsError::Made(error.to_string());
    let pair = rcgen::generate_simple_self_signed(names).map_err(made)?;
    let private = zeroize::Zeroizing::new(pair.signing_key.serialize_pem());
    write(key, private.as_bytes(), 0o600)?;
    // The certificate comes last: where it stands, its key stands.
    write(certificate, pair.cert.pem().as_bytes(), 0o644)
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), TlsError> {
    let beside = path.with_extension("new");
    let written = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(mode);
        let mut out = options.open(&beside)?;
        out.write_all(bytes)?;
        out.sync_all()?;
        fs::rename(&beside, path)?;
        match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
            _ => Ok(()),
        }
    };
    written().map_err(file(path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn an_own_certificate_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        make_own(&certificate, &key, &names).unwrap();
        assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
        let identity = load(&certificate, &key).unwrap();
        assert_eq!(identity.pin.len(), 64);
        assert_eq!(pin_of_file(&certificate).unwrap(), identity.pin);
        make_own(&certificate, &key, &names).unwrap();
        assert_eq!(load(&certificate, &key).unwrap().pin, identity.pin);
    }

    #[test]
    fn faults_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        let said = |certificate: &Path, key: &Path| load(certificate, key).unwrap_err().to_string();
        assert!(said(&certificate, &key).contains("c.pem"));
        make_own(&certificate, &key, &["localhost".to_owned()]).unwrap();
        fs::write(&key, "no key").unwrap();
        assert!(said(&certificate, &key).contains("k.pem"));
        let (other, other_key) = (folder.path().join("d.pem"), folder.path().join("l.pem"));
        make_own(&other, &other_key, &["localhost".to_owned()]).unwrap();
        assert!(said(&certificate, &other_key).contains("cannot be used"));
        fs::write(&certificate, "nothing").unwrap();
        assert!(said(&certificate, &other_key).contains("c.pem"));
    }
}
