//! The passkeys of the current user.

use std::sync::Arc;

use kayan_core::{AuthenticateError, RemovePasskeyError, RenamePasskeyError, StepUpRequired};
use kayan_ports::{CredentialId, Factor, FactorKind, Timestamp};
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Application, Tag,
    api::factors::AT_ANY_LEVEL,
    edge::caller::Member,
    wire::{
        body::Body,
        refused::{Refused, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct Passkeys {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// A passkey.
#[derive(Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
struct PasskeyInfo {
    /// The id of the passkey, a UUIDv7.
    id: Uuid,
    /// Its name.
    name: String,
    /// When it was registered.
    #[serde(with = "kayan_ports::timestamp")]
    created_at: Timestamp,
    /// When it was last used.
    #[serde(with = "kayan_ports::timestamp::option", skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
    /// Whether it verifies its user, by a PIN or a fingerprint; then it is enough to log in.
    user_verified: bool,
    /// Whether it can exist on several devices.
    backup_eligible: bool,
    /// Whether it was backed up when it was last used.
    backed_up: bool,
    /// How the browser can reach the authenticator, such as `internal`, `usb` or `hybrid`.
    transports: Vec<String>,
    /// The AAGUID: the model of the authenticator, as it claims itself.
    aaguid: Uuid,
}

/// The passkeys of the current user.
#[derive(Object, Serialize)]
struct PasskeyList {
    /// The passkeys, in the order in which they were registered.
    data: Vec<PasskeyInfo>,
}

/// A new name.
#[derive(Object, Deserialize)]
#[oai(rename = "WebauthnUpdateRequest")]
struct UpdateBody {
    /// The name.
    #[oai(validator(min_length = 1, max_length = 64))]
    name: String,
}

#[derive(ApiResponse)]
enum Removed {
    /// Removed.
    #[oai(status = 204)]
    Done,
}

impl PasskeyInfo {
    /// `None` for a factor that is no passkey.
    fn new(factor: Factor) -> Option<Self> {
        let FactorKind::Webauthn(passkey) = factor.kind else { return None };
        Some(Self {
            id: factor.id.0,
            name: factor.name,
            created_at: factor.created_at,
            last_used_at: factor.last_used_at,
            user_verified: passkey.user_verified,
            backup_eligible: passkey.backup_eligible,
            backed_up: passkey.backed_up,
            transports: passkey.transports,
            aaguid: passkey.aaguid,
        })
    }
}

#[OpenApi(prefix_path = "/api/v1/webauthn", tag = "Tag::Factors")]
impl Passkeys {
    /// List your passkeys
    ///
    /// Returns the passkeys of the current user, in the order in which they were registered.
    #[oai(path = "/credentials", method = "get", operation_id = "webauthnList")]
    async fn list(
        &self,
        Member(caller): Member,
    ) -> Result<Reply<PasskeyList>, Refused<AuthenticateError, AT_ANY_LEVEL>> {
        let mine = self.app.kayan.list_my_factors(&caller).await?;
        Ok(Reply::new(&PasskeyList { data: mine.factors.into_iter().filter_map(PasskeyInfo::new).collect() }))
    }

    /// Rename a passkey
    ///
    /// The name is for its owner: at most 64 characters.
    #[oai(path = "/credentials/:id", method = "patch", operation_id = "webauthnUpdate")]
    async fn update(
        &self,
        Member(caller): Member,
        /// The id of the passkey.
        id: Path<Uuid>,
        Body(body): Body<UpdateBody>,
    ) -> Result<Reply<PasskeyInfo>, Refused<RenamePasskeyError>> {
        let renamed = self.app.kayan.rename_passkey(&caller, CredentialId(id.0), body.name).await?;
        let info = PasskeyInfo::new(renamed).ok_or(RenamePasskeyError::NotFound)?;
        Ok(Reply::new(&info))
    }

    /// Remove a passkey
    ///
    /// With the last second factor, the recovery codes are removed as well. Requires a proof within the last five minutes, at
    /// `aal2`. The last credential that you can log in with stays.
    #[oai(path = "/credentials/:id", method = "delete", operation_id = "webauthnDelete")]
    async fn delete(
        &self,
        Member(caller): Member,
        /// The id of the passkey.
        id: Path<Uuid>,
    ) -> Result<Removed, Refused<RemovePasskeyError>> {
        self.app.kayan.remove_passkey(&caller, CredentialId(id.0)).await?;
        Ok(Removed::Done)
    }
}

refusals! {
    RenamePasskeyError {
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::InvalidName(field) => InvalidInput.fields(vec![field]),
        Self::NotFound => NotFound.message("you have no such passkey"),
    }
    RemovePasskeyError {
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::StepUp(error) => (error: StepUpRequired),
        Self::NotFound => NotFound.message("you have no such passkey"),
        Self::LastCredential => LastCredential,
    }
}
