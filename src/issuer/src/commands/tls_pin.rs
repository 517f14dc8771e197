//! The pin of the TLS key that a kiosk will meet: SHA-256 of the certificate's public key (SPKI), lower hex.

use std::path::Path;

use super::output::Failure;
use super::premises::Premises;
use crate::config::Tls;
use crate::tls;

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
    tls::pin_of_file(file).map_err(|error| Failure::failed(error.to_string()))
}
