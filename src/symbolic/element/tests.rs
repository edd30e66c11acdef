//! Elements against numbers: what an element is said to be is what the operators give, at every place.

use rustc_hash::FxHashMap;

use crate::engine::tract::Tract;
use crate::engine::{Engine, Source};
use crate::facts::Facts;
use crate::onnx::{DataType, Tensor, ValueId};
use crate::symbolic::poly::Atom;
use crate::symbolic::testing::file;
use crate::symbolic::{Budget, Interpreter, display};

use super::{Elements, evaluate};

/// Sizes of the symbols `A` to `D`.
const SIZES: [[i64; 4]; 4] = [[2, 3, 5, 4], [1, 2, 3, 1], [3, 1, 1, 2], [4, 4, 2, 3]];

/// Runs a graph on numbers that are all different, and compares every element of `y` with what it is said to be.
#[track_caller]
fn check(graph: &str) {
    let file = file(graph);
    let (facts, budget) = (Facts::of(&file), Budget::default());
    let mut it = Interpreter::run(&file, &facts, &budget);
    let y = it.index().id("y").expect("an output `y`");
    let at = Elements::coordinates(&mut it, y).expect("a known rank");
    let element = Elements::default().element(&mut it, y, &at);
    let name = |value: u32| it.index().name(ValueId(value)).to_owned();
    let said = display::element(&it.arena, element, &name);
    for sizes in SIZES {
        let size = |symbol: &str| match symbol {
            "A" => Some(sizes[0]),
            "B" => Some(sizes[1]),
            "C" => Some(sizes[2]),
            "D" => Some(sizes[3]),
            _ => None,
        };
        let inputs: Vec<(String, Tensor)> = file
            .graph()
            .input
            .iter()
            .map(|input| {
                let fact = facts.get(input.name()).expect("a declared input");
                let shape = fact.shape.as_ref().expect("a declared shape").iter();
                let shape: Vec<usize> = shape
                    .map(|dim| dim.eval(&size).expect("a known size") as usize)
                    .collect();
                let dtype = fact.dtype.expect("a declared type");
                let count = shape.iter().product::<usize>() as i64;
                // Indices stay in the range of any axis, and may be negative.
                let numbers = (0..count).map(|k| match dtype {
                    DataType::I64 => (k * 7 + 3) % 2 - i64::from(k % 3 == 0),
                    _ => k + 1,
                });
                let numbers: Vec<f64> = numbers.map(|n| n as f64).collect();
                let tensor = Tensor::from_f64_as(dtype, &shape, &numbers);
                (input.name().to_owned(), tensor)
            })
            .collect();
        let Ok(outputs) = Tract.run(
            Source::Proto(file.model(), None),
            &inputs,
            &["y".to_owned()],
        ) else {
            continue;
        };
        let constants = file.graph().initializer.iter();
        let constants: Vec<(String, Tensor)> = constants
            .map(|tensor| (tensor.name().to_owned(), file.tensor(tensor).expect("data")))
            .collect();
        let given: FxHashMap<ValueId, &Tensor> = inputs
            .iter()
            .chain(&constants)
            .filter_map(|(name, tensor)| Some((it.index().id(name)?, tensor)))
            .collect();
        let numbers = outputs[0].to_f64().expect("numbers");
        for (place, &number) in numbers.iter().enumerate() {
            let mut rest = place;
            let mut index = vec![0; outputs[0].shape.len()];
            for (at, &size) in index.iter_mut().zip(&outputs[0].shape).rev() {
                *at = rest % size;
                rest /= size;
            }
            let found = evaluate::number(&it.arena, element, &|atom, args| match atom {
                Atom::Symbol(symbol) => size(it.arena.symbol_name(*symbol)).map(|n| n as f64),
                Atom::Coordinate { axis, .. } => {
                    let axis = index.len().checked_sub(1 + *axis as usize)?;
                    Some(index[axis] as f64)
                }
                Atom::Access { value, .. } => {
                    let tensor = given.get(&ValueId(*value))?;
                    let mut position = 0;
                    for (&at, &size) in args.iter().zip(&tensor.shape) {
                        // Of two pieces, the one that the element is not in.
                        if !(0.0..size as f64).contains(&at) {
                            return Some(f64::NAN);
                        }
                        position = position * size + at as usize;
                    }
                    Some(tensor.element(position))
                }
                _ => None,
            });
            assert_eq!(
                found,
                Some(number),
                "{graph}\n{said}\nat {index:?}, sizes {sizes:?}"
            );
        }
    }
    let own = Elements::access(&it, element);
    assert!(
        own.is_none_or(|own| own.value != y),
        "{graph}\nis not followed"
    );
}

