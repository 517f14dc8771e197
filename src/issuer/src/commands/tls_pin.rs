//! The pin of the TLS key that a kiosk will meet: SHA-256 of the certificate's public key (SPKI), lower hex.

use std::path::Path;

use super::output::Failure;
use super::premises::Premises;
use super::serve::make_own;
use crate::config::Tls;
use crate::tls;

/// The pin; none where nothing is encrypted, which is on this machine only.
pub(super) fn tls_pin(here: &Premises) -> Result<Option<String>, Failure> {
    match &here.config.tls {
        Tls::None => Ok(None),
        Tls::Files { certificate, .. } => pin_of(certificate).map(Some),
        // A claim may be made before the service was ever started.
        Tls::Own => {
            make_own(&here.config)?;
            pin_of(&here.config.own_certificate()).map(Some)
        }
    }
}

fn pin_of(file: &Path) -> Result<String, Failure> {
    tls::pin_of_file(file).map_err(|error| Failure::failed(error.to_string()))
}
