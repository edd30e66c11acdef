//! `RelativePositionBias` against its reference, to the bit.

use crate::common::{Limits, Random, Runner, Values};
use crate::host::{Call, Tensor};
use crate::positions::{Made, Order, typed};
use crate::runners;
use half::{bf16, f16};
use phasor_ops::contract::TensorType;
use phasor_ops::contract::relative_bias::{SPEC, reference};
use phasor_ops::relative_bias::{Lut, RelativeBiasKernel, WithIntegers};

/// One call.
struct Case {
    rows: usize,
    heads: usize,
    lut: Vec<i64>,
    query: (Vec<i64>, Vec<usize>),
    key: (Vec<i64>, Vec<usize>),
}

impl Case {
    /// Rows are drawn for the entries of a lookup table that reaches `reach` to either side.
    fn new(
        random: &mut Random,
        heads: usize,
        reach: usize,
        query: (Vec<i64>, Vec<usize>),
        key: (Vec<i64>, Vec<usize>),
    ) -> Self {
        let rows = 1 + random.bits() as usize % 33;
        let lut = (0..2 * reach + 1)
            .map(|_| (random.bits() % rows as u64) as i64)
            .collect();
        Self {
            rows,
            heads,
            lut,
            query,
            key,
        }
    }

    /// Where each element of the bias is in the table.
    fn places(&self) -> Vec<usize> {
        let shape = [self.rows, self.heads];
        let numbers: Vec<f64> = (0..self.rows * self.heads).map(|i| i as f64).collect();
        let (query, key) = (
            (&self.query.0[..], &self.query.1[..]),
            (&self.key.0[..], &self.key.1[..]),
        );
        let places = reference((&numbers, &shape), &self.lut, query, key).unwrap();
        places.into_iter().map(|place| place as usize).collect()
    }

    fn table<T: WithIntegers<i64> + Limits>(&self) -> Vec<T> {
        Random(7).tensor(&[self.rows, self.heads], 4.0, Values::Special)
    }

    /// The bias, of which `count` elements are expected.
    fn run<I: Made, T: WithIntegers<I> + Limits>(
        &self,
        runner: Runner,
        table: &[T],
        count: usize,
    ) -> Vec<T> {
        let (lut, query, key) = (
            typed::<I>(&self.lut),
            typed::<I>(&self.query.0),
            typed::<I>(&self.key.0),
        );
        let table = (table, &[self.rows, self.heads][..]);
        let (query, key) = ((&query[..], &self.query.1[..]), (&key[..], &self.key.1[..]));
        match runner {
            Runner::Cpu(level) => {
                let kernel = RelativeBiasKernel::with_level(level).expect("the level is available");
                let lut = Lut::new(&lut, &[lut.len()]).unwrap();
                // Behind one element, so that rows are aligned to nothing more than elements are.
                let mut bias = vec![T::from_f64(77.0); count + 1];
                kernel.run(table, lut, query, key, &mut bias[1..]).unwrap();
                bias.split_off(1)
            }
            #[cfg(feature = "cuda")]
            Runner::Cuda => {
                crate::relative_cuda::buckets((table.0, [self.rows, self.heads]), &lut, query, key)
            }
            Runner::Host(host) => {
                let integers = [(&lut[..], &[lut.len()][..]), query, key].map(Tensor::of_integers);
                let call = Call {
                    spec: &SPEC,
                    attributes: Vec::new(),
                    inputs: [Tensor::of(table)].into_iter().chain(integers).collect(),
                };
                call.on(host)[0].values()
            }
        }
    }

    /// Every runner, in one type.
    fn check<I: Made, T: WithIntegers<i64> + WithIntegers<I> + Limits>(&self, places: &[usize]) {
        let table = self.table::<T>();
        let types = [TensorType::Element(T::TYPE), I::TYPE];
        for runner in runners()
            .filter(|r| r.reaches([&self.query.0[..], &self.key.0]) && r.takes(&SPEC, &types))
        {
            let got = self.run::<I, T>(runner, &table, places.len());
            assert_eq!(got.len(), places.len());
            let wrong = (got.iter().zip(places))
                .position(|(got, &place)| got.bit_pattern() != table[place].bit_pattern());
            assert_eq!(
                wrong,
                None,
                "{runner:?} {:?} {:?} {:?} reach {} heads {}",
                T::TYPE,
                self.query,
                self.key,
                self.lut.len() / 2,
                self.heads
            );
        }
    }

    fn check_types<I: Made>(&self)
    where
        f32: WithIntegers<I>,
        f16: WithIntegers<I>,
        bf16: WithIntegers<I>,
        f64: WithIntegers<I>,
    {
        let places = self.places();
        self.check::<I, f32>(&places);
        self.check::<I, f16>(&places);
        self.check::<I, bf16>(&places);
        self.check::<I, f64>(&places);
    }
}

fn plain(positions: Vec<i64>) -> (Vec<i64>, Vec<usize>) {
    let shape = vec![positions.len()];
    (positions, shape)
}

#[test]
fn every_size() {
    let mut random = Random(1);
    for queries in [0, 1, 2, 3, 17, 129, 255, 256, 257, 300] {
        for keys in [0, 1, 7, 15, 16, 17, 31, 33, 64, 65, 100] {
            for (heads, reach) in [(0, 3), (1, 0), (3, 1), (2, 40), (3, 300)] {
                let first = (random.bits() % 90) as i64;
                let query = Order::From(first).positions::<i64>(&mut random, queries);
                let key = Order::From(0).positions::<i64>(&mut random, keys);
                Case::new(&mut random, heads, reach, plain(query), plain(key)).check_types::<i64>();
            }
        }
    }
}

