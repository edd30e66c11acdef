//! The commands from outside: exit codes, what is written and what is not, and what is said where.

#[path = "cli/batch.rs"]
mod batch;
#[path = "cli/bench.rs"]
mod bench;
#[path = "cli/budget.rs"]
mod budget;
#[path = "cli/config.rs"]
mod config;
#[path = "cli/damage.rs"]
mod damage;
#[path = "cli/explain.rs"]
mod explain;
#[path = "cli/files.rs"]
mod files;
#[path = "cli/fuse.rs"]
mod fuse;
#[path = "cli/inspect.rs"]
mod inspect;
#[path = "cli/machine.rs"]
mod machine;
#[path = "cli/report.rs"]
mod report;
#[path = "cli/rules.rs"]
mod rules;
#[cfg(target_os = "linux")]
#[path = "cli/signals.rs"]
mod signals;
#[path = "cli/streams.rs"]
mod streams;
#[path = "cli/support.rs"]
mod support;
#[path = "cli/usage.rs"]
mod usage;
#[path = "cli/verify.rs"]
mod verify;
