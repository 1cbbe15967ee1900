//! Recognises the device that a login comes from, and remembers a new one.

use kayan_ports::{
    Change, Device, DeviceChange, DeviceId, EventType, Identity, IdentityId, KeyPurpose, MessageKind, TenantId,
    Timestamp, Trust,
};
use serde_json::Map;

use super::forget::path;
use crate::{Caller, Failure, Kayan, Purpose, Token, session::open::Login};

/// How many devices a user has: of more, the least recently used is forgotten.
const MOST: u32 = 20;

impl Kayan {
    /// The token of the caller's device. One that was made up is none, and costs no look-up.
    pub(crate) async fn device_token<'a>(&self, caller: &'a Caller) -> Result<Option<&'a Token>, Failure> {
        let Some(token) = &caller.device else { return Ok(None) };
        let key = self.keys.obtain(KeyPurpose::Device).await?;
        Ok(token.is_signed(&key.seed).then_some(token))
    }

    /// The device of this user that the request comes from.
    pub(crate) async fn known_device(
        &self,
        caller: &Caller,
        tenant: &TenantId,
        identity: IdentityId,
    ) -> Result<Option<Device>, Failure> {
        let Some(token) = self.device_token(caller).await? else { return Ok(None) };
        let token = token.hash();
        let devices = self.store.devices.devices(tenant, identity).await?;
        Ok(devices.into_iter().find(|device| device.token == token))
    }

    /// The changes that note the device of a login which opens a session, and the token for it to keep. If it is new to a user who
    /// has logged in before, they notify the user.
    pub(crate) async fn note_device(
        &self,
        caller: &Caller,
        login: &Login<'_>,
        now: Timestamp,
    ) -> Result<(Token, Vec<Change>), Failure> {
        let trusts = login.trusts_device && login.settings.trusted_device_days.is_some();
        let trust = trusts.then_some(Trust { since: now, epoch: login.epoch });
        // A device that is trusted gets a new token: the one before may have been copied while it was good for nothing.
        let token = match self.device_token(caller).await? {
            Some(token) if !trusts => token.clone(),
            _ => self.new_device_token().await?,
        };
        let changes = match &login.device {
            Some(known) => {
                let (tenant, identity, device) = (known.tenant.clone(), known.identity, known.id);
                let (client, trust) = (caller.client.clone(), trust.map(|trust| (token.hash(), trust)));
                vec![Change::Device(DeviceChange::Use { tenant, identity, device, client, at: now, trust })]
            }
            None => self.new_device(caller, &login.identity, (&token, trust), now).await?,
        };
        Ok((token, changes))
    }

    async fn new_device_token(&self) -> Result<Token, Failure> {
        let key = self.keys.obtain(KeyPurpose::Device).await?;
        Ok(Token::signed(Purpose::Device, &key.seed, &*self.entropy))
    }

    async fn new_device(
        &self,
        caller: &Caller,
        identity: &Identity,
        (token, trust): (&Token, Option<Trust>),
        now: Timestamp,
    ) -> Result<Vec<Change>, Failure> {
        let device = Device {
            id: DeviceId(self.new_id(now)),
            tenant: identity.tenant.clone(),
            identity: identity.id,
            token: token.hash(),
            client: caller.client.clone(),
            first_seen_at: now,
            last_seen_at: now,
            trust,
        };
        let event = self
            .event(caller, EventType::DeviceAdded, now, "a login from a device that is new to the account")
            .by(identity.id)
            .resource(path(device.id));
        let mut changes =
            vec![Change::Device(DeviceChange::Add { device: Box::new(device), most: MOST }), event.record()];
        if identity.last_login_at.is_some() {
            changes.extend(self.notice(Some(caller), identity, MessageKind::NewDevice, Map::new()).await?);
        }
        Ok(changes)
    }
}
