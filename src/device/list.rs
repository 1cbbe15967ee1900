//! Lists the caller's own devices.

use kayan_ports::{AuthenticatedSession, DeviceId, Timestamp};

use crate::{AuthenticateError, Caller, Failure, Kayan, Token, policy::tenant};

/// A device of the caller.
#[derive(Debug)]
pub struct MyDevice {
    /// Its id.
    pub id: DeviceId,
    /// The address of the last login.
    pub ip: Option<String>,
    /// The `User-Agent` header of the last login, at most 512 bytes.
    pub user_agent: Option<String>,
    /// When the caller first logged in from it.
    pub first_seen_at: Timestamp,
    /// When the caller last logged in from it.
    pub last_seen_at: Timestamp,
    /// Until when it stands in for the second factor.
    pub trusted_until: Option<Timestamp>,
    /// Whether the request comes from it.
    pub current: bool,
}

impl Kayan {
    /// The devices that the caller has logged in from, the last used first: 20 at most.
    pub async fn list_my_devices(&self, caller: &Caller) -> Result<Vec<MyDevice>, AuthenticateError> {
        let now = self.clock.now();
        let me = self.authenticate(caller, now).await?;
        Ok(self.devices_of(caller, &me, now).await?)
    }

    /// The devices of the owner of this session.
    pub(crate) async fn devices_of(
        &self,
        caller: &Caller,
        me: &AuthenticatedSession,
        now: Timestamp,
    ) -> Result<Vec<MyDevice>, Failure> {
        let devices = self.store.devices.devices(&me.identity.tenant, me.identity.id).await?;
        let current = self.device_token(caller).await?.map(Token::hash);
        let mine = devices.into_iter().map(|device| MyDevice {
            id: device.id,
            ip: device.client.ip,
            user_agent: device.client.user_agent,
            first_seen_at: device.first_seen_at,
            last_seen_at: device.last_seen_at,
            trusted_until: tenant::trusted_until(&me.settings, device.trust, me.session.epoch)
                .filter(|until| now < *until),
            current: current == Some(device.token),
        });
        Ok(mine.collect())
    }
}