#[test]
fn axes_move() {
    check("(float[A, B, C] x) => (y) { y = Transpose <perm = [2, 0, 1]> (x) }");
    check("(float[A, B, C] x) => (y) { y = Transpose (x) }");
    check("(float[A, B] x) => (y) <int64[2] k = {0, -1}> { y = Unsqueeze (x, k) }");
    check("(float[A, 1, B, 1] x) => (y) <int64[1] k = {1}> { y = Squeeze (x, k) }");
}

#[test]
fn elements_repeat() {
    check(
        "(float[A, 1] x, float[B] z) => (y) {
          a = Shape <end = 1> (x)
          b = Shape (z)
          s = Concat <axis = 0> (a, b)
          y = Expand (x, s)
        }",
    );
    check("(float[A, B] x) => (y) <int64[2] k = {1, 3}> { y = Tile (x, k) }");
    check("(float[A, 3] x) => (y) <int64[2] k = {2, 2}> { y = Tile (x, k) }");
}

#[test]
fn slices_cut() {
    check(
        "(float[A, 6] x) => (y) <int64[1] s = {1}, int64[1] e = {9}, int64[1] k = {1}, int64[1] t = {2}> {
          y = Slice (x, s, e, k, t)
        }",
    );
    check(
        "(float[A, 6] x) => (y) <int64[1] s = {-4}, int64[1] e = {-1}, int64[1] k = {1}> { y = Slice (x, s, e, k) }",
    );
    check(
        "(float[A, B] x) => (y) <int64[1] s = {-2}, int64[1] e = {1000}, int64[1] k = {1}> { y = Slice (x, s, e, k) }",
    );
    check(
        "(float[A, B] x) => (y) <int64[1] s = {-1}, int64[1] e = {-1000}, int64[1] k = {0}, int64[1] t = {-1}> {
          y = Slice (x, s, e, k, t)
        }",
    );
    check("(float[A, 7] x) => (w, y) <int64[2] s = {3, 4}> { w, y = Split <axis = 1> (x, s) }");
}

#[test]
fn pieces_join() {
    check("(float[A, B] x, float[A, C] z) => (y) { y = Concat <axis = 1> (x, z) }");
    check(
        "(float[A, 2] x, float[A, 3] z, float[A, 1] w) => (y) { y = Concat <axis = -1> (x, z, w) }",
    );
    check(
        "(float[A, B] x) => (y) <int64[4] p = {1, 0, 0, 2}, float f = {-5.0}> { y = Pad (x, p, f) }",
    );
    check("(float[A, B] x) => (y) <int64[4] p = {0, 1, 0, -1}> { y = Pad (x, p) }");
}

#[test]
fn reshapes_keep_the_order() {
    check("(float[A, B, C] x) => (y) <int64[2] s = {0, -1}> { y = Reshape (x, s) }");
    check("(float[A, 6] x) => (y) <int64[3] s = {0, 2, 3}> { y = Reshape (x, s) }");
    check(
        "(float[A, 6, B] x) => (y) <int64[3] s = {-1, 3, 2}> { z = Transpose <perm = [0, 2, 1]> (x)  y = Reshape (z, s) }",
    );
    check("(float[A, B, C, D] x) => (y) { y = Flatten <axis = 2> (x) }");
    check(
        "(float[A, B, C, D] x) => (y) {
          z = Flatten <axis = 2> (x)
          s = Shape (x)
          y = Reshape (z, s)
        }",
    );
}

