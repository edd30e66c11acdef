//! Elements of tensors, wherever they lie.

use std::fs;

use bytes::Bytes;
use phasor::onnx::proto::{GraphProto, TensorProto};
use phasor::onnx::{DataType, ModelFile, Tensor};
use prost::Message;

use crate::build::{external, field, model, number, varint};

#[test]
fn every_number_type_round_trips() {
    use DataType::*;
    let values = [0.0, 1.0, -2.0, 100.0];
    for dtype in [F32, F16, BF16, F64, I64, I32, I16, I8] {
        let tensor = Tensor::from_f64_as(dtype, &[2, 2], &values);
        assert_eq!(tensor.to_f64().expect("numbers"), values, "{dtype}");
        assert_eq!(
            Tensor::from_proto(&tensor.to_proto("t")),
            Ok(tensor),
            "{dtype}"
        );
    }
    for dtype in [U64, U32, U16, U8] {
        let tensor = Tensor::from_f64_as(dtype, &[4], &[0.0, 1.0, 200.0, -5.0]);
        assert_eq!(
            tensor.to_i64().expect("integers"),
            [0, 1, 200, 0],
            "{dtype}"
        );
    }
    let flags = Tensor::from_f64_as(Bool, &[3], &[0.0, 3.5, -1.0]);
    assert_eq!(flags.to_i64().expect("flags"), [0, 1, 1]);
    assert_eq!(Tensor::from_f32(&[1], &[0.5]).to_i64(), None);
}

#[test]
fn what_holds_numbers_is_told_before_they_are_written() {
    let types = (0..64).filter_map(DataType::from_onnx);
    let (able, unable): (Vec<_>, Vec<_>) = types.partition(|dtype| dtype.holds_numbers());
    for dtype in able {
        assert_eq!(
            Tensor::from_f64_as(dtype, &[1], &[1.0]).to_f64(),
            Some(vec![1.0]),
            "{dtype}"
        );
    }
    for dtype in [DataType::String, DataType::U4] {
        assert!(unable.contains(&dtype), "{dtype}");
    }
}

#[test]
fn rounding_is_to_nearest_even() {
    let tensor = Tensor::from_f64_as(DataType::F16, &[2], &[2049.0, 2051.0]);
    assert_eq!(tensor.to_f64().expect("numbers"), [2048.0, 2052.0]);
    // 1 + 2^-8 lies between two bfloat16 values; the one with the even last bit is 1.
    let tensor = Tensor::from_f64_as(DataType::BF16, &[1], &[1.0 + 1.0 / 256.0]);
    assert_eq!(tensor.to_f64().expect("numbers"), [1.0]);
}

#[test]
fn numbers_below_a_byte_are_packed_from_the_low_bits() {
    let four =
        Tensor::new(DataType::I4, vec![3], Bytes::from_static(&[0xf1, 0x07])).expect("a tensor");
    assert_eq!(four.to_i64().expect("integers"), [1, -1, 7]);
    let two = Tensor::new(
        DataType::U2,
        vec![5],
        Bytes::from_static(&[0b11_10_01_00, 0b10]),
    )
    .expect("a tensor");
    assert_eq!(two.to_i64().expect("integers"), [0, 1, 2, 3, 2]);
}

#[test]
fn typed_fields_are_read() {
    let floats = TensorProto {
        data_type: Some(1),
        dims: vec![2],
        float_data: vec![1.5, -2.5].into(),
        ..Default::default()
    };
    assert_eq!(
        Tensor::from_proto(&floats)
            .expect("a tensor")
            .to_f64()
            .expect("numbers"),
        [1.5, -2.5]
    );
    let halves = TensorProto {
        data_type: Some(10),
        dims: vec![2],
        int32_data: vec![0x3c00, 0xc000].into(),
        ..Default::default()
    };
    assert_eq!(
        Tensor::from_proto(&halves)
            .expect("a tensor")
            .to_f64()
            .expect("numbers"),
        [1.0, -2.0]
    );
    let bytes = TensorProto {
        data_type: Some(3),
        dims: vec![2],
        int32_data: vec![-1, 127].into(),
        ..Default::default()
    };
    assert_eq!(
        Tensor::from_proto(&bytes)
            .expect("a tensor")
            .to_i64()
            .expect("integers"),
        [-1, 127]
    );
    let longs = TensorProto {
        data_type: Some(7),
        dims: vec![2],
        int64_data: vec![i64::MIN, 3].into(),
        ..Default::default()
    };
    assert_eq!(
        Tensor::from_proto(&longs)
            .expect("a tensor")
            .to_i64()
            .expect("integers"),
        [i64::MIN, 3]
    );
    let again = TensorProto::decode(&*longs.encode_to_vec()).expect("a tensor");
    assert_eq!(again, longs);
}

#[test]
fn numbers_written_one_by_one_are_read_too() {
    let single = |v: f32| [varint(4 << 3 | 5), v.to_le_bytes().to_vec()].concat();
    let packed = field(4, &[3.0f32.to_le_bytes(), 4.0f32.to_le_bytes()].concat());
    let bytes = [number(2, 1), number(1, 4), single(1.0), single(2.0), packed].concat();
    let tensor = TensorProto::decode(&*bytes).expect("a tensor");
    assert_eq!(
        Tensor::from_proto(&tensor)
            .expect("a tensor")
            .to_f64()
            .expect("numbers"),
        [1.0, 2.0, 3.0, 4.0]
    );
    let bytes = [
        number(2, 7),
        number(1, 2),
        number(7, 5),
        number(7, u64::MAX),
    ]
    .concat();
    let tensor = TensorProto::decode(&*bytes).expect("a tensor");
    assert_eq!(
        Tensor::from_proto(&tensor)
            .expect("a tensor")
            .to_i64()
            .expect("integers"),
        [5, -1]
    );
}

