//! Failures, and their texts.

use crate::contract::ContractError;
use ort_sys::{OrtErrorCode, OrtStatusPtr};
use std::ffi::CString;

/// Why a callback failed.
pub(super) enum Failure {
    /// This library refuses or fails.
    Ours(OrtErrorCode, String),
    /// A function of the host failed.
    Host(OrtStatusPtr),
}

impl From<ContractError> for Failure {
    fn from(error: ContractError) -> Self {
        let code = match error {
            ContractError::Attribute { .. } | ContractError::Shape(_) | ContractError::Value(_) => {
                OrtErrorCode::ORT_INVALID_ARGUMENT
            }
            ContractError::Unsupported(_) => OrtErrorCode::ORT_NOT_IMPLEMENTED,
        };
        Failure::Ours(code, error.to_string())
    }
}

/// The text of a panic.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown reason")
}

/// A C string of `text`; a NUL ends it.
pub(super) fn c_string(text: &str) -> CString {
    let until_nul: Vec<u8> = text.bytes().take_while(|&b| b != 0).collect();
    CString::new(until_nul).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::catch_unwind;

    #[test]
    fn panics_are_told() {
        for (panic, text) in [
            (catch_unwind(|| -> () { panic!("one {}", 2) }), "one 2"),
            (catch_unwind(|| -> () { panic!("plain") }), "plain"),
            (
                catch_unwind(|| -> () { std::panic::panic_any(7) }),
                "unknown reason",
            ),
        ] {
            let panic = panic.unwrap_err();
            assert_eq!(panic_text(&*panic), text);
        }
    }

    #[test]
    fn strings_end_at_nul() {
        assert_eq!(c_string("a\0b").as_bytes(), b"a");
    }
}