/// The shift of Transformer-XL: padding, a reshape and slices.
#[test]
fn a_shift_is_an_index() {
    check(
        "(float[A, B, 9] x) => (y)
         <int64[6] p = {0, 0, 1, 0, 0, 0}, int64[1] one = {1}, int64[1] five = {5}, int64[1] zero = {0},
          int64[1] end = {1000}, int64[1] axis = {1}, int64[3] five_wide = {0, 10, -1}, int64[1] last = {2},
          int64[3] as_before = {0, -1, 9}> {
          t = Transpose <perm = [0, 2, 1]> (x)
          u = Pad (t, p)
          v = Reshape (u, five_wide)
          w = Slice (v, one, end, axis)
          y = Reshape (w, as_before)
        }",
    );
}

#[test]
fn indices_look_up() {
    check("(float[A, 5] x, int64[B] i) => (y) { y = Gather <axis = 1> (x, i) }");
    check("(float[4, C] x, int64[A, B] i) => (y) { y = Gather (x, i) }");
    check("(float[A, 5] x, int64[A, 2] i) => (y) { y = GatherElements <axis = 1> (x, i) }");
    check("(float[4, 5, C] x, int64[A, 2] i) => (y) { y = GatherND (x, i) }");
    check("(float[A, 4, C] x, int64[A, B, 1] i) => (y) { y = GatherND <batch_dims = 1> (x, i) }");
    check("(float[4] x) => (y) <int64[3] i = {3, -4, 1}> { y = Gather (x, i) }");
}

#[test]
fn masks_take_rows() {
    let graph = |mask: &str, product: &str| {
        format!(
            "(int64[A, B] i) => (y) <
                float[4, 3] w = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}}, int64[4] places = {{0, 1, 2, 3}}, int64 low = {{0}},
                int64 high = {{3}}, int64 four = {{4}}, int64[1] last = {{-1}}, float[2] values = {{0, 1}}
            > {{
                near = Clip (i, low, high)
                column = Unsqueeze (near, last)
                {mask}
                {product}
            }}"
        )
    };
    let compared = "same = Equal (column, places)
        mask = Cast <to = 1> (same)";
    let one_hot = "mask = OneHot (near, four, values)";
    let turned = "first = OneHot <axis = 0> (near, four, values)
        mask = Transpose <perm = [1, 2, 0]> (first)";
    let product = "y = MatMul (mask, w)";
    for mask in [compared, one_hot, turned] {
        check(&graph(mask, product));
        check(&graph(
            mask,
            r#"y = Einsum <equation = "abr,rc->abc"> (mask, w)"#,
        ));
        let flat = "rows = Transpose (w)
            all = Einsum <equation = \"cr,abr->cab\"> (rows, mask)
            y = Transpose <perm = [2, 0, 1]> (all)";
        check(&graph(mask, flat));
    }
}

#[test]
fn masks_that_take_no_row() {
    let graph = |column: &str, numbers: &str| {
        format!(
            "(int64[A, B] i) => (y) <
                float[4, 1] w = {{{numbers}}}, int64[4] places = {{0, 1, 2, 3}}, int64 low = {{0}}, int64 high = {{3}},
                int64 four = {{4}}, int64[1] last = {{-1}}
            > {{
                {column}
                column = Unsqueeze (near, last)
                same = Equal (column, places)
                mask = Cast <to = 1> (same)
                y = MatMul (mask, w)
            }}"
        )
    };
    let within = "near = Clip (i, low, high)";
    let is_followed = |graph: &str| {
        let file = file(graph);
        let (facts, budget) = (Facts::of(&file), Budget::default());
        let mut it = Interpreter::run(&file, &facts, &budget);
        let y = it.index().id("y").expect("an output `y`");
        let at = Elements::coordinates(&mut it, y).expect("a known rank");
        let element = Elements::default().element(&mut it, y, &at);
        Elements::access(&it, element).expect("an access").value != y
    };
    assert!(is_followed(&graph(within, "1, 5, 3, 4")));
    // No row is proven, or -0 is lost in a sum.
    for (column, numbers) in [
        ("near = Identity (i)", "1, 5, 3, 4"),
        ("near = Clip (i, low, four)", "1, 5, 3, 4"),
        (within, "1, 5, -0.0, 4"),
    ] {
        assert!(!is_followed(&graph(column, numbers)), "{column} {numbers}");
    }
}

