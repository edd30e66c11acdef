//! Rotations as exporters and people spell them: what is found, confirmed, and what of it is said.

use crate::build::{decide, f32s, i64s, model, open, rotary};
use phasor::onnx::{ModelFile, Tensor};
use phasor::pipeline::{self, Found, Search};
use phasor::verify;
use prost::Message;

/// Half of the rotated channels, and positions in `x: float[batch, 3, seq, 8]`.
const FREQUENCIES: [f32; 4] = [1.0, 0.3, 0.1, 0.03];

/// The sites of a model, proven and confirmed.
pub(crate) fn sites(text: &str, constants: &[(&str, Tensor)]) -> Vec<Found> {
    let findings = pipeline::find(&open(&model(text, constants)), &Search::default()).unwrap();
    for refusal in &findings.refusals {
        eprintln!("{}: {}", refusal.value, refusal.reason);
    }
    findings.sites
}

/// Its one site: layout of the pairs, rotated range, class of the proof.
pub(crate) fn one(text: &str, constants: &[(&str, Tensor)]) -> String {
    let sites = sites(text, constants);
    let [found] = &sites[..] else {
        panic!("{} sites", sites.len());
    };
    let (site, rotary) = (&found.site, rotary(found));
    format!(
        "{} {}..{} {}",
        rotary.pairing.as_str(),
        rotary.rotary_offset,
        rotary.rotary_offset + rotary.rotary_dim,
        site.proof.as_str()
    )
}

