//! The device itself.

use crate::api::{Api, Handle, Number};
use std::ffi::{CStr, c_char};
use std::ptr::null_mut;

/// `CUdevice_attribute`.
const MULTIPROCESSOR_COUNT: Number = 16;
const MEMORY_CLOCK_RATE: Number = 36;
const GLOBAL_MEMORY_BUS_WIDTH: Number = 37;
const L2_CACHE_SIZE: Number = 38;
const COMPUTE_CAPABILITY_MAJOR: Number = 75;
const COMPUTE_CAPABILITY_MINOR: Number = 76;

/// A device, with the context that all hosts in the process share.
#[derive(Debug)]
pub struct Gpu {
    pub(crate) api: Api,
    ordinal: u32,
    device: Number,
    context: Handle,
}

// SAFETY: handles of the driver may be used from any thread.
unsafe impl Send for Gpu {}
// SAFETY: as above.
unsafe impl Sync for Gpu {}

/// The device's context is current on this thread while this lives.
#[derive(Debug)]
pub struct Current<'a>(&'a Gpu);

impl Drop for Current<'_> {
    fn drop(&mut self) {
        let mut popped = null_mut();
        // SAFETY: the context was pushed on this thread.
        unsafe { (self.0.api.pop)(&mut popped) };
    }
}

impl Gpu {
    /// The device with this number.
    ///
    /// # Errors
    /// Where there is no driver, or no such device; the driver's words.
    pub fn open(number: u32) -> Result<Self, String> {
        let api = Api::load()?;
        let ordinal = Number::try_from(number).map_err(|e| e.to_string())?;
        let (mut count, mut device, mut context) = (0, 0, null_mut());
        // SAFETY: results are written to variables of ours. The context is not released: kernels stay loaded in it.
        unsafe {
            api.check("cuInit", (api.init)(0))?;
            api.check("cuDeviceGetCount", (api.device_count)(&mut count))?;
            if ordinal >= count {
                return Err(format!(
                    "there is no device {number}, the driver has {count}"
                ));
            }
            api.check("cuDeviceGet", (api.device)(&mut device, ordinal))?;
            api.check(
                "cuDevicePrimaryCtxRetain",
                (api.retain)(&mut context, device),
            )?;
        }
        Ok(Self {
            api,
            ordinal: number,
            device,
            context,
        })
    }

    /// Makes the device's context current on this thread.
    ///
    /// # Errors
    /// The driver's words.
    pub fn current(&self) -> Result<Current<'_>, String> {
        // SAFETY: the context is the driver's.
        let outcome = unsafe { (self.api.push)(self.context) };
        self.api.check("cuCtxPushCurrent", outcome)?;
        Ok(Current(self))
    }

    /// Its number, in the order in which the driver counts devices.
    pub fn number(&self) -> u32 {
        self.ordinal
    }

    /// What the device is called.
    ///
    /// # Errors
    /// The driver's words.
    pub fn name(&self) -> Result<String, String> {
        let mut name = [0 as c_char; 256];
        // SAFETY: there is room for as many characters as said, of which the last is a zero.
        let name = unsafe {
            let outcome = (self.api.name)(name.as_mut_ptr(), 256, self.device);
            self.api.check("cuDeviceGetName", outcome)?;
            CStr::from_ptr(name.as_ptr())
        };
        Ok(name.to_string_lossy().into_owned())
    }

    /// The newest release of CUDA that the driver knows, as 1000 times its first number and ten times its second.
    ///
    /// # Errors
    /// The driver's words.
    pub fn driver_version(&self) -> Result<u32, String> {
        let mut version = 0;
        // SAFETY: the result is written to a variable of ours.
        let outcome = unsafe { (self.api.version)(&mut version) };
        self.api.check("cuDriverGetVersion", outcome)?;
        Ok(version.max(0).cast_unsigned())
    }

    /// Ten times the compute capability.
    ///
    /// # Errors
    /// The driver's words.
    pub fn capability(&self) -> Result<u32, String> {
        Ok(10 * self.attribute(COMPUTE_CAPABILITY_MAJOR)?
            + self.attribute(COMPUTE_CAPABILITY_MINOR)?)
    }

    /// The number of multiprocessors.
    ///
    /// # Errors
    /// The driver's words.
    pub fn processors(&self) -> Result<u32, String> {
        self.attribute(MULTIPROCESSOR_COUNT)
    }

    /// Bytes of the cache that all multiprocessors share.
    ///
    /// # Errors
    /// The driver's words.
    pub fn cache(&self) -> Result<usize, String> {
        Ok(self.attribute(L2_CACHE_SIZE)? as usize)
    }

    /// Bytes a second between the device and its memory, as its datasheet has them; `None` where the driver does not tell.
    pub fn bandwidth(&self) -> Option<f64> {
        // In kHz and bits; data is moved at both edges of the clock.
        let clock = f64::from(self.attribute(MEMORY_CLOCK_RATE).ok()?) * 1e3;
        let bytes = f64::from(self.attribute(GLOBAL_MEMORY_BUS_WIDTH).ok()?) / 8.0;
        Some(2.0 * clock * bytes).filter(|&rate| rate > 0.0)
    }

    fn attribute(&self, attribute: Number) -> Result<u32, String> {
        let mut value = 0;
        // SAFETY: the result is written to a variable of ours.
        let outcome = unsafe { (self.api.attribute)(&mut value, attribute, self.device) };
        self.api.check("cuDeviceGetAttribute", outcome)?;
        Ok(value.max(0).cast_unsigned())
    }
}
