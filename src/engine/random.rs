//! A small pseudo-random generator (SplitMix64, Steele, Lea and Flood 2014): the same seed gives the same inputs everywhere.

/// The generator.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A separate stream for every seed and label.
    pub(crate) fn new(seed: u64, label: &str) -> Random {
        // FNV-1a over the label.
        let hash = label.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
        });
        Random(hash ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `[0, 1)`.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in `[-1, 1)`.
    #[cfg(feature = "tract")]
    pub(crate) fn signed(&mut self) -> f64 {
        2.0 * self.uniform() - 1.0
    }

    /// Uniform in `0..below`; 0 if that is empty.
    pub(crate) fn below(&mut self, below: i64) -> i64 {
        (self.uniform() * below.max(0) as f64) as i64
    }

    /// A neighbour of 1, one or two roundings above or below; `ulp` is the distance of numbers above 1.
    pub(crate) fn nudge(&mut self, ulp: f64) -> f64 {
        const STEPS: [f64; 4] = [-2.0, -1.0, 1.0, 2.0];
        1.0 + STEPS[self.below(4) as usize % 4] * ulp
    }

    /// Standard normal, by Box and Muller.
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn moments_and_ranges() {
        let mut random = Random::new(1, "x");
        let values: Vec<f64> = (0..10_000).map(|_| random.normal()).collect();
        let mean = values.iter().sum::<f64>() / 1e4;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 1e4;
        assert!(
            mean.abs() < 0.05 && (variance - 1.0).abs() < 0.1,
            "{mean} {variance}"
        );
        assert!((0..1000).all(|_| (0..5).contains(&random.below(5))));
        assert_eq!(random.below(0), 0);
        assert_ne!(Random::new(1, "x").next(), Random::new(1, "y").next());
        assert_ne!(Random::new(1, "x").next(), Random::new(2, "x").next());
    }
}
