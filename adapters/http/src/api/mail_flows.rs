//! Flows that begin with a request and end with what a mail brought: verification, recovery, and login by link or code.

use std::sync::Arc;

use kayan_core::{
    Caller, Failure, FieldError, Flow, InvalidLink, LogInByCode, LogInByCodeError, LogInByLinkError, Purpose, Recover,
    RecoverError, RequestByMail, RequestByMailError, Token, VerifyAddressError,
};
use kayan_ports::Channel;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::{Deserialize, Serialize};

use crate::{
    Application, Tag,
    api::sessions::SessionAnswer,
    edge::{caller::Anyone, even_times::at_even_times, to_its_end::to_its_end},
    wire::{
        body::Body,
        device::WithDevice,
        refused::{Refused, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct MailFlows {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// The address to write to.
#[derive(Object, Deserialize)]
#[oai(rename = "MailRequest")]
struct RequestBody {
    /// The e-mail address.
    #[oai(validator(max_length = 4096))]
    email: String,
    /// A solved challenge of `proofOfWork` or of `proof_of_work_required`, if the tenant requires one: the base64 of
    /// `{"algorithm", "challenge", "number", "salt", "signature"}`.
    #[oai(validator(max_length = 2048))]
    proof_of_work: Option<String>,
}

/// The address to send a code to.
#[derive(Object, Deserialize)]
#[oai(rename = "OtpRequest")]
struct CodeRequestBody {
    /// The e-mail address or phone number that the user logs in with. A phone number has its country code, as in
    /// `+49 170 1234567`.
    #[oai(validator(max_length = 4096))]
    identifier: String,
    /// A solved challenge of `proofOfWork` or of `proof_of_work_required`, if the tenant requires one: the base64 of
    /// `{"algorithm", "challenge", "number", "salt", "signature"}`.
    #[oai(validator(max_length = 2048))]
    proof_of_work: Option<String>,
}

/// The token of a link.
#[derive(Object, Deserialize)]
#[oai(rename = "LinkRequest")]
pub(super) struct LinkBody {
    /// The token from the fragment of the link, as in `kyl_…`. It can be used once.
    #[oai(validator(max_length = 64))]
    pub(super) token: String,
}

/// The token of a link, and a new password.
#[derive(Object, Deserialize)]
#[oai(rename = "RecoveryRequest")]
struct RecoveryBody {
    /// The token from the fragment of the link, as in `kyl_…`. It can be used once.
    #[oai(validator(max_length = 64))]
    token: String,
    /// The new password: at least 8 characters unless the tenant or the service asks for more, no common one, not easy to guess,
    /// and none of the last ones if the tenant asks for that.
    #[oai(validator(max_length = 4096))]
    password: String,
}

/// A code, and the address that it was sent to.
#[derive(Object, Deserialize)]
#[oai(rename = "OtpCompleteRequest")]
struct CodeBody {
    /// The e-mail address or phone number that the code was requested for.
    #[oai(validator(max_length = 4096))]
    identifier: String,
    /// The six digits; spaces are ignored.
    #[oai(validator(max_length = 64))]
    code: String,
}

/// What happened.
#[derive(Object, Serialize)]
#[oai(rename = "Done")]
pub(crate) struct Told {
    /// What happened, for people.
    message: String,
}

/// A verified address.
#[derive(Object, Serialize)]
pub(super) struct VerifiedAddress {
    /// The address.
    pub(super) address: String,
}

#[derive(ApiResponse)]
pub(super) enum Requested {
    /// If a user has the address or phone number, a message will be sent to it. The response is the same if nobody has.
    #[oai(status = 202)]
    Accepted(Reply<Told>),
}

#[derive(ApiResponse)]
pub(super) enum Verified {
    /// The address or phone number is verified.
    #[oai(status = 200)]
    Address(Reply<VerifiedAddress>),
}

#[derive(ApiResponse)]
enum Recovered {
    /// The password is set, and all sessions are revoked.
    #[oai(status = 200)]
    Done(Reply<Told>),
}

pub(crate) fn told(message: &str) -> Reply<Told> {
    Reply::new(&Told { message: message.to_owned() })
}

/// What is not such a token is an unknown one.
pub(crate) fn link(token: &str) -> Option<Token> {
    Token::read(Purpose::Link, token)
}

/// Requests a message. The response depends on nothing but the form of the address.
pub(super) async fn request(
    app: &Application,
    caller: &Caller,
    flow: Flow,
    (address, proof_of_work): (String, Option<String>),
) -> Result<Requested, RequestByMailError> {
    let channel = app.kayan.request_by_mail(caller, &RequestByMail { flow, address, proof_of_work }).await?;
    Ok(Requested::Accepted(told(match channel {
        Channel::Mail => "if a user has this address, a mail is on its way",
        Channel::Sms => "if a user has this phone number, an SMS is on its way",
    })))
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Mail")]
impl MailFlows {
    /// Request a link that verifies an address
    ///
    /// The link is good for 24 hours. Nothing is sent to an address that is verified already. An address gets five mails an
    /// hour at most.
    #[oai(path = "/verification/request", method = "post", operation_id = "verificationRequest")]
    async fn request_verification(
        &self,
        Anyone(caller): Anyone,
        Body(body): Body<RequestBody>,
    ) -> Result<Requested, Refused<RequestByMailError>> {
        Ok(request(&self.app, &caller, Flow::Verification, (body.email, body.proof_of_work)).await?)
    }

    /// Verify an address
    ///
    /// Needs no session: the token proves that the mail was read.
    #[oai(path = "/verification/complete", method = "post", operation_id = "verificationComplete")]
    async fn complete_verification(
        &self,
        Anyone(caller): Anyone,
        Body(body): Body<LinkBody>,
    ) -> Result<Verified, Refused<VerifyAddressError>> {
        let address = self.app.kayan.verify_address(&caller, link(&body.token).as_ref()).await?;
        Ok(Verified::Address(Reply::new(&VerifiedAddress { address })))
    }

    /// Request a link that sets a new password
    ///
    /// The link is good for an hour. An address gets five mails an hour at most.
    #[oai(path = "/recovery/request", method = "post", operation_id = "recoveryRequest")]
    async fn request_recovery(
        &self,
        Anyone(caller): Anyone,
        Body(body): Body<RequestBody>,
    ) -> Result<Requested, Refused<RequestByMailError>> {
        Ok(request(&self.app, &caller, Flow::Recovery, (body.email, body.proof_of_work)).await?)
    }

    /// Set a new password by a link
    ///
    /// Revokes every session, and voids every other link and code of the user. It opens no session: log in with the new
    /// password, and the second factor if there is one. A password that is refused leaves the link as it was.
    #[oai(path = "/recovery/complete", method = "post", operation_id = "recoveryComplete")]
    async fn complete_recovery(
        &self,
        Anyone(caller): Anyone,
        Body(body): Body<RecoveryBody>,
    ) -> Result<Recovered, Refused<RecoverError>> {
        let cmd = Recover { token: link(&body.token), password: body.password.into() };
        self.app.kayan.recover(&caller, &cmd).await?;
        Ok(Recovered::Done(told("the password is set; log in with it")))
    }

    /// Request a link that logs in
    ///
    /// The link is good for 15 minutes. An address gets five mails an hour at most.
    #[oai(path = "/magic-link/request", method = "post", operation_id = "magicLinkRequest")]
    async fn request_magic_link(
        &self,
        Anyone(caller): Anyone,
        Body(body): Body<RequestBody>,
    ) -> Result<Requested, Refused<RequestByMailError>> {
        Ok(request(&self.app, &caller, Flow::MagicLink, (body.email, body.proof_of_work)).await?)
    }

    /// Log in by a link
    ///
    /// Opens a session at `aal1`, and marks the address as verified.
    #[oai(path = "/magic-link/complete", method = "post", operation_id = "magicLinkComplete")]
    async fn complete_magic_link(
        &self,
        Anyone(caller): Anyone,
        Body(body): Body<LinkBody>,
    ) -> Result<WithDevice<SessionAnswer>, Refused<LogInByLinkError>> {
        let opened = self.app.kayan.log_in_by_link(&caller, link(&body.token).as_ref()).await?;
        Ok(SessionAnswer::to_login(opened, &self.app))
    }

    /// Request a code that logs in
    ///
    /// The code has six digits and is good for ten minutes; it voids the one before. It is sent by mail, or to a phone number
    /// by SMS. An address or phone number gets five an hour at most.
    #[oai(path = "/otp/request", method = "post", operation_id = "otpRequest")]
    async fn request_code(
        &self,
        Anyone(caller): Anyone,
        Body(body): Body<CodeRequestBody>,
    ) -> Result<Requested, Refused<RequestByMailError>> {
        Ok(request(&self.app, &caller, Flow::Code, (body.identifier, body.proof_of_work)).await?)
    }

    /// Log in by a code
    ///
    /// Opens a session at `aal1`, and marks the address or phone number as verified. Five wrong codes void the code; they also count as
    /// failed logins. The response is the same for a wrong code and an unknown account.
    #[oai(path = "/otp/complete", method = "post", operation_id = "otpComplete")]
    async fn complete_code(
        &self,
        Anyone(caller): Anyone,
        Body(body): Body<CodeBody>,
    ) -> Result<WithDevice<SessionAnswer>, Refused<LogInByCodeError>> {
        let cmd = LogInByCode { identifier: body.identifier, code: body.code.into() };
        // Runs to its end even if the client disconnects, so that every counted attempt gets a verdict (I-41).
        let kayan = self.app.kayan.clone();
        let opened = at_even_times(to_its_end(async move { kayan.log_in_by_code(&caller, &cmd).await })).await?;
        Ok(SessionAnswer::to_login(opened, &self.app))
    }
}

pub(super) const NO_MAIL: &str = "this service sends no mail (KAYAN_SMTP_URL)";
const NOT_HERE: &str = "this tenant does not allow this, or the service sends no mail (KAYAN_SMTP_URL), or to a phone number \
                        no SMS (KAYAN_SMS_WEBHOOK_URL)";

fn not_an_address() -> Vec<FieldError> {
    vec![FieldError::new("", "format", "must be an e-mail address, as in ada@example.com")]
}

fn not_a_phone() -> Vec<FieldError> {
    let what = "must be a phone number with its country code, as in +49 170 1234567";
    vec![FieldError::new("", "format", what)]
}

refusals! {
    InvalidLink {
        Self => InvalidToken.message("the link is unknown, expired or used up: request a new one".to_owned()),
    }
    RequestByMailError {
        Self::NotAnAddress => InvalidInput.fields(not_an_address()),
        Self::NotAPhone => InvalidInput.fields(not_a_phone()),
        Self::MethodDisabled => MethodDisabled.message(NOT_HERE.to_owned()),
        Self::WorkRequired(work) => ProofOfWorkRequired.work(work),
        Self::Limited(limited) => RateLimited.limited(limited),
        Self::NoTenant => TenantNotFound,
        Self::Failed(failure) => (failure: Failure),
    }
    VerifyAddressError {
        Self::InvalidLink(error) => (error: InvalidLink),
        Self::NoTenant => TenantNotFound,
        Self::Failed(failure) => (failure: Failure),
    }
    RecoverError {
        Self::InvalidLink(error) => (error: InvalidLink),
        Self::NoTenant => TenantNotFound,
        Self::WeakPassword(weakness) => WeakPassword.weak("/password", weakness),
        Self::Failed(Failure::Overloaded) => Overloaded,
        Self::Failed(failure) => (failure: Failure),
    }
    LogInByLinkError {
        Self::InvalidLink(error) => (error: InvalidLink),
        Self::NoTenant => TenantNotFound,
        Self::MfaRequired(challenge) => MfaRequired.mfa(challenge),
        Self::Failed(failure) => (failure: Failure),
    }
    LogInByCodeError {
        Self::InvalidCode => FactorRefused.message("the code is wrong, expired or used up: request a new one".to_owned()),
        Self::MethodDisabled => MethodDisabled.message(NOT_HERE.to_owned()),
        Self::MfaRequired(challenge) => MfaRequired.mfa(challenge),
        Self::Locked(locked) => AccountLocked.locked(locked),
        Self::Limited(limited) => RateLimited.limited(limited),
        Self::NoTenant => TenantNotFound,
        Self::Failed(failure) => (failure: Failure),
    }
}
