//! The description of what is sent here, OpenAPI 3.1. `src/issuer/openapi.json` is this very text, held by a test.

use std::sync::LazyLock;

use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::signals::{RefusedSignal, SignalsTaken};
use super::{PushProblem, Queued, RowResult, Taken, TakenRow};
use crate::sources::pushed::{PushedRegistration, PushedStatus, RegistrationsBody, RowFault};
use crate::sources::sent::{SentKind, SentSignal, SentSource, SignalsBody};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Rollcall: what other systems send",
        version = "1",
        description = "Calls with which other systems send to a Rollcall issuer. Tokens are made by `rollcall-issuer source add`, and end \
                       with `source revoke`. Every refusal is a problem document (RFC 9457). What was taken is durable before the answer; \
                       every call can be made again.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        super::registrations,
        super::signals::signals,
        super::hooks::hook,
        super::pretix_hook
    ),
    components(schemas(
        RegistrationsBody,
        PushedRegistration,
        PushedStatus,
        Taken,
        TakenRow,
        RowResult,
        RowFault,
        SignalsBody,
        SentSource,
        SentSignal,
        SentKind,
        SignalsTaken,
        RefusedSignal,
        Queued,
        PushProblem
    )),
    tags((name = "push", description = "Sent by other systems")),
    modifiers(&Token)
)]
struct Description;

struct Token;

impl Modify for Token {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let mut scheme = Http::new(HttpAuthScheme::Bearer);
        scheme.description =
            Some("A token that `rollcall-issuer source add` printed: `rcs.<source>.…`".to_owned());
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The description as JSON.
pub fn openapi_json() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let mut text = Description::openapi()
            .to_pretty_json()
            .expect("a description of texts serialises");
        text.push('\n');
        text
    });
    &TEXT
}
