//! The devices of the current user.

use std::sync::Arc;

use kayan_core::{AuthenticateError, Caller, ForgetMyDeviceError};
use kayan_ports::DeviceId;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Application, Tag,
    edge::caller::{Member, SentDevice},
    wire::{
        device::DeviceInfo,
        refused::{Refused, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct Devices {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// The devices of the current user.
#[derive(Object, Serialize)]
struct DeviceList {
    /// The devices, the last used first.
    data: Vec<DeviceInfo>,
}

#[derive(ApiResponse)]
enum Forgotten {
    /// Forgotten.
    #[oai(status = 204)]
    Done,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Sessions")]
impl Devices {
    /// List your devices
    ///
    /// Returns the browsers that the current user has logged in from, the last used first: 20 at most. A browser is known by the
    /// cookie `kayan_device`, which each login sets.
    #[oai(path = "/devices", method = "get", operation_id = "listMyDevices")]
    async fn list_my_devices(
        &self,
        Member(caller): Member,
        SentDevice(device): SentDevice,
    ) -> Result<Reply<DeviceList>, Refused<AuthenticateError>> {
        let devices = self.app.kayan.list_my_devices(&Caller { device, ..caller }).await?;
        Ok(Reply::new(&DeviceList { data: devices.into_iter().map(DeviceInfo::from).collect() }))
    }

    /// Forget one of your devices
    ///
    /// The next login from it is one from a new device, and asks for the second factor if there is one. Its sessions stay.
    #[oai(path = "/devices/:id", method = "delete", operation_id = "forgetMyDevice")]
    async fn forget_my_device(
        &self,
        Member(caller): Member,
        /// The id of the device.
        id: Path<Uuid>,
    ) -> Result<Forgotten, Refused<ForgetMyDeviceError>> {
        self.app.kayan.forget_my_device(&caller, DeviceId(id.0)).await?;
        Ok(Forgotten::Done)
    }
}

refusals! {
    ForgetMyDeviceError {
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::NotFound => NotFound.message("you have no such device"),
    }
}
