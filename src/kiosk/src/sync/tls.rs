//! TLS by pins: whoever holds one of the named keys is the issuer, and nobody else, whatever any authority signed.
//!
//! Promises: a connection is made only if the certificate's public key (SPKI) has a pinned SHA-256 and the handshake is signed by it. The
//! certificate's names and issuers are not looked at; a pin says more. Its dates are held against the issuer's own signed time, never
//! against this machine's clock: until that time is known, only the connection for the time exchange may be made, and its dates are left aside.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use attendance::UtcMs;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::words::Failure;

/// The issuer's time as it was last signed, with the raw clock's reading then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trusted {
    pub(super) at: UtcMs,
    pub(super) raw_ms: u64,
}

/// What connections share: the trusted time, and why the last handshake was refused.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<State>>);

#[derive(Clone, Copy, Default)]
struct State {
    trusted: Option<Trusted>,
    refused: Option<Failure>,
}

impl Shared {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        // Nothing in here can panic half-way, so a poisoned lock still holds a whole state.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn trust(&self, trusted: Trusted) {
        self.with(|state| state.trusted = Some(trusted));
    }

    /// Why the handshake since the last call was refused, if one was.
    pub(super) fn take_refusal(&self) -> Option<Failure> {
        self.with(|state| state.refused.take())
    }

    fn now(&self, raw_now_ms: u64) -> Option<UtcMs> {
        let trusted = self.with(|state| state.trusted)?;
        let since_ms = raw_now_ms.saturating_sub(trusted.raw_ms);
        let since_ms = i64::try_from(since_ms).unwrap_or(i64::MAX);
        Some(trusted.at.plus_ms(since_ms))
    }
}

/// For which calls a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The time exchange: may go before the time is known.
    Time,
    /// Everything else.
    Rest,
}

/// The configuration of connections to whoever holds one of the keys.
pub(super) fn config(
    pins: &[[u8; 32]],
    purpose: Purpose,
    shared: Shared,
    raw_now_ms: fn() -> u64,
) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Pinned {
        pins: pins.to_vec(),
        purpose,
        shared,
        raw_now_ms,
        provider: Arc::clone(&provider),
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

struct Pinned {
    pins: Vec<[u8; 32]>,
    purpose: Purpose,
    shared: Shared,
    raw_now_ms: fn() -> u64,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pins = self.pins.len();
        write!(f, "Pinned({pins} pins, for {:?})", self.purpose)
    }
}

impl Pinned {
    fn judge(&self, certificate: &[u8]) -> Result<(), Failure> {
        let (_, certificate) =
            X509Certificate::from_der(certificate).map_err(|_| Failure::WrongKey)?;
        let key = evidence::sha256(certificate.public_key().raw);
        if !self.pins.contains(&key.0) {
            return Err(Failure::WrongKey);
        }
        let validity = certificate.validity();
        match self.shared.now((self.raw_now_ms)()) {
            Some(now) => {
                let now_s = now.0.div_euclid(1_000);
                let begins_s = validity.not_before.timestamp();
                let ends_s = validity.not_after.timestamp();
                let holds = (begins_s..=ends_s).contains(&now_s);
                holds.then_some(()).ok_or(Failure::CertificateDates)
            }
            None if self.purpose == Purpose::Time => Ok(()),
            None => Err(Failure::CertificateDates),
        }
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        match self.judge(end_entity) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(failure) => {
                self.shared.with(|state| state.refused = Some(failure));
                let refused = CertificateError::ApplicationVerificationFailure;
                Err(TlsError::InvalidCertificate(refused))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
