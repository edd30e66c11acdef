//! Reads the report of `phasor bench` from its JSON.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::report::SCHEMA;

/// Most bytes of a file that is read: a report has a few thousand.
const MOST: u64 = 16 << 20;

/// What was measured, as far as the page shows it.
#[derive(Clone, Debug, Deserialize)]
pub struct Times {
    /// The file that it was read from.
    #[serde(skip)]
    pub(crate) file: Option<PathBuf>,
    schema: u32,
    /// ONNX Runtime and its release.
    pub(super) engine: String,
    pub(super) threads: usize,
    /// `processor` or `clock`.
    pub(super) time: String,
    pub(super) sizes: BTreeMap<String, i64>,
    pub(super) rounds: usize,
    pub(super) runs: usize,
    pub(super) variants: Vec<Variant>,
    pub(super) operators: Vec<Share>,
    /// The same by what the nodes are part of.
    #[serde(default)]
    pub(super) parts: Vec<Share>,
    #[serde(default)]
    pub(super) notes: Vec<String>,
}

/// A model, and how fast it runs.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Variant {
    pub model: String,
    pub library: Option<String>,
    pub milliseconds: f64,
    pub ratio: f64,
    pub interval: [f64; 2],
    /// Bytes that it takes, where that was measured.
    #[serde(default)]
    pub memory: Option<u64>,
}

/// Microseconds that some nodes take.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Share {
    #[serde(alias = "operator", alias = "part")]
    pub name: String,
    pub before: f64,
    pub after: f64,
}

/// Why a file is no report of `phasor bench`.
#[derive(Debug, thiserror::Error)]
pub enum TimesError {
    /// It cannot be read.
    #[error("`{}`: cannot be read: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds something else.
    #[error("`{}`: not a report of `phasor bench`: {cause}", file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
}

impl TimesError {
    /// What the user could do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Read { .. } => "check the path".to_owned(),
            Self::Content { .. } => {
                "make one with `phasor bench MODEL FUSED --format json > bench.json`".to_owned()
            }
        })
    }
}

impl Times {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or is no report of `phasor bench`.
    pub fn read(file: &Path) -> Result<Self, TimesError> {
        let failed = |source| TimesError::Read {
            file: file.to_owned(),
            source,
        };
        let content = |cause| TimesError::Content {
            file: file.to_owned(),
            cause,
        };
        let size = std::fs::metadata(file).map_err(failed)?.len();
        if size > MOST {
            return Err(content(format!("it is {size} bytes long")));
        }
        let times = Self::parse(&std::fs::read(file).map_err(failed)?).map_err(content)?;
        Ok(Self {
            file: Some(file.to_owned()),
            ..times
        })
    }

    /// Reads what lies in memory.
    ///
    /// # Errors
    /// If it is no report of `phasor bench`.
    pub fn from_memory(text: &[u8]) -> Result<Self, TimesError> {
        Self::parse(text).map_err(|cause| TimesError::Content {
            file: "<memory>".into(),
            cause,
        })
    }

    /// # Errors
    /// What is wrong with the text.
    fn parse(text: &[u8]) -> Result<Self, String> {
        let times: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if times.schema != SCHEMA {
            return Err(format!("`schema` is {} and not {SCHEMA}", times.schema));
        }
        if times.variants.len() < 2 {
            return Err(format!("`variants` has {} entries", times.variants.len()));
        }
        let positive = |name: &str, number: f64| match number > 0.0 && number.is_finite() {
            true => Ok(()),
            false => Err(format!("`{name}` is {number}")),
        };
        for variant in &times.variants {
            let [low, high] = variant.interval;
            positive("milliseconds", variant.milliseconds)?;
            positive("ratio", variant.ratio)?;
            positive("interval", low)?;
            positive("interval", high)?;
            if low > high {
                return Err(format!("`interval` goes from {low} to {high}"));
            }
        }
        for share in times.operators.iter().chain(&times.parts) {
            let is_time = |number: &f64| *number >= 0.0 && number.is_finite();
            if let Some(time) = [share.before, share.after].iter().find(|n| !is_time(n)) {
                return Err(format!("`{}` takes {time} microseconds", share.name));
            }
        }
        Ok(times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"schema": 1, "engine": "ONNX Runtime 1.32.0", "threads": 0, "time": "clock", "sizes": {"batch": 1}, "rounds": 7,
        "runs": 70, "notes": [], "newer": {"field": 1},
        "variants": [{"model": "a", "library": null, "milliseconds": 2.0, "ratio": 1.0, "interval": [1.0, 1.0]},
                     {"model": "b", "library": "c", "milliseconds": 1.0, "ratio": 2.0, "interval": [1.9, 2.1]}],
        "operators": [{"operator": "MatMul", "before": 2.0, "after": 1.0}],
        "parts": [{"part": "rotary", "before": 2.0, "after": 1.0}]}"#;

    #[test]
    fn unknown_fields_are_passed_over_and_parts_may_be_missing() {
        let times = Times::parse(WHOLE.as_bytes()).unwrap();
        assert_eq!(times.parts[0].name, "rotary");
        let older = WHOLE.replace("\"parts\"", "\"other\"");
        assert!(Times::parse(older.as_bytes()).unwrap().parts.is_empty());
    }

    #[test]
    fn damage_is_named() {
        let damage = [
            ("\"schema\": 1", "\"schema\": 2", "schema"),
            ("\"ratio\": 2.0", "\"ratio\": null", "invalid type: null"),
            ("\"ratio\": 2.0", "\"ratio\": -2.0", "ratio"),
            ("[1.9, 2.1]", "[2.1, 1.9]", "interval"),
            ("[1.9, 2.1]", "[2.1]", "invalid length"),
            ("\"before\": 2.0", "\"before\": -1", "MatMul"),
            ("\"engine\"", "\"motor\"", "missing field `engine`"),
            ("}]}", "", "EOF"),
        ];
        for (old, new, said) in damage {
            let text = WHOLE.replacen(old, new, 1);
            assert_ne!(text, WHOLE, "{old}");
            let error = Times::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(said), "{old}: {error}");
        }
        for other in ["", "[]", "{}", "nonsense", "\u{0}"] {
            assert!(Times::parse(other.as_bytes()).is_err(), "{other}");
        }
    }
}
