//! The kernels as they are embedded in the library.

use std::borrow::Cow;
use std::fmt;

/// The kernels of an operator family: one file in `cpp`.
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

/// What begins a kernel in PTX; its name follows.
const ENTRY: &str = ".visible .entry ";

impl Code {
    /// The text; none where it is machine code.
    fn ptx(&self) -> Option<&'static str> {
        let text = self.bytes.strip_suffix(b"\0")?;
        let text = std::str::from_utf8(text).ok()?;
        text.starts_with(".version").then_some(text)
    }

    /// Whether it is compiled when it is loaded.
    pub(super) fn is_ptx(&self) -> bool {
        self.ptx().is_some()
    }

    /// What the driver is to load for the kernel called `name`, with a zero at the end of text; `None` where it does not have that.
    ///
    /// Of PTX that is the kernel alone. No kernel needs another, and the driver takes as long as all of the text is long.
    pub(super) fn part(&self, name: &str) -> Option<Cow<'static, [u8]>> {
        let Some(text) = self.ptx() else {
            return Some(Cow::Borrowed(self.bytes));
        };
        let head = &text[..text.find(ENTRY)?];
        let mut kernels = text.split(ENTRY).skip(1);
        let kernel = kernels.find(|kernel| entry_name(kernel) == name)?;
        Some(Cow::Owned([head, ENTRY, kernel, "\0"].concat().into()))
    }
}

/// The name of a kernel whose text begins with it.
fn entry_name(kernel: &str) -> &str {
    let end = kernel.find(|c: char| c != '_' && !c.is_alphanumeric());
    &kernel[..end.unwrap_or(kernel.len())]
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_ptx() { "PTX" } else { "machine code" };
        let (major, minor) = (self.capability / 10, self.capability % 10);
        write!(f, "{kind} for {major}.{minor} and newer")
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
        self.codes()
            .iter()
            .filter(|code| code.capability == capability)
            .filter_map(Code::ptx)
            .flat_map(|text| text.split(ENTRY).skip(1).map(entry_name))
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

    #[test]
    fn a_kernel_of_ptx_is_loaded_alone() {
        for image in Image::ALL {
            for code in image.codes().iter().filter(|code| code.is_ptx()) {
                let kernels = image.kernels(code.capability);
                let mut together = 0;
                for name in &kernels {
                    let part = code.part(name).unwrap();
                    let text = std::str::from_utf8(part.strip_suffix(b"\0").unwrap()).unwrap();
                    assert!(text.starts_with(".version 7.0\n.target sm_"), "{name}");
                    assert_eq!(text.matches(ENTRY).count(), 1, "{name}");
                    assert!(text.contains(&format!("{ENTRY}{name}(")), "{name}");
                    assert!(text.ends_with("}\n"), "{name}");
                    together += text.len() - text.find(ENTRY).unwrap();
                }
                let head = code.ptx().unwrap().find(ENTRY).unwrap();
                assert_eq!(head + together, code.ptx().unwrap().len());
                assert!(code.part("phasor_none").is_none());
                // Not one whose name only begins so.
                assert!(code.part(&kernels[0][..kernels[0].len() - 1]).is_none());
            }
        }
    }
}
