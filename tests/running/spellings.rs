//! Rotations as exporters and people spell them: what is found, confirmed, and what of it is said.

use crate::build::{branch, f32s, i64s, model, node, open};
use phasor::onnx::Tensor;
use phasor::onnx::proto::{GraphProto, ValueInfoProto};
use phasor::pipeline::{self, Found, Search};

/// Half of the rotated channels, and positions in `x: float[batch, 3, seq, 8]`.
const FREQUENCIES: [f32; 4] = [1.0, 0.3, 0.1, 0.03];

/// The sites of a model, proven and confirmed.
fn sites(text: &str, constants: &[(&str, Tensor)]) -> Vec<Found> {
    let findings = pipeline::find(&open(&model(text, constants)), &Search::default()).unwrap();
    for refusal in &findings.refusals {
        eprintln!("{}: {}", refusal.value, refusal.reason);
    }
    findings.sites
}

/// Its one site: layout of the pairs, rotated range, class of the proof.
fn one(text: &str, constants: &[(&str, Tensor)]) -> String {
    let sites = sites(text, constants);
    let [found] = &sites[..] else {
        panic!("{} sites", sites.len());
    };
    let site = &found.site;
    format!(
        "{} {}..{} {}",
        site.pairing.as_str(),
        site.rotary_offset,
        site.rotary_offset + site.rotary_dim,
        site.proof.as_str()
    )
}

/// Numbers that spellings of slices and shapes share.
fn constants() -> Vec<(&'static str, Tensor)> {
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
    let graph = model.graph.as_mut().unwrap();
    let at = graph.node.iter().position(|n| n.op_type() == "If").unwrap();
    let body = |call: &str| GraphProto {
        node: vec![node("taken", call)],
        output: vec![ValueInfoProto {
            name: Some("taken".to_owned()),
            ..Default::default()
        }],
        ..Default::default()
    };
    graph.node[at].attribute = vec![
        branch("then_branch", body("Concat(n1, n2) axis=0")),
        branch("else_branch", body("Identity(n1)")),
    ];
    let findings = pipeline::find(&open(&model), &Search::default()).unwrap();
    let [site] = &findings.sites[..] else {
        panic!("{:?}", findings.refusals);
    };
    assert_eq!(site.site.proof.as_str(), "rotation");
    assert_eq!(site.site.pairing.as_str(), "half");
}
