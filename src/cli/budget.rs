//! The argument that limits a search.

use crate::Limits;
use clap::Args;

/// Factors that a number may end in.
const UNITS: [(char, u64); 3] = [('K', 1_000), ('M', 1_000_000), ('G', 1_000_000_000)];

/// Limits of a search.
#[derive(Args)]
pub(super) struct Budget {
    /// Limits of the search: steps=N, bytes=N and seconds=N, separated by commas; N may end in K, M or G
    #[arg(long, value_name = "LIMIT=N", value_delimiter = ',', value_parser = limit)]
    budget: Vec<Limit>,
}

/// One limit.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Limit {
    Steps(u64),
    Bytes(u64),
    Seconds(u64),
}

impl Budget {
    /// The limits; the last one counts where one is given several times.
    pub(super) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        for limit in &self.budget {
            match *limit {
                Limit::Steps(steps) => limits.steps = steps,
                Limit::Bytes(bytes) => limits.bytes = bytes,
                Limit::Seconds(seconds) => limits.seconds = Some(seconds),
            }
        }
        limits
    }
}

fn limit(text: &str) -> Result<Limit, String> {
    let (name, number) = text
        .split_once('=')
        .ok_or("expected LIMIT=N, such as `seconds=60`")?;
    let unit = UNITS.iter().find(|(letter, _)| number.ends_with(*letter));
    let (digits, factor) = unit.map_or((number, 1), |(letter, factor)| {
        (number.trim_end_matches(*letter), *factor)
    });
    let number = digits.parse::<u64>().ok();
    let number = number
        .and_then(|n| n.checked_mul(factor))
        .filter(|n| *n > 0)
        .ok_or("N must be a whole number above 0, such as `500` or `2G`")?;
    match name {
        "steps" => Ok(Limit::Steps(number)),
        "bytes" => Ok(Limit::Bytes(number)),
        "seconds" => Ok(Limit::Seconds(number)),
        _ => Err("LIMIT must be `steps`, `bytes` or `seconds`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Limit, limit};

    #[test]
    fn limits_are_read_with_their_units() {
        assert_eq!(limit("steps=500"), Ok(Limit::Steps(500)));
        assert_eq!(limit("bytes=2G"), Ok(Limit::Bytes(2_000_000_000)));
        assert_eq!(limit("seconds=1K"), Ok(Limit::Seconds(1000)));
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for text in [
            "steps",
            "steps=",
            "steps=0",
            "steps=-1",
            "steps=1T",
            "time=1",
            "steps=KK",
            "bytes=99999999999G",
        ] {
            assert!(limit(text).is_err(), "{text}");
        }
    }
}
