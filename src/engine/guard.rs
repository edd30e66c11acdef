//! Turns panics of foreign code into errors, without the panic's report on stderr.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; returns the message of a panic inside.
///
/// The first call installs a panic hook that passes every panic outside of `work` on to the hook before it.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                previous(info);
            }
        }));
    });
    let outer = QUIET.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(outer);
    result.map_err(|payload| match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload
            .downcast_ref::<&str>()
            .unwrap_or(&"unknown panic")
            .to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::caught;

    #[test]
    fn panics_become_messages() {
        assert_eq!(caught(|| 1), Ok(1));
        assert_eq!(
            caught(|| -> () { panic!("plain") }),
            Err("plain".to_owned())
        );
        assert_eq!(
            caught(|| -> () { panic!("value {}", 3) }),
            Err("value 3".to_owned())
        );
    }
}