#[test]
fn numbers_are_made_from_sizes() {
    check(
        "(float[A, B] x) => (y) <int64 zero = {0}, int64 one = {1}, int64 i = {1}> {
          s = Shape (x)
          n = Gather (s, i)
          y = Range (zero, n, one)
        }",
    );
    check(
        "(float[A, B] x) => (y) <int64 zero = {0}, int64 one = {1}, int64 i = {1}, int64[1] k = {1}> {
          s = Shape (x)
          n = Gather (s, i)
          r = Range (zero, n, one)
          c = Unsqueeze (r, k)
          y = Sub (r, c)
        }",
    );
    check(
        "(float[A, B] x) => (y) <int64 one = {1}> {
          s = Shape (x)
          f = ConstantOfShape <value = int64[1] {1}> (s)
          y = CumSum (f, one)
        }",
    );
    check("(float[A, B] x) => (y) { y = Trilu <upper = 0> (x) }");
    check("(float[A, B] x) => (y) <int64 k = {1}> { y = Trilu (x, k) }");
}

#[test]
fn functions_are_of_the_element() {
    check(
        "(int64[A, B] x, int64[B] z) => (y) <int64 three = {3}> {
          a = Mul (x, three)
          b = Sub (a, z)
          c = Abs (b)
          d = Mod (c, three)
          e = Less (d, x)
          y = Where (e, c, b)
        }",
    );
    check(
        "(int64[A] x) => (y) <float eight = {8.0}, int64 most = {5}> {
          a = Abs (x)
          b = Cast <to = 1> (a)
          c = Div (b, eight)
          d = Log (c)
          e = Mul (d, eight)
          f = Cast <to = 7> (e)
          z = Equal (a, x)
          g = Where (z, a, f)
          y = Min (g, most)
        }",
    );
    check("(float[A, 1] x, float[1, B] z) => (y) { y = MatMul (x, z) }");
    check("(float[A] x, float[B] z) => (y) { y = Einsum <equation = \"i,j->ij\"> (x, z) }");
}

/// An axis of another size may be 1 when the graph runs, so that its index is not known.
#[test]
fn axes_that_may_be_stretched_end_the_search() {
    let file = file("(float[A] x, float[B] z) => (y) { y = Add (x, z) }");
    let (facts, budget) = (Facts::stated(&file), Budget::default());
    let mut it = Interpreter::run(&file, &facts, &budget);
    let y = it.index().id("y").expect("an output");
    let at = Elements::coordinates(&mut it, y).expect("a known rank");
    let element = Elements::default().element(&mut it, y, &at);
    let own = Elements::access(&it, element).expect("an access");
    assert_eq!(own.value, y);
}

/// Graphs that declare a result with another number of axes than their operators give it.
#[test]
fn wrong_ranks_end_the_search() {
    for node in [
        "y = Concat <axis = 2> (x, short)",
        "y = Concat <axis = -1> (short, x)",
        "y = Slice (short, axes, axes, axes)",
        "y = Pad (deep, axes)",
        "y = Unsqueeze (deep, axes)",
        "y = Squeeze (x, axes)",
        "y = Tile (short, axes)",
        "y = Transpose <perm = [0]> (short)",
        "y = Expand (deep, axes)",
        "y = Trilu (short)",
        "y = CumSum (short, first)",
        "y = Gather <axis = 1> (deep, axes)",
        "y = GatherElements <axis = 3> (deep, deep)",
        "y = Reshape (deep, axes)",
    ] {
        let graph = format!(
            "(float[A, B, 3] x, float[B] short, float[A, B, C, D, 2] deep) => (float[A, B, 3] y) \
             <int64[1] axes = {{0}}, int64 first = {{0}}> {{ {node} }}"
        );
        let file = file(&graph);
        let (facts, budget) = (Facts::of(&file), Budget::default());
        let mut it = Interpreter::run(&file, &facts, &budget);
        let y = it.index().id("y").expect("an output `y`");
        if let Some(at) = Elements::coordinates(&mut it, y) {
            Elements::default().element(&mut it, y, &at);
        }
    }
}
