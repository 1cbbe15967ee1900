//! Devices.

use kayan_ports::{CommitError, Device, DeviceChange, Guard, IdentityId, Scope, TenantId};

use crate::rows::{Rows, takes_in};

impl Rows {
    pub(crate) fn devices(&self, tenant: &TenantId, identity: IdentityId) -> Vec<Device> {
        let theirs = |device: &&Device| device.tenant == *tenant && device.identity == identity;
        let mut devices: Vec<_> = self.devices.iter().filter(theirs).cloned().collect();
        devices.sort_by_key(|device| std::cmp::Reverse((device.last_seen_at, device.id)));
        devices
    }

    pub(crate) fn apply_device(&mut self, change: DeviceChange) -> Result<(), CommitError> {
        match change {
            DeviceChange::Add { device, most } => {
                let known = self.devices.iter_mut().find(|known| {
                    (&known.tenant, known.identity, known.token) == (&device.tenant, device.identity, device.token)
                });
                if let Some(known) = known {
                    let (id, first_seen_at) = (known.id, known.first_seen_at);
                    *known = Device { id, first_seen_at, ..*device.clone() };
                } else if self.identity(&(&device.tenant).into(), device.identity).is_some() {
                    self.devices.push(*device.clone());
                }
                let newest = self.devices(&device.tenant, device.identity);
                for old in newest.into_iter().skip(usize::try_from(most).unwrap_or(usize::MAX)) {
                    self.devices.retain(|device| device.id != old.id);
                }
            }
            DeviceChange::Use { tenant, identity, device, client, at, trust } => {
                let found = self
                    .devices
                    .iter_mut()
                    .find(|it| it.id == device && it.identity == identity && it.tenant == tenant);
                if let Some(found) = found {
                    found.client = client;
                    found.last_seen_at = at;
                    if let Some((token, trust)) = trust {
                        found.token = token;
                        found.trust = Some(trust);
                    }
                }
            }
            DeviceChange::Pin { tenant, identity, device, since } => {
                let mut known = self.devices(&tenant, identity).into_iter();
                let is_trusted = |it: Device| it.id == device && it.trust.is_some_and(|trust| trust.since == since);
                if !known.any(is_trusted) {
                    return Err(CommitError::Stale(Guard::Device));
                }
            }
            DeviceChange::Forget { tenant, identity, device } => {
                let count = self.devices.len();
                self.devices.retain(|it| it.id != device || it.identity != identity || it.tenant != tenant);
                if self.devices.len() == count {
                    return Err(CommitError::Stale(Guard::Device));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn distrust(&mut self, scope: &Scope, identity: IdentityId) {
        let theirs = |device: &&mut Device| device.identity == identity && takes_in(scope, &device.tenant);
        self.devices.iter_mut().filter(theirs).for_each(|device| device.trust = None);
    }
}
