//! The kernels as they are embedded in the library.

/// The kernels of an operator family: one file in `cpp`, loaded as a whole when it is first used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Image {
    /// `angles.cu`.
    Angles,
    /// `relative_bias.cu`.
    RelativeBias,
    /// `relative_gather.cu`.
    RelativeGather,
    /// `rotary.cu`.
    Rotary,
}

/// An image for some devices, as the driver takes it.
#[derive(Clone, Copy)]
pub(super) struct Code {
    /// Ten times the compute capability of the oldest device it is for.
    pub(super) capability: u32,
    /// Machine code, or PTX with a zero at its end.
    pub(super) bytes: &'static [u8],
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.bytes.ends_with(b"\0") && self.bytes.starts_with(b".version") {
            "PTX"
        } else {
            "machine code"
        };
        write!(
            f,
            "{kind} for {}.{} and newer",
            self.capability / 10,
            self.capability % 10
        )
    }
}

/// Aligned as an image has to be, since it holds structs.
#[repr(C, align(16))]
struct Aligned<T>(T);

/// Made when the library is built: all files of kernels, by name.
static IMAGES: &[(&str, &[Code])] = include!(concat!(env!("OUT_DIR"), "/images.rs"));

impl Image {
    /// All of them.
    pub const ALL: [Image; 4] = [
        Image::Angles,
        Image::RelativeBias,
        Image::RelativeGather,
        Image::Rotary,
    ];

    /// The name of its file, without the extension.
    pub const fn name(self) -> &'static str {
        match self {
            Image::Angles => "angles",
            Image::RelativeBias => "relative_bias",
            Image::RelativeGather => "relative_gather",
            Image::Rotary => "rotary",
        }
    }

    /// The code for it, in the order to try.
    pub(super) fn codes(self) -> &'static [Code] {
        let known = IMAGES.iter().find(|(name, _)| *name == self.name());
        known.map_or(&[], |(_, codes)| codes)
    }

    /// Names of the kernels in its PTX for a compute capability, ten times its number; none where there is no such PTX.
    pub fn kernels(self, capability: u32) -> Vec<&'static str> {
        let text = |code: &Code| {
            let text = code.bytes.strip_suffix(b"\0")?;
            std::str::from_utf8(text).ok()
        };
        self.codes()
            .iter()
            .filter(|code| code.capability == capability)
            .filter_map(text)
            .flat_map(|text| text.split(".entry ").skip(1))
            .filter_map(|entry| {
                entry
                    .split(|c: char| c != '_' && !c.is_alphanumeric())
                    .next()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_an_image_and_carried() {
        let names: Vec<_> = IMAGES.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, Image::ALL.map(Image::name));
        for image in Image::ALL {
            let capabilities: Vec<_> = image.codes().iter().map(|code| code.capability).collect();
            assert!(capabilities.ends_with(&[80, 75]), "{capabilities:?}");
        }
    }
}
