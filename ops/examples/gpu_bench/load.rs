//! How long kernels take to load, which where the library has PTX alone is mostly the driver's compiler.

use phasor_ops::cuda::{Device, Image, Launcher};
use serde_json::{Value, json};
use std::time::Instant;

/// Loads all kernels of every image, one image after the other.
pub(crate) fn times(device: &Device) -> Result<Vec<Value>, String> {
    let mut found = Vec::new();
    for image in Image::ALL {
        let names = image.kernels(75);
        let begun = Instant::now();
        let mut first = None;
        for name in &names {
            device.function(image, name).map_err(|e| e.to_string())?;
            first.get_or_insert_with(|| begun.elapsed());
        }
        found.push(json!({
            "image": image.name(),
            "kernels": names.len(),
            "first_milliseconds": first.unwrap_or_default().as_secs_f64() * 1e3,
            "milliseconds": begun.elapsed().as_secs_f64() * 1e3,
        }));
    }
    Ok(found)
}
