//! Signing in and out.

use askama::Template;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::http::header::{LOCATION, RETRY_AFTER, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Pages;
use super::fault::Fault;
use super::layout::{Frame, html, html_with};
use crate::access::{Caller, HOME_PATH, SIGN_IN_PATH, SignInError, Signed, is_safe_next};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    next: String,
    account: String,
    fault: String,
}

#[derive(Deserialize)]
pub(super) struct Where {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(super) struct SignInForm {
    account: String,
    password: String,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
pub(super) struct SignOutForm {
    #[serde(default)]
    form: String,
}

fn safe(next: String) -> String {
    if is_safe_next(&next) {
        next
    } else {
        HOME_PATH.to_owned()
    }
}

pub(super) async fn page(
    State(pages): State<Pages>,
    Query(to): Query<Where>,
) -> Result<Response, Fault> {
    html(&SignInPage {
        frame: Frame::public(&pages, "Sign in"),
        next: safe(to.next),
        account: String::new(),
        fault: String::new(),
    })
}

pub(super) async fn sign_in(
    State(pages): State<Pages>,
    caller: Caller,
    Form(form): Form<SignInForm>,
) -> Result<Response, Fault> {
    let next = safe(form.next);
    let account = form.account.trim().to_owned();
    let (status, fault) = match pages
        .access()
        .sign_in(&caller.0, &account, form.password)
        .await
    {
        Ok(cookie) => {
            return Ok((
                StatusCode::SEE_OTHER,
                [(SET_COOKIE, cookie), (LOCATION, next)],
            )
                .into_response());
        }
        Err(SignInError::Store(cause)) => return Err(cause.into()),
        Err(SignInError::Wrong) => {
            let fault = "Account and password do not fit. Check both, and try again.";
            (StatusCode::UNAUTHORIZED, fault.to_owned())
        }
        Err(SignInError::TooMany(seconds)) => {
            let fault = format!("Too many attempts. Try again in {seconds} s.");
            let page = SignInPage {
                frame: Frame::public(&pages, "Sign in"),
                next,
                account,
                fault,
            };
            let mut response = html_with(StatusCode::TOO_MANY_REQUESTS, &page)?;
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
            return Ok(response);
        }
    };
    html_with(
        status,
        &SignInPage {
            frame: Frame::public(&pages, "Sign in"),
            next,
            account,
            fault,
        },
    )
}

pub(super) async fn sign_out(
    State(pages): State<Pages>,
    signed: Signed,
    Form(form): Form<SignOutForm>,
) -> Result<Response, Fault> {
    signed.check_form(&form.form)?;
    let cookie = pages.access().sign_out(&signed).await?;
    Ok((
        StatusCode::SEE_OTHER,
        [(SET_COOKIE, cookie), (LOCATION, SIGN_IN_PATH.to_owned())],
    )
        .into_response())
}
