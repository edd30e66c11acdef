//! Numbers without a pattern, the same in every run.

use phasor::onnx::{DataType, Tensor};

/// Numbers without a pattern.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    pub(crate) fn tensor(&mut self, dtype: DataType, shape: &[usize]) -> Tensor {
        let count: usize = shape.iter().product();
        let values: Vec<f64> = (0..count)
            .map(|_| self.below(2001) as f64 / 1000.0 - 1.0)
            .collect();
        Tensor::from_f64_as(dtype, shape, &values)
    }
}
