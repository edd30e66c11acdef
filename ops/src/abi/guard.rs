//! How failures and panics get back to the host.

use super::host::Host;
use super::status::{Failure, panic_text};
use ort_sys::{OrtErrorCode, OrtStatusPtr};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a callback for the host: its error, or its panic, becomes a status. `name` leads the text of errors of our own.
pub(super) fn guard(
    host: &Host,
    name: &str,
    body: impl FnOnce() -> Result<(), Failure>,
) -> OrtStatusPtr {
    // A panic leaves nothing half done that is used again: kernels are immutable, and outputs of a failed run are dropped.
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

/// Runs a callback that has no way to report a failure.
pub(super) fn guard_silent(body: impl FnOnce()) {
    // The text of the panic is lost: there is nobody to report it to.
    let _ = catch_unwind(AssertUnwindSafe(body));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::host::fake;
    use crate::contract::ContractError;

    #[test]
    fn callbacks_end_in_a_status() {
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
}
