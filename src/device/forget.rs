//! Forgets one of the caller's own devices.

use kayan_ports::{Change, CommitError, DeviceChange, DeviceId, EventType, Guard};

use crate::{AuthenticateError, Caller, Failure, Kayan};

/// Why no device was forgotten.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForgetMyDeviceError {
    /// The caller is not authenticated.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The caller has no such device.
    #[error("no such device")]
    NotFound,
}

impl Kayan {
    /// Forgets a device of the caller: the next login from it is from a new one. Its sessions stay.
    pub async fn forget_my_device(&self, caller: &Caller, device: DeviceId) -> Result<(), ForgetMyDeviceError> {
        let now = self.clock.now();
        let me = self.authenticate(caller, now).await?;
        let event = self
            .event(caller, EventType::DeviceForgotten, now, "the owner forgot a device")
            .by(me.identity.id)
            .resource(path(device));
        let (tenant, identity) = (caller.tenant.clone(), me.identity.id);
        let forget = Change::Device(DeviceChange::Forget { tenant, identity, device });
        match self.store.changes.commit(vec![forget, event.record()]).await {
            Ok(()) => Ok(()),
            Err(CommitError::Stale(Guard::Device)) => Err(ForgetMyDeviceError::NotFound),
            Err(other) => Err(AuthenticateError::Failed(Failure::from(other)).into()),
        }
    }
}

/// What the audit trail calls a device.
pub(super) fn path(device: DeviceId) -> String {
    format!("device/{device}")
}
