//! The export of one's own data.

use kayan_core::Export;
use kayan_ports::{Credential, Factor, FactorKind, ProviderAccount, ProviderLink, Timestamp};
use poem_openapi::Object;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{
    answers::{Identity, SessionInfo},
    device::DeviceInfo,
};

/// A credential, without its secret.
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
struct CredentialInfo {
    /// The id of the credential.
    id: Uuid,
    /// The kind of credential: `password`, `totp`, `recovery_code` or `webauthn`.
    kind: String,
    /// The name that its owner gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// When the credential was created.
    #[serde(with = "kayan_ports::timestamp")]
    created_at: Timestamp,
    /// When its secret was last changed.
    #[serde(with = "kayan_ports::timestamp")]
    updated_at: Timestamp,
    /// When it was last used, of a second factor.
    #[serde(with = "kayan_ports::timestamp::option", skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
    /// The model of the authenticator that holds a passkey (AAGUID); all zero if it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    aaguid: Option<Uuid>,
    /// Whether a passkey was backed up when it was last used.
    #[serde(skip_serializing_if = "Option::is_none")]
    backed_up: Option<bool>,
    /// How a browser can reach the authenticator that holds a passkey, such as `internal` or `usb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    transports: Option<Vec<String>>,
}

impl From<Credential> for CredentialInfo {
    fn from(credential: Credential) -> Self {
        Self {
            id: credential.id.0,
            kind: credential.kind.as_str().to_owned(),
            name: None,
            created_at: credential.created_at,
            updated_at: credential.updated_at,
            last_used_at: None,
            aaguid: None,
            backed_up: None,
            transports: None,
        }
    }
}

impl From<Factor> for CredentialInfo {
    fn from(factor: Factor) -> Self {
        let kind = factor.kind.as_str().to_owned();
        let passkey = match factor.kind {
            FactorKind::Webauthn(passkey) => Some(*passkey),
            FactorKind::Totp { .. } | FactorKind::RecoveryCode { .. } => None,
        };
        Self {
            id: factor.id.0,
            kind,
            name: Some(factor.name).filter(|name| !name.is_empty()),
            created_at: factor.created_at,
            updated_at: factor.created_at,
            last_used_at: factor.last_used_at,
            aaguid: passkey.as_ref().map(|passkey| passkey.aaguid),
            backed_up: passkey.as_ref().map(|passkey| passkey.backed_up),
            transports: passkey.map(|passkey| passkey.transports),
        }
    }
}

/// An account at an identity provider.
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
struct LinkedAccount {
    /// The name of the provider.
    provider: String,
    /// The issuer of the account.
    issuer: String,
    /// The id of the account there.
    subject: String,
    /// The e-mail address there when it was linked; empty if there was none.
    email: String,
    /// When it was linked.
    #[serde(with = "kayan_ports::timestamp")]
    created_at: Timestamp,
    /// When the user last logged in with it.
    #[serde(with = "kayan_ports::timestamp::option", skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
}

impl From<ProviderLink> for LinkedAccount {
    fn from(link: ProviderLink) -> Self {
        let ProviderLink { account, email, created_at, last_used_at, .. } = link;
        let ProviderAccount { provider, issuer, subject } = account;
        Self { provider: provider.into(), issuer, subject, email, created_at, last_used_at }
    }
}

/// All data that is stored about a user.
#[derive(Debug, Object, Serialize)]
pub(crate) struct ExportBody {
    /// When the export was made.
    #[serde(with = "kayan_ports::timestamp")]
    exported_at: Timestamp,
    /// The identity.
    identity: Identity,
    /// The credentials, without their secrets.
    credentials: Vec<CredentialInfo>,
    /// The accounts at identity providers that the user logs in with.
    links: Vec<LinkedAccount>,
    /// The sessions.
    sessions: Vec<SessionInfo>,
    /// The devices that the user has logged in from.
    devices: Vec<DeviceInfo>,
    /// The audit events caused by the user or about the user, oldest first.
    events: Vec<Value>,
}

impl From<Export> for ExportBody {
    fn from(export: Export) -> Self {
        let credentials = export.credentials.into_iter().map(CredentialInfo::from);
        let factors = export.factors.into_iter().map(CredentialInfo::from);
        Self {
            exported_at: export.exported_at,
            identity: export.identity.into(),
            credentials: credentials.chain(factors).collect(),
            links: export.links.into_iter().map(LinkedAccount::from).collect(),
            sessions: export.sessions.into_iter().map(|session| SessionInfo::new(session, false)).collect(),
            devices: export.devices.into_iter().map(DeviceInfo::from).collect(),
            events: export.events.iter().map(|event| serde_json::to_value(event).unwrap_or_default()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use kayan_ports::{CredentialId, IdentityId, Passkey, State, TenantId, Traits};
    use serde_json::json;
    use time::macros::datetime;

    use super::*;

    const NOW: Timestamp = datetime!(2026-01-01 12:00 UTC);

    #[test]
    fn i_36_an_export_lists_passkeys_without_what_verifies_them() {
        let (tenant, id) = (TenantId::default(), IdentityId(Uuid::from_u128(1)));
        let passkey = Passkey {
            credential_id: vec![1; 32],
            public_key: vec![2; 77],
            user_handle: Uuid::from_u128(9),
            counter: 7,
            user_verified: true,
            discoverable: Some(true),
            backup_eligible: true,
            backed_up: true,
            transports: vec!["internal".to_owned()],
            aaguid: Uuid::from_u128(3),
            attestation_format: "none".to_owned(),
        };
        let factor = Factor {
            id: CredentialId(Uuid::from_u128(2)),
            tenant: tenant.clone(),
            identity: id,
            name: "Laptop".to_owned(),
            kind: FactorKind::Webauthn(Box::new(passkey)),
            created_at: NOW,
            last_used_at: Some(NOW),
        };
        let identity = kayan_ports::Identity {
            id,
            tenant,
            traits: Traits::default(),
            state: State::Active,
            verified: Vec::new(),
            roles: Vec::new(),
            created_at: NOW,
            updated_at: NOW,
            last_login_at: None,
            version: 1,
        };
        let (factors, nothing) = (vec![factor], (Vec::new(), Vec::new(), Vec::new(), Vec::new()));
        let (credentials, sessions, devices, events) = nothing;
        let links = Vec::new();
        let export = Export { exported_at: NOW, identity, credentials, factors, links, sessions, devices, events };
        let body = serde_json::to_value(ExportBody::from(export)).unwrap();
        assert_eq!(
            body["credentials"],
            json!([{
                "id": "00000000-0000-0000-0000-000000000002",
                "kind": "webauthn",
                "name": "Laptop",
                "created_at": "2026-01-01T12:00:00.000000Z",
                "updated_at": "2026-01-01T12:00:00.000000Z",
                "last_used_at": "2026-01-01T12:00:00.000000Z",
                "aaguid": "00000000-0000-0000-0000-000000000003",
                "backed_up": true,
                "transports": ["internal"],
            }])
        );
    }
}
