//! What the driver says of itself and of the devices it has.

use super::api::{COMPUTE_CAPABILITY_MAJOR, COMPUTE_CAPABILITY_MINOR, Number};
use super::{CudaError, Driver};
use std::ffi::{CStr, c_char};

/// A device of CUDA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSummary {
    /// Its name, such as `NVIDIA H100 PCIe`; empty where the driver does not tell.
    pub name: String,
    /// Its compute capability, major and minor.
    pub capability: (u32, u32),
}

impl Driver {
    /// The version of CUDA that the driver supports, major and minor; `None` where it does not tell.
    pub fn version(&self) -> Option<(u32, u32)> {
        let mut version = 0;
        // SAFETY: the result is written to a variable of ours.
        let outcome = unsafe { self.api.driver_version?(&mut version) };
        self.api.check("cuDriverGetVersion", outcome).ok()?;
        let version = u32::try_from(version).ok()?;
        Some((version / 1000, version % 1000 / 10))
    }

    /// All devices, in the order in which the driver counts them.
    ///
    /// # Errors
    /// [`CudaError::Driver`], with the driver's words.
    pub fn devices(&self) -> Result<Vec<DeviceSummary>, CudaError> {
        let all = (0..self.count.cast_unsigned()).map(|k| self.summary(k));
        all.collect::<Result<_, _>>().map_err(CudaError::Driver)
    }

    fn summary(&self, ordinal: u32) -> Result<DeviceSummary, String> {
        let device = self.number(ordinal)?;
        Ok(DeviceSummary {
            name: self.name_of(device).unwrap_or_default(),
            capability: (
                self.attribute(device, COMPUTE_CAPABILITY_MAJOR)?,
                self.attribute(device, COMPUTE_CAPABILITY_MINOR)?,
            ),
        })
    }

    fn name_of(&self, device: Number) -> Option<String> {
        const LENGTH: i32 = 256;
        let mut name = [0 as c_char; LENGTH as usize];
        // SAFETY: the driver writes at most so many characters.
        let outcome = unsafe { self.api.device_name?(name.as_mut_ptr(), LENGTH - 1, device) };
        self.api.check("cuDeviceGetName", outcome).ok()?;
        // SAFETY: the array ends with a zero, which the driver may not have written over.
        let text = unsafe { CStr::from_ptr(name.as_ptr()) };
        Some(text.to_string_lossy().into_owned())
    }
}
