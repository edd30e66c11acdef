//! Failures, and their way back to the host.

use super::host::Host;
use crate::contract::ContractError;
use ort_sys::{OrtErrorCode, OrtStatusPtr};
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why a callback failed.
pub(super) enum Failure {
    /// By our own account.
    Ours(OrtErrorCode, String),
    /// The host said so itself.
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

/// Runs a callback for the host: its error, or its panic, becomes a status. `name` leads the text of errors of our own.
pub(super) fn guard(
    host: &Host,
    name: &str,
    body: impl FnOnce() -> Result<(), Failure>,
) -> OrtStatusPtr {
    // A panic leaves nothing half done that is looked at again: kernels are immutable, and outputs of a failed run are dropped.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => OrtStatusPtr(std::ptr::null_mut()),
        Ok(Err(Failure::Host(status))) => status,
        Ok(Err(Failure::Ours(code, text))) => host.status(code, &format!("{name}: {text}")),
        Err(panic) => {
            let text = format!("{name}: panic: {}", panic_text(&*panic));
            host.status(OrtErrorCode::ORT_RUNTIME_EXCEPTION, &text)
        }
    }
}

/// Runs a callback that cannot fail in the eyes of the host.
pub(super) fn guard_silent(body: impl FnOnce()) {
    // What a destructor panics with is lost, as there is nobody to tell.
    let _ = catch_unwind(AssertUnwindSafe(body));
}

/// What a panic said.
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
    fn callbacks_end_in_a_status() {
        use crate::abi::host::fake;
        // SAFETY: the fake has all that negotiation uses.
        let host = unsafe { Host::negotiate(&fake::base::<17>()) }
            .ok()
            .unwrap();
        let code = |body: fn() -> Result<(), Failure>| guard(&host, "Op", body).0.addr();
        assert_eq!(code(|| Ok(())), 0);
        assert_eq!(
            code(|| panic!("oh")),
            OrtErrorCode::ORT_RUNTIME_EXCEPTION as usize
        );
        assert_eq!(
            code(|| Err(ContractError::Shape("no".into()).into())),
            OrtErrorCode::ORT_INVALID_ARGUMENT as usize
        );
        assert_eq!(
            code(|| Err(ContractError::Unsupported("no".into()).into())),
            OrtErrorCode::ORT_NOT_IMPLEMENTED as usize
        );
        guard_silent(|| panic!("unheard"));
    }

    #[test]
    fn strings_end_at_nul() {
        assert_eq!(c_string("a\0b").as_bytes(), b"a");
    }
}
