//! The rotation itself, as a spelling writes it.

use phasor::onnx::{DataType, Tensor};

use crate::build::Builder;
use crate::graph::{Name, int, ints, text};
use crate::spelling::{Break, Join, Take, Turn};

impl Builder<'_> {
    pub(crate) fn turned(&mut self, turn: Turn, x: &str, cos: &str, sin: &str) -> Name {
        let mut cos = cos.to_owned();
        if self.fault == Break::Scale {
            let mut factors = vec![1.0; self.s.width()];
            factors[1] = 1.5;
            let factors = self
                .g
                .floats(self.inner_dtype(), &[self.s.width()], &factors);
            cos = self.mul(&cos, &factors);
        }
        // A difference takes the tensor turned the other way.
        let away = self.s.added_negative;
        let (turned, sin) = self.turn(turn, x, sin, self.s.inverse != away);
        let straight = self.mul(x, &cos);
        let crossed = self.mul(&turned, &sin);
        if away {
            self.g.op("Sub", &[&straight, &crossed], &[])
        } else {
            self.add(&straight, &crossed)
        }
    }

    /// The channels each rotated channel takes the sine of, and with which sign.
    fn permutation(&self, inverse: bool) -> (Vec<usize>, Vec<f64>) {
        let (width, pairs, near) = (self.s.width(), self.s.pairs, self.s.interleaved.0);
        let second = |j: usize| if near { j % 2 == 1 } else { j >= pairs };
        let partner = |j: usize| match (self.fault, near) {
            (Break::Partner, _) => width - 1 - j,
            (_, true) => j ^ 1,
            (_, false) => (j + pairs) % width,
        };
        let sign = |j: usize| {
            if self.fault == Break::Sign || second(j) != inverse {
                1.0
            } else {
                -1.0
            }
        };
        (
            (0..width).map(partner).collect(),
            (0..width).map(sign).collect(),
        )
    }

    /// The exchanged members, the first negated (the second if `inverse`), and the sine table that goes with them.
    fn turn(&mut self, turn: Turn, x: &str, sin: &str, inverse: bool) -> (Name, Name) {
        let (partner, sign) = self.permutation(inverse);
        let width = self.s.width();
        let indices: Vec<i64> = partner.iter().map(|&p| p as i64).collect();
        let dtype = self.inner_dtype();
        let mut sin = sin.to_owned();
        let turned = match turn {
            Turn::Slices | Turn::Split | Turn::Reshape | Turn::Scatter => {
                let take = match turn {
                    Turn::Slices | Turn::Scatter => Take::Slice,
                    Turn::Split => Take::Split,
                    _ => Take::ReshapeSplit,
                };
                let (a, b) = self.take(take, x);
                let (first, second) = self.negated(&b, &a, inverse);
                let join = if turn == Turn::Scatter {
                    Join::ScatterElements
                } else {
                    Join::Concat
                };
                self.join(join, &first, &second, x, self.s.interleaved.0)
            }
            Turn::Gather => {
                let moved = self.g.gather(x, -1, &indices);
                let signs = self.g.floats(dtype, &[width], &sign);
                self.mul(&moved, &signs)
            }
            Turn::GatherSignedSin => {
                let signs = self.g.floats(dtype, &[width], &sign);
                sin = self.mul(&sin, &signs);
                self.g.gather(x, -1, &indices)
            }
            Turn::MatMul | Turn::Einsum => {
                let mut matrix = vec![0.0; width * width];
                for j in 0..width {
                    matrix[partner[j] * width + j] = sign[j];
                }
                let matrix = self.g.floats(dtype, &[width, width], &matrix);
                if turn == Turn::MatMul {
                    self.g.op("MatMul", &[x, &matrix], &[])
                } else {
                    let lead = &"abcd"[..self.rank() - 1];
                    let equation = text("equation", &format!("{lead}i,ij->{lead}j"));
                    self.g.op("Einsum", &[x, &matrix], &[equation])
                }
            }
            Turn::Where => self.masked(x, &sign),
        };
        (turned, sin)
    }

    /// The exchanged members by rolling, negated by a mask.
    fn masked(&mut self, x: &str, sign: &[f64]) -> Name {
        let width = self.s.width() as i64;
        let mut roll = |by: i64| {
            let front = self.g.slice(x, -1, by, i64::MAX, 1);
            let back = self.g.slice(x, -1, 0, by, 1);
            self.g.concat(&[&front, &back], -1)
        };
        let mask = |b: &mut Self, list: Vec<bool>| {
            let values: Vec<f64> = list.into_iter().map(f64::from).collect();
            b.g.floats(DataType::Bool, &[width as usize], &values)
        };
        let rolled = if self.s.interleaved.0 {
            let (left, right) = (roll(1), roll(width - 1));
            let even = mask(self, (0..width).map(|j| j % 2 == 0).collect());
            self.g.op("Where", &[&even, &left, &right], &[])
        } else {
            roll(width / 2)
        };
        let below = mask(self, sign.iter().map(|s| *s < 0.0).collect());
        let negative = self.g.op("Neg", &[&rolled], &[]);
        self.g.op("Where", &[&below, &negative, &rolled], &[])
    }

    /// The first negated, or the second if `inverse`, or neither.
    fn negated(&mut self, first: &str, second: &str, inverse: bool) -> (Name, Name) {
        let mut pair = (first.to_owned(), second.to_owned());
        if self.fault != Break::Sign {
            let one = if inverse { &mut pair.1 } else { &mut pair.0 };
            *one = self.g.op("Neg", &[one], &[]);
        }
        pair
    }

    /// First and second members of all pairs.
    fn take(&mut self, take: Take, x: &str) -> (Name, Name) {
        let (pairs, near) = (self.s.pairs as i64, self.s.interleaved.0);
        let early = i64::from(self.fault == Break::Overlap);
        let mut lead = vec![0; self.rank() - 1];
        match take {
            Take::Slice if near => (
                self.g.slice(x, -1, 0, i64::MAX, 2),
                self.g.slice(x, -1, 1, i64::MAX, 2),
            ),
            Take::Slice => {
                let first = self.g.slice(x, -1, 0, pairs, 1);
                let end = if early == 1 { 2 * pairs - 1 } else { i64::MAX };
                (first, self.g.slice(x, -1, pairs - early, end, 1))
            }
            Take::Split if near => {
                let of = |member| (0..pairs).map(|k| 2 * k + member).collect::<Vec<_>>();
                (self.g.gather(x, -1, &of(0)), self.g.gather(x, -1, &of(1)))
            }
            Take::Split => {
                let parts = self.g.split(x, -1, &[pairs, pairs]);
                (parts[0].clone(), parts[1].clone())
            }
            Take::ReshapeGather | Take::ReshapeSplit => {
                lead.extend(if near { [pairs, 2] } else { [2, pairs] });
                let axis = if near { -1 } else { -2 };
                let apart = self.g.reshape(x, &lead);
                if take == Take::ReshapeSplit {
                    let parts = self.g.split(&apart, axis, &[1, 1]);
                    return (
                        self.g.squeeze(&parts[0], axis),
                        self.g.squeeze(&parts[1], axis),
                    );
                }
                let mut member = |k: i64| {
                    let index = self.g.constant(&Tensor::from_i64(&[], &[k]));
                    self.g.op("Gather", &[&apart, &index], &[int("axis", axis)])
                };
                (member(0), member(1))
            }
        }
    }

    pub(crate) fn members(
        &mut self,
        take: Take,
        join: Join,
        x: &str,
        cos: &str,
        sin: &str,
    ) -> Name {
        let (a, mut b) = self.take(take, x);
        if self.fault == Break::Partner {
            let reversed: Vec<i64> = (0..self.s.pairs as i64).rev().collect();
            b = self.g.gather(&b, -1, &reversed);
        }
        let mut cos_a = cos.to_owned();
        if self.fault == Break::Scale {
            let mut factors = vec![1.0; self.s.pairs];
            factors[1] = 1.5;
            let factors = self.g.floats(self.inner_dtype(), &[self.s.pairs], &factors);
            cos_a = self.mul(&cos_a, &factors);
        }
        let straight = [self.mul(&a, &cos_a), self.mul(&b, cos)];
        let crossed = [self.mul(&b, sin), self.mul(&a, sin)];
        let (sign, inverse) = (self.fault == Break::Sign, self.s.inverse);
        let mut sum = |k: usize, minus: bool| match minus && !sign {
            true => self.sub(&straight[k], &crossed[k]),
            false => self.add(&straight[k], &crossed[k]),
        };
        let (first, second) = (sum(0, !inverse), sum(1, inverse));
        self.join(join, &first, &second, x, self.s.interleaved.1)
    }

    /// First and second members as one tensor, as neighbours if `near`; `like` has its shape.
    fn join(&mut self, join: Join, first: &str, second: &str, like: &str, near: bool) -> Name {
        let pairs = self.s.pairs as i64;
        let places = |member: i64| -> Vec<i64> {
            (0..pairs)
                .map(|k| {
                    if near {
                        2 * k + member
                    } else {
                        member * pairs + k
                    }
                })
                .collect()
        };
        match join {
            Join::Concat if near => {
                let columns = [first, second].map(|v| self.g.unsqueeze(v, &[-1]));
                let both = self.g.concat(&[&columns[0], &columns[1]], -1);
                let mut flat = vec![0; self.rank() - 1];
                flat.push(2 * pairs);
                self.g.reshape(&both, &flat)
            }
            Join::Concat => self.g.concat(&[first, second], -1),
            Join::ScatterElements => {
                let mut target = self.zeros(like);
                for (member, values) in [first, second].into_iter().enumerate() {
                    let indices = self.g.ints(&places(member as i64));
                    let shape = self.g.op("Shape", &[values], &[]);
                    let indices = self.g.op("Expand", &[&indices, &shape], &[]);
                    let inputs = [&*target, &indices, values];
                    target = self.g.op("ScatterElements", &inputs, &[int("axis", -1)]);
                }
                target
            }
            Join::ScatterNd => {
                let rank = self.rank() as i64;
                let front = ints(
                    "perm",
                    &[&[rank - 1], &(0..rank - 1).collect::<Vec<_>>()[..]].concat(),
                );
                let back = ints("perm", &[&(1..rank).collect::<Vec<_>>()[..], &[0]].concat());
                let zeros = self.zeros(like);
                let mut target = self
                    .g
                    .op("Transpose", &[&zeros], std::slice::from_ref(&front));
                for (member, values) in [first, second].into_iter().enumerate() {
                    let list = places(member as i64);
                    let indices = self.g.constant(&Tensor::from_i64(&[list.len(), 1], &list));
                    let values = self
                        .g
                        .op("Transpose", &[values], std::slice::from_ref(&front));
                    target = self.g.op("ScatterND", &[&target, &indices, &values], &[]);
                }
                self.g.op("Transpose", &[&target], &[back])
            }
        }
    }

    fn zeros(&mut self, like: &str) -> Name {
        let zero = self.g.floats(self.inner_dtype(), &[], &[0.0]);
        let shape = self.g.op("Shape", &[like], &[]);
        self.g.op("Expand", &[&zero, &shape], &[])
    }

    /// `[[cos, -sin], [sin, cos]]` times each pair.
    pub(crate) fn matrix(&mut self, x: &str, cos: &str, sin: &str) -> Name {
        let (pairs, near) = (self.s.pairs as i64, self.s.interleaved.0);
        let mut first = cos.to_owned();
        if self.fault == Break::Scale {
            let mut factors = vec![1.0; self.s.pairs];
            factors[1] = 1.5;
            let factors = self.g.floats(self.inner_dtype(), &[self.s.pairs], &factors);
            first = self.mul(&first, &factors);
        }
        let (minus, plus) = self.negated(sin, sin, self.s.inverse);
        let entries = [&*first, &minus, &plus, cos].map(|v| self.g.unsqueeze(v, &[-1]));
        let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
        let table = self.g.concat(&entries, -1);
        let (_, axes) = self.inserted();
        let mut shape = vec![0; axes];
        shape.extend([pairs, 2, 2]);
        let table = self.g.reshape(&table, &shape);

        let rank = self.rank() as i64;
        let mut order: Vec<i64> = (0..=rank).collect();
        order.swap(rank as usize, rank as usize - 1);
        let transposed = [ints("perm", &order)];
        let mut shape = vec![0; rank as usize - 1];
        shape.extend(if near { [pairs, 2] } else { [2, pairs] });
        let mut apart = self.g.reshape(x, &shape);
        if !near {
            apart = self.g.op("Transpose", &[&apart], &transposed);
        }
        let row = self.g.unsqueeze(&apart, &[-2]);
        let mut turned = if self.s.swapped[2] {
            let mut column = |value: &str, k: i64| {
                let index = self.g.constant(&Tensor::from_i64(&[], &[k]));
                self.g.op("Gather", &[value, &index], &[int("axis", -1)])
            };
            let factors = [0, 1].map(|k| (column(&table, k), column(&row, k)));
            let [a, b] = factors.map(|(table, row)| self.mul(&table, &row));
            self.add(&a, &b)
        } else {
            let products = self.mul(&table, &row);
            let axis = self.g.ints(&[-1]);
            self.g
                .op("ReduceSum", &[&products, &axis], &[int("keepdims", 0)])
        };
        if !near {
            turned = self.g.op("Transpose", &[&turned], &transposed);
        }
        let mut shape = vec![0; rank as usize - 1];
        shape.push(2 * pairs);
        self.g.reshape(&turned, &shape)
    }
}