#[test]
fn data_that_does_not_fit_the_shape_is_refused() {
    let cases: [(&[i64], i32, usize, &str); 5] = [
        (&[3], 1, 8, "does not fit 8 bytes"),
        (&[-1], 1, 0, "an axis of length -1"),
        (&[1 << 40, 1 << 40], 1, 8, "does not fit"),
        (&[1], 8, 1, "strings"),
        (&[1], 99, 1, "unknown element type 99"),
    ];
    for (dims, data_type, len, cause) in cases {
        let tensor = TensorProto {
            dims: dims.to_vec(),
            data_type: Some(data_type),
            raw_data: Some(vec![0; len].into()),
            ..Default::default()
        };
        let error = Tensor::from_proto(&tensor).expect_err("data that does not fit");
        assert!(error.contains(cause), "{error}");
    }
    let empty = TensorProto {
        dims: vec![0, i64::MAX, i64::MAX],
        data_type: Some(1),
        ..Default::default()
    };
    assert!(
        Tensor::from_proto(&empty)
            .expect("an empty tensor")
            .is_empty()
    );
}

fn with_data(entries: &[(&str, &str)]) -> Result<Tensor, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("sub")).expect("a folder");
    let data: Vec<u8> = [9.0f32, 1.0, 2.0]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    fs::write(folder.path().join("sub/weights.bin"), data).expect("a data file");
    let graph = GraphProto {
        initializer: vec![external("w", &[2], entries)],
        ..Default::default()
    };
    let path = folder.path().join("m.onnx");
    fs::write(&path, model(graph).encode_to_vec()).expect("a model file");
    let file = ModelFile::open(&path).expect("external data is not needed to open a model");
    file.tensor(&file.graph().initializer[0])
        .map_err(|e| e.to_string())
}

#[test]
fn external_data_is_read_where_it_lies() {
    let place = [
        ("location", "./sub/weights.bin"),
        ("offset", "4"),
        ("length", "8"),
    ];
    assert_eq!(
        with_data(&place)
            .expect("a tensor")
            .to_f64()
            .expect("numbers"),
        [1.0, 2.0]
    );
    // A length that is left out is that of type and shape, and 0 counts as left out.
    for place in [&place[..2], &[place[0], place[1], ("length", "0")]] {
        assert_eq!(
            with_data(place)
                .expect("a tensor")
                .to_f64()
                .expect("numbers"),
            [1.0, 2.0]
        );
    }
}

#[test]
fn external_data_that_cannot_be_had_says_why() {
    let at = ("location", "sub/weights.bin");
    let cases: [(&[(&str, &str)], &str); 16] = [
        (&[("location", "gone.bin")], "gone.bin` cannot be read"),
        (&[("location", "sub")], "`sub` is a folder"),
        (&[("location", "../m.bin")], "outside the model's folder"),
        (
            &[("location", "/etc/hostname")],
            "outside the model's folder",
        ),
        (&[("offset", "0")], "no location"),
        (
            &[at, ("offset", "8")],
            "its data ends at byte 16 of `sub/weights.bin`, which has 12",
        ),
        (
            &[at, ("offset", "18446744073709551615")],
            "18446744073709551615 is beyond any file",
        ),
        (
            &[at, ("offset", "18446744073709551616")],
            "not a number of bytes",
        ),
        (&[at, ("offset", "-4")], "external offset `-4`"),
        (&[at, ("offset", "+4")], "external offset `+4`"),
        (&[at, ("offset", " 4")], "external offset ` 4`"),
        (&[at, ("offset", "")], "external offset ``"),
        (&[at, ("length", "eight")], "external length `eight`"),
        (&[at, ("length", "-8")], "external length `-8`"),
        (
            &[at, ("length", "4")],
            "4 bytes long, type and shape ask for 8",
        ),
        (
            &[at, ("length", "99")],
            "99 bytes long, type and shape ask for 8",
        ),
    ];
    for (entries, cause) in cases {
        let message = with_data(entries).expect_err("no data");
        assert!(
            message.contains("m.onnx`: tensor `w`: ") && message.contains(cause),
            "{message}"
        );
    }
}

#[test]
fn types_have_the_numbers_onnx_gives_them() {
    let known = [
        (DataType::F32, 1),
        (DataType::I64, 7),
        (DataType::F16, 10),
        (DataType::BF16, 16),
        (DataType::I4, 22),
        (DataType::F6E3M2, 28),
    ];
    for (dtype, number) in known {
        assert_eq!(dtype.to_onnx(), number);
    }
    for number in -1..=30 {
        let back = DataType::from_onnx(number).map(DataType::to_onnx);
        assert_eq!(back, (1..=28).contains(&number).then_some(number));
    }
    assert_eq!(DataType::F6E2M3.byte_len(5), Some(4));
    assert_eq!(DataType::I4.byte_len(3), Some(2));
    assert_eq!(DataType::C128.byte_len(usize::MAX), None);
    assert_eq!(DataType::String.byte_len(1), None);
}
