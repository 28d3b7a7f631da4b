//! Arrays that MXNet wrote, or loads, are read as described; version 2 is written back byte for byte.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod golden;

use brazier_mxnet::params::{Dtype, NdArray, Params, ParamsError};
use golden::{expected, file, sha256};
use serde_json::{Value, json};

fn numpy_name(dtype: Dtype) -> String {
    match dtype {
        Dtype::F32 => "float32".into(),
        Dtype::F64 => "float64".into(),
        Dtype::F16 => "float16".into(),
        Dtype::U8 => "uint8".into(),
        Dtype::I32 => "int32".into(),
        Dtype::I8 => "int8".into(),
        Dtype::I64 => "int64".into(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// The file as `expected.json` describes one. Version 3's scalar comes back as an array of one.
fn describe(params: &Params) -> Value {
    let array = |(name, array): &(String, NdArray)| {
        let shape = if name == "arg:scalar" { &array.shape[1..] } else { &array.shape };
        let (dtype, data) = (numpy_name(array.dtype), sha256(&array.data));
        json!({ "name": name, "shape": shape, "dtype": dtype, "sha256": data })
    };
    params.0.iter().map(array).collect()
}

fn read(name: &str) -> Params {
    Params::read(&file(name)).unwrap()
}

fn written(params: &Params) -> Vec<u8> {
    let mut bytes = Vec::new();
    params.write(&mut bytes).unwrap();
    bytes
}

#[test]
fn every_layout_equals_description() {
    let expected = expected("params");
    let files = expected.as_object().unwrap();
    assert_eq!(files.len(), 7);
    for (name, arrays) in files {
        assert_eq!(describe(&read(name)), *arrays, "{name}");
    }
}

#[test]
fn version_2_written_back_byte_for_byte() {
    for name in ["every-dtype.params", "empty.params", "three.params"] {
        assert!(written(&read(name)) == file(name), "{name}");
    }
}

#[test]
fn other_layouts_are_written_as_version_2() {
    let gpu = read("gpu.params");
    assert_eq!(read("version-1.params"), gpu);
    assert_eq!(read("oldest.params"), gpu);
    assert_eq!(gpu.0[..3], read("three.params").0);
    assert_eq!(Params::read(&written(&gpu)).unwrap(), gpu);
}

#[test]
fn floats_convert_and_integers_do_not() {
    let params = read("every-dtype.params");
    let values: Vec<f32> = (0_u8..24).map(|index| f32::from(index % 11) - 3.0).collect();
    for dtype in ["float32", "float64", "float16"] {
        assert_eq!(params.get(&format!("arg:{dtype}")).unwrap().to_f32().unwrap(), values, "{dtype}");
    }
    let integers = params.get("arg:int32").unwrap().to_f32();
    assert!(matches!(integers, Err(ParamsError::NotFloat { found: Dtype::I32, .. })));
    let last = params.get("aux:last").unwrap().to_f32().unwrap();
    let bits: Vec<u32> = last.into_iter().map(f32::to_bits).collect();
    assert_eq!(bits, [f32::INFINITY, -0.0, 1e-45, 0.1].map(f32::to_bits));
    assert_eq!(params.get("float32"), None);
}

#[test]
fn arrays_hold_what_their_shape_says() {
    assert!(NdArray::from_f32([2, 3], &[0.0; 5]).is_err());
    assert!(NdArray::from_f32([usize::MAX, 2], &[]).is_err());
    let array = NdArray::from_f32_as_f16([2], &[0.5, 65504.0]).unwrap();
    assert_eq!(array.data, [0x00, 0x38, 0xff, 0x7b]);
    let wrong = Params(vec![("arg:x".into(), NdArray { shape: vec![3], ..array })]);
    assert!(matches!(wrong.write(Vec::new()), Err(ParamsError::Data { found: 4, .. })));
}