#[test]
fn rows_of_several_tiles() {
    let mut random = Random(2);
    for keys in [1023, 1024, 1025, 1039, 1040, 2300, 2304] {
        for queries in [1, 2, 300] {
            for reach in [1, 128, 3000] {
                let query = Order::From(500).positions::<i64>(&mut random, queries);
                let key = Order::From(0).positions::<i64>(&mut random, keys);
                Case::new(&mut random, 2, reach, plain(query), plain(key)).check_types::<i64>();
            }
        }
    }
}

#[test]
fn every_order_of_positions() {
    fn all<I: Made>(random: &mut Random)
    where
        f32: WithIntegers<I>,
        f16: WithIntegers<I>,
        bf16: WithIntegers<I>,
        f64: WithIntegers<I>,
    {
        for query in Order::ALL {
            for key in Order::ALL {
                for (queries, keys) in [(1, 90), (50, 49), (131, 120)] {
                    let query = query.positions::<I>(random, queries);
                    let key = key.positions::<I>(random, keys);
                    let reach = [0, 6, 70][random.bits() as usize % 3];
                    Case::new(random, 3, reach, plain(query), plain(key)).check_types::<I>();
                }
            }
        }
    }
    all::<i64>(&mut Random(3));
    all::<i32>(&mut Random(4));
}

#[test]
fn batches() {
    let mut random = Random(5);
    let mut of = |shape: &[usize], order: Order| {
        let (count, batch) = (*shape.last().unwrap(), shape.len() - 1);
        let batches = if batch == 0 { 1 } else { shape[0] };
        let positions = (0..batches).flat_map(|b| {
            let mut positions = order.positions::<i64>(&mut random, count);
            positions.iter_mut().for_each(|p| *p += 3 * b as i64);
            positions
        });
        (positions.collect::<Vec<_>>(), shape.to_vec())
    };
    for order in [Order::From(2), Order::Scattered, Order::Padded] {
        for (query, key) in [
            (&[3, 20][..], &[33][..]),
            (&[20], &[3, 33]),
            (&[3, 20], &[3, 33]),
            (&[1, 20], &[3, 33]),
            (&[3, 1], &[1, 33]),
            (&[1, 20], &[1, 33]),
            (&[0, 20], &[1, 33]),
            (&[0, 20], &[0, 33]),
        ] {
            let (query, key) = (of(query, order), of(key, order));
            Case::new(&mut Random(6), 2, 9, query, key).check_types::<i64>();
        }
    }
}

/// A bias that is written past the caches.
#[test]
fn large_ones() {
    fn one<T: WithIntegers<i64> + Limits>(keys: usize) {
        let mut random = Random(8);
        let query = Order::From(100).positions::<i64>(&mut random, 1500);
        let key = Order::From(0).positions::<i64>(&mut random, keys);
        let case = Case::new(&mut random, 2, 128, plain(query), plain(key));
        case.check::<i64, T>(&case.places());
    }
    one::<f32>(4207);
    one::<bf16>(8405);
}

#[test]
fn lookup_tables_that_make_no_sense() {
    let kernel = RelativeBiasKernel::new();
    let table = [0f32; 6];
    let refused = |lut: &[i64], shape: &[usize]| {
        let lut = Lut::new(lut, shape).map_err(|e| e.to_string())?;
        kernel
            .run(
                (&table, &[3, 2]),
                lut,
                (&[0], &[1]),
                (&[0], &[1]),
                &mut [0.0; 2],
            )
            .map_err(|e| e.to_string())
    };
    assert_eq!(refused(&[2], &[1]), Ok(()));
    for (lut, shape, words) in [
        (
            &[0, 3, 1][..],
            &[3][..],
            "lut[1] is 3, expected one of the 3 rows of table",
        ),
        (&[0, 1, -1], &[3], "lut[2] is -1"),
        (&[i64::MIN], &[1], "lut[0] is -9223372036854775808"),
        (&[0, 1], &[2], "lut has 2 entries, expected an odd number"),
        (&[], &[0], "lut has 0 entries"),
        (&[0], &[1, 1], "lut [1, 1] has rank 2, expected 1"),
        (
            &[0],
            &[3],
            "lut has 1 elements, which do not fit its shape [3]",
        ),
    ] {
        let text = refused(lut, shape).unwrap_err();
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn shapes_that_do_not_fit() {
    let kernel = RelativeBiasKernel::new();
    let call = |table: &[usize], query: &[usize], key: &[usize]| {
        let lut = Lut::new(&[0i64], &[1]).unwrap();
        let call = kernel.call::<i64, f32>(table, lut, query, key);
        call.map(|_| ()).unwrap_err().to_string()
    };
    for (text, words) in [
        (call(&[3], &[1], &[1]), "table [3] has rank 1, expected 2"),
        (
            call(&[0, 3], &[1], &[1]),
            "lut[0] is 0, expected one of the 0 rows",
        ),
        (call(&[3, 2], &[], &[1]), "query_positions [] has rank 0"),
        (call(&[3, 2], &[2, 1], &[3, 1]), "batches of 2 and 3"),
        (
            call(&[3, usize::MAX], &[2], &[1]),
            "more elements than can be addressed",
        ),
        (
            call(&[3, 1 << 32], &[2], &[1]),
            "more elements than are supported",
        ),
    ] {
        assert!(text.contains(words), "{text}");
    }
}
