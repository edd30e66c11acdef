//! Running, analysing and comparing small models.
#![cfg(feature = "tract")]

#[path = "running/angles.rs"]
mod angles;
#[path = "running/bounded.rs"]
mod bounded;
#[path = "running/build.rs"]
mod build;
#[path = "running/cuts.rs"]
mod cuts;
#[path = "running/engine.rs"]
mod engine;
#[path = "running/exact.rs"]
mod exact;
#[path = "running/facts.rs"]
mod facts;
#[path = "running/fused.rs"]
mod fused;
#[path = "running/growth.rs"]
mod growth;
#[path = "running/losses.rs"]
mod losses;
#[path = "running/noise.rs"]
mod noise;
#[path = "running/pairs.rs"]
mod pairs;
#[path = "running/refusals.rs"]
mod refusals;
#[path = "running/rotary.rs"]
mod rotary;
#[path = "running/roundings.rs"]
mod roundings;
#[path = "running/scatters.rs"]
mod scatters;
#[path = "running/scopes.rs"]
mod scopes;
#[path = "running/sets.rs"]
mod sets;
#[path = "running/sinusoidal.rs"]
mod sinusoidal;
#[path = "running/spellings.rs"]
mod spellings;
#[path = "running/targets.rs"]
mod targets;
#[path = "running/verify.rs"]
mod verify;