/// Fuses a model, has the numbers compared, and returns the operators of its nodes in order.
fn fused(text: &str, constants: &[(&str, Tensor)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let (plain, path) = (
        folder.path().join("plain.onnx"),
        folder.path().join("fused.onnx"),
    );
    std::fs::write(&plain, model(text, constants).encode_to_vec()).unwrap();
    let options = pipeline::Options {
        goal: pipeline::Goal::Write {
            path: path.clone(),
            force: false,
        },
        verify: Some(verify::Options {
            engine: verify::Preference::Tract,
            ..Default::default()
        }),
        ..Default::default()
    };
    let outcome = pipeline::fuse(&ModelFile::open(&plain).unwrap(), &options, &mut ()).unwrap();
    assert_eq!(outcome.verdict, pipeline::Verdict::Fused);
    let pipeline::Check::Done(report) = &outcome.check else {
        panic!("not compared");
    };
    assert!(
        matches!(report.verdict, verify::Verdict::Same),
        "{:?}",
        report.verdict
    );
    let fused = ModelFile::open(&path).unwrap();
    let nodes = fused.graph().node.iter();
    nodes.map(|node| node.op_type().to_owned()).collect()
}

/// Numbers that spellings of slices and shapes share.
pub(crate) fn constants() -> Vec<(&'static str, Tensor)> {
    let list = |values: &[i64]| i64s(&[values.len()], values);
    vec![
        ("n0", list(&[0])),
        ("n1", list(&[1])),
        ("n2", list(&[2])),
        ("n3", list(&[3])),
        ("n4", list(&[4])),
        ("n8", list(&[8])),
        ("minus1", list(&[-1])),
        ("end", list(&[i64::MAX])),
        ("freq", f32s(&[4], &FREQUENCIES)),
    ]
}

/// `y` from `x`, `c` and `s` with neighbouring channels as pairs.
const NEIGHBOURS: &str = "
    even = Slice(x, n0, end, minus1, n2)
    odd = Slice(x, n1, end, minus1, n2)
    minus = Neg(odd)
    first = Unsqueeze(minus, minus1)
    second = Unsqueeze(even, minus1)
    both = Concat(first, second) axis=-1
    turned = Reshape(both, shape)
    left = Mul(x, c)
    right = Mul(turned, s)
    y = Add(left, right)";

#[test]
fn a_repeat_spelled_as_a_search_for_true() {
    // TorchScript writes `repeat_interleave` with as many repeats as `max` finds, and picks what `NonZero` finds.
    let text = format!(
        "x: float[batch, 3, seq, 8]
        pos: int64[batch, seq]
        p = Cast(pos) to=1
        p3 = Unsqueeze(p, minus1)
        angle = Mul(p3, freq)
        t = Transpose(angle) perm=[2,1,0]
        size = Shape(freq)
        twos = ConstantOfShape(size)
        more = Add(twos, two)
        most = ReduceMax(more) keepdims=0
        count = Cast(most) to=7
        wide = Unsqueeze(t, n1)
        dims = Shape(t)
        rest = Slice(dims, n1, end)
        reps = Unsqueeze(count, n0)
        target = Concat(n4, reps, rest) axis=0
        grid = Expand(wide, target)
        run = Range(zero, most, one)
        per = Unsqueeze(more, n1)
        kept = Less(run, per)
        found = NonZero(kept)
        at = Transpose(found) perm=[1,0]
        flat = GatherND(grid, at)
        back = Transpose(flat) perm=[2,1,0]
        cos = Cos(back)
        sin = Sin(back)
        c = Unsqueeze(cos, n1)
        s = Unsqueeze(sin, n1)
        {NEIGHBOURS}"
    );
    let mut constants = constants();
    constants.extend([
        ("two", f32s(&[], &[2.0])),
        ("zero", f32s(&[], &[0.0])),
        ("one", f32s(&[], &[1.0])),
        ("shape", i64s(&[4], &[0, 0, 0, -1])),
    ]);
    assert_eq!(one(&text, &constants), "interleaved 0..8 rotation");
}

#[test]
fn tables_may_hold_another_number_for_every_channel() {
    // Nothing says that the neighbours in a table that is an input are equal, and nothing needs to.
    let text = format!(
        "x: float[batch, 3, seq, 8]
        cos: float[seq, 8]
        sin: float[seq, 8]
        c = Unsqueeze(cos, n0)
        s = Unsqueeze(sin, n0)
        {NEIGHBOURS}"
    );
    let mut constants = constants();
    constants.push(("shape", i64s(&[4], &[0, 0, 0, -1])));
    assert_eq!(one(&text, &constants), "interleaved 0..8 linear");
}

#[test]
fn neighbours_with_angles_of_their_own_obey_the_formula() {
    // The angles of the half layout on neighbouring channels: no pair is turned, every channel is.
    let text = format!(
        "x: float[batch, 3, seq, 8]
        pos: float[seq, 1]
        angle = Mul(pos, freq)
        both_angles = Concat(angle, angle) axis=-1
        c = Cos(both_angles)
        s = Sin(both_angles)
        {NEIGHBOURS}"
    );
    let mut constants = constants();
    constants.push(("shape", i64s(&[4], &[0, 0, 0, -1])));
    assert_eq!(one(&text, &constants), "interleaved 0..8 linear");
}

#[test]
fn cosine_and_sine_of_a_channel_belong_to_one_angle() {
    let text = format!(
        "x: float[batch, 3, seq, 8]
        pos: float[seq, 1]
        angle = Mul(pos, freq)
        wide = Concat(angle, angle) axis=-1
        other = Mul(wide, half)
        c = Cos(wide)
        s = Sin(other)
        {NEIGHBOURS}"
    );
    let mut constants = constants();
    constants.extend([
        ("shape", i64s(&[4], &[0, 0, 0, -1])),
        ("half", f32s(&[], &[0.5])),
    ]);
    assert!(sites(&text, &constants).is_empty());
}

/// `y` from `x`, `c` and `s` with pairs half the range apart.
const HALVES: &str = "
    a, b = Split(x) axis=-1
    minus = Neg(b)
    turned = Concat(minus, a) axis=-1
    left = Mul(x, c)
    right = Mul(turned, s)
    y = Add(left, right)";

#[test]
fn a_branch_that_is_always_taken_is_followed() {
    // TorchScript asks for the rank before it repeats the angles.
    let text = format!(
        "x: float[batch, 3, height * width, 8]
        image: float[batch, height, width]
        dims = Shape(image)
        h = Gather(dims, one)
        w = Gather(dims, two)
        nh = Cast(h) to=1
        nw = Cast(w) to=1
        rows = Range(middle, nh, unit)
        columns = Range(middle, nw, unit)
        down = Div(rows, nh)
        across = Div(columns, nw)
        hv = Unsqueeze(h, n0)
        wv = Unsqueeze(w, n0)
        all = Concat(hv, wv) axis=0
        upright = Unsqueeze(down, n1)
        flat = Unsqueeze(across, n0)
        grid0 = Expand(upright, all)
        grid1 = Expand(flat, all)
        g0 = Unsqueeze(grid0, minus1)
        g1 = Unsqueeze(grid1, minus1)
        both = Concat(g0, g1) axis=-1
        patches = Flatten(both) axis=2
        p = Unsqueeze(patches, minus1)
        angles = Mul(p, pair_freq)
        flat_angles = Flatten(angles) axis=1
        size = Shape(flat_angles)
        rank = Size(size)
        deep = Greater(rank, one)
        reps = If(deep)
        wide = Tile(flat_angles, reps)
        c = Cos(wide)
        s = Sin(wide)
        {HALVES}"
    );
    let mut constants = constants();
    constants.extend([
        ("one", i64s(&[], &[1])),
        ("two", i64s(&[], &[2])),
        ("middle", f32s(&[], &[0.5])),
        ("unit", f32s(&[], &[1.0])),
        ("pair_freq", f32s(&[1, 1, 2], &[1.0, 0.1])),
    ]);
    let mut model = model(&text, &constants);
    decide(&mut model, "Concat(n1, n2) axis=0", "Identity(n1)");
    let findings = pipeline::find(&open(&model), &Search::default()).unwrap();
    let [site] = &findings.sites[..] else {
        panic!("{:?}", findings.refusals);
    };
    assert_eq!(site.site.proof.as_str(), "rotation");
    assert_eq!(rotary(site).pairing.as_str(), "half");
}

#[test]
fn complex_numbers_in_one_table_are_taken_apart() {
    // Pairs lie along an axis of their own, of which the products are taken as of complex numbers; so do cosine and sine.
    let text = "
        flat: float[batch, seq, 24]
        turns: float[seq, 4, 2]
        pairs = Reshape(flat, to_pairs)
        re = Slice(pairs, n0, n1, minus1)
        im = Slice(pairs, n1, n2, minus1)
        laid = Unsqueeze(turns, n1)
        c = Slice(laid, n0, n1, minus1)
        s = Slice(laid, n1, n2, minus1)
        rc = Mul(re, c)
        is = Mul(im, s)
        rs = Mul(re, s)
        ic = Mul(im, c)
        new_re = Sub(rc, is)
        new_im = Add(rs, ic)
        both = Concat(new_re, new_im) axis=-1
        y = Reshape(both, to_heads)
        z = Transpose(y) perm=[0,2,1,3]";
    let mut constants = constants();
    constants.extend([
        ("to_pairs", i64s(&[5], &[0, 0, 3, 4, 2])),
        ("to_heads", i64s(&[4], &[0, 0, 3, 8])),
    ]);
    assert_eq!(one(text, &constants), "interleaved 0..8 linear");
    let fused = fused(text, &constants);
    let after = ["RotaryEmbedding", "Transpose"].map(str::to_owned);
    assert!(fused.ends_with(&after), "{fused:?}");
}

#[test]
fn parts_of_an_angle_for_each_axis_are_joined() {
    // Every axis of a video turns channels of its own, cut out of the head and joined again.
    let part = |k: usize, from: usize| {
        format!(
            "x{k} = Slice(x, n{from}, n{}, minus1)
            angle{k} = Mul(pos{k}, freq{k})
            twice{k} = Concat(angle{k}, angle{k}) axis=-1
            c{k} = Cos(twice{k})
            s{k} = Sin(twice{k})
            even{k} = Slice(x{k}, n0, end, minus1, n2)
            odd{k} = Slice(x{k}, n1, end, minus1, n2)
            gone{k} = Neg(odd{k})
            first{k} = Unsqueeze(gone{k}, minus1)
            second{k} = Unsqueeze(even{k}, minus1)
            both{k} = Concat(first{k}, second{k}) axis=-1
            turned{k} = Reshape(both{k}, shape)
            left{k} = Mul(x{k}, c{k})
            right{k} = Mul(turned{k}, s{k})
            y{k} = Add(left{k}, right{k})",
            from + 4
        )
    };
    let text = format!(
        "x: float[batch, 3, seq, 8]
        pos0: float[seq, 1]
        pos1: float[seq, 1]
        {}
        {}
        y = Concat(y0, y1) axis=-1",
        part(0, 0),
        part(1, 4)
    );
    let mut constants = constants();
    constants.extend([
        ("freq0", f32s(&[2], &[1.0, 0.1])),
        ("freq1", f32s(&[2], &[0.9, 0.2])),
        ("shape", i64s(&[4], &[0, 0, 0, -1])),
    ]);
    assert_eq!(one(&text, &constants), "interleaved 0..8 linear");
    assert_eq!(
        fused(&text, &constants)
            .iter()
            .filter(|op| *op == "RotaryEmbedding")
            .count(),
        1
    );
}

#[test]
fn signs_folded_into_a_table_are_left_out_of_it() {
    // The sine's sign is in the table: only one half of it holds the sine.
    let text = "
        x: float[batch, 3, seq, 8]
        pos: int64[batch, seq]
        cosines = Gather(cos_table, pos)
        sines = Gather(sin_table, pos)
        c = Unsqueeze(cosines, n1)
        s = Unsqueeze(sines, n1)
        a, b = Split(x) axis=-1
        turned = Concat(b, a) axis=-1
        left = Mul(x, c)
        right = Mul(turned, s)
        y = Add(left, right)";
    let table = |f: fn(f32) -> f32, sign: f32| {
        let row = |p: usize| {
            let angle = move |k: usize| f(p as f32 * FREQUENCIES[k]);
            (0..8).map(move |j| angle(j % 4) * if j < 4 { sign } else { 1.0 })
        };
        f32s(&[16, 8], &(0..16).flat_map(row).collect::<Vec<f32>>())
    };
    let mut constants = constants();
    constants.extend([
        ("cos_table", table(f32::cos, 1.0)),
        ("sin_table", table(f32::sin, -1.0)),
    ]);
    assert_eq!(one(text, &constants), "half 0..8 rotation");
    let fused = fused(text, &constants);
    assert_eq!(fused.last().unwrap(), "RotaryEmbedding");
}

#[test]
fn a_cosine_may_be_a_sine_a_quarter_turn_ahead() {
    let text = |quarter: &str| {
        format!(
            "x: float[batch, 3, seq, 8]
            pos: int64[seq, 1]
            numbers = Cast(pos) to=1
            angle = Mul(numbers, freq)
            wide = Concat(angle, angle) axis=-1
            ahead = Add(wide, {quarter})
            c = Sin(ahead)
            s = Sin(wide)
            {HALVES}"
        )
    };
    let mut constants = constants();
    constants.extend([
        ("quarter", f32s(&[], &[std::f32::consts::FRAC_PI_2])),
        ("other", f32s(&[], &[1.5])),
    ]);
    assert_eq!(one(&text("quarter"), &constants), "half 0..8 rotation");
    assert!(sites(&text("other"), &constants).is_empty());
}

#[test]
fn positions_of_a_short_fixed_sequence_are_one_vector() {
    let text = format!(
        "x: float[batch, 3, 4, 8]
        pos: int64[4]
        p = Cast(pos) to=1
        column = Unsqueeze(p, minus1)
        angle = Mul(column, freq)
        wide = Concat(angle, angle) axis=-1
        c = Cos(wide)
        s = Sin(wide)
        {HALVES}"
    );
    assert_eq!(one(&text, &constants()), "half 0..8 rotation");
    // The sines are of the positions in the reverse order.
    let other = text.replace(
        "s = Sin(wide)",
        "back_to_front = Gather(wide, order) axis=0\ns = Sin(back_to_front)",
    );
    let mut all = constants();
    all.push(("order", i64s(&[4], &[3, 2, 1, 0])));
    assert!(sites(&other, &all).is_empty());
}

/// Pairs that are multiplied by matrices of a table: cosines and sines are gathered from parts of it.
#[test]
fn matrices_of_a_table_are_taken_apart() {
    let numbers = (0..32).flat_map(|at| {
        let (position, frequency) = ((at / 4) as f32, FREQUENCIES[at % 4]);
        let (sin, cos) = (position * frequency).sin_cos();
        [cos, -sin, sin, cos]
    });
    let numbers: Vec<f32> = numbers.collect();
    let constants = [
        ("matrices", f32s(&[8, 4, 2, 2], &numbers)),
        ("heads", i64s(&[1], &[1])),
        ("last", i64s(&[1], &[-1])),
        ("pairs", i64s(&[5], &[0, 0, 0, 4, 2])),
        ("channels", i64s(&[4], &[0, 0, 0, 8])),
    ];
    let text = "
        x: float[batch, 3, seq, 8]
        positions: int64[batch, seq]
        rows = Gather(matrices, positions) axis=0
        turns = Unsqueeze(rows, heads)
        split = Reshape(x, pairs)
        columns = Unsqueeze(split, last)
        turned = MatMul(turns, columns)
        joined = Squeeze(turned, last)
        y = Reshape(joined, channels)";
    let nodes = fused(text, &constants);
    let expected = [
        "Gather",
        "Gather",
        "Unsqueeze",
        "Unsqueeze",
        "RotaryEmbedding",
    ];
    assert_eq!(nodes, expected);
}
