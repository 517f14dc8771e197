//! The pin of the TLS key that a kiosk will meet: SHA-256 of the certificate's public key (SPKI), lower hex.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::output::Failure;
use super::premises::Premises;
use crate::config::Tls;

/// The pin; none where nothing is encrypted, which is on this machine only.
pub(super) fn tls_pin(here: &Premises) -> Result<Option<String>, Failure> {
    match &here.config.tls {
        Tls::None => Ok(None),
        Tls::Files { certificate, .. } => pin_of(certificate).map(Some),
        Tls::Own => {
            let file = here.config.own_certificate();
            if file.exists() {
                pin_of(&file).map(Some)
            } else {
                Err(Failure::failed(format!(
                    "there is no certificate in {} yet, whose pin the claim would carry: `rollcall-issuer serve` makes it when it is first started",
                    file.display()
                )))
            }
        }
    }
}

fn pin_of(file: &Path) -> Result<String, Failure> {
    let bad = |why: &dyn std::fmt::Display| {
        Failure::failed(format!("the TLS certificate {}: {why}", file.display()))
    };
    let certificate = CertificateDer::from_pem_file(file).map_err(|e| bad(&e))?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).map_err(|e| bad(&e))?;
    Ok(evidence::sha256(parsed.public_key().raw).to_hex())
}
